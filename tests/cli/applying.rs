//! Applies that end well.

use insta::assert_snapshot;

use crate::sandbox::Sandbox;

#[test]
fn where_nobody_can_answer_nothing_is_made_without_approval() {
    let sandbox = Sandbox::new();
    assert_snapshot!(sandbox.run("apply"), @"
      + source            copy 5 files
      + deb.base          probe base-12
      + deb.dockerfile    render deb-builder.dockerfile
      + deb.image         build image builder/shop:deb
      + deb.wheel         build the project's wheel
      + deb.dependencies  build the wheels of all dependencies

      + runs for the first time

    Plan: 6 to run.
    --- stderr
    builder::usage::approval

      × the plan was not approved: nobody can answer here
      help: give --auto-approve, or run it on a terminal
    [exit 3]
    ");
    assert!(!sandbox.has("workspace"));
}

#[test]
fn an_approved_apply_makes_the_wheelhouse() {
    let sandbox = Sandbox::new();
    assert_snapshot!(sandbox.run("apply --auto-approve --jobs 1"), @"
      + source            copy 5 files
      + deb.base          probe base-12
      + deb.dockerfile    render deb-builder.dockerfile
      + deb.image         build image builder/shop:deb
      + deb.wheel         build the project's wheel
      + deb.dependencies  build the wheels of all dependencies

      + runs for the first time

    Plan: 6 to run.
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
    deb.dependencies: build the wheels of all dependencies
    deb.dependencies: done in 0.0s
    6 ran in 0.0s
      [SANDBOX]/workspace/build/wheelhouse/deb: 2 wheels
    [exit 0]
    ");
    let wheels = sandbox.list("workspace/build/wheelhouse/deb");
    let expected = [
        "cffi-1-py3-none-any.whl",
        "fake_project-1.0-py3-none-any.whl",
    ];
    assert_eq!(wheels, expected);
}

#[test]
fn an_apply_with_nothing_to_do_needs_no_approval_and_says_so_alone() {
    assert_snapshot!(Sandbox::applied().run("apply"), @r"
    No changes. 6 steps are up to date.
    [exit 0]
    ");
}

#[test]
fn the_bare_form_applies_without_asking() {
    let sandbox = Sandbox::new();
    assert_snapshot!(sandbox.run("--jobs 1"), @"
      + source            copy 5 files
      + deb.base          probe base-12
      + deb.dockerfile    render deb-builder.dockerfile
      + deb.image         build image builder/shop:deb
      + deb.wheel         build the project's wheel
      + deb.dependencies  build the wheels of all dependencies

      + runs for the first time

    Plan: 6 to run.
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
    deb.dependencies: build the wheels of all dependencies
    deb.dependencies: done in 0.0s
    6 ran in 0.0s
      [SANDBOX]/workspace/build/wheelhouse/deb: 2 wheels
    [exit 0]
    ");
    assert_snapshot!(sandbox.exactly("--config config.yml --engine fake:engine.json project workspace"), @r"
    No changes. 6 steps are up to date.
    [exit 0]
    ");
}

#[test]
fn an_edit_that_no_wheel_has_leaves_the_rest_alone() {
    let sandbox = Sandbox::applied();
    sandbox.write("project/tests/test_shop.py", "import shop, os\n");
    assert_snapshot!(sandbox.run("apply --auto-approve --jobs 1"), @"
      ~ source            1 file changed: tests/test_shop.py
      ~ deb.wheel         1 file changed: tests/test_shop.py
      ? deb.dependencies  waits for deb.wheel: skipped without a change in project name or requirements

      ~ runs again   ? runs only if what it waits for changes

    Plan: 2 to run, 1 may run, 3 up to date.
    --- stderr

    source: copy 5 files
    source: done in 0.0s
    deb.wheel: build the project's wheel
    deb.wheel: done in 0.0s, same bytes as before
    deb.dependencies: skipped, what it reads stayed the same
    2 ran, 1 skipped in 0.0s
      [SANDBOX]/workspace/build/wheelhouse/deb: 2 wheels
    [exit 0]
    ");
}

#[test]
fn another_requirement_takes_the_place_of_the_old_one() {
    let sandbox = Sandbox::applied();
    sandbox.write("project/requires.txt", "rich\n");
    assert_snapshot!(sandbox.run("apply --auto-approve --jobs 1"), @"
      ~ source            1 file changed: requires.txt
      ~ deb.wheel         1 file changed: requires.txt
      ? deb.dependencies  waits for deb.wheel: skipped without a change in project name or requirements

      ~ runs again   ? runs only if what it waits for changes

    Plan: 2 to run, 1 may run, 3 up to date.
    --- stderr

    source: copy 5 files
    source: done in 0.0s
    deb.wheel: build the project's wheel
    deb.wheel: done in 0.0s
    deb.dependencies: build the wheels of all dependencies
    deb.dependencies: done in 0.0s
    deb.dependencies: cffi 1 removed
    deb.dependencies: rich 1 added
    3 ran in 0.0s
      [SANDBOX]/workspace/build/wheelhouse/deb: 2 wheels
    [exit 0]
    ");
    let wheels = sandbox.list("workspace/build/wheelhouse/deb");
    assert_eq!(
        wheels,
        [
            "fake_project-1.0-py3-none-any.whl",
            "rich-1-py3-none-any.whl"
        ]
    );
}

#[test]
fn a_flavour_that_is_wanted_no_more_goes_with_all_that_it_left() {
    let sandbox = Sandbox::new();
    sandbox.write("project/.build.yml", "deb:\ndeb-trixie:\n");
    sandbox.apply();
    sandbox.write("project/.build.yml", "deb:\n");
    assert_snapshot!(sandbox.run("apply --auto-approve --jobs 1"), @"
      ~ source                   1 file changed: .build.yml
      ~ deb.wheel                1 file changed: .build.yml
      ? deb.dependencies         waits for deb.wheel: skipped without a change in project name or requirements
      - deb-trixie.base          in no configuration any more: 1 file
      - deb-trixie.dependencies  in no configuration any more: 1 file
      - deb-trixie.dockerfile    in no configuration any more: 1 file
      - deb-trixie.image         in no configuration any more: image builder/shop:deb-trixie-[ID]
      - deb-trixie.wheel         in no configuration any more: 1 file

      ~ runs again   ? runs only if what it waits for changes   - is removed

    Plan: 2 to run, 1 may run, 5 to remove, 3 up to date.
    --- stderr

    source: copy 5 files
    source: done in 0.0s
    deb.wheel: build the project's wheel
    deb.wheel: done in 0.0s
    deb.dependencies: skipped, what it reads stayed the same
    deb-trixie.base: removed
    deb-trixie.dependencies: removed
    deb-trixie.dockerfile: removed
    deb-trixie.image: removed
    deb-trixie.wheel: removed
    2 ran, 5 removed, 1 skipped in 0.0s
      [SANDBOX]/workspace/build/wheelhouse/deb: 2 wheels
    [exit 0]
    ");
    assert_eq!(sandbox.list("workspace/build/wheelhouse"), ["deb"]);
    assert_eq!(
        sandbox.list("workspace"),
        [".builder", "build", "deb-builder.dockerfile", "source"]
    );
    assert_snapshot!(sandbox.run("plan"), @r"
    No changes. 6 steps are up to date.
    [exit 0]
    ");
}

#[test]
fn a_verbose_apply_says_what_the_steps_say() {
    let sandbox = Sandbox::applied();
    assert_snapshot!(sandbox.run("apply --auto-approve --jobs 1 --verbose --replace deb.dependencies --target deb.dependencies"), @"
      = source            up to date
      = deb.base          up to date
      = deb.dockerfile    up to date
      = deb.image         up to date
      = deb.wheel         up to date
      ~ deb.dependencies  requested by --replace

      ~ runs again

    Plan: 1 to run, 5 up to date.
    --- stderr

    deb.dependencies: build the wheels of all dependencies
    deb.dependencies | $ python /build/pip/resolve.py
    deb.dependencies | left to pip: cffi-1-py3-none-any.whl: its address is of the container alone
    deb.dependencies | $ python -m pip wheel --no-cache-dir --use-pep517 --no-deps --require-hashes --requirement /build/pip/rest.txt
    deb.dependencies: done in 0.0s, same bytes as before
    1 ran in 0.0s
      [SANDBOX]/workspace/build/wheelhouse/deb: 2 wheels
    [exit 0]
    ");
}

#[test]
fn a_build_file_beside_the_source_is_no_part_of_it() {
    let sandbox = Sandbox::new();
    sandbox.write("ci/build.yml", "deb:\n");
    sandbox.remove("project/.build.yml");
    let run = |command: &str| sandbox.run(&format!("{command} --build-file ci/build.yml"));
    assert!(run("apply --auto-approve").ends_with("[exit 0]"));
    sandbox.write(
        "ci/build.yml",
        "deb:\n  build_environment:\n    MODE: fast\n",
    );
    assert_snapshot!(run("plan"), @r"
      ~ deb.wheel         build_environment: now {MODE=fast}
      ~ deb.dependencies  build_environment: now {MODE=fast}

      ~ runs again

    Plan: 2 to run, 4 up to date.
    [exit 0]
    ");
}
