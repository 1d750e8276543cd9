//! What is in the local cache, whether it holds, and what is taken away for want of room.
#![expect(
    clippy::disallowed_methods,
    reason = "the cache's files are counted, checked and removed"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::cache::CacheError;
use crate::cache::downloads::FileHash;
use crate::cache::local::{Local, Look, failed, seconds};
use crate::entry::Entry;
use crate::step::Key;

/// How long it is remembered that an entry was taken away.
const REMEMBERED: Duration = Duration::from_secs(180 * 24 * 3600);

/// How old a blob without an entry has to be to be taken away: somebody may be about to write the
/// entry.
const GRACE: Duration = Duration::from_secs(3600);

/// How often a cache is collected without being asked.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What is in a cache.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// How many entries there are, and how many bytes their documents have.
    pub entries: (usize, u64),
    /// How many blobs there are, and how many bytes they have.
    pub blobs: (usize, u64),
    /// How many downloads there are, and how many bytes they have.
    pub downloads: (usize, u64),
    /// By kind of step: how many entries there are, and how many bytes they need, counting a blob
    /// once for each entry that needs it.
    pub kinds: BTreeMap<String, (usize, u64)>,
    /// When the entry that was least recently of use was so, in seconds since 1970.
    pub oldest: Option<u64>,
}

/// What may stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes that blobs and documents may have together.
    pub size: u64,
    /// For how long an entry that is of no use is kept.
    pub age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            size: 20_000_000_000,
            age: 90 * DAY,
        }
    }
}

/// What a collection took away.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Collected {
    /// The entries, the least recently used first: their keys, their steps, and how many seconds ago
    /// each was of use.
    pub entries: Vec<(Key, String, u64)>,
    /// How many downloads.
    pub downloads: usize,
    /// How many bytes are free now that were not.
    pub bytes: u64,
    /// How many bytes are left.
    pub left: u64,
}

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verified {
    /// How many entries hold.
    pub good: usize,
    /// What does not hold and is removed, in words.
    pub bad: Vec<String>,
}

/// What is kept until it is of no use: an entry, or a file of an index.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Kept {
    Entry(Key),
    Download(FileHash),
}

impl Local {
    /// Counts what there is.
    pub fn status(&self) -> Result<Status, CacheError> {
        let mut status = Status::default();
        for (key, metadata) in self.keys()? {
            status.entries.0 += 1;
            status.entries.1 += metadata.len();
            let used = metadata.modified().map(seconds).unwrap_or_default();
            status.oldest = Some(status.oldest.map_or(used, |oldest| oldest.min(used)));
            if let Ok(Look::Found(entry)) = self.look(&key) {
                let kind = status.kinds.entry(entry.kind.clone()).or_default();
                kind.0 += 1;
                kind.1 += entry.size();
            }
        }
        for (_, metadata) in self.blobs()? {
            status.blobs.0 += 1;
            status.blobs.1 += metadata.len();
        }
        for (_, metadata) in self.downloads()? {
            status.downloads.0 += 1;
            status.downloads.1 += metadata.len();
        }
        Ok(status)
    }

    /// Takes away what is too old, and then what was least recently of use, until the rest fits.
    pub fn collect(&self, limits: Limits, now: SystemTime) -> Result<Collected, CacheError> {
        let _alone = self.alone()?;
        let kept = |metadata: &fs::Metadata| {
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            (used, metadata.len())
        };
        let mut entries = Vec::new();
        for (key, metadata) in self.keys()? {
            entries.push((kept(&metadata), Kept::Entry(key)));
        }
        for (hash, metadata) in self.downloads()? {
            entries.push((kept(&metadata), Kept::Download(hash)));
        }
        entries.sort();
        let mut blobs = BTreeMap::new();
        for (digest, metadata) in self.blobs()? {
            blobs.insert(digest, metadata);
        }
        let read = |key: &Key| Entry::parse(&fs::read(self.entry_path(key)).ok()?, key).ok();
        let mut needed: BTreeMap<_, usize> = BTreeMap::new();
        let mut known = BTreeMap::new();
        for (_, kept) in &entries {
            if let Kept::Entry(key) = kept
                && let Some(entry) = read(key)
            {
                for digest in entry.all_blobs() {
                    *needed.entry(digest).or_default() += 1;
                }
                known.insert(*key, entry);
            }
        }
        let documents: u64 = entries.iter().map(|((_, size), _)| size).sum();
        let mut size = documents + blobs.values().map(fs::Metadata::len).sum::<u64>();
        let before = size;
        let mut collected = Collected::default();
        let young = |metadata: &fs::Metadata| {
            let age = metadata
                .modified()
                .ok()
                .and_then(|at| now.duration_since(at).ok());
            age.is_none_or(|age| age < GRACE)
        };
        let unneeded: Vec<_> = blobs
            .iter()
            .filter(|(digest, metadata)| !needed.contains_key(digest) && !young(metadata))
            .map(|(digest, metadata)| (*digest, metadata.len()))
            .collect();
        for (digest, bytes) in unneeded {
            self.drop_blob(&digest);
            size -= bytes;
        }
        for ((used, bytes), kept) in entries {
            let age = now.duration_since(used).unwrap_or_default();
            if age <= limits.age && size <= limits.size {
                continue;
            }
            let key = match kept {
                Kept::Entry(key) => key,
                Kept::Download(hash) => {
                    self.drop_download(&hash);
                    size -= bytes;
                    collected.downloads += 1;
                    continue;
                }
            };
            self.remove_entry(&key)?;
            size -= bytes;
            let entry = known.get(&key);
            for digest in entry.into_iter().flat_map(Entry::all_blobs) {
                let count = needed.entry(digest).or_insert(1);
                *count -= 1;
                if *count == 0
                    && let Some(metadata) = blobs.get(&digest)
                {
                    self.drop_blob(&digest);
                    size -= metadata.len();
                }
            }
            self.note_eviction(&key, now)?;
            let step = entry.map_or_else(|| "damaged".to_owned(), |entry| entry.step.to_string());
            collected.entries.push((key, step, age.as_secs()));
        }
        self.forget_old(now)?;
        collected.bytes = before - size;
        collected.left = size;
        Ok(collected)
    }

