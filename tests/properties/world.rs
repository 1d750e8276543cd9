//! A project with its configuration, as plain data that can be edited and written to disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The flavours that the operator defines.
pub const FLAVOURS: [&str; 4] = ["deb", "deb-trixie", "el9", "pypy"];

/// The base images that flavours stand on.
pub const BASES: [&str; 3] = ["base-a", "base-b", "base-c"];

/// The requirements that a project may state.
pub const REQUIREMENTS: [&str; 4] = ["alpha", "beta>=1", "gamma; extra == \"web\"", "delta"];

/// The distribution packages that a flavour may build with.
pub const PACKAGES: [&str; 3] = ["gcc", "libffi-dev", "libssl-dev"];

/// Files that no setting names, so that they may go.
pub const FREE_FILES: [&str; 5] = [
    "README.md",
    "pkg/__init__.py",
    "pkg/core.py",
    "tests/data.txt",
    "tests/test_core.py",
];

/// Files that a setting may name, so that they stay.
pub const FIXED_FILES: [&str; 4] = [
    "requirements.txt",
    "limits/build.txt",
    "limits/more/deep.txt",
    "scripts/build.sh",
];

/// What an operator and a project ask for.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// The flavours that the project wants, by their place in [`FLAVOURS`].
    pub flavours: BTreeMap<usize, Flavour>,
    /// The source's files, without `.build.yml`.
    pub files: BTreeMap<String, File>,
    /// The operator's own constraints.
    pub operator_text: u8,
    /// Whether `.build.yml` is kept outside of the source, so that an edit of it is no edit there.
    pub build_file_outside: bool,
}

/// A file of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub text: String,
    pub executable: bool,
}

/// A flavour, from both files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flavour {
    pub base: usize,
    pub packages: BTreeSet<usize>,
    pub buildscript: bool,
    pub web: bool,
    pub constraints: bool,
    pub build_constraints: bool,
    pub requirements: bool,
    pub operator: bool,
    pub environment: u8,
}

impl File {
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            executable: false,
        }
    }
}

impl World {
    pub fn new(flavours: BTreeMap<usize, Flavour>, build_file_outside: bool) -> Self {
        let names = FREE_FILES.iter().chain(&FIXED_FILES);
        let mut files: BTreeMap<String, File> = names
            .map(|name| ((*name).to_owned(), File::plain("# 0\n")))
            .collect();
        files.insert("limits/top.txt".to_owned(), File::plain(constraints(1)));
        files.insert("requires.txt".to_owned(), File::plain(requires(0b0011)));
        Self {
            flavours,
            files,
            operator_text: 0,
            build_file_outside,
        }
    }

    /// Writes `config.yml`; the operator defines every flavour.
    pub fn config(&self) -> String {
        let mut text = String::new();
        for (number, name) in FLAVOURS.iter().enumerate() {
            let flavour = self.flavours.get(&number).cloned().unwrap_or_default();
            let _ = writeln!(
                text,
                "{name}:\n  package: none\n  base_image: {}",
                BASES[flavour.base]
            );
            if flavour.operator {
                text.push_str("  pip:\n    constraints: [operator.txt]\n");
            }
        }
        text
    }

    /// Writes `.build.yml`.
    pub fn build_file(&self) -> String {
        self.flavours
            .iter()
            .map(|(n, f)| f.section(FLAVOURS[*n]))
            .collect()
    }

    /// Returns the source as it is on disk.
    pub fn source(&self) -> BTreeMap<String, File> {
        let mut files = self.files.clone();
        if !self.build_file_outside {
            files.insert(".build.yml".to_owned(), File::plain(self.build_file()));
        }
        files
    }
}

impl Flavour {
    fn section(&self, name: &str) -> String {
        let mut text = format!("{name}:\n");
        if self.buildscript {
            text.push_str("  buildscript: scripts/build.sh\n");
        }
        if !self.packages.is_empty() {
            let names: Vec<_> = self.packages.iter().map(|n| PACKAGES[*n]).collect();
            let _ = writeln!(text, "  dependencies:\n    build: [{}]", names.join(", "));
        }
        if self.web {
            text.push_str("  extras: [web]\n");
        }
        let pip = [
            (self.constraints, "constraints: [limits/top.txt]"),
            (
                self.build_constraints,
                "build_constraints: [limits/build.txt]",
            ),
            (self.requirements, "requirements: [requirements.txt]"),
        ];
        if pip.iter().any(|(on, _)| *on) {
            text.push_str("  pip:\n");
            for (_, line) in pip.iter().filter(|(on, _)| *on) {
                let _ = writeln!(text, "    {line}");
            }
        }
        if self.environment > 0 {
            let _ = writeln!(
                text,
                "  build_environment:\n    MODE: v{}",
                self.environment
            );
        }
        text
    }
}

/// A `limits/top.txt`: even variants include a file that includes another.
pub fn constraints(variant: u8) -> String {
    let include = if variant.is_multiple_of(2) {
        "-c more/deep.txt\n"
    } else {
        ""
    };
    format!("alpha=={variant}\n{include}")
}

/// A `requires.txt` with the requirements whose bit is set.
pub fn requires(bits: u8) -> String {
    let chosen = REQUIREMENTS.iter().enumerate();
    chosen
        .filter(|(number, _)| bits & (1 << number) != 0)
        .map(|(_, line)| format!("{line}\n"))
        .collect()
}
