//! The options of each tool, read from its table.

use toml::{Table, Value};

use super::project::{Describe, Local, Scheme, Settings};

/// The tags that setuptools-scm looks for.
const ANY_NUMBER: &str = "*[0-9]*";
const WITH_A_DOT: &str = "*[0-9]*.*[0-9]*";

/// Reads `[tool.setuptools_scm]`, or the `raw-options` of hatch-vcs.
///
/// A key that is not known leaves the version to setuptools-scm, as a later release may give it a meaning.
pub(super) fn setuptools_scm(table: &Table) -> Settings {
    let mut settings = Settings::of(Scheme::GuessNextDev, &[ANY_NUMBER]);
    let mut command = None;
    for (key, value) in table {
        match (key.as_str(), value) {
            (
                "root"
                | "relative_to"
                | "search_parent_directories"
                | "fallback_root"
                | "dist_name"
                | "write_to"
                | "write_to_template"
                | "version_file"
                | "version_file_template"
                | "parentdir_prefix_version"
                | "integrity",
                _,
            )
            | ("normalize", Value::Boolean(true)) => {}
            ("fallback_version", Value::String(version)) => {
                settings.fallback = Some(version.clone())
            }
            ("version_scheme", Value::String(name)) => match name.as_str() {
                "guess-next-dev" => {}
                "no-guess-dev" => settings.scheme = Scheme::NoGuessDev,
                "only-version" => settings.scheme = Scheme::OnlyVersion,
                "post-release" => settings.scheme = Scheme::PostRelease,
                _ => settings.leave(key),
            },
            ("local_scheme", Value::String(name)) => match name.as_str() {
                "node-and-date" | "node-and-timestamp" => {}
                "dirty-tag" => settings.local = Local::Dirty,
                "no-local-version" => settings.local = Local::Silent,
                _ => settings.leave(key),
            },
            ("tag", Value::Table(tag)) => tag_table(tag, &mut settings),
            ("git_describe_command", value) => command = Some(value),
            ("scm", Value::Table(scm)) => scm_table(scm, &mut settings, &mut command),
            _ => settings.leave(key),
        }
    }
    if let Some(command) = command {
        match describe_command(command) {
            Some(describe) => settings.describe = describe,
            None => settings.leave("git_describe_command"),
        }
    }
    settings
}

/// Reads `[tool.setuptools_scm.tag]`.
fn tag_table(tag: &Table, settings: &mut Settings) {
    let mut glob = ANY_NUMBER;
    for (key, value) in tag {
        match (key.as_str(), value) {
            ("prefix", Value::String(prefix)) => settings.prefix.clone_from(prefix),
            ("strict", Value::Boolean(true)) => glob = WITH_A_DOT,
            ("strict", Value::Boolean(false)) => {}
            _ => settings.leave(format!("tag.{key}")),
        }
    }
    settings.describe.matching = vec![format!("{}{glob}", settings.prefix)];
}

/// Reads `[tool.setuptools_scm.scm]`.
fn scm_table<'a>(scm: &'a Table, settings: &mut Settings, command: &mut Option<&'a Value>) {
    for (key, value) in scm {
        match (key.as_str(), value) {
            ("git", Value::Table(git)) => {
                for (key, value) in git {
                    match key.as_str() {
                        "describe_command" => *command = Some(value),
                        "pre_parse" => {}
                        _ => settings.leave(format!("scm.git.{key}")),
                    }
                }
            }
            ("hg", _) => {}
            _ => settings.leave(format!("scm.{key}")),
        }
    }
}

