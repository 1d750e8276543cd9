//! The rpm flavour, on a base that has rpm.

use crate::parcel::{checked, in_container, named, package, tool, without_image};
use crate::site::{BASE, Site, image};

/// Makes a base image with rpm in it; it goes with the site that is returned.
pub fn rpm_base(name: &str) -> (Site, String) {
    let mut keeper = Site::new();
    let dockerfile = format!("FROM {BASE}\nRUN $PKG_INSTALL rpm\n");
    let tag = image(&mut keeper, &format!("rpm-{name}"), &dockerfile, &[]);
    (keeper, tag)
}

#[test]
fn an_rpm_says_what_it_needs_and_brings_and_rpm_and_rpmlint_take_it() {
    let (_keeper, base) = rpm_base("whole");
    let site = Site::with("station").config(&format!("rpm:\n  base_image: {base}\n"));
    without_image(&site);
    site.edit(".build.yml", "deb: &package", "rpm:");
    site.edit("pyproject.toml", "1.2.0", "1.2.0rc1");
    site.built();
    assert_eq!(named(&site, "rpm"), "station-1.2.0~rc1-1.deb12.noarch.rpm");
    let path = package(&site, "rpm").display().to_string();
    let query = |option: &str| {
        let answer = tool("rpm", &["-qp", option, &path]).ends_with(0);
        answer.out
    };
    let has = |option: &str, lines: &[&str]| {
        let answer = query(option);
        for line in lines {
            let found = answer.lines().any(|said| said.trim() == *line);
            assert!(found, "rpm -qp {option} has no `{line}`:\n{answer}");
        }
    };
    has(
        "--requires",
        &["/bin/sh", "/usr/bin/python3.11", "python(abi) = 3.11"],
    );
    has("--provides", &["station = 1.2.0~rc1-1.deb12"]);
    has("--configfiles", &["/etc/station/station.conf"]);
    has(
        "--list",
        &[
            "/usr/bin/station",
            "/opt/station",
            "/etc/station",
            "/usr/lib/systemd/system/station.service",
        ],
    );
    assert!(
        !query("--list")
            .lines()
            .any(|path| path == "/usr/bin" || path == "/opt")
    );
    has(
        "--scripts",
        &[
            "preinstall scriptlet:",
            "postinstall scriptlet:",
            "preuninstall scriptlet:",
            "postuninstall scriptlet:",
            "VENV='/opt/station'",
        ],
    );
    let signed = tool("rpm", &["-K", &path]).ends_with(0);
    assert!(signed.out.ends_with("digests OK\n"), "{}", signed.out);
    rpmlint(&path);

    checked(
        &site,
        "rpm.check",
        &[
            "ok   install",
            "ok   rpm -V",
            "ok   station --help",
            "ok   remove",
            "ok   nothing is left over",
        ],
    );
    let script = "\
        rpm --nodeps -i /packages/*.rpm\n\
        rpm --nodeps -U --replacepkgs /packages/*.rpm\n\
        station --help > /dev/null\n\
        echo '# mine' >> /etc/station/station.conf\n\
        rpm --nodeps -e station 2> /dev/null\n\
        ls /etc/station\n\
        cat /run/station.log\n\
        test ! -e /opt/station -a ! -e /usr/bin/station\n";
    let ended = in_container(&site, "rpm", &base, script).ends_with(0);
    let note = |script: &str, action: &str| {
        format!("{script} {action} station 1.2.0rc1 /opt/station /opt/station\n")
    };
    let wanted = [
        "station.conf.rpmsave\n".to_owned(),
        note("preinstall", "install"),
        note("postinstall", "install"),
        note("preinstall", "upgrade"),
        note("postinstall", "upgrade"),
        note("preremove", "remove"),
        note("postremove", "remove"),
    ];
    assert_eq!(ended.out, wanted.concat(), "{}", ended.err);
    site.is_done();
}

/// Expects that rpmlint has nothing to say beyond what `rpmlint.toml` names with its reasons.
fn rpmlint(path: &str) {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/packages/rpmlint.toml");
    let ended = tool("rpmlint", &["--config", config, path]);
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.out, ended.err);
    let said = |mark: &str| ended.out.lines().any(|line| line.contains(mark));
    assert!(!said(": E: ") && !said(": W: "), "{}", ended.out);
}
