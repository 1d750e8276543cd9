//! Looking at the world: what is there of what steps left, and what names resolve to now.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures_util::future::try_join_all;

use crate::config::names::ImageName;
use crate::engine::{Engine, EngineError};
use crate::manifest::{Manifest, Outputs};
use crate::plan::{Damage, Observed};
use crate::source::{SourceError, read_files, read_tree};
use crate::tree::{Entry, RelPath, Tree};
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

/// Holds what records say of files against the disk. Reads the disk; to be called off the runtime.
pub fn files(workspace: &Workspace, manifest: &Manifest) -> Result<Observed, SourceError> {
    let mut observed = Observed::default();
    for (step, past) in &manifest.steps {
        let Some(record) = &past.record else { continue };
        let damage = damage(workspace, &record.outputs)?;
        if !damage.is_empty() {
            observed.damage.insert(step.clone(), damage);
        }
    }
    observed.strays = strays(workspace, manifest)?;
    Ok(observed)
}

fn damage(workspace: &Workspace, outputs: &Outputs) -> Result<Vec<Damage>, SourceError> {
    let mut damage = Vec::new();
    let found = read_entries(workspace.root(), outputs.files.keys())?;
    for (path, entry) in &outputs.files {
        match found.get(path) {
            None => damage.push(Damage::Missing(path.clone())),
            Some(there) if there != entry => damage.push(Damage::Altered(path.clone())),
            Some(_) => {}
        }
    }
    if let Some(mirror) = &outputs.mirror {
        let place = workspace.path(&mirror.path);
        let there = if place.is_dir() {
            read_tree(&place)?
        } else {
            Tree::default()
        };
        if there.digest() != mirror.digest {
            damage.extend(mirror_damage(workspace, mirror, &there));
        }
    }
    Ok(damage)
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

/// Reads the files at these paths, with their executable bits; what is not there is left out.
fn read_entries<'a>(
    root: &Path,
    paths: impl Iterator<Item = &'a RelPath>,
) -> Result<BTreeMap<RelPath, Entry>, SourceError> {
    let digests = read_files(root, paths)?;
    let entries = digests.into_iter().filter_map(|(path, digest)| {
        let executable = is_executable(&root.join(&path));
        digest.map(|digest| (path, Entry::File { digest, executable }))
    });
    Ok(entries.collect())
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|metadata| metadata.permissions().mode() & 0o100 != 0)
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
