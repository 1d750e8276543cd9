//! Caches: what steps left, kept outside of the workspace under the keys of the steps.
//!
//! [`Local`] is a folder that all builders of a machine share; a [`Remote`] is one that machines
//! share. [`Caches`] asks them in this order and remembers which of them is out of order.

mod blob;
mod caches;
mod collect;
mod compare;
mod downloads;
mod error;
mod fetch;
mod http;
mod image;
mod local;
pub mod location;
mod oci;
mod s3;

use std::fmt;
use std::path::{Path, PathBuf};

use futures_util::future::BoxFuture;

use crate::digest::Digest;
use crate::entry::{Blob, Entry};
use crate::step::Key;

pub use blob::BlobWriter;
pub use caches::{Caches, Found, LOCAL, Shared};
pub use collect::{Collected, Limits, Status, Verified};
pub use error::CacheError;
pub use fetch::{Came, Fetcher, Flights, NotFetched};
pub(crate) use image::take_apart;
pub use local::{Local, Look};

/// A cache that machines share: a registry, or an object store.
///
/// An implementation moves bytes and believes nothing: the caller checks documents and blobs. Each
/// call has deadlines of its own, so that a server that hangs costs seconds and no run.
pub trait Remote: Send + Sync {
    /// Names it for messages and plans: `registry cache.example/builder`, `s3://bucket/prefix`.
    fn name(&self) -> String;

    /// Looks an entry up; returns its document.
    fn entry<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Vec<u8>>, RemoteError>>;

    /// Brings a blob of an entry into a new file; `None` from [`Self::entry`] and a blob that is
    /// gone since are [`RemoteError::Gone`].
    fn fetch<'a>(
        &'a self,
        key: &'a Key,
        digest: &'a Digest,
        blob: &'a Blob,
        into: &'a Path,
    ) -> BoxFuture<'a, Result<(), RemoteError>>;

    /// Stores an entry: its blobs first, those that are there already left out, and the document
    /// last. Whoever came first wins; an entry is never overwritten.
    fn store<'a>(
        &'a self,
        entry: &'a Entry,
        blobs: &'a BlobPlaces,
    ) -> BoxFuture<'a, Result<Stored, RemoteError>>;
}

/// Where the bytes of blobs are on this machine.
pub type BlobPlaces = dyn Fn(&Digest) -> PathBuf + Send + Sync;

/// What became of an entry that was to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It is there now; so many bytes were sent for it.
    New {
        /// How many bytes were sent.
        sent: u64,
    },
    /// The same was there.
    Present,
    /// Another entry stands under the key, whose step left other bytes: the step is not
    /// reproducible. What was there stays.
    Different,
}

/// What goes wrong with a remote cache. None of it fails a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteError {
    /// It cannot be reached, or does not answer in time.
    Unreachable(String),
    /// It refuses: credentials, a read-only server, no space.
    Refused(String),
    /// What it had an entry for is not there any more.
    Gone(String),
    /// Something stands under the key that is no entry of this version of `builder`.
    Occupied(String),
    /// A file of this machine could not be read or written.
    Disk(String),
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(cause) => write!(f, "it cannot be reached: {cause}"),
            Self::Refused(cause) => write!(f, "it refuses: {cause}"),
            Self::Gone(what) => write!(f, "{what} is there no more"),
            Self::Occupied(cause) | Self::Disk(cause) => f.write_str(cause),
        }
    }
}
