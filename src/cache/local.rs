//! The local cache: a folder that all builders of a user share.
//!
//! ```text
//! CACHEDIR.TAG
//! v1/entries/ab/<key>      an entry's document; its time is when it was last of use
//! v1/blobs/cd/<digest>     the bytes of a file or a layer
//! v1/downloads/ef/<hash>    a file of an index
//! v1/layers/<diff id>      the blob that a layer is kept as
//! v1/evicted/<key>         when an entry was taken away
//! v1/staging/              what is being written
//! ```
//!
//! Every file is written beside its place and renamed, so that a reader sees all of it or nothing
//! and two writers of the same thing do no harm. Nothing is believed: a small file has a digest of its
//! own in it, and a blob is digested while it is copied out. What does not hold is removed.

#![expect(
    clippy::disallowed_methods,
    reason = "this module is where the cache's files are"
)]

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tempfile::{NamedTempFile, TempDir};

use crate::cache::CacheError;
use crate::digest::Digest;
use crate::entry::{BadEntry, Blob, Entry, seal, unseal};
use crate::step::Key;

/// The version of the folder's layout.
const LAYOUT: &str = "v1";

/// The size of the pieces in which files are read.
const PIECE: usize = 256 * 1024;

/// What stands in `CACHEDIR.TAG`, by which backup programs pass the folder over.
const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# What builder keeps of earlier builds. It may be removed at any time.\n";

/// The folder.
#[derive(Clone, Debug)]
pub struct Local {
    root: PathBuf,
}

/// What became of a look for an entry.
#[derive(Clone, Debug, PartialEq)]
pub enum Look {
    /// It is there, with all its blobs.
    Found(Box<Entry>),
    /// It is not there.
    Absent,
    /// It was there until it was taken away for want of room or because of its age.
    Evicted {
        /// When, in seconds since 1970.
        at: u64,
    },
    /// What stands there is no entry.
    Damaged(BadEntry),
}

