//! The pristine copy of a source: exactly a tree, or a failure.

use std::collections::BTreeSet;
use std::fs::{self, Metadata, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use crate::digest::Digest;
use crate::source::error::SourceError;
use crate::source::hash::{is_executable, is_gone, open_regular};
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
/// `on_disk`, a [`read_tree`](crate::source::read_tree) of `dest` just made, shows to be right is
/// kept, whoever wrote it. The rest is copied and hashed on the way, and a file that is not what the
/// tree says, or is gone, fails with [`SourceError::ChangedWhileCopied`].
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
    on_disk: &Tree,
) -> Result<MirrorOutcome, SourceError> {
    let mut copy = Copy {
        tree,
        dest,
        directories: tree.entries().keys().flat_map(parents).collect(),
        present: BTreeSet::new(),
        outcome: MirrorOutcome::default(),
    };
    copy.prepare()?;
    copy.tidy("")?;
    for dir in &copy.directories {
        make_directory(&dest.join(dir))?;
    }
    let mut buffer = vec![0; 128 * 1024];
    for (path, entry) in tree.entries() {
        if copy.present.contains(path.as_str()) && on_disk.entries().get(path) == Some(entry) {
            copy.outcome.kept += 1;
            continue;
        }
        match entry {
            Entry::File { digest, executable } => {
                let wanted = (*digest, *executable);
                copy_file(root, path, dest, wanted, &mut buffer)?;
            }
            Entry::Symlink { target } => copy_link(root, path, dest, target)?,
        }
        copy.outcome.copied += 1;
    }
    Ok(copy.outcome)
}

struct Copy<'a> {
    tree: &'a Tree,
    dest: &'a Path,
    /// Every directory of the tree, each after those above it.
    directories: BTreeSet<&'a str>,
    /// The paths of the tree at which something of the right type is.
    present: BTreeSet<&'a str>,
    outcome: MirrorOutcome,
}

impl<'a> Copy<'a> {
    /// Makes `dest` a real directory.
    fn prepare(&mut self) -> Result<(), SourceError> {
        match fs::symlink_metadata(self.dest) {
            Ok(metadata) if metadata.is_dir() => set_mode(self.dest, &metadata, OPEN),
            Ok(metadata) => {
                self.remove(self.dest, &metadata)?;
                make_directory(self.dest)
            }
            Err(_) => {
                if let Some(parent) = self.dest.parent() {
                    fs::create_dir_all(parent).map_err(SourceError::io("create", parent))?;
                }
                make_directory(self.dest)
            }
        }
    }

    /// Removes what has no place in a directory, and gives what has one its mode.
    fn tidy(&mut self, dir: &str) -> Result<(), SourceError> {
        let path = self.dest.join(dir);
        let entries = fs::read_dir(&path).map_err(SourceError::io("read", &path))?;
        for entry in entries {
            let path = entry.map_err(SourceError::io("read", &path))?.path();
            let metadata =
                fs::symlink_metadata(&path).map_err(SourceError::io("look at", &path))?;
            let name = path.file_name().and_then(|name| name.to_str());
            let rel = name.map(|name| join(dir, name)).unwrap_or_default();
            if metadata.is_dir() && self.directories.contains(rel.as_str()) {
                set_mode(&path, &metadata, OPEN)?;
                self.tidy(&rel)?;
                continue;
            }
            match self.tree.entries().get_key_value(rel.as_str()) {
                Some((known, Entry::File { executable, .. })) if metadata.is_file() => {
                    set_mode(&path, &metadata, mode_of(*executable))?;
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

fn set_mode(path: &Path, metadata: &Metadata, mode: u32) -> Result<(), SourceError> {
    if metadata.mode() & 0o7777 == mode {
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
