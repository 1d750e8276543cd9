//! What both files come to, resolved: one [`Build`] for each flavour that a project wants.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::config::names::{DistroPackage, FlavourName, ImageName, SecretName};
use crate::digest::Digest;
use crate::tree::RelPath;

/// One flavour of one project, with everything of `config.yml` and `.build.yml` united.
///
/// Lists keep their order, the operator's entries first, and hold no duplicate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// The flavour's name, a key of both files.
    pub flavour: FlavourName,
    /// The image that the builder image stands on.
    pub base_image: ImageName,
    /// The template of the builder dockerfile.
    pub template: Template,
    /// Distribution packages that are installed into the builder image.
    pub build_dependencies: Vec<DistroPackage>,
    /// Distribution packages that the package and the runtime image require.
    pub runtime_dependencies: Vec<String>,
    /// A script of the project that makes the wheels in place of pip.
    pub buildscript: Option<RelPath>,
    /// A script of the project that the package runs after its installation.
    pub postinstall: Option<RelPath>,
    /// Extras of the project whose requirements are built too.
    pub extras: Vec<String>,
    /// How pip resolves and builds.
    pub pip: Pip,
    /// Environment of the wheel runs; part of their keys.
    pub build_environment: BTreeMap<String, String>,
    /// Environment variables of the caller that the wheel runs receive; only the names are part of keys.
    pub secrets: Vec<SecretName>,
    /// A file of certificate authorities on this machine; part of no key.
    pub ca_bundle: Option<PathBuf>,
}

/// A dockerfile template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Template {
    /// The one that `builder` carries.
    Default,
    /// The operator's own.
    Operator(OperatorFile),
}

/// A file that the operator keeps beside `config.yml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorFile {
    /// The path as `config.yml` names it.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// A file that steers pip: the operator's, or one of the project's source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PipFile {
    /// Kept beside `config.yml`.
    Operator(OperatorFile),
    /// Kept in the source.
    Project(RelPath),
}

impl PipFile {
    /// Names the file as its owner does.
    pub fn path(&self) -> &str {
        match self {
            Self::Operator(file) => &file.path,
            Self::Project(path) => path.as_str(),
        }
    }

    /// Digests the operator's text; the project's files are digested where the source is read.
    pub fn operator_digest(&self) -> Option<Digest> {
        match self {
            Self::Operator(file) => Some(Digest::of(file.text.as_bytes())),
            Self::Project(_) => None,
        }
    }
}

/// How pip resolves and builds. A project's scalar overrides the operator's; lists are united.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pip {
    /// `--index-url`; without userinfo.
    pub index_url: Option<String>,
    /// `--extra-index-url`s; without userinfo.
    pub extra_index_urls: Vec<String>,
    /// Files of constraints on the resolution.
    pub constraints: Vec<PipFile>,
    /// Files of constraints on what isolated builds install.
    pub build_constraints: Vec<PipFile>,
    /// Files of requirements that are built beside those of the project's metadata.
    pub requirements: Vec<PipFile>,
    /// `--require-hashes`: the requirements files are then the whole set.
    pub require_hashes: bool,
    /// Normalised names (PEP 503) that must come as wheels, or `:all:`.
    pub only_binary: Vec<String>,
    /// Normalised names (PEP 503) that must be built from source, or `:all:`.
    pub no_binary: Vec<String>,
}

impl Pip {
    /// Returns every file that a setting names.
    pub fn files(&self) -> impl Iterator<Item = &PipFile> {
        self.constraints
            .iter()
            .chain(&self.build_constraints)
            .chain(&self.requirements)
    }
}
