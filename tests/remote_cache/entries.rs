//! Entries that tests store, with their bytes in a folder.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

use builder::digest::Digest;
use builder::entry::{ArchivedImage, Blob, Entry, Layer, VERSION};
use builder::step::{Address, Input, fingerprint_key};
use builder::tree::{self, RelPath};
use tempfile::TempDir;

/// An entry and its bytes.
pub struct Made {
    pub entry: Entry,
    folder: TempDir,
}

impl Made {
    /// Makes one with a file of each content; the name makes the key.
    pub fn new(name: &str, run: &str, contents: &[&[u8]]) -> Self {
        let inputs = BTreeMap::from([("name".to_owned(), Input::Text(name.to_owned()))]);
        let entry = Entry {
            version: VERSION,
            key: fingerprint_key("wheel run", &inputs),
            kind: "wheel run".to_owned(),
            step: Address::typed("deb.wheel"),
            run: run.to_owned(),
            started: 1,
            seconds: 0.5,
            inputs,
            files: BTreeMap::new(),
            image: None,
            facets: BTreeMap::new(),
            texts: BTreeMap::new(),
            blobs: BTreeMap::new(),
        };
        let folder = tempfile::tempdir().unwrap();
        let mut made = Self { entry, folder };
        for (number, content) in contents.iter().enumerate() {
            let digest = made.blob(content);
            let path = RelPath::new(&format!("build/wheelhouse/deb/{number}.whl")).unwrap();
            let executable = false;
            { &mut made.entry.files }.insert(path, tree::Entry::File { digest, executable });
        }
        made
    }

    /// Makes one with an image of one layer, which holds one file.
    pub fn image(name: &str, text: &str) -> Self {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, "hello.txt", text.as_bytes())
            .unwrap();
        let tar = tar.into_inner().unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&tar).unwrap();
        let diff_id = format!("sha256:{}", sha256(&tar));
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let config = serde_json::json!({
            "architecture": architecture,
            "os": "linux",
            "config": {"Cmd": ["/hello"], "Labels": {"name": name}},
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
            "history": [{"created_by": "a test"}],
        })
        .to_string();
        let mut made = Self::new(name, "one", &[]);
        let layer = Layer {
            blob: made.blob(&gzip.finish().unwrap()),
            diff_id,
            size: tar.len() as u64,
        };
        made.entry.image = Some(ArchivedImage {
            id: format!("sha256:{}", sha256(config.as_bytes())),
            config: made.blob(config.as_bytes()),
            layers: vec![layer],
        });
        made
    }

    fn blob(&mut self, content: &[u8]) -> Digest {
        let digest = Digest::of(content);
        fs::write(self.folder.path().join(digest.to_string()), content).unwrap();
        let blob = Blob {
            size: content.len() as u64,
            sha256: sha256(content),
        };
        self.entry.blobs.insert(digest, blob);
        digest
    }

    /// Says where the bytes are.
    pub fn places(&self) -> impl Fn(&Digest) -> PathBuf + Send + Sync + use<> {
        let folder = self.folder.path().to_owned();
        move |digest| folder.join(digest.to_string())
    }
}

fn sha256(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let digits = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}

/// Makes bytes that no compression and no deduplication makes fewer.
pub fn noise(size: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; size];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}
