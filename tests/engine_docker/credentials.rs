//! What an engine is sent when an image is pulled from a registry with a login.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, mpsc};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use builder::engine::docker::{DockerEngine, Environment, choose};
use builder::engine::{Call, Engine, EngineError};
use tokio_util::sync::CancellationToken;

/// Refuses every request and hands over what it was sent.
fn engine() -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = format!("tcp://{}", listener.local_addr().expect("it is bound"));
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut bytes = [0; 8192];
            let count = stream.read(&mut bytes).unwrap_or(0);
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
            if sender
                .send(String::from_utf8_lossy(&bytes[..count]).into_owned())
                .is_err()
            {
                return;
            }
        }
    });
    (address, receiver)
}

/// Lays out docker's configuration with one login in it and one with a helper program.
fn environment(folder: &Path) -> Environment {
    // In the alphabet that is not for URLs, this password is encoded with `/` and `+`.
    let login = STANDARD.encode("me:???>>>~~~");
    let config = format!(
        r#"{{"auths": {{"reg.example": {{"auth": "{login}"}}}}, "credHelpers": {{"helped.example": "test"}}}}"#
    );
    fs::write(folder.join("config.json"), config).expect("the file is written");
    let helper = folder.join("docker-credential-test");
    let script = "#!/bin/sh\nread -r host\necho \"{\\\"Username\\\": \\\"$1\\\", \\\"Secret\\\": \\\"for $host\\\"}\"\n";
    fs::write(&helper, script).expect("the script is written");
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).expect("it is executable");
    let vars = [
        ("PATH", format!("{}:/usr/bin:/bin", folder.display())),
        ("DOCKER_CONFIG", folder.display().to_string()),
    ];
    Environment {
        vars: BTreeMap::from(vars.map(|(name, value)| (name.to_owned(), value))),
        home: None,
    }
}

#[tokio::test]
async fn a_pull_carries_the_login_of_its_registry_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let environment = environment(folder.path());
    let check = async |reference: &str, expected: Option<[&str; 2]>| {
        let (address, requests) = engine();
        let choice = choose(Some(&address), &environment).unwrap();
        let engine = DockerEngine::connect(choice).await.unwrap();
        let call = Call {
            log: Arc::new(|_| {}),
            cancel: CancellationToken::new(),
        };
        let refused = engine.pull(reference, &call).await;
        assert!(
            matches!(refused, Err(EngineError::Pull { .. })),
            "{refused:?}"
        );
        let request = requests.recv().unwrap();
        let header = request
            .lines()
            .find_map(|line| line.strip_prefix("x-registry-auth: "));
        let sent = header.map(|header| {
            let json = URL_SAFE.decode(header.trim()).unwrap();
            let sent: BTreeMap<String, String> = serde_json::from_slice(&json).unwrap();
            [sent["username"].clone(), sent["password"].clone()]
        });
        assert_eq!(
            sent,
            expected.map(|both| both.map(str::to_owned)),
            "{request}"
        );
    };
    check("reg.example/base:1", Some(["me", "???>>>~~~"])).await;
    check("helped.example/base:1", Some(["get", "for helped.example"])).await;
    check("other.example/base:1", None).await;
}
