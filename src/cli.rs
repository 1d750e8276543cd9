//! The command line: what can be typed, and how results are printed.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use futures_util::future::{BoxFuture, FutureExt};
use tokio_util::sync::CancellationToken;

use crate::app::{
    self, AppError, ApplyOptions, Approval, Engines, Environment, Exit, Feedback, Invocation,
    Places,
};
use crate::config::schema;
use crate::plan::{Plan, Style, show};
use crate::report::{JsonLines, Observer, PlainLines, Progress};

const EXITS: &str = "\
Exit status: 0 done or nothing to do, 1 a step failed, 2 there are changes (plan --detailed-exitcode), \
3 wrong configuration or command line, 4 no engine, 6 the workspace is locked, 130 interrupted.";

/// Builds wheels of a Python project for each flavour it asks for, and only what changed.
#[derive(Parser)]
#[command(
    name = "builder",
    version,
    after_help = EXITS,
    override_usage = "builder <COMMAND>\n       builder --config <CONFIG> <SOURCE> <WORKSPACE>    (applies without asking)"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The bare form: applies without asking.
#[derive(Parser)]
#[command(name = "builder", version, after_help = EXITS)]
struct Bare {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Show what an apply would do, and why
    Plan {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        engine: EngineArgs,
        #[command(flatten)]
        steps: StepArgs,
        /// Exit with status 2 when there are changes
        #[arg(long)]
        detailed_exitcode: bool,
        /// Print the plan as a JSON document
        #[arg(long)]
        json: bool,
        /// Also show the steps that are up to date, and every reason
        #[arg(long, short)]
        verbose: bool,
    },
    /// Carry out what changed, after showing the plan and asking
    Apply {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        engine: EngineArgs,
        #[command(flatten)]
        steps: StepArgs,
        #[command(flatten)]
        run: RunArgs,
        /// Do not ask
        #[arg(long)]
        auto_approve: bool,
    },
    /// Check both files, without an engine
    Validate {
        #[command(flatten)]
        files: Files,
    },
    /// Explain a step: its inputs, its last run, and why it would run
    Explain {
        /// The step, such as deb.image, or a flavour for all its steps
        step: String,
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        engine: EngineArgs,
    },
    /// Print the graph of steps in the DOT language
    Graph {
        #[command(flatten)]
        files: Files,
    },
    /// Print the JSON Schema of one of the two files
    Schema {
        /// Which file
        file: SchemaOf,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum SchemaOf {
    /// The operator's config.yml
    Config,
    /// The project's .build.yml
    Project,
}

#[derive(Args)]
struct Files {
    /// The operator's file, which defines the flavours
    #[arg(long, value_name = "CONFIG")]
    config: PathBuf,
    /// The project's file, if it is not SOURCE/.build.yml
    #[arg(long, value_name = "FILE")]
    build_file: Option<PathBuf>,
    /// The directory of the Python project
    source: PathBuf,
}

#[derive(Args)]
struct Target {
    #[command(flatten)]
    files: Files,
    /// The directory for everything that is built
    workspace: PathBuf,
}

#[derive(Args)]
struct EngineArgs {
    /// The engine's address: unix://, tcp:// or ssh://; else DOCKER_HOST, else docker's context
    #[arg(long, value_name = "URL")]
    docker_host: Option<String>,
    #[arg(long, hide = true, value_name = "KIND")]
    engine: Option<String>,
}

#[derive(Args)]
struct StepArgs {
    /// Only this step or flavour and what it needs; may be given again
    #[arg(long, value_name = "STEP")]
    target: Vec<String>,
    /// Run this step or flavour even if it is up to date; may be given again
    #[arg(long, value_name = "STEP")]
    replace: Vec<String>,
}

#[derive(Args)]
struct RunArgs {
    /// How many steps run side by side
    #[arg(long, short, value_name = "N", default_value_t = default_jobs(), value_parser = parse_jobs)]
    jobs: usize,
    /// Print events as JSON, one object a line
    #[arg(long)]
    json: bool,
    /// Also print what the steps say
    #[arg(long, short)]
    verbose: bool,
}

fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

fn parse_jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least one step has to run at a time".to_owned()),
        Ok(jobs) => Ok(jobs),
        Err(_) => Err("it is a number of steps, such as 4".to_owned()),
    }
}

impl Files {
    fn places(self) -> Places {
        Places {
            config: self.config,
            build_file: self.build_file,
            source: self.source,
        }
    }
}

impl EngineArgs {
    fn engines(self) -> Engines {
        Engines {
            docker_host: self.docker_host,
            kind: self.engine,
        }
    }
}

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
            anstream::eprint!("{}", report(error));
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

/// Renders an error with its places and its help.
fn report(error: AppError) -> String {
    let fancy = std::io::stderr().is_terminal() && environment().variable("NO_COLOR").is_none();
    let theme = if fancy {
        miette::GraphicalTheme::unicode()
    } else {
        miette::GraphicalTheme::unicode_nocolor()
    };
    let handler = miette::GraphicalReportHandler::new_themed(theme).with_links(false);
    let mut text = String::new();
    let report = miette::Report::new(error);
    if handler.render_report(&mut text, report.as_ref()).is_err() {
        text = format!("{report}\n");
    }
    text
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
            apply(target, engine, steps, run, approval, &environment).await
        }
        Typed::Bare(Bare {
            target,
            engine,
            run,
        }) => {
            let steps = StepArgs {
                target: Vec::new(),
                replace: Vec::new(),
            };
            apply(target, engine, steps, run, Approval::Given, &environment).await
        }
        Typed::Command(Command::Validate { files }) => {
            let flavours = app::validate(&files.places())?;
            print(&format!("valid: {}\n", flavours.join(", ")));
            Ok(Exit::Done)
        }
        Typed::Command(Command::Explain {
            step,
            target,
            engine,
        }) => {
            let engine = engine.engines().connect(&environment).await?;
            let places = target.files.places();
            let text = app::explain(
                &places,
                &target.workspace,
                &environment,
                engine.as_ref(),
                &step,
            )
            .await?;
            print(&text);
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

/// Cancels at the first SIGINT or SIGTERM; the second ends the process at once.
async fn interruptions(cancel: CancellationToken) {
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
fn print(text: &str) {
    let _ = anstream::stdout().write_all(text.as_bytes());
}

struct Terminal {
    observer: Box<dyn Observer>,
    json: bool,
    verbose: bool,
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

    fn observer(&mut self) -> &mut dyn Observer {
        self.observer.as_mut()
    }
}
