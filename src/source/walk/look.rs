//! Looking at one name of a directory, and reading what is there when its metadata do not tell.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::Ordering;

use rayon::prelude::*;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};

use super::folder::{Folder, Got, Item, ItemContent};
use super::{Open, Walk};
use crate::digest::Digest;
use crate::source::error::Problem;
use crate::source::hash::{fault_of_name, is_gone, kind_of, shown};
use crate::source::index::{
    Content, HAS_BUILDERIGNORE, HAS_GIT, HAS_GITIGNORE, Horizon, Record, Stamp, kind,
};

/// How much is read at once.
const BUFFER: usize = 128 * 1024;

thread_local! {
    static BYTES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Lists the names in a directory, which is open as a path alone.
pub(super) fn names(fd: &OwnedFd) -> io::Result<Vec<(Vec<u8>, FileType)>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(fd, ".", flags, Mode::empty())?;
    let mut names = Vec::new();
    for entry in Dir::new(fd)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            names.push((name.to_owned(), entry.file_type()));
        }
    }
    Ok(names)
}

/// Returns what a directory has that matters to the rules.
pub(super) fn flags_of(names: &[(Vec<u8>, FileType)]) -> u32 {
    names.iter().fold(0, |flags, (name, _)| {
        flags
            | match name.as_slice() {
                b".git" => HAS_GIT,
                b".gitignore" => HAS_GITIGNORE,
                b".builderignore" => HAS_BUILDERIGNORE,
                _ => 0,
            }
    })
}

/// Finds out what a name is where the listing does not tell.
pub(super) fn type_of(open: &Open<'_>, name: &[u8]) -> FileType {
    let stat = rustix::fs::statat(&open.fd, OsStr::from_bytes(name), AtFlags::SYMLINK_NOFOLLOW);
    stat.map_or(FileType::Unknown, |stat| kind(&stat))
}

/// Named files, looked at.
pub(crate) struct Looked<'a> {
    /// Those that are regular files, as files of one directory whose names are paths.
    pub folder: Folder,
    /// Those that are something else, or that could not be read.
    pub refused: Vec<&'a str>,
}

/// What reading a file or a link brought.
struct WasRead {
    stamp: Stamp,
    content: ItemContent,
    /// Whether its metadata were the same before and after.
    steady: bool,
}

impl Walk<'_> {
    /// Looks at named files below the root, side by side; those that are not there are left out.
    pub(crate) fn look_at_all<'a>(&self, names: &[&'a str]) -> io::Result<Looked<'a>> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(self.root, flags, Mode::empty())?;
        let device = rustix::fs::fstat(&fd)?.st_dev;
        let open = Open {
            fd,
            rel: "",
            known: None,
            device,
        };
        let got: Vec<(&'a str, Option<u32>, Got)> = names
            .par_iter()
            .map(|name| {
                let known = self.index.and_then(|index| index.find(0, name, false));
                (*name, known, self.look(&open, name, known, false))
            })
            .collect();
        let mut folder = Folder {
            device,
            ..Folder::empty()
        };
        let mut refused = Vec::new();
        for (name, known, got) in got {
            match got {
                Got::Foreign(_) => refused.push(name),
                Got::New(item) if matches!(item.content, ItemContent::Link(_)) => {
                    refused.push(name);
                }
                got => folder.take(got, known.unwrap_or(0), name),
            }
        }
        folder.same = self
            .index
            .is_some_and(|index| folder.has_entries_of(index, 0) && folder.is(index.directory(0)));
        Ok(Looked { folder, refused })
    }

    /// Looks at a name; reads it if the index does not have it as it is now.
    ///
    /// `strict` is for a source, of which everything that cannot be copied is a problem.
    pub(super) fn look(
        &self,
        open: &Open<'_>,
        name: &str,
        known: Option<u32>,
        strict: bool,
    ) -> Got {
        let known = self.index.zip(known);
        let known = known.map(|(index, number)| (index, index.record(number)));
        let looked_at = || rustix::fs::statat(&open.fd, name, AtFlags::SYMLINK_NOFOLLOW);
        if let Some((_, record)) = known.filter(|(_, record)| record.believed) {
            match looked_at() {
                Ok(stat) if is(record, &stat, open.device) => return Got::Known,
                Ok(_) => {}
                Err(error) => return self.failed(open, name, strict, &error.into()),
            }
        }
        let horizon = self.shelf.horizon();
        let stat = match looked_at() {
            Ok(stat) => stat,
            Err(error) => return self.failed(open, name, strict, &error.into()),
        };
        let was_read = match kind(&stat) {
            FileType::RegularFile => {
                self.read.fetch_add(1, Ordering::Relaxed);
                read_file(open, name)
            }
            FileType::Symlink => match read_link(open, name, &stat) {
                Ok(Ok(was_read)) => Ok(was_read),
                Ok(Err((target, fault))) if strict => {
                    return Got::Failed(Problem::LinkTarget {
                        path: Folder::path(open.rel, name),
                        target,
                        why: fault,
                    });
                }
                Ok(Err(_)) => return Got::Foreign("special"),
                Err(error) => Err(error),
            },
            FileType::Directory => Err(irregular()),
            kind if strict => {
                return Got::Failed(Problem::Special {
                    path: Folder::path(open.rel, name),
                    kind: kind_of(kind),
                });
            }
            _ => return Got::Foreign("special"),
        };
        let was_read = match was_read {
            Ok(was_read) => was_read,
            Err(error) => return self.failed(open, name, strict, &error),
        };
        let item = item(name, was_read, (&stat, open.device), horizon);
        match known {
            Some((index, record)) if is_recorded(&item, record, |text| index.target(text)) => {
                Got::Known
            }
            _ => Got::New(item),
        }
    }

    fn failed(&self, open: &Open<'_>, name: &str, strict: bool, error: &io::Error) -> Got {
        if is_gone(error) {
            return Got::Gone;
        }
        if !strict {
            return Got::Foreign("unreadable");
        }
        Got::Failed(Problem::Unreadable {
            path: Folder::path(open.rel, name),
            cause: error.to_string(),
        })
    }
}

