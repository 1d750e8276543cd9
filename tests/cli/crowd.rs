//! Many processes on one cache or one workspace, some of which are killed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::sandbox::{Sandbox, command};

/// How many builders there are at once.
const BUILDERS: usize = 4;

/// How many commits each of them builds.
const COMMITS: usize = 4;

/// Prepares an apply of a project into a workspace, with the cache and an engine of its own.
fn apply(folder: &Path, project: &str, workspace: &str) -> Command {
    let arguments = format!(
        "apply --auto-approve --engine fake:{workspace}.json --config config.yml {project} {workspace}"
    );
    let mut command = command(folder, &arguments);
    command
        .env("BUILDER_NO_CACHE", "0")
        .env("BUILDER_CACHE_DIR", "cache");
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn assert_done(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

/// The wheels of a workspace.
fn wheels(folder: &Path, workspace: &str) -> BTreeMap<String, Vec<u8>> {
    let wheelhouse = folder.join(workspace).join("build/wheelhouse/deb");
    let files = fs::read_dir(wheelhouse).unwrap().map(Result::unwrap);
    files
        .map(|file| {
            let name = file.file_name().into_string().unwrap();
            (name, fs::read(file.path()).unwrap())
        })
        .collect()
}

/// Makes a project of each commit, and builds it without a cache.
fn commits(sandbox: &Sandbox, count: usize) -> Vec<BTreeMap<String, Vec<u8>>> {
    let built = (0..count).map(|commit| {
        let project = format!("commit-{commit}");
        sandbox.write(&format!("{project}/.build.yml"), "deb:\n");
        sandbox.write(
            &format!("{project}/pyproject.toml"),
            "[project]\nname = \"shop\"\n",
        );
        sandbox.write(
            &format!("{project}/shop.py"),
            &format!("PRICE = {commit}\n"),
        );
        let requires = format!("cffi\nthing{}\n", commit / 2);
        sandbox.write(&format!("{project}/requires.txt"), &requires);
        let workspace = format!("alone-{commit}");
        let alone = sandbox.exactly(&format!(
            "apply --auto-approve --engine fake:{workspace}.json --config config.yml {project} {workspace}"
        ));
        assert!(alone.ends_with("[exit 0]"), "{alone}");
        wheels(&sandbox.path("."), &workspace)
    });
    built.collect()
}

/// Builds all commits in many processes at once while another one goes on doing something with the
/// cache; what that printed is handed to `look`.
fn together(meanwhile: &[&str], look: impl Fn(&str) + Sync) {
    let sandbox = Sandbox::new();
    let right = commits(&sandbox, COMMITS);
    fs::create_dir_all(sandbox.path("cache/v1/staging")).unwrap();
    let folder: PathBuf = sandbox.path(".");
    let (folder, right, over) = (&folder, &right, AtomicBool::new(false));
    thread::scope(|scope| {
        let builders: Vec<_> = (0..BUILDERS)
            .map(|builder| {
                scope.spawn(move || {
                    for (commit, right) in right.iter().enumerate() {
                        let workspace = format!("builder-{builder}-{commit}");
                        let project = format!("commit-{commit}");
                        let output = apply(folder, &project, &workspace).output().unwrap();
                        assert_done(&output);
                        assert!(wheels(folder, &workspace) == *right, "{workspace}");
                    }
                })
            })
            .collect();
        let (over, look) = (&over, &look);
        scope.spawn(move || {
            while !over.load(Ordering::Relaxed) {
                for task in meanwhile {
                    let arguments = format!("cache {task} --cache-dir cache");
                    let output = command(folder, &arguments).output().unwrap();
                    assert_done(&output);
                    look(&text(&output.stdout));
                }
            }
        });
        let ended: Vec<_> = builders
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        over.store(true, Ordering::Relaxed);
        for builder in ended {
            builder.unwrap();
        }
    });
    // What a collection took a part of is no entry any more, and is found once.
    sandbox.exactly("cache verify --cache-dir cache");
    let output = sandbox.exactly("cache verify --cache-dir cache");
    assert!(output.contains(" 0 things removed"), "{output}");
}

#[test]
fn builders_at_once_share_a_cache_in_which_nothing_is_ever_broken() {
    together(&["verify", "status"], |printed| {
        let sound = !printed.contains("things removed") || printed.contains(" 0 things removed");
        assert!(sound, "{printed}");
    });
}

#[test]
fn builders_at_once_end_well_while_all_is_taken_away_from_them() {
    together(&["gc --max-size 0", "verify"], |printed| {
        assert!(!printed.contains("bytes changed"), "{printed}");
    });
}

/// A process that ends with the test.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(status.unwrap().success(), "kill -s {name} {pid}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_second_on_a_workspace_says_who_has_it_and_leaves_it_to_the_first() {
    let sandbox = Sandbox::new();
    let right = commits(&sandbox, 2);
    let folder = sandbox.path(".");
    // The more files there are to copy, the surer the first one is caught at work.
    for number in 0..1500 {
        sandbox.write(&format!("commit-1/tests/{number}.txt"), "data\n");
    }
    let mut caught = false;
    for round in 0..20 {
        let workspace = format!("shared-{round}");
        let mut first = Running::start(&mut apply(&folder, "commit-1", &workspace));
        let journal = folder.join(&workspace).join(".builder/manifest.jsonl");
        while !journal.exists() && first.0.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(1));
        }
        first.signal("STOP");
        let pid = first.0.id();
        let second = apply(&folder, "commit-0", &workspace).output().unwrap();
        first.signal("CONT");
        assert_eq!(first.0.wait().unwrap().code(), Some(0));
        // It had ended before it was stopped where the second one was let in.
        if second.status.code() == Some(0) {
            continue;
        }
        caught = true;
        assert_eq!(second.status.code(), Some(6), "{}", text(&second.stderr));
        let holder = format!("process {pid} (builder apply)");
        let said = text(&second.stderr).replace("\n  │ ", " ");
        assert!(said.contains(&holder), "{said}");
        // The first one's wheels are there, and the second may do its work now.
        assert!(wheels(&folder, &workspace) == right[1]);
        assert_done(&apply(&folder, "commit-0", &workspace).output().unwrap());
        assert!(wheels(&folder, &workspace) == right[0]);
        break;
    }
    assert!(caught, "no apply was stopped at work");
}

