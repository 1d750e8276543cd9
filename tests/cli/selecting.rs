//! `--target` and `--replace`: steps by name, flavours by name, and names that are nothing.

use insta::assert_snapshot;

use crate::sandbox::Sandbox;

#[test]
fn a_target_is_planned_with_all_that_it_needs_and_nothing_else() {
    assert_snapshot!(Sandbox::new().run("plan --target deb.image"), @r"
      + deb.base        probe base-12
      + deb.dockerfile  render deb-builder.dockerfile
      + deb.image       build image builder/shop:deb

      + runs for the first time

    Plan: 3 to run.
    [exit 0]
    ");
}

#[test]
fn a_flavour_is_a_target_too() {
    let sandbox = Sandbox::new();
    sandbox.write("project/.build.yml", "deb:\ndeb-trixie:\n");
    assert_snapshot!(sandbox.run("plan --target deb-trixie"), @"
      + source                   copy 5 files
      + deb-trixie.base          probe base-13
      + deb-trixie.dockerfile    render deb-trixie-builder.dockerfile
      + deb-trixie.image         build image builder/shop:deb-trixie
      + deb-trixie.wheel         build the project's wheel
      + deb-trixie.dependencies  build the wheels of all dependencies

      + runs for the first time

    Plan: 6 to run.
    [exit 0]
    ");
}

#[test]
fn a_target_alone_is_applied_and_the_rest_waits_for_the_next_apply() {
    let sandbox = Sandbox::new();
    assert_snapshot!(sandbox.run("apply --auto-approve --jobs 1 --target deb.base"), @"
      + deb.base  probe base-12

      + runs for the first time

    Plan: 1 to run.
    --- stderr

    deb.base: probe base-12
    deb.base: done in 0.0s
    1 ran in 0.0s
    [exit 0]
    ");
    assert_snapshot!(sandbox.run("plan"), @"
      + source            copy 5 files
      + deb.dockerfile    render deb-builder.dockerfile
      + deb.image         build image builder/shop:deb
      + deb.wheel         build the project's wheel
      + deb.dependencies  build the wheels of all dependencies

      + runs for the first time

    Plan: 5 to run, 1 up to date.
    [exit 0]
    ");
}

#[test]
fn a_replaced_step_runs_and_what_reads_it_waits_for_its_bytes() {
    let sandbox = Sandbox::applied();
    assert_snapshot!(sandbox.run("apply --auto-approve --jobs 1 --replace deb.wheel"), @"
      ~ deb.wheel         requested by --replace
      ? deb.dependencies  waits for deb.wheel: skipped without a change in project name or requirements

      ~ runs again   ? runs only if what it waits for changes

    Plan: 1 to run, 1 may run, 4 up to date.
    --- stderr

    deb.wheel: build the project's wheel
    deb.wheel: done in 0.0s, same bytes as before
    deb.dependencies: skipped, what it reads stayed the same
    1 ran, 1 skipped in 0.0s
      [SANDBOX]/workspace/build/wheelhouse/deb: 2 wheels
    [exit 0]
    ");
    assert_snapshot!(sandbox.run("plan"), @r"
    No changes. 6 steps are up to date.
    [exit 0]
    ");
}

#[test]
fn a_step_that_there_is_not_is_answered_with_the_nearest_and_all() {
    let sandbox = Sandbox::new();
    assert_snapshot!(sandbox.run("plan --target deb.whel"), @r"
    --- stderr
    builder::usage::step

      × there is no step `deb.whel`
      help: did you mean `deb.wheel`? the steps are deb.base, deb.dockerfile, deb.image, source, deb.wheel, deb.dependencies
    [exit 3]
    ");
    assert_snapshot!(sandbox.run("plan --replace dab"), @r"
    --- stderr
    builder::usage::step

      × there is no step `dab`
      help: did you mean `deb`? the steps are deb.base, deb.dockerfile, deb.image, source, deb.wheel, deb.dependencies
    [exit 3]
    ");
    assert_snapshot!(sandbox.run("apply --auto-approve --target everything-else"), @r"
    --- stderr
    builder::usage::step

      × there is no step `everything-else`
      help: the steps are deb.base, deb.dockerfile, deb.image, source, deb.wheel, deb.dependencies
    [exit 3]
    ");
}
