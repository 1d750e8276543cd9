//! What git and the tools' rules make of real repositories.
#![expect(
    clippy::disallowed_methods,
    reason = "the tests make repositories and ask git about them"
)]

mod detecting;
mod handing_over;

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::*;

const SETUPTOOLS: &str =
    "[project]\nname = 'My.Project'\ndynamic = ['version']\n[tool.setuptools_scm]\n";
const HATCH: &str = "[project]\nname = 'p'\n[tool.hatch.version]\nsource = 'vcs'\n";
const PDM: &str = "[project]\nname = 'p'\n[tool.pdm.version]\nsource = 'scm'\n";
const POETRY: &str = "[tool.poetry]\nname = 'p'\n[tool.poetry-dynamic-versioning]\nenable = true\n";
const VERSIONINGIT: &str = "[build-system]\nrequires = ['versioningit>=3']\n[tool.versioningit]\n";

struct Repository(TempDir);

impl Repository {
    /// Makes a repository with one commit.
    fn new() -> Self {
        let repository = Self(TempDir::new().unwrap());
        repository.git(&["init", "-q"]);
        repository.write("module.py", "");
        repository.git(&["add", "."]);
        repository.commits(1);
        repository
    }

    /// Makes one with a tag and commits after it.
    fn tagged(tag: &str, distance: u64) -> Self {
        let repository = Self::new();
        repository.git(&["tag", tag]);
        repository.commits(distance);
        repository
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn commits(&self, count: u64) {
        for _ in 0..count {
            self.git(&["commit", "-q", "--allow-empty", "-m", "a commit"]);
        }
    }

    fn dirty(self) -> Self {
        self.write("module.py", "changed = True\n");
        self
    }

    fn git(&self, arguments: &[&str]) {
        let mut command = Command::new("git");
        for who in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{who}_NAME"), "test")
                .env(format!("GIT_{who}_EMAIL"), "test@example.com")
                .env(format!("GIT_{who}_DATE"), "2024-05-06T07:08:09+00:00");
        }
        let status = command
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .arg("-C")
            .arg(self.path())
            .args(arguments)
            .status();
        assert!(status.unwrap().success(), "git {arguments:?}");
    }

    fn version(&self, pyproject: &str) -> ScmVersion {
        version(self.path(), &project(pyproject)).unwrap().unwrap()
    }

    /// Computes the version, with the commit's digits replaced, as they are those of the day.
    fn text(&self, pyproject: &str) -> String {
        let found = self.version(pyproject);
        let text = found
            .version
            .unwrap_or_else(|| "left to the tool".to_owned());
        let commit = found.commit.unwrap_or_default();
        // Seven digits without a letter are written as the number that they are.
        let short = commit[..7]
            .parse::<u64>()
            .map_or(commit[..7].to_owned(), |n| n.to_string());
        text.replace(&commit[..9], "<9>").replace(&short, "<7>")
    }
}

fn project(pyproject: &str) -> ScmProject {
    detect(Some(pyproject), None, None).unwrap()
}

#[test]
fn setuptools_scm_guesses_the_next_version() {
    let check = |tag: &str, distance, expected: &str| {
        assert_eq!(
            Repository::tagged(tag, distance).text(SETUPTOOLS),
            expected,
            "{tag} {distance}"
        );
    };
    check("v1.2.3", 0, "1.2.3");
    check("v1.2.3", 2, "1.2.4.dev2+g<9>");
    check("1.0rc1", 1, "1.0rc2.dev1+g<9>");
    check("1.0.post1", 1, "1.0.post2.dev1+g<9>");
    check("2.0.dev0", 1, "2.0.dev1+g<9>");
    check("v1!2.0", 1, "1!2.1.dev1+g<9>");
    check("release-candidate-1.2-rc.4", 0, "1.2rc4");
    check("1.0+local.1", 0, "1.0+local.1");
    check("1.0+local.1", 1, "1.1.dev1+local.1.g<9>");
    check("unrelated", 1, "0.1.dev2+g<9>");
}

#[test]
fn an_uncommitted_change_is_marked_and_not_dated() {
    assert_eq!(
        Repository::tagged("1.0", 0).dirty().text(SETUPTOOLS),
        "1.1.dev0+g<9>.dirty"
    );
    assert_eq!(
        Repository::tagged("1.0", 3).dirty().text(SETUPTOOLS),
        "1.1.dev3+g<9>.dirty"
    );
    assert_eq!(Repository::tagged("1.0", 0).dirty().text(PDM), "1.0+dirty");
}

#[test]
fn only_tracked_files_of_the_source_make_it_dirty() {
    let repository = Repository::new();
    repository.write("one/module.py", "");
    repository.write("two/module.py", "");
    repository.git(&["add", "."]);
    repository.commits(1);
    repository.git(&["tag", "v1.0"]);
    repository.write("untracked.txt", "");
    repository.write("two/module.py", "changed = True\n");
    let root = format!("{SETUPTOOLS}root = '..'\n");
    let of = |folder: &str| {
        version(&repository.path().join(folder), &project(&root))
            .unwrap()
            .unwrap()
    };
    assert_eq!(of("one").version.as_deref(), Some("1.0"));
    assert!(of("two").dirty);
}

