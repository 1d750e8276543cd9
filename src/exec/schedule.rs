//! The schedule: which step starts when, and what becomes of the others.

mod after;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::exec::log::Log;
use crate::exec::settle::{self, Clock, Timing};
use crate::exec::{Host, Job, Produced, StepError, dependents, restore, run, shared};
use crate::graph::Graph;
use crate::manifest::{Line, Record};
use crate::plan::{Action, Plan};
use crate::report::{Event, Observer};
use crate::step::{Address, Fingerprint, Input, Key, Kind, Outcomes, Step};
use crate::tree::Tree;
use crate::workspace::{Journal, WorkspaceError};

/// What a run is given.
pub struct Apply<'a> {
    /// What each step may use.
    pub host: Arc<Host>,
    /// All steps.
    pub graph: &'a Graph,
    /// What is to be done.
    pub plan: &'a Plan,
    /// Steps that run even where a cache has what they leave.
    pub replace: &'a BTreeSet<Address>,
    /// How many steps run side by side; at least 1.
    pub jobs: usize,
    /// Cancelled when the user interrupts the run.
    pub cancel: CancellationToken,
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The steps that ran and ended well.
    pub ran: Vec<Address>,
    /// The steps whose leavings came from a cache.
    pub restored: Vec<Address>,
    /// The steps that could have run and had no need to.
    pub skipped: Vec<Address>,
    /// The steps that failed.
    pub failed: Vec<Address>,
    /// The steps that did not run because another failed or the run was interrupted.
    pub not_run: Vec<Address>,
    /// The steps whose leavings were removed, for they are in no configuration any more.
    pub removed: Vec<Address>,
    /// Whether it was interrupted.
    pub interrupted: bool,
}

/// What a task of a step returns.
struct Ended {
    step: Address,
    inputs: BTreeMap<String, Input>,
    timing: Timing,
    /// What it left, and the cache that it came from.
    result: Result<(Produced, Option<String>), StepError>,
    tail: Vec<String>,
}

/// Brings what a step leaves from a cache, else runs it.
async fn restore_or_run(
    host: Arc<Host>,
    job: Job,
    key: Option<Key>,
    leader: Option<Record>,
) -> Result<(Produced, Option<String>), StepError> {
    if let Some(leader) = leader {
        match shared::bring(&host, &job, &leader).await {
            Ok(produced) => return Ok((produced, Some(leader.step.to_string()))),
            // What another step left may be gone by now; then this one does its own work.
            Err(error) => (job.log)(&format!("could not be shared: {error}")),
        }
    }
    if let Some(key) = key
        && let Some((produced, from)) = restore::restore(&host, &job, key).await?
    {
        return Ok((produced, Some(from)));
    }
    Ok((run(&host, job).await?, None))
}

/// Carries out a plan. An error is of the workspace itself; a step's error is in the summary.
pub async fn apply(
    apply: Apply<'_>,
    journal: &mut Journal,
    observer: &mut dyn Observer,
) -> Result<Summary, WorkspaceError> {
    let clock = Clock::start();
    let (lines, mut said) = mpsc::unbounded_channel();
    let mut schedule = Schedule::new(&apply, lines);
    settle::clear_all(&apply.host, journal, observer).await?;
    observer.event(&Event::Started {
        run: apply.host.run.clone(),
        steps: schedule.waiting.len(),
    });
    loop {
        if !apply.cancel.is_cancelled() {
            schedule.start_ready(journal, observer)?;
        }
        if schedule.tasks.is_empty() {
            break;
        }
        tokio::select! {
            Some(event) = said.recv() => observer.event(&event),
            Some(ended) = schedule.tasks.join_next() => {
                while let Ok(event) = said.try_recv() {
                    observer.event(&event);
                }
                let ended = ended.expect("a step's task catches its own panics");
                schedule.take(ended, journal, observer).await?;
            }
        }
    }
    settle::clear_all(&apply.host, journal, observer).await?;
    schedule.summary.interrupted = apply.cancel.is_cancelled();
    schedule.finish_keeping(observer).await;
    schedule
        .summary
        .not_run
        .extend(schedule.waiting.keys().cloned());
    schedule.remove_leavings(journal, observer).await?;
    let Summary {
        ran,
        restored,
        skipped,
        failed,
        not_run,
        removed,
        interrupted: _,
    } = &schedule.summary;
    observer.event(&Event::Finished {
        ran: ran.len(),
        restored: restored.len(),
        skipped: skipped.len(),
        failed: failed.len(),
        not_run: not_run.len(),
        removed: removed.len(),
        seconds: clock.timing().seconds,
    });
    Ok(schedule.summary)
}