/// Whether a record has what was just seen.
fn is(record: &Record, stat: &Stat, device: u64) -> bool {
    stat.st_dev == device && Stamp::of(stat).is_some_and(|stamp| stamp == record.stamp)
}

fn item(
    name: &str,
    was_read: WasRead,
    (named, device): (&Stat, u64),
    horizon: Option<&Horizon>,
) -> Item {
    let WasRead {
        stamp,
        content,
        steady,
    } = was_read;
    let there = named.st_dev == device && Stamp::of(named).is_some_and(|named| named == stamp);
    let old = horizon.is_some_and(|horizon| horizon.believes(device, &stamp));
    Item {
        name: name.to_owned(),
        stamp,
        believed: steady && there && old,
        content,
    }
}

fn is_recorded<'a>(
    item: &Item,
    record: &Record,
    target: impl Fn(&crate::source::index::Text) -> &'a str,
) -> bool {
    let same = match (&item.content, &record.content) {
        (
            ItemContent::File { digest, executable },
            Content::File {
                digest: before,
                executable: bit,
            },
        ) => digest == before && executable == bit,
        (ItemContent::Link(now), Content::Link(before)) => now == target(before),
        _ => false,
    };
    same && item.believed == record.believed && item.stamp == record.stamp
}

fn irregular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is not a regular file")
}

/// Reads a regular file and digests it.
///
/// A link or a FIFO that was put there meanwhile is neither followed nor waited for.
fn read_file(open: &Open<'_>, name: &str) -> io::Result<WasRead> {
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(&open.fd, name, flags, Mode::empty())?;
    let before = rustix::fs::fstat(&fd)?;
    if kind(&before) != FileType::RegularFile {
        return Err(irregular());
    }
    let mut file = File::from(fd);
    let mut hasher = blake3::Hasher::new();
    let size = BYTES.with_borrow_mut(|bytes| {
        bytes.resize(BUFFER, 0);
        let mut size = 0;
        loop {
            match file.read(bytes) {
                Ok(0) => return Ok(size),
                Ok(count) => {
                    hasher.update(&bytes[..count]);
                    size += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    })?;
    let after = rustix::fs::fstat(file.as_fd())?;
    let stamps = (Stamp::of(&before), Stamp::of(&after));
    let stamp = stamps.1.unwrap_or(Stamp::NONE);
    Ok(WasRead {
        stamp,
        content: ItemContent::File {
            digest: Digest::from_hasher(&hasher),
            executable: before.st_mode & 0o100 != 0,
        },
        steady: stamps.0 == stamps.1 && stamps.1.is_some() && stamp.size == size,
    })
}

/// Reads a link; a target that no tree can hold is given back for a message, with what is wrong.
fn read_link(
    open: &Open<'_>,
    name: &str,
    before: &Stat,
) -> io::Result<Result<WasRead, (String, &'static str)>> {
    let target = rustix::fs::readlinkat(&open.fd, name, Vec::new())?;
    let after = rustix::fs::statat(&open.fd, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let text = target.to_str().ok();
    let target = match (fault_of_name(text), text) {
        (None, Some(text)) => text.to_owned(),
        (fault, _) => {
            let target = Path::new(OsStr::from_bytes(target.to_bytes()));
            return Ok(Err((shown(target), fault.unwrap_or("cannot be read"))));
        }
    };
    let stamps = (Stamp::of(before), Stamp::of(&after));
    Ok(Ok(WasRead {
        stamp: stamps.1.unwrap_or(Stamp::NONE),
        content: ItemContent::Link(target),
        steady: stamps.0 == stamps.1 && stamps.1.is_some(),
    }))
}
