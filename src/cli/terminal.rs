//! The run of an apply: what is shown, asked and interrupted there.

use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};
use std::path::Path;

use futures_util::future::{BoxFuture, FutureExt};
use tokio_util::sync::CancellationToken;

use super::args::Format;
use super::voice::{Voice, ended};
use crate::app::{self, AppError, Environment, Exit, Feedback};
use crate::plan::{Plan, Saved};
use crate::report::{Event, Folded, JsonLines, Observer, PlainLines, Progress};

/// Cancels at the first SIGINT or SIGTERM; the second ends the process at once.
pub(super) async fn interruptions(cancel: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return;
    };
    for second in [false, true] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if second {
            std::process::exit(Exit::Interrupted as i32);
        }
        anstream::eprintln!(
            "stopping: running steps are stopped and removed; a second interrupt ends at once"
        );
        cancel.cancel();
    }
}

type Stream = JsonLines<Box<dyn Write + Send>>;

/// One run: for people, for programs, or for both at once.
pub(super) struct Terminal {
    voice: Voice,
    run: String,
    /// Shows the run to people; none where programs read the standard output.
    shown: Option<Box<dyn Observer>>,
    streams: Vec<Stream>,
    document: Option<Saved>,
    verbose: bool,
}

impl Terminal {
    /// Opens what the run is told to.
    pub fn open(
        voice: Voice,
        environment: &Environment,
        json: bool,
        json_into: Option<&Path>,
        verbose: bool,
    ) -> Result<Self, AppError> {
        let run = app::run_name();
        let mut outs: Vec<Box<dyn Write + Send>> = Vec::new();
        if json {
            outs.push(Box::new(std::io::stdout()));
        }
        if let Some(path) = json_into {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .open(path);
            let file = file.map_err(|error| AppError::PlanFile {
                what: format!("could not write {}: {error}", path.display()),
                help: "--json-into names a file, and its folder has to be there".to_owned(),
                stale: false,
            })?;
            outs.push(Box::new(file));
        }
        let live = std::io::stderr().is_terminal() && environment.variable("CI").is_none();
        let shown: Option<Box<dyn Observer>> = match (json, voice.ci(), live) {
            (true, _, _) => None,
            (false, Some(ci), _) => Some(Box::new(Folded::new(ci, std::io::stderr(), verbose))),
            (false, None, true) => Some(Box::new(Progress::new(verbose))),
            (false, None, false) => Some(Box::new(PlainLines::new(anstream::stderr(), verbose))),
        };
        Ok(Self {
            streams: { outs.into_iter() }
                .map(|out| JsonLines::begin(out, &run))
                .collect(),
            voice,
            run,
            shown,
            document: None,
            verbose,
        })
    }

    /// Tells programs how the command ended.
    pub fn end(&mut self, result: &Result<Exit, AppError>) {
        let (exit, error) = match result {
            Ok(exit) => (*exit, None),
            Err(error) => (error.exit(), Some(ended(error))),
        };
        for stream in &mut self.streams {
            stream.end(exit as u8, error.as_ref());
        }
    }
}

impl Feedback for Terminal {
    fn run(&self) -> String {
        self.run.clone()
    }

    fn document(&mut self, document: &Saved) {
        let json = document.to_json();
        for stream in &mut self.streams {
            stream.plan(&json);
        }
        self.document = Some(document.clone());
    }

    fn plan(&mut self, plan: &Plan) {
        self.voice.summarise(plan);
        if let (Some(_), Some(document)) = (&self.shown, &self.document) {
            self.voice
                .plan(|| document, plan, Format::Text, self.verbose);
        }
    }

    fn ask(&mut self) -> BoxFuture<'_, bool> {
        async {
            anstream::eprint!("\nApply this plan? [y/N] ");
            // On a thread of its own, so that an interruption is heard while nobody answers.
            let answer = tokio::task::spawn_blocking(|| {
                let mut answer = String::new();
                std::io::stdin().read_line(&mut answer).map(|_| answer)
            });
            let yes = match answer.await {
                Ok(Ok(answer)) => matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"),
                Ok(Err(_)) | Err(_) => false,
            };
            if !yes {
                anstream::eprintln!("nothing was done");
            }
            yes
        }
        .boxed()
    }

    fn left(&mut self, lines: &[String]) {
        if self.shown.is_some() {
            for line in lines {
                self.voice.note(&format!("  {line}"));
            }
        }
    }

    fn observer(&mut self) -> &mut dyn Observer {
        self
    }
}

impl Observer for Terminal {
    fn event(&mut self, event: &Event) {
        for stream in &mut self.streams {
            stream.event(event);
        }
        if let Some(shown) = &mut self.shown {
            shown.event(event);
        }
    }
}
