//! The runtime image and its dockerfile.

use std::collections::BTreeMap;

use crate::config::build::RuntimeImage;
use crate::config::names::ImageName;
use crate::digest::Digest;
use crate::step::package::Installed;
use crate::step::{Address, Facet, Input, NamedSource, Source};
use crate::tree::RelPath;

/// The template of the runtime dockerfile.
pub const RUNTIME_TEMPLATE: &str = include_str!("../../docker/runtime.dockerfile.j2");

/// Renders the dockerfile of the runtime image from what the virtual environment turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub struct RuntimeDockerfile {
    /// Where it goes, relative to the workspace.
    pub path: RelPath,
    /// The name of the base.
    pub base_image: ImageName,
    /// What the image runs.
    pub installed: Installed,
    /// The distribution packages that the configuration asks for.
    pub runtime_dependencies: Vec<String>,
    /// The settings.
    pub settings: RuntimeImage,
    /// The package's name, where it is another than the project's.
    pub name: Option<String>,
    /// The time that its labels state, in seconds since 1970.
    pub epoch: u64,
}

impl RuntimeDockerfile {
    pub(super) fn inputs(&self) -> Vec<NamedSource> {
        let Self {
            path,
            base_image,
            installed,
            runtime_dependencies,
            settings,
            name,
            epoch,
        } = self;
        let RuntimeImage {
            entrypoint,
            command,
            environment,
            ports,
            workdir,
            user,
            healthcheck,
            tags: _,
        } = settings;
        let list = |items: &Option<Vec<String>>| Source::list(items.as_deref().unwrap_or_default());
        let text = |text: &Option<String>| Source::text(text.clone().unwrap_or_default());
        let mut inputs = vec![
            ("path".to_owned(), Source::text(path.as_str())),
            ("base image".to_owned(), Source::text(base_image.as_str())),
            (
                "template".to_owned(),
                Source::Known(Input::File(Digest::of(RUNTIME_TEMPLATE.as_bytes()))),
            ),
            (
                "runtime dependencies".to_owned(),
                Source::list(runtime_dependencies),
            ),
            ("image.entrypoint".to_owned(), list(entrypoint)),
            ("image.command".to_owned(), Source::list(command)),
            (
                "image.environment".to_owned(),
                Source::Known(Input::Map(environment.clone())),
            ),
            ("image.ports".to_owned(), Source::list(ports)),
            ("image.workdir".to_owned(), text(workdir)),
            ("image.user".to_owned(), text(user)),
            ("image.healthcheck".to_owned(), list(healthcheck)),
            ("name".to_owned(), text(name)),
            ("epoch".to_owned(), Source::text(epoch.to_string())),
        ];
        installed.knowledge(&mut inputs);
        inputs
    }

    pub(super) fn summary(&self) -> String {
        format!("render {}", self.path)
    }
}

/// Builds the runtime image.
#[derive(Clone, Debug, PartialEq)]
pub struct RuntimeImageStep {
    /// The step that renders the dockerfile.
    pub dockerfile: Address,
    /// What the image runs.
    pub installed: Installed,
    /// The name of the base.
    pub base_image: ImageName,
    /// The id that the name resolves to now; `None` when the image has to be pulled.
    pub base_id: Option<String>,
    /// The repository part of its name.
    pub repository: String,
    /// The first part of its tag.
    pub tag: String,
    /// Further names.
    pub tags: Vec<ImageName>,
}

impl RuntimeImageStep {
    pub(super) fn inputs(&self) -> Vec<NamedSource> {
        // The name of the base is in the dockerfile; the image's own name changes nothing in it.
        let Self {
            dockerfile,
            installed,
            base_image,
            base_id,
            repository: _,
            tag: _,
            tags,
        } = self;
        let base = match base_id {
            Some(id) => Source::Known(Input::Image(id.clone())),
            None => Source::Awaited(format!(
                "{} is not in the engine and will be pulled",
                base_image.as_str()
            )),
        };
        let document = Source::Output {
            step: dockerfile.clone(),
            facet: Facet::Document,
        };
        let mut inputs = vec![
            ("dockerfile".to_owned(), document),
            ("base image".to_owned(), base),
        ];
        installed.contents(&mut inputs);
        if !tags.is_empty() {
            inputs.push(("image.tags".to_owned(), Source::list(tags)));
        }
        inputs
    }

    pub(super) fn summary(&self) -> String {
        format!("build image {}:{}", self.repository, self.tag)
    }

    /// Returns what the base turned out to be, for an image that had to be pulled.
    pub fn found(id: String) -> BTreeMap<String, Input> {
        BTreeMap::from([("base image".to_owned(), Input::Image(id))])
    }
}
