//! The virtual environment, made in two stages: the dependencies, then the project.

use crate::digest::{ContentHasher, Digest};
use crate::step::wheel::setting;
use crate::step::{Address, Facet, Input, NamedSource, Source};

/// The program that installs wheels in a container: its files by name, the one that is run first.
pub const VENV_PROGRAM: [(&str, &str); 4] = [
    ("venv.py", include_str!("../../docker/venv.py")),
    ("bytecode.py", include_str!("../../docker/bytecode.py")),
    (
        "distributions.py",
        include_str!("../../docker/distributions.py"),
    ),
    ("libraries.py", include_str!("../../docker/libraries.py")),
];

/// Digests a program of several files.
pub(super) fn program_digest(files: &[(&str, &str)]) -> Digest {
    let mut hasher = ContentHasher::new("builder program v1");
    for (name, text) in files {
        hasher.text(name).text(text);
    }
    hasher.finish()
}

/// Installs wheels into the virtual environment at its final path.
///
/// The two stages are steps of their own, so that a change of the project leaves the dependencies'
/// content, and the layer and the archive made from it, as they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Venv {
    /// Which wheels.
    pub stage: Stage,
    /// The step that makes the builder image.
    pub image: Address,
    /// The step that knows the base image's interpreter.
    pub base: Address,
    /// The step that knows the project's name.
    pub own: Address,
    /// The name that is configured, where it is another than the project's.
    pub name: Option<String>,
    /// The format of the package that is made of it, or `none`: how modes are set depends on it, and
    /// an image alone may have an interpreter that no package owns.
    pub format: &'static str,
    /// The time of every file, in seconds since 1970.
    pub epoch: u64,
}

/// A stage of the virtual environment.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// The environment with the dependencies.
    Dependencies {
        /// The step that makes their wheels.
        wheels: Address,
    },
    /// The project on top of that.
    Application {
        /// The step of the first stage.
        venv: Address,
    },
}

impl Stage {
    /// Returns the stage's word in files and in the program's settings.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Dependencies { .. } => "dependencies",
            Self::Application { .. } => "application",
        }
    }
}

impl Venv {
    pub(super) fn inputs(&self) -> Vec<NamedSource> {
        let Self {
            stage,
            image,
            base,
            own,
            name,
            format,
            epoch,
        } = self;
        let output = |step: &Address, facet| Source::Output {
            step: step.clone(),
            facet,
        };
        let mut inputs = match stage {
            Stage::Dependencies { wheels } => {
                vec![(
                    "dependency wheels".to_owned(),
                    output(wheels, Facet::DependencyWheels),
                )]
            }
            Stage::Application { venv } => vec![
                ("wheel".to_owned(), output(own, Facet::OwnWheel)),
                (
                    "virtual environment".to_owned(),
                    output(venv, Facet::Content),
                ),
            ],
        };
        inputs.extend([
            ("image".to_owned(), Source::KeyOf(image.clone())),
            ("base image facts".to_owned(), output(base, Facet::Facts)),
            ("project name".to_owned(), output(own, Facet::Project)),
            ("package format".to_owned(), Source::text(*format)),
            ("epoch".to_owned(), Source::text(epoch.to_string())),
            (
                "program".to_owned(),
                Source::Known(Input::File(program_digest(&VENV_PROGRAM))),
            ),
        ]);
        setting(&mut inputs, "name", name.is_some(), || {
            Source::text(name.clone().unwrap_or_default())
        });
        inputs
    }

    pub(super) fn summary(&self) -> String {
        match self.stage {
            Stage::Dependencies { .. } => {
                "make the virtual environment with the dependencies".to_owned()
            }
            Stage::Application { .. } => {
                "install the project into the virtual environment".to_owned()
            }
        }
    }
}