#[test]
fn settings_change_the_version() {
    let check = |settings: &str, tag: &str, expected: &str| {
        let pyproject = format!("{SETUPTOOLS}{settings}\n");
        assert_eq!(
            Repository::tagged(tag, 2).dirty().text(&pyproject),
            expected,
            "{settings}"
        );
    };
    check("local_scheme = 'no-local-version'", "1.0", "1.1.dev2");
    check("local_scheme = 'dirty-tag'", "1.0", "1.1.dev2+dirty");
    check(
        "version_scheme = 'no-guess-dev'",
        "1.0",
        "1.0.post1.dev2+g<9>.dirty",
    );
    check(
        "version_scheme = 'post-release'",
        "1.0",
        "1.0.post2+g<9>.dirty",
    );
    check("version_scheme = 'only-version'", "1.0", "1.0+g<9>.dirty");
    check(
        "fallback_version = '5.0'",
        "unrelated",
        "5.1.dev3+g<9>.dirty",
    );
    check("tag.prefix = 'a/v'", "a/v1.0", "1.1.dev2+g<9>.dirty");
    check("tag.prefix = 'a/v'", "b/v1.0", "0.1.dev3+g<9>.dirty");
    check("tag.strict = true", "20240101", "0.1.dev3+g<9>.dirty");
    check(
        "git_describe_command = 'git describe --tags --long --match a-*'",
        "a-1.0",
        "1.1.dev2+g<9>.dirty",
    );
    check(
        "scm.git.describe_command = ['git', 'describe', '--tags', '--match=b*']",
        "a-1.0",
        "0.1.dev3+g<9>.dirty",
    );
    check(
        "git_describe_command = 'sh -c anything'",
        "1.0",
        "left to the tool",
    );
    check("tag_regex = '^(.*)$'", "1.0", "left to the tool");
    check(
        "version_scheme = 'calver-by-date'",
        "1.0",
        "left to the tool",
    );
}

#[test]
fn the_other_tools_have_their_own_schemes() {
    let check = |pyproject: &str, tag: &str, distance, expected: &str| {
        assert_eq!(
            Repository::tagged(tag, distance).text(pyproject),
            expected,
            "{tag} {distance}"
        );
    };
    check(HATCH, "v1.2.3", 2, "1.2.4.dev2+g<9>");
    check(PDM, "v1.2.3", 2, "1.2.4.dev2+g<7>");
    check(PDM, "7", 0, "0.1.dev1+g<7>");
    check(POETRY, "v1.2.3", 0, "1.2.3");
    check(POETRY, "v1.0.0-alpha.2", 2, "1.0.0a2.post2.dev0+<7>");
    check(POETRY, "v1.2.post1", 2, "1.2.post1.dev2+<7>");
    check(POETRY, "v1.2.dev3", 2, "1.2.dev5+<7>");
    check(POETRY, "1.2.3", 2, "0.0.0.post3.dev0+<7>");
    check(
        &format!("{POETRY}metadata = false\n"),
        "v1.2.3",
        2,
        "1.2.3.post2.dev0",
    );
    check(VERSIONINGIT, "v1.2.3", 2, "1.2.3.post2+g<7>");
}

#[test]
fn what_belongs_to_no_repository_has_no_version_from_git() {
    let folder = TempDir::new().unwrap();
    assert_eq!(version(folder.path(), &project(SETUPTOOLS)).unwrap(), None);

    let repository = Repository::tagged("v1.0", 0);
    repository.write("unpacked/pyproject.toml", SETUPTOOLS);
    let unpacked = repository.path().join("unpacked");
    assert_eq!(
        version(&unpacked, &project(SETUPTOOLS)).unwrap(),
        None,
        "nothing of it is tracked"
    );

    repository.write("unpacked/PKG-INFO", "Version: 3.0\n");
    repository.git(&["add", "."]);
    assert_eq!(
        version(&unpacked, &project(SETUPTOOLS)).unwrap(),
        None,
        "it is an sdist"
    );
}

#[test]
fn a_repository_without_commits_has_a_version() {
    let folder = Repository(TempDir::new().unwrap());
    folder.git(&["init", "-q"]);
    let found = folder.version(SETUPTOOLS);
    assert_eq!(found.version.as_deref(), Some("0.1.dev0+dirty"));
    assert!(
        found.files(&project(SETUPTOOLS))[".git_archival.txt"]
            .contains("describe-name: 0.0-0-g000")
    );
}

#[test]
fn a_shallow_clone_is_warned_about_unless_its_commit_is_tagged() {
    let origin = Repository::tagged("v1.0", 3);
    let clone = Repository(TempDir::new().unwrap());
    let url = format!("file://{}", origin.path().display());
    clone.git(&["clone", "-q", "--depth", "1", &url, "."]);
    assert!(matches!(
        clone.version(SETUPTOOLS).warnings[..],
        [ScmWarning::Shallow { .. }]
    ));
    clone.git(&["tag", "v2.0"]);
    assert_eq!(clone.version(SETUPTOOLS).warnings, []);
}

#[test]
fn what_cannot_be_a_version_is_named() {
    let error = |pyproject: &str, tag: &str, distance| {
        let repository = Repository::tagged(tag, distance);
        version(repository.path(), &project(pyproject))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        error(SETUPTOOLS, "abc1", 0),
        "the tag `abc1` is not a version that setuptools-scm understands"
    );
    assert_eq!(
        error(SETUPTOOLS, "1.0.dev3", 1),
        "setuptools-scm knows no version that follows the tag `1.0.dev3`"
    );
    assert_eq!(
        error(&format!("{PDM}tag_regex = '(.*)'\n"), "1.0", 0),
        "`tag_regex` makes a version that only pdm-backend itself can compute"
    );
    let untagged = version(Repository::new().path(), &project(VERSIONINGIT));
    assert!(matches!(
        untagged,
        Err(ScmError::NoTag {
            backend: ScmBackend::Versioningit,
            ..
        })
    ));
}