struct Schedule<'a> {
    apply: &'a Apply<'a>,
    /// Steps that are to be looked at, with how many of them each still waits for.
    waiting: BTreeMap<Address, usize>,
    ready: BTreeSet<Address>,
    outcomes: Outcomes,
    tasks: JoinSet<Ended>,
    /// What is being taken into caches, beside the steps.
    keeping: JoinSet<()>,
    lines: mpsc::UnboundedSender<Event>,
    sources: BTreeMap<Option<&'a str>, Arc<Tree>>,
    summary: Summary,
    /// The step that has left what a key stands for, in this run or before.
    made: BTreeMap<Key, Address>,
    /// The steps that wait for a running step of the same key, to share what it leaves.
    making: BTreeMap<Key, Vec<Address>>,
    /// The keys of running steps that others may wait for.
    running: BTreeMap<Address, Key>,
}

impl<'a> Schedule<'a> {
    fn new(apply: &'a Apply<'a>, lines: mpsc::UnboundedSender<Event>) -> Self {
        let planned: BTreeMap<&Address, Action> = apply
            .plan
            .changes
            .iter()
            .map(|change| (&change.address, change.action))
            .collect();
        // What a cache promised may turn out to be damaged: then the step runs, and what reads it is
        // not up to date any more.
        let restored = planned
            .iter()
            .filter(|(_, action)| **action == Action::Restore);
        let doubtful: BTreeSet<Address> = restored
            .flat_map(|(step, _)| dependents(apply.graph, step))
            .collect();
        let to_do = |step: &Address| match planned.get(step) {
            Some(Action::Create | Action::Run | Action::MayRun | Action::Restore) => true,
            Some(Action::Reuse) => doubtful.contains(step),
            Some(Action::Remove) | None => false,
        };
        let mut waiting = BTreeMap::new();
        let mut ready = BTreeSet::new();
        for step in apply.graph.steps().filter(|step| to_do(&step.address)) {
            let needs = apply
                .graph
                .needs(&step.address)
                .into_iter()
                .filter(|need| to_do(need))
                .count();
            waiting.insert(step.address.clone(), needs);
            if needs == 0 {
                ready.insert(step.address.clone());
            }
        }
        // What is up to date was looked at when the plan was made.
        let reused = { apply.plan.changes.iter() }
            .filter(|change| change.action == Action::Reuse && !to_do(&change.address));
        let made = reused
            .filter_map(|change| Some((change.key?, change.address.clone())))
            .collect();
        let sources = apply.graph.steps().filter_map(|step| match &step.kind {
            Kind::Copy(copy) => Some((step.address.project(), Arc::clone(&copy.tree))),
            _ => None,
        });
        Self {
            apply,
            waiting,
            ready,
            outcomes: Outcomes::default(),
            tasks: JoinSet::new(),
            keeping: JoinSet::new(),
            lines,
            sources: sources.collect(),
            made,
            making: BTreeMap::new(),
            running: BTreeMap::new(),
            summary: Summary::default(),
        }
    }

