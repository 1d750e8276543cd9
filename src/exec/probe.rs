//! Probing a base image: is it there, does it keep its promises, what is it.
#![expect(
    clippy::disallowed_methods,
    reason = "the facts that a container wrote are read from disk"
)]

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use crate::archive;
use crate::digest::Digest;
use crate::engine::{Download, EngineError, RunContainer};
use crate::exec::{Host, Job, Produced, StepError, broken_lines, contract};
use crate::facts::Facts;
use crate::step::probe::{PROBE_SCRIPT, Probe};
use crate::step::{Address, Facet, Input, short_image};
use crate::tree::{Entry, RelPath};
use crate::workspace::Workspace;

/// Returns the facts of the base image of a step's flavour as its last probe found them.
pub fn known_facts(workspace: &Workspace, step: &Address) -> Option<Facts> {
    let path = step.place(&facts_path(step.flavour()?));
    let text = fs::read_to_string(workspace.path(&path)).ok()?;
    Facts::parse(&text).ok()
}

/// Where a flavour's facts are kept in the workspace.
pub(super) fn facts_path(flavour: &str) -> RelPath {
    RelPath::new(&format!(
        "{}/facts/{flavour}.json",
        crate::workspace::PRIVATE
    ))
    .expect("a flavour's name has no character that a path could not have")
}

pub(super) async fn run(host: &Arc<Host>, job: &Job, probe: &Probe) -> Result<Produced, StepError> {
    let call = job.call();
    let name = probe.image.as_str();
    let image = match host.engine.image(name).await? {
        Some(image) => image,
        None => host.engine.pull(name, &call).await?,
    };
    if let Some(planned) = &probe.id
        && *planned != image.id
    {
        return Err(StepError::Moved {
            image: name.to_owned(),
            planned: short_image(planned),
            found: short_image(&image.id),
        });
    }

    let staging = host.workspace.staging(&job.step.address)?;
    let script = PROBE_SCRIPT.as_bytes().to_vec();
    let request = RunContainer {
        image: image.id.clone(),
        command: ["sh", "/build/probe.sh"].map(str::to_owned).to_vec(),
        workdir: "/".to_owned(),
        env: BTreeMap::from([("LC_ALL".to_owned(), "C.UTF-8".to_owned())]),
        secrets: BTreeMap::new(),
        labels: host.container_labels(&job.step.address),
        uploads: vec![archive::pack_files(
            vec![("build/probe.sh".to_owned(), script, 0o755)],
            0,
        )],
        downloads: vec![Download {
            from: "/build/out".to_owned(),
            into: staging.clone(),
        }],
        network: false,
    };
    let (call, broken) = broken_lines(job);
    let outcome = host.run_container(request, &call).await?;
    contract(outcome, &broken, "sh /build/probe.sh", |promises| {
        StepError::Promises {
            image: name.to_owned(),
            promises,
        }
    })?;

    let staged = staging.join("facts.json");
    let unreadable = |cause: String| EngineError::Files {
        verb: "read the facts of the probe".to_owned(),
        cause,
    };
    let text = fs::read_to_string(&staged).map_err(|error| unreadable(error.to_string()))?;
    let facts = Facts::parse(&text).map_err(|error| unreadable(error.to_string()))?;
    (job.log)(&format!(
        "{} {} on {} {}",
        facts.implementation, facts.python, facts.distribution, facts.distribution_version
    ));
    let digest = Digest::of(text.as_bytes());
    let flavour = job.step.address.flavour().unwrap_or_default();
    let entry = Entry::File {
        digest,
        executable: false,
    };
    let id = Input::Image(image.id);
    Ok(Produced {
        files: BTreeMap::from([(facts_path(flavour), (staged, entry))]),
        facets: BTreeMap::from([
            (Facet::BaseImage, id.clone()),
            (Facet::Facts, Input::File(digest)),
        ]),
        found: BTreeMap::from([("base image".to_owned(), id)]),
        ..Produced::default()
    })
}
