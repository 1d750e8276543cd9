//! What ELF files need, held against rpm's own `elfdeps`.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use builder::package::elf::{Elf, rpm_requires, scan};

use crate::sample::{Entry, archive};
use crate::{INSTALL, run};

/// Programs and libraries of this host.
fn files() -> Vec<PathBuf> {
    let mut files = BTreeSet::new();
    for program in [
        "/usr/bin/rpm",
        "/usr/bin/rpmsign",
        "/usr/bin/dash",
        "/usr/bin/gpg",
    ] {
        files.insert(PathBuf::from(program));
        for word in run(Command::new("ldd").arg(program)).split_whitespace() {
            if word.starts_with('/') {
                files.insert(fs::canonicalize(word).unwrap());
            }
        }
    }
    files.insert(std::env::current_exe().unwrap());
    files.into_iter().collect()
}

fn elfdeps(file: &std::path::Path) -> BTreeSet<String> {
    let started = Command::new("/usr/lib/rpm/elfdeps")
        .arg("--requires")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = started.unwrap_or_else(|error| {
        panic!("`/usr/lib/rpm/elfdeps` does not start ({error}): install it with `{INSTALL}`")
    });
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "{}", file.display()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap().stdout;
    let text = String::from_utf8(output).unwrap();
    // Every C library of the last fifteen years provides it.
    let lines = text.lines().filter(|line| *line != "rtld(GNU_HASH)");
    lines.map(str::to_owned).collect()
}

#[test]
fn a_file_requires_what_rpms_own_generator_says() {
    let dir = tempfile::tempdir().unwrap();
    let files = files();
    assert!(files.len() > 15, "{files:?}");
    for file in files {
        let elf = Elf::parse(&fs::read(&file).unwrap()).unwrap();
        assert!(
            elf.class64 && elf.machine == Some(std::env::consts::ARCH),
            "{elf:?}"
        );
        let requires = rpm_requires(&[("x".to_owned(), elf)]);
        let requires: BTreeSet<String> = requires.into_iter().collect();
        // rpm looks only at files that may be executed, which Debian's libraries may not.
        let copy = dir.path().join("copy");
        fs::copy(&file, &copy).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(requires, elfdeps(&copy), "{}", file.display());
    }
}

#[test]
fn compiled_files_are_found_in_archives() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.tar");
    let mut cut = fs::read("/usr/bin/dash").unwrap();
    let whole = cut.clone();
    cut.truncate(100);
    let file = |name: &str, bytes: &[u8]| (name.to_owned(), Entry::File(0o644, bytes.to_vec()));
    archive(
        &path,
        vec![
            file("opt/shop/lib/a.so", &whole),
            file("opt/shop/lib/broken.so", &cut),
            file("opt/shop/lib/a.py", b"pass\n"),
            ("opt/shop/lib/b.so".to_owned(), Entry::Link("a.so")),
        ],
    );
    let found = scan(std::slice::from_ref(&path)).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, "opt/shop/lib/a.so");
    assert!(rpm_requires(&found).contains(&"libc.so.6()(64bit)".to_owned()));
    let error = scan(&[dir.path().join("gone.tar")]).unwrap_err();
    assert!(error.to_string().contains("gone.tar"), "{error}");
}
