//! The maps of versions, held against the comparisons of the real dpkg and rpm.

#![expect(
    clippy::disallowed_methods,
    reason = "the comparisons are those of the tools themselves"
)]

use std::io::Write;
use std::process::{Command, Stdio};
use std::str::FromStr;

use builder::package::version;
use pep440_rs::Version;
use proptest::prelude::*;

/// What a tool's package is called, for the message when the tool is missing.
fn missing(tool: &str, error: &std::io::Error) -> ! {
    panic!("`{tool}` does not start ({error}): install it with `apt-get install dpkg rpm`")
}

/// Parts that are combined: every epoch with every release, pre-release and so on.
struct Parts<'a> {
    epochs: &'a [&'a str],
    releases: &'a [&'a str],
    pres: &'a [&'a str],
    posts: &'a [&'a str],
    devs: &'a [&'a str],
    locals: &'a [&'a str],
}

impl Parts<'_> {
    /// Every combination once, from the lowest to the highest by PEP 440.
    fn sorted(&self) -> Vec<String> {
        let mut versions = vec![String::new()];
        let parts = [
            self.epochs,
            self.releases,
            self.pres,
            self.posts,
            self.devs,
            self.locals,
        ];
        for part in parts {
            versions = versions
                .iter()
                .flat_map(|start| part.iter().map(move |end| format!("{start}{end}")))
                .collect();
        }
        sorted(versions)
    }
}

fn sorted(mut versions: Vec<String>) -> Vec<String> {
    let parsed = |text: &String| Version::from_str(text).expect("the test makes versions");
    versions.sort_by_key(parsed);
    versions.dedup_by_key(|text| parsed(text));
    versions
}

/// What is compared in full: 1 728 versions.
fn all() -> Vec<String> {
    let parts = Parts {
        epochs: &["", "1!"],
        releases: &["1.0", "1.0.1", "1.9", "1.10"],
        pres: &["", "a1", "b2", "rc1"],
        posts: &["", ".post0", ".post2"],
        devs: &["", ".dev0", ".dev10"],
        locals: &["", "+1", "+1.2", "+1.abc", "+abc.1", "+zzz"],
    };
    let versions = parts.sorted();
    assert_eq!(versions.len(), 1728);
    versions
}

fn debian(version: &str) -> String {
    version::debian(version)
        .expect("every combination has a Debian form")
        .to_string()
}

fn rpm(version: &str) -> String {
    version::rpm(version)
        .expect("every combination has an RPM form")
        .to_string()
}

/// The pairs of which dpkg does not say that the first is lower than the second.
fn dpkg_denies(pairs: &[(String, String)]) -> Vec<String> {
    let script = "while read -r low high; do \
                  dpkg --compare-versions \"$low\" lt \"$high\" || echo \"$low < $high\"; done";
    let asked = pairs.chunks(pairs.len().div_ceil(4).max(1)).map(|chunk| {
        let mut shell = Command::new("sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| missing("sh", &error));
        let lines: String = chunk.iter().map(|(a, b)| format!("{a} {b}\n")).collect();
        let mut stdin = shell.stdin.take().expect("it is piped");
        let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
        (shell, writer)
    });
    let mut denied = Vec::new();
    for (shell, writer) in asked.collect::<Vec<_>>() {
        let output = shell.wait_with_output().expect("the shell ends");
        writer.join().expect("it ends").expect("the shell reads");
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).expect("versions are ASCII");
        denied.extend(text.lines().map(str::to_owned));
    }
    denied
}

/// The pairs of a sorted list of which rpm does not say that the first is lower than the second.
fn rpm_denies(sorted: &[String]) -> Vec<String> {
    let list = format!("\"{}\"", sorted.join("\",\""));
    let script = format!(
        "%{{lua: local v = {{{list}}} \
         for i = 1, #v do for j = i + 1, #v do \
         if rpm.vercmp(v[i], v[j]) ~= -1 or rpm.vercmp(v[j], v[i]) ~= 1 then \
         print(v[i] .. ' < ' .. v[j] .. string.char(10)) end end end}}"
    );
    let output = Command::new("rpm")
        .args(["--eval", &script])
        .output()
        .unwrap_or_else(|error| missing("rpm", &error));
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("versions are ASCII");
    let lines = text.lines().filter(|line| !line.is_empty());
    lines.map(str::to_owned).collect()
}

fn chain(sorted: &[String]) -> Vec<(String, String)> {
    sorted
        .windows(2)
        .map(|pair| (pair[0].clone(), pair[1].clone()))
        .collect()
}

