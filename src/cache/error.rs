//! What goes wrong with a cache. None of it fails a build: a step whose entry is of no use runs.

use std::path::PathBuf;

use crate::cache::RemoteError;
use crate::digest::Digest;

/// Why a cache is of no use just now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum CacheError {
    /// A file of the cache, or one that goes in or comes out, could not be read or written.
    #[error("could not {verb} {}: {cause}", path.display())]
    #[diagnostic(
        code(builder::cache::io),
        help("--cache-dir names another folder, --no-cache does without")
    )]
    Io {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// What the attempt met.
        cause: String,
    },
    /// A blob has other bytes than its name says; it is removed.
    #[error("the blob {} is damaged", .0.short())]
    Damaged(Digest),
    /// A blob is not there any more.
    #[error("the blob {} is there no more", .0.short())]
    Gone(Digest),
    /// What a step left was changed before it could be kept.
    #[error("{} was changed before it could be kept", .0.display())]
    Changed(PathBuf),
    /// An image could not be taken apart.
    #[error("the image cannot be kept: {0}")]
    Image(String),
    /// The shared cache.
    #[error("{0}")]
    Remote(RemoteError),
    /// The shared cache failed before in this run, and is not asked again.
    #[error("the shared cache is left out of the rest of this run")]
    LeftOut,
}

impl CacheError {
    /// Tells whether it follows from a shared cache that is left out, of which the user is told once
    /// and not for each step.
    pub fn is_of_left_out_cache(&self) -> bool {
        match self {
            Self::LeftOut | Self::Remote(RemoteError::Unreachable(_) | RemoteError::Refused(_)) => {
                true
            }
            Self::Io { .. }
            | Self::Damaged(_)
            | Self::Gone(_)
            | Self::Changed(_)
            | Self::Image(_)
            | Self::Remote(_) => false,
        }
    }
}
