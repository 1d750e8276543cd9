//! What a run left in its wheelhouse.
#![expect(clippy::disallowed_methods, reason = "wheels are read from disk")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::digest::Digest;
use crate::engine::LogSink;
use crate::exec::{Produced, StepError};
use crate::lock::{Pin, Pins, Stated};
use crate::step::{Address, Facet, Input};
use crate::tree::{Entry, RelPath, Tree};
use crate::wheel::{Metadata, duplicates, name_and_version, normalised};

/// The largest `METADATA` that is read; real ones stay below a megabyte.
const METADATA_LIMIT: u64 = 16 << 20;

/// The wheels that a run left, by file name.
#[derive(Default)]
pub(super) struct Wheelhouse {
    wheels: BTreeMap<String, (PathBuf, Digest)>,
}

fn unusable(what: String, help: &str) -> StepError {
    StepError::Wheelhouse {
        what,
        help: help.to_owned(),
    }
}

impl Wheelhouse {
    /// Reads a folder: every wheel in it, one of each distribution. What else is there is named in
    /// the log and left out.
    pub fn read(folder: &Path, log: &LogSink) -> Result<Self, StepError> {
        let tree = crate::source::read_tree(folder)?;
        let mut wheels = BTreeMap::new();
        for (path, entry) in tree.entries() {
            match entry {
                Entry::File { digest, .. } if name_and_version(path.as_str()).is_some() => {
                    wheels.insert(path.as_str().to_owned(), (folder.join(path), *digest));
                }
                Entry::File { .. } | Entry::Symlink { .. } => {
                    log(&format!("left out, for it is no wheel: {path}"))
                }
            }
        }
        let twice = duplicates(wheels.keys().map(String::as_str));
        if let Some((name, files)) = twice.iter().next() {
            return Err(unusable(
                format!(
                    "the wheelhouse has {} wheels of {name}: {}",
                    files.len(),
                    files.join(", ")
                ),
                "a wheelhouse holds one version of each distribution; have the build make one of them",
            ));
        }
        Ok(Self { wheels })
    }

    pub fn is_empty(&self) -> bool {
        self.wheels.is_empty()
    }

    /// Drops the wheel of a distribution, if it is there.
    pub fn leave_out(&mut self, distribution: &str, log: &LogSink) {
        let name = normalised(distribution);
        self.wheels.retain(|file, _| {
            let own = name_and_version(file).is_some_and(|(of, _)| of == name);
            if own {
                log(&format!(
                    "left out, for the project's own wheel takes its place: {file}"
                ));
            }
            !own
        });
    }

    /// Returns the name of the one wheel that there must be.
    pub fn only(&self) -> Result<String, StepError> {
        let mut names = self.wheels.keys();
        match (names.next(), names.next()) {
            (Some(name), None) => Ok(name.clone()),
            _ => Err(unusable(
                format!(
                    "the build left {} wheels where one was expected",
                    self.wheels.len()
                ),
                "the project's build backend has to make exactly one wheel",
            )),
        }
    }

    /// Finds the project's own wheel: that of its stated name, or else the only one that no other requires.
    pub fn own(&self, project: Option<&str>) -> Result<Option<String>, StepError> {
        let project = project.map(normalised);
        let named = self.wheels.keys().find(|file| {
            name_and_version(file).is_some_and(|(name, _)| Some(&name) == project.as_ref())
        });
        if let Some(named) = named {
            return Ok(Some(named.clone()));
        }
        let mut required = BTreeSet::new();
        for file in self.wheels.keys() {
            let metadata = Metadata::parse(&self.metadata(file)?);
            let names = metadata.requires.iter().map(|line| {
                let end = line.find(|character: char| {
                    !(character.is_alphanumeric() || "-_.".contains(character))
                });
                normalised(&line[..end.unwrap_or(line.len())])
            });
            required.extend(names);
        }
        let mut free = self.wheels.keys().filter(|file| {
            name_and_version(file).is_some_and(|(name, _)| !required.contains(&name))
        });
        Ok(match (free.next(), free.next()) {
            (Some(only), None) => Some(only.clone()),
            _ => None,
        })
    }

    /// Returns what each wheel says of itself, by distribution.
    pub fn stated(&self) -> Result<BTreeMap<String, Stated>, StepError> {
        let mut stated = BTreeMap::new();
        for file in self.wheels.keys() {
            let metadata = Metadata::parse(&self.metadata(file)?);
            let says = Stated {
                version: metadata.version,
                requires: metadata.requires,
            };
            stated.insert(normalised(&metadata.name), says);
        }
        Ok(stated)
    }

