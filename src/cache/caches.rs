//! The caches of a run: the local one first, then the one that machines share.
#![expect(
    clippy::disallowed_methods,
    reason = "the user is told what waiting for a shared cache cost"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};

use crate::cache::local::{Local, Look};
use crate::cache::{CacheError, Remote, RemoteError, Stored, image};
use crate::digest::Digest;
use crate::engine::TarWriter;
use crate::entry::{ArchivedImage, Entry};
use crate::plan::Answer;
use crate::step::Key;

/// How the local cache is called in plans and messages.
pub const LOCAL: &str = "the local cache";

/// How many questions a shared cache is asked side by side.
const SIDE_BY_SIDE: usize = 16;

/// The caches that a run uses, and what it learned of them.
pub struct Caches {
    local: Local,
    remote: Option<Shared>,
    known: Mutex<Known>,
}

/// A shared cache, and whether this run writes to it.
pub struct Shared {
    /// The cache.
    pub remote: Arc<dyn Remote>,
    /// Whether what this run makes is stored there.
    pub writes: bool,
}

#[derive(Default)]
struct Known {
    answers: BTreeMap<Key, Option<Found>>,
    /// Why the shared cache is left out of the rest of the run.
    off: Option<String>,
    /// Whether it refuses what is to be stored, and may still be read.
    no_writes: bool,
    /// The time that was lost waiting for what did not come.
    lost: Duration,
    warnings: Vec<String>,
}

/// An entry, and where it was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The entry.
    pub entry: Arc<Entry>,
    /// The cache that has it, for plans and messages.
    pub from: String,
    remote: bool,
}

impl Caches {
    /// Joins the local cache and a shared one.
    pub fn new(local: Local, remote: Option<Shared>) -> Self {
        Self {
            local,
            remote,
            known: Mutex::default(),
        }
    }

    /// Returns the local cache.
    pub fn local(&self) -> &Local {
        &self.local
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("no holder of the lock panics")
    }

