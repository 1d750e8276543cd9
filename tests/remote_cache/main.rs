//! Shared caches against a real registry and a real object store, also with all that can go wrong
//! between.
//!
//! docker/test-tools.sh installs both servers; without them the tests fail and say so.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the tests lay out files and start servers, and fail where that fails"
)]

mod builds;
mod entries;
mod faults;
mod front;
mod proxy;
mod registry;
#[path = "../support/servers.rs"]
mod servers;
mod store;
#[path = "../support/tls.rs"]
mod tls;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use builder::cache::location::{Patience, connect};
use builder::cache::{Remote, RemoteError, Stored};
use builder::config::build::Cache;
use builder::config::names::cache_url;
use builder::engine::docker::Environment;

use entries::Made;

/// A patience that lets a test see its end.
fn impatient() -> Patience {
    Patience {
        connect: Duration::from_secs(1),
        answer: Duration::from_secs(2),
        stall: Duration::from_secs(1),
        tries: 3,
        pause: Duration::from_millis(50),
        ..Patience::default()
    }
}

fn setting(url: &str) -> Cache {
    Cache::at(cache_url(url).expect("the test's URL is one"))
}

fn variables(pairs: &[(&str, &str)]) -> Environment {
    let pairs = pairs.iter();
    let vars: BTreeMap<_, _> =
        { pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())) }.collect();
    Environment { vars, home: None }
}

fn remote(cache: &Cache, environment: &Environment) -> Arc<dyn Remote> {
    connect(cache, environment, impatient()).expect("the setting has an address")
}

/// Stores an entry.
async fn store(remote: &Arc<dyn Remote>, made: &Made) -> Result<Stored, RemoteError> {
    let places = made.places();
    remote.store(&made.entry, &places).await
}

/// Fetches all blobs of an entry into a folder; returns how many there were, each with its bytes.
async fn fetch(remote: &Arc<dyn Remote>, made: &Made, folder: &Path) -> Result<usize, RemoteError> {
    let blobs = made.entry.all_blobs();
    for digest in &blobs {
        let into = folder.join(digest.to_string());
        let blob = &made.entry.blobs[digest];
        remote.fetch(&made.entry.key, digest, blob, &into).await?;
        let bytes = std::fs::read(into).expect("the file is there");
        assert_eq!(builder::digest::Digest::of(&bytes), *digest);
    }
    Ok(blobs.len())
}

/// What holds for each kind of cache, on an empty one.
async fn keeps_what_it_is_given(remote: &Arc<dyn Remote>) {
    let large = entries::noise(50 << 20, 1);
    let made = Made::new(
        "wheels",
        "one",
        &[b"a small wheel", b"", &large, &large[..1000]],
    );
    assert_eq!(remote.entry(&made.entry.key).await, Ok(None));
    let Stored::New { sent } = store(remote, &made).await.unwrap() else {
        panic!("the cache was empty")
    };
    assert!(sent >= made.entry.size(), "{sent}");

    let document = remote.entry(&made.entry.key).await.unwrap();
    assert_eq!(document, Some(made.entry.to_document()));
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(fetch(remote, &made, folder.path()).await, Ok(4));

    assert_eq!(store(remote, &made).await, Ok(Stored::Present));
    let later = Made::new(
        "wheels",
        "two",
        &[b"a small wheel", b"", &large, &large[..1000]],
    );
    assert_eq!(store(remote, &later).await, Ok(Stored::Present));
    let different = Made::new("wheels", "three", &[b"another wheel"]);
    assert_eq!(store(remote, &different).await, Ok(Stored::Different));
    // The first is still there, down to its run.
    let document = remote.entry(&made.entry.key).await.unwrap();
    assert_eq!(document, Some(made.entry.to_document()));

    // Bytes that another entry brought are not sent again.
    let shares = Made::new("other wheels", "four", &[&large, b"its own"]);
    let Stored::New { sent } = store(remote, &shares).await.unwrap() else {
        panic!("the key was free")
    };
    assert!(sent < 100_000, "{sent}");

    let nothing = Made::new("nothing", "five", &[]);
    assert!(matches!(
        store(remote, &nothing).await,
        Ok(Stored::New { .. })
    ));
    let document = remote.entry(&nothing.entry.key).await.unwrap();
    assert_eq!(document, Some(nothing.entry.to_document()));
}

/// Two who store the same key at once end with one whole entry and no error.
async fn takes_two_writers(remote: &Arc<dyn Remote>) {
    for round in 0..5 {
        let name = format!("race {round}");
        let content = entries::noise(300_000, round + 10);
        let one = Made::new(&name, "one", &[&content, b"x"]);
        let two = Made::new(&name, "two", &[&content, b"x"]);
        let (first, second) = tokio::join!(store(remote, &one), store(remote, &two));
        for stored in [&first, &second] {
            let stored = stored.as_ref().unwrap();
            assert!(
                matches!(stored, Stored::New { .. } | Stored::Present),
                "{stored:?}"
            );
        }
        let document = remote
            .entry(&one.entry.key)
            .await
            .unwrap()
            .expect("one of both");
        let documents = [one.entry.to_document(), two.entry.to_document()];
        assert!(documents.contains(&document));
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(fetch(remote, &one, folder.path()).await, Ok(2));
    }
}
