//! A plan as a document: what `plan --out` writes, `plan --json` prints, and `apply FILE` reads.
//!
//! The rules of compatibility, which README.md states for users:
//!
//! - a document names its format and its version; one of a later version is refused, all earlier
//!   ones stay readable;
//! - within a version fields are added and never change their meaning; a reader passes over fields
//!   that it does not know, and shows a reason that it does not know in the words of its writer;
//! - `sum` is the digest of everything else in the document, whatever its order and white space:
//!   what was cut off or edited is no plan any more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::{ContentHasher, Digest};
use crate::plan::{Action, Change, Counts, LeftOut, Plan, Reason};
use crate::step::{Address, Fingerprint, Input, Key, Source};
use crate::tree::Tree;

/// The latest version of the document.
///
/// A plan of one project is still written as version 1, which earlier versions of `builder` read.
pub const VERSION: u32 = 2;

/// The name of the format.
const FORMAT: &str = "builder-plan";

/// The source of each project, by the project's name; of the only project, by none.
pub type Sources<'a> = BTreeMap<Option<String>, &'a Tree>;

/// A plan with everything that it was made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// `builder-plan`.
    pub format: String,
    /// The document's version.
    pub version: u32,
    /// When the plan was made, as RFC 3339 has it.
    pub made: String,
    /// What of the command line decides what is planned.
    pub command: Command,
    /// What the plan stands on, beside the inputs of its steps.
    pub basis: Basis,
    /// The listing of the only project's source, a file a line, by which changed files are named later.
    pub source: Vec<String>,
    /// The listing of each project's source, where there are several.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<String, Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left_out: Option<LeftOut>,
    changes: Vec<SavedChange>,
    warnings: Vec<String>,
    #[serde(default)]
    counts: Counts,
    /// The digest of the rest of the document.
    pub sum: Digest,
}

/// What of the command line decides what is planned; paths as they were typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The operator's file.
    pub config: String,
    /// The project's file, where it was named.
    pub build_file: Option<String>,
    /// The source of the only project; empty where there are several.
    pub source: String,
    /// The projects by name with their sources, where there are several.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub projects: BTreeMap<String, String>,
    /// The file that lists them, where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// The revision since which a project had to have changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_since: Option<String>,
    /// The workspace.
    pub workspace: String,
    /// Only these steps or flavours, and what they need.
    pub targets: Vec<String>,
    /// Steps or flavours that run even when they are up to date.
    pub replace: Vec<String>,
}

/// What a plan stands on, beside the inputs of its steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// The version of the `builder` that planned.
    pub builder: String,
    /// The version of what keys are made from.
    pub keys: String,
    /// The engine's address.
    pub engine: String,
    /// The workspace's identity; none before its first apply.
    pub workspace: Option<String>,
    /// The digest of what the manifest said.
    pub manifest: Digest,
    /// The digest of the operator's file; none where it cannot be read.
    pub config: Option<Digest>,
    /// The digest of the only project's file; none where it cannot be read.
    pub project: Option<Digest>,
    /// The digest of each project's file, where there are several.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub projects: BTreeMap<String, Option<Digest>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SavedChange {
    step: Address,
    kind: String,
    action: Action,
    summary: String,
    key: Option<Key>,
    inputs: BTreeMap<String, Input>,
    unknown: BTreeMap<String, Source>,
    reasons: Vec<SavedReason>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SavedReason {
    text: String,
    detail: Value,
}

/// Why a document cannot be read as a plan.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum SavedError {
    /// It is something else, or torn.
    #[error("it is no plan: {why}")]
    #[diagnostic(
        code(builder::plan::format),
        help("`builder plan --out FILE` writes a plan that can be applied and shown")
    )]
    NotAPlan {
        /// What is wrong with it.
        why: String,
    },
    /// It was written by a later `builder`.
    #[error("the plan has version {found}, and this builder reads up to version {VERSION}")]
    #[diagnostic(
        code(builder::plan::version),
        help("use the builder that wrote it, or plan again")
    )]
    Version {
        /// The version that it states.
        found: u64,
    },
    /// It is not what was written.
    #[error(
        "the plan is not as it was written: its sum is {stated}, and its content gives {found}"
    )]
    #[diagnostic(
        code(builder::plan::edited),
        help(
            "a saved plan is not for editing: change the project or the configuration, and plan again"
        )
    )]
    Edited {
        /// The sum in the document.
        stated: String,
        /// The sum of what is there, shortened.
        found: String,
    },
}

impl Saved {
    /// Makes the document of a plan.
    pub fn new(
        plan: &Plan,
        command: Command,
        basis: Basis,
        sources: &Sources<'_>,
        made: String,
    ) -> Self {
        let lines = |tree: &Tree| tree.to_listing().lines().map(str::to_owned).collect();
        let alone = sources.get(&None).map(|tree| lines(tree));
        let named = { sources.iter() }.filter_map(|(name, tree)| Some((name.as_ref()?, tree)));
        let is_of_today = alone.is_none() || command.changed_since.is_some();
        let mut saved = Self {
            format: FORMAT.to_owned(),
            version: if is_of_today { VERSION } else { 1 },
            made,
            command,
            basis,
            source: alone.unwrap_or_default(),
            sources: named
                .map(|(name, tree)| (name.clone(), lines(tree)))
                .collect(),
            left_out: plan.left_out.clone(),
            changes: plan.changes.iter().map(SavedChange::of).collect(),
            warnings: plan.warnings.clone(),
            counts: plan.counts(),
            sum: Digest::of(b""),
        };
        saved.sum = sum(&saved.to_json());
        saved
    }

