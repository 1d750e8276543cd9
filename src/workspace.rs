//! The workspace on disk: its folders, its lock, and the journal that the manifest is kept in.
#![expect(
    clippy::disallowed_methods,
    reason = "this module is where the workspace's files are"
)]

mod applied;
mod past;

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::manifest::{Line, Manifest, ManifestError};
use crate::source::Shelf;
use crate::step::Address;
use crate::tree::RelPath;

pub use applied::Applied;

/// The folder of a workspace that holds what only `builder` reads.
pub const PRIVATE: &str = ".builder";

/// The copy of the source.
pub const SOURCE: &str = "source";

/// A workspace.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
    /// Whether the indexes of its files are used.
    indexed: bool,
}

/// What goes wrong with a workspace.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum WorkspaceError {
    /// A file could not be read or written.
    #[error("could not {verb} {}: {cause}", path.display())]
    #[diagnostic(code(builder::workspace::io))]
    Io {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// What the attempt met.
        cause: io::Error,
    },
    /// Another process works in it.
    #[error("the workspace {} is locked by {holder}", path.display())]
    #[diagnostic(
        code(builder::workspace::locked),
        help("wait until it ends; the lock goes with its process, there is no file to delete")
    )]
    Locked {
        /// The workspace.
        path: PathBuf,
        /// Who holds the lock, as the holder wrote it.
        holder: String,
    },
    /// Its manifest cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Manifest(#[from] ManifestError),
}

