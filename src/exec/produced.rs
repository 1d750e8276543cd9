//! What a step made, before it is in its place.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::manifest::{BuiltImage, Mirror};
use crate::step::{Address, Facet, Input};
use crate::tree::{Entry, RelPath};

/// What a step made, not yet in its place.
#[derive(Debug, Default)]
pub(crate) struct Produced {
    /// Files with where they are now and where they go.
    pub files: BTreeMap<RelPath, (PathBuf, Entry)>,
    /// A directory that is already in place.
    pub mirror: Option<Mirror>,
    pub image: Option<BuiltImage>,
    pub facets: BTreeMap<Facet, Input>,
    /// Inputs whose value turned up in the run.
    pub found: BTreeMap<String, Input>,
    /// Texts to keep for explanations, under the digest by which inputs name them.
    pub objects: Vec<(crate::digest::Digest, String)>,
}

impl Produced {
    /// Gives what a step made, which knows the paths of a project alone, its project's places.
    pub fn placed(mut self, step: &Address) -> Self {
        let files = std::mem::take(&mut self.files).into_iter();
        self.files = files
            .map(|(path, made)| (step.place(&path), made))
            .collect();
        if let Some(mirror) = &mut self.mirror {
            mirror.path = step.place(&mirror.path);
        }
        self
    }
}
