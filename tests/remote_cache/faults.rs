//! Every fault in every call: each ends within seconds, with the error that says whose fault it is.

use std::time::Instant;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt};

use super::entries::{Made, noise};
use super::proxy::Fault::*;
use super::proxy::{self, Fault, Harm};
use super::servers::Server;
use super::store::{bucket, keys};
use super::*;

/// How a call has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Unreachable,
    Refused,
    /// What is delivered is damaged, so that whoever checks it sees that.
    Damaged,
    Good,
}
use End::{Damaged, Good, Refused, Unreachable};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Look,
    Fetch,
    Store,
}
use Call::{Fetch, Look, Store};

/// A case: a call, what is done to which of its requests, and how often, and how the call ends.
type Case = (Call, (&'static str, &'static str), Fault, u32, End);

const ALWAYS: u32 = u32::MAX;

async fn hold(kind: &'static str, port: u16, number: usize, case: Case) {
    let (call, on, fault, times, end) = case;
    let remote_at = |port: u16| match kind {
        "oci" => remote(
            &setting(&format!("oci://127.0.0.1:{port}/team/cache")),
            &variables(&[]),
        ),
        _ => remote(&bucket("s3://cache/a", port), &keys()),
    };
    let content = noise(1_000_000, number as u64);
    let made = Made::new(&format!("case {number}"), "one", &[&content]);
    if call != Store {
        store(&remote_at(port), &made).await.unwrap();
    }
    let harmed = remote_at(
        proxy::start(
            port,
            Harm {
                fault,
                on,
                after: 0,
                times,
            },
        )
        .await,
    );
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("blob");
    let (digest, blob) = made.entry.blobs.iter().next().unwrap();
    let start = Instant::now();
    let result: Result<bool, RemoteError> = match call {
        Look => {
            let found = harmed.entry(&made.entry.key).await;
            found.map(|document| document == Some(made.entry.to_document()))
        }
        Fetch => {
            let fetched = harmed.fetch(&made.entry.key, digest, blob, &into).await;
            fetched.map(|()| std::fs::read(&into).unwrap() == content)
        }
        Store => {
            let stored = store(&harmed, &made).await;
            stored.map(|stored| matches!(stored, Stored::New { .. } | Stored::Present))
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    let ended = match &result {
        Ok(true) => Good,
        Ok(false) => Damaged,
        Err(RemoteError::Unreachable(_)) => Unreachable,
        Err(RemoteError::Refused(_)) => Refused,
        Err(other) => panic!("{kind} {case:?}: {other:?}"),
    };
    assert_eq!(ended, end, "{kind} {case:?}: {result:?}");
    assert!(seconds < 8.0, "{kind} {case:?}: {seconds} s");
    if call == Store && end != Good {
        // Nothing half is left behind: there is no entry, and a second try stores it.
        let straight = remote_at(port);
        assert_eq!(
            straight.entry(&made.entry.key).await,
            Ok(None),
            "{kind} {case:?}"
        );
        let stored = store(&straight, &made).await;
        assert!(
            matches!(stored, Ok(Stored::New { .. })),
            "{kind} {case:?}: {stored:?}"
        );
    }
}

/// Holds cases, some at a time: a test is no load test.
async fn hold_all(kind: &'static str, port: u16, at_once: usize, cases: &[Case]) {
    let cases = cases.iter().enumerate();
    let held: Vec<BoxFuture<'_, ()>> = cases
        .map(|(number, case)| Box::pin(hold(kind, port, number, *case)) as _)
        .collect();
    let () = stream::iter(held).buffer_unordered(at_once).collect().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_with_faults_costs_seconds_and_nothing_else() {
    let server = Server::registry("");
    let manifests = ("GET", "/manifests/");
    let blobs = ("GET", "/blobs/");
    let heads = ("HEAD", "/blobs/");
    let opens = ("POST", "/uploads/");
    let uploads = ("PUT", "/uploads/");
    let tags = ("PUT", "/manifests/");
    hold_all(
        "oci",
        server.port,
        20,
        &[
            (Look, manifests, Status(500), ALWAYS, Unreachable),
            (Look, manifests, Status(500), 2, Good),
            (Look, manifests, Status(429), 2, Good),
            (Look, manifests, Status(403), ALWAYS, Refused),
            (Look, manifests, Silence, ALWAYS, Unreachable),
            (Look, manifests, CutAnswer(10), ALWAYS, Unreachable),
            (Look, manifests, CutAnswer(10), 1, Good),
            (Look, manifests, StallAnswer(10), ALWAYS, Unreachable),
            (Look, manifests, FlipAnswer, ALWAYS, Damaged),
            (Look, blobs, Status(500), ALWAYS, Unreachable),
            (Look, blobs, CutAnswer(10), ALWAYS, Unreachable),
            (Look, blobs, StallAnswer(0), ALWAYS, Unreachable),
            (Look, blobs, FlipAnswer, ALWAYS, Damaged),
            (Fetch, blobs, Status(500), ALWAYS, Unreachable),
            (Fetch, blobs, Status(503), 2, Good),
            (Fetch, blobs, Status(403), ALWAYS, Refused),
            (Fetch, blobs, Silence, ALWAYS, Unreachable),
            (Fetch, blobs, CutAnswer(500_000), ALWAYS, Unreachable),
            (Fetch, blobs, CutAnswer(500_000), 1, Good),
            (Fetch, blobs, StallAnswer(500_000), ALWAYS, Unreachable),
            (Fetch, blobs, FlipAnswer, ALWAYS, Damaged),
            (Store, manifests, Silence, ALWAYS, Unreachable),
            (Store, heads, Status(500), ALWAYS, Unreachable),
            (Store, heads, Silence, ALWAYS, Unreachable),
            (Store, opens, Status(403), ALWAYS, Refused),
            (Store, opens, Status(405), ALWAYS, Refused),
            (Store, opens, Status(500), 1, Good),
            (Store, uploads, Status(500), ALWAYS, Unreachable),
            (Store, uploads, Status(500), 1, Good),
            (Store, uploads, Status(507), ALWAYS, Refused),
            (Store, uploads, Status(403), ALWAYS, Refused),
            (Store, uploads, Silence, ALWAYS, Unreachable),
            (Store, uploads, CutRequest(300_000), ALWAYS, Unreachable),
            (Store, uploads, CutRequest(300_000), 1, Good),
            (Store, uploads, StallRequest(300_000), ALWAYS, Unreachable),
            (Store, uploads, FlipRequest, ALWAYS, Refused),
            (Store, tags, Status(507), ALWAYS, Refused),
            (Store, tags, Status(500), ALWAYS, Unreachable),
            (Store, tags, Silence, ALWAYS, Unreachable),
            (Store, tags, CutRequest(10), ALWAYS, Unreachable),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_store_with_faults_costs_seconds_and_nothing_else() {
    let server = Server::object_store();
    let entries = ("GET", "/entries/");
    let blobs = ("GET", "/blobs/");
    let heads = ("HEAD", "/blobs/");
    let uploads = ("PUT", "/blobs/");
    let documents = ("PUT", "/entries/");
    hold_all(
        "s3",
        server.port,
        6,
        &[
            (Look, entries, Status(500), ALWAYS, Unreachable),
            (Look, entries, Status(503), 2, Good),
            (Look, entries, Status(403), ALWAYS, Refused),
            (Look, entries, Silence, ALWAYS, Unreachable),
            (Look, entries, CutAnswer(10), ALWAYS, Unreachable),
            (Look, entries, StallAnswer(10), ALWAYS, Unreachable),
            (Look, entries, FlipAnswer, ALWAYS, Damaged),
            (Fetch, blobs, Status(500), ALWAYS, Unreachable),
            (Fetch, blobs, Status(403), ALWAYS, Refused),
            (Fetch, blobs, Silence, ALWAYS, Unreachable),
            (Fetch, blobs, CutAnswer(500_000), ALWAYS, Unreachable),
            (Fetch, blobs, CutAnswer(500_000), 1, Good),
            (Fetch, blobs, StallAnswer(500_000), ALWAYS, Unreachable),
            (Fetch, blobs, FlipAnswer, ALWAYS, Damaged),
            (Store, heads, Status(403), ALWAYS, Refused),
            (Store, uploads, Status(500), ALWAYS, Unreachable),
            (Store, uploads, Status(409), 1, Good),
            (Store, uploads, Status(507), ALWAYS, Refused),
            (Store, uploads, Status(403), ALWAYS, Refused),
            (Store, uploads, Silence, ALWAYS, Unreachable),
            (Store, uploads, CutRequest(300_000), ALWAYS, Unreachable),
            (Store, uploads, CutRequest(300_000), 1, Good),
            (Store, uploads, StallRequest(300_000), ALWAYS, Unreachable),
            (Store, documents, Status(507), ALWAYS, Refused),
            (Store, documents, CutRequest(10), ALWAYS, Unreachable),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable_at_once() {
    let made = Made::new("nobody", "one", &[b"bytes"]);
    // The first port answers by a refusal; the second address by nothing at all.
    for (url, seconds) in [
        ("oci://127.0.0.1:1/team/cache", 1.0),
        ("oci://192.0.2.1:5000/team/cache", 4.0),
        ("oci://no-such-host.invalid/team/cache", 8.0),
    ] {
        let remote = remote(&setting(url), &variables(&[]));
        let start = Instant::now();
        let error = remote.entry(&made.entry.key).await.unwrap_err();
        assert!(
            matches!(error, RemoteError::Unreachable(_)),
            "{url}: {error:?}"
        );
        assert!(start.elapsed().as_secs_f64() < seconds, "{url}");
    }
}
