//! A run as plain lines, each with its step in front: for pipes and logs.

use std::io::Write;

use anstyle::{AnsiColor, Style};

use crate::report::{Event, Failure, Observer, duration, finished};

/// Writes plain lines.
pub struct PlainLines<W> {
    out: W,
    verbose: bool,
}

impl<W: Write + Send> PlainLines<W> {
    /// Writes to `out`; the steps' own lines only when `verbose`.
    pub fn new(out: W, verbose: bool) -> Self {
        Self { out, verbose }
    }

    fn line(&mut self, text: &str) {
        // A reader that closed the pipe has seen enough; the run goes on.
        let _ = writeln!(self.out, "{text}");
    }
}

fn paint(text: &str, color: AnsiColor) -> String {
    let style = Style::new().fg_color(Some(color.into()));
    format!("{style}{text}{style:#}")
}

/// The lines that end a failed step: what, the log's end, where the whole is, what to do.
pub(super) fn failure(step: &str, error: &Failure) -> Vec<String> {
    let mut lines = vec![format!(
        "{} {step}: {}",
        paint("error:", AnsiColor::Red),
        error.message
    )];
    lines.extend(error.tail.iter().map(|line| format!("  | {line}")));
    lines.push(format!("  whole log: {}", error.log.display()));
    lines.extend(error.help.iter().map(|help| format!("  help: {help}")));
    lines.push(format!(
        "  again, with what it says: add --target {step} --verbose"
    ));
    lines
}

impl<W: Write + Send> Observer for PlainLines<W> {
    fn event(&mut self, event: &Event) {
        match event {
            // Apart from the plan above, and from the answer to it.
            Event::Started { .. } => self.line(""),
            Event::StepStarted { step, summary } => self.line(&format!("{step}: {summary}")),
            Event::StepLine { step, line } => {
                if self.verbose {
                    self.line(&format!("{step} | {line}"));
                }
            }
            Event::StepDone {
                step,
                seconds,
                same,
            } => {
                let same = if *same { ", same bytes as before" } else { "" };
                let done = paint("done", AnsiColor::Green);
                self.line(&format!("{step}: {done} in {}{same}", duration(*seconds)));
            }
            Event::VersionsChanged { step, changes } => {
                for change in changes {
                    self.line(&format!("{step}: {change}"));
                }
            }
            Event::StepRestored {
                step,
                from,
                seconds,
            } => {
                let restored = paint("restored", AnsiColor::Green);
                self.line(&format!(
                    "{step}: {restored} from {from} in {}",
                    duration(*seconds)
                ));
            }
            Event::StepSkipped { step } => {
                self.line(&format!("{step}: skipped, what it reads stayed the same"))
            }
            Event::StepFailed {
                step,
                seconds: _,
                error,
            } => {
                for line in failure(step.as_str(), error) {
                    self.line(&line);
                }
            }
            Event::StepInterrupted { step } => self.line(&format!("{step}: interrupted")),
            Event::StepBlocked { step, by } => {
                self.line(&format!("{step}: not run, it needs {by}"))
            }
            Event::Removed { step } => self.line(&format!("{step}: removed")),
            Event::Warning { text } => {
                let warning = paint("warning:", AnsiColor::Yellow);
                self.line(&format!("{warning} {text}"));
            }
            Event::Finished {
                ran,
                restored,
                removed,
                skipped,
                failed,
                not_run,
                seconds,
            } => {
                let counts = [
                    (*ran, "ran"),
                    (*restored, "restored"),
                    (*removed, "removed"),
                    (*skipped, "skipped"),
                    (*failed, "failed"),
                    (*not_run, "not run"),
                ];
                self.line(&finished(&counts, *seconds));
            }
        }
    }
}
