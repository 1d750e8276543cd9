//! Trees as data: paths, listings, differences and digests.

use super::*;

fn file(text: &str) -> Entry {
    Entry::File {
        digest: Digest::of(text.as_bytes()),
        executable: false,
    }
}

fn tree(entries: &[(&str, Entry)]) -> Tree {
    entries
        .iter()
        .map(|(path, entry)| (RelPath::new(path).unwrap(), entry.clone()))
        .collect()
}

#[test]
fn a_path_is_normalised_or_refused() {
    let check = |text: &str, expected: Result<&str, BadPath>| {
        assert_eq!(
            RelPath::new(text).map(String::from),
            expected.map(str::to_owned),
            "{text:?}"
        );
    };
    check("a/b", Ok("a/b"));
    check("./a//b/", Ok("a/b"));
    check("", Err(BadPath::Empty));
    check(".", Err(BadPath::Empty));
    check("/a", Err(BadPath::Absolute));
    check("a/../b", Err(BadPath::Escapes));
    check("a\nb", Err(BadPath::Control));
}

#[test]
fn a_tree_survives_its_listing() {
    let link = Entry::Symlink {
        target: "ä b".to_owned(),
    };
    let tree = tree(&[("a b/c", file("1")), ("link", link)]);
    assert_eq!(Tree::from_listing(&tree.to_listing()), Some(tree));
    assert_eq!(Tree::from_listing("nonsense"), None);
}

#[test]
fn a_difference_names_every_path_once() {
    let old = tree(&[("a", file("1")), ("b", file("1")), ("c", file("1"))]);
    let new = tree(&[("a", file("1")), ("b", file("2")), ("d", file("1"))]);
    let difference = new.difference(&old);
    let names = |paths: &[RelPath]| paths.iter().map(RelPath::to_string).collect::<Vec<_>>();
    assert_eq!(names(&difference.added), ["d"]);
    assert_eq!(names(&difference.changed), ["b"]);
    assert_eq!(names(&difference.removed), ["c"]);
}

#[test]
fn the_digest_sees_path_type_bit_and_bytes() {
    let plain = tree(&[("a", file("1"))]).digest();
    let executable = Entry::File {
        digest: Digest::of(b"1"),
        executable: true,
    };
    let link = Entry::Symlink {
        target: "b".to_owned(),
    };
    assert_ne!(plain, tree(&[("b", file("1"))]).digest());
    assert_ne!(plain, tree(&[("a", file("2"))]).digest());
    assert_ne!(plain, tree(&[("a", executable)]).digest());
    assert_ne!(plain, tree(&[("a", link)]).digest());
}
