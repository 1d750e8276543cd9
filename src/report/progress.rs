//! A run on a terminal: a line for each running step with what it says now.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::report::{Event, Observer, PlainLines};
use crate::step::Address;

/// Shows live progress on standard error.
pub struct Progress {
    bars: MultiProgress,
    running: BTreeMap<Address, ProgressBar>,
    verbose: bool,
}

impl Progress {
    /// Starts with nothing running.
    pub fn new(verbose: bool) -> Self {
        Self {
            bars: MultiProgress::new(),
            running: BTreeMap::new(),
            verbose,
        }
    }

    /// Prints an event as its plain lines above the bars.
    fn print(&self, event: &Event) {
        let mut plain = Vec::new();
        PlainLines::new(&mut plain, self.verbose).event(event);
        let text = String::from_utf8_lossy(&plain);
        self.bars.suspend(|| anstream::eprint!("{text}"));
    }
}

impl Observer for Progress {
    fn event(&mut self, event: &Event) {
        match event {
            Event::StepStarted { step, summary } => {
                let bar = self.bars.add(ProgressBar::new_spinner());
                let style = ProgressStyle::with_template(
                    "  {spinner} {prefix:.bold} {elapsed:.dim}  {wide_msg:.dim}",
                )
                .expect("the template is a constant");
                bar.set_style(style);
                bar.set_prefix(step.to_string());
                bar.set_message(summary.clone());
                bar.enable_steady_tick(Duration::from_millis(120));
                self.running.insert(step.clone(), bar);
            }
            Event::StepLine { step, line } => {
                if self.verbose {
                    self.print(event);
                }
                if let Some(bar) = self.running.get(step) {
                    bar.set_message(line.clone());
                }
            }
            Event::StepDone { step, .. }
            | Event::StepRestored { step, .. }
            | Event::StepFailed { step, .. }
            | Event::StepInterrupted { step } => {
                if let Some(bar) = self.running.remove(step) {
                    bar.finish_and_clear();
                }
                self.print(event);
            }
            Event::Started { .. }
            | Event::VersionsChanged { .. }
            | Event::StepSkipped { .. }
            | Event::StepBlocked { .. }
            | Event::Removed { .. }
            | Event::Warning { .. }
            | Event::Finished { .. } => self.print(event),
        }
    }
}
