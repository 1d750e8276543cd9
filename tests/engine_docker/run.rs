//! Container runs.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use builder::engine::{Engine, EngineError, RunOutcome, Secret};

use super::{IMAGE, Member, Site, archive, download};

const DONE: RunOutcome = RunOutcome {
    status: 0,
    out_of_memory: false,
};

#[tokio::test]
async fn files_go_in_and_come_out_as_they_are() {
    let site = Site::new().await;
    let out = tempfile::tempdir().unwrap();
    let long = format!("src/{}/{}", "d".repeat(120), "f".repeat(90));
    let mut request = site.script(
        "test -x /src/tool; test ! -x /src/data; test \"$(readlink /src/link)\" = data
         mkdir -p /out/sub; cp -a /src/. /out/sub/; cat /second/file > /out/second; echo done",
    );
    request.uploads = vec![
        archive(&[
            Member::File("src/tool", b"#!/bin/sh\n", 0o755),
            Member::File("src/data", b"\0\xff data", 0o644),
            Member::Link("src/link", "data"),
            Member::File(&long, b"far down", 0o644),
        ]),
        archive(&[Member::File("second/file", b"two", 0o644)]),
    ];
    request.downloads = vec![download("/out", out.path())];

    let outcome = site.engine.run(request, &site.call()).await.unwrap();

    assert_eq!(outcome, DONE, "{:?}", site.lines());
    assert_eq!(site.lines(), ["done"]);
    let sub = out.path().join("sub");
    assert_eq!(fs::read(sub.join("data")).unwrap(), b"\0\xff data");
    assert_eq!(
        fs::read_link(sub.join("link")).unwrap().to_str(),
        Some("data")
    );
    assert_eq!(fs::read(out.path().join("second")).unwrap(), b"two");
    let copied = sub.join(long.strip_prefix("src/").unwrap());
    assert_eq!(fs::read(copied).unwrap(), b"far down");
    let mode = fs::metadata(sub.join("tool")).unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0o111);
    assert!(site.containers().await.is_empty());
}

#[tokio::test]
async fn a_failing_command_is_an_outcome_and_brings_nothing_out() {
    let site = Site::new().await;
    let out = tempfile::tempdir().unwrap();
    let mut request = site.script("mkdir /out; touch /out/file; echo no >&2; exit 7");
    request.downloads = vec![download("/out", out.path())];

    let outcome = site.engine.run(request, &site.call()).await.unwrap();

    assert_eq!((outcome.status, outcome.out_of_memory), (7, false));
    assert_eq!(site.lines(), ["no"]);
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
    assert!(site.containers().await.is_empty());
}

#[tokio::test]
async fn lines_are_whole_plain_and_without_secrets() {
    let site = Site::new().await;
    let mut request = site.script(
        "pwd; echo \"$GREETING\"
         printf 'he'; sleep 0.3; printf 'llo\\n'
         printf '10%%\\r50%%\\r100%%\\n'
         printf '\\033[31mred\\033[0m\\n'
         printf 'the token is %s\\n' \"$TOKEN\"
         printf 'user:%s' \"$TOKEN\" | base64
         head -c 300000 /dev/zero | tr '\\0' x; echo
         printf 'last without end'",
    );
    request.workdir = "/usr/share".to_owned();
    request.env = [("GREETING".to_owned(), "a b 'c'".to_owned())].into();
    request.secrets = [("TOKEN".to_owned(), Secret("s3cr3t/value".to_owned()))].into();

    let outcome = site.engine.run(request, &site.call()).await.unwrap();

    assert_eq!(outcome, DONE);
    let lines = site.lines();
    let start = [
        "/usr/share",
        "a b 'c'",
        "hello",
        "100%",
        "red",
        "the token is ***",
    ];
    assert_eq!(lines[..6], start);
    assert!(lines[6].contains("***"), "{}", lines[6]);
    assert!(lines[7].len() < 20_000 && lines[7].starts_with("xxx"));
    assert_eq!(lines[8], "last without end");
    assert_eq!(lines.len(), 9);
}

#[tokio::test]
async fn many_lines_all_arrive() {
    let site = Site::new().await;
    let request = site.script("seq 1 100000");
    assert_eq!(site.engine.run(request, &site.call()).await.unwrap(), DONE);
    let lines = site.lines();
    assert_eq!(lines.len(), 100_000);
    assert_eq!(lines.last().map(String::as_str), Some("100000"));
}

