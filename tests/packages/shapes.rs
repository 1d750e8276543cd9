//! Awkward shapes of real projects, and the packages that they become.

use std::fmt::Write;
use std::process::Command;

use crate::content::lintian;
use crate::parcel::{
    CONFIG, NOTICE, checked, field, in_container, log, members, named, package, small,
};
use crate::site::{BASE, Site, run};

const BUILD: &str =
    "[build-system]\nrequires = [\"setuptools\"]\nbuild-backend = \"setuptools.build_meta\"\n\n";
const FIND: &str = "[tool.setuptools.packages.find]\nwhere = [\"src\"]\nnamespaces = true\n\n[tool.setuptools.package-data]\n\"*\" = [\"**\"]\n";

/// Expects that the check had no complaint, and these lines.
fn passed(site: &Site, lines: &[&str]) {
    checked(site, "deb.check", lines);
    checked(
        site,
        "deb.check",
        &["ok   purge", "ok   nothing is left over"],
    );
}

/// Expects paths below the environment's modules.
fn has_modules(site: &Site, paths: &[&str]) {
    let members = members(site);
    for path in paths {
        let ending = format!("/lib/python3.11/site-packages/{path}");
        assert!(
            members.iter().any(|member| member.ends_with(&ending)),
            "no {ending} in {members:?}"
        );
    }
}

#[test]
fn a_namespace_package_of_another_name_without_command_and_with_thousands_of_files_is_packed() {
    let site = Site::new().config(CONFIG);
    site.write(".build.yml", "deb:\n");
    site.write("LICENSE", NOTICE);
    // The distribution `Acme.Time_Tables` has the modules `acme.tables`, and no console script.
    site.write(
        "pyproject.toml",
        &format!(
            "{BUILD}[project]\nname = \"Acme.Time_Tables\"\nversion = \"2024.1\"\n\
             description = \"Time tables of many places\"\n{FIND}"
        ),
    );
    site.write("src/acme/tables/__init__.py", "\"\"\"Time tables.\"\"\"\n");
    site.write("src/acme/tables/data/with a space.txt", "a\n");
    site.write("src/acme/tables/data/grüße und 日本語.txt", "b\n");
    for number in 0..2000 {
        let path = format!("src/acme/tables/data/{}/{number}.csv", number % 40);
        site.write(&path, "08:15\n");
    }
    site.built();
    assert_eq!(
        named(&site, "deb"),
        "acme-time-tables_2024.1-1~deb12_all.deb"
    );
    assert_eq!(field(&site, "Package"), "acme-time-tables");
    has_modules(
        &site,
        &[
            "acme/tables/__init__.py",
            "acme/tables/data/with a space.txt",
            "acme/tables/data/grüße und 日本語.txt",
            "acme/tables/data/39/1999.csv",
        ],
    );
    let members = members(&site);
    let count = |ending: &str| members.iter().filter(|path| path.ends_with(ending)).count();
    assert_eq!(count(".csv"), 2000);
    assert!(
        !members.iter().any(|path| path.starts_with("/usr/bin")),
        "{members:?}"
    );
    assert_eq!(count("acme/__init__.py"), 0);
    passed(&site, &["ok   import acme.tables"]);
    lintian(&site);
}

