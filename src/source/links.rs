//! Where symbolic links lead: followed component by component, as the kernel will in the copy.

use std::collections::VecDeque;
use std::path::Path;

use crate::source::error::Problem;
use crate::tree::{Entry, RelPath, Tree};

/// The kernel follows no more links than this in one path.
const MOST_LINKS: usize = 40;

/// Whether following `link` leaves the tree.
///
/// Looking at the text of the target is not enough: where `sub/up` is a link to `..`, the target
/// `sub/up/../x` stays inside by its text and leaves in truth. So every link of the tree on the way
/// is followed. A component that is not in the tree counts as a directory, for it may come to be
/// one; a ring of links leads nowhere, and stays.
pub(crate) fn leaves(tree: &Tree, link: &RelPath, target: &str) -> bool {
    if target.starts_with('/') {
        return true;
    }
    let mut at: Vec<String> = link.as_str().split('/').map(str::to_owned).collect();
    at.pop();
    let mut ahead: VecDeque<String> = target.split('/').map(str::to_owned).collect();
    let mut followed = 0;
    while let Some(component) = ahead.pop_front() {
        match component.as_str() {
            "" | "." => {}
            ".." => {
                if at.pop().is_none() {
                    return true;
                }
            }
            _ => {
                at.push(component);
                let Some(Entry::Symlink { target }) = tree.entries().get(at.join("/").as_str())
                else {
                    continue;
                };
                followed += 1;
                if target.starts_with('/') {
                    return true;
                }
                if followed > MOST_LINKS {
                    return false;
                }
                at.pop();
                for component in target.split('/').rev() {
                    ahead.push_front(component.to_owned());
                }
            }
        }
    }
    false
}

/// Lists the links of a source that its copy cannot have.
///
/// A link is followed twice: in the tree, which the copy will be, and on the disk, where a link
/// that the rules hide may stand in its way. A link to nothing, or to something that the rules
/// hide, is kept as git keeps it: its text is what counts, and a build may make its target.
pub(crate) fn problems(root: &Path, tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (link, entry) in tree.entries() {
        let Entry::Symlink { target } = entry else {
            continue;
        };
        let (path, target) = (link.to_string(), target.clone());
        let leaves_on_disk = || {
            let end = root.join(link).canonicalize();
            end.is_ok_and(|end| !end.starts_with(root))
        };
        if target.starts_with('/') {
            problems.push(Problem::LinkAbsolute { path, target });
        } else if leaves(tree, link, &target) || leaves_on_disk() {
            problems.push(Problem::LinkLeaves { path, target });
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_followed_through_every_other_link() {
        let tree: Tree = [
            ("root", "."),
            ("sub/up", ".."),
            ("ring", "ring"),
            ("deep/er/far", "../../sub"),
            ("absolute", "/etc"),
        ]
        .into_iter()
        .map(|(path, target)| {
            let target = target.to_owned();
            (RelPath::new(path).unwrap(), Entry::Symlink { target })
        })
        .collect();
        let check = |link: &str, target: &str, expected: bool| {
            let link = RelPath::new(link).unwrap();
            assert_eq!(leaves(&tree, &link, target), expected, "{link} -> {target}");
        };
        check("l", "x", false);
        check("l", ".", false);
        check("l", "..", true);
        check("l", "/x", true);
        check("a/l", "..", false);
        check("a/l", "../b//./c", false);
        check("a/l", "../../b", true);
        check("a/l", "b/../../../c", true);
        // By its text this is `sub/x`; the kernel sees the directory above the tree.
        check("l", "sub/up/../x", true);
        check("l", "sub/up/x", false);
        check("l", "root/../x", true);
        check("l", "deep/er/far/up/x", false);
        check("l", "deep/er/far/up/../x", true);
        check("l", "ring/x", false);
        check("l", "absolute/passwd", true);
    }
}
