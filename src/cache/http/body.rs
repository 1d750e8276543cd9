//! Bodies: from memory or a file with their progress counted, and into memory or a file.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::io::ReaderStream;

use super::Problem;

/// The bytes that go with a request.
#[derive(Clone, Debug)]
pub(in crate::cache) enum Payload {
    /// None.
    Empty,
    /// From memory.
    Memory(Bytes),
    /// From a file, which has so many bytes.
    File(PathBuf, u64),
}

impl Payload {
    /// How many bytes they are.
    pub fn size(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(_, size) => *size,
        }
    }
}

/// What hyper sends.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// How much of a file is read at once.
const CHUNK: usize = 128 << 10;

/// Opens a payload; what is taken of it is added to `sent`.
pub(super) async fn open(payload: &Payload, sent: &Arc<AtomicU64>) -> Result<Body, Problem> {
    let whole = |bytes: &Bytes| {
        sent.store(bytes.len() as u64, Ordering::Relaxed);
        Full::new(bytes.clone())
            .map_err(|never| match never {})
            .boxed_unsync()
    };
    match payload {
        Payload::Empty => Ok(whole(&Bytes::new())),
        Payload::Memory(bytes) => Ok(whole(bytes)),
        Payload::File(path, size) => {
            let file = File::open(path).await.map_err(|error| disk(path, &error))?;
            let length = { file.metadata().await }.map_err(|error| disk(path, &error))?;
            if length.len() != *size {
                let cause = format!("it has {} bytes and not {size}", length.len());
                return Err(disk(path, &cause));
            }
            let sent = Arc::clone(sent);
            let chunks = ReaderStream::with_capacity(file.take(*size), CHUNK);
            let frames = chunks.map(move |chunk| {
                let chunk = chunk?;
                sent.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                Ok(Frame::data(chunk))
            });
            Ok(StreamBody::new(frames).boxed_unsync())
        }
    }
}

/// Takes a body.
pub(super) struct Receiver {
    file: Option<(PathBuf, File)>,
    memory: Vec<u8>,
}

impl Receiver {
    /// Opens a file, when one is named.
    pub(super) async fn new(path: Option<&PathBuf>) -> Result<Self, Problem> {
        let file = match path {
            Some(path) => {
                let file = { File::create(path).await }.map_err(|error| disk(path, &error))?;
                Some((path.clone(), file))
            }
            None => None,
        };
        Ok(Self {
            file,
            memory: Vec::new(),
        })
    }

    pub(super) fn is_file(&self) -> bool {
        self.file.is_some()
    }

    pub(super) async fn take(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        match &mut self.file {
            Some((path, file)) => {
                { file.write_all(bytes).await }.map_err(|error| disk(path, &error))
            }
            None => {
                self.memory.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// Completes the file; returns what is in memory.
    pub(super) async fn finish(self) -> Result<Bytes, Problem> {
        if let Some((path, mut file)) = self.file {
            file.flush().await.map_err(|error| disk(&path, &error))?;
        }
        Ok(self.memory.into())
    }
}

fn disk(path: &Path, cause: &dyn std::fmt::Display) -> Problem {
    Problem::Disk(format!("{}: {cause}", path.display()))
}
