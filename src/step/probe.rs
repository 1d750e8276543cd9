//! The probe of a base image.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::config::names::ImageName;
use crate::digest::Digest;
use crate::step::{Facet, Input, NamedSource, Source};

/// The script that runs in a container of the base image.
pub const PROBE_SCRIPT: &str = include_str!("../../docker/probe.sh");

/// Its digest, taken once: it is an input of every probe.
static PROBE_DIGEST: LazyLock<Digest> = LazyLock::new(|| Digest::of(PROBE_SCRIPT.as_bytes()));

/// Checks what a base image promises, and gathers facts about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// The name of the base image.
    pub image: ImageName,
    /// The id that the name resolves to in the engine now; `None` when the image has to be pulled.
    pub id: Option<String>,
}

impl Probe {
    fn id_source(&self) -> Source {
        match &self.id {
            Some(id) => Source::Known(Input::Image(id.clone())),
            None => Source::Awaited(format!(
                "{} is not in the engine and will be pulled",
                self.image.as_str()
            )),
        }
    }

    pub(super) fn inputs(&self) -> Vec<NamedSource> {
        // The name is no input: what counts is the image that it resolves to.
        let Self { image: _, id: _ } = self;
        vec![
            ("base image".to_owned(), self.id_source()),
            (
                "probe".to_owned(),
                Source::Known(Input::File(*PROBE_DIGEST)),
            ),
        ]
    }

    pub(super) fn predicted(&self) -> BTreeMap<Facet, Input> {
        self.id
            .iter()
            .map(|id| (Facet::BaseImage, Input::Image(id.clone())))
            .collect()
    }

    pub(super) fn title(&self) -> String {
        format!("probe {}", self.image.as_str())
    }

    pub(super) fn summary(&self) -> String {
        let pull = if self.id.is_some() { "" } else { "pull and " };
        format!("{pull}{}", self.title())
    }
}
