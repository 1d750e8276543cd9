//! The worked examples of `plans/`: the plan of each is what its `plan.txt` says.
//!
//! A case is a folder with `config.yml`, `project/`, and `plan.txt`. Where it has a `before/`, the
//! files there stand for the project's, an apply of that comes first, and the plan is that of the
//! change. `UPDATE_PLANS=1 cargo test --test plans` writes what the plans say now.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the cases are files, the binary is a process, and a test may panic"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

/// Copies a folder into another, over what is there.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &place);
        } else {
            fs::copy(entry.path(), &place).unwrap();
        }
    }
}

/// Runs a command on a case in its sandbox, and returns what it prints.
fn builder(sandbox: &Path, command: &[&str]) -> String {
    let places = ["--config", "config.yml", "project", "workspace"];
    let output = Command::new(env!("CARGO_BIN_EXE_builder"))
        .args(command)
        .args(["--engine", "fake:engine.json"])
        .args(places)
        .current_dir(sandbox)
        .env_clear()
        .env("HOME", sandbox)
        .output()
        .unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn plan(case: &Path) -> String {
    let sandbox = tempfile::tempdir().unwrap();
    let sandbox = sandbox.path();
    let project = sandbox.join("project");
    fs::copy(case.join("config.yml"), sandbox.join("config.yml")).unwrap();
    copy(&case.join("project"), &project);
    if case.join("before").is_dir() {
        copy(&case.join("before"), &project);
        builder(sandbox, &["apply", "--auto-approve"]);
        fs::remove_dir_all(&project).unwrap();
        copy(&case.join("project"), &project);
    }
    let document = builder(sandbox, &["plan", "--json"]);
    let document = serde_json::from_str(&document).unwrap();
    let schema = serde_json::from_str(builder::plan::schema()).unwrap();
    if let Err(error) = jsonschema::validate(&schema, &document) {
        panic!("{}: {error}", case.display());
    }
    builder(sandbox, &["plan"])
}

#[test]
fn every_example_has_the_plan_that_it_shows() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans");
    let mut wrong = Vec::new();
    for case in fs::read_dir(cases).unwrap().map(Result::unwrap) {
        let expected = case.path().join("plan.txt");
        let plan = plan(&case.path());
        if std::env::var_os("UPDATE_PLANS").is_some() {
            fs::write(&expected, plan).unwrap();
        } else if fs::read_to_string(&expected).ok().as_ref() != Some(&plan) {
            wrong.push(format!("{}:\n{plan}", expected.display()));
        }
    }
    assert!(
        wrong.is_empty(),
        "plans are not as shown, UPDATE_PLANS=1 accepts them:\n{}",
        wrong.join("\n")
    );
}
