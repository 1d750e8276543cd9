//! Does this project take its version from git, and by which tool?

use toml::{Table, Value};

use super::options::{self, text};
use super::project::{Scheme, ScmBackend, ScmProject, Settings};

/// Reads from a project's files which tool takes its version from git, if any does.
///
/// Nothing is run: a `setup.py` is searched for what such projects write there. A `pyproject.toml` that is
/// not TOML is left to the build, which says so better.
pub fn detect(
    pyproject: Option<&str>,
    setup_cfg: Option<&str>,
    setup_py: Option<&str>,
) -> Option<ScmProject> {
    let pyproject = pyproject
        .and_then(|text| text.parse::<Table>().ok())
        .unwrap_or_default();
    let setup_cfg = setup_cfg.unwrap_or_default();
    let setup_py = without_comments(setup_py.unwrap_or_default());
    let (backend, settings) = tool(&pyproject, setup_cfg, &setup_py)?;
    let name = name(&pyproject)
        .or_else(|| cfg_name(setup_cfg))
        .or_else(|| py_name(&setup_py));
    Some(ScmProject {
        backend,
        name,
        settings,
    })
}

fn tool(pyproject: &Table, setup_cfg: &str, setup_py: &str) -> Option<(ScmBackend, Settings)> {
    if let Some(hatch) = table(pyproject, &["tool", "hatch", "version"]) {
        match text(hatch, "source") {
            Some("vcs") => return Some((ScmBackend::HatchVcs, options::hatch_vcs(hatch))),
            Some("versioningit") => return Some(versioningit(pyproject)),
            _ => {}
        }
    }
    if let Some(pdm) = table(pyproject, &["tool", "pdm", "version"])
        && text(pdm, "source") == Some("scm")
    {
        return Some((ScmBackend::Pdm, options::pdm(pdm)));
    }
    if let Some(poetry) = table(pyproject, &["tool", "poetry-dynamic-versioning"])
        && poetry.get("enable").and_then(Value::as_bool) == Some(true)
    {
        return Some((
            ScmBackend::PoetryDynamicVersioning,
            options::poetry_dynamic_versioning(poetry),
        ));
    }
    if table(pyproject, &["tool", "versioningit"]).is_some() && requires(pyproject, "versioningit")
    {
        return Some(versioningit(pyproject));
    }
    if let Some(settings) = setuptools_scm(pyproject, setup_cfg, setup_py) {
        return Some((ScmBackend::SetuptoolsScm, settings));
    }
    let versioneer = setup_py.contains("versioneer.get_version")
        || table(pyproject, &["tool", "versioneer"]).is_some() && requires(pyproject, "versioneer");
    versioneer.then(|| {
        (
            ScmBackend::Versioneer,
            Settings::of(Scheme::OnlyVersion, &[]),
        )
    })
}

fn versioningit(pyproject: &Table) -> (ScmBackend, Settings) {
    let none = Table::new();
    let table = table(pyproject, &["tool", "versioningit"]).unwrap_or(&none);
    (ScmBackend::Versioningit, options::versioningit(table))
}

/// Finds setuptools-scm in the three places where it is asked for.
fn setuptools_scm(pyproject: &Table, setup_cfg: &str, setup_py: &str) -> Option<Settings> {
    let own = ["setuptools_scm", "vcs-versioning"]
        .iter()
        .find_map(|name| table(pyproject, &["tool", name]));
    let required = requires(pyproject, "setuptools-scm") || cfg_requires(setup_cfg);
    let keyword = setup_py.contains("use_scm_version");
    let call = setup_py.contains("setuptools_scm") && setup_py.contains("get_version");
    if own.is_none() && !required && !keyword && !call {
        return None;
    }
    let none = Table::new();
    let mut settings = options::setuptools_scm(own.unwrap_or(&none));
    if keyword && !keyword_is_true(setup_py) {
        settings.leave("use_scm_version");
    } else if call && !keyword {
        settings.leave("setuptools_scm.get_version");
    }
    let project = table(pyproject, &["project"]);
    let elsewhere = table(pyproject, &["tool", "setuptools", "dynamic"])
        .is_some_and(|dynamic| own.is_none() && dynamic.contains_key("version"));
    settings.listing_only = !keyword
        && !call
        && (elsewhere
            || project.is_some_and(|project| project.contains_key("version"))
            || own.is_none() && project.is_none());
    Some(settings)
}