    /// Returns where a wheel is, and its digest.
    pub fn wheel(&self, file: &str) -> Option<&(PathBuf, Digest)> {
        self.wheels.get(file)
    }

    fn metadata(&self, file: &str) -> Result<String, StepError> {
        let (path, _) = &self.wheels[file];
        metadata(path).map_err(|cause| {
            unusable(
                format!("{file} is no wheel: {cause}"),
                "look at the build backend's settings",
            )
        })
    }

    /// Turns the wheels into what the step produces, with what is known of the project's own one.
    pub fn with_project(
        self,
        own: Option<String>,
        log: &LogSink,
        flavour: &str,
        step: &Address,
    ) -> Result<Produced, StepError> {
        let text = own
            .as_deref()
            .map(|own| self.metadata(own))
            .transpose()?
            .unwrap_or_default();
        let metadata = Metadata::parse(&text);
        if own.is_some() {
            log(&format!("{} {}", metadata.name, metadata.version));
        } else {
            log("which of the wheels is the project's own cannot be told");
        }
        let mut produced = self.produced(flavour, step, own.as_deref())?;
        let digest = Metadata::digest_without_requirements(&text);
        produced.facets.extend([
            (Facet::Requirements, Input::List(metadata.requires)),
            (Facet::Project, Input::Text(metadata.name)),
            (Facet::Metadata, Input::File(digest)),
        ]);
        Ok(produced)
    }

    /// Turns the wheels into what the step produces, each in its place in the workspace.
    pub fn produced(
        self,
        flavour: &str,
        step: &Address,
        own: Option<&str>,
    ) -> Result<Produced, StepError> {
        let mut files = BTreeMap::new();
        let mut versions = Pins::new();
        let (mut own_wheel, mut others) = (Tree::default(), Tree::default());
        for (name, (path, digest)) in self.wheels {
            let entry = Entry::File {
                digest,
                executable: false,
            };
            let place =
                RelPath::new(&format!("build/wheelhouse/{flavour}/{name}")).map_err(|problem| {
                    StepError::Bug(format!("{step} left a wheel {name:?}: {problem}"))
                })?;
            let name_of_wheel = name.clone();
            let name = RelPath::new(&name).map_err(|problem| {
                StepError::Bug(format!("{step} left a wheel {name:?}: {problem}"))
            })?;
            // The archive may have carried an executable bit; a wheel has none.
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644))
                .map_err(|error| {
                    unusable(
                        format!("could not set the mode of {}: {error}", path.display()),
                        "look at the workspace's disk",
                    )
                })?;
            let tree = if own == Some(name.as_str()) {
                &mut own_wheel
            } else {
                &mut others
            };
            tree.insert(name, entry.clone());
            let pin = pin(name_of_wheel.as_str(), &path)?;
            versions.extend(pin);
            files.insert(place, (path, entry));
        }
        Ok(Produced {
            files,
            facets: BTreeMap::from([
                (Facet::OwnWheel, Input::File(own_wheel.digest())),
                (Facet::DependencyWheels, Input::File(others.digest())),
                (Facet::Versions, Input::Versions(versions)),
            ]),
            ..Produced::default()
        })
    }
}

/// Returns what a record keeps of a wheel: its version and its SHA-256, by which indexes and other
/// tools know it.
fn pin(name: &str, path: &Path) -> Result<Option<(String, Pin)>, StepError> {
    let Some((distribution, version)) = name_and_version(name) else {
        return Ok(None);
    };
    let mut hasher = Sha256::new();
    File::open(path)
        .and_then(|mut file| std::io::copy(&mut file, &mut hasher))
        .map_err(|error| {
            unusable(
                format!("could not read {}: {error}", path.display()),
                "look at the workspace's disk",
            )
        })?;
    let digest = hasher.finalize();
    let pin = Pin {
        // In a file name a hyphen of the version is an underscore.
        version: version.replace('_', "-"),
        file: name.to_owned(),
        digest: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    Ok(Some((distribution, pin)))
}

/// Reads the `METADATA` of a wheel.
pub(in crate::exec) fn metadata(path: &Path) -> Result<String, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut archive = zip::ZipArchive::new(file).map_err(|error| error.to_string())?;
    let name = archive
        .file_names()
        .filter_map(Result::ok)
        .find(|name| name.matches('/').count() == 1 && name.ends_with(".dist-info/METADATA"))
        .ok_or("it has no METADATA")?
        .into_owned();
    let member = archive.by_name(&name).map_err(|error| error.to_string())?;
    let mut text = String::new();
    member
        .take(METADATA_LIMIT)
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    Ok(text)
}
