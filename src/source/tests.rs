//! Whole scans, what they refuse, and the round trip over generated trees.

use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use proptest::prelude::*;

use super::*;

#[test]
fn a_scan_counts_what_it_sees() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    for sub in ["pkg/__pycache__", "ws/source", "empty"] {
        fs::create_dir_all(root.join(sub)).unwrap();
    }
    fs::write(root.join("pkg/a.py"), "12345").unwrap();
    fs::write(root.join("ws/source/a.py"), "").unwrap();
    symlink("pkg/a.py", root.join("link")).unwrap();
    let found = scan(&root, &[root.join("ws")]).unwrap();
    let stats = ScanStats {
        files: 1,
        links: 1,
        bytes: 5,
        left_out: 2,
    };
    assert_eq!(found.stats, stats);
    let paths: Vec<&str> = found.tree.entries().keys().map(RelPath::as_str).collect();
    assert_eq!(paths, ["link", "pkg/a.py"]);
}

#[test]
fn every_problem_of_a_source_is_reported_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("src");
    fs::create_dir_all(root.join("sub")).unwrap();
    fs::write(dir.path().join("outside"), "").unwrap();
    fs::write(root.join("file"), "").unwrap();
    fs::write(root.join(".builderignore"), "hidden\n").unwrap();
    let link = |target: &str, name: &str| symlink(target, root.join(name)).unwrap();
    link("../outside", "b-out");
    link("/etc/hostname", "c-absolute");
    link("..", "hidden");
    link("hidden/outside", "d-through-hidden");
    link("a\nb", "e-target");
    // These stay: links to nothing, to each other, to a directory, up and down again.
    link("nothing", "dangling");
    link("ring", "ring");
    link("sub", "to-dir");
    link("../file", "sub/up");
    let _socket = UnixListener::bind(root.join("f-socket")).unwrap();
    let name = std::ffi::OsStr::from_bytes(b"g-\xff");
    fs::write(root.join(name), "").unwrap();
    fs::write(root.join("h-\u{1b}[31m"), "").unwrap();
    let mut mkfifo = std::process::Command::new("mkfifo");
    assert!(mkfifo.arg(root.join("i-fifo")).status().unwrap().success());

    let Err(SourceError::Problems { problems, .. }) = scan(&root, &[]) else {
        panic!("the source has problems");
    };
    let texts: Vec<String> = problems.iter().map(Problem::to_string).collect();
    assert_eq!(
        texts,
        [
            "the link b-out leads out of the source: ../outside",
            "the link c-absolute has an absolute target: /etc/hostname",
            "the link d-through-hidden leads out of the source: hidden/outside",
            "the target of the link e-target has a control character: a\\nb",
            "f-socket is a socket",
            "the name g-\u{fffd} is not UTF-8",
            "the name h-\\u{1b}[31m has a control character",
            "i-fifo is a FIFO",
        ]
    );
}

#[test]
fn an_absolute_link_is_refused_even_when_it_stays() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    symlink(dir.path().join("file"), dir.path().join("link")).unwrap();
    let error = scan(dir.path(), &[]).unwrap_err();
    let SourceError::Problems { problems, .. } = &error else {
        panic!("the link is absolute");
    };
    assert!(matches!(problems[..], [Problem::LinkAbsolute { .. }]));
    assert!(error.to_string().starts_with("one thing in "));
}

#[test]
fn an_unreadable_file_is_a_problem() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o0)).unwrap();
    // The super-user may read everything.
    let expected = usize::from(fs::File::open(&path).is_err());
    let problems = match scan(dir.path(), &[]) {
        Err(SourceError::Problems { problems, .. }) => problems.len(),
        _ => 0,
    };
    assert_eq!(problems, expected);
}

/// What a generated tree has at a path.
#[derive(Clone, Debug)]
enum Node {
    File(Vec<u8>, bool),
    Link(String),
    Dir,
}

fn nodes() -> impl Strategy<Value = Vec<(String, Node)>> {
    let node = prop_oneof![
        4 => (prop::collection::vec(any::<u8>(), 0..40), any::<bool>())
            .prop_map(|(bytes, bit)| Node::File(bytes, bit)),
        1 => "(\\./|[a-c]/){0,2}[a-dä]".prop_map(Node::Link),
        1 => Just(Node::Dir),
    ];
    prop::collection::vec(("([a-c]/){0,3}[a-d ä]{1,2}", node), 0..25)
}

/// Writes what fits: a path that is taken, or lies below a file or a link, is skipped.
fn write(root: &Path, nodes: &[(String, Node)]) {
    for (path, node) in nodes {
        let at = root.join(path);
        let mut above = at.ancestors().skip(1).take_while(|dir| *dir != root);
        let blocked = above.any(|dir| fs::symlink_metadata(dir).is_ok_and(|found| !found.is_dir()));
        if blocked || fs::symlink_metadata(&at).is_ok() {
            continue;
        }
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        match node {
            Node::File(bytes, executable) => {
                fs::write(&at, bytes).unwrap();
                let mode = if *executable { 0o700 } else { 0o600 };
                fs::set_permissions(&at, Permissions::from_mode(mode)).unwrap();
            }
            Node::Link(target) => symlink(target, &at).unwrap(),
            Node::Dir => fs::create_dir(&at).unwrap(),
        }
    }
}

fn clear(dir: &Path) {
    fs::remove_dir_all(dir).unwrap();
    fs::create_dir(dir).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(64)
    })]

    #[test]
    fn a_mirror_equals_its_scan_after_any_edits(
        first in nodes(),
        second in nodes(),
        damage in nodes(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (root, dest) = (dir.path().join("src"), dir.path().join("ws/source"));
        fs::create_dir_all(&root).unwrap();
        let copy = || {
            let tree = match scan(&root, &[]) {
                Ok(found) => found.tree,
                // A generated chain of links may lead out; that is another test's matter.
                Err(SourceError::Problems { .. }) => return None,
                Err(error) => panic!("{error}"),
            };
            let on_disk = read_copy(&dest, &Shelf::none()).unwrap();
            mirror(&root, &tree, &dest, &on_disk).unwrap();
            Some((tree, read_tree(&dest).unwrap()))
        };
        write(&root, &first);
        if let Some((expected, found)) = copy() {
            prop_assert_eq!(expected, found);
        }
        clear(&root);
        write(&root, &second);
        if dest.exists() {
            write(&dest, &damage);
        }
        if let Some((expected, found)) = copy() {
            prop_assert_eq!(&expected, &found);
            let (_, again) = copy().unwrap();
            prop_assert_eq!(expected, again);
        }
    }
}
