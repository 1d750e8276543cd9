//! Locks as other tools write them, what is refused with its place, and what fits what.

mod resolving;
mod text;

use super::*;
use crate::facts::Facts;

const HASH: &str = "af7c1f5b2f2a5a2c0d8d2f8b6c1c3c9e5d2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b";

/// A lock in the manner of uv: inline tables, upload times, several wheels, forks by marker.
const UV: &str = r#"lock-version = "1.0"
created-by = "uv"
requires-python = ">=3.9"

[[packages]]
name = "Charset_Normalizer"
version = "3.4.1"
index = "https://index.example/simple"
sdist = { url = "https://files.example/charset_normalizer-3.4.1.tar.gz", upload-time = 2024-12-24T18:12:35Z, size = 123188, hashes = { sha256 = "af7c1f5b2f2a5a2c0d8d2f8b6c1c3c9e5d2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b" } }
wheels = [
    { url = "https://files.example/charset_normalizer-3.4.1-cp313-cp313-manylinux_2_17_x86_64.whl", size = 146613, hashes = { sha256 = "af7c1f5b2f2a5a2c0d8d2f8b6c1c3c9e5d2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b" } },
    { url = "https://files.example/charset_normalizer-3.4.1-cp311-cp311-manylinux_2_17_x86_64.whl", hashes = { sha256 = "af7c1f5b2f2a5a2c0d8d2f8b6c1c3c9e5d2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b", md5 = "00" } },
]

[[packages]]
name = "colorama"
version = "0.4.6"
marker = "sys_platform == 'win32'"
wheels = [{ url = "https://files.example/colorama-0.4.6-py2.py3-none-any.whl", hashes = { sha256 = "af7c1f5b2f2a5a2c0d8d2f8b6c1c3c9e5d2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b" } }]

[[packages]]
name = "numpy"
version = "2.0.2"
marker = "python_full_version < '3.10'"
wheels = [{ url = "https://files.example/numpy-2.0.2-cp39-cp39-manylinux_2_17_x86_64.whl", hashes = { sha256 = "af7c1f5b2f2a5a2c0d8d2f8b6c1c3c9e5d2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b" } }]

[[packages]]
name = "numpy"
version = "2.2.6"
marker = "python_full_version >= '3.10'"
wheels = [{ url = "https://files.example/numpy-2.2.6-cp311-cp311-manylinux_2_17_x86_64.whl", hashes = { sha256 = "af7c1f5b2f2a5a2c0d8d2f8b6c1c3c9e5d2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b" } }]
"#;

/// A lock in the manner of pip: a table a file, names, no extras.
const PIP: &str = r#"lock-version = "1.0"
created-by = "pip"

[[packages]]
name = "idna"
version = "3.10"

[[packages.wheels]]
name = "idna-3.10-py3-none-any.whl"
url = "https://files.example/idna-3.10-py3-none-any.whl"

[packages.wheels.hashes]
sha256 = "AF7C1F5B2F2A5A2C0D8D2F8B6C1C3C9E5D2F1A0B9C8D7E6F5A4B3C2D1E0F9A8B"

[tool.anything]
left = "alone"
"#;

fn facts(python: &str) -> Facts {
    Facts {
        python: python.to_owned(),
        implementation: "cpython".to_owned(),
        abi: String::new(),
        interpreter: String::new(),
        interpreter_package: None,
        pip: "25.0".to_owned(),
        distribution: "debian".to_owned(),
        distribution_version: "12".to_owned(),
        architecture: "x86_64".to_owned(),
        libc: String::new(),
        tags: crate::facts::Tags::default(),
    }
}

fn read(text: &str) -> Lock {
    Lock::parse("pylock.toml", text).unwrap_or_else(|error| panic!("{error}"))
}

fn pairs(packages: &[&Package]) -> Vec<String> {
    let pairs = packages.iter();
    pairs
        .map(|package| format!("{} {}", package.name, package.version))
        .collect()
}

#[test]
fn locks_of_other_tools_are_read() {
    let lock = read(UV);
    let package = &lock.packages[0];
    assert_eq!(package.name, "charset-normalizer");
    assert_eq!(
        package.index.as_deref(),
        Some("https://index.example/simple")
    );
    let sdist = package.sdist.as_ref().unwrap();
    assert_eq!(
        (sdist.name.as_str(), sdist.size),
        ("charset_normalizer-3.4.1.tar.gz", Some(123_188))
    );
    // Sorted, and without the hash that pip does not accept.
    assert!(package.wheels[0].name.contains("cp311"));
    assert_eq!(
        package.wheels[0].hashes.keys().collect::<Vec<_>>(),
        ["sha256"]
    );
    let lock = read(PIP);
    assert_eq!(lock.packages[0].wheels[0].hashes["sha256"], HASH);
}

