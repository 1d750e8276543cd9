//! The version of a project whose version is in git: found on the host, handed in to the build.
//!
//! `.git` is no input of a build: it is large, it changes when nothing that is built does, and a part of
//! it gives a *wrong* version without a word. So the version is computed where the repository is, and the
//! build is told. In a build without `.git` the tools of this family miss two things:
//!
//! 1. the version, which every tool takes in its own way ([`ScmVersion::environment`] and
//!    [`ScmVersion::files`]);
//! 2. for setuptools-scm, the list of files: it is what puts data files into a wheel that no
//!    `MANIFEST.in` names. With the version alone they are left out, silently. `.git_archival.txt`, the
//!    file by which `git archive` tells both, makes it take the files that are there, which are those that
//!    were copied. It also tells the version, by which a project whose scheme is its own code is built.
//!
//! What is computed is what the tool's current release computes, save for one thing: an uncommitted change
//! is marked `.dirty`, and not with today's date, so that the same input gives the same bytes tomorrow.
//!
//! ```text
//! detect(pyproject.toml, setup.cfg, setup.py)  ->  ScmProject       pure
//! version(source, &project)                    ->  ScmVersion       runs git
//! version.environment(..), version.files(..)   ->  what the wheel run gets, and what enters its key
//! ```

mod changes;
mod detect;
mod git;
mod handover;
mod options;
mod project;
mod scheme;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

pub use changes::changes_since;
pub use detect::detect;
pub use project::{ScmBackend, ScmProject};

use git::Checkout;

/// What git says of a source, and the version that this makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScmVersion {
    /// The version, normalised (PEP 440); nothing where only the project's own tool can compute it.
    pub version: Option<String>,
    /// The tag that it counts from, as it is written in the repository.
    pub tag: Option<String>,
    /// How many commits there are since the tag, or in all where there is no tag.
    pub distance: u64,
    /// The commit, in full; nothing in a repository without commits.
    pub commit: Option<String>,
    /// When the commit was made, in seconds since 1970.
    pub committed: Option<i64>,
    /// Whether a tracked file of the source differs from the commit.
    pub dirty: bool,
    /// What the user should know about the version.
    pub warnings: Vec<ScmWarning>,
    /// The time of the commit in ISO 8601, as `git archive` writes it.
    date: Option<String>,
}

/// Why a version may not be the one that is meant; the build goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum ScmWarning {
    /// History is cut off, so tags and commits are missing from the count.
    #[error("`{}` is a shallow clone, so its version counts only what was fetched", path.display())]
    #[diagnostic(
        code(builder::scm::shallow),
        severity(Warning),
        help("fetch the rest with `git fetch --unshallow --tags`")
    )]
    Shallow {
        /// The source.
        path: PathBuf,
    },
    /// Something uncommitted is built, and the version does not tell.
    #[error("the source has uncommitted changes, which its version will not show")]
    #[diagnostic(
        code(builder::scm::unmarked),
        severity(Warning),
        help("`{setting}` leaves the version to {backend}, which sees only the commit")
    )]
    Unmarked {
        /// The tool.
        backend: ScmBackend,
        /// The setting.
        setting: String,
    },
    /// The tool hears of no version but from git.
    #[error("{backend} takes the version from git alone, and a build has no git")]
    #[diagnostic(
        code(builder::scm::deaf),
        severity(Warning),
        help("the version will be `0+unknown`; build from the sdist, or move to setuptools-scm")
    )]
    Deaf {
        /// The tool.
        backend: ScmBackend,
    },
}

