//! One ignore file: read, and asked for what it says of a path.

use std::fs;
use std::path::Path;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::Hidden;
use crate::source::error::Problem;

/// What a file that has a pattern for a path says.
pub(super) enum Said<'a> {
    Keep,
    LeaveOut(Hidden<'a>),
}

/// One ignore file.
pub(crate) struct RuleFile {
    /// Its name in messages.
    pub(super) shown: String,
    /// Its text, in which the line of a pattern is looked up when somebody asks.
    pub(super) text: String,
    matcher: Gitignore,
}

impl RuleFile {
    /// Reads an ignore file; `None` where there is none, or where it has no pattern.
    ///
    /// A line of a `.gitignore` that is no pattern matches nothing, as with git; one of a
    /// `.builderignore` is a problem. Git does not follow a link in the place of a `.gitignore`
    /// either.
    pub(super) fn read(
        root: &Path,
        dir: &Path,
        name: &str,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
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

    pub(super) fn says(&self, path: &Path, is_dir: bool) -> Option<Said<'_>> {
        match self.matcher.matched(path, is_dir) {
            Match::None => None,
            Match::Whitelist(_) => Some(Said::Keep),
            Match::Ignore(glob) => Some(Said::LeaveOut(Hidden::Line(self, glob))),
        }
    }

    /// Returns the last line with a pattern, since of two that match the last decides.
    pub(super) fn line_of(&self, pattern: &str) -> usize {
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
