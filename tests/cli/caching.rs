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
fn an_image_that_two_workspaces_have_stays_when_one_gives_it_up() {
    let sandbox = kept();
    let output = sandbox.cached("apply --auto-approve", "two");
    assert!(output.contains("deb.image: restored"), "{output}");
    let other = "deb:\n  package: none\n  base_image: base-13\n";
    sandbox.write("config.yml", other);
    let output = sandbox.cached("apply --auto-approve", "one");
    assert!(output.contains("deb.image: done"), "{output}");
    sandbox.write("config.yml", &other.replace("13", "12"));
    assert_snapshot!(sandbox.cached("plan", "two"), @r"
    No changes. 6 steps are up to date.
    [exit 0]
    ");
}

#[test]
fn documents_tell_what_is_restored_and_from_where() {
    // Each is held against its schema.
    let sandbox = kept();
    let plan = sandbox.cached("plan --json --out plan.json", "two");
    assert_eq!(plan.matches("\"action\": \"restore\"").count(), 5, "{plan}");
    let events = sandbox.cached("apply --auto-approve --json", "two");
    let told = "\"event\":\"step-restored\",\"from\":\"the local cache\"";
    assert_eq!(events.matches(told).count(), 5, "{events}");
    let manifest = sandbox.read("two/.builder/manifest.jsonl");
    let told = "\"restored\":\"the local cache\"";
    assert_eq!(manifest.matches(told).count(), 5, "{manifest}");
    // A plan that counts on the cache is of now only as long as the cache has what it had.
    sandbox.cached("plan --out three.json", "three");
    fs::remove_dir_all(sandbox.path("cache")).unwrap();
    let cached = [("BUILDER_NO_CACHE", "0"), ("BUILDER_CACHE_DIR", "cache")];
    let output = sandbox.with(&cached, "apply three.json --engine fake:engine.json");
    assert!(output.contains("restore"), "{output}");
    assert!(output.ends_with("[exit 5]"), "{output}");
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
fn a_kept_layer_is_read_before_another_entry_names_it() {
    let sandbox = kept();
    damage(&sandbox, "blobs");
    let output = sandbox.cached("apply --auto-approve --replace deb", "one");
    assert!(output.ends_with("[exit 0]"), "{output}");
    let output = sandbox.exactly("cache verify --cache-dir cache");
    assert!(output.contains(" 0 things removed"), "{output}");
}

#[test]
fn a_step_that_could_not_be_restored_takes_along_what_seemed_up_to_date() {
    let sandbox = kept();
    let folder = "one/build/wheelhouse/deb";
    for wheel in sandbox.list(folder) {
        if wheel.starts_with("fake_project-") {
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

#[test]
fn the_cache_says_what_is_in_it_what_it_gave_up_and_when() {
    let sandbox = kept();
    assert_snapshot!(sandbox.exactly("cache status --cache-dir cache"), @"
    cache: 6 entries, 7 blobs, 0 downloads, 10.7 kB
      image: 1, 269 B
      probe: 1, 383 B
      render: 1, 1.1 kB
      resolution: 1, 225 B
      wheel run: 2, 675 B
      least recently of use: [TIME]
    [exit 0]
    ");
    assert_snapshot!(sandbox.exactly("cache gc --max-size 10GB --cache-dir cache"), @"
    0 entries and 0 downloads taken away, 0 B freed, 10.7 kB left
    [exit 0]
    ");
    let output = sandbox.exactly("cache gc --max-size 0 --cache-dir cache");
    assert!(
        output.contains("6 entries and 0 downloads taken away"),
        "{output}"
    );
    assert!(output.contains("deb.image"), "{output}");
    let status = sandbox.exactly("cache status --cache-dir cache");
    assert!(
        status.contains("0 entries, 0 blobs, 0 downloads, 0 B"),
        "{status}"
    );
    let plan = sandbox.cached("plan --target deb.base", "two");
    assert!(
        plan.contains("was evicted from the local cache on 20"),
        "{plan}"
    );
    let nothing = sandbox.exactly("cache status --cache-dir elsewhere");
    assert!(nothing.contains("nothing is kept there"), "{nothing}");
    let refused = sandbox.exactly("cache gc --max-size plenty --cache-dir cache");
    assert!(refused.contains("a whole number with a unit"), "{refused}");
}

#[test]
fn an_entry_of_use_outlives_one_that_is_older() {
    let sandbox = kept();
    sandbox.write("project/shop.py", "PRICE = 2\n");
    let output = sandbox.cached("apply --auto-approve", "one");
    assert!(output.contains("deb.wheel: done"), "{output}");
    // The first wheel was not of use since: everything but it is of use to a fresh workspace now.
    std::thread::sleep(std::time::Duration::from_millis(20));
    let output = sandbox.cached("apply --auto-approve", "two");
    assert!(output.contains("deb.wheel: restored"), "{output}");
    let status = sandbox.exactly("cache gc --max-age 0s --max-size 10GB --cache-dir cache");
    // Nor was the resolution, which was stored beside it.
    let mut lines = { status.lines() }.skip_while(|line| line.starts_with("deb.dependencies"));
    let first = lines.next().unwrap();
    assert!(first.starts_with("deb.wheel"), "{status}");
}

#[test]
fn verifying_removes_what_does_not_hold() {
    let sandbox = kept();
    let output = sandbox.exactly("cache verify --cache-dir cache");
    assert!(
        output.contains("6 entries hold, 0 things removed"),
        "{output}"
    );
    damage(&sandbox, "blobs");
    let output = sandbox.exactly("cache verify --cache-dir cache");
    assert!(output.contains("0 entries hold"), "{output}");
    assert!(output.contains("a blob of it is missing"), "{output}");
    let output = sandbox.cached("plan", "two");
    assert!(!output.contains("restore"), "{output}");
}

#[test]
fn the_history_tells_runs_wheels_and_what_a_step_was_made_from() {
    let sandbox = kept();
    sandbox.write("project/requires.txt", "cffi\nurllib3\n");
    let output = sandbox.cached("apply --auto-approve", "one");
    assert!(output.ends_with("[exit 0]"), "{output}");
    sandbox.write("project/requires.txt", "cffi\n");
    let output = sandbox.cached("apply --auto-approve --jobs 1", "one");
    assert!(output.ends_with("[exit 0]"), "{output}");
    assert_snapshot!(sandbox.exactly("history one"), @"
    [RUN]  done in 0.0s
      source  ran in 0.0s
      deb.wheel  restored from the local cache in 0.0s
      deb.dependencies  restored from the local cache in 0.0s
    [RUN]  done in 0.0s
      source  ran in 0.0s
      deb.wheel  ran in 0.0s
      deb.dependencies  ran in 0.0s
    [RUN]  done in 0.0s
      deb.base  ran in 0.0s
      deb.dockerfile  ran in 0.0s
      deb.image  ran in 0.0s
      source  ran in 0.0s
      deb.wheel  ran in 0.0s
      deb.dependencies  ran in 0.0s
    [exit 0]
    ");
    assert_snapshot!(sandbox.exactly("history --wheel URLLIB3 one"), @"
    [RUN]  deb.dependencies  urllib3-1-py3-none-any.whl  [SHORT]
    [RUN]  deb.dependencies  no longer there
    [exit 0]
    ");
    let history = sandbox.exactly("history --wheel urllib3 one");
    let second = history.split_whitespace().next().unwrap();
    let explained = sandbox.cached(
        &format!("explain deb.dependencies --against {second}"),
        "one",
    );
    let against = explained.split("\nagainst ").nth(1).unwrap();
    assert_snapshot!(against, @"
    [RUN]
      requirements: -urllib3
    [exit 0]
    ");
    assert_snapshot!(sandbox.cached("explain deb.wheel --against yesterday", "one"), @"
    --- stderr
    builder::usage::run

      × no run is called `yesterday`
      help: the last runs are [RUN], [RUN], [RUN]
    [exit 3]
    ");
    assert_snapshot!(sandbox.exactly("history two"), @"
    no run is remembered in two
    [exit 0]
    ");
}
