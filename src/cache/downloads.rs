//! Files of indexes, kept by their hash for every flavour and project that they fit.
#![expect(
    clippy::disallowed_methods,
    reason = "downloads are files of the cache"
)]

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::SystemTime;

use sha2::{Sha256, Sha384, Sha512};

use crate::cache::CacheError;
use crate::cache::local::{Local, failed, named_below, pieces};

/// The algorithms that indexes and locks have, the usual one first.
const ALGORITHMS: [&str; 3] = ["sha256", "sha512", "sha384"];

/// A hash by which indexes and locks know a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileHash {
    algorithm: &'static str,
    hex: String,
}

/// A text that is no such hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoFileHash;

impl FromStr for FileHash {
    type Err = NoFileHash;

    fn from_str(text: &str) -> Result<Self, NoFileHash> {
        let (algorithm, hex) = text.split_once('-').ok_or(NoFileHash)?;
        Self::new(algorithm, hex).ok_or(NoFileHash)
    }
}

impl fmt::Display for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.algorithm, self.hex)
    }
}

impl FileHash {
    fn new(algorithm: &str, hex: &str) -> Option<Self> {
        let algorithm = *ALGORITHMS.iter().find(|known| **known == algorithm)?;
        let length = match algorithm {
            "sha256" => 64,
            "sha384" => 96,
            _ => 128,
        };
        let digits = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        (hex.len() == length && digits).then(|| Self {
            algorithm,
            hex: hex.to_ascii_lowercase(),
        })
    }

    /// Returns the first of a file's hashes by which it can be kept.
    pub fn first(hashes: &BTreeMap<String, String>) -> Option<Self> {
        let known = ALGORITHMS.iter();
        let mut known = known.filter_map(|name| Self::new(name, hashes.get(*name)?));
        known.next()
    }
}

/// Copies a file to a new one, and tells whether its bytes have the hash.
fn copy_hashed(from: &mut File, to: &mut impl Write, hash: &FileHash) -> io::Result<bool> {
    fn copied<D: sha2::Digest>(from: &mut File, to: &mut impl Write) -> io::Result<String> {
        let mut hasher = D::new();
        pieces(from, |piece| {
            hasher.update(piece);
            to.write_all(piece)
        })?;
        let digest = hasher.finalize();
        Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }
    let found = match hash.algorithm {
        "sha256" => copied::<Sha256>(from, to),
        "sha384" => copied::<Sha384>(from, to),
        _ => copied::<Sha512>(from, to),
    };
    Ok(found? == hash.hex)
}

/// Tells whether a file's bytes have a hash.
pub(super) fn has_hash(path: &Path, hash: &FileHash) -> io::Result<bool> {
    copy_hashed(&mut File::open(path)?, &mut io::sink(), hash)
}

impl Local {
    fn download_path(&self, hash: &FileHash) -> PathBuf {
        let folder = self.root().join("downloads").join(&hash.hex[..2]);
        folder.join(hash.to_string())
    }

    /// Copies a kept download to a new file; tells whether it was there, with the bytes that it
    /// should have. One that is damaged is removed.
    pub(super) fn download_out(&self, hash: &FileHash, into: &Path) -> Result<bool, CacheError> {
        let path = self.download_path(hash);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed("read", &path)(error)),
        };
        let mut out = File::create(into).map_err(failed("create", into))?;
        if copy_hashed(&mut file, &mut out, hash).map_err(failed("copy a download to", into))? {
            if let Ok(file) = File::options().append(true).open(&path) {
                // When it was of use last; a cache that cannot be written can still be read.
                let _ = file.set_modified(SystemTime::now());
            }
            return Ok(true);
        }
        self.drop_download(hash);
        fs::remove_file(into).map_err(failed("remove", into))?;
        Ok(false)
    }

    /// Takes in a file that is in the cache's own staging and has the hash.
    pub(super) fn keep_download(&self, hash: &FileHash, path: &Path) -> Result<(), CacheError> {
        let place = self.download_path(hash);
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).map_err(failed("create", folder))?;
        }
        fs::rename(path, &place).map_err(failed("write", &place))
    }

    /// Removes a download; whoever needs it brings it again.
    pub(super) fn drop_download(&self, hash: &FileHash) {
        let _ = fs::remove_file(self.download_path(hash));
    }

    /// Tells whether a download has the bytes that it should have; one that has not is removed.
    pub(super) fn check_download(&self, hash: &FileHash) -> Result<bool, CacheError> {
        let path = self.download_path(hash);
        let holds = has_hash(&path, hash).map_err(failed("read", &path))?;
        if !holds {
            self.drop_download(hash);
        }
        Ok(holds)
    }

    /// Names all downloads.
    pub(super) fn downloads(&self) -> Result<Vec<(FileHash, fs::Metadata)>, CacheError> {
        named_below(&self.root().join("downloads"))
    }
}
