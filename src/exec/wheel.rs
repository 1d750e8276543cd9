//! Making wheels in a container of the builder image.

mod command;
mod dependencies;
mod listing;
mod parts;
mod resolve;
mod units;
mod wheelhouse;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use crate::archive;
use crate::config::build::PipFile;
use crate::engine::{Call, Download, RunContainer, RunOutcome, Secret, TarWriter};
use crate::exec::knowledge;
use crate::exec::{CA_PATH, Host, Job, Produced, StepError, ca_variables};
use crate::step::wheel::{PREPARE_SCRIPT, WheelRun, Work};
use crate::step::{Address, Facet, Input};
use crate::wheel::pip_requirements;

use command::Pip;
pub use resolve::Resolution;
pub(super) use resolve::resolve;
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
    let mut files = prepare_files(host, address);
    let facts = knowledge::facts(host, address)?;
    let pip = Pip::new(wheel, &facts, &mut files);
    let mut executable = BTreeSet::new();
    let command = match &wheel.work {
        Work::Project { .. } => pip.project(SOURCE_DIR),
        Work::Dependencies {
            extras, lock, anew, ..
        } => {
            let requires = list_input(job, "requirements");
            let lines = pip_requirements(&project, &requires, extras);
            if lines.is_empty() && wheel.pip.settings.requirements.is_empty() {
                (job.log)("the project requires nothing");
                return Wheelhouse::default().produced(flavour, address, None);
            }
            let run = dependencies::Run {
                host,
                job,
                wheel,
                pip: &pip,
                facts: &facts,
                project: &project,
                lines: &lines,
                files: &files,
            };
            let made = match lock {
                Some(lock) => run.locked(lock).await?,
                None => run.resolving(*anew).await?,
            };
            let mut wheelhouse = made.wheelhouse;
            // A dependency that requires the project back brings it from the index.
            wheelhouse.leave_out(&project, &job.log);
            let mut produced = wheelhouse.produced(flavour, address, None)?;
            if !made.compiled.is_empty() {
                let compiled = Input::Map(made.compiled);
                produced.facets.insert(Facet::Compiled, compiled);
            }
            return Ok(produced);
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
    let root = host.copied_source(address);
    let tree = job.source.as_ref().clone();
    uploads.push(archive::pack_tree(
        root,
        tree,
        SOURCE_DIR.to_owned(),
        wheel.epoch,
        executable,
    ));
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
    let container = Container {
        image: knowledge::image(job, &wheel.image)?,
        step: address,
        wheel,
        pip: &pip,
        command: &command,
        uploads,
        from: WHEELHOUSE,
        into: &staging,
    };
    let outcome = container.run(host, &job.call()).await?;
    succeeded(outcome, &command)?;

    let wheelhouse = Wheelhouse::read(&staging, &job.log)?;
    match &wheel.work {
        Work::Project { .. } => {
            let own = wheelhouse.only()?;
            wheelhouse.with_project(Some(own), &job.log, flavour, address)
        }
        // Its wheels are all that it is for, and it has returned with them.
        Work::Dependencies { .. } => wheelhouse.produced(flavour, address, None),
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

/// The files by which every run is prepared.
fn prepare_files(host: &Host, step: &Address) -> Vec<dependencies::File> {
    let script = PREPARE_SCRIPT.as_bytes().to_vec();
    let bundle = CA_PATH.trim_start_matches('/').to_owned();
    vec![
        ("build/prepare.sh".to_owned(), script, 0o755),
        (bundle, host.ca_bundle(step), 0o644),
    ]
}

/// A run of a command in the builder image, prepared as every run of pip is.
struct Container<'a> {
    image: String,
    step: &'a Address,
    wheel: &'a WheelRun,
    pip: &'a Pip,
    command: &'a [String],
    uploads: Vec<TarWriter>,
    /// The folder that is brought out.
    from: &'a str,
    /// The folder that receives it.
    into: &'a Path,
}

impl Container<'_> {
    async fn run(self, host: &Host, call: &Call) -> Result<RunOutcome, StepError> {
        (call.log)(&format!("$ {}", command::shown(self.command)));
        let prepared = ["sh", "/build/prepare.sh"].map(str::to_owned).into_iter();
        let request = RunContainer {
            image: self.image,
            command: prepared.chain(self.command.iter().cloned()).collect(),
            workdir: SOURCE_DIR.to_owned(),
            env: environment(host, self.step, self.wheel, self.pip),
            secrets: secrets(host, self.wheel),
            labels: host.container_labels(self.step),
            uploads: self.uploads,
            downloads: vec![Download {
                from: self.from.to_owned(),
                into: self.into.to_owned(),
            }],
            network: true,
        };
        Ok(host.run_container(request, call).await?)
    }
}

/// Turns any other status than 0 into the error of a command.
fn succeeded(outcome: RunOutcome, command: &[String]) -> Result<(), StepError> {
    match outcome.status {
        0 => Ok(()),
        status => Err(StepError::Command {
            command: command::shown(command),
            status,
            out_of_memory: outcome.out_of_memory,
        }),
    }
}

/// The words of a setting.
fn words<T: ToString>(names: &[T]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn list_input(job: &Job, name: &str) -> Vec<String> {
    match job.inputs.get(name) {
        Some(Input::List(items)) => items.clone(),
        _ => Vec::new(),
    }
}

/// The environment of a run: what makes bytes repeatable, what the configuration asks for, and how
/// the network is reached.
fn environment(
    host: &Host,
    step: &Address,
    wheel: &WheelRun,
    pip: &Pip,
) -> BTreeMap<String, String> {
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
    if !host.ca_bundle(step).is_empty() {
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
