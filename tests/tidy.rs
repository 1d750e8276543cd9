//! The invariants of ARCHITECTURE.md, held against the text of the repository.
#![expect(
    clippy::disallowed_methods,
    reason = "the repository is read from disk, and the binary is run"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The modules that are functions of their inputs.
const PURE: [&str; 14] = [
    "digest", "tree", "config", "facts", "wheel", "version", "lock", "template", "step", "graph",
    "manifest", "entry", "history", "plan",
];

/// How many lines a file of `src` has at most.
const LINES: usize = 400;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files that git has or would add, with their texts; a file of bytes is none of them.
fn files() -> Vec<(String, String)> {
    let listed = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root())
        .output()
        .expect("git lists the files of the repository");
    assert!(listed.status.success(), "{listed:?}");
    let names = String::from_utf8(listed.stdout).expect("paths of the repository are UTF-8");
    names
        .split_terminator('\0')
        .filter_map(|name| Some((name.to_owned(), fs::read_to_string(root().join(name)).ok()?)))
        .collect()
}

/// The Rust files below a folder.
fn rust(folder: &str) -> Vec<(String, String)> {
    let mut files = files();
    files.retain(|(name, _)| name.starts_with(folder) && name.ends_with(".rs"));
    assert!(!files.is_empty(), "there is Rust in {folder}");
    files
}

/// The module of `src` that a file belongs to; none for `lib.rs` and `main.rs`.
fn module(file: &str) -> Option<&str> {
    let path = file.strip_prefix("src/")?;
    let name = path.split(['/', '.']).next()?;
    (!matches!(path, "lib.rs" | "main.rs")).then_some(name)
}

/// The modules in the order of the list in `src/lib.rs`.
fn order() -> Vec<String> {
    read("src/lib.rs")
        .lines()
        .filter_map(|line| {
            Some(
                line.strip_prefix("//! - [`")?
                    .split_once("`]")?
                    .0
                    .to_owned(),
            )
        })
        .collect()
}

/// The lines that are no comment, with their numbers.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The first word of a text, as Rust sees words.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

fn hold(what: &str, violations: &[String]) {
    assert!(
        violations.is_empty(),
        "{what}:\n  {}\n",
        violations.join("\n  ")
    );
}

#[test]
fn the_list_in_lib_rs_has_every_module_once() {
    let listed = order();
    let mut sorted = listed.clone();
    sorted.sort();
    let declared: Vec<String> = read("src/lib.rs")
        .lines()
        .filter_map(|line| Some(line.strip_prefix("pub mod ")?.strip_suffix(';')?.to_owned()))
        .collect();
    assert_eq!(sorted, declared);
    assert_eq!(listed[..PURE.len()], PURE);
}

#[test]
fn a_module_names_only_modules_above_it() {
    let order = order();
    let place = |module: &str| order.iter().position(|listed| listed == module);
    let mut violations = Vec::new();
    for (file, text) in rust("src/") {
        let Some(own) = module(&file) else { continue };
        for (number, line) in code(&text) {
            for (at, marker) in line.match_indices("crate::") {
                let named = word(&line[at + marker.len()..]);
                // `use crate::{a, b}` would hide its modules from this test.
                if place(named).is_none() || place(named) > place(own) {
                    violations.push(format!("{file}:{number}: {own} names `{named}`"));
                }
            }
        }
    }
    hold(
        "a module names only modules above it in src/lib.rs",
        &violations,
    );
}

#[test]
fn pure_modules_touch_nothing() {
    let mut violations = Vec::new();
    for (file, text) in rust("src/") {
        if module(&file).is_some_and(|module| PURE.contains(&module)) {
            let lines = code(&text).filter(|(_, line)| line.contains("disallowed_methods"));
            violations.extend(lines.map(|(number, _)| format!("{file}:{number}")));
        }
    }
    hold("a pure module lifts no ban of clippy.toml", &violations);
}

