//! Debian packages, held against the real dpkg-deb, sh and lintian.

#![expect(
    clippy::disallowed_methods,
    reason = "packages are read by the tools themselves"
)]

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use builder::package::deb::{self, Compression, Options, UnitFolder};
use builder::package::{Notice, Package, PackageFile, PackageLink, Scripts, Service, Unit, person};

/// Runs a tool to its end.
fn run(command: &mut Command) -> Output {
    let tool = command.get_program().to_string_lossy().into_owned();
    command.output().unwrap_or_else(|error| {
        panic!("`{tool}` does not start ({error}): install it with `apt-get install dpkg lintian`")
    })
}

/// What a tool prints when it succeeds.
#[track_caller]
fn text(command: &mut Command) -> String {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).expect("it is UTF-8")
}

/// An archive such as that of a virtual environment.
fn environment(path: &Path, prefix: &str) {
    let site = format!("{prefix}/lib/python3.11/site-packages");
    let script = format!("#!/{prefix}/bin/python\nfrom shop import main\nmain()\n");
    let files = [
        (format!("{prefix}/bin/activate"), 0o644, "# sourced\n"),
        (format!("{prefix}/bin/shop"), 0o755, script.as_str()),
        (
            format!("{site}/shop/__init__.py"),
            0o644,
            "def main(): pass\n",
        ),
        (
            format!("{site}/shop/tool.py"),
            0o644,
            "#!/usr/bin/env python3\n",
        ),
        (format!("{site}/shop/näme with space.txt"), 0o644, "x\n"),
        (
            format!("{site}/shop/__pycache__/__init__.cpython-311.pyc"),
            0o644,
            "pyc",
        ),
        (
            format!("{site}/shop-1.4.0.dist-info/LICENSE"),
            0o755,
            "Do what you like.\n",
        ),
    ];
    let file = File::create(path).expect("the archive is made");
    let mut archive = tar::Builder::new(file);
    let mut header = tar::Header::new_gnu();
    for (name, mode, text) in &files {
        header.set_mode(*mode);
        header.set_size(text.len() as u64);
        archive
            .append_data(&mut header, name, text.as_bytes())
            .expect("a file is packed");
    }
    header.set_size(0);
    header.set_entry_type(tar::EntryType::Symlink);
    archive
        .append_link(
            &mut header,
            format!("{prefix}/bin/python"),
            "/usr/bin/python3.11",
        )
        .expect("a link is packed");
    archive.finish().expect("the archive ends");
}

/// A package with something of everything.
fn package(folder: &Path) -> Package {
    let contents = folder.join("environment.tar");
    environment(&contents, "opt/shop");
    let unit = "[Unit]\nDescription=A shop\nDocumentation=https://shop.example/\n\n\
                [Service]\nExecStart=/usr/bin/shop\n\n[Install]\nWantedBy=multi-user.target\n";
    Package {
        name: "shop".into(),
        version: "1.4.0".into(),
        revision: 1,
        suffix: Some("deb12".into()),
        machine: None,
        summary: "Sells things".into(),
        description: "# shop\n\nIt sells many things, and keeps count of them.\n".into(),
        homepage: Some("https://shop.example/".into()),
        license: Some("MIT".into()),
        maintainer: "Ada <ada@shop.fr>".into(),
        section: "python".into(),
        requires: vec!["python3.11".into()],
        prefix: "/opt/shop".into(),
        contents: vec![contents],
        files: vec![PackageFile {
            path: "/etc/shop/shop.ini".into(),
            bytes: b"[shop]\n".to_vec(),
            executable: false,
        }],
        links: vec![PackageLink {
            path: "/usr/bin/shop".into(),
            target: "/opt/shop/bin/shop".into(),
        }],
        scripts: Scripts {
            preinstall: Some("true".into()),
            postinstall: Some("#!/bin/bash\ntrue\n".into()),
            preremove: Some("true".into()),
            postremove: Some("true".into()),
        },
        units: vec![Unit {
            name: "shop.service".into(),
            text: unit.into(),
        }],
        service: Service::default(),
        notices: vec![Notice {
            distribution: "shop 1.4.0".into(),
            license: Some("MIT".into()),
            texts: vec!["Copyright (c) 2024 Ada\n\nDo what you like.\n".into()],
        }],
        epoch: 1_700_000_000,
    }
}

