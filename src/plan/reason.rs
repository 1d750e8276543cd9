//! Reasons: why a step is in a plan, in data and in one line of words.

use std::fmt::{self, Write as _};
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::lock::{VersionChange, difference};
use crate::plan::{show::listed, size};
use crate::step::{Address, Input, short_image};
use crate::tree::{RelPath, TreeDifference};

/// Why a step runs, may run, or goes. Shown, never acted on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "because")]
pub enum Reason {
    /// It has never run here.
    FirstTime,
    /// Files of a tree differ.
    Files {
        /// The input.
        input: String,
        /// Which differ.
        difference: TreeDifference,
    },
    /// A text that is kept differs.
    Text {
        /// The input.
        input: String,
        /// The lines that differ, with their neighbours; only where the step makes the text.
        lines: Vec<DiffLine>,
    },
    /// A list differs.
    Items {
        /// The input.
        input: String,
        /// What is new in it.
        added: Vec<String>,
        /// What is gone from it.
        removed: Vec<String>,
    },
    /// Versions differ.
    Versions {
        /// The input.
        input: String,
        /// What became of each distribution.
        changes: Vec<VersionChange>,
    },
    /// A value differs.
    Value {
        /// The input.
        input: String,
        /// What it was, if it was there.
        old: Option<String>,
        /// What it is, if it is there.
        new: Option<String>,
    },
    /// The bytes of files differ.
    Bytes {
        /// The input.
        input: String,
    },
    /// Another image is read.
    Image {
        /// The input.
        input: String,
        /// The id that was read.
        old: String,
        /// The id that is read now.
        new: String,
    },
    /// An image that an earlier step makes is made from other inputs.
    Rebuilt {
        /// The input.
        input: String,
    },
    /// What it left is gone.
    Missing {
        /// The file.
        path: RelPath,
    },
    /// What it left was changed by somebody else.
    Altered {
        /// The file.
        path: RelPath,
    },
    /// A file that is not its own stands among what it left.
    Foreign {
        /// The file.
        path: RelPath,
    },
    /// The engine has the image no more.
    ImageGone {
        /// Its name.
        name: String,
    },
    /// Its last run failed.
    FailedLastTime,
    /// Its last run was interrupted.
    Interrupted,
    /// The user asked for it.
    Requested,
    /// Values that it reads turn up only when other steps have run.
    WaitsFor {
        /// The steps.
        steps: Vec<Address>,
        /// The inputs.
        inputs: Vec<String>,
    },
    /// A value that it reads turns up only when it runs.
    Awaits {
        /// What is awaited.
        what: String,
    },
    /// A cache has what it leaves.
    Cached {
        /// The cache.
        from: String,
        /// How many bytes are brought at most.
        bytes: u64,
    },
    /// Another step has the same key.
    Same {
        /// That step.
        step: Address,
    },
    /// The local cache had what it leaves, until that was taken away for want of room.
    Evicted {
        /// When, in seconds since 1970.
        at: u64,
    },
    /// A package whose content changes under the version that it has.
    Revision {
        /// The version of the last package.
        version: String,
        /// The revision that the next one has if the version stays.
        next: u32,
    },
    /// No configuration asks for it any more.
    NotConfigured {
        /// How many files it left.
        files: usize,
        /// The image that it left.
        image: Option<String>,
    },
    /// A reason that only a later `builder` knows, read from a document in its own words.
    Told {
        /// The words.
        text: String,
    },
}

/// A line of a difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffLine {
    /// `-`, `+`, or a space for a neighbour.
    pub sign: char,
    /// The line without its end.
    pub text: String,
}

/// How many names a reason lists before it counts the rest.
pub(super) const NAMED: usize = 3;

/// How many changes of versions a reason lists before it counts the rest.
const VERSIONS_NAMED: usize = 12;

