//! What is on disk now, read without ignore rules and without giving up on what is odd.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use crate::source::error::SourceError;
use crate::source::hash::{is_gone, open_regular};
use crate::source::index::{Index, Part, Shelf, Unsaved, identity};
use crate::source::walk::{Folder, Walk};
use crate::tree::{Entry, RelPath, Tree};

/// A directory as it is on disk, with what a tree does not tell of it.
#[derive(Clone, Debug)]
pub struct OnDisk {
    /// Its content.
    pub tree: Tree,
    /// How many files were read, which the index did not have as they are.
    pub read: usize,
    /// The index as it is now, where it is not what is on disk.
    pub unsaved: Option<Unsaved>,
    pub(crate) index: Arc<Index>,
}

/// Reads everything below a directory, to compare it with what `builder` left there.
///
/// What no tree can hold does not fail: a FIFO, socket, device, unreadable file or directory, or a
/// name that is not text enters as a file with a digest that no file has, and so shows up as added
/// or changed. Where `dir` is missing or is no directory, the tree is empty. Links are not followed,
/// except `dir` itself.
pub fn read_tree(dir: &Path) -> Result<Tree, SourceError> {
    Ok(read_copy(dir, &Shelf::none())?.tree)
}

/// Reads as [`read_tree`] does, but not what the index of the copy has as it is.
pub fn read_copy(dir: &Path, shelf: &Shelf) -> Result<OnDisk, SourceError> {
    let identity = identity(Part::Copy, dir);
    let old = shelf.load(Part::Copy, identity);
    let walk = Walk {
        root: dir,
        exclude: &[],
        index: old.as_deref(),
        shelf,
        read: AtomicUsize::new(0),
    };
    let found = match walk.run(None) {
        Ok((found, _)) => found,
        Err(error) if is_gone(&error) => Folder::empty(),
        Err(error) => return Err(SourceError::io("read", dir)(error)),
    };
    let (index, same) = match old.as_ref().filter(|_| found.same) {
        Some(old) => (Arc::clone(old), true),
        None => {
            let index = Index::of(&found, old.as_deref(), identity, shelf.clock());
            (Arc::new(index), false)
        }
    };
    let there: Arc<Index> = Arc::clone(&index);
    Ok(OnDisk {
        tree: Tree::kept(there),
        read: walk.read.into_inner(),
        unsaved: shelf.unsaved(Part::Copy, &index, same),
        index,
    })
}

/// Files of a workspace, as far as they are there.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// Those that are regular files.
    pub entries: BTreeMap<RelPath, Entry>,
    /// The index as it is now, where it is not what is on disk.
    pub unsaved: Option<Unsaved>,
}

/// Digests the named files of a directory, side by side; where no regular file is, there is none.
pub fn read_files<'a>(
    root: &Path,
    paths: impl IntoIterator<Item = &'a RelPath>,
    shelf: &Shelf,
) -> Result<Files, SourceError> {
    let paths: Vec<&str> = paths.into_iter().map(RelPath::as_str).collect();
    if paths.is_empty() {
        return Ok(Files::default());
    }
    let identity = identity(Part::Files, root);
    let old = shelf.load(Part::Files, identity);
    let walk = Walk {
        root,
        exclude: &[],
        index: old.as_deref(),
        shelf,
        read: AtomicUsize::new(0),
    };
    let found = match walk.look_at_all(&paths) {
        Ok(found) => found,
        Err(error) if is_gone(&error) => return Ok(Files::default()),
        Err(error) => return Err(SourceError::io("read", root)(error)),
    };
    for name in found.refused {
        let path = root.join(name);
        match open_regular(&path) {
            Err(error) if is_gone(&error) || error.kind() == io::ErrorKind::InvalidData => {}
            Err(error) => return Err(SourceError::io("read", &path)(error)),
            Ok(_) => {}
        }
    }
    let (index, same) = match old.as_ref().filter(|_| found.folder.same) {
        Some(old) => (Arc::clone(old), true),
        None => {
            let index = Index::of(&found.folder, old.as_deref(), identity, shelf.clock());
            (Arc::new(index), false)
        }
    };
    let unsaved = shelf.unsaved(Part::Files, &index, same);
    let tree = Tree::kept(index);
    Ok(Files {
        entries: tree.entries().clone(),
        unsaved,
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::digest::Digest;

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
        let files = read_files(dir.path(), &names, &Shelf::none()).unwrap();
        let wheel = Entry::File {
            digest: Digest::of(b"wheel"),
            executable: false,
        };
        assert_eq!(files.entries, BTreeMap::from([(names[0].clone(), wheel)]));
    }
}
