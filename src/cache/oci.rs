//! A registry as a shared cache: entries are artifacts under the tags `k-<key>`, and the images of
//! entries are images under `image-<key>`.
//!
//! A tag is never overwritten while what it names can be read: a registry may answer its readers
//! by an error while a tag is rewritten. A registry has no conditional write, so two writers at
//! once may both write; either entry is whole.

mod base;
mod login;
mod manifest;

use std::path::Path;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use hyper::body::Bytes;
use url::Url;

pub(super) use self::base::image_id;
use self::login::Gate;
use self::manifest::{EMPTY, MANIFEST, Manifest, sha256};
use super::compare::{self, Verdict};
use super::http::{Http, Payload, Problem, Reply, Request, Sink};
use super::{BlobPlaces, Remote, RemoteError, Stored};
use crate::digest::Digest;
use crate::engine::docker::Environment;
use crate::entry::{Blob, Entry};
use crate::step::Key;

/// The most bytes of a manifest; registries refuse larger ones.
const LARGEST_MANIFEST: u64 = 8 << 20;

/// The most bytes of an answer to something that was sent.
const ANSWER: u64 = 64 << 10;

/// How many blobs travel at once.
const AT_ONCE: usize = 4;

/// A repository of a registry.
pub(super) struct Registry {
    http: Http,
    gate: Gate,
    /// `https://registry.example/v2/team/cache/`.
    base: Url,
    name: String,
    writes: bool,
}

/// What stands under the tag of a key.
enum Found {
    Nothing,
    /// A manifest whose document is gone: it can be read no more.
    Ruin,
    Document(Bytes),
}

impl Registry {
    /// Prepares for a repository; nothing is asked yet.
    pub(super) fn new(
        http: Http,
        environment: Environment,
        registry: &str,
        repository: &str,
        plain: bool,
        writes: bool,
    ) -> Result<Self, String> {
        // The registry of docker's own images answers under another name than it is known by.
        let host = match registry {
            "docker.io" | "index.docker.io" => "registry-1.docker.io",
            other => other,
        };
        let scheme = if plain { "http" } else { "https" };
        let base = format!("{scheme}://{host}/v2/{repository}/");
        Ok(Self {
            http,
            gate: Gate::new(environment, registry, repository, writes),
            base: Url::parse(&base).map_err(|error| format!("{base}: {error}"))?,
            name: format!("registry {registry}/{repository}"),
            writes,
        })
    }

    fn url(&self, path: &str) -> Result<Url, Problem> {
        { self.base.join(path) }.map_err(|error| Problem::Answer(error.to_string()))
    }

    fn blob(&self, method: Method, name: &str) -> Result<Request, Problem> {
        Ok(Request::new(method, self.url(&format!("blobs/{name}"))?).following())
    }

    fn manifest(&self, method: Method, tag: &str) -> Result<Request, Problem> {
        let request = Request::new(method, self.url(&format!("manifests/{tag}"))?);
        Ok(request.following().header(ACCEPT, MANIFEST))
    }

    /// Asks with the credentials that the registry wants, and again where that may help.
    async fn ask(&self, request: Request, sink: Sink) -> Result<Reply, Problem> {
        self.asked(request, &sink, true).await
    }

    async fn asked(&self, request: Request, sink: &Sink, again: bool) -> Result<Reply, Problem> {
        let mut challenged = false;
        loop {
            let (number, header) = self.gate.header().await;
            // An upload may lead to a host that has no business with the credentials.
            let header = header.filter(|_| request.url.origin() == self.base.origin());
            let request = match header {
                Some(header) => request.clone().header(AUTHORIZATION, &header),
                None => request.clone(),
            };
            let reply = match again {
                true => self.http.exchange(&request, sink).await?,
                false => self.http.once(&request, sink).await?,
            };
            if reply.status != StatusCode::UNAUTHORIZED || challenged {
                return Ok(reply);
            }
            challenged = true;
            let challenges = reply.headers.get_all(WWW_AUTHENTICATE).iter();
            let challenges: Vec<&str> = challenges
                .filter_map(|challenge| challenge.to_str().ok())
                .collect();
            let secure = self.base.scheme() == "https";
            let answered = self.gate.answer(&self.http, &challenges, secure, number);
            answered.await?;
        }
    }

