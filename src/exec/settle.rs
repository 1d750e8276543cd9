//! Making true what a step produced: files into place, the record, then what it superseded.
#![expect(
    clippy::disallowed_methods,
    reason = "records say when a step ran and how long"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::exec::{Host, Produced, StepError};
use crate::lock::{VersionChange, difference};
use crate::manifest::{Leavings, Line, Manifest, Outputs, Record};
use crate::report::{Event, Observer};
use crate::step::{Address, Facet, Input, Step, fingerprint_key};
use crate::tree::RelPath;
use crate::workspace::{Journal, WorkspaceError};

/// What a step's time is taken with.
pub(super) struct Clock(SystemTime, Instant);

impl Clock {
    pub fn start() -> Self {
        Self(SystemTime::now(), Instant::now())
    }

    /// Returns when it was started, in seconds since 1970.
    pub fn started(&self) -> u64 {
        let since = self.0.duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs())
    }

    pub fn timing(&self) -> Timing {
        Timing {
            started: self.started(),
            seconds: self.1.elapsed().as_secs_f64(),
        }
    }
}

/// When a step ran.
pub(super) struct Timing {
    /// In seconds since 1970.
    pub started: u64,
    /// In seconds.
    pub seconds: f64,
}

/// Settles what a step produced; returns its record, and whether it left what it left before.
pub(super) fn settle(
    host: &Arc<Host>,
    journal: &mut Journal,
    step: &Step,
    inputs: BTreeMap<String, Input>,
    produced: Produced,
    timing: Timing,
    restored: Option<String>,
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
    let before = journal
        .manifest()
        .record(&step.address)
        .map(|record| record.outputs.clone());
    let first = before.is_none();
    let before = before.unwrap_or_default();
    let places = files.iter();
    let outputs = Outputs {
        files: places
            .map(|(path, (_, entry))| (path.clone(), entry.clone()))
            .collect(),
        mirror,
        image,
        facets,
    };
    announce(journal, &step.address, &before, &outputs)?;
    for (path, (staged, _)) in files {
        host.workspace.put(&staged, &path)?;
    }
    let same = !first
        && outputs != Outputs::default()
        && before.files == outputs.files
        && before.mirror == outputs.mirror
        && left(&before) == left(&outputs)
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
        restored,
    };
    journal.add(Line::Done(Box::new(record.clone())))?;
    Ok((record, same))
}

/// What a step left, without the keys that its parts were made under.
fn left(outputs: &Outputs) -> BTreeMap<&Facet, &Input> {
    let facets = outputs.facets.iter();
    facets
        .filter(|(facet, _)| **facet != Facet::Compiled)
        .collect()
}

/// Says which distributions came out in other versions than the last time, if any did.
pub(super) fn versions_changed(
    before: Option<&Outputs>,
    record: &Record,
) -> Option<Vec<VersionChange>> {
    let versions = |outputs: &Outputs| match outputs.facets.get(&Facet::Versions) {
        Some(Input::Versions(pins)) => Some(pins.clone()),
        _ => None,
    };
    let mut changes = difference(&versions(before?)?, &versions(&record.outputs)?);
    changes.retain(VersionChange::moves);
    (!changes.is_empty()).then_some(changes)
}

/// Names what is about to be placed and no record claims yet, so that a crash before the new
/// record is written leaves nothing that nobody answers for.
fn announce(
    journal: &mut Journal,
    step: &Address,
    before: &Outputs,
    outputs: &Outputs,
) -> Result<(), WorkspaceError> {
    let past = journal.manifest().steps.get(step);
    let known = past.map(|past| past.leavings.clone()).unwrap_or_default();
    let mut leavings = known.clone();
    leavings.add(outputs);
    leavings.remove(before);
    if leavings == known {
        return Ok(());
    }
    let step = step.clone();
    journal.add(Line::Leavings { step, leavings })
}

/// What of leavings is removed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sweep {
    /// Files alone, while other steps run: each of them may just have built the very image that
    /// this one superseded, and no record says so yet.
    Files,
    /// Images too; no step runs.
    All,
}

/// Removes what earlier runs left and no record claims: what was superseded, and what was placed
/// by a run that did not end.
async fn try_to_clear(
    host: &Arc<Host>,
    journal: &mut Journal,
    step: &Address,
    sweep: Sweep,
) -> Result<(), StepError> {
    let past = journal.manifest().steps.get(step);
    let mut leavings = past.map(|past| past.leavings.clone()).unwrap_or_default();
    let later = match sweep {
        Sweep::Files => std::mem::take(&mut leavings.images),
        Sweep::All => BTreeSet::new(),
    };
    if leavings.is_empty() {
        return Ok(());
    }
    remove_unclaimed(host, &Claims::of(journal.manifest(), None), &leavings).await?;
    journal.add(Line::Leavings {
        step: step.clone(),
        leavings: Leavings {
            images: later,
            ..Leavings::default()
        },
    })?;
    Ok(())
}

