//! What a value is and what it must be.

use std::fmt;

use crate::config::yaml::{Node, Value};

/// What a value is, where another type is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing is written.
    Nothing,
    /// `true` or `false`.
    Bool,
    /// A plain number.
    Number,
    /// A string.
    Text,
    /// A list.
    List,
    /// A map.
    Map,
}

impl Found {
    /// Names what a node is; `None` where a mistake about it has been added already.
    pub(in crate::config) fn of(node: &Node) -> Option<Self> {
        match node.value {
            Value::Null => Some(Self::Nothing),
            Value::Bool(_) => Some(Self::Bool),
            Value::Number(_) => Some(Self::Number),
            Value::Text(_) => Some(Self::Text),
            Value::List(_) => Some(Self::List),
            Value::Map(_) => Some(Self::Map),
            Value::Wrong => None,
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "empty",
            Self::Bool => "a truth value",
            Self::Number => "a number",
            Self::Text => "a string",
            Self::List => "a list",
            Self::Map => "a map",
        })
    }
}

/// What a field's value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A string.
    Text,
    /// A string or a number.
    TextOrNumber,
    /// A list of strings.
    List,
    /// A map of fields, or of names to strings.
    Map,
    /// A string, or a map of fields.
    TextOrMap,
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::Text => "a string",
            Self::TextOrNumber => "a string or a number",
            Self::List => "a list",
            Self::Map => "a map",
            Self::TextOrMap => "a string or a map",
        })
    }
}

impl Expected {
    /// Says what to write in place of what is found.
    pub(in crate::config) fn help(self, found: Found, field: &str) -> String {
        match (self, found) {
            (Self::Bool, _) => format!("write `{field}: true` or `{field}: false`, without quotes"),
            (Self::Number, _) => format!("write digits alone, without quotes: `{field}: 2`"),
            (Self::Text | Self::TextOrNumber, Found::Number | Found::Bool) => {
                "put the value in quotes".to_owned()
            }
            (Self::Text | Self::TextOrNumber, Found::Nothing) => {
                "write a value, or remove the entry".to_owned()
            }
            (Self::Text | Self::TextOrNumber, _) => {
                "write one value, without brackets, dashes or fields".to_owned()
            }
            (Self::List, _) => format!(
                "write it in brackets, `{field}: [a, b]`, or each entry on a line of its own after `- `"
            ),
            (Self::TextOrMap, _) => {
                "write one value, or each field on a line of its own below it".to_owned()
            }
            (Self::Map, _) => {
                "write each field on a line of its own below it, indented by two more spaces"
                    .to_owned()
            }
        }
    }
}
