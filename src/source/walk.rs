//! The walk over a source directory: one thread, since more were not faster, and no link followed.

use std::fs::{self, FileType};
use std::path::{Path, PathBuf};

use crate::source::error::Problem;
use crate::source::hash::{fault_of_name, is_gone, kind_of, shown};
use crate::source::join;
use crate::source::rules::Rules;
use crate::tree::RelPath;

/// What the walk came across.
#[derive(Default)]
pub(crate) struct Found {
    /// Regular files, not yet read.
    pub(crate) files: Vec<RelPath>,
    /// Symbolic links with their targets, not yet followed.
    pub(crate) links: Vec<(RelPath, String)>,
    /// What cannot be copied.
    pub(crate) problems: Vec<Problem>,
    /// How many files and whole directories were left out.
    pub(crate) left_out: usize,
}

/// Walks everything under a canonical `root` that neither the rules nor `exclude` leave out.
pub(crate) fn walk(root: &Path, exclude: &[PathBuf]) -> Found {
    let mut found = Found::default();
    let rules = Rules::above(root, &mut found.problems);
    let mut walk = Walk {
        root,
        exclude,
        rules,
        found,
    };
    walk.directory(root, "");
    walk.found
}

struct Walk<'a> {
    root: &'a Path,
    exclude: &'a [PathBuf],
    rules: Rules,
    found: Found,
}

impl Walk<'_> {
    fn directory(&mut self, dir: &Path, rel: &str) {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) => return self.unreadable(dir, &error),
        };
        self.rules.enter(dir, &mut self.found.problems);
        for entry in entries {
            match entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))) {
                Ok((path, file_type)) => self.entry(&path, file_type, rel),
                Err(error) => self.unreadable(dir, &error),
            }
        }
        self.rules.leave();
    }

    fn entry(&mut self, path: &Path, file_type: FileType, parent: &str) {
        if self.exclude.iter().any(|excluded| excluded == path)
            || self.rules.decide(path, file_type.is_dir()).is_some()
        {
            self.found.left_out += 1;
            return;
        }
        let name = path.file_name().and_then(|name| name.to_str());
        let rel = match (fault_of_name(name), name) {
            (None, Some(name)) => join(parent, name),
            (fault, _) => {
                return self.found.problems.push(Problem::Name {
                    path: self.relative(path),
                    why: fault.unwrap_or("cannot be read"),
                });
            }
        };
        if file_type.is_dir() {
            return self.directory(path, &rel);
        }
        let checked = RelPath::new(&rel).expect("a name in a directory is a relative path");
        if file_type.is_file() {
            self.found.files.push(checked);
        } else if file_type.is_symlink() {
            self.link(path, checked);
        } else {
            self.found.problems.push(Problem::Special {
                path: rel,
                kind: kind_of(file_type),
            });
        }
    }

    fn link(&mut self, path: &Path, rel: RelPath) {
        match fs::read_link(path) {
            Err(error) => self.unreadable(path, &error),
            Ok(target) => match (fault_of_name(target.to_str()), target.to_str()) {
                (None, Some(target)) => self.found.links.push((rel, target.to_owned())),
                (fault, _) => self.found.problems.push(Problem::LinkTarget {
                    path: rel.into(),
                    target: shown(&target),
                    why: fault.unwrap_or("cannot be read"),
                }),
            },
        }
    }

    /// Notes what could not be read; what has vanished is no part of the source, and no problem.
    fn unreadable(&mut self, path: &Path, error: &std::io::Error) {
        if !is_gone(error) {
            self.found.problems.push(Problem::Unreadable {
                path: self.relative(path),
                cause: error.to_string(),
            });
        }
    }

    fn relative(&self, path: &Path) -> String {
        match path.strip_prefix(self.root) {
            Ok(rel) if !rel.as_os_str().is_empty() => shown(rel),
            _ => shown(path),
        }
    }
}
