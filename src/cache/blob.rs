//! Blobs that are being written, and which of them are layers of images.
#![expect(clippy::disallowed_methods, reason = "blobs are files of the cache")]

use std::fs;
use std::io::{self, Write};

use sha2::Digest as _;
use tempfile::NamedTempFile;

use crate::cache::CacheError;
use crate::cache::local::{Local, failed, put};
use crate::digest::Digest;
use crate::entry::{Blob, seal, unseal};

/// A blob that is being written.
pub struct BlobWriter {
    local: Local,
    file: NamedTempFile,
    blake3: blake3::Hasher,
    sha256: sha2::Sha256,
    size: u64,
}

impl BlobWriter {
    /// Ends the blob and puts it in its place.
    pub fn finish(self) -> Result<(Digest, Blob), CacheError> {
        let digest = Digest::from_hasher(&self.blake3);
        let sha256 = format!("{:x}", self.sha256.finalize());
        let blob = Blob {
            size: self.size,
            sha256,
        };
        let place = self.local.blob_path(&digest);
        put(self.file, &place)?;
        Ok((digest, blob))
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        let bytes = &bytes[..written];
        self.blake3.update(bytes);
        self.sha256.update(bytes);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The blob that a layer is kept as.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct KeptLayer {
    pub diff_id: String,
    pub digest: Digest,
    pub blob: Blob,
    /// The layer's size before compression.
    pub size: u64,
}

/// The digits of a layer's id, if it is one.
fn layer_name(diff_id: &str) -> Option<&str> {
    let digits = diff_id.strip_prefix("sha256:")?;
    let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    (digits.len() == 64 && hexadecimal).then_some(digits)
}

impl Local {
    /// Begins a blob whose digest turns up when all of it is written.
    pub fn begin(&self) -> Result<BlobWriter, CacheError> {
        let folder = self.root().join("staging");
        let file = tempfile::Builder::new()
            .prefix("blob-")
            .tempfile_in(&folder)
            .map_err(failed("write in", &folder))?;
        Ok(BlobWriter {
            local: self.clone(),
            file,
            blake3: blake3::Hasher::new(),
            sha256: sha2::Sha256::new(),
            size: 0,
        })
    }

    /// Returns the blob that a layer is kept as, if it is kept. The bytes of the blob are not read.
    pub(super) fn layer(&self, diff_id: &str) -> Option<KeptLayer> {
        let path = self.root().join("layers").join(layer_name(diff_id)?);
        let document = fs::read(path).ok()?;
        let kept: KeptLayer = serde_json::from_str(unseal(&document)?).ok()?;
        let metadata = fs::metadata(self.blob_path(&kept.digest)).ok()?;
        (kept.diff_id == diff_id && metadata.len() == kept.blob.size).then_some(kept)
    }

    /// Remembers which blob a layer is kept as.
    pub(super) fn remember_layer(&self, kept: &KeptLayer) -> Result<(), CacheError> {
        let Some(name) = layer_name(&kept.diff_id) else {
            return Ok(());
        };
        let text = serde_json::to_string(kept).expect("a layer is plain data");
        self.write_whole(&self.root().join("layers").join(name), &seal(&text))
    }
}
