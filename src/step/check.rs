//! The check of what was made, in clean containers without network.

use crate::config::build::PackageFormat;
use crate::config::names::ImageName;
use crate::step::package::Installed;
use crate::step::venv::program_digest;
use crate::step::wheel::setting;
use crate::step::{Address, Facet, Input, NamedSource, Source};

/// The program that checks inside a container: its files by name, the one that is run first.
pub const CHECK_PROGRAM: [(&str, &str); 3] = [
    ("check.py", include_str!("../../docker/check.py")),
    ("filesystem.py", include_str!("../../docker/filesystem.py")),
    (
        "requirements.py",
        include_str!("../../docker/requirements.py"),
    ),
];

/// Installs the package, runs what is in it, upgrades and removes it; runs the runtime image.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// The package with its format, where one is made.
    pub package: Option<(PackageFormat, Address)>,
    /// The step of the runtime image, where one is made.
    pub image: Option<Address>,
    /// What is known of the project.
    pub installed: Installed,
    /// The name of the base in which the package is installed.
    pub base_image: ImageName,
    /// The distribution packages that the configuration asks for.
    pub runtime_dependencies: Vec<String>,
    /// The commands that take the place of each console script's `--help`.
    pub test: Vec<String>,
    /// The package's name, where it is another than the project's.
    pub name: Option<String>,
    /// The repository part of the name of the image in which the package is checked.
    pub repository: String,
    /// The first part of its tag.
    pub tag: String,
}

impl Check {
    pub(super) fn inputs(&self) -> Vec<NamedSource> {
        let Self {
            package,
            image,
            installed,
            base_image: _, // its id enters through the package's facts and the runtime image's key
            runtime_dependencies,
            test,
            name,
            repository: _,
            tag: _,
        } = self;
        let mut inputs = vec![(
            "program".to_owned(),
            Source::Known(Input::File(program_digest(&CHECK_PROGRAM))),
        )];
        if let Some((_, step)) = package {
            let step = step.clone();
            inputs.push((
                "package".to_owned(),
                Source::Output {
                    step,
                    facet: Facet::Package,
                },
            ));
        }
        if let Some(step) = image {
            inputs.push(("runtime image".to_owned(), Source::KeyOf(step.clone())));
        }
        let step = installed.base.clone();
        inputs.push((
            "base image".to_owned(),
            Source::Output {
                step,
                facet: Facet::BaseImage,
            },
        ));
        installed.knowledge(&mut inputs);
        setting(
            &mut inputs,
            "runtime dependencies",
            !runtime_dependencies.is_empty(),
            || Source::list(runtime_dependencies),
        );
        setting(&mut inputs, "test", !test.is_empty(), || Source::list(test));
        setting(&mut inputs, "name", name.is_some(), || {
            Source::text(name.clone().unwrap_or_default())
        });
        inputs
    }

    pub(super) fn summary(&self) -> String {
        match (&self.package, &self.image) {
            (Some(_), Some(_)) => "check the package and the runtime image",
            (Some(_), None) => "check the package",
            (None, _) => "check the runtime image",
        }
        .to_owned()
    }
}
