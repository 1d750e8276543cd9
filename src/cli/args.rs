//! What can be typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::app::{CacheChoice, Engines, Places};

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
pub(super) struct Cli {
    #[command(subcommand)]
    pub command: Command,
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
    Plan {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        engine: EngineArgs,
        #[command(flatten)]
        cache: CacheArgs,
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
        cache: CacheArgs,
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
    /// Print the JSON Schema of one of the two files
    Schema {
        /// Which file
        file: SchemaOf,
    },
}

#[derive(Subcommand)]
pub(super) enum CacheCommand {
    /// Count what is in it
    Status {
        #[command(flatten)]
        place: CachePlace,
    },
    /// Take away what is too old, then what was least recently of use, until the rest fits
    Gc {
        #[command(flatten)]
        place: CachePlace,
        /// What may stay, such as 500MB or 20GB
        #[arg(long, value_name = "SIZE", default_value = "20GB", value_parser = parse_size)]
        max_size: u64,
        /// For how long an entry of no use is kept, such as 12h or 90d
        #[arg(long, value_name = "AGE", default_value = "90d", value_parser = parse_age)]
        max_age: Duration,
    },
    /// Read everything in it, and remove what does not hold
    Verify {
        #[command(flatten)]
        place: CachePlace,
    },
}

#[derive(Args)]
pub(super) struct CachePlace {
    /// The folder of the local cache, if it is not `builder` in the user's cache folder
    #[arg(
        long,
        value_name = "DIR",
        env = "BUILDER_CACHE_DIR",
        hide_env_values = true
    )]
    pub cache_dir: Option<PathBuf>,
}

fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|character: char| !character.is_ascii_digit());
    let factor = match text[digits.len()..].trim() {
        "" | "B" => Some(1),
        "kB" | "KB" | "K" | "k" => Some(1_000),
        "MB" | "M" => Some(1_000_000),
        "GB" | "G" => Some(1_000_000_000),
        "TB" | "T" => Some(1_000_000_000_000),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        "TiB" => Some(1 << 40),
        _ => None,
    };
    let size = digits
        .parse::<u64>()
        .ok()
        .zip(factor)
        .and_then(|(count, factor)| count.checked_mul(factor));
    size.ok_or_else(|| "it is a whole number with a unit, such as 500MB or 20GiB".to_owned())
}

fn parse_age(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "it is a number with a unit, such as 12h or 90d".to_owned())
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum SchemaOf {
    /// The operator's config.yml
    Config,
    /// The project's .build.yml
    Project,
}

#[derive(Args)]
pub(super) struct Files {
    /// The operator's file, which defines the flavours
    #[arg(long, value_name = "CONFIG")]
    pub config: PathBuf,
    /// The project's file, if it is not SOURCE/.build.yml
    #[arg(long, value_name = "FILE")]
    pub build_file: Option<PathBuf>,
    /// The directory of the Python project
    pub source: PathBuf,
}

#[derive(Args)]
pub(super) struct Target {
    #[command(flatten)]
    pub files: Files,
    /// The directory for everything that is built
    pub workspace: PathBuf,
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
pub(super) struct CacheArgs {
    /// The folder of the local cache, if it is not `builder` in the user's cache folder
    #[arg(
        long,
        value_name = "DIR",
        env = "BUILDER_CACHE_DIR",
        hide_env_values = true
    )]
    pub cache_dir: Option<PathBuf>,
    /// Neither restore from caches nor keep anything there
    #[arg(long, env = "BUILDER_NO_CACHE", hide_env_values = true, value_parser = clap::builder::BoolishValueParser::new())]
    pub no_cache: bool,
}

impl CacheArgs {
    pub fn choice(self) -> CacheChoice {
        CacheChoice {
            folder: self.cache_dir,
            off: self.no_cache,
        }
    }
}

#[derive(Args)]
pub(super) struct StepArgs {
    /// Only this step or flavour and what it needs; may be given again
    #[arg(long, value_name = "STEP")]
    pub target: Vec<String>,
    /// Run this step or flavour even if it is up to date; may be given again
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
    /// Also print what the steps say
    #[arg(long, short)]
    pub verbose: bool,
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
    pub fn places(self) -> Places {
        Places {
            config: self.config,
            build_file: self.build_file,
            source: self.source,
        }
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
