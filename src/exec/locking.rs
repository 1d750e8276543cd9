//! Resolving the dependencies of flavours for their locks, one after the other.

use std::sync::Arc;

use miette::Diagnostic;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::engine::Call;
use crate::exec::Host;
use crate::exec::log::Log;
use crate::exec::settle::Clock;
use crate::exec::wheel::{Resolution, resolve};
use crate::lock::Package;
use crate::report::{Event, Failure, Observer};
use crate::workspace::WorkspaceError;

/// Resolves for each; `None` when one failed or was interrupted, which the observer was told.
pub async fn resolve_all(
    host: &Arc<Host>,
    resolutions: &[Resolution<'_>],
    cancel: &CancellationToken,
    observer: &mut dyn Observer,
) -> Result<Option<Vec<Vec<Package>>>, WorkspaceError> {
    let mut all = Vec::with_capacity(resolutions.len());
    for resolution in resolutions {
        let step = resolution.step.clone();
        let clock = Clock::start();
        observer.event(&Event::StepStarted {
            step: step.clone(),
            summary: "resolve what the project requires".to_owned(),
        });
        let (lines, mut said) = mpsc::unbounded_channel();
        let log = Log::open(host, &step, lines)?;
        let call = Call {
            log: log.sink(),
            cancel: cancel.clone(),
        };
        let result = {
            let work = resolve(host, resolution, &call);
            tokio::pin!(work);
            loop {
                tokio::select! {
                    biased;
                    Some(event) = said.recv() => observer.event(&event),
                    result = &mut work => break result,
                }
            }
        };
        while let Ok(event) = said.try_recv() {
            observer.event(&event);
        }
        let seconds = clock.timing().seconds;
        match result {
            Ok(packages) => {
                all.push(packages);
                observer.event(&Event::StepDone {
                    step,
                    seconds,
                    same: false,
                });
            }
            Err(error) if error.is_interrupted() => {
                observer.event(&Event::StepInterrupted { step });
                return Ok(None);
            }
            Err(error) => {
                let error = Failure {
                    message: error.to_string(),
                    help: error.help().map(|help| help.to_string()),
                    tail: log.tail(),
                    log: host.workspace.log(&host.run, &step),
                };
                observer.event(&Event::StepFailed {
                    step,
                    seconds,
                    error,
                });
                return Ok(None);
            }
        }
    }
    Ok(Some(all))
}
