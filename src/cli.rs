//! The command line: what can be typed, and how results are printed.

mod args;
mod terminal;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use tokio_util::sync::CancellationToken;

use self::args::{
    Bare, CacheArgs, CacheCommand, Cli, Command, EngineArgs, RunArgs, SchemaOf, StepArgs, Target,
};
use self::terminal::{Terminal, interruptions, print, report};
use crate::app::{
    self, AppError, ApplyOptions, Approval, CacheChoice, CacheTask, Environment, Exit, Invocation,
};
use crate::cache::Limits;
use crate::config::schema;
use crate::plan::{Style, show};
use crate::report::{JsonLines, Observer, PlainLines, Progress};

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
    let exit = match runtime.block_on(run(typed)) {
        Ok(exit) => exit,
        Err(error) => {
            let exit = error.exit();
            anstream::eprint!("{}", report(error, &environment()));
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

async fn run(typed: Typed) -> Result<Exit, AppError> {
    let environment = environment();
    match typed {
        Typed::Command(Command::Plan {
            target,
            engine,
            cache,
            steps,
            detailed_exitcode,
            json,
            verbose,
        }) => {
            let engine = engine.engines().connect(&environment).await?;
            let invocation = Invocation {
                places: target.files.places(),
                targets: steps.target,
                replace: steps.replace,
                caches: cache.choice(),
            };
            let gathered = app::plan(
                &invocation,
                &target.workspace,
                &environment,
                engine.as_ref(),
            )
            .await?;
            if json {
                print(&format!("{:#}\n", gathered.plan.to_json()));
            } else {
                print(&show(&gathered.plan, Style { verbose }));
            }
            let changes = detailed_exitcode && !gathered.plan.is_empty();
            Ok(if changes { Exit::Changes } else { Exit::Done })
        }
        Typed::Command(Command::Apply {
            target,
            engine,
            cache,
            steps,
            run,
            auto_approve,
        }) => {
            let can_ask = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
            let approval = match (auto_approve, can_ask && !run.json) {
                (true, _) => Approval::Given,
                (false, true) => Approval::Ask,
                (false, false) => Approval::Nobody,
            };
            apply(target, engine, cache, steps, run, approval, &environment).await
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
            apply(
                target,
                engine,
                cache,
                steps,
                run,
                Approval::Given,
                &environment,
            )
            .await
        }
        Typed::Command(Command::Validate { files }) => {
            let flavours = app::validate(&files.places())?;
            print(&format!("valid: {}\n", flavours.join(", ")));
            Ok(Exit::Done)
        }
        Typed::Command(Command::Explain {
            step,
            against,
            target,
            engine,
            cache,
        }) => {
            let engine = engine.engines().connect(&environment).await?;
            let places = target.files.places();
            let text = app::explain(
                &places,
                &target.workspace,
                &environment,
                engine.as_ref(),
                &cache.choice(),
                &step,
                against.as_deref(),
            )
            .await?;
            print(&text);
            Ok(Exit::Done)
        }
        Typed::Command(Command::History { wheel, workspace }) => {
            print(&app::history(&workspace, wheel.as_deref())?);
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
            };
            print(&app::cache(&choice, &environment, task)?);
            Ok(Exit::Done)
        }
        Typed::Command(Command::Graph { files }) => {
            print(&app::graph(&files.places(), &environment)?);
            Ok(Exit::Done)
        }
        Typed::Command(Command::Schema { file }) => {
            print(match file {
                SchemaOf::Config => schema::config(),
                SchemaOf::Project => schema::project(),
            });
            Ok(Exit::Done)
        }
    }
}

async fn apply(
    target: Target,
    engine: EngineArgs,
    cache: CacheArgs,
    steps: StepArgs,
    run: RunArgs,
    approval: Approval,
    environment: &Environment,
) -> Result<Exit, AppError> {
    let cancel = CancellationToken::new();
    tokio::spawn(interruptions(cancel.clone()));
    let engine = engine.engines().connect(environment).await?;
    let options = ApplyOptions {
        targets: steps.target,
        replace: steps.replace,
        approval,
        jobs: run.jobs,
        caches: cache.choice(),
    };
    let live = std::io::stderr().is_terminal() && environment.variable("CI").is_none();
    let observer: Box<dyn Observer> = match (run.json, live) {
        (true, _) => Box::new(JsonLines::new(std::io::stdout())),
        (false, true) => Box::new(Progress::new(run.verbose)),
        (false, false) => Box::new(PlainLines::new(anstream::stderr(), run.verbose)),
    };
    let mut terminal = Terminal {
        observer,
        json: run.json,
        verbose: run.verbose,
    };
    let places = target.files.places();
    app::apply(
        &places,
        &target.workspace,
        environment,
        engine,
        &options,
        cancel,
        &mut terminal,
    )
    .await
}
