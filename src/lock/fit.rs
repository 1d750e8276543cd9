//! Whether a lock fits: an environment, and what is required.

use std::collections::BTreeMap;
use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{MarkerEnvironment, MarkerTree, Requirement, VerbatimUrl, VersionOrUrl};

use crate::facts::Facts;
use crate::lock::{Lock, Package, Pins};
use crate::wheel::normalised;

/// Why a lock is none for an environment; a clause that follows the lock's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// It is for other Pythons.
    #[error("is for Python {wants}, and this is Python {has}")]
    Python {
        /// The versions that it is for.
        wants: String,
        /// The version that there is.
        has: String,
    },
    /// It is for other environments.
    #[error("is for other environments than this one, which is {has}")]
    Environment {
        /// The marker of this one.
        has: String,
    },
    /// A package in it is for other Pythons.
    #[error("has {package}, which is for Python {wants}, and this is Python {has}")]
    Package {
        /// The package with its version.
        package: String,
        /// The versions that it is for.
        wants: String,
        /// The version that there is.
        has: String,
    },
    /// Two of its packages have one name here.
    #[error("has two packages {name} for this environment: {versions}")]
    Ambiguous {
        /// The name.
        name: String,
        /// Their versions.
        versions: String,
    },
    /// The facts of the base image tell no version of Python.
    #[error("cannot be judged: the base image's Python says it has the version `{0}`")]
    Unknown(String),
}

fn admits(specifiers: &Option<String>, python: &Version) -> bool {
    let stated = specifiers.as_deref().map(VersionSpecifiers::from_str);
    stated.is_none_or(|stated| stated.is_ok_and(|stated| stated.contains(python)))
}

fn holds(marker: &str, markers: &MarkerEnvironment) -> bool {
    MarkerTree::from_str(marker).is_ok_and(|marker| marker.evaluate(markers, &[]))
}

impl Lock {
    /// Returns the packages that an environment needs.
    pub fn packages_for(&self, facts: &Facts) -> Result<Vec<&Package>, Misfit> {
        let unknown = || Misfit::Unknown(facts.python.clone());
        let markers = facts.markers().ok_or_else(unknown)?;
        let python = Version::from_str(&facts.python).map_err(|_| unknown())?;
        if !admits(&self.requires_python, &python) {
            return Err(Misfit::Python {
                wants: self.requires_python.clone().unwrap_or_default(),
                has: facts.python.clone(),
            });
        }
        let here = |marker: &String| holds(marker, &markers);
        if !self.environments.is_empty() && !self.environments.iter().any(here) {
            return Err(Misfit::Environment {
                has: facts.as_marker(),
            });
        }
        let mut chosen: BTreeMap<&str, &Package> = BTreeMap::new();
        for package in &self.packages {
            if !package.marker.as_ref().is_none_or(here) {
                continue;
            }
            if !admits(&package.requires_python, &python) {
                return Err(Misfit::Package {
                    package: format!("{} {}", package.name, package.version),
                    wants: package.requires_python.clone().unwrap_or_default(),
                    has: facts.python.clone(),
                });
            }
            if let Some(other) = chosen.insert(&package.name, package) {
                return Err(Misfit::Ambiguous {
                    name: package.name.clone(),
                    versions: format!("{}, {}", other.version, package.version),
                });
            }
        }
        Ok(chosen.into_values().collect())
    }

    /// Returns the requirements, as lines for pip, that the packages for an environment leave open.
    ///
    /// Without facts, what a marker decides is left out: whether it counts is not known.
    pub fn open<'a>(&self, facts: Option<&Facts>, lines: &'a [String]) -> Vec<&'a str> {
        let markers = facts.and_then(Facts::markers);
        let versions: Vec<(&str, &str)> = match facts.map(|facts| self.packages_for(facts)) {
            // Why it does not fit at all is told elsewhere.
            Some(Err(_)) => return Vec::new(),
            Some(Ok(packages)) => packages.iter().map(|package| package.pair()).collect(),
            None => self.packages.iter().map(Package::pair).collect(),
        };
        unsatisfied(lines, &versions, markers.as_ref())
    }
}

impl Package {
    fn pair(&self) -> (&str, &str) {
        (&self.name, &self.version)
    }
}

/// Returns the lines that none of these versions satisfies.
///
/// A line that no grammar knows is left to pip, and so is one whose marker nothing here can decide.
pub fn unsatisfied<'a>(
    lines: &'a [String],
    versions: &[(&str, &str)],
    markers: Option<&MarkerEnvironment>,
) -> Vec<&'a str> {
    let open = |line: &&String| {
        let Ok(requirement) = Requirement::<VerbatimUrl>::from_str(line) else {
            return false;
        };
        let counts = match markers {
            Some(markers) => requirement.marker.evaluate(markers, &[]),
            None => requirement.marker.is_true(),
        };
        let name = normalised(requirement.name.as_ref());
        counts
            && !versions
                .iter()
                .any(|(of, version)| *of == name && fits(&requirement, version))
    };
    lines.iter().filter(open).map(String::as_str).collect()
}

pub(super) fn fits(requirement: &Requirement<VerbatimUrl>, version: &str) -> bool {
    match &requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => {
            Version::from_str(version).is_ok_and(|version| specifiers.contains(&version))
        }
        Some(VersionOrUrl::Url(_)) | None => true,
    }
}

/// Turns the versions of an earlier resolution into lines of constraints for the next one.
///
/// A version that one of the requirements rules out is no constraint any more, nor is that of a
/// distribution in `upgraded`.
pub fn kept(
    pins: &Pins,
    requirements: &[String],
    upgraded: &[String],
    markers: Option<&MarkerEnvironment>,
) -> Vec<String> {
    let upgraded: Vec<String> = upgraded.iter().map(|name| normalised(name)).collect();
    let stays = |name: &str, version: &str| {
        let ruled_out = |line: &String| {
            let parsed = Requirement::<VerbatimUrl>::from_str(line).ok();
            parsed.is_some_and(|requirement| {
                normalised(requirement.name.as_ref()) == name
                    && markers.is_none_or(|markers| requirement.marker.evaluate(markers, &[]))
                    && (matches!(requirement.version_or_url, Some(VersionOrUrl::Url(_)))
                        || !fits(&requirement, version))
            })
        };
        Version::from_str(version).is_ok()
            && !upgraded.iter().any(|upgraded| upgraded == name)
            && !requirements.iter().any(ruled_out)
    };
    pins.iter()
        .filter(|(name, pin)| stays(name, &pin.version))
        .map(|(name, pin)| format!("{name}=={}", pin.version))
        .collect()
}