/// Why there is no version.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ScmError {
    /// There is a repository and no program to ask.
    #[error("the version of `{}` comes from git, and there is no `git` on this machine", path.display())]
    #[diagnostic(
        code(builder::scm::no_git),
        help("install git, or set `{variable}` in the flavour's `build_environment`")
    )]
    NoGit {
        /// The source.
        path: PathBuf,
        /// The variable that tells the version instead.
        variable: String,
    },
    /// Git does not trust the repository's owner.
    #[error("git refuses `{}`, because another user owns it", path.display())]
    #[diagnostic(
        code(builder::scm::ownership),
        help("trust it with `git config --global --add safe.directory {}`", path.display())
    )]
    Ownership {
        /// The source.
        path: PathBuf,
    },
    /// Git could not be started.
    #[error("could not start `git`: {cause}")]
    #[diagnostic(code(builder::scm::start), help("`git --version` should answer"))]
    Start {
        /// What the attempt met.
        cause: io::Error,
    },
    /// Git failed.
    #[error("`git {command}` failed in `{}`: {message}", path.display())]
    #[diagnostic(code(builder::scm::git), help("run it there by hand"))]
    Git {
        /// Its arguments.
        command: String,
        /// Where it ran.
        path: PathBuf,
        /// What it said.
        message: String,
    },
    /// There is no repository to ask what changed.
    #[error("`{}` is in no git repository", path.display())]
    #[diagnostic(
        code(builder::scm::no_repository),
        help("--changed-since asks git what changed: leave it out, or run it in a clone")
    )]
    NoRepository {
        /// The folder.
        path: PathBuf,
    },
    /// A revision is not known, or has no history in common with the current commit.
    #[error("`{revision}` is no revision that `HEAD` has a common history with in `{}`", path.display())]
    #[diagnostic(
        code(builder::scm::revision),
        help(
            "{}",
            match shallow {
                true => "the clone is shallow: `git fetch --deepen=100`, or `git fetch --unshallow` brings more of its history",
                false => "name a commit, a tag or a branch that is there, such as origin/main: `git fetch` brings it",
            }
        )
    )]
    Revision {
        /// What was asked for.
        revision: String,
        /// The repository.
        path: PathBuf,
        /// Whether history is cut off.
        shallow: bool,
    },
    /// The nearest tag is not a version.
    #[error("the tag `{tag}` is not a version that {backend} understands")]
    #[diagnostic(
        code(builder::scm::tag),
        help("tag a commit as `v1.2.3`, or set `{variable}` in the flavour's `build_environment`")
    )]
    Tag {
        /// The tag.
        tag: String,
        /// The tool.
        backend: ScmBackend,
        /// The variable that tells the version instead.
        variable: String,
    },
    /// There is no version after the tag's.
    #[error("{backend} knows no version that follows the tag `{tag}`")]
    #[diagnostic(
        code(builder::scm::next),
        help("tag a later commit with a release, a pre-release or a `.dev0`")
    )]
    Next {
        /// The tag.
        tag: String,
        /// The tool.
        backend: ScmBackend,
    },
    /// A tool without a version for the first commits.
    #[error("{backend} needs a tag to count from, and `{}` has none", path.display())]
    #[diagnostic(
        code(builder::scm::no_tag),
        help("tag a commit, for example with `git tag v0.1.0`")
    )]
    NoTag {
        /// The source.
        path: PathBuf,
        /// The tool.
        backend: ScmBackend,
    },
    /// A scheme that is not known here, of a tool that would have to be told its result.
    #[error("`{setting}` makes a version that only {backend} itself can compute")]
    #[diagnostic(
        code(builder::scm::setting),
        help("{}", backend.way_out())
    )]
    Setting {
        /// The tool.
        backend: ScmBackend,
        /// The setting.
        setting: String,
    },
}

/// Asks git for the version of the project in `source`.
///
/// Returns nothing where `source` belongs to no repository: an unpacked sdist carries its version in
/// `PKG-INFO`, also when it lies in the repository of something else.
///
/// Only a tracked file under `source` makes the version dirty, as the tools themselves ignore what is
/// untracked and as what is beside `source` is not built.
pub fn version(source: &Path, project: &ScmProject) -> Result<Option<ScmVersion>, ScmError> {
    let Some(checkout) = git::read(source, &project.settings.describe, &project.variable())? else {
        return Ok(None);
    };
    let version = scheme::version(source, project, &checkout)?;
    let warnings = warnings(source, project, &checkout, version.is_some());
    let Checkout {
        tag,
        distance,
        commit,
        committed,
        date,
        dirty,
        shallow: _,
    } = checkout;
    Ok(Some(ScmVersion {
        version,
        tag,
        distance,
        commit,
        committed,
        dirty,
        warnings,
        date,
    }))
}

fn warnings(
    source: &Path,
    project: &ScmProject,
    checkout: &Checkout,
    known: bool,
) -> Vec<ScmWarning> {
    let backend = project.backend;
    if project.settings.listing_only {
        return Vec::new();
    }
    if backend == ScmBackend::Versioneer {
        return vec![ScmWarning::Deaf { backend }];
    }
    let mut warnings = Vec::new();
    if checkout.shallow && (checkout.tag.is_none() || checkout.distance > 0) {
        warnings.push(ScmWarning::Shallow {
            path: source.to_owned(),
        });
    }
    if let (true, false, Some(setting)) = (checkout.dirty, known, &project.settings.foreign) {
        warnings.push(ScmWarning::Unmarked {
            backend,
            setting: setting.clone(),
        });
    }
    warnings
}
