//! The address of a step: its name in plans, records and messages.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::config::names::FlavourName;

/// The name of a step: `source`, or a flavour and a part as in `deb.image`.
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

impl Address {
    /// Names the copy of the source.
    pub fn source() -> Self {
        Self("source".to_owned())
    }

    /// Names a part of a flavour's build.
    pub fn of(flavour: &FlavourName, part: Part) -> Self {
        Self(format!("{}.{}", flavour.as_str(), part.word()))
    }

    /// Takes a text that a user typed; whether there is such a step is for the graph to say.
    pub fn typed(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Returns the address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the flavour's name, if the step belongs to one.
    pub fn flavour(&self) -> Option<&str> {
        self.0.split_once('.').map(|(flavour, _)| flavour)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
