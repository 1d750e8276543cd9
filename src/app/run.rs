//! The apply command: plan, show, ask, carry out.
#![expect(
    clippy::disallowed_methods,
    reason = "a run is named after the time at which it started"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::app::caching::CacheChoice;
use crate::app::gather::{Gathered, Known, gather};
use crate::app::projects::Places;
use crate::app::{AppError, Environment, Exit, Invocation, command, saved};
use crate::cache::{Caches, Limits};
use crate::engine::{Engine, Secret};
use crate::exec::{self, Host, Summary, WORKSPACE_LABEL};
use crate::graph::Graph;
use crate::history::{self, Ended, Run};
use crate::manifest::Manifest;
use crate::plan::{Plan, Saved, size};
use crate::report::{Event, Observer};
use crate::source::Unsaved;
use crate::step::Address;
use crate::workspace::Lock;

/// Who approves a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    /// It was given on the command line.
    Given,
    /// A person at the terminal is asked.
    Ask,
    /// Nobody can be asked.
    Nobody,
    /// Only a run that changes nothing is approved.
    NoChanges,
}

/// What the apply command shows and asks.
pub trait Feedback {
    /// Names the run.
    fn run(&self) -> String {
        run_name()
    }
    /// Takes the plan as a document, before the plan is shown.
    fn document(&mut self, _document: &Saved) {}
    /// Shows the plan before anything runs.
    fn plan(&mut self, plan: &Plan);
    /// Asks whether to go on.
    fn ask(&mut self) -> BoxFuture<'_, bool>;
    /// Tells what there is after a run that ended well: wheelhouses, packages, images.
    fn left(&mut self, lines: &[String]);
    /// Takes note of the events of the run.
    fn observer(&mut self) -> &mut dyn Observer;
}

/// How an apply is asked for.
#[derive(Clone, Debug)]
pub struct ApplyOptions {
    /// Only these steps or flavours, and what they need.
    pub targets: Vec<String>,
    /// Steps that run even when they are up to date.
    pub replace: Vec<String>,
    /// Who approves.
    pub approval: Approval,
    /// How many steps run side by side.
    pub jobs: usize,
    /// Which caches are used.
    pub caches: CacheChoice,
}

/// How many runs are in the history.
const RUNS_REMEMBERED: usize = 500;

/// How many runs keep their logs.
const RUNS_KEPT: usize = 20;

/// Plans and, with approval, applies.
///
/// The lock is taken before the past is read, so that what is carried out is what was shown.
pub async fn apply(
    places: &Places,
    workspace: &Path,
    environment: &Environment,
    engine: Arc<dyn Engine>,
    options: &ApplyOptions,
    cancel: CancellationToken,
    feedback: &mut dyn Feedback,
) -> Result<Exit, AppError> {
    // No folder is made for a run that no engine could carry out, or that nobody can approve.
    engine.ping().await?;
    let lock = match options.approval {
        Approval::Given | Approval::Ask => {
            Some(command::locked(places, workspace, "builder apply")?)
        }
        Approval::Nobody | Approval::NoChanges => None,
    };
    let gathered = gather(
        places,
        workspace,
        environment,
        engine.as_ref(),
        &options.caches,
        |graph| command::request(graph, &options.targets, &options.replace),
    );
    let gathered = tokio::select! {
        gathered = gathered => gathered?,
        () = cancel.cancelled() => return Ok(Exit::Interrupted),
    };
    let invocation = Invocation {
        places: places.clone(),
        targets: options.targets.clone(),
        replace: options.replace.clone(),
        caches: options.caches.clone(),
    };
    let run = feedback.run();
    let document = saved::document(&invocation, workspace, &gathered, engine.as_ref());
    feedback.document(&document);
    feedback.plan(&gathered.plan);
    let Some(lock) = lock else {
        return refused(&gathered.plan, options.approval);
    };
    // Lines that cannot be read go when the manifest is written anew, so that they are told of once.
    let to_mend = gathered.manifest.has_leavings() || gathered.manifest.damaged > 0;
    if gathered.plan.is_empty() && !to_mend {
        gathered.save_indexes();
        return Ok(Exit::Done);
    }
    let given = Given::by(environment, &gathered)?;
    // To remove what a crash kept from being removed needs no approval: it was approved then.
    if options.approval == Approval::Ask && !gathered.plan.is_empty() {
        let approved = tokio::select! {
            approved = feedback.ask() => approved,
            () = cancel.cancelled() => return Ok(Exit::Interrupted),
        };
        if !approved {
            return Ok(Exit::Failed);
        }
    }
    let work = Work {
        gathered,
        given,
        lock,
        engine,
        run,
        jobs: options.jobs,
        cancel,
    };
    work.carry_out(feedback).await
}

