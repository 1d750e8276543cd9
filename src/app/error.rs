//! What ends a command, and the status that it exits with.

use std::io;
use std::path::PathBuf;

use crate::cache::CacheError;
use crate::config::ConfigErrors;
use crate::engine::EngineError;
use crate::lock::LockError;
use crate::plan::{Action, Moved, Plan, Reason};
use crate::scm::ScmError;
use crate::source::SourceError;
use crate::template::TemplateError;
use crate::workspace::WorkspaceError;

/// The status of a command, as README.md lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// A step failed.
    Failed = 1,
    /// `plan --detailed-exitcode` found changes.
    Changes = 2,
    /// The configuration or the command line is wrong.
    Usage = 3,
    /// The engine cannot be reached.
    Unreachable = 4,
    /// A saved plan is stale, or was applied already.
    Stale = 5,
    /// The workspace is locked.
    Locked = 6,
    /// The run was interrupted.
    Interrupted = 130,
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum AppError {
    /// The two files have mistakes.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Config(#[from] Box<ConfigErrors>),
    /// The source cannot be read, or lies where it must not.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Source(#[from] SourceError),
    /// The cache that was asked for cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Cache(#[from] CacheError),
    /// The workspace cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Workspace(#[from] WorkspaceError),
    /// The engine did not do what was asked.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Engine(#[from] EngineError),
    /// A dockerfile template is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Template(#[from] Box<TemplateError>),
    /// The version could not be taken from git.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Scm(#[from] ScmError),
    /// A file that the command line names cannot be read.
    #[error("could not read {}: {cause}", path.display())]
    #[diagnostic(code(builder::usage::unreadable))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the attempt met.
        cause: io::Error,
        /// What to do.
        #[help]
        help: String,
    },
    /// A step is named that there is not.
    #[error("there is no step `{name}`")]
    #[diagnostic(code(builder::usage::step))]
    UnknownStep {
        /// The name as it was given.
        name: String,
        /// The steps that there are.
        #[help]
        help: String,
    },
    /// The projects that are named do not go together.
    #[error("{}", problems.join("; "))]
    #[diagnostic(code(builder::usage::projects))]
    Projects {
        /// What is wrong, a sentence each; never empty.
        problems: Vec<String>,
        /// What to do.
        #[help]
        help: String,
    },
    /// The environment of the caller does not fit.
    #[error("{what}")]
    #[diagnostic(code(builder::usage::environment))]
    Environment {
        /// What is wrong.
        what: String,
        /// What to do.
        #[help]
        help: String,
    },
    /// A pip file includes a file that the source does not have.
    #[error("{file} includes {included}, {why}")]
    #[diagnostic(
        code(builder::usage::include),
        help(
            "what a requirements or constraints file includes has to be part of the source, and not be ignored"
        )
    )]
    Include {
        /// The including file.
        file: String,
        /// What it includes, as it is written there.
        included: String,
        /// What is wrong with that.
        why: String,
    },
    /// A lock file has mistakes.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Lock(#[from] Box<LockError>),
    /// There is nothing that could be locked.
    #[error("{what}")]
    #[diagnostic(code(builder::usage::lock))]
    NotLockable {
        /// Why not.
        what: String,
        /// What to do.
        #[help]
        help: String,
    },
    /// A lock file could not be written.
    #[error("could not write {}: {cause}", path.display())]
    #[diagnostic(
        code(builder::lock::write),
        help("a lock stands beside the project's file")
    )]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the attempt met.
        cause: io::Error,
    },
    /// A saved plan cannot be read or written.
    #[error("{what}")]
    #[diagnostic(code(builder::plan::file))]
    PlanFile {
        /// What is wrong.
        what: String,
        /// What to do.
        #[help]
        help: String,
        /// Whether it is a plan, and only of another version.
        stale: bool,
    },
    /// What a saved plan stands on is not as it was.
    #[error("the plan {} is stale, and nothing was run: {}", path.display(), match moved.len() { 1 => "an input moved".to_owned(), count => format!("{count} inputs moved") })]
    #[diagnostic(code(builder::plan::stale), help("look at what moved, and plan again"))]
    Stale {
        /// The file of the plan.
        path: PathBuf,
        /// What moved; never empty.
        moved: Vec<Moved>,
    },
    /// A saved plan was applied already.
    #[error("the plan {} was applied already, by the run {run}, which began at {at}", path.display())]
    #[diagnostic(
        code(builder::plan::applied),
        help("a saved plan is applied once, also where a step of it failed: plan again")
    )]
    Applied {
        /// The file of the plan.
        path: PathBuf,
        /// The run.
        run: String,
        /// When it began.
        at: String,
    },
    /// There are changes where none may be.
    #[error("there are changes, and --assert-no-changes allows none")]
    #[diagnostic(
        code(builder::plan::changes),
        help("the plan says why each step is in it; nothing was run")
    )]
    Changes {
        /// Each step with its first reason.
        steps: Vec<String>,
    },
    /// There is no such run.
    #[error("no run is called `{name}`")]
    #[diagnostic(code(builder::usage::run))]
    UnknownRun {
        /// What was asked for.
        name: String,
        /// Which there are.
        #[help]
        help: String,
    },
    /// Nobody approved the plan.
    #[error("the plan was not approved: nobody can answer here")]
    #[diagnostic(
        code(builder::usage::approval),
        help("give --auto-approve, or run it on a terminal")
    )]
    NotApproved,
}

impl From<ConfigErrors> for AppError {
    fn from(errors: ConfigErrors) -> Self {
        Self::Config(Box::new(errors))
    }
}

impl AppError {
    /// Makes the error of a plan that has changes where none may be.
    pub(super) fn changes(plan: &Plan) -> Self {
        let changes = plan
            .changes
            .iter()
            .filter(|change| change.action != Action::Reuse);
        let steps = changes.map(|change| {
            let reason = change.reasons.first().map(Reason::to_string);
            format!("{}: {}", change.address, reason.unwrap_or_default())
        });
        Self::Changes {
            steps: steps.collect(),
        }
    }

    /// Returns the status that this error ends the command with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config(_)
            | Self::Source(_)
            | Self::Template(_)
            | Self::Scm(_)
            | Self::Unreadable { .. }
            | Self::UnknownStep { .. }
            | Self::Environment { .. }
            | Self::Projects { .. }
            | Self::Include { .. }
            | Self::Lock(_)
            | Self::NotLockable { .. }
            | Self::PlanFile { stale: false, .. }
            | Self::Cache(_)
            | Self::UnknownRun { .. }
            | Self::NotApproved => Exit::Usage,
            Self::PlanFile { stale: true, .. } | Self::Stale { .. } | Self::Applied { .. } => {
                Exit::Stale
            }
            Self::Changes { .. } => Exit::Failed,
            Self::Workspace(WorkspaceError::Locked { .. }) => Exit::Locked,
            Self::Workspace(_) | Self::Unwritable { .. } => Exit::Failed,
            Self::Engine(EngineError::Unreachable { .. }) => Exit::Unreachable,
            Self::Engine(EngineError::Endpoint { .. }) => Exit::Usage,
            Self::Engine(EngineError::Interrupted) => Exit::Interrupted,
            Self::Engine(_) => Exit::Failed,
        }
    }
}
