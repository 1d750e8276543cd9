//! Wheels that were built by themselves: from the last run, from caches, and into them.
#![expect(
    clippy::disallowed_methods,
    reason = "files wait in the step's staging"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::digest::Digest;
use crate::entry::{self, Entry};
use crate::exec::StepError;
use crate::exec::settle::Clock;
use crate::exec::wheel::units::{KIND, Units, Wanted, disk};
use crate::step::{Facet, Input, Key};
use crate::tree::{self, RelPath};

impl Units<'_> {
    /// Copies the wheel that the last run of this step left under the same key.
    pub(super) fn as_before(
        &self,
        key: &Key,
        wanted: &Wanted,
    ) -> Result<Option<String>, StepError> {
        let Some(before) = &self.run.job.before else {
            return Ok(None);
        };
        let Some(Input::Map(compiled)) = before.facets.get(&Facet::Compiled) else {
            return Ok(None);
        };
        let Some(name) = compiled.get(&key.to_string()) else {
            return Ok(None);
        };
        let known = before
            .files
            .iter()
            .find(|(path, _)| path.file_name() == name);
        let Some((path, tree::Entry::File { digest, .. })) = known else {
            return Ok(None);
        };
        // What is there now need not be what that run left.
        let bytes = match fs::read(self.run.host.workspace.path(path)) {
            Ok(bytes) if Digest::of(&bytes) == *digest => bytes,
            Ok(_) | Err(_) => return Ok(None),
        };
        fs::write(self.wheels.join(name), bytes).map_err(disk)?;
        (self.run.job.log)(&format!(
            "as it was: {name}, built from {}",
            wanted.file.name
        ));
        Ok(Some(name.clone()))
    }

    pub(super) async fn out_of_caches(
        &self,
        key: &Key,
        wanted: &Wanted,
    ) -> Result<Option<String>, StepError> {
        let Some(caches) = &self.run.host.caches else {
            return Ok(None);
        };
        let Some(found) = caches.found(key).await else {
            return Ok(None);
        };
        let file = found.entry.files.iter().next();
        let Some((path, tree::Entry::File { digest, .. })) = file else {
            return Ok(None);
        };
        let name = path.file_name().to_owned();
        if let Err(error) = caches
            .copy_out(&found, digest, &self.wheels.join(&name))
            .await
        {
            if !error.is_of_left_out_cache() {
                caches.warn(format!("{} is built again: {error}", wanted.title()));
            }
            caches.forget(key);
            return Ok(None);
        }
        if let Err(error) = caches.used(&found) {
            caches.warn(format!("{}: {error}", found.from));
        }
        (self.run.job.log)(&format!("from {}: {name}", found.from));
        Ok(Some(name))
    }

    /// Keeps a wheel in the caches. What goes wrong is a warning.
    pub(super) async fn keep(
        &self,
        key: Key,
        inputs: BTreeMap<String, Input>,
        file: &str,
        path: &Path,
        digest: Digest,
        clock: &Clock,
    ) {
        let Some(caches) = &self.run.host.caches else {
            return;
        };
        let step = self.run.job.step.address.clone();
        let flavour = step.flavour().unwrap_or_default();
        let Ok(place) = RelPath::new(&format!("build/wheelhouse/{flavour}/{file}")) else {
            return;
        };
        let whole = tree::Entry::File {
            digest,
            executable: false,
        };
        let kept = caches.local().take_in(path, &digest);
        let timing = clock.timing();
        let stored = match kept {
            Ok(blob) => {
                let entry = Entry {
                    version: entry::VERSION,
                    key,
                    kind: KIND.to_owned(),
                    step,
                    run: self.run.host.run.clone(),
                    started: timing.started,
                    seconds: timing.seconds,
                    inputs,
                    files: BTreeMap::from([(place, whole)]),
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
            caches.warn(format!("{file} is not in the cache: {error}"));
        }
    }
}
