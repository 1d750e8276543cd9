use std::collections::BTreeSet;

use super::*;
use crate::lock::{Pin, Pins, VersionChange};
use crate::plan::{DiffLine, Moved, moved};
use crate::step::Facet;
use crate::tree::{Entry, RelPath, TreeDifference};

fn path(text: &str) -> RelPath {
    RelPath::new(text).unwrap()
}

fn step(name: &str) -> Address {
    Address::typed(name)
}

/// One reason of each kind.
pub(crate) fn reasons() -> Vec<Reason> {
    let input = || "input".to_owned();
    vec![
        Reason::FirstTime,
        Reason::Files {
            input: input(),
            difference: TreeDifference {
                added: vec![path("a.py")],
                changed: vec![path("b.py"), path("c.py")],
                removed: vec![path("d.py")],
            },
        },
        Reason::Text {
            input: input(),
            lines: vec![
                DiffLine {
                    sign: ' ',
                    text: "FROM base".to_owned(),
                },
                DiffLine {
                    sign: '+',
                    text: "RUN true".to_owned(),
                },
            ],
        },
        Reason::Items {
            input: input(),
            added: vec!["a".to_owned()],
            removed: vec!["b".to_owned()],
        },
        Reason::Versions {
            input: input(),
            changes: vec![VersionChange {
                name: "cffi".to_owned(),
                old: Some("1".to_owned()),
                new: None,
            }],
        },
        Reason::Value {
            input: input(),
            old: Some("1".to_owned()),
            new: None,
        },
        Reason::Bytes { input: input() },
        Reason::Image {
            input: input(),
            old: "0a0a0a0a0a0a".to_owned(),
            new: "0b0b0b0b0b0b".to_owned(),
        },
        Reason::Rebuilt { input: input() },
        Reason::Missing {
            path: path("a.whl"),
        },
        Reason::Altered {
            path: path("a.whl"),
        },
        Reason::Foreign {
            path: path("a.whl"),
        },
        Reason::ImageGone {
            name: "builder/shop:deb".to_owned(),
        },
        Reason::FailedLastTime,
        Reason::Interrupted,
        Reason::Requested,
        Reason::WaitsFor {
            steps: vec![step("deb.wheel")],
            inputs: vec![input()],
        },
        Reason::Awaits {
            what: "the base image is not here".to_owned(),
        },
        Reason::Revision {
            version: "1.0".to_owned(),
            next: 2,
        },
        Reason::NotConfigured {
            files: 2,
            image: Some("builder/shop:deb".to_owned()),
        },
        Reason::Told {
            text: "in other words".to_owned(),
        },
    ]
}

fn plan() -> Plan {
    let digest = Digest::of(b"content");
    let key = crate::step::fingerprint_key("copy", &BTreeMap::new());
    let pin = Pin {
        version: "1".to_owned(),
        file: String::new(),
        digest: digest.to_string(),
    };
    let inputs = [
        Input::Text("text".to_owned()),
        Input::List(vec!["a".to_owned()]),
        Input::Map(BTreeMap::from([("A".to_owned(), "1".to_owned())])),
        Input::Versions(Pins::from([("cffi".to_owned(), pin)])),
        Input::Stated {
            words: "1.0".to_owned(),
            digest,
        },
        Input::File(digest),
        Input::Document(digest),
        Input::Tree(digest),
        Input::Image(format!("sha256:{digest}")),
        Input::Made(key),
    ];
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"].map(str::to_owned);
    let unknown = [
        Source::Output {
            step: step("deb.wheel"),
            facet: Facet::Requirements,
        },
        Source::KeyOf(step("deb.image")),
        Source::Awaited("the base image is not here".to_owned()),
    ];
    let change = |name: &str, action, reasons| Change {
        address: step(name),
        kind: "copy".to_owned(),
        summary: "copy 3 files".to_owned(),
        action,
        reasons,
        key: Some(key),
        fingerprint: Fingerprint {
            inputs: names.iter().cloned().zip(inputs.clone()).collect(),
            unknown: ["x", "y", "z"]
                .map(str::to_owned)
                .into_iter()
                .zip(unknown.clone())
                .collect(),
        },
    };
    Plan {
        changes: vec![
            change("source", Action::Create, vec![Reason::FirstTime]),
            change("deb.wheel", Action::Run, reasons()),
            change("deb.dependencies", Action::MayRun, Vec::new()),
            change("deb.image", Action::Reuse, Vec::new()),
            change("rpm.image", Action::Remove, Vec::new()),
        ],
        warnings: vec!["mind the gap".to_owned()],
        left_out: None,
    }
}

fn tree() -> Tree {
    let file = |executable| Entry::File {
        digest: Digest::of(b"file"),
        executable,
    };
    let link = Entry::Symlink {
        target: "a b".to_owned(),
    };
    let entries = [("a b.py", file(false)), ("run", file(true)), ("link", link)];
    { entries.into_iter() }
        .map(|(name, entry)| (path(name), entry))
        .collect()
}

