//! Lock files: written, kept, shown in a plan, and refused.

use insta::assert_snapshot;

use crate::sandbox::Sandbox;

/// Makes newer versions known to the engine.
fn newest(sandbox: &Sandbox, versions: &[(&str, &str)]) {
    sandbox.engine(|state| {
        let entries = versions.iter();
        let entries = entries.map(|(name, version)| ((*name).to_owned(), (*version).to_owned()));
        state.newest.extend(entries);
    });
}

/// Makes the project's lock, which has to end well.
fn locked() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("project/requires.txt", "cffi\nattrs\n");
    let output = sandbox.run("lock");
    assert!(output.ends_with("[exit 0]"), "{output}");
    sandbox
}

#[test]
fn the_first_lock_brings_the_wheel_up_to_date_and_says_so() {
    assert_snapshot!(Sandbox::new().run("lock --jobs 1"), @"
      + source          copy 5 files
      + deb.base        probe base-12
      + deb.dockerfile  render deb-builder.dockerfile
      + deb.image       build image builder/shop:deb
      + deb.wheel       build the project's wheel

      + runs for the first time

    Plan: 5 to run.
    pylock.toml: 1 package
      + cffi 1
    --- stderr

    deb.base: probe base-12
    deb.base: done in 0.0s
    deb.dockerfile: render deb-builder.dockerfile
    deb.dockerfile: done in 0.0s
    deb.image: build image builder/shop:deb
    deb.image: done in 0.0s
    source: copy 5 files
    source: done in 0.0s
    deb.wheel: build the project's wheel
    deb.wheel: done in 0.0s
    5 ran in 0.0s
      [SANDBOX]/workspace/build/wheelhouse/deb: 1 wheel
    deb.dependencies: resolve what the project requires
    deb.dependencies: done in 0.0s
    [exit 0]
    ");
}

#[test]
fn a_lock_that_says_all_already_is_left_as_it_is() {
    let sandbox = locked();
    let before = std::fs::metadata(sandbox.path("project/pylock.toml")).unwrap();
    newest(&sandbox, &[("cffi", "2")]);
    assert_snapshot!(sandbox.run("lock"), @"
    pylock.toml: 2 packages, nothing changed
    --- stderr
    deb.dependencies: resolve what the project requires
    deb.dependencies: done in 0.0s
    [exit 0]
    ");
    let after = std::fs::metadata(sandbox.path("project/pylock.toml")).unwrap();
    assert_eq!(before.modified().unwrap(), after.modified().unwrap());
}

#[test]
fn versions_move_where_they_are_asked_to() {
    let sandbox = locked();
    newest(&sandbox, &[("cffi", "2"), ("attrs", "3")]);
    assert_snapshot!(sandbox.run("lock --upgrade=Cffi"), @"
    pylock.toml: 2 packages
      cffi 1 → 2
    --- stderr
    deb.dependencies: resolve what the project requires
    deb.dependencies: done in 0.0s
    [exit 0]
    ");
    assert_snapshot!(sandbox.run("lock --upgrade"), @"
    pylock.toml: 2 packages
      attrs 1 → 3
    --- stderr
    deb.dependencies: resolve what the project requires
    deb.dependencies: done in 0.0s
    [exit 0]
    ");
    sandbox.write("project/requires.txt", "cffi\nidna\n");
    assert_snapshot!(sandbox.run("lock"), @"
      ~ source     1 file changed: requires.txt
      ~ deb.wheel  1 file changed: requires.txt

      ~ runs again

    Plan: 2 to run, 3 up to date.
    pylock.toml: 2 packages
      - attrs 3
      + idna 1
    --- stderr

    source: copy 5 files
    source: done in 0.0s
    deb.wheel: build the project's wheel
    deb.wheel: done in 0.0s
    2 ran in 0.0s
      [SANDBOX]/workspace/build/wheelhouse/deb: 1 wheel
    deb.dependencies: resolve what the project requires
    deb.dependencies: done in 0.0s
    [exit 0]
    ");
}

#[test]
fn a_plan_names_the_versions_that_move_and_nothing_else_runs() {
    let sandbox = locked();
    sandbox.apply();
    newest(&sandbox, &[("cffi", "2")]);
    sandbox.run("lock --upgrade");
    assert_snapshot!(sandbox.run("plan"), @"
      ~ deb.dependencies  lock: cffi 1 → 2

      ~ runs again

    Plan: 1 to run, 5 up to date.
    [exit 0]
    ");
    assert_snapshot!(sandbox.run("apply --auto-approve"), @"
      ~ deb.dependencies  lock: cffi 1 → 2

      ~ runs again

    Plan: 1 to run, 5 up to date.
    --- stderr

    deb.dependencies: build the wheels that pylock.toml names
    deb.dependencies: done in 0.0s
    deb.dependencies: cffi 1 → 2
    1 ran in 0.0s
      [SANDBOX]/workspace/build/wheelhouse/deb: 3 wheels
    [exit 0]
    ");
    assert!(sandbox.run("plan").contains("No changes."));
}

#[test]
fn a_lock_serves_the_flavour_of_its_name_before_all_others() {
    let sandbox = locked();
    let text = sandbox.read("project/pylock.toml");
    sandbox.write("project/pylock.deb.toml", &text);
    sandbox.apply();
    sandbox.write("project/.build.yml", "deb:\ndeb-trixie:\n  package: none\n");
    assert_snapshot!(sandbox.run("plan"), @"
      ~ source                   1 file changed: .build.yml
      ~ deb.wheel                1 file changed: .build.yml
      ? deb.dependencies         waits for deb.wheel: skipped without a change in project name or requirements
      + deb-trixie.base          probe base-13
      + deb-trixie.dockerfile    render deb-trixie-builder.dockerfile
      + deb-trixie.image         build image builder/shop:deb-trixie
      + deb-trixie.wheel         build the project's wheel
      + deb-trixie.dependencies  build the wheels that pylock.toml names

      + runs for the first time   ~ runs again   ? runs only if what it waits for changes

    Plan: 7 to run, 1 may run, 3 up to date.
    [exit 0]
    ");
}

#[test]
fn a_requirement_that_a_lock_leaves_open_is_warned_of_and_fails_with_its_name() {
    let sandbox = locked();
    let project = "[project]\nname = \"shop\"\ndependencies = [\"cffi>=2\", \"gone; sys_platform == 'win32'\"]\n";
    sandbox.write("project/pyproject.toml", project);
    sandbox.write("project/requires.txt", "cffi>=2\nattrs\n");
    assert_snapshot!(sandbox.run("plan"), @"
    warning: deb: pylock.toml does not satisfy `cffi>=2`: run `builder lock`
      ~ source            2 files changed: pyproject.toml, requires.txt
      ~ deb.wheel         2 files changed: pyproject.toml, requires.txt
      + deb.dependencies  build the wheels that pylock.toml names

      + runs for the first time   ~ runs again

    Plan: 3 to run, 3 up to date.
    [exit 0]
    ");
    assert_snapshot!(sandbox.run("apply --auto-approve"), @"
    warning: deb: pylock.toml does not satisfy `cffi>=2`: run `builder lock`
      ~ source            2 files changed: pyproject.toml, requires.txt
      ~ deb.wheel         2 files changed: pyproject.toml, requires.txt
      + deb.dependencies  build the wheels that pylock.toml names

      + runs for the first time   ~ runs again

    Plan: 3 to run, 3 up to date.
    --- stderr

    source: copy 5 files
    source: done in 0.0s
    deb.wheel: build the project's wheel
    deb.wheel: done in 0.0s
    deb.dependencies: build the wheels that pylock.toml names
    error: deb.dependencies: pylock.toml does not satisfy `cffi>=2`
      whole log: [SANDBOX]/workspace/.builder/logs/[RUN]/deb.dependencies.log
      help: run `builder lock`, which resolves the dependencies and writes the lock anew
      again, with what it says: add --target deb.dependencies --verbose
    2 ran, 1 failed in 0.0s
    [exit 1]
    ");
}

#[test]
fn a_torn_lock_ends_a_plan_with_its_place_and_is_written_anew() {
    let sandbox = locked();
    let text = sandbox.read("project/pylock.toml");
    sandbox.write(
        "project/pylock.toml",
        &text.replacen("hashes", "<<<<<<< ours", 1),
    );
    assert_snapshot!(sandbox.run("plan"), @r#"
    --- stderr
    builder::lock

      × project/pylock.toml is no lock: key with no value, expected `=`
        ╭─[project/pylock.toml:15:9]
     14 │ url = "file:///index/attrs/attrs-1-py3-none-any.whl"
     15 │ <<<<<<< ours = { sha256 = "[DIGEST]" }
        ·         ▲
        ·         ╰── here
     16 │ 
        ╰────
      help: `builder lock` writes it anew; an edit by hand or a merge may have torn it
    [exit 3]
    "#);
    sandbox.run("lock");
    assert_eq!(sandbox.read("project/pylock.toml"), text);
}

#[test]
fn a_lock_stands_beside_the_file_that_the_command_line_names() {
    let sandbox = Sandbox::new();
    sandbox.write("ci/build.yml", "deb:\n");
    sandbox.run("lock --build-file ci/build.yml");
    assert!(sandbox.has("ci/pylock.toml"));
    assert!(!sandbox.has("project/pylock.toml"));
    assert!(
        sandbox
            .run("plan --build-file ci/build.yml")
            .contains("the wheels that pylock.toml names")
    );
}

#[test]
fn what_cannot_be_locked_is_named() {
    let sandbox = locked();
    assert_snapshot!(sandbox.run("lock --upgrade=cfi"), @"
    --- stderr
    builder::usage::lock

      × no dependency is called `cfi`
      help: did you mean `cffi`?
    [exit 3]
    ");
    assert_snapshot!(sandbox.run("lock --target rpm"), @"
    --- stderr
    builder::usage::lock

      × the project has no flavour `rpm`
      help: its flavours are deb
    [exit 3]
    ");
    sandbox.write("project/build.sh", "");
    sandbox.write("project/.build.yml", "deb:\n  buildscript: build.sh\n");
    assert_snapshot!(sandbox.run("lock"), @"
    --- stderr
    builder::usage::lock

      × a flavour with a buildscript has no lock
      help: its script says what pip installs; have it read a file with hashes
    [exit 3]
    ");
}

#[test]
fn a_resolution_that_fails_leaves_the_lock_as_it_was() {
    let sandbox = locked();
    let text = sandbox.read("project/pylock.toml");
    sandbox.engine(|state| {
        state.statuses.insert("deb.dependencies".to_owned(), 7);
    });
    assert_snapshot!(sandbox.run("lock --upgrade --target deb.dependencies"), @"
    --- stderr
    deb.dependencies: resolve what the project requires
    error: deb.dependencies: `python -m pip install --dry-run --ignore-installed --quiet --no-cache-dir --use-pep517 --report /build/out/report.json --requirement /build/pip/metadata.txt` ended with status 7
      | $ python -m pip install --dry-run --ignore-installed --quiet --no-cache-dir --use-pep517 --report /build/out/report.json --requirement /build/pip/metadata.txt
      | the test wants it so
      whole log: [SANDBOX]/workspace/.builder/logs/[RUN]/deb.dependencies.log
      again, with what it says: add --target deb.dependencies --verbose
    [exit 1]
    ");
    assert_eq!(sandbox.read("project/pylock.toml"), text);
}

#[test]
fn the_manifest_knows_version_file_and_digest_of_each_wheel() {
    let sandbox = Sandbox::applied();
    let manifest = sandbox.read("workspace/.builder/manifest.jsonl");
    let line = manifest
        .lines()
        .rfind(|line| line.contains("\"done\":{\"step\":\"deb.dependencies\""));
    let line: serde_json::Value = serde_json::from_str(line.unwrap()).unwrap();
    let pin = &line["done"]["outputs"]["facets"]["versions"]["versions"]["cffi"];
    assert_eq!(
        (&pin["version"], &pin["file"]),
        (&"1".into(), &"cffi-1-py3-none-any.whl".into())
    );
    let wheel = sandbox.path("workspace/build/wheelhouse/deb/cffi-1-py3-none-any.whl");
    let output = std::process::Command::new("sha256sum")
        .arg(wheel)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(pin["digest"], said.split(' ').next().unwrap());
}

#[test]
fn without_a_lock_versions_stay_until_a_step_is_replaced() {
    let sandbox = Sandbox::applied();
    newest(&sandbox, &[("cffi", "2")]);
    sandbox.write(
        "project/.build.yml",
        "deb:\n  build_environment:\n    MODE: fast\n",
    );
    assert!(!sandbox.run("apply --auto-approve").contains("cffi"));
    assert!(sandbox.has("workspace/build/wheelhouse/deb/cffi-1-py3-none-any.whl"));
    let output = sandbox.run("apply --auto-approve --replace deb.dependencies");
    assert!(
        output.contains("deb.dependencies: cffi 1 → 2\n"),
        "{output}"
    );
    assert!(sandbox.has("workspace/build/wheelhouse/deb/cffi-2-py3-none-any.whl"));
}

#[test]
fn a_saved_plan_holds_while_its_lock_is_the_same() {
    let sandbox = locked();
    sandbox.apply();
    sandbox.run("plan --out plan.json --replace deb.dependencies");
    newest(&sandbox, &[("cffi", "2")]);
    let text = sandbox.read("project/pylock.toml");
    sandbox.write("project/pylock.toml", &format!("# checked\n{text}"));
    let shown = sandbox.exactly("show plan.json");
    assert!(!shown.contains("stale"), "{shown}");

    sandbox.run("lock --upgrade");
    assert_snapshot!(sandbox.exactly("show plan.json"), @"
      ~ deb.dependencies  requested by --replace

      ~ runs again

    Plan: 1 to run, 5 up to date.
    --- stderr
    warning: this plan is stale: deb.dependencies: lock: 2 packages → 2 packages (lock: cffi 1 → 2)
    [exit 0]
    ");
    let disk = sandbox.disk();
    assert_snapshot!(sandbox.exactly("apply plan.json --engine fake:engine.json"), @"
    --- stderr
    moved: deb.dependencies: lock: 2 packages → 2 packages (lock: cffi 1 → 2)
    builder::plan::stale

      × the plan plan.json is stale, and nothing was run: an input moved
      help: look at what moved, and plan again
    [exit 5]
    ");
    assert!(sandbox.disk() == disk);

    sandbox.write("project/pylock.toml", "<<<<<<< ours\n");
    let shown = sandbox.exactly("show plan.json");
    let torn = "the plan: could be made → cannot be made any more (project/pylock.toml is no lock";
    assert!(
        shown.contains(&format!("this plan is stale: {torn}")),
        "{shown}"
    );
    let refused = sandbox.exactly("apply plan.json --engine fake:engine.json");
    assert!(refused.contains(&format!("moved: {torn}")), "{refused}");
    assert!(refused.ends_with("[exit 5]"), "{refused}");

    sandbox.write("project/pylock.toml", &text);
    let applied = sandbox.exactly("apply plan.json --engine fake:engine.json");
    assert!(applied.contains("1 ran in"), "{applied}");
    assert!(applied.ends_with("[exit 0]"), "{applied}");
}

#[test]
fn a_lock_that_came_or_went_makes_a_saved_plan_stale() {
    let sandbox = locked();
    sandbox.apply();
    let text = sandbox.read("project/pylock.toml");
    for (words, is_there) in [
        ("lock: 2 packages → not set", false),
        ("lock: not set → 2 packages", true),
    ] {
        sandbox.run("plan --out plan.json");
        match is_there {
            true => sandbox.write("project/pylock.toml", &text),
            false => sandbox.remove("project/pylock.toml"),
        }
        let shown = sandbox.exactly("show plan.json");
        assert!(
            shown.contains(&format!("this plan is stale: deb.dependencies: {words}\n")),
            "{shown}"
        );
        let refused = sandbox.exactly("apply plan.json --engine fake:engine.json");
        assert!(
            refused.contains(&format!("moved: deb.dependencies: {words}\n")),
            "{refused}"
        );
        assert!(refused.ends_with("[exit 5]"), "{refused}");
    }
}

#[test]
fn a_saved_plan_that_replaces_a_step_resolves_anew() {
    let sandbox = Sandbox::applied();
    newest(&sandbox, &[("cffi", "2")]);
    sandbox.run("plan --out plan.json --replace deb.dependencies");
    let output = sandbox.exactly("apply plan.json --engine fake:engine.json");
    assert!(
        output.contains("deb.dependencies: cffi 1 → 2\n"),
        "{output}"
    );
}

#[test]
fn dependencies_are_restored_from_a_cache_with_a_lock_and_without() {
    for is_locked in [false, true] {
        let sandbox = Sandbox::new();
        sandbox.write("project/requires.txt", "cffi\n");
        if is_locked {
            sandbox.cached("lock", "one");
            assert!(sandbox.has("project/pylock.toml"));
        }
        sandbox.cached("apply --auto-approve", "one");
        newest(&sandbox, &[("cffi", "2")]);
        let output = sandbox.cached("apply --auto-approve", "two");
        assert!(
            output.contains("deb.dependencies: restored from the local cache"),
            "{output}"
        );
        let wheels = sandbox.list("two/build/wheelhouse/deb");
        assert!(
            wheels.contains(&"cffi-1-py3-none-any.whl".to_owned()),
            "{wheels:?}"
        );
    }
}

#[test]
fn versions_that_come_back_from_a_cache_are_told() {
    let sandbox = Sandbox::new();
    sandbox.cached("lock", "one");
    sandbox.cached("apply --auto-approve", "one");
    let text = sandbox.read("project/pylock.toml");
    newest(&sandbox, &[("cffi", "2")]);
    sandbox.cached("lock --upgrade", "one");
    let output = sandbox.cached("apply --auto-approve --json", "one");
    let told = output
        .lines()
        .find(|line| line.contains("\"versions-changed\""));
    let told: serde_json::Value = serde_json::from_str(told.unwrap()).unwrap();
    assert_eq!(
        told["changes"],
        serde_json::json!([{"name": "cffi", "old": "1", "new": "2"}])
    );

    sandbox.write("project/pylock.toml", &text);
    assert_snapshot!(sandbox.cached("apply --auto-approve", "one"), @"
      < deb.dependencies  restore from the local cache ([SIZE])
                          lock: cffi 2 → 1

      < is restored from a cache

    Plan: 1 to restore, 5 up to date.
    --- stderr

    deb.dependencies: restore: build the wheels that pylock.toml names
    deb.dependencies: restored from the local cache in 0.0s
    deb.dependencies: cffi 2 → 1
    1 restored in 0.0s
      [SANDBOX]/one/build/wheelhouse/deb: 2 wheels
    [exit 0]
    ");
}

#[test]
fn a_lock_in_a_fresh_workspace_takes_the_wheel_from_a_cache() {
    let sandbox = Sandbox::new();
    sandbox.cached("apply --auto-approve", "one");
    assert_snapshot!(sandbox.cached("lock --jobs 1", "two"), @"
      + source          copy 5 files
      < deb.base        restore from the local cache ([SIZE])
      < deb.dockerfile  restore from the local cache ([SIZE])
      < deb.image       restore from the local cache ([SIZE])
      < deb.wheel       restore from the local cache ([SIZE])

      + runs for the first time   < is restored from a cache

    Plan: 1 to run, 4 to restore.
    pylock.toml: 1 package
      + cffi 1
    --- stderr

    deb.base: restore: probe base-12
    deb.base: restored from the local cache in 0.0s
    deb.dockerfile: restore: render deb-builder.dockerfile
    deb.dockerfile: restored from the local cache in 0.0s
    deb.image: restore: build image builder/shop:deb
    deb.image: restored from the local cache in 0.0s
    source: copy 5 files
    source: done in 0.0s
    deb.wheel: restore: build the project's wheel
    deb.wheel: restored from the local cache in 0.0s
    1 ran, 4 restored in 0.0s
      [SANDBOX]/two/build/wheelhouse/deb: 1 wheel
    deb.dependencies: resolve what the project requires
    deb.dependencies: done in 0.0s
    [exit 0]
    ");
    let output = sandbox.cached("lock --no-cache", "three");
    assert!(output.contains("deb.wheel: done"), "{output}");
}

#[test]
fn in_a_ci_a_version_that_moved_is_a_plain_line() {
    let sandbox = locked();
    sandbox.apply();
    newest(&sandbox, &[("cffi", "2")]);
    sandbox.run("lock --upgrade");
    let output = sandbox.with(
        &[("CI", "true"), ("GITHUB_ACTIONS", "true")],
        "apply --auto-approve --engine fake:engine.json --config config.yml project workspace",
    );
    assert!(output.contains("deb.dependencies: done in"), "{output}");
    assert!(
        output.contains("\ndeb.dependencies: cffi 1 → 2\n"),
        "{output}"
    );
}
