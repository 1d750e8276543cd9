//! Archives on their way: out of a writer into a request, and out of an answer into a directory.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use futures_util::stream::{self, Stream, TryStreamExt};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::bytes::Bytes;
use tokio_util::io::{StreamReader, SyncIoBridge};

use crate::archive::{self, Limits, Strip};
use crate::engine::TarWriter;

/// The size of a chunk in bytes, and of the blocks in which a writer's bytes are gathered.
const CHUNK: usize = 64 * 1024;

/// How many chunks wait for a slow engine; with them, what is in memory is bounded.
const WAITING: usize = 8;

/// Why a writer did not finish, once it is known.
#[derive(Clone, Default)]
pub(super) struct WriterFailure(Arc<OnceLock<String>>);

impl WriterFailure {
    /// Returns the writer's own words, when it was the writer that failed.
    pub fn words(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

/// Runs a writer on a thread of its own and returns what it writes, as a stream.
///
/// A writer that fails, or panics, ends the stream with an error: an engine that saw a clean end
/// would take half an archive for all of it.
pub(super) fn feed(
    writer: TarWriter,
) -> (
    impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    WriterFailure,
) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let task = spawn_blocking(move || {
        let mut chunks = Chunks {
            sender,
            gathered: Vec::with_capacity(CHUNK),
        };
        writer(&mut chunks)?;
        chunks.flush()
    });
    let failure = WriterFailure::default();
    let state = Some((receiver, task, failure.clone()));
    (stream::unfold(state, next_chunk), failure)
}

type Feeding = (
    mpsc::Receiver<Bytes>,
    JoinHandle<io::Result<()>>,
    WriterFailure,
);

async fn next_chunk(state: Option<Feeding>) -> Option<(io::Result<Bytes>, Option<Feeding>)> {
    let (mut receiver, task, failure) = state?;
    if let Some(chunk) = receiver.recv().await {
        return Some((Ok(chunk), Some((receiver, task, failure))));
    }
    let error = match task.await {
        Ok(Ok(())) => return None,
        Ok(Err(error)) => error,
        Err(panicked) => io::Error::other(panicked),
    };
    let _ = failure.0.set(error.to_string());
    Some((Err(error), None))
}

/// Gathers bytes into chunks and hands them over, waiting while the engine is slow.
struct Chunks {
    sender: mpsc::Sender<Bytes>,
    gathered: Vec<u8>,
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.gathered, Vec::with_capacity(CHUNK));
        self.sender
            .blocking_send(chunk.into())
            .map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the engine takes no more"))
    }
}

/// The most that a directory of a container may hold.
///
/// A wheelhouse with the largest machine learning libraries has some ten gigabytes in a hundred
/// files; what exceeds this is a run that went wrong and would fill the disk.
const LIMITS: Limits = Limits {
    entries: 1_000_000,
    bytes: 64 << 30,
};

/// Unpacks the archive of a directory into an existing empty one, on a thread that may block.
pub(super) async fn store<E>(
    chunks: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    into: PathBuf,
) -> Result<(), String>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    let reader = StreamReader::new(Box::pin(chunks.map_err(io::Error::other)));
    let reader = SyncIoBridge::new(reader);
    // The engine names the directory that it was asked for in every path.
    let unpack = move || archive::unpack(reader, &into, Strip::FirstComponent, LIMITS);
    match spawn_blocking(unpack).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(panicked) => Err(panicked.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    async fn collect(writer: TarWriter) -> (Vec<u8>, Option<String>) {
        let (chunks, failure) = feed(writer);
        let mut chunks = Box::pin(chunks);
        let mut bytes = Vec::new();
        while let Some(chunk) = chunks.next().await {
            match chunk {
                Ok(chunk) => bytes.extend_from_slice(&chunk),
                Err(_) => assert!(failure.words().is_some()),
            }
        }
        (bytes, failure.words().map(str::to_owned))
    }

    #[tokio::test]
    async fn what_a_writer_writes_arrives_in_order() {
        let all: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let written = all.clone();
        let writer: TarWriter =
            Box::new(move |out| written.chunks(999).try_for_each(|part| out.write_all(part)));
        assert_eq!(collect(writer).await, (all, None));
    }

    #[tokio::test]
    async fn a_writer_that_fails_or_panics_is_no_clean_end() {
        let (_, failure) = collect(Box::new(|_| Err(io::Error::other("disk on fire")))).await;
        assert_eq!(failure.as_deref(), Some("disk on fire"));
        let (_, failure) = collect(Box::new(|_| panic!("a bug"))).await;
        assert!(failure.is_some());
    }

    #[tokio::test]
    async fn an_archive_that_was_cut_is_refused() {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(3);
        header.set_mode(0o644);
        archive
            .append_data(&mut header, "dir/file", &b"abc"[..])
            .unwrap();
        let whole = archive.into_inner().unwrap();
        for (length, good) in [
            (whole.len(), true),
            (whole.len() - 1024, false),
            (514, false),
        ] {
            let into = tempfile::tempdir().unwrap();
            let chunk = Bytes::copy_from_slice(&whole[..length]);
            let stored = store(
                stream::iter([Ok::<_, io::Error>(chunk)]),
                into.path().to_owned(),
            )
            .await;
            assert_eq!(stored.is_ok(), good, "{length}: {stored:?}");
        }
    }
}
