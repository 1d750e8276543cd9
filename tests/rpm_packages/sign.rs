//! Signatures by a key that an operator names.

use std::process::Command;

use builder::package::PackageError;
use builder::package::rpm::sign;

use crate::sample::shop;
use crate::{run, tried, written};

/// Runs this test's program again with a folder of keys of its own: `sign` takes it from the
/// environment, which a test cannot change for itself alone.
#[test]
fn a_package_is_signed_by_the_key_that_is_named() {
    const AGAIN: &str = "BUILDER_TEST_SIGN";
    if std::env::var_os(AGAIN).is_some() {
        return signed();
    }
    // gpg's agent has its socket in this folder, whose path has to be short.
    let home = tempfile::Builder::new()
        .prefix("k")
        .tempdir_in("/tmp")
        .unwrap();
    run(Command::new("gpg")
        .env("GNUPGHOME", home.path())
        .args(["--batch", "--quiet", "--passphrase", ""])
        .args([
            "--quick-generate-key",
            "Ann <ann@shop.example>",
            "rsa2048",
            "sign",
            "never",
        ]));
    // A key whose passphrase nobody can be asked for.
    run(Command::new("gpg")
        .env("GNUPGHOME", home.path())
        .args(["--batch", "--quiet", "--pinentry-mode", "loopback"])
        .args(["--passphrase", "secret", "--quick-generate-key"])
        .args(["Bob <bob@shop.example>", "rsa2048", "sign", "never"]));
    run(Command::new("gpgconf")
        .env("GNUPGHOME", home.path())
        .args(["--kill", "all"]));
    let again = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "sign::a_package_is_signed_by_the_key_that_is_named",
        ])
        .env(AGAIN, "1")
        .env("GNUPGHOME", home.path())
        .output()
        .unwrap();
    let _ = tried(
        Command::new("gpgconf")
            .env("GNUPGHOME", home.path())
            .args(["--kill", "all"]),
    );
    let said = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success(), "{said}");
}

fn signed() {
    let dir = tempfile::tempdir().unwrap();
    let rpm = written(dir.path(), &shop(dir.path(), "1.0"));

    let error = sign(&rpm, "nobody@shop.example").unwrap_err();
    let PackageError::Tool { what, help } = &error else {
        panic!("{error}");
    };
    assert!(what.contains("No secret key"), "{what}");
    assert!(
        help.contains("import the secret key `nobody@shop.example`"),
        "{help}"
    );

    let error = sign(&rpm, "bob@shop.example").unwrap_err();
    let PackageError::Tool { what, help } = &error else {
        panic!("{error}");
    };
    assert!(what.contains("signing failed"), "{what}");
    assert!(help.contains("passphrase"), "{what}\n{help}");
    let said = tried(Command::new("rpm").arg("-K").arg(&rpm)).1;
    assert!(said.ends_with(": digests OK\n"), "it is as it was: {said}");

    sign(&rpm, "ann@shop.example").unwrap();
    let key = dir.path().join("key.asc");
    run(Command::new("gpg")
        .arg("--armor")
        .arg("--output")
        .arg(&key)
        .arg("--export"));
    let database = dir.path().join("rpmdb");
    let rpmkeys = |words: &[&str]| {
        tried(
            Command::new("rpmkeys")
                .arg("--dbpath")
                .arg(&database)
                .args(words)
                .current_dir(dir.path()),
        )
    };
    let name = rpm.file_name().unwrap().to_str().unwrap();
    let (trusted, said) = rpmkeys(&["-K", name]);
    assert!(!trusted && said.contains("SIGNATURES NOT OK"), "{said}");
    assert!(rpmkeys(&["--import", "key.asc"]).0);
    let (trusted, said) = rpmkeys(&["-K", name]);
    assert!(trusted, "{said}");
    assert_eq!(said, format!("{name}: digests signatures OK\n"));
}

#[test]
fn a_key_cannot_be_a_macro() {
    for key in ["%(touch /tmp/x)", "", "a\nb"] {
        let error = sign("x.rpm".as_ref(), key).unwrap_err();
        assert!(matches!(error, PackageError::Value { .. }), "{error}");
    }
}
