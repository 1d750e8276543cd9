//! An index on a server of the test's own, whose pages and files can be changed while it serves.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::index::Index;
use crate::site::docker;

/// A server, as containers reach it.
pub struct Served {
    /// Its host, which pip has to be told to trust.
    pub host: String,
    /// Its address, without a path.
    pub address: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Files by name, with the distribution that each is of.
    files: BTreeMap<String, (String, Vec<u8>)>,
    /// Whether pages are answered with an error.
    without_pages: bool,
    /// The paths that were asked for.
    asked: Vec<String>,
}

impl Served {
    /// Serves an index until the test ends.
    pub fn new(index: &Index) -> Self {
        let gateway = docker(&[
            "network",
            "inspect",
            "bridge",
            "--format",
            "{{(index .IPAM.Config 0).Gateway}}",
        ]);
        let host = gateway.trim().to_owned();
        let listener = TcpListener::bind((host.as_str(), 0)).expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let served = Self {
            address: format!("http://{host}:{port}"),
            host,
            state: Arc::default(),
        };
        served.add(index);
        let state = Arc::clone(&served.state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                std::thread::spawn(move || answer(stream, &state));
            }
        });
        served
    }

    /// Adds what another index has.
    pub fn add(&self, index: &Index) {
        let mut state = self.state.lock().expect("no holder panics");
        for (distribution, name, bytes) in index.all() {
            let entry = (distribution.to_owned(), bytes.to_vec());
            state.files.insert(name.to_owned(), entry);
        }
    }

    /// From now on pages are answered with an error, and files as before.
    pub fn lose_pages(&self) {
        self.state.lock().expect("no holder panics").without_pages = true;
    }

    /// Changes one byte of a file; a second call changes it back.
    pub fn flip(&self, file: &str) {
        let mut state = self.state.lock().expect("no holder panics");
        let (_, bytes) = state.files.get_mut(file).expect("the file is served");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    }

    /// Returns the paths that were asked for since the last call.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().expect("no holder panics").asked)
    }
}

fn answer(stream: TcpStream, state: &Mutex<State>) {
    let mut lines = BufReader::new(&stream).lines();
    let request = lines.next().and_then(Result::ok).unwrap_or_default();
    // The rest of the request says nothing that matters here.
    while lines
        .next()
        .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
    {}
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut state = state.lock().expect("no holder panics");
    state.asked.push(path.clone());
    let (status, kind, body) = match path.strip_prefix("/simple/") {
        Some(_) if state.without_pages => ("500 Out", "text/plain", Vec::new()),
        Some(distribution) => {
            let distribution = distribution.trim_end_matches('/');
            let files = state.files.iter();
            let links: String = files
                .filter(|(_, (of, _))| of == distribution)
                .map(|(name, _)| format!("<a href=\"/files/{name}\">{name}</a>\n"))
                .collect();
            match links.is_empty() {
                true => ("404 Nothing", "text/plain", Vec::new()),
                false => (
                    "200 OK",
                    "text/html",
                    format!("<!DOCTYPE html>\n{links}").into_bytes(),
                ),
            }
        }
        None => {
            let file = path
                .strip_prefix("/files/")
                .and_then(|name| state.files.get(name));
            match file {
                Some((_, bytes)) => ("200 OK", "application/octet-stream", bytes.clone()),
                None => ("404 Nothing", "text/plain", Vec::new()),
            }
        }
    };
    drop(state);
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // A client that has gone away is none of the server's business.
    let _ = (&stream).write_all(head.as_bytes());
    let _ = (&stream).write_all(&body);
}
