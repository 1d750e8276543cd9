//! The strict reader of archives that come from containers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use miette::Diagnostic;
use tar::{Archive, EntryType};
use thiserror::Error;

use crate::archive::meter::{Meter, Metered};
use crate::digest::Digest;
use crate::source::{links, parents};
use crate::tree::{Entry, RelPath, Tree};

/// The most that headers between two entries may take, long names included.
const HEADERS: u64 = 256 * 1024;

/// The most that is read behind the end mark, so that the sender can finish.
const TRAILER: u64 = 1024 * 1024;

/// How much an archive may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries of every kind.
    pub entries: u64,
    /// Bytes of all files together.
    pub bytes: u64,
}

/// What happens to the paths of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strip {
    /// They are taken as they are.
    Nothing,
    /// Their first component is dropped: an engine names the directory that it was asked for.
    FirstComponent,
}

/// Why an archive is refused.
#[derive(Debug, Error, Diagnostic)]
pub enum ArchiveError {
    /// It holds something that no artifact has.
    #[error("the archive is refused: {name} {why}")]
    #[diagnostic(
        code(builder::archive::refused),
        help("an artifact consists of directories, regular files and links between them")
    )]
    Refused {
        /// The entry's path, escaped.
        name: String,
        /// What is wrong with it, as a predicate.
        why: String,
    },
    /// It holds more than it may.
    #[error("the archive is refused: it has more than {limit} {what}")]
    #[diagnostic(code(builder::archive::limit))]
    TooLarge {
        /// The limit that it exceeds.
        limit: u64,
        /// What is counted.
        what: &'static str,
    },
    /// It is no archive, or it broke off.
    #[error("the archive cannot be read: {cause}")]
    #[diagnostic(
        code(builder::archive::malformed),
        help("the connection to the engine may have broken; try again")
    )]
    Malformed {
        /// What is wrong with it.
        cause: String,
    },
    /// The disk refused something.
    #[error("could not {verb} {}: {cause}", path.display())]
    #[diagnostic(code(builder::archive::io))]
    Io {
        /// What was tried, as a verb.
        verb: &'static str,
        /// What it was tried on.
        path: PathBuf,
        /// What the attempt met.
        cause: io::Error,
    },
}

/// Unpacks an archive into an empty directory, and returns what is there now.
///
/// `into` is private to the caller and freshly made. It holds nothing but what this call writes,
/// and no name is ever written twice or below anything but a directory made here, so nothing can be
/// written through a link, and a capability-based library would add nothing. After an error it holds
/// a part of the archive and is to be thrown away.
///
/// Files get mode 0644, or 0755 where the archive lets their owner execute them, directories 0755;
/// all belong to the caller. Refused are absolute paths, `..`, names that are not UTF-8 or hold a
/// control character, hard links, devices, FIFOs and sparse files, links that leave, paths that occur
/// twice, more entries or bytes than `limits`, and an archive without its end mark, which is how a
/// broken connection looks.
pub fn unpack(
    reader: impl Read,
    into: &Path,
    strip: Strip,
    limits: Limits,
) -> Result<Tree, ArchiveError> {
    let mut unpack = Unpack {
        into,
        limits,
        bytes: 0,
        tree: Tree::default(),
        directories: BTreeMap::new(),
    };
    unpack.check_empty()?;
    let meter = Rc::new(Meter::default());
    let mut archive = Archive::new(Metered::new(reader, &meter));
    let mut end = 0;
    let mut count = 0;
    let mut entries = archive.entries().map_err(malformed)?;
    loop {
        meter
            .limit
            .set(meter.position.get().saturating_add(HEADERS));
        let Some(entry) = entries.next() else {
            break;
        };
        let mut entry = entry.map_err(malformed)?;
        count += 1;
        if count > limits.entries {
            return Err(ArchiveError::TooLarge {
                limit: limits.entries,
                what: "entries",
            });
        }
        let blocks = entry.size().div_ceil(512).saturating_mul(512);
        end = entry.raw_file_position().saturating_add(blocks);
        meter.limit.set(end);
        unpack.entry(&mut entry, strip)?;
    }
    if meter.position.get() <= end {
        return Err(malformed(io::Error::other("it ends without its end mark")));
    }
    unpack.check_links()?;
    meter.limit.set(u64::MAX);
    let mut rest = archive.into_inner().take(TRAILER);
    io::copy(&mut rest, &mut io::sink()).map_err(malformed)?;
    Ok(unpack.tree)
}