#[test]
fn nothing_is_left_for_later_and_no_lint_is_silenced() {
    // Written in two halves, so that this file does not name them.
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("dbg", "!("),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[", "allow"),
        concat!("#![", "allow"),
        concat!("#[", "ignore"),
    ];
    let mut violations = Vec::new();
    for (file, text) in rust("src/").into_iter().chain(rust("tests/")) {
        for (number, line) in (1..).zip(text.lines()) {
            let found = words.iter().filter(|word| line.contains(**word));
            violations.extend(found.map(|word| format!("{file}:{number}: {word}")));
        }
    }
    hold("src and tests are finished", &violations);
}

#[test]
fn only_the_command_line_and_the_report_print() {
    let outlets = ["print!(", "println!(", "stdout()", "stderr()"];
    let mut violations = Vec::new();
    for (file, text) in rust("src/") {
        if file == "src/cli.rs" || file.starts_with("src/cli/") || file.starts_with("src/report/") {
            continue;
        }
        for (number, line) in code(&text) {
            let found = outlets.iter().filter(|outlet| line.contains(**outlet));
            violations.extend(found.map(|outlet| format!("{file}:{number}: {outlet}")));
        }
    }
    hold("only cli and report print", &violations);
}

#[test]
fn files_are_small() {
    let long = rust("src/").into_iter().filter_map(|(file, text)| {
        let lines = text.lines().count();
        (lines > LINES).then(|| format!("{file}: {lines} lines"))
    });
    hold(
        "a file of src has at most 400 lines",
        &long.collect::<Vec<_>>(),
    );
}

#[test]
fn every_module_is_in_the_architecture() {
    let architecture = read("ARCHITECTURE.md");
    let row = |module: &str| {
        let start = format!("| `{module}` |");
        architecture.lines().find(|line| line.starts_with(&start))
    };
    let mut violations = Vec::new();
    for (file, _) in rust("src/") {
        let Some(own) = module(&file) else { continue };
        let Some(row) = row(own) else {
            violations.push(format!("{own} has no row"));
            continue;
        };
        // A file or a folder directly in the module's folder; tests are named by what they test.
        let below = file.strip_prefix(&format!("src/{own}/"));
        let name = below
            .map(word)
            .filter(|name| !matches!(*name, "mod" | "tests"));
        if let Some(name) = name.filter(|name| !row.contains(&format!("`{name}`"))) {
            violations.push(format!("{file}: the row of {own} does not name `{name}`"));
        }
    }
    violations.dedup();
    hold("ARCHITECTURE.md maps every module", &violations);
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut violations = Vec::new();
    for (file, text) in files() {
        if !file.ends_with(".md") || file.starts_with("plans/") {
            continue;
        }
        let folder = Path::new(&file)
            .parent()
            .map_or_else(PathBuf::new, Path::to_owned);
        let targets = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let (path, heading) = target.split_once('#').unwrap_or((target, ""));
            let document = match path {
                "" => root().join(&file),
                path => root().join(&folder).join(path),
            };
            let headings = || {
                let text = fs::read_to_string(&document).unwrap_or_default();
                text.lines()
                    .filter(|line| line.starts_with('#'))
                    .map(anchor)
                    .collect::<Vec<_>>()
            };
            if !document.exists() || !heading.is_empty() && !headings().iter().any(|a| a == heading)
            {
                violations.push(format!("{file}: {target}"));
            }
        }
    }
    hold("links in documents lead somewhere", &violations);
}

/// The name by which a heading is linked to.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn builder(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_builder"))
        .args(arguments)
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "builder {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("help is UTF-8")
}

/// What a command says of itself, and what the commands below it say.
fn help_of(command: &str) -> String {
    let help = builder(&[command, "--help"]);
    let below: String = commands_in(&help)
        .map(|below| builder(&[command, below, "--help"]))
        .collect();
    help + &below
}

/// The commands that a help text lists.
fn commands_in(help: &str) -> impl Iterator<Item = &str> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        // A description that is wrapped goes on further to the right.
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|command| !matches!(*command, "" | "help"))
}

