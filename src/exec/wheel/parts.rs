//! Parts of a step that are kept in caches under keys of their own: what was resolved, and each wheel
//! that was compiled.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cache::{CacheError, Local};
use crate::digest::Digest;
use crate::entry::{self, Blob, Entry};
use crate::exec::settle::Timing;
use crate::exec::wheel::dependencies::Run;
use crate::step::{Input, Key, fingerprint_key};
use crate::tree::{self, RelPath};

/// A part: one file, and what decides its bytes.
pub(super) struct Part {
    pub key: Key,
    kind: &'static str,
    inputs: BTreeMap<String, Input>,
}

impl Run<'_> {
    /// A part with the inputs of the step that decide something of it, and with inputs of its own.
    pub(super) fn part(
        &self,
        kind: &'static str,
        without: &[&str],
        own: impl IntoIterator<Item = (&'static str, Input)>,
    ) -> Part {
        let inputs = self.job.inputs.iter();
        let mut inputs: BTreeMap<String, Input> = inputs
            .filter(|(name, _)| !without.contains(&name.as_str()))
            .map(|(name, input)| (name.clone(), input.clone()))
            .collect();
        let own = own.into_iter();
        inputs.extend(own.map(|(name, input)| (name.to_owned(), input)));
        Part {
            key: fingerprint_key(kind, &inputs),
            kind,
            inputs,
        }
    }

    /// Copies a part out of the caches; returns where it is now and which cache had it. One that is of
    /// no use is made again, which a warning says in the words of `again`.
    pub(super) async fn out_of_caches(
        &self,
        part: &Part,
        again: &str,
        place: impl FnOnce(&RelPath) -> PathBuf,
    ) -> Option<(PathBuf, String)> {
        let caches = self.host.caches.as_ref()?;
        let found = caches.found(&part.key).await?;
        let (path, file) = found.entry.files.iter().next()?;
        let tree::Entry::File { digest, .. } = file else {
            return None;
        };
        let place = place(path);
        if let Err(error) = caches.copy_out(&found, digest, &place).await {
            if !error.is_of_left_out_cache() {
                caches.warn(format!("{again}: {error}"));
            }
            caches.forget(&part.key);
            return None;
        }
        if let Err(error) = caches.used(&found) {
            caches.warn(format!("{}: {error}", found.from));
        }
        Some((place, found.from))
    }

    /// Keeps a part in the caches, whose bytes the local one takes in. What goes wrong is a warning.
    pub(super) async fn keep(
        &self,
        part: Part,
        what: &str,
        place: RelPath,
        timing: Timing,
        taken_in: impl FnOnce(&Local) -> Result<(Digest, Blob), CacheError>,
    ) {
        let Some(caches) = &self.host.caches else {
            return;
        };
        let stored = match taken_in(caches.local()) {
            Ok((digest, blob)) => {
                let file = tree::Entry::File {
                    digest,
                    executable: false,
                };
                let entry = Entry {
                    version: entry::VERSION,
                    key: part.key,
                    kind: part.kind.to_owned(),
                    step: self.job.step.address.clone(),
                    run: self.host.run.clone(),
                    started: timing.started,
                    seconds: timing.seconds,
                    inputs: part.inputs,
                    files: BTreeMap::from([(place, file)]),
                    image: None,
                    facets: BTreeMap::new(),
                    texts: BTreeMap::new(),
                    blobs: BTreeMap::from([(digest, blob)]),
                };
                caches.store(&entry).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = stored {
            caches.warn(format!("{what} is not in the cache: {error}"));
        }
    }
}