/// Ends an apply that nobody approves: well where there is nothing to do.
pub(super) fn refused(plan: &Plan, approval: Approval) -> Result<Exit, AppError> {
    match approval {
        _ if plan.is_empty() => Ok(Exit::Done),
        Approval::NoChanges => no_changes(plan).map(|()| Exit::Done),
        Approval::Given | Approval::Ask | Approval::Nobody => Err(AppError::NotApproved),
    }
}

/// Refuses a plan that has changes, with each of them.
pub fn no_changes(plan: &Plan) -> Result<(), AppError> {
    match plan.is_empty() {
        true => Ok(()),
        false => Err(AppError::changes(plan)),
    }
}

/// What the caller's environment gives to the runs of steps.
pub(super) struct Given {
    ca_bundles: BTreeMap<String, Arc<Vec<u8>>>,
    proxies: BTreeMap<String, String>,
    secrets: BTreeMap<String, Secret>,
}

impl Given {
    /// Finds it, or names what is missing before anything runs.
    pub fn by(environment: &Environment, gathered: &Gathered) -> Result<Self, AppError> {
        Ok(Self {
            secrets: environment.secrets(gathered.builds())?,
            ca_bundles: environment.ca_bundles(gathered.scoped_builds())?,
            proxies: environment.proxies(),
        })
    }
}

/// An approved plan with everything that carrying it out takes.
pub(super) struct Work {
    pub gathered: Gathered,
    pub given: Given,
    pub lock: Lock,
    pub engine: Arc<dyn Engine>,
    pub run: String,
    pub jobs: usize,
    pub cancel: CancellationToken,
}

impl Work {
    /// Carries the plan out.
    pub async fn carry_out(self, feedback: &mut dyn Feedback) -> Result<Exit, AppError> {
        let Self {
            gathered:
                Gathered {
                    projects,
                    config: _,
                    workspace,
                    graph,
                    manifest: _,
                    plan,
                    request,
                    caches,
                    unsaved,
                },
            given:
                Given {
                    ca_bundles,
                    proxies,
                    secrets,
                },
            lock,
            engine,
            run,
            jobs,
            cancel,
        } = self;
        let mut journal = workspace.journal(&lock)?;
        unsaved.iter().for_each(Unsaved::save);
        workspace.forget_logs(RUNS_KEPT);
        let identity = journal.manifest().workspace.clone();
        // What a crash left in the engine; the lock says that nobody else's run is meant.
        let crashed = BTreeMap::from([(WORKSPACE_LABEL.to_owned(), identity.clone())]);
        engine.sweep(&crashed).await?;
        let tended = caches.clone();
        let host = Host {
            engine,
            workspace,
            sources: sources(projects),
            identity,
            run,
            ca_bundles,
            proxies,
            secrets,
            caches,
            bounds: exec::Bounds::new(jobs),
        };
        let engine = Arc::clone(&host.engine);
        let workspace = host.workspace.clone();
        let root = workspace.root().to_owned();
        let (run, began) = (host.run.clone(), SystemTime::now());
        let apply = exec::Apply {
            host: Arc::new(host),
            graph: &graph,
            plan: &plan,
            replace: &request.replace,
            jobs,
            cancel,
        };
        let summary = exec::apply(apply, &mut journal, feedback.observer()).await;
        engine.settle().await;
        let summary = summary?;
        let remembered = remembered(run, began, (&summary, &graph), journal.manifest());
        workspace.remember(&lock, &remembered.to_line(), RUNS_REMEMBERED)?;
        if let Some(text) = tended
            .filter(|_| !summary.interrupted)
            .and_then(|caches| tend(&caches))
        {
            feedback.observer().event(&Event::Warning { text });
        }
        if summary.failed.is_empty() && !summary.interrupted {
            let made = [&summary.ran, &summary.restored, &summary.skipped];
            let projects = { made.into_iter().flatten() }.map(|step| step.project());
            feedback.left(&left(journal.manifest(), &root, &projects.collect()));
        }
        Ok(if summary.interrupted {
            Exit::Interrupted
        } else if summary.failed.is_empty() {
            Exit::Done
        } else {
            Exit::Failed
        })
    }
}

