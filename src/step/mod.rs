//! Steps: what there is to do, as plain data, and the named inputs that make a step's key.
//!
//! What enters a key, by kind:
//!
//! | kind | inputs |
//! |---|---|
//! | copy | the tree of the source |
//! | probe | the base image's id, the probe's own text |
//! | render | the rendered text, its path |
//! | image | the dockerfile, the base image's id, the facts of the probe |
//! | venv | the wheels of the stage, the stage before, the image's key, the base image's facts, the project's name, the epoch, the program's own text |
//! | package | the contents and reports of both stages, the metadata, the facts, scripts, units and files by content, the settings, the epoch |
//! | runtime dockerfile | the template, the base's name, the reports, the metadata, the facts, the settings of the image |
//! | runtime image | the dockerfile, the contents of both stages, the base's id |
//! | check | the package, the runtime image's key, the reports, the commands, the program's own text |
//! | wheel run | the source tree¹, the image's key, the requirements², the lock by package⁴, pip's settings and files, the buildscript's path, the build environment, the version from git, the epoch, the names of secrets³, the run's own procedure |
//!
//! ¹ only where the project itself is built. ² only for the dependencies. ³ a secret's value, the CA
//! bundle and the proxies are how bytes travel, not what they are: they enter no key.
//! ⁴ name, version, markers and hashes of each package: where files lie is how bytes travel.

mod address;
pub mod check;
pub mod copy;
mod fingerprint;
pub mod image;
mod input;
pub mod package;
pub mod probe;
pub mod render;
pub mod runtime;
pub mod venv;
pub mod wheel;

use std::collections::BTreeMap;

pub use address::{Address, Part, Scope};
pub use fingerprint::{Fingerprint, Outcomes};
pub use input::{Facet, Input, Key, Source, fingerprint_key, short_image};

/// One thing to do, and everything that decides its result.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its name in plans, records and messages.
    pub address: Address,
    /// What is done, with its parameters.
    pub kind: Kind,
}

/// The kinds of steps.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Copies the source into the workspace.
    Copy(copy::Copy),
    /// Checks the base image's contract and gathers facts about it.
    Probe(probe::Probe),
    /// Writes a rendered file.
    Render(render::Render),
    /// Builds an image.
    Image(image::Image),
    /// Makes wheels in a container.
    Wheel(Box<wheel::WheelRun>),
    /// Installs wheels into the virtual environment.
    Venv(venv::Venv),
    /// Makes a distribution package.
    Package(Box<package::PackageStep>),
    /// Renders the dockerfile of the runtime image.
    RuntimeDockerfile(Box<runtime::RuntimeDockerfile>),
    /// Builds the runtime image.
    RuntimeImage(runtime::RuntimeImageStep),
    /// Checks package and runtime image.
    Check(check::Check),
}

/// A named input: where its value is found.
pub type NamedSource = (String, Source);

impl Step {
    /// Names the inputs; the key and the reasons of a change both come from this one list.
    pub fn inputs(&self) -> Vec<NamedSource> {
        match &self.kind {
            Kind::Copy(copy) => copy.inputs(),
            Kind::Probe(probe) => probe.inputs(),
            Kind::Render(render) => render.inputs(),
            Kind::Image(image) => image.inputs(),
            Kind::Wheel(wheel) => wheel.inputs(),
            Kind::Venv(venv) => venv.inputs(),
            Kind::Package(package) => package.inputs(),
            Kind::RuntimeDockerfile(dockerfile) => dockerfile.inputs(),
            Kind::RuntimeImage(image) => image.inputs(),
            Kind::Check(check) => check.inputs(),
        }
    }

    /// Returns what the step is sure to leave, known before it runs.
    pub fn predicted(&self) -> BTreeMap<Facet, Input> {
        match &self.kind {
            Kind::Copy(copy) => copy.predicted(),
            Kind::Probe(probe) => probe.predicted(),
            Kind::Render(render) => render.predicted(),
            Kind::Image(_)
            | Kind::Wheel(_)
            | Kind::Venv(_)
            | Kind::Package(_)
            | Kind::RuntimeDockerfile(_)
            | Kind::RuntimeImage(_)
            | Kind::Check(_) => BTreeMap::new(),
        }
    }

    /// Says in a few words what running the step does.
    pub fn summary(&self) -> String {
        match &self.kind {
            Kind::Copy(copy) => copy.summary(),
            Kind::Probe(probe) => probe.summary(),
            Kind::Render(render) => render.summary(),
            Kind::Image(image) => image.summary(),
            Kind::Wheel(wheel) => wheel.summary(),
            Kind::Venv(venv) => venv.summary(),
            Kind::Package(package) => package.summary(),
            Kind::RuntimeDockerfile(dockerfile) => dockerfile.summary(),
            Kind::RuntimeImage(image) => image.summary(),
            Kind::Check(check) => check.summary(),
        }
    }

    /// Says the same without what an engine has to be asked for: whether an image is there.
    pub fn title(&self) -> String {
        match &self.kind {
            Kind::Probe(probe) => probe.title(),
            _ => self.summary(),
        }
    }

    /// Tells whether what the step leaves may be shared with a step of the same key. What is copied or
    /// rendered is at hand, and a package, a runtime image and a check are one project's own.
    pub fn may_share(&self) -> bool {
        match &self.kind {
            Kind::Probe(_) | Kind::Image(_) | Kind::Wheel(_) | Kind::Venv(_) => true,
            Kind::Copy(_)
            | Kind::Render(_)
            | Kind::Package(_)
            | Kind::RuntimeDockerfile(_)
            | Kind::RuntimeImage(_)
            | Kind::Check(_) => false,
        }
    }

    /// Names the kind, for records and machine-readable output.
    pub fn kind_name(&self) -> &'static str {
        match &self.kind {
            Kind::Copy(_) => "copy",
            Kind::Probe(_) => "probe",
            Kind::Render(_) => "render",
            Kind::Image(_) => "image",
            Kind::Wheel(_) => "wheel run",
            Kind::Venv(_) => "venv",
            Kind::Package(_) => "package",
            Kind::RuntimeDockerfile(_) => "runtime dockerfile",
            Kind::RuntimeImage(_) => "runtime image",
            Kind::Check(_) => "check",
        }
    }
}