impl Reason {
    /// Tells whether something that was left is not as it was left; the planner took it from the
    /// world, not from the configuration or the past.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Missing { .. }
                | Self::Altered { .. }
                | Self::Foreign { .. }
                | Self::ImageGone { .. }
        )
    }

    /// Compares two values of an input; `None` where they are equal.
    pub fn of_values(input: &str, old: &Input, new: &Input) -> Option<Self> {
        if old == new {
            return None;
        }
        let input = input.to_owned();
        Some(match (old, new) {
            (Input::Image(old), Input::Image(new)) => Self::Image {
                input,
                old: short_image(old),
                new: short_image(new),
            },
            (Input::Made(_), Input::Made(_)) => Self::Rebuilt { input },
            (Input::File(_), Input::File(_)) => Self::Bytes { input },
            (Input::Document(_), Input::Document(_)) => Self::Text {
                input,
                lines: Vec::new(),
            },
            (Input::List(old), Input::List(new)) => {
                let added = new
                    .iter()
                    .filter(|item| !old.contains(item))
                    .cloned()
                    .collect();
                let removed = old
                    .iter()
                    .filter(|item| !new.contains(item))
                    .cloned()
                    .collect();
                Self::Items {
                    input,
                    added,
                    removed,
                }
            }
            (Input::Map(old), Input::Map(new)) => {
                let entry =
                    |(name, value): (&String, &String)| format!("{name}={}", one_line(value));
                let added = new
                    .iter()
                    .filter(|(name, value)| old.get(*name) != Some(value))
                    .map(entry)
                    .collect();
                let removed = old
                    .iter()
                    .filter(|(name, value)| new.get(*name) != Some(value))
                    .map(entry)
                    .collect();
                Self::Items {
                    input,
                    added,
                    removed,
                }
            }
            (Input::Versions(old), Input::Versions(new)) => Self::Versions {
                input,
                changes: difference(old, new),
            },
            (old, new) => Self::Value {
                input,
                old: Some(old.shown()),
                new: Some(new.shown()),
            },
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstTime => f.write_str("first time"),
            Self::Files {
                input: _,
                difference,
            } => f.write_str(&files(difference)),
            Self::Text { input, lines } => {
                let count = |sign| lines.iter().filter(|line| line.sign == sign).count();
                match (count('+'), count('-')) {
                    (0, 0) => write!(f, "{input} changed"),
                    (added, removed) => write!(f, "{input} changed: +{added} -{removed} lines"),
                }
            }
            Self::Items {
                input,
                added,
                removed,
            } => {
                write!(f, "{input}:")?;
                if added.is_empty() && removed.is_empty() {
                    return f.write_str(" another order");
                }
                added.iter().try_for_each(|item| write!(f, " +{item}"))?;
                removed.iter().try_for_each(|item| write!(f, " -{item}"))
            }
            Self::Versions { input, changes } => {
                let named: Vec<_> = changes
                    .iter()
                    .take(VERSIONS_NAMED)
                    .map(ToString::to_string)
                    .collect();
                write!(f, "{input}: {}", named.join(", "))?;
                match changes.len().saturating_sub(VERSIONS_NAMED) {
                    0 => Ok(()),
                    rest => write!(f, " and {rest} more"),
                }
            }
            Self::Value { input, old, new } => match (old, new) {
                (Some(old), Some(new)) => write!(f, "{input}: {old} → {new}"),
                (None, Some(new)) => write!(f, "{input}: now {new}"),
                (Some(old), None) => write!(f, "{input}: no longer {old}"),
                (None, None) => write!(f, "{input} changed"),
            },
            Self::Bytes { input } => write!(f, "{input} changed"),
            Self::Image { input, old, new } => write!(f, "{input}: {old} → {new}"),
            Self::Rebuilt { input } => write!(f, "{input} is made from other inputs"),
            Self::Missing { path } => write!(f, "missing: {path}"),
            Self::Altered { path } => write!(f, "altered on disk: {path}"),
            Self::Foreign { path } => write!(f, "does not belong there: {path}"),
            Self::ImageGone { name } => write!(f, "image was pruned: {name}"),
            Self::FailedLastTime => f.write_str("failed last time"),
            Self::Interrupted => f.write_str("interrupted last time"),
            Self::Requested => f.write_str("requested by --replace"),
            Self::WaitsFor { steps, inputs } => {
                let steps: Vec<_> = steps.iter().map(ToString::to_string).collect();
                let (steps, inputs) = (listed(&steps, "and"), listed(inputs, "or"));
                write!(f, "waits for {steps}: skipped without a change in {inputs}")
            }
            Self::Awaits { what } => f.write_str(what),
            Self::Cached { from, bytes } => write!(f, "restore from {from} ({})", size(*bytes)),
            Self::Same { step } => write!(f, "same as {step}"),
            Self::Evicted { at } => {
                f.write_str("was evicted from the local cache")?;
                day(*at).map_or(Ok(()), |day| write!(f, " on {day}"))
            }
            Self::Revision { version, next } => {
                write!(f, "revision grows to {next} if the version stays {version}")
            }
            Self::Told { text } => f.write_str(text),
            Self::NotConfigured { files, image } => {
                f.write_str("in no configuration any more")?;
                match (files, image) {
                    (0, None) => Ok(()),
                    (0, Some(image)) => write!(f, ": image {image}"),
                    (1, None) => f.write_str(": 1 file"),
                    (count, None) => write!(f, ": {count} files"),
                    (count, Some(image)) => write!(f, ": {count} files, image {image}"),
                }
            }
        }
    }
}

/// Names a day; none where no calendar has it, as a document that somebody made up may want it.
fn day(seconds: u64) -> Option<String> {
    let at = UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
    let mut text = String::new();
    write!(text, "{}", humantime::format_rfc3339_seconds(at)).ok()?;
    Some(text.split('T').next()?.to_owned())
}

/// Shortens a value to what fits a line of a plan.
fn one_line(value: &str) -> String {
    let line = value.lines().next().unwrap_or_default();
    let short: String = line.chars().take(60).collect();
    if short == value {
        short
    } else {
        format!("{short}…")
    }
}

/// Says which files differ: counted, the first few named.
fn files(difference: &TreeDifference) -> String {
    let parts: Vec<String> = [
        ("changed", &difference.changed),
        ("added", &difference.added),
        ("removed", &difference.removed),
    ]
    .into_iter()
    .filter(|(_, paths)| !paths.is_empty())
    .map(|(verb, paths)| {
        let noun = if paths.len() == 1 { "file" } else { "files" };
        let names: Vec<_> = paths.iter().take(NAMED).map(RelPath::as_str).collect();
        let rest = paths.len().saturating_sub(NAMED);
        let more = if rest > 0 {
            format!(" and {rest} more")
        } else {
            String::new()
        };
        format!("{} {noun} {verb}: {}{more}", paths.len(), names.join(", "))
    })
    .collect();
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_no_calendar_has_is_left_out() {
        let words = |at| Reason::Evicted { at }.to_string();
        assert_eq!(
            words(1_800_000_000),
            "was evicted from the local cache on 2027-01-15"
        );
        for at in [253_402_300_800, u64::MAX] {
            assert_eq!(words(at), "was evicted from the local cache");
        }
    }
}
