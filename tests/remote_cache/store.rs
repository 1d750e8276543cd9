//! An object store: round trips, writers at once, and a bucket that is not there.

use builder::config::build::Cache;

use super::entries::Made;
use super::servers::Server;
use super::*;

/// The environment in which an object store is used.
pub fn keys() -> Environment {
    variables(&[
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_SESSION_TOKEN", "session"),
    ])
}

/// The setting of a bucket behind a port.
pub fn bucket(url: &str, port: u16) -> Cache {
    Cache {
        endpoint: Some(format!("http://127.0.0.1:{port}")),
        region: Some("us-east-1".to_owned()),
        ..setting(url)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_store_keeps_what_it_is_given() {
    let server = Server::object_store();
    let remote = remote(&bucket("s3://cache/team/a", server.port), &keys());
    assert_eq!(remote.name(), "s3://cache/team/a");
    keeps_what_it_is_given(&remote).await;
    takes_two_writers(&remote).await;

    // The whole bucket is another cache than a part of it; the address may come from the environment.
    let mut environment = keys();
    let address = format!("http://127.0.0.1:{}", server.port);
    { &mut environment.vars }.insert("AWS_ENDPOINT_URL".to_owned(), address);
    let whole = super::remote(&setting("s3://cache"), &environment);
    let made = Made::new("wheels", "one", &[b"a small wheel"]);
    assert_eq!(whole.entry(&made.entry.key).await, Ok(None));
    assert!(matches!(store(&whole, &made).await, Ok(Stored::New { .. })));

    let missing = super::remote(&bucket("s3://missing/a", server.port), &keys());
    for error in [
        missing.entry(&made.entry.key).await.unwrap_err(),
        store(&missing, &made).await.unwrap_err(),
    ] {
        assert_eq!(
            error,
            RemoteError::Refused("there is no such bucket".to_owned())
        );
    }
}