/// Writes a package into a folder.
fn written(package: &Package, folder: &Path, compression: Compression) -> PathBuf {
    let options = Options {
        compression,
        units: UnitFolder::Lib,
        scratch: folder.to_owned(),
        kept: None,
    };
    let path = folder.join("written.deb");
    let mut file = File::create(&path).expect("the package is made");
    let written = deb::write(package, &options, &mut file).expect("the package is written");
    let named = folder.join(written.file_name);
    fs::rename(path, &named).expect("the package gets its name");
    named
}

#[test]
fn dpkg_reads_what_is_written() {
    let folder = tempfile::tempdir().expect("there is room");
    let package = package(folder.path());
    for compression in [Compression::Xz, Compression::Gzip, Compression::Zstd] {
        let path = written(&package, folder.path(), compression);
        let field = |name: &str| text(Command::new("dpkg-deb").arg("-f").arg(&path).arg(name));
        assert_eq!(field("Version"), "1.4.0-1~deb12\n");
        assert_eq!(field("Architecture"), "all\n");
        assert_eq!(field("Depends"), "python3.11\n");
        assert!(field("Description").contains("\n It sells many things, and"));
        let listed = text(Command::new("dpkg-deb").arg("-c").arg(&path));
        for line in listed.lines() {
            assert!(line.contains(" root/root "), "{line}");
        }
        assert!(
            listed.contains("./usr/bin/shop -> /opt/shop/bin/shop\n"),
            "{listed}"
        );

        let root = folder.path().join(format!("{compression:?}"));
        text(Command::new("dpkg-deb").arg("-R").arg(&path).arg(&root));
        let control = |name: &str| fs::read_to_string(root.join("DEBIAN").join(name));
        assert_eq!(
            control("conffiles").ok().as_deref(),
            Some("/etc/shop/shop.ini\n")
        );
        let summed = text(
            Command::new("md5sum")
                .args(["--check", "--quiet", "DEBIAN/md5sums"])
                .current_dir(&root),
        );
        assert_eq!(summed, "");
        for script in ["preinst", "postinst", "prerm", "postrm"] {
            text(
                Command::new("sh")
                    .arg("-n")
                    .arg(root.join("DEBIAN").join(script)),
            );
        }
        let du = text(
            Command::new("sh")
                .arg("-c")
                .arg(
                    "find . -path ./DEBIAN -prune -o -printf '%y %s\\n' | \
                     awk '{ n += ($1 == \"f\") ? int(($2 + 1023) / 1024) : 1 } END { print n }'",
                )
                .current_dir(&root),
        );
        assert_eq!(field("Installed-Size"), du);
    }
}

/// Expects that lintian has nothing to say of a package, not even an override that is unused.
#[track_caller]
fn lintian(package: &Package, folder: &Path) {
    let path = written(package, folder, Compression::Xz);
    let output = run(Command::new("lintian")
        .args([
            "--allow-root",
            "--display-info",
            "--fail-on",
            "error,warning",
        ])
        .arg(&path));
    let said = String::from_utf8_lossy(&output.stdout);
    // What it only informs of is a matter of taste, but for an override that is not needed.
    let bad = |line: &&str| !line.starts_with("I:") || line.contains("-override ");
    let bad: Vec<&str> = said.lines().filter(bad).collect();
    assert!(output.status.success() && bad.is_empty(), "{output:?}");
}

#[test]
fn lintian_finds_nothing_that_is_not_overridden() {
    let folder = tempfile::tempdir().expect("there is room");
    lintian(&package(folder.path()), folder.path());
}

