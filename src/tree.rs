//! File trees as plain data: relative paths with digests, the digest of the whole, and differences.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;

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

/// The content of a tree: what enters keys of a directory, and nothing else of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    entries: BTreeMap<RelPath, Entry>,
}

impl Tree {
    /// Returns the entries by path.
    pub fn entries(&self) -> &BTreeMap<RelPath, Entry> {
        &self.entries
    }

    /// Adds an entry, or replaces the one at its path.
    pub fn insert(&mut self, path: RelPath, entry: Entry) {
        self.entries.insert(path, entry);
    }

    /// Returns the digest of the file at `path`, if there is one.
    pub fn file(&self, path: &str) -> Option<Digest> {
        match self.entries.get(path)? {
            Entry::File { digest, .. } => Some(*digest),
            Entry::Symlink { .. } => None,
        }
    }

    /// Returns the digest over relative paths, types, executable bits, link targets and bytes.
    pub fn digest(&self) -> Digest {
        let mut hasher = ContentHasher::new(TREE_CONTEXT);
        hasher.count(self.entries.len());
        for (path, entry) in &self.entries {
            hasher.text(path.as_str());
            match entry {
                Entry::File { digest, executable } => {
                    hasher.text(if *executable { "x" } else { "f" });
                    hasher.digest(digest);
                }
                Entry::Symlink { target } => {
                    hasher.text("l").text(target);
                }
            }
        }
        hasher.finish()
    }

    /// Returns what has to happen to `old` for it to become `self`.
    pub fn difference(&self, old: &Tree) -> TreeDifference {
        let mut difference = TreeDifference::default();
        for (path, entry) in &self.entries {
            match old.entries.get(path) {
                None => difference.added.push(path.clone()),
                Some(before) if before != entry => difference.changed.push(path.clone()),
                Some(_) => {}
            }
        }
        for path in old.entries.keys() {
            if !self.entries.contains_key(path) {
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
        for (path, entry) in &self.entries {
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
            entries: entries.into_iter().collect(),
        }
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
mod tests {
    use super::*;

    fn file(text: &str) -> Entry {
        Entry::File {
            digest: Digest::of(text.as_bytes()),
            executable: false,
        }
    }

    fn tree(entries: &[(&str, Entry)]) -> Tree {
        entries
            .iter()
            .map(|(path, entry)| (RelPath::new(path).unwrap(), entry.clone()))
            .collect()
    }

    #[test]
    fn a_path_is_normalised_or_refused() {
        let check = |text: &str, expected: Result<&str, BadPath>| {
            assert_eq!(
                RelPath::new(text).map(String::from),
                expected.map(str::to_owned),
                "{text:?}"
            );
        };
        check("a/b", Ok("a/b"));
        check("./a//b/", Ok("a/b"));
        check("", Err(BadPath::Empty));
        check(".", Err(BadPath::Empty));
        check("/a", Err(BadPath::Absolute));
        check("a/../b", Err(BadPath::Escapes));
        check("a\nb", Err(BadPath::Control));
    }

    #[test]
    fn a_tree_survives_its_listing() {
        let link = Entry::Symlink {
            target: "ä b".to_owned(),
        };
        let tree = tree(&[("a b/c", file("1")), ("link", link)]);
        assert_eq!(Tree::from_listing(&tree.to_listing()), Some(tree));
        assert_eq!(Tree::from_listing("nonsense"), None);
    }

    #[test]
    fn a_difference_names_every_path_once() {
        let old = tree(&[("a", file("1")), ("b", file("1")), ("c", file("1"))]);
        let new = tree(&[("a", file("1")), ("b", file("2")), ("d", file("1"))]);
        let difference = new.difference(&old);
        let names = |paths: &[RelPath]| paths.iter().map(RelPath::to_string).collect::<Vec<_>>();
        assert_eq!(names(&difference.added), ["d"]);
        assert_eq!(names(&difference.changed), ["b"]);
        assert_eq!(names(&difference.removed), ["c"]);
    }

    #[test]
    fn the_digest_sees_path_type_bit_and_bytes() {
        let plain = tree(&[("a", file("1"))]).digest();
        let executable = Entry::File {
            digest: Digest::of(b"1"),
            executable: true,
        };
        let link = Entry::Symlink {
            target: "b".to_owned(),
        };
        assert_ne!(plain, tree(&[("b", file("1"))]).digest());
        assert_ne!(plain, tree(&[("a", file("2"))]).digest());
        assert_ne!(plain, tree(&[("a", executable)]).digest());
        assert_ne!(plain, tree(&[("a", link)]).digest());
    }
}