pub(super) fn failed(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CacheError {
    let path = path.to_owned();
    move |cause| CacheError::Io {
        verb,
        path,
        cause: cause.to_string(),
    }
}

impl Local {
    /// Opens the cache in a folder, and makes it where it is not there.
    pub fn open(folder: &Path) -> Result<Self, CacheError> {
        let root = folder.join(LAYOUT);
        let staging = root.join("staging");
        fs::create_dir_all(&staging).map_err(failed("create", &staging))?;
        let tag = folder.join("CACHEDIR.TAG");
        if !tag.exists() {
            fs::write(&tag, TAG).map_err(failed("write", &tag))?;
        }
        Ok(Self { root })
    }

    /// Opens the cache in a folder, if there is one.
    pub fn existing(folder: &Path) -> Option<Self> {
        let root = folder.join(LAYOUT);
        root.is_dir().then_some(Self { root })
    }

    /// Returns the folder with its layout.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn entry_path(&self, key: &Key) -> PathBuf {
        sharded(&self.root.join("entries"), &key.to_string())
    }

    /// Returns where the bytes of a blob are, if they are here.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        sharded(&self.root.join("blobs"), &digest.to_string())
    }

    fn evicted_path(&self, key: &Key) -> PathBuf {
        self.root.join("evicted").join(key.to_string())
    }

    /// Looks for an entry. Its blobs are there with the sizes that they should have; their bytes
    /// are not read yet.
    pub fn look(&self, key: &Key) -> Result<Look, CacheError> {
        let path = self.entry_path(key);
        let document = match fs::read(&path) {
            Ok(document) => document,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(self.evicted(key));
            }
            Err(error) => return Err(failed("read", &path)(error)),
        };
        match Entry::parse(&document, key) {
            // A later builder's entry is of use to that builder.
            Err(BadEntry::Version(_)) => Ok(Look::Absent),
            Err(bad) => Ok(Look::Damaged(bad)),
            Ok(entry) => {
                let whole = entry.all_blobs().iter().all(|digest| {
                    let metadata = fs::metadata(self.blob_path(digest));
                    metadata.is_ok_and(|metadata| metadata.len() == entry.blobs[digest].size)
                });
                Ok(if whole {
                    Look::Found(Box::new(entry))
                } else {
                    Look::Absent
                })
            }
        }
    }

    fn evicted(&self, key: &Key) -> Look {
        let document = fs::read(self.evicted_path(key)).unwrap_or_default();
        let at = unseal(&document).and_then(|line| {
            let (at, whose) = line.split_once(' ')?;
            { at.parse().ok() }.filter(|_| whose == key.to_string())
        });
        at.map_or(Look::Absent, |at| Look::Evicted { at })
    }

    /// Remembers when an entry was taken away.
    pub(super) fn note_eviction(&self, key: &Key, now: SystemTime) -> Result<(), CacheError> {
        let note = seal(&format!("{} {key}", seconds(now)));
        self.write_whole(&self.evicted_path(key), &note)
    }

    /// Marks an entry as used now. A cache that cannot be written can still be read.
    pub fn touch(&self, key: &Key) {
        if let Ok(file) = File::options().append(true).open(self.entry_path(key)) {
            let _ = file.set_modified(SystemTime::now());
        }
    }

    /// Copies a blob to a new file and checks its bytes on the way. One that is not what it should
    /// be is removed.
    pub fn copy_out(&self, digest: &Digest, into: &Path) -> Result<(), CacheError> {
        let path = self.blob_path(digest);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(CacheError::Gone(*digest));
            }
            Err(error) => return Err(failed("read", &path)(error)),
        };
        let mut out = File::create_new(into).map_err(failed("create", into))?;
        let mut hasher = blake3::Hasher::new();
        let copied = pieces(&mut file, |piece| {
            hasher.update(piece);
            out.write_all(piece)
        });
        copied.map_err(failed("copy a blob to", into))?;
        if Digest::from_hasher(&hasher) == *digest {
            return Ok(());
        }
        fs::remove_file(into).map_err(failed("remove", into))?;
        self.drop_blob(digest);
        Err(CacheError::Damaged(*digest))
    }

    /// Checks the bytes of a blob; one that is not what it should be is removed.
    pub fn check(&self, digest: &Digest) -> Result<bool, CacheError> {
        let path = self.blob_path(digest);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed("read", &path)(error)),
        };
        let holds = digest_of(&mut file).map_err(failed("read", &path))? == *digest;
        if !holds {
            self.drop_blob(digest);
        }
        Ok(holds)
    }

    /// Removes a blob that is of no use; whoever needs it finds it gone.
    pub(super) fn drop_blob(&self, digest: &Digest) {
        let _ = fs::remove_file(self.blob_path(digest));
    }

    /// Takes in the file that a step left, unless it is not what the step left any more.
    pub fn take_in(&self, path: &Path, expected: &Digest) -> Result<Blob, CacheError> {
        let mut file = File::open(path).map_err(failed("read", path))?;
        let mut blob = self.begin()?;
        pieces(&mut file, |piece| blob.write_all(piece)).map_err(failed("keep", path))?;
        let (digest, info) = blob.finish()?;
        if digest != *expected {
            self.drop_blob(&digest);
            return Err(CacheError::Changed(path.to_owned()));
        }
        Ok(info)
    }

    /// Makes a folder for a file that is brought from elsewhere; it goes when it is dropped.
    pub(super) fn begin_fetch(&self) -> Result<TempDir, CacheError> {
        let folder = self.root.join("staging");
        let made = tempfile::Builder::new()
            .prefix("fetch-")
            .tempdir_in(&folder);
        made.map_err(failed("write in", &folder))
    }

    /// Takes in a file that is in the cache's own staging, without copying it.
    pub(super) fn adopt(&self, path: &Path, expected: &Digest) -> Result<(), CacheError> {
        let mut file = File::open(path).map_err(failed("read", path))?;
        if digest_of(&mut file).map_err(failed("read", path))? != *expected {
            return Err(CacheError::Changed(path.to_owned()));
        }
        let place = self.blob_path(expected);
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).map_err(failed("create", folder))?;
        }
        fs::rename(path, &place).map_err(failed("write", &place))
    }

    /// Makes a file without a name for what is needed for a moment.
    pub(super) fn aside(&self) -> Result<File, CacheError> {
        let folder = self.root.join("staging");
        tempfile::tempfile_in(&folder).map_err(failed("write in", &folder))
    }

    /// Writes an entry whose blobs are here. One that is there stays, unless the step left other bytes
    /// this time: then it ran because the user wanted it to, and what it left now is what is wanted.
    pub fn add(&self, entry: &Entry) -> Result<(), CacheError> {
        let _ = fs::remove_file(self.evicted_path(&entry.key));
        let path = self.entry_path(&entry.key);
        if let Look::Found(there) = self.look(&entry.key)?
            && (&there.files, &there.facets) == (&entry.files, &entry.facets)
        {
            self.touch(&entry.key);
            return Ok(());
        }
        self.write_whole(&path, &entry.to_document())
    }

    /// Removes an entry; its blobs stay until they are collected.
    pub fn remove_entry(&self, key: &Key) -> Result<(), CacheError> {
        let path = self.entry_path(key);
        match fs::remove_file(&path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed("remove", &path)(error)),
        }
    }

    pub(super) fn write_whole(&self, path: &Path, bytes: &[u8]) -> Result<(), CacheError> {
        let folder = self.root.join("staging");
        let mut file = NamedTempFile::new_in(&folder).map_err(failed("write in", &folder))?;
        file.write_all(bytes)
            .and_then(|()| file.as_file().sync_data())
            .map_err(failed("write", path))?;
        put(file, path)
    }

    /// Names all entries.
    pub(super) fn keys(&self) -> Result<Vec<(Key, fs::Metadata)>, CacheError> {
        named_below(&self.root.join("entries"))
    }

    /// Names all blobs.
    pub(super) fn blobs(&self) -> Result<Vec<(Digest, fs::Metadata)>, CacheError> {
        named_below(&self.root.join("blobs"))
    }
}

