//! The example of `plans/formats`: its rpm, made by the real engine, as the tools of rpm see it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use builder::package::Package;

use crate::dnf::Dnf;
use crate::root::{Root, base};
use crate::sample::shop;
use crate::site::Site;
use crate::{lint, providing, query, run};

/// Lays out the example.
fn formats() -> Site {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans/formats");
    let config = fs::read_to_string(case.join("config.yml")).unwrap();
    let site = Site::new().config(&config);
    run(Command::new("cp")
        .args(["-a", "--"])
        .arg(case.join("project/."))
        .arg(site.source()));
    site
}

/// What the compiled module of the example needs of the C library, and what its python is.
const NEEDS: [&str; 6] = [
    "/usr/bin/python3.11",
    "python(abi) = 3.11",
    "libc.so.6()(64bit)",
    "libc.so.6(GLIBC_2.2.5)(64bit)",
    "libc.so.6(GLIBC_2.14)(64bit)",
    "libpthread.so.0()(64bit)",
];

#[test]
fn the_example_makes_an_rpm_that_rpm_dnf_and_rpmlint_take() {
    let site = formats();
    site.built();
    site.is_done();
    let packages = site.workspace().join("build/packages");
    let deb = packages.join("deb/labels_2.1.0~rc1-1~deb12_amd64.deb");
    assert!(deb.is_file());
    let rpm = packages.join("rpm/labels-2.1.0~rc1-1.deb12.x86_64.rpm");
    assert!(rpm.is_file());

    let lines = |option: &str| -> BTreeSet<String> {
        let said = query(&rpm, &[option]);
        let lines = said.lines().map(|line| line.trim().to_owned());
        lines.filter(|line| !line.starts_with("rpmlib(")).collect()
    };
    let set = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
    let own = ["/bin/sh", "config(labels) = 2.1.0~rc1-1.deb12"];
    let expected: BTreeSet<String> = set(&[&own[..], &NEEDS].concat());
    assert_eq!(lines("--requires"), expected);
    let provides = [
        "config(labels) = 2.1.0~rc1-1.deb12",
        "labels = 2.1.0~rc1-1.deb12",
        "labels(x86-64) = 2.1.0~rc1-1.deb12",
    ];
    let expected: BTreeSet<String> = set(&provides);
    assert_eq!(lines("--provides"), expected);
    let scripts = query(&rpm, &["--scripts"]);
    let heads: Vec<&str> = scripts
        .lines()
        .filter(|line| line.contains(" scriptlet"))
        .collect();
    assert_eq!(
        heads,
        [
            "postinstall scriptlet:",
            "preuninstall scriptlet:",
            "postuninstall scriptlet:",
        ]
    );
    for line in [
        "VENV='/opt/labels'",
        "mkdir -p /var/cache/labels",
        "rm -rf /var/cache/labels",
    ] {
        assert!(scripts.lines().any(|said| said == line), "{scripts}");
    }
    let readme = fs::read_to_string(site.source().join("README.md")).unwrap();
    let documents = query(&rpm, &["--docfiles"]);
    assert_eq!(documents, "/usr/share/doc/labels/README\n");
    let checked = run(Command::new("rpm").arg("-K").arg(&rpm));
    assert!(checked.ends_with(": digests OK\n"), "{checked}");
    lint::finds_nothing(&rpm);
    installs(&rpm, &readme);
}

/// dnf installs it with what it requires, from a repository, and takes it away with nothing left.
fn installs(rpm: &Path, readme: &str) {
    let repository = tempfile::tempdir().unwrap();
    base(repository.path());
    fs::copy(rpm, repository.path().join("labels.rpm")).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let root = Root::empty();
    let dnf = Dnf::new(&root, repository.path());
    dnf.run(&["install", "base"]);
    let before = root.files();

    // Without an interpreter and a C library it is refused.
    let refused = dnf.fails(&["install", "labels"]);
    for need in ["/usr/bin/python3.11", "libc.so.6(GLIBC_2.14)(64bit)"] {
        let line = format!("nothing provides {need} needed by labels");
        assert!(refused.contains(&line), "{refused}");
    }
    let python = Package {
        name: "python".to_owned(),
        prefix: "/usr/lib/python3.11".to_owned(),
        requires: Vec::new(),
        contents: Vec::new(),
        files: Vec::new(),
        links: Vec::new(),
        units: Vec::new(),
        notices: Vec::new(),
        scripts: builder::package::Scripts::default(),
        ..shop(scratch.path(), "3.11")
    };
    providing(repository.path(), &python, &NEEDS);
    let dnf = Dnf::new(&root, repository.path());
    // The script of the example calls its command, which needs a true interpreter.
    let interpreter = root.path("usr/bin/python3.11");
    fs::write(&interpreter, "#!/bin/sh\nshift\necho \"$@\"\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&interpreter, mode).unwrap();
    dnf.run(&["install", "labels"]);
    let greeting = fs::read_to_string(root.path("var/cache/labels/greeting.html")).unwrap();
    assert_eq!(greeting, "show labels 2.1.0rc1\n");
    assert!(root.path("opt/labels/bin/labels").exists());
    assert!(root.path("etc/labels/labels.toml").exists());
    let documented = fs::read_to_string(root.path("usr/share/doc/labels/README")).unwrap();
    assert_eq!(documented, readme);
    assert_eq!(root.rpm(&["-V", "labels"], None), "");
    let record = root.record();
    assert_eq!(record, ["systemctl --no-reload preset labels.service"]);
    dnf.remove("labels");
    dnf.remove("python");
    fs::remove_file(interpreter).unwrap();
    root.record();
    let after = root.files();
    let left: Vec<_> = after
        .keys()
        .filter(|path| !before.contains_key(*path))
        .collect();
    assert!(left.is_empty(), "left over: {left:?}");
    let changed: Vec<_> = before
        .iter()
        .filter(|(path, bytes)| after.get(*path) != Some(bytes))
        .map(|(path, _)| path)
        .collect();
    assert!(changed.is_empty(), "changed or gone: {changed:?}");
}
