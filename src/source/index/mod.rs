//! The index of a directory: what its files were when they were last read, and their metadata then.
//!
//! It is a cache and never the truth. A file whose metadata is what the index has is not read
//! again; everything else is. The metadata are size, both times in nanoseconds, inode, mode and
//! device. An entry is *believed* only if
//!
//! 1. its metadata were the same before and after its bytes were read, on the open file;
//! 2. both its times were older, by a margin, than the [`Horizon`] of the scan that read it: a time
//!    that the file system itself gave before the scan looked at anything. Whatever changes the
//!    file afterwards leaves a later time, however coarse the clock ticks;
//! 3. the time of day was not set back since ([`Clock`]).
//!
//! A change of bytes always changes the time of the inode, which no program can set; that holds for
//! edits of the same size, for times that were put back, and for files that were swapped or renamed
//! over. A directory is recognised in the same way: while its own metadata are the same, no name
//! came or went, and it need not be listed. What the ignore rules say of the names in it is kept too,
//! with the digest of all rules that were in force.
//!
//! Known gap: a program that writes through a shared map changes a file's times at its first write
//! to a page and not at the next, until the page is on disk. So does git's index not see it.

mod build;
mod format;
mod shelf;
mod stamp;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;

use crate::digest::Digest;
use crate::source::ScanStats;
use crate::tree::{Content as TreeContent, Entry, Kept, RelPath};

pub(crate) use shelf::identity;
pub use shelf::{Part, Shelf, Unsaved};
pub use stamp::Clock;
pub(crate) use stamp::{Horizon, Stamp, kind};

/// A part of the text of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    start: u32,
    length: u32,
}

impl Text {
    fn range(&self) -> Range<usize> {
        self.start as usize..self.start as usize + self.length as usize
    }
}

/// A directory as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Directory {
    /// Where its records begin, and how many there are.
    first: u32,
    count: u32,
    /// How many names in it were left out.
    pub left_out: u32,
    /// What it has that matters to the rules, and whether it may be recognised.
    pub flags: u32,
    pub device: u64,
    pub stamp: Stamp,
    /// The digest of the ignore rules that decided on the names in it.
    pub rules: Digest,
}

/// It may be recognised by its stamp.
pub(crate) const BELIEVED: u32 = 1;
/// It has a `.git`.
pub(crate) const HAS_GIT: u32 = 2;
/// It has a `.gitignore`.
pub(crate) const HAS_GITIGNORE: u32 = 4;
/// It has a `.builderignore`.
pub(crate) const HAS_BUILDERIGNORE: u32 = 8;
/// It has something that no tree can hold.
pub(crate) const HAS_FOREIGN: u32 = 16;

impl Directory {
    pub fn range(&self) -> Range<usize> {
        self.first as usize..self.first as usize + self.count as usize
    }
}

/// A name in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    name: Text,
    pub stamp: Stamp,
    /// Whether the stamp may be believed; that of a folder is the directory's.
    pub believed: bool,
    pub content: Content,
}

/// What is at a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    File { digest: Digest, executable: bool },
    Link(Text),
    Folder(u32),
}

impl Content {
    pub fn is_folder(&self) -> bool {
        matches!(self, Self::Folder(_))
    }
}

/// A directory with everything below it, in the order of a tree's paths.
#[derive(Debug, PartialEq, Eq)]
pub struct Index {
    /// Which directory of which machine path it is of, and what for.
    identity: Digest,
    /// The digest of the tree.
    digest: Digest,
    clock: Clock,
    pub(crate) stats: ScanStats,
    /// Each after the one that it is in; the first is the directory itself.
    directories: Vec<Directory>,
    records: Vec<Record>,
    /// All names, and the targets of links.
    text: String,
}

impl Index {
    /// Returns a directory by its number; the first is 0.
    pub(crate) fn directory(&self, number: u32) -> &Directory {
        &self.directories[number as usize]
    }

    /// Returns a record by its number.
    pub(crate) fn record(&self, number: u32) -> &Record {
        &self.records[number as usize]
    }

    /// Returns what is in a directory, with the numbers of the records.
    pub(crate) fn inside(&self, directory: u32) -> impl Iterator<Item = (u32, &Record)> {
        let directory = self.directory(directory);
        (directory.first..).zip(&self.records[directory.range()])
    }

    pub(crate) fn name(&self, record: &Record) -> &str {
        &self.text[record.name.range()]
    }

    pub(crate) fn target(&self, target: &Text) -> &str {
        &self.text[target.range()]
    }

    /// Finds a name in a directory.
    pub(crate) fn find(&self, directory: u32, name: &str, is_folder: bool) -> Option<u32> {
        let directory = self.directory(directory);
        let records = &self.records[directory.range()];
        let at = records.binary_search_by(|record| {
            let there = (self.name(record), record.content.is_folder());
            in_order(there, (name, is_folder))
        });
        at.ok().map(|at| directory.first + at as u32)
    }

    /// Calls with the path and the content of each file and link, in path order.
    pub(crate) fn each(&self, mut call: impl FnMut(&str, &Record)) {
        let mut path = String::new();
        self.each_below(0, &mut path, &mut call);
    }

    fn each_below(&self, directory: u32, path: &mut String, call: &mut impl FnMut(&str, &Record)) {
        let length = path.len();
        for (_, record) in self.inside(directory) {
            path.push_str(self.name(record));
            match record.content {
                Content::Folder(folder) => {
                    path.push('/');
                    self.each_below(folder, path, call);
                }
                Content::File { .. } | Content::Link(_) => call(path, record),
            }
            path.truncate(length);
        }
    }

    /// Finds what is at a path.
    pub(crate) fn at(&self, path: &str) -> Option<&Record> {
        let mut directory = 0;
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            let is_folder = parts.peek().is_some();
            let record = self.record(self.find(directory, part, is_folder)?);
            match record.content {
                Content::Folder(folder) => directory = folder,
                Content::File { .. } | Content::Link(_) => return Some(record),
            }
        }
        None
    }

    /// Returns what a tree has where the record is.
    pub(crate) fn content(&self, record: &Record) -> Option<TreeContent<'_>> {
        match &record.content {
            Content::File { digest, executable } => Some(TreeContent::File {
                digest: *digest,
                executable: *executable,
            }),
            Content::Link(target) => Some(TreeContent::Link(self.target(target))),
            Content::Folder(_) => None,
        }
    }
}

impl Kept for Index {
    fn digest(&self) -> Digest {
        self.digest
    }

    fn count(&self) -> usize {
        self.stats.files + self.stats.links
    }

    fn entry(&self, path: &str) -> Option<Entry> {
        Some(self.content(self.at(path)?)?.to_entry())
    }

    fn entries(&self) -> BTreeMap<RelPath, Entry> {
        let mut entries = Vec::with_capacity(self.count());
        self.each(|path, record| {
            if let Some(content) = self.content(record) {
                let path = RelPath::new(path).expect("an index has names of files alone");
                entries.push((path, content.to_entry()));
            }
        });
        // They are in order, of which a map makes use.
        entries.into_iter().collect()
    }
}

/// Compares two names of a directory so that whole paths come out in order: a folder as `name/`.
pub(crate) fn in_order(one: (&str, bool), other: (&str, bool)) -> Ordering {
    let (a, b) = (one.0.as_bytes(), other.0.as_bytes());
    let shared = a.len().min(b.len());
    let next =
        |bytes: &[u8], is_folder: bool| bytes.get(shared).copied().or(is_folder.then_some(b'/'));
    a[..shared]
        .cmp(&b[..shared])
        .then_with(|| next(a, one.1).cmp(&next(b, other.1)))
}
