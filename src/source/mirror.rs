//! The pristine copy of a source: exactly a tree, or a failure.

use std::collections::BTreeSet;
use std::fs::{self, Metadata, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use rayon::prelude::*;

use crate::digest::Digest;
use crate::source::OnDisk;
use crate::source::error::SourceError;
use crate::source::hash::{is_executable, is_gone, open_regular};
use crate::source::index::{Content, HAS_FOREIGN, Index};
use crate::source::{join, parents};
use crate::tree::{Entry, RelPath, Tree};

/// The mode of directories and of executable files.
const OPEN: u32 = 0o755;

/// The mode of all other files.
const PLAIN: u32 = 0o644;

/// What making a copy took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MirrorOutcome {
    /// Files and links that were written.
    pub copied: usize,
    /// Files, links and whole directories that had no place in the tree.
    pub removed: usize,
    /// Files and links that were there already.
    pub kept: usize,
}

/// Makes `dest` a copy of `tree`, whose files are read from `root`.
///
/// `dest` belongs to `builder` alone, and everything in it that is not in the tree goes. What
/// `on_disk`, a [`read_copy`](crate::source::read_copy) of `dest` just made, shows to be right is
/// kept, whoever wrote it, and not looked at again. The rest is copied and hashed on the way, and a
/// file that is not what the tree says, or is gone, fails with [`SourceError::ChangedWhileCopied`].
///
/// Files get mode 0644 or 0755 and directories 0755, whatever the umask. Each file is written under
/// a temporary name beside its place and renamed, so no half file ever has a final name; what a
/// crash leaves is removed by the next call. A directory of `dest` that was replaced by a link is
/// made a directory again before anything is written, so nothing is written through a link.
///
/// Nothing is synced: after a loss of power a file may be empty, which its digest shows.
pub fn mirror(
    root: &Path,
    tree: &Tree,
    dest: &Path,
    on_disk: &OnDisk,
) -> Result<MirrorOutcome, SourceError> {
    let index = &on_disk.index;
    let mut copy = Copy {
        tree,
        dest,
        directories: directories(tree),
        found: BTreeSet::new(),
        present: BTreeSet::new(),
        outcome: MirrorOutcome::default(),
    };
    if copy.prepare()? {
        copy.tidy(index, 0, "")?;
    }
    for dir in copy.directories.difference(&copy.found) {
        make_directory(&dest.join(dir))?;
    }
    let is_right = |path: &RelPath, entry: &Entry| {
        copy.present.contains(path.as_str())
            && index
                .at(path.as_str())
                .and_then(|record| index.content(record))
                .is_some_and(|content| content == entry.content())
    };
    let wrong: Vec<(&RelPath, &Entry)> = tree
        .entries()
        .iter()
        .filter(|(path, entry)| !is_right(path, entry))
        .collect();
    wrong.par_iter().try_for_each_init(
        || vec![0; 128 * 1024],
        |buffer, (path, entry)| match entry {
            Entry::File { digest, executable } => {
                copy_file(root, path, dest, (*digest, *executable), buffer)
            }
            Entry::Symlink { target } => copy_link(root, path, dest, target),
        },
    )?;
    copy.outcome.copied = wrong.len();
    copy.outcome.kept = tree.count() - wrong.len();
    Ok(copy.outcome)
}

/// Returns every directory of a tree, each after those above it.
fn directories(tree: &Tree) -> BTreeSet<&str> {
    let mut directories = BTreeSet::new();
    let mut last = "";
    for path in tree.entries().keys() {
        let Some((parent, _)) = path.as_str().rsplit_once('/') else {
            continue;
        };
        if parent != last {
            directories.extend(parents(path));
            last = parent;
        }
    }
    directories
}

struct Copy<'a> {
    tree: &'a Tree,
    dest: &'a Path,
    /// Every directory of the tree, each after those above it.
    directories: BTreeSet<&'a str>,
    /// Those that are there.
    found: BTreeSet<&'a str>,
    /// The paths of the tree at which something of the right type is.
    present: BTreeSet<&'a str>,
    outcome: MirrorOutcome,
}

impl<'a> Copy<'a> {
    /// Makes `dest` a real directory; returns whether it was one.
    fn prepare(&mut self) -> Result<bool, SourceError> {
        match fs::symlink_metadata(self.dest) {
            Ok(metadata) if metadata.is_dir() => {
                set_mode(self.dest, metadata.mode(), OPEN)?;
                return Ok(true);
            }
            Ok(metadata) => self.remove(self.dest, &metadata)?,
            Err(_) => {
                if let Some(parent) = self.dest.parent() {
                    fs::create_dir_all(parent).map_err(SourceError::io("create", parent))?;
                }
            }
        }
        make_directory(self.dest)?;
        Ok(false)
    }

    /// Removes what has no place in a directory, and gives what has one its mode.
    fn tidy(&mut self, index: &Index, number: u32, dir: &str) -> Result<(), SourceError> {
        if index.directory(number).flags & HAS_FOREIGN != 0 {
            return self.tidy_by_looking(dir);
        }
        for (_, record) in index.inside(number) {
            let rel = join(dir, index.name(record));
            let path = || self.dest.join(&rel);
            let known = self.tree.entries().get_key_value(rel.as_str());
            match (record.content, known) {
                (Content::Folder(folder), _) if self.is_wanted(&rel) => {
                    set_mode(&path(), record.stamp.mode, OPEN)?;
                    self.tidy(index, folder, &rel)?;
                }
                (Content::File { .. }, Some((known, Entry::File { executable, .. }))) => {
                    let mode = mode_of(*executable);
                    if record.stamp.mode & 0o7777 != mode {
                        set_mode(&path(), record.stamp.mode, mode)?;
                    }
                    self.present.insert(known.as_str());
                }
                (Content::Link(_), Some((known, Entry::Symlink { .. }))) => {
                    self.present.insert(known.as_str());
                }
                _ => {
                    let path = path();
                    let metadata =
                        fs::symlink_metadata(&path).map_err(SourceError::io("look at", &path))?;
                    self.remove(&path, &metadata)?;
                }
            }
        }
        Ok(())
    }