#[test]
fn lintian_finds_nothing_in_what_a_project_without_metadata_becomes() {
    let folder = tempfile::tempdir().expect("there is room");
    let bare = Package {
        summary: String::new(),
        description: String::new(),
        homepage: None,
        license: None,
        maintainer: person::maintainer(None),
        notices: vec![Notice {
            distribution: "shop 1.4.0".into(),
            license: None,
            texts: Vec::new(),
        }],
        ..package(folder.path())
    };
    lintian(&bare, folder.path());
    assert_eq!(deb::lints(&bare).len(), 3);
}

#[test]
fn lintian_finds_nothing_in_awkward_words_of_a_project() {
    let folder = tempfile::tempdir().expect("there is room");
    let long = "Sells all that there is to be sold, and more ".repeat(4);
    for (summary, description, person) in [
        ("Shop", "# Shop\n\nShop\n", "Ada"),
        ("The shop.", "Sells many things for all.", "ada@shop.fr"),
        (
            "Commerce",
            "- a\n- b\n\n-x -y -z -x -y -z on .NET. ",
            "\"L, Ada\" <a@b.fr>",
        ),
        (
            "A shop: the\n  small shop.",
            "The small shop.",
            "Ada Q. L (x) <ada.q@shop.fr>",
        ),
        (
            "Sells things. Buys, too.",
            ".NET is what it sells",
            "Ada <ada@localhost>",
        ),
        (&long, &long, "Zoë O'Hara <z.o'hara+s@shop.fr>"),
        (
            "Sells things",
            &format!("See it at https://shop.example/{} now", "x/-.".repeat(40)),
            "root <root@x>",
        ),
    ] {
        let awkward = Package {
            summary: summary.into(),
            description: description.into(),
            maintainer: person::maintainer(Some(person)),
            ..package(folder.path())
        };
        lintian(&awkward, folder.path());
    }
}

#[test]
fn licences_that_every_system_has_are_referred_to() {
    let folder = tempfile::tempdir().expect("there is room");
    let notice = |distribution: &str, license: &str, text: &str| Notice {
        distribution: distribution.into(),
        license: Some(license.into()),
        texts: vec![text.into()],
    };
    // By name alone: lintian has a tag for each of these families.
    for (license, file) in [
        ("LGPL with exceptions", "LGPL-3"),
        ("GPLv2+", "GPL-2"),
        ("Apache-2.0", "Apache-2.0"),
        ("GFDL-1.3", "GFDL-1.3"),
    ] {
        let text = "Copyright 2020 Bea\n\nThis is the GNU Lesser General Public License, the GNU \
                    General Public License,\nApache License, Version 2, or GFDL.\n";
        let mut package = package(folder.path());
        package.notices.push(notice("b 2", license, text));
        lintian(&package, folder.path());
        let said = copyright(&package, folder.path());
        assert!(
            said.contains(&format!("/usr/share/common-licenses/{file}.\n")),
            "{said}"
        );
        assert!(said.contains("\n Copyright 2020 Bea\n"), "{said}");
    }
    // Whole texts, as the system has them, between a notice and another licence.
    for (name, words) in [
        ("Apache-2.0", "Grant of Copyright License"),
        ("MPL-2.0", "Covered Software"),
        ("LGPL-3", "Combined Work"),
        ("LGPL-2.1", "work that uses the Library"),
        ("GPL-3", "Corresponding Source"),
        ("GPL-2", "derivative work"),
        ("GFDL-1.3", "Invariant Sections"),
    ] {
        let path = Path::new("/usr/share/common-licenses").join(name);
        let whole = fs::read_to_string(path).expect("Debian has it");
        assert!(whole.contains(words), "{name}");
        let text =
            format!("Copyright 2020 Bea\n\n{whole}\n\nThe files in x/ are Copyright 2021 C.\n");
        let mut package = package(folder.path());
        package.notices.push(notice("b 2", name, &text));
        lintian(&package, folder.path());
        let said = copyright(&package, folder.path());
        assert!(!said.contains(words), "{name}: {said}");
        assert!(
            said.contains(&format!("/usr/share/common-licenses/{name}.\n")),
            "{said}"
        );
        assert!(said.contains("\nCopyright: Copyright 2020 Bea\n"), "{said}");
        assert!(
            said.contains("\n The files in x/ are Copyright 2021 C.\n"),
            "{said}"
        );
    }
}

