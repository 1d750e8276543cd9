//! Distribution packages: what goes into one, whatever its format, and the writers of the formats.

pub mod deb;
pub mod elf;
pub mod person;
pub mod prose;
pub mod rpm;

use std::path::PathBuf;

pub use crate::version;

/// A package, described without regard to its format.
#[derive(Clone, Debug, PartialEq)]
pub struct Package {
    /// The package's name: the project's, normalised (PEP 503), or the one that is configured.
    pub name: String,
    /// The project's version as its wheel states it (PEP 440).
    pub version: String,
    /// The packaging's revision, from 1.
    pub revision: u32,
    /// What tells the same version for several distributions apart: `deb12`, `el9`.
    pub suffix: Option<String>,
    /// The machine as `uname -m` names it; `None` when the package fits every machine.
    pub machine: Option<String>,
    /// One line that says what it is.
    pub summary: String,
    /// Some paragraphs that say more; may be empty.
    pub description: String,
    /// The project's page.
    pub homepage: Option<String>,
    /// The licence, as an SPDX expression where the project states one.
    pub license: Option<String>,
    /// `Name <address>` of who answers for the package.
    pub maintainer: String,
    /// The archive section (Debian Policy 2.4).
    pub section: String,
    /// What it requires, in the words of its format: `libffi8 (>= 3.4)`, or `libffi.so.8()(64bit)`.
    pub requires: Vec<String>,
    /// The virtual environment's folder: `/opt/shop`.
    pub prefix: String,
    /// Archives of what is installed, paths relative to `/`, sorted, no path in two of them.
    pub contents: Vec<PathBuf>,
    /// Further files.
    pub files: Vec<PackageFile>,
    /// Symbolic links, such as the commands in `/usr/bin`.
    pub links: Vec<PackageLink>,
    /// Scripts of the project that are run around installation and removal.
    pub scripts: Scripts,
    /// systemd units.
    pub units: Vec<Unit>,
    /// What happens to the units.
    pub service: Service,
    /// The licences of what is inside, one for each distribution that a wheel brought.
    pub notices: Vec<Notice>,
    /// The time of everything, in seconds since 1970.
    pub epoch: u64,
}

/// A file beside the virtual environment. One below `/etc` is a configuration file, whose changes
/// by an administrator an upgrade keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageFile {
    /// The absolute path.
    pub path: String,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether it may be executed.
    pub executable: bool,
}

/// A symbolic link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageLink {
    /// The absolute path of the link.
    pub path: String,
    /// The absolute path that it leads to.
    pub target: String,
}

/// Fragments of shell, run with `ACTION`, `OLD_VERSION`, `VENV`, `INSTALLDIR`, `NAME` and `VERSION`.
///
/// `ACTION` is `install` or `upgrade` for the first two, and `remove` for the last two, which do not
/// run at an upgrade; a deb's `postremove` runs once more with `purge`. The table of README.md
/// says which runs when. A fragment may be run again after a failure, and has to stand that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scripts {
    /// Before the files are there.
    pub preinstall: Option<String>,
    /// When the files are there, before services start.
    pub postinstall: Option<String>,
    /// Before the files go, after services stop.
    pub preremove: Option<String>,
    /// When the files are gone.
    pub postremove: Option<String>,
}

/// A systemd unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its file name: `shop.service`.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// What happens to the units of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// They are enabled at the first installation.
    pub enable: bool,
    /// They are started at installation.
    pub start: bool,
    /// They are restarted after an upgrade.
    pub restart_after_upgrade: bool,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            enable: true,
            start: true,
            restart_after_upgrade: true,
        }
    }
}

/// The licence of a distribution that is inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The distribution's name with its version.
    pub distribution: String,
    /// What its metadata says of its licence.
    pub license: Option<String>,
    /// The texts of its licence files.
    pub texts: Vec<String>,
}

/// A package that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The file's name by the format's convention.
    pub file_name: String,
    /// The full version: `1.4.0-1~deb12`.
    pub version: String,
}

/// Why a package cannot be written.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum PackageError {
    /// A value does not fit the format.
    #[error("{what}")]
    #[diagnostic(code(builder::package::value))]
    Value {
        /// What is wrong.
        what: String,
        /// What to do.
        #[help]
        help: String,
    },
    /// The version does not fit the format.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Version(#[from] version::VersionError),
    /// A file could not be read or written.
    #[error("could not {verb}: {cause}")]
    #[diagnostic(code(builder::package::io))]
    Io {
        /// What was tried, with the path.
        verb: String,
        /// What the attempt met.
        cause: String,
    },
    /// A program that does a part of the work is missing, or failed.
    #[error("{what}")]
    #[diagnostic(code(builder::package::tool))]
    Tool {
        /// What was found.
        what: String,
        /// What to do.
        #[help]
        help: String,
    },
}