    /// Reads a document.
    pub fn parse(text: &str) -> Result<Self, SavedError> {
        let not_a_plan = |why: String| SavedError::NotAPlan { why };
        let document: Value =
            serde_json::from_str(text).map_err(|error| not_a_plan(error.to_string()))?;
        if document.get("format").and_then(Value::as_str) != Some(FORMAT) {
            return Err(not_a_plan(format!("its `format` is not `{FORMAT}`")));
        }
        match document.get("version").and_then(Value::as_u64) {
            Some(found) if found > u64::from(VERSION) => return Err(SavedError::Version { found }),
            Some(1..) => {}
            Some(0) | None => return Err(not_a_plan("it states no version".to_owned())),
        }
        let found = sum(&document);
        let stated = document
            .get("sum")
            .and_then(Value::as_str)
            .unwrap_or("missing");
        if stated != found.to_string() {
            return Err(SavedError::Edited {
                stated: stated.chars().take(12).collect(),
                found: found.short(),
            });
        }
        serde_json::from_value(document).map_err(|error| not_a_plan(error.to_string()))
    }

    /// Returns the document as JSON.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("a plan has string keys and no fractions")
    }

    /// Writes the document as a text that people can read, with its line end.
    pub fn to_text(&self) -> String {
        let text =
            serde_json::to_string_pretty(self).expect("a plan has string keys and no fractions");
        text + "\n"
    }

    /// Returns the plan that the document holds.
    pub fn plan(&self) -> Plan {
        Plan {
            changes: self.changes.iter().map(SavedChange::change).collect(),
            warnings: self.warnings.clone(),
            left_out: self.left_out.clone(),
        }
    }

    /// Returns the source of each project as it was planned; empty where a listing is none.
    pub fn source_trees(&self) -> BTreeMap<Option<String>, Tree> {
        let tree = |lines: &[String]| Tree::from_listing(&lines.join("\n")).unwrap_or_default();
        if self.command.projects.is_empty() {
            return BTreeMap::from([(None, tree(&self.source))]);
        }
        let named = self.sources.iter();
        named
            .map(|(name, lines)| (Some(name.clone()), tree(lines)))
            .collect()
    }
}

impl SavedChange {
    fn of(change: &Change) -> Self {
        let Change {
            address,
            kind,
            summary,
            action,
            reasons,
            key,
            fingerprint: Fingerprint { inputs, unknown },
        } = change;
        let reason = |reason: &Reason| SavedReason {
            text: reason.to_string(),
            detail: serde_json::to_value(reason)
                .expect("a reason has string keys and no fractions"),
        };
        Self {
            step: address.clone(),
            kind: kind.clone(),
            action: *action,
            summary: summary.clone(),
            key: *key,
            inputs: inputs.clone(),
            unknown: unknown.iter().cloned().collect(),
            reasons: reasons.iter().map(reason).collect(),
        }
    }

    fn change(&self) -> Change {
        let reason = |reason: &SavedReason| {
            serde_json::from_value(reason.detail.clone()).unwrap_or_else(|_| Reason::Told {
                text: reason.text.clone(),
            })
        };
        Change {
            address: self.step.clone(),
            kind: self.kind.clone(),
            summary: self.summary.clone(),
            action: self.action,
            reasons: self.reasons.iter().map(reason).collect(),
            key: self.key,
            fingerprint: Fingerprint {
                inputs: self.inputs.clone(),
                unknown: self.unknown.clone().into_iter().collect(),
            },
        }
    }
}

/// Digests a document without its sum: fields in the order of their names, no white space.
fn sum(document: &Value) -> Digest {
    let mut hasher = ContentHasher::new("builder saved plan v1");
    let fields: BTreeMap<&String, &Value> = document
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| *name != "sum")
        .collect();
    hasher.count(fields.len());
    for (name, value) in fields {
        hasher.text(name);
        hash_value(&mut hasher, value);
    }
    hasher.finish()
}

fn hash_value(hasher: &mut ContentHasher, value: &Value) {
    match value {
        Value::Null => {
            hasher.text("null");
        }
        Value::Bool(yes) => {
            hasher.text(if *yes { "true" } else { "false" });
        }
        Value::Number(number) => {
            hasher.text("number").text(&number.to_string());
        }
        Value::String(text) => {
            hasher.text("string").text(text);
        }
        Value::Array(items) => {
            hasher.text("array").count(items.len());
            items.iter().for_each(|item| hash_value(hasher, item));
        }
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> = fields.iter().collect();
            hasher.text("object").count(fields.len());
            for (name, value) in fields {
                hasher.text(name);
                hash_value(hasher, value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
