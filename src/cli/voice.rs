//! What is printed: for people, for programs, and for the CI that the program runs in.

use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use miette::Diagnostic;

use super::args::Format;
use crate::app::{AppError, Environment};
use crate::plan::{Plan, Saved, Style, markdown, show};
use crate::report::{Annotation, Ci, Ended, inert};

/// How the program speaks where it runs.
#[derive(Clone, Debug)]
pub(super) struct Voice {
    ci: Option<Ci>,
    /// The file that the CI shows as the summary of a job.
    summary: Option<PathBuf>,
    /// The root of the repository, from which the CI names files.
    root: Option<PathBuf>,
    fancy: bool,
}

impl Voice {
    /// Finds out by the environment.
    pub fn of(environment: &Environment) -> Self {
        let ci = Ci::of(|name| environment.variable(name));
        let path = |name| match ci {
            Some(Ci::GitHub) => environment.variable(name).map(PathBuf::from),
            Some(Ci::GitLab) | None => None,
        };
        Self {
            ci,
            summary: path("GITHUB_STEP_SUMMARY"),
            root: path("GITHUB_WORKSPACE"),
            fancy: std::io::stderr().is_terminal() && environment.variable("NO_COLOR").is_none(),
        }
    }

    /// Returns the CI, if the program runs in one that is known.
    pub fn ci(&self) -> Option<Ci> {
        self.ci
    }

    /// Prints to standard output; a reader that closed the pipe has seen enough.
    pub fn print(&self, text: &str) {
        let _ = anstream::stdout().write_all(self.harmless(text).as_bytes());
    }

    /// Prints a line to standard error.
    pub fn note(&self, text: &str) {
        anstream::eprintln!("{}", self.harmless(text));
    }

    /// Prints a plan in a form. Its document is made only where that is what is printed: it holds
    /// every input of every step.
    pub fn plan<'a>(
        &self,
        document: impl FnOnce() -> &'a Saved,
        plan: &Plan,
        format: Format,
        verbose: bool,
    ) {
        match format {
            Format::Text => self.print(&show(plan, Style { verbose })),
            Format::Json => self.print(&inert(&document().to_text())),
            Format::Markdown => self.print(&markdown(plan)),
        }
    }

    /// Adds a plan to what the CI shows as the summary of the job.
    pub fn summarise(&self, plan: &Plan) {
        let Some(path) = &self.summary else { return };
        let file = OpenOptions::new().append(true).create(true).open(path);
        let written = file.and_then(|mut file| writeln!(file, "{}", markdown(plan)));
        if let Err(error) = written {
            let path = path.display();
            self.note(&format!(
                "warning: could not write the summary {path}: {error}"
            ));
        }
    }

    /// Prints an error with its places and its help, and points the CI at it.
    pub fn error(&self, error: AppError) {
        let annotations = match self.ci {
            Some(ci) => self
                .annotations(&error)
                .iter()
                .map(|one| ci.annotate(one))
                .collect(),
            None => String::new(),
        };
        anstream::eprint!("{}{annotations}", self.harmless(&report(error, self.fancy)));
    }

    fn harmless(&self, text: &str) -> String {
        match self.ci {
            Some(ci) => ci.harmless(text),
            None => text.to_owned(),
        }
    }

    fn annotations(&self, error: &AppError) -> Vec<Annotation> {
        let AppError::Config(errors) = error else {
            let Ended {
                message,
                help,
                details,
            } = ended(error);
            let lines = [message].into_iter().chain(details).chain(help);
            return vec![Annotation {
                title: "builder".to_owned(),
                message: lines.collect::<Vec<_>>().join("\n"),
                ..Annotation::default()
            }];
        };
        let mistakes = errors.mistakes().iter();
        mistakes
            .map(|mistake| {
                let help = mistake.help().map(|help| format!("\n{help}"));
                Annotation {
                    file: Some(self.named_from_root(mistake.file())),
                    place: mistake.place(),
                    title: "builder: a mistake in the configuration".to_owned(),
                    message: format!("{mistake}{}", help.unwrap_or_default()),
                }
            })
            .collect()
    }

    /// Names a file from the root of the repository, where it is below that.
    fn named_from_root(&self, file: &str) -> String {
        let below = || {
            let root = self.root.as_ref()?.canonicalize().ok()?;
            let file = Path::new(file).canonicalize().ok()?;
            Some(file.strip_prefix(root).ok()?.display().to_string())
        };
        below().unwrap_or_else(|| file.to_owned())
    }
}

/// Says in data what ended a command.
pub(super) fn ended(error: &AppError) -> Ended {
    let details = match error {
        AppError::Stale { moved, path: _ } => moved.iter().map(ToString::to_string).collect(),
        AppError::Changes { steps } => steps.clone(),
        AppError::Config(errors) => {
            let words = errors
                .mistakes()
                .iter()
                .map(|mistake| match mistake.place() {
                    Some((line, column)) => {
                        format!("{}:{line}:{column}: {mistake}", mistake.file())
                    }
                    None => format!("{}: {mistake}", mistake.file()),
                });
            words.collect()
        }
        _ => Vec::new(),
    };
    Ended {
        message: error.to_string(),
        help: error.help().map(|help| help.to_string()),
        details,
    }
}

/// Renders an error with its places and its help.
fn report(error: AppError, fancy: bool) -> String {
    let theme = if fancy {
        miette::GraphicalTheme::unicode()
    } else {
        miette::GraphicalTheme::unicode_nocolor()
    };
    let handler = miette::GraphicalReportHandler::new_themed(theme).with_links(false);
    let mut text = String::new();
    match &error {
        AppError::Config(errors) => {
            // The mistakes speak for themselves; a heading above them would be one more thing to read.
            for mistake in errors.mistakes() {
                let _ = handler.render_report(&mut text, mistake);
                text.push('\n');
            }
            let count = errors.mistakes().len();
            let noun = if count == 1 { "mistake" } else { "mistakes" };
            return format!("{text}{count} {noun} in the configuration\n");
        }
        AppError::Stale { moved, path: _ } => {
            text.extend(moved.iter().map(|moved| format!("moved: {moved}\n")));
        }
        AppError::Changes { steps } => {
            text.extend(steps.iter().map(|step| format!("changes: {step}\n")));
        }
        _ => {}
    }
    let report = miette::Report::new(error);
    if handler.render_report(&mut text, report.as_ref()).is_err() {
        text = format!("{report}\n");
    }
    text
}
