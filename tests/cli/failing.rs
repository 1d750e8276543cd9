//! Applies that do not end well, and what the next one does about it.

use insta::assert_snapshot;

use crate::sandbox::Sandbox;

#[test]
fn a_failed_step_shows_its_log_and_lets_its_siblings_finish() {
    let sandbox = Sandbox::new();
    sandbox.write("project/.build.yml", "deb:\ndeb-trixie:\n");
    sandbox.engine(|state| {
        state.statuses.insert("deb.wheel".to_owned(), 3);
    });
    let output = sandbox.run("apply --auto-approve --jobs 1");
    let (_, run) = output.split_once("--- stderr\n").unwrap();
    assert_snapshot!(run, @"
    deb-trixie.base: probe base-13
    deb-trixie.base: done in 0.0s
    deb-trixie.dockerfile: render deb-trixie-builder.dockerfile
    deb-trixie.dockerfile: done in 0.0s
    deb-trixie.image: build image builder/shop:deb-trixie
    deb-trixie.image: done in 0.0s
    deb.base: probe base-12
    deb.base: done in 0.0s
    deb.dockerfile: render deb-builder.dockerfile
    deb.dockerfile: done in 0.0s
    deb.image: build image builder/shop:deb
    deb.image: done in 0.0s
    source: copy 5 files
    source: done in 0.0s
    deb-trixie.wheel: build the project's wheel
    deb-trixie.wheel: done in 0.0s
    deb-trixie.dependencies: build the wheels of all dependencies
    deb-trixie.dependencies: done in 0.0s
    deb.wheel: build the project's wheel
    error: deb.wheel: `python -m pip wheel --no-cache-dir --use-pep517 --no-deps /source` ended with status 3
      | $ python -m pip wheel --no-cache-dir --use-pep517 --no-deps /source
      | the test wants it so
      whole log: [SANDBOX]/workspace/.builder/logs/[RUN]/deb.wheel.log
      again, with what it says: add --target deb.wheel --verbose
    deb.dependencies: not run, it needs deb.wheel
    9 ran, 1 failed, 1 not run in 0.0s
    [exit 1]
    ");
    assert_snapshot!(sandbox.run("plan"), @r"
      ~ deb.wheel         failed last time
      + deb.dependencies  build the wheels of all dependencies

      + runs for the first time   ~ runs again

    Plan: 2 to run, 9 up to date.
    [exit 0]
    ");

    sandbox.engine(|state| state.statuses.clear());
    assert_snapshot!(sandbox.run("apply --auto-approve --jobs 1"), @"
      ~ deb.wheel         failed last time
      + deb.dependencies  build the wheels of all dependencies

      + runs for the first time   ~ runs again

    Plan: 2 to run, 9 up to date.
    --- stderr

    deb.wheel: build the project's wheel
    deb.wheel: done in 0.0s
    deb.dependencies: build the wheels of all dependencies
    deb.dependencies: done in 0.0s
    2 ran in 0.0s
      [SANDBOX]/workspace/build/wheelhouse/deb: 2 wheels
      [SANDBOX]/workspace/build/wheelhouse/deb-trixie: 2 wheels
    [exit 0]
    ");
    assert_snapshot!(sandbox.run("plan"), @r"
    No changes. 11 steps are up to date.
    [exit 0]
    ");
}

#[test]
fn the_log_of_a_failed_step_is_where_the_error_says() {
    let sandbox = Sandbox::new();
    sandbox.engine(|state| {
        state.statuses.insert("deb.base".to_owned(), 1);
    });
    let output = sandbox.run("apply --auto-approve");
    let (_, log) = output.split_once("whole log: ").unwrap();
    let log = log.lines().next().unwrap();
    assert_eq!(
        std::fs::read_to_string(log).unwrap(),
        "the test wants it so\n"
    );
}

#[test]
fn an_engine_that_refuses_fails_the_step_that_asked() {
    let sandbox = Sandbox::new();
    sandbox.engine(|state| state.fail_at = Some(1));
    let output = sandbox.run("apply --auto-approve --jobs 1");
    let (_, run) = output.split_once("--- stderr\n").unwrap();
    assert_snapshot!(run, @"
    deb.base: probe base-12
    deb.base: done in 0.0s
    deb.dockerfile: render deb-builder.dockerfile
    deb.dockerfile: done in 0.0s
    deb.image: build image builder/shop:deb
    error: deb.image: the engine refused to build deb.image: the test wants it so
      whole log: [SANDBOX]/workspace/.builder/logs/[RUN]/deb.image.log
      again, with what it says: add --target deb.image --verbose
    deb.dependencies: not run, it needs deb.image
    deb.wheel: not run, it needs deb.image
    source: copy 5 files
    source: done in 0.0s
    3 ran, 1 failed, 2 not run in 0.0s
    [exit 1]
    ");
}

#[test]
fn a_locked_workspace_names_its_holder() {
    let sandbox = Sandbox::new();
    let lock = sandbox.lock();
    assert_snapshot!(sandbox.run("apply --auto-approve"), @r"
    --- stderr
    builder::workspace::locked

      × the workspace [SANDBOX]/workspace is locked by process 4711 (builder apply)
      help: wait until it ends; the lock goes with its process, there is no file to delete
    [exit 6]
    ");
    // Who only looks needs no lock.
    assert!(sandbox.run("plan").ends_with("[exit 0]"));
    drop(lock);
    sandbox.apply();
}

#[test]
fn an_unset_secret_is_named_before_anything_runs() {
    let sandbox = Sandbox::new();
    sandbox.write("project/.build.yml", "deb:\n  secrets: [TOKEN]\n");
    let output = sandbox.run("apply --auto-approve");
    let (_, error) = output.split_once("--- stderr\n").unwrap();
    assert_snapshot!(error, @r"
    builder::usage::environment

      × the secret TOKEN is not set
      help: set the environment variable TOKEN; the configuration names it under `secrets`
    [exit 3]
    ");
    assert!(!sandbox.has("workspace/source"));
}

#[test]
fn a_secret_that_is_set_is_never_shown() {
    let sandbox = Sandbox::new();
    sandbox.write("project/.build.yml", "deb:\n  secrets: [TOKEN]\n");
    let arguments = "apply --auto-approve --verbose --engine fake:engine.json --config config.yml project workspace";
    let output = sandbox.with(&[("TOKEN", "s3cr3t")], arguments);
    assert!(output.ends_with("[exit 0]"), "{output}");
    assert!(!output.contains("s3cr3t"), "{output}");
    let manifest = sandbox.read("workspace/.builder/manifest.jsonl");
    assert!(manifest.contains("TOKEN") && !manifest.contains("s3cr3t"));
}
