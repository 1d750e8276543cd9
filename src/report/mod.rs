//! What is told of a run while it goes on: events, and those who show them.

mod ci;
mod folded;
mod json;
mod lines;
mod progress;

use std::path::PathBuf;

use serde::Serialize;

use crate::lock::VersionChange;
use crate::step::Address;

pub use ci::{Annotation, Ci};
pub use folded::Folded;
pub use json::{Ended, JsonLines, inert};
pub use lines::PlainLines;
pub use progress::Progress;

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The run has begun.
    Started {
        /// The run's name.
        run: String,
        /// How many steps run or may run.
        steps: usize,
    },
    /// A step runs.
    StepStarted {
        /// The step.
        step: Address,
        /// What it does.
        summary: String,
    },
    /// A running step said something.
    StepLine {
        /// The step.
        step: Address,
        /// The line.
        line: String,
    },
    /// A step ended well.
    StepDone {
        /// The step.
        step: Address,
        /// How long it took.
        seconds: f64,
        /// Whether it left the same bytes as the last time.
        same: bool,
    },
    /// A step that ended well left other versions of distributions than the last time.
    VersionsChanged {
        /// The step.
        step: Address,
        /// What became of each distribution whose version is another.
        changes: Vec<VersionChange>,
    },
    /// What a step leaves came from a cache.
    StepRestored {
        /// The step.
        step: Address,
        /// The cache.
        from: String,
        /// How long it took.
        seconds: f64,
    },
    /// A step that could have run has no need to: what it reads came out the same.
    StepSkipped {
        /// The step.
        step: Address,
    },
    /// A step failed.
    StepFailed {
        /// The step.
        step: Address,
        /// How long it took.
        seconds: f64,
        /// Why, with the help that the error has.
        error: Failure,
    },
    /// A step was stopped because the run was interrupted.
    StepInterrupted {
        /// The step.
        step: Address,
    },
    /// A step does not run because one that it needs failed.
    StepBlocked {
        /// The step.
        step: Address,
        /// The step that failed.
        by: Address,
    },
    /// What a step had left is gone.
    Removed {
        /// The step.
        step: Address,
    },
    /// Something that the user should know.
    Warning {
        /// The words.
        text: String,
    },
    /// The run has ended.
    Finished {
        /// How many steps ran.
        ran: usize,
        /// How many were restored from a cache.
        restored: usize,
        /// Of how many what they had left was removed.
        removed: usize,
        /// How many had no need to.
        skipped: usize,
        /// How many failed.
        failed: usize,
        /// How many did not run because another failed, or because of an interruption.
        not_run: usize,
        /// How long it took.
        seconds: f64,
    },
}

/// Why a step failed, with everything that the error's end shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// The sentence.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// The last lines of the step's log.
    pub tail: Vec<String>,
    /// The whole log.
    pub log: PathBuf,
}

/// One who is told.
pub trait Observer: Send {
    /// Takes an event, in the order in which they happened.
    fn event(&mut self, event: &Event);
}

/// Returns the JSON Schema (draft 2020-12) of an event, a line of the stream.
pub fn schema() -> &'static str {
    include_str!("events.schema.json")
}

/// The end of a run in one line of words: counts with what they count, and how long it took.
fn finished(counts: &[(usize, &str)], seconds: f64) -> String {
    let parts: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    let what = if parts.is_empty() {
        "nothing to do".to_owned()
    } else {
        parts.join(", ")
    };
    format!("{what} in {}", duration(seconds))
}

/// A duration as people say it.
fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        format!("{seconds:.1}s")
    } else {
        format!(
            "{}m {:02}s",
            (seconds / 60.0) as u64,
            (seconds % 60.0) as u64
        )
    }
}
