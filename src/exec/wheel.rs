//! Making wheels in a container of the builder image.
#![expect(
    clippy::disallowed_methods,
    reason = "pip's files are read from the workspace, facts and wheels from disk"
)]

mod command;
mod wheelhouse;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::archive;
use crate::config::build::PipFile;
use crate::engine::{Download, EngineError, RunContainer, Secret, TarWriter};
use crate::exec::probe::facts_path;
use crate::exec::{Host, Job, Produced, StepError, ca_variables};
use crate::facts::Facts;
use crate::step::wheel::{PREPARE_SCRIPT, WheelRun, Work};
use crate::step::{Facet, Input};
use crate::tree::RelPath;
use crate::wheel::pip_requirements;
use crate::workspace::SOURCE;

use command::Pip;
use wheelhouse::Wheelhouse;

/// Where wheels go in the container; `WHEELHOUSE`, `PIP_WHEEL_DIR` and `PIP_FIND_LINKS` name it.
const WHEELHOUSE: &str = "/build/wheelhouse";

/// Where the source is in the container.
const SOURCE_DIR: &str = "/source";

/// Where pip's files are in the container.
const PIP_FILES: &str = "build/pip";

/// Where the CA bundle is in the container.
const CA_PATH: &str = "/build/ca-bundle.crt";

pub(super) async fn run(
    host: &Arc<Host>,
    job: &Job,
    wheel: &WheelRun,
) -> Result<Produced, StepError> {
    let address = &job.step.address;
    let flavour = address.flavour().unwrap_or_default();
    let project = text_input(job, "project");
    let mut files = vec![
        (
            "build/prepare.sh".to_owned(),
            PREPARE_SCRIPT.as_bytes().to_vec(),
            0o755,
        ),
        (
            CA_PATH.trim_start_matches('/').to_owned(),
            host.ca_bundle(address),
            0o644,
        ),
    ];
    let pip = Pip::new(wheel, &facts(host, flavour)?, &mut files, |path| {
        project_file(host, path)
    })?;
    let mut executable = BTreeSet::new();
    let command = match &wheel.work {
        Work::Project { .. } => pip.project(SOURCE_DIR),
        Work::Dependencies { extras, .. } => {
            let requires = list_input(job, "requirements");
            let lines = pip_requirements(&project, &requires, extras);
            if lines.is_empty() && wheel.pip.settings.requirements.is_empty() {
                (job.log)("the project requires nothing");
                return Wheelhouse::default().produced(flavour, address);
            }
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            files.push((
                format!("{PIP_FILES}/metadata.txt"),
                text.into_bytes(),
                0o644,
            ));
            pip.dependencies(&format!("/{PIP_FILES}/metadata.txt"), WHEELHOUSE)
        }
        Work::Buildscript { script, .. } => {
            executable.insert(script.clone());
            // A shell, so that a script without a `#!` line runs too.
            vec![
                "sh".to_owned(),
                "-c".to_owned(),
                command::quoted(&format!("./{script}")),
            ]
        }
    };

    let staging = host.workspace.staging(address)?;
    let mut uploads: Vec<TarWriter> = vec![archive::pack_files(files, wheel.epoch)];
    if !matches!(wheel.work, Work::Dependencies { .. }) {
        let root = host.workspace.root().join(SOURCE);
        let tree = job.source.as_ref().clone();
        uploads.push(archive::pack_tree(
            root,
            tree,
            SOURCE_DIR.to_owned(),
            wheel.epoch,
            executable,
        ));
    }
    if let Work::Project { version, .. } | Work::Buildscript { version, .. } = &wheel.work
        && !version.files.is_empty()
    {
        let place = |path: &String| format!("{}/{path}", SOURCE_DIR.trim_start_matches('/'));
        let texts = version
            .files
            .iter()
            .map(|(path, text)| (place(path), text.clone().into_bytes(), 0o644));
        uploads.push(archive::pack_files(texts.collect(), wheel.epoch));
    }
    let shown = command::shown(&command);
    (job.log)(&format!("$ {shown}"));
    let prepared = ["sh", "/build/prepare.sh"]
        .map(str::to_owned)
        .into_iter()
        .chain(command);
    let request = RunContainer {
        image: builder_image(job, wheel)?,
        command: prepared.collect(),
        workdir: SOURCE_DIR.to_owned(),
        env: environment(host, job, wheel, &pip),
        secrets: secrets(host, wheel),
        labels: host.container_labels(address),
        uploads,
        downloads: vec![Download {
            from: WHEELHOUSE.to_owned(),
            into: staging.clone(),
        }],
    };
    let outcome = host.engine.run(request, &job.call()).await?;
    if outcome.status != 0 {
        return Err(StepError::Command {
            command: shown,
            status: outcome.status,
            out_of_memory: outcome.out_of_memory,
        });
    }

    let mut wheelhouse = Wheelhouse::read(&staging, &job.log)?;
    match &wheel.work {
        Work::Project { .. } => {
            let metadata = wheelhouse.only()?;
            (job.log)(&format!("{} {}", metadata.name, metadata.version));
            let mut produced = wheelhouse.produced(flavour, address)?;
            produced
                .facets
                .insert(Facet::Requirements, Input::List(metadata.requires));
            produced
                .facets
                .insert(Facet::Project, Input::Text(metadata.name));
            Ok(produced)
        }
        Work::Dependencies { .. } => {
            // A dependency that requires the project back brings it from the index.
            wheelhouse.leave_out(&project, &job.log);
            wheelhouse.produced(flavour, address)
        }
        Work::Buildscript { script, .. } => {
            if wheelhouse.is_empty() {
                return Err(StepError::Wheelhouse {
                    what: format!("{script} ended well and left no wheel in $WHEELHOUSE"),
                    help: "have it write wheels there, for example with `pip wheel .`, whose default folder it is".to_owned(),
                });
            }
            wheelhouse.produced(flavour, address)
        }
    }
}

