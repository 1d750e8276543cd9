//! What of a lock decides which wheels come out, as pins.

use std::collections::BTreeMap;

use crate::digest::ContentHasher;
use crate::lock::{Lock, Package, Pin, Pins};

impl Lock {
    /// Returns the versions with the digest of everything that decides which bytes are taken. A
    /// package that the lock has in several versions, by marker, has them all in its pin.
    ///
    /// Addresses and sizes are how files travel: with the hashes the same, another mirror is no change.
    pub fn pins(&self) -> Pins {
        let mut by_name: BTreeMap<&str, Vec<&Package>> = BTreeMap::new();
        for package in &self.packages {
            by_name.entry(&package.name).or_default().push(package);
        }
        by_name
            .into_iter()
            .map(|(name, packages)| {
                let versions: Vec<&str> = packages
                    .iter()
                    .map(|package| package.version.as_str())
                    .collect();
                let mut hasher = ContentHasher::new("builder locked package v1");
                hasher.count(packages.len());
                for package in packages {
                    package.hash_into(&mut hasher);
                }
                let pin = Pin {
                    version: versions.join(" or "),
                    file: String::new(),
                    digest: hasher.finish().to_string(),
                };
                (name.to_owned(), pin)
            })
            .collect()
    }
}

impl Package {
    fn hash_into(&self, hasher: &mut ContentHasher) {
        let Self {
            name,
            version,
            marker,
            requires_python,
            dependencies: _, // For readers: what is installed is the list of packages.
            index: _,        // For readers.
            sdist,
            wheels,
        } = self;
        hasher.text(name).text(version);
        for text in [marker, requires_python] {
            hasher.text(text.as_deref().unwrap_or_default());
        }
        let mut files: Vec<_> = wheels.iter().chain(sdist).collect();
        files.sort_by_key(|file| &file.name);
        hasher.count(files.len());
        for file in files {
            hasher.text(&file.name).count(file.hashes.len());
            for (algorithm, hash) in &file.hashes {
                hasher.text(algorithm).text(hash);
            }
        }
    }
}
