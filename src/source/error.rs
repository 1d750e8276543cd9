//! What goes wrong with a source directory and its copy.

use std::io;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

/// Why a source cannot be scanned or copied.
#[derive(Debug, Error, Diagnostic)]
pub enum SourceError {
    /// The source holds what no copy can have; all of it is listed.
    #[error("{} in {} cannot be copied", counted(problems.len()), root.display())]
    #[diagnostic(code(builder::source::problems))]
    Problems {
        /// The source directory.
        root: PathBuf,
        /// Everything that stands in the way, in path order.
        #[related]
        problems: Vec<Problem>,
    },
    /// The disk refused something.
    #[error("could not {verb} {}: {cause}", path.display())]
    #[diagnostic(code(builder::source::io))]
    Io {
        /// What was tried, as a verb.
        verb: &'static str,
        /// What it was tried on.
        path: PathBuf,
        /// What the attempt met.
        cause: io::Error,
    },
    /// A file is not what it was when the plan was made.
    #[error("{path} changed while it was copied")]
    #[diagnostic(
        code(builder::source::changed),
        help(
            "run builder again when nothing writes to the source, or name the file in \
             .builderignore if it is no part of the project"
        )
    )]
    ChangedWhileCopied {
        /// The path inside the source.
        path: String,
    },
    /// There is no source.
    #[error("the source {} does not exist", path.display())]
    #[diagnostic(
        code(builder::source::missing),
        help("SOURCE is the directory that holds the project's setup.py or pyproject.toml")
    )]
    Missing {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The source is not a directory.
    #[error("the {what} {} is not a directory", path.display())]
    #[diagnostic(
        code(builder::source::not_a_directory),
        help("give a directory, not a file or an archive")
    )]
    NotADirectory {
        /// `source` or `workspace`.
        what: &'static str,
        /// The path as it was given.
        path: PathBuf,
    },
    /// Source and workspace are one directory.
    #[error("the workspace is the source directory itself: {}", path.display())]
    #[diagnostic(
        code(builder::source::same_directory),
        help("give the workspace a directory of its own; it is made when it does not exist")
    )]
    SameDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// The source lies where `builder` writes and removes.
    #[error(
        "the source {} lies in {}, which builder overwrites",
        source_dir.display(),
        owned.display()
    )]
    #[diagnostic(
        code(builder::source::inside_workspace),
        help("build from the project's own directory, or choose another workspace")
    )]
    InsideWorkspace {
        /// The source directory.
        source_dir: PathBuf,
        /// The part of the workspace that belongs to `builder`.
        owned: PathBuf,
    },
    /// The workspace is a directory of the project, whose files would be left out.
    #[error(
        "the workspace {} lies inside the source and holds files that builder did not make",
        workspace.display()
    )]
    #[diagnostic(
        code(builder::source::workspace_has_files),
        help(
            "a workspace inside the source is left out of the build with everything in it; \
             choose a new directory, or one outside of the source"
        )
    )]
    WorkspaceHasFiles {
        /// The workspace.
        workspace: PathBuf,
    },
}

impl SourceError {
    /// Returns a closure that names the verb and the path of an IO error.
    pub(crate) fn io(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::Io {
            verb,
            path: path.to_owned(),
            cause,
        }
    }
}

/// One thing in a source that cannot be copied.
#[derive(Clone, Debug, PartialEq, Eq, Error, Diagnostic)]
pub enum Problem {
    /// A link that leads out of the source.
    #[error("the link {path} leads out of the source: {target}")]
    #[diagnostic(
        code(builder::source::link_leaves),
        help("copy what it points to into the source, or name the link in .builderignore")
    )]
    LinkLeaves {
        /// The link.
        path: String,
        /// Its target, as it is written in the link.
        target: String,
    },
    /// A link with an absolute target, which means another file in the copy or none.
    #[error("the link {path} has an absolute target: {target}")]
    #[diagnostic(
        code(builder::source::link_absolute),
        help(
            "make the link relative (ln -sr), copy what it points to into the source, or name \
             the link in .builderignore"
        )
    )]
    LinkAbsolute {
        /// The link.
        path: String,
        /// Its target, as it is written in the link.
        target: String,
    },
    /// A link whose target is not UTF-8 or holds a control character.
    #[error("the target of the link {path} {why}: {target}")]
    #[diagnostic(
        code(builder::source::link_target),
        help("rename what it points to, or name the link in .builderignore")
    )]
    LinkTarget {
        /// The link.
        path: String,
        /// Its target, escaped.
        target: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A name that is not UTF-8 or holds a control character.
    #[error("the name {path} {why}")]
    #[diagnostic(
        code(builder::source::name),
        help("rename it, or name it or its directory in .builderignore")
    )]
    Name {
        /// The path, escaped.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A FIFO, socket or device.
    #[error("{path} is {kind}")]
    #[diagnostic(
        code(builder::source::special),
        help("remove it, or name it in .builderignore")
    )]
    Special {
        /// The path.
        path: String,
        /// What it is, with its article.
        kind: &'static str,
    },
    /// A file or directory that cannot be read.
    #[error("could not read {path}: {cause}")]
    #[diagnostic(
        code(builder::source::unreadable),
        help("make it readable, or name it in .builderignore")
    )]
    Unreadable {
        /// The path.
        path: String,
        /// What the attempt met.
        cause: String,
    },
    /// A line of a `.builderignore` that is no pattern.
    #[error("line {line} of {file} is not a pattern: {cause}")]
    #[diagnostic(
        code(builder::source::pattern),
        help("a pattern is written as in a .gitignore; a `[` is closed by a `]`")
    )]
    Pattern {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        cause: String,
    },
}

impl Problem {
    /// Returns the path that the problem is about.
    pub fn place(&self) -> &str {
        match self {
            Self::LinkLeaves { path, .. }
            | Self::LinkAbsolute { path, .. }
            | Self::LinkTarget { path, .. }
            | Self::Name { path, .. }
            | Self::Special { path, .. }
            | Self::Unreadable { path, .. } => path,
            Self::Pattern { file, .. } => file,
        }
    }
}

fn counted(count: usize) -> String {
    match count {
        1 => "one thing".to_owned(),
        count => format!("{count} things"),
    }
}
