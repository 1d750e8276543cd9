//! File trees as plain data: relative paths with digests, the digest of the whole, and differences.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use crate::digest::{ContentHasher, Digest, TREE_CONTEXT};

/// A path inside a tree: UTF-8, separated by `/`, relative, with no empty, `.` or `..` component.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RelPath(String);

/// Why a text is not a path inside a tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// There is nothing in it.
    #[error("the path is empty")]
    Empty,
    /// It starts at the root of the file system.
    #[error("the path is absolute")]
    Absolute,
    /// It has a `..` component.
    #[error("the path leaves its directory by `..`")]
    Escapes,
    /// It has a NUL or another control character.
    #[error("the path has a control character")]
    Control,
}

impl RelPath {
    /// Checks and normalises a path: `./a//b/` becomes `a/b`.
    pub fn new(text: &str) -> Result<Self, BadPath> {
        if text.starts_with('/') {
            return Err(BadPath::Absolute);
        }
        if text.chars().any(char::is_control) {
            return Err(BadPath::Control);
        }
        if !text.is_empty() && text.split('/').all(|part| !matches!(part, "" | "." | "..")) {
            return Ok(Self(text.to_owned()));
        }
        let mut parts = Vec::new();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => return Err(BadPath::Escapes),
                part => parts.push(part),
            }
        }
        if parts.is_empty() {
            return Err(BadPath::Empty);
        }
        Ok(Self(parts.join("/")))
    }

    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the last component.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl TryFrom<String> for RelPath {
    type Error = BadPath;

    fn try_from(text: String) -> Result<Self, BadPath> {
        Self::new(&text)
    }
}

impl From<RelPath> for String {
    fn from(path: RelPath) -> Self {
        path.0
    }
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for RelPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<std::path::Path> for RelPath {
    fn as_ref(&self) -> &std::path::Path {
        self.0.as_ref()
    }
}

/// What stands at a path of a tree.
///
/// Directories are not entries: a directory is there because a file is in it, as in git, so that
/// an empty folder left behind by a branch switch or a byte-code cache changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// A regular file.
    File {
        /// The digest of its bytes.
        digest: Digest,
        /// Whether its owner may execute it; no other mode bit counts.
        executable: bool,
    },
    /// A symbolic link whose target stays inside the tree.
    Symlink {
        /// The target as it is written in the link.
        target: String,
    },
}

/// What an entry is made of, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// A regular file.
    File {
        /// The digest of its bytes.
        digest: Digest,
        /// Whether its owner may execute it.
        executable: bool,
    },
    /// A symbolic link, with its target.
    Link(&'a str),
}

impl Content<'_> {
    /// Returns the entry.
    pub fn to_entry(self) -> Entry {
        match self {
            Self::File { digest, executable } => Entry::File { digest, executable },
            Self::Link(target) => Entry::Symlink {
                target: target.to_owned(),
            },
        }
    }
}

impl Entry {
    /// Borrows what the entry is made of.
    pub fn content(&self) -> Content<'_> {
        match self {
            Self::File { digest, executable } => Content::File {
                digest: *digest,
                executable: *executable,
            },
            Self::Symlink { target } => Content::Link(target),
        }
    }
}

/// Who keeps a tree in a form of its own, such as an index of files.
///
/// A tree of a hundred thousand files that nobody looks into is then never listed.
pub trait Kept: fmt::Debug + Send + Sync {
    /// Returns the digest of the tree.
    fn digest(&self) -> Digest;
    /// Returns how many entries there are.
    fn count(&self) -> usize;
    /// Looks up the entry at a path.
    fn entry(&self, path: &str) -> Option<Entry>;
    /// Lists all entries.
    fn entries(&self) -> BTreeMap<RelPath, Entry>;
}

/// The content of a tree: what enters keys of a directory, and nothing else of it.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Who knows the entries while they are not listed.
    kept: Option<Arc<dyn Kept>>,
    entries: OnceLock<BTreeMap<RelPath, Entry>>,
    digest: OnceLock<Digest>,
}

impl PartialEq for Tree {
    fn eq(&self, other: &Self) -> bool {
        self.entries() == other.entries()
    }
}

impl Eq for Tree {}

impl Tree {
    /// Makes a tree whose entries are listed when somebody asks for them.
    pub fn kept(kept: Arc<dyn Kept>) -> Self {
        Self {
            kept: Some(kept),
            ..Self::default()
        }
    }

    /// Returns the entries by path.
    pub fn entries(&self) -> &BTreeMap<RelPath, Entry> {
        self.entries.get_or_init(|| {
            self.kept
                .as_ref()
                .map(|kept| kept.entries())
                .unwrap_or_default()
        })
    }

