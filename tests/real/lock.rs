//! Locks: what they pin, that pages of an index are not needed with one, and that hashes are enforced.

use std::fs;

use crate::index::Index;
use crate::served::Served;
use crate::site::{BASE, Ended, Site, finish};

const OWN: &str = "offline-1.0-py3-none-any.whl";

fn index() -> Index {
    Index::default()
        .wheel("tool", "1.0", &[])
        .wheel("dep", "1.0", &["under-dep"])
        .wheel("under-dep", "1.0", &[])
}

/// The fixture that is built from a served index, and from nothing else.
fn served(index: &Index, more: &str) -> (Site, Served) {
    let served = Served::new(index);
    let site = Site::with("offline").config(&format!(
        "deb:\n  package: none\n  base_image: {BASE}\n  pip:\n    index_url: {}/simple/\n  \
         build_environment:\n    PIP_TRUSTED_HOST: {}\n{more}",
        served.address, served.host
    ));
    (site, served)
}

fn lock(site: &Site, arguments: &[&str]) -> Ended {
    finish(&mut site.command(&[&["lock"], arguments].concat())).ends_with(0)
}

fn text(site: &Site) -> String {
    fs::read_to_string(site.source().join("pylock.toml")).expect("the lock is there")
}

/// The last lines, from the one that names the lock on.
fn told(ended: &Ended) -> &str {
    let start = ended.out.find("pylock").expect("the lock is named");
    &ended.out[start..]
}

#[test]
fn a_lock_is_kept_is_upgraded_by_name_and_needs_no_page_of_the_index() {
    let (site, served) = served(&index(), "");
    let first = lock(&site, &[]);
    assert_eq!(
        told(&first),
        "pylock.toml: 2 packages\n  + dep 1.0\n  + under-dep 1.0\n"
    );
    let written = text(&site);
    for line in [
        "lock-version = \"1.0\"",
        "name = \"dep-1.0-py3-none-any.whl\"",
        &format!(
            "url = \"{}/files/dep-1.0-py3-none-any.whl\"",
            served.address
        ),
        &format!("index = \"{}/simple/\"", served.address),
        "    { name = \"under-dep\" },",
        "python_version == '3.11'",
    ] {
        assert!(written.contains(line), "no `{line}` in\n{written}");
    }

    // What the index has by now moves nothing that fits.
    let newer = Index::default()
        .wheel("dep", "2.0", &["under-dep"])
        .wheel("under-dep", "1.1", &[]);
    served.add(&newer);
    let again = lock(&site, &[]);
    assert_eq!(told(&again), "pylock.toml: 2 packages, nothing changed\n");
    assert_eq!(text(&site), written);
    assert_eq!(again.ran(), ["deb.dependencies"], "{}", again.err);

    let one = lock(&site, &["--upgrade=Under_Dep"]);
    assert_eq!(
        told(&one),
        "pylock.toml: 2 packages\n  under-dep 1.0 → 1.1\n"
    );
    site.built();
    let wheels = [
        "dep-1.0-py3-none-any.whl",
        OWN,
        "under_dep-1.1-py3-none-any.whl",
    ];
    assert_eq!(site.wheels("deb"), wheels);

    let all = lock(&site, &["--upgrade"]);
    assert_eq!(told(&all), "pylock.toml: 2 packages\n  dep 1.0 → 2.0\n");
    // The lock is no part of the source, so that nothing else has a reason to run.
    assert_eq!(site.plan(), "  ~ deb.dependencies  lock: dep 1.0 → 2.0\n");
    served.lose_pages();
    served.asked();
    let ended = site.built().says("deb.dependencies: dep 1.0 → 2.0");
    assert_eq!(ended.ran(), ["deb.dependencies"], "{}", ended.err);
    let asked = served.asked();
    assert_eq!(
        asked,
        [
            "/files/dep-2.0-py3-none-any.whl",
            "/files/under_dep-1.1-py3-none-any.whl"
        ]
    );
    let wheels = [
        "dep-2.0-py3-none-any.whl",
        OWN,
        "under_dep-1.1-py3-none-any.whl",
    ];
    assert_eq!(site.wheels("deb"), wheels);
    site.is_done();
    site.left_no_container();
}

