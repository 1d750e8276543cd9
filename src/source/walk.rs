//! The walk over a directory, side by side on all cores, no link followed, and only what is new read.

mod folder;
mod look;

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;

use rayon::prelude::*;
use rustix::fs::{FileType, Mode, OFlags};

use crate::digest::Digest;
use crate::source::error::Problem;
use crate::source::hash::{fault_of_name, is_gone, shown};
use crate::source::index::{
    BELIEVED, Content, HAS_BUILDERIGNORE, HAS_GIT, HAS_GITIGNORE, Index, Shelf, Stamp,
};
use crate::source::join;
use crate::source::rules::Rules;

use self::folder::Got;
pub(crate) use self::folder::{Entries, Folder, Item, ItemContent};

/// How many files are looked at by one thread before another is given some.
const SHARE: usize = 64;

/// A walk, with what it goes by.
pub(crate) struct Walk<'a> {
    /// The directory, canonical where rules are followed.
    pub root: &'a Path,
    /// Canonical paths that are left out whatever the rules say.
    pub exclude: &'a [PathBuf],
    pub index: Option<&'a Index>,
    pub shelf: &'a Shelf,
    /// How many files were read.
    pub read: AtomicUsize,
}

/// A directory that is to be walked.
struct Ahead<'a> {
    name: &'a str,
    rel: String,
    /// Its number in the index.
    known: Option<u32>,
    /// Whether the rules were asked now, and not when the index was made.
    decided: bool,
}

/// What a directory turned out to be.
enum Outcome {
    Found(Folder),
    Gone,
    LeftOut,
    Failed(Problem),
    Foreign(&'static str),
}

/// A directory that is being walked.
struct Open<'a> {
    fd: OwnedFd,
    rel: &'a str,
    known: Option<u32>,
    device: u64,
}

