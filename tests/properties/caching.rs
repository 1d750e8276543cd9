//! What holds with caches: they save work, and change nothing else, whatever becomes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use builder::cache::{Limits, Local, Look, Verified};
use builder::plan::{Action, Reason, Style, show};
use builder::report::Event;
use builder::step::{Address, Input, Key};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::edit::{self, Effect, history};
use crate::model::{self, Asked};
use crate::sandbox::{Run, Sandbox, files_below};
use crate::world::{World, requires};
use crate::{Story, assert_done, assert_same, cases, steps, trouble};

/// The steps that ran, and were not restored.
fn ran(run: &Run) -> BTreeSet<String> {
    steps(&run.events, |event| match event {
        Event::StepDone { step, .. } => Some(step),
        _ => None,
    })
}

fn restored(run: &Run) -> BTreeSet<String> {
    steps(&run.events, |event| match event {
        Event::StepRestored { step, .. } => Some(step),
        _ => None,
    })
}

fn local(sandbox: &Sandbox) -> Local {
    Local::existing(&sandbox.cache()).unwrap()
}

fn assert_nothing_left(sandbox: &Sandbox, asked: &Asked) {
    let asked = Asked {
        replace: None,
        ..asked.clone()
    };
    let plan = sandbox.plan(&asked).plan;
    assert!(plan.is_empty(), "{}", show(&plan, Style::default()));
}

