//! The steps after the wheels: virtual environment, package, runtime image, check.

use std::collections::BTreeMap;

use crate::config::build::{Build, PackageFormat, PackageScripts};
use crate::digest::Digest;
use crate::graph::Situation;
use crate::step::check::Check;
use crate::step::image::repository;
use crate::step::package::{Installed, PackageStep};
use crate::step::runtime::{RuntimeDockerfile, RuntimeImageStep};
use crate::step::venv::{Stage, Venv};
use crate::step::{Kind, Part, Step};
use crate::tree::RelPath;

/// Adds the steps that a flavour wants after its wheels; none where it wants wheels alone.
pub(super) fn steps(build: &Build, situation: &Situation, steps: &mut Vec<Step>) {
    if build.package.format.is_none() && build.image.is_none() {
        return;
    }
    let address = |part| situation.scope.of(&build.flavour, part);
    let (own, dependencies) = match build.buildscript {
        Some(_) => (address(Part::Wheels), address(Part::Wheels)),
        None => (address(Part::Wheel), address(Part::Dependencies)),
    };
    let installed = Installed {
        venv: address(Part::Venv),
        application: address(Part::Application),
        own: own.clone(),
        base: address(Part::Base),
    };
    let venv = |part, stage| Step {
        address: address(part),
        kind: Kind::Venv(Venv {
            stage,
            image: address(Part::Image),
            base: address(Part::Base),
            own: own.clone(),
            name: build.package.name.clone(),
            format: match build.package.format {
                Some(PackageFormat::Deb) => "deb",
                Some(PackageFormat::Rpm) => "rpm",
                None => "none",
            },
            epoch: situation.epoch,
        }),
    };
    steps.push(venv(
        Part::Venv,
        Stage::Dependencies {
            wheels: dependencies,
        },
    ));
    steps.push(venv(
        Part::Application,
        Stage::Application {
            venv: address(Part::Venv),
        },
    ));

    if let Some(format) = build.package.format {
        let package = PackageStep {
            format,
            installed: installed.clone(),
            source: situation.scope.source(),
            packaging: build.package.clone(),
            runtime_dependencies: build.runtime_dependencies.clone(),
            files: named_files(build, situation),
            declared_version: situation.declared_version.clone(),
            epoch: situation.epoch,
        };
        steps.push(Step {
            address: address(Part::Package),
            kind: Kind::Package(Box::new(package)),
        });
    }
    let base_image = build.runtime_image.as_ref().unwrap_or(&build.base_image);
    let flavour = build.flavour.as_str();
    if let Some(settings) = &build.image {
        let dockerfile = RuntimeDockerfile {
            path: RelPath::new(&format!("{flavour}-runtime.dockerfile"))
                .expect("a flavour's name has no character that a path could not have"),
            base_image: base_image.clone(),
            installed: installed.clone(),
            runtime_dependencies: build.runtime_dependencies.clone(),
            settings: settings.clone(),
            name: build.package.name.clone(),
            epoch: situation.epoch,
        };
        let image = RuntimeImageStep {
            dockerfile: address(Part::RuntimeDockerfile),
            installed: installed.clone(),
            base_image: base_image.clone(),
            base_id: situation.base_images.get(base_image).cloned(),
            repository: repository(&situation.project),
            tag: format!("{flavour}-runtime"),
            tags: settings.tags.clone(),
        };
        steps.push(Step {
            address: address(Part::RuntimeDockerfile),
            kind: Kind::RuntimeDockerfile(Box::new(dockerfile)),
        });
        steps.push(Step {
            address: address(Part::RuntimeImage),
            kind: Kind::RuntimeImage(image),
        });
    }
    let check = Check {
        package: build
            .package
            .format
            .map(|format| (format, address(Part::Package))),
        image: build.image.as_ref().map(|_| address(Part::RuntimeImage)),
        installed,
        base_image: build.base_image.clone(),
        runtime_dependencies: build.runtime_dependencies.clone(),
        test: build.test.clone(),
        name: build.package.name.clone(),
        repository: repository(&situation.project),
        tag: format!("{flavour}-check"),
    };
    steps.push(Step {
        address: address(Part::Check),
        kind: Kind::Check(check),
    });
}

/// Digests the project's files that the package's settings name.
fn named_files(build: &Build, situation: &Situation) -> BTreeMap<RelPath, Digest> {
    let PackageScripts {
        preinstall,
        postinstall,
        preremove,
        postremove,
    } = &build.package.scripts;
    let scripts = [preinstall, postinstall, preremove, postremove]
        .into_iter()
        .flatten();
    let named = scripts
        .chain(build.package.files.values())
        .chain(&build.package.systemd.units);
    named
        .filter_map(|path| Some((path.clone(), situation.source.file(path.as_str())?)))
        .collect()
}
