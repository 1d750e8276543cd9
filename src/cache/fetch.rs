//! Fetching files of indexes from their addresses, and never believing what comes.
#![expect(
    clippy::disallowed_methods,
    reason = "what comes waits in a file until it is known to be what was wanted"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use http::header::AUTHORIZATION;
use url::Url;

use crate::cache::downloads::{FileHash, has_hash};
use crate::cache::http::{Http, Patience, Request, Sink};
use crate::cache::{CacheError, Local};
use crate::lock::File;

/// The most bytes that a file of an index may have.
const LARGEST: u64 = 16 << 30;

/// Why a file was not fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotFetched {
    /// Its bytes are others than were asked for.
    Other,
    /// It is not to be had this way; pip may know another.
    Unfit(String),
    /// A file of this machine could not be read or written.
    Disk(CacheError),
}

/// Where a file came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// It was kept here.
    Kept,
    /// It was fetched.
    Fetched,
}

/// A client for the files of indexes.
pub struct Fetcher {
    http: Http,
    /// Why it fetches nothing, where it cannot.
    off: Option<String>,
    /// Addresses with credentials for what is below their host.
    known: Vec<Url>,
}

impl Fetcher {
    /// Makes a client that trusts the system's authorities and those of a bundle, and knows the
    /// credentials in the addresses of indexes. It speaks to no proxy.
    pub fn new(bundle: &[u8], proxies: &BTreeMap<String, String>, indexes: &[&str]) -> Self {
        let proxied = { proxies.keys() }.find(|name| !name.eq_ignore_ascii_case("no_proxy"));
        let known = indexes.iter().filter_map(|url| Url::parse(url).ok());
        Self {
            http: Http::new(Patience::default(), Vec::new()).trusting(bundle),
            off: proxied.map(|name| format!("{name} names a proxy, which pip speaks to")),
            known: known.filter(|url| !url.username().is_empty()).collect(),
        }
    }

    /// Brings a file: a copy of what is kept, or from its address, and then it is kept. Its bytes
    /// have its hashes, or it is not brought.
    pub async fn fetch(
        &self,
        local: Option<&Local>,
        file: &File,
        into: &Path,
    ) -> Result<Came, NotFetched> {
        let Some(hash) = FileHash::first(&file.hashes) else {
            return Err(NotFetched::Unfit("it has no hash to go by".to_owned()));
        };
        if let Some(local) = local.cloned() {
            let (hash, into) = (hash.clone(), into.to_owned());
            if blocking(move || local.download_out(&hash, &into)).await? {
                return Ok(Came::Kept);
            }
        }
        let request = self.request(&file.url)?;
        // Beside its place, on the same disk, under a name that nobody looks for.
        let (_folder, aside) = match local {
            Some(local) => {
                let folder = local.begin_fetch().map_err(NotFetched::Disk)?;
                let aside = folder.path().join("file");
                (Some(folder), aside)
            }
            None => (None, with_suffix(into, ".part")),
        };
        let sink = Sink::File(aside.clone(), LARGEST);
        let reply = { self.http.exchange(&request, &sink).await }.map_err(|problem| {
            NotFetched::Unfit(crate::cache::RemoteError::from(problem).to_string())
        })?;
        if !reply.status.is_success() {
            let status = reply.status.as_u16();
            return Err(NotFetched::Unfit(format!("the answer is {status}")));
        }
        let (local, into) = (local.cloned(), into.to_owned());
        blocking(move || {
            if !has_hash(&aside, &hash).map_err(io("read", &aside))? {
                fs::remove_file(&aside).map_err(io("remove", &aside))?;
                return Ok(None);
            }
            match local {
                Some(local) => {
                    fs::copy(&aside, &into).map_err(io("write", &into))?;
                    local.keep_download(&hash, &aside)?;
                }
                None => fs::rename(&aside, &into).map_err(io("write", &into))?,
            }
            Ok(Some(Came::Fetched))
        })
        .await?
        .ok_or(NotFetched::Other)
    }

    fn request(&self, address: &str) -> Result<Request, NotFetched> {
        let unfit = |why: &str| NotFetched::Unfit(why.to_owned());
        if let Some(why) = &self.off {
            return Err(unfit(why));
        }
        let mut url = Url::parse(address).map_err(|_| unfit("its address is none"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(unfit("its address is of the container alone"));
        }
        let known = { self.known.iter() }.find(|known| known.origin() == url.origin());
        let with = match url.username() {
            "" => known,
            _ => Some(&url),
        };
        let credentials = with.map(|url| {
            let decoded = |text: &str| percent_decoded(text);
            let password = url.password().unwrap_or_default();
            format!("{}:{}", decoded(url.username()), decoded(password))
        });
        // Neither of them fails for an address of this scheme.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_fragment(None);
        let request = Request::new(Method::GET, url).following();
        Ok(match credentials {
            Some(text) => {
                let encoded = BASE64_STANDARD.encode(text);
                request.header(AUTHORIZATION, &format!("Basic {encoded}"))
            }
            None => request,
        })
    }
}

fn percent_decoded(text: &str) -> String {
    // What has a meaning in a form alone stands for itself here.
    let escaped = { text.replace('+', "%2B").replace('&', "%26") }.replace('=', "%3D");
    let mut decoded = url::form_urlencoded::parse(escaped.as_bytes());
    decoded
        .next()
        .map_or_else(String::new, |(name, _)| name.into_owned())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn io(verb: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> CacheError {
    super::local::failed(verb, path)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CacheError> + Send + 'static,
) -> Result<T, NotFetched> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(NotFetched::Disk),
        Err(panic) => Err(NotFetched::Unfit(panic.to_string())),
    }
}

/// What is under way, by name, so that two who want the same do it once.
#[derive(Default)]
pub struct Flights(Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>);

impl Flights {
    /// Waits until nobody else does what has this name; the others wait until the guard goes.
    pub async fn enter(&self, name: &str) -> tokio::sync::OwnedMutexGuard<()> {
        let flight = {
            let mut flights = self.0.lock().expect("no holder of the lock panics");
            Arc::clone(flights.entry(name.to_owned()).or_default())
        };
        flight.lock_owned().await
    }
}
