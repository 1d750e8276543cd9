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
mod layout;
pub(crate) mod links;
mod mirror;
mod rules;
mod walk;

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::tree::{Entry, RelPath, Tree};

pub(crate) use hash::open_regular;

pub use disk::{read_files, read_tree};
pub use error::{Problem, SourceError};
pub use layout::{Layout, check_layout};
pub use mirror::{MirrorOutcome, mirror};
pub use rules::{IgnoredBy, Rule, why_ignored};

/// What [`scan`] found in a source directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The content that belongs to the source.
    pub tree: Tree,
    /// How much that is.
    pub stats: ScanStats,
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
    let root = layout::real_directory(root)?;
    let mut found = walk::walk(&root, exclude);
    let hashed: Vec<_> = found
        .files
        .into_par_iter()
        .map(|path| {
            let hashed = hash::digest_file(&root.join(&path));
            (path, hashed)
        })
        .collect();

    let mut tree = Tree::default();
    let mut stats = ScanStats {
        left_out: found.left_out,
        ..ScanStats::default()
    };
    for (path, hashed) in hashed {
        match hashed {
            Ok(file) => {
                stats.files += 1;
                stats.bytes += file.size;
                tree.insert(path, file.entry());
            }
            Err(error) if hash::is_gone(&error) => {}
            Err(error) => found.problems.push(Problem::Unreadable {
                path: path.to_string(),
                cause: error.to_string(),
            }),
        }
    }
    stats.links = found.links.len();
    for (path, target) in found.links {
        tree.insert(path, Entry::Symlink { target });
    }
    found.problems.extend(links::problems(&root, &tree));

    if found.problems.is_empty() {
        return Ok(Scan { tree, stats });
    }
    found.problems.sort_by(|a, b| a.place().cmp(b.place()));
    Err(SourceError::Problems {
        root,
        problems: found.problems,
    })
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
