//! Locks: which files of which versions a project's dependencies are, in the format of PEP 751.
//!
//! A lock is read from `pylock.toml`, or from `pylock.<flavour>.toml`, which serves that flavour
//! alone. What this page of the standard has beyond files of an index (version control, directories,
//! archives, markers over extras and groups) is refused with its place, and never passed over.

mod choose;
mod complete;
mod content;
mod error;
mod fit;
mod found;
mod layout;
mod merge;
mod read;
mod write;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use choose::{Chosen, Formats};
pub use complete::{Stated, incomplete};
pub use error::LockError;
pub use fit::{Misfit, kept, unsatisfied};
pub use found::{Found, FoundError};
pub use layout::{Layout, Resolved, Served, layout};

/// The name of the lock that serves every flavour without one of its own.
pub const FILE: &str = "pylock.toml";

/// Names the lock of one flavour.
pub fn file_of(flavour: &str) -> String {
    format!("pylock.{flavour}.toml")
}

/// A lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// Who wrote it.
    pub created_by: String,
    /// The Pythons that it is for, as version specifiers.
    pub requires_python: Option<String>,
    /// Markers of the environments that it is for; for every one where there is none.
    pub environments: Vec<String>,
    /// Its packages, by name.
    pub packages: Vec<Package>,
}

/// A distribution in one version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Package {
    /// Its normalised name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where it is needed; everywhere without one.
    pub marker: Option<String>,
    /// The Pythons that it runs on.
    pub requires_python: Option<String>,
    /// The names of what it requires; for readers, nothing is decided by them.
    pub dependencies: Vec<String>,
    /// The index that it was found in; for readers.
    pub index: Option<String>,
    /// Its source distribution.
    pub sdist: Option<File>,
    /// Its wheels.
    pub wheels: Vec<File>,
}

/// A file of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Its address.
    pub url: String,
    /// Its size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Its digests in hexadecimal digits, by algorithm.
    pub hashes: BTreeMap<String, String>,
}

/// A version with what tells its content apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The version.
    pub version: String,
    /// The wheel's file name, where the pin is of one wheel.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// The SHA-256 of the wheel, or the BLAKE3 of a locked package's files, markers and hashes.
    pub digest: String,
}

/// Versions by distribution.
pub type Pins = BTreeMap<String, Pin>;

/// What became of one distribution between two sets of versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionChange {
    /// The distribution.
    pub name: String,
    /// Its version before, if it was there.
    pub old: Option<String>,
    /// Its version now, if it is there.
    pub new: Option<String>,
}

/// Compares two sets of versions, by name.
pub fn difference(old: &Pins, new: &Pins) -> Vec<VersionChange> {
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| VersionChange {
            name: name.clone(),
            old: old.get(name).map(|pin| pin.version.clone()),
            new: new.get(name).map(|pin| pin.version.clone()),
        })
        .collect()
}

impl VersionChange {
    /// Tells whether another version is there, and not only other files of the same.
    pub fn moves(&self) -> bool {
        self.old != self.new
    }

    /// Words the change for a line of its own.
    pub fn line(&self) -> String {
        match (&self.old, &self.new) {
            (None, Some(new)) => format!("+ {} {new}", self.name),
            (Some(old), None) => format!("- {} {old}", self.name),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for VersionChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match (&self.old, &self.new) {
            (Some(old), Some(new)) if old == new => write!(f, "{name} {new} with other files"),
            (Some(old), Some(new)) => write!(f, "{name} {old} → {new}"),
            (None, Some(new)) => write!(f, "{name} {new} added"),
            (Some(old), None) => write!(f, "{name} {old} removed"),
            (None, None) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests;
