//! Entries of a cache: what a step left, under the key that it was made with.
//!
//! An entry is a document that names blobs by the digest of their bytes. It is written after its
//! blobs, so that who finds an entry finds them too, and it is believed only if its own digest
//! holds, its inputs make the key that it stands under, and each blob has the digest that it says.
//!
//! The document is two lines: the digest of the second, and a JSON object. What else a cache keeps
//! in small files is sealed in the same way.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::manifest::Outputs;
use crate::step::{Address, Facet, Input, Key, fingerprint_key};
use crate::tree::{self, RelPath};

/// The version of the document; an entry of another version is no entry.
pub const VERSION: u32 = 1;

/// What a step left, with everything that is needed to put it into another workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The version of the document.
    pub version: u32,
    /// The key.
    pub key: Key,
    /// The kind of the step, in words.
    pub kind: String,
    /// The step that made it.
    pub step: Address,
    /// The run that made it.
    pub run: String,
    /// When the step started, in seconds since 1970.
    pub started: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// The named inputs, which make the key.
    pub inputs: BTreeMap<String, Input>,
    /// The files, by their paths in the workspace that it was made in.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<RelPath, tree::Entry>,
    /// The image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ArchivedImage>,
    /// What later steps read of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facets: BTreeMap<Facet, Input>,
    /// Texts that explanations need, by the digest under which inputs name them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub texts: BTreeMap<Digest, String>,
    /// What is known of the bytes of each file and layer, by the digest of its content.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub blobs: BTreeMap<Digest, Blob>,
}

/// Bytes that an entry needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// How many.
    pub size: u64,
    /// Their SHA-256 as registries name them: 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// An image, taken apart into blobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedImage {
    /// The id that it has in an engine: `sha256:` and the SHA-256 of its configuration.
    pub id: String,
    /// Its configuration, a JSON document as the OCI image specification has it.
    pub config: Digest,
    /// Its layers from the base up: tar archives, compressed by gzip.
    pub layers: Vec<Layer>,
}

/// A layer of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Its blob: the compressed archive.
    pub blob: Digest,
    /// The id that the image's configuration has for it: `sha256:` and the SHA-256 of the archive
    /// before compression.
    pub diff_id: String,
    /// The archive's size before compression.
    pub size: u64,
}

/// Why a document is no entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEntry {
    /// Its bytes are not those that were written.
    #[error("its bytes are not those that were written")]
    Damaged,
    /// Another version of `builder` wrote it.
    #[error("it has version {0}, and this builder reads version {VERSION}")]
    Version(u32),
    /// It stands under a key that its inputs do not make.
    #[error("its inputs make another key")]
    Key,
    /// It names a blob and does not say what that is.
    #[error("it names the blob {0} and does not say what that is")]
    Blob(Digest),
}

/// Puts the digest of a line in front of it.
pub fn seal(line: &str) -> Vec<u8> {
    format!("{}\n{line}\n", Digest::of(line.as_bytes())).into_bytes()
}

