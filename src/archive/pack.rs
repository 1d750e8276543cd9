//! Writers of archives whose bytes depend on content alone.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, Read, Write};
use std::path::PathBuf;

use tar::{Builder, EntryType, Header};

use crate::archive::TarWriter;
use crate::digest::Digest;
use crate::source::{open_regular, parents};
use crate::tree::{Entry, RelPath, Tree};

/// The longest name that a plain header holds.
const NAME_FIELD: usize = 100;

/// Returns a writer of the files of `tree`, read from `root` while they are written.
///
/// The entries stand below the directory `prefix`, which is an entry itself when it is not empty;
/// the directories above it are not, so that the engine leaves those that it has as they are. Every
/// directory precedes what is in it. All belong to root, have mode 0644 or 0755, and the time
/// `epoch` in seconds since 1970. The paths in `executable` are written with mode 0755 whatever the
/// tree says: a buildscript need not have its bit set.
///
/// Long names use GNU's extension, which every engine reads. No file is held in memory. The writer
/// fails when a file's bytes are not the tree's.
pub fn pack_tree(
    root: PathBuf,
    tree: Tree,
    prefix: String,
    epoch: u64,
    executable: BTreeSet<RelPath>,
) -> TarWriter {
    Box::new(move |out| {
        let mut pack = Pack::new(out, epoch);
        let prefix = match prefix.trim_matches('/') {
            "" => String::new(),
            prefix => {
                let prefix = checked(prefix)?;
                pack.directory(prefix.as_str())?;
                format!("{prefix}/")
            }
        };
        let mut made = BTreeSet::new();
        for (path, entry) in tree.entries() {
            for dir in parents(path) {
                if made.insert(dir) {
                    pack.directory(&format!("{prefix}{dir}"))?;
                }
            }
            let name = format!("{prefix}{path}");
            match entry {
                Entry::File {
                    digest,
                    executable: bit,
                } => {
                    let mode = mode_of(*bit || executable.contains(path));
                    let path = root.join(path);
                    let failed = |error: io::Error| {
                        io::Error::new(
                            error.kind(),
                            format!("could not pack {}: {error}", path.display()),
                        )
                    };
                    let (file, metadata) = open_regular(&path).map_err(failed)?;
                    let mut file = Exactly::new(file, metadata.len());
                    pack.file(&name, mode, metadata.len(), &mut file)
                        .map_err(failed)?;
                    if file.digest() != *digest {
                        let changed = io::Error::new(
                            io::ErrorKind::InvalidData,
                            "its content is not what it was when it was hashed",
                        );
                        return Err(failed(changed));
                    }
                }
                Entry::Symlink { target } => pack.link(&name, target)?,
            }
        }
        pack.finish()
    })
}

/// Returns a writer of files in memory, each with its path and mode, sorted by path.
///
/// No directory is an entry, so that unpacking `etc/ssl/ca.pem` leaves the `/etc` that is there as
/// it is. A path that is absolute, leaves by `..` or occurs twice fails the writer.
pub fn pack_files(files: Vec<(String, Vec<u8>, u32)>, epoch: u64) -> TarWriter {
    Box::new(move |out| {
        let mut sorted = BTreeMap::new();
        for (name, bytes, mode) in files {
            if sorted.insert(checked(&name)?, (bytes, mode)).is_some() {
                let message = format!("{name} would be packed twice");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
        }
        let mut pack = Pack::new(out, epoch);
        for (name, (bytes, mode)) in &sorted {
            pack.file(
                name.as_str(),
                *mode,
                bytes.len() as u64,
                &mut bytes.as_slice(),
            )?;
        }
        pack.finish()
    })
}

/// Returns the header of an entry that belongs to root, without its name.
pub fn header(kind: EntryType, mode: u32, size: u64, epoch: u64) -> io::Result<Header> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_username("root")?;
    header.set_groupname("root")?;
    header.set_mtime(epoch);
    header.set_size(size);
    Ok(header)
}

fn checked(path: &str) -> io::Result<RelPath> {
    RelPath::new(path).map_err(|error| {
        let message = format!("`{}` cannot be packed: {error}", path.escape_debug());
        io::Error::new(io::ErrorKind::InvalidInput, message)
    })
}