/// What the README has in code: the lines of fenced blocks, and the spans of all other lines.
fn code_of(document: &str) -> Vec<String> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in document.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            found.push(line.trim_start_matches("$ ").to_owned());
        } else {
            found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found
}

#[test]
fn the_readme_names_only_commands_and_flags_that_there_are() {
    let help = builder(&["--help"]);
    let commands: Vec<&str> = commands_in(&help).collect();
    let apply = builder(&["apply", "--help"]);
    let all: String = commands.iter().map(|command| help_of(command)).collect();
    let flags = |text: &str| -> BTreeSet<String> {
        let words = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '='));
        let flags = words.filter(|word| word.len() > 2 && word.starts_with("--"));
        flags.map(str::to_owned).collect()
    };
    let mut violations = Vec::new();
    let mut named = BTreeSet::new();
    for code in code_of(&read("README.md")) {
        let known = if let Some(arguments) = code.strip_prefix("builder ") {
            match arguments
                .split_whitespace()
                .next()
                .filter(|first| !first.starts_with('-'))
            {
                // The bare form takes the flags of apply.
                None => flags(&format!("{apply}{help}")),
                Some(first) if commands.contains(&first) => {
                    named.insert(first.to_owned());
                    flags(&help_of(first))
                }
                Some(first) => {
                    violations.push(format!("builder {first}"));
                    continue;
                }
            }
        } else if code.starts_with("--") {
            flags(&format!("{all}{help}"))
        } else {
            continue;
        };
        violations.extend(
            flags(&code)
                .difference(&known)
                .map(|flag| format!("{flag} in `{code}`")),
        );
    }
    let missing = commands.iter().filter(|command| !named.contains(**command));
    violations.extend(missing.map(|command| format!("builder {command} is not mentioned")));
    hold("README.md and the command line agree", &violations);
}

#[test]
fn the_readme_names_every_field() {
    let readme = read("README.md");
    let mut fields = BTreeSet::new();
    for file in ["config", "project"] {
        let schema: serde_json::Value =
            serde_json::from_str(&builder(&["schema", file])).expect("a schema is JSON");
        collect_properties(&schema, &mut fields);
    }
    let missing = fields
        .iter()
        .filter(|field| !readme.contains(&format!("{field}`")));
    let missing: Vec<String> = missing.cloned().collect();
    hold("README.md describes every field of both files", &missing);
}

fn collect_properties(value: &serde_json::Value, found: &mut BTreeSet<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        if let Some(properties) = value.as_object().filter(|_| name == "properties") {
            found.extend(properties.keys().cloned());
        }
        collect_properties(value, found);
    }
}

#[test]
fn no_file_names_this_machine() {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let mut places = vec![format!("{}/", root().display())];
    places.extend(["HOME", "CARGO_HOME"].map(|name| format!("{}/", variable(name))));
    // Whatever this machine fetches packages through, other than what everybody has.
    let public = [
        "",
        "localhost",
        "127.0.0.1",
        "pypi.org",
        "deb.debian.org",
        "crates.io",
    ];
    let fetches = ["INDEX", "MIRROR", "PROXY", "REGISTRY", "URL"];
    let hosts = std::env::vars()
        .filter(|(name, _)| {
            fetches
                .iter()
                .any(|word| name.to_uppercase().contains(word))
        })
        .filter_map(|(_, value)| {
            let authority = value.split_once("://")?.1.split('/').next()?.to_owned();
            let host = authority.rsplit('@').next()?.split(':').next()?.to_owned();
            Some(host)
        })
        .filter(|host| host.contains('.') && !public.contains(&host.as_str()));
    places.extend(hosts);
    places.retain(|place| place.len() > 2 && !place.starts_with("/root/"));
    let mut violations = Vec::new();
    for (file, text) in files() {
        for (number, line) in (1..).zip(text.lines()) {
            let found = places.iter().filter(|place| line.contains(place.as_str()));
            violations.extend(found.map(|place| format!("{file}:{number}: {place}")));
        }
    }
    hold("no tracked file names this machine", &violations);
}
