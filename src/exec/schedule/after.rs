//! What happens after a step has ended, and after all have.

use std::sync::Arc;

use miette::Diagnostic;

use super::{Ended, Schedule};
use crate::cache::LOCAL;
use crate::exec::settle::{self, Clock, Sweep};
use crate::exec::{StepError, dependents, restore};
use crate::manifest::{Line, Record};
use crate::plan::Action;
use crate::report::{Event, Failure, Observer};
use crate::step::Address;
use crate::workspace::{Journal, WorkspaceError};

impl Schedule<'_> {
    /// Settles what a step produced, or takes note of how it failed.
    pub(super) async fn take(
        &mut self,
        ended: Ended,
        journal: &mut Journal,
        observer: &mut dyn Observer,
    ) -> Result<(), WorkspaceError> {
        let Ended {
            step,
            inputs,
            timing,
            result,
            tail,
        } = ended;
        let seconds = timing.seconds;
        let shared = self.running.remove(&step);
        let host = Arc::clone(&self.apply.host);
        let spec = self
            .apply
            .graph
            .step(&step)
            .expect("only steps of the graph run");
        let before = journal.manifest().outputs(&step).cloned();
        let settled = match result {
            Ok((produced, from)) => {
                let texts = produced.objects.clone();
                settle::settle(&host, journal, spec, inputs, produced, timing, from.clone())
                    .map(|(record, same)| (record, same, from, texts))
            }
            Err(error) => Err(error),
        };
        match settled {
            Ok((record, same, from, texts)) => {
                self.left(&step, &record);
                let versions = settle::versions_changed(before.as_ref(), &record);
                match from {
                    Some(from) => {
                        if from == LOCAL {
                            let share = restore::share(Arc::clone(&host), record.key);
                            self.keeping.spawn(share);
                        }
                        observer.event(&Event::StepRestored {
                            step: step.clone(),
                            from,
                            seconds,
                        });
                        self.summary.restored.push(step.clone());
                    }
                    None => {
                        observer.event(&Event::StepDone {
                            step: step.clone(),
                            seconds,
                            same,
                        });
                        let keep = restore::keep(Arc::clone(&host), spec.clone(), record, texts);
                        self.keeping.spawn(keep);
                        self.summary.ran.push(step.clone());
                    }
                }
                if let Some(changes) = versions {
                    let step = step.clone();
                    observer.event(&Event::VersionsChanged { step, changes });
                }
                settle::clear(&host, journal, observer, &step, Sweep::Files).await?;
            }
            Err(error) if error.is_interrupted() => {
                observer.event(&Event::StepInterrupted { step: step.clone() });
                self.summary.not_run.push(step);
            }
            Err(error) => {
                journal.add(Line::Failed {
                    step: step.clone(),
                    at: Clock::start().started(),
                })?;
                let failure = Failure {
                    message: error.to_string(),
                    help: error.help().map(|help| help.to_string()),
                    tail,
                    log: host.workspace.log(&host.run, &step),
                };
                observer.event(&Event::StepFailed {
                    step: step.clone(),
                    seconds,
                    error: failure,
                });
                for blocked in dependents(self.apply.graph, &step) {
                    if self.waiting.remove(&blocked).is_some() {
                        observer.event(&Event::StepBlocked {
                            step: blocked.clone(),
                            by: step.clone(),
                        });
                        self.summary.not_run.push(blocked);
                    }
                }
                self.summary.failed.push(step);
            }
        }
        // Those that waited share what it left; where it left nothing, one of them does the work.
        let followers = shared.and_then(|key| self.making.remove(&key));
        self.ready.extend(followers.into_iter().flatten());
        Ok(())
    }

    /// Notes what a step left, and readies the steps that waited for it alone.
    pub(super) fn left(&mut self, step: &Address, record: &Record) {
        self.made.insert(record.key, step.clone());
        self.outcomes.has_key(step, record.key);
        self.outcomes.leaves(step, &record.outputs.facets);
        for reader in self.apply.graph.needed_by(step) {
            if let Some(count) = self.waiting.get_mut(reader) {
                *count -= 1;
                if *count == 0 {
                    self.ready.insert(reader.clone());
                }
            }
        }
    }

    /// Waits until what was made is in the caches; an interrupted run does not wait.
    pub(super) async fn finish_keeping(&mut self, observer: &mut dyn Observer) {
        while !self.keeping.is_empty() {
            tokio::select! {
                _ = self.keeping.join_next() => {}
                () = self.apply.cancel.cancelled() => self.keeping.shutdown().await,
            }
        }
        let caches = self.apply.host.caches.as_ref();
        for text in caches
            .map(|caches| caches.take_warnings())
            .unwrap_or_default()
        {
            observer.event(&Event::Warning { text });
        }
    }

    /// Removes what unconfigured steps left, once everything that takes its place is there.
    pub(super) async fn remove_leavings(
        &mut self,
        journal: &mut Journal,
        observer: &mut dyn Observer,
    ) -> Result<(), WorkspaceError> {
        if !self.summary.failed.is_empty() || self.apply.cancel.is_cancelled() {
            return Ok(());
        }
        let removals = self
            .apply
            .plan
            .changes
            .iter()
            .filter(|change| change.action == Action::Remove);
        for change in removals {
            match settle::remove(&self.apply.host, journal, &change.address).await {
                Ok(()) => {
                    observer.event(&Event::Removed {
                        step: change.address.clone(),
                    });
                    self.summary.removed.push(change.address.clone());
                }
                Err(StepError::Workspace(error)) => return Err(error),
                Err(error) => {
                    let text = format!(
                        "{}: what it left could not all be removed: {error}",
                        change.address
                    );
                    observer.event(&Event::Warning { text });
                    self.summary.failed.push(change.address.clone());
                }
            }
        }
        Ok(())
    }
}