fn saved() -> Saved {
    let command = Command {
        config: "config.yml".to_owned(),
        build_file: None,
        source: "project".to_owned(),
        projects: BTreeMap::new(),
        list: None,
        changed_since: None,
        workspace: "workspace".to_owned(),
        targets: vec!["deb".to_owned()],
        replace: Vec::new(),
    };
    let basis = Basis {
        builder: "0.1.0".to_owned(),
        keys: "v1".to_owned(),
        engine: "fake".to_owned(),
        workspace: None,
        manifest: Digest::of(b""),
        config: Some(Digest::of(b"deb:")),
        project: None,
        projects: BTreeMap::new(),
    };
    let made = "2026-11-23T16:05:12Z".to_owned();
    let tree = tree();
    Saved::new(
        &plan(),
        command,
        basis,
        &Sources::from([(None, &tree)]),
        made,
    )
}

/// Holds a document against a plan of now, made from the same source.
fn now_moved(saved: &Saved, now: &Plan) -> Vec<Moved> {
    let tree = tree();
    moved(saved, now, &Sources::from([(None, &tree)]))
}

#[test]
fn a_plan_survives_its_document() {
    let read = Saved::parse(&saved().to_text()).unwrap();
    assert_eq!(read, saved());
    assert_eq!(read.plan(), plan());
    assert_eq!(read.source_trees(), BTreeMap::from([(None, tree())]));
    assert_eq!(now_moved(&read, &plan()), []);
}

#[test]
fn a_document_that_is_cut_off_anywhere_is_refused() {
    let text = saved().to_json().to_string();
    for length in 0..text.len() {
        if let Some(cut) = text.get(..length) {
            assert!(Saved::parse(cut).is_err(), "{length}");
        }
    }
}

#[test]
fn any_changed_value_is_seen() {
    fn places(value: &Value, at: String, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let name = name.replace('~', "~0").replace('/', "~1");
                    places(value, format!("{at}/{name}"), found);
                }
            }
            Value::Array(items) => {
                for (number, value) in items.iter().enumerate() {
                    places(value, format!("{at}/{number}"), found);
                }
            }
            _ => {
                found.insert(at);
            }
        }
    }
    let document = saved().to_json();
    let mut all = BTreeSet::new();
    places(&document, String::new(), &mut all);
    assert!(all.len() > 100, "{}", all.len());
    for place in all {
        let mut edited = document.clone();
        *edited.pointer_mut(&place).unwrap() = Value::from("edited");
        assert!(Saved::parse(&edited.to_string()).is_err(), "{place}");
    }
}

#[test]
fn what_a_later_builder_adds_is_passed_over_and_shown_in_its_words() {
    let mut document = saved().to_json();
    document["weather"] = Value::from("fine");
    document["changes"][1]["mood"] = Value::from("good");
    document["changes"][1]["reasons"][0] = serde_json::json!({
        "text": "the moon is full",
        "detail": { "because": "moon", "phase": 1 },
    });
    document["sum"] = serde_json::to_value(sum(&document)).unwrap();
    let read = Saved::parse(&document.to_string()).unwrap().plan();
    let told = Reason::Told {
        text: "the moon is full".to_owned(),
    };
    assert_eq!(read.changes[1].reasons[0], told);
    assert_eq!(read.changes[1].reasons[1..], plan().changes[1].reasons[1..]);
}

#[test]
fn each_kind_of_change_to_a_step_is_named_once() {
    let check = |change: fn(&mut Change), expected: &str| {
        let mut now = plan();
        change(&mut now.changes[1]);
        let moved = now_moved(&saved(), &now);
        let words: Vec<_> = moved.iter().map(ToString::to_string).collect();
        assert_eq!(words, [expected]);
    };
    check(
        |change| {
            let input = Input::Text("other".to_owned());
            change.fingerprint.inputs.insert("a".to_owned(), input);
        },
        "deb.wheel: a: text → other",
    );
    check(
        |change| {
            change.fingerprint.inputs.remove("a");
        },
        "deb.wheel: a: text → not set",
    );
    check(
        |change| {
            let input = Input::List(vec!["a".to_owned(), "b".to_owned()]);
            change.fingerprint.inputs.insert("b".to_owned(), input);
        },
        "deb.wheel: b: [a] → [a, b] (b: +b)",
    );
    check(
        |change| change.fingerprint.unknown.retain(|(name, _)| name != "y"),
        "deb.wheel: y: not known before deb.image has run → not set",
    );
    check(
        |change| {
            change
                .reasons
                .retain(|reason| !matches!(reason, Reason::Missing { .. }))
        },
        "deb.wheel: what it left: missing: a.whl → as it was left",
    );
    check(
        |change| change.action = Action::MayRun,
        "deb.wheel: the step: run → may-run",
    );
    check(
        |change| change.kind = "render".to_owned(),
        "deb.wheel: kind: copy → render",
    );
    // Words are for people: the same step with other words is the same step.
    let mut now = plan();
    now.changes[1].summary = "copy".to_owned();
    now.changes[1].reasons.remove(0);
    assert_eq!(now_moved(&saved(), &now), []);
}
