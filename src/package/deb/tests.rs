use std::path::Path;

use super::*;
use crate::package::{PackageFile, PackageLink, Scripts, Service, Unit};

/// A small package, with nothing of its own on disk.
pub(super) fn package() -> Package {
    Package {
        name: "shop".into(),
        version: "1.4.0".into(),
        revision: 1,
        suffix: Some("deb12".into()),
        machine: Some("x86_64".into()),
        summary: "Sells things.".into(),
        description: String::new(),
        homepage: Some("https://shop.example/".into()),
        license: Some("MIT".into()),
        maintainer: "Ada <ada@shop.example>".into(),
        section: "python".into(),
        requires: vec!["python3.11".into()],
        prefix: "/opt/shop".into(),
        contents: Vec::new(),
        files: Vec::new(),
        links: Vec::new(),
        scripts: Scripts::default(),
        units: Vec::new(),
        service: Service::default(),
        notices: Vec::new(),
        epoch: 1_700_000_000,
    }
}

/// An archive of files with modes; what ends in a slash is a directory, what has `->` a link.
fn archive(path: &Path, entries: &[(&str, u32, &str)]) {
    let mut builder = tar::Builder::new(std::fs::File::create(path).unwrap());
    for (name, mode, text) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_mode(*mode);
        header.set_uid(1000);
        header.set_mtime(7);
        header.set_size(0);
        if let Some((name, target)) = name.split_once(" -> ") {
            header.set_entry_type(tar::EntryType::Symlink);
            builder.append_link(&mut header, name, target).unwrap();
        } else if let Some((name, target)) = name.split_once(" == ") {
            header.set_entry_type(tar::EntryType::Link);
            builder.append_link(&mut header, name, target).unwrap();
        } else if name.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
            builder.append_data(&mut header, name, &[][..]).unwrap();
        } else {
            header.set_size(text.len() as u64);
            builder
                .append_data(&mut header, name, text.as_bytes())
                .unwrap();
        }
    }
    builder.into_inner().unwrap();
}

fn options(scratch: &Path, compression: Compression) -> Options {
    Options {
        compression,
        units: UnitFolder::Lib,
        scratch: scratch.to_owned(),
        kept: None,
    }
}

fn written(
    package: &Package,
    compression: Compression,
) -> Result<(Vec<u8>, Written), PackageError> {
    let scratch = tempfile::tempdir().unwrap();
    let mut bytes = Vec::new();
    let written = write(package, &options(scratch.path(), compression), &mut bytes)?;
    Ok((bytes, written))
}

/// The members of an ar archive.
fn members(mut bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    bytes = bytes.strip_prefix(b"!<arch>\n").unwrap();
    let mut members = Vec::new();
    while !bytes.is_empty() {
        let header = std::str::from_utf8(&bytes[..60]).unwrap();
        assert_eq!(&header[16..48], "1700000000  0     0     100644  ");
        let size: usize = header[48..58].trim().parse().unwrap();
        members.push((
            header[..16].trim().to_owned(),
            bytes[60..60 + size].to_vec(),
        ));
        bytes = &bytes[60 + size.next_multiple_of(2)..];
    }
    members
}

/// The entries of a compressed tar: name, mode, owner, time, target or text.
fn entries(bytes: &[u8]) -> Vec<(String, u32, String)> {
    let mut tar = tar::Archive::new(liblzma::read::XzDecoder::new(bytes));
    let mut found = Vec::new();
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let header = entry.header();
        assert_eq!(header.mtime().unwrap(), 1_700_000_000, "{name}");
        assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
        assert_eq!(header.username().unwrap(), Some("root"));
        let mode = header.mode().unwrap();
        let text = match entry.link_name_bytes() {
            Some(target) => format!("-> {}", String::from_utf8_lossy(&target)),
            None => {
                let mut bytes = Vec::new();
                io::copy(&mut entry, &mut bytes).unwrap();
                String::from_utf8_lossy(&bytes).into_owned()
            }
        };
        found.push((name, mode, text));
    }
    found
}