    /// Takes the warnings since the last time.
    pub fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut self.known().warnings)
    }

    /// Adds a warning for the user.
    pub fn warn(&self, text: String) {
        let mut known = self.known();
        if !known.warnings.contains(&text) {
            known.warnings.push(text);
        }
    }

    /// Asks for entries, as a plan needs to know them.
    pub async fn look_up(&self, keys: &BTreeSet<Key>) -> BTreeMap<Key, Answer> {
        let lookups = keys.iter().map(|key| async move {
            let (found, evicted) = self.look(key).await;
            self.known().answers.insert(*key, found.clone());
            let answer = match (found, evicted) {
                (Some(found), _) => Answer::Kept {
                    facets: found.entry.facets.clone(),
                    from: found.from,
                    bytes: found.entry.size(),
                },
                (None, at) => Answer::Absent { evicted: at },
            };
            (*key, answer)
        });
        stream::iter(lookups)
            .buffer_unordered(SIDE_BY_SIDE)
            .collect()
            .await
    }

    /// Looks for an entry, unless it was looked for before.
    pub async fn found(&self, key: &Key) -> Option<Found> {
        if let Some(answer) = self.known().answers.get(key) {
            return answer.clone();
        }
        let (found, _) = self.look(key).await;
        self.known().answers.insert(*key, found.clone());
        found
    }

    /// Looks for an entry; else returns when it was evicted, if it was.
    async fn look(&self, key: &Key) -> (Option<Found>, Option<u64>) {
        let mut evicted = None;
        match self.local.look(key) {
            Ok(Look::Found(entry)) => {
                let found = Found {
                    entry: Arc::new(*entry),
                    from: LOCAL.to_owned(),
                    remote: false,
                };
                return (Some(found), None);
            }
            Ok(Look::Absent) => {}
            Ok(Look::Evicted { at }) => evicted = Some(at),
            Ok(Look::Damaged(bad)) => self.warn(format!(
                "an entry of the local cache is damaged and is not used: {} ({bad})",
                key.short()
            )),
            Err(error) => self.warn(format!("the local cache: {error}")),
        }
        (self.look_far(key).await, evicted)
    }

    async fn look_far(&self, key: &Key) -> Option<Found> {
        let shared = self.usable()?;
        let document = self
            .asked(&shared.remote, shared.remote.entry(key), Instant::now())
            .await
            .ok()??;
        match Entry::parse(&document, key) {
            Ok(entry) => Some(Found {
                entry: Arc::new(entry),
                from: shared.remote.name(),
                remote: true,
            }),
            Err(bad) => {
                self.warn(format!(
                    "an entry of {} is not used: {} ({bad})",
                    shared.remote.name(),
                    key.short()
                ));
                None
            }
        }
    }

    fn usable(&self) -> Option<&Shared> {
        let shared = self.remote.as_ref()?;
        self.known().off.is_none().then_some(shared)
    }

    /// Awaits a shared cache's answer; one that cannot be reached is left out from then on, and
    /// the user is told once, with the time that it cost.
    async fn asked<T>(
        &self,
        remote: &Arc<dyn Remote>,
        answer: impl Future<Output = Result<T, RemoteError>>,
        began: Instant,
    ) -> Result<T, RemoteError> {
        let answer = answer.await;
        if let Err(error) = &answer {
            let mut known = self.known();
            known.lost += began.elapsed();
            if matches!(error, RemoteError::Unreachable(_) | RemoteError::Refused(_))
                && known.off.is_none()
            {
                known.off = Some(error.to_string());
                let text = format!(
                    "{} is left out of the rest of this run: {error}; that cost {:.1} s",
                    remote.name(),
                    known.lost.as_secs_f64()
                );
                known.warnings.push(text);
            }
        }
        answer
    }

    /// Awaits that something is stored. A cache that takes nothing may still be read.
    async fn stored(
        &self,
        shared: &Shared,
        storing: impl Future<Output = Result<Stored, RemoteError>>,
    ) -> Result<Stored, RemoteError> {
        let began = Instant::now();
        match storing.await {
            Err(RemoteError::Refused(cause)) => {
                let mut known = self.known();
                if !known.no_writes {
                    known.no_writes = true;
                    let text = format!(
                        "nothing more is stored in {} in this run, since it refuses: {cause}; that cost {:.1} s",
                        shared.remote.name(),
                        began.elapsed().as_secs_f64()
                    );
                    known.warnings.push(text);
                }
                Err(RemoteError::Refused(cause))
            }
            Err(error) => {
                self.asked(&shared.remote, async { Err(error) }, began)
                    .await
            }
            stored => stored,
        }
    }

    /// Brings what an entry's files need into the local cache, and copies a file out.
    pub async fn copy_out(
        &self,
        found: &Found,
        digest: &Digest,
        into: &Path,
    ) -> Result<(), CacheError> {
        if !found.remote || self.local.blob_path(digest).exists() {
            match self.local.copy_out(digest, into) {
                Err(CacheError::Damaged(_) | CacheError::Gone(_)) if self.usable().is_some() => {
                    self.warn(format!(
                        "the blob {} of the local cache was damaged; it is brought again",
                        digest.short()
                    ));
                }
                result => return result,
            }
        }
        self.fetch(found, digest).await?;
        self.local.copy_out(digest, into)
    }

    /// Brings a blob from the shared cache into the local one.
    async fn fetch(&self, found: &Found, digest: &Digest) -> Result<(), CacheError> {
        let entry = &found.entry;
        let Some(shared) = self.usable() else {
            // What was found in the local cache is what that one lost.
            return Err(match found.remote {
                true => CacheError::LeftOut,
                false => CacheError::Gone(*digest),
            });
        };
        let blob = &entry.blobs[digest];
        let folder = self.local.begin_fetch()?;
        let place = folder.path().join("blob");
        let fetch = shared.remote.fetch(&entry.key, digest, blob, &place);
        self.asked(&shared.remote, fetch, Instant::now())
            .await
            .map_err(CacheError::Remote)?;
        match self.local.adopt(&place, digest) {
            Err(CacheError::Changed(_)) => Err(CacheError::Damaged(*digest)),
            result => result.map(|_| ()),
        }
    }

    /// Puts an image together, after each of its blobs was brought and checked.
    pub async fn image(
        &self,
        found: &Found,
        image: &ArchivedImage,
    ) -> Result<TarWriter, CacheError> {
        let layers = image.layers.iter().map(|layer| layer.blob);
        for digest in layers.chain([image.config]) {
            if !self.local.check(&digest)? {
                self.fetch(found, &digest).await?;
            }
        }
        Ok(image::put_together(&self.local, image))
    }

    /// Notes that an entry was of use; one that came from far is kept here from now on.
    pub fn used(&self, found: &Found) -> Result<(), CacheError> {
        if found.remote {
            let blobs = found.entry.all_blobs();
            // An image that the engine had already was not brought.
            if blobs.iter().all(|blob| self.local.blob_path(blob).exists()) {
                self.local.add(&found.entry)?;
            }
        } else {
            self.local.touch(&found.entry.key);
        }
        Ok(())
    }

    /// Forgets that an entry is there, since it turned out to be of no use.
    pub fn forget(&self, key: &Key) {
        self.known().answers.insert(*key, None);
    }

    /// Stores an entry whose blobs are in the local cache: there, and in the shared one.
    pub async fn store(&self, entry: &Entry) -> Result<(), CacheError> {
        self.local.add(entry)?;
        // Who was told before that it is not there may ask again.
        let found = Found {
            entry: Arc::new(entry.clone()),
            from: LOCAL.to_owned(),
            remote: false,
        };
        self.known().answers.insert(entry.key, Some(found));
        self.share(entry).await;
        Ok(())
    }

    /// Stores an entry of the local cache in the shared one.
    pub async fn share(&self, entry: &Entry) {
        let writable = |shared: &&Shared| shared.writes && !self.known().no_writes;
        let Some(shared) = self.usable().filter(writable) else {
            return;
        };
        let local = self.local.clone();
        let places = move |digest: &Digest| local.blob_path(digest);
        let name = shared.remote.name();
        match self.stored(shared, shared.remote.store(entry, &places)).await {
            Ok(Stored::New { .. } | Stored::Present) => {}
            Ok(Stored::Different) => self.warn(format!(
                "{name} has other bytes for the same inputs of {}: the step is not reproducible, and what is there stays",
                entry.step
            )),
            // The user has been told.
            Err(RemoteError::Unreachable(_) | RemoteError::Refused(_)) => {}
            Err(error) => {
                self.warn(format!("{} was not stored in {name}: {error}", entry.step));
            }
        }
    }
}
