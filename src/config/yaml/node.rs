//! The tree of a document.

use miette::SourceSpan;

/// A value and its place.
#[derive(Clone, Debug)]
pub(in crate::config) struct Node {
    /// A scalar, an alias or brackets on one line as a whole; otherwise the first key or bracket.
    pub at: SourceSpan,
    pub value: Value,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(in crate::config) enum Value {
    Null,
    Bool(bool),
    /// As it is written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Something wrong, about which a mistake has been added already.
    Wrong,
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(in crate::config) struct Entry {
    pub key: String,
    pub at: SourceSpan,
    pub node: Node,
}

impl Node {
    /// Returns how many values there are in all, and how deep.
    pub(super) fn measure(&self) -> (usize, usize) {
        let below: Vec<_> = match &self.value {
            Value::List(nodes) => nodes.iter().map(Self::measure).collect(),
            Value::Map(entries) => entries.iter().map(|entry| entry.node.measure()).collect(),
            _ => return (1, 0),
        };
        let values = below.iter().map(|(values, _)| values + 1).sum::<usize>();
        (
            values + 1,
            below.iter().map(|(_, depth)| depth).max().unwrap_or(&0) + 1,
        )
    }
}