fn mode_of(executable: bool) -> u32 {
    if executable { 0o755 } else { 0o644 }
}

/// An archive that is being written.
struct Pack<'a> {
    builder: Builder<BufWriter<&'a mut dyn Write>>,
    epoch: u64,
}

impl<'a> Pack<'a> {
    fn new(out: &'a mut dyn Write, epoch: u64) -> Self {
        Self {
            builder: Builder::new(BufWriter::with_capacity(64 * 1024, out)),
            epoch,
        }
    }

    fn header(&self, kind: EntryType, mode: u32, size: u64) -> io::Result<Header> {
        header(kind, mode, size, self.epoch)
    }

    fn directory(&mut self, name: &str) -> io::Result<()> {
        let mut header = self.header(EntryType::Directory, 0o755, 0)?;
        self.builder
            .append_data(&mut header, format!("{name}/"), io::empty())
    }

    fn file(&mut self, name: &str, mode: u32, size: u64, data: &mut dyn Read) -> io::Result<()> {
        let mut header = self.header(EntryType::Regular, mode, size)?;
        self.builder.append_data(&mut header, name, data)
    }

    /// Writes a link with its target as it is: `tar`'s own call would rewrite `./a//b` to `a/b`.
    fn link(&mut self, name: &str, target: &str) -> io::Result<()> {
        let mut header = self.header(EntryType::Symlink, 0o777, 0)?;
        if target.len() <= NAME_FIELD {
            header.set_link_name_literal(target)?;
        } else {
            let mut long = self.header(EntryType::GNULongLink, 0o644, target.len() as u64 + 1)?;
            long.set_path("././@LongLink")?;
            long.set_cksum();
            let text = target.as_bytes().chain(&[0][..]);
            self.builder.append(&long, text)?;
        }
        self.builder.append_data(&mut header, name, io::empty())
    }

    fn finish(self) -> io::Result<()> {
        self.builder.into_inner()?.flush()
    }
}

/// A reader that fails when its file is longer or shorter than its header says.
///
/// A header is written before the bytes: one byte more or less would shift everything after it.
struct Exactly<R> {
    inner: R,
    left: u64,
    hasher: blake3::Hasher,
}

impl<R: Read> Exactly<R> {
    fn new(inner: R, size: u64) -> Self {
        Self {
            inner,
            left: size,
            hasher: blake3::Hasher::new(),
        }
    }

    fn digest(&self) -> Digest {
        Digest::from_hasher(&self.hasher)
    }
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let failed = |what| Err(io::Error::new(io::ErrorKind::InvalidData, what));
        let Some(most) = usize::try_from(self.left)
            .ok()
            .map(|left| left.min(buffer.len()))
        else {
            return failed("it is too large for this machine");
        };
        if most == 0 {
            return match self.inner.read(&mut buffer[..1])? {
                0 => Ok(0),
                _ => failed("it grew while it was packed"),
            };
        }
        let count = self.inner.read(&mut buffer[..most])?;
        if count == 0 {
            return failed("it shrank while it was packed");
        }
        self.left -= count as u64;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;

    use super::*;
    use crate::source::scan;

    fn packed(writer: TarWriter) -> Vec<u8> {
        let mut bytes = Vec::new();
        writer(&mut bytes).unwrap();
        bytes
    }

