//! What steps may have left that no record claims.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::manifest::Outputs;
use crate::tree::RelPath;

/// What is to be removed, unless some record claims it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leavings {
    /// Files of the workspace.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub files: BTreeSet<RelPath>,
    /// Images of the engine, by id.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub images: BTreeSet<String>,
}

impl Leavings {
    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.images.is_empty()
    }

    /// Adds what a step left.
    pub fn add(&mut self, outputs: &Outputs) {
        self.files.extend(outputs.files.keys().cloned());
        self.images
            .extend(outputs.image.iter().map(|image| image.id.clone()));
    }

    /// Takes out what a record claims.
    pub fn remove(&mut self, outputs: &Outputs) {
        self.files.retain(|path| !outputs.files.contains_key(path));
        if let Some(image) = &outputs.image {
            self.images.remove(&image.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Line, Manifest, Record, VERSION};
    use crate::step::{Address, fingerprint_key};
    use crate::tree::Entry;

    fn path(text: &str) -> RelPath {
        RelPath::new(text).unwrap()
    }

    /// A run that left these files.
    fn done(files: &[&str]) -> Line {
        let entry = Entry::Symlink {
            target: "x".to_owned(),
        };
        let files = files.iter().map(|file| (path(file), entry.clone()));
        Line::Done(Box::new(Record {
            step: Address::typed("a"),
            kind: "render".to_owned(),
            key: fingerprint_key("render", &Default::default()),
            inputs: Default::default(),
            outputs: Outputs {
                files: files.collect(),
                ..Outputs::default()
            },
            started: 1,
            seconds: 0.0,
            restored: None,
        }))
    }

    fn said(files: &[&str]) -> Line {
        Line::Leavings {
            step: Address::typed("a"),
            leavings: Leavings {
                files: files.iter().map(|file| path(file)).collect(),
                images: BTreeSet::new(),
            },
        }
    }

    #[test]
    fn what_a_run_placed_or_superseded_is_known_until_it_is_removed() {
        let check = |lines: &[Line], expected: &[&str]| {
            let head = Line::Manifest {
                version: VERSION,
                workspace: "w".to_owned(),
            };
            let lines = [head].into_iter().chain(lines.iter().cloned());
            let text: String = lines.map(|line| line.to_text()).collect();
            let manifest = Manifest::parse(&text).unwrap();
            let leavings = &manifest.steps[&Address::typed("a")].leavings;
            let files: Vec<_> = leavings.files.iter().map(RelPath::as_str).collect();
            assert_eq!(files, expected, "{lines:?}", lines = text);
            let compacted: String = manifest.compacted().iter().map(Line::to_text).collect();
            assert_eq!(Manifest::parse(&compacted).unwrap(), manifest);
        };
        check(&[done(&["1", "2"])], &[]);
        check(&[done(&["1", "2"]), done(&["2", "3"])], &["1"]);
        check(&[done(&["1"]), said(&["3"])], &["3"]);
        check(&[done(&["1"]), said(&["3"]), done(&["3"])], &["1"]);
        check(&[done(&["1"]), done(&["3"]), said(&[])], &[]);
    }
}
