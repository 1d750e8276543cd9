//! Docker's registry: round trips, credentials, TLS, images, and what was collected.

use std::fs;
use std::path::Path;
use std::process::Command;

use builder::config::build::Cache;
use builder::config::names::CacheMode;

use super::entries::Made;
use super::front;
use super::servers::Server;
use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_keeps_what_it_is_given() {
    let server = Server::registry("");
    let remote = remote(&setting(&server.repository()), &variables(&[]));
    let name = format!("registry 127.0.0.1:{}/team/cache", server.port);
    assert_eq!(remote.name(), name);
    keeps_what_it_is_given(&remote).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_takes_two_writers() {
    let server = Server::registry("");
    let remote = remote(&setting(&server.repository()), &variables(&[]));
    takes_two_writers(&remote).await;
}

/// Writes docker's configuration with a login; returns the environment that names it.
fn logged_in(folder: &Path, server: &Server, login: &str) -> Environment {
    use base64::Engine as _;
    let auth = base64::engine::general_purpose::STANDARD.encode(login);
    let host = format!("127.0.0.1:{}", server.port);
    let config = serde_json::json!({"auths": {host: {"auth": auth}}});
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    variables(&[("DOCKER_CONFIG", folder.to_str().unwrap())])
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_those_of_docker() {
    let folder = tempfile::tempdir().unwrap();
    let passwords = folder.path().join("htpasswd");
    let line = "ci:$2y$05$abcdefghijklmnopqrstuuzn9F2kJnMvfbKyfc..4fceLveoc1uqi\n";
    fs::write(&passwords, line).unwrap();
    let server = Server::registry(&format!(
        "auth: {{htpasswd: {{realm: caches, path: '{}'}}}}\n",
        passwords.display()
    ));
    let cache = setting(&server.repository());
    let made = Made::new("secret", "one", &[b"bytes"]);

    let known = logged_in(folder.path(), &server, "ci:s3cret:>?");
    let known = remote(&cache, &known);
    assert!(matches!(store(&known, &made).await, Ok(Stored::New { .. })));
    assert!(known.entry(&made.entry.key).await.unwrap().is_some());

    let wrong = logged_in(folder.path(), &server, "ci:guess");
    let wrong = remote(&cache, &wrong);
    for error in [
        wrong.entry(&made.entry.key).await.unwrap_err(),
        store(&wrong, &made).await.unwrap_err(),
        fetch(&wrong, &made, folder.path()).await.unwrap_err(),
    ] {
        assert!(matches!(&error, RemoteError::Refused(_)), "{error:?}");
        assert!(!error.to_string().contains("guess"), "{error}");
    }

    let unknown = remote(&cache, &variables(&[]));
    let error = unknown.entry(&made.entry.key).await.unwrap_err();
    let expected = format!("docker login 127.0.0.1:{}", server.port);
    assert!(error.to_string().contains(&expected), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_is_read_only_is_not_written() {
    let server = Server::registry("");
    let made = Made::new("guarded", "one", &[b"bytes"]);
    let guarded = Cache {
        mode: CacheMode::ReadOnly,
        ..setting(&server.repository())
    };
    let guarded = remote(&guarded, &variables(&[]));
    let error = store(&guarded, &made).await.unwrap_err();
    assert!(matches!(error, RemoteError::Refused(_)), "{error:?}");
    assert_eq!(guarded.entry(&made.entry.key).await, Ok(None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_in_maintenance_is_read_and_refuses_writes() {
    let server = Server::registry("");
    let made = Made::new("kept", "one", &[b"bytes"]);
    let writable = remote(&setting(&server.repository()), &variables(&[]));
    store(&writable, &made).await.unwrap();
    let storage = server.folder.path().join("storage");
    let read_only = format!(
        "  maintenance: {{readonly: {{enabled: true}}}}\n  # of {}\n",
        storage.display()
    );
    let folder = tempfile::tempdir().unwrap();
    let copied = Command::new("cp")
        .arg("-r")
        .arg(&storage)
        .arg(folder.path())
        .status();
    assert!(copied.unwrap().success());
    let server = Server::registry_in(folder, &read_only);
    let readable = remote(&setting(&server.repository()), &variables(&[]));
    assert!(readable.entry(&made.entry.key).await.unwrap().is_some());
    let another = Made::new("another", "one", &[b"other bytes"]);
    let error = store(&readable, &another).await.unwrap_err();
    assert!(matches!(error, RemoteError::Refused(_)), "{error:?}");
}

/// Removes what a test pulled, however it ends.
struct Pulled(String);

impl Drop for Pulled {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rmi", &self.0]).output();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_pulls_the_image_of_an_entry() {
    let server = Server::registry("");
    let made = Made::image("image of a test", &format!("hello {}", std::process::id()));
    let remote = remote(&setting(&server.repository()), &variables(&[]));
    assert!(matches!(
        store(&remote, &made).await,
        Ok(Stored::New { .. })
    ));
    let name = format!(
        "127.0.0.1:{}/team/cache:image-{}",
        server.port, made.entry.key
    );
    let docker = |arguments: &[&str]| {
        let output = Command::new("docker").args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let _pulled = Pulled(name.clone());
    docker(&["pull", "--quiet", &name]);
    let id = docker(&["image", "inspect", "--format", "{{.Id}}", &name]);
    assert_eq!(
        Some(id),
        made.entry.image.as_ref().map(|image| image.id.clone())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_registry_lost_is_sent_again() {
    let server = Server::registry("");
    let made = Made::new("lost", "one", &[b"bytes that are lost", b"bytes that stay"]);
    let first = remote(&setting(&server.repository()), &variables(&[]));
    store(&first, &made).await.unwrap();

    // A single blob is gone: the entry is found, its bytes are not, and storing it mends that.
    let lost = &made.entry.blobs[&builder::digest::Digest::of(b"bytes that are lost")].sha256;
    let answer = server.ask(&format!(
        "DELETE /v2/team/cache/blobs/sha256:{lost} HTTP/1.1"
    ));
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    let folder = tempfile::tempdir().unwrap();
    let error = fetch(&first, &made, folder.path()).await.unwrap_err();
    assert!(matches!(error, RemoteError::Gone(_)), "{error:?}");
    assert_eq!(store(&first, &made).await, Ok(Stored::Present));
    assert_eq!(fetch(&first, &made, folder.path()).await, Ok(2));

    // All blobs are gone, and the tag is not: there is no entry until it is stored again.
    let folder = tempfile::tempdir().unwrap();
    let storage = server.folder.path().join("storage");
    let copied = Command::new("cp")
        .arg("-r")
        .arg(&storage)
        .arg(folder.path())
        .status();
    assert!(copied.unwrap().success());
    let documents = made.entry.to_document();
    let name = ring::digest::digest(&ring::digest::SHA256, &documents);
    let name: String = name
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let blobs = folder
        .path()
        .join("storage/docker/registry/v2/blobs/sha256");
    for name in made
        .entry
        .blobs
        .values()
        .map(|blob| &blob.sha256)
        .chain([&name])
    {
        fs::remove_dir_all(blobs.join(&name[..2]).join(name)).unwrap();
    }
    let server = Server::registry_in(folder, "");
    let second = remote(&setting(&server.repository()), &variables(&[]));
    assert_eq!(second.entry(&made.entry.key).await, Ok(None));
    assert!(matches!(
        store(&second, &made).await,
        Ok(Stored::New { .. })
    ));
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(fetch(&second, &made, folder.path()).await, Ok(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_needs_an_authority_that_the_environment_trusts() {
    let server = Server::registry("");
    let port = server.port;
    let ca = tls::authority();
    let address = tls::serve("127.0.0.1", &ca, false, move |mut near| async move {
        let far = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
        let _ = tokio::io::copy_bidirectional(&mut near, &mut far.unwrap()).await;
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("ca.pem");
    fs::write(&bundle, ca.pem()).unwrap();
    let cache = Cache {
        insecure: Some(false),
        ..setting(&format!("oci://{address}/team/cache"))
    };
    let trusting = variables(&[("SSL_CERT_FILE", bundle.to_str().unwrap())]);
    let trusting = remote(&cache, &trusting);
    let made = Made::new("private", "one", &[b"bytes"]);
    assert!(matches!(
        store(&trusting, &made).await,
        Ok(Stored::New { .. })
    ));
    assert_eq!(fetch(&trusting, &made, folder.path()).await, Ok(1));

    let wary = remote(&cache, &variables(&[]));
    let error = wary.entry(&made.entry.key).await.unwrap_err();
    assert!(matches!(error, RemoteError::Unreachable(_)), "{error:?}");
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_wants_tokens_gets_them_and_nobody_else_does() {
    let server = Server::registry("");
    let seen = front::Shared::default();
    {
        let mut seen = seen.lock().unwrap();
        seen.tokens = ["one"].into();
        seen.accepted = "one";
    }
    let port = front::start(server.port, &seen).await;
    let folder = tempfile::tempdir().unwrap();
    let host = format!("127.0.0.1:{port}");
    let write = |auth: serde_json::Value| {
        let config = serde_json::json!({"auths": {&host: auth}});
        fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    };
    write(serde_json::json!({"auth": "Y2k6czNjcmV0"}));
    let environment = variables(&[("DOCKER_CONFIG", folder.path().to_str().unwrap())]);
    let cache = setting(&format!("oci://{host}/team/cache"));
    let made = Made::new("tokens", "one", &[b"bytes", b"more bytes"]);

    // One token serves a whole entry, also its uploads that go on side by side.
    let by_password = remote(&cache, &environment);
    let stored = store(&by_password, &made).await;
    assert!(matches!(stored, Ok(Stored::New { .. })), "{stored:?}");
    let line =
        "GET /token?a=b&service=the+service&scope=repository%3Ateam%2Fcache%3Apull%2Cpush HTTP/1.1";
    let expected = format!("{line} | Basic Y2k6czNjcmV0 | ");
    assert_eq!(seen.lock().unwrap().logins, [expected]);

    // A token that is no longer accepted is replaced once.
    seen.lock().unwrap().accepted = "two";
    assert_eq!(fetch(&by_password, &made, folder.path()).await, Ok(2));
    {
        let seen = seen.lock().unwrap();
        assert_eq!(seen.logins.len(), 2);
        assert_eq!(
            seen.strayed,
            ["", ""],
            "blobs come from elsewhere, without the token"
        );
    }

    // An identity token goes into a form; a cache that is only read asks for no more than that.
    write(serde_json::json!({"identitytoken": "ident/ity"}));
    let guarded = Cache {
        mode: CacheMode::ReadOnly,
        ..cache.clone()
    };
    let by_identity = remote(&guarded, &environment);
    assert!(by_identity.entry(&made.entry.key).await.unwrap().is_some());
    let login = seen.lock().unwrap().logins.pop().unwrap();
    assert_eq!(
        login,
        "POST /token?a=b HTTP/1.1 |  | grant_type=refresh_token&client_id=builder&service=the+service\
         &scope=repository%3Ateam%2Fcache%3Apull&refresh_token=ident%2Fity"
    );

    // Tokens that are never accepted end in a refusal, not in a loop.
    seen.lock().unwrap().tokens = ["three", "four", "five", "six"].into();
    seen.lock().unwrap().accepted = "none of these";
    let error = remote(&cache, &environment).entry(&made.entry.key).await;
    assert!(matches!(error, Err(RemoteError::Refused(_))), "{error:?}");
}
