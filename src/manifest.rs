//! The manifest: what was built, from what, and what it left.
//!
//! On disk it is a file of records, one JSON object a line, that only ever grows while a run is on:
//!
//! ```text
//! {"manifest":{"version":1,"workspace":"5f0c…"}}
//! {"begun":{"step":"deb.wheel","at":1795000000}}
//! {"done":{"step":"deb.wheel","key":"…","inputs":{…},"outputs":{…},…}}
//! ```
//!
//! A step is marked *begun* before it runs and *done* after its artifact is in place, so a crash at
//! any point leaves a step that is known to be unfinished, never one that is wrongly believed. What
//! it may leave beside its record, new files before *done* and superseded ones after it, is named as
//! its *leavings* until it is removed, so that a crash leaves nothing that nobody answers for. A
//! line that is torn or damaged is dropped: at worst a step runs that had no need to, since what
//! a record says is held against the disk and the engine before it is believed.

mod leavings;

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::step::{Address, Facet, Input, Key};
use crate::tree::{Entry, RelPath};

pub use leavings::Leavings;

/// The version of the format; a manifest of a later version is refused.
pub const VERSION: u32 = 1;

/// How many lines one thread reads at least: of fewer, starting it takes as long as reading them.
const LINES_AT_ONCE: usize = 256;

/// What a workspace knows of its past.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifest {
    /// The workspace's random identity, which labels what it makes in an engine.
    pub workspace: String,
    /// The steps that ever began here and were not removed since.
    pub steps: BTreeMap<Address, Past>,
    /// How many lines were dropped because they could not be read.
    pub damaged: usize,
}

/// The past of a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    /// The last run that ended well.
    pub record: Option<Record>,
    /// How a later run ended that did not; the record is then no promise any more.
    pub unfinished: Option<Unfinished>,
    /// What it may have left that no record claims.
    pub leavings: Leavings,
}

/// How a run ended that did not end well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// It failed.
    Failed,
    /// It was begun, and nothing more is known: a crash or an interruption.
    Interrupted,
}

/// A run that ended well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The step.
    pub step: Address,
    /// Its kind, in words.
    pub kind: String,
    /// Its key.
    pub key: Key,
    /// Its named inputs.
    pub inputs: BTreeMap<String, Input>,
    /// What it left.
    pub outputs: Outputs,
    /// When it started, in seconds since 1970.
    pub started: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// The cache that it was restored from, where it did not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<String>,
}

/// What a step leaves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Files, by their paths in the workspace.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<RelPath, Entry>,
    /// A directory of the workspace that is wholly the step's, with the digest of its tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Mirror>,
    /// An image of the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<BuiltImage>,
    /// What later steps read of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facets: BTreeMap<Facet, Input>,
}

/// A directory that is wholly a step's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirror {
    /// Its path in the workspace.
    pub path: RelPath,
    /// The digest of its tree; the listing is kept beside the manifest.
    pub digest: Digest,
}

/// An image that a step built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltImage {
    /// Its content-addressed id.
    pub id: String,
    /// The name under which it is kept.
    pub name: String,
}

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// The head of the file.
    Manifest {
        /// The format's version.
        version: u32,
        /// The workspace's identity.
        workspace: String,
    },
    /// A step is about to run.
    Begun {
        /// The step.
        step: Address,
        /// When, in seconds since 1970.
        at: u64,
    },
    /// A step ended well.
    Done(Box<Record>),
    /// A step failed.
    Failed {
        /// The step.
        step: Address,
        /// When, in seconds since 1970.
        at: u64,
    },
    /// What a step had left is removed.
    Removed {
        /// The step.
        step: Address,
    },
    /// What a step may have left beside its record, in place of what was said of that before.
    Leavings {
        /// The step.
        step: Address,
        /// The leavings; none once they are removed.
        leavings: Leavings,
    },
}

/// Returns the JSON Schema (draft 2020-12) of a line.
pub fn schema() -> &'static str {
    include_str!("manifest/manifest.schema.json")
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ManifestError {
    /// It was written by a later `builder`.
    #[error("the manifest has version {found}, and this builder reads version {VERSION}")]
    #[diagnostic(
        code(builder::manifest::version),
        help("use the builder that wrote it, or another workspace")
    )]
    Version {
        /// The version that it states.
        found: u32,
    },
}

