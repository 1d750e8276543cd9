//! Which projects take their version from git.

use super::*;

fn backend(
    pyproject: &str,
    setup_cfg: &str,
    setup_py: &str,
) -> Option<(ScmBackend, Option<String>)> {
    detect(Some(pyproject), Some(setup_cfg), Some(setup_py))
        .map(|found| (found.backend, found.name))
}

#[test]
fn each_tool_is_known_by_its_table() {
    let named = |backend, name: &str| Some((backend, Some(name.to_owned())));
    assert_eq!(
        backend(SETUPTOOLS, "", ""),
        named(ScmBackend::SetuptoolsScm, "My.Project")
    );
    assert_eq!(backend(HATCH, "", ""), named(ScmBackend::HatchVcs, "p"));
    assert_eq!(backend(PDM, "", ""), named(ScmBackend::Pdm, "p"));
    assert_eq!(
        backend(POETRY, "", ""),
        named(ScmBackend::PoetryDynamicVersioning, "p")
    );
    assert_eq!(
        backend(VERSIONINGIT, "", ""),
        Some((ScmBackend::Versioningit, None))
    );
}

#[test]
fn setup_py_and_setup_cfg_are_searched() {
    let found = |cfg, py| backend("", cfg, py);
    let scm = |name: &str| Some((ScmBackend::SetuptoolsScm, Some(name.to_owned())));
    assert_eq!(
        found("", "setup(name='old', use_scm_version=True)"),
        scm("old")
    );
    assert_eq!(
        found("[metadata]\nname = cfg\n", "setup(use_scm_version={})"),
        scm("cfg")
    );
    assert_eq!(
        found(
            "",
            "setup(name = \"a\", version=setuptools_scm.get_version())"
        ),
        scm("a")
    );
    let cfg = "[metadata]\nname = b\n[options]\nsetup_requires =\n  wheel\n  setuptools_scm>=3\n";
    assert_eq!(found(cfg, ""), scm("b"));
    let versioneer = "setup(package_name='x', name='v', version=versioneer.get_version())";
    assert_eq!(
        found("", versioneer),
        Some((ScmBackend::Versioneer, Some("v".to_owned())))
    );
    assert_eq!(
        found(
            "",
            "# use_scm_version=True\nsetup(version='1')  # use_scm_version"
        ),
        None
    );
}

#[test]
fn a_version_that_is_written_down_is_not_from_git() {
    assert_eq!(
        backend("[project]\nname = 'p'\nversion = '1'\n", "", ""),
        None
    );
    assert_eq!(
        backend("[tool.hatch.version]\npath = 'p.py'\n", "", ""),
        None
    );
    assert_eq!(
        backend("[tool.pdm.version]\nsource = 'file'\n", "", ""),
        None
    );
    assert_eq!(
        backend("[tool.poetry-dynamic-versioning]\nenable = false\n", "", ""),
        None
    );
    assert_eq!(backend("not = toml = at all", "", ""), None);
    assert_eq!(backend("[tool]\nsetuptools_scm = 3\n", "", ""), None);
}
