//! Making true what a step produced: files into place, the record, then what it superseded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::exec::{Host, Produced, StepError};
use crate::manifest::{Line, Manifest, Outputs, Record};
use crate::step::{Address, Input, Step, fingerprint_key};
use crate::tree::RelPath;
use crate::workspace::Journal;

/// When a step ran.
pub(super) struct Timing {
    /// In seconds since 1970.
    pub started: u64,
    /// In seconds.
    pub seconds: f64,
}

/// Settles what a step produced; returns its record, and whether it left what it left before.
pub(super) async fn settle(
    host: &Arc<Host>,
    journal: &mut Journal,
    step: &Step,
    inputs: BTreeMap<String, Input>,
    produced: Produced,
    timing: Timing,
) -> Result<(Record, bool), StepError> {
    let Produced {
        files,
        mirror,
        image,
        facets,
        found,
        objects,
    } = produced;
    let mut inputs = inputs;
    inputs.extend(found);
    for (digest, text) in &objects {
        host.workspace.keep_object_as(digest, text)?;
    }
    let mut placed = BTreeMap::new();
    for (path, (staged, entry)) in files {
        host.workspace.put(&staged, &path)?;
        placed.insert(path, entry);
    }
    let before = journal
        .manifest()
        .record(&step.address)
        .map(|record| record.outputs.clone())
        .unwrap_or_default();
    let outputs = Outputs {
        files: placed,
        mirror,
        image,
        facets,
    };
    let same = before.files == outputs.files
        && before.mirror == outputs.mirror
        && before.facets == outputs.facets
        && before.image.is_some() == outputs.image.is_some()
        && (outputs.image.is_none()
            || before.image.as_ref().map(|image| &image.id)
                == outputs.image.as_ref().map(|image| &image.id));
    let record = Record {
        step: step.address.clone(),
        kind: step.kind_name().to_owned(),
        key: fingerprint_key(step.kind_name(), &inputs),
        inputs,
        outputs,
        started: timing.started,
        seconds: timing.seconds,
    };
    journal.add(Line::Done(Box::new(record.clone())))?;
    remove_leavings(host, journal.manifest(), &before).await?;
    Ok((record, same))
}

/// Removes what a step had left before it was in no configuration any more.
pub(super) async fn remove(
    host: &Arc<Host>,
    journal: &mut Journal,
    step: &Address,
) -> Result<(), StepError> {
    let outputs = journal
        .manifest()
        .record(step)
        .map(|record| record.outputs.clone())
        .unwrap_or_default();
    journal.add(Line::Removed { step: step.clone() })?;
    remove_leavings(host, journal.manifest(), &outputs).await
}

/// Removes leavings that no record claims any more.
async fn remove_leavings(
    host: &Arc<Host>,
    manifest: &Manifest,
    leavings: &Outputs,
) -> Result<(), StepError> {
    let claimed = Claims::of(manifest);
    let workspace = &host.workspace;
    for path in leavings
        .files
        .keys()
        .filter(|path| !claimed.files.contains(path))
    {
        workspace.remove(path)?;
    }
    if let Some(mirror) = leavings
        .mirror
        .as_ref()
        .filter(|mirror| !claimed.mirrors.contains(&mirror.path))
    {
        workspace.remove_mirror(&mirror.path)?;
    }
    if let Some(image) = leavings
        .image
        .as_ref()
        .filter(|image| !claimed.images.contains(image.id.as_str()))
    {
        host.engine.remove_image(&image.id).await?;
    }
    Ok(())
}

/// What the records of a manifest promise.
struct Claims<'a> {
    files: BTreeSet<&'a RelPath>,
    mirrors: BTreeSet<&'a RelPath>,
    images: BTreeSet<&'a str>,
}

impl<'a> Claims<'a> {
    fn of(manifest: &'a Manifest) -> Self {
        let records = || {
            manifest
                .steps
                .values()
                .filter_map(|past| past.record.as_ref())
                .map(|record| &record.outputs)
        };
        Self {
            files: records().flat_map(|outputs| outputs.files.keys()).collect(),
            mirrors: records()
                .filter_map(|outputs| outputs.mirror.as_ref())
                .map(|mirror| &mirror.path)
                .collect(),
            images: records()
                .filter_map(|outputs| outputs.image.as_ref())
                .map(|image| image.id.as_str())
                .collect(),
        }
    }
}
