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

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder, Glob};

use crate::source::error::Problem;
use crate::source::parents;
use crate::tree::RelPath;

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
        let mut rules = Rules::above(&root, &mut problems);
        rules.enter(&root, &mut problems);
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
            rules.enter(&at, &mut problems);
        }
        None
    };
    ignored(path).or_else(|| {
        let real = root.join(path).canonicalize().ok()?;
        let real = RelPath::new(real.strip_prefix(&root).ok()?.to_str()?).ok()?;
        (real != *path).then(|| ignored(&real)).flatten()
    })
}

/// The rules that hold in a directory: its own and those of every directory above it.
pub(crate) struct Rules {
    root: PathBuf,
    built_in: Gitignore,
    /// From the outermost directory to the current one.
    levels: Vec<Level>,
}

/// What one directory adds.
struct Level {
    /// Whether it is the root of a repository, so that no `.gitignore` above it counts.
    repository: bool,
    git: Option<RuleFile>,
    own: Option<RuleFile>,
}

impl Rules {
    /// Gathers what holds at `root`, a canonical path, before its own rules are entered.
    pub(crate) fn above(root: &Path, problems: &mut Vec<Problem>) -> Self {
        let mut builder = GitignoreBuilder::new(root);
        for pattern in BUILT_IN {
            builder
                .add_line(None, pattern)
                .expect("the built-in patterns are patterns");
        }
        let mut rules = Self {
            root: root.to_owned(),
            built_in: builder.build().expect("the built-in patterns are few"),
            levels: Vec::new(),
        };
        let is_repository = |dir: &&Path| fs::symlink_metadata(dir.join(GIT)).is_ok();
        let Some(repository) = root.ancestors().find(is_repository) else {
            return rules;
        };
        let mut between: Vec<&Path> = root
            .ancestors()
            .take_while(|dir| *dir != repository)
            .collect();
        between.reverse();
        let mut outer = repository;
        let mut noticed = Vec::new();
        for dir in between {
            rules.levels.push(Level {
                repository: outer == repository,
                git: RuleFile::read(root, outer, ".gitignore", &mut noticed),
                own: None,
            });
            if matches!(rules.git_says(dir, true), Some(Said::LeaveOut(_))) {
                rules.levels.clear();
                return rules;
            }
            outer = dir;
        }
        problems.append(&mut noticed);
        rules
    }

    /// Adds the rules of a directory below those entered so far.
    pub(crate) fn enter(&mut self, dir: &Path, problems: &mut Vec<Problem>) {
        let level = Level {
            repository: fs::symlink_metadata(dir.join(GIT)).is_ok(),
            git: RuleFile::read(&self.root, dir, ".gitignore", problems),
            own: RuleFile::read(&self.root, dir, ".builderignore", problems),
        };
        self.levels.push(level);
    }

    /// Takes back the last [`Rules::enter`].
    pub(crate) fn leave(&mut self) {
        self.levels.pop();
    }

    /// Returns what leaves out an entry of the current directory, if anything does.
    pub(crate) fn decide(&self, path: &Path, is_dir: bool) -> Option<Hidden<'_>> {
        if path.file_name().is_some_and(|name| name == GIT) {
            return Some(Hidden::BuiltIn(GIT));
        }
        let own = self.levels.iter().rev();
        let said = own
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
        for level in self.levels.iter().rev() {
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

/// What a file that has a pattern for a path says.
enum Said<'a> {
    Keep,
    LeaveOut(Hidden<'a>),
}

/// What leaves a path out, before anybody asked for its line.
pub(crate) enum Hidden<'a> {
    BuiltIn(&'static str),
    Line(&'a RuleFile, &'a Glob),
}

impl Hidden<'_> {
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

/// One ignore file.
pub(crate) struct RuleFile {
    /// Its name in messages.
    shown: String,
    /// Its text, in which the line of a pattern is looked up when somebody asks.
    text: String,
    matcher: Gitignore,
}

impl RuleFile {
    /// Reads an ignore file; `None` where there is none, or where it has no pattern.
    ///
    /// A line of a `.gitignore` that is no pattern matches nothing, as with git; one of a
    /// `.builderignore` is a problem. Git does not follow a link in the place of a `.gitignore`
    /// either.
    fn read(root: &Path, dir: &Path, name: &str, problems: &mut Vec<Problem>) -> Option<Self> {
        let path = dir.join(name);
        let own = name == ".builderignore";
        let metadata = if own {
            fs::metadata(&path)
        } else {
            fs::symlink_metadata(&path)
        };
        if !metadata.is_ok_and(|metadata| metadata.is_file()) {
            return None;
        }
        let shown = path.strip_prefix(root).unwrap_or(&path);
        let shown = shown.display().to_string();
        let unreadable = |cause: String| Problem::Unreadable {
            path: shown.clone(),
            cause,
        };
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => {
                problems.push(unreadable(error.to_string()));
                return None;
            }
        };
        let text = text.trim_start_matches('\u{feff}').to_owned();
        let mut builder = GitignoreBuilder::new(dir);
        for (index, line) in text.lines().enumerate() {
            if let Err(error) = builder.add_line(None, trimmed(line))
                && own
            {
                problems.push(Problem::Pattern {
                    file: shown.clone(),
                    line: index + 1,
                    cause: error.to_string(),
                });
            }
        }
        match builder.build() {
            Ok(matcher) if matcher.is_empty() => None,
            Ok(matcher) => Some(Self {
                shown,
                text,
                matcher,
            }),
            Err(error) => {
                problems.push(unreadable(error.to_string()));
                None
            }
        }
    }

    fn says(&self, path: &Path, is_dir: bool) -> Option<Said<'_>> {
        match self.matcher.matched(path, is_dir) {
            Match::None => None,
            Match::Whitelist(_) => Some(Said::Keep),
            Match::Ignore(glob) => Some(Said::LeaveOut(Hidden::Line(self, glob))),
        }
    }

    /// Returns the last line with a pattern, since of two that match the last decides.
    fn line_of(&self, pattern: &str) -> usize {
        let lines = self.text.lines().enumerate();
        lines
            .filter(|(_, line)| trimmed(line).trim_end() == pattern.trim_end())
            .last()
            .map_or(1, |(index, _)| index + 1)
    }
}

/// Drops the spaces at a line's end that do not count: those behind an escaped one, too.
fn trimmed(line: &str) -> &str {
    let bare = line.trim_end_matches(' ');
    let backslashes = bare.len() - bare.trim_end_matches('\\').len();
    let escaped = backslashes % 2 == 1 && bare.len() < line.len();
    &line[..bare.len() + usize::from(escaped)]
}

#[cfg(test)]
mod against_git;
#[cfg(test)]
mod tests;
