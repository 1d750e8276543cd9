//! The apply command: plan, show, ask, carry out.
#![expect(
    clippy::disallowed_methods,
    reason = "a run is named after the time at which it started"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::app::gather::{Gathered, Places, gather};
use crate::app::{AppError, Environment, Exit, command};
use crate::engine::Engine;
use crate::exec::{self, Host, WORKSPACE_LABEL};
use crate::plan::Plan;
use crate::report::Observer;

/// Who approves a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    /// It was given on the command line.
    Given,
    /// A person at the terminal is asked.
    Ask,
    /// Nobody can be asked.
    Nobody,
}

/// What the apply command shows and asks.
pub trait Feedback {
    /// Shows the plan before anything runs.
    fn plan(&mut self, plan: &Plan);
    /// Asks whether to go on.
    fn ask(&mut self) -> BoxFuture<'_, bool>;
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
}

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
    let lock = command::locked(places, workspace, "builder apply")?;
    let gathered = gather(places, workspace, environment, engine.as_ref(), |graph| {
        command::request(graph, &options.targets, &options.replace)
    });
    let gathered = tokio::select! {
        gathered = gathered => gathered?,
        () = cancel.cancelled() => return Ok(Exit::Interrupted),
    };
    let Gathered {
        builds,
        workspace,
        source,
        graph,
        manifest: _,
        plan,
    } = gathered;
    feedback.plan(&plan);
    if plan.is_empty() {
        return Ok(Exit::Done);
    }
    let secrets = environment.secrets(&builds)?;
    let ca_bundles = environment.ca_bundles(&builds)?;
    match options.approval {
        Approval::Given => {}
        Approval::Ask => {
            let approved = tokio::select! {
                approved = feedback.ask() => approved,
                () = cancel.cancelled() => return Ok(Exit::Interrupted),
            };
            if !approved {
                return Ok(Exit::Failed);
            }
        }
        Approval::Nobody => return Err(AppError::NotApproved),
    }

    let mut journal = workspace.journal(&lock)?;
    workspace.forget_logs(RUNS_KEPT);
    let identity = journal.manifest().workspace.clone();
    // What a crash left in the engine; the lock says that nobody else's run is meant.
    let crashed =
        std::collections::BTreeMap::from([(WORKSPACE_LABEL.to_owned(), identity.clone())]);
    engine.sweep(&crashed).await?;
    let host = Host {
        engine,
        workspace,
        source,
        identity,
        run: run_name(),
        ca_bundles,
        proxies: environment.proxies(),
        secrets,
    };
    let engine = Arc::clone(&host.engine);
    let apply = exec::Apply {
        host: Arc::new(host),
        graph: &graph,
        plan: &plan,
        jobs: options.jobs,
        cancel,
    };
    let summary = exec::apply(apply, &mut journal, feedback.observer()).await;
    engine.settle().await;
    let summary = summary?;
    Ok(if summary.interrupted {
        Exit::Interrupted
    } else if summary.failed.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

/// Names a run so that names sort by time: `2026-11-23T16-05-12Z-4711`.
fn run_name() -> String {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    format!("{}-{}", now.replace(':', "-"), std::process::id())
}
