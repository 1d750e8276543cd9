//! Plans: what an apply would do, and why.
//!
//! A [`Plan`] holds everything that an apply carries out. Its reasons are for people: no decision
//! is ever taken from one.

mod cached;
mod diff;
mod last_package;
mod markdown;
mod moved;
mod reason;
mod saved;
mod shared;
mod show;
mod strays;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::step::{Address, Fingerprint, Key};
use crate::tree::RelPath;

pub use cached::{Answer, Cached, size};
pub use diff::{Diff, Objects, diff};
pub use markdown::{MARKDOWN_LIMIT, markdown};
pub use moved::{Moved, moved};
pub use reason::{DiffLine, Reason};
pub use saved::{Basis, Command, Saved, SavedError, Sources, VERSION};
pub use show::{Style, explain_inputs, show};

/// What an apply would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// One change a step, in the order in which they could run; removals last.
    pub changes: Vec<Change>,
    /// What the user should know and no step is about.
    pub warnings: Vec<String>,
    /// What was not looked at, where projects were selected by what changed.
    pub left_out: Option<LeftOut>,
}

/// Projects that were not looked at, since nothing of them changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The revision since which they did not change.
    pub since: String,
    /// How many they are.
    pub projects: usize,
}

/// What happens to a step, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The step.
    pub address: Address,
    /// Its kind, in words; empty where nothing but leavings tell of it.
    pub kind: String,
    /// What running it does, in a few words.
    pub summary: String,
    /// What is done.
    pub action: Action,
    /// Why; for people only.
    pub reasons: Vec<Reason>,
    /// The step's key, where every input is known already.
    pub key: Option<Key>,
    /// The values of its named inputs, as far as they are known.
    pub fingerprint: Fingerprint,
}

/// What is done about a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It runs, for the first time.
    Create,
    /// It runs again: an input is known to have changed, or what it left is missing or altered.
    Run,
    /// It waits on a step that runs, and is skipped if that leaves the same bytes.
    MayRun,
    /// What it leaves is in a cache, and is brought from there.
    Restore,
    /// It is up to date.
    Reuse,
    /// It is in no configuration any more: what it left goes.
    Remove,
}

impl Action {
    /// Returns the word by which documents name the action.
    pub fn name(self) -> String {
        let name = serde_json::to_value(self).expect("an action is a word");
        name.as_str().unwrap_or_default().to_owned()
    }

    /// Returns the sign that stands before the step in a printed plan.
    pub fn sign(self) -> char {
        match self {
            Self::Create => '+',
            Self::Run => '~',
            Self::MayRun => '?',
            Self::Restore => '<',
            Self::Reuse => '=',
            Self::Remove => '-',
        }
    }
}

/// What was found of the things that recorded steps left.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// For each step, what is not as its record says.
    pub damage: BTreeMap<Address, Vec<Damage>>,
    /// Files in the wheelhouses that no step left.
    pub strays: Vec<RelPath>,
}

/// A thing that is not as a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// A file is gone.
    Missing(RelPath),
    /// A file has other bytes, another type, or another executable bit.
    Altered(RelPath),
    /// A file stands in a directory that is wholly a step's.
    Foreign(RelPath),
    /// The engine has the image no more.
    ImageGone(String),
}

/// What a user asked for on the command line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// Only these steps and what they need; all steps when there is none.
    pub targets: BTreeSet<Address>,
    /// Steps that run even when they are up to date.
    pub replace: BTreeSet<Address>,
    /// By name, the projects whose steps are removed where they are in no configuration any more; all
    /// where there are none. The only project has no name.
    pub scopes: Option<BTreeSet<Option<String>>>,
}

impl Request {
    /// Tells whether a step's project is among those that are asked for.
    fn concerns(&self, step: &Address) -> bool {
        let project = || step.project().map(str::to_owned);
        { self.scopes.as_ref() }.is_none_or(|scopes| scopes.contains(&project()))
    }
}

/// How many steps a plan has of each action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Steps that run, for the first time or again.
    pub run: usize,
    /// Steps that may run.
    pub may_run: usize,
    /// Steps whose leavings are brought from a cache.
    pub restore: usize,
    /// Steps that are up to date.
    pub reuse: usize,
    /// Steps whose leavings go.
    pub remove: usize,
}

/// Returns the JSON Schema (draft 2020-12) of a plan's document.
pub fn schema() -> &'static str {
    include_str!("plan.schema.json")
}

impl Plan {
    /// Counts the steps by action.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for change in &self.changes {
            match change.action {
                Action::Create | Action::Run => counts.run += 1,
                Action::MayRun => counts.may_run += 1,
                Action::Restore => counts.restore += 1,
                Action::Reuse => counts.reuse += 1,
                Action::Remove => counts.remove += 1,
            }
        }
        counts
    }

    /// Tells whether an apply would do nothing.
    pub fn is_empty(&self) -> bool {
        self.changes
            .iter()
            .all(|change| change.action == Action::Reuse)
    }

    /// Returns the change of a step.
    pub fn change(&self, address: &Address) -> Option<&Change> {
        self.changes
            .iter()
            .find(|change| &change.address == address)
    }
}
