//! Copies, what befalls them, and what befalls their source.

use super::*;
use crate::source::{Shelf, read_copy, read_tree, scan};

struct Pair {
    _dir: tempfile::TempDir,
    root: std::path::PathBuf,
    dest: std::path::PathBuf,
}

/// A source with a plain file, an executable one and a link, and a place for its copy.
fn pair() -> Pair {
    let dir = tempfile::tempdir().unwrap();
    let (root, dest) = (dir.path().join("src"), dir.path().join("ws/source"));
    fs::create_dir_all(root.join("pkg")).unwrap();
    fs::write(root.join("pkg/mod.py"), "x = 1\n").unwrap();
    fs::write(root.join("run"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(root.join("run"), Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(root.join("pkg/mod.py"), Permissions::from_mode(0o666)).unwrap();
    symlink("pkg/mod.py", root.join("link")).unwrap();
    Pair {
        _dir: dir,
        root,
        dest,
    }
}

impl Pair {
    fn mirror(&self, tree: &Tree) -> Result<MirrorOutcome, SourceError> {
        let on_disk = read_copy(&self.dest, &Shelf::none()).unwrap();
        mirror(&self.root, tree, &self.dest, &on_disk)
    }

    fn scan_and_mirror(&self) -> (usize, usize, usize) {
        let tree = scan(&self.root, &[]).unwrap().tree;
        let outcome = self.mirror(&tree).unwrap();
        assert_eq!(read_tree(&self.dest).unwrap(), tree);
        (outcome.copied, outcome.removed, outcome.kept)
    }

    fn mode(&self, path: &str) -> u32 {
        let metadata = fs::symlink_metadata(self.dest.join(path)).unwrap();
        metadata.mode() & 0o7777
    }
}

#[test]
fn a_copy_has_normal_modes() {
    let pair = pair();
    pair.scan_and_mirror();
    let modes = ["", "pkg", "pkg/mod.py", "run"].map(|path| pair.mode(path));
    assert_eq!(modes, [0o755, 0o755, 0o644, 0o755]);
}

#[test]
fn a_copy_has_the_same_modes_under_any_umask() {
    let name = "source::mirror::tests::a_copy_has_normal_modes";
    let script = r#"umask 077; exec "$0" --exact "$1""#;
    let status = std::process::Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .arg(name)
        .output()
        .unwrap();
    let output = String::from_utf8(status.stdout).unwrap();
    assert!(output.contains("1 passed"), "{output}");
}

#[test]
fn only_what_differs_is_copied() {
    let pair = pair();
    assert_eq!(pair.scan_and_mirror(), (3, 0, 0));
    assert_eq!(pair.scan_and_mirror(), (0, 0, 3));
    fs::write(pair.root.join("pkg/mod.py"), "x = 2\n").unwrap();
    fs::remove_file(pair.root.join("run")).unwrap();
    assert_eq!(pair.scan_and_mirror(), (1, 1, 1));
}

#[test]
fn whatever_happened_to_the_copy_is_undone() {
    let pair = pair();
    pair.scan_and_mirror();
    let outside = pair.root.parent().unwrap().join("outside");
    let check = |damage: &dyn Fn(&Path), expected| {
        damage(&pair.dest);
        assert_eq!(pair.scan_and_mirror(), expected);
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    };
    fs::create_dir(&outside).unwrap();
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    check(
        &|dest| fs::write(dest.join("run"), "changed").unwrap(),
        (1, 0, 2),
    );
    check(
        &|dest| fs::remove_file(dest.join("link")).unwrap(),
        (1, 0, 2),
    );
    check(
        &|dest| fs::write(dest.join(".builder-half"), "").unwrap(),
        (0, 1, 3),
    );
    check(
        &|dest| fs::create_dir_all(dest.join("empty/dirs")).unwrap(),
        (0, 1, 3),
    );
    check(&|dest| mode(&dest.join("pkg/mod.py"), 0o600), (0, 0, 3));
    check(&|dest| mode(&dest.join("pkg"), 0o700), (0, 0, 3));
    assert_eq!((pair.mode("pkg/mod.py"), pair.mode("pkg")), (0o644, 0o755));
    let replace_by_link = |path: &Path| {
        fs::remove_dir_all(path).unwrap();
        symlink(&outside, path).unwrap();
    };
    check(&|dest| replace_by_link(&dest.join("pkg")), (1, 1, 2));
    check(&|dest| replace_by_link(dest), (3, 1, 0));
    let replace_by_dir = |path: &Path| {
        fs::remove_file(path).unwrap();
        fs::create_dir_all(path.join("in/it")).unwrap();
    };
    let lock = |dest: &Path| {
        fs::create_dir_all(dest.join("locked/in")).unwrap();
        fs::write(dest.join("locked/in/file"), "").unwrap();
        mode(&dest.join("locked/in"), 0o500);
        mode(&dest.join("locked"), 0o500);
    };
    check(&lock, (0, 1, 3));
    check(&|dest| replace_by_dir(&dest.join("link")), (1, 1, 2));
    check(&|dest| fs::remove_dir_all(dest).unwrap(), (3, 0, 0));
}

#[test]
fn types_may_change_between_scans() {
    let pair = pair();
    pair.scan_and_mirror();
    fs::remove_dir_all(pair.root.join("pkg")).unwrap();
    fs::write(pair.root.join("pkg"), "a file now").unwrap();
    fs::remove_file(pair.root.join("run")).unwrap();
    fs::create_dir(pair.root.join("run")).unwrap();
    symlink("../pkg", pair.root.join("run/deep")).unwrap();
    assert_eq!(pair.scan_and_mirror(), (2, 2, 1));
}

#[test]
fn what_changes_after_the_scan_fails_the_copy() {
    let check = |change: &dyn Fn(&Path), expected: &str| {
        let pair = pair();
        let tree = scan(&pair.root, &[]).unwrap().tree;
        change(&pair.root);
        let error = pair.mirror(&tree).unwrap_err().to_string();
        assert_eq!(error, format!("{expected} changed while it was copied"));
        let left = read_tree(&pair.dest).unwrap();
        assert!(
            left.difference(&tree).added.is_empty(),
            "nothing half-written is left"
        );
        assert!(left.difference(&tree).changed.is_empty());
    };
    check(
        &|root| fs::write(root.join("pkg/mod.py"), "x = 3\n").unwrap(),
        "pkg/mod.py",
    );
    check(&|root| fs::remove_file(root.join("run")).unwrap(), "run");
    check(
        &|root| fs::remove_dir_all(root.join("pkg")).unwrap(),
        "pkg/mod.py",
    );
    let plain = Permissions::from_mode(0o644);
    check(
        &|root| fs::set_permissions(root.join("run"), plain.clone()).unwrap(),
        "run",
    );
    let relink = |root: &Path, name: &str| {
        fs::remove_file(root.join(name)).unwrap();
        symlink("pkg", root.join(name)).unwrap();
    };
    check(&|root| relink(root, "link"), "link");
    check(&|root| relink(root, "run"), "run");
}
