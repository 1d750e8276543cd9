//! The checks that all sections share: types, unknown fields, and names of every kind.

mod types;

use miette::SourceSpan;

pub use self::types::{Expected, Found};
use super::mistake::{File, Mistake, Proposal, nearest};
use super::names::{self, BadName, Kind};
use super::report::Mistakes;
use super::yaml::{Entry, Node, Value};

/// A checked value and its place.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub value: T,
    pub at: SourceSpan,
}

/// A flavour of one of the files.
#[derive(Debug)]
pub(super) struct Flavour<T> {
    pub name: At<String>,
    pub fields: T,
    /// Whether it was read without a mistake, so that what it lacks was left out on purpose.
    pub whole: bool,
}

/// The fields of one map, asked for one by one; those that nobody asked for are unknown.
pub(super) struct Fields<'n, 'm> {
    file: File,
    mistakes: &'m mut Mistakes,
    entries: &'n [Entry],
    asked: Vec<&'static str>,
    elsewhere: Elsewhere,
}

/// Tells where a field belongs that is not known in its place.
pub(super) type Elsewhere = fn(File, &str) -> Option<&'static str>;

/// Reads a document: a map from flavours to fields, which may be empty.
pub(super) fn flavours<T>(
    file: File,
    root: &Node,
    mistakes: &mut Mistakes,
    elsewhere: Elsewhere,
    mut read: impl FnMut(&mut Fields) -> T,
) -> Option<Vec<Flavour<T>>> {
    let Value::Map(entries) = &root.value else {
        if let Some(found) = Found::of(root) {
            mistakes.add(file, root.at, Mistake::NotAMap { found, file });
        }
        return None;
    };
    if entries.is_empty() {
        mistakes.add(file, root.at, Mistake::NoFlavour { file });
        return None;
    }
    let flavour = |entry: &Entry| {
        let name = At {
            value: entry.key.clone(),
            at: entry.at,
        };
        let none = Vec::new();
        let before = mistakes.len();
        let entries = match &entry.node.value {
            Value::Map(entries) => entries,
            Value::Null => &none,
            _ => {
                wrong_type(file, mistakes, entry, &entry.node, false, Expected::Map);
                &none
            }
        };
        let mut fields = Fields {
            file,
            mistakes: &mut *mistakes,
            entries,
            asked: Vec::new(),
            elsewhere,
        };
        let flavour = read(&mut fields);
        fields.finish();
        Flavour {
            name,
            fields: flavour,
            whole: mistakes.len() == before,
        }
    };
    Some(entries.iter().map(flavour).collect())
}

