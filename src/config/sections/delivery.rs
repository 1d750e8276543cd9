//! The fields about packages and runtime images.

use crate::config::names::{self, Choice, ImageName, Kind};
use crate::config::reader::{At, Fields};

/// What the operator says about packages.
pub(in crate::config) struct OperatorPackage {
    pub format: Option<At<Choice>>,
    pub maintainer: Option<At<String>>,
    pub distribution_suffix: Option<At<String>>,
    pub sign_key: Option<At<String>>,
}

/// What a project says about its package; files are still paths.
#[derive(Default)]
pub(in crate::config) struct PackageSettings {
    pub format: Option<At<Choice>>,
    pub name: Option<At<String>>,
    pub maintainer: Option<At<String>>,
    pub section: Option<At<String>>,
    pub revision: Option<At<u32>>,
    pub preinstall: Option<At<String>>,
    pub postinstall: Option<At<String>>,
    pub preremove: Option<At<String>>,
    pub postremove: Option<At<String>>,
    pub systemd: SystemdSettings,
    pub files: Vec<(At<String>, At<String>)>,
    /// The fields that only a package makes use of, legal or not, and where they are.
    pub needing: Vec<At<&'static str>>,
}

/// systemd units; files are still paths.
#[derive(Default)]
pub(in crate::config) struct SystemdSettings {
    pub units: Vec<At<String>>,
    /// Whether there are units, legal or not.
    pub names_units: bool,
    pub enable: Option<At<bool>>,
    pub start: Option<At<bool>>,
    pub restart_after_upgrade: Option<At<bool>>,
}

/// What a project says about its runtime image.
pub(in crate::config) struct ImageSettings {
    pub entrypoint: Option<Vec<String>>,
    pub command: Vec<At<String>>,
    pub environment: Vec<(At<String>, String)>,
    pub ports: Vec<At<String>>,
    pub workdir: Option<At<String>>,
    pub user: Option<At<String>>,
    pub healthcheck: Option<Vec<String>>,
    pub tags: Vec<At<ImageName>>,
}

/// The fields of a project that say something about its package alone.
const NEEDING: [&str; 9] = [
    "name",
    "section",
    "revision",
    "preinstall",
    "postinstall",
    "preremove",
    "postremove",
    "systemd",
    "files",
];

pub(super) fn operator_package(fields: &mut Fields) -> OperatorPackage {
    OperatorPackage {
        format: fields.name("package", Kind::Format, names::choice),
        maintainer: fields.name("maintainer", Kind::Maintainer, names::maintainer),
        distribution_suffix: fields.name("distribution_suffix", Kind::Suffix, names::suffix),
        sign_key: fields.name("sign_key", Kind::SigningKey, names::signing_key),
    }
}

pub(super) fn package(fields: &mut Fields) -> PackageSettings {
    PackageSettings {
        format: fields.name("package", Kind::Format, names::choice),
        name: fields.name("name", Kind::PackageName, names::package_name),
        maintainer: fields.name("maintainer", Kind::Maintainer, names::maintainer),
        section: fields.name("section", Kind::Section, names::section),
        revision: fields.whole("revision"),
        preinstall: fields.text("preinstall"),
        postinstall: fields.text("postinstall"),
        preremove: fields.text("preremove"),
        postremove: fields.text("postremove"),
        systemd: fields.section("systemd", systemd),
        files: fields.pairs("files", Kind::Destination, names::destination),
        needing: fields.present(&NEEDING),
    }
}

fn systemd(fields: &mut Fields) -> SystemdSettings {
    SystemdSettings {
        units: fields.names("units", Kind::Unit, names::unit),
        names_units: fields.given("units"),
        enable: fields.flag("enable"),
        start: fields.flag("start"),
        restart_after_upgrade: fields.flag("restart_after_upgrade"),
    }
}

pub(super) fn image(fields: &mut Fields) -> ImageSettings {
    ImageSettings {
        entrypoint: fields.command("entrypoint"),
        command: fields.names("command", Kind::Argument, names::argument),
        environment: fields.variables("environment"),
        ports: fields.numeric_names("ports", Kind::Port, names::port),
        workdir: fields.name("workdir", Kind::Directory, names::directory),
        user: fields.numeric_name("user", Kind::User, names::user),
        healthcheck: fields.command("healthcheck"),
        tags: fields.names("tags", Kind::Tag, names::tag),
    }
}
