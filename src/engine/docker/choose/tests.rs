//! Choices from environments and folders that the tests lay out.

#![expect(
    clippy::disallowed_methods,
    reason = "the tests lay out docker's files"
)]

use std::fs;

use super::*;

const PEM: &str = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";

/// A home with the contexts `far` (tcp with certificates), `open` (tcp without), `blind`
/// (unverified) and `box` (ssh); `far` is the current one.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let docker = home.path().join(".docker");
    fs::create_dir_all(&docker).unwrap();
    fs::write(docker.join("config.json"), r#"{"currentContext": "far"}"#).unwrap();
    for (name, host, blind) in [
        ("far", "tcp://far.example:2376", false),
        ("open", "tcp://open.example", false),
        ("blind", "tcp://blind.example", true),
        ("box", "ssh://me@box", false),
    ] {
        let meta = docker.join("contexts/meta").join(format!("hash-of-{name}"));
        fs::create_dir_all(&meta).unwrap();
        let json = format!(
            r#"{{"Name": "{name}", "Metadata": {{}}, "Endpoints": {{"docker": {{"Host": "{host}", "SkipTLSVerify": {blind}}}}}}}"#
        );
        fs::write(meta.join("meta.json"), json).unwrap();
    }
    certificates_in(&docker.join("contexts/tls/hash-of-far/docker"));
    home
}

fn certificates_in(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for name in ["ca.pem", "cert.pem", "key.pem"] {
        fs::write(folder.join(name), PEM).unwrap();
    }
}

fn environment(home: &Path, vars: &[(&str, &str)]) -> Environment {
    Environment {
        vars: vars
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect(),
        home: Some(home.to_owned()),
    }
}

#[test]
fn the_first_of_argument_variable_and_contexts_decides() {
    let home = home();
    let check = |argument: Option<&str>, vars: &[(&str, &str)], text: &str, origin: Origin| {
        let choice = choose(argument, &environment(home.path(), vars)).unwrap();
        assert_eq!((choice.text.as_str(), choice.origin), (text, origin));
    };
    let host = ("DOCKER_HOST", "unix:///run/host.sock");
    let context = ("DOCKER_CONTEXT", "box");
    let argument = Some("unix:///run/argument.sock");
    check(
        argument,
        &[host, context],
        "unix:///run/argument.sock",
        Origin::Argument,
    );
    check(
        None,
        &[host, context],
        "unix:///run/host.sock",
        Origin::DockerHost,
    );
    check(
        None,
        &[context],
        "ssh://me@box",
        Origin::Context("box".to_owned()),
    );
    check(
        Some(""),
        &[],
        "tcp://far.example:2376",
        Origin::Context("far".to_owned()),
    );
    let none = [("DOCKER_CONTEXT", "default"), ("DOCKER_HOST", "")];
    check(None, &none, "unix:///var/run/docker.sock", Origin::Default);
    let elsewhere = [("DOCKER_CONFIG", "/nonexistent")];
    check(
        None,
        &elsewhere,
        "unix:///var/run/docker.sock",
        Origin::Default,
    );
}

#[test]
fn tls_comes_with_the_context_or_with_the_variables() {
    let home = home();
    let check =
        |argument: Option<&str>, vars: &[(&str, &str)], authority: &str, folder: Option<&Path>| {
            let choice = choose(argument, &environment(home.path(), vars)).unwrap();
            let Address::Tcp {
                authority: found,
                tls,
            } = choice.address
            else {
                panic!("{choice:?}");
            };
            assert_eq!(found, authority);
            assert_eq!(tls.as_ref().map(Tls::directory), folder);
        };
    let stored = home.path().join(".docker/contexts/tls/hash-of-far/docker");
    check(None, &[], "far.example:2376", Some(&stored));
    check(
        None,
        &[("DOCKER_CONTEXT", "open")],
        "open.example:2375",
        None,
    );
    check(Some("tcp://a"), &[], "a:2375", None);
    let certs = home.path().join("certs");
    certificates_in(&certs);
    let path = ("DOCKER_CERT_PATH", certs.to_str().unwrap());
    check(Some("tcp://a"), &[path], "a:2375", None);
    check(
        Some("tcp://a"),
        &[path, ("DOCKER_TLS_VERIFY", "1")],
        "a:2376",
        Some(&certs),
    );
    check(Some("https://a:1"), &[path], "a:1", Some(&certs));
}

#[test]
fn a_choice_that_cannot_be_made_says_why_and_what_to_do() {
    let home = home();
    fs::create_dir_all(home.path().join("broken")).unwrap();
    fs::write(home.path().join("broken/config.json"), "{").unwrap();
    let broken = home.path().join("broken");
    let check = |argument: Option<&str>, vars: &[(&str, &str)], words: [&str; 2]| {
        let error = choose(argument, &environment(home.path(), vars)).unwrap_err();
        let EngineError::Endpoint { what, help } = &error else {
            panic!("{error:?}");
        };
        assert!(what.contains(words[0]), "{what}");
        assert!(help.contains(words[1]), "{help}");
    };
    check(
        None,
        &[("DOCKER_CONTEXT", "fra")],
        ["no docker context `fra`", "blind, box, default, far, open"],
    );
    check(
        None,
        &[("DOCKER_CONTEXT", "blind")],
        ["without a check", "CA"],
    );
    check(
        None,
        &[("DOCKER_HOST", "host:1")],
        ["from DOCKER_HOST, has no scheme", "tcp://host:port"],
    );
    check(
        Some("npipe:////./pipe/x"),
        &[],
        ["from --docker-host, is a named pipe", "unix://"],
    );
    check(
        Some("https://a"),
        &[],
        ["ca.pem cannot be read", "DOCKER_CERT_PATH"],
    );
    check(
        Some("tcp://a"),
        &[("DOCKER_TLS", "1")],
        ["DOCKER_TLS asks", "DOCKER_TLS_VERIFY=1"],
    );
    let config = ("DOCKER_CONFIG", broken.to_str().unwrap());
    check(
        None,
        &[config],
        ["broken/config.json cannot be read", "--docker-host"],
    );
    certificates_in(&home.path().join("half"));
    fs::write(home.path().join("half/key.pem"), "no key").unwrap();
    let half = home.path().join("half");
    let path = ("DOCKER_CERT_PATH", half.to_str().unwrap());
    check(
        Some("https://a"),
        &[path],
        ["key.pem is no PEM file", "DOCKER_CERT_PATH"],
    );
}