/// A package of everything that merging has to cope with.
fn full(folder: &Path) -> Package {
    let deep = format!("opt/shop/lib/{}x.py", "long-folder/".repeat(12));
    archive(
        &folder.join("a.tar"),
        &[
            ("opt/", 0o700, ""),
            ("opt/shop/", 0o777, ""),
            ("opt/shop/bin/shop", 0o775, "#!/opt/shop/bin/python\n"),
            ("opt/shop/bin/python -> /usr/bin/python3.11", 0o777, ""),
            (&deep, 0o600, "x = 1\n"),
            ("opt/shop/lib/LICENSE", 0o755, "a licence\n"),
            ("opt/shop/lib/libx.so.1", 0o755, "\u{7f}ELF"),
        ],
    );
    archive(
        &folder.join("b.tar"),
        &[
            ("./opt/shop/lib/näme with space", 0o644, "y"),
            (
                "opt/shop/lib/twin == opt/shop/lib/näme with space",
                0o644,
                "",
            ),
        ],
    );
    Package {
        contents: vec![folder.join("a.tar"), folder.join("b.tar")],
        files: vec![PackageFile {
            path: "/etc/shop/shop.ini".into(),
            bytes: b"[shop]\n".to_vec(),
            executable: false,
        }],
        links: vec![
            PackageLink {
                path: "/usr/bin/shop".into(),
                target: "/opt/shop/bin/shop".into(),
            },
            PackageLink {
                path: "/opt/shop/doc".into(),
                target: "/opt/shop/lib/LICENSE".into(),
            },
        ],
        units: vec![Unit {
            name: "shop.service".into(),
            text: "[Service]\nExecStart=/usr/bin/shop".into(),
        }],
        ..package()
    }
}

#[test]
fn what_seldom_changes_comes_first_and_everything_belongs_to_root() {
    let folder = tempfile::tempdir().unwrap();
    let (bytes, result) = written(&full(folder.path()), Compression::Xz).unwrap();
    assert_eq!(result.file_name, "shop_1.4.0-1~deb12_amd64.deb");
    assert_eq!(result.version, "1.4.0-1~deb12");
    let members = members(&bytes);
    let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["debian-binary", "control.tar.xz", "data.tar.xz"]);
    assert_eq!(members[0].1, b"2.0\n");

    let data = entries(&members[2].1);
    let listed: Vec<String> = data
        .iter()
        .map(|(name, mode, text)| match text.strip_prefix("-> ") {
            Some(target) => format!("{name} -> {target}"),
            None => format!("{name} {mode:o}"),
        })
        .filter(|line| !line.contains("long-folder/ "))
        .collect();
    let deep = format!("./opt/shop/lib/{}x.py 644", "long-folder/".repeat(12));
    assert_eq!(
        listed,
        [
            "./ 755",
            "./opt/ 755",
            "./opt/shop/ 755",
            "./opt/shop/bin/ 755",
            "./opt/shop/bin/shop 755",
            "./opt/shop/lib/ 755",
            "./opt/shop/lib/LICENSE 644",
            "./opt/shop/lib/libx.so.1 644",
            &deep,
            "./opt/shop/lib/näme with space 644",
            "./opt/shop/lib/twin 644",
            "./etc/ 755",
            "./etc/shop/ 755",
            "./etc/shop/shop.ini 644",
            "./lib/ 755",
            "./lib/systemd/ 755",
            "./lib/systemd/system/ 755",
            "./lib/systemd/system/shop.service 644",
            "./opt/shop/bin/python -> /usr/bin/python3.11",
            "./opt/shop/doc -> lib/LICENSE",
            "./usr/ 755",
            "./usr/bin/ 755",
            "./usr/bin/shop -> /opt/shop/bin/shop",
            "./usr/share/ 755",
            "./usr/share/doc/ 755",
            "./usr/share/doc/shop/ 755",
            "./usr/share/doc/shop/changelog.Debian.gz 644",
            "./usr/share/doc/shop/copyright 644",
            "./usr/share/lintian/ 755",
            "./usr/share/lintian/overrides/ 755",
            "./usr/share/lintian/overrides/shop 644",
        ]
    );

    let control = entries(&members[1].1);
    let names: Vec<(&str, u32)> = control
        .iter()
        .map(|(n, mode, _)| (n.as_str(), *mode))
        .collect();
    assert_eq!(
        names,
        [
            ("./", 0o755),
            ("./conffiles", 0o644),
            ("./control", 0o644),
            ("./md5sums", 0o644),
            ("./postinst", 0o755),
            ("./postrm", 0o755),
            ("./preinst", 0o755),
            ("./prerm", 0o755),
        ]
    );
    assert_eq!(control[1].2, "/etc/shop/shop.ini\n");
    let sums: Vec<&str> = control[3].2.lines().collect();
    // `printf y | md5sum`; the configuration file is dpkg's own to sum up.
    assert!(sums.contains(&"415290769594460e2e485922904f345d  opt/shop/lib/näme with space"));
    assert!(sums.contains(&"415290769594460e2e485922904f345d  opt/shop/lib/twin"));
    assert!(sums.is_sorted_by_key(|line| &line[34..]));
    assert_eq!(sums.len(), 10);
}

