//! A run that makes wheels in a container of the builder image.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::config::build::{Pip, PipFile};
use crate::config::names::SecretName;
use crate::digest::{ContentHasher, Digest};
use crate::lock::Lock;
use crate::step::{Address, Facet, Input, NamedSource, Source};
use crate::tree::RelPath;

/// The script that prepares a container before the command that makes the wheels.
pub const PREPARE_SCRIPT: &str = include_str!("../../docker/prepare.sh");

/// Its digest, taken once: it is an input of every wheel run.
static PREPARE_DIGEST: LazyLock<Digest> = LazyLock::new(|| Digest::of(PREPARE_SCRIPT.as_bytes()));

/// The program that finds out which files the dependencies are.
pub const RESOLVE_PROGRAM: &str = include_str!("../../docker/resolve.py");

/// The version of uv that it resolves with, where the index has it.
pub const UV: &str = "0.13.9";

/// The name of the input that says what a lock has.
pub const LOCK_INPUT: &str = "lock";

/// The modification time of every file that a build sees or makes, in seconds since 1970: the
/// first moment that a zip archive can hold, 1980-01-01. It is a constant, and not the commit's
/// time, so that a commit that changes no byte of a wheel leaves the wheel as it was.
pub const DEFAULT_EPOCH: u64 = 315_532_800;

/// Makes wheels.
#[derive(Clone, Debug, PartialEq)]
pub struct WheelRun {
    /// Which wheels.
    pub work: Work,
    /// The step that makes the builder image.
    pub image: Address,
    /// How pip resolves and builds.
    pub pip: PipInputs,
    /// The environment that the configuration asks for.
    pub environment: BTreeMap<String, String>,
    /// Variables of the caller's environment that the run receives.
    pub secrets: Vec<SecretName>,
    /// `SOURCE_DATE_EPOCH`, in seconds since 1970.
    pub epoch: u64,
}

/// Which wheels a run makes, and from what.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// The project's own wheel, by its build backend.
    Project {
        /// The step that copies the source.
        source: Address,
        /// How a version taken from git is handed in.
        version: Handover,
    },
    /// The wheels of everything that the project's wheel requires.
    Dependencies {
        /// The step that makes the project's wheel.
        wheel: Address,
        /// The extras whose requirements count.
        extras: Vec<String>,
        /// The lock that says which files they are; without one pip resolves.
        lock: Option<Arc<LockFile>>,
        /// Whether pip resolves as if it never had; else it keeps the versions of the last run
        /// where they still fit.
        anew: bool,
    },
    /// All wheels, by a script of the project.
    Buildscript {
        /// The step that copies the source.
        source: Address,
        /// The script's path in the source.
        script: RelPath,
        /// The project's name as its `pyproject.toml` states it: which wheel is its own.
        project: Option<String>,
        /// How a version taken from git is handed in.
        version: Handover,
    },
}

/// A lock that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockFile {
    /// The file's name, for messages.
    pub name: String,
    /// What it says.
    pub lock: Lock,
}

/// How a version taken from git is handed in to a build that has no git.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handover {
    /// The version, or where only the build can tell it, the commit.
    pub version: String,
    /// Variables of the run.
    pub variables: BTreeMap<String, String>,
    /// Texts by their path in the source, where they take the place of what is there.
    pub files: BTreeMap<String, String>,
}

impl Handover {
    /// Adds the input, where a version is handed in.
    fn input(&self, inputs: &mut Vec<NamedSource>) {
        let Self {
            version,
            variables,
            files,
        } = self;
        if version.is_empty() && variables.is_empty() && files.is_empty() {
            return;
        }
        let mut hasher = ContentHasher::new("builder version hand-over v1");
        for entries in [variables, files] {
            hasher.count(entries.len());
            for (name, value) in entries {
                hasher.text(name).text(value);
            }
        }
        // People read the version; the key needs every byte that is handed in.
        let stated = Input::Stated {
            words: version.clone(),
            digest: hasher.finish(),
        };
        inputs.push(("version from git".to_owned(), Source::Known(stated)));
    }
}

/// pip's settings with the files that they name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PipInputs {
    /// The settings.
    pub settings: Pip,
    /// The files of the source that settings name, of whatever build, or that such a file includes.
    pub files: BTreeMap<RelPath, PipText>,
}

/// A file of the source that steers pip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipText {
    /// Its bytes, as they were read when the plan was made: what is hashed is what pip gets, whatever
    /// becomes of the copy of the source meanwhile.
    pub bytes: Vec<u8>,
    /// The files that it includes by `-r` or `-c`.
    pub includes: Vec<RelPath>,
}

impl PipInputs {
    /// Returns the bytes of the project's files among `files`, and of everything that they include.
    pub fn reached<'a>(&'a self, files: &'a [PipFile]) -> BTreeMap<&'a RelPath, &'a [u8]> {
        let mut reached = BTreeMap::new();
        let mut ahead: Vec<&RelPath> = files
            .iter()
            .filter_map(|file| match file {
                PipFile::Project(path) => Some(path),
                PipFile::Operator(_) => None,
            })
            .collect();
        while let Some(path) = ahead.pop() {
            if let Some(text) = self.files.get(path)
                && reached.insert(path, text.bytes.as_slice()).is_none()
            {
                ahead.extend(&text.includes);
            }
        }
        reached
    }

    /// Digests a list of files in order, and what they include by path.
    fn files_input(&self, files: &[PipFile]) -> Source {
        let mut hasher = ContentHasher::new("builder pip files v1");
        hasher.count(files.len());
        for file in files {
            match file {
                PipFile::Operator(file) => hasher.text("operator").text(&file.text),
                PipFile::Project(path) => hasher.text("project").text(path.as_str()),
            };
        }
        for (path, bytes) in self.reached(files) {
            hasher.text(path.as_str()).digest(&Digest::of(bytes));
        }
        Source::Known(Input::File(hasher.finish()))
    }
}

