//! Saved plans: applied as they are, refused where an input moved, and shown whatever became of them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use builder::plan::{Basis, Saved};
use insta::assert_snapshot;

use crate::sandbox::Sandbox;

const ENGINE: &str = "--engine fake:engine.json";

/// An applied project with an edit, planned and saved as `plan.json`.
fn saved() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("limits.txt", "cffi==1\n");
    let config = sandbox.read("config.yml");
    let config = config.replace("base-12\n", "base-12\n  pip: {constraints: [limits.txt]}\n");
    sandbox.write("config.yml", &config);
    sandbox.write("project/build.sh", "true\n");
    sandbox.apply();
    sandbox.write("project/shop.py", "\"\"\"A good shop.\"\"\"\n");
    save(&sandbox, "");
    sandbox
}

fn save(sandbox: &Sandbox, more: &str) {
    let output = sandbox.run(&format!("plan --out plan.json {more}"));
    assert!(output.ends_with("[exit 0]"), "{output}");
}

fn apply(sandbox: &Sandbox) -> String {
    sandbox.exactly(&format!("apply plan.json --jobs 1 {ENGINE}"))
}

/// The plan as it is on disk, made anew on another basis, with a sum that is right.
fn rebase(sandbox: &Sandbox, change: impl FnOnce(&mut Basis)) {
    let saved = Saved::parse(&sandbox.read("plan.json")).unwrap();
    let mut basis = saved.basis.clone();
    change(&mut basis);
    let sources = saved.source_trees();
    let sources = sources.iter().map(|(name, tree)| (name.clone(), tree));
    let saved = Saved::new(
        &saved.plan(),
        saved.command.clone(),
        basis,
        &sources.collect(),
        saved.made.clone(),
    );
    sandbox.write("plan.json", &saved.to_text());
}

