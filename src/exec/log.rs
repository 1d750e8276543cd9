//! The log of a step.
#![expect(clippy::disallowed_methods, reason = "each step has a log file")]

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::Write;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;

use crate::engine::LogSink;
use crate::exec::Host;
use crate::report::Event;
use crate::step::Address;
use crate::workspace::WorkspaceError;

/// How many lines of a failed step's log are shown.
const TAIL: usize = 30;

/// A step's log file, and the last lines that went into it.
pub(super) struct Log {
    inner: Arc<Mutex<(File, VecDeque<String>)>>,
    step: Address,
    lines: mpsc::UnboundedSender<Event>,
}

impl Log {
    /// Creates the file.
    pub fn open(
        host: &Host,
        step: &Address,
        lines: mpsc::UnboundedSender<Event>,
    ) -> Result<Self, WorkspaceError> {
        let path = host.workspace.log(&host.run, step);
        let failed = |cause| WorkspaceError::Io {
            verb: "create",
            path: path.clone(),
            cause,
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let file = File::create(&path).map_err(failed)?;
        Ok(Self {
            inner: Arc::new(Mutex::new((file, VecDeque::new()))),
            step: step.clone(),
            lines,
        })
    }

    /// Returns what takes the step's lines: to the file, and to those who watch.
    pub fn sink(&self) -> LogSink {
        let (inner, step, lines) = (
            Arc::clone(&self.inner),
            self.step.clone(),
            self.lines.clone(),
        );
        Arc::new(move |line: &str| {
            let mut inner = inner.lock().expect("no holder of the lock panics");
            // A disk that is full fails the step where its artifacts are written, not here.
            let _ = writeln!(inner.0, "{line}");
            inner.1.push_back(line.to_owned());
            if inner.1.len() > TAIL {
                inner.1.pop_front();
            }
            let _ = lines.send(Event::StepLine {
                step: step.clone(),
                line: line.to_owned(),
            });
        })
    }

    /// Returns the last lines.
    pub fn tail(&self) -> Vec<String> {
        self.inner
            .lock()
            .expect("no holder of the lock panics")
            .1
            .iter()
            .cloned()
            .collect()
    }
}
