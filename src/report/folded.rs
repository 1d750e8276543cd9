//! A run in the log of a CI: plain lines, and what each step said as one fold when it ends.
#![expect(
    clippy::disallowed_methods,
    reason = "a section of a log says when it began and ended"
)]

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::time::SystemTime;

use crate::report::{Annotation, Ci, Event, Observer, PlainLines, duration};
use crate::step::Address;

/// How many of a step's last lines are kept for its fold; the file of its log has all.
const KEPT: usize = 5_000;

/// Writes plain lines, with what a step said folded: where it failed, or always if verbose.
pub struct Folded<W> {
    ci: Ci,
    out: W,
    verbose: bool,
    said: BTreeMap<Address, Said>,
}

/// What a running step has said so far.
#[derive(Default)]
struct Said {
    lines: VecDeque<String>,
    dropped: usize,
}

impl<W: Write + Send> Folded<W> {
    /// Writes to `out`, which is not to take out control sequences.
    pub fn new(ci: Ci, out: W, verbose: bool) -> Self {
        Self {
            ci,
            out,
            verbose,
            said: BTreeMap::new(),
        }
    }

    /// Writes in one piece: two steps may end at once, and their folds must not mingle.
    fn write(&mut self, text: &str) {
        // A reader that closed the pipe has seen enough; the run goes on.
        let _ = self
            .out
            .write_all(text.as_bytes())
            .and_then(|()| self.out.flush());
    }

    fn plain(&mut self, event: &Event) {
        let mut plain = Vec::new();
        PlainLines::new(&mut plain, false).event(event);
        let text = String::from_utf8_lossy(&plain).into_owned();
        let text = anstream::adapter::strip_str(&text).to_string();
        let text = self.ci.harmless(&text);
        self.write(&text);
    }

    fn fold(&mut self, step: &Address, what: &str, seconds: f64) {
        let Said { lines, dropped } = self.said.remove(step).unwrap_or_default();
        if lines.is_empty() {
            return;
        }
        let mut shown = Vec::from(lines);
        if dropped > 0 {
            shown.insert(
                0,
                format!("… {dropped} earlier lines are in the file of the log"),
            );
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let at = now.map_or(0, |now| now.as_secs());
        let text = self.ci.fold(step.as_str(), what, &shown, seconds, at);
        self.write(&text);
    }
}

impl<W: Write + Send> Observer for Folded<W> {
    fn event(&mut self, event: &Event) {
        match event {
            Event::StepLine { step, line } => {
                let said = self.said.entry(step.clone()).or_default();
                said.lines.push_back(line.clone());
                if said.lines.len() > KEPT {
                    said.lines.pop_front();
                    said.dropped += 1;
                }
            }
            Event::StepDone { step, seconds, .. } | Event::StepRestored { step, seconds, .. } => {
                if self.verbose {
                    let title = format!("{step}: what it said in {}", duration(*seconds));
                    self.fold(step, &title, *seconds);
                }
                self.said.remove(step);
                self.plain(event);
            }
            Event::StepFailed {
                step,
                seconds,
                error,
            } => {
                let title = format!("{step}: what it said until it failed");
                self.fold(step, &title, *seconds);
                self.plain(event);
                let mut message = error.message.clone();
                for line in &error.tail {
                    message.push('\n');
                    message.push_str(line);
                }
                let annotation = Annotation {
                    title: format!("{step} failed"),
                    message,
                    ..Annotation::default()
                };
                let text = self.ci.annotate(&annotation);
                self.write(&text);
            }
            Event::StepInterrupted { step } => {
                self.said.remove(step);
                self.plain(event);
            }
            Event::Started { .. }
            | Event::StepStarted { .. }
            | Event::VersionsChanged { .. }
            | Event::StepSkipped { .. }
            | Event::StepBlocked { .. }
            | Event::Removed { .. }
            | Event::Warning { .. }
            | Event::Finished { .. } => self.plain(event),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Failure;

    /// What is written of a step that says something hostile and ends in this way.
    fn written(ci: Ci, verbose: bool, end: impl Fn(Address) -> Event) -> String {
        let mut out = Vec::new();
        let mut folded = Folded::new(ci, &mut out, verbose);
        for line in [
            "::stop-commands::x",
            "##[group]",
            "a\r::error::x",
            "\u{1b}[0Ksection_end:1:x\r\u{1b}[0K",
        ] {
            let step = Address::typed("deb.wheel");
            let line = line.to_owned();
            folded.event(&Event::StepLine { step, line });
        }
        folded.event(&end(Address::typed("deb.wheel")));
        String::from_utf8(out).unwrap()
    }

    fn failed(step: Address) -> Event {
        let error = Failure {
            message: "`make` ended with status 2".to_owned(),
            help: None,
            tail: vec!["::error::x".to_owned(), "100%".to_owned()],
            log: "deb.wheel.log".into(),
        };
        Event::StepFailed {
            step,
            seconds: 1.0,
            error,
        }
    }

    fn done(step: Address) -> Event {
        Event::StepDone {
            step,
            seconds: 1.0,
            same: false,
        }
    }

    #[test]
    fn a_failed_step_folds_what_it_said_and_is_annotated() {
        assert_eq!(
            written(Ci::GitHub, false, failed),
            "::group::deb.wheel: what it said until it failed\n\
             | ::stop-commands::x\n| # #[group]\n| a ::error::x\n| \u{1b}[0Ksection_end:1:x \u{1b}[0K\n\
             ::endgroup::\n\
             error: deb.wheel: `make` ended with status 2\n  | ::error::x\n  | 100%\n\
             \u{20} whole log: deb.wheel.log\n\
             \u{20} again, with what it says: add --target deb.wheel --verbose\n\
             ::error title=deb.wheel failed::`make` ended with status 2%0A::error::x%0A100%25\n"
        );
    }

    #[test]
    fn a_step_that_ends_well_is_folded_for_who_asks() {
        let short = "deb.wheel: done in 1.0s\n";
        assert_eq!(written(Ci::GitHub, false, done), short);
        let text = written(Ci::GitHub, true, done);
        assert!(text.starts_with("::group::deb.wheel: what it said in 1.0s\n| ::stop"));
        assert!(text.ends_with(&format!("::endgroup::\n{short}")));
    }

    #[test]
    fn the_markers_of_gitlab_are_written_by_builder_alone() {
        let text = written(Ci::GitLab, true, done);
        assert_eq!(text.matches("\u{1b}[0Ksection_start:").count(), 1);
        assert_eq!(text.matches("\u{1b}[0Ksection_end:").count(), 1);
        assert_eq!(text.matches('\u{1b}').count(), 4);
        assert!(text.contains(
            ":builder.deb.wheel[collapsed=true]\r\u{1b}[0Kdeb.wheel: what it said in 1.0s\n"
        ));
    }

    #[test]
    fn of_a_long_log_the_end_is_kept() {
        let mut out = Vec::new();
        let mut folded = Folded::new(Ci::GitHub, &mut out, true);
        let step = || Address::typed("deb.wheel");
        for number in 0..KEPT + 3 {
            let line = number.to_string();
            folded.event(&Event::StepLine { step: step(), line });
        }
        folded.event(&done(step()));
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("| … 3 earlier lines are in the file of the log\n| 3\n| 4\n"));
        assert!(!text.contains("| 2\n"));
    }
}
