//! What is on disk now, read without ignore rules and without giving up on what is odd.

use std::collections::BTreeMap;
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::digest::{ContentHasher, Digest};
use crate::source::error::SourceError;
use crate::source::hash::{digest_file, fault_of_name, is_gone};
use crate::source::join;
use crate::tree::{Entry, RelPath, Tree};

/// The domain of what stands in for something that no tree can hold.
const FOREIGN_CONTEXT: &str = "builder 2026-11-23 foreign entry v1";

/// Reads everything below a directory, to compare it with what `builder` left there.
///
/// What no tree can hold does not fail: a FIFO, socket, device, unreadable file or directory, or a
/// name that is not text enters as a file with a digest that no file has, and so shows up as added
/// or changed. Where `dir` is missing or is no directory, the tree is empty. Links are not followed,
/// except `dir` itself.
pub fn read_tree(dir: &Path) -> Result<Tree, SourceError> {
    let mut seen = Seen::default();
    match fs::read_dir(dir) {
        Ok(entries) => seen.entries(entries, ""),
        Err(error) if is_gone(&error) => return Ok(Tree::default()),
        Err(error) => return Err(SourceError::io("read", dir)(error)),
    }
    let hashed: Vec<_> = seen
        .files
        .into_par_iter()
        .map(|(name, path)| {
            let hashed = digest_file(&path);
            (name, hashed)
        })
        .collect();
    let mut tree: Tree = seen.links.into_iter().collect();
    for (name, hashed) in hashed {
        match hashed {
            Ok(file) => tree.insert(name, file.entry()),
            Err(error) if is_gone(&error) => {}
            Err(_) => tree.insert(name, foreign("unreadable")),
        }
    }
    for (name, what) in seen.foreign {
        tree.insert(name, foreign(what));
    }
    Ok(tree)
}

/// Digests the named files of a directory, side by side; `None` where no regular file is.
pub fn read_files<'a>(
    root: &Path,
    paths: impl IntoIterator<Item = &'a RelPath>,
) -> Result<BTreeMap<RelPath, Option<Digest>>, SourceError> {
    let paths: Vec<&RelPath> = paths.into_iter().collect();
    paths
        .into_par_iter()
        .map(|name| {
            let path = root.join(name);
            let digest = match digest_file(&path) {
                Ok(file) => Some(file.digest),
                Err(error) if is_gone(&error) || error.kind() == io::ErrorKind::InvalidData => None,
                Err(error) => return Err(SourceError::io("read", &path)(error)),
            };
            Ok((name.clone(), digest))
        })
        .collect()
}

/// An entry that equals none that a scan or an archive leaves.
fn foreign(what: &str) -> Entry {
    Entry::File {
        digest: ContentHasher::new(FOREIGN_CONTEXT).text(what).finish(),
        executable: false,
    }
}

#[derive(Default)]
struct Seen {
    files: Vec<(RelPath, PathBuf)>,
    links: Vec<(RelPath, Entry)>,
    foreign: Vec<(RelPath, &'static str)>,
}

impl Seen {
    fn entries(&mut self, entries: fs::ReadDir, parent: &str) {
        for entry in entries {
            match entry {
                Ok(entry) => self.entry(&entry, parent),
                Err(_) => self.stand_in(parent, "?", "unreadable"),
            }
        }
    }

    fn entry(&mut self, entry: &DirEntry, parent: &str) {
        let (name, path) = (entry.file_name(), entry.path());
        let text = match (fault_of_name(name.to_str()), name.to_str()) {
            (None, Some(text)) => text,
            _ => {
                let escaped = name.to_string_lossy().escape_debug().to_string();
                return self.stand_in(parent, &escaped, "name");
            }
        };
        let Ok(file_type) = entry.file_type() else {
            return self.stand_in(parent, text, "unreadable");
        };
        let rel = join(parent, text);
        if file_type.is_dir() {
            return match fs::read_dir(&path) {
                Ok(entries) => self.entries(entries, &rel),
                Err(error) if is_gone(&error) => {}
                Err(_) => self.stand_in(parent, text, "unreadable"),
            };
        }
        let rel = RelPath::new(&rel).expect("a name in a directory is a relative path");
        if file_type.is_file() {
            return self.files.push((rel, path));
        }
        let target = fs::read_link(&path).ok();
        let target = target.as_deref().and_then(Path::to_str);
        match target {
            Some(target) if fault_of_name(Some(target)).is_none() => {
                let target = target.to_owned();
                self.links.push((rel, Entry::Symlink { target }));
            }
            _ => self.foreign.push((rel, "special")),
        }
    }

    fn stand_in(&mut self, parent: &str, name: &str, what: &'static str) {
        let rel =
            RelPath::new(&join(parent, name)).expect("an escaped name has no control character");
        self.foreign.push((rel, what));
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn what_is_odd_on_disk_shows_up_instead_of_failing() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir_all(root.join("sub/empty")).unwrap();
        fs::write(root.join("sub/plain"), "1").unwrap();
        let plain = read_tree(root).unwrap();
        assert_eq!(plain.file("sub/plain"), Some(Digest::of(b"1")));

        let _socket = UnixListener::bind(root.join("socket")).unwrap();
        fs::write(root.join(OsStr::from_bytes(b"bad-\xff")), "").unwrap();
        fs::write(root.join("new\nline"), "").unwrap();
        std::os::unix::fs::symlink("/etc", root.join("out")).unwrap();
        let difference = read_tree(root).unwrap().difference(&plain);
        let added: Vec<&str> = difference.added.iter().map(RelPath::as_str).collect();
        assert_eq!(added, ["bad-\u{fffd}", "new\\nline", "out", "socket"]);
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_empty_tree() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        assert_eq!(
            read_tree(&dir.path().join("none")).unwrap(),
            Tree::default()
        );
        assert_eq!(
            read_tree(&dir.path().join("file")).unwrap(),
            Tree::default()
        );
    }

    #[test]
    fn named_files_are_digested_or_missing() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("dir")).unwrap();
        fs::write(dir.path().join("a.whl"), "wheel").unwrap();
        let names = ["a.whl", "a.whl/x", "dir", "none"].map(|name| RelPath::new(name).unwrap());
        let digests = read_files(dir.path(), &names).unwrap();
        let expected = [Some(Digest::of(b"wheel")), None, None, None];
        assert_eq!(digests.into_values().collect::<Vec<_>>(), expected);
    }
}