fn failed(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> WorkspaceError {
    let path = path.to_owned();
    move |cause| WorkspaceError::Io { verb, path, cause }
}

/// The right to change a workspace; it ends with the process, however that ends.
pub struct Lock {
    _file: File,
}

impl Workspace {
    /// Names a workspace; nothing is read or made.
    pub fn at(root: PathBuf) -> Self {
        Self {
            root,
            indexed: true,
        }
    }

    /// Returns its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns where a path of the workspace is on this machine.
    pub fn path(&self, path: &RelPath) -> PathBuf {
        self.root.join(path)
    }

    fn private(&self, name: &str) -> PathBuf {
        self.root.join(PRIVATE).join(name)
    }

    /// Chooses whether files are recognised by the indexes, or all read.
    pub fn indexed(self, indexed: bool) -> Self {
        Self { indexed, ..self }
    }

    /// Returns where the indexes of its files are.
    pub fn shelf(&self) -> Shelf {
        match self.indexed {
            true => Shelf::at(&self.root.join(PRIVATE)),
            false => Shelf::none(),
        }
    }

    /// Returns the log of a step in a run.
    pub fn log(&self, run: &str, step: &Address) -> PathBuf {
        self.private("logs").join(run).join(format!("{step}.log"))
    }

    /// Makes an empty folder for what a step brings out before it is moved into place.
    pub fn staging(&self, step: &Address) -> Result<PathBuf, WorkspaceError> {
        let path = self.private("staging").join(step.as_str());
        clear(&path)?;
        fs::create_dir_all(&path).map_err(failed("create", &path))?;
        Ok(path)
    }

    /// Takes the lock, or says who has it.
    pub fn lock(&self, purpose: &str) -> Result<Lock, WorkspaceError> {
        let folder = self.root.join(PRIVATE);
        fs::create_dir_all(&folder).map_err(failed("create", &folder))?;
        let path = self.private("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // A holder that has not written its name yet is still a holder.
                let _ = file.read_to_string(&mut holder);
                let holder = if holder.is_empty() {
                    "another process".to_owned()
                } else {
                    holder
                };
                return Err(WorkspaceError::Locked {
                    path: self.root.clone(),
                    holder,
                });
            }
            Err(TryLockError::Error(cause)) => return Err(failed("lock", &path)(cause)),
        }
        let holder = format!("process {} ({purpose})", std::process::id());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(holder.as_bytes()))
            .map_err(failed("write", &path))?;
        Ok(Lock { _file: file })
    }

    /// Reads the manifest; an empty one where nothing was built yet.
    pub fn manifest(&self) -> Result<Manifest, WorkspaceError> {
        let path = self.private("manifest.jsonl");
        match fs::read(&path) {
            Ok(bytes) => {
                // A torn line may end within a character; all others are read as they are.
                let text = String::from_utf8(bytes)
                    .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
                Ok(Manifest::parse(&text)?)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Manifest::default()),
            Err(error) => Err(failed("read", &path)(error)),
        }
    }

    /// Opens the journal: compacts the manifest, and clears what an earlier crash left.
    pub fn journal(&self, _lock: &Lock) -> Result<Journal, WorkspaceError> {
        let mut manifest = self.manifest()?;
        if manifest.workspace.is_empty() {
            manifest.workspace = random_identity();
        }
        manifest.damaged = 0;
        let path = self.private("manifest.jsonl");
        let text: String = manifest.compacted().iter().map(Line::to_text).collect();
        write_whole(&path, text.as_bytes())?;
        clear(&self.private("staging"))?;
        self.forget_objects(&manifest)?;
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(failed("open", &path))?;
        Ok(Journal {
            file,
            path,
            manifest,
        })
    }

    /// Keeps a text under the digest of what it describes.
    pub fn keep_object_as(&self, digest: &Digest, text: &str) -> Result<(), WorkspaceError> {
        let path = self.private("objects").join(digest.to_string());
        if path.exists() {
            return Ok(());
        }
        write_whole(&path, text.as_bytes())
    }

    /// Reads a kept text; `None` when it is gone, since explanations can do without.
    pub fn object(&self, digest: &Digest) -> Option<String> {
        fs::read_to_string(self.private("objects").join(digest.to_string())).ok()
    }

    /// Removes the logs of all but the latest runs; a log that cannot go may stay.
    pub fn forget_logs(&self, kept: usize) {
        let Ok(runs) = fs::read_dir(self.private("logs")) else {
            return;
        };
        let mut runs: Vec<_> = runs.filter_map(Result::ok).map(|run| run.path()).collect();
        runs.sort();
        for run in runs.iter().rev().skip(kept) {
            let _ = fs::remove_dir_all(run);
        }
    }

    fn forget_objects(&self, manifest: &Manifest) -> Result<(), WorkspaceError> {
        let folder = self.private("objects");
        let kept: BTreeSet<String> = manifest
            .kept_objects()
            .iter()
            .map(Digest::to_string)
            .collect();
        let Ok(entries) = fs::read_dir(&folder) else {
            return Ok(());
        };
        for entry in entries {
            let entry = entry.map_err(failed("read", &folder))?;
            if !kept.contains(&*entry.file_name().to_string_lossy()) {
                fs::remove_file(entry.path()).map_err(failed("remove", &entry.path()))?;
            }
        }
        Ok(())
    }

    /// Moves a staged file to its place, and makes the folders on the way.
    pub fn put(&self, staged: &Path, path: &RelPath) -> Result<(), WorkspaceError> {
        let place = self.path(path);
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).map_err(failed("create", folder))?;
        }
        // A directory cannot be renamed over; somebody put it where a file belongs.
        if place
            .symlink_metadata()
            .is_ok_and(|metadata| metadata.is_dir())
        {
            fs::remove_dir(&place).map_err(failed("replace the folder", &place))?;
        }
        fs::rename(staged, &place).map_err(failed("move into place", &place))
    }

    /// Writes a file whole: it is there with all its bytes, or as it was before.
    pub fn write(&self, path: &RelPath, bytes: &[u8]) -> Result<(), WorkspaceError> {
        write_whole(&self.path(path), bytes)
    }

    /// Removes a file that a step left, and the folders that are empty without it.
    pub fn remove(&self, path: &RelPath) -> Result<(), WorkspaceError> {
        let place = self.path(path);
        match fs::remove_file(&place) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed("remove", &place)(error)),
        }
        self.remove_empty_above(&place);
        Ok(())
    }

    fn remove_empty_above(&self, place: &Path) {
        let mut folder = place.parent();
        while let Some(empty) = folder.filter(|folder| *folder != self.root) {
            // A folder that is not empty ends the climb.
            if fs::remove_dir(empty).is_err() {
                break;
            }
            folder = empty.parent();
        }
    }

    /// Removes a directory that is wholly a step's, and the folders that are empty without it.
    pub fn remove_mirror(&self, path: &RelPath) -> Result<(), WorkspaceError> {
        let place = self.path(path);
        clear(&place)?;
        self.remove_empty_above(&place);
        Ok(())
    }
}

/// The manifest in memory and on disk, grown together, one fsynced line after the other.
pub struct Journal {
    file: File,
    path: PathBuf,
    manifest: Manifest,
}

impl Journal {
    /// Returns the manifest as it is now.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Adds a line; when this returns, the line is on disk.
    pub fn add(&mut self, line: Line) -> Result<(), WorkspaceError> {
        self.file
            .write_all(line.to_text().as_bytes())
            .and_then(|()| self.file.sync_data())
            .map_err(failed("write", &self.path))?;
        self.manifest.apply(line);
        Ok(())
    }
}

fn clear(path: &Path) -> Result<(), WorkspaceError> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("remove", path)(error)),
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), WorkspaceError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed("create", folder))?;
    let mut file = tempfile::Builder::new()
        .prefix(".builder-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(failed("write in", folder))?;
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_all())
        .map_err(failed("write", path))?;
    file.persist(path)
        .map_err(|error| failed("write", path)(error.error))?;
    Ok(())
}

/// Makes 16 random hexadecimal digits from the randomness that the standard library seeds maps with.
fn random_identity() -> String {
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests;
