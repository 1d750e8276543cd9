//! What can be typed.

mod cache;
mod projects;

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

pub(super) use self::cache::{CacheArgs, CacheCommand};
pub(super) use self::projects::{Files, ProjectsOrPlan, Since, Subject, Target};
use super::lock::LockArgs;
use crate::app::{AppError, Engines};

const EXITS: &str = "\
Exit status: 0 done or nothing to do, 1 a step failed, 2 there are changes (plan --detailed-exitcode), \
3 wrong configuration or command line, 4 no engine, 5 a saved plan is stale or was applied, \
6 the workspace is locked, 130 interrupted.";

/// Builds wheels of a Python project for each flavour it asks for, and only what changed.
#[derive(Parser)]
#[command(
    name = "builder",
    version,
    after_help = bare_and_exits(),
    override_usage = "builder <COMMAND>\n       builder [OPTIONS] --config <CONFIG> <SOURCE>... <WORKSPACE>"
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// Tells of the form without a command, whose options the help of the commands has no place for.
fn bare_and_exits() -> String {
    let bare = Bare::command();
    let options: Vec<String> = bare
        .get_arguments()
        .filter(|option| !option.is_hide_set() && !option.is_required_set())
        .filter_map(|option| Some(format!("--{}", option.get_long()?)))
        .collect();
    format!(
        "Without a command, builder applies and does not ask. Its options are then those of apply: \
         {}.\n\n{EXITS}",
        options.join(", ")
    )
}

/// The bare form: applies without asking.
#[derive(Parser)]
#[command(name = "builder", version, after_help = EXITS)]
pub(super) struct Bare {
    #[command(flatten)]
    pub target: Target,
    #[command(flatten)]
    pub engine: EngineArgs,
    #[command(flatten)]
    pub cache: CacheArgs,
    #[command(flatten)]
    pub run: RunArgs,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Show what an apply would do, and why
    #[command(
        override_usage = "builder plan [OPTIONS] --config <CONFIG> <SOURCE>... <WORKSPACE>\n       builder plan [OPTIONS] --config <CONFIG> --projects <FILE> <WORKSPACE>"
    )]
    Plan {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        since: Since,
        #[command(flatten)]
        engine: EngineArgs,
        #[command(flatten)]
        cache: CacheArgs,
        #[command(flatten)]
        steps: StepArgs,
        /// Exit with status 2 when there are changes
        #[arg(long)]
        detailed_exitcode: bool,
        /// Save the plan, to be applied with `builder apply FILE`
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        form: FormArgs,
        /// Also write the JSON document to a file, whatever is printed
        #[arg(long, value_name = "FILE")]
        json_into: Option<PathBuf>,
        /// Exit with status 1 and the reasons when there are changes
        #[arg(long, conflicts_with = "detailed_exitcode")]
        assert_no_changes: bool,
        /// Also show the steps that are up to date, and every reason
        #[arg(long, short)]
        verbose: bool,
    },
    /// Carry out what changed, after showing the plan and asking; or a saved plan, without asking
    #[command(
        override_usage = "builder apply [OPTIONS] --config <CONFIG> <SOURCE>... <WORKSPACE>\n       builder apply [OPTIONS] --config <CONFIG> --projects <FILE> <WORKSPACE>\n       builder apply [OPTIONS] <PLAN>"
    )]
    Apply {
        #[command(flatten)]
        what: ProjectsOrPlan,
        #[command(flatten)]
        since: Since,
        #[command(flatten)]
        engine: EngineArgs,
        #[command(flatten)]
        cache: CacheArgs,
        #[command(flatten)]
        steps: StepArgs,
        #[command(flatten)]
        run: RunArgs,
        /// Do not ask
        #[arg(long)]
        auto_approve: bool,
        /// Run nothing, and exit with status 1 and the reasons when there are changes
        #[arg(long, conflicts_with = "auto_approve")]
        assert_no_changes: bool,
    },
    /// Show a saved plan, also one that is stale or was applied; needs no engine
    Show {
        /// The saved plan
        plan: PathBuf,
        #[command(flatten)]
        form: FormArgs,
        /// Also show the steps that are up to date, and every reason
        #[arg(long, short)]
        verbose: bool,
    },
    /// Resolve the dependencies, and write which files they are
    Lock(LockArgs),
    /// Check both files, without an engine
    Validate {
        #[command(flatten)]
        files: Files,
    },
    /// Explain a step: its inputs, its last run, and why it would run
    Explain {
        /// The step, such as deb.image or shop/deb.image, or a flavour or a project for all its steps
        step: String,
        /// Also say in what its inputs differ from those of an earlier run, as `builder history` names it
        #[arg(long, value_name = "RUN")]
        against: Option<String>,
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        engine: EngineArgs,
        #[command(flatten)]
        cache: CacheArgs,
    },
    /// List the runs of a workspace: when, what, how long, and what came from a cache
    History {
        /// Follow the wheels of this distribution through the runs instead
        #[arg(long, value_name = "NAME")]
        wheel: Option<String>,
        /// The directory of everything that was built
        workspace: PathBuf,
    },
    /// Look after the local cache
    Cache {
        #[command(subcommand)]
        task: CacheCommand,
    },
    /// Print the graph of steps in the DOT language
    Graph {
        #[command(flatten)]
        files: Files,
    },
    /// Print the JSON Schema of a file, or of what builder prints and keeps
    Schema {
        /// Of what
        file: SchemaOf,
    },
}

