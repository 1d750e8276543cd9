//! One row for every action and every reason.

use super::*;
use crate::config::build::{OperatorFile, PipFile};

const WAITS: &str = "? deb.dependencies: waits for deb.wheel: skipped without a change in project name or requirements";

#[test]
fn what_is_built_is_reused() {
    check(|_| {}, &[]);
}

#[test]
fn what_never_ran_is_created() {
    check(
        |s| s.manifest = Manifest::default(),
        &[
            "+ deb.base: first time",
            "+ deb.dockerfile: first time",
            "+ deb.image: first time",
            "+ source: first time",
            "+ deb.wheel: first time",
            "+ deb.dependencies: first time",
        ],
    );
}

#[test]
fn changed_files_are_counted_and_named() {
    check(
        |s| s.project.files = vec![("a.py", "2"), ("b.py", "1"), ("c.py", "1")],
        &[
            "~ source: 1 file changed: a.py; 1 file added: c.py; 1 file removed: tests/t.py",
            "~ deb.wheel: 1 file changed: a.py; 1 file added: c.py; 1 file removed: tests/t.py",
            WAITS,
        ],
    );
    check(
        |s| {
            s.project
                .files
                .extend([("1", ""), ("2", ""), ("3", ""), ("4", ""), ("5", "")]);
        },
        &[
            "~ source: 5 files added: 1, 2, 3 and 2 more",
            "~ deb.wheel: 5 files added: 1, 2, 3 and 2 more",
            WAITS,
        ],
    );
}

#[test]
fn a_changed_dockerfile_updates_everything_downstream() {
    check(
        |s| s.project.dockerfile = "FROM base\nRUN install gcc git\nWORKDIR /source\n",
        &[
            "~ deb.dockerfile: dockerfile changed: +1 -1 lines",
            "~ deb.image: dockerfile changed",
            "~ deb.wheel: image is made from other inputs",
            "~ deb.dependencies: image is made from other inputs",
        ],
    );
}

#[test]
fn a_moved_base_image_updates_everything_downstream() {
    check(
        |s| s.project.base = Some("sha256:bbbbbbbbbbbbbbbb"),
        &[
            "~ deb.base: base image: aaaaaaaaaaaa → bbbbbbbbbbbb",
            "~ deb.image: base image: aaaaaaaaaaaa → bbbbbbbbbbbb",
            "~ deb.wheel: image is made from other inputs",
            "~ deb.dependencies: image is made from other inputs",
        ],
    );
}

#[test]
fn a_base_image_that_is_to_be_pulled_may_change_everything_downstream() {
    check(
        |s| s.project.base = None,
        &[
            "~ deb.base: base is not in the engine and will be pulled",
            "? deb.image: waits for deb.base: skipped without a change in base image or base image facts",
            "? deb.wheel: waits for deb.image: skipped without a change in image",
            "? deb.dependencies: waits for deb.image and deb.wheel: skipped without a change in image, project name or requirements",
        ],
    );
}

#[test]
fn changed_settings_are_named_with_what_they_were() {
    let resolution = |change: fn(&mut Pip), expected: &[&str]| {
        check(|s| change(&mut s.project.pip), expected);
    };
    let both = |reason: &str| {
        [
            format!("~ deb.wheel: {reason}"),
            format!("~ deb.dependencies: {reason}"),
        ]
    };
    let [wheel, dependencies] = both("pip.no_binary: now [cffi]");
    resolution(
        |pip| pip.no_binary = vec!["cffi".to_owned()],
        &[&wheel, &dependencies],
    );
    let [wheel, dependencies] = both("pip.index_url: now https://index.example/simple");
    resolution(
        |pip| pip.index_url = Some("https://index.example/simple".to_owned()),
        &[&wheel, &dependencies],
    );
    // Constraints on the resolution are nothing to the build of the project itself.
    resolution(
        |pip| {
            pip.constraints = vec![PipFile::Operator(OperatorFile {
                path: "constraints.txt".to_owned(),
                text: "cffi==1.17.1\n".to_owned(),
            })];
        },
        &["~ deb.dependencies: pip.constraints: now set"],
    );
    let [wheel, dependencies] = both("build_environment: now {MODE=fast}");
    check(
        |s| s.project.environment = vec![("MODE", "fast")],
        &[&wheel, &dependencies],
    );
}

#[test]
fn lists_and_maps_show_what_is_new_and_what_is_gone() {
    let check = |old: Input, new: Input, expected: &str| {
        let reason = Reason::of_values("input", &old, &new).unwrap();
        assert_eq!(reason.to_string(), expected);
        assert_eq!(Reason::of_values("input", &new, &new), None);
    };
    let list = |items: &[&str]| Input::List(items.iter().map(|item| (*item).to_owned()).collect());
    let map = |value: &str| Input::Map(BTreeMap::from([("A".to_owned(), value.to_owned())]));
    let text = |text: &str| Input::Text(text.to_owned());
    check(list(&["a", "b"]), list(&["b", "c", "d"]), "input: +c +d -a");
    check(list(&["a", "b"]), list(&["b", "a"]), "input: another order");
    check(map("1"), map("2"), "input: +A=2 -A=1");
    check(text("1"), text("2"), "input: 1 → 2");
    check(text("1"), list(&["1"]), "input: 1 → [1]");
    let file = |text: &str| Input::File(Digest::of(text.as_bytes()));
    check(file("1"), file("2"), "input changed");
    let gone = Reason::Value {
        input: "input".to_owned(),
        old: Some("1".to_owned()),
        new: None,
    };
    assert_eq!(gone.to_string(), "input: no longer 1");
}