#[test]
fn a_changed_byte_a_hole_and_a_requirement_that_moved_on_are_named() {
    let (site, served) = served(&index(), "");
    lock(&site, &[]);
    served.flip("under_dep-1.0-py3-none-any.whl");
    site.apply()
        .ends_with(1)
        .says("deb.dependencies: the file of under-dep has another hash than in pylock.toml");
    served.flip("under_dep-1.0-py3-none-any.whl");
    site.built();

    // A lock from which somebody took what a dependency needs.
    let whole = text(&site);
    let cut = whole
        .find("\n[[packages]]\nname = \"under-dep\"")
        .expect("it is locked");
    site.write("pylock.toml", &whole[..cut]);
    site.apply()
        .ends_with(1)
        .says("deb.dependencies: pylock.toml does not satisfy `under-dep");

    site.write("pylock.toml", &whole);
    site.edit("pyproject.toml", "[\"dep\"]", "[\"dep>=1.5\"]");
    let planned = finish(&mut site.command(&["plan"])).ends_with(0).out;
    let warning = "deb: pylock.toml does not satisfy `dep>=1.5`: run `builder lock`";
    assert!(planned.contains(warning), "{planned}");
    site.apply()
        .ends_with(1)
        .says("deb.dependencies: pylock.toml does not satisfy `dep>=1.5`")
        .says("run `builder lock`");
    served.add(&Index::default().wheel("dep", "2.0", &["under-dep"]));
    let moved = lock(&site, &[]);
    assert_eq!(told(&moved), "pylock.toml: 2 packages\n  dep 1.0 → 2.0\n");
    site.built();
    site.is_done();
}

#[test]
fn a_source_distribution_is_built_from_the_locked_file_with_tools_of_the_index() {
    let index = index().source("mixed", "1.0").wheel("mixed", "1.0", &[]);
    let (site, served) = served(&index, "");
    site.edit("pyproject.toml", "[\"dep\"]", "[\"mixed\"]");
    site.write(".build.yml", "deb:\n  pip:\n    no_binary: [mixed]\n");
    lock(&site, &[]);
    assert!(text(&site).contains("[packages.sdist]\nname = \"mixed-1.0.zip\""));
    served.asked();
    site.built();
    assert_eq!(site.wheels("deb"), ["mixed-1.0-py3-none-any.whl", OWN]);
    let asked = served.asked();
    assert!(
        asked.contains(&"/files/mixed-1.0.zip".to_owned()),
        "{asked:?}"
    );
    assert!(asked.contains(&"/simple/tool/".to_owned()), "{asked:?}");
    assert!(!asked.contains(&"/simple/mixed/".to_owned()), "{asked:?}");

    site.write(".build.yml", "deb:\n  pip:\n    only_binary: [mixed]\n");
    site.apply()
        .ends_with(1)
        .says("pylock.toml has no wheel of mixed 1.0 for this interpreter");
}

