//! An object store as a shared cache: documents under `entries/<key>`, bytes under
//! `blobs/<digest>`, both below a prefix of a bucket.
//!
//! Everything is written on the condition that nothing is there, so that of two writers at once
//! one wins and the other compares. The bucket stands in the path of each address, which every
//! store understands.

#![expect(clippy::disallowed_methods, reason = "signatures carry the time")]

mod sign;

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use http::{HeaderName, Method, StatusCode};
use hyper::body::Bytes;
use url::Url;

use self::sign::{Keys, Signing, escape, sha256, sign};
use super::compare::{self, Verdict};
use super::http::{Http, Payload, Problem, Reply, Request, Sink};
use super::{BlobPlaces, Remote, RemoteError, Stored};
use crate::digest::Digest;
use crate::entry::{Blob, Entry};
use crate::step::Key;

/// The most bytes of an answer to something that was sent.
const ANSWER: u64 = 64 << 10;

/// How many blobs travel at once.
const AT_ONCE: usize = 4;

/// A prefix of a bucket.
pub(super) struct Store {
    http: Http,
    keys: Option<Keys>,
    region: String,
    /// `https://s3.eu-west-1.amazonaws.com/bucket/prefix/`.
    base: Url,
    name: String,
    writes: bool,
}

/// Where a store is.
pub(super) struct Place<'a> {
    pub bucket: &'a str,
    pub prefix: &'a str,
    pub region: Option<&'a str>,
    pub endpoint: Option<&'a str>,
}