impl Walk<'_> {
    /// Walks everything below the root, by `rules` or without any.
    pub fn run(&self, rules: Option<&Rules>) -> io::Result<(Folder, Vec<Problem>)> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(self.root, flags, Mode::empty())?;
        let ahead = Ahead {
            name: "",
            rel: String::new(),
            known: self.index.map(|_| 0),
            decided: true,
        };
        match self.enter(fd, &ahead, rules) {
            Outcome::Found(mut folder) => {
                let problems = std::mem::take(&mut folder.problems);
                Ok((folder, problems))
            }
            Outcome::Failed(problem) => Ok((Folder::empty(), vec![problem])),
            Outcome::Gone | Outcome::LeftOut => Ok((Folder::empty(), Vec::new())),
            Outcome::Foreign(_) => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }

    fn folder(&self, parent: BorrowedFd<'_>, ahead: &Ahead<'_>, rules: Option<&Rules>) -> Outcome {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(parent, ahead.name, flags, Mode::empty()) {
            Ok(fd) => self.enter(fd, ahead, rules),
            Err(error) => self.unreadable(ahead, rules, &error.into()),
        }
    }

    fn unreadable(&self, ahead: &Ahead<'_>, rules: Option<&Rules>, error: &io::Error) -> Outcome {
        if is_gone(error) {
            return Outcome::Gone;
        }
        let Some(rules) = rules else {
            return Outcome::Foreign("unreadable");
        };
        let path = self.root.join(&ahead.rel);
        if !ahead.decided && rules.decide(&path, true).is_some() {
            return Outcome::LeftOut;
        }
        Outcome::Failed(Problem::Unreadable {
            path: match ahead.rel.as_str() {
                "" => shown(self.root),
                rel => shown(Path::new(rel)),
            },
            cause: error.to_string(),
        })
    }

    fn enter(&self, fd: OwnedFd, ahead: &Ahead<'_>, rules: Option<&Rules>) -> Outcome {
        let looked_at = |fd: &OwnedFd| {
            let stat = rustix::fs::fstat(fd)?;
            let stamp = Stamp::of(&stat).ok_or(io::ErrorKind::InvalidData)?;
            Ok::<_, io::Error>((stat.st_dev, stamp))
        };
        let (device, stamp) = match looked_at(&fd) {
            Ok(looked_at) => looked_at,
            Err(error) => return self.unreadable(ahead, rules, &error),
        };
        let open = Open {
            fd,
            rel: &ahead.rel,
            known: ahead.known,
            device,
        };
        if let Some((index, number)) = self.index.zip(ahead.known) {
            let old = index.directory(number);
            if old.flags & BELIEVED != 0 && old.device == device && old.stamp == stamp {
                let mut problems = Vec::new();
                let inner =
                    rules.map(|rules| self.inner(rules, open.rel, old.flags, &mut problems));
                if inner.as_ref().map_or(Digest::ZERO, Rules::digest) == old.rules {
                    let folder = self.recognised(&open, ahead, index, inner.as_ref(), problems);
                    return Outcome::Found(folder);
                }
            }
        }
        // What is believed of it has to have been looked at after the horizon was set.
        let horizon = self.shelf.horizon();
        let (device, stamp) = match looked_at(&open.fd) {
            Ok(looked_at) => looked_at,
            Err(error) => return self.unreadable(ahead, rules, &error),
        };
        let names = match look::names(&open.fd) {
            Ok(names) => names,
            Err(error) => return self.unreadable(ahead, rules, &error),
        };
        if let Some(rules) = rules.filter(|_| !ahead.decided)
            && names.iter().any(|(name, _)| name == b"pyvenv.cfg")
            && rules.decide(&self.root.join(open.rel), true).is_some()
        {
            return Outcome::LeftOut;
        }
        let believed = horizon.is_some_and(|horizon| horizon.believes(device, &stamp));
        let folder = Folder {
            name: ahead.name.to_owned(),
            stamp,
            device,
            believed,
            ..Folder::empty()
        };
        Outcome::Found(self.listed(&open, folder, &names, rules))
    }

    /// Returns the rules inside a directory that has what the flags say.
    fn inner(&self, rules: &Rules, rel: &str, flags: u32, problems: &mut Vec<Problem>) -> Rules {
        if flags & (HAS_GIT | HAS_GITIGNORE | HAS_BUILDERIGNORE) == 0 {
            return rules.clone();
        }
        rules.enter(&self.root.join(rel), flags, problems)
    }

    /// Looks at the names that the index has for a directory, which has no others.
    fn recognised(
        &self,
        open: &Open<'_>,
        ahead: &Ahead<'_>,
        index: &Index,
        rules: Option<&Rules>,
        problems: Vec<Problem>,
    ) -> Folder {
        let number = open.known.expect("what is recognised is in the index");
        let old = index.directory(number);
        let range = old.range();
        let is_folder = |number: &usize| index.record(*number as u32).content.is_folder();
        let odd: Vec<(u32, Got)> = range
            .clone()
            .into_par_iter()
            .with_min_len(SHARE)
            .filter(|number| !is_folder(number))
            .filter_map(|number| {
                let number = number as u32;
                let name = index.name(index.record(number));
                match self.look(open, name, Some(number), rules.is_some()) {
                    Got::Known => None,
                    got => Some((number, got)),
                }
            })
            .collect();
        let folders = index.inside(number).filter_map(|(_, record)| {
            let Content::Folder(known) = record.content else {
                return None;
            };
            let name = index.name(record);
            Some(Ahead {
                name,
                rel: join(open.rel, name),
                known: Some(known),
                decided: false,
            })
        });
        let mut folder = Folder {
            name: ahead.name.to_owned(),
            stamp: old.stamp,
            device: old.device,
            believed: true,
            flags: old.flags & !BELIEVED,
            rules: old.rules,
            left_out: old.left_out,
            entries: Entries::Known(number),
            folders: Vec::new(),
            problems,
            same: odd.is_empty(),
        };
        if !odd.is_empty() {
            let altered: Vec<u32> = odd.iter().map(|(number, _)| *number).collect();
            let known = range.filter(|number| !is_folder(number));
            let known = known.map(|number| number as u32);
            folder.entries = Entries::Listed {
                known: known
                    .filter(|number| altered.binary_search(number).is_err())
                    .collect(),
                new: Vec::new(),
            };
            for (number, got) in odd {
                let name = index.name(index.record(number));
                folder.take(got, number, name);
            }
        }
        self.below(open, &mut folder, &folders.collect::<Vec<_>>(), rules);
        folder
    }

    /// Looks at the names that a directory was found to have.
    fn listed(
        &self,
        open: &Open<'_>,
        mut folder: Folder,
        names: &[(Vec<u8>, FileType)],
        rules: Option<&Rules>,
    ) -> Folder {
        folder.flags = look::flags_of(names);
        let inner = rules.map(|rules| {
            let mut problems = Vec::new();
            let inner = self.inner(rules, open.rel, folder.flags, &mut problems);
            folder.problems.append(&mut problems);
            inner
        });
        folder.rules = inner.as_ref().map_or(Digest::ZERO, Rules::digest);
        let known = self.index.zip(open.known);
        let decided =
            known.filter(|(index, number)| index.directory(*number).rules == folder.rules);
        let mut path = self.root.join(open.rel);
        let mut files = Vec::new();
        let mut folders = Vec::new();
        for (bytes, file_type) in names {
            let text = std::str::from_utf8(bytes).ok();
            let file_type = match file_type {
                FileType::Unknown => look::type_of(open, bytes),
                file_type => *file_type,
            };
            let is_dir = file_type == FileType::Directory;
            let before = known
                .zip(text)
                .and_then(|((index, number), name)| index.find(number, name, is_dir));
            let kept = decided.is_some() && before.is_some();
            if let Some(inner) = inner.as_ref().filter(|_| !kept) {
                path.push(OsStr::from_bytes(bytes));
                let hidden = inner.decide(&path, is_dir);
                // What a directory holds decides here, and its own metadata tell nothing of that.
                folder.believed &= !hidden.as_ref().is_some_and(|hidden| hidden.is_by_content());
                let out = hidden.is_some() || self.exclude.contains(&path);
                path.pop();
                if out {
                    folder.left_out += 1;
                    continue;
                }
            }
            match (fault_of_name(text), text) {
                (None, Some(name)) if is_dir => folders.push(Ahead {
                    name,
                    rel: join(open.rel, name),
                    known: before.and_then(|number| match known?.0.record(number).content {
                        Content::Folder(folder) => Some(folder),
                        Content::File { .. } | Content::Link(_) => None,
                    }),
                    decided: !kept,
                }),
                (None, Some(name)) => files.push((name, before)),
                (fault, _) => {
                    let name = Path::new(OsStr::from_bytes(bytes));
                    folder.take_fault(open.rel, name, fault, rules.is_some());
                }
            }
        }
        let looked_at: Vec<Got> = files
            .par_iter()
            .with_min_len(SHARE)
            .map(|(name, before)| self.look(open, name, *before, rules.is_some()))
            .collect();
        for ((name, before), got) in files.into_iter().zip(looked_at) {
            folder.take(got, before.unwrap_or(0), name);
        }
        let known = known.filter(|(index, number)| folder.has_entries_of(index, *number));
        if let Some((_, number)) = known {
            folder.entries = Entries::Known(number);
        }
        let whole = known.filter(|(index, number)| {
            let there = index.inside(*number);
            there
                .filter(|(_, record)| record.content.is_folder())
                .count()
                == folders.len()
        });
        folder.same = whole.is_some();
        self.below(open, &mut folder, &folders, inner.as_ref());
        folder.same &= whole.is_some_and(|(index, number)| folder.is(index.directory(number)));
        folder
    }

    /// Walks the directories in a directory, side by side.
    fn below(
        &self,
        open: &Open<'_>,
        folder: &mut Folder,
        ahead: &[Ahead<'_>],
        rules: Option<&Rules>,
    ) {
        let outcomes: Vec<Outcome> = ahead
            .par_iter()
            .map(|ahead| self.folder(open.fd.as_fd(), ahead, rules))
            .collect();
        for (ahead, outcome) in ahead.iter().zip(outcomes) {
            match outcome {
                Outcome::Found(mut found) => {
                    folder.problems.append(&mut found.problems);
                    folder.same &= found.same;
                    folder.folders.push(found);
                    continue;
                }
                Outcome::Gone => {}
                Outcome::LeftOut => folder.left_out += 1,
                Outcome::Failed(problem) => folder.problems.push(problem),
                Outcome::Foreign(what) => folder.stand_in(self.index, ahead.name, what),
            }
            // What it was listed with is no more what there is.
            folder.believed = false;
            folder.same = false;
        }
    }
}