    /// Removes notes of entries that were taken away long ago, names of layers that are kept no
    /// more, and what a process that was killed left half-written.
    fn forget_old(&self, now: SystemTime) -> Result<(), CacheError> {
        let old = |path: &Path, limit: Duration| {
            let at = path.metadata().and_then(|metadata| metadata.modified());
            at.is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age > limit))
        };
        for (folder, limit) in [("evicted", REMEMBERED), ("staging", GRACE)] {
            let folder = self.root().join(folder);
            let Ok(entries) = fs::read_dir(&folder) else {
                continue;
            };
            for entry in entries {
                let path = entry.map_err(failed("read", &folder))?.path();
                if old(&path, limit) {
                    // Another collection may have been quicker.
                    let _ = if path.is_dir() {
                        fs::remove_dir_all(&path)
                    } else {
                        fs::remove_file(&path)
                    };
                }
            }
        }
        let layers = self.root().join("layers");
        for entry in fs::read_dir(&layers).into_iter().flatten() {
            let path = entry.map_err(failed("read", &layers))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let diff_id = format!("sha256:{}", name.unwrap_or_default());
            if self.layer(&diff_id).is_none() {
                let _ = fs::remove_file(&path);
            }
        }
        Ok(())
    }

    /// Reads every entry and every blob; what does not hold is removed, so that its step runs.
    pub fn verify(&self) -> Result<Verified, CacheError> {
        let _alone = self.alone()?;
        let mut verified = Verified::default();
        for (digest, _) in self.blobs()? {
            if !self.check(&digest)? {
                verified
                    .bad
                    .push(format!("blob {}: its bytes changed", digest.short()));
            }
        }
        for (hash, _) in self.downloads()? {
            if !self.check_download(&hash)? {
                verified
                    .bad
                    .push(format!("download {hash}: its bytes changed"));
            }
        }
        for (key, _) in self.keys()? {
            let why = match self.look(&key)? {
                Look::Found(_) => {
                    verified.good += 1;
                    continue;
                }
                Look::Damaged(bad) => bad.to_string(),
                Look::Absent | Look::Evicted { .. } => "a blob of it is missing".to_owned(),
            };
            self.remove_entry(&key)?;
            verified.bad.push(format!("entry {}: {why}", key.short()));
        }
        Ok(verified)
    }

    /// Keeps two collections apart; builders that read and write go on meanwhile, since whatever
    /// they find gone is a step that runs.
    fn alone(&self) -> Result<fs::File, CacheError> {
        let path = self.root().join("collecting");
        let file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed("open", &path))?;
        file.lock().map_err(failed("lock", &path))?;
        file.set_modified(SystemTime::now())
            .map_err(failed("write", &path))?;
        Ok(file)
    }

    /// Tells whether nobody has collected for a day.
    pub fn is_due(&self, now: SystemTime) -> bool {
        let last = fs::metadata(self.root().join("collecting"))
            .or_else(|_| fs::metadata(self.root().join("entries")))
            .and_then(|metadata| metadata.modified());
        last.is_ok_and(|last| now.duration_since(last).is_ok_and(|age| age > DAY))
    }
}
