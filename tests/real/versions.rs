//! Versions that come from git, though no build sees a git repository.

use std::process::Command;

use crate::site::{Site, run};

fn git(site: &Site, arguments: &[&str]) -> String {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=Me", "-c", "user.email=me@example.com"])
        .args([
            "-c",
            "init.defaultBranch=main",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .current_dir(site.source());
    run(&mut git).trim().to_owned()
}

/// Puts a project under git with a tag.
fn tagged(fixture: &str, tag: &str) -> Site {
    let site = Site::with(fixture);
    git(&site, &["init", "--quiet"]);
    git(&site, &["add", "."]);
    git(&site, &["commit", "--quiet", "--message", "first"]);
    git(&site, &["tag", tag]);
    site
}

#[test]
fn setuptools_scm_gets_version_and_files_from_git_on_the_host() {
    let site = tagged("setuptools_scm", "v1.2.3");
    site.built();
    let wheel = "scm_project-1.2.3-py3-none-any.whl";
    assert_eq!(site.wheels("deb"), [wheel]);
    let data = site.member(wheel, "scm_project/data.txt");
    assert!(data.starts_with("This file is in the wheel"), "{data}");

    // A commit moves the version on, and the old wheel goes.
    git(
        &site,
        &["commit", "--quiet", "--allow-empty", "--message", "second"],
    );
    let plan = site.plan();
    assert!(plan.contains("version from git:"), "{plan}");
    let ended = site.built();
    assert_eq!(ended.ran(), ["deb.wheel"], "{}", ended.err);
    let wheels = site.wheels("deb");
    let hash = git(&site, &["rev-parse", "HEAD"]);
    let expected = format!("scm_project-1.2.4.dev1+g{}", &hash[..7]);
    assert!(
        wheels.len() == 1 && wheels[0].starts_with(&expected),
        "{wheels:?}"
    );
    site.is_done();
}

#[test]
fn hatch_vcs_gets_its_version_and_writes_its_file() {
    let site = tagged("hatch_vcs", "v0.9");
    site.built();
    let wheel = "vcs_project-0.9-py3-none-any.whl";
    assert_eq!(site.wheels("deb"), [wheel]);
    let written = site.member(wheel, "vcs_project/_version.py");
    assert!(written.contains("'0.9'"), "{written}");
    site.is_done();
}
