//! Installing wheels into the virtual environment, in a container of the builder image.
#![expect(
    clippy::disallowed_methods,
    reason = "wheels go up from disk, and the report is read from it"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use crate::archive;
use crate::digest::Digest;
use crate::engine::{Download, RunContainer, TarWriter};
use crate::exec::knowledge::{self, Report};
use crate::exec::{Host, Job, Produced, StepError, broken_lines, contract};
use crate::step::venv::{Stage, VENV_PROGRAM, Venv};
use crate::step::{Facet, Input};
use crate::tree::{Entry, RelPath};
use crate::wheel::{name_and_version, normalised};

pub(super) async fn run(host: &Arc<Host>, job: &Job, venv: &Venv) -> Result<Produced, StepError> {
    let address = &job.step.address;
    let flavour = address.flavour().unwrap_or_default();
    let project = knowledge::text_input(job, "project name");
    let name = venv.name.clone().unwrap_or_else(|| normalised(&project));
    let prefix = format!("/opt/{name}");
    let facts = knowledge::facts(host, address)?;

    let source = match &venv.stage {
        Stage::Dependencies { wheels } => wheels,
        Stage::Application { .. } => &venv.own,
    };
    let own = normalised(&project);
    let is_own =
        |path: &&RelPath| name_and_version(path.file_name()).is_some_and(|(of, _)| of == own);
    let wheels: Vec<RelPath> = job
        .needs
        .get(source)
        .into_iter()
        .flat_map(|outputs| outputs.files.keys())
        .filter(|path| path.as_str().ends_with(".whl"))
        .filter(|path| is_own(path) == matches!(venv.stage, Stage::Application { .. }))
        .cloned()
        .collect();
    let names: Vec<&str> = wheels.iter().map(RelPath::file_name).collect();
    let settings = serde_json::json!({
        "stage": venv.stage.word(),
        "name": name,
        "prefix": prefix,
        "wheels": names,
        "own": own,
        "package": venv.format,
        "epoch": venv.epoch,
        "interpreter": facts.interpreter,
    });
    let mut files = knowledge::program(&VENV_PROGRAM);
    files.push((
        "build/venv.json".to_owned(),
        settings.to_string().into_bytes(),
        0o644,
    ));
    let mut uploads: Vec<TarWriter> = vec![archive::pack_files(files, venv.epoch)];
    uploads.push(knowledge::pack_wheels(host, &wheels, venv.epoch));
    if let Stage::Application { venv } = &venv.stage {
        uploads.push(raw_archive(knowledge::content(host, job, venv)?));
    }

    let staging = host.workspace.staging(address)?;
    let request = RunContainer {
        image: knowledge::image(job, &venv.image)?,
        command: ["python", "/build/venv.py"].map(str::to_owned).to_vec(),
        workdir: "/".to_owned(),
        env: knowledge::steady_environment(venv.epoch),
        secrets: BTreeMap::new(),
        labels: host.container_labels(address),
        uploads,
        downloads: vec![Download {
            from: "/build/out".to_owned(),
            into: staging.clone(),
        }],
        network: false,
    };
    let (call, broken) = broken_lines(job);
    let outcome = host.run_container(request, &call).await?;
    contract(outcome, &broken, "python /build/venv.py", |problems| {
        StepError::Unfit { problems }
    })?;

    let report = Report::read(&staging.join("report.json"))?;
    (job.log)(&format!(
        "{} files, {} bytes below {prefix}",
        report.files, report.bytes
    ));
    let mut produced = Produced::default();
    for (staged, kind, facet) in [
        ("content.tar", "tar", Facet::Content),
        ("report.json", "json", Facet::Report),
    ] {
        let path = staging.join(staged);
        let digest = digest_of(path.clone()).await?;
        let place = RelPath::new(&format!(
            "{}/venv/{flavour}/{}.{kind}",
            crate::workspace::PRIVATE,
            venv.stage.word()
        ))
        .expect("a flavour's name has no character that a path could not have");
        produced.files.insert(
            place,
            (
                path,
                Entry::File {
                    digest,
                    executable: false,
                },
            ),
        );
        produced.facets.insert(facet, Input::File(digest));
    }
    Ok(produced)
}

/// Sends an archive as it is.
fn raw_archive(path: PathBuf) -> TarWriter {
    Box::new(move |out| {
        let mut file = fs::File::open(path)?;
        std::io::copy(&mut file, out).map(|_| ())
    })
}

/// Digests a file that may be large, off the runtime.
pub(super) async fn digest_of(path: PathBuf) -> Result<Digest, StepError> {
    super::blocking(move || {
        let mut hasher = blake3::Hasher::new();
        let done = fs::File::open(&path).and_then(|file| hasher.update_reader(file).map(|_| ()));
        match done {
            Ok(()) => Ok(Digest::from_hasher(&hasher)),
            Err(cause) => Err(crate::workspace::WorkspaceError::Io {
                verb: "read",
                path,
                cause,
            }),
        }
    })
    .await
}
