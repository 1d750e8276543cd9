//! Asks the host's git about a source.
#![expect(
    clippy::disallowed_methods,
    reason = "the version is in the repository, and git is who reads it"
)]

use std::env;
use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::ScmError;
use super::project::Describe;

/// What git says of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Checkout {
    /// The nearest tag.
    pub tag: Option<String>,
    /// Commits since the tag, or in all.
    pub distance: u64,
    /// The commit in full.
    pub commit: Option<String>,
    /// Its time in seconds since 1970.
    pub committed: Option<i64>,
    /// Its time in ISO 8601.
    pub date: Option<String>,
    /// Whether a tracked file under the source differs from the commit.
    pub dirty: bool,
    /// Whether history is cut off.
    pub shallow: bool,
}

/// Reads the repository that a source belongs to; nothing where it belongs to none.
pub(super) fn read(
    source: &Path,
    describe: &Describe,
    variable: &str,
) -> Result<Option<Checkout>, ScmError> {
    let git = Git { source, variable };
    let Some(place) = git.place()? else {
        return Ok(None);
    };
    if !place.prefix.is_empty() && !git.owns_directory()? {
        return Ok(None);
    }
    let dirty = !git
        .text(&["status", "--porcelain", "--untracked-files=no", "--", "."])?
        .is_empty();
    let Some(commit) = git.try_text(&["rev-parse", "--verify", "--quiet", "HEAD"], |_| true)?
    else {
        let nothing = Checkout {
            tag: None,
            distance: 0,
            commit: None,
            committed: None,
            date: None,
            dirty: true,
            shallow: false,
        };
        return Ok(Some(nothing));
    };
    let times = git.text(&["log", "-n", "1", "--format=%ct %cI", "HEAD"])?;
    let (seconds, date) = times.split_once(' ').unwrap_or((&times, ""));
    let (tag, distance) = match git.describe(describe)? {
        Some((tag, distance)) => (Some(tag), distance),
        None => (
            None,
            git.text(&["rev-list", "--count", "HEAD"])?
                .parse()
                .unwrap_or(0),
        ),
    };
    Ok(Some(Checkout {
        tag,
        distance,
        commit: Some(commit),
        committed: seconds.parse().ok(),
        date: Some(date.to_owned()),
        dirty,
        shallow: place.shallow,
    }))
}

pub(super) struct Git<'a> {
    /// A folder in the repository.
    pub source: &'a Path,
    /// The variable that tells the version instead, for messages.
    pub variable: &'a str,
}

/// Where a source is in its repository.
struct Place {
    shallow: bool,
    /// The path from the top of the repository; empty at the top.
    prefix: String,
}

impl Git<'_> {
    fn place(&self) -> Result<Option<Place>, ScmError> {
        let arguments = [
            "rev-parse",
            "--is-inside-work-tree",
            "--is-shallow-repository",
            "--show-prefix",
        ];
        let Some(answer) =
            self.try_text(&arguments, |stderr| stderr.contains("not a git repository"))?
        else {
            return Ok(None);
        };
        let mut lines = answer.lines();
        if lines.next() != Some("true") {
            return Ok(None);
        }
        let shallow = lines.next() == Some("true");
        Ok(Some(Place {
            shallow,
            prefix: lines.next().unwrap_or_default().to_owned(),
        }))
    }

    /// Tells whether a directory below the top is the repository's, and not merely lies in it, as an
    /// unpacked sdist or an ignored folder does: its version is not the repository's.
    fn owns_directory(&self) -> Result<bool, ScmError> {
        Ok(!self.source.join("PKG-INFO").exists()
            && !self.text(&["ls-files", "--", "."])?.is_empty())
    }

    fn describe(&self, describe: &Describe) -> Result<Option<(String, u64)>, ScmError> {
        let mut arguments = vec!["describe", "--tags", "--long", "--abbrev=40"];
        if describe.first_parent {
            arguments.push("--first-parent");
        }
        for glob in &describe.matching {
            arguments.extend(["--match", glob]);
        }
        for glob in &describe.excluding {
            arguments.extend(["--exclude", glob]);
        }
        // "No names found, cannot describe anything", "No tags can describe '...'".
        let answer = self.try_text(&arguments, |stderr| stderr.contains("describe"))?;
        // The tag may have dashes of its own: v1.0-rc1-3-g0123abc.
        Ok(answer.and_then(|answer| {
            let mut parts = answer.rsplitn(3, '-');
            let (_, distance, tag) = (parts.next()?, parts.next()?, parts.next()?);
            Some((tag.to_owned(), distance.parse().ok()?))
        }))
    }

    /// Runs git and returns what it prints.
    pub fn text(&self, arguments: &[&str]) -> Result<String, ScmError> {
        Ok(self.try_text(arguments, |_| false)?.unwrap_or_default())
    }

    /// Runs git; a failure whose words are an answer is nothing.
    pub fn try_text(
        &self,
        arguments: &[&str],
        is_answer: fn(&str) -> bool,
    ) -> Result<Option<String>, ScmError> {
        // The first line may be an empty one that means something.
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim_end().to_owned();
        Ok(self.try_bytes(arguments, is_answer)?.map(text))
    }

    /// Runs git and returns the bytes that it prints.
    pub fn bytes(&self, arguments: &[&str]) -> Result<Vec<u8>, ScmError> {
        Ok(self.try_bytes(arguments, |_| false)?.unwrap_or_default())
    }

    fn try_bytes(
        &self,
        arguments: &[&str],
        is_answer: fn(&str) -> bool,
    ) -> Result<Option<Vec<u8>>, ScmError> {
        let Some(Output {
            status,
            stdout,
            stderr,
        }) = self.run(arguments)?
        else {
            return Ok(None);
        };
        if status.success() {
            return Ok(Some(stdout));
        }
        let stderr = String::from_utf8_lossy(&stderr);
        if stderr.contains("dubious ownership") {
            return Err(ScmError::Ownership {
                path: self.source.to_owned(),
            });
        }
        if is_answer(&stderr) {
            return Ok(None);
        }
        Err(ScmError::Git {
            command: arguments.join(" "),
            path: self.source.to_owned(),
            message: stderr.trim().to_owned(),
        })
    }

    /// Runs git; nothing where there is neither git nor a repository.
    fn run(&self, arguments: &[&str]) -> Result<Option<Output>, ScmError> {
        let mut command = Command::new("git");
        // A hook's or a user's GIT_DIR would answer for another repository.
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("GIT_") {
                command.env_remove(name);
            }
        }
        // No pager, no prompt, nothing written or fetched, messages that can be read, and no program that
        // the repository's configuration names.
        let output = command
            .env("LC_ALL", "C")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_NO_LAZY_FETCH", "1")
            .args([
                "--no-pager",
                "-c",
                "core.fsmonitor=false",
                "-c",
                "log.showSignature=false",
                "-C",
            ])
            .arg(self.source)
            .args(arguments)
            .stdin(Stdio::null())
            .output();
        match output {
            Ok(output) => Ok(Some(output)),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                if self.has_repository() {
                    let (path, variable) = (self.source.to_owned(), self.variable.to_owned());
                    return Err(ScmError::NoGit { path, variable });
                }
                Ok(None)
            }
            Err(cause) => Err(ScmError::Start { cause }),
        }
    }

    /// Looks for a repository without git's help.
    fn has_repository(&self) -> bool {
        let top = self.source.join(".git").exists();
        let sdist = self.source.join("PKG-INFO").exists();
        top || !sdist
            && self
                .source
                .ancestors()
                .skip(1)
                .any(|folder| folder.join(".git").exists())
    }
}
