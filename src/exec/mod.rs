//! Carrying out a plan: steps start when what they need is there, and only what changed runs.
//!
//! One task, [`apply`], owns the schedule, the journal and the observer. Steps run in tasks of
//! their own and return values to it. What a step leaves becomes true in this order: its journal
//! line *begun*, the run, its files moved into place, its line *done*, and only then what it
//! superseded is removed. A crash anywhere in between leaves a step that runs again, and no file
//! that a record still promises is gone.

mod check;
mod copy;
mod image;
mod knowledge;
mod locking;
mod log;
mod package;
mod probe;
mod produced;
mod restore;
mod runtime;
mod schedule;
mod settle;
mod shared;
mod venv;
mod wheel;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use miette::Diagnostic;
use tokio_util::sync::CancellationToken;

use crate::archive::ArchiveError;
use crate::cache::{CacheError, Caches};
use crate::engine::{Call, Engine, EngineError, LogSink, RunOutcome, Secret};
use crate::manifest::Outputs;
use crate::source::SourceError;
use crate::step::{Address, Input, Kind, Step};
use crate::tree::RelPath;
use crate::workspace::{SOURCE, Workspace, WorkspaceError};

pub use locking::resolve_all;
pub use probe::known_facts;
pub(crate) use produced::Produced;
pub use schedule::{Apply, Summary, apply};
pub use wheel::Resolution;

/// What every step of a run may use.
pub struct Host {
    /// The engine.
    pub engine: Arc<dyn Engine>,
    /// The workspace.
    pub workspace: Workspace,
    /// The folder of each project's source, by the project's name; of the only project, by none.
    pub sources: BTreeMap<Option<String>, PathBuf>,
    /// The workspace's identity, which labels what is made in the engine.
    pub identity: String,
    /// The run's name, which labels containers and names the folder of its logs.
    pub run: String,
    /// The certificate authorities that the runs of each flavour of each project trust, in PEM form.
    pub ca_bundles: BTreeMap<String, Arc<Vec<u8>>>,
    /// Proxy variables of the caller.
    pub proxies: BTreeMap<String, String>,
    /// The values of the secrets that the configuration names.
    pub secrets: BTreeMap<String, Secret>,
    /// What earlier runs left, here and elsewhere; `None` to do without.
    pub caches: Option<Arc<Caches>>,
}

/// The label that names the workspace a container or image belongs to.
pub const WORKSPACE_LABEL: &str = "builder.workspace";

impl Host {
    /// Returns the labels of what a step makes in the engine.
    fn labels(&self, step: &Address) -> BTreeMap<String, String> {
        BTreeMap::from([
            (WORKSPACE_LABEL.to_owned(), self.identity.clone()),
            ("builder.step".to_owned(), step.to_string()),
        ])
    }

    /// Returns the labels of a step's container: those of the step, and of this run.
    fn container_labels(&self, step: &Address) -> BTreeMap<String, String> {
        let mut labels = self.labels(step);
        labels.insert("builder.run".to_owned(), self.run.clone());
        labels
    }

    /// Names an image of this workspace. The workspace is part of the tag, so that two workspaces on
    /// one engine never move each other's.
    fn image_name(&self, repository: &str, tag: &str) -> String {
        format!("{repository}:{tag}{}", self.suffix())
    }

    /// Tells whether an image's name is one of this workspace.
    fn named(&self, name: &str) -> bool {
        name.ends_with(&self.suffix())
    }

    fn suffix(&self) -> String {
        format!("-{}", &self.identity[..self.identity.len().min(8)])
    }

    /// Returns the certificate authorities for a step's runs; empty where there are none.
    fn ca_bundle(&self, step: &Address) -> Vec<u8> {
        step.scope()
            .and_then(|flavour| self.ca_bundles.get(flavour))
            .map(|bundle| bundle.to_vec())
            .unwrap_or_default()
    }

    /// Returns where a path of a step's project is in the workspace, on this machine.
    fn place(&self, step: &Address, path: &RelPath) -> PathBuf {
        self.workspace.path(&step.place(path))
    }

