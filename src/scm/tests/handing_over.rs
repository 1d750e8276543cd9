//! What a build is told.

use std::collections::BTreeMap;

use super::*;

#[test]
fn a_version_is_handed_in_as_each_tool_hears_it() {
    let check =
        |pyproject: &str, alone: &[(&str, &str)], among: &[(&str, &str)], files: &[&str]| {
            let (found, project) = (
                Repository::tagged("v1.0", 0).version(pyproject),
                project(pyproject),
            );
            let map = |rows: &[(&str, &str)]| -> BTreeMap<String, String> {
                rows.iter()
                    .map(|&(name, value)| (name.to_owned(), value.to_owned()))
                    .collect()
            };
            assert_eq!(found.environment(&project, true), map(alone), "{pyproject}");
            assert_eq!(
                found.environment(&project, false),
                map(among),
                "{pyproject}"
            );
            assert_eq!(
                found.files(&project).into_keys().collect::<Vec<_>>(),
                files,
                "{pyproject}"
            );
            let given = |rows| project.is_given_by(&map(rows));
            assert_eq!(
                (given(alone), given(&[])),
                (!alone.is_empty(), false),
                "{pyproject}"
            );
        };
    let archival = [".git_archival.txt"];
    let named = ("SETUPTOOLS_SCM_PRETEND_VERSION_FOR_MY_PROJECT", "1.0");
    let plain = ("SETUPTOOLS_SCM_PRETEND_VERSION", "1.0");
    check(SETUPTOOLS, &[named, plain], &[named], &archival);
    let simple = SETUPTOOLS.replace("My.Project", "my-project");
    check(&simple, &[named], &[named], &archival);
    check(HATCH, &[plain], &[], &archival);
    let pdm = [("PDM_BUILD_SCM_VERSION", "1.0")];
    check(PDM, &pdm, &pdm, &[]);
    let bypass = [("POETRY_DYNAMIC_VERSIONING_BYPASS", "1.0")];
    check(
        POETRY,
        &bypass,
        &[("POETRY_DYNAMIC_VERSIONING_OVERRIDE", "p=1.0")],
        &[],
    );
    check(VERSIONINGIT, &[], &[], &["PKG-INFO"]);
}

#[test]
fn an_archive_tells_setuptools_scm_the_commit() {
    let repository = Repository::tagged("v1.0", 2);
    let project = project(&format!("{SETUPTOOLS}version_scheme = 'calver-by-date'\n"));
    let found = version(repository.path(), &project).unwrap().unwrap();
    let commit = found.commit.clone().unwrap();
    assert_eq!(found.committed, Some(1_714_979_289));
    assert_eq!(found.environment(&project, true), BTreeMap::new());
    let text = format!(
        "node: {commit}\nnode-date: 2024-05-06T07:08:09Z\ndescribe-name: v1.0-2-g{}\nref-names: \n",
        &commit[..9]
    );
    assert_eq!(
        found.files(&project)[".git_archival.txt"].replace("+00:00", "Z"),
        text
    );

    let dirty = version(repository.dirty().path(), &project)
        .unwrap()
        .unwrap();
    assert!(
        matches!(&dirty.warnings[..], [ScmWarning::Unmarked { setting, .. }] if setting == "version_scheme")
    );
}

#[test]
fn a_list_of_files_alone_is_the_same_for_every_commit() {
    let pyproject =
        "[build-system]\nrequires = ['setuptools-scm']\n[project]\nname = 'p'\nversion = '1'\n";
    let project = project(pyproject);
    let files = |repository: Repository| {
        let found = repository.version(pyproject);
        assert_eq!(
            (&found.version, found.environment(&project, true).len()),
            (&None, 0)
        );
        found.files(&project)
    };
    assert_eq!(
        files(Repository::new()),
        files(Repository::tagged("v2.0", 3).dirty())
    );
}

#[test]
fn versioneer_can_be_told_nothing() {
    let project = detect(None, None, Some("setup(version=versioneer.get_version())")).unwrap();
    let found = version(Repository::tagged("v1.0", 0).path(), &project)
        .unwrap()
        .unwrap();
    assert_eq!(
        found.warnings,
        [ScmWarning::Deaf {
            backend: ScmBackend::Versioneer
        }]
    );
    assert_eq!(
        (
            found.version.clone(),
            found.environment(&project, true).len()
        ),
        (None, 0)
    );
}
