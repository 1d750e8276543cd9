//! pip's settings reach pip, each the run that it is meant for.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::index::{Index, URL};
use crate::site::{BASE, Site, image};

fn index() -> Index {
    Index::default()
        .wheel("tool", "1.0", &[])
        .wheel("tool", "2.0", &[])
        .wheel("dep", "1.0", &[])
        .wheel("dep", "2.0", &["under-dep"])
        .wheel("under-dep", "1.0", &[])
        .wheel("fancy-dep", "3.0", &[])
        .wheel("mixed", "0.9", &[])
        .source("mixed", "1.0")
        .wheel("mixed", "1.1", &[])
}

/// The fixture that is built from the index in its base image, and from nothing else.
fn shelf(index: &Index, name: &str, base: &str) -> Site {
    let mut site = Site::with("offline");
    let image = index.image(&mut site, name, base);
    site.config(&format!(
        "deb:\n  package: none\n  base_image: {image}\n  pip:\n    index_url: {URL}\n"
    ))
}

const OWN: &str = "offline-1.0-py3-none-any.whl";

fn summary(site: &Site) -> String {
    let metadata = site.member(OWN, "offline-1.0.dist-info/METADATA");
    let line = metadata.lines().find(|line| line.starts_with("Summary"));
    line.expect("it has a summary").to_owned()
}

fn sha256(bytes: &[u8]) -> String {
    let mut command = Command::new("sha256sum");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("sha256sum starts");
    child
        .stdin
        .take()
        .expect("it is a pipe")
        .write_all(bytes)
        .expect("it reads");
    let output = child.wait_with_output().expect("it ends").stdout;
    String::from_utf8(output).expect("it prints hex")[..64].to_owned()
}

/// Sets constraints and extras, and expects that each finds its run.
fn settings_are_heard(site: &Site) {
    site.built();
    let wheels = [
        "dep-2.0-py3-none-any.whl",
        OWN,
        "under_dep-1.0-py3-none-any.whl",
    ];
    assert_eq!(site.wheels("deb"), wheels);
    assert_eq!(summary(site), "Summary: made by tool 2.0");

    site.write("constraints.txt", "-c more.txt\n");
    site.write("more.txt", "dep==1.0\n");
    site.write("build-constraints.txt", "tool<2\n");
    site.write(
        ".build.yml",
        "deb:\n  extras: [fancy]\n  pip:\n    constraints: [constraints.txt]\n    \
         build_constraints: [build-constraints.txt]\n",
    );
    let plan = site.plan();
    for line in [
        "pip.build_constraints: now",
        "pip.constraints: now",
        "extras: now [fancy]",
    ] {
        assert!(plan.contains(line), "no `{line}` in\n{plan}");
    }
    site.built();
    let wheels = [
        "dep-1.0-py3-none-any.whl",
        "fancy_dep-3.0-py3-none-any.whl",
        OWN,
    ];
    assert_eq!(site.wheels("deb"), wheels);
    assert_eq!(summary(site), "Summary: made by tool 1.0");

    // A constraint of what is resolved is none of what builds.
    site.write("more.txt", "dep==2.0\n");
    let ended = site.built();
    assert_eq!(
        ended.ran(),
        ["source", "deb.wheel", "deb.dependencies"],
        "{}",
        ended.err
    );
    assert!(ended.err.contains("same bytes as before"), "{}", ended.err);
    assert!(
        site.wheels("deb")
            .contains(&"dep-2.0-py3-none-any.whl".to_owned())
    );
    site.is_done();
}

#[test]
fn constraints_build_constraints_and_extras_are_heard_and_a_wrong_index_is_named() {
    let site = shelf(&index(), "settings", BASE);
    settings_are_heard(&site);

    site.write(
        ".build.yml",
        "deb:\n  pip:\n    index_url: file:///elsewhere\n",
    );
    site.apply()
        .ends_with(1)
        .says("No matching distribution found for tool")
        .says("--index-url file:///elsewhere");
}