impl Story {
    /// Gives a sandbox a fresh workspace, in which only the user's own files are, and an engine in
    /// which nothing was built.
    fn renew(&self, sandbox: usize) {
        let sandbox = &self.sandboxes[sandbox];
        sandbox.renew();
        for stray in &self.model.strays {
            let path = sandbox.workspace().join(stray);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "mine").unwrap();
        }
    }

    /// The steps that have to ask a registry what their base image is: until then they have no key.
    fn pulling(&self) -> BTreeSet<String> {
        let bases = &self.model.bases;
        let pulls = |made: &model::Made| {
            let base = made.base.and_then(|base| bases.get(base));
            base.is_some_and(Option::is_none)
        };
        let steps = model::evaluate(&self.world, bases).into_iter();
        steps
            .filter(|(_, made)| pulls(made))
            .map(|(name, _)| name)
            .collect()
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn with_a_cache_or_without_every_apply_ends_with_the_same_bytes(
        world in edit::world(),
        rounds in history(4, false),
        fresh_first in vec(any::<bool>(), 4),
    ) {
        // One without a cache, and two that share one: a workspace that stays, and a fresh one each
        // time, which by then has what the others have, so that edits find what they are to damage.
        let mut story = Story::new(world, 1);
        let staying = Sandbox::with_cache(&story.world);
        let mut fresh = Sandbox::new(&story.world);
        fresh.caches = staying.caches.clone();
        story.sandboxes.extend([staying, fresh]);
        let mut made: BTreeSet<Key> = BTreeSet::new();
        for (round, fresh_first) in rounds.iter().zip(fresh_first) {
            let asked = story.edit(round);
            story.renew(2);
            assert_done(&story.sandboxes[0].apply(&asked, round.jobs, None));
            for number in if fresh_first { [2, 1] } else { [1, 2] } {
                let asked = match number {
                    1 => asked.clone(),
                    _ => Asked::default(),
                };
                let replaced = |step: &str| asked.replace.as_ref().is_some_and(|typed| {
                    *typed == step || step.starts_with(&format!("{typed}."))
                });
                let sandbox = &story.sandboxes[number];
                let run = sandbox.apply(&asked, round.jobs, None);
                assert_done(&run);
                assert_same(sandbox, &story.sandboxes[0]);
                assert_nothing_left(sandbox, &asked);
                let keys = sandbox.state().keys;
                let ran = ran(&run);
                // A step of the same key may have run just now.
                let now: BTreeSet<_> = ran.iter().map(|step| keys[step]).collect();
                for step in restored(&run) {
                    let key = keys[&step];
                    assert!(made.contains(&key) || now.contains(&key), "{step}, which never ran");
                }
                for step in &ran {
                    let has_to = step == "source" || replaced(step) || story.pulling().contains(step);
                    assert!(has_to || !made.contains(&keys[step]), "{step} ran again");
                }
                made.extend(ran.iter().map(|step| keys[step]));
            }
            story.model.applied(&story.world, &asked);
        }
        story.renew(2);
        let run = story.sandboxes[2].apply(&Asked::default(), 2, None);
        assert_done(&run);
        assert_eq!(ran(&run), BTreeSet::from(["source".to_owned()]));
        assert_same(&story.sandboxes[2], &story.sandboxes[0]);
    }

    #[test]
    fn trouble_with_a_cache_and_then_a_second_apply_end_as_if_there_had_been_neither(
        world in edit::world(),
        rounds in history(4, true),
        troubles in vec((any::<Index>(), trouble(), any::<bool>()), 4),
    ) {
        let mut story = Story::new(world, 1);
        let cached = || Sandbox::with_cache(&story.world);
        let both = [cached(), cached()];
        story.sandboxes.extend(both);
        for (round, (place, trouble, fresh)) in rounds.iter().zip(troubles) {
            let asked = story.edit(round);
            if fresh {
                (0..3).for_each(|sandbox| story.renew(sandbox));
                story.model.records.clear();
                story.model.disk.clear();
                story.model.images.clear();
                story.model.copy_damaged = false;
            }
            for steady in &story.sandboxes[..2] {
                assert_done(&steady.apply(&asked, round.jobs, None));
            }
            assert_same(&story.sandboxes[1], &story.sandboxes[0]);
            story.model.applied(&story.world, &asked);
            let calls = story.sandboxes[1].engine.watch().calls;
            let troubled = &story.sandboxes[2];
            troubled.apply(&asked, round.jobs, Some((place.index(calls), trouble)));
            assert_done(&troubled.apply(&asked, round.jobs, None));
            assert_same(troubled, &story.sandboxes[0]);
            assert_nothing_left(troubled, &asked);
            let Verified { bad, .. } = local(troubled).verify().unwrap();
            assert_eq!(bad, Vec::<String>::new());
        }
    }

    #[test]
    fn whatever_is_damaged_in_a_cache_is_not_used_and_the_next_run_has_it_whole(
        world in edit::world(),
        rounds in history(2, false),
        evicts in prop::bool::weighted(0.2),
        damages in vec((any::<Index>(), damage()), 1..5),
    ) {
        let mut story = Story::new(world, 1);
        story.sandboxes.push(Sandbox::with_cache(&story.world));
        for round in &rounds {
            let asked = story.edit(round);
            for sandbox in &story.sandboxes {
                assert_done(&sandbox.apply(&asked, round.jobs, None));
            }
            story.model.applied(&story.world, &asked);
        }
        let [plain, cached] = [&story.sandboxes[0], &story.sandboxes[1]];
        if evicts {
            let none = Limits { size: 0, age: Duration::ZERO };
            local(cached).collect(none, SystemTime::now()).unwrap();
        }
        for (place, damage) in damages {
            let files = kept(&cached.cache());
            damage.inflict(&files[place.index(files.len())], &files);
        }

        story.renew(1);
        let run = cached.apply(&Asked::default(), 2, None);
        assert_done(&run);
        assert_same(cached, plain);
        assert_nothing_left(cached, &Asked::default());
        assert_no_false_memory(&run);

        story.renew(1);
        let run = cached.apply(&Asked::default(), 2, None);
        assert_done(&run);
        assert_eq!(ran(&run), BTreeSet::from(["source".to_owned()]));
        assert_same(cached, plain);

        // Nobody asked for entries of earlier rounds since: they are found when all is read.
        local(cached).verify().unwrap();
        let Verified { bad, .. } = local(cached).verify().unwrap();
        assert_eq!(bad, Vec::<String>::new());
    }

    #[test]
    fn in_a_workspace_that_misses_something_damage_in_the_cache_changes_nothing(
        world in edit::world(),
        missing in vec(any::<usize>(), 1..4),
        damages in vec((any::<Index>(), damage()), 1..8),
    ) {
        let mut story = Story::new(world, 1);
        story.sandboxes.push(Sandbox::with_cache(&story.world));
        let everything = Asked::default();
        for sandbox in &story.sandboxes {
            assert_done(&sandbox.apply(&everything, 2, None));
        }
        story.model.applied(&story.world, &everything);
        let cached = &story.sandboxes[1];
        let left: Vec<&String> = story.model.disk.keys().collect();
        let missing: BTreeSet<_> = missing.iter().map(|n| left[n % left.len()]).collect();
        for path in missing {
            fs::remove_file(cached.workspace().join(path)).unwrap();
        }
        for (place, damage) in damages {
            let files = kept(&cached.cache());
            damage.inflict(&files[place.index(files.len())], &files);
        }
        assert_done(&cached.apply(&everything, 2, None));
        assert_same(cached, &story.sandboxes[0]);
        assert_nothing_left(cached, &everything);
    }
}

/// The files of a cache, in one order on every machine.
fn kept(cache: &Path) -> Vec<PathBuf> {
    let mut files = BTreeMap::new();
    files_below(cache, cache, &mut files);
    files.into_values().collect()
}

/// What becomes of a file.
#[derive(Clone, Debug)]
enum Damage {
    Byte(Index, u8),
    Cut(Index),
    Longer(Vec<u8>),
    Gone,
    /// It has the bytes of another file.
    Swapped(Index),
}