impl Manifest {
    /// Reads the text of a manifest; what cannot be read of it is counted and left out.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let mut manifest = Self::default();
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        // The lines are read side by side, and take effect in their order.
        let lines = lines
            .par_iter()
            .with_min_len(LINES_AT_ONCE)
            .map(|line| serde_json::from_str::<Line>(line))
            .collect::<Vec<_>>();
        for line in lines {
            match line {
                Ok(Line::Manifest { version, .. }) if version != VERSION => {
                    return Err(ManifestError::Version { found: version });
                }
                Ok(line) => manifest.apply(line),
                Err(_) => manifest.damaged += 1,
            }
        }
        Ok(manifest)
    }

    /// Takes in what a line says.
    pub fn apply(&mut self, line: Line) {
        match line {
            Line::Manifest {
                version: _,
                workspace,
            } => self.workspace = workspace,
            Line::Begun { step, at: _ } => {
                self.steps.entry(step).or_default().unfinished = Some(Unfinished::Interrupted);
            }
            Line::Done(record) => {
                let past = self.steps.entry(record.step.clone()).or_default();
                let before = past.record.take().map(|record| record.outputs);
                past.leavings.add(&before.unwrap_or_default());
                past.leavings.remove(&record.outputs);
                past.record = Some(*record);
                past.unfinished = None;
            }
            Line::Failed { step, at: _ } => {
                self.steps.entry(step).or_default().unfinished = Some(Unfinished::Failed);
            }
            Line::Removed { step } => {
                self.steps.remove(&step);
            }
            Line::Leavings { step, leavings } => {
                self.steps.entry(step).or_default().leavings = leavings;
            }
        }
    }

    /// Returns the fewest lines that say the same.
    pub fn compacted(&self) -> Vec<Line> {
        let head = Line::Manifest {
            version: VERSION,
            workspace: self.workspace.clone(),
        };
        let mut lines = vec![head];
        for (step, past) in &self.steps {
            let at = 0;
            lines.extend(
                past.record
                    .clone()
                    .map(|record| Line::Done(Box::new(record))),
            );
            lines.extend(past.unfinished.as_ref().map(|how| match how {
                Unfinished::Failed => Line::Failed {
                    step: step.clone(),
                    at,
                },
                Unfinished::Interrupted => Line::Begun {
                    step: step.clone(),
                    at,
                },
            }));
            lines.extend((!past.leavings.is_empty()).then(|| Line::Leavings {
                step: step.clone(),
                leavings: past.leavings.clone(),
            }));
        }
        lines
    }

    /// Returns the record of a step's last good run, also of one that failed since.
    pub fn record(&self, step: &Address) -> Option<&Record> {
        self.steps.get(step)?.record.as_ref()
    }

    /// Returns what a step's last good run left.
    pub fn outputs(&self, step: &Address) -> Option<&Outputs> {
        self.record(step).map(|record| &record.outputs)
    }

    /// Digests what the manifest says, however its lines came about.
    pub fn digest(&self) -> Digest {
        let text: String = self.compacted().iter().map(Line::to_text).collect();
        Digest::of(text.as_bytes())
    }

    /// Tells whether something is to be removed that no record claims.
    pub fn has_leavings(&self) -> bool {
        self.steps.values().any(|past| !past.leavings.is_empty())
    }

    /// Returns the digests of the listings and documents that records refer to.
    pub fn kept_objects(&self) -> BTreeSet<Digest> {
        let records = self.steps.values().filter_map(|past| past.record.as_ref());
        records
            .flat_map(|record| {
                let inputs = record.inputs.values().filter_map(|input| match input {
                    Input::Document(digest) | Input::Tree(digest) => Some(*digest),
                    _ => None,
                });
                inputs.chain(record.outputs.mirror.as_ref().map(|mirror| mirror.digest))
            })
            .collect()
    }
}

impl Line {
    /// Writes the line, with its line end.
    pub fn to_text(&self) -> String {
        let mut text =
            serde_json::to_string(self).expect("a line has string keys and finite numbers only");
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests;
