//! Good archives, and one row for each hostile one.

use std::os::unix::fs::MetadataExt;

use tar::{Builder, Header};

use super::*;
use crate::source::read_tree;

const LIMITS: Limits = Limits {
    entries: 8,
    bytes: 1000,
};

/// One entry: type, name, link target and content, none of them checked.
type Row<'a> = (EntryType, &'a str, &'a str, &'a [u8]);

fn file<'a>(name: &'a str, bytes: &'a [u8]) -> Row<'a> {
    (EntryType::Regular, name, "", bytes)
}

fn dir(name: &str) -> Row<'_> {
    (EntryType::Directory, name, "", b"")
}

fn link<'a>(name: &'a str, target: &'a str) -> Row<'a> {
    (EntryType::Symlink, name, target, b"")
}

/// Writes names into the headers byte by byte, as no honest writer would.
fn archive(rows: &[Row<'_>]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (kind, name, target, bytes) in rows {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_entry_type(*kind);
        let bits = if name.ends_with('-') { 0o4666 } else { 0o4777 };
        header.set_mode(bits);
        header.set_uid(1234);
        header.set_gid(1234);
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn refusal(bytes: &[u8], strip: Strip) -> String {
    let top = tempfile::tempdir().unwrap();
    let into = top.path().join("into");
    fs::create_dir(&into).unwrap();
    let refused = unpack(bytes, &into, strip, LIMITS).unwrap_err();
    let beside = fs::read_dir(top.path()).unwrap().count();
    assert_eq!(beside, 1, "nothing is written beside the directory");
    refused.to_string()
}

#[test]
fn every_hostile_archive_is_refused_with_its_reason() {
    let check = |rows: &[Row<'_>], expected: &str| {
        let refused = refusal(&archive(rows), Strip::Nothing);
        assert_eq!(refused, format!("the archive is refused: {expected}"));
    };
    check(
        &[file("../escape", b"")],
        "../escape cannot be unpacked: the path leaves its directory by `..`",
    );
    check(
        &[file("a/../../b", b"")],
        "a/../../b cannot be unpacked: the path leaves its directory by `..`",
    );
    check(
        &[file("/abs", b"")],
        "/abs cannot be unpacked: the path is absolute",
    );
    check(
        &[file("a\nb", b"")],
        "a\\nb cannot be unpacked: the path has a control character",
    );
    check(
        &[link("l", "/etc/passwd")],
        "l is a link that leaves: /etc/passwd",
    );
    check(&[link("l", "../x")], "l is a link that leaves: ../x");
    check(&[link("l", "")], "l is a link whose target is not a path");
    check(
        &[link("l", ".."), file("l/x", b"")],
        "l is a link that leaves: ..",
    );
    check(
        &[dir("d"), link("l", "d"), file("l/x", b"")],
        "l/x would be written through the link l",
    );
    check(
        &[dir("d"), link("l", "d"), dir("l/x")],
        "l/x would be written through the link l",
    );
    check(&[dir("d"), link("l", "d"), dir("l")], "l occurs twice");
    check(
        &[link("l", "s/up/../x"), link("s/up", "..")],
        "l is a link that leaves: s/up/../x",
    );
    check(
        &[file("f", b""), file("f/x", b"")],
        "f/x lies in f, which is a file",
    );
    check(
        &[(EntryType::Link, "h", "/etc/passwd", b"")],
        "h is a hard link",
    );
    check(&[(EntryType::Fifo, "p", "", b"")], "p is a FIFO");
    check(&[(EntryType::Char, "c", "", b"")], "c is a device");
    check(&[(EntryType::Block, "b", "", b"")], "b is a device");
    check(
        &[(EntryType::Continuous, "c", "", b"")],
        "c has the unexpected type Continuous",
    );
    check(&[file("f", b""), file("./f", b"")], "./f occurs twice");
    check(&[file("f", b""), link("f", "x")], "f occurs twice");
    check(&[file("f", b""), dir("f")], "f occurs twice");
    check(&[dir("d"), dir("d/")], "d/ occurs twice");
    check(&[dir("d"), file("d", b"")], "d occurs twice");
    check(
        &[file("a", &[0; 600]), file("b", &[0; 600])],
        "it has more than 1000 bytes",
    );
    let many: Vec<String> = (0..9).map(|number| number.to_string()).collect();
    let rows: Vec<Row<'_>> = many.iter().map(|name| file(name, b"")).collect();
    check(&rows, "it has more than 8 entries");
}

#[test]
fn an_archive_that_breaks_off_is_no_archive() {
    let whole = archive(&[file("a", &[7; 600]), file("b", b"2")]);
    for end in [100, 512, 700, 1112, 1536, 1600, 2048, 2049, 2560] {
        let refused = refusal(&whole[..end], Strip::Nothing);
        assert!(
            refused.starts_with("the archive cannot be read: "),
            "{end}: {refused}"
        );
    }
    assert_eq!(
        refusal(b"", Strip::Nothing),
        "the archive cannot be read: it ends without its end mark"
    );
    let noise = [7; 4096];
    assert!(refusal(&noise, Strip::Nothing).starts_with("the archive cannot be read: "));
}

#[test]
fn a_size_that_is_claimed_takes_no_memory() {
    // Gigabytes of a long name, and of a file, are promised; nothing of them is kept.
    for kind in [
        EntryType::GNULongName,
        EntryType::XHeader,
        EntryType::Regular,
    ] {
        let mut header = Header::new_gnu();
        header.set_path("x").unwrap();
        header.set_entry_type(kind);
        header.set_size(8 << 30);
        header.set_mode(0o644);
        header.set_cksum();
        let endless = header.as_bytes().chain(io::repeat(b'x'));
        let top = tempfile::tempdir().unwrap();
        let refused = unpack(endless, top.path(), Strip::Nothing, LIMITS).unwrap_err();
        let expected = match kind {
            EntryType::Regular => "the archive is refused: it has more than 1000 bytes",
            _ => "the archive cannot be read: the headers of an entry are too long",
        };
        assert_eq!(refused.to_string(), expected);
    }
}

#[test]
fn a_good_archive_becomes_its_tree() {
    let top = tempfile::tempdir().unwrap();
    let rows = [
        dir("./"),
        file("wheels/implied/x", b"1"),
        dir("wheels/implied"),
        file("wheels/plain-", b"2"),
        link("wheels/later", "implied/y"),
        link("wheels/implied/up", "../plain-"),
    ];
    let mut bytes = archive(&rows);
    bytes.extend([0; 8192]);
    let tree = unpack(&bytes[..], top.path(), Strip::Nothing, LIMITS).unwrap();
    assert_eq!(tree, read_tree(top.path()).unwrap());
    let mode = |path: &str| fs::metadata(top.path().join(path)).unwrap().mode() & 0o7777;
    assert_eq!(mode("wheels/implied/x"), 0o755);
    assert_eq!(mode("wheels/plain-"), 0o644);
    assert_eq!(mode("wheels/implied"), 0o755);
}

#[test]
fn the_first_component_is_dropped_when_asked() {
    let top = tempfile::tempdir().unwrap();
    let bytes = archive(&[dir("wheelhouse/"), file("wheelhouse/a.whl", b"1")]);
    let tree = unpack(&bytes[..], top.path(), Strip::FirstComponent, LIMITS).unwrap();
    assert_eq!(tree.file("a.whl"), Some(Digest::of(b"1")));
    let refused = refusal(&archive(&[file("wheelhouse", b"1")]), Strip::FirstComponent);
    let expected = "the archive is refused: wheelhouse is not the directory that was asked for";
    assert_eq!(refused, expected);
    // Dropping a component cannot make a bad path good.
    let refused = refusal(&archive(&[file("a/../../x", b"1")]), Strip::FirstComponent);
    assert!(refused.contains("leaves its directory"), "{refused}");
}

#[test]
fn only_an_empty_directory_is_unpacked_into() {
    let top = tempfile::tempdir().unwrap();
    fs::write(top.path().join("x"), "").unwrap();
    let check = |into: &Path, expected: io::ErrorKind| {
        let refused = unpack(io::empty(), into, Strip::Nothing, LIMITS);
        let Err(ArchiveError::Io { cause, .. }) = refused else {
            panic!("{} is refused", into.display());
        };
        assert_eq!(cause.kind(), expected);
    };
    check(top.path(), io::ErrorKind::DirectoryNotEmpty);
    check(&top.path().join("x"), io::ErrorKind::NotADirectory);
    check(&top.path().join("none"), io::ErrorKind::NotFound);
}
