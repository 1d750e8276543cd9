//! The files that the configuration names, looked up on disk.
#![expect(clippy::disallowed_methods, reason = "the files are on disk")]

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use crate::config::{FileProblem, FoundFile, Lookup};
use crate::source::{self, Rule};
use crate::tree::RelPath;

/// The files that the configuration names, on disk.
pub(super) struct Disk {
    /// The folder of `config.yml`.
    pub operator: PathBuf,
    /// The source.
    pub project: PathBuf,
}

impl Lookup for Disk {
    fn operator_file(&self, path: &str) -> Result<FoundFile, FileProblem> {
        let path = self.operator.join(path);
        match fs::metadata(&path) {
            Ok(metadata) if !metadata.is_file() => return Err(FileProblem::NotAFile),
            Ok(_) => {}
            Err(error) => return Err(problem(&error)),
        }
        let bytes = fs::read(&path).map_err(|error| problem(&error))?;
        let path = std::path::absolute(&path).unwrap_or(path);
        Ok(FoundFile { path, bytes })
    }

    fn project_file(&self, path: &RelPath) -> Result<(), FileProblem> {
        let place = self.project.join(path);
        let root = self
            .project
            .canonicalize()
            .map_err(|error| problem(&error))?;
        let real = place.canonicalize().map_err(|error| problem(&error))?;
        if !real.starts_with(&root) {
            let target = fs::read_link(&place).unwrap_or(real);
            return Err(FileProblem::EscapesBySymlink {
                target: target.display().to_string(),
            });
        }
        if !real.is_file() {
            return Err(FileProblem::NotAFile);
        }
        match source::why_ignored(&root, path) {
            Some(by) => Err(match by.rule {
                Rule::BuiltIn(name) => FileProblem::Ignored {
                    pattern: name.to_owned(),
                    place: "the built-in rules".to_owned(),
                },
                Rule::Line {
                    file,
                    line,
                    pattern,
                } => FileProblem::Ignored {
                    pattern,
                    place: format!("{file}:{line}"),
                },
            }),
            None => Ok(()),
        }
    }
}

fn problem(error: &std::io::Error) -> FileProblem {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => FileProblem::Missing,
        _ => FileProblem::Unreadable {
            cause: error.to_string(),
        },
    }
}