/// The form that a plan is printed in.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people, on a terminal or in a log
    Text,
    /// The document that --out saves
    Json,
    /// A summary for a pull request, its details folded
    Markdown,
}

#[derive(Args)]
pub(super) struct FormArgs {
    /// The form of the plan
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
    /// Short for --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
}

impl FormArgs {
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum SchemaOf {
    /// The operator's config.yml
    Config,
    /// The project's .build.yml
    Project,
    /// A plan, as --out saves and --json prints it
    Plan,
    /// A line of what an apply prints with --json
    Events,
    /// A line of a workspace's manifest
    Manifest,
}

#[derive(Args)]
pub(super) struct EngineArgs {
    /// The engine's address: unix://, tcp:// or ssh://; else DOCKER_HOST, else docker's context
    #[arg(long, value_name = "URL")]
    pub docker_host: Option<String>,
    #[arg(long, hide = true, value_name = "KIND")]
    pub engine: Option<String>,
}

#[derive(Args)]
pub(super) struct StepArgs {
    /// Only this step, flavour or project and what it needs; may be given again
    #[arg(long, value_name = "STEP")]
    pub target: Vec<String>,
    /// Run this step, flavour or project even if it is up to date; may be given again
    #[arg(long, value_name = "STEP")]
    pub replace: Vec<String>,
}

#[derive(Args)]
pub(super) struct RunArgs {
    /// How many steps run side by side
    #[arg(long, short, value_name = "N", default_value_t = default_jobs(), value_parser = parse_jobs)]
    pub jobs: usize,
    /// Print events as JSON, one object a line
    #[arg(long)]
    pub json: bool,
    /// Also write the events as JSON to a file, whatever is printed
    #[arg(long, value_name = "FILE")]
    pub json_into: Option<PathBuf>,
    /// Also print what the steps say
    #[arg(long, short)]
    pub verbose: bool,
}

pub(super) fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

pub(super) fn parse_jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least one step has to run at a time".to_owned()),
        Ok(jobs) => Ok(jobs),
        Err(_) => Err("it is a number of steps, such as 4".to_owned()),
    }
}

impl StepArgs {
    /// Refuses a choice of steps beside a saved plan, which has made it.
    pub fn none_beside_a_plan(&self) -> Result<(), AppError> {
        if self.target.is_empty() && self.replace.is_empty() {
            return Ok(());
        }
        Err(AppError::PlanFile {
            what: "--target and --replace choose steps for a plan, and a saved plan has its steps"
                .to_owned(),
            help: "give them to `builder plan --out`; or name --config, the source and the workspace to apply a project".to_owned(),
            stale: false,
        })
    }
}

impl EngineArgs {
    pub fn engines(self) -> Engines {
        Engines {
            docker_host: self.docker_host,
            kind: self.engine,
        }
    }
}