fn malformed(error: io::Error) -> ArchiveError {
    ArchiveError::Malformed {
        cause: error.to_string(),
    }
}

struct Unpack<'a> {
    into: &'a Path,
    limits: Limits,
    bytes: u64,
    tree: Tree,
    /// Directories that were made, and whether the archive named them or only something in them.
    directories: BTreeMap<String, bool>,
}

impl Unpack<'_> {
    fn check_empty(&self) -> Result<(), ArchiveError> {
        let failed = |cause| ArchiveError::Io {
            verb: "unpack into",
            path: self.into.to_owned(),
            cause,
        };
        let metadata = fs::symlink_metadata(self.into).map_err(failed)?;
        if !metadata.is_dir() {
            return Err(failed(io::ErrorKind::NotADirectory.into()));
        }
        match fs::read_dir(self.into).map_err(failed)?.next() {
            None => Ok(()),
            Some(_) => Err(failed(io::ErrorKind::DirectoryNotEmpty.into())),
        }
    }

    fn entry(
        &mut self,
        entry: &mut tar::Entry<'_, impl Read>,
        strip: Strip,
    ) -> Result<(), ArchiveError> {
        let name = Name(entry.path_bytes().into_owned());
        let kind = entry.header().entry_type();
        let Some(path) = name.path(strip)? else {
            return match kind {
                EntryType::Directory => Ok(()),
                _ => Err(name.refused("is not the directory that was asked for")),
            };
        };
        match kind {
            EntryType::Directory => {
                self.parents(&name, &path)?;
                match self.directories.insert(path.to_string(), true) {
                    Some(true) => Err(name.refused("occurs twice")),
                    Some(false) => Ok(()),
                    None if self.tree.entries().contains_key(&path) => {
                        Err(name.refused("occurs twice"))
                    }
                    None => self.make_directory(path.as_str()),
                }
            }
            EntryType::Regular => {
                self.fresh(&name, &path)?;
                self.file(&name, path, entry)
            }
            EntryType::Symlink => {
                self.fresh(&name, &path)?;
                let target = entry.link_name_bytes().unwrap_or_default();
                self.link(&name, path, &target)
            }
            EntryType::Link => Err(name.refused("is a hard link")),
            EntryType::Fifo => Err(name.refused("is a FIFO")),
            EntryType::Char | EntryType::Block => Err(name.refused("is a device")),
            other => Err(name.refused(format!("has the unexpected type {other:?}"))),
        }
    }

    /// Makes sure that nothing is at a path yet and that only directories are above it.
    fn fresh(&mut self, name: &Name, path: &RelPath) -> Result<(), ArchiveError> {
        let taken =
            self.tree.entries().contains_key(path) || self.directories.contains_key(path.as_str());
        if taken {
            return Err(name.refused("occurs twice"));
        }
        self.parents(name, path)
    }

    fn parents(&mut self, name: &Name, path: &RelPath) -> Result<(), ArchiveError> {
        for dir in parents(path) {
            match self.tree.entries().get(dir) {
                Some(Entry::Symlink { .. }) => {
                    return Err(name.refused(format!("would be written through the link {dir}")));
                }
                Some(Entry::File { .. }) => {
                    return Err(name.refused(format!("lies in {dir}, which is a file")));
                }
                None => {}
            }
            if !self.directories.contains_key(dir) {
                self.directories.insert(dir.to_owned(), false);
                self.make_directory(dir)?;
            }
        }
        Ok(())
    }

    fn make_directory(&self, dir: &str) -> Result<(), ArchiveError> {
        let path = self.into.join(dir);
        fs::create_dir(&path)
            .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(0o755)))
            .map_err(|cause| ArchiveError::Io {
                verb: "create",
                path,
                cause,
            })
    }

    fn file(
        &mut self,
        name: &Name,
        path: RelPath,
        entry: &mut tar::Entry<'_, impl Read>,
    ) -> Result<(), ArchiveError> {
        let mode = entry.header().mode().map_err(malformed)?;
        let executable = mode & 0o100 != 0;
        let size = entry.size();
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > self.limits.bytes {
            return Err(ArchiveError::TooLarge {
                limit: self.limits.bytes,
                what: "bytes",
            });
        }
        let to = self.into.join(&path);
        let failed = |cause| ArchiveError::Io {
            verb: "write",
            path: to.clone(),
            cause,
        };
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&to)
            .map_err(failed)?;
        let mut hasher = blake3::Hasher::new();
        let mut buffer = [0; 16 * 1024];
        let mut written = 0;
        loop {
            let count = entry.read(&mut buffer).map_err(malformed)?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
            file.write_all(&buffer[..count]).map_err(failed)?;
            written += count as u64;
        }
        if written != size {
            let cause = format!(
                "{} breaks off after {written} of {size} bytes",
                name.shown()
            );
            return Err(ArchiveError::Malformed { cause });
        }
        let mode = if executable { 0o755 } else { 0o644 };
        file.set_permissions(Permissions::from_mode(mode))
            .map_err(failed)?;
        let digest = Digest::from_hasher(&hasher);
        self.tree.insert(path, Entry::File { digest, executable });
        Ok(())
    }

    fn link(&mut self, name: &Name, path: RelPath, target: &[u8]) -> Result<(), ArchiveError> {
        let text = std::str::from_utf8(target).ok();
        let Some(target) =
            text.filter(|text| !text.is_empty() && !text.chars().any(char::is_control))
        else {
            return Err(name.refused("is a link whose target is not a path"));
        };
        if links::leaves(&self.tree, &path, target) {
            return Err(name.refused(format!("is a link that leaves: {target}")));
        }
        let to = self.into.join(&path);
        symlink(target, &to).map_err(|cause| ArchiveError::Io {
            verb: "create",
            path: to.clone(),
            cause,
        })?;
        let target = target.to_owned();
        self.tree.insert(path, Entry::Symlink { target });
        Ok(())
    }

    /// Follows every link again: one that came later may lead an earlier one out.
    fn check_links(&self) -> Result<(), ArchiveError> {
        for (path, entry) in self.tree.entries() {
            if let Entry::Symlink { target } = entry
                && links::leaves(&self.tree, path, target)
            {
                let name = Name(path.as_str().into());
                return Err(name.refused(format!("is a link that leaves: {target}")));
            }
        }
        Ok(())
    }
}

/// The path of an entry as the archive has it.
struct Name(Vec<u8>);

impl Name {
    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.0).escape_debug().to_string()
    }

    fn refused(&self, why: impl Into<String>) -> ArchiveError {
        ArchiveError::Refused {
            name: self.shown(),
            why: why.into(),
        }
    }

    /// Checks and strips the path; `None` for the directory that everything lies in.
    fn path(&self, strip: Strip) -> Result<Option<RelPath>, ArchiveError> {
        let text = std::str::from_utf8(&self.0).map_err(|_| self.refused("is not UTF-8"))?;
        let components: BTreeSet<&str> = text.split('/').collect();
        if components.is_subset(&BTreeSet::from(["", "."])) && text.starts_with('.') {
            return Ok(None);
        }
        let path = RelPath::new(text)
            .map_err(|error| self.refused(format!("cannot be unpacked: {error}")))?;
        match strip {
            Strip::Nothing => Ok(Some(path)),
            Strip::FirstComponent => match path.as_str().split_once('/') {
                None => Ok(None),
                Some((_, rest)) => {
                    let rest = RelPath::new(rest).expect("the rest of a path is a path");
                    Ok(Some(rest))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests;
