//! The ignore rules: which files of a source directory are left out, and by which rule.
//!
//! Three layers, the first that says anything about a path wins:
//!
//! 1. `.builderignore`, in any directory, the deeper file first.
//! 2. `.gitignore`, the same, also where the source is no git checkout. The files of the
//!    directories above the source count up to the root of its repository, as they do for git,
//!    unless that repository ignores the source itself; those above a repository never count. The
//!    user's global excludes and `.git/info/exclude` are not read: another user, or another clone,
//!    would build something else from the same commit.
//! 3. The built-in rules ([`BUILT_IN`], and directories with a `pyvenv.cfg`). Only a `!` line of a
//!    `.builderignore` takes one of them back. In a `.gitignore`, `!*/` is the usual way to list
//!    only what is wanted, and must not bring in byte code and virtualenvs.
//!
//! `.git` is left out whatever a rule says. As with git, nothing comes back from inside a directory
//! that is left out: the directory has to come back first.
//!
//! `build/` is left out at the top of the source alone, where setuptools puts it: deeper down it
//! may be a package of that name, as `src/build` of PyPA's build is. `dist/` has no built-in rule;
//! a stale one changes no wheel.
//!
//! Known gap: git keeps a file that was added in spite of the rules. Here only the text of the
//! rules counts; `!file` in a `.builderignore` brings such a file back.

mod file;

use std::fmt;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder, Glob};

use crate::digest::{ContentHasher, Digest};
use crate::source::error::Problem;
use crate::source::index::{HAS_BUILDERIGNORE, HAS_GIT, HAS_GITIGNORE};
use crate::source::parents;
use crate::tree::RelPath;

use self::file::{RuleFile, Said};

/// The patterns that hold without any file, relative to the top of the source.
const BUILT_IN: [&str; 14] = [
    "/build/",
    // A lock is read by itself: what moves in it is an input of the steps that read it, and no change of
    // the source.
    "/pylock.toml",
    "/pylock.*.toml",
    "*.egg-info/",
    "__pycache__",
    "*.pyc",
    ".hg",
    ".svn",
    ".tox",
    ".nox",
    ".venv",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
];

/// The name of the rule that no file takes back.
const GIT: &str = ".git";

/// The name of the rule for virtualenvs, which are told by what is in them.
const VIRTUALENV: &str = "a directory with a pyvenv.cfg";

/// A rule that leaves a path out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A rule that holds without any file, by its pattern or name.
    BuiltIn(&'static str),
    /// A line of an ignore file.
    Line {
        /// The file, relative to the source, or absolute when it lies above.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// The pattern on it.
        pattern: String,
    },
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(VIRTUALENV) => write!(f, "the built-in rule for virtualenvs"),
            Self::BuiltIn(name) => write!(f, "the built-in rule `{name}`"),
            Self::Line {
                file,
                line,
                pattern,
            } => write!(f, "`{pattern}` on line {line} of {file}"),
        }
    }
}

/// Why a path is no part of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoredBy {
    /// What the rule leaves out: the path itself, or a directory above it.
    pub path: RelPath,
    /// The rule.
    pub rule: Rule,
}

impl fmt::Display for IgnoredBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is left out by {}", self.path, self.rule)
    }
}

/// Tells whether the rules hide a path of the source, and which one does.
///
/// It takes the same decisions as the scan. A path that leads through a link is hidden also when
/// what the link leads to is. Ignore files that cannot be read are the scan's to report.
pub fn why_ignored(root: &Path, path: &RelPath) -> Option<IgnoredBy> {
    let root = root.canonicalize().ok()?;
    let ignored = |path: &RelPath| {
        let mut problems = Vec::new();
        let rules = Rules::above(&root, &[], &mut problems);
        let mut rules = rules.enter(&root, ALL, &mut problems);
        for part in parents(path).chain([path.as_str()]) {
            let at = root.join(part);
            let is_dir = match fs::symlink_metadata(&at) {
                Ok(metadata) => metadata.is_dir(),
                Err(_) => part != path.as_str(),
            };
            if let Some(hidden) = rules.decide(&at, is_dir) {
                let rule = hidden.rule();
                let path = RelPath::new(part).expect("a part of a path is a path");
                return Some(IgnoredBy { path, rule });
            }
            if !is_dir {
                break;
            }
            rules = rules.enter(&at, ALL, &mut problems);
        }
        None
    };
    ignored(path).or_else(|| {
        let real = root.join(path).canonicalize().ok()?;
        let real = RelPath::new(real.strip_prefix(&root).ok()?.to_str()?).ok()?;
        (real != *path).then(|| ignored(&real)).flatten()
    })
}

/// Everything that a directory may have for the rules to look at.
const ALL: u32 = HAS_GIT | HAS_GITIGNORE | HAS_BUILDERIGNORE;

/// The domain of the digest of rules; its version is also that of the built-in ones.
const RULES_CONTEXT: &str = "builder 2026-11-23 ignore rules v1";

/// The rules that hold in a directory: its own and those of every directory above it.
#[derive(Clone)]
pub(crate) struct Rules {
    root: Arc<Path>,
    built_in: Arc<Gitignore>,
    /// The current directory, or the next one above it that adds anything.
    level: Option<Arc<Level>>,
    /// The digest of everything that decides.
    digest: Digest,
}

/// What one directory adds.
struct Level {
    above: Option<Arc<Level>>,
    /// Whether it is the root of a repository, so that no `.gitignore` above it counts.
    repository: bool,
    git: Option<RuleFile>,
    own: Option<RuleFile>,
}

