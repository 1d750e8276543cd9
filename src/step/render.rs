//! A rendered file.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::step::{Facet, Input, NamedSource, Source};
use crate::tree::RelPath;

/// Writes a rendered text into the workspace.
#[derive(Clone, Debug, PartialEq)]
pub struct Render {
    /// Where it goes, relative to the workspace.
    pub path: RelPath,
    /// What it says.
    pub text: String,
}

impl Render {
    fn document(&self) -> Input {
        Input::Document(Digest::of(self.text.as_bytes()))
    }

    pub(super) fn inputs(&self) -> Vec<NamedSource> {
        let Self { path, text: _ } = self;
        vec![
            ("path".to_owned(), Source::text(path.as_str())),
            ("dockerfile".to_owned(), Source::Known(self.document())),
        ]
    }

    pub(super) fn predicted(&self) -> BTreeMap<Facet, Input> {
        BTreeMap::from([(Facet::Document, self.document())])
    }

    pub(super) fn summary(&self) -> String {
        format!("render {}", self.path)
    }
}
