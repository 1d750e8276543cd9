//! The files of a package: archives, single files and links, merged in the order of their paths.

mod read;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use tar::{Archive, EntryType};

use super::super::{Package, PackageError};
use super::archive::{Compressor, TarWriter};
use super::io as tried;
use read::{At, Summed, from_link, relative, text};

/// What stands at a path.
enum Node {
    Directory,
    Link(String),
    File {
        kind: Kind,
        executable: bool,
        size: u64,
        source: Source,
    },
}

/// What a file's first bytes say that it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Elf,
    Script,
    Data,
}

/// What a path that is no directory holds; a link is none of it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) elf: bool,
    pub(super) script: bool,
    pub(super) executable: bool,
}

/// Where a file's bytes are.
enum Source {
    Memory(Vec<u8>),
    Archive { number: usize, offset: u64 },
}

/// The files of a package; paths are relative to `/`.
pub(super) struct Payload {
    nodes: BTreeMap<String, Node>,
    archives: Vec<(String, File)>,
}

impl Payload {
    /// Reads what the archives of a package hold, and adds its files and links.
    pub(super) fn gather(package: &Package) -> Result<Self, PackageError> {
        let mut payload = Self {
            nodes: BTreeMap::from([(String::new(), Node::Directory)]),
            archives: Vec::new(),
        };
        for path in &package.contents {
            payload.archive(path)?;
        }
        for file in &package.files {
            let kind = Kind::of(&file.bytes);
            let node = Node::File {
                kind,
                executable: file.executable && kind.runs(&file.path),
                size: file.bytes.len() as u64,
                source: Source::Memory(file.bytes.clone()),
            };
            payload.insert(&relative(&file.path)?, node)?;
        }
        for link in &package.links {
            let (path, target) = (relative(&link.path)?, relative(&link.target)?);
            let target = from_link(&path, &target);
            payload.insert(&path, Node::Link(target))?;
        }
        Ok(payload)
    }

    /// Adds a file that the package's format wants.
    pub(super) fn file(&mut self, path: &str, bytes: Vec<u8>) -> Result<(), PackageError> {
        let node = Node::File {
            kind: Kind::of(&bytes),
            executable: false,
            size: bytes.len() as u64,
            source: Source::Memory(bytes),
        };
        self.insert(&relative(path)?, node)
    }

    /// The paths that are no directories, in order, with what they hold.
    pub(super) fn paths(&self) -> impl Iterator<Item = (&str, Found)> {
        self.nodes.iter().filter_map(|(path, node)| match node {
            Node::Directory => None,
            Node::Link(_) => Some((path.as_str(), Found::default())),
            Node::File {
                kind, executable, ..
            } => {
                let found = Found {
                    elf: *kind == Kind::Elf,
                    script: *kind == Kind::Script,
                    executable: *executable,
                };
                Some((path.as_str(), found))
            }
        })
    }

    /// The directories, in order.
    pub(super) fn directories(&self) -> impl Iterator<Item = &str> {
        let directory = |node: &Node| matches!(node, Node::Directory);
        self.nodes
            .iter()
            .filter(move |(_, node)| directory(node))
            .map(|(path, _)| path.as_str())
    }

    /// The configuration files: every file below `/etc` (Policy 10.7.2), one on a line.
    pub(super) fn conffiles(&self) -> String {
        let files = self.nodes.iter().filter(|(_, node)| match node {
            Node::File { .. } => true,
            Node::Directory | Node::Link(_) => false,
        });
        files
            .filter(|(path, _)| is_conffile(path))
            .map(|(path, _)| format!("/{path}\n"))
            .collect()
    }

    /// The size once installed, in KiB, as `dpkg-gencontrol` estimates it (Policy 5.6.20): each file
    /// rounded up, and one for everything else.
    pub(super) fn installed_size(&self) -> u64 {
        let size = |node: &Node| match node {
            Node::Directory | Node::Link(_) => 1,
            Node::File { size, .. } => size.div_ceil(1024),
        };
        self.nodes.values().map(size).sum()
    }

    /// Writes everything, and returns the text of `md5sums`.
    ///
    /// The parts follow each other: what is in the first archive, which seldom changes, then the
    /// second one's, then all else; each in the order of its paths.
    pub(super) fn write<W: Write>(
        &self,
        tar: &mut TarWriter<Compressor<W>>,
    ) -> Result<String, PackageError> {
        let mut sums = BTreeMap::new();
        let mut part = 0;
        for ((of, path), node) in self.parts() {
            let name = format!("./{path}");
            let failed = tried(format!("pack /{path}"));
            let begun = if of == part {
                tar.out().next_is(path)
            } else {
                tar.out().part_ends()
            };
            begun.map_err(tried("compress the payload"))?;
            part = of;
            match node {
                Node::Directory if path.is_empty() => tar.directory(&name).map_err(failed)?,
                Node::Directory => tar.directory(&format!("{name}/")).map_err(failed)?,
                Node::Link(target) => tar.link(&name, target).map_err(failed)?,
                Node::File {
                    kind: _,
                    executable,
                    size,
                    source,
                } => {
                    let mode = if *executable { 0o755 } else { 0o644 };
                    let sum = match source {
                        Source::Memory(bytes) => {
                            let mut data = Summed::new(bytes.as_slice());
                            tar.file(&name, mode, *size, &mut data).map(|()| data.sum())
                        }
                        Source::Archive { number, offset } => {
                            let mut data = Summed::new(At {
                                file: &self.archives[*number].1,
                                offset: *offset,
                            });
                            tar.file(&name, mode, *size, &mut data).map(|()| data.sum())
                        }
                    };
                    let sum = sum.map_err(failed)?;
                    // dpkg keeps the sums of configuration files itself.
                    if !is_conffile(path) {
                        sums.insert(path, format!("{sum}  {path}\n"));
                    }
                }
            }
        }
        Ok(sums.into_values().collect())
    }

