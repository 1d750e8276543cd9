//! Installation by dnf from a local repository.

use std::fs;
use std::process::Command;

use crate::root::{Root, as_root, base};
use crate::sample::shop;
use crate::{run, written};

#[test]
fn dnf_installs_what_is_required_with_it_and_removes_it_again() {
    let repository = tempfile::tempdir().unwrap();
    base(repository.path());
    let scratch = tempfile::tempdir().unwrap();
    let rpm = written(scratch.path(), &shop(scratch.path(), "1.0"));
    let name = rpm.file_name().unwrap();
    fs::copy(&rpm, repository.path().join(name)).unwrap();
    run(Command::new("createrepo_c")
        .arg("--quiet")
        .arg(repository.path()));

    let root = Root::empty();
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join(".rpmmacros"), "%_dbpath /var/lib/rpm\n").unwrap();
    let dnf = |words: &[&str]| {
        run(as_root("dnf")
            .env("HOME", home.path())
            .args([
                "--quiet",
                "--assumeyes",
                "--releasever=9",
                "--disablerepo=*",
            ])
            .args(["--setopt=gpgcheck=0", "--setopt=keepcache=0", "--noplugins"])
            .arg(format!("--installroot={}", root.dir.path().display()))
            .arg(format!(
                "--repofrompath=local,file://{}",
                repository.path().display()
            ))
            .arg("--enablerepo=local")
            .args(words))
    };
    dnf(&["install", "shop"]);
    assert!(root.path("opt/shop/bin/shop").exists());
    assert!(root.path("usr/bin/dash").exists(), "the base came with it");
    let pieces = root.record();
    assert!(pieces[0].starts_with("preinstall install"), "{pieces:?}");
    dnf(&["remove", "--setopt=clean_requirements_on_remove=0", "shop"]);
    assert!(!root.path("opt/shop").exists());
}
