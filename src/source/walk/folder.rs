//! A directory as a walk found it.

use std::path::Path;

use crate::digest::Digest;
use crate::source::error::Problem;
use crate::source::hash::{foreign, shown};
use crate::source::index::{BELIEVED, Directory, HAS_FOREIGN, Index, Stamp};
use crate::source::join;

/// A directory as it was found.
pub(crate) struct Folder {
    pub name: String,
    pub stamp: Stamp,
    pub device: u64,
    /// Whether the stamp may be believed next time.
    pub believed: bool,
    pub flags: u32,
    /// The digest of the rules inside.
    pub rules: Digest,
    /// How many names were left out.
    pub left_out: u32,
    pub entries: Entries,
    pub folders: Vec<Folder>,
    /// What of it and below it cannot be copied.
    pub problems: Vec<Problem>,
    /// Whether the index has exactly this, and everything below it.
    pub same: bool,
}

/// The files and links of a directory.
pub(crate) enum Entries {
    /// Those that the index has for this directory.
    Known(u32),
    /// Some of the index, by their numbers, and those that were read.
    Listed { known: Vec<u32>, new: Vec<Item> },
}

/// A file or link that was read.
pub(crate) struct Item {
    pub name: String,
    pub stamp: Stamp,
    pub believed: bool,
    pub content: ItemContent,
}

/// What it is.
#[derive(PartialEq, Eq)]
pub(crate) enum ItemContent {
    File { digest: Digest, executable: bool },
    Link(String),
}

/// What became of a name.
pub(crate) enum Got {
    /// What the index has, in everything.
    Known,
    New(Item),
    Gone,
    Failed(Problem),
    /// Something that no tree can hold, with a word for it.
    Foreign(&'static str),
}

impl Folder {
    /// Returns a directory in which nothing was found.
    pub fn empty() -> Self {
        Self {
            name: String::new(),
            stamp: Stamp::NONE,
            device: 0,
            believed: false,
            flags: 0,
            rules: Digest::ZERO,
            left_out: 0,
            entries: Entries::Listed {
                known: Vec::new(),
                new: Vec::new(),
            },
            folders: Vec::new(),
            problems: Vec::new(),
            same: false,
        }
    }

    /// Adds what became of a name, which the index has under `number` if it has it.
    pub fn take(&mut self, got: Got, number: u32, name: &str) {
        let Entries::Listed { known, new } = &mut self.entries else {
            unreachable!("a directory is filled before it is found to be known");
        };
        match got {
            Got::Known => known.push(number),
            Got::New(item) => new.push(item),
            Got::Gone => self.believed = false,
            Got::Failed(problem) => self.problems.push(problem),
            Got::Foreign(what) => self.stand_in(None, name, what),
        }
    }

    /// Adds a name that no tree can hold.
    pub fn take_fault(&mut self, rel: &str, name: &Path, fault: Option<&'static str>, rules: bool) {
        if rules {
            self.problems.push(Problem::Name {
                path: shown(&Path::new(rel).join(name)),
                why: fault.unwrap_or("cannot be read"),
            });
        } else {
            self.stand_in(None, &shown(name), "name");
        }
    }

    /// Adds an entry that equals none that a scan or an archive leaves, for what no tree can hold.
    pub fn stand_in(&mut self, index: Option<&Index>, name: &str, what: &str) {
        if let Entries::Known(number) = self.entries {
            let index = index.expect("what is known is known from an index");
            let files = index.inside(number);
            let files = files.filter(|(_, record)| !record.content.is_folder());
            self.entries = Entries::Listed {
                known: files.map(|(number, _)| number).collect(),
                new: Vec::new(),
            };
        }
        if let Entries::Listed { new, .. } = &mut self.entries {
            new.push(Item {
                name: name.to_owned(),
                stamp: Stamp::NONE,
                believed: false,
                content: ItemContent::File {
                    digest: foreign(what),
                    executable: false,
                },
            });
        }
        self.flags |= HAS_FOREIGN;
        self.believed = false;
        self.same = false;
    }

    /// Whether all files and links are those that the index has for a directory.
    pub fn has_entries_of(&self, index: &Index, number: u32) -> bool {
        let Entries::Listed { known, new } = &self.entries else {
            return true;
        };
        let there = index.inside(number);
        new.is_empty()
            && there
                .filter(|(_, record)| !record.content.is_folder())
                .count()
                == known.len()
    }

    /// Whether all that is said of the directory itself is what the index says.
    pub fn is(&self, old: &Directory) -> bool {
        let flags = self.flags | if self.believed { BELIEVED } else { 0 };
        old.flags == flags
            && old.stamp == self.stamp
            && old.device == self.device
            && old.rules == self.rules
            && old.left_out == self.left_out
    }

    /// Names something in the directory `rel`, for messages.
    pub fn path(rel: &str, name: &str) -> String {
        join(rel, name)
    }
}