#[test]
fn what_is_not_as_it_was_left_is_made_again() {
    let wheel = || path("build/wheelhouse/deb/shop-1-py3-none-any.whl");
    check(
        damage("deb.wheel", Damage::Missing(wheel())),
        &[
            "~ deb.wheel: missing: build/wheelhouse/deb/shop-1-py3-none-any.whl",
            WAITS,
        ],
    );
    check(
        damage("deb.wheel", Damage::Altered(wheel())),
        &[
            "~ deb.wheel: altered on disk: build/wheelhouse/deb/shop-1-py3-none-any.whl",
            WAITS,
        ],
    );
    check(
        damage("source", Damage::Foreign(path("source/x.py"))),
        &["~ source: does not belong there: source/x.py"],
    );
    // What is made of it is the same, so that nothing downstream runs.
    check(
        damage(
            "deb.image",
            Damage::ImageGone("builder/shop:deb".to_owned()),
        ),
        &["~ deb.image: image was pruned: builder/shop:deb"],
    );
}

#[test]
fn what_did_not_end_well_runs_again() {
    let (step, at) = (|| address("deb.wheel"), 0);
    check(
        |s| s.manifest.apply(Line::Failed { step: step(), at }),
        &["~ deb.wheel: failed last time", WAITS],
    );
    check(
        |s| s.manifest.apply(Line::Begun { step: step(), at }),
        &["~ deb.wheel: interrupted last time", WAITS],
    );
    check(
        |s| {
            s.manifest.steps.remove(&step());
            s.manifest.apply(Line::Failed { step: step(), at });
        },
        &["~ deb.wheel: failed last time", WAITS],
    );
}

#[test]
fn what_is_asked_for_runs_and_what_is_not_aimed_at_is_left_alone() {
    check(
        |s| s.request.replace = BTreeSet::from([address("deb.image")]),
        &["~ deb.image: requested by --replace"],
    );
    check(
        |s| {
            s.project.files = vec![("a.py", "2")];
            s.project.dockerfile = "FROM base\n";
            s.manifest.apply(Line::Begun {
                step: address("el9.wheel"),
                at: 0,
            });
            s.request.targets = BTreeSet::from([address("deb.image")]);
        },
        &[
            "~ deb.dockerfile: dockerfile changed: +0 -2 lines",
            "~ deb.image: dockerfile changed",
        ],
    );
}

#[test]
fn what_is_in_no_configuration_any_more_goes() {
    let moved = |name: &'static str, to: &'static str| {
        move |s: &mut Situation| {
            let mut past = s.manifest.steps[&address(name)].clone();
            past.record.as_mut().unwrap().step = address(to);
            s.manifest.steps.insert(address(to), past);
        }
    };
    check(
        moved("deb.wheel", "el9.wheel"),
        &["- el9.wheel: in no configuration any more: 1 file"],
    );
    check(
        moved("deb.image", "el9.image"),
        &["- el9.image: in no configuration any more: image builder/shop:deb"],
    );
    check(
        moved("deb.dependencies", "el9.dependencies"),
        &["- el9.dependencies: in no configuration any more"],
    );
}

#[test]
fn what_no_step_is_about_is_a_warning() {
    check(
        |s| {
            s.observed.strays = vec![
                path("build/wheelhouse/deb/a.txt"),
                path("build/wheelhouse/deb/b.txt"),
            ]
        },
        &[
            "! build/wheelhouse/deb has files that builder did not make and leaves alone: a.txt, b.txt",
        ],
    );
    check(
        |s| {
            s.observed.strays = vec![path("build/wheelhouse/deb/old.whl")];
            let past = s.manifest.steps.get_mut(&address("deb.wheel")).unwrap();
            past.leavings
                .files
                .insert(path("build/wheelhouse/deb/old.whl"));
        },
        &[
            "! build/wheelhouse/deb has files of a run that was cut off, which the next apply removes: old.whl",
        ],
    );
    // What is going to be made again is no news.
    check(
        |s| {
            s.observed.strays = vec![path("build/wheelhouse/deb/new.whl")];
            let past = s.manifest.steps.get_mut(&address("deb.wheel")).unwrap();
            past.leavings
                .files
                .insert(path("build/wheelhouse/deb/new.whl"));
            past.unfinished = Some(Unfinished::Interrupted);
        },
        &["~ deb.wheel: interrupted last time", WAITS],
    );
    check(
        |s| s.manifest.damaged = 1,
        &["! 1 line of the manifest could not be read; steps without a record run again"],
    );
}
