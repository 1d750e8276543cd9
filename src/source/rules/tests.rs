//! Rows of directories and what of them belongs to the source.

use std::fs;

use super::*;
use crate::source::{SourceError, scan};

/// Makes files (a path that ends in `/` is a directory) under a directory, with their text.
fn make(top: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let at = top.join(path);
        if path.ends_with('/') {
            fs::create_dir_all(&at).unwrap();
        } else {
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            fs::write(&at, text).unwrap();
        }
    }
}

/// Checks that of `files` below `source` exactly those in `expected` are found, ignore files
/// aside, and that [`why_ignored`] tells the same of each.
fn check_below(source: &str, files: &[(&str, &str)], expected: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), files);
    let root = dir.path().join(source);
    let tree = scan(&root, &[]).unwrap().tree;
    let found: Vec<&str> = tree
        .entries()
        .keys()
        .map(RelPath::as_str)
        .filter(|path| !path.ends_with("ignore"))
        .collect();
    assert_eq!(found, expected, "{files:?}");
    for (path, _) in files {
        let Some(path) = Path::new(path).strip_prefix(source).ok() else {
            continue;
        };
        let path = RelPath::new(path.to_str().unwrap()).unwrap();
        if root.join(&path).is_file() {
            let ignored = why_ignored(&root, &path);
            assert_eq!(
                ignored.is_none(),
                tree.entries().contains_key(&path),
                "{ignored:?}"
            );
        }
    }
}

fn check(files: &[(&str, &str)], expected: &[&str]) {
    check_below("", files, expected);
}

#[test]
fn built_in_rules_leave_out_what_no_build_wants() {
    check(
        &[
            (".git/config", ""),
            (".hg/x", ""),
            (".svn/x", ""),
            (".tox/x", ""),
            (".nox/x", ""),
            (".venv/x", ""),
            (".mypy_cache/x", ""),
            (".pytest_cache/x", ""),
            (".ruff_cache/x", ""),
            ("pylock.toml", ""),
            ("pylock.deb.toml", ""),
            ("a/__pycache__/x.pyc", ""),
            ("a/b.pyc", ""),
            ("a/b.egg-info/PKG-INFO", ""),
            ("b.egg-info/PKG-INFO", ""),
            ("build/lib/a.py", ""),
            ("deep/env/pyvenv.cfg", ""),
            ("deep/env/bin/python", ""),
            ("vendor/sub/.git", "gitdir: elsewhere"),
            // What only looks like it stays.
            (".github/workflows/ci.yml", ""),
            (".hidden", ""),
            ("dist/x", ""),
            ("nested/pylock.toml", ""),
            ("src/build/__init__.py", ""),
            ("vendor/sub/x.py", ""),
        ],
        &[
            ".github/workflows/ci.yml",
            ".hidden",
            "dist/x",
            "nested/pylock.toml",
            "src/build/__init__.py",
            "vendor/sub/x.py",
        ],
    );
    check(
        &[("build", "a script"), ("x.egg-info", "a file")],
        &["build", "x.egg-info"],
    );
}

#[test]
fn gitignore_means_what_it_means_to_git() {
    check(
        &[
            (".gitignore", "*.o\n!keep.o\n"),
            ("a.o", ""),
            ("d/b.o", ""),
            ("d/keep.o", ""),
        ],
        &["d/keep.o"],
    );
    check(
        &[(".gitignore", "/top\n"), ("top", ""), ("d/top", "")],
        &["d/top"],
    );
    check(
        &[(".gitignore", "a/b\n"), ("a/b", ""), ("d/a/b", "")],
        &["d/a/b"],
    );
    check(
        &[
            (".gitignore", "a/**/z\n"),
            ("a/z", ""),
            ("a/1/2/z", ""),
            ("z", ""),
        ],
        &["z"],
    );
    check(
        &[(".gitignore", "dir/\n"), ("dir/x", ""), ("d/dir", "")],
        &["d/dir"],
    );
    check(
        &[(".gitignore", "# c\n\n\\#x  \r\n"), ("#x", ""), ("# c", "")],
        &["# c"],
    );
    check(
        &[(".gitignore", "\u{feff}x\n"), ("x", ""), ("y", "")],
        &["y"],
    );
    // The deeper file wins; a directory that is out takes everything in it along.
    check(
        &[
            (".gitignore", "*.c\n"),
            ("d/.gitignore", "!a.c\n"),
            ("d/a.c", ""),
            ("a.c", ""),
        ],
        &["d/a.c"],
    );
    check(
        &[
            (".gitignore", "d/\n!d/a\n"),
            ("d/.gitignore", "!a\n"),
            ("d/a", ""),
        ],
        &[],
    );
    check(
        &[(".gitignore", "d/*\n!d/a\n"), ("d/a", ""), ("d/b", "")],
        &["d/a"],
    );
    // A repository inside of another one has rules of its own.
    check(
        &[
            (".gitignore", "*.c\n"),
            ("sub/.git/HEAD", ""),
            ("sub/a.c", ""),
            ("a.c", ""),
        ],
        &["sub/a.c"],
    );
    // A pattern that is none matches nothing.
    check(
        &[(".gitignore", "a{b\nx\n"), ("a{b", ""), ("x", "")],
        &["a{b"],
    );
}