    /// Starts ready steps while there is room, and passes over those that have no need to run.
    fn start_ready(
        &mut self,
        journal: &mut Journal,
        observer: &mut dyn Observer,
    ) -> Result<(), WorkspaceError> {
        while self.tasks.len() < self.apply.jobs.max(1) {
            let Some(address) = self.ready.pop_first() else {
                break;
            };
            self.waiting.remove(&address);
            let step = self
                .apply
                .graph
                .step(&address)
                .expect("only steps of the graph are ready")
                .clone();
            let fingerprint = self.fingerprint(&step, journal);
            let planned = self.apply.plan.change(&address).map(|change| change.action);
            if matches!(planned, Some(Action::MayRun | Action::Reuse))
                && let Some(record) = journal.manifest().record(&address)
                && fingerprint.key(&step) == Some(record.key)
            {
                let record = record.clone();
                if planned == Some(Action::MayRun) {
                    observer.event(&Event::StepSkipped {
                        step: address.clone(),
                    });
                    self.summary.skipped.push(address.clone());
                }
                self.left(&address, &record);
                continue;
            }
            let key = fingerprint
                .key(&step)
                .filter(|_| step.may_share() && !self.apply.replace.contains(&address));
            if let Some(key) = key {
                if let Some(followers) = self.making.get_mut(&key) {
                    followers.push(address.clone());
                    self.waiting.insert(address, 0);
                    continue;
                }
                self.making.insert(key, Vec::new());
                self.running.insert(address, key);
            }
            self.start(step, fingerprint, journal, observer)?;
        }
        Ok(())
    }

    /// Finds a step's inputs from what its earlier steps left, in this run or before.
    fn fingerprint(&mut self, step: &Step, journal: &Journal) -> Fingerprint {
        for need in self.apply.graph.needs(&step.address) {
            if self.outcomes.key(need).is_none()
                && let Some(record) = journal.manifest().record(need)
            {
                self.outcomes.has_key(need, record.key);
                self.outcomes.leaves(need, &record.outputs.facets);
            }
        }
        Fingerprint::of(step, &self.outcomes)
    }

    fn start(
        &mut self,
        step: Step,
        fingerprint: Fingerprint,
        journal: &mut Journal,
        observer: &mut dyn Observer,
    ) -> Result<(), WorkspaceError> {
        let address = step.address.clone();
        let clock = Clock::start();
        journal.add(Line::Begun {
            step: address.clone(),
            at: clock.started(),
        })?;
        let summary = match self.apply.plan.change(&address).map(|change| change.action) {
            Some(Action::Restore) => format!("restore: {}", step.summary()),
            _ => step.summary(),
        };
        observer.event(&Event::StepStarted {
            step: address.clone(),
            summary,
        });
        let outputs = |step: &Address| journal.manifest().outputs(step).cloned();
        let needs = self.apply.graph.needs(&address).into_iter();
        let needs = needs.filter_map(|need| Some((need.clone(), outputs(need)?)));
        let (needs, before) = (needs.collect(), outputs(&address));
        let host = Arc::clone(&self.apply.host);
        let log = Log::open(&host, &address, self.lines.clone())?;
        let key = fingerprint.key(&step);
        let key = key.filter(|_| {
            !matches!(step.kind, Kind::Copy(_)) && !self.apply.replace.contains(&address)
        });
        let leader = key.and_then(|key| {
            let leader = { self.made.get(&key) }.filter(|_| step.may_share())?;
            let record = journal.manifest().record(leader)?;
            (record.key == key && *leader != address).then(|| record.clone())
        });
        let inputs = fingerprint.inputs;
        let job = Job {
            step,
            inputs: inputs.clone(),
            needs,
            before,
            source: { self.sources.get(&address.project()).cloned() }.unwrap_or_default(),
            log: log.sink(),
            cancel: self.apply.cancel.clone(),
        };
        self.tasks.spawn(async move {
            // A panic in a step is that step's failure: the others go on, and the journal is kept.
            let result = tokio::spawn(restore_or_run(host, job, key, leader))
                .await
                .unwrap_or_else(|panic| Err(StepError::Bug(panic.to_string())));
            Ended {
                step: address,
                inputs,
                timing: clock.timing(),
                result,
                tail: log.tail(),
            }
        });
        Ok(())
    }
}