#[test]
fn a_console_script_with_extras_and_scripts_of_other_languages_are_packed() {
    let site = small("mixture", "1!0.5.post1+local.7");
    let mut text = String::from(BUILD);
    write!(
        text,
        "[project]\nname = \"mixture\"\nversion = \"1!0.5.post1+local.7\"\ndescription = \"Scripts of several languages\"\n\
         dynamic = []\n\n[project.optional-dependencies]\nmore = [\"six==1.17.0\"]\n\n\
         [project.scripts]\nmixture = \"mixture:main [more]\"\n\n\
         [tool.setuptools]\nscript-files = [\"bin/mix.sh\", \"bin/mix.awk\"]\n\n\
         [tool.setuptools.data-files]\nbin = [\"bin/mix.py\"]\n\n{FIND}"
    )
    .expect("a string takes it");
    site.write("pyproject.toml", &text);
    site.write(
        "src/mixture/__init__.py",
        "import six\n\n\ndef main():\n    print(six.u(\"usage: mixture\"))\n",
    );
    site.write(
        "bin/mix.py",
        "#!/usr/bin/env python3 -s\nimport six\nprint(six.u(\"python\"))\n",
    );
    site.write("bin/mix.sh", "#!/bin/sh\necho shell\n");
    site.write(
        "bin/mix.awk",
        "#!/usr/bin/awk -f\nBEGIN { print \"awk\" }\n",
    );
    site.write(".build.yml", "deb:\n  extras: [more]\n");
    site.built();
    assert_eq!(
        named(&site, "deb"),
        "mixture_0.5+post1+~~local.7-1~deb12_all.deb"
    );
    assert!(field(&site, "Version").starts_with("1:0.5"));
    has_modules(&site, &["six.py", "mixture/__init__.py"]);
    passed(&site, &["ok   mixture --help"]);
    let script = "apt-get install --yes /packages/*.deb > /dev/null\n\
                  mixture; mix.sh; mix.awk; mix.py; head -n 1 /opt/mixture/bin/mix.sh\n\
                  cd /opt/mixture/bin; head -n 1 mix.py\n\
                  sum=$(sha256sum mix.py | python3.11 -c 'import base64; \
                  print(base64.urlsafe_b64encode(bytes.fromhex(input()[:64])).decode()[:43])')\n\
                  grep -c \"bin/mix.py,sha256=$sum,\" \
                  ../lib/python3.11/site-packages/mixture-*.dist-info/RECORD";
    let ended = in_container(&site, "deb", BASE, script).ends_with(0);
    assert_eq!(
        ended.out,
        "usage: mixture\nshell\nawk\npython\n#!/bin/sh\n#!/opt/mixture/bin/python -s\n1\n",
        "{}",
        ended.err
    );
    lintian(&site);

    // Another Python than the environment's is none that the package could run.
    site.edit("bin/mix.py", "python3 -s", "python2.7");
    let ended = site.apply();
    assert_ne!(ended.code, Some(0));
    assert!(
        ended
            .err
            .contains("/opt/mixture/bin/mix.py is run by `#!/usr/bin/env python2.7`"),
        "{}",
        ended.err
    );
}

#[test]
fn a_wheel_with_libraries_of_its_own_keeps_them_and_asks_for_no_others() {
    let site = small("vendored", "3.1");
    site.edit(
        "pyproject.toml",
        "requires-python",
        "dependencies = [\"psycopg2-binary==2.9.10\"]\nrequires-python",
    );
    site.edit(
        "src/vendored/__init__.py",
        "def main",
        "import psycopg2\n\n\ndef main",
    );
    site.built();
    assert_eq!(named(&site, "deb"), "vendored_3.1-1~deb12_amd64.deb");
    let members = members(&site);
    assert!(
        members
            .iter()
            .any(|path| path.contains("/psycopg2_binary.libs/libpq-")),
        "{members:?}"
    );
    let depends = field(&site, "Depends");
    assert!(depends.starts_with("python3.11, "), "{depends}");
    assert!(depends.contains("libc6 (>= "), "{depends}");
    for vendored in ["libpq5", "libssl3", "libkrb5-3", "libldap"] {
        assert!(!depends.contains(vendored), "{depends}");
    }
    passed(&site, &["ok   import vendored", "ok   vendored --help"]);
    // psycopg2 says "LGPL with exceptions", and its own text names the version.
    let shell = "dpkg-deb --fsys-tarfile \"$0\" | tar --extract --to-stdout ./usr/share/doc/vendored/copyright";
    let path = package(&site, "deb").display().to_string();
    let copyright = run(Command::new("sh").args(["-c", shell, &path]));
    assert!(
        copyright.contains("\nLicense: LGPL-with-exceptions\n")
            && copyright.contains("/usr/share/common-licenses/LGPL-3."),
        "{copyright}"
    );
    lintian(&site);
}

#[test]
fn a_project_that_says_nothing_of_itself_is_packed_as_what_it_is() {
    let site = Site::new().config(&format!("deb:\n  base_image: {BASE}\n"));
    site.write(".build.yml", "deb:\n");
    site.write(
        "setup.py",
        "from setuptools import setup\n\nsetup(name=\"bare\", version=\"1\", py_modules=[\"bare\"])\n",
    );
    site.write("bare.py", "PAGE = 1\n");
    site.built();
    assert_eq!(named(&site, "deb"), "bare_1-1~deb12_all.deb");
    assert_eq!(
        field(&site, "Maintainer"),
        "Unknown maintainer <unknown@maintainer.invalid>"
    );
    let description = field(&site, "Description");
    assert!(
        description.starts_with("Python application bare\n This is the Python project bare 1.\n"),
        "{description}"
    );
    let log = log(&site, "deb.package");
    for warning in ["is a placeholder", "no summary", "no licence"] {
        assert!(log.contains(warning), "no `{warning}` in\n{log}");
    }
    passed(&site, &["ok   import bare"]);
    lintian(&site);
}
