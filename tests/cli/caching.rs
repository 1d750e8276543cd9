//! What earlier runs left is restored, in any workspace, as long as it is whole.

use std::fs;

use insta::assert_snapshot;

use crate::sandbox::Sandbox;

/// A project that was applied in the workspace `one`, with a cache.
fn kept() -> Sandbox {
    let sandbox = Sandbox::new();
    let output = sandbox.cached("apply --auto-approve", "one");
    assert!(output.ends_with("[exit 0]"), "{output}");
    sandbox
}

fn calls(sandbox: &Sandbox) -> Vec<String> {
    let mut calls = Vec::new();
    sandbox.engine(|state| calls = std::mem::take(&mut state.calls));
    calls
}

/// Changes a byte in every file of the cache below a folder.
fn damage(sandbox: &Sandbox, folder: &str) {
    let mut ahead = vec![sandbox.path("cache/v1").join(folder)];
    let mut damaged = 0;
    while let Some(path) = ahead.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(path).unwrap();
            ahead.extend(entries.map(|entry| entry.unwrap().path()));
        } else {
            let mut bytes = fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(&path, bytes).unwrap();
            damaged += 1;
        }
    }
    assert!(damaged > 0);
}

#[test]
fn a_fresh_workspace_restores_all_but_the_copy_and_its_wheels_are_the_same() {
    let sandbox = kept();
    calls(&sandbox);
    assert_snapshot!(sandbox.cached("plan", "two"), @"
      + source            copy 5 files
      < deb.base          restore from the local cache ([SIZE])
      < deb.dockerfile    restore from the local cache ([SIZE])
      < deb.image         restore from the local cache ([SIZE])
      < deb.wheel         restore from the local cache ([SIZE])
      < deb.dependencies  restore from the local cache ([SIZE])

      + runs for the first time   < is restored from a cache

    Plan: 1 to run, 5 to restore.
    [exit 0]
    ");
    assert_snapshot!(sandbox.cached("apply --auto-approve --jobs 1", "two"), @"
      + source            copy 5 files
      < deb.base          restore from the local cache ([SIZE])
      < deb.dockerfile    restore from the local cache ([SIZE])
      < deb.image         restore from the local cache ([SIZE])
      < deb.wheel         restore from the local cache ([SIZE])
      < deb.dependencies  restore from the local cache ([SIZE])

      + runs for the first time   < is restored from a cache

    Plan: 1 to run, 5 to restore.
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
    deb.dependencies: restore: build the wheels of all dependencies
    deb.dependencies: restored from the local cache in 0.0s
    1 ran, 5 restored in 0.0s
      [SANDBOX]/two/build/wheelhouse/deb: 2 wheels
    [exit 0]
    ");
    assert_snapshot!(calls(&sandbox).join("\n"), @"tag builder/shop:deb-[ID]");
    for wheel in sandbox.list("one/build/wheelhouse/deb") {
        let read = |workspace: &str| {
            fs::read(sandbox.path(&format!("{workspace}/build/wheelhouse/deb/{wheel}"))).unwrap()
        };
        assert_eq!(read("one"), read("two"), "{wheel}");
    }
    assert_snapshot!(sandbox.cached("plan", "two"), @"
    No changes. 6 steps are up to date.
    [exit 0]
    ");
}

#[test]
fn an_image_that_the_engine_lost_is_taken_from_the_cache() {
    let sandbox = kept();
    sandbox.engine(|state| {
        state.names.clear();
        state.calls.clear();
    });
    assert_snapshot!(sandbox.cached("plan", "one"), @"
      < deb.image  restore from the local cache ([SIZE])
                   image was pruned: builder/shop:deb-[ID]

      < is restored from a cache

    Plan: 1 to restore, 5 up to date.
    [exit 0]
    ");
    let output = sandbox.cached("apply --auto-approve", "one");
    assert!(output.contains("deb.image: restored"), "{output}");
    assert_snapshot!(calls(&sandbox).join("\n"), @"
    import image [SHORT]
    tag builder/shop:deb-[ID]
    ");
}

#[test]
fn going_back_to_an_earlier_source_runs_nothing() {
    let sandbox = kept();
    sandbox.write("project/shop.py", "PRICE = 2\n");
    let output = sandbox.cached("apply --auto-approve", "one");
    assert!(output.contains("deb.wheel: done"), "{output}");
    sandbox.write("project/shop.py", "\"\"\"A shop.\"\"\"\n");
    calls(&sandbox);
    let output = sandbox.cached("apply --auto-approve", "one");
    assert!(output.contains("deb.wheel: restored"), "{output}");
    assert_eq!(calls(&sandbox), Vec::<String>::new());
}

#[test]
fn a_deleted_wheel_is_restored_and_a_replaced_step_runs() {
    let sandbox = kept();
    sandbox.remove("one/build/wheelhouse/deb/cffi-1-py3-none-any.whl");
    assert_snapshot!(sandbox.cached("plan", "one"), @"
      < deb.dependencies  restore from the local cache ([SIZE])
                          missing: build/wheelhouse/deb/cffi-1-py3-none-any.whl

      < is restored from a cache

    Plan: 1 to restore, 5 up to date.
    [exit 0]
    ");
    let output = sandbox.cached("apply --auto-approve --replace deb.dependencies", "one");
    assert!(output.contains("deb.dependencies: done"), "{output}");
}

#[test]
fn a_flavour_with_another_name_restores_what_is_the_same_into_its_own_folders() {
    let sandbox = kept();
    let config = "deb:\n  package: none\n  base_image: base-12\nweb:\n  package: none\n  base_image: base-12\n";
    sandbox.write("config.yml", config);
    sandbox.write("project/.build.yml", "web:\n");
    let output = sandbox.cached("apply --auto-approve", "two");
    assert!(output.contains("web.base: restored"), "{output}");
    assert_eq!(
        sandbox.read("two/.builder/facts/web.json"),
        sandbox.read("one/.builder/facts/deb.json")
    );
}

#[test]
fn whatever_is_damaged_in_the_cache_is_not_used() {
    for folder in ["entries", "blobs"] {
        let sandbox = kept();
        damage(&sandbox, folder);
        sandbox.engine(|state| state.names.clear());
        let output = sandbox.cached("apply --auto-approve", "two");
        assert!(output.ends_with("[exit 0]"), "{output}");
        assert!(output.contains("damaged"), "{output}");
        assert!(!output.contains(": restored"), "{output}");
        for wheel in sandbox.list("one/build/wheelhouse/deb") {
            let read = |workspace: &str| {
                fs::read(sandbox.path(&format!("{workspace}/build/wheelhouse/deb/{wheel}")))
                    .unwrap()
            };
            assert_eq!(read("one"), read("two"), "{wheel}");
        }
        // What ran is kept anew, so that the next workspace has it.
        let output = sandbox.cached("apply --auto-approve", "three");
        assert!(output.contains("deb.wheel: restored"), "{output}");
    }
}

#[test]
fn a_step_that_could_not_be_restored_takes_along_what_seemed_up_to_date() {
    let sandbox = kept();
    let folder = "one/build/wheelhouse/deb";
    for wheel in sandbox.list(folder) {
        if wheel.starts_with("shop-") {
            sandbox.remove(&format!("{folder}/{wheel}"));
        }
    }
    damage(&sandbox, "blobs");
    let output = sandbox.cached("apply --auto-approve", "one");
    assert!(output.contains("deb.wheel: done"), "{output}");
    assert!(output.ends_with("[exit 0]"), "{output}");
}

#[test]
fn without_a_cache_everything_runs() {
    let sandbox = kept();
    let output = sandbox.cached("apply --auto-approve --no-cache", "two");
    assert!(output.contains("deb.wheel: done"), "{output}");
}

#[test]
fn a_cache_folder_that_is_a_file_is_refused_when_it_was_named_and_done_without_when_not() {
    let sandbox = Sandbox::new();
    sandbox.write("cache", "");
    assert_snapshot!(sandbox.cached("plan", "one"), @"
    --- stderr
    builder::cache::io

      × could not create cache/v1/staging: Not a directory (os error 20)
      help: --cache-dir names another folder, --no-cache does without
    [exit 3]
    ");
    sandbox.write(".cache", "");
    let output = sandbox.with(
        &[("BUILDER_NO_CACHE", "0")],
        "apply --auto-approve --engine fake:engine.json --config config.yml project one",
    );
    assert!(output.contains("there is no local cache"), "{output}");
    assert!(output.ends_with("[exit 0]"), "{output}");
}