    /// Whether a directory belongs to the tree; takes note that it is there.
    fn is_wanted(&mut self, rel: &str) -> bool {
        let wanted = self.directories.get(rel);
        self.found.extend(wanted);
        wanted.is_some()
    }

    /// Does the same in a directory that has what an index has no name for.
    fn tidy_by_looking(&mut self, dir: &str) -> Result<(), SourceError> {
        let path = self.dest.join(dir);
        let entries = fs::read_dir(&path).map_err(SourceError::io("read", &path))?;
        for entry in entries {
            let path = entry.map_err(SourceError::io("read", &path))?.path();
            let metadata =
                fs::symlink_metadata(&path).map_err(SourceError::io("look at", &path))?;
            let name = path.file_name().and_then(|name| name.to_str());
            let rel = name.map(|name| join(dir, name)).unwrap_or_default();
            if metadata.is_dir() && self.is_wanted(&rel) {
                set_mode(&path, metadata.mode(), OPEN)?;
                self.tidy_by_looking(&rel)?;
                continue;
            }
            match self.tree.entries().get_key_value(rel.as_str()) {
                Some((known, Entry::File { executable, .. })) if metadata.is_file() => {
                    set_mode(&path, metadata.mode(), mode_of(*executable))?;
                    self.present.insert(known.as_str());
                }
                Some((known, Entry::Symlink { .. })) if metadata.is_symlink() => {
                    self.present.insert(known.as_str());
                }
                _ => self.remove(&path, &metadata)?,
            }
        }
        Ok(())
    }

    fn remove(&mut self, path: &Path, metadata: &Metadata) -> Result<(), SourceError> {
        let removed = if metadata.is_dir() {
            fs::remove_dir_all(path).or_else(|error| {
                if error.kind() != io::ErrorKind::PermissionDenied {
                    return Err(error);
                }
                unlock(path)?;
                fs::remove_dir_all(path)
            })
        } else {
            fs::remove_file(path)
        };
        removed.map_err(SourceError::io("remove", path))?;
        self.outcome.removed += 1;
        Ok(())
    }
}

/// Makes a directory and everything in it removable by its owner.
fn unlock(dir: &Path) -> io::Result<()> {
    fs::set_permissions(dir, Permissions::from_mode(OPEN))?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            unlock(&entry.path())?;
        }
    }
    Ok(())
}

fn mode_of(executable: bool) -> u32 {
    if executable { OPEN } else { PLAIN }
}

fn set_mode(path: &Path, now: u32, mode: u32) -> Result<(), SourceError> {
    if now & 0o7777 == mode {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(SourceError::io("set the mode of", path))
}

/// Makes one directory, where none is yet, with a mode that no umask narrows.
fn make_directory(path: &Path) -> Result<(), SourceError> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        made => made.map_err(SourceError::io("create", path))?,
    }
    fs::set_permissions(path, Permissions::from_mode(OPEN))
        .map_err(SourceError::io("set the mode of", path))
}

/// The temporary name under which a file of the copy is written.
fn temporary() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".builder-");
    builder
}

fn copy_file(
    root: &Path,
    path: &RelPath,
    dest: &Path,
    (digest, executable): (Digest, bool),
    buffer: &mut [u8],
) -> Result<(), SourceError> {
    let (from, to) = (root.join(path), dest.join(path));
    let changed = || SourceError::ChangedWhileCopied {
        path: path.to_string(),
    };
    let (mut file, metadata) = match open_regular(&from) {
        Err(error) if is_gone(&error) || error.kind() == io::ErrorKind::InvalidData => {
            return Err(changed());
        }
        opened => opened.map_err(SourceError::io("open", &from))?,
    };
    if is_executable(&metadata) != executable {
        return Err(changed());
    }
    let mut temporary = temporary()
        .tempfile_in(to.parent().unwrap_or(dest))
        .map_err(SourceError::io("create a file beside", &to))?;
    let mut hasher = blake3::Hasher::new();
    loop {
        let count = match file.read(buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(SourceError::io("read", &from)(error)),
        };
        hasher.update(&buffer[..count]);
        temporary
            .write_all(&buffer[..count])
            .map_err(SourceError::io("write", &to))?;
    }
    if Digest::from_hasher(&hasher) != digest {
        return Err(changed());
    }
    temporary
        .as_file()
        .set_permissions(Permissions::from_mode(mode_of(executable)))
        .map_err(SourceError::io("set the mode of", &to))?;
    let placed = temporary.persist(&to).map_err(|error| error.error);
    placed.map(drop).map_err(SourceError::io("write", &to))
}

fn copy_link(root: &Path, path: &RelPath, dest: &Path, target: &str) -> Result<(), SourceError> {
    let (from, to) = (root.join(path), dest.join(path));
    if !fs::read_link(&from).is_ok_and(|found| found.as_os_str() == target) {
        return Err(SourceError::ChangedWhileCopied {
            path: path.to_string(),
        });
    }
    let link = temporary()
        .make_in(to.parent().unwrap_or(dest), |name| symlink(target, name))
        .map_err(SourceError::io("create a link beside", &to))?;
    let placed = link.into_temp_path().persist(&to);
    placed.map_err(|error| SourceError::io("write", &to)(error.error))
}

#[cfg(test)]
mod tests;
