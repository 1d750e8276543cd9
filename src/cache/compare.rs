//! An entry that is to be stored, held against the one that stands there already.

use super::RemoteError;
use crate::entry::{BadEntry, Entry};

/// The most bytes of an entry's document.
pub(super) const LARGEST: u64 = 64 << 20;

/// What an entry is to another with the same key.
pub(super) enum Verdict {
    /// What the steps left is the same; when and in which run is not compared.
    Same(Box<Entry>),
    /// They left other bytes.
    Different,
}

/// Compares the document that stands there with an entry.
pub(super) fn judge(theirs: &[u8], ours: &Entry) -> Result<Verdict, RemoteError> {
    let theirs = Entry::parse(theirs, &ours.key).map_err(|error| {
        let cause = match error {
            BadEntry::Version(_) => error.to_string(),
            BadEntry::Damaged | BadEntry::Key | BadEntry::Blob(_) => {
                format!("{error}; once it is removed, the next run stores it anew")
            }
        };
        RemoteError::Occupied(format!("there is an entry {}, and {cause}", ours.key))
    })?;
    let image = |entry: &Entry| entry.image.as_ref().map(|image| image.id.clone());
    let same = theirs.files_for(&ours.step) == ours.files
        && theirs.facets == ours.facets
        && image(&theirs) == image(ours);
    Ok(match same {
        true => Verdict::Same(Box::new(theirs)),
        false => Verdict::Different,
    })
}

/// The error of a cache that is set to be read alone.
pub(super) fn read_only() -> RemoteError {
    RemoteError::Refused("it is set to be read and not written".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::digest::Digest;
    use crate::entry::{Blob, VERSION};
    use crate::step::{Address, fingerprint_key};
    use crate::tree::{self, RelPath};

    fn entry(flavour: &str, run: &str, content: &[u8]) -> Entry {
        let digest = Digest::of(content);
        let path = RelPath::new(&format!("build/wheelhouse/{flavour}/a.whl")).unwrap();
        let file = tree::Entry::File {
            digest,
            executable: false,
        };
        let blob = Blob {
            size: content.len() as u64,
            sha256: "0".repeat(64),
        };
        Entry {
            version: VERSION,
            key: fingerprint_key("wheel run", &BTreeMap::new()),
            kind: "wheel run".to_owned(),
            step: Address::typed(&format!("{flavour}.wheel")),
            run: run.to_owned(),
            started: 1,
            seconds: 0.5,
            inputs: BTreeMap::new(),
            files: [(path, file)].into(),
            image: None,
            facets: BTreeMap::new(),
            texts: BTreeMap::new(),
            blobs: [(digest, blob)].into(),
        }
    }

    #[test]
    fn entries_are_the_same_when_their_steps_left_the_same() {
        let ours = entry("deb", "one", b"wheel");
        let check = |theirs: &Entry, same: bool| {
            let verdict = judge(&theirs.to_document(), &ours).unwrap();
            assert_eq!(matches!(verdict, Verdict::Same(_)), same, "{theirs:?}");
        };
        check(&ours, true);
        check(&entry("deb", "two", b"wheel"), true);
        check(&entry("web", "two", b"wheel"), true);
        check(&entry("deb", "one", b"other"), false);
    }

    #[test]
    fn what_is_no_entry_is_neither() {
        let ours = entry("deb", "one", b"wheel");
        for theirs in [&b"<html>"[..], b"", &[0xff; 100]] {
            assert!(matches!(
                judge(theirs, &ours),
                Err(RemoteError::Occupied(_))
            ));
        }
    }
}