#[test]
fn flavours_share_a_lock_where_it_can_serve_them_all() {
    let trixie = "deb-trixie:\n  package: none\n  base_image: base-cpython-debian13\n";
    let index = index().wheel("new", "1.0", &[]);
    let served = Served::new(&index);
    let settings = format!(
        "  pip:\n    index_url: {}/simple/\n  build_environment:\n    PIP_TRUSTED_HOST: {}\n",
        served.address, served.host
    );
    let site = Site::with("offline").config(&format!(
        "deb:\n  package: none\n  base_image: {BASE}\n{settings}{trixie}{settings}"
    ));
    site.write(".build.yml", "deb:\ndeb-trixie:\n");
    assert_eq!(
        told(&lock(&site, &[])),
        "pylock.toml: 2 packages\n  + dep 1.0\n  + under-dep 1.0\n"
    );
    let written = text(&site);
    for python in ["python_version == '3.11'", "python_version == '3.13'"] {
        assert!(written.contains(python), "no `{python}` in\n{written}");
    }
    site.built();
    for flavour in ["deb", "deb-trixie"] {
        let wheels = [
            "dep-1.0-py3-none-any.whl",
            OWN,
            "under_dep-1.0-py3-none-any.whl",
        ];
        assert_eq!(site.wheels(flavour), wheels);
    }

    site.edit(
        "pyproject.toml",
        "[\"dep\"]",
        "[\"dep\", \"new; python_version >= '3.12'\"]",
    );
    assert_eq!(
        told(&lock(&site, &[])),
        "pylock.deb.toml: 2 packages, the same versions\n\
         pylock.deb-trixie.toml: 3 packages\n  + new 1.0\n\
         pylock.toml: removed, its flavours have their lock elsewhere now\n"
    );
    served.lose_pages();
    let ended = finish(&mut site.command(&[
        "apply",
        "--auto-approve",
        "--target",
        "deb-trixie.dependencies",
        "--target",
        "deb.dependencies",
    ]))
    .ends_with(0);
    // The lock of one flavour says what it said before.
    assert_eq!(
        ended.ran(),
        ["deb-trixie.dependencies", "deb.dependencies"],
        "{}",
        ended.err
    );
    assert!(
        site.wheels("deb-trixie")
            .contains(&"new-1.0-py3-none-any.whl".to_owned())
    );
    assert!(
        !site
            .wheels("deb")
            .contains(&"new-1.0-py3-none-any.whl".to_owned())
    );
}

#[test]
fn without_a_lock_versions_stay_until_they_do_not_fit_or_are_asked_to_move() {
    let (site, served) = served(&index(), "");
    site.built();
    let all = Index::default()
        .wheel("dep", "2.0", &["under-dep"])
        .wheel("dep", "3.0", &["under-dep>=2"])
        .wheel("under-dep", "2.0", &[]);
    served.add(&all);
    let wheels = |dep: &str, under: &str| {
        [
            format!("dep-{dep}-py3-none-any.whl"),
            OWN.to_owned(),
            format!("under_dep-{under}-py3-none-any.whl"),
        ]
    };
    // It runs again for a reason that is none of the index's.
    site.write(
        ".build.yml",
        "deb:\n  build_environment:\n    MODE: other\n",
    );
    let ended = site.built();
    assert!(ended.ran().contains(&"deb.dependencies"), "{}", ended.err);
    assert_eq!(site.wheels("deb"), wheels("1.0", "1.0"));

    // One requirement rules one version out, and the other stays.
    site.edit("pyproject.toml", "[\"dep\"]", "[\"dep>=2,<3\"]");
    site.built().says("deb.dependencies: dep 1.0 → 2.0");
    assert_eq!(site.wheels("deb"), wheels("2.0", "1.0"));

    // What nobody but the new version's metadata rules out is found by pip.
    site.edit("pyproject.toml", "[\"dep>=2,<3\"]", "[\"dep>=3\"]");
    let verbose = finish(&mut site.command(&["apply", "--auto-approve", "--verbose"])).ends_with(0);
    assert!(
        verbose.err.contains("all are resolved anew"),
        "{}",
        verbose.err
    );
    assert_eq!(site.wheels("deb"), wheels("3.0", "2.0"));

    served.add(&Index::default().wheel("dep", "3.1", &["under-dep>=2"]));
    let replaced =
        finish(&mut site.command(&["apply", "--auto-approve", "--replace", "deb.dependencies"]));
    replaced
        .ends_with(0)
        .says("deb.dependencies: dep 3.0 → 3.1");
    assert_eq!(site.wheels("deb"), wheels("3.1", "2.0"));

    // The first lock holds what was built.
    served.add(&Index::default().wheel("dep", "3.2", &["under-dep>=2"]));
    lock(&site, &[]);
    assert!(text(&site).contains("dep-3.1-py3-none-any.whl"));
}