#[test]
fn many_on_a_workspace_leave_it_as_one_would() {
    let sandbox = Sandbox::new();
    let right = commits(&sandbox, 1);
    let folder = sandbox.path(".");
    for round in 0..4 {
        let workspace = format!("shared-{round}");
        let all: Vec<Child> = (0..BUILDERS)
            .map(|_| {
                let mut apply = apply(&folder, "commit-0", &workspace);
                apply.stdout(Stdio::piped()).stderr(Stdio::piped());
                apply.spawn().unwrap()
            })
            .collect();
        let ended = all
            .into_iter()
            .map(|child| child.wait_with_output().unwrap());
        let mut done = 0;
        for output in ended {
            match output.status.code() {
                Some(0) => done += 1,
                Some(6) => {}
                code => panic!("{code:?}: {}", text(&output.stderr)),
            }
        }
        assert!(done > 0);
        assert!(wheels(&folder, &workspace) == right[0]);
        let mut plan = command(
            &folder,
            &format!(
                "plan --engine fake:{workspace}.json --config config.yml commit-0 {workspace}"
            ),
        );
        let plan = text(&plan.output().unwrap().stdout);
        assert!(plan.starts_with("No changes."), "{plan}");
    }
}

#[test]
fn a_builder_that_is_killed_leaves_a_cache_in_which_nothing_is_broken() {
    const KILLED: usize = 8;
    let sandbox = Sandbox::new();
    let right = commits(&sandbox, KILLED + 1);
    let folder = sandbox.path(".");
    let began = Instant::now();
    assert_done(
        &apply(&folder, &format!("commit-{KILLED}"), "whole")
            .output()
            .unwrap(),
    );
    let whole = began.elapsed();
    let mut cut_off = 0;
    for (commit, right) in right[..KILLED].iter().enumerate() {
        // Later and later in the run: each of them has something to write that the cache has not.
        let running = Running::start(&mut apply(&folder, &format!("commit-{commit}"), "killed"));
        thread::sleep(whole.mul_f64((commit + 1) as f64 / (KILLED as f64 * 1.1)));
        drop(running);
        let output = sandbox.exactly("cache verify --cache-dir cache");
        assert!(output.contains(" 0 things removed"), "{output}");
        let plan = sandbox.exactly(&format!(
            "plan --engine fake:killed.json --config config.yml commit-{commit} killed"
        ));
        cut_off += usize::from(!plan.starts_with("No changes."));
        assert_done(
            &apply(&folder, &format!("commit-{commit}"), "killed")
                .output()
                .unwrap(),
        );
        assert!(wheels(&folder, "killed") == *right, "{commit}");
        let fresh = format!("fresh-{commit}");
        assert_done(
            &apply(&folder, &format!("commit-{commit}"), &fresh)
                .output()
                .unwrap(),
        );
        assert!(wheels(&folder, &fresh) == *right, "{commit}");
    }
    assert!(cut_off > 0, "every run had ended before it was killed");
    // What was half-written goes with a collection, when nobody can be writing it any more.
    sandbox.write("cache/v1/staging/blob-of-one-who-was-killed", "half");
    for file in sandbox.list("cache/v1/staging") {
        let file = File::options()
            .append(true)
            .open(folder.join("cache/v1/staging").join(file));
        let then = SystemTime::now() - Duration::from_secs(2 * 3600);
        file.unwrap().set_modified(then).unwrap();
    }
    sandbox.exactly("cache gc --cache-dir cache");
    assert_eq!(sandbox.list("cache/v1/staging"), Vec::<String>::new());
}