/// Tells whether `use_scm_version` is switched on and nothing more: `=True`, `": True`.
fn keyword_is_true(setup_py: &str) -> bool {
    setup_py
        .match_indices("use_scm_version")
        .all(|(at, keyword)| {
            let rest = &setup_py[at + keyword.len()..];
            let rest = rest.trim_start_matches(['"', '\'']).trim_start();
            rest.strip_prefix(['=', ':'])
                .is_some_and(|value| value.trim_start().starts_with("True"))
        })
}

/// Tells whether `build-system.requires` has a distribution.
fn requires(pyproject: &Table, name: &str) -> bool {
    table(pyproject, &["build-system"])
        .and_then(|system| system.get("requires"))
        .and_then(Value::as_array)
        .is_some_and(|requirements| {
            requirements
                .iter()
                .filter_map(Value::as_str)
                .any(|requirement| is_of(requirement, name))
        })
}

/// Tells whether a requirement is of a distribution, whatever its version.
fn is_of(requirement: &str, name: &str) -> bool {
    let end = requirement
        .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'))
        .unwrap_or(requirement.len());
    requirement[..end]
        .to_ascii_lowercase()
        .replace(['_', '.'], "-")
        == name
}

/// Tells whether `setup_requires` of a `setup.cfg` has setuptools-scm.
fn cfg_requires(setup_cfg: &str) -> bool {
    cfg_value(setup_cfg, "options", "setup_requires").is_some_and(|value| {
        value
            .split(['\n', ';'])
            .any(|line| is_of(line.trim(), "setuptools-scm"))
    })
}

/// Returns a value of a `setup.cfg`, whose further lines are indented.
fn cfg_value(setup_cfg: &str, section: &str, key: &str) -> Option<String> {
    let mut inside = false;
    let mut value: Option<String> = None;
    for line in setup_cfg.lines() {
        if line.starts_with(['#', ';']) || line.trim().is_empty() {
            continue;
        }
        match &mut value {
            Some(value) if line.starts_with([' ', '\t']) => {
                value.push('\n');
                value.push_str(line.trim());
                continue;
            }
            Some(_) => break,
            None => {}
        }
        if let Some(head) = line.strip_prefix('[') {
            inside = head.split(']').next() == Some(section);
        } else if let Some((name, text)) = line.split_once(['=', ':'])
            && inside
            && name.trim() == key
        {
            value = Some(text.trim().to_owned());
        }
    }
    value
}

fn cfg_name(setup_cfg: &str) -> Option<String> {
    cfg_value(setup_cfg, "metadata", "name").filter(|name| !name.is_empty())
}

fn name(pyproject: &Table) -> Option<String> {
    [&["project"][..], &["tool", "poetry"]]
        .iter()
        .find_map(|path| text(table(pyproject, path)?, "name"))
        .map(str::to_owned)
}

/// Returns the literal that a `setup.py` gives as `name=`.
fn py_name(setup_py: &str) -> Option<String> {
    setup_py.match_indices("name").find_map(|(at, keyword)| {
        let before = setup_py[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '"' | '\'')) {
            return None;
        }
        let value = setup_py[at + keyword.len()..]
            .trim_start()
            .strip_prefix('=')?
            .trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let literal = value[1..].split(quote).next()?;
        (!literal.is_empty()).then(|| literal.to_owned())
    })
}

/// Drops comment lines, and what follows a `#` after a blank; a `#` inside a text is rarely after one.
fn without_comments(setup_py: &str) -> String {
    let mut code = String::new();
    for line in setup_py.lines() {
        let end = if line.trim_start().starts_with('#') {
            Some(0)
        } else {
            line.find(" #")
        };
        code.push_str(&line[..end.unwrap_or(line.len())]);
        code.push('\n');
    }
    code
}

fn table<'a>(root: &'a Table, path: &[&str]) -> Option<&'a Table> {
    path.iter()
        .try_fold(root, |table, key| table.get(*key)?.as_table())
}
