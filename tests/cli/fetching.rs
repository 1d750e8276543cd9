//! Dependencies from an index that can be reached: fetched and compiled one by one, and never
//! believed.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use builder::engine::fake::file_of_index;

use crate::sandbox::Sandbox;

/// What the index does instead of giving a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It answers with this status.
    Status(u16),
    /// It closes the connection before the end.
    Cut,
    /// It begins, and then nothing more comes.
    Stall,
    /// It names another address.
    Redirect,
    /// It gives other bytes.
    Other,
}

/// What it does for which files, and which it was asked for.
#[derive(Default)]
struct Conduct {
    faults: BTreeMap<String, Fault>,
    asked: Vec<String>,
    /// A file that is given only once a folder of the cache has so many entries.
    late: Option<(String, PathBuf, usize)>,
}

/// An index on this machine.
struct Index {
    address: String,
    conduct: Arc<Mutex<Conduct>>,
}

impl Index {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let conduct = Arc::new(Mutex::new(Conduct::default()));
        let shared = Arc::clone(&conduct);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let conduct = Arc::clone(&shared);
                // A client that goes away in between is its own affair.
                thread::spawn(move || answer(stream?, &conduct));
            }
        });
        Self { address, conduct }
    }

    fn fault(&self, file: &str, fault: Fault) {
        let mut conduct = self.conduct.lock().unwrap();
        conduct.faults.insert(file.to_owned(), fault);
    }

    /// The files that it was asked for since the last time, in alphabetical order.
    fn asked(&self) -> Vec<String> {
        let mut asked = std::mem::take(&mut self.conduct.lock().unwrap().asked);
        asked.sort();
        asked
    }
}

fn answer(mut stream: TcpStream, conduct: &Mutex<Conduct>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().unwrap_or(Ok(String::new()))?;
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    while !lines.next().unwrap_or(Ok(String::new()))?.is_empty() {}
    let file = path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut conduct = conduct.lock().unwrap();
    conduct.asked.push(file.clone());
    // The address that a redirection leads to is as it should be.
    let fault = conduct.faults.get(&file).copied();
    let fault = fault.filter(|_| !path.starts_with("/elsewhere/"));
    let late = { conduct.late.clone() }.filter(|(name, ..)| *name == file);
    drop(conduct);
    if let Some((_, folder, entries)) = late {
        // As long as the client waits, and then it fails.
        let end = Instant::now() + Duration::from_secs(8);
        while entries_below(&folder) < entries && Instant::now() < end {
            thread::sleep(Duration::from_millis(5));
        }
    }
    let mut bytes = file_of_index(&file);
    let mut head = "200 OK".to_owned();
    match fault {
        Some(Fault::Status(status)) => head = format!("{status} As it likes"),
        Some(Fault::Redirect) => head = format!("302 Found\r\nlocation: /elsewhere/{file}"),
        Some(Fault::Other) => bytes[0] ^= 1,
        Some(Fault::Cut | Fault::Stall) | None => {}
    }
    let length = bytes.len();
    let head = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    match fault {
        Some(Fault::Cut) => stream.write_all(&bytes[..length / 2]),
        Some(Fault::Stall) => {
            stream.write_all(&bytes[..length / 2])?;
            // Until the client has enough of it.
            let mut rest = Vec::new();
            std::io::Read::read_to_end(&mut stream, &mut rest).map(|_| ())
        }
        _ => stream.write_all(&bytes),
    }
}

/// How many entries a local cache has.
fn entries_below(folder: &Path) -> usize {
    let folders = std::fs::read_dir(folder).into_iter().flatten();
    folders
        .filter_map(|folder| std::fs::read_dir(folder.ok()?.path()).ok())
        .map(Iterator::count)
        .sum()
}

const CFFI: &str = "cffi-1-py3-none-any.whl";

