//! Images in a cache: taken apart into layers, and put together again.
//!
//! An engine gives an image as one archive in which each layer is a file, with the layers of its
//! base image among them. Here each layer becomes a blob of its own, compressed by gzip, which is
//! what registries and all engines read; a layer that is kept already is not kept twice.
//! Compression is the same for the same bytes, so that two machines make the same blob of a layer.
#![expect(
    clippy::disallowed_methods,
    reason = "layers are read from the cache's files"
)]

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read, Seek, Write};

use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::Deserialize;
use sha2::Digest as _;

use crate::archive;
use crate::cache::CacheError;
use crate::cache::blob::{BlobWriter, KeptLayer};
use crate::cache::local::{Local, failed, pieces};
use crate::digest::Digest;
use crate::engine::TarWriter;
use crate::entry::{ArchivedImage, Blob, Layer};

/// The quickest compression: most of a cached image is read seldom, and all of it is written.
const LEVEL: Compression = Compression::new(1);

/// How large a file may be that is kept in memory to see whether it is a description.
const DESCRIPTION: u64 = 4 << 20;

/// The list of images in an archive.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    config: String,
    layers: Vec<String>,
}

#[derive(Deserialize)]
struct Config {
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Vec<String>,
}

fn bad(what: impl Into<String>) -> CacheError {
    CacheError::Image(what.into())
}

/// Takes apart the archive of an image that an engine gives; returns the image and its blobs.
///
/// `id` is the one that the engine knows the image by, which is not the digest of its configuration
/// in every engine.
pub(crate) fn take_apart(
    local: &Local,
    id: &str,
    archive: &mut dyn Read,
) -> Result<(ArchivedImage, BTreeMap<Digest, Blob>), CacheError> {
    let read = |error: io::Error| bad(format!("the engine's archive: {error}"));
    let mut small: HashMap<String, Vec<u8>> = HashMap::new();
    let mut layers: HashMap<String, KeptLayer> = HashMap::new();
    let mut links: HashMap<String, String> = HashMap::new();
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries().map_err(read)? {
        let mut entry = entry.map_err(read)?;
        let name = entry.path().map_err(read)?.to_string_lossy().into_owned();
        match entry.header().entry_type() {
            tar::EntryType::Regular if entry.size() <= DESCRIPTION => {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).map_err(read)?;
                small.insert(name, bytes);
            }
            tar::EntryType::Regular => {
                layers.insert(name, keep_layer(local, &mut entry)?);
            }
            tar::EntryType::Symlink | tar::EntryType::Link => {
                let target = entry.link_name().map_err(read)?.unwrap_or_default();
                links.insert(name.clone(), resolved(&name, &target.to_string_lossy()));
            }
            _ => {}
        }
    }
    let described: Vec<Described> = small
        .get("manifest.json")
        .and_then(|bytes| serde_json::from_slice(bytes).ok())
        .ok_or_else(|| bad("the engine's archive has no list of images"))?;
    let [described] = described.as_slice() else {
        return Err(bad("the engine's archive has not one image in it"));
    };
    let config = small
        .get(&described.config)
        .ok_or_else(|| bad("the engine's archive has no configuration of the image"))?;
    let parsed: Config = serde_json::from_slice(config)
        .map_err(|error| bad(format!("the image's configuration: {error}")))?;
    let mut blobs = BTreeMap::new();
    let mut found = Vec::new();
    for (name, diff_id) in described.layers.iter().zip(&parsed.rootfs.diff_ids) {
        let name = links.get(name).unwrap_or(name);
        let kept = match (layers.get(name), small.get(name)) {
            (Some(kept), _) => kept.clone(),
            (None, Some(bytes)) => keep_layer(local, &mut bytes.as_slice())?,
            (None, None) => return Err(bad(format!("the engine's archive has no {name}"))),
        };
        if kept.diff_id != *diff_id {
            return Err(bad(format!("the layer {name} is not {diff_id}")));
        }
        blobs.insert(kept.digest, kept.blob);
        found.push(Layer {
            blob: kept.digest,
            diff_id: kept.diff_id,
            size: kept.size,
        });
    }
    if found.len() != parsed.rootfs.diff_ids.len() {
        return Err(bad("the engine's archive has not all layers"));
    }
    let mut writer = local.begin()?;
    writer
        .write_all(config)
        .map_err(failed("write", local.root()))?;
    let (digest, blob) = writer.finish()?;
    blobs.insert(digest, blob);
    let image = ArchivedImage {
        id: id.to_owned(),
        config: digest,
        layers: found,
    };
    Ok((image, blobs))
}