impl Rules {
    /// Gathers what holds at `root`, a canonical path, before its own rules are entered.
    ///
    /// `exclude` is left out by the walk itself, and enters the digest alone.
    pub(crate) fn above(root: &Path, exclude: &[PathBuf], problems: &mut Vec<Problem>) -> Self {
        let mut builder = GitignoreBuilder::new(root);
        let mut hasher = ContentHasher::new(RULES_CONTEXT);
        for pattern in BUILT_IN {
            builder
                .add_line(None, pattern)
                .expect("the built-in patterns are patterns");
            hasher.text(pattern);
        }
        hasher.count(exclude.len());
        for path in exclude {
            hasher.bytes(path.as_os_str().as_bytes());
        }
        let none = Self {
            root: Arc::from(root),
            built_in: Arc::new(builder.build().expect("the built-in patterns are few")),
            level: None,
            digest: hasher.finish(),
        };
        let is_repository = |dir: &&Path| fs::symlink_metadata(dir.join(GIT)).is_ok();
        let Some(repository) = root.ancestors().find(is_repository) else {
            return none;
        };
        let mut between: Vec<&Path> = root
            .ancestors()
            .take_while(|dir| *dir != repository)
            .collect();
        between.reverse();
        let mut rules = none.clone();
        let mut outer = repository;
        let mut noticed = Vec::new();
        for dir in between {
            let git = RuleFile::read(root, outer, ".gitignore", &mut noticed);
            rules = rules.deeper(outer, outer == repository, git, None);
            if matches!(rules.git_says(dir, true), Some(Said::LeaveOut(_))) {
                return none;
            }
            outer = dir;
        }
        problems.append(&mut noticed);
        rules
    }

    /// Returns the rules inside a directory below, which has what `flags` of an index say.
    pub(crate) fn enter(&self, dir: &Path, flags: u32, problems: &mut Vec<Problem>) -> Self {
        let mut read = |flag, name| {
            let file = || RuleFile::read(&self.root, dir, name, problems);
            (flags & flag != 0).then(file).flatten()
        };
        let git = read(HAS_GITIGNORE, ".gitignore");
        let own = read(HAS_BUILDERIGNORE, ".builderignore");
        let repository = flags & HAS_GIT != 0 && fs::symlink_metadata(dir.join(GIT)).is_ok();
        self.deeper(dir, repository, git, own)
    }

    fn deeper(
        &self,
        dir: &Path,
        repository: bool,
        git: Option<RuleFile>,
        own: Option<RuleFile>,
    ) -> Self {
        if !repository && git.is_none() && own.is_none() {
            return self.clone();
        }
        let mut hasher = ContentHasher::new(RULES_CONTEXT);
        hasher.digest(&self.digest);
        hasher.bytes(dir.as_os_str().as_bytes());
        hasher.count(usize::from(repository));
        for file in [&git, &own] {
            hasher.count(usize::from(file.is_some()));
            hasher.text(file.as_ref().map_or("", |file| &file.text));
        }
        Self {
            digest: hasher.finish(),
            level: Some(Arc::new(Level {
                above: self.level.clone(),
                repository,
                git,
                own,
            })),
            root: Arc::clone(&self.root),
            built_in: Arc::clone(&self.built_in),
        }
    }

    /// Returns the digest of everything that decides on the names in the current directory.
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    /// The levels that add something, from the innermost one.
    fn levels(&self) -> impl Iterator<Item = &Level> {
        std::iter::successors(self.level.as_deref(), |level| level.above.as_deref())
    }

    /// Returns what leaves out an entry of the current directory, if anything does.
    pub(crate) fn decide(&self, path: &Path, is_dir: bool) -> Option<Hidden<'_>> {
        if path.file_name().is_some_and(|name| name == GIT) {
            return Some(Hidden::BuiltIn(GIT));
        }
        let said = self
            .levels()
            .filter_map(|level| level.own.as_ref())
            .find_map(|file| file.says(path, is_dir));
        match said {
            Some(Said::Keep) => return None,
            Some(Said::LeaveOut(hidden)) => return Some(hidden),
            None => {}
        }
        if let Some(Said::LeaveOut(hidden)) = self.git_says(path, is_dir) {
            return Some(hidden);
        }
        if let Match::Ignore(glob) = self.built_in.matched(path, is_dir) {
            let pattern = BUILT_IN.into_iter().find(|name| *name == glob.original());
            return pattern.map(Hidden::BuiltIn);
        }
        let virtualenv = is_dir && fs::symlink_metadata(path.join("pyvenv.cfg")).is_ok();
        virtualenv.then_some(Hidden::BuiltIn(VIRTUALENV))
    }

    /// What the `.gitignore` files say.
    fn git_says(&self, path: &Path, is_dir: bool) -> Option<Said<'_>> {
        for level in self.levels() {
            let file = level.git.as_ref();
            if let Some(said) = file.and_then(|file| file.says(path, is_dir)) {
                return Some(said);
            }
            if level.repository {
                break;
            }
        }
        None
    }
}

/// What leaves a path out, before anybody asked for its line.
pub(crate) enum Hidden<'a> {
    BuiltIn(&'static str),
    Line(&'a RuleFile, &'a Glob),
}

impl Hidden<'_> {
    /// Whether it is left out because of what is in it, and not by its name.
    pub(crate) fn is_by_content(&self) -> bool {
        matches!(self, Self::BuiltIn(VIRTUALENV))
    }

    /// Looks up the line, for a message.
    fn rule(&self) -> Rule {
        match self {
            Self::BuiltIn(name) => Rule::BuiltIn(name),
            Self::Line(file, glob) => Rule::Line {
                file: file.shown.clone(),
                line: file.line_of(glob.original()),
                pattern: glob.original().to_owned(),
            },
        }
    }
}

#[cfg(test)]
mod against_git;
#[cfg(test)]
mod tests;
