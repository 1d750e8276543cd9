//! Engines behind TLS and behind ssh: the same runs as on the local socket.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::engine_tls::{SOCKET, certificates, proxy};
use super::tls::authority;
use super::{IMAGE, Member, Site, archive, dockerfile, download};
use builder::engine::docker::{DockerEngine, Environment, choose};
use builder::engine::{BuildImage, Engine, EngineError};

async fn connect(address: &str, folder: &Path) -> DockerEngine {
    let folder = folder.display().to_string();
    let vars = [("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", &folder)];
    let environment = Environment {
        vars: vars
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        home: None,
    };
    let choice = choose(Some(address), &environment).expect("the certificates are there");
    DockerEngine::connect(choice)
        .await
        .expect("nothing is sent yet")
}

/// Runs files through a container and builds an image.
async fn works(site: &Site) {
    let out = tempfile::tempdir().expect("it works as on the local socket");
    let mut request = site
        .script("mkdir /out; tr a-z A-Z < /in/file > /out/file; ln -s file /out/link; echo ran");
    let content = "abc".repeat(500_000);
    request.uploads = vec![archive(&[Member::File(
        "in/file",
        content.as_bytes(),
        0o644,
    )])];
    request.downloads = vec![download("/out", out.path())];
    let outcome = site
        .engine
        .run(request, &site.call())
        .await
        .expect("it works as on the local socket");
    assert_eq!(outcome.status, 0);
    assert_eq!(
        fs::read_to_string(out.path().join("link")).expect("it works as on the local socket"),
        content.to_uppercase()
    );

    let request = BuildImage {
        tag: site.name.clone(),
        context: dockerfile(&format!("FROM {IMAGE}\nRUN echo built {}\n", site.name)),
        labels: site.labels(),
        args: Default::default(),
    };
    let image = site
        .engine
        .build_image(request, &site.call())
        .await
        .expect("it works as on the local socket");
    assert_eq!(image.labels.get("builder-test"), Some(&site.name));
    assert!(site.lines().contains(&"ran".to_owned()));
    assert!(site.containers().await.is_empty());
}

#[tokio::test]
async fn an_engine_behind_tls_works_as_the_local_one() {
    let folder = tempfile::tempdir().unwrap();
    let ca = authority();
    certificates(folder.path(), &ca, &ca);
    let address = proxy(&ca).await;
    let site = Site::on(connect(&address, folder.path()).await);
    assert_eq!(site.engine.endpoint(), address);
    site.engine.ping().await.unwrap();
    works(&site).await;
}

#[tokio::test]
async fn certificates_that_do_not_fit_are_refused_on_either_side() {
    let folder = tempfile::tempdir().unwrap();
    let (ca, stranger) = (authority(), authority());
    let address = proxy(&ca).await;
    let ping = async |name: &str| {
        let folder: PathBuf = folder.path().join(name);
        match connect(&address, &folder).await.ping().await {
            Err(EngineError::Unreachable { cause, help, .. }) => {
                assert!(
                    help.contains("TLS") && help.contains(folder.to_str().unwrap()),
                    "{help}"
                );
                cause
            }
            other => panic!("{other:?}"),
        }
    };
    certificates(&folder.path().join("client"), &ca, &stranger);
    let cause = ping("client").await;
    assert!(cause.contains("alert"), "{cause}");
    certificates(&folder.path().join("server"), &stranger, &ca);
    let cause = ping("server").await;
    assert!(cause.contains("invalid peer certificate"), "{cause}");
    certificates(&folder.path().join("nobody"), &ca, &ca);
    fs::remove_file(folder.path().join("nobody/cert.pem")).unwrap();
    fs::remove_file(folder.path().join("nobody/key.pem")).unwrap();
    let cause = ping("nobody").await;
    assert!(cause.contains("alert"), "{cause}");
}

/// Lays out a program named `ssh` and returns the variables under which it is found.
fn ssh(folder: &Path, script: &str) -> Environment {
    let program = folder.join("ssh");
    fs::write(&program, format!("#!/bin/sh\n{script}")).expect("the script is written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))
        .expect("it is made executable");
    let path = format!("{}:/usr/bin:/bin", folder.display());
    Environment {
        vars: [("PATH".to_owned(), path)].into(),
        home: None,
    }
}

#[tokio::test]
async fn an_engine_behind_ssh_is_reached_through_one_tunnel() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    // It forwards as ssh does, as far as the client can see: the near end leads to the far one.
    let script = format!(
        "echo \"$$ $*\" >> {seen}
         while [ \"$1\" != -L ]; do shift; done
         sleep 0.2; ln -s \"${{2#*:}}\" \"${{2%%:*}}\"; exec sleep 300",
        seen = seen.display()
    );
    let environment = ssh(folder.path(), &script);
    let choice = choose(Some("ssh://me@box:2222"), &environment).unwrap();
    let site = Site::on(DockerEngine::connect(choice).await.unwrap());
    site.engine.ping().await.unwrap();
    works(&site).await;
    let calls = fs::read_to_string(&seen).unwrap();
    assert_eq!(calls.lines().count(), 1, "{calls}");
    assert!(
        calls.contains(&format!(":{SOCKET} -p 2222 -- me@box")),
        "{calls}"
    );

    drop(site);
    let process = format!("/proc/{}/stat", calls.split(' ').next().unwrap());
    for _ in 0..100 {
        match fs::read_to_string(&process) {
            Ok(stat) if !stat.contains(") Z ") => {
                tokio::time::sleep(Duration::from_millis(50)).await
            }
            _ => return,
        }
    }
    panic!("ssh outlived the engine");
}

#[tokio::test]
async fn an_ssh_that_fails_is_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let environment = ssh(
        folder.path(),
        "echo 'me@box: Permission denied (publickey).' >&2; exit 255",
    );
    let choice = choose(Some("ssh://me@box"), &environment).unwrap();
    match DockerEngine::connect(choice).await {
        Err(EngineError::Unreachable {
            endpoint,
            cause,
            help,
        }) => {
            assert_eq!(endpoint, "ssh://me@box");
            assert_eq!(cause, "ssh says: me@box: Permission denied (publickey).");
            assert!(help.contains("ssh -o BatchMode=yes me@box"), "{help}");
        }
        Ok(_) => panic!("there is no such host"),
        Err(other) => panic!("{other:?}"),
    }
}
