//! What is in a .deb, and what lintian says of it.

use std::fs;

use crate::parcel::{
    CONFIG, NOTICE, checked, control, field, in_container, members, named, package, station, tool,
};
use crate::site::{BASE, Site, docker, image};

/// Expects that lintian has nothing to say.
pub fn lintian(site: &Site) {
    let path = package(site, "deb").display().to_string();
    let options = [
        "--profile",
        "debian",
        "--allow-root",
        "--display-info",
        "--tag-display-limit",
        "0",
    ];
    let more = ["--fail-on", "error,warning", &path];
    let ended = tool("lintian", &[&options[..], &more].concat());
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.out, ended.err);
    // What it only informs of is a matter of taste, but for an override that is not needed. Whether
    // those of compiled files are depends on what is in the files, which the writer does not read.
    let compiled = [
        "embedded-library",
        "library-not-linked-against-libc",
        "shared-library-lacks-prerequisites",
        "unstripped-binary-or-object",
    ];
    let bad = |line: &&str| {
        let unused = line.split_once("unused-override ");
        match unused {
            Some((_, tag)) => !compiled.iter().any(|known| tag.starts_with(known)),
            None => !line.starts_with("I:") && !line.starts_with("N:"),
        }
    };
    let bad: Vec<&str> = ended.out.lines().filter(bad).collect();
    assert_eq!(bad, [""; 0], "{}", ended.out);
}

#[test]
fn a_deb_holds_what_the_project_and_its_file_say_and_lintian_has_nothing_to_add() {
    let site = station();
    site.built().ends_with(0);
    assert_eq!(named(&site, "deb"), "station_1.2.0-1~deb12_all.deb");
    for (name, value) in [
        ("Package", "station"),
        ("Version", "1.2.0-1~deb12"),
        ("Architecture", "all"),
        (
            "Maintainer",
            "Station Packaging <packaging@station.example>",
        ),
        ("Section", "web"),
        ("Depends", "python3.11"),
        ("Homepage", "https://station.example/"),
    ] {
        assert_eq!(field(&site, name), value, "{name}");
    }
    let description = field(&site, "Description");
    assert!(
        description.starts_with("Tells the time of departure over HTTP\n"),
        "{description}"
    );
    assert_eq!(control(&site, "conffiles"), "/etc/station/station.conf\n");

    let members = members(&site);
    for path in [
        "/usr/bin/station",
        "/opt/station/bin/python3.11",
        "/etc/station/station.conf",
        "/lib/systemd/system/station.service",
        "/usr/share/doc/station/copyright",
        "/usr/share/doc/station/changelog.Debian.gz",
        "/usr/share/lintian/overrides/station",
        "/opt/station/lib/python3.11/site-packages/station/__pycache__/serve.cpython-311.pyc",
    ] {
        assert!(
            members.iter().any(|member| member == path),
            "no {path} in {members:?}"
        );
    }
    assert!(
        !members.iter().any(|member| member.contains("/bin/pip")),
        "{members:?}"
    );

    // The sums of every file but the conffiles.
    let sums = control(&site, "md5sums");
    assert!(
        sums.lines().all(|line| line.as_bytes()[32..34] == *b"  "),
        "{sums}"
    );
    assert!(sums.contains("  opt/station/bin/station\n"), "{sums}");
    lintian(&site);

    checked(
        &site,
        "deb.check",
        &[
            "ok   install",
            "ok   dpkg -V",
            "ok   pip check",
            "ok   import station",
            "ok   station --help",
            "ok   configuration stays",
            "ok   purge",
            "ok   nothing is left over",
        ],
    );
    maintainer_scripts(&site);
    site.is_done();
    site.left_no_container();
}

