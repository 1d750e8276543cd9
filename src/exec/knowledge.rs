//! What later steps read of what earlier ones left: facts, reports, metadata, archives.
#![expect(
    clippy::disallowed_methods,
    reason = "what earlier steps left is read from the workspace"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::archive;
use crate::engine::{EngineError, TarWriter};
use crate::exec::probe::facts_path;
use crate::exec::{Host, Job, StepError};
use crate::facts::Facts;
use crate::step::package::Installed;
use crate::step::{Address, Input};
use crate::tree::RelPath;
use crate::wheel::{Metadata, name_and_version, normalised};

/// What a stage of the virtual environment turned out to be, as `docker/venv.py` reports it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Report {
    /// The commands that the stage's wheels bring, by file name in `bin`.
    pub scripts: Vec<String>,
    /// Console scripts with what they call.
    pub console_scripts: BTreeMap<String, String>,
    /// Top-level modules of the project.
    pub modules: Vec<String>,
    /// Whether anything is compiled.
    pub elf: bool,
    /// Debian packages with versions that its libraries come from.
    pub depends: Vec<String>,
    /// The same packages by bare name, or those of rpm.
    pub packages: Vec<String>,
    /// The licences of what is inside.
    pub licenses: Vec<License>,
    pub files: u64,
    pub bytes: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct License {
    pub distribution: String,
    pub license: Option<String>,
    pub texts: Vec<String>,
}

impl Report {
    pub fn read(path: &Path) -> Result<Self, StepError> {
        let text = read(path)?;
        serde_json::from_str(&text).map_err(|error| {
            StepError::Bug(format!(
                "the report {} is not as agreed: {error}",
                path.display()
            ))
        })
    }
}

/// Everything that is known of a project that is installed.
pub(super) struct Known {
    pub facts: Facts,
    pub metadata: Metadata,
    pub dependencies: Report,
    pub application: Report,
    /// The name of the package, the folder and the environment.
    pub name: String,
    /// The archives of both stages.
    pub contents: Vec<PathBuf>,
}

impl Known {
    pub fn gather(
        host: &Host,
        job: &Job,
        installed: &Installed,
        name: Option<&str>,
    ) -> Result<Self, StepError> {
        let metadata = own_metadata(host, job, &installed.own)?;
        let report = |step| Report::read(&output(host, job, step, ".json")?);
        Ok(Self {
            facts: facts(host, &job.step.address)?,
            dependencies: report(&installed.venv)?,
            application: report(&installed.application)?,
            name: name.map_or_else(|| normalised(&metadata.name), str::to_owned),
            contents: vec![
                content(host, job, &installed.venv)?,
                content(host, job, &installed.application)?,
            ],
            metadata,
        })
    }

    /// Returns the folder of the virtual environment.
    pub fn prefix(&self) -> String {
        format!("/opt/{}", self.name)
    }

    /// Returns the distribution packages that run it: the interpreter's and the libraries', bare names.
    pub fn packages(&self, runtime_dependencies: &[String]) -> Vec<String> {
        let interpreter = self
            .facts
            .interpreter_package
            .iter()
            .map(|owner| interpreter_name(owner).to_owned());
        let libraries = self
            .dependencies
            .packages
            .iter()
            .chain(&self.application.packages)
            .cloned();
        let configured = runtime_dependencies
            .iter()
            .map(|dependency| bare_name(dependency).to_owned());
        let all: BTreeSet<String> = interpreter.chain(libraries).chain(configured).collect();
        all.into_iter().collect()
    }
}

/// The package that brings an interpreter with its standard library: Debian's minimal one has not all of it.
pub(super) fn interpreter_name(owner: &str) -> &str {
    owner.strip_suffix("-minimal").unwrap_or(owner)
}

/// The first alternative of a dependency without its version relation.
fn bare_name(dependency: &str) -> &str {
    let first = dependency.split('|').next().unwrap_or(dependency).trim();
    first.split([' ', '(']).next().unwrap_or(first)
}

pub(super) fn text_input(job: &Job, name: &str) -> String {
    match job.inputs.get(name) {
        Some(Input::Text(text)) => text.clone(),
        _ => String::new(),
    }
}

