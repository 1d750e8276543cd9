//! Whole builds in front of a shared cache that fails them: each ends right, leaves the bytes that a
//! build without a cache leaves, and says what happened.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::task::JoinSet;

use super::proxy::Fault::*;
use super::proxy::{self, Fault, Harm};
use super::servers::Server;

/// A runner with an empty disk and an engine in memory.
struct Runner(TempDir);

/// How a command ended.
struct Ended {
    code: Option<i32>,
    /// Both streams, the plan first.
    said: String,
    took: Duration,
}

impl Runner {
    fn comes_up() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = "deb:\n  package: none\n  base_image: base-12\n";
        fs::write(folder.path().join("config.yml"), config).unwrap();
        let project = folder.path().join("project");
        fs::create_dir(&project).unwrap();
        for (name, text) in [
            (".build.yml", "deb:\n"),
            ("pyproject.toml", "[project]\nname = \"shop\"\n"),
            ("shop.py", "\"\"\"A shop.\"\"\"\n"),
            ("requires.txt", "cffi\nurllib3\n"),
        ] {
            fs::write(project.join(name), text).unwrap();
        }
        Self(folder)
    }

    /// Runs a command with these variables; it has to be over within a minute.
    fn run(&self, command: &str, variables: &[(&str, &str)]) -> Ended {
        let begun = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_builder"))
            .args(command.split(' '))
            .args(["--engine", "fake:engine.json", "--config", "config.yml"])
            .args(["project", "workspace"])
            .current_dir(self.0.path())
            .env_clear()
            .env("HOME", self.0.path())
            .env("BUILDER_CACHE_DIR", "cache")
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(60), "{took:?}\n{out}{err}");
        Ended {
            code: output.status.code(),
            said: out + &err,
            took,
        }
    }

    fn apply(&self, cache: &str) -> Ended {
        let ended = self.run("apply --auto-approve", &[("BUILDER_CACHE", cache)]);
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        ended
    }

    /// The bytes of the wheels, by name.
    fn wheels(&self) -> BTreeMap<String, Vec<u8>> {
        let folder = self.0.path().join("workspace/build/wheelhouse/deb");
        let files = fs::read_dir(folder).unwrap().map(Result::unwrap);
        files
            .map(|file| {
                let name = file.file_name().into_string().unwrap();
                (name, fs::read(file.path()).unwrap())
            })
            .collect()
    }
}

impl Ended {
    fn warnings(&self) -> Vec<&str> {
        let lines = self.said.lines();
        lines.filter(|line| line.contains("warning: ")).collect()
    }

    fn restored(&self) -> BTreeSet<&str> {
        let lines = self.said.lines();
        let lines = lines.filter_map(|line| line.split_once(": restored from "));
        lines.map(|(step, _)| step).collect()
    }
}

/// The wheels of a build that knows no cache.
fn without_a_cache() -> BTreeMap<String, Vec<u8>> {
    let runner = Runner::comes_up();
    let ended = runner.run("apply --auto-approve", &[("BUILDER_NO_CACHE", "1")]);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!(ended.warnings(), [""; 0]);
    let wheels = runner.wheels();
    assert_eq!(wheels.len(), 3, "{:?}", wheels.keys());
    wheels
}

/// When something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// From the second question of the plan on.
    Plan,
    /// When what the plan counts on is brought, from the second blob on.
    Restore,
    /// When something is stored in a cache that is empty.
    Upload,
}
use When::{Plan, Restore, Upload};

/// A case: when, what is done to which requests, and what a warning has to say.
type Case = (
    When,
    (&'static str, &'static str),
    Fault,
    &'static [&'static str],
);

