//! What a manifest's text says is what it said, also where the text is torn.

use super::*;
use crate::step::fingerprint_key;

fn done(step: &str) -> Line {
    Line::Done(Box::new(record(step)))
}

fn record(step: &str) -> Record {
    let inputs = BTreeMap::from([("source".to_owned(), Input::Tree(Digest::of(b"tree")))]);
    Record {
        step: Address::typed(step),
        kind: "copy".to_owned(),
        key: fingerprint_key("copy", &inputs),
        inputs,
        outputs: Outputs::default(),
        started: 1_795_000_000,
        seconds: 0.25,
        restored: None,
    }
}

fn written(lines: &[Line]) -> String {
    lines.iter().map(Line::to_text).collect()
}

fn head() -> Line {
    Line::Manifest {
        version: VERSION,
        workspace: "w1".to_owned(),
    }
}

fn begun(step: &str) -> Line {
    Line::Begun {
        step: Address::typed(step),
        at: 1,
    }
}

#[test]
fn a_manifest_survives_its_text() {
    let lines = [head(), begun("a"), done("a"), done("b"), begun("b")];
    let manifest = Manifest::parse(&written(&lines)).unwrap();
    assert_eq!(manifest.steps[&Address::typed("a")].unfinished, None);
    assert_eq!(
        manifest.steps[&Address::typed("b")].unfinished,
        Some(Unfinished::Interrupted)
    );
    assert_eq!(
        Manifest::parse(&written(&manifest.compacted())).unwrap(),
        manifest
    );
}

#[test]
fn a_torn_last_line_is_dropped_wherever_it_tore() {
    let whole = written(&[head(), done("a")]);
    let last = done("b").to_text();
    for length in 1..last.len() - 1 {
        let manifest = Manifest::parse(&format!("{whole}{}", &last[..length])).unwrap();
        assert_eq!(manifest.damaged, 1, "{length}");
        assert_eq!(manifest.steps.len(), 1, "{length}");
    }
}

#[test]
fn a_failure_takes_the_promise_from_a_record_and_keeps_it_for_reasons() {
    let failed = Line::Failed {
        step: Address::typed("a"),
        at: 2,
    };
    let manifest = Manifest::parse(&written(&[head(), done("a"), failed])).unwrap();
    let past = &manifest.steps[&Address::typed("a")];
    assert_eq!(past.unfinished, Some(Unfinished::Failed));
    assert_eq!(past.record, Some(record("a")));
}

#[test]
fn a_removed_step_is_forgotten() {
    let removed = Line::Removed {
        step: Address::typed("a"),
    };
    let manifest = Manifest::parse(&written(&[head(), done("a"), removed])).unwrap();
    assert!(manifest.steps.is_empty());
}

#[test]
fn a_manifest_of_a_later_version_is_refused() {
    let line = Line::Manifest {
        version: VERSION + 1,
        workspace: String::new(),
    };
    assert!(Manifest::parse(&line.to_text()).is_err());
}
