use proptest::prelude::*;

use super::*;
use crate::plan::DiffLine;
use crate::step::{Address, Fingerprint};

fn change(reasons: Vec<Reason>) -> Change {
    Change {
        address: Address::typed("deb.wheel"),
        kind: "wheel run".to_owned(),
        summary: "build the project's wheel".to_owned(),
        action: Action::Run,
        reasons,
        key: None,
        fingerprint: Fingerprint::default(),
    }
}

fn value(text: &str) -> Reason {
    Reason::Value {
        input: "build_environment".to_owned(),
        old: Some(text.to_owned()),
        new: None,
    }
}

fn shown(changes: Vec<Change>, warnings: &[&str]) -> String {
    markdown(&Plan {
        changes,
        warnings: warnings.iter().map(|text| (*text).to_owned()).collect(),
        left_out: None,
    })
}

/// What no text may be in by itself: the elements of the document, and the table's bars.
fn skeleton(text: &str) -> Vec<(&'static str, usize)> {
    let marks = [
        "|",
        "<code>",
        "</code>",
        "<pre>",
        "</pre>",
        "<details>",
        "</details>",
        "<summary>",
        "</summary>",
        "<",
        "\n",
        "`",
        "[",
        "]",
        "(",
        "@",
        "*",
        "_",
        "~",
        "://",
        "www.",
        "#",
    ];
    // A reference has a `#` of its own.
    let plain = text.replace("&#", "&");
    marks
        .map(|mark| (mark, plain.matches(mark).count()))
        .to_vec()
}

const HOSTILE: &[&str] = &[
    "a | b |\n| c | d |",
    "</code></pre></details><script>alert(1)</script>",
    "``` \n# heading\n```",
    "[link](https://example.org) ![image](x) https://example.org www.example.org",
    "@everyone #1 *bold* _it_ ~~gone~~ $x$ \\| &lt; &#124;",
    "\u{202e}txt.exe\u{1b}[31m\r\n::error::x",
    "",
];

#[test]
fn no_text_breaks_out_of_its_place() {
    let with = |text: &str| {
        let diff = Reason::Text {
            input: "dockerfile".to_owned(),
            lines: vec![DiffLine {
                sign: '+',
                text: text.to_owned(),
            }],
        };
        shown(vec![change(vec![value(text), diff])], &[text])
    };
    let expected = skeleton(&with("harmless"));
    for text in HOSTILE {
        assert_eq!(skeleton(&with(text)), expected, "{text:?}");
    }
}

proptest! {
    #[test]
    fn no_text_whatever_breaks_out(text in "\\PC{0,80}|[|<>`&#@\\[\\]()*_~\\\\\n\r\t w.:/]{0,80}") {
        let with = |text: &str| shown(vec![change(vec![value(text), value(text)])], &[text]);
        prop_assert_eq!(skeleton(&with(&text)), skeleton(&with("harmless")));
    }
}

#[test]
fn a_plan_of_any_size_fits_a_comment() {
    let long = "<>&|`\u{202e}".repeat(300);
    let lines = (0..300).map(|number| DiffLine {
        sign: '+',
        text: format!("{number} {long}"),
    });
    let diff = Reason::Text {
        input: "dockerfile".to_owned(),
        lines: lines.collect(),
    };
    let large = change(vec![value(&long), diff]);
    let small = change(vec![value(&long)]);
    for (count, change) in [(1, &large), (3, &large), (20, &large), (3_000, &small)] {
        let warnings = vec![long.as_str(); count];
        let text = shown(vec![change.clone(); count], &warnings);
        assert!(text.len() <= MARKDOWN_LIMIT, "{count}: {}", text.len());
        for (open, close) in [("<details>", "</details>"), ("<pre>", "</pre>")] {
            assert_eq!(text.matches(open).count(), text.matches(close).count());
        }
        let more = text.contains(" more steps that have no room here");
        assert_eq!(more, count == 3_000);
        assert!(text.contains("| <code>&#126;</code> | <code>deb.wheel</code> | run |"));
    }
}

#[test]
fn what_fits_its_row_has_no_fold() {
    let text = shown(vec![change(vec![value("1")])], &[]);
    assert_eq!(
        text,
        "### Plan: 1 to run.\n\n| | step | action | why |\n|---|---|---|---|\n\
         | <code>&#126;</code> | <code>deb.wheel</code> | run | <code>build&#95;environment&#58; no longer 1</code> |\n"
    );
    assert_eq!(
        shown(Vec::new(), &[]),
        "### No changes. There is nothing to do.\n"
    );
}
