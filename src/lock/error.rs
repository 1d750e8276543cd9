//! What is wrong with a lock file, with its place.

use std::ops::Range;

use miette::{NamedSource, SourceSpan};

/// A lock file that cannot be used.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("{what}")]
#[diagnostic(code(builder::lock))]
pub struct LockError {
    what: String,
    #[source_code]
    text: NamedSource<String>,
    #[label("{label}")]
    place: Option<SourceSpan>,
    label: String,
    #[help]
    help: String,
}

/// The file that an error is about.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    pub path: &'a str,
    pub text: &'a str,
}

impl Text<'_> {
    pub fn error(
        self,
        place: Option<Range<usize>>,
        what: String,
        label: &str,
        help: &str,
    ) -> Box<LockError> {
        // A table's place goes to the end of its last line; its first line says enough.
        let first_line = |place: Range<usize>| {
            let text = self.text.get(place.clone()).unwrap_or_default();
            let length = text.find('\n').unwrap_or(text.len());
            SourceSpan::from((place.start, length))
        };
        Box::new(LockError {
            what,
            text: NamedSource::new(self.path, self.text.to_owned()),
            place: place.map(first_line),
            label: label.to_owned(),
            help: help.to_owned(),
        })
    }
}
