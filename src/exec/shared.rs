//! Steps with equal keys: what one has left becomes what another leaves.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use crate::entry::moved;
use crate::exec::{Host, Job, Produced, StepError};
use crate::manifest::{BuiltImage, Record};
use crate::step::Kind;
use crate::tree::Entry;
use crate::workspace::WorkspaceError;

/// Takes copies of what the step of this record left. A link would do less work, but who then alters
/// the file of one project would alter that of another.
pub(super) async fn bring(
    host: &Arc<Host>,
    job: &Job,
    leader: &Record,
) -> Result<Produced, StepError> {
    let address = &job.step.address;
    let staging = host.workspace.staging(address)?;
    let mut files = BTreeMap::new();
    for (number, (place, entry)) in leader.outputs.files.iter().enumerate() {
        let staged = staging.join(number.to_string());
        let from = host.workspace.path(place);
        let taken = match entry {
            Entry::Symlink { target } => symlink(target, &staged),
            Entry::File { .. } => fs::copy(&from, &staged).map(drop),
        };
        taken.map_err(|cause| WorkspaceError::Io {
            verb: "share",
            path: from,
            cause,
        })?;
        let path = moved(place, &leader.step, address);
        files.insert(path, (staged, entry.clone()));
    }
    let image = match (&leader.outputs.image, &job.step.kind) {
        (Some(built), Kind::Image(image)) => {
            let name = host.image_name(&image.repository, &image.tag);
            host.engine.tag_image(&built.id, &name).await?;
            let id = built.id.clone();
            Some(BuiltImage { id, name })
        }
        _ => None,
    };
    (job.log)(&format!("the same as {}", leader.step));
    Ok(Produced {
        files,
        image,
        facets: leader.outputs.facets.clone(),
        ..Produced::default()
    })
}