/// Reads which tags a `git describe` command looks for.
///
/// The command itself is never run: a project does not decide what runs on the host.
fn describe_command(command: &Value) -> Option<Describe> {
    let words = match command {
        Value::String(line) => shlex::split(line)?,
        Value::Array(words) => words
            .iter()
            .map(|word| word.as_str().map(str::to_owned))
            .collect::<Option<_>>()?,
        _ => return None,
    };
    let mut words = words.iter().map(String::as_str);
    if (words.next(), words.next()) != (Some("git"), Some("describe")) {
        return None;
    }
    let (mut describe, mut tags) = (Describe::default(), false);
    while let Some(word) = words.next() {
        match word {
            "--tags" => tags = true,
            "--dirty" | "--long" | "HEAD" => {}
            "--first-parent" => describe.first_parent = true,
            "--match" => describe.matching.push(words.next()?.to_owned()),
            "--exclude" => describe.excluding.push(words.next()?.to_owned()),
            "--abbrev" => drop(words.next()?),
            word => {
                if let Some(glob) = word.strip_prefix("--match=") {
                    describe.matching.push(glob.to_owned());
                } else if let Some(glob) = word.strip_prefix("--exclude=") {
                    describe.excluding.push(glob.to_owned());
                } else if !word.starts_with("--abbrev=") {
                    return None;
                }
            }
        }
    }
    // Without `--tags` only annotated tags count, which is not told apart here.
    tags.then_some(describe)
}

/// Reads `[tool.hatch.version]` with the source `vcs`.
pub(super) fn hatch_vcs(table: &Table) -> Settings {
    let none = Table::new();
    let raw = table
        .get("raw-options")
        .and_then(Value::as_table)
        .unwrap_or(&none);
    let mut settings = setuptools_scm(raw);
    if text(table, "tag-pattern").is_some_and(|pattern| !pattern.is_empty()) {
        settings.leave("tag-pattern");
    }
    if let Some(version) = text(table, "fallback-version").filter(|version| !version.is_empty()) {
        settings.fallback = Some(version.to_owned());
    }
    settings
}

/// Reads `[tool.pdm.version]` with the source `scm`.
pub(super) fn pdm(table: &Table) -> Settings {
    let mut settings = Settings::of(Scheme::Pdm, &["*.*"]);
    for (key, value) in table {
        match (key.as_str(), value) {
            ("source" | "write_to" | "write_template" | "fallback_version", _) => {}
            ("tag_filter", Value::String(glob)) => settings.describe.matching = vec![glob.clone()],
            _ => settings.leave(key),
        }
    }
    settings
}

/// Reads `[tool.poetry-dynamic-versioning]`.
pub(super) fn poetry_dynamic_versioning(table: &Table) -> Settings {
    let (mut metadata, mut dirty) = (None, false);
    let mut settings = Settings::of(Scheme::Dunamai { metadata, dirty }, &["v[0-9]*"]);
    for (key, value) in table {
        match (key.as_str(), value) {
            (
                "enable"
                | "strict"
                | "substitution"
                | "files"
                | "fix-shallow-repository"
                | "tag-dir"
                | "ignore-untracked",
                _,
            )
            | (
                "bump" | "latest-tag" | "highest-tag" | "full-commit" | "tagged-metadata",
                Value::Boolean(false),
            ) => {}
            ("vcs", Value::String(vcs)) if vcs == "any" || vcs == "git" => {}
            ("style", Value::String(style)) if style == "pep440" => {}
            ("pattern", Value::String(pattern)) if pattern == "default" => {}
            ("pattern", Value::String(pattern)) if pattern == "default-unprefixed" => {
                settings.describe.matching.push("[0-9]*".to_owned());
            }
            ("metadata", Value::Boolean(wanted)) => metadata = Some(*wanted),
            ("dirty", Value::Boolean(wanted)) => dirty = *wanted,
            _ => settings.leave(key),
        }
    }
    settings.scheme = Scheme::Dunamai { metadata, dirty };
    settings
}

/// Reads `[tool.versioningit]`.
pub(super) fn versioningit(table: &Table) -> Settings {
    let mut settings = Settings::of(Scheme::Versioningit, &[]);
    for key in table.keys() {
        match key.as_str() {
            "write" | "onbuild" | "default-version" | "next-version" => {}
            _ => settings.leave(key),
        }
    }
    settings
}

/// Returns a text of a table.
pub(super) fn text<'a>(table: &'a Table, key: &str) -> Option<&'a str> {
    table.get(key).and_then(Value::as_str)
}
