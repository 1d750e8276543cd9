//! The values of fields, each read as what it must be.

use super::{At, Check, Expected, Fields};
use crate::config::mistake::{DeliveryMistake, Mistake};
use crate::config::names::{self, Kind};
use crate::config::yaml::{Entry, Node, Value};

impl<'n> Fields<'n, '_> {
    /// Reads a name of a kind.
    pub fn name<T>(&mut self, field: &'static str, kind: Kind, check: Check<T>) -> Option<At<T>> {
        let text = self.text(field)?;
        self.check(&text, kind, check)
    }

    /// Reads a list of names of a kind.
    pub fn names<T>(&mut self, field: &'static str, kind: Kind, check: Check<T>) -> Vec<At<T>> {
        let texts = self.texts(field);
        self.check_all(&texts, kind, check)
    }

    /// Reads a name that may be written as a number.
    pub fn numeric_name<T>(
        &mut self,
        field: &'static str,
        kind: Kind,
        check: Check<T>,
    ) -> Option<At<T>> {
        let entry = self.find(field)?;
        let text = self.text_or_number(entry, &entry.node, false)?;
        self.check(&text, kind, check)
    }

    /// Reads a list of names that may be written as numbers.
    pub fn numeric_names<T>(
        &mut self,
        field: &'static str,
        kind: Kind,
        check: Check<T>,
    ) -> Vec<At<T>> {
        let Some((entry, nodes)) = self.list(field) else {
            return Vec::new();
        };
        let texts = nodes
            .iter()
            .filter_map(|node| self.text_or_number(entry, node, true));
        let texts: Vec<_> = texts.collect();
        self.check_all(&texts, kind, check)
    }

    /// Reads a string that is checked elsewhere.
    pub fn text(&mut self, field: &'static str) -> Option<At<String>> {
        let entry = self.find(field)?;
        self.string(entry, &entry.node, false)
    }

    /// Reads a list of strings that are checked elsewhere.
    pub fn texts(&mut self, field: &'static str) -> Vec<At<String>> {
        let Some((entry, nodes)) = self.list(field) else {
            return Vec::new();
        };
        let texts = nodes
            .iter()
            .filter_map(|node| self.string(entry, node, true));
        texts.collect()
    }

    /// Reads a command: a program and its arguments.
    pub fn command(&mut self, field: &'static str) -> Option<Vec<String>> {
        let (entry, nodes) = self.list(field)?;
        if nodes.is_empty() {
            let mistake = DeliveryMistake::EmptyCommand { field };
            self.mistakes.add(self.file, entry.node.at, mistake.into());
            return None;
        }
        let texts = nodes
            .iter()
            .filter_map(|node| self.string(entry, node, true));
        let texts: Vec<_> = texts.collect();
        // A command of which an entry is missing is not used: that entry was a mistake.
        let (program, arguments) = texts.split_first()?;
        let program = self.check(program, Kind::Program, names::program)?;
        let arguments = self.check_all(arguments, Kind::Argument, names::argument);
        let parts = [program].into_iter().chain(arguments);
        Some(parts.map(|part| part.value).collect())
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

    /// Reads a whole number from 1.
    pub fn whole(&mut self, field: &'static str) -> Option<At<u32>> {
        let entry = self.find(field)?;
        let at = entry.node.at;
        let Value::Number(number) = &entry.node.value else {
            self.wrong_type(entry, &entry.node, false, Expected::Number);
            return None;
        };
        let Some(value) = names::whole(number) else {
            let number = number.clone();
            let mistake = DeliveryMistake::NotWhole { field, number };
            self.mistakes.add(self.file, at, mistake.into());
            return None;
        };
        Some(At { value, at })
    }

    /// Reads a map from environment variables to strings.
    pub fn variables(&mut self, field: &'static str) -> Vec<(At<String>, String)> {
        let variable = |text: &str| names::variable(text).map(|()| text.to_owned());
        let mut variables = Vec::new();
        for (name, value) in self.pairs(field, Kind::Variable, variable) {
            if value.value.contains('\0') {
                let variable = name.value.clone();
                self.mistakes
                    .add(self.file, value.at, Mistake::NulInValue { variable });
            }
            variables.push((name, value.value));
        }
        variables
    }

    /// Reads a map from names of a kind to strings that are checked elsewhere.
    pub fn pairs<T>(
        &mut self,
        field: &'static str,
        kind: Kind,
        check: Check<T>,
    ) -> Vec<(At<T>, At<String>)> {
        let mut pairs = Vec::new();
        for entry in self.map(field).unwrap_or_default() {
            let name = At {
                value: entry.key.clone(),
                at: entry.at,
            };
            let name = self.check(&name, kind, check);
            let value = self.string(entry, &entry.node, false);
            pairs.extend(name.zip(value));
        }
        pairs
    }

    /// Tells whether a field has a value, be it legal or not; an empty list or map is none.
    pub fn given(&self, field: &'static str) -> bool {
        !self.present(&[field]).is_empty()
    }

    /// Returns those of the fields that have a value, as `given` does, and where they are named.
    pub fn present(&self, fields: &[&'static str]) -> Vec<At<&'static str>> {
        let empty = |value: &Value| match value {
            Value::Null => true,
            Value::List(nodes) => nodes.is_empty(),
            Value::Map(entries) => entries.is_empty(),
            Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Wrong => false,
        };
        let mut present = Vec::new();
        for Entry { key, at, node } in self.entries {
            let field = fields.iter().find(|field| *field == key);
            let field = field.filter(|_| !empty(&node.value));
            present.extend(field.map(|value| At {
                value: *value,
                at: *at,
            }));
        }
        present
    }

    /// Finds a field that is a map.
    pub(super) fn map(&mut self, field: &'static str) -> Option<&'n [Entry]> {
        let entry = self.find(field)?;
        match &entry.node.value {
            Value::Map(entries) => Some(entries),
            _ => {
                self.wrong_type(entry, &entry.node, false, Expected::Map);
                None
            }
        }
    }

    /// Finds a field that is a list.
    fn list(&mut self, field: &'static str) -> Option<(&'n Entry, &'n [Node])> {
        let entry = self.find(field)?;
        match &entry.node.value {
            Value::List(nodes) => Some((entry, nodes)),
            _ => {
                self.wrong_type(entry, &entry.node, false, Expected::List);
                None
            }
        }
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

    fn text_or_number(&mut self, entry: &Entry, node: &Node, in_list: bool) -> Option<At<String>> {
        match &node.value {
            Value::Text(text) | Value::Number(text) => Some(At {
                value: text.clone(),
                at: node.at,
            }),
            _ => {
                self.wrong_type(entry, node, in_list, Expected::TextOrNumber);
                None
            }
        }
    }

    fn check_all<T>(&mut self, texts: &[At<String>], kind: Kind, check: Check<T>) -> Vec<At<T>> {
        let names = texts
            .iter()
            .filter_map(|text| self.check(text, kind, check));
        names.collect()
    }
}