    /// Returns the copy of the source that a step's project has in the workspace.
    fn copied_source(&self, step: &Address) -> PathBuf {
        let path = RelPath::new(SOURCE).expect("the constant is a plain name");
        self.place(step, &path)
    }
}

/// A step about to run, with everything that its earlier steps left.
pub(crate) struct Job {
    pub step: Step,
    /// The values of its inputs.
    pub inputs: BTreeMap<String, Input>,
    /// The outputs of the steps that it needs.
    pub needs: BTreeMap<Address, Outputs>,
    /// What the step left the last time.
    pub before: Option<Outputs>,
    /// The tree of the copied source.
    pub source: Arc<crate::tree::Tree>,
    pub log: LogSink,
    pub cancel: CancellationToken,
}

impl Job {
    fn call(&self) -> Call {
        Call {
            log: Arc::clone(&self.log),
            cancel: self.cancel.clone(),
        }
    }
}

/// Why a step failed.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum StepError {
    /// The engine could not do it.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Engine(#[from] EngineError),
    /// The source could not be copied.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Source(#[from] SourceError),
    /// The workspace could not be written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Workspace(#[from] WorkspaceError),
    /// What was to come from a cache, or to go into it.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Cache(#[from] CacheError),
    /// What came out of a container was refused.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Archive(#[from] ArchiveError),
    /// A command ended with another status than 0.
    #[error("`{command}` ended with status {status}{}", if *out_of_memory { ": the machine ran out of memory" } else { "" })]
    #[diagnostic(code(builder::step::command))]
    Command {
        /// The command as a shell would take it.
        command: String,
        /// Its status.
        status: i64,
        /// Whether the kernel ended it for want of memory.
        out_of_memory: bool,
    },
    /// The base image breaks its contract.
    #[error("the base image {image} breaks {}: {}", if promises.len() == 1 { "a promise" } else { "promises" }, promises.join("; "))]
    #[diagnostic(
        code(builder::step::base),
        help(
            "a base image promises that `python` runs Python, that `pip` installs onto PATH, and that `$PKG_INSTALL a b` installs distribution packages; docker/README.md has examples"
        )
    )]
    Promises {
        /// The image's name.
        image: String,
        /// What is broken.
        promises: Vec<String>,
    },
    /// The base image is not what it was when the plan was made.
    #[error("the base image {image} was {planned} when the plan was made and is {found} now")]
    #[diagnostic(code(builder::step::moved), help("plan again"))]
    Moved {
        /// The image's name.
        image: String,
        /// The id in the plan.
        planned: String,
        /// The id found now.
        found: String,
    },
    /// What was installed is not fit for a package or an image.
    #[error("the virtual environment is not fit for use: {}", problems.join("; "))]
    #[diagnostic(
        code(builder::step::venv),
        help(
            "a build path in a file comes from the project's or a dependency's build; an interpreter that no package owns from the base image"
        )
    )]
    Unfit {
        /// What is wrong, one sentence each.
        problems: Vec<String>,
    },
    /// The check found something.
    #[error("the check failed: {}", problems.join("; "))]
    #[diagnostic(
        code(builder::step::check),
        help(
            "what was made is in its place and unchecked; the log has each command with what it said"
        )
    )]
    Check {
        /// What failed, one sentence each.
        problems: Vec<String>,
    },
    /// The package could not be written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Package(#[from] crate::package::PackageError),
    /// The runtime image's settings do not fit the project.
    #[error("{what}")]
    #[diagnostic(code(builder::step::image))]
    Image {
        /// What is wrong.
        what: String,
        /// What to do.
        #[help]
        help: String,
    },
    /// The lock does not fit.
    #[error("{what}")]
    #[diagnostic(code(builder::step::lock))]
    Lock {
        /// What does not fit.
        what: String,
        /// What to do.
        #[help]
        help: String,
    },
    /// What the run left in its wheelhouse is not what it should be.
    #[error("{what}")]
    #[diagnostic(code(builder::step::wheelhouse))]
    Wheelhouse {
        /// What is wrong with it.
        what: String,
        /// What to do.
        #[help]
        help: String,
    },
    /// A panic: a bug of `builder`.
    #[error("builder met a bug of its own: {0}")]
    #[diagnostic(code(builder::bug))]
    Bug(String),
}

