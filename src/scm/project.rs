//! Which tool takes a project's version from git, and what the project asks of it.

use std::collections::BTreeMap;
use std::fmt;

/// A tool that takes the version of a project from git.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScmBackend {
    /// setuptools-scm, or its successor vcs-versioning.
    SetuptoolsScm,
    /// hatch-vcs, which asks setuptools-scm, and does not tell it the project's name.
    HatchVcs,
    /// pdm-backend.
    Pdm,
    /// poetry-dynamic-versioning, which asks dunamai.
    PoetryDynamicVersioning,
    /// versioningit. It has no variable; without a repository it reads `PKG-INFO`.
    Versioningit,
    /// versioneer. It can be told nothing.
    Versioneer,
}

impl fmt::Display for ScmBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SetuptoolsScm => "setuptools-scm",
            Self::HatchVcs => "hatch-vcs",
            Self::Pdm => "pdm-backend",
            Self::PoetryDynamicVersioning => "poetry-dynamic-versioning",
            Self::Versioningit => "versioningit",
            Self::Versioneer => "versioneer",
        })
    }
}

impl ScmBackend {
    /// Says how a project whose scheme is not known here gets its version.
    pub(super) fn way_out(self) -> String {
        match self {
            Self::Pdm => {
                "set `PDM_BUILD_SCM_VERSION` in the flavour's `build_environment`".to_owned()
            }
            Self::PoetryDynamicVersioning => {
                "set `POETRY_DYNAMIC_VERSIONING_BYPASS` in the flavour's `build_environment`"
                    .to_owned()
            }
            Self::SetuptoolsScm | Self::HatchVcs | Self::Versioningit | Self::Versioneer => {
                "build from the project's sdist, which carries its version".to_owned()
            }
        }
    }
}

/// A project that takes its version from git.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScmProject {
    /// The tool.
    pub backend: ScmBackend,
    /// The distribution's name as the project writes it, where it can be read without running code.
    pub name: Option<String>,
    /// What the project asks of the tool.
    pub(super) settings: Settings,
}

impl ScmProject {
    /// Tells whether these variables of a build already say the version, so that git need not be asked.
    pub fn is_given_by(&self, environment: &BTreeMap<String, String>) -> bool {
        let names: &[&str] = match self.backend {
            ScmBackend::SetuptoolsScm | ScmBackend::HatchVcs => &["SETUPTOOLS_SCM_PRETEND_VERSION"],
            ScmBackend::Pdm => &["PDM_BUILD_SCM_VERSION"],
            ScmBackend::PoetryDynamicVersioning => &[
                "POETRY_DYNAMIC_VERSIONING_BYPASS",
                "POETRY_DYNAMIC_VERSIONING_OVERRIDE",
            ],
            ScmBackend::Versioningit | ScmBackend::Versioneer => &[],
        };
        let variable = self.variable();
        names.iter().any(|name| environment.contains_key(*name))
            || environment.contains_key(&variable)
    }

    /// Names the variable that tells the tool a version.
    pub(super) fn variable(&self) -> String {
        match (self.backend, &self.name) {
            (ScmBackend::SetuptoolsScm, Some(name)) => {
                format!("SETUPTOOLS_SCM_PRETEND_VERSION_FOR_{}", variable_part(name))
            }
            (ScmBackend::Pdm, _) => "PDM_BUILD_SCM_VERSION".to_owned(),
            (ScmBackend::PoetryDynamicVersioning, _) => {
                "POETRY_DYNAMIC_VERSIONING_BYPASS".to_owned()
            }
            (
                ScmBackend::SetuptoolsScm
                | ScmBackend::HatchVcs
                | ScmBackend::Versioningit
                | ScmBackend::Versioneer,
                _,
            ) => "SETUPTOOLS_SCM_PRETEND_VERSION".to_owned(),
        }
    }
}

/// Normalises a name by PEP 503 and spells it as a variable: `My.Project` becomes `MY_PROJECT`.
fn variable_part(name: &str) -> String {
    let mut part = String::new();
    for character in name.chars() {
        if matches!(character, '-' | '_' | '.') {
            if !part.ends_with('_') {
                part.push('_');
            }
        } else {
            part.push(character.to_ascii_uppercase());
        }
    }
    part
}

/// What a project asks of its tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// Which tag is looked for.
    pub describe: Describe,
    /// What a tag starts with that is no part of the version.
    pub prefix: String,
    /// The version to count from where there is no tag.
    pub fallback: Option<String>,
    /// How a version is made of a tag and a distance.
    pub scheme: Scheme,
    /// What is said of the commit after the `+`.
    pub local: Local,
    /// The first setting that only the tool itself can follow.
    pub foreign: Option<String>,
    /// Whether the version is written down, and the tool only lists files (setuptools-scm).
    pub listing_only: bool,
}

impl Settings {
    /// Returns the settings of a project that asks for nothing.
    pub(super) fn of(scheme: Scheme, tags: &[&str]) -> Self {
        Self {
            describe: Describe {
                matching: tags.iter().map(|&tag| tag.to_owned()).collect(),
                ..Describe::default()
            },
            prefix: String::new(),
            fallback: None,
            scheme,
            local: Local::Node,
            foreign: None,
            listing_only: false,
        }
    }

    /// Notes a setting that only the tool can follow; the first is the one that is named.
    pub(super) fn leave(&mut self, setting: impl Into<String>) {
        self.foreign.get_or_insert_with(|| setting.into());
    }
}

/// Which tag `git describe` looks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Describe {
    /// Globs, of which one must match; any tag where there are none.
    pub matching: Vec<String>,
    /// Globs, of which none may match.
    pub excluding: Vec<String>,
    /// Whether merged branches are passed over.
    pub first_parent: bool,
}

/// How a version is made of the tag before a commit and the distance to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// `1.2.3` and two commits: `1.2.4.dev2`.
    GuessNextDev,
    /// `1.2.3.post1.dev2`.
    NoGuessDev,
    /// `1.2.3`.
    OnlyVersion,
    /// `1.2.3.post2`.
    PostRelease,
    /// pdm-backend's: as the first, but an uncommitted change alone makes no next version.
    Pdm,
    /// dunamai's: `1.2.3.post2.dev0+0123abc`.
    Dunamai {
        /// Whether the commit is said; nothing means where there is a distance.
        metadata: Option<bool>,
        /// Whether an uncommitted change is said; one to a tracked file, while dunamai looks at all.
        dirty: bool,
    },
    /// versioningit's: `1.2.3.post2+g0123abc`.
    Versioningit,
}

/// What setuptools-scm says after the `+`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Local {
    /// The commit, and whether there are uncommitted changes.
    Node,
    /// Whether there are uncommitted changes.
    Dirty,
    /// Nothing.
    Silent,
}
