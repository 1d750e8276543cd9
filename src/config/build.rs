//! What both files come to, resolved: one [`Build`] for each flavour that a project wants.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::config::names::{
    CacheMode, CacheUrl, DistroPackage, FlavourName, ImageName, SecretName,
};
use crate::digest::Digest;
use crate::tree::RelPath;

/// A shared cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// Where it is.
    pub url: CacheUrl,
    /// What is done with it.
    pub mode: CacheMode,
    /// The region of an object store, where it is given.
    pub region: Option<String>,
    /// Where an object store answers that is not AWS's.
    pub endpoint: Option<String>,
    /// Whether a registry is spoken to without TLS, where it is said.
    pub insecure: Option<bool>,
}

impl Cache {
    /// Takes a URL, and what holds where nothing else is said.
    pub fn at(url: CacheUrl) -> Self {
        Self {
            url,
            mode: CacheMode::default(),
            region: None,
            endpoint: None,
            insecure: None,
        }
    }
}

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
    /// The distribution package that is made.
    pub package: Packaging,
    /// The base of the runtime image and of the check, where it is another than the builder's.
    pub runtime_image: Option<ImageName>,
    /// The runtime image, where one is wanted.
    pub image: Option<RuntimeImage>,
    /// Commands that the check runs in place of each console script's `--help`; each is a line for a shell.
    pub test: Vec<String>,
}

/// The format of a distribution package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackageFormat {
    /// Debian's.
    Deb,
    /// RPM's.
    Rpm,
}

/// How a flavour is packaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packaging {
    /// The format; `None` where no package is made. Unless it is given, it is the flavour's own name
    /// where that is `deb` or `rpm`.
    pub format: Option<PackageFormat>,
    /// The package's name, where it is another than the project's.
    pub name: Option<String>,
    /// `Name <address>` of who answers for the package.
    pub maintainer: Option<String>,
    /// The archive section; `python` unless it is given.
    pub section: Option<String>,
    /// The packaging's revision, from 1.
    pub revision: u32,
    /// What tells one version for several distributions apart, where it is another than what the
    /// distribution's name and version make: `deb12`.
    pub distribution_suffix: Option<String>,
    /// Further files of the project, by their absolute path in the package; none lies below another.
    ///
    /// One below `/opt` is in the directory `/opt/<name>` only where `name` is given; otherwise in any.
    pub files: BTreeMap<String, RelPath>,
    /// Scripts of the project that the package runs.
    pub scripts: PackageScripts,
    /// systemd units of the project.
    pub systemd: Systemd,
    /// The OpenPGP key that an rpm is signed with, as gpg names it; none for a deb.
    pub sign_key: Option<String>,
}

/// Scripts of the project that a package runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageScripts {
    /// Before the files are there.
    pub preinstall: Option<RelPath>,
    /// When the files are there, before services start.
    pub postinstall: Option<RelPath>,
    /// Before the files go.
    pub preremove: Option<RelPath>,
    /// When the files are gone.
    pub postremove: Option<RelPath>,
}

/// systemd units of a package, and what happens to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Systemd {
    /// The units' files in the project; a unit has its file's name.
    pub units: Vec<RelPath>,
    /// Whether they are enabled at the first installation; yes unless given.
    pub enable: bool,
    /// Whether they are started at installation; yes unless given.
    pub start: bool,
    /// Whether they are restarted after an upgrade; yes unless given.
    pub restart_after_upgrade: bool,
}

impl Default for Systemd {
    fn default() -> Self {
        Self {
            units: Vec::new(),
            enable: true,
            start: true,
            restart_after_upgrade: true,
        }
    }
}

/// A runtime image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuntimeImage {
    /// The entry point, a program at least; the only console script unless it is given.
    pub entrypoint: Option<Vec<String>>,
    /// Arguments of the entry point.
    pub command: Vec<String>,
    /// Its environment.
    pub environment: BTreeMap<String, String>,
    /// Ports that it listens on: `8080` for tcp, `53/udp`.
    pub ports: Vec<String>,
    /// Its working directory, absolute.
    pub workdir: Option<String>,
    /// The numeric user and group that it runs as, always both; `10001:10001` is meant where there is
    /// none. The user is never 0, while the group may be.
    pub user: Option<String>,
    /// The command of its health check, a program at least.
    pub healthcheck: Option<Vec<String>>,
    /// Further names under which it is tagged; none has a digest.
    pub tags: Vec<ImageName>,
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
