//! What holds for every project and every history of edits, with the engine in memory.
//!
//! A history is a list of rounds: some edits, then an apply. A reference [`model`] says from
//! scratch what each apply has to run; two sandboxes with one history, of which one meets trouble,
//! have to come to the same end.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "projects and workspaces are written to and read from disk, and a test may panic"
)]

mod caching;
mod edit;
mod engine;
mod model;
mod sandbox;
mod world;

use std::collections::BTreeSet;
use std::fs;

use builder::app::Exit;
use builder::plan::{Action, Reason, Style, show};
use builder::report::Event;
use proptest::prelude::*;

use edit::{Round, history};
use engine::Trouble;
use model::{Asked, Model};
use sandbox::{Run, Sandbox, State};
use world::World;

/// A number of cases, for the 256 that `PROPTEST_CASES` is when it is not set; nothing is written
/// into the source tree.
fn cases(of_256: u32) -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases * of_256 / 256,
        failure_persistence: None,
        ..usual
    }
}

/// A project in its model and in one or more sandboxes.
struct Story {
    world: World,
    model: Model,
    sandboxes: Vec<Sandbox>,
}

impl Story {
    fn new(world: World, sandboxes: usize) -> Self {
        Self {
            sandboxes: (0..sandboxes).map(|_| Sandbox::new(&world)).collect(),
            world,
            model: Model::default(),
        }
    }

    /// Makes the edits of a round; returns what is asked for after them.
    fn edit(&mut self, round: &Round) -> Asked {
        for edit in &round.edits {
            let effects = edit.perform(&mut self.world, &mut self.model);
            for sandbox in &mut self.sandboxes {
                sandbox.write(&self.world);
                effects.iter().for_each(|effect| sandbox.take(effect));
            }
        }
        round.asked(&self.world)
    }
}

fn assert_done(run: &Run) {
    match &run.exit {
        Some(Ok(Exit::Done)) => {}
        exit => panic!("{exit:?} after {:#?}", run.events),
    }
}

/// The steps of the events that `choose` picks.
fn steps(
    events: &[Event],
    choose: impl Fn(&Event) -> Option<&builder::step::Address>,
) -> BTreeSet<String> {
    events
        .iter()
        .filter_map(choose)
        .map(ToString::to_string)
        .collect()
}

fn started(event: &Event) -> Option<&builder::step::Address> {
    match event {
        Event::StepStarted { step, .. } => Some(step),
        _ => None,
    }
}

fn skipped(event: &Event) -> Option<&builder::step::Address> {
    match event {
        Event::StepSkipped { step } => Some(step),
        _ => None,
    }
}

fn removed(event: &Event) -> Option<&builder::step::Address> {
    match event {
        Event::Removed { step } => Some(step),
        _ => None,
    }
}

/// Holds a run against what the model says of it.
fn assert_as_in_model(run: &Run, must_run: &BTreeSet<String>, must_go: &BTreeSet<String>) {
    assert_eq!(&steps(&run.events, started), must_run, "what ran");
    assert_eq!(&steps(&run.events, removed), must_go, "what went");
    let skipped = steps(&run.events, skipped);
    for change in &run.plan.as_ref().unwrap().changes {
        let step = change.address.to_string();
        match change.action {
            Action::Create | Action::Run => assert!(must_run.contains(&step), "{change:?}"),
            Action::MayRun => assert_ne!(
                must_run.contains(&step),
                skipped.contains(&step),
                "{change:?}"
            ),
            // Without a cache, only what a step of the same key leaves can be had.
            Action::Restore => assert!(
                must_run.contains(&step)
                    && matches!(change.reasons.first(), Some(Reason::Same { .. })),
                "{change:?}"
            ),
            Action::Reuse => assert!(
                !must_run.contains(&step) && !skipped.contains(&step),
                "{change:?}"
            ),
            Action::Remove => assert!(must_go.contains(&step), "{change:?}"),
        }
    }
}

/// Holds a workspace against what the model says of it.
fn assert_nothing_superseded(story: &Story, sandbox: &Sandbox) {
    let state = sandbox.state();
    let wheelhouses: BTreeSet<String> = state
        .files
        .keys()
        .filter(|path| path.starts_with("build/"))
        .cloned()
        .collect();
    assert_eq!(wheelhouses, story.model.wheelhouses());
    for stray in &story.model.strays {
        assert_eq!(state.files[stray], b"mine", "{stray}");
    }
    let recorded: BTreeSet<String> = state
        .outputs
        .values()
        .filter_map(|outputs| Some(outputs.image.as_ref()?.id.clone()))
        .collect();
    let stale: Vec<_> = state.images.difference(&recorded).collect();
    assert!(stale.is_empty(), "images that nothing needs: {stale:?}");
}