/// Returns the line of a document, if all its bytes are those that were sealed.
pub fn unseal(document: &[u8]) -> Option<&str> {
    let (digest, line) = std::str::from_utf8(document).ok()?.split_once('\n')?;
    let line = line.strip_suffix('\n')?;
    (digest == Digest::of(line.as_bytes()).to_string()).then_some(line)
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

impl Entry {
    /// Writes the document.
    pub fn to_document(&self) -> Vec<u8> {
        let json =
            serde_json::to_string(self).expect("an entry has string keys and finite numbers only");
        seal(&json)
    }

    /// Reads a document that was found under a key.
    pub fn parse(document: &[u8], key: &Key) -> Result<Self, BadEntry> {
        let json = unseal(document).ok_or(BadEntry::Damaged)?;
        let version: Version = serde_json::from_str(json).map_err(|_| BadEntry::Damaged)?;
        if version.version != VERSION {
            return Err(BadEntry::Version(version.version));
        }
        let entry: Self = serde_json::from_str(json).map_err(|_| BadEntry::Damaged)?;
        if entry.key != *key || fingerprint_key(&entry.kind, &entry.inputs) != *key {
            return Err(BadEntry::Key);
        }
        let unknown = entry.needs().find(|blob| !entry.blobs.contains_key(blob));
        match unknown {
            Some(blob) => Err(BadEntry::Blob(blob)),
            None => Ok(entry),
        }
    }

    /// Names the blobs of the files, each once or more.
    pub fn file_blobs(&self) -> impl Iterator<Item = Digest> {
        self.files.values().filter_map(|entry| match entry {
            tree::Entry::File { digest, .. } => Some(*digest),
            tree::Entry::Symlink { .. } => None,
        })
    }

    fn needs(&self) -> impl Iterator<Item = Digest> {
        let image = self.image.iter().flat_map(|image| {
            let layers = image.layers.iter().map(|layer| layer.blob);
            layers.chain([image.config])
        });
        self.file_blobs().chain(image)
    }

    /// Names all blobs, each once.
    pub fn all_blobs(&self) -> BTreeSet<Digest> {
        self.needs().collect()
    }

    /// Returns how many bytes the blobs have together.
    pub fn size(&self) -> u64 {
        let blobs = self.all_blobs();
        blobs.iter().map(|blob| self.blobs[blob].size).sum()
    }

    /// Returns the files with the paths that they have as what `step` left.
    ///
    /// Two flavours whose builds are the same have the same keys; their files are in folders that
    /// are named after the flavour, and after the project where there are several.
    pub fn files_for(&self, step: &Address) -> BTreeMap<RelPath, tree::Entry> {
        let files = self.files.iter();
        let moved = files.map(|(path, entry)| (moved(path, &self.step, step), entry.clone()));
        moved.collect()
    }

    /// Tells whether something was left that an entry can hold.
    pub fn holds(outputs: &Outputs) -> bool {
        outputs.mirror.is_none()
    }
}

/// Gives the path of a file that one step left the flavour and the project of another: in
/// `build/packages/deb/` and `.builder/facts/deb.json` the third component is named after the flavour.
pub fn moved(place: &RelPath, from: &Address, to: &Address) -> RelPath {
    let path = from.unplaced(place);
    let (Some(of), Some(into)) = (from.flavour(), to.flavour()) else {
        return to.place(&path);
    };
    let mut parts: Vec<String> = path.as_str().split('/').map(str::to_owned).collect();
    if let Some(part) = parts.get_mut(2) {
        if part == of {
            into.clone_into(part);
        } else if let Some(ending) = part.strip_prefix(of).filter(|rest| rest.starts_with('.')) {
            *part = format!("{into}{ending}");
        }
    }
    to.place(&RelPath::new(&parts.join("/")).unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry() -> Entry {
        let inputs = BTreeMap::from([("epoch".to_owned(), Input::Text("1".to_owned()))]);
        let file = |bytes: &[u8]| tree::Entry::File {
            digest: Digest::of(bytes),
            executable: false,
        };
        let paths = ["build/wheelhouse/deb/a.whl", ".builder/facts/deb.json"];
        let blob = |bytes: &[u8]| {
            let blob = Blob {
                size: bytes.len() as u64,
                sha256: "0".repeat(64),
            };
            (Digest::of(bytes), blob)
        };
        Entry {
            version: VERSION,
            key: fingerprint_key("wheel run", &inputs),
            kind: "wheel run".to_owned(),
            step: Address::typed("deb.wheel"),
            run: "r".to_owned(),
            started: 1,
            seconds: 0.5,
            inputs,
            files: paths
                .iter()
                .map(|path| (RelPath::new(path).unwrap(), file(path.as_bytes())))
                .collect(),
            image: None,
            facets: BTreeMap::new(),
            texts: BTreeMap::new(),
            blobs: paths.iter().map(|path| blob(path.as_bytes())).collect(),
        }
    }

    #[test]
    fn an_entry_survives_its_document_and_stands_under_its_own_key_alone() {
        let entry = entry();
        let document = entry.to_document();
        assert_eq!(Entry::parse(&document, &entry.key), Ok(entry.clone()));
        let other = fingerprint_key("image", &entry.inputs);
        assert_eq!(Entry::parse(&document, &other), Err(BadEntry::Key));
    }

    #[test]
    fn an_entry_of_another_version_or_without_its_blobs_is_none() {
        let mut later = entry();
        later.version = VERSION + 1;
        let parsed = Entry::parse(&later.to_document(), &later.key);
        assert_eq!(parsed, Err(BadEntry::Version(VERSION + 1)));
        let mut bare = entry();
        bare.blobs.clear();
        let parsed = Entry::parse(&bare.to_document(), &bare.key);
        assert!(matches!(parsed, Err(BadEntry::Blob(_))), "{parsed:?}");
    }

    #[test]
    fn files_move_to_the_folders_of_another_flavour() {
        let files = entry().files_for(&Address::typed("web.wheel"));
        let paths: Vec<&str> = files.keys().map(RelPath::as_str).collect();
        assert_eq!(
            paths,
            [".builder/facts/web.json", "build/wheelhouse/web/a.whl"]
        );
        let there = entry().files_for(&Address::typed("shop/web.wheel"));
        let paths: Vec<&str> = there.keys().map(RelPath::as_str).collect();
        assert_eq!(
            paths,
            [
                ".builder/facts/shop/web.json",
                "shop/build/wheelhouse/web/a.whl"
            ]
        );
        let mut kept = entry();
        (kept.step, kept.files) = (Address::typed("shop/web.wheel"), there);
        let back = kept.files_for(&Address::typed("deb.wheel"));
        assert_eq!(back, entry().files);
    }

    proptest! {
        #[test]
        fn any_single_changed_byte_is_detected(at in any::<prop::sample::Index>(), by in 1u8..) {
            let entry = entry();
            let mut document = entry.to_document();
            let at = at.index(document.len());
            document[at] = document[at].wrapping_add(by);
            prop_assert!(Entry::parse(&document, &entry.key).is_err());
        }

        #[test]
        fn any_cut_is_detected(at in any::<prop::sample::Index>()) {
            let entry = entry();
            let document = entry.to_document();
            prop_assert!(Entry::parse(&document[..at.index(document.len())], &entry.key).is_err());
        }
    }
}