/// A project that requires cffi and attrs of an index.
fn sandbox() -> (Sandbox, Index) {
    let (sandbox, index) = (Sandbox::new(), Index::start());
    sandbox.write("project/requires.txt", "cffi\nattrs\n");
    sandbox.engine(|state| state.index = Some(index.address.clone()));
    (sandbox, index)
}

/// How many containers the dependencies had since the last time.
fn containers(sandbox: &Sandbox) -> usize {
    let mut calls = Vec::new();
    sandbox.engine(|state| calls = std::mem::take(&mut state.calls));
    { calls.iter() }
        .filter(|call| call.contains("run deb.dependencies"))
        .count()
}

fn wheels(sandbox: &Sandbox, workspace: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = format!("{workspace}/build/wheelhouse/deb");
    let names = sandbox.list(&folder).into_iter();
    names
        .map(|name| {
            let bytes = std::fs::read(sandbox.path(&format!("{folder}/{name}"))).unwrap();
            (name, bytes)
        })
        .collect()
}

/// Changes a byte of each kept download; returns how many there are.
fn damage(sandbox: &Sandbox) -> usize {
    let mut damaged = 0;
    for folder in sandbox.list("cache/v1/downloads") {
        for name in sandbox.list(&format!("cache/v1/downloads/{folder}")) {
            let path = sandbox.path(&format!("cache/v1/downloads/{folder}/{name}"));
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[3] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            damaged += 1;
        }
    }
    damaged
}

fn good(output: &str) {
    assert!(output.ends_with("[exit 0]"), "{output}");
}

#[test]
fn wheels_are_fetched_once_and_what_is_kept_of_them_is_not_believed() {
    let (sandbox, index) = sandbox();
    good(&sandbox.cached("apply --auto-approve", "one"));
    // Nothing but the resolution had a container.
    assert_eq!(containers(&sandbox), 1);
    assert_eq!(index.asked(), ["attrs-1-py3-none-any.whl", CFFI]);
    let made = wheels(&sandbox, "one");
    assert_eq!(made[CFFI], file_of_index(CFFI));

    let again = "apply --auto-approve --replace deb.dependencies --verbose";
    let output = sandbox.cached(again, "one");
    good(&output);
    assert!(output.contains(&format!("kept: {CFFI}")), "{output}");
    assert!(index.asked().is_empty());

    assert_eq!(damage(&sandbox), 2);
    let output = sandbox.exactly("cache verify --cache-dir cache");
    assert!(output.contains("its bytes changed"), "{output}");
    let output = sandbox.cached(again, "one");
    good(&output);
    assert!(output.contains(&format!("fetched: {CFFI}")), "{output}");
    assert_eq!(index.asked().len(), 2);
    assert_eq!(wheels(&sandbox, "one"), made);

    // Without any cache the same comes out.
    good(&sandbox.run("apply --auto-approve"));
    assert_eq!(wheels(&sandbox, "workspace"), made);
}

#[test]
fn a_download_that_was_damaged_is_fetched_again() {
    let (sandbox, index) = sandbox();
    good(&sandbox.cached("apply --auto-approve", "one"));
    let made = wheels(&sandbox, "one");
    index.asked();
    assert_eq!(damage(&sandbox), 2);
    good(&sandbox.cached("apply --auto-approve --replace deb.dependencies", "one"));
    assert_eq!(index.asked().len(), 2);
    assert_eq!(wheels(&sandbox, "one"), made);
}

#[test]
fn what_cannot_be_fetched_is_left_to_pip() {
    let faults = [
        Fault::Status(404),
        Fault::Status(403),
        Fault::Status(500),
        Fault::Cut,
        Fault::Stall,
    ];
    thread::scope(|scope| {
        for fault in faults {
            scope.spawn(move || {
                let (sandbox, index) = sandbox();
                index.fault(CFFI, fault);
                let output = sandbox.run("apply --auto-approve --verbose");
                good(&output);
                let left = format!("left to pip: {CFFI}: ");
                assert!(output.contains(&left), "{fault:?}: {output}");
                assert_eq!(containers(&sandbox), 2, "{fault:?}");
                assert_eq!(wheels(&sandbox, "workspace")[CFFI], file_of_index(CFFI));
            });
        }
    });
}