/// Reads the facts of the base image that a step's flavour stands on.
pub(super) fn facts(host: &Host, step: &Address) -> Result<Facts, StepError> {
    let path = host.place(step, &facts_path(step.flavour().unwrap_or_default()));
    Facts::parse(&read(&path)?).map_err(|error| {
        StepError::Bug(format!(
            "the facts in {} are not as written: {error}",
            path.display()
        ))
    })
}

/// Returns the id of the image that a step made.
pub(super) fn image(job: &Job, step: &Address) -> Result<String, StepError> {
    let image = job
        .needs
        .get(step)
        .and_then(|outputs| outputs.image.as_ref());
    image
        .map(|image| image.id.clone())
        .ok_or_else(|| StepError::Bug(format!("{step} left no image")))
}

/// Returns where the file with this ending is that a step left.
pub(super) fn output(
    host: &Host,
    job: &Job,
    step: &Address,
    ending: &str,
) -> Result<PathBuf, StepError> {
    let files = job
        .needs
        .get(step)
        .into_iter()
        .flat_map(|outputs| outputs.files.keys());
    let found = files
        .into_iter()
        .find(|path| path.as_str().ends_with(ending));
    found
        .map(|path| host.workspace.path(path))
        .ok_or_else(|| StepError::Bug(format!("{step} left no {ending}")))
}

/// Returns where the archive is that a stage of the virtual environment left.
pub(super) fn content(host: &Host, job: &Job, step: &Address) -> Result<PathBuf, StepError> {
    output(host, job, step, ".tar")
}

fn own_metadata(host: &Host, job: &Job, own: &Address) -> Result<Metadata, StepError> {
    let Some(outputs) = job.needs.get(own) else {
        return Err(StepError::Bug(format!("{own} left nothing")));
    };
    let project = match outputs.facets.get(&crate::step::Facet::Project) {
        Some(Input::Text(name)) => normalised(name),
        _ => String::new(),
    };
    let wheel = outputs
        .files
        .keys()
        .find(|path| name_and_version(path.file_name()).is_some_and(|(name, _)| name == project));
    let Some(wheel) = wheel else {
        return Err(StepError::Bug(format!("{own} left no wheel of {project}")));
    };
    super::wheel::read_metadata(&host.workspace.path(wheel))
        .map(|text| Metadata::parse(&text))
        .map_err(|cause| StepError::Bug(format!("{wheel} is no wheel any more: {cause}")))
}

/// Packs wheels of the workspace for a container, below `/build/wheels`.
pub(super) fn pack_wheels(host: &Host, wheels: &[RelPath], epoch: u64) -> TarWriter {
    let places: Vec<(String, PathBuf)> = wheels
        .iter()
        .map(|path| {
            (
                format!("build/wheels/{}", path.file_name()),
                host.workspace.path(path),
            )
        })
        .collect();
    Box::new(move |out| {
        let mut files = Vec::new();
        for (name, path) in places {
            files.push((name, fs::read(path)?, 0o644));
        }
        archive::pack_files(files, epoch)(out)
    })
}

/// Places the files of a program below `/build` of a container.
pub(super) fn program(files: &[(&str, &str)]) -> Vec<(String, Vec<u8>, u32)> {
    files
        .iter()
        .map(|(name, text)| (format!("build/{name}"), text.as_bytes().to_vec(), 0o755))
        .collect()
}

/// Variables that keep what programs write from depending on where and when they run.
pub(super) fn steady_environment(epoch: u64) -> BTreeMap<String, String> {
    [
        ("LC_ALL", "C.UTF-8"),
        ("TZ", "UTC"),
        ("PYTHONHASHSEED", "0"),
        ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
        ("PIP_NO_INPUT", "1"),
        ("PIP_ROOT_USER_ACTION", "ignore"),
        ("SOURCE_DATE_EPOCH", &epoch.to_string()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

pub(super) fn read(path: &Path) -> Result<String, StepError> {
    fs::read_to_string(path).map_err(|error| {
        EngineError::Files {
            verb: format!("read {}", path.display()),
            cause: error.to_string(),
        }
        .into()
    })
}

pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>, StepError> {
    fs::read(path).map_err(|error| {
        EngineError::Files {
            verb: format!("read {}", path.display()),
            cause: error.to_string(),
        }
        .into()
    })
}
