//! Holds every document that a test makes against the schema that `builder schema` prints of it.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

use crate::sandbox::Sandbox;

fn validator(schema: &str) -> Validator {
    let schema: Value = serde_json::from_str(schema).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

static PLAN: LazyLock<Validator> = LazyLock::new(|| validator(builder::plan::schema()));
static EVENT: LazyLock<Validator> = LazyLock::new(|| validator(builder::report::schema()));
static LINE: LazyLock<Validator> = LazyLock::new(|| validator(builder::manifest::schema()));

fn check(validator: &Validator, document: &Value, what: &str) {
    let errors: Vec<_> = validator
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(
        errors.is_empty(),
        "{what}: {}\n{document:#}",
        errors.join("\n")
    );
}

/// Holds a plan against its schema.
pub fn plan(text: &str) {
    check(&PLAN, &serde_json::from_str(text).unwrap(), "plan");
}

/// Holds a stream of events against their schema, and the plan in it against its own.
pub fn events(text: &str) {
    for line in text.lines() {
        let event = serde_json::from_str(line).unwrap();
        check(&EVENT, &event, "event");
        if event["event"] == "plan" {
            check(&PLAN, &event["plan"], "plan of a stream");
        }
    }
}

/// Validates what a command made: its output, the files that it was told to write, the manifest.
pub fn validate(sandbox: &Sandbox, arguments: &str, output: &str) {
    let words: Vec<&str> = arguments.split_whitespace().collect();
    let value = |flag: &str| {
        let at = words.iter().position(|word| *word == flag)?;
        words.get(at + 1).copied()
    };
    let is_apply = !matches!(words.first(), Some(&("plan" | "show")));
    if (words.contains(&"--json") || value("--format") == Some("json")) && !output.is_empty() {
        if is_apply {
            events(output)
        } else {
            plan(output)
        }
    }
    for (flag, document) in [
        ("--out", plan as fn(&str)),
        ("--json-into", if is_apply { events } else { plan }),
    ] {
        let file = value(flag).filter(|file| sandbox.path(file).is_file());
        if let Some(file) = file {
            document(&sandbox.read(file));
        }
    }
    for folder in sandbox.list(".") {
        let manifest = format!("{folder}/.builder/manifest.jsonl");
        if sandbox.has(&manifest) {
            for line in sandbox.read(&manifest).lines() {
                // Some tests tear lines.
                if let Ok(line) = serde_json::from_str(line) {
                    check(&LINE, &line, "manifest");
                }
            }
        }
    }
}

#[test]
fn the_plan_of_version_1_is_as_its_schema_says_but_for_what_it_cannot_know() {
    let text = include_str!("../saved_plans/version-1.json");
    let mut document: Value = serde_json::from_str(text).unwrap();
    for change in document["changes"].as_array_mut().unwrap() {
        let reasons = change["reasons"].as_array_mut().unwrap();
        // A reason of a builder to come.
        reasons.retain(|reason| reason["detail"]["because"] != "moon");
    }
    plan(&document.to_string());
    document["changes"][1]["action"] = Value::from("restore");
    plan(&document.to_string());
}

#[test]
fn the_schemas_refuse_what_is_none_of_theirs() {
    let sandbox = Sandbox::applied();
    sandbox.run("plan --out plan.json --replace deb");
    let document: Value = serde_json::from_str(&sandbox.read("plan.json")).unwrap();
    for (place, value) in [
        ("/version", Value::from(3)),
        ("/changes/0/action", Value::from("dance")),
        ("/changes/0/inputs/more", serde_json::json!({"text": 1})),
        ("/basis/manifest", Value::from("abc")),
        ("/more", Value::from(1)),
    ] {
        let mut document = document.clone();
        let (parent, name) = place.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap()[name] = value;
        assert!(!PLAN.is_valid(&document), "{place}");
    }
    for event in [
        r#"{"event":"started","steps":1}"#,
        r#"{"event":"dance","time":"","run":"r"}"#,
    ] {
        assert!(
            !EVENT.is_valid(&serde_json::from_str(event).unwrap()),
            "{event}"
        );
    }
    assert!(!LINE.is_valid(&serde_json::json!({"begun": {"step": "a"}})));
}

#[test]
fn the_schemas_are_printed() {
    let sandbox = Sandbox::new();
    for (what, schema) in [
        ("plan", builder::plan::schema()),
        ("events", builder::report::schema()),
        ("manifest", builder::manifest::schema()),
    ] {
        let output = sandbox.exactly(&format!("schema {what}"));
        assert_eq!(output, format!("{schema}[exit 0]"));
    }
}
