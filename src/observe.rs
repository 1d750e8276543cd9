//! Looking at the world: what is there of what steps left, and what names resolve to now.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures_util::future::try_join_all;

use crate::config::names::ImageName;
use crate::engine::{Engine, EngineError};
use crate::manifest::{Manifest, Outputs};
use crate::plan::{Damage, Observed};
use crate::source::{Files, Shelf, SourceError, Unsaved, read_copy, read_files};
use crate::step::Address;
use crate::tree::{RelPath, Tree};
use crate::workspace::Workspace;

/// Resolves the names of base images to the ids that the engine has for them now, side by side.
pub async fn base_images(
    engine: &dyn Engine,
    names: &BTreeSet<ImageName>,
) -> Result<BTreeMap<ImageName, String>, EngineError> {
    let lookups = names.iter().map(|name| async move {
        let image = engine.image(name.as_str()).await?;
        Ok::<_, EngineError>(image.map(|image| (name.clone(), image.id)))
    });
    Ok(try_join_all(lookups).await?.into_iter().flatten().collect())
}

/// Finds the steps whose image the engine has no more.
pub async fn images(engine: &dyn Engine, manifest: &Manifest) -> Result<Observed, EngineError> {
    let recorded = manifest
        .steps
        .iter()
        .filter_map(|(step, past)| Some((step, past.record.as_ref()?.outputs.image.as_ref()?)));
    let recorded: Vec<_> = recorded.collect();
    let mut observed = Observed::default();
    if recorded.is_empty() {
        return Ok(observed);
    }
    let ids = recorded.iter().map(|(_, image)| image.id.clone()).collect();
    let present = engine.present(&ids).await?;
    for (step, image) in recorded {
        if !present.contains(&image.id) {
            let gone = Damage::ImageGone(image.name.clone());
            observed.damage.entry(step.clone()).or_default().push(gone);
        }
    }
    Ok(observed)
}

/// What the disk has of what steps left.
#[derive(Debug, Default)]
pub struct OnDisk {
    /// What is not as the records say.
    pub observed: Observed,
    /// Indexes that are not saved yet.
    pub unsaved: Vec<Unsaved>,
}

/// Holds what records say of files against the disk, of which only what the indexes do not have as
/// it is gets read. Reads the disk; to be called off the runtime.
pub fn files(
    workspace: &Workspace,
    manifest: &Manifest,
    shelf: &Shelf,
) -> Result<OnDisk, SourceError> {
    let records: Vec<(&Address, &Outputs)> = manifest
        .steps
        .iter()
        .filter_map(|(step, past)| Some((step, &past.record.as_ref()?.outputs)))
        .collect();
    let paths = records.iter().flat_map(|(_, outputs)| outputs.files.keys());
    let Files { entries, unsaved } = read_files(workspace.root(), paths, shelf)?;
    let mut found = OnDisk::default();
    found.unsaved.extend(unsaved);
    for (step, outputs) in records {
        let mut damage = Vec::new();
        for (path, entry) in &outputs.files {
            match entries.get(path) {
                None => damage.push(Damage::Missing(path.clone())),
                Some(there) if there != entry => damage.push(Damage::Altered(path.clone())),
                Some(_) => {}
            }
        }
        if let Some(mirror) = &outputs.mirror {
            let copy = read_copy(&workspace.path(&mirror.path), shelf)?;
            found.unsaved.extend(copy.unsaved);
            if copy.tree.digest() != mirror.digest {
                damage.extend(mirror_damage(workspace, mirror, &copy.tree));
            }
        }
        if !damage.is_empty() {
            found.observed.damage.insert(step.clone(), damage);
        }
    }
    found.observed.strays = strays(workspace, manifest)?;
    Ok(found)
}

/// Names the files in which a mirror differs from its kept listing.
fn mirror_damage(
    workspace: &Workspace,
    mirror: &crate::manifest::Mirror,
    there: &Tree,
) -> Vec<Damage> {
    let listing = workspace
        .object(&mirror.digest)
        .and_then(|text| Tree::from_listing(&text));
    let Some(listing) = listing else {
        return vec![Damage::Altered(mirror.path.clone())];
    };
    let below = |path: RelPath| {
        RelPath::new(&format!("{}/{path}", mirror.path)).expect("a path below a path is a path")
    };
    let difference = there.difference(&listing);
    let missing = difference
        .removed
        .into_iter()
        .map(|path| Damage::Missing(below(path)));
    let altered = difference
        .changed
        .into_iter()
        .map(|path| Damage::Altered(below(path)));
    let foreign = difference
        .added
        .into_iter()
        .map(|path| Damage::Foreign(below(path)));
    missing.chain(altered).chain(foreign).collect()
}

/// Finds files in the wheelhouses that no record claims.
fn strays(workspace: &Workspace, manifest: &Manifest) -> Result<Vec<RelPath>, SourceError> {
    let wheelhouse = RelPath::new("build/wheelhouse").expect("the constant is a plain path");
    // Each project has a wheelhouse of its own; before the first record there is but that of one.
    let folders: BTreeSet<RelPath> = { manifest.steps.keys() }
        .map(|step| step.place(&wheelhouse))
        .chain(manifest.steps.is_empty().then(|| wheelhouse.clone()))
        .collect();
    let records = manifest
        .steps
        .values()
        .filter_map(|past| past.record.as_ref());
    let claimed: BTreeSet<&RelPath> = records
        .flat_map(|record| record.outputs.files.keys())
        .collect();
    let mut strays = Vec::new();
    for folder in folders {
        let place = workspace.path(&folder);
        if place.is_dir() {
            let names = file_names(&place, &folder)?.into_iter();
            strays.extend(names.filter(|path| !claimed.contains(path)));
        }
    }
    Ok(strays)
}

/// Lists the files below a folder, without reading them.
#[expect(
    clippy::disallowed_methods,
    reason = "this module is where the disk is looked at"
)]
fn file_names(place: &Path, name: &RelPath) -> Result<Vec<RelPath>, SourceError> {
    let failed = |error| SourceError::io("read", place)(error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(place).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // A name that no path of ours can have is none of ours.
        let Some(path) = entry
            .file_name()
            .to_str()
            .and_then(|file| RelPath::new(&format!("{name}/{file}")).ok())
        else {
            continue;
        };
        if entry.file_type().map_err(failed)?.is_dir() {
            found.extend(file_names(&entry.path(), &path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