#[test]
fn they_are_heard_by_a_pip_that_keeps_build_constraints_apart() {
    let mut site = Site::new();
    let bundle = ["PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"]
        .into_iter()
        .find_map(std::env::var_os)
        .map(|path| std::fs::read(path).expect("the bundle is there"));
    let base = image(
        &mut site,
        "newer-pip",
        &format!(
            "FROM {BASE}\nCOPY ca.pem /tmp/ca.pem\nRUN if [ -s /tmp/ca.pem ]; then export \
             PIP_CERT=/tmp/ca.pem; fi; pip install --quiet --ignore-installed pip==25.3\n"
        ),
        &[("ca.pem", bundle.unwrap_or_default())],
    );
    let shelf = shelf(&index(), "newer-pip-shelf", &base);
    settings_are_heard(&shelf);
    let facts = std::fs::read_to_string(shelf.workspace().join(".builder/facts/deb.json"));
    assert!(
        facts
            .expect("the facts are kept")
            .contains("\"pip\": \"25.3\"")
    );
}

#[test]
fn hashes_are_checked_and_the_set_has_to_be_whole() {
    let index = index();
    let site = shelf(&index, "hashes", BASE);
    let pinned = |name: &str, version: &str| {
        let file = format!("{}-{version}-py3-none-any.whl", name.replace('-', "_"));
        format!(
            "{name}=={version} --hash=sha256:{}\n",
            sha256(index.file(&file))
        )
    };
    let (dep, under) = (pinned("dep", "2.0"), pinned("under-dep", "1.0"));
    site.write(
        ".build.yml",
        "deb:\n  pip:\n    requirements: [requirements.txt]\n    require_hashes: true\n",
    );
    site.write("requirements.txt", &format!("{dep}{under}"));
    site.built();
    let wheels = [
        "dep-2.0-py3-none-any.whl",
        OWN,
        "under_dep-1.0-py3-none-any.whl",
    ];
    assert_eq!(site.wheels("deb"), wheels);

    site.write("requirements.txt", &dep);
    site.apply()
        .ends_with(1)
        .says("In --require-hashes mode, all requirements must have their versions pinned");
    site.write("requirements.txt", &under);
    site.apply()
        .ends_with(1)
        .says("No matching distribution found for dep");
    let wrong = format!("dep==2.0 --hash=sha256:{}\n", sha256(b"others"));
    site.write("requirements.txt", &format!("{wrong}{under}"));
    site.apply()
        .ends_with(1)
        .says("THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE");
    assert_eq!(site.wheels("deb"), wheels, "what was good stays");
}

#[test]
fn only_binary_and_no_binary_choose_between_wheels_and_sources() {
    let site = shelf(&index(), "binary", BASE);
    site.edit("pyproject.toml", "[\"dep\"]", "[\"mixed\"]");
    for (setting, expected) in [
        ("no_binary: [mixed]", "mixed-1.0-py3-none-any.whl"),
        ("only_binary: [\":all:\"]", "mixed-1.1-py3-none-any.whl"),
    ] {
        site.write(".build.yml", &format!("deb:\n  pip:\n    {setting}\n"));
        let ended = site.built();
        assert_eq!(site.wheels("deb"), [expected, OWN], "{}", ended.err);
    }
    site.edit("pyproject.toml", "\"mixed\"", "\"mixed==1.0\"");
    site.apply()
        .ends_with(1)
        .says("No matching distribution found for mixed==1.0");
}

#[test]
fn a_buildscript_hears_constraints_of_both_kinds_and_is_told_of_requirements() {
    let index = index();
    let site = shelf(&index, "script", BASE);
    site.write("constraints.txt", "dep==1.0\n");
    site.write("build-constraints.txt", "tool<2\n");
    let hash = sha256(index.file("fancy_dep-3.0-py3-none-any.whl"));
    site.write(
        "requirements.txt",
        &format!("fancy-dep==3.0 --hash=sha256:{hash}\n"),
    );
    site.write(
        "build.sh",
        "set -eu\ntest $BUILDER_REQUIRE_HASHES = 1\n\
         python -m pip wheel --require-hashes --requirement $BUILDER_REQUIREMENTS\n\
         python -m pip wheel .\n",
    );
    site.write(
        ".build.yml",
        "deb:\n  buildscript: build.sh\n  pip:\n    constraints: [constraints.txt]\n    \
         build_constraints: [build-constraints.txt]\n    \
         requirements: [requirements.txt]\n    require_hashes: true\n",
    );
    site.built();
    let wheels = [
        "dep-1.0-py3-none-any.whl",
        "fancy_dep-3.0-py3-none-any.whl",
        OWN,
    ];
    assert_eq!(site.wheels("deb"), wheels);
    assert_eq!(summary(&site), "Summary: made by tool 1.0");
}
