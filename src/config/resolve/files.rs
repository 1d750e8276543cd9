//! The files that both configurations name: their paths are checked, and what is there looked up.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{File, FlavourSettings, Mistake, Mistakes, OperatorFile, ProjectFlavour};
use crate::config::build::PackageScripts;
use crate::config::reader::At;
use crate::config::{FileProblem, FoundFile, Lookup};
use crate::tree::{BadPath, RelPath};

/// The files of a flavour in `config.yml`.
pub(in crate::config) struct OperatorFiles {
    pub template: Option<OperatorFile>,
    pub constraints: Vec<OperatorFile>,
    pub build_constraints: Vec<OperatorFile>,
    pub requirements: Vec<OperatorFile>,
    pub ca_bundle: Option<PathBuf>,
}

/// The files of a flavour in `.build.yml`.
pub(super) struct ProjectFiles {
    pub buildscript: Option<RelPath>,
    pub constraints: Vec<RelPath>,
    pub build_constraints: Vec<RelPath>,
    pub requirements: Vec<RelPath>,
    pub scripts: PackageScripts,
    pub units: Vec<RelPath>,
    pub files: BTreeMap<String, RelPath>,
}

impl OperatorFiles {
    pub(super) fn look_up(flavour: &FlavourSettings, files: &mut Files) -> Self {
        let mut texts =
            |paths: &[At<String>]| paths.iter().filter_map(|path| files.text(path)).collect();
        Self {
            constraints: texts(&flavour.pip.constraints),
            build_constraints: texts(&flavour.pip.build_constraints),
            requirements: texts(&flavour.pip.requirements),
            template: { flavour.dockerfile_template.as_ref() }.and_then(|path| files.text(path)),
            ca_bundle: { flavour.ca_bundle.as_ref() }.and_then(|path| files.ca_bundle(path)),
        }
    }
}

impl ProjectFiles {
    pub fn look_up(flavour: &ProjectFlavour, files: &mut Files) -> Self {
        let package = &flavour.package;
        let mut paths =
            |paths: &[At<String>]| paths.iter().filter_map(|path| files.path(path)).collect();
        Self {
            constraints: paths(&flavour.pip.constraints),
            build_constraints: paths(&flavour.pip.build_constraints),
            requirements: paths(&flavour.pip.requirements),
            units: paths(&package.systemd.units),
            buildscript: { flavour.buildscript.as_ref() }.and_then(|path| files.path(path)),
            files: { package.files.iter() }
                .filter_map(|(place, path)| Some((place.value.clone(), files.path(path)?)))
                .collect(),
            scripts: PackageScripts {
                preinstall: { package.preinstall.as_ref() }.and_then(|path| files.path(path)),
                postinstall: { package.postinstall.as_ref() }.and_then(|path| files.path(path)),
                preremove: { package.preremove.as_ref() }.and_then(|path| files.path(path)),
                postremove: { package.postremove.as_ref() }.and_then(|path| files.path(path)),
            },
        }
    }
}

/// Looks files up and adds what is wrong with them.
pub(super) struct Files<'l, 'm> {
    pub lookup: &'l dyn Lookup,
    pub mistakes: &'m mut Mistakes,
}

impl Files<'_, '_> {
    /// Checks a path of the project.
    fn path(&mut self, named: &At<String>) -> Option<RelPath> {
        let (file, path) = (File::Project, named.value.clone());
        let checked = match RelPath::new(&path) {
            _ if path.starts_with('~') => Err(Mistake::HomePath { path, file }),
            Ok(checked) => match self.lookup.project_file(&checked) {
                Ok(()) => Ok(checked),
                Err(problem) => Err(mistake(file, checked.to_string(), problem)),
            },
            Err(BadPath::Absolute) => Err(Mistake::AbsolutePath { path, file }),
            Err(BadPath::Escapes) => Err(Mistake::EscapingPath { path }),
            Err(problem @ (BadPath::Empty | BadPath::Control)) => {
                Err(Mistake::BadPath { problem, file })
            }
        };
        self.placed(file, named, checked)
    }

    /// Reads a text of the operator; its path is relative, for the path may enter keys.
    fn text(&mut self, named: &At<String>) -> Option<OperatorFile> {
        let (file, path) = (File::Config, named.value.clone());
        let text = match path.starts_with('/') {
            true => Err(Mistake::AbsolutePath { path, file }),
            false => self.operator_file(&path).and_then(|found| {
                let text = String::from_utf8(found.bytes).map_err(|error| Mistake::FileNotUtf8 {
                    path: path.clone(),
                    byte: error.utf8_error().valid_up_to(),
                });
                text.map(|text| OperatorFile { path, text })
            }),
        };
        self.placed(file, named, text)
    }

    /// Finds a CA bundle, which may be anywhere on this machine.
    fn ca_bundle(&mut self, named: &At<String>) -> Option<PathBuf> {
        let found = self.operator_file(&named.value).and_then(|found| {
            // `BEGIN TRUSTED CERTIFICATE` is openssl's own form.
            let pem = b"CERTIFICATE-----";
            match found.bytes.windows(pem.len()).any(|window| window == pem) {
                true => Ok(found.path),
                false => Err(Mistake::NoCertificate {
                    path: named.value.clone(),
                }),
            }
        });
        self.placed(File::Config, named, found)
    }

    fn operator_file(&self, path: &str) -> Result<FoundFile, Mistake> {
        let file = File::Config;
        let problem = match path {
            "" => BadPath::Empty,
            path if path.chars().any(char::is_control) => BadPath::Control,
            path if path.starts_with('~') => {
                return Err(Mistake::HomePath {
                    path: path.to_owned(),
                    file,
                });
            }
            path => {
                let found = self.lookup.operator_file(path);
                return found.map_err(|problem| mistake(file, path.to_owned(), problem));
            }
        };
        Err(Mistake::BadPath { problem, file })
    }

    fn placed<T>(
        &mut self,
        file: File,
        named: &At<String>,
        result: Result<T, Mistake>,
    ) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(mistake) => {
                self.mistakes.add(file, named.at, mistake);
                None
            }
        }
    }
}

fn mistake(file: File, path: String, problem: FileProblem) -> Mistake {
    match problem {
        FileProblem::Missing => Mistake::MissingFile { path, file },
        FileProblem::NotAFile => Mistake::NotAFile { path },
        FileProblem::EscapesBySymlink { target } => Mistake::SymlinkEscape { path, target },
        FileProblem::Ignored { pattern, place } => Mistake::IgnoredFile {
            path,
            pattern,
            place,
        },
        FileProblem::Unreadable { cause } => Mistake::UnreadableFile { path, cause },
    }
}
