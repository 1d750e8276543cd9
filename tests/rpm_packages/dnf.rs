//! Installation by dnf from a local repository.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::root::{Root, as_root, base};
use crate::sample::shop;
use crate::{run, tried, written};

/// Runs dnf on a root, with the packages of a folder for its only repository.
pub struct Dnf<'a> {
    root: &'a Root,
    repository: &'a Path,
    home: tempfile::TempDir,
}

impl<'a> Dnf<'a> {
    /// Makes a repository of the folder.
    pub fn new(root: &'a Root, repository: &'a Path) -> Self {
        run(Command::new("createrepo_c").arg("--quiet").arg(repository));
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join(".rpmmacros"), "%_dbpath /var/lib/rpm\n").unwrap();
        Self {
            root,
            repository,
            home,
        }
    }

    #[track_caller]
    pub fn run(&self, words: &[&str]) {
        let (success, said) = self.tried(words);
        assert!(success, "{said}");
    }

    /// Expects that dnf refuses, and returns what it says.
    #[track_caller]
    pub fn fails(&self, words: &[&str]) -> String {
        let (success, said) = self.tried(words);
        assert!(!success, "{said}");
        said
    }

    fn tried(&self, words: &[&str]) -> (bool, String) {
        tried(
            as_root("dnf")
                .env("HOME", self.home.path())
                .args([
                    "--quiet",
                    "--assumeyes",
                    "--refresh",
                    "--releasever=9",
                    "--disablerepo=*",
                ])
                .args(["--setopt=gpgcheck=0", "--setopt=keepcache=0", "--noplugins"])
                .arg(format!("--installroot={}", self.root.dir.path().display()))
                .arg(format!(
                    "--repofrompath=local,file://{}",
                    self.repository.display()
                ))
                .arg("--enablerepo=local")
                .args(words),
        )
    }

    /// Removes a package alone, not what was installed for it.
    #[track_caller]
    pub fn remove(&self, name: &str) {
        self.run(&["remove", "--setopt=clean_requirements_on_remove=0", name]);
    }
}

#[test]
fn dnf_installs_what_is_required_with_it_and_removes_it_again() {
    let repository = tempfile::tempdir().unwrap();
    base(repository.path());
    let scratch = tempfile::tempdir().unwrap();
    let rpm = written(scratch.path(), &shop(scratch.path(), "1.0"));
    let name = rpm.file_name().unwrap();
    fs::copy(&rpm, repository.path().join(name)).unwrap();

    let root = Root::empty();
    let dnf = Dnf::new(&root, repository.path());
    dnf.run(&["install", "shop"]);
    assert!(root.path("opt/shop/bin/shop").exists());
    assert!(root.path("usr/bin/dash").exists(), "the base came with it");
    let pieces = root.record();
    assert!(pieces[0].starts_with("preinstall install"), "{pieces:?}");
    dnf.remove("shop");
    assert!(!root.path("opt/shop").exists());
}