#[tokio::test]
async fn a_cancelled_run_leaves_no_container() {
    let site = Site::new().await;
    // The sleep is a child of the shell: both must go.
    let request = site.script("echo started; sleep 300; echo over");
    let call = site.call();
    let run = site.engine.run(request, &call);
    let stop = async {
        site.line("started").await;
        assert_eq!(site.containers().await.len(), 1);
        site.cancel.cancel();
        Instant::now()
    };
    let (result, cancelled) = tokio::join!(run, stop);
    assert!(
        matches!(result, Err(EngineError::Interrupted)),
        "{result:?}"
    );
    assert!(
        cancelled.elapsed() < Duration::from_secs(5),
        "{:?}",
        cancelled.elapsed()
    );
    assert!(site.containers().await.is_empty());

    let again = site.engine.run(site.script("true"), &call).await;
    assert!(matches!(again, Err(EngineError::Interrupted)), "{again:?}");
}

#[tokio::test]
async fn an_aborted_run_leaves_no_container_once_the_engine_has_settled() {
    let site = Site::new().await;
    let call = site.call();
    {
        let run = site
            .engine
            .run(site.script("echo started; sleep 300"), &call);
        tokio::select! {
            _ = run => panic!("the run ended"),
            () = site.line("started") => {}
        }
    }
    site.engine.settle().await;
    assert!(site.containers().await.is_empty());
}

#[tokio::test]
async fn a_run_that_cannot_be_begins_with_its_reason() {
    let site = Site::new().await;
    let mut missing = site.script("true");
    missing.image = "builder-test-no-such-image".to_owned();
    let error = site
        .engine
        .run(missing, &site.call())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("create a container from builder-test-no-such-image"),
        "{error}"
    );

    let mut request = site.script("true");
    request.uploads = vec![Box::new(|_| {
        Err(std::io::Error::other("the file went away"))
    })];
    let error = site.engine.run(request, &site.call()).await.unwrap_err();
    assert!(
        matches!(&error, EngineError::Files { cause, .. } if cause.contains("went away")),
        "{error}"
    );

    let out = tempfile::tempdir().unwrap();
    let mut request = site.script("true");
    request.downloads = vec![download("/no/such/directory", out.path())];
    let error = site
        .engine
        .run(request, &site.call())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("bring /no/such/directory out"), "{error}");
    assert!(site.containers().await.is_empty());
}

#[tokio::test]
async fn a_program_that_is_not_there_ends_as_a_shell_would_say() {
    let site = Site::new().await;
    let mut request = site.script("true");
    request.command = vec!["/no/such/program".to_owned()];
    let outcome = site.engine.run(request, &site.call()).await.unwrap();
    assert_eq!(outcome.status, 127);
    let lines = site.lines();
    assert!(
        lines.iter().any(|line| line.contains("/no/such/program")),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_sweep_removes_what_a_crash_left_and_nothing_else() {
    let site = Site::new().await;
    let other = Site::new().await;
    let (call, other_call) = (site.call(), other.call());
    let mut mine = Box::pin(site.engine.run(site.script("echo up; sleep 300"), &call));
    let mut theirs = Box::pin(
        other
            .engine
            .run(other.script("echo up; sleep 300"), &other_call),
    );
    tokio::select! {
        _ = &mut mine => panic!("the run ended"),
        _ = &mut theirs => panic!("the run ended"),
        () = async { site.line("up").await; other.line("up").await } => {}
    }
    assert_eq!(site.engine.sweep(&site.labels()).await.unwrap(), 1);
    assert!(site.containers().await.is_empty());
    assert_eq!(other.containers().await.len(), 1);
    assert_eq!(site.engine.sweep(&site.labels()).await.unwrap(), 0);
    // The run whose container is swept away ends too, as killed or as lost.
    let ended = tokio::time::timeout(Duration::from_secs(10), mine).await;
    assert!(ended.is_ok());
    other.cancel.cancel();
    let _ = theirs.await;
}

#[tokio::test]
async fn an_image_is_found_by_name_and_by_id() {
    let site = Site::new().await;
    let image = site.engine.image(IMAGE).await.unwrap().unwrap();
    assert!(image.id.starts_with("sha256:"));
    assert_eq!(site.engine.image(&image.id).await.unwrap(), Some(image));
    assert_eq!(
        site.engine
            .image("builder-test-no-such-image")
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn of_few_and_of_many_images_the_engine_says_which_it_has() {
    let site = Site::new().await;
    let there = site.engine.image(IMAGE).await.unwrap().unwrap().id;
    for absent in [0, 2, 40] {
        let gone = (0..absent).map(|number| format!("sha256:{number:064x}"));
        let asked: BTreeSet<String> = gone.chain([there.clone()]).collect();
        let present = site.engine.present(&asked).await.unwrap();
        assert_eq!(present, BTreeSet::from([there.clone()]), "{absent} absent");
    }
}