/// Removes what earlier runs left and no record claims, of every step.
pub(super) async fn clear_all(
    host: &Arc<Host>,
    journal: &mut Journal,
    observer: &mut dyn Observer,
) -> Result<(), WorkspaceError> {
    let steps: Vec<Address> = journal.manifest().steps.keys().cloned().collect();
    for step in &steps {
        clear(host, journal, observer, step, Sweep::All).await?;
    }
    Ok(())
}

/// Removes what a step superseded; what cannot be removed now is known to the next apply.
pub(super) async fn clear(
    host: &Arc<Host>,
    journal: &mut Journal,
    observer: &mut dyn Observer,
    step: &Address,
    sweep: Sweep,
) -> Result<(), WorkspaceError> {
    match try_to_clear(host, journal, step, sweep).await {
        Ok(()) => Ok(()),
        Err(StepError::Workspace(error)) => Err(error),
        Err(error) => {
            let text = format!(
                "{step}: what it superseded could not all be removed, which the next apply tries again: {error}"
            );
            observer.event(&Event::Warning { text });
            Ok(())
        }
    }
}

/// Removes what a step had left before it was in no configuration any more.
pub(super) async fn remove(
    host: &Arc<Host>,
    journal: &mut Journal,
    step: &Address,
) -> Result<(), StepError> {
    let past = journal.manifest().steps.get(step).cloned();
    let past = past.unwrap_or_default();
    let outputs = past.record.map(|record| record.outputs).unwrap_or_default();
    let mut leavings = past.leavings;
    leavings.add(&outputs);
    let claimed = Claims::of(journal.manifest(), Some(step));
    remove_unclaimed(host, &claimed, &leavings).await?;
    // The image stays as what other steps share; the name that this step gave it goes.
    if let Some(image) = &outputs.image
        && claimed.images.contains(image.id.as_str())
        && !claimed.names.contains(image.name.as_str())
    {
        host.engine.remove_image(&image.name).await?;
    }
    if let Some(mirror) = &outputs.mirror
        && !claimed.mirrors.contains(&mirror.path)
    {
        host.workspace.remove_mirror(&mirror.path)?;
    }
    journal.add(Line::Removed { step: step.clone() })?;
    Ok(())
}

/// Removes an image, or this workspace's names of it where others have it too: another workspace that
/// restored it from a cache, or somebody who tagged it.
async fn remove_image(host: &Arc<Host>, id: &str) -> Result<(), StepError> {
    let image = host.engine.image(id).await?;
    let names = image.map(|image| image.names).unwrap_or_default();
    let (ours, others): (Vec<_>, Vec<_>) = { names.iter() }.partition(|name| host.named(name));
    if others.is_empty() {
        host.engine.remove_image(id).await?;
        return Ok(());
    }
    for name in ours {
        host.engine.remove_image(name).await?;
    }
    Ok(())
}

async fn remove_unclaimed(
    host: &Arc<Host>,
    claimed: &Claims<'_>,
    leavings: &Leavings,
) -> Result<(), StepError> {
    for path in &leavings.files {
        if !claimed.files.contains(path) {
            host.workspace.remove(path)?;
        }
    }
    for image in &leavings.images {
        if !claimed.images.contains(image.as_str()) {
            remove_image(host, image).await?;
        }
    }
    Ok(())
}

/// What the records of a manifest promise.
struct Claims<'a> {
    files: BTreeSet<&'a RelPath>,
    mirrors: BTreeSet<&'a RelPath>,
    images: BTreeSet<&'a str>,
    names: BTreeSet<&'a str>,
}

impl<'a> Claims<'a> {
    /// Gathers what all records promise but that of the step that goes.
    fn of(manifest: &'a Manifest, going: Option<&'a Address>) -> Self {
        let records = move || {
            manifest
                .steps
                .iter()
                .filter(move |(step, _)| Some(*step) != going)
                .filter_map(|(_, past)| past.record.as_ref())
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
            names: records()
                .filter_map(|outputs| outputs.image.as_ref())
                .map(|image| image.name.as_str())
                .collect(),
        }
    }
}