#[test]
fn a_saved_plan_is_carried_out_without_asking_and_once() {
    let sandbox = saved();
    assert_snapshot!(apply(&sandbox), @"
      ~ source            1 file changed: shop.py
      ~ deb.wheel         1 file changed: shop.py
      ? deb.dependencies  waits for deb.wheel: skipped without a change in project name or requirements

      ~ runs again   ? runs only if what it waits for changes

    Plan: 2 to run, 1 may run, 3 up to date.
    --- stderr

    source: copy 6 files
    source: done in 0.0s
    deb.wheel: build the project's wheel
    deb.wheel: done in 0.0s
    deb.dependencies: skipped, what it reads stayed the same
    2 ran, 1 skipped in 0.0s
      [SANDBOX]/workspace/build/wheelhouse/deb: 2 wheels
    [exit 0]
    ");
    assert_snapshot!(sandbox.run("plan"), @"
    No changes. 6 steps are up to date.
    [exit 0]
    ");
    let disk = sandbox.disk();
    assert_snapshot!(apply(&sandbox), @"
    --- stderr
    builder::plan::applied

      × the plan plan.json was applied already, by the run [RUN], which began at [TIME]
      help: a saved plan is applied once, also where a step of it failed: plan again
    [exit 5]
    ");
    assert!(sandbox.disk() == disk);
    assert_snapshot!(sandbox.exactly("show plan.json"), @"
      ~ source            1 file changed: shop.py
      ~ deb.wheel         1 file changed: shop.py
      ? deb.dependencies  waits for deb.wheel: skipped without a change in project name or requirements

      ~ runs again   ? runs only if what it waits for changes

    Plan: 2 to run, 1 may run, 3 up to date.
    --- stderr
    warning: this plan was applied already, by the run [RUN], which began at [TIME]
    [exit 0]
    ");
}

#[test]
fn a_plan_that_failed_is_not_applied_again() {
    let sandbox = saved();
    sandbox.engine(|state| {
        state.statuses.insert("deb.wheel".to_owned(), 3);
    });
    assert!(apply(&sandbox).ends_with("[exit 1]"));
    sandbox.engine(|state| state.statuses.clear());
    let output = apply(&sandbox);
    assert!(output.contains("was applied already"), "{output}");
    assert!(output.ends_with("[exit 5]"), "{output}");
}

#[test]
fn a_first_plan_can_be_saved_and_applied_where_nothing_was_built() {
    let sandbox = Sandbox::new();
    save(&sandbox, "--target deb.image");
    assert!(!sandbox.has("workspace"));
    let output = apply(&sandbox);
    assert!(output.contains("3 ran in"), "{output}");
    assert!(output.ends_with("[exit 0]"), "{output}");
}

#[test]
fn a_plan_without_changes_does_nothing_as_often_as_it_is_applied() {
    let sandbox = Sandbox::applied();
    save(&sandbox, "");
    let disk = sandbox.disk();
    let output = apply(&sandbox);
    assert_eq!(apply(&sandbox), output);
    assert_snapshot!(output, @"
    No changes. 6 steps are up to date.
    [exit 0]
    ");
    assert!(sandbox.disk() == disk);
}

/// A way to move an input, and what the refusal says of it.
type Way = (&'static str, fn(&Sandbox), &'static [&'static str]);

const WAYS: &[Way] = &[
    (
        "the text of a file of the source",
        |sandbox| sandbox.write("project/shop.py", "x = 1\n"),
        &[
            "moved: source, deb.wheel: source: ",
            "(1 file changed: shop.py)",
        ],
    ),
    (
        "a new file in the source",
        |sandbox| sandbox.write("project/new.py", ""),
        &[
            "moved: source, deb.wheel: source: ",
            "(1 file added: new.py)",
        ],
    ),
    (
        "a file of the source that is gone",
        |sandbox| sandbox.remove("project/tests/test_shop.py"),
        &["(1 file removed: tests/test_shop.py)"],
    ),
    (
        "an executable bit in the source",
        |sandbox| {
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(sandbox.path("project/build.sh"), mode).unwrap();
        },
        &["(1 file changed: build.sh)"],
    ),
    (
        "a link in the source",
        |sandbox| {
            std::os::unix::fs::symlink("shop.py", sandbox.path("project/link.py")).unwrap();
        },
        &["(1 file added: link.py)"],
    ),
    (
        "a value of config.yml",
        |sandbox| {
            let config = sandbox.read("config.yml");
            sandbox.write(
                "config.yml",
                &config.replace("base-12\n", "base-12\n  build_environment: {MODE: fast}\n"),
            );
        },
        &[
            "moved: config.yml: ",
            "moved: deb.wheel, deb.dependencies: build_environment: not set → {MODE=fast}",
        ],
    ),
    (
        "a comment in config.yml",
        |sandbox| {
            let config = sandbox.read("config.yml");
            sandbox.write("config.yml", &format!("# checked\n{config}"));
        },
        &["moved: config.yml: "],
    ),
    (
        "the base image's name in config.yml",
        |sandbox| {
            let config = sandbox.read("config.yml");
            sandbox.write("config.yml", &config.replace("base-12", "base-11"));
        },
        &[
            "moved: config.yml: ",
            "moved: deb.base, deb.image: base image: ",
            "moved: deb.dockerfile, deb.image: dockerfile: ",
        ],
    ),
    (
        ".build.yml",
        |sandbox| {
            sandbox.write(
                "project/.build.yml",
                "deb:\n  dependencies: {build: [gcc]}\n",
            );
        },
        &[
            "moved: .build.yml: ",
            "(1 file changed: .build.yml)",
            "moved: deb.dockerfile, deb.image: dockerfile: ",
        ],
    ),
    (
        "another flavour in .build.yml",
        |sandbox| sandbox.write("project/.build.yml", "deb:\ndeb-trixie:\n"),
        &[
            "moved: deb-trixie.base, deb-trixie.dockerfile",
            "the step: not in the plan → create",
        ],
    ),
    (
        "a buildscript",
        |sandbox| sandbox.write("project/.build.yml", "deb:\n  buildscript: build.sh\n"),
        &[
            "moved: deb.wheels: the step: not in the plan → create",
            "moved: deb.wheel: the step: run → remove",
            "moved: deb.dependencies: the step: may-run → remove",
        ],
    ),
    (
        "the name of a secret",
        |sandbox| sandbox.write("project/.build.yml", "deb:\n  secrets: [TOKEN]\n"),
        &["moved: deb.wheel, deb.dependencies: secrets: not set → [TOKEN]"],
    ),
    (
        "a file that config.yml names",
        |sandbox| sandbox.write("limits.txt", "cffi==2\n"),
        &["moved: deb.dependencies: pip.constraints: "],
    ),
    (
        "a file that config.yml names and that is gone",
        |sandbox| sandbox.remove("limits.txt"),
        &["moved: the plan: could be made → cannot be made any more"],
    ),
    (
        "config.yml that is gone",
        |sandbox| sandbox.remove("config.yml"),
        &["moved: config.yml: ", " → missing"],
    ),
    (
        ".build.yml that is gone",
        |sandbox| sandbox.remove("project/.build.yml"),
        &["moved: .build.yml: ", " → missing"],
    ),
    (
        "the source that is gone",
        |sandbox| fs::remove_dir_all(sandbox.path("project")).unwrap(),
        &["moved: source: project → missing", "moved: .build.yml: "],
    ),
    (
        "the tag of the base image",
        |sandbox| {
            sandbox.engine(|state| {
                let id = format!("sha256:{}", "0a".repeat(32));
                state.names.insert("base-12".to_owned(), id);
            });
        },
        &[
            "moved: deb.base, deb.image: base image: ",
            " → 0a0a0a0a0a0a",
        ],
    ),
    (
        "the base image that is gone",
        |sandbox| {
            sandbox.engine(|state| {
                state.absent.insert("base-12".to_owned());
            });
        },
        &[
            "moved: deb.base: base image: ",
            " → base-12 is not in the engine and will be pulled",
        ],
    ),
    (
        "the built image that is gone",
        |sandbox| {
            sandbox.engine(|state| state.names.retain(|name, _| !name.starts_with("builder/")));
        },
        &["moved: deb.image: what it left: as it was left → image was pruned: builder/shop:deb"],
    ),
    (
        "the engine",
        |sandbox| {
            fs::rename(sandbox.path("engine.json"), sandbox.path("other.json")).unwrap();
            rebase(sandbox, |basis| basis.engine = "fake:other.json".to_owned());
        },
        &["moved: engine: fake:other.json → fake:engine.json"],
    ),
    (
        "another apply in between",
        |sandbox| {
            let output = sandbox.run("apply --auto-approve --target deb.base --replace deb.base");
            assert!(output.ends_with("[exit 0]"), "{output}");
        },
        &["moved: manifest: ", "(something was applied in between)"],
    ),
    (
        "the same change, applied in between",
        Sandbox::apply,
        &[
            "moved: manifest: ",
            "moved: source, deb.wheel: the step: run → reuse",
        ],
    ),
    (
        "a wheel that is gone",
        |sandbox| {
            sandbox.remove("workspace/build/wheelhouse/deb/cffi-1-py3-none-any.whl");
        },
        &[
            "moved: deb.dependencies: what it left: as it was left → missing: build/wheelhouse/deb/cffi",
        ],
    ),
    (
        "a wheel that was edited",
        |sandbox| {
            sandbox.write(
                "workspace/build/wheelhouse/deb/cffi-1-py3-none-any.whl",
                "x",
            );
        },
        &[
            "moved: deb.dependencies: what it left: as it was left → altered on disk: build/wheelhouse",
        ],
    ),
    (
        "a file in the copy of the source",
        |sandbox| sandbox.write("workspace/source/mine.py", ""),
        &["moved: source: what it left: as it was left → does not belong there: source/mine.py"],
    ),
    (
        "the workspace that is gone",
        |sandbox| fs::remove_dir_all(sandbox.path("workspace")).unwrap(),
        &[
            "moved: workspace: ",
            " → none applied yet (another workspace is at its place, or none)",
        ],
    ),
    (
        "the workspace that is elsewhere",
        |sandbox| fs::rename(sandbox.path("workspace"), sandbox.path("elsewhere")).unwrap(),
        &[
            "moved: workspace: ",
            " → none applied yet (another workspace is at its place, or none)",
        ],
    ),
    (
        "another workspace in its place",
        |sandbox| {
            fs::rename(sandbox.path("workspace"), sandbox.path("elsewhere")).unwrap();
            sandbox.apply();
        },
        &[
            "moved: workspace: ",
            "(another workspace is at its place, or none)",
        ],
    ),
    (
        "the version of builder",
        |sandbox| rebase(sandbox, |basis| basis.builder = "0.0.9".to_owned()),
        &["moved: version of builder: 0.0.9 → "],
    ),
    (
        "the version of keys",
        |sandbox| rebase(sandbox, |basis| basis.keys = "step key v0".to_owned()),
        &["moved: version of keys: step key v0 → "],
    ),
    (
        "the version of the document",
        |sandbox| {
            let plan = sandbox.read("plan.json");
            sandbox.write(
                "plan.json",
                &plan.replacen("\"version\": 1", "\"version\": 3", 1),
            );
        },
        &["the plan has version 3, and this builder reads up to version 2"],
    ),
];

#[test]
fn a_plan_whose_input_moved_is_refused_by_its_name_and_nothing_runs() {
    let mut wrong = Vec::new();
    for (what, change, names) in WAYS {
        let sandbox = saved();
        change(&sandbox);
        let disk = sandbox.disk();
        let output = apply(&sandbox);
        // The lock, the manifest and the engine's record of calls are among what is on disk.
        if sandbox.disk() != disk {
            wrong.push(format!("{what}: something changed on disk: {output}"));
        }
        let missing = names.iter().filter(|name| !output.contains(**name));
        wrong.extend(missing.map(|name| format!("{what}: no {name:?} in {output}")));
        if !output.ends_with("[exit 5]") {
            wrong.push(format!("{what}: {output}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_variable_that_is_an_input_is_named_when_it_moved() {
    let sandbox = saved();
    let disk = sandbox.disk();
    let variables = [("SOURCE_DATE_EPOCH", "1700000000")];
    let output = sandbox.with(&variables, &format!("apply plan.json {ENGINE}"));
    assert_snapshot!(output, @"
    --- stderr
    moved: deb.wheel, deb.dependencies: epoch: 315532800 → 1700000000
    builder::plan::stale

      × the plan plan.json is stale, and nothing was run: an input moved
      help: look at what moved, and plan again
    [exit 5]
    ");
    assert!(sandbox.disk() == disk);
}

#[test]
fn a_refusal_names_everything_that_moved() {
    let sandbox = saved();
    sandbox.write("project/shop.py", "x = 1\n");
    sandbox.write("limits.txt", "cffi==2\n");
    sandbox.remove("workspace/build/wheelhouse/deb/cffi-1-py3-none-any.whl");
    sandbox.engine(|state| {
        state
            .names
            .insert("base-12".to_owned(), format!("sha256:{}", "0a".repeat(32)));
    });
    assert_snapshot!(apply(&sandbox), @"
    --- stderr
    moved: deb.base, deb.image: base image: [SHORT] → [SHORT]
    moved: deb.image: base image facts: [SHORT] → not known before deb.base has run
    moved: source, deb.wheel: source: [SHORT] → [SHORT] (1 file changed: shop.py)
    moved: deb.wheel, deb.dependencies: image: [SHORT] → not known before deb.image has run
    moved: deb.dependencies: pip.constraints: [SHORT] → [SHORT]
    moved: deb.dependencies: what it left: as it was left → missing: build/wheelhouse/deb/cffi-1-py3-none-any.whl
    builder::plan::stale

      × the plan plan.json is stale, and nothing was run: 6 inputs moved
      help: look at what moved, and plan again
    [exit 5]
    ");
    assert_snapshot!(sandbox.exactly("show plan.json"), @"
      ~ source            1 file changed: shop.py
      ~ deb.wheel         1 file changed: shop.py
      ? deb.dependencies  waits for deb.wheel: skipped without a change in project name or requirements

      ~ runs again   ? runs only if what it waits for changes

    Plan: 2 to run, 1 may run, 3 up to date.
    --- stderr
    warning: this plan is stale: source: [SHORT] → [SHORT] (1 file changed: shop.py)
    [exit 0]
    ");
}

#[test]
fn a_file_that_is_no_plan_is_refused_with_what_is_wrong() {
    let sandbox = saved();
    let plan = sandbox.read("plan.json");
    let edited = plan.replacen("\"action\": \"run\"", "\"action\": \"reuse\"", 1);
    for (text, why) in [
        ("", "plan.json: it is no plan: EOF"),
        (&plan[..plan.len() / 2], "plan.json: it is no plan: EOF"),
        ("{}", "its `format` is not `builder-plan`"),
        ("[1]", "its `format` is not `builder-plan`"),
        ("{\"format\": \"builder-plan\"}", "it states no version"),
        ("deb:\n", "plan.json: it is no plan: expected value"),
        (&edited, "the plan is not as it was written"),
    ] {
        sandbox.write("plan.json", text);
        let disk = sandbox.disk();
        for output in [apply(&sandbox), sandbox.exactly("show plan.json")] {
            assert!(output.contains(why), "{why}: {output}");
            assert!(output.ends_with("[exit 3]"), "{output}");
        }
        assert!(sandbox.disk() == disk);
    }
}

#[test]
fn a_plan_that_is_written_in_another_way_is_the_same_plan() {
    let sandbox = saved();
    let plan: serde_json::Value = serde_json::from_str(&sandbox.read("plan.json")).unwrap();
    sandbox.write("plan.json", &plan.to_string());
    assert!(apply(&sandbox).ends_with("[exit 0]"));
}

#[test]
fn what_an_apply_is_of_is_told_by_config_alone() {
    let sandbox = saved();
    assert_snapshot!(sandbox.exactly("apply project"), @"
    --- stderr
    builder::plan::file

      × project is a folder, and no saved plan
      help: `builder apply PLAN` takes a file that `builder plan --out PLAN` wrote; a project is applied with `builder apply --config CONFIG SOURCE WORKSPACE`
    [exit 3]
    ");
    assert_snapshot!(sandbox.exactly("apply nothing.json"), @"
    --- stderr
    builder::usage::unreadable

      × could not read nothing.json: No such file or directory (os error 2)
      help: `builder apply PLAN` takes a file that `builder plan --out PLAN` wrote; a project is applied with `builder apply --config CONFIG SOURCE WORKSPACE`
    [exit 3]
    ");
    assert_snapshot!(sandbox.exactly("apply project workspace"), @"
    --- stderr
    builder::usage::projects

      × no --config is given, and a saved plan stands alone
      help: the directory of the project, or of each, comes first, and that for everything that is built last: `--config CONFIG SOURCE... WORKSPACE`, or `--config CONFIG --projects FILE WORKSPACE`
    [exit 3]
    ");
    assert_snapshot!(sandbox.exactly("apply --config config.yml project"), @"
    --- stderr
    builder::usage::projects

      × a project and a workspace have to be named, and project is only one of them
      help: the directory of the project, or of each, comes first, and that for everything that is built last: `--config CONFIG SOURCE... WORKSPACE`, or `--config CONFIG --projects FILE WORKSPACE`
    [exit 3]
    ");
    assert_snapshot!(sandbox.exactly("apply plan.json --target deb"), @"
    --- stderr
    builder::plan::file

      × --target and --replace choose steps for a plan, and a saved plan has its steps
      help: give them to `builder plan --out`; or name --config, the source and the workspace to apply a project
    [exit 3]
    ");
}

#[test]
fn a_plan_is_saved_where_it_does_no_harm() {
    let sandbox = Sandbox::new();
    assert_snapshot!(error(&sandbox.run("plan --out project")), @"
    builder::plan::file

      × could not write project: it is a folder
      help: name a file
    [exit 3]
    ");
    assert_snapshot!(error(&sandbox.run("plan --out project/plan.json")), @"
    builder::plan::file

      × could not write project/plan.json: it would be part of the source, which the plan is made from
      help: write it elsewhere, or add it to .builderignore
    [exit 3]
    ");
    assert_snapshot!(error(&sandbox.run("plan --out nowhere/plan.json")), @"
    builder::plan::file

      × could not write nowhere/plan.json: No such file or directory (os error 2)
      help: the folder has to be there, and to be writable
    [exit 3]
    ");
    assert_snapshot!(error(&sandbox.run("plan --out /dev/null")), @"
    builder::plan::file

      × could not write /dev/null: something that is no file is there
      help: name a file
    [exit 3]
    ");
    sandbox.write("project/.builderignore", "/plan.json\n");
    let output = sandbox.run("plan --out project/plan.json");
    assert!(output.ends_with("[exit 0]"), "{output}");
    let output = sandbox.exactly(&format!("apply project/plan.json {ENGINE}"));
    assert!(output.ends_with("[exit 0]"), "{output}");
}

/// What a run printed to standard error, and its status.
fn error(output: &str) -> &str {
    output.split_once("--- stderr\n").unwrap().1
}

#[test]
fn a_saved_plan_has_no_secret_in_it() {
    let sandbox = Sandbox::new();
    sandbox.write("project/.build.yml", "deb:\n  secrets: [TOKEN]\n");
    let variables = [
        ("TOKEN", "s3cr3t"),
        ("HTTPS_PROXY", "http://joe:pr0xy@proxy:3128"),
    ];
    let places = "--config config.yml project workspace";
    let output = sandbox.with(
        &variables,
        &format!("plan --out plan.json {ENGINE} {places}"),
    );
    let plan = sandbox.read("plan.json");
    for text in [&output, &plan] {
        assert!(text.contains("TOKEN") == (text == &plan));
        assert!(
            !text.contains("s3cr3t") && !text.contains("pr0xy"),
            "{text}"
        );
    }
    let without = apply(&sandbox);
    assert!(without.contains("the secret TOKEN is not set"), "{without}");
    assert!(without.ends_with("[exit 3]"), "{without}");
    assert!(!sandbox.has("workspace"));
    let output = sandbox.with(&variables, &format!("apply plan.json {ENGINE}"));
    assert!(output.ends_with("[exit 0]"), "{output}");
}

#[test]
fn a_locked_workspace_keeps_a_saved_plan_waiting() {
    let sandbox = saved();
    let lock = sandbox.lock();
    assert!(apply(&sandbox).ends_with("[exit 6]"));
    drop(lock);
    assert!(apply(&sandbox).ends_with("[exit 0]"));
}

/// The file is never written anew: what version 1 once was stays readable.
#[test]
fn a_plan_of_version_1_stays_readable() {
    let sandbox = Sandbox::new();
    sandbox.write("plan.json", include_str!("../saved_plans/version-1.json"));
    let output = sandbox.exactly("show plan.json --verbose");
    // What is stale about it depends on the builder that reads it.
    let (shown, _) = output.split_once("--- stderr\n").unwrap();
    assert_snapshot!(shown, @"
    warning: mind the gap
      + source            copy 3 files
      ~ deb.wheel         first time
                          2 files changed: b.py, c.py; 1 file added: a.py; 1 file removed: d.py
                          input changed: +1 -0 lines
                          input: +a -b
                          input: no longer 1
                          input changed
                          input: [SHORT] → [SHORT]
                          input is made from other inputs
                          missing: a.whl
                          altered on disk: a.whl
                          does not belong there: a.whl
                          image was pruned: builder/shop:deb
                          failed last time
                          interrupted last time
                          requested by --replace
                          waits for deb.wheel: skipped without a change in input
                          the base image is not here
                          revision grows to 2 if the version stays 1.0
                          in no configuration any more: 2 files, image builder/shop:deb
                          the moon is full
              FROM base
            + RUN true
      = deb.image         up to date

      + runs for the first time   ~ runs again   ? runs only if what it waits for changes   - is removed

    Plan: 2 to run, 1 may run, 1 to remove, 1 up to date.
    ");
}
