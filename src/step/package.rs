//! The distribution package.

use std::collections::BTreeMap;

use crate::config::build::{PackageFormat, PackageScripts, Packaging, Systemd};
use crate::digest::Digest;
use crate::step::wheel::setting;
use crate::step::{Address, Facet, Input, NamedSource, Source};
use crate::tree::RelPath;

/// The two stages of a virtual environment, and what is known of the project in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Installed {
    /// The step of the dependencies' stage.
    pub venv: Address,
    /// The step of the project's stage.
    pub application: Address,
    /// The step that knows the project's metadata.
    pub own: Address,
    /// The step that knows the base image's facts.
    pub base: Address,
}

impl Installed {
    /// Adds the reports on both stages, the metadata and the facts.
    pub(super) fn knowledge(&self, inputs: &mut Vec<NamedSource>) {
        let Self {
            venv,
            application,
            own,
            base,
        } = self;
        let output = |step: &Address, facet| Source::Output {
            step: step.clone(),
            facet,
        };
        inputs.extend([
            (
                "report on the dependencies".to_owned(),
                output(venv, Facet::Report),
            ),
            (
                "report on the project".to_owned(),
                output(application, Facet::Report),
            ),
            ("metadata".to_owned(), output(own, Facet::Metadata)),
            ("base image facts".to_owned(), output(base, Facet::Facts)),
        ]);
    }

    /// Adds the contents of both stages.
    pub(super) fn contents(&self, inputs: &mut Vec<NamedSource>) {
        let output = |step: &Address| Source::Output {
            step: step.clone(),
            facet: Facet::Content,
        };
        inputs.extend([
            ("dependencies".to_owned(), output(&self.venv)),
            ("application".to_owned(), output(&self.application)),
        ]);
    }
}

/// Makes a `.deb` or an `.rpm` from the virtual environment.
#[derive(Clone, Debug, PartialEq)]
pub struct PackageStep {
    /// The format.
    pub format: PackageFormat,
    /// What is packed.
    pub installed: Installed,
    /// The step that copies the source, which has the scripts and files.
    pub source: Address,
    /// The settings.
    pub packaging: Packaging,
    /// The distribution packages that the configuration asks for.
    pub runtime_dependencies: Vec<String>,
    /// The digests of the project's files that the settings name.
    pub files: BTreeMap<RelPath, Digest>,
    /// The version that the project states, where it states one; for a warning in the plan.
    pub declared_version: Option<String>,
    /// The time of everything, in seconds since 1970.
    pub epoch: u64,
}

impl PackageStep {
    pub(super) fn inputs(&self) -> Vec<NamedSource> {
        // The source is read for the files alone, and those enter by their own digests.
        let Self {
            format,
            installed,
            source: _,
            packaging,
            runtime_dependencies,
            files,
            declared_version: _,
            epoch,
        } = self;
        let format = match format {
            PackageFormat::Deb => "deb",
            PackageFormat::Rpm => "rpm",
        };
        let mut inputs = vec![
            ("epoch".to_owned(), Source::text(epoch.to_string())),
            ("format".to_owned(), Source::text(format)),
            ("procedure".to_owned(), Source::text("package 1")),
        ];
        installed.contents(&mut inputs);
        installed.knowledge(&mut inputs);
        let named = |path: &RelPath| {
            files.get(path).map_or_else(
                || Source::text("missing"),
                |digest| Source::Known(Input::File(*digest)),
            )
        };
        let Packaging {
            format: _,
            name,
            maintainer,
            section,
            revision,
            distribution_suffix,
            files: extra,
            scripts,
            systemd,
            sign_key,
        } = packaging;
        let texts = [
            ("name", name),
            ("maintainer", maintainer),
            ("section", section),
            ("distribution_suffix", distribution_suffix),
            ("sign_key", sign_key),
        ];
        for (field, value) in texts {
            setting(&mut inputs, field, value.is_some(), || {
                Source::text(value.clone().unwrap_or_default())
            });
        }
        setting(&mut inputs, "revision", *revision != 1, || {
            Source::text(revision.to_string())
        });
        setting(
            &mut inputs,
            "runtime dependencies",
            !runtime_dependencies.is_empty(),
            || Source::list(runtime_dependencies),
        );
        let PackageScripts {
            preinstall,
            postinstall,
            preremove,
            postremove,
        } = scripts;
        let all = [
            ("preinstall", preinstall),
            ("postinstall", postinstall),
            ("preremove", preremove),
            ("postremove", postremove),
        ];
        for (field, script) in all {
            if let Some(path) = script {
                inputs.push((field.to_owned(), named(path)));
            }
        }
        for (place, path) in extra {
            inputs.push((format!("file {place}"), named(path)));
        }
        let Systemd {
            units,
            enable,
            start,
            restart_after_upgrade,
        } = systemd;
        for path in units {
            inputs.push((format!("unit {}", path.file_name()), named(path)));
        }
        let conduct = [
            ("enable", enable),
            ("start", start),
            ("restart_after_upgrade", restart_after_upgrade),
        ];
        for (field, value) in conduct {
            setting(&mut inputs, &format!("systemd.{field}"), !value, || {
                Source::text("no")
            });
        }
        inputs
    }

    pub(super) fn summary(&self) -> String {
        match self.format {
            PackageFormat::Deb => "make the .deb".to_owned(),
            PackageFormat::Rpm => "make the .rpm".to_owned(),
        }
    }
}
