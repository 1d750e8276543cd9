//! Generated `.gitignore` files: the scan keeps what git itself keeps.

use std::fs;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;

use crate::source::scan;
use crate::tree::RelPath;

/// Runs git in a repository without this user's configuration.
fn git(repository: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "core.excludesFile=/dev/null"])
        .args(args)
        .current_dir(repository)
        .output()
        .expect("this test compares with git, which has to be installed");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn patterns() -> impl Strategy<Value = String> {
    let component = "([ab]|\\*|\\*\\*|a\\*|\\?|\\[ab\\]|\\[!a\\]|\\\\a|a )";
    let last = "([abc]|\\*|\\*\\*|\\*\\.c|a\\*b|\\?|\\[a-b\\]|b\\\\ )";
    let line = format!("!?/?({component}/){{0,2}}{last}/? ?");
    let line = proptest::string::string_regex(&line).unwrap();
    prop::collection::vec(line, 0..6).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(32)
    })]

    #[test]
    fn generated_rules_leave_out_what_git_leaves_out(
        top in patterns(),
        deep in patterns(),
        files in prop::collection::btree_set("([ab]/|ab/|aab/){0,3}[abc]( |\\.c|b)?", 1..25),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for file in &files {
            let at = root.join(file);
            if fs::create_dir_all(at.parent().unwrap()).is_ok() && !at.is_dir() {
                fs::write(at, "").unwrap();
            }
        }
        fs::write(root.join(".gitignore"), &top).unwrap();
        if root.join("a").is_dir() {
            fs::write(root.join("a/.gitignore"), &deep).unwrap();
        }
        git(root, &["init", "--quiet"]);
        let kept = git(root, &["ls-files", "-z", "--others", "--exclude-standard"]);
        let mut kept: Vec<&str> = kept.split_terminator('\0').collect();
        kept.sort_unstable();
        let tree = scan(root, &[]).unwrap().tree;
        let found: Vec<&str> = tree.entries().keys().map(RelPath::as_str).collect();
        prop_assert_eq!(found, kept);
    }
}
