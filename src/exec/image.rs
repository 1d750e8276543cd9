//! Building an image from a rendered dockerfile.
#![expect(
    clippy::disallowed_methods,
    reason = "the dockerfile is read from the workspace"
)]

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use crate::archive;
use crate::engine::{BuildImage, EngineError};
use crate::exec::{Host, Job, Produced, StepError, ca_variables};
use crate::manifest::BuiltImage;
use crate::step::image::Image;

pub(super) async fn run(host: &Arc<Host>, job: &Job, image: &Image) -> Result<Produced, StepError> {
    let rendered = job
        .needs
        .get(&image.dockerfile)
        .and_then(|outputs| outputs.files.keys().next());
    let path = host
        .workspace
        .path(rendered.expect("a render step leaves one file"));
    let dockerfile = fs::read(&path).map_err(|error| EngineError::Files {
        verb: format!("read {}", path.display()),
        cause: error.to_string(),
    })?;
    let ca_bundle = host.ca_bundle(&job.step.address);
    let mut args = host.proxies.clone();
    if !ca_bundle.is_empty() {
        args.extend(ca_variables());
    }
    let files = vec![
        ("Dockerfile".to_owned(), dockerfile, 0o644),
        ("ca-bundle.crt".to_owned(), ca_bundle, 0o644),
    ];
    let name = host.image_name(&image.repository, &image.tag);
    let request = BuildImage {
        tag: name.clone(),
        context: archive::pack_files(files, 0),
        labels: host.labels(&job.step.address),
        args,
    };
    let built = host.build_image(request, &job.call()).await?;
    Ok(Produced {
        image: Some(BuiltImage { id: built.id, name }),
        facets: BTreeMap::new(),
        ..Produced::default()
    })
}
