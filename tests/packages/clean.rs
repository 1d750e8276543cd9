//! Clean containers of the distributions, and what a check that fails leaves.

use std::fs;

use crate::parcel::{checked, in_container, log, named, packages, small, tool, without_image};
use crate::site::{BASE, Site};

#[test]
fn one_configuration_gives_packages_of_two_distributions_that_apt_upgrades_and_purges() {
    let trixie = "base-cpython-debian13";
    let site = Site::with("station").config(&format!(
        "deb:\n  base_image: {BASE}\ndeb-trixie:\n  package: deb\n  base_image: {trixie}\n"
    ));
    without_image(&site);
    site.edit(".build.yml", "deb: &package", "deb-trixie: &package");
    let text = fs::read_to_string(site.source().join(".build.yml")).expect("it is there");
    site.write(".build.yml", &format!("{text}deb: *package\n"));
    site.built();
    assert_eq!(named(&site, "deb"), "station_1.2.0-1~deb12_all.deb");
    assert_eq!(named(&site, "deb-trixie"), "station_1.2.0-1~deb13_all.deb");
    for step in ["deb.check", "deb-trixie.check"] {
        checked(
            &site,
            step,
            &["ok   install", "ok   purge", "ok   nothing is left over"],
        );
    }

    // The next version: apt goes from one to the other, and the check does so too.
    let older = site.path("older");
    for flavour in ["deb", "deb-trixie"] {
        fs::create_dir_all(older.join(flavour)).expect("made");
        let place = older.join(flavour).join("old.deb");
        fs::copy(&packages(&site, flavour)[0], place).expect("it is copied");
    }
    site.edit("pyproject.toml", "1.2.0", "1.10.0rc1");
    site.built();
    for (flavour, image, suffix) in [("deb", BASE, "deb12"), ("deb-trixie", trixie, "deb13")] {
        let name = format!("station_1.10.0~rc1-1~{suffix}_all.deb");
        assert_eq!(named(&site, flavour), name);
        let title = format!("ok   upgrade from 1.2.0-1~{suffix} to 1.10.0~rc1-1~{suffix}");
        let lines = [&title, "ok   nothing is left over after the upgrade"];
        checked(&site, &format!("{flavour}.check"), &lines);
        let place = site.workspace().join("build/packages").join(flavour);
        fs::copy(older.join(flavour).join("old.deb"), place.join("old.deb")).expect("copied");
        let script = format!(
            "cd /packages\n\
             apt-get install --yes ./old.deb > /dev/null\n\
             echo '# mine' >> /etc/station/station.conf\n\
             apt-get install --yes ./{name} > /dev/null\n\
             tail -n 1 /etc/station/station.conf\n\
             station --help > /dev/null\n\
             apt-get purge --yes station > /dev/null\n\
             cut -d ' ' -f 1-2,4 /run/station.log\n\
             test ! -e /opt/station -a ! -e /etc/station -a ! -e /usr/bin/station\n"
        );
        let ended = in_container(&site, flavour, image, &script).ends_with(0);
        fs::remove_file(place.join("old.deb")).expect("it is there");
        let wanted = [
            "# mine",
            "preinstall install 1.2.0",
            "postinstall install 1.2.0",
            "preinstall upgrade 1.10.0rc1",
            "postinstall upgrade 1.10.0rc1",
            "preremove remove 1.10.0rc1",
            "postremove remove 1.10.0rc1",
            "postremove purge 1.10.0rc1",
        ];
        assert_eq!(
            ended.out.lines().collect::<Vec<_>>(),
            wanted,
            "{}",
            ended.err
        );
    }
    site.is_done();
}

#[test]
fn a_check_that_fails_fails_the_apply_names_itself_and_leaves_the_package() {
    let site = small("crooked", "0.3");
    site.write(
        "src/crooked/__init__.py",
        "def main():\n    raise SystemExit('no such wheel')\n",
    );
    let ended = site.apply().ends_with(1);
    let ended = ended.says("error: deb.check: the check failed: crooked --help: exit status 1");
    let ended = ended.says("no such wheel");
    ended.says("what was made is in its place and unchecked");
    assert_eq!(named(&site, "deb"), "crooked_0.3-1~deb12_all.deb");
    assert!(log(&site, "deb.check").contains("FAIL crooked --help"));
    let plan = site.plan();
    assert_eq!(plan.lines().count(), 1, "{plan}");
    assert!(
        plan.contains("deb.check") && plan.contains("failed last time"),
        "{plan}"
    );

    // The project's own commands take the place of `--help`.
    site.write(".build.yml", "deb:\n  test: [\"true\", \"false\"]\n");
    let ended = site.apply().ends_with(1);
    ended.says("error: deb.check: the check failed: false: exit status 1");
    checked(
        &site,
        "deb.check",
        &["ok   true", "FAIL false: exit status 1"],
    );
    site.write(".build.yml", "deb:\n  test: [\"crooked || true\"]\n");
    let ended = site.built();
    assert_eq!(
        ended.ran(),
        ["source", "deb.wheel", "deb.check"],
        "{}",
        ended.err
    );
    checked(&site, "deb.check", &["ok   crooked || true"]);
    let path = packages(&site, "deb").remove(0).display().to_string();
    tool("dpkg-deb", &["--info", &path]).ends_with(0);
    site.left_no_container();
}
