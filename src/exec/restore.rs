//! Steps and caches: what a step left is kept, and brought back instead of running the step again.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Arc;

use crate::cache::{self, CacheError, Caches, Found};
use crate::engine::EngineError;
use crate::entry::{self, Entry};
use crate::exec::{Host, Job, Produced, StepError, package};
use crate::manifest::{BuiltImage, Record};
use crate::step::{Key, Kind, Step};
use crate::tree;

/// The longest text that travels in an entry: longer ones are only for explanations.
const TEXT: usize = 64 * 1024;

/// Brings what a step leaves from a cache; `None` where no cache has it, or not whole.
///
/// Nothing that goes wrong here fails the step: it runs.
pub(super) async fn restore(
    host: &Arc<Host>,
    job: &Job,
    key: Key,
) -> Result<Option<(Produced, String)>, StepError> {
    let Some(caches) = &host.caches else {
        return Ok(None);
    };
    let Some(found) = caches.found(&key).await else {
        return Ok(None);
    };
    match bring(host, job, caches, &found).await {
        Ok(produced) => {
            if let Err(error) = caches.used(&found) {
                caches.warn(format!("{}: {error}", found.from));
            }
            Ok(Some((produced, found.from)))
        }
        Err(error) if error.is_interrupted() => Err(error),
        Err(error) => {
            let text = format!(
                "{} could not be restored from {}, so it runs: {error}",
                job.step.address, found.from
            );
            (job.log)(&text);
            if !matches!(&error, StepError::Cache(error) if error.is_of_left_out_cache()) {
                caches.warn(text);
            }
            caches.forget(&key);
            Ok(None)
        }
    }
}

/// Stores in the shared cache what came from the local one, if it is not there yet.
pub(super) async fn share(host: Arc<Host>, key: Key) {
    if let Some(caches) = &host.caches
        && let Some(found) = caches.found(&key).await
    {
        caches.share(&found.entry).await;
    }
}

async fn bring(
    host: &Arc<Host>,
    job: &Job,
    caches: &Caches,
    found: &Found,
) -> Result<Produced, StepError> {
    let address = &job.step.address;
    let staging = host.workspace.staging(address)?;
    let mut files = BTreeMap::new();
    for (number, (path, entry)) in found.entry.files_for(address).into_iter().enumerate() {
        let staged = staging.join(number.to_string());
        let failed = |cause| CacheError::Io {
            verb: "write",
            path: staged.clone(),
            cause: std::io::Error::to_string(&cause),
        };
        match &entry {
            tree::Entry::File { digest, executable } => {
                caches.copy_out(found, digest, &staged).await?;
                let mode = if *executable { 0o755 } else { 0o644 };
                fs::set_permissions(&staged, fs::Permissions::from_mode(mode)).map_err(failed)?;
            }
            tree::Entry::Symlink { target } => symlink(target, &staged).map_err(failed)?,
        }
        files.insert(path, (staged, entry));
    }
    let image = match &found.entry.image {
        Some(image) => Some(bring_image(host, job, caches, found, image).await?),
        None => None,
    };
    if let Kind::Package(_) = job.step.kind {
        package::keep_previous(host, job)?;
    }
    let texts = found.entry.texts.iter();
    Ok(Produced {
        files,
        image,
        facets: found.entry.facets.clone(),
        objects: texts
            .map(|(digest, text)| (*digest, text.clone()))
            .collect(),
        ..Produced::default()
    })
}

async fn bring_image(
    host: &Arc<Host>,
    job: &Job,
    caches: &Caches,
    found: &Found,
    image: &entry::ArchivedImage,
) -> Result<BuiltImage, StepError> {
    let (repository, tag, tags) = match &job.step.kind {
        Kind::Image(image) => (&image.repository, &image.tag, [].as_slice()),
        Kind::RuntimeImage(image) => (&image.repository, &image.tag, image.tags.as_slice()),
        _ => {
            return Err(StepError::Bug(format!(
                "the cache has an image for {}, which makes none",
                job.step.address
            )));
        }
    };
    if host.engine.image(&image.id).await?.is_none() {
        let archive = caches.image(found, image).await?;
        host.engine.import_image(archive, &job.call()).await?;
    }
    if host.engine.image(&image.id).await?.is_none() {
        return Err(StepError::Engine(EngineError::Refused {
            verb: "take in the image".to_owned(),
            cause: format!("it has none with the id {} afterwards", image.id),
        }));
    }
    let name = host.image_name(repository, tag);
    host.engine.tag_image(&image.id, &name).await?;
    for tag in tags {
        host.engine.tag_image(&image.id, tag.as_str()).await?;
        (job.log)(&format!("tagged {tag}"));
    }
    Ok(BuiltImage {
        id: image.id.clone(),
        name,
    })
}

/// Keeps what a step left, in the local cache and in the shared one. What goes wrong is a warning.
pub(super) async fn keep(
    host: Arc<Host>,
    step: Step,
    record: Record,
    texts: Vec<(crate::digest::Digest, String)>,
) {
    let Some(caches) = &host.caches else { return };
    if matches!(step.kind, Kind::Copy(_)) || !Entry::holds(&record.outputs) {
        return;
    }
    if let Err(problem) = try_to_keep(&host, caches, &step, record, texts).await {
        caches.warn(format!("{} is not in the cache: {problem}", step.address));
    }
}

async fn try_to_keep(
    host: &Arc<Host>,
    caches: &Arc<Caches>,
    step: &Step,
    record: Record,
    texts: Vec<(crate::digest::Digest, String)>,
) -> Result<(), StepError> {
    let mut entry = Entry {
        version: entry::VERSION,
        key: record.key,
        kind: record.kind,
        step: record.step,
        run: host.run.clone(),
        started: record.started,
        seconds: record.seconds,
        inputs: record.inputs,
        files: record.outputs.files,
        image: None,
        facets: record.outputs.facets,
        texts: texts
            .into_iter()
            .filter(|(_, text)| text.len() <= TEXT)
            .collect(),
        blobs: BTreeMap::new(),
    };
    let local = caches.local().clone();
    let places: Vec<_> = entry
        .files
        .iter()
        .map(|(path, entry)| (host.workspace.path(path), entry.clone()))
        .collect();
    let kept = tokio::task::spawn_blocking(move || {
        let files = places.into_iter().filter_map(|(path, entry)| match entry {
            tree::Entry::File { digest, .. } => Some((path, digest)),
            tree::Entry::Symlink { .. } => None,
        });
        files
            .map(|(path, digest)| Ok((digest, local.take_in(&path, &digest)?)))
            .collect::<Result<BTreeMap<_, _>, CacheError>>()
    });
    entry.blobs = kept
        .await
        .map_err(|panic| StepError::Bug(panic.to_string()))??;
    // The clean image of a check is of no use to anybody who has the check's verdict.
    if let (Some(image), Kind::Image(_) | Kind::RuntimeImage(_)) =
        (record.outputs.image, &step.kind)
    {
        let (local, id) = (caches.local().clone(), image.id.clone());
        let (sender, made) = tokio::sync::oneshot::channel();
        let reader: crate::engine::ArchiveReader = Box::new(move |archive| {
            let taken =
                cache::take_apart(&local, &id, archive).map_err(|error| error.to_string())?;
            // Whoever does not wait for it any more has no use for it.
            let _ = sender.send(taken);
            Ok(())
        });
        host.engine.export_image(&image.id, reader).await?;
        if let Ok((image, blobs)) = made.await {
            entry.image = Some(image);
            entry.blobs.extend(blobs);
        }
    }
    caches.store(&entry).await?;
    Ok(())
}