    async fn find(&self, key: &Key) -> Result<Found, RemoteError> {
        let request = self.manifest(Method::GET, &format!("k-{key}"))?;
        let reply = self.ask(request, Sink::Memory(LARGEST_MANIFEST)).await?;
        match reply.status {
            StatusCode::NOT_FOUND => return Ok(Found::Nothing),
            status if status.is_success() => {}
            _ => return Err(reply.refusal("the look-up of an entry")),
        }
        // What is no manifest is handed on: it is no entry either, and whoever reads it says so.
        let Ok(manifest) = serde_json::from_slice::<Manifest>(&reply.body) else {
            return Ok(Found::Document(reply.body));
        };
        if !is_name(&manifest.config.digest) {
            return Ok(Found::Document(reply.body));
        }
        let request = self.blob(Method::GET, &manifest.config.digest)?;
        let reply = self.ask(request, Sink::Memory(compare::LARGEST)).await?;
        match reply.status {
            StatusCode::NOT_FOUND => Ok(Found::Ruin),
            status if status.is_success() => Ok(Found::Document(reply.body)),
            _ => Err(reply.refusal("the reading of an entry")),
        }
    }

    /// Tells whether something is there.
    async fn has(&self, request: Request, what: &str) -> Result<bool, RemoteError> {
        let reply = self.ask(request, Sink::Memory(0)).await?;
        match reply.status {
            StatusCode::NOT_FOUND => Ok(false),
            status if status.is_success() => Ok(true),
            _ => Err(reply.refusal(what)),
        }
    }

    /// Sends a blob unless it is there; returns how many bytes were sent.
    async fn send(&self, name: String, payload: Payload, look: bool) -> Result<u64, RemoteError> {
        let there = self.blob(Method::HEAD, &name)?;
        if look && self.has(there, "the look-up of a blob").await? {
            return Ok(0);
        }
        let mut tries = self.http.tries();
        loop {
            // An upload that broke off is begun anew: what the registry has of it is unknown.
            let result = self.upload(&name, &payload).await;
            if tries.again(&result).await {
                continue;
            }
            let reply = result?;
            return match reply.status.is_success() {
                true => Ok(payload.size()),
                false => Err(reply.rejection("the upload of a blob")),
            };
        }
    }

    /// Uploads a blob: a session is opened, and closed with all the bytes.
    async fn upload(&self, name: &str, payload: &Payload) -> Result<Reply, Problem> {
        let sink = Sink::Memory(ANSWER);
        let open = Request::new(Method::POST, self.url("blobs/uploads/")?);
        let opened = self.asked(open, &sink, false).await?;
        if !opened.status.is_success() {
            return Ok(opened);
        }
        let session = { opened.header(&LOCATION) }.and_then(|text| self.base.join(text).ok());
        let Some(mut session) = session else {
            let cause = "it opens an upload and does not say where";
            return Err(Problem::Answer(cause.to_owned()));
        };
        if self.base.scheme() == "https" && session.scheme() != "https" {
            let cause = format!("it wants an upload without TLS, to {session}");
            return Err(Problem::Answer(cause));
        }
        session.query_pairs_mut().append_pair("digest", name);
        let close = Request::new(Method::PUT, session)
            .header(CONTENT_TYPE, "application/octet-stream")
            .with(payload.clone());
        self.asked(close, &sink, false).await
    }

    /// Sends blobs of an entry, some at a time; returns how many bytes were sent.
    async fn send_blobs(
        &self,
        entry: &Entry,
        digests: impl IntoIterator<Item = Digest>,
        places: &BlobPlaces,
        look: bool,
    ) -> Result<u64, RemoteError> {
        let mut sending: Vec<BoxFuture<'_, _>> = Vec::new();
        for digest in digests {
            let blob = &entry.blobs[&digest];
            let payload = Payload::File(places(&digest), blob.size);
            sending.push(Box::pin(self.send(name(blob)?, payload, look)));
        }
        let sizes = stream::iter(sending).buffer_unordered(AT_ONCE);
        sizes.try_fold(0, async |sum, sent| Ok(sum + sent)).await
    }

    /// Sends all that an entry's manifests name.
    async fn send_all(
        &self,
        entry: &Entry,
        document: &Bytes,
        places: &BlobPlaces,
        look: bool,
    ) -> Result<u64, RemoteError> {
        let digests = entry.all_blobs();
        if digests.is_empty() {
            let empty = Payload::Memory(Bytes::from_static(EMPTY));
            self.send(sha256(EMPTY), empty, look).await?;
        }
        let blobs = self.send_blobs(entry, digests, places, look).await?;
        let payload = Payload::Memory(document.clone());
        Ok(blobs + self.send(sha256(document), payload, look).await?)
    }

