//! Writing a lock file: the same lock is the same bytes.

use std::fmt::Write as _;

use crate::lock::{File, Lock};

/// What stands above every lock that builder wrote.
const HEAD: &str =
    "# Written by `builder lock`, which also refreshes it. The format is PEP 751's.\n";

impl Lock {
    /// Writes the file, packages by name and files by name.
    pub fn to_toml(&self) -> String {
        let Self {
            created_by,
            requires_python,
            environments,
            packages,
        } = self;
        let mut text = HEAD.to_owned();
        field(&mut text, "lock-version", "1.0");
        if !environments.is_empty() {
            text.push_str("environments = [\n");
            for environment in environments {
                let _ = writeln!(text, "    {},", quoted(environment));
            }
            text.push_str("]\n");
        }
        optional(&mut text, "requires-python", requires_python);
        field(&mut text, "created-by", created_by);
        if packages.is_empty() {
            text.push_str("packages = []\n");
        }
        let mut sorted: Vec<_> = packages.iter().collect();
        sorted.sort_by_key(|package| (&package.name, &package.version, &package.marker));
        for package in sorted {
            text.push_str("\n[[packages]]\n");
            field(&mut text, "name", &package.name);
            field(&mut text, "version", &package.version);
            optional(&mut text, "marker", &package.marker);
            optional(&mut text, "requires-python", &package.requires_python);
            if !package.dependencies.is_empty() {
                text.push_str("dependencies = [\n");
                for name in &package.dependencies {
                    let _ = writeln!(text, "    {{ name = {} }},", quoted(name));
                }
                text.push_str("]\n");
            }
            optional(&mut text, "index", &package.index);
            if let Some(sdist) = &package.sdist {
                file(&mut text, "[packages.sdist]", sdist);
            }
            let mut wheels: Vec<_> = package.wheels.iter().collect();
            wheels.sort_by_key(|wheel| &wheel.name);
            for wheel in wheels {
                file(&mut text, "[[packages.wheels]]", wheel);
            }
        }
        text
    }
}

fn file(text: &mut String, table: &str, file: &File) {
    let File {
        name,
        url,
        size,
        hashes,
    } = file;
    let _ = writeln!(text, "\n{table}");
    field(text, "name", name);
    field(text, "url", url);
    if let Some(size) = size {
        let _ = writeln!(text, "size = {size}");
    }
    let hashes: Vec<_> = hashes
        .iter()
        .map(|(algorithm, hash)| format!("{algorithm} = {}", quoted(hash)))
        .collect();
    let _ = writeln!(text, "hashes = {{ {} }}", hashes.join(", "));
}

fn field(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "{name} = {}", quoted(value));
}

fn optional(text: &mut String, name: &str, value: &Option<String>) {
    if let Some(value) = value {
        field(text, name, value);
    }
}

/// Quotes a text as a basic string of TOML, on one line.
fn quoted(value: &str) -> String {
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('"');
    for character in value.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            character if character.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(character));
            }
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}