fn text_input(job: &Job, name: &str) -> String {
    match job.inputs.get(name) {
        Some(Input::Text(text)) => text.clone(),
        _ => String::new(),
    }
}

fn list_input(job: &Job, name: &str) -> Vec<String> {
    match job.inputs.get(name) {
        Some(Input::List(items)) => items.clone(),
        _ => Vec::new(),
    }
}

fn builder_image(job: &Job, wheel: &WheelRun) -> Result<String, StepError> {
    let image = job
        .needs
        .get(&wheel.image)
        .and_then(|outputs| outputs.image.as_ref());
    image
        .map(|image| image.id.clone())
        .ok_or_else(|| StepError::Bug(format!("{} left no image", wheel.image)))
}

fn facts(host: &Host, flavour: &str) -> Result<Facts, StepError> {
    let path = host.workspace.path(&facts_path(flavour));
    let text = read(&path)?;
    Facts::parse(&text).map_err(|error| {
        StepError::Bug(format!(
            "the facts in {} are not as written: {error}",
            path.display()
        ))
    })
}

fn project_file(host: &Host, path: &RelPath) -> Result<Vec<u8>, StepError> {
    read(&host.workspace.root().join(SOURCE).join(path)).map(String::into_bytes)
}

fn read(path: &Path) -> Result<String, StepError> {
    fs::read_to_string(path).map_err(|error| {
        EngineError::Files {
            verb: format!("read {}", path.display()),
            cause: error.to_string(),
        }
        .into()
    })
}

/// The environment of a run: what makes bytes repeatable, what the configuration asks for, and how
/// the network is reached.
fn environment(host: &Host, job: &Job, wheel: &WheelRun, pip: &Pip) -> BTreeMap<String, String> {
    let fixed = [
        ("LC_ALL", "C.UTF-8"),
        ("TZ", "UTC"),
        ("PYTHONHASHSEED", "0"),
        ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
        ("PIP_NO_INPUT", "1"),
        ("PIP_ROOT_USER_ACTION", "ignore"),
        ("PIP_PROGRESS_BAR", "off"),
        ("WHEELHOUSE", WHEELHOUSE),
        ("PIP_WHEEL_DIR", WHEELHOUSE),
        ("PIP_FIND_LINKS", WHEELHOUSE),
        // pip builds below a folder with a random name, which debug information would carry along.
        ("CFLAGS", "-g0"),
        ("CXXFLAGS", "-g0"),
    ];
    let mut env: BTreeMap<String, String> = fixed
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    env.insert("SOURCE_DATE_EPOCH".to_owned(), wheel.epoch.to_string());
    match &wheel.work {
        Work::Project { version, .. } => env.extend(version.variables.clone()),
        Work::Dependencies { .. } => {}
        Work::Buildscript { version, .. } => {
            env.extend(version.variables.clone());
            env.extend(pip.environment());
        }
    }
    for (name, value) in pip.build_constraint_environment() {
        // Before pip 25.3 it is one variable for both kinds, which a buildscript's run has already.
        env.entry(name)
            .and_modify(|files| *files = format!("{files} {value}"))
            .or_insert(value);
    }
    env.extend(host.proxies.clone());
    if !host.ca_bundle(&job.step.address).is_empty() {
        env.extend(ca_variables(CA_PATH));
    }
    env.extend(wheel.environment.clone());
    env
}

fn secrets(host: &Host, wheel: &WheelRun) -> BTreeMap<String, Secret> {
    let names = wheel.secrets.iter().map(|name| name.as_str());
    names
        .filter_map(|name| Some((name.to_owned(), host.secrets.get(name)?.clone())))
        .collect()
}

/// Names the file of a pip setting in the container: the project's under its own path, so that
/// what it includes is found, the operator's by a number.
fn file_place(file: &PipFile, number: usize) -> String {
    match file {
        PipFile::Operator(file) => {
            let name = file.path.rsplit('/').next().unwrap_or("file");
            format!("{PIP_FILES}/operator/{number}-{name}")
        }
        PipFile::Project(path) => format!("{PIP_FILES}/project/{path}"),
    }
}