    /// The nodes by the part that they belong to, and by path; a directory is in the part of the
    /// first file below it.
    fn parts(&self) -> BTreeMap<(usize, &str), &Node> {
        let last = self.archives.len();
        let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
        let of = |node: &Node| match node {
            Node::File {
                source: Source::Archive { number, .. },
                ..
            } => *number,
            Node::File { .. } | Node::Directory | Node::Link(_) => last,
        };
        for (path, node) in &self.nodes {
            let part = of(node);
            let above = path.match_indices('/').map(|(at, _)| &path[..at]);
            for folder in above.chain([""]) {
                let first = folders.entry(folder).or_insert(part);
                *first = part.min(*first);
            }
        }
        let part = |path: &str, node: &Node| match node {
            Node::Directory => folders.get(path).copied().unwrap_or(last),
            Node::File { .. } | Node::Link(_) => of(node),
        };
        let nodes = self.nodes.iter();
        nodes
            .map(|(path, node)| ((part(path, node), path.as_str()), node))
            .collect()
    }

    /// Notes what an archive holds; the bytes stay where they are.
    fn archive(&mut self, path: &Path) -> Result<(), PackageError> {
        let shown = path.display().to_string();
        let unread = || tried(format!("read {shown}"));
        let number = self.archives.len();
        let file = File::open(path).map_err(unread())?;
        let mut archive = Archive::new(file.try_clone().map_err(unread())?);
        let mut twins = Vec::new();
        for entry in archive.entries_with_seek().map_err(unread())? {
            let entry = entry.map_err(unread())?;
            let name = text(&entry.path_bytes(), &shown)?;
            let name = relative(name.strip_prefix("./").unwrap_or(&name))?;
            let target = match entry.link_name_bytes() {
                Some(bytes) => text(&bytes, &shown)?,
                None => String::new(),
            };
            let mode = entry.header().mode().map_err(unread())?;
            match entry.header().entry_type() {
                EntryType::Directory => self.insert(&name, Node::Directory)?,
                EntryType::Symlink => self.insert(&name, Node::Link(target))?,
                EntryType::Regular | EntryType::Continuous => {
                    let offset = entry.raw_file_position();
                    let size = entry.size();
                    let mut first = [0; 4];
                    let there = first.len().min(usize::try_from(size).unwrap_or(usize::MAX));
                    file.read_exact_at(&mut first[..there], offset)
                        .map_err(unread())?;
                    let kind = Kind::of(&first);
                    let node = Node::File {
                        kind,
                        executable: mode & 0o111 != 0 && kind.runs(&name),
                        size,
                        source: Source::Archive { number, offset },
                    };
                    self.insert(&name, node)?;
                }
                EntryType::Link => twins.push((name, relative(&target)?)),
                EntryType::XGlobalHeader => {}
                other => {
                    return Err(PackageError::Value {
                        what: format!("/{name} is no file, directory or link, but {other:?}"),
                        help: "leave it out of the package".to_owned(),
                    });
                }
            }
        }
        // A hard link becomes a file of its own.
        for (name, target) in twins {
            let Some(Node::File {
                kind,
                executable,
                size,
                source: Source::Archive { number, offset },
            }) = self.nodes.get(&target)
            else {
                return Err(PackageError::Value {
                    what: format!("/{name} is a hard link to /{target}, which is no file"),
                    help: "leave it out of the package".to_owned(),
                });
            };
            let twin = Node::File {
                kind: *kind,
                executable: *executable,
                size: *size,
                source: Source::Archive {
                    number: *number,
                    offset: *offset,
                },
            };
            self.insert(&name, twin)?;
        }
        self.archives.push((shown, file));
        Ok(())
    }

    /// Adds a node and the directories above it.
    fn insert(&mut self, path: &str, node: Node) -> Result<(), PackageError> {
        for (at, _) in path.match_indices('/') {
            let above = &path[..at];
            match self.nodes.get(above) {
                Some(Node::Directory) => {}
                None => {
                    self.nodes.insert(above.to_owned(), Node::Directory);
                }
                Some(Node::Link(_) | Node::File { .. }) => {
                    return Err(PackageError::Value {
                        what: format!("/{path} lies below /{above}, which is no directory"),
                        help: "leave one of the two out of the package".to_owned(),
                    });
                }
            }
        }
        match (self.nodes.get(path), &node) {
            (None, _) => {
                self.nodes.insert(path.to_owned(), node);
                Ok(())
            }
            (Some(Node::Directory), Node::Directory) => Ok(()),
            (Some(_), _) => Err(PackageError::Value {
                what: format!("/{path} is in the package twice"),
                help: "leave one of the two out".to_owned(),
            }),
        }
    }
}

impl Kind {
    fn of(bytes: &[u8]) -> Self {
        if bytes.starts_with(b"\x7fELF") {
            Self::Elf
        } else if bytes.starts_with(b"#!") {
            Self::Script
        } else {
            Self::Data
        }
    }

    /// Whether a file may be executable: a licence or a picture that a wheel marks so is not, and
    /// neither is a library, which is loaded (Policy 8.1).
    fn runs(self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or_default();
        match self {
            Self::Elf => !name.ends_with(".so") && !name.contains(".so."),
            Self::Script => true,
            Self::Data => false,
        }
    }
}

fn is_conffile(path: &str) -> bool {
    path.starts_with("etc/")
}