/// The copyright file of a package.
fn copyright(package: &Package, folder: &Path) -> String {
    let path = written(package, folder, Compression::Gzip);
    let shell =
        "dpkg-deb --fsys-tarfile \"$0\" | tar --extract --to-stdout ./usr/share/doc/shop/copyright";
    text(Command::new("sh").args(["-c", shell]).arg(path))
}

/// A root in which maintainer scripts run, with stand-ins for what would touch the system.
struct Stage {
    folder: tempfile::TempDir,
    package: Package,
}

impl Stage {
    fn new(change: impl FnOnce(&mut Package)) -> Self {
        let folder = tempfile::tempdir().expect("there is room");
        let mut package = package(folder.path());
        let prefix = folder.path().join("opt/shop");
        package.prefix = prefix.to_str().expect("it is UTF-8").to_owned();
        package.scripts = Scripts::default();
        change(&mut package);
        let stage = Self { folder, package };
        let path = written(&stage.package, stage.folder.path(), Compression::Gzip);
        let root = stage.folder.path().join("root");
        text(Command::new("dpkg-deb").arg("-R").arg(path).arg(root));
        let tools = stage.folder.path().join("tools");
        fs::create_dir_all(&tools).expect("the folder is made");
        for tool in [
            "deb-systemd-helper",
            "deb-systemd-invoke",
            "systemctl",
            "dpkg-query",
        ] {
            let path = tools.join(tool);
            let mut file = File::create(&path).expect("the stand-in is made");
            let script = match tool {
                "dpkg-query" => "#!/bin/sh\ncat \"$STAGE/owned\"\n".to_owned(),
                _ => format!("#!/bin/sh\necho \"{tool} $*\" >> \"$STAGE/log\"\n"),
            };
            file.write_all(script.as_bytes()).expect("it is written");
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(&path, mode).expect("it is executable");
        }
        stage
    }

    /// Runs a script; says how it ended, and what was noted since the last time.
    fn run(&self, script: &str, arguments: &[&str]) -> (Option<i32>, Vec<String>) {
        let folder = self.folder.path();
        let tools = folder.join("tools");
        let output = run(Command::new("sh")
            .arg(folder.join("root/DEBIAN").join(script))
            .args(arguments)
            .env("PATH", format!("{}:/usr/bin:/bin", tools.display()))
            .env("STAGE", folder));
        let log = folder.join("log");
        let noted = fs::read_to_string(&log).unwrap_or_default();
        let _ = fs::remove_file(log);
        let lines = noted.lines().map(str::to_owned).collect();
        (output.status.code(), lines)
    }
}

const NOTE: &str = "echo \"$ACTION from '$OLD_VERSION' $NAME $VERSION\" >> \"$STAGE/log\"";