impl Damage {
    fn inflict(&self, path: &Path, others: &[PathBuf]) {
        let mut bytes = fs::read(path).unwrap();
        match self {
            Self::Byte(..) | Self::Cut(_) if bytes.is_empty() => {}
            Self::Byte(at, by) => {
                let at = at.index(bytes.len());
                bytes[at] = bytes[at].wrapping_add(*by);
            }
            Self::Cut(at) => bytes.truncate(at.index(bytes.len())),
            Self::Longer(more) => bytes.extend(more),
            Self::Gone => return fs::remove_file(path).unwrap(),
            Self::Swapped(other) => bytes = fs::read(other.get(others)).unwrap(),
        }
        fs::write(path, bytes).unwrap();
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), 1u8..).prop_map(|(at, by)| Damage::Byte(at, by)),
        2 => at().prop_map(Damage::Cut),
        1 => vec(b'0'..=b'9', 1..12).prop_map(Damage::Longer),
        1 => Just(Damage::Gone),
        1 => at().prop_map(Damage::Swapped),
    ]
}

/// A plan that says when something was taken away says so truly, or not at all.
fn assert_no_false_memory(run: &Run) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.unwrap().as_secs();
    let changes = run.plan.iter().flat_map(|plan| &plan.changes);
    for reason in changes.flat_map(|change| &change.reasons) {
        if let Reason::Evicted { at } = reason {
            assert!((now - 600..=now).contains(at), "{at} at {now}");
        }
    }
}

/// A project with one flavour, whose wheel requires what the first two bits say.
fn small() -> World {
    let flavours = BTreeMap::from([(0, crate::world::Flavour::default())]);
    let mut world = World::new(flavours, false);
    let file = crate::world::File::plain(requires(0b0011));
    world.files.insert("requires.txt".to_owned(), file);
    world
}

#[test]
fn what_stands_on_a_promise_that_the_cache_breaks_is_made_anew() {
    // A cache may have from elsewhere what a run here would not leave: no build tool promises to
    // make the same wheel twice. Here the wheel that is kept requires less than a new one.
    let everything = Asked::default();
    let mut sandbox = Sandbox::with_cache(&small());
    assert_done(&sandbox.apply(&everything, 1, None));
    let key = sandbox.state().keys["deb.wheel"];
    let cache = local(&sandbox);
    let Look::Found(mut entry) = cache.look(&key).unwrap() else {
        panic!("the wheel is not kept");
    };
    let required = entry.facets.values_mut().find_map(|facet| match facet {
        Input::List(lines) if lines.iter().any(|line| line == "alpha") => Some(lines),
        _ => None,
    });
    required.unwrap().retain(|line| line != "alpha");
    cache.remove_entry(&key).unwrap();
    cache.add(&entry).unwrap();
    sandbox.renew();
    assert_done(&sandbox.apply(&everything, 1, None));
    let alpha = "build/wheelhouse/deb/alpha-1-py3-none-any.whl";
    assert!(!sandbox.workspace().join(alpha).exists());

    let own = "build/wheelhouse/deb/fake_project-1.0-py3-none-any.whl";
    sandbox.take(&Effect::Delete(own.to_owned()));
    let blob = entry.file_blobs().next().unwrap();
    let blob = cache.blob_path(&blob);
    let mut bytes = fs::read(&blob).unwrap();
    bytes[7] ^= 1;
    fs::write(&blob, bytes).unwrap();
    let run = sandbox.apply(&everything, 1, None);
    assert_done(&run);
    let plan = run.plan.as_ref().unwrap();
    let planned = |step: &str| plan.change(&Address::typed(step)).unwrap().action;
    assert_eq!(planned("deb.wheel"), Action::Restore);
    assert_eq!(planned("deb.dependencies"), Action::Reuse);
    assert_eq!(ran(&run), BTreeSet::from(["deb.wheel".to_owned()]));
    assert!(restored(&run).contains("deb.dependencies"), "{run:#?}");
    assert!(sandbox.workspace().join(alpha).exists());
    assert_nothing_left(&sandbox, &everything);
}

#[test]
fn a_changed_byte_anywhere_in_a_cache_is_found_and_mended() {
    let everything = Asked::default();
    let plain = Sandbox::new(&small());
    assert_done(&plain.apply(&everything, 2, None));
    let cached = Sandbox::with_cache(&small());
    assert_done(&cached.apply(&everything, 2, None));
    let files = kept(&cached.cache().join("v1"));
    assert!(files.len() > 10, "{files:?}");
    for path in files {
        let length = fs::read(&path).unwrap().len();
        for at in (0..length).step_by(length / 12 + 1) {
            let mut bytes = fs::read(&path).unwrap();
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            cached.renew();
            assert_done(&cached.apply(&everything, 2, None));
            assert_same(&cached, &plain);
            cached.renew();
            let run = cached.apply(&everything, 2, None);
            assert_eq!(ran(&run), BTreeSet::from(["source".to_owned()]));
            assert_same(&cached, &plain);
        }
    }
}