#[test]
fn markers_and_pythons_choose_the_packages_of_an_environment() {
    let lock = read(UV);
    let check = |python: &str, expected: &[&str]| {
        let packages = lock.packages_for(&facts(python)).unwrap();
        assert_eq!(pairs(&packages), expected, "{python}");
    };
    check("3.11.2", &["charset-normalizer 3.4.1", "numpy 2.2.6"]);
    check("3.9.1", &["charset-normalizer 3.4.1", "numpy 2.0.2"]);
    let misfit =
        |lock: &Lock, python: &str| lock.packages_for(&facts(python)).unwrap_err().to_string();
    assert_eq!(
        misfit(&lock, "3.8.10"),
        "is for Python >=3.9, and this is Python 3.8.10"
    );
    let both = UV.replace(
        "python_full_version < '3.10'",
        "python_full_version < '3.12'",
    );
    assert_eq!(
        misfit(&read(&both), "3.11.2"),
        "has two packages numpy for this environment: 2.0.2, 2.2.6"
    );
    let own = Lock::resolved(&facts("3.11.2"), Vec::new());
    assert!(own.packages_for(&facts("3.11.9")).is_ok());
    assert!(
        misfit(&own, "3.12.0").starts_with("is for other environments than this one, which is")
    );
    let later = PIP.replace(
        "version = \"3.10\"",
        "version = \"3.10\"\nrequires-python = \">=3.12\"",
    );
    assert_eq!(
        misfit(&read(&later), "3.11.2"),
        "has idna 3.10, which is for Python >=3.12, and this is Python 3.11.2"
    );
}

#[test]
fn what_cannot_be_used_is_refused_with_its_line() {
    let check = |from: &str, to: &str, line: usize, message: &str| {
        let text = PIP.replacen(from, to, 1);
        assert_ne!(text, PIP, "{from}");
        let error = Lock::parse("pylock.toml", &text).unwrap_err();
        assert!(error.to_string().contains(message), "{from}: {error}");
        let report = miette::Report::new(*error);
        let mut shown = String::new();
        let handler = miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::none());
        handler.render_report(&mut shown, report.as_ref()).unwrap();
        assert!(
            shown.contains(&format!("pylock.toml:{line}:")),
            "{from}: {shown}"
        );
        assert!(shown.contains("help: "), "{shown}");
    };
    check(
        "\"1.0\"",
        "\"2.0\"",
        1,
        "has the lock-version \"2.0\", and this builder reads \"1.0\"",
    );
    check("\"1.0\"", "1", 1, "has the lock-version 1");
    check(
        "created-by = \"pip\"",
        "created-by = \"pi",
        2,
        "pylock.toml is no lock",
    );
    check(
        "[[packages]]",
        "<<<<<<< HEAD\n[[packages]]",
        4,
        "pylock.toml is no lock",
    );
    check(
        "version = \"3.10\"",
        "vcs = { type = \"git\" }",
        6,
        "idna comes from version control",
    );
    check(
        "version = \"3.10\"",
        "directory = { path = \".\" }",
        6,
        "idna comes from a directory",
    );
    check(
        "version = \"3.10\"",
        "archive = { url = \"a\" }",
        6,
        "idna comes from an archive",
    );
    check("version = \"3.10\"\n", "", 5, "idna has no version");
    check(
        "version = \"3.10\"",
        "version = \"three\"",
        6,
        "the version `three`, which is none",
    );
    check(
        "name = \"idna\"",
        "name = \"id na\"",
        5,
        "\"id na\" is no distribution's name",
    );
    check(
        "sha256 = ",
        "md5 = ",
        12,
        "idna-3.10-py3-none-any.whl has no hash that pip accepts",
    );
    check(
        "sha256 = \"AF",
        "sha256 = \"",
        12,
        "has no hash that pip accepts",
    );
    check(
        "url = \"https://files.example/idna",
        "path = \"./idna",
        10,
        "a file of idna is given by its path on a disk",
    );
    check(
        "files.example/idna",
        "files.example/ --index-url=x",
        10,
        "an address that is none",
    );
    check(
        "name = \"idna-3.10",
        "name = \"other-3.10",
        8,
        "is no wheel of idna",
    );
    check(
        "version = \"3.10\"",
        "version = \"3.10\"\nmarker = \"'dev' in extras\"",
        7,
        "is no environment marker that builder knows",
    );
    check(
        "version = \"3.10\"",
        "version = \"3.10\"\nrequires-python = \"three\"",
        7,
        "is no version specifier",
    );
    let nothing = "lock-version = \"1.0\"\n[[packages]]\nname = \"a\"\nversion = \"1\"\n";
    let error = Lock::parse("pylock.toml", nothing).unwrap_err();
    assert_eq!(error.to_string(), "a has neither a wheel nor an sdist");
    let error = Lock::parse("poetry.lock", "[[package]]\nname = \"a\"\n").unwrap_err();
    assert_eq!(error.to_string(), "poetry.lock states no lock-version");
    assert!(Lock::parse("pylock.toml", &PIP.replace("\"1.0\"", "\"1.7\"")).is_ok());
}

