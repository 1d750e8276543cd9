//! The project's source on disk: what belongs to it, what it contains, and its pristine copy.
//!
//! Everything here blocks, and touches nothing but the disk. A directory is first walked through
//! the ignore rules and hashed ([`scan`]); the plan is made from the tree that comes out, and
//! [`mirror`] then makes the copy exactly that tree or fails. [`read_tree`] and [`read_files`] tell
//! what is on disk later, without any rules.
#![expect(
    clippy::disallowed_methods,
    reason = "this module is where sources and copies are on disk"
)]

mod disk;
mod error;
mod hash;
pub(crate) mod index;
mod layout;
pub(crate) mod links;
mod mirror;
mod rules;
mod walk;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use crate::source::index::{Content, Index, identity};
use crate::source::rules::Rules;
use crate::source::walk::Walk;
use crate::tree::{Entry, RelPath, Tree};

pub(crate) use hash::open_regular;

pub use disk::{Files, OnDisk, read_copy, read_files, read_tree};
pub use error::{Problem, SourceError};
pub use index::{Clock, Part, Shelf, Unsaved};
pub use layout::{Layout, check_layout};
pub use mirror::{MirrorOutcome, mirror};
pub use rules::{IgnoredBy, Rule, why_ignored};

/// What [`scan`] found in a source directory.
#[derive(Clone, Debug)]
pub struct Scan {
    /// The content that belongs to the source.
    pub tree: Tree,
    /// How much that is.
    pub stats: ScanStats,
    /// How many files were read, which the index did not have as they are.
    pub read: usize,
    /// The index as it is now, where it is not what is on disk.
    pub unsaved: Option<Unsaved>,
}

/// How much a scan saw; for people, and in no key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanStats {
    /// Regular files in the tree.
    pub files: usize,
    /// Symbolic links in the tree.
    pub links: usize,
    /// Bytes of those files.
    pub bytes: u64,
    /// Files and whole directories that a rule left out, or that are excluded.
    pub left_out: usize,
}

/// Walks a source directory through the ignore rules and hashes every file that remains.
///
/// `exclude` holds canonical paths that are left out whatever the rules say: a workspace inside
/// the source ([`Layout::exclude`]). Everything that cannot be copied is reported at once in
/// [`SourceError::Problems`]: links that leave the source, names that are not UTF-8 or hold a
/// control character, FIFOs, sockets and devices, what cannot be read, and lines of a
/// `.builderignore` that are no pattern.
///
/// A file that vanishes between walk and reading is not part of the tree: an editor's swap file is
/// no reason to fail. Every file is read, none is mapped: a map of a file that is truncated
/// meanwhile would end the process.
pub fn scan(root: &Path, exclude: &[PathBuf]) -> Result<Scan, SourceError> {
    scan_with(root, exclude, &Shelf::none())
}

/// Scans as [`scan`] does, and does not read what the index has as it is.
pub fn scan_with(root: &Path, exclude: &[PathBuf], shelf: &Shelf) -> Result<Scan, SourceError> {
    let root = layout::real_directory(root)?;
    let identity = identity(Part::Source, &root);
    let old = shelf.load(Part::Source, identity);
    let mut problems = Vec::new();
    let rules = Rules::above(&root, exclude, &mut problems);
    let walk = Walk {
        root: &root,
        exclude,
        index: old.as_deref(),
        shelf,
        read: AtomicUsize::new(0),
    };
    let walked = walk.run(Some(&rules));
    let (found, met) = walked.map_err(SourceError::io("read", &root))?;
    problems.extend(met);
    let read = walk.read.into_inner();
    let (index, same) = match old.as_ref().filter(|_| found.same) {
        Some(old) => (Arc::clone(old), true),
        None => {
            let index = Index::of(&found, old.as_deref(), identity, shelf.clock());
            (Arc::new(index), false)
        }
    };
    problems.extend(links::problems(&root, &links_of(&index)));
    if !problems.is_empty() {
        problems.sort_by(|a, b| a.place().cmp(b.place()));
        return Err(SourceError::Problems { root, problems });
    }
    Ok(Scan {
        stats: index.stats,
        read,
        unsaved: shelf.unsaved(Part::Source, &index, same),
        tree: Tree::kept(index),
    })
}

/// Returns the links alone, which is all that following links takes.
fn links_of(index: &Index) -> Tree {
    let mut links = Tree::default();
    if index.stats.links > 0 {
        index.each(|path, record| {
            if let Content::Link(target) = &record.content {
                let path = RelPath::new(path).expect("an index has names of files alone");
                let target = index.target(target).to_owned();
                links.insert(path, Entry::Symlink { target });
            }
        });
    }
    links
}

/// Joins a directory's relative path, empty for the root, and a name in it.
fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() {
        name.to_owned()
    } else {
        format!("{dir}/{name}")
    }
}

/// Returns the directories above a path, outermost first: `a` and `a/b` for `a/b/c`.
pub(crate) fn parents(path: &RelPath) -> impl Iterator<Item = &str> {
    let text = path.as_str();
    text.match_indices('/').map(|(at, _)| &text[..at])
}

#[cfg(test)]
mod tests;