impl<'n> Fields<'n, '_> {
    /// Reads a map of further fields.
    pub fn section<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Fields<'n, '_>) -> T,
    ) -> T {
        let entries: &[Entry] = match self.find(field) {
            None => &[],
            Some(entry) => match &entry.node.value {
                Value::Map(entries) => entries,
                _ => {
                    self.wrong_type(entry, &entry.node, false, Expected::Map);
                    &[]
                }
            },
        };
        let mut fields = Fields {
            file: self.file,
            mistakes: &mut *self.mistakes,
            entries,
            asked: Vec::new(),
            elsewhere: self.elsewhere,
        };
        let section = read(&mut fields);
        fields.finish();
        section
    }

    /// Reads a name of a kind.
    pub fn name<T>(&mut self, field: &'static str, kind: Kind, check: Check<T>) -> Option<At<T>> {
        let text = self.text(field)?;
        self.check(&text, kind, check)
    }

    /// Reads a list of names of a kind.
    pub fn names<T>(&mut self, field: &'static str, kind: Kind, check: Check<T>) -> Vec<At<T>> {
        let texts = self.texts(field);
        let names = texts
            .iter()
            .filter_map(|text| self.check(text, kind, check));
        names.collect()
    }

    /// Reads a string that is checked elsewhere.
    pub fn text(&mut self, field: &'static str) -> Option<At<String>> {
        let entry = self.find(field)?;
        self.string(entry, &entry.node, false)
    }

    /// Reads a list of strings that are checked elsewhere.
    pub fn texts(&mut self, field: &'static str) -> Vec<At<String>> {
        let Some(entry) = self.find(field) else {
            return Vec::new();
        };
        let Value::List(nodes) = &entry.node.value else {
            self.wrong_type(entry, &entry.node, false, Expected::List);
            return Vec::new();
        };
        let texts = nodes
            .iter()
            .filter_map(|node| self.string(entry, node, true));
        texts.collect()
    }

    /// Reads a truth value.
    pub fn flag(&mut self, field: &'static str) -> Option<At<bool>> {
        let entry = self.find(field)?;
        let at = entry.node.at;
        match entry.node.value {
            Value::Bool(value) => Some(At { value, at }),
            _ => {
                self.wrong_type(entry, &entry.node, false, Expected::Bool);
                None
            }
        }
    }

    /// Reads a map from environment variables to strings.
    pub fn variables(&mut self, field: &'static str) -> Vec<(At<String>, String)> {
        let Some(entry) = self.find(field) else {
            return Vec::new();
        };
        let Value::Map(entries) = &entry.node.value else {
            self.wrong_type(entry, &entry.node, false, Expected::Map);
            return Vec::new();
        };
        let mut variables = Vec::new();
        for entry in entries {
            let name = At {
                value: entry.key.clone(),
                at: entry.at,
            };
            let checked = self.check(&name, Kind::Variable, names::variable);
            let Some(value) = self.string(entry, &entry.node, false) else {
                continue;
            };
            if value.value.contains('\0') {
                let variable = entry.key.clone();
                self.mistakes
                    .add(self.file, value.at, Mistake::NulInValue { variable });
            }
            if checked.is_some() {
                variables.push((name, value.value));
            }
        }
        variables
    }

    /// Tells whether a field has a value, be it legal or not; an empty list is none.
    pub fn given(&self, field: &str) -> bool {
        let empty = |value: &Value| match value {
            Value::Null => true,
            Value::List(nodes) => nodes.is_empty(),
            _ => false,
        };
        { self.entries.iter() }.any(|entry| entry.key == field && !empty(&entry.node.value))
    }

    /// Finds a field; an empty one counts as one that is not there.
    fn find(&mut self, field: &'static str) -> Option<&'n Entry> {
        self.asked.push(field);
        let given = |entry: &&Entry| entry.key == field && !matches!(entry.node.value, Value::Null);
        self.entries.iter().find(given)
    }

    fn string(&mut self, entry: &Entry, node: &Node, in_list: bool) -> Option<At<String>> {
        match &node.value {
            Value::Text(text) => Some(At {
                value: text.clone(),
                at: node.at,
            }),
            _ => {
                self.wrong_type(entry, node, in_list, Expected::Text);
                None
            }
        }
    }

    fn wrong_type(&mut self, entry: &Entry, node: &Node, in_list: bool, expected: Expected) {
        wrong_type(self.file, self.mistakes, entry, node, in_list, expected);
    }

    fn check<T>(&mut self, text: &At<String>, kind: Kind, check: Check<T>) -> Option<At<T>> {
        let at = text.at;
        match check(&text.value) {
            Ok(value) => Some(At { value, at }),
            Err(problem) => {
                self.mistakes
                    .add(self.file, at, bad_name(&text.value, kind, problem));
                None
            }
        }
    }

    /// Reports the fields that nobody asked for.
    fn finish(self) {
        let known = || self.asked.iter().map(|field| (*field).to_owned()).collect();
        for entry in self.entries {
            if self.asked.contains(&entry.key.as_str()) {
                continue;
            }
            let elsewhere = (self.elsewhere)(self.file, &entry.key).map(Proposal::Place);
            let proposed = elsewhere.or_else(|| nearest(&entry.key, self.asked.iter().copied()));
            let field = entry.key.clone();
            let mistake = Mistake::UnknownField {
                field,
                proposed,
                known: known(),
            };
            self.mistakes.add(self.file, entry.at, mistake);
        }
    }
}

/// A check that makes a name of a text.
pub(super) type Check<T> = fn(&str) -> Result<T, BadName>;

/// Words what is wrong with a name.
pub(super) fn bad_name(text: &str, kind: Kind, problem: BadName) -> Mistake {
    match (kind, problem) {
        (Kind::Index { variable }, BadName::UrlCredentials) => Mistake::Credentials { variable },
        _ => Mistake::BadName {
            text: text.to_owned(),
            kind,
            problem,
        },
    }
}

fn wrong_type(
    file: File,
    mistakes: &mut Mistakes,
    owner: &Entry,
    node: &Node,
    entry: bool,
    expected: Expected,
) {
    let Some(found) = Found::of(node) else { return };
    // An empty value has no place of its own.
    let at = if node.at.is_empty() && !entry {
        owner.at
    } else {
        node.at
    };
    let field = owner.key.clone();
    let mistake = Mistake::WrongType {
        field,
        entry,
        found,
        expected,
    };
    mistakes.add(file, at, mistake);
}