    /// Puts a manifest under a tag; `false` where the registry lacks what the manifest names.
    async fn tag(&self, tag: &str, manifest: &Manifest) -> Result<bool, RemoteError> {
        let request = self.manifest(Method::PUT, tag)?;
        let request = request
            .header(CONTENT_TYPE, MANIFEST)
            .with(Payload::Memory(manifest.to_bytes()));
        let reply = self.ask(request, Sink::Memory(ANSWER)).await?;
        match reply.status {
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND => Ok(false),
            status if status.is_success() => Ok(true),
            _ => Err(reply.rejection("the upload of a manifest")),
        }
    }

    async fn put(&self, entry: &Entry, places: &BlobPlaces) -> Result<Stored, RemoteError> {
        if !self.writes {
            return Err(compare::read_only());
        }
        let document = Bytes::from(entry.to_document());
        let found = self.find(&entry.key).await?;
        if let Found::Document(theirs) = found {
            return self.yielded(&theirs, entry, places).await;
        }
        let mut sent = self.send_all(entry, &document, places, true).await?;
        // Somebody may have been quicker while the bytes went; who finds a ruin has brought it back
        // to life by sending the same document.
        if matches!(found, Found::Nothing)
            && let Found::Document(theirs) = self.find(&entry.key).await?
        {
            return self.yielded(&theirs, entry, places).await;
        }
        if !self.tag_both(entry, &document).await? {
            // A registry may remember blobs that its garbage collection took; to send them mends it.
            sent += self.send_all(entry, &document, places, false).await?;
            if !self.tag_both(entry, &document).await? {
                let cause = "it has all blobs and takes no manifest of them";
                return Err(RemoteError::Refused(cause.to_owned()));
            }
        }
        Ok(Stored::New { sent })
    }

    /// Puts the image's manifest and then the entry's under their tags.
    async fn tag_both(&self, entry: &Entry, document: &[u8]) -> Result<bool, RemoteError> {
        if let Some(image) = &entry.image {
            let tag = format!("image-{}", entry.key);
            let there = self.manifest(Method::HEAD, &tag)?;
            if !self.has(there, "the look-up of an image").await?
                && !self.tag(&tag, &Manifest::of_image(entry, image)).await?
            {
                return Ok(false);
            }
        }
        let tag = format!("k-{}", entry.key);
        self.tag(&tag, &Manifest::of_entry(entry, document)).await
    }

    /// Compares with the entry that is there; what it has lost of its blobs is sent.
    async fn yielded(
        &self,
        theirs: &[u8],
        entry: &Entry,
        places: &BlobPlaces,
    ) -> Result<Stored, RemoteError> {
        let theirs = match compare::judge(theirs, entry)? {
            Verdict::Same(theirs) => theirs,
            Verdict::Different => return Ok(Stored::Different),
        };
        let known = theirs.all_blobs().into_iter();
        let mine = known.filter(|digest| entry.blobs.contains_key(digest));
        self.send_blobs(entry, mine, places, true).await?;
        Ok(Stored::Present)
    }

    async fn document(&self, key: &Key) -> Result<Option<Vec<u8>>, RemoteError> {
        Ok(match self.find(key).await? {
            Found::Document(document) => Some(document.into()),
            Found::Nothing | Found::Ruin => None,
        })
    }

    async fn bring(&self, blob: &Blob, into: &Path) -> Result<(), RemoteError> {
        let request = self.blob(Method::GET, &name(blob)?)?;
        let sink = Sink::File(into.to_owned(), blob.size);
        let reply = self.ask(request, sink).await?;
        match reply.status.is_success() {
            true => Ok(()),
            false => Err(reply.refusal("a blob")),
        }
    }
}

impl Remote for Registry {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn entry<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Vec<u8>>, RemoteError>> {
        Box::pin(self.document(key))
    }

    fn fetch<'a>(
        &'a self,
        _: &'a Key,
        _: &'a Digest,
        blob: &'a Blob,
        into: &'a Path,
    ) -> BoxFuture<'a, Result<(), RemoteError>> {
        Box::pin(self.bring(blob, into))
    }

    fn store<'a>(
        &'a self,
        entry: &'a Entry,
        blobs: &'a BlobPlaces,
    ) -> BoxFuture<'a, Result<Stored, RemoteError>> {
        Box::pin(self.put(entry, blobs))
    }
}

/// Names a blob as the registry does; a document may hold anything, and this enters an address.
fn name(blob: &Blob) -> Result<String, RemoteError> {
    let name = format!("sha256:{}", blob.sha256);
    match is_name(&name) {
        true => Ok(name),
        false => Err(RemoteError::Gone("a blob without a SHA-256".to_owned())),
    }
}

fn is_name(name: &str) -> bool {
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let digits = name.strip_prefix("sha256:").unwrap_or_default();
    digits.len() == 64 && digits.bytes().all(digit)
}