/// Installs, removes and purges by apt, and reads what the project's scripts noted.
fn maintainer_scripts(site: &Site) {
    let script = "\
        apt-get install --yes /packages/station_*.deb > /dev/null\n\
        readlink /usr/bin/station\n\
        station --help | head -n 1\n\
        apt-get remove --yes station > /dev/null\n\
        test -f /etc/station/station.conf\n\
        apt-get purge --yes station > /dev/null\n\
        cat /run/station.log\n\
        ls -d /opt/station /etc/station /usr/bin/station 2>&1 | grep -v 'No such file' || true\n";
    let ended = in_container(site, "deb", BASE, script).ends_with(0);
    let note = |script: &str, action: &str| {
        format!("{script} {action} station 1.2.0 /opt/station /opt/station\n")
    };
    let wanted = [
        "/opt/station/bin/station\nusage: station [-h] [--host HOST] [--port PORT]\n".to_owned(),
        note("preinstall", "install"),
        note("postinstall", "install"),
        note("preremove", "remove"),
        note("postremove", "remove"),
        note("postremove", "purge"),
    ];
    assert_eq!(ended.out, wanted.concat(), "{}", ended.err);
}

#[test]
fn a_compiled_module_brings_the_library_that_it_needs_into_depends() {
    let site = Site::with("cext").config(CONFIG);
    site.write("LICENSE", NOTICE);
    // The packages are those of plans/shop, so that the engine keeps one layer for both.
    site.write(
        ".build.yml",
        "deb:\n  dependencies:\n    build: [build-essential, python3-dev, libffi-dev]\n",
    );
    site.edit("setup.py", "_sum.c\"]", "_sum.c\"], libraries=[\"ffi\"]");
    site.edit(
        "src/cext/_sum.c",
        "#include <Python.h>",
        "#include <Python.h>\n#include <ffi.h>",
    );
    site.edit(
        "src/cext/_sum.c",
        "    (void)self;",
        "    ffi_cif cif;\n\n    (void)self;\n    \
         ffi_prep_cif(&cif, FFI_DEFAULT_ABI, 0, &ffi_type_sint, NULL);",
    );
    site.built();
    assert_eq!(field(&site, "Architecture"), "amd64");
    let depends = field(&site, "Depends");
    let names: Vec<&str> = depends
        .split(", ")
        .map(|word| word.split(' ').next().unwrap_or(word))
        .collect();
    assert_eq!(names, ["python3.11", "libffi8"], "{depends}");
    checked(
        &site,
        "deb.check",
        &["ok   import cext", "ok   nothing is left over"],
    );
    lintian(&site);
}

#[test]
fn a_library_that_the_project_does_not_name_comes_with_the_package_by_apt() {
    let mut site = Site::with("cext").config(CONFIG);
    site.write("LICENSE", NOTICE);
    site.write(
        ".build.yml",
        "deb:\n  dependencies:\n    build: [build-essential, python3-dev, libpq-dev]\n",
    );
    site.edit(
        "setup.py",
        "_sum.c\"]",
        "_sum.c\"], include_dirs=[\"/usr/include/postgresql\"], libraries=[\"pq\"]",
    );
    site.edit(
        "src/cext/_sum.c",
        "#include <Python.h>",
        "#include <Python.h>\n#include <libpq-fe.h>",
    );
    // A call that needs no server, so that the linker keeps the library.
    site.edit(
        "src/cext/_sum.c",
        "    (void)self;",
        "    (void)self;\n    if (PQlibVersion() < 100000) {\n        return NULL;\n    }",
    );
    site.built();
    let depends = field(&site, "Depends");
    assert!(depends.contains(", libpq5 (>= "), "{depends}");
    assert!(!depends.contains("libpq-dev"), "{depends}");
    lintian(&site);

    // A clean base does not have it, and apt brings it with the package.
    let path = package(&site, "deb");
    let bytes = fs::read(&path).expect("the package is read");
    let dockerfile = format!(
        "FROM {BASE}\nCOPY cext.deb /cext.deb\n\
         RUN ! dpkg-query --show libpq5\nRUN $PKG_INSTALL /cext.deb\n"
    );
    let tag = image(&mut site, "libpq", &dockerfile, &[("cext.deb", bytes)]);
    let script = "dpkg-query --show --showformat '${db:Status-Status}\n' libpq5\n\
                  apt-mark showauto libpq5\n\
                  /opt/cext/bin/python -c 'import cext; print(cext.__name__)'";
    let ran = docker(&[
        "run",
        "--rm",
        "--network",
        "none",
        &tag,
        "sh",
        "-ec",
        script,
    ]);
    assert_eq!(ran, "installed\nlibpq5\ncext\n");
}
