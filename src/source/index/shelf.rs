//! Where the indexes of a workspace are kept, and how they are read and written.

use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::digest::{ContentHasher, Digest};
use crate::source::index::{Clock, Horizon, Index};

/// The domain of what an index is of.
const IDENTITY_CONTEXT: &str = "builder 2026-11-23 index identity v1";

/// What an index is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The source, through its ignore rules.
    Source,
    /// The copy of the source.
    Copy,
    /// Files that steps left.
    Files,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Copy => "copy",
            Self::Files => "files",
        }
    }
}

/// The indexes of a workspace, or none.
///
/// Nothing is made for them: where the folder of the workspace is not there, there is no index.
#[derive(Debug, Default)]
pub struct Shelf {
    /// The workspace's private folder.
    folder: Option<PathBuf>,
    /// What the clock says instead of the machine's, in tests.
    clock: Option<Clock>,
    /// How much older than a scan a file has to be, in tests.
    margin: Option<Duration>,
    horizon: OnceLock<Horizon>,
}

impl Shelf {
    /// Has no index: everything is read.
    pub fn none() -> Self {
        Self::default()
    }

    /// Keeps indexes in a workspace's private folder.
    pub fn at(private: &Path) -> Self {
        Self {
            folder: Some(private.to_owned()),
            ..Self::default()
        }
    }

    /// Goes by another clock, or another margin between what may be believed and what may not.
    pub fn with(self, clock: Option<Clock>, margin: Option<Duration>) -> Self {
        Self {
            clock,
            margin,
            ..self
        }
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock.unwrap_or_else(Clock::read)
    }

    /// Returns the horizon of the scan that goes on, set when it is first asked for.
    ///
    /// Whoever asks does so before it looks at what it wants to believe.
    pub(crate) fn horizon(&self) -> Option<&Horizon> {
        let folder = self.folder.as_deref()?;
        Some(self.horizon.get_or_init(|| {
            let written = time_of_a_new_file(folder);
            Horizon::new(written, &self.clock(), self.margin)
        }))
    }

    fn file(&self, part: Part, identity: Digest) -> Option<PathBuf> {
        let name = format!("{}-{}", part.name(), identity.short());
        Some(self.folder.as_ref()?.join("index").join(name))
    }

    /// Reads the index of a directory, if there is one that can be used now.
    pub(crate) fn load(&self, part: Part, identity: Digest) -> Option<Arc<Index>> {
        let bytes = fs::read(self.file(part, identity)?).ok()?;
        let index = Index::from_bytes(&bytes)?;
        let fits = index.identity == identity && !self.clock().was_set_back_since(&index.clock);
        fits.then(|| Arc::new(index))
    }

    /// Sets an index aside to be saved, if it differs from the one that was loaded.
    pub(crate) fn unsaved(&self, part: Part, index: &Arc<Index>, same: bool) -> Option<Unsaved> {
        let place = self.file(part, index.identity).filter(|_| !same)?;
        Some(Unsaved {
            place,
            index: Arc::clone(index),
        })
    }
}

/// Names what an index is of: nobody takes that of one directory for that of another.
pub(crate) fn identity(part: Part, root: &Path) -> Digest {
    let mut hasher = ContentHasher::new(IDENTITY_CONTEXT);
    hasher.text(part.name()).bytes(root.as_os_str().as_bytes());
    hasher.finish()
}

/// Writes an empty file and removes it; returns its device and the time that it was given.
fn time_of_a_new_file(folder: &Path) -> Option<(u64, i64)> {
    let file = tempfile::Builder::new()
        .prefix(".clock-")
        .tempfile_in(folder)
        .ok()?;
    let metadata = file.as_file().metadata().ok()?;
    let seconds = metadata.ctime().checked_mul(1_000_000_000)?;
    Some((metadata.dev(), seconds.checked_add(metadata.ctime_nsec())?))
}

/// An index that is not on disk yet.
#[derive(Clone, Debug)]
pub struct Unsaved {
    place: PathBuf,
    index: Arc<Index>,
}

impl Unsaved {
    /// Writes the index, whole or not at all.
    ///
    /// What cannot be written is done without: the next scan reads more. Nothing is synced, since
    /// what a loss of power leaves is told by the checksum.
    pub fn save(&self) {
        let _ = self.try_save();
    }

    fn try_save(&self) -> std::io::Result<()> {
        let folder = self.place.parent().unwrap_or(Path::new("."));
        match fs::create_dir(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let mut file = tempfile::Builder::new()
            .prefix(".builder-")
            .permissions(fs::Permissions::from_mode(0o644))
            .tempfile_in(folder)?;
        file.write_all(&self.index.to_bytes())?;
        file.persist(&self.place)?;
        Ok(())
    }
}
