//! The history of a workspace: its runs, and what each step was made from and left in each of them.
//!
//! One JSON object a line, one line a run, oldest first. A line that cannot be read is passed over:
//! the history explains, and nothing is decided by it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::manifest::{Outputs, Record};
use crate::step::Address;
use crate::tree::Entry;
use crate::wheel::name_and_version;

/// The version of a line; a line of another version is passed over.
pub const VERSION: u32 = 1;

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The version of the line.
    pub version: u32,
    /// The run's name, which also names the folder of its logs.
    pub run: String,
    /// When it started, in seconds since 1970.
    pub started: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// How it ended.
    pub ended: Ended,
    /// The steps that ran or were restored, in order.
    pub steps: Vec<Record>,
    /// The steps that had no need to run, after all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Address>,
    /// The steps that failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Address>,
    /// The steps whose leavings were removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<Address>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// Well.
    Done,
    /// With a step that failed.
    Failed,
    /// By an interruption.
    Interrupted,
}

impl Ended {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// A change of a wheel from one run to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WheelChange {
    /// The run in which the wheel came, changed or went.
    pub run: String,
    /// When that run started, in seconds since 1970.
    pub started: u64,
    /// The step that left it.
    pub step: Address,
    /// The file's name, or `None` from the run on in which it was there no more.
    pub file: Option<String>,
    /// The digest of its bytes.
    pub digest: Option<String>,
}

impl Run {
    /// Writes the line, with its line end.
    pub fn to_line(&self) -> String {
        let mut text =
            serde_json::to_string(self).expect("a run has string keys and finite numbers only");
        text.push('\n');
        text
    }
}

/// Reads a history.
pub fn parse(text: &str) -> Vec<Run> {
    let runs = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Run>(line).ok());
    runs.filter(|run| run.version == VERSION).collect()
}

/// Returns the record that a step had after a run: its own of that run, else of the last one before.
pub fn record_at<'a>(runs: &'a [Run], run: &str, step: &Address) -> Option<&'a Record> {
    let at = runs.iter().position(|known| known.run == run)?;
    let earlier = runs[..=at].iter().rev();
    earlier
        .flat_map(|run| run.steps.iter().rev())
        .find(|record| record.step == *step)
}

/// Follows the wheels of a distribution through the runs, by its normalised name.
pub fn wheel_changes(runs: &[Run], name: &str) -> Vec<WheelChange> {
    let mut before: BTreeMap<&Address, Vec<(String, String)>> = BTreeMap::new();
    let mut changes = Vec::new();
    for run in runs {
        for record in &run.steps {
            let now = wheels(&record.outputs, name);
            let old = before.insert(&record.step, now.clone()).unwrap_or_default();
            let change = |file: Option<String>, digest: Option<String>| WheelChange {
                run: run.run.clone(),
                started: run.started,
                step: record.step.clone(),
                file,
                digest,
            };
            let new = now.iter().filter(|wheel| !old.contains(wheel));
            changes
                .extend(new.map(|(file, digest)| change(Some(file.clone()), Some(digest.clone()))));
            if now.is_empty() && !old.is_empty() {
                changes.push(change(None, None));
            }
        }
    }
    changes
}

/// The wheels of a distribution among what a step left, by file name, with digests.
fn wheels(outputs: &Outputs, name: &str) -> Vec<(String, String)> {
    let files = outputs.files.iter().filter_map(|(path, entry)| {
        let file = path.file_name();
        let (found, _) = name_and_version(file)?;
        match entry {
            Entry::File { digest, .. } if found == name => {
                Some((file.to_owned(), digest.to_string()))
            }
            Entry::File { .. } | Entry::Symlink { .. } => None,
        }
    });
    files.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::step::fingerprint_key;
    use crate::tree::RelPath;

    fn run(name: &str, files: &[(&str, &str)]) -> Run {
        let entry = |bytes: &str| Entry::File {
            digest: Digest::of(bytes.as_bytes()),
            executable: false,
        };
        let files = files.iter().map(|(file, bytes)| {
            let path = RelPath::new(&format!("build/wheelhouse/deb/{file}")).unwrap();
            (path, entry(bytes))
        });
        Run {
            version: VERSION,
            run: name.to_owned(),
            started: 1,
            seconds: 1.0,
            ended: Ended::Done,
            steps: vec![Record {
                step: Address::typed("deb.dependencies"),
                kind: "wheel run".to_owned(),
                key: fingerprint_key(name, &BTreeMap::new()),
                inputs: BTreeMap::new(),
                outputs: Outputs {
                    files: files.collect(),
                    ..Outputs::default()
                },
                started: 1,
                seconds: 1.0,
                restored: None,
            }],
            skipped: Vec::new(),
            failed: Vec::new(),
            removed: Vec::new(),
        }
    }

    #[test]
    fn a_wheel_is_followed_from_its_first_run_to_its_last() {
        let old = "urllib3-2.4.0-py3-none-any.whl";
        let new = "urllib3-2.5.0-py3-none-any.whl";
        let runs = [
            run("1", &[(old, "a"), ("idna-3.10-py3-none-any.whl", "i")]),
            run("2", &[(old, "a")]),
            run("3", &[(new, "b")]),
            run("4", &[(new, "c")]),
            run("5", &[]),
        ];
        let changes = wheel_changes(&runs, "urllib3");
        let told: Vec<_> = changes
            .iter()
            .map(|change| (change.run.as_str(), change.file.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                ("1", Some(old)),
                ("3", Some(new)),
                ("4", Some(new)),
                ("5", None)
            ]
        );
    }

    #[test]
    fn a_step_has_the_record_of_the_last_run_that_ran_it() {
        let step = Address::typed("deb.dependencies");
        let mut idle = run("2", &[]);
        idle.steps.clear();
        let runs = [run("1", &[]), idle, run("3", &[])];
        let key = |name: &str| fingerprint_key(name, &BTreeMap::new());
        let at = |name| record_at(&runs, name, &step).map(|record| record.key);
        assert_eq!(at("1"), Some(key("1")));
        assert_eq!(at("2"), Some(key("1")));
        assert_eq!(at("3"), Some(key("3")));
        assert_eq!(at("4"), None);
    }

    #[test]
    fn lines_that_cannot_be_read_are_passed_over() {
        let good = run("1", &[("idna-3.10-py3-none-any.whl", "i")]);
        let mut later = run("2", &[]);
        later.version = VERSION + 1;
        let text = format!(
            "{}{{torn\n{}{}",
            good.to_line(),
            later.to_line(),
            good.to_line()
        );
        assert_eq!(parse(&text), [good.clone(), good]);
    }
}
