//! Why a step failed, in words.

use miette::Diagnostic;

use crate::archive::ArchiveError;
use crate::cache::CacheError;
use crate::engine::EngineError;
use crate::source::SourceError;
use crate::workspace::WorkspaceError;

/// Why a step failed.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum StepError {
    /// The engine could not do it.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Engine(#[from] EngineError),
    /// The source could not be copied.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Source(#[from] SourceError),
    /// The workspace could not be written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Workspace(#[from] WorkspaceError),
    /// What was to come from a cache, or to go into it.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Cache(#[from] CacheError),
    /// What came out of a container was refused.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Archive(#[from] ArchiveError),
    /// A command ended with another status than 0.
    #[error("`{command}` ended with status {status}{}", if *out_of_memory { ": the machine ran out of memory" } else { "" })]
    #[diagnostic(code(builder::step::command))]
    Command {
        /// The command as a shell would take it.
        command: String,
        /// Its status.
        status: i64,
        /// Whether the kernel ended it for want of memory.
        out_of_memory: bool,
    },
    /// A dependency could not be compiled.
    #[error("{package} could not be built: `{command}` ended with status {status}{}", if *out_of_memory { ": the machine ran out of memory" } else { "" })]
    #[diagnostic(
        code(builder::step::compile),
        help(
            "its lines in the log begin with its name; what it needs to compile goes into `dependencies: build`"
        )
    )]
    Compile {
        /// The distribution with its version.
        package: String,
        /// The command as a shell would take it.
        command: String,
        /// Its status.
        status: i64,
        /// Whether the kernel ended it for want of memory.
        out_of_memory: bool,
    },
    /// The base image breaks its contract.
    #[error("the base image {image} breaks {}: {}", if promises.len() == 1 { "a promise" } else { "promises" }, promises.join("; "))]
    #[diagnostic(
        code(builder::step::base),
        help(
            "a base image promises that `python` runs Python, that `pip` installs onto PATH, and that `$PKG_INSTALL a b` installs distribution packages; docker/README.md has examples"
        )
    )]
    Promises {
        /// The image's name.
        image: String,
        /// What is broken.
        promises: Vec<String>,
    },
    /// The base image is not what it was when the plan was made.
    #[error("the base image {image} was {planned} when the plan was made and is {found} now")]
    #[diagnostic(code(builder::step::moved), help("plan again"))]
    Moved {
        /// The image's name.
        image: String,
        /// The id in the plan.
        planned: String,
        /// The id found now.
        found: String,
    },
    /// What was installed is not fit for a package or an image.
    #[error("the virtual environment is not fit for use: {}", problems.join("; "))]
    #[diagnostic(
        code(builder::step::venv),
        help(
            "a build path in a file comes from the project's or a dependency's build; an interpreter that no package owns from the base image"
        )
    )]
    Unfit {
        /// What is wrong, one sentence each.
        problems: Vec<String>,
    },
    /// The check found something.
    #[error("the check failed: {}", problems.join("; "))]
    #[diagnostic(
        code(builder::step::check),
        help(
            "what was made is in its place and unchecked; the log has each command with what it said"
        )
    )]
    Check {
        /// What failed, one sentence each.
        problems: Vec<String>,
    },
    /// The package could not be written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Package(#[from] crate::package::PackageError),
    /// The runtime image's settings do not fit the project.
    #[error("{what}")]
    #[diagnostic(code(builder::step::image))]
    Image {
        /// What is wrong.
        what: String,
        /// What to do.
        #[help]
        help: String,
    },
    /// The lock does not fit.
    #[error("{what}")]
    #[diagnostic(code(builder::step::lock))]
    Lock {
        /// What does not fit.
        what: String,
        /// What to do.
        #[help]
        help: String,
    },
    /// What the run left in its wheelhouse is not what it should be.
    #[error("{what}")]
    #[diagnostic(code(builder::step::wheelhouse))]
    Wheelhouse {
        /// What is wrong with it.
        what: String,
        /// What to do.
        #[help]
        help: String,
    },
    /// A panic: a bug of `builder`.
    #[error("builder met a bug of its own: {0}")]
    #[diagnostic(code(builder::bug))]
    Bug(String),
}

impl StepError {
    /// Tells whether the step was stopped, and did not fail by itself.
    pub fn is_interrupted(&self) -> bool {
        matches!(self, Self::Engine(EngineError::Interrupted))
    }
}
