//! The copy of the source into the workspace.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::step::{Facet, Input, NamedSource, Source};
use crate::tree::Tree;

/// Makes `WORKSPACE/source` a pristine mirror of the source.
#[derive(Clone, Debug, PartialEq)]
pub struct Copy {
    /// The source as it was observed, through the ignore rules.
    pub tree: Arc<Tree>,
}

impl Copy {
    pub(super) fn inputs(&self) -> Vec<NamedSource> {
        let Self { tree } = self;
        vec![(
            "source".to_owned(),
            Source::Known(Input::Tree(tree.digest())),
        )]
    }

    pub(super) fn predicted(&self) -> BTreeMap<Facet, Input> {
        BTreeMap::from([(Facet::Tree, Input::Tree(self.tree.digest()))])
    }

    pub(super) fn summary(&self) -> String {
        match self.tree.count() {
            1 => "copy 1 file".to_owned(),
            count => format!("copy {count} files"),
        }
    }
}