async fn hold(server: u16, number: usize, case: Case, wheels: Arc<BTreeMap<String, Vec<u8>>>) {
    let (when, on, fault, words) = case;
    let cache_at = move |port: u16| format!("oci://127.0.0.1:{port}/ci/case{number}");
    let run = |runner: Runner, port: u16, command: &'static str| {
        tokio::task::spawn_blocking(move || {
            let cache = cache_at(port);
            let ended = runner.run(command, &[("BUILDER_CACHE", &cache)]);
            assert_eq!(ended.code, Some(0), "{}", ended.said);
            (ended, runner)
        })
    };
    if when != Upload {
        let (ended, _) = run(Runner::comes_up(), server, "apply --auto-approve")
            .await
            .unwrap();
        assert_eq!(ended.warnings(), [""; 0]);
    }
    let harmless = Harm {
        fault,
        on,
        after: u32::MAX,
        times: 0,
    };
    let after = match when {
        Plan => 1,
        Restore => {
            let (port, asked) = proxy::counting(server, harmless).await;
            run(Runner::comes_up(), port, "plan").await.unwrap();
            asked.load(Ordering::Relaxed) + 1
        }
        Upload => 0,
    };
    let harm = Harm {
        after,
        times: u32::MAX,
        ..harmless
    };
    let (port, _) = proxy::counting(server, harm).await;
    let (ended, runner) = run(Runner::comes_up(), port, "apply --auto-approve")
        .await
        .unwrap();
    let said = &ended.said;
    eprintln!(
        "{case:?}: {:?}\n{}\n",
        ended.took,
        ended.warnings().join("\n")
    );
    assert_eq!(runner.wheels(), *wheels, "{case:?}\n{said}");
    let name = format!("registry 127.0.0.1:{port}/ci/case{number}");
    let told = ended.warnings().into_iter().any(|warning| {
        warning.contains(&name) && words.iter().all(|words| warning.contains(words))
    });
    assert!(
        told,
        "{case:?}: no warning has {name} and {words:?}\n{said}"
    );
    // Whoever is left out is named once, and not again by each step that would have asked.
    if words.contains(&"that cost ") {
        assert_eq!(ended.warnings().len(), 1, "{case:?}\n{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_ends_right_whatever_the_registry_does_and_says_what_happened() {
    let server = Server::registry("");
    let wheels = Arc::new(without_a_cache());
    let all = ("GET", "/v2/");
    let blobs = ("GET", "/blobs/");
    let opens = ("POST", "/uploads/");
    let uploads = ("PUT", "/uploads/");
    let tags = ("PUT", "/manifests/");
    let unreachable: &[&str] = &[
        "is left out of the rest of this run",
        "cannot be reached",
        "that cost ",
    ];
    let cases: &[Case] = &[
        (Plan, all, CutAnswer(10), unreachable),
        (Plan, all, StallAnswer(10), unreachable),
        (Plan, all, Silence, unreachable),
        (Plan, all, Status(500), unreachable),
        (
            Plan,
            all,
            Status(403),
            &["is left out", "it refuses", "403", "that cost "],
        ),
        (Plan, all, FlipAnswer, &["an entry of", "is not used"]),
        (Restore, blobs, CutAnswer(10), unreachable),
        (Restore, blobs, StallAnswer(10), unreachable),
        (Restore, blobs, Silence, unreachable),
        (Restore, blobs, Status(500), unreachable),
        (
            Restore,
            blobs,
            Status(403),
            &["is left out", "it refuses", "403", "that cost "],
        ),
        (
            Restore,
            blobs,
            Status(404),
            &["could not be restored", "is there no more"],
        ),
        (
            Restore,
            blobs,
            FlipAnswer,
            &["could not be restored", "damaged"],
        ),
        (Upload, uploads, CutRequest(10), unreachable),
        (Upload, uploads, StallRequest(10), unreachable),
        (Upload, uploads, Silence, unreachable),
        (
            Upload,
            uploads,
            Status(507),
            &["nothing more is stored", "it refuses", "507", "that cost "],
        ),
        (
            Upload,
            uploads,
            FlipRequest,
            &["nothing more is stored", "it refuses"],
        ),
        (
            Upload,
            opens,
            Status(405),
            &["nothing more is stored", "it refuses", "405", "that cost "],
        ),
        (
            Upload,
            opens,
            Status(403),
            &["nothing more is stored", "it refuses", "403", "that cost "],
        ),
        (Upload, tags, Status(500), unreachable),
    ];
    let mut held = JoinSet::new();
    for (number, case) in cases.iter().enumerate() {
        held.spawn(hold(server.port, number, *case, Arc::clone(&wheels)));
    }
    held.join_all().await;
}

/// The tags of a repository: one for each entry, and one for each image.
fn tags(server: &Server, repository: &str) -> BTreeSet<String> {
    let answer = server.ask(&format!("GET /v2/{repository}/tags/list HTTP/1.1"));
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let tags = body["tags"].as_array().cloned().unwrap_or_default();
    tags.iter()
        .map(|tag| tag.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_build_without_its_registry_goes_on_at_once() {
    let runner = Runner::comes_up();
    let ended = runner.apply("oci://127.0.0.1:1/ci/cache");
    let [warning] = ended.warnings()[..] else {
        panic!("{}", ended.said)
    };
    assert!(
        warning.contains("registry 127.0.0.1:1/ci/cache is left out of the rest of this run"),
        "{warning}"
    );
    assert!(warning.contains("that cost "), "{warning}");
    assert_eq!(runner.wheels(), without_a_cache());
}

#[test]
fn a_read_only_run_restores_what_is_there_and_stores_nothing() {
    let server = Server::registry("");
    let cache = format!("oci://127.0.0.1:{}/ci/cache", server.port);
    let read_only = [
        ("BUILDER_CACHE", cache.as_str()),
        ("BUILDER_CACHE_MODE", "read-only"),
    ];
    let stranger = Runner::comes_up();
    let ended = stranger.run("apply --auto-approve", &read_only);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!(ended.warnings(), [""; 0]);
    assert_eq!(tags(&server, "ci/cache"), BTreeSet::new());

    Runner::comes_up().apply(&cache);
    let stored = tags(&server, "ci/cache");
    let what = "five steps, what was resolved, and an image";
    assert_eq!(stored.len(), 7, "{what}: {stored:?}");

    let stranger = Runner::comes_up();
    let module = stranger.0.path().join("project/shop.py");
    fs::write(module, "PRICE = 2\n").unwrap();
    let ended = stranger.run("apply --auto-approve", &read_only);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!(ended.warnings(), [""; 0]);
    let restored = [
        "deb.base",
        "deb.dependencies",
        "deb.dockerfile",
        "deb.image",
    ];
    assert_eq!(ended.restored(), BTreeSet::from(restored));
    assert!(ended.said.contains("deb.wheel: done"), "{}", ended.said);
    assert_eq!(tags(&server, "ci/cache"), stored);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_refuses_writes_is_still_read() {
    let server = Server::registry("");
    let straight = format!("oci://127.0.0.1:{}/ci/cache", server.port);
    tokio::task::spawn_blocking(move || Runner::comes_up().apply(&straight))
        .await
        .unwrap();
    let stored = tags(&server, "ci/cache");
    let harm = Harm {
        fault: Status(403),
        on: ("POST", "/uploads/"),
        after: 0,
        times: u32::MAX,
    };
    let port = proxy::start(server.port, harm).await;
    let cache = format!("oci://127.0.0.1:{port}/ci/cache");
    let (ended, again) = tokio::task::spawn_blocking(move || {
        let runner = Runner::comes_up();
        let more = runner.0.path().join("project/requires.txt");
        let before = fs::read(&more).unwrap();
        fs::write(&more, "cffi\nurllib3\nidna\n").unwrap();
        let first = runner.apply(&cache);
        // The same runner goes back: what it had not built itself is brought, after the refusal too.
        fs::write(&more, before).unwrap();
        (first, runner.apply(&cache))
    })
    .await
    .unwrap();
    let restored = ["deb.base", "deb.dockerfile", "deb.image"];
    assert_eq!(ended.restored(), BTreeSet::from(restored));
    let [warning] = ended.warnings()[..] else {
        panic!("{}", ended.said)
    };
    assert!(warning.contains("nothing more is stored in"), "{warning}");
    let restored = ["deb.dependencies", "deb.wheel"];
    assert_eq!(again.restored(), BTreeSet::from(restored), "{}", again.said);
    assert_eq!(tags(&server, "ci/cache"), stored);
}

#[test]
fn two_runners_that_build_the_same_at_once_end_with_one_entry_and_no_error() {
    let server = Server::registry("");
    let expected = without_a_cache();
    for round in 0..5 {
        let repository = format!("ci/round{round}");
        let cache = format!("oci://127.0.0.1:{}/{repository}", server.port);
        let build = || {
            let runner = Runner::comes_up();
            let ended = runner.apply(&cache);
            assert_eq!(ended.warnings(), [""; 0]);
            assert_eq!(runner.wheels(), expected);
        };
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(build);
            }
        });
        assert_eq!(tags(&server, &repository).len(), 7);
        let third = Runner::comes_up();
        let ended = third.apply(&cache);
        assert_eq!(ended.restored().len(), 5, "{}", ended.said);
        assert_eq!(third.wheels(), expected);
    }
}