    /// Returns how many entries there are.
    pub fn count(&self) -> usize {
        match &self.kept {
            Some(kept) => kept.count(),
            None => self.entries().len(),
        }
    }

    /// Adds an entry, or replaces the one at its path.
    pub fn insert(&mut self, path: RelPath, entry: Entry) {
        self.entries();
        self.kept = None;
        self.digest = OnceLock::new();
        self.entries
            .get_mut()
            .expect("the entries were just listed")
            .insert(path, entry);
    }

    /// Returns the digest of the file at `path`, if there is one.
    pub fn file(&self, path: &str) -> Option<Digest> {
        let found = match (&self.kept, self.entries.get()) {
            (Some(kept), None) => kept.entry(path)?,
            _ => self.entries().get(path)?.clone(),
        };
        match found {
            Entry::File { digest, .. } => Some(digest),
            Entry::Symlink { .. } => None,
        }
    }

    /// Returns the digest over relative paths, types, executable bits, link targets and bytes.
    pub fn digest(&self) -> Digest {
        *self.digest.get_or_init(|| match &self.kept {
            Some(kept) => kept.digest(),
            None => {
                let mut hasher = TreeHasher::new(self.entries().len());
                for (path, entry) in self.entries() {
                    hasher.entry(path.as_str(), entry.content());
                }
                hasher.finish()
            }
        })
    }

    /// Returns what has to happen to `old` for it to become `self`.
    pub fn difference(&self, old: &Tree) -> TreeDifference {
        let mut difference = TreeDifference::default();
        for (path, entry) in self.entries() {
            match old.entries().get(path) {
                None => difference.added.push(path.clone()),
                Some(before) if before != entry => difference.changed.push(path.clone()),
                Some(_) => {}
            }
        }
        for path in old.entries().keys() {
            if !self.entries().contains_key(path) {
                difference.removed.push(path.clone());
            }
        }
        difference
    }

    /// Writes the tree as a listing: one entry a line, its kind, digest or target, and path.
    ///
    /// The fields are separated by tabs; a link's target comes last and, like a path, has no
    /// control character.
    pub fn to_listing(&self) -> String {
        let mut listing = String::new();
        for (path, entry) in self.entries() {
            let line = match entry {
                Entry::File { digest, executable } => {
                    let kind = if *executable { 'x' } else { 'f' };
                    format!("{kind}\t{digest}\t{path}\n")
                }
                Entry::Symlink { target } => format!("l\t{path}\t{target}\n"),
            };
            listing.push_str(&line);
        }
        listing
    }

    /// Reads a listing back; `None` when the text is not one.
    pub fn from_listing(listing: &str) -> Option<Self> {
        let mut tree = Self::default();
        for line in listing.lines() {
            let mut fields = line.splitn(3, '\t');
            let (kind, second, third) = (fields.next()?, fields.next()?, fields.next()?);
            let (path, entry) = match kind {
                "f" | "x" => (
                    RelPath::new(third).ok()?,
                    Entry::File {
                        digest: second.parse().ok()?,
                        executable: kind == "x",
                    },
                ),
                "l" => (
                    RelPath::new(second).ok()?,
                    Entry::Symlink {
                        target: third.to_owned(),
                    },
                ),
                _ => return None,
            };
            tree.insert(path, entry);
        }
        Some(tree)
    }
}

impl FromIterator<(RelPath, Entry)> for Tree {
    fn from_iter<I: IntoIterator<Item = (RelPath, Entry)>>(entries: I) -> Self {
        Self {
            entries: OnceLock::from(entries.into_iter().collect::<BTreeMap<_, _>>()),
            ..Self::default()
        }
    }
}

/// The hasher of a tree, whose entries are given in path order.
pub struct TreeHasher(ContentHasher);

impl TreeHasher {
    /// Starts with the number of entries that are to follow.
    pub fn new(count: usize) -> Self {
        let mut hasher = ContentHasher::new(TREE_CONTEXT);
        hasher.count(count);
        Self(hasher)
    }

    /// Adds an entry.
    pub fn entry(&mut self, path: &str, content: Content<'_>) {
        self.0.text(path);
        match content {
            Content::File { digest, executable } => {
                self.0.text(if executable { "x" } else { "f" });
                self.0.digest(&digest);
            }
            Content::Link(target) => {
                self.0.text("l").text(target);
            }
        }
    }

    /// Returns the digest of all entries.
    pub fn finish(self) -> Digest {
        self.0.finish()
    }
}

/// The paths in which two trees differ, each list in path order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeDifference {
    /// Only in the new tree.
    pub added: Vec<RelPath>,
    /// In both, with another content, type, executable bit or target.
    pub changed: Vec<RelPath>,
    /// Only in the old tree.
    pub removed: Vec<RelPath>,
}

#[cfg(test)]
mod tests;