#[test]
fn requirements_that_nothing_satisfies_are_found() {
    let lock = read(UV);
    let lines =
        |lines: &[&str]| -> Vec<String> { lines.iter().map(|line| (*line).to_owned()).collect() };
    let check = |line: &str, with: bool, without: bool| {
        let line = lines(&[line]);
        let python = facts("3.11.2");
        assert_eq!(
            !lock.open(Some(&python), &line).is_empty(),
            with,
            "{line:?}"
        );
        assert_eq!(
            !lock.open(None, &line).is_empty(),
            without,
            "{line:?} without facts"
        );
    };
    check("numpy", false, false);
    check("numpy>=2.1", false, false);
    check("numpy>=3", true, true);
    check("NumPy [extra] >=2", false, false);
    check("requests", true, true);
    check("colorama; sys_platform == 'win32'", false, false);
    check("colorama", true, false);
    check("tomli; python_version < '3.11'", false, false);
    // Whether the marker holds is not known without facts.
    check("tomli; python_version >= '3.11'", true, false);
    check("pytest; extra == 'test'", false, false);
    check("numpy @ https://files.example/numpy.whl", false, false);
    check("not a requirement at all !!", false, false);
}

#[test]
fn versions_are_kept_but_those_that_are_ruled_out_or_asked_to_move() {
    let pin = |version: &str| Pin {
        version: version.to_owned(),
        file: String::new(),
        digest: String::new(),
    };
    let pins = Pins::from([
        ("idna".to_owned(), pin("3.10")),
        ("urllib3".to_owned(), pin("2.4.0")),
    ]);
    let check = |required: &[&str], upgraded: &[&str], expected: &[&str]| {
        let owned = |texts: &[&str]| -> Vec<String> {
            texts.iter().map(|text| (*text).to_owned()).collect()
        };
        let markers = facts("3.11.2").markers();
        let lines = kept(&pins, &owned(required), &owned(upgraded), markers.as_ref());
        assert_eq!(lines, expected, "{required:?} {upgraded:?}");
    };
    check(&["urllib3"], &[], &["idna==3.10", "urllib3==2.4.0"]);
    check(&["urllib3>=2.5"], &[], &["idna==3.10"]);
    check(
        &["urllib3>=2.5; python_version < '3'"],
        &[],
        &["idna==3.10", "urllib3==2.4.0"],
    );
    check(
        &["urllib3 @ https://files.example/urllib3.whl"],
        &[],
        &["idna==3.10"],
    );
    check(&[], &["IDNA"], &["urllib3==2.4.0"]);
}

#[test]
fn differences_are_told_by_name_and_version() {
    let pins = |pins: &[(&str, &str, &str)]| -> Pins {
        let pin = |version: &str, digest: &str| Pin {
            version: version.to_owned(),
            file: String::new(),
            digest: digest.to_owned(),
        };
        pins.iter()
            .map(|(name, version, digest)| ((*name).to_owned(), pin(version, digest)))
            .collect()
    };
    let old = pins(&[
        ("foo", "1.0", ""),
        ("same", "1", "a"),
        ("other", "1", "a"),
        ("urllib3", "2.4.0", ""),
    ]);
    let new = pins(&[
        ("idna", "3.10", ""),
        ("same", "1", "a"),
        ("other", "1", "b"),
        ("urllib3", "2.5.0", ""),
    ]);
    let changes = difference(&old, &new);
    let lines: Vec<_> = changes.iter().map(VersionChange::line).collect();
    assert_eq!(
        lines,
        [
            "- foo 1.0",
            "+ idna 3.10",
            "other 1 with other files",
            "urllib3 2.4.0 → 2.5.0"
        ]
    );
    let words: Vec<_> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(words[..2], ["foo 1.0 removed", "idna 3.10 added"]);
}

#[test]
fn a_mirror_is_no_change_and_another_hash_is() {
    let pins = read(UV).pins();
    assert_eq!(pins["numpy"].version, "2.0.2 or 2.2.6");
    let elsewhere = UV.replace("https://files.example", "https://mirror.example/files");
    assert_eq!(read(&elsewhere).pins(), pins);
    let other = UV.replacen(HASH, &HASH.replace('a', "b"), 1);
    let changed = difference(&pins, &read(&other).pins());
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0].name, "charset-normalizer");
}