#[test]
fn builderignore_outranks_gitignore_and_the_built_in_rules() {
    check(
        &[(".builderignore", "docs/\n"), ("docs/x", ""), ("x", "")],
        &["x"],
    );
    check(
        &[
            (".gitignore", "gen.py\n"),
            (".builderignore", "!gen.py\n"),
            ("gen.py", ""),
        ],
        &["gen.py"],
    );
    check(
        &[(".gitignore", "!x\n"), (".builderignore", "x\n"), ("x", "")],
        &[],
    );
    check(
        &[
            (".builderignore", "!gen.py\n"),
            ("d/.gitignore", "gen.py\n"),
            ("d/gen.py", ""),
        ],
        &["d/gen.py"],
    );
    check(
        &[
            (".builderignore", "x\n"),
            ("d/.builderignore", "!x\n"),
            ("d/x", ""),
            ("x", ""),
        ],
        &["d/x"],
    );
    check(
        &[
            (".builderignore", "!build/\n"),
            ("build/x", ""),
            ("build/y.pyc", ""),
        ],
        &["build/x"],
    );
    check(
        &[(".builderignore", "!*.egg-info\n"), ("a.egg-info/x", "")],
        &["a.egg-info/x"],
    );
    check(
        &[(".builderignore", "!env/\n"), ("env/pyvenv.cfg", "")],
        &["env/pyvenv.cfg"],
    );
    check(
        &[
            (".builderignore", "!.git\n!.git/**\n"),
            (".git/config", ""),
            ("x", ""),
        ],
        &["x"],
    );
    // Only a .builderignore takes a built-in rule back.
    check(
        &[
            (".gitignore", "*\n!*/\n!*.py\n"),
            ("build/x.py", ""),
            ("a/x.py", ""),
            ("a/x.c", ""),
        ],
        &["a/x.py"],
    );
}

#[test]
fn rules_above_the_source_count_up_to_its_repository() {
    let check =
        |files: &[(&str, &str)], expected: &[&str]| check_below("repo/a/src", files, expected);
    let (x, y) = (("repo/a/src/x.c", ""), ("repo/a/src/y.py", ""));
    let git = ("repo/.git/HEAD", "");
    check(&[git, x, y, ("repo/.gitignore", "*.c\n")], &["y.py"]);
    check(&[git, x, y, ("repo/.gitignore", "/a/src/*.c\n")], &["y.py"]);
    check(
        &[
            git,
            x,
            y,
            ("repo/.gitignore", "*.c\n"),
            ("repo/a/.gitignore", "!x.c\n"),
        ],
        &["x.c", "y.py"],
    );
    check(&[git, x, y, (".gitignore", "*\n")], &["x.c", "y.py"]);
    // No repository: what lies above is none of the source's business.
    check(&[x, y, ("repo/.gitignore", "*.c\n")], &["x.c", "y.py"]);
    check(
        &[
            x,
            y,
            ("repo/a/src/.git/HEAD", ""),
            ("repo/.gitignore", "*.c\n"),
        ],
        &["x.c", "y.py"],
    );
    // A repository that ignores the source is not the source's.
    check(&[git, x, y, ("repo/.gitignore", "*\n")], &["x.c", "y.py"]);
    check(
        &[git, x, y, ("repo/.gitignore", "*.c\n/a/\n")],
        &["x.c", "y.py"],
    );
    // The source is where .builderignore begins.
    check(
        &[git, x, y, ("repo/.builderignore", "*.c\n")],
        &["x.c", "y.py"],
    );
}

#[test]
fn a_rule_is_named_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let files = [
        ("repo/.git/HEAD", ""),
        ("repo/.gitignore", "*.above\n"),
        ("repo/src/.gitignore", "x\n# scripts\n*.sh  \n/gen/\nx\n"),
        ("repo/src/deep/.builderignore", "*.py\n"),
        ("repo/src/env/pyvenv.cfg", ""),
        ("repo/src/tools/run", ""),
    ];
    make(dir.path(), &files);
    let root = dir.path().join("repo/src");
    std::os::unix::fs::symlink("gen", root.join("link")).unwrap();
    std::os::unix::fs::symlink("tools", root.join("shown")).unwrap();
    make(&root, &[("gen/a", "")]);
    let top = dir.path().canonicalize().unwrap();
    let check = |path: &str, expected: &str| {
        let ignored = why_ignored(&root, &RelPath::new(path).unwrap());
        let text = ignored.map(|ignored| ignored.to_string().replace(top.to_str().unwrap(), "TOP"));
        assert_eq!(text.unwrap_or_default(), expected, "{path}");
    };
    check("a.sh", "a.sh is left out by `*.sh` on line 3 of .gitignore");
    check("x", "x is left out by `x` on line 5 of .gitignore");
    check(
        "gen/deep/a",
        "gen is left out by `/gen/` on line 4 of .gitignore",
    );
    check(
        "link/a",
        "gen is left out by `/gen/` on line 4 of .gitignore",
    );
    check(
        "deep/a.py",
        "deep/a.py is left out by `*.py` on line 1 of deep/.builderignore",
    );
    check(
        "a.above",
        "a.above is left out by `*.above` on line 1 of TOP/repo/.gitignore",
    );
    check(
        "build/run.sh",
        "build is left out by the built-in rule `/build/`",
    );
    check(
        "env/bin/x",
        "env is left out by the built-in rule for virtualenvs",
    );
    check(
        ".git/hooks/x",
        ".git is left out by the built-in rule `.git`",
    );
    check("shown/run", "");
    check("tools/run", "");
    check("missing", "");
}

#[test]
fn a_bad_line_of_a_builderignore_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    make(
        dir.path(),
        &[("d/.builderignore", "ok\n{a\n"), (".gitignore", "{a\n")],
    );
    let Err(SourceError::Problems { problems, .. }) = scan(dir.path(), &[]) else {
        panic!("the line is not a pattern");
    };
    let [Problem::Pattern { file, line, .. }] = &problems[..] else {
        panic!("one line is wrong: {problems:?}");
    };
    assert_eq!((file.as_str(), *line), ("d/.builderignore", 2));
}
