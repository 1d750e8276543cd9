//! What rpm reads in a package file.

use std::process::Command;

use builder::package::rpm::{Compression, RpmOptions, write};
use builder::package::{Package, PackageError};

use crate::sample::{Entry, archive, shop};
use crate::{query, run, written};

#[test]
fn rpm_reads_every_field() {
    let dir = tempfile::tempdir().unwrap();
    let package = Package {
        machine: Some("x86_64".to_owned()),
        suffix: Some("fc41".to_owned()),
        ..shop(dir.path(), "1!2.0rc1.post3.dev4")
    };
    let rpm = written(dir.path(), &package);
    let name = rpm.file_name().unwrap();
    assert_eq!(name, "shop-2.0~rc1^post3~~dev4-1.fc41.x86_64.rpm");
    let fields = "%{EPOCH}|%{VERSION}|%{RELEASE}|%{ARCH}|%{SUMMARY}|%{LICENSE}|%{URL}|%{VENDOR}|\
                  %{PACKAGER}|%{BUILDHOST}|%{BUILDTIME}|%{PAYLOADCOMPRESSOR}|%{FILEDIGESTALGO}|\
                  %{GROUP}|%{DESCRIPTION}|%{CHANGELOGNAME} %{CHANGELOGTEXT} %{CHANGELOGTIME}";
    assert_eq!(
        query(&rpm, &["--qf", fields]),
        "1|2.0~rc1^post3~~dev4|1.fc41|x86_64|Sells things|MIT|https://shop.example|\
         Ann Example <ann@shop.example>|Ann Example <ann@shop.example>|builder|1714521600|zstd|8|\
         web|A shop that sells things.|\
         Ann Example <ann@shop.example> - 1:2.0~rc1^post3~~dev4-1.fc41 \
         - shop 1!2.0rc1.post3.dev4 1714521600"
    );
    let checked = run(Command::new("rpm").arg("-K").arg(&rpm));
    assert!(checked.ends_with(": digests OK\n"), "{checked}");
}

#[test]
fn a_package_requires_what_it_was_told_to_and_provides_itself() {
    let dir = tempfile::tempdir().unwrap();
    let rpm = written(dir.path(), &shop(dir.path(), "1.0"));
    let mut requires: Vec<String> = query(&rpm, &["--requires"])
        .lines()
        .filter(|line| !line.starts_with("rpmlib("))
        .map(str::to_owned)
        .collect();
    requires.dedup();
    assert_eq!(
        requires,
        [
            "/bin/sh",
            "/usr/bin/dash",
            "base >= 1.0",
            "config(shop) = 1.0-1.el9",
            "libffi.so.8()(64bit)",
            "python(abi) = 3.11",
            "python3.11",
        ]
    );
    assert_eq!(
        query(&rpm, &["--provides"]),
        "config(shop) = 1.0-1.el9\nshop = 1.0-1.el9\n"
    );
}

#[test]
fn files_have_owners_modes_and_flags_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let rpm = written(dir.path(), &shop(dir.path(), "1.0"));
    let format = "[%{FILEMODES:perms} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILEMTIMES} \
                  %{FILEFLAGS:fflags} %{FILENAMES} %{FILELINKTOS}\n]";
    let listed = query(&rpm, &["--qf", format]);
    let listed: Vec<String> = listed
        .lines()
        .map(|line| line.replace(" root:root 1714521600", "").trim().to_owned())
        .collect();
    let site = "/opt/shop/lib/python3.11/site-packages";
    let expected = [
        "-rw-r--r-- cn /etc/nginx/conf.d/shop.conf".to_owned(),
        "drwxr-xr-x  /etc/shop".to_owned(),
        "-rw-r--r-- cn /etc/shop/shop.conf".to_owned(),
        "drwxr-xr-x  /opt/shop".to_owned(),
        "drwxr-xr-x  /opt/shop/bin".to_owned(),
        "lrwxrwxrwx  /opt/shop/bin/python /usr/bin/python3.11".to_owned(),
        "-rwxr-xr-x  /opt/shop/bin/shop".to_owned(),
        "drwxr-xr-x  /opt/shop/lib".to_owned(),
        "drwxr-xr-x  /opt/shop/lib/python3.11".to_owned(),
        format!("drwxr-xr-x  {site}"),
        format!("drwxr-xr-x  {site}/flask"),
        format!("-rw-r--r--  {site}/flask/__init__.py"),
        format!("drwxr-xr-x  {site}/shop"),
        format!("drwxr-xr-x  {site}/shop-1.0.dist-info"),
        format!("-rw-r--r--  {site}/shop-1.0.dist-info/METADATA"),
        format!("drwxr-xr-x  {site}/shop-1.0.dist-info/licenses"),
        format!("-rw-r--r-- l {site}/shop-1.0.dist-info/licenses/LICENSE"),
        format!("-rw-r--r--  {site}/shop/1_0.py"),
        format!("-rw-r--r--  {site}/shop/__init__.py"),
        format!("drwxr-xr-x  {site}/shop/__pycache__"),
        format!("-rw-r--r--  {site}/shop/__pycache__/__init__.cpython-311.pyc"),
        format!("drwxr-xr-x  {site}/shop/data"),
        format!("-rw-r--r--  {site}/shop/data/large.bin"),
        format!("-rw-r--r--  {site}/shop/data/ä file.txt"),
        format!("drwxr-xr-x  {site}/shop/empty"),
        "-rw-r--r--  /opt/shop/pyvenv.cfg".to_owned(),
        "lrwxrwxrwx  /usr/bin/shop ../../opt/shop/bin/shop".to_owned(),
        "-rw-r--r--  /usr/lib/systemd/system-preset/80-shop.preset".to_owned(),
        "-rw-r--r--  /usr/lib/systemd/system/shop.service".to_owned(),
        "drwxr-xr-x  /usr/share/doc/shop".to_owned(),
        "-rw-r--r-- d /usr/share/doc/shop/README".to_owned(),
        "drwxr-xr-x  /usr/share/licenses/shop".to_owned(),
        "-rw-r--r-- l /usr/share/licenses/shop/flask-3.0.txt".to_owned(),
    ];
    assert_eq!(listed, expected);
}

