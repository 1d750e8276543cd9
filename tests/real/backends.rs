//! Projects of every build backend become wheels.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::site::{Site, run};
use std::fs;
use std::process::Command;

/// Applies a fixture, expects its wheels, and returns the metadata of the first.
fn check(site: &Site, wheels: &[&str]) -> String {
    let ended = site.built();
    assert_eq!(site.wheels("deb"), wheels, "{}", ended.err);
    site.left_no_container();
    let name = wheels[0].split('-').take(2).collect::<Vec<_>>().join("-");
    site.member(wheels[0], &format!("{name}.dist-info/METADATA"))
}

const SIX: &str = "six-1.17.0-py2.py3-none-any.whl";

#[test]
fn a_setup_py_without_egg_info_becomes_wheels() {
    let site = Site::with("setup_py");
    let metadata = check(&site, &["oldstyle-2.0.1-py3-none-any.whl", SIX]);
    assert!(metadata.contains("Requires-Dist: six>=1.16"), "{metadata}");
    let commands = site.member(
        "oldstyle-2.0.1-py3-none-any.whl",
        "oldstyle-2.0.1.dist-info/entry_points.txt",
    );
    assert!(commands.contains("oldstyle = oldstyle:main"), "{commands}");
    site.is_done();
}

#[test]
fn flit_makes_wheels() {
    let metadata = check(
        &Site::with("flit"),
        &["flit_project-0.4.0-py3-none-any.whl", SIX],
    );
    assert!(metadata.contains("Version: 0.4.0"), "{metadata}");
}

#[test]
fn poetry_makes_wheels() {
    let metadata = check(
        &Site::with("poetry_core"),
        &["poetry_project-0.5.0-py3-none-any.whl", SIX],
    );
    assert!(metadata.contains("Name: poetry-project"), "{metadata}");
}

#[test]
fn hatchling_makes_wheels_for_two_flavours_at_once() {
    let site = Site::with("hatchling").config(
        "deb:\n  package: none\n  base_image: base-cpython-debian12\ntrixie:\n  base_image: base-cpython-debian13\n",
    );
    site.write(".build.yml", "deb:\ntrixie:\n");
    let expected = ["hatchling_project-0.2.0-py3-none-any.whl", SIX];
    let metadata = check(&site, &expected);
    assert!(
        metadata.contains("Requires-Dist: six==1.17.0"),
        "{metadata}"
    );
    assert_eq!(site.wheels("trixie"), expected);
    assert_eq!(site.images().len(), 2);

    // A flavour that leaves the project's file leaves the workspace and the engine.
    site.write(".build.yml", "deb:\n");
    let plan = site.plan();
    assert!(plan.contains("- trixie.image"), "{plan}");
    site.built();
    assert_eq!(site.wheels("trixie"), Vec::<String>::new());
    assert_eq!(site.images().len(), 1);
    site.is_done();
}

#[test]
fn a_name_and_a_version_may_be_as_odd_as_the_standards_allow() {
    let site = Site::with("my_project");
    let wheel = "my_project-1!1.0+local.1-py3-none-any.whl";
    let metadata = check(&site, &[wheel, SIX]);
    assert!(metadata.contains("Name: My.Project\n"), "{metadata}");
    assert!(metadata.contains("Version: 1!1.0+local.1\n"), "{metadata}");

    // Another version leaves the wheelhouse with one version of each distribution.
    site.edit("pyproject.toml", "1!1.0+local.1", "1!1.1");
    let ended = site.built();
    assert_eq!(ended.ran(), ["source", "deb.wheel"], "{}", ended.err);
    let next = "my_project-1!1.1-py3-none-any.whl";
    assert_eq!(site.wheels("deb"), [next, SIX]);

    // So does a requirement that is gone.
    site.edit("pyproject.toml", "dependencies = [\"Six\"]", "");
    let ended = site.built();
    assert_eq!(
        ended.ran(),
        ["source", "deb.wheel", "deb.dependencies"],
        "{}",
        ended.err
    );
    assert_eq!(site.wheels("deb"), [next]);
    site.is_done();
}

#[test]
fn data_files_with_awkward_names_come_through_and_outputs_belong_to_the_caller() {
    let site = Site::with("package_data");
    let wheel = "package_data-0.7.0-py3-none-any.whl";
    check(&site, &[wheel]);
    let data = |name: &str| site.member(wheel, &format!("package_data/data/{name}"));
    for name in ["with space/a file.txt", "grüße.txt", "日本語.txt"] {
        assert!(!data(name).is_empty(), "{name}");
    }
    assert_eq!(data("nested/plain.txt"), "nested\n");

    let me = fs::metadata(site.path("home")).expect("it is there").uid();
    for line in run(Command::new("find").arg(site.workspace())).lines() {
        let metadata = fs::symlink_metadata(line).expect("it is there");
        assert_eq!(metadata.uid(), me, "{line}");
        let outside = !line.contains("/.builder");
        if outside && metadata.is_file() {
            let executable = line.ends_with("/source/src/package_data/data/run.sh");
            let expected = if executable { 0o755 } else { 0o644 };
            assert_eq!(metadata.permissions().mode() & 0o7777, expected, "{line}");
        }
    }
}