impl StepError {
    /// Tells whether the step was stopped, and did not fail by itself.
    pub fn is_interrupted(&self) -> bool {
        matches!(self, Self::Engine(EngineError::Interrupted))
    }
}

/// Runs one step to what it produces, in the places of its project.
async fn run(host: &Arc<Host>, job: Job) -> Result<Produced, StepError> {
    let produced = run_kind(host, &job).await?;
    Ok(produced.placed(&job.step.address))
}

async fn run_kind(host: &Arc<Host>, job: &Job) -> Result<Produced, StepError> {
    match &job.step.kind {
        Kind::Copy(copy) => copy::run(host, job, copy).await,
        Kind::Probe(probe) => probe::run(host, job, probe).await,
        Kind::Render(render) => copy::render(host, job, render),
        Kind::Image(image) => image::run(host, job, image).await,
        Kind::Wheel(wheel) => wheel::run(host, job, wheel).await,
        Kind::Venv(venv) => venv::run(host, job, venv).await,
        Kind::Package(package) => package::run(host, job, package).await,
        Kind::RuntimeDockerfile(dockerfile) => runtime::dockerfile(host, job, dockerfile),
        Kind::RuntimeImage(image) => runtime::image(host, job, image).await,
        Kind::Check(check) => check::run(host, job, check).await,
    }
}

/// Runs blocking work of a step on a thread of its own.
async fn blocking<T, E>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, StepError>
where
    T: Send + 'static,
    E: Into<StepError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(Into::into),
        Err(error) => Err(StepError::Bug(error.to_string())),
    }
}

/// The problems that a program in a container named, gathered while it runs.
type Broken = Arc<Mutex<Vec<String>>>;

/// The status with which a program in a container says that something is broken.
const BROKEN: i64 = 9;

/// Returns a call whose lines `broken: …` are gathered beside being logged.
fn broken_lines(job: &Job) -> (Call, Broken) {
    let gathered: Broken = Arc::default();
    let (broken, log) = (Arc::clone(&gathered), Arc::clone(&job.log));
    let sink = move |line: &str| {
        if let Some(problem) = line
            .strip_prefix("broken: ")
            .or_else(|| line.strip_prefix("FAIL "))
        {
            broken
                .lock()
                .expect("no holder of the lock panics")
                .push(problem.to_owned());
        }
        log(line);
    };
    (
        Call {
            log: Arc::new(sink),
            cancel: job.cancel.clone(),
        },
        gathered,
    )
}

/// Judges how a program ended that names what is broken and then ends with a status of its own.
fn contract(
    outcome: RunOutcome,
    broken: &Broken,
    command: &str,
    named: impl FnOnce(Vec<String>) -> StepError,
) -> Result<(), StepError> {
    let problems = std::mem::take(&mut *broken.lock().expect("no holder of the lock panics"));
    match outcome.status {
        0 => Ok(()),
        BROKEN if !problems.is_empty() => Err(named(problems)),
        status => Err(StepError::Command {
            command: command.to_owned(),
            status,
            out_of_memory: outcome.out_of_memory,
        }),
    }
}

/// Where the CA bundle is in containers and in images that are built.
const CA_PATH: &str = "/build/ca-bundle.crt";

/// The variables by which tools in a container are told of the CA bundle.
fn ca_variables() -> impl Iterator<Item = (String, String)> {
    let names = crate::template::CA_VARIABLES.into_iter();
    names.map(|name| (name.to_owned(), CA_PATH.to_owned()))
}

/// Returns all steps that need one of `failed`, directly or not.
pub(crate) fn dependents(graph: &crate::graph::Graph, failed: &Address) -> BTreeSet<Address> {
    let mut found = BTreeSet::new();
    let mut ahead = vec![failed.clone()];
    while let Some(step) = ahead.pop() {
        for reader in graph.needed_by(&step) {
            if found.insert(reader.clone()) {
                ahead.push(reader.clone());
            }
        }
    }
    found
}
