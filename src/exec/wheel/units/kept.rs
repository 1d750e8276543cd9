//! Wheels that were built by themselves: from the last run, from caches, and into them.
#![expect(
    clippy::disallowed_methods,
    reason = "files wait in the step's staging"
)]

use std::fs;
use std::path::Path;

use crate::cache::Local;
use crate::digest::Digest;
use crate::exec::StepError;
use crate::exec::settle::Clock;
use crate::exec::wheel::parts::Part;
use crate::exec::wheel::units::{Units, Wanted, disk};
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

    /// Copies the wheel out of the caches.
    pub(super) async fn brought(&self, part: &Part, wanted: &Wanted) -> Option<String> {
        let again = format!("{} is built again", wanted.title());
        let place = |path: &RelPath| self.wheels.join(path.file_name());
        let (place, from) = self.run.out_of_caches(part, &again, place).await?;
        let name = place.file_name()?.to_string_lossy().into_owned();
        (self.run.job.log)(&format!("from {from}: {name}"));
        Some(name)
    }

    /// Keeps a wheel in the caches.
    pub(super) async fn keep(
        &self,
        part: Part,
        file: &str,
        path: &Path,
        digest: Digest,
        clock: &Clock,
    ) {
        let flavour = self.run.job.step.address.flavour().unwrap_or_default();
        let Ok(place) = RelPath::new(&format!("build/wheelhouse/{flavour}/{file}")) else {
            return;
        };
        let taken_in = |local: &Local| Ok((digest, local.take_in(path, &digest)?));
        { self.run.keep(part, file, place, clock.timing(), taken_in) }.await;
    }
}
