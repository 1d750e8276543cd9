//! The terminal: what is printed, asked and interrupted there.

use std::io::{IsTerminal, Write};

use futures_util::future::{BoxFuture, FutureExt};
use tokio_util::sync::CancellationToken;

use crate::app::{AppError, Environment, Exit, Feedback};
use crate::plan::{Plan, Style, show};
use crate::report::Observer;

/// Renders an error with its places and its help.
pub(super) fn report(error: AppError, environment: &Environment) -> String {
    let fancy = std::io::stderr().is_terminal() && environment.variable("NO_COLOR").is_none();
    let theme = if fancy {
        miette::GraphicalTheme::unicode()
    } else {
        miette::GraphicalTheme::unicode_nocolor()
    };
    let handler = miette::GraphicalReportHandler::new_themed(theme).with_links(false);
    let mut text = String::new();
    if let AppError::Config(errors) = &error {
        // The mistakes speak for themselves; a heading above them would be one more thing to read.
        for mistake in errors.mistakes() {
            let _ = handler.render_report(&mut text, mistake);
        }
        let count = errors.mistakes().len();
        let noun = if count == 1 { "mistake" } else { "mistakes" };
        return format!("{text}{count} {noun} in the configuration\n");
    }
    let report = miette::Report::new(error);
    if handler.render_report(&mut text, report.as_ref()).is_err() {
        text = format!("{report}\n");
    }
    text
}

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

/// Prints to standard output; a reader that closed the pipe has seen enough.
pub(super) fn print(text: &str) {
    let _ = anstream::stdout().write_all(text.as_bytes());
}

pub(super) struct Terminal {
    pub observer: Box<dyn Observer>,
    pub json: bool,
    pub verbose: bool,
}

impl Feedback for Terminal {
    fn plan(&mut self, plan: &Plan) {
        if self.json {
            print(&format!("{}\n", plan.to_json()));
        } else {
            print(&show(
                plan,
                Style {
                    verbose: self.verbose,
                },
            ));
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
        if !self.json {
            for line in lines {
                anstream::eprintln!("  {line}");
            }
        }
    }

    fn observer(&mut self) -> &mut dyn Observer {
        self.observer.as_mut()
    }
}
