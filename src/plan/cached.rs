//! What caches have, as a plan needs to know it.

use std::collections::BTreeMap;

use crate::step::{Facet, Input, Key};

/// What a cache answered about a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It has an entry.
    Kept {
        /// What later steps read of what the step left.
        facets: BTreeMap<Facet, Input>,
        /// The cache, for people.
        from: String,
        /// How many bytes the entry has.
        bytes: u64,
    },
    /// It has none.
    Absent {
        /// When there was one that was taken away, in seconds since 1970.
        evicted: Option<u64>,
    },
}

/// The answers so far. A plan can be made without any: then nothing is restored.
#[derive(Clone, Debug, Default)]
pub struct Cached {
    /// By key; a key that is not there was not asked about.
    pub answers: BTreeMap<Key, Answer>,
}

/// Says how many bytes there are, in decimal units.
pub fn size(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB"];
    let mut size = bytes as f64;
    let mut unit = "B";
    for larger in units {
        if size < 1000.0 {
            break;
        }
        size /= 1000.0;
        unit = larger;
    }
    match unit {
        "B" => format!("{bytes} B"),
        unit => format!("{size:.1} {unit}"),
    }
}