#[test]
fn the_same_package_is_the_same_bytes_at_another_time_and_place() {
    let write_in = |compression| {
        let dir = tempfile::tempdir().unwrap();
        let package = shop(dir.path(), "1.0");
        let options = RpmOptions {
            scratch: dir.path().to_owned(),
            compression: Some(compression),
            provides: Vec::new(),
        };
        let mut bytes = Vec::new();
        write(&package, &options, &mut bytes).unwrap();
        let left = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(
            left,
            package.contents.len(),
            "the scratch folder is left as it was"
        );
        bytes
    };
    for compression in [
        Compression::Zstd(3),
        Compression::Xz(1),
        Compression::Gzip(6),
    ] {
        let first = write_in(compression);
        std::thread::sleep(std::time::Duration::from_millis(1100));
        let second = write_in(compression);
        assert!(
            first == second,
            "{compression:?}: two writings differ; `diffoscope` shows where"
        );
    }
}

#[test]
fn what_an_rpm_cannot_hold_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let check = |change: &dyn Fn(&mut Package), expected: &str| {
        let mut package = shop(dir.path(), "1.0");
        change(&mut package);
        let options = RpmOptions {
            scratch: dir.path().to_owned(),
            compression: Some(Compression::Zstd(1)),
            provides: Vec::new(),
        };
        let error = write(&package, &options, &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    };
    check(&|package| package.suffix = Some("el-9".to_owned()), "el-9");
    check(&|package| package.epoch = 1 << 33, "cannot hold the time");
    check(&|package| package.requires.push("a b".to_owned()), "`a b`");
    check(&|package| package.name = "my shop".to_owned(), "my shop");
    check(
        &|package| package.scripts.preremove = Some("\0".to_owned()),
        "the script `preremove` has a NUL",
    );
    check(
        &|package| package.files.push(package.files[0].clone()),
        "/etc/shop/shop.conf",
    );
    let gone = dir.path().join("gone.tar");
    check(&|package| package.contents.push(gone.clone()), "gone.tar");
    let strange = dir.path().join("strange.tar");
    archive(
        &strange,
        vec![("opt/shop/hard".to_owned(), Entry::Hard("pyvenv.cfg"))],
    );
    check(
        &|package| package.contents.push(strange.clone()),
        "/opt/shop/hard is Link",
    );
}

#[test]
fn a_missing_licence_is_spelled_as_spdx_does() {
    let dir = tempfile::tempdir().unwrap();
    let package = Package {
        license: None,
        homepage: None,
        ..shop(dir.path(), "1.0")
    };
    let rpm = written(dir.path(), &package);
    let fields = query(&rpm, &["--qf", "%{LICENSE} %{URL}"]);
    assert_eq!(fields, "LicenseRef-Unspecified (none)");
    let mut bytes = Vec::new();
    let options = RpmOptions {
        scratch: dir.path().join("none"),
        compression: None,
        provides: Vec::new(),
    };
    let error = write(&package, &options, &mut bytes).unwrap_err();
    assert!(matches!(error, PackageError::Io { .. }), "{error}");
}