pub(super) fn put(file: NamedTempFile, path: &Path) -> Result<(), CacheError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed("create", folder))?;
    }
    file.persist(path)
        .map_err(|error| failed("write", path)(error.error))?;
    Ok(())
}

fn sharded(folder: &Path, name: &str) -> PathBuf {
    folder.join(&name[..2]).join(name)
}

/// Reads a file piece by piece.
pub(super) fn pieces(
    file: &mut impl Read,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => take(&buffer[..length])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Digests the bytes of a file.
fn digest_of(file: &mut impl Read) -> io::Result<Digest> {
    let mut hasher = blake3::Hasher::new();
    pieces(file, |piece| {
        hasher.update(piece);
        Ok(())
    })?;
    Ok(Digest::from_hasher(&hasher))
}

/// Lists the files below a folder whose names are keys or digests, with what is known of each.
pub(super) fn named_below<T: FromStr>(folder: &Path) -> Result<Vec<(T, fs::Metadata)>, CacheError> {
    let named = files_below(folder)?
        .into_iter()
        .filter_map(|(path, metadata)| {
            let name = path.file_name()?.to_str()?;
            Some((name.parse().ok()?, metadata))
        });
    Ok(named.collect())
}

/// Lists the files below a folder, with what is known of each; a file that goes meanwhile is left out.
fn files_below(folder: &Path) -> Result<Vec<(PathBuf, fs::Metadata)>, CacheError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("read", folder)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed("read", folder))?;
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => found.extend(files_below(&entry.path())?),
            Ok(metadata) => found.push((entry.path(), metadata)),
            Err(_) => {}
        }
    }
    Ok(found)
}

/// Returns a time in seconds since 1970.
pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs()
}