/// Holds two workspaces against each other.
fn assert_same(sandbox: &Sandbox, other: &Sandbox) {
    let (state, other) = (sandbox.state(), other.state());
    let names = |state: &State| state.files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&state), names(&other));
    for (name, bytes) in &state.files {
        assert!(&other.files[name] == bytes, "the bytes of {name}");
    }
    assert_eq!(state.keys, other.keys);
    assert_eq!(state.outputs, other.outputs);
    assert_eq!(state.images, other.images);
}

/// Nothing starts before what it needs has ended well, and no more than `jobs` run at a time.
fn assert_in_order(run: &Run, needs: impl Fn(&str) -> Vec<String>, jobs: usize) {
    let planned = run.plan.as_ref().unwrap().changes.iter();
    let to_do: BTreeSet<String> = planned
        .filter(|change| !matches!(change.action, Action::Reuse | Action::Remove))
        .map(|change| change.address.to_string())
        .collect();
    let (mut ended, mut running) = (BTreeSet::new(), BTreeSet::new());
    for event in &run.events {
        match event {
            Event::StepStarted { step, .. } => {
                for need in needs(step.as_str()) {
                    assert!(
                        !to_do.contains(&need) || ended.contains(&need),
                        "{step} before {need}"
                    );
                }
                assert!(running.insert(step.to_string()), "{step} started twice");
                assert!(running.len() <= jobs, "{running:?}");
            }
            Event::StepDone { step, .. } | Event::StepRestored { step, .. } => {
                assert!(
                    running.remove(step.as_str()),
                    "{step} ended before it started"
                );
                ended.insert(step.to_string());
            }
            Event::StepSkipped { step } => {
                ended.insert(step.to_string());
            }
            Event::StepFailed { step, .. } | Event::StepInterrupted { step } => {
                running.remove(step.as_str());
            }
            Event::Removed { .. } => assert!(running.is_empty(), "{running:?}"),
            Event::Started { .. }
            | Event::VersionsChanged { .. }
            | Event::StepLine { .. }
            | Event::StepBlocked { .. }
            | Event::Warning { .. }
            | Event::Finished { .. } => {}
        }
    }
    assert_eq!(ended, to_do);
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn exactly_the_steps_whose_inputs_changed_run_and_then_nothing_is_left(
        world in edit::world(),
        rounds in history(6, true),
    ) {
        let mut story = Story::new(world, 1);
        for round in &rounds {
            let asked = story.edit(round);
            let must_run = story.model.must_run(&story.world, &asked);
            let must_go = story.model.must_go(&story.world, &asked);
            let run = story.sandboxes[0].apply(&asked, round.jobs, None);
            assert_done(&run);
            assert_as_in_model(&run, &must_run, &must_go);
            let made = model::evaluate(&story.world, &story.model.bases);
            let needs = |step: &str| {
                let (_, made) = made.iter().find(|(name, _)| name == step).unwrap();
                made.needs.clone()
            };
            if !run.plan.as_ref().unwrap().is_empty() {
                assert_in_order(&run, needs, round.jobs);
            }
            story.model.applied(&story.world, &asked);
            assert_nothing_superseded(&story, &story.sandboxes[0]);

            story.sandboxes[0].touch();
            let asked = Asked { replace: None, ..asked };
            let plan = story.sandboxes[0].plan(&asked).plan;
            assert!(plan.is_empty(), "{}", show(&plan, Style::default()));
        }
    }
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn trouble_at_any_call_and_then_a_second_apply_end_as_if_there_had_been_none(
        world in edit::world(),
        rounds in history(4, true),
        troubles in prop::collection::vec((any::<prop::sample::Index>(), trouble()), 4),
    ) {
        let mut story = Story::new(world, 2);
        for (round, (place, trouble)) in rounds.iter().zip(troubles) {
            let asked = story.edit(round);
            let run = story.sandboxes[0].apply(&asked, round.jobs, None);
            assert_done(&run);
            story.model.applied(&story.world, &asked);
            let calls = story.sandboxes[0].engine.watch().calls;
            let troubled = &story.sandboxes[1];
            let run = troubled.apply(&asked, round.jobs, Some((place.index(calls), trouble)));
            match run.exit {
                // An interruption that hits what may be left undone ends well.
                Some(Ok(Exit::Failed | Exit::Interrupted | Exit::Done) | Err(_)) | None => {}
                exit => panic!("{exit:?}"),
            }
            let run = troubled.apply(&asked, round.jobs, None);
            assert_done(&run);
            assert_same(troubled, &story.sandboxes[0]);
            let asked = Asked { replace: None, ..asked };
            let plan = troubled.plan(&asked).plan;
            assert!(plan.is_empty(), "{}", show(&plan, Style::default()));
        }
    }

    #[test]
    fn a_torn_manifest_and_then_a_second_apply_end_as_if_it_were_whole(
        world in edit::world(),
        rounds in history(4, false),
        places in prop::collection::vec(any::<prop::sample::Index>(), 4),
    ) {
        let mut story = Story::new(world, 2);
        for (round, place) in rounds.iter().zip(places) {
            let asked = story.edit(round);
            for sandbox in &story.sandboxes {
                assert_done(&sandbox.apply(&asked, round.jobs, None));
            }
            story.model.applied(&story.world, &asked);
            let torn = &story.sandboxes[1];
            let mut bytes = fs::read(torn.manifest_path()).unwrap();
            let head = bytes.iter().position(|byte| *byte == b'\n').unwrap();
            bytes.truncate(head + 1 + place.index(bytes.len() - head));
            fs::write(torn.manifest_path(), bytes).unwrap();
            assert_done(&torn.apply(&Asked::default(), round.jobs, None));
            assert_same(torn, &story.sandboxes[0]);
            assert!(torn.plan(&Asked::default()).plan.is_empty());
        }
    }

    #[test]
    fn troubles_and_edits_in_turn_and_then_an_apply_end_as_if_there_had_been_none(
        world in edit::world(),
        rounds in history(4, true),
        troubles in prop::collection::vec((any::<prop::sample::Index>(), trouble()), 4),
    ) {
        let mut story = Story::new(world, 2);
        for (mut round, (place, trouble)) in rounds.into_iter().zip(troubles) {
            round.edits.retain(edit::Edit::spares_the_workspace);
            let asked = story.edit(&round);
            assert_done(&story.sandboxes[0].apply(&asked, round.jobs, None));
            let calls = story.sandboxes[0].engine.watch().calls;
            story.sandboxes[1].apply(&asked, round.jobs, Some((place.index(calls), trouble)));
        }
        for sandbox in &story.sandboxes {
            assert_done(&sandbox.apply(&Asked::default(), 2, None));
            // An image whose build was cut off has no id that a record could name: only its label
            // tells whose it was.
            sandbox.engine.watch().images.clear();
        }
        assert_same(&story.sandboxes[1], &story.sandboxes[0]);
    }

    #[test]
    fn a_crash_in_the_last_write_leaves_nothing_that_nobody_answers_for(
        world in edit::world(),
        rounds in history(4, true),
        places in prop::collection::vec(any::<prop::sample::Index>(), 4),
    ) {
        let mut story = Story::new(world, 2);
        for (mut round, place) in rounds.into_iter().zip(places) {
            round.edits.retain(edit::Edit::spares_the_workspace);
            let asked = story.edit(&round);
            for sandbox in &story.sandboxes {
                assert_done(&sandbox.apply(&asked, round.jobs, None));
            }
            let path = story.sandboxes[1].manifest_path();
            let mut bytes = fs::read(&path).unwrap();
            let whole = &bytes[..bytes.len() - 1];
            let last = whole.iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
            bytes.truncate(last + place.index(bytes.len() - last));
            fs::write(&path, bytes).unwrap();
        }
        for sandbox in &story.sandboxes {
            assert_done(&sandbox.apply(&Asked::default(), 2, None));
        }
        assert_same(&story.sandboxes[1], &story.sandboxes[0]);
    }

    #[test]
    fn the_same_input_gives_the_same_plan_text(
        world in edit::world(),
        rounds in history(4, true),
    ) {
        let mut story = Story::new(world, 2);
        for round in &rounds {
            let asked = story.edit(round);
            let texts = story.sandboxes.iter().map(|sandbox| {
                let plan = sandbox.plan(&asked).plan;
                sandbox.anonymous(&show(&plan, Style { verbose: true }))
            });
            let texts: Vec<_> = texts.collect();
            assert_eq!(&texts[0], &texts[1]);
            for (sandbox, jobs) in story.sandboxes.iter().zip([1, 4]) {
                assert_done(&sandbox.apply(&asked, jobs, None));
            }
            assert_same(&story.sandboxes[1], &story.sandboxes[0]);
            story.model.applied(&story.world, &asked);
        }
    }
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop::sample::select(vec![
        Trouble::Fails,
        Trouble::AnswerLost,
        Trouble::Interrupted,
        Trouble::Killed,
    ])
}