#[test]
fn fragments_learn_what_happens() {
    let stage = Stage::new(|package| {
        let note = || Some(NOTE.to_owned());
        package.units.clear();
        package.scripts = Scripts {
            preinstall: note(),
            postinstall: Some(format!(
                "#!/usr/bin/env bash\n[[ $VENV == $INSTALLDIR ]]\n{NOTE}"
            )),
            preremove: note(),
            postremove: note(),
        };
    });
    fs::write(stage.folder.path().join("owned"), "").expect("it is written");
    let check = |script: &str, arguments: &[&str], expected: &[&str]| {
        let (code, noted) = stage.run(script, arguments);
        assert_eq!(code, Some(0), "{script} {arguments:?}");
        let shop = expected.iter().map(|line| format!("{line} shop 1.4.0"));
        assert_eq!(noted, shop.collect::<Vec<_>>(), "{script} {arguments:?}");
    };
    check("preinst", &["install"], &["install from ''"]);
    check("preinst", &["upgrade", "1.3-1"], &["upgrade from '1.3-1'"]);
    check("preinst", &["abort-upgrade", "1.5-1"], &[]);
    check("postinst", &["configure", ""], &["install from ''"]);
    // Over the configuration of a removed package, also when it is run again after a failure.
    check("preinst", &["install", "1.3-1"], &["install from ''"]);
    let mark = Path::new(&stage.package.prefix).join(".installing");
    check("postrm", &["abort-install", "1.3-1"], &[]);
    assert!(!mark.exists());
    check("preinst", &["install", "1.3-1"], &["install from ''"]);
    assert!(mark.exists());
    check("postinst", &["configure", "1.3-1"], &["install from ''"]);
    assert!(!mark.exists());
    check("postinst", &["configure", ""], &["install from ''"]);
    // dpkg runs it again after a failure.
    check("postinst", &["configure", ""], &["install from ''"]);
    check(
        "postinst",
        &["configure", "1.3-1"],
        &["upgrade from '1.3-1'"],
    );
    check("postinst", &["abort-remove"], &[]);
    check("prerm", &["upgrade", "1.5-1"], &[]);
    check("postrm", &["upgrade", "1.5-1"], &[]);
    check("prerm", &["remove"], &["remove from '1.4.0-1~deb12'"]);
    check("prerm", &["failed-upgrade", "1.3-1"], &[]);
    check("postrm", &["remove"], &["remove from '1.4.0-1~deb12'"]);
    check("postrm", &["purge"], &["purge from '1.4.0-1~deb12'"]);
    check("postrm", &["abort-install"], &[]);
}

#[test]
fn a_fragment_may_exit_or_fail_or_quote_what_it_likes() {
    let stage = Stage::new(|package| {
        package.scripts.preinstall = Some("false\necho not here >> \"$STAGE/log\"".into());
        package.scripts.postinstall = Some(format!(
            "cat << 'END_OF_POSTINSTALL' >> \"$STAGE/log\"\n$it's #TEXT# `and` \"\nEND_OF_POSTINSTALL\n\
             {NOTE}\nexit 0\n"
        ));
        package.scripts.postremove = Some("exit 3".into());
    });
    assert_eq!(stage.run("preinst", &["install"]), (Some(1), vec![]));
    let (code, noted) = stage.run("postinst", &["configure", ""]);
    assert_eq!(code, Some(0));
    assert_eq!(
        noted[..2],
        ["$it's #TEXT# `and` \"", "install from '' shop 1.4.0"]
    );
    // The service comes after the fragment, although that has ended by `exit`.
    assert_eq!(noted[2], "deb-systemd-helper unmask shop.service");
    assert_eq!(
        noted[3],
        "deb-systemd-helper --quiet was-enabled shop.service"
    );
    assert_eq!(noted[4], "deb-systemd-helper enable shop.service");
    let (code, noted) = stage.run("postrm", &["purge"]);
    assert_eq!(code, Some(3));
    assert_eq!(noted[0], "deb-systemd-helper purge shop.service");
}

#[test]
fn byte_code_of_the_run_time_goes_and_that_of_the_package_stays_dpkgs() {
    let stage = Stage::new(|_| {});
    let lib = format!("{}/lib", stage.package.prefix);
    let cache = |of: &str, name: &str| {
        let folder = format!("{lib}/{of}/__pycache__");
        fs::create_dir_all(&folder).expect("the folder is made");
        let path = format!("{folder}/{name}.pyc");
        fs::write(&path, "").expect("it is written");
        path
    };
    let owned = cache("a", "owned");
    let strays = [cache("a", "stray"), cache("b ä", "stray")];
    fs::write(stage.folder.path().join("owned"), format!("{owned}\n")).expect("it is written");
    assert_eq!(stage.run("prerm", &["upgrade", "2-1"]).0, Some(0));
    assert!(Path::new(&owned).exists());
    for stray in strays {
        assert!(!Path::new(&stray).exists(), "{stray}");
    }
    assert!(!Path::new(&format!("{lib}/b ä/__pycache__")).exists());
}