/// Returns where the source of each project is.
pub(super) fn sources(projects: Vec<Known>) -> BTreeMap<Option<String>, PathBuf> {
    let source = |known: Known| (known.scope.name().map(str::to_owned), known.source);
    projects.into_iter().map(source).collect()
}

/// Collects the local cache when that is due; returns what was taken away, in words.
fn tend(caches: &Caches) -> Option<String> {
    let (local, now) = (caches.local(), SystemTime::now());
    if !local.is_due(now) {
        return None;
    }
    match local.collect(Limits::default(), now) {
        Ok(collected) if collected.entries.is_empty() && collected.downloads == 0 => None,
        Ok(collected) => Some(format!(
            "{} entries and {} downloads of the local cache were taken away, as `builder cache gc` does: {} are left",
            collected.entries.len(),
            collected.downloads,
            size(collected.left)
        )),
        Err(error) => Some(format!("the local cache could not be collected: {error}")),
    }
}

/// What the history keeps of a run.
fn remembered(
    run: String,
    began: SystemTime,
    (summary, graph): (&Summary, &Graph),
    manifest: &Manifest,
) -> Run {
    let since = |earlier| began.duration_since(earlier).unwrap_or_default();
    let ended = |step: &Address| summary.ran.contains(step) || summary.restored.contains(step);
    let steps = graph.steps().map(|step| &step.address);
    let records = steps.filter(|step| ended(step));
    let steps = records.filter_map(|step| manifest.record(step).cloned());
    Run {
        version: history::VERSION,
        run,
        started: since(SystemTime::UNIX_EPOCH).as_secs(),
        seconds: began.elapsed().unwrap_or_default().as_secs_f64(),
        ended: if summary.interrupted {
            Ended::Interrupted
        } else if summary.failed.is_empty() {
            Ended::Done
        } else {
            Ended::Failed
        },
        steps: steps.collect(),
        skipped: summary.skipped.clone(),
        failed: summary.failed.clone(),
        removed: summary.removed.clone(),
    }
}

/// Words what the records promise that a user came for; of several projects, of those alone in which
/// something was done.
fn left(manifest: &Manifest, root: &Path, projects: &BTreeSet<Option<&str>>) -> Vec<String> {
    let mut wheels: BTreeMap<String, usize> = BTreeMap::new();
    let (mut packages, mut images) = (Vec::new(), Vec::new());
    for (step, past) in &manifest.steps {
        let Some(record) = &past.record else { continue };
        if step.project().is_some() && !projects.contains(&step.project()) {
            continue;
        }
        for path in record.outputs.files.keys() {
            let place = root.join(path).display().to_string();
            if path.as_str().ends_with(".whl") {
                let folder = place.rsplit_once('/').map_or("", |(folder, _)| folder);
                *wheels.entry(folder.to_owned()).or_default() += 1;
            } else if step.unplaced(path).as_str().starts_with("build/packages/") {
                packages.push(place);
            }
        }
        if step.as_str().ends_with(".runtime-image") {
            images.extend(
                record
                    .outputs
                    .image
                    .iter()
                    .map(|image| format!("image {}", image.name)),
            );
        }
    }
    let wheels = wheels.into_iter().map(|(folder, count)| match count {
        1 => format!("{folder}: 1 wheel"),
        count => format!("{folder}: {count} wheels"),
    });
    wheels.chain(packages).chain(images).collect()
}

/// Names a run so that names sort by time: `2026-11-23T16-05-12Z-4711`.
pub fn run_name() -> String {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    format!("{}-{}", now.replace(':', "-"), std::process::id())
}
