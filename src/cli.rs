//! The command line: what can be typed, and how results are printed.

mod args;
mod lock;
mod terminal;
mod voice;

use std::cell::LazyCell;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use tokio_util::sync::CancellationToken;

use self::args::{
    Bare, CacheArgs, CacheCommand, Cli, Command, EngineArgs, RunArgs, SchemaOf, StepArgs, Subject,
};
use self::terminal::{Terminal, interruptions};
use self::voice::Voice;
use crate::app::{
    self, AppError, ApplyOptions, Approval, CacheChoice, CacheTask, Environment, Exit, Invocation,
};
use crate::cache::Limits;
use crate::config::schema;
use crate::manifest;
use crate::plan;
use crate::report;

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let parsed = if is_bare(&arguments) {
        Bare::try_parse_from(arguments).map(Typed::Bare)
    } else {
        Cli::try_parse_from(arguments).map(|cli| Typed::Command(cli.command))
    };
    let typed = match parsed {
        Ok(typed) => typed,
        Err(error) => {
            let _ = error.print();
            let code = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
            return ExitCode::from(code as u8);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("the operating system gives threads to a process that it has started");
    let environment = environment();
    let voice = Voice::of(&environment);
    let exit = match runtime.block_on(run(typed, &environment, &voice)) {
        Ok(exit) => exit,
        Err(error) => {
            let exit = error.exit();
            voice.error(error);
            exit
        }
    };
    // A scan or an upload that an interruption left behind is not waited for.
    runtime.shutdown_background();
    ExitCode::from(exit as u8)
}

/// What was typed, in one of the two forms.
enum Typed {
    Command(Command),
    Bare(Bare),
}

/// Tells the bare form by its first argument, which is no word that a command could be.
///
/// A mistyped command stays a command, so that it is answered with the commands that there are.
fn is_bare(arguments: &[OsString]) -> bool {
    let Some(first) = arguments.get(1).and_then(|first| first.to_str()) else {
        return false;
    };
    let is_word = first
        .chars()
        .all(|character| character.is_ascii_lowercase());
    !is_word && !matches!(first, "-h" | "--help" | "-V" | "--version")
}

fn environment() -> Environment {
    // A variable that is no UTF-8 is none that builder reads.
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Environment {
        variables: variables.collect(),
    }
}

async fn run(typed: Typed, environment: &Environment, voice: &Voice) -> Result<Exit, AppError> {
    match typed {
        Typed::Command(Command::Plan {
            target,
            since,
            engine,
            cache,
            steps,
            detailed_exitcode,
            out,
            form,
            json_into,
            assert_no_changes,
            verbose,
        }) => {
            let (mut places, workspace) = target.places()?;
            places.changed_since = since.changed_since;
            let engine = engine.engines().connect(environment).await?;
            let invocation = Invocation {
                places,
                targets: steps.target,
                replace: steps.replace,
                caches: cache.choice(),
            };
            let gathered = app::plan(&invocation, &workspace, environment, engine.as_ref()).await?;
            let document = LazyCell::new(|| {
                app::document(&invocation, &workspace, &gathered, engine.as_ref())
            });
            voice.summarise(&gathered.plan);
            voice.plan(|| &*document, &gathered.plan, form.format(), verbose);
            gathered.save_indexes();
            if let Some(file) = json_into {
                app::write_plan(&document, &file, &invocation.places)?;
            }
            if let Some(file) = out {
                app::write_plan(&document, &file, &invocation.places)?;
                let place = file.display();
                voice.note(&format!(
                    "saved; `builder apply {place}` carries out exactly this"
                ));
            }
            if assert_no_changes {
                app::no_changes(&gathered.plan)?;
            }
            let changes = detailed_exitcode && !gathered.plan.is_empty();
            // The process ends here: to give back the memory of thousands of steps one by one would
            // take longer than it is worth.
            std::mem::forget(gathered);
            Ok(if changes { Exit::Changes } else { Exit::Done })
        }
        Typed::Command(Command::Apply {
            what,
            since,
            engine,
            cache,
            steps,
            run,
            auto_approve,
            assert_no_changes,
        }) => {
            let can_ask = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
            let subject = what.subject(since)?;
            let approval = match &subject {
                _ if assert_no_changes => Approval::NoChanges,
                _ if auto_approve => Approval::Given,
                // It was looked at when it was saved.
                Subject::Plan(_) => Approval::Given,
                Subject::Projects(..) if can_ask && !run.json => Approval::Ask,
                Subject::Projects(..) => Approval::Nobody,
            };
            let apply = Apply {
                subject,
                engine,
                cache,
                steps,
                run,
                approval,
            };
            apply.run(environment, voice).await
        }
        Typed::Bare(Bare {
            target,
            engine,
            cache,
            run,
        }) => {
            let steps = StepArgs {
                target: Vec::new(),
                replace: Vec::new(),
            };
            let (places, workspace) = target.places()?;
            let apply = Apply {
                subject: Subject::Projects(Box::new(places), workspace),
                engine,
                cache,
                steps,
                run,
                approval: Approval::Given,
            };
            apply.run(environment, voice).await
        }
        Typed::Command(Command::Show {
            plan,
            form,
            verbose,
        }) => {
            let saved = app::read_plan(&plan)?;
            for warning in app::staleness(&saved) {
                voice.note(&format!("warning: {warning}"));
            }
            voice.plan(|| &saved, &saved.plan(), form.format(), verbose);
            Ok(Exit::Done)
        }
        Typed::Command(Command::Lock(typed)) => typed.run(environment, voice).await,
        Typed::Command(Command::Validate { files }) => {
            let flavours = app::validate(&files.places()?)?;
            voice.print(&format!("valid: {}\n", flavours.join(", ")));
            Ok(Exit::Done)
        }
        Typed::Command(Command::Explain {
            step,
            against,
            target,
            engine,
            cache,
        }) => {
            let (places, workspace) = target.places()?;
            let engine = engine.engines().connect(environment).await?;
            let text = app::explain(
                &places,
                &workspace,
                environment,
                engine.as_ref(),
                &cache.choice(),
                &step,
                against.as_deref(),
            )
            .await?;
            voice.print(&text);
            Ok(Exit::Done)
        }
        Typed::Command(Command::History { wheel, workspace }) => {
            voice.print(&app::history(&workspace, wheel.as_deref())?);
            Ok(Exit::Done)
        }
        Typed::Command(Command::Cache { task }) => {
            let (place, task) = match task {
                CacheCommand::Status { place } => (place, CacheTask::Status),
                CacheCommand::Gc {
                    place,
                    max_size: size,
                    max_age: age,
                } => (place, CacheTask::Collect(Limits { size, age })),
                CacheCommand::Verify { place } => (place, CacheTask::Verify),
            };
            let choice = CacheChoice {
                folder: place.cache_dir,
                off: false,
                without_index: false,
            };
            voice.print(&app::cache(&choice, environment, task)?);
            Ok(Exit::Done)
        }
        Typed::Command(Command::Graph { files }) => {
            voice.print(&app::graph(&files.places()?, environment)?);
            Ok(Exit::Done)
        }
        Typed::Command(Command::Schema { file }) => {
            voice.print(match file {
                SchemaOf::Config => schema::config(),
                SchemaOf::Project => schema::project(),
                SchemaOf::Plan => plan::schema(),
                SchemaOf::Events => report::schema(),
                SchemaOf::Manifest => manifest::schema(),
            });
            Ok(Exit::Done)
        }
    }
}

/// An apply as it was typed, of projects or of a saved plan.
struct Apply {
    subject: Subject,
    engine: EngineArgs,
    cache: CacheArgs,
    steps: StepArgs,
    run: RunArgs,
    approval: Approval,
}

impl Apply {
    async fn run(self, environment: &Environment, voice: &Voice) -> Result<Exit, AppError> {
        if matches!(self.subject, Subject::Plan(_)) {
            self.steps.none_beside_a_plan()?;
        }
        let json_into = self.run.json_into.as_deref();
        if let (Subject::Projects(places, _), Some(path)) = (&self.subject, json_into) {
            app::may_be_written(path, places)?;
        }
        let RunArgs { json, verbose, .. } = self.run;
        let mut terminal = Terminal::open(voice.clone(), environment, json, json_into, verbose)?;
        let result = self.carry_out(environment, &mut terminal).await;
        terminal.end(&result);
        result
    }

    async fn carry_out(
        self,
        environment: &Environment,
        terminal: &mut Terminal,
    ) -> Result<Exit, AppError> {
        let cancel = CancellationToken::new();
        tokio::spawn(interruptions(cancel.clone()));
        let engines = self.engine.engines();
        let options = ApplyOptions {
            targets: self.steps.target,
            replace: self.steps.replace,
            approval: self.approval,
            jobs: self.run.jobs,
            caches: self.cache.choice(),
        };
        let (places, workspace) = match self.subject {
            Subject::Projects(places, workspace) => (places, workspace),
            Subject::Plan(plan) => {
                return app::apply_saved(&plan, environment, &engines, &options, cancel, terminal)
                    .await;
            }
        };
        let engine = engines.connect(environment).await?;
        app::apply(
            &places,
            &workspace,
            environment,
            engine,
            &options,
            cancel,
            terminal,
        )
        .await
    }
}
