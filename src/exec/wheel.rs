//! Making wheels in a container of the builder image.

mod command;
mod wheelhouse;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::archive;
use crate::config::build::PipFile;
use crate::engine::{Download, RunContainer, Secret, TarWriter};
use crate::exec::knowledge;
use crate::exec::{CA_PATH, Host, Job, Produced, StepError, ca_variables};
use crate::step::Input;
use crate::step::wheel::{PREPARE_SCRIPT, WheelRun, Work};
use crate::wheel::pip_requirements;
use crate::workspace::SOURCE;

use command::Pip;
use wheelhouse::Wheelhouse;
pub(super) use wheelhouse::metadata as read_metadata;

/// Where wheels go in the container; `WHEELHOUSE`, `PIP_WHEEL_DIR` and `PIP_FIND_LINKS` name it.
const WHEELHOUSE: &str = "/build/wheelhouse";

/// Where the source is in the container.
const SOURCE_DIR: &str = "/source";

/// Where pip's files are in the container.
const PIP_FILES: &str = "build/pip";

pub(super) async fn run(
    host: &Arc<Host>,
    job: &Job,
    wheel: &WheelRun,
) -> Result<Produced, StepError> {
    let address = &job.step.address;
    let flavour = address.flavour().unwrap_or_default();
    let project = knowledge::text_input(job, "project name");
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
    let pip = Pip::new(wheel, &knowledge::facts(host, flavour)?, &mut files);
    let mut executable = BTreeSet::new();
    let command = match &wheel.work {
        Work::Project { .. } => pip.project(SOURCE_DIR),
        Work::Dependencies { extras, .. } => {
            let requires = list_input(job, "requirements");
            let lines = pip_requirements(&project, &requires, extras);
            if lines.is_empty() && wheel.pip.settings.requirements.is_empty() {
                (job.log)("the project requires nothing");
                return Wheelhouse::default().produced(flavour, address, None);
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
        image: knowledge::image(job, &wheel.image)?,
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
        network: true,
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
            let own = wheelhouse.only()?;
            wheelhouse.with_project(Some(own), &job.log, flavour, address)
        }
        Work::Dependencies { .. } => {
            // A dependency that requires the project back brings it from the index.
            wheelhouse.leave_out(&project, &job.log);
            wheelhouse.produced(flavour, address, None)
        }
        Work::Buildscript {
            script, project, ..
        } => {
            if wheelhouse.is_empty() {
                return Err(StepError::Wheelhouse {
                    what: format!("{script} ended well and left no wheel in $WHEELHOUSE"),
                    help: "have it write wheels there, for example with `pip wheel .`, whose default folder it is"
                        .to_owned(),
                });
            }
            let own = wheelhouse.own(project.as_deref())?;
            wheelhouse.with_project(own, &job.log, flavour, address)
        }
    }
}

fn list_input(job: &Job, name: &str) -> Vec<String> {
    match job.inputs.get(name) {
        Some(Input::List(items)) => items.clone(),
        _ => Vec::new(),
    }
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
        env.extend(ca_variables());
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