/// An input for a setting that differs from its default. A setting at its default is no input, so
/// that a setting that a later version adds changes no key of those who do not use it.
pub(super) fn setting(
    inputs: &mut Vec<NamedSource>,
    name: &str,
    is_set: bool,
    value: impl FnOnce() -> Source,
) {
    if is_set {
        inputs.push((name.to_owned(), value()));
    }
}

impl WheelRun {
    pub(super) fn inputs(&self) -> Vec<NamedSource> {
        let Self {
            work,
            image,
            pip,
            environment,
            secrets,
            epoch,
        } = self;
        let mut inputs = vec![
            ("image".to_owned(), Source::KeyOf(image.clone())),
            ("epoch".to_owned(), Source::text(epoch.to_string())),
            ("procedure".to_owned(), Source::text(work.procedure())),
            (
                "prepare script".to_owned(),
                Source::Known(Input::File(*PREPARE_DIGEST)),
            ),
        ];
        let resolves = match work {
            Work::Project { source, version } => {
                inputs.push(("source".to_owned(), tree_of(source)));
                version.input(&mut inputs);
                false
            }
            Work::Dependencies {
                wheel,
                extras,
                lock,
                // A step that is asked to resolve anew runs for that reason: there is no value to compare.
                anew: _,
            } => {
                let step = wheel.clone();
                inputs.push((
                    "requirements".to_owned(),
                    Source::Output {
                        step,
                        facet: Facet::Requirements,
                    },
                ));
                let step = wheel.clone();
                inputs.push((
                    "project name".to_owned(),
                    Source::Output {
                        step,
                        facet: Facet::Project,
                    },
                ));
                setting(&mut inputs, "extras", !extras.is_empty(), || {
                    Source::list(extras)
                });
                if let Some(lock) = lock {
                    // Its name is none: the same lock may serve one flavour or all of them.
                    let versions = Input::Versions(lock.lock.pins());
                    inputs.push((LOCK_INPUT.to_owned(), Source::Known(versions)));
                }
                true
            }
            Work::Buildscript {
                source,
                script,
                // It is read from the source, which is an input as a whole.
                project: _,
                version,
            } => {
                inputs.push(("source".to_owned(), tree_of(source)));
                inputs.push(("buildscript".to_owned(), Source::text(script.as_str())));
                version.input(&mut inputs);
                true
            }
        };
        pip.inputs(&mut inputs, resolves);
        setting(
            &mut inputs,
            "build_environment",
            !environment.is_empty(),
            || Source::Known(Input::Map(environment.clone())),
        );
        setting(&mut inputs, "secrets", !secrets.is_empty(), || {
            Source::Known(Input::List(
                secrets
                    .iter()
                    .map(|name| name.as_str().to_owned())
                    .collect(),
            ))
        });
        inputs
    }

    pub(super) fn summary(&self) -> String {
        match &self.work {
            Work::Project { .. } => "build the project's wheel".to_owned(),
            Work::Dependencies { lock: None, .. } => {
                "build the wheels of all dependencies".to_owned()
            }
            Work::Dependencies {
                lock: Some(lock), ..
            } => format!("build the wheels that {} names", lock.name),
            Work::Buildscript { script, .. } => format!("make all wheels with {script}"),
        }
    }
}

impl PipInputs {
    /// Adds the inputs of a run that also resolves requirements, or of one that only builds.
    fn inputs(&self, inputs: &mut Vec<NamedSource>, resolves: bool) {
        let Self { settings, files: _ } = self;
        let Pip {
            index_url,
            extra_index_urls,
            constraints,
            build_constraints,
            requirements,
            require_hashes,
            only_binary,
            no_binary,
        } = settings;
        setting(inputs, "pip.index_url", index_url.is_some(), || {
            Source::text(index_url.clone().unwrap_or_default())
        });
        setting(
            inputs,
            "pip.extra_index_urls",
            !extra_index_urls.is_empty(),
            || Source::list(extra_index_urls),
        );
        setting(
            inputs,
            "pip.build_constraints",
            !build_constraints.is_empty(),
            || self.files_input(build_constraints),
        );
        setting(inputs, "pip.only_binary", !only_binary.is_empty(), || {
            Source::list(only_binary)
        });
        setting(inputs, "pip.no_binary", !no_binary.is_empty(), || {
            Source::list(no_binary)
        });
        if resolves {
            setting(inputs, "pip.constraints", !constraints.is_empty(), || {
                self.files_input(constraints)
            });
            setting(inputs, "pip.requirements", !requirements.is_empty(), || {
                self.files_input(requirements)
            });
            setting(inputs, "pip.require_hashes", *require_hashes, || {
                Source::text("yes")
            });
        }
    }
}

impl Work {
    /// Names how the run is carried out; its number grows when `builder` does it another way.
    fn procedure(&self) -> &'static str {
        match self {
            Self::Project { .. } => "project wheel 1",
            Self::Dependencies { .. } => "dependency wheels 2",
            Self::Buildscript { .. } => "buildscript 1",
        }
    }
}

fn tree_of(source: &Address) -> Source {
    Source::Output {
        step: source.clone(),
        facet: Facet::Tree,
    }
}