#[track_caller]
fn none(what: &str, denied: &[String]) {
    let shown = &denied[..denied.len().min(20)];
    assert!(denied.is_empty(), "{what}: {} of {shown:#?}", denied.len());
}

#[test]
fn dpkg_sorts_every_combination_as_pep_440_does() {
    // dpkg's comparison is transitive: a chain without a fault has no faulty pair.
    let versions: Vec<String> = all().iter().map(|version| debian(version)).collect();
    none("dpkg disagrees", &dpkg_denies(&chain(&versions)));
}

#[test]
fn dpkg_agrees_on_every_pair_of_a_smaller_set() {
    let parts = Parts {
        epochs: &["", "1!"],
        releases: &["1.0"],
        pres: &["", "a1", "rc1"],
        posts: &["", ".post1"],
        devs: &["", ".dev1"],
        locals: &["", "+abc.1", "+1"],
    };
    let versions: Vec<String> = parts.sorted().iter().map(|v| debian(v)).collect();
    assert_eq!(versions.len(), 72);
    let mut pairs = Vec::new();
    for (at, low) in versions.iter().enumerate() {
        for high in &versions[at + 1..] {
            pairs.push((low.clone(), high.clone()));
        }
    }
    none("dpkg disagrees", &dpkg_denies(&pairs));
}

#[test]
fn rpm_sorts_every_pair_of_every_combination_as_pep_440_does() {
    let versions: Vec<String> = all().iter().map(|version| rpm(version)).collect();
    none("rpm disagrees", &rpm_denies(&versions));
}

#[test]
fn revisions_and_suffixes_sort_below_the_next_version() {
    let full = |version, revision, suffix| {
        version::debian_full(version, revision, suffix).expect("it is a version")
    };
    let sorted = [
        full("1.2.0rc1", 9, Some("deb13")),
        full("1.2.0", 1, Some("deb11")),
        full("1.2.0", 1, Some("deb12")),
        full("1.2.0", 1, None),
        full("1.2.0", 2, Some("deb12")),
        full("1.2.0", 10, Some("deb12")),
        full("1.2.0+abc", 1, Some("deb12")),
        full("1.2.0.post1", 1, Some("deb12")),
        full("1.2.1.dev0", 1, Some("deb12")),
        full("1!0.1", 1, Some("deb12")),
    ];
    none("dpkg disagrees", &dpkg_denies(&chain(&sorted)));
    let full = |version, revision| {
        let version = version::rpm(version).expect("it is a version");
        let release = version::rpm_release(revision, Some("el9")).expect("it is a release");
        format!("{version}-{release}")
    };
    let sorted = [
        full("1.2.0rc1", 9),
        full("1.2.0", 1),
        full("1.2.0", 10),
        full("1.2.0+abc", 1),
        full("1.2.0.post1", 1),
        full("1.2.1.dev0", 1),
        full("1!0.1", 1),
    ];
    none("rpm disagrees", &rpm_denies(&sorted));
}

/// A version with a release of three numbers. The words of a local label have one length and no
/// digits: what else they may be is the gap that `package::version` states.
fn version() -> impl Strategy<Value = String> {
    let number = prop_oneof![0u32..4, 8u32..12, 99u32..102, 20_240_101u32..20_240_104];
    let pre = prop_oneof![
        Just(String::new()),
        ("(a|b|rc)", number.clone()).prop_map(|(kind, n)| format!("{kind}{n}"))
    ];
    let some = |word: &'static str| {
        prop_oneof![
            Just(String::new()),
            number.clone().prop_map(move |n| format!(".{word}{n}"))
        ]
    };
    let segment = prop_oneof![number.clone().prop_map(|n| n.to_string()), "[a-z]{3}"];
    let local = prop::collection::vec(segment, 0..4).prop_map(|segments| match segments.len() {
        0 => String::new(),
        _ => format!("+{}", segments.join(".")),
    });
    let release = (0u32..2, number.clone(), number.clone());
    (0u32..3, release, pre, some("post"), some("dev"), local).prop_map(
        |(epoch, (major, minor, patch), pre, post, dev, local)| {
            format!("{epoch}!{major}.{minor}.{patch}{pre}{post}{dev}{local}")
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 12,
        max_shrink_iters: 40,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn both_tools_sort_versions_of_any_numbers_as_pep_440_does(
        versions in prop::collection::vec(version(), 80)
    ) {
        let versions = sorted(versions);
        let map = |form: fn(&str) -> String| versions.iter().map(|v| form(v)).collect::<Vec<_>>();
        prop_assert_eq!(dpkg_denies(&chain(&map(debian))), Vec::<String>::new());
        prop_assert_eq!(rpm_denies(&map(rpm)), Vec::<String>::new());
    }
}