impl Store {
    /// Prepares for a bucket; nothing is asked yet. Without keys in the environment, requests are
    /// anonymous, which a bucket that anybody may read allows.
    pub(super) fn new(
        http: Http,
        variables: &BTreeMap<String, String>,
        place: &Place<'_>,
        writes: bool,
    ) -> Result<Self, String> {
        let set = |name: &str| {
            let value = variables.get(name).map(String::as_str);
            value.filter(|value| !value.is_empty())
        };
        let region = { place.region }
            .or_else(|| set("AWS_REGION"))
            .or_else(|| set("AWS_DEFAULT_REGION"))
            .unwrap_or("us-east-1");
        let endpoint = { place.endpoint }
            .or_else(|| set("AWS_ENDPOINT_URL_S3"))
            .or_else(|| set("AWS_ENDPOINT_URL"));
        let endpoint = match endpoint {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => format!("https://s3.{region}.amazonaws.com"),
        };
        let Place { bucket, prefix, .. } = place;
        let folder = format!("{bucket}/{prefix}");
        let folder = folder.trim_end_matches('/');
        let base = format!("{endpoint}/{}/", escape(folder));
        let keys = set("AWS_ACCESS_KEY_ID").zip(set("AWS_SECRET_ACCESS_KEY"));
        let session = set("AWS_SESSION_TOKEN").map(str::to_owned);
        let base = Url::parse(&base).map_err(|error| format!("{endpoint}: {error}"))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(format!("{endpoint} is neither http:// nor https://"));
        }
        Ok(Self {
            http,
            keys: keys.map(|(id, secret)| Keys {
                id: id.to_owned(),
                secret: secret.to_owned(),
                session,
            }),
            region: region.to_owned(),
            base,
            name: format!("s3://{folder}"),
            writes,
        })
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        payload: Payload,
        hash: &str,
    ) -> Result<Request, Problem> {
        let url = { self.base.join(path) }.map_err(|error| Problem::Answer(error.to_string()))?;
        let headers = match method == Method::PUT {
            true => vec![("if-none-match", "*".to_owned())],
            false => Vec::new(),
        };
        let headers = match &self.keys {
            Some(keys) => sign(
                keys,
                &Signing {
                    method: &method,
                    url: &url,
                    region: &self.region,
                    time: &now(),
                    payload: hash,
                    headers: &headers,
                },
            ),
            None => headers,
        };
        let request = Request::new(method, url).with(payload);
        let signed = headers.into_iter();
        Ok(signed.fold(request, |request, (name, value)| {
            request.header(HeaderName::from_static(name), &value)
        }))
    }

    async fn get(&self, path: &str, sink: Sink) -> Result<Reply, RemoteError> {
        let request = self.request(Method::GET, path, Payload::Empty, &sha256(b""))?;
        Ok(self.http.exchange(&request, &sink).await?)
    }

    /// Writes an object unless there is one; `false` where there is.
    async fn create(&self, path: &str, payload: Payload, hash: &str) -> Result<bool, RemoteError> {
        let request = self.request(Method::PUT, path, payload, hash)?;
        let reply = self.http.exchange(&request, &Sink::Memory(ANSWER)).await?;
        match reply.status {
            StatusCode::PRECONDITION_FAILED => Ok(false),
            status if status.is_success() => Ok(true),
            _ => Err(reply.rejection("the upload")),
        }
    }

    async fn document(&self, key: &Key) -> Result<Option<Vec<u8>>, RemoteError> {
        let path = format!("entries/{key}");
        let reply = self.get(&path, Sink::Memory(compare::LARGEST)).await?;
        match reply.status {
            StatusCode::NOT_FOUND if is_bucket_missing(&reply.body) => {
                Err(RemoteError::Refused("there is no such bucket".to_owned()))
            }
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(reply.body.into())),
            _ => Err(reply.refusal("the look-up of an entry")),
        }
    }

    async fn bring(&self, digest: &Digest, blob: &Blob, into: &Path) -> Result<(), RemoteError> {
        let sink = Sink::File(into.to_owned(), blob.size);
        let reply = self.get(&format!("blobs/{digest}"), sink).await?;
        match reply.status.is_success() {
            true => Ok(()),
            false => Err(reply.refusal("a blob")),
        }
    }

    /// Sends a blob unless it is there; returns how many bytes were sent.
    async fn send(
        &self,
        digest: Digest,
        blob: &Blob,
        places: &BlobPlaces,
    ) -> Result<u64, RemoteError> {
        let path = format!("blobs/{digest}");
        let look = self.request(Method::HEAD, &path, Payload::Empty, &sha256(b""))?;
        let there = self.http.exchange(&look, &Sink::Memory(0)).await?;
        match there.status {
            StatusCode::NOT_FOUND => {}
            status if status.is_success() => return Ok(0),
            _ => return Err(there.refusal("the look-up of a blob")),
        }
        let payload = Payload::File(places(&digest), blob.size);
        match self.create(&path, payload, &blob.sha256).await? {
            true => Ok(blob.size),
            false => Ok(0),
        }
    }

    async fn send_blobs(
        &self,
        entry: &Entry,
        digests: impl IntoIterator<Item = Digest>,
        places: &BlobPlaces,
    ) -> Result<u64, RemoteError> {
        let mut sending: Vec<BoxFuture<'_, _>> = Vec::new();
        for digest in digests {
            sending.push(Box::pin(self.send(digest, &entry.blobs[&digest], places)));
        }
        let sizes = stream::iter(sending).buffer_unordered(AT_ONCE);
        sizes.try_fold(0, async |sum, sent| Ok(sum + sent)).await
    }

    async fn put(&self, entry: &Entry, places: &BlobPlaces) -> Result<Stored, RemoteError> {
        if !self.writes {
            return Err(compare::read_only());
        }
        if let Some(theirs) = self.document(&entry.key).await? {
            return self.yielded(&theirs, entry, places).await;
        }
        let sent = self.send_blobs(entry, entry.all_blobs(), places).await?;
        let document = Bytes::from(entry.to_document());
        let (size, hash) = (document.len() as u64, sha256(&document));
        let path = format!("entries/{}", entry.key);
        if self.create(&path, Payload::Memory(document), &hash).await? {
            return Ok(Stored::New { sent: sent + size });
        }
        match self.document(&entry.key).await? {
            Some(theirs) => self.yielded(&theirs, entry, places).await,
            None => Err(RemoteError::Gone("the entry".to_owned())),
        }
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
        self.send_blobs(entry, mine, places).await?;
        Ok(Stored::Present)
    }
}

impl Remote for Store {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn entry<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Vec<u8>>, RemoteError>> {
        Box::pin(self.document(key))
    }

    fn fetch<'a>(
        &'a self,
        _: &'a Key,
        digest: &'a Digest,
        blob: &'a Blob,
        into: &'a Path,
    ) -> BoxFuture<'a, Result<(), RemoteError>> {
        Box::pin(self.bring(digest, blob, into))
    }

    fn store<'a>(
        &'a self,
        entry: &'a Entry,
        blobs: &'a BlobPlaces,
    ) -> BoxFuture<'a, Result<Stored, RemoteError>> {
        Box::pin(self.put(entry, blobs))
    }
}

fn is_bucket_missing(body: &[u8]) -> bool {
    String::from_utf8_lossy(body).contains("<Code>NoSuchBucket</Code>")
}

/// Writes the time as signatures have it: `20130524T000000Z`.
fn now() -> String {
    let now = std::time::SystemTime::now();
    let text = humantime::format_rfc3339_seconds(now).to_string();
    text.chars().filter(|c| !matches!(c, '-' | ':')).collect()
}
