//! The address of a step: its name in plans, records and messages.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::config::names::{FlavourName, ProjectName};
use crate::tree::RelPath;

/// The name of a step: `source`, or a flavour and a part as in `deb.image`; among several projects with
/// the project in front, as in `shop/deb.image`.
///
/// Addresses order as their text does, which is how ties in the order of steps are broken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(String);

/// The part of a flavour's build that a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The probe of the base image.
    Base,
    /// The rendered builder dockerfile.
    Dockerfile,
    /// The builder image.
    Image,
    /// The project's own wheel.
    Wheel,
    /// The wheels of all its dependencies.
    Dependencies,
    /// All wheels, made by a buildscript.
    Wheels,
    /// The virtual environment with the dependencies in it.
    Venv,
    /// The project, installed into the virtual environment.
    Application,
    /// The distribution package.
    Package,
    /// The rendered dockerfile of the runtime image.
    RuntimeDockerfile,
    /// The runtime image.
    RuntimeImage,
    /// The check of package and runtime image.
    Check,
}

impl Part {
    /// Returns the part's word in an address.
    pub fn word(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Dockerfile => "dockerfile",
            Self::Image => "image",
            Self::Wheel => "wheel",
            Self::Dependencies => "dependencies",
            Self::Wheels => "wheels",
            Self::Venv => "venv",
            Self::Application => "application",
            Self::Package => "package",
            Self::RuntimeDockerfile => "runtime-dockerfile",
            Self::RuntimeImage => "runtime-image",
            Self::Check => "check",
        }
    }
}

/// Where the steps of a project are: by themselves, or among those of several projects.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope(pub Option<ProjectName>);

impl Scope {
    /// Names the copy of the source.
    pub fn source(&self) -> Address {
        Address(format!("{}source", self.prefix()))
    }

    /// Names a part of a flavour's build.
    pub fn of(&self, flavour: &FlavourName, part: Part) -> Address {
        Address(format!("{}{flavour}.{}", self.prefix(), part.word()))
    }

    /// Returns the project's name, where there are several.
    pub fn name(&self) -> Option<&str> {
        self.0.as_ref().map(ProjectName::as_str)
    }

    /// Returns what stands before a flavour's name, or before a message about the project.
    pub fn prefix(&self) -> String {
        self.name()
            .map_or_else(String::new, |name| format!("{name}/"))
    }
}

impl Address {
    /// Names the copy of the source of the only project.
    pub fn source() -> Self {
        Scope::default().source()
    }

    /// Names a part of a flavour's build of the only project.
    pub fn of(flavour: &FlavourName, part: Part) -> Self {
        Scope::default().of(flavour, part)
    }

    /// Takes a text that a user typed; whether there is such a step is for the graph to say.
    pub fn typed(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Returns the address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the project's name, where the step is one of several projects'.
    pub fn project(&self) -> Option<&str> {
        self.0.split_once('/').map(|(project, _)| project)
    }

    /// Returns the flavour's name, if the step belongs to one.
    pub fn flavour(&self) -> Option<&str> {
        let own = self.0.split_once('/').map_or(&*self.0, |(_, own)| own);
        own.split_once('.').map(|(flavour, _)| flavour)
    }

    /// Returns the flavour with its project in front, if the step belongs to one: `shop/deb`.
    pub fn scope(&self) -> Option<&str> {
        let name = self.project().map_or(0, |project| project.len() + 1);
        let dot = self.0[name..].find('.')?;
        Some(&self.0[..name + dot])
    }

    /// Returns where in the workspace a path of the step's project is.
    ///
    /// Of several projects each has a folder of its own, and one in each private folder:
    /// `shop/build/wheelhouse/…`, `.builder/facts/shop/deb.json`.
    pub fn place(&self, path: &RelPath) -> RelPath {
        let Some(project) = self.project() else {
            return path.clone();
        };
        let placed = match private(path.as_str()) {
            Some((folder, rest)) => format!("{folder}/{project}/{rest}"),
            None => format!("{project}/{path}"),
        };
        RelPath::new(&placed).expect("a project's name and a path are a path")
    }

    /// Returns the path of the step's project that [`Self::place`] gives a place to.
    pub fn unplaced(&self, place: &RelPath) -> RelPath {
        let Some(project) = self.project() else {
            return place.clone();
        };
        let below = |text: &str| {
            let rest = text.strip_prefix(project)?.strip_prefix('/')?;
            Some(rest.to_owned())
        };
        let path = match private(place.as_str()) {
            Some((folder, rest)) => below(rest).map(|rest| format!("{folder}/{rest}")),
            None => below(place.as_str()),
        };
        path.and_then(|path| RelPath::new(&path).ok())
            .unwrap_or_else(|| place.clone())
    }
}

/// Splits a path of a private folder behind that: `.builder/facts` and `deb.json`.
fn private(path: &str) -> Option<(&str, &str)> {
    let folder = path.strip_prefix(".builder/")?.find('/')? + ".builder/".len();
    Some((&path[..folder], &path[folder + 1..]))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_its_project_and_its_flavour() {
        let check = |text: &str, project, flavour, scope| {
            let address = Address::typed(text);
            let found = (address.project(), address.flavour(), address.scope());
            assert_eq!(found, (project, flavour, scope), "{text}");
        };
        check("source", None, None, None);
        check("deb.image", None, Some("deb"), Some("deb"));
        check("a.b/source", Some("a.b"), None, None);
        check("a.b/deb.image", Some("a.b"), Some("deb"), Some("a.b/deb"));
    }

    #[test]
    fn a_projects_paths_are_in_its_folders() {
        let check = |step: &str, path: &str, place: &str| {
            let step = Address::typed(step);
            let (path, place) = (RelPath::new(path).unwrap(), RelPath::new(place).unwrap());
            assert_eq!(step.place(&path), place);
            assert_eq!(step.unplaced(&place), path);
        };
        check("deb.wheel", "build/a", "build/a");
        check("shop/deb.wheel", "build/a", "shop/build/a");
        check("shop/source", "source", "shop/source");
        let facts = ".builder/facts/deb.json";
        check("deb.base", facts, facts);
        check("shop/deb.base", facts, ".builder/facts/shop/deb.json");
    }
}