#[test]
fn a_redirection_is_followed() {
    let (sandbox, index) = sandbox();
    index.fault(CFFI, Fault::Redirect);
    good(&sandbox.run("apply --auto-approve"));
    assert_eq!(index.asked(), ["attrs-1-py3-none-any.whl", CFFI, CFFI]);
    assert_eq!(containers(&sandbox), 1);
}

#[test]
fn a_file_with_other_bytes_than_were_resolved_fails_the_step_and_is_not_kept() {
    let (sandbox, index) = sandbox();
    index.fault(CFFI, Fault::Other);
    let output = sandbox.cached("apply --auto-approve", "one");
    let words = "the file of cffi has another hash than its index says";
    assert!(output.contains(words), "{output}");
    assert!(output.ends_with("[exit 1]"), "{output}");
    let kept = match sandbox.has("cache/v1/downloads") {
        true => sandbox.list("cache/v1/downloads"),
        false => Vec::new(),
    };
    let kept = kept.into_iter();
    let kept = kept.flat_map(|folder| sandbox.list(&format!("cache/v1/downloads/{folder}")));
    assert!(kept.count() <= 1, "the wheel of attrs alone may be there");
}

#[test]
fn each_source_distribution_has_a_container_and_only_a_new_one_is_compiled() {
    let (sandbox, index) = sandbox();
    let sources = ["attrs", "cffi", "six"].map(str::to_owned);
    sandbox.engine(|state| state.sources = sources.into());
    good(&sandbox.run("apply --auto-approve"));
    assert_eq!(containers(&sandbox), 3);
    assert_eq!(index.asked(), ["attrs-1.tar.gz", "cffi-1.tar.gz"]);
    let before = wheels(&sandbox, "workspace");

    sandbox.write("project/requires.txt", "cffi\nattrs\nsix\n");
    let output = sandbox.run("apply --auto-approve --verbose");
    good(&output);
    let words = format!("as it was: {CFFI}, built from cffi-1.tar.gz");
    assert!(output.contains(&words), "{output}");
    assert_eq!(containers(&sandbox), 2);
    assert_eq!(index.asked(), ["six-1.tar.gz"]);

    // Somebody changed a wheel: it is not taken for what was built.
    sandbox.write(&format!("workspace/build/wheelhouse/deb/{CFFI}"), "other");
    good(&sandbox.run("apply --auto-approve"));
    assert_eq!(index.asked(), ["cffi-1.tar.gz"]);
    assert_eq!(wheels(&sandbox, "workspace")[CFFI], before[CFFI]);
}

#[test]
fn what_was_compiled_before_another_failed_is_not_compiled_again() {
    let (sandbox, index) = sandbox();
    sandbox.engine(|state| {
        state.sources = ["attrs", "cffi"].map(str::to_owned).into();
        state.broken = ["cffi".to_owned()].into();
    });
    // Those of the base, the dockerfile, the image and the project's wheel, the resolution, and attrs.
    let entries = sandbox.path("cache/v1/entries");
    index.conduct.lock().unwrap().late = Some(("cffi-1.tar.gz".to_owned(), entries, 6));
    let output = sandbox.cached("apply --auto-approve --jobs 1", "one");
    assert!(output.contains("cffi 1 could not be built"), "{output}");
    assert!(output.ends_with("[exit 1]"), "{output}");
    assert_eq!(containers(&sandbox), 3);
    index.asked();

    sandbox.engine(|state| state.broken.clear());
    let output = sandbox.cached("apply --auto-approve --verbose", "one");
    good(&output);
    assert!(
        output.contains("from the local cache: attrs-1-py3-none-any.whl"),
        "{output}"
    );
    // The resolution is known, and so is the wheel of attrs.
    assert_eq!(containers(&sandbox), 1);
}