    /// Lists an archive as `tar` shows it: type, mode, owner, time, name and link target.
    fn listed(bytes: &[u8]) -> Vec<String> {
        let mut archive = tar::Archive::new(bytes);
        let entries = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            let target = entry.link_name_bytes().unwrap_or_default();
            format!(
                "{:?} {:o} {}:{} {} {} {}",
                header.entry_type(),
                header.mode().unwrap(),
                header.username().unwrap().unwrap(),
                header.gid().unwrap(),
                header.mtime().unwrap(),
                String::from_utf8_lossy(&entry.path_bytes()),
                String::from_utf8_lossy(&target),
            )
            .trim_end()
            .to_owned()
        });
        entries.collect()
    }

    fn pack_dir(root: &Path, executable: &[&str]) -> TarWriter {
        let tree = scan(root, &[]).unwrap().tree;
        let executable = executable
            .iter()
            .map(|path| RelPath::new(path).unwrap())
            .collect();
        pack_tree(root.to_owned(), tree, "/source".into(), 7, executable)
    }

    #[test]
    fn a_tree_is_packed_with_parents_first_and_nothing_of_its_circumstances() {
        let make = |umode: u32, mtime: u64| {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir_all(dir.path().join("b/c")).unwrap();
            for (name, bit) in [("b/c/x", 0o100), ("b/y", 0), ("a.py", 0)] {
                let path = dir.path().join(name);
                fs::write(&path, name).unwrap();
                fs::set_permissions(&path, Permissions::from_mode(umode | bit)).unwrap();
                let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(mtime);
                let file = fs::File::open(&path).unwrap();
                file.set_modified(time).unwrap();
            }
            symlink("./b//y", dir.path().join("link")).unwrap();
            packed(pack_dir(dir.path(), &["b/y"]))
        };
        let bytes = make(0o600, 1);
        assert_eq!(
            listed(&bytes),
            [
                "Directory 755 root:0 7 source/",
                "Regular 644 root:0 7 source/a.py",
                "Directory 755 root:0 7 source/b/",
                "Directory 755 root:0 7 source/b/c/",
                "Regular 755 root:0 7 source/b/c/x",
                "Regular 755 root:0 7 source/b/y",
                "Symlink 777 root:0 7 source/link ./b//y",
            ]
        );
        assert!(bytes == make(0o666, 1_000_000_000));
    }

    #[test]
    fn long_and_foreign_names_survive() {
        let dir = tempfile::tempdir().unwrap();
        let long = format!("{}/{}/ä 日本.py", "d".repeat(90), "é".repeat(60));
        let path = dir.path().join(&long);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "1").unwrap();
        symlink(&long, dir.path().join("link")).unwrap();
        let listing = listed(&packed(pack_dir(dir.path(), &[]))).join("\n");
        assert!(listing.contains(&format!("source/{long}")), "{listing}");
        assert!(
            listing.ends_with(&format!("source/link {long}")),
            "{listing}"
        );
    }

    #[test]
    fn a_file_that_changed_fails_the_archive() {
        let check = |change: &dyn Fn(&Path), expected: &str| {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("x");
            fs::write(&path, "12345").unwrap();
            let writer = pack_dir(dir.path(), &[]);
            change(&path);
            let error = writer(&mut io::sink()).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("could not pack {}: {expected}", path.display())
            );
        };
        let content = "its content is not what it was when it was hashed";
        check(&|path| fs::write(path, "1234").unwrap(), content);
        check(&|path| fs::write(path, "12346").unwrap(), content);
        check(
            &|path| fs::remove_file(path).unwrap(),
            "No such file or directory (os error 2)",
        );
    }

    #[test]
    fn a_file_that_grows_or_shrinks_under_its_header_is_noticed() {
        let check = |bytes: &[u8], expected: Result<u64, &str>| {
            let copied = io::copy(&mut Exactly::new(bytes, 4), &mut io::sink());
            assert_eq!(
                copied.map_err(|error| error.to_string()),
                expected.map_err(str::to_owned)
            );
        };
        check(b"1234", Ok(4));
        check(b"123", Err("it shrank while it was packed"));
        check(b"12345", Err("it grew while it was packed"));
    }

    #[test]
    fn files_in_memory_are_sorted_and_checked() {
        let file = |name: &str| (name.to_owned(), b"x".to_vec(), 0o644);
        let bytes = packed(pack_files(vec![file("etc/b"), file("Dockerfile")], 7));
        let expected = [
            "Regular 644 root:0 7 Dockerfile",
            "Regular 644 root:0 7 etc/b",
        ];
        assert_eq!(listed(&bytes), expected);
        let check = |files: Vec<_>, expected: &str| {
            let error = pack_files(files, 0)(&mut io::sink()).unwrap_err();
            assert_eq!(error.to_string(), expected);
        };
        check(vec![file("a"), file("./a")], "./a would be packed twice");
        check(
            vec![file("../a")],
            "`../a` cannot be packed: the path leaves its directory by `..`",
        );
        check(
            vec![file("/a")],
            "`/a` cannot be packed: the path is absolute",
        );
    }
}
