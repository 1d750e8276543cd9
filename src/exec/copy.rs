//! Copying the source, and writing rendered files: the dockerfiles of both kinds of images.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::digest::Digest;
use crate::exec::{Host, Job, Produced, StepError, blocking};
use crate::manifest::Mirror;
use crate::source;
use crate::step::copy::Copy;
use crate::step::render::Render;
use crate::step::{Facet, Input};
use crate::tree::{Entry, RelPath};
use crate::workspace::{SOURCE, Workspace};

/// Makes the workspace's copy of the source what the plan saw.
pub(super) async fn run(host: &Arc<Host>, job: &Job, copy: &Copy) -> Result<Produced, StepError> {
    let path = RelPath::new(SOURCE).expect("the constant is a plain name");
    let address = &job.step.address;
    let project = address.project().map(str::to_owned);
    let root = { host.sources.get(&project).cloned() }
        .ok_or_else(|| StepError::Bug(format!("{address} has no source")))?;
    let dest = host.copied_source(address);
    let tree = Arc::clone(&copy.tree);
    let shelf = host.workspace.shelf();
    let outcome = blocking(move || {
        let on_disk = source::read_copy(&dest, &shelf)?;
        source::mirror(&root, &tree, &dest, &on_disk)
    })
    .await?;
    (job.log)(&format!(
        "copied {}, removed {}, kept {}",
        outcome.copied, outcome.removed, outcome.kept
    ));
    let digest = copy.tree.digest();
    Ok(Produced {
        mirror: Some(Mirror { path, digest }),
        facets: BTreeMap::from([(Facet::Tree, Input::Tree(digest))]),
        objects: vec![(digest, copy.tree.to_listing())],
        ..Produced::default()
    })
}

/// Writes a rendered file.
pub(super) fn render(host: &Arc<Host>, job: &Job, render: &Render) -> Result<Produced, StepError> {
    document(host, job, &render.path, render.text.clone())
}

/// Leaves a text at `path`, staged first.
pub(super) fn document(
    host: &Arc<Host>,
    job: &Job,
    path: &RelPath,
    text: String,
) -> Result<Produced, StepError> {
    let staging = host.workspace.staging(&job.step.address)?;
    let name = RelPath::new(path.file_name()).expect("a file name is a path of one component");
    Workspace::at(staging.clone()).write(&name, text.as_bytes())?;
    let digest = Digest::of(text.as_bytes());
    let entry = Entry::File {
        digest,
        executable: false,
    };
    Ok(Produced {
        files: BTreeMap::from([(path.clone(), (staging.join(&name), entry))]),
        facets: BTreeMap::from([(Facet::Document, Input::Document(digest))]),
        objects: vec![(digest, text)],
        ..Produced::default()
    })
}
