//! RPM packages as we write them, held against the real rpm, dnf and rpmlint.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "packages are written to disk and given to the tools themselves; what fails fails the test"
)]

mod dnf;
mod elf;
mod example;
mod header;
mod hooks;
mod lifecycle;
mod lint;
mod root;
mod sample;
mod sign;
#[expect(
    dead_code,
    reason = "the tests of wheels and of packages use what these leave"
)]
#[path = "../real/site.rs"]
mod site;

use std::path::{Path, PathBuf};
use std::process::Command;

use builder::package::Package;
use builder::package::rpm::{RpmOptions, write};

/// What has to be installed for these tests.
const INSTALL: &str = "apt-get install rpm rpmlint dnf createrepo-c gnupg";

/// What a program printed and how it ended, where it could be started.
#[track_caller]
fn tried(command: &mut Command) -> (bool, String) {
    command.env("LC_ALL", "C.UTF-8");
    let output = command.output().unwrap_or_else(|error| {
        let program = command.get_program().display();
        panic!("`{program}` does not start ({error}): install it with `{INSTALL}`")
    });
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (output.status.success(), text)
}

/// What a program printed that has to succeed.
#[track_caller]
fn run(command: &mut Command) -> String {
    let (success, text) = tried(command);
    assert!(success, "{command:?}\n{text}");
    text
}

/// Queries a package file; what is asked for precedes it.
#[track_caller]
fn query(rpm: &Path, options: &[&str]) -> String {
    run(Command::new("rpm").arg("-qp").args(options).arg(rpm))
}

/// Writes a package into `folder`, with nothing else provided.
fn written(folder: &Path, package: &Package) -> PathBuf {
    providing(folder, package, &[])
}

fn providing(folder: &Path, package: &Package, provides: &[&str]) -> PathBuf {
    let options = RpmOptions {
        scratch: folder.to_owned(),
        compression: None,
        provides: provides.iter().map(|name| (*name).to_owned()).collect(),
    };
    let mut bytes = Vec::new();
    let written = write(package, &options, &mut bytes).unwrap();
    let path = folder.join(written.file_name);
    std::fs::write(&path, bytes).unwrap();
    path
}
