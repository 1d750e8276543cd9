//! The manifests of a registry: an entry as an artifact, and its image as an image.
//!
//! Both are those of the OCI image specification 1.1.

use std::collections::BTreeMap;

use hyper::body::Bytes;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::entry::{ArchivedImage, Blob, Entry};
use crate::tree;

/// The type of a manifest.
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The type of an entry's document.
const ENTRY: &str = "application/vnd.builder.entry.v1+json";

const IMAGE_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const IMAGE_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const BYTES: &str = "application/octet-stream";

/// What stands for no layer: registries refuse an empty list.
pub(super) const EMPTY: &[u8] = b"{}";
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";

/// The name of a blob's digest among its annotations.
const DIGEST: &str = "dev.builder.digest";
const TITLE: &str = "org.opencontainers.image.title";

/// A manifest, as far as it is written and read here.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    schema_version: u32,
    media_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    /// The entry's document, or the image's configuration.
    pub config: Descriptor,
    layers: Vec<Descriptor>,
}

/// A blob as a manifest names it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    media_type: String,
    /// `sha256:` and the digits.
    pub digest: String,
    /// How many bytes it has.
    pub size: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// Makes that of an entry with this document.
    pub(super) fn of_entry(entry: &Entry, document: &[u8]) -> Self {
        let mut titles: BTreeMap<Digest, String> = BTreeMap::new();
        for (path, file) in &entry.files {
            if let tree::Entry::File { digest, .. } = file {
                titles.entry(*digest).or_insert_with(|| path.to_string());
            }
        }
        let blobs = entry.all_blobs().into_iter();
        let layer = |digest: Digest| {
            let mut layer = Descriptor::of_blob(BYTES, &entry.blobs[&digest]);
            let notes = [
                (DIGEST, Some(digest.to_string())),
                (TITLE, titles.remove(&digest)),
            ];
            let notes = notes
                .into_iter()
                .filter_map(|(name, note)| Some((name.to_owned(), note?)));
            layer.annotations = notes.collect();
            layer
        };
        let mut layers: Vec<Descriptor> = blobs.map(layer).collect();
        if layers.is_empty() {
            layers.push(Descriptor::of_bytes(EMPTY_TYPE, EMPTY));
        }
        Self {
            schema_version: 2,
            media_type: MANIFEST.to_owned(),
            artifact_type: Some(ENTRY.to_owned()),
            config: Descriptor::of_bytes(ENTRY, document),
            layers,
        }
    }

    /// Makes that of an entry's image.
    pub(super) fn of_image(entry: &Entry, image: &ArchivedImage) -> Self {
        let layers = image.layers.iter();
        Self {
            schema_version: 2,
            media_type: MANIFEST.to_owned(),
            artifact_type: None,
            config: Descriptor::of_blob(IMAGE_CONFIG, &entry.blobs[&image.config]),
            layers: layers
                .map(|layer| Descriptor::of_blob(IMAGE_LAYER, &entry.blobs[&layer.blob]))
                .collect(),
        }
    }

    /// Writes it.
    pub(super) fn to_bytes(&self) -> Bytes {
        let text = serde_json::to_vec(self).expect("a manifest has string keys");
        text.into()
    }
}

impl Descriptor {
    fn of_blob(media_type: &str, blob: &Blob) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: format!("sha256:{}", blob.sha256),
            size: blob.size,
            annotations: BTreeMap::new(),
        }
    }

    fn of_bytes(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: sha256(bytes),
            size: bytes.len() as u64,
            annotations: BTreeMap::new(),
        }
    }
}

/// Names bytes as a registry does.
pub(super) fn sha256(bytes: &[u8]) -> String {
    let mut name = "sha256:".to_owned();
    for byte in digest(&SHA256, bytes).as_ref() {
        name += &format!("{byte:02x}");
    }
    name
}