/// Names what a link in an archive leads to: links are relative to the folder that they are in.
fn resolved(name: &str, target: &str) -> String {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Keeps a layer, compressed; returns its id and the blob that it is kept as.
///
/// Its id is known when all of it was read, and most layers are kept already, those of base images
/// above all: so it is put aside first, and compressed only if it is new, or kept no more as it was.
fn keep_layer(local: &Local, layer: &mut dyn Read) -> Result<KeptLayer, CacheError> {
    let failed = || failed("keep a layer in", local.root());
    let mut aside = local.aside()?;
    let mut sha256 = sha2::Sha256::new();
    let mut size = 0u64;
    let mut layer = layer;
    let read = pieces(&mut layer, |piece| {
        sha256.update(piece);
        size += piece.len() as u64;
        aside.write_all(piece)
    });
    read.map_err(failed())?;
    let diff_id = format!("sha256:{:x}", sha256.finalize());
    if let Some(kept) = local.layer(&diff_id)
        && local.check(&kept.digest)?
    {
        return Ok(kept);
    }
    let mut encoder: GzEncoder<BlobWriter> = GzEncoder::new(local.begin()?, LEVEL);
    let compressed = aside
        .rewind()
        .and_then(|()| pieces(&mut aside, |piece| encoder.write_all(piece)))
        .and_then(|()| encoder.finish());
    let (digest, blob) = compressed.map_err(failed())?.finish()?;
    let kept = KeptLayer {
        diff_id,
        digest,
        blob,
        size,
    };
    local.remember_layer(&kept)?;
    Ok(kept)
}

/// Puts an image together as an archive that engines load.
///
/// The blobs were checked before; they are read again while they are packed, so one that is damaged
/// in between ends the archive early, and the engine has no whole image to load.
pub(super) fn put_together(local: &Local, image: &ArchivedImage) -> TarWriter {
    let (local, image) = (local.clone(), image.clone());
    Box::new(move |out: &mut dyn Write| {
        let mut tar = tar::Builder::new(out);
        let config = std::fs::read(local.blob_path(&image.config))?;
        if Digest::of(&config) != image.config {
            return Err(changed("the configuration"));
        }
        let config_name = "config.json".to_owned();
        append(
            &mut tar,
            &config_name,
            config.len() as u64,
            &mut config.as_slice(),
        )?;
        let mut names = Vec::new();
        for (number, layer) in image.layers.iter().enumerate() {
            let name = format!("{number:03}/layer.tar");
            let file = File::open(local.blob_path(&layer.blob))?;
            let mut unpacked = Hashed {
                inner: MultiGzDecoder::new(io::BufReader::new(file)),
                sha256: sha2::Sha256::new(),
            };
            append(&mut tar, &name, layer.size, &mut unpacked)?;
            if format!("sha256:{:x}", unpacked.sha256.finalize()) != layer.diff_id {
                return Err(changed(&name));
            }
            names.push(name);
        }
        let described = serde_json::json!([{
            "Config": config_name,
            "RepoTags": null,
            "Layers": names,
        }]);
        let described = described.to_string();
        append(
            &mut tar,
            "manifest.json",
            described.len() as u64,
            &mut described.as_bytes(),
        )?;
        tar.finish()
    })
}

fn changed(what: &str) -> io::Error {
    io::Error::other(format!("{what} is not what it was"))
}

/// A layer with the digest of what was read of it.
struct Hashed<R> {
    inner: R,
    sha256: sha2::Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.sha256.update(&buffer[..length]);
        Ok(length)
    }
}

fn append(
    tar: &mut tar::Builder<&mut dyn Write>,
    name: &str,
    size: u64,
    data: &mut dyn Read,
) -> io::Result<()> {
    let mut header = archive::header(tar::EntryType::Regular, 0o644, size, 0)?;
    // A layer that is shorter than it was would make an archive whose parts are shifted.
    let mut counted = data.take(size);
    tar.append_data(&mut header, name, &mut counted)?;
    if counted.limit() > 0 {
        return Err(io::Error::other(format!("{name} is shorter than it was")));
    }
    Ok(())
}
