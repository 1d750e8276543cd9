//! The checks that all sections share: types, unknown fields, and names of every kind.

mod types;
mod values;

use miette::SourceSpan;

pub use self::types::{Expected, Found};
use super::mistake::{File, Mistake, Proposal, nearest};
use super::names::{BadName, Kind};
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

/// Reads a field that stands beside the flavours.
pub(super) fn beside<T>(
    file: File,
    root: &Node,
    mistakes: &mut Mistakes,
    elsewhere: Elsewhere,
    read: impl FnOnce(&mut Fields) -> Option<T>,
) -> Option<T> {
    let Value::Map(entries) = &root.value else {
        return None;
    };
    // The other keys are the flavours', so that none of them is unknown here.
    read(&mut Fields {
        file,
        mistakes,
        entries,
        asked: Vec::new(),
        elsewhere,
    })
}

/// Reads a document: a map from flavours to fields, which may be empty. The key `beside` is none of
/// them.
pub(super) fn flavours<T>(
    file: File,
    root: &Node,
    beside: Option<&str>,
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
    let of_flavour = |entry: &&Entry| Some(entry.key.as_str()) != beside;
    if !entries.iter().any(|entry| of_flavour(&entry)) {
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
    Some(entries.iter().filter(of_flavour).map(flavour).collect())
}

impl<'n> Fields<'n, '_> {
    /// Reads a map of further fields.
    pub fn section<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Fields<'n, '_>) -> T,
    ) -> T {
        let entries = self.map(field).unwrap_or_default();
        self.below(entries, read)
    }

    /// Reads a map of further fields that says something by being there, even where it is empty.
    pub fn section_if_given<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Fields<'n, '_>) -> T,
    ) -> Option<T> {
        let entries = self.map(field)?;
        Some(self.below(entries, read))
    }

    /// Reads a field that is a text, or a map of further fields with the place of the field.
    pub fn text_or_section<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Fields<'n, '_>, SourceSpan) -> T,
    ) -> Option<(Option<At<String>>, Option<T>)> {
        let entry = self.find(field)?;
        match &entry.node.value {
            Value::Text(text) => {
                let (value, at) = (text.clone(), entry.node.at);
                Some((Some(At { value, at }), None))
            }
            Value::Map(entries) => {
                let section = self.below(entries, |fields| read(fields, entry.at));
                Some((None, Some(section)))
            }
            _ => {
                self.wrong_type(entry, &entry.node, false, Expected::TextOrMap);
                None
            }
        }
    }

    /// Checks a text that was read as one.
    pub fn checked<T>(&mut self, text: &At<String>, kind: Kind, check: Check<T>) -> Option<At<T>> {
        self.check(text, kind, check)
    }

    /// Adds a mistake at a place of the file.
    pub fn mistake(&mut self, at: SourceSpan, mistake: Mistake) {
        self.mistakes.add(self.file, at, mistake);
    }

    fn below<T>(&mut self, entries: &'n [Entry], read: impl FnOnce(&mut Fields<'n, '_>) -> T) -> T {
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

    /// Finds a field; an empty one counts as one that is not there.
    fn find(&mut self, field: &'static str) -> Option<&'n Entry> {
        self.asked.push(field);
        let given = |entry: &&Entry| entry.key == field && !matches!(entry.node.value, Value::Null);
        self.entries.iter().find(given)
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
