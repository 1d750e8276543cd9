//! Carrying out a plan: steps start when what they need is there, and only what changed runs.
//!
//! One task, [`apply`], owns the schedule, the journal and the observer. Steps run in tasks of
//! their own and return values to it. What a step leaves becomes true in this order: its journal
//! line *begun*, the run, its files moved into place, its line *done*, and only then what it
//! superseded is removed. A crash anywhere in between leaves a step that runs again, and no file
//! that a record still promises is gone.

mod check;
mod copy;
mod error;
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

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::cache::{Caches, Flights};
use crate::engine::{
    BuildImage, Call, Engine, EngineError, ImageInfo, LogSink, RunContainer, RunOutcome, Secret,
};
use crate::manifest::Outputs;
use crate::step::{Address, Input, Kind, Step};
use crate::tree::RelPath;
use crate::workspace::{SOURCE, Workspace};

pub use error::StepError;
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
    /// The containers that may run at once, and what is under way.
    pub bounds: Bounds,
}

/// What bounds the work of a run, over all of its steps.
pub struct Bounds {
    /// The containers and image builds that there may be at once.
    containers: Semaphore,
    /// The files that are fetched at once.
    fetches: Semaphore,
    /// What is being fetched or compiled, so that two steps do it once.
    flights: Flights,
}

/// How many files are fetched at once.
const FETCHES: usize = 12;

impl Bounds {
    /// Bounds the containers; at least 1.
    pub fn new(jobs: usize) -> Self {
        Self {
            containers: Semaphore::new(jobs.max(1)),
            fetches: Semaphore::new(FETCHES),
            flights: Flights::default(),
        }
    }
}

async fn room<'a>(
    bound: &'a Semaphore,
    call: &Call,
) -> Result<tokio::sync::SemaphorePermit<'a>, EngineError> {
    tokio::select! {
        biased;
        () = call.cancel.cancelled() => Err(EngineError::Interrupted),
        room = bound.acquire() => Ok(room.expect("nobody closes it")),
    }
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

    /// Runs a container once there is room for it.
    ///
    /// Room is held for as long as a container runs and for nothing else, so that a step which has
    /// several of them cannot wait for itself.
    async fn run_container(
        &self,
        request: RunContainer,
        call: &Call,
    ) -> Result<RunOutcome, EngineError> {
        let _room = room(&self.bounds.containers, call).await?;
        self.engine.run(request, call).await
    }

    /// Builds an image once there is room for it.
    async fn build_image(
        &self,
        request: BuildImage,
        call: &Call,
    ) -> Result<ImageInfo, EngineError> {
        let _room = room(&self.bounds.containers, call).await?;
        self.engine.build_image(request, call).await
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