#[test]
fn the_same_package_has_the_same_bytes_in_each_compression() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for compression in [Compression::Xz, Compression::Gzip, Compression::Zstd] {
        let first = written(&full(one.path()), compression).unwrap();
        let second = written(&full(two.path()), compression).unwrap();
        assert_eq!(first, second);
        let ending = compression.ending();
        assert_eq!(members(&first.0)[2].0, format!("data.tar.{ending}"));
    }
}

#[test]
fn what_cannot_be_one_tree_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = |path: &str| PackageFile {
        path: path.into(),
        bytes: Vec::new(),
        executable: false,
    };
    let refused = |files: &[&str], entries: &[(&str, u32, &str)]| {
        let path = folder.path().join("c.tar");
        archive(&path, entries);
        let package = Package {
            files: files.iter().map(|path| file(path)).collect(),
            contents: vec![path],
            ..package()
        };
        match written(&package, Compression::Gzip) {
            Err(PackageError::Value { what, .. }) => what,
            other => panic!("{other:?}"),
        }
    };
    let link = ("opt/shop/lib64 -> lib", 0o777, "");
    assert!(refused(&["/opt/x"], &[("opt/x", 0o644, "")]).contains("twice"));
    assert!(refused(&["/opt/shop/lib64/x"], &[link]).contains("no directory"));
    assert!(refused(&["/opt/../x"], &[]).contains("no path"));
    assert!(refused(&["/opt/x\ny"], &[]).contains("no path"));
    assert!(refused(&["/usr/share/doc/shop/copyright"], &[]).contains("twice"));
    assert!(refused(&[], &[("a == b", 0o644, "")]).contains("hard link"));
}

#[test]
fn an_architecture_is_debians() {
    for (machine, expected) in [
        ("x86_64", "amd64"),
        ("aarch64", "arm64"),
        ("armv7l", "armhf"),
    ] {
        assert_eq!(architecture(machine).unwrap(), expected);
    }
    assert!(architecture("vax").is_err());
    let package = Package {
        machine: None,
        version: "1!2.0".into(),
        ..package()
    };
    let (_, result) = written(&package, Compression::Gzip).unwrap();
    assert_eq!(result.file_name, "shop_2.0-1~deb12_all.deb");
    assert_eq!(result.version, "1:2.0-1~deb12");
}

#[test]
fn units_go_where_the_distribution_has_them() {
    for (suffix, folder) in [
        (None, UnitFolder::Lib),
        (Some("deb12"), UnitFolder::Lib),
        (Some("deb13"), UnitFolder::UsrLib),
        (Some("ubuntu22.04"), UnitFolder::Lib),
        (Some("ubuntu24.04"), UnitFolder::UsrLib),
    ] {
        assert_eq!(UnitFolder::of_suffix(suffix), folder, "{suffix:?}");
    }
}
