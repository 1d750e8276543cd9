//! Images on their way: as archives out of the engine into a cache and back, and what is to be known
//! of the engine before.

use std::io;

use bollard::query_parameters::ImportImageOptionsBuilder;
use futures_util::stream::{StreamExt, TryStreamExt};
use tokio::task::spawn_blocking;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::transfer::feed;
use super::{DockerEngine, once_more, unless_cancelled};
use crate::engine::{ArchiveReader, Call, EngineError, Platform, TarWriter};

/// What Docker calls its image store where that is containerd's, which knows images by the digest of
/// their manifest.
const CONTAINERD: &str = "io.containerd.snapshotter";

impl DockerEngine {
    /// Tells the platform of an engine that knows images by their configuration.
    pub(super) async fn known_platform(&self) -> Result<Option<Platform>, EngineError> {
        let info = once_more(|| self.client.info())
            .await
            .map_err(|error| self.failed("say what it is", &error))?;
        let status = info.driver_status.unwrap_or_default();
        if status
            .iter()
            .flatten()
            .any(|word| word.starts_with(CONTAINERD))
        {
            return Ok(None);
        }
        let architecture = match info.architecture.as_deref() {
            Some("x86_64") => "amd64",
            Some("aarch64") => "arm64",
            // Of the others the variant would have to be known too.
            _ => return Ok(None),
        };
        Ok(info.os_type.map(|os| Platform {
            os,
            architecture: architecture.to_owned(),
        }))
    }

    /// Hands an image to a reader as the archive that `docker save` writes.
    pub(super) async fn hand_out(
        &self,
        id: &str,
        reader: ArchiveReader,
    ) -> Result<(), EngineError> {
        let chunks = self.client.export_image(id);
        let chunks = StreamReader::new(Box::pin(chunks.map_err(io::Error::other)));
        let mut bridge = SyncIoBridge::new(chunks);
        let read = spawn_blocking(move || {
            reader(&mut bridge)?;
            // What is left of the archive is padding; the engine is let finish.
            io::copy(&mut bridge, &mut io::sink())
                .map(|_| ())
                .map_err(|error| error.to_string())
        });
        let read = read.await.unwrap_or_else(|panic| Err(panic.to_string()));
        read.map_err(|cause| EngineError::Refused {
            verb: format!("give out the image {id}"),
            cause,
        })
    }

    /// Takes in an image from such an archive.
    pub(super) async fn take_in(&self, archive: TarWriter, call: &Call) -> Result<(), EngineError> {
        let (chunks, failure) = feed(archive);
        let loading = async {
            let options = ImportImageOptionsBuilder::default().quiet(true).build();
            let mut answers = Box::pin(self.client.import_image_stream(options, chunks, None));
            while let Some(answer) = answers.next().await {
                match answer {
                    Ok(said) => {
                        if let Some(line) = said.stream {
                            (call.log)(line.trim_end());
                        }
                    }
                    Err(error) => {
                        let verb = "take in an image";
                        return Err(match failure.words() {
                            Some(cause) => EngineError::Files {
                                verb: verb.to_owned(),
                                cause: cause.to_owned(),
                            },
                            None => self.failed(verb, &error),
                        });
                    }
                }
            }
            Ok(())
        };
        unless_cancelled(&call.cancel, loading).await
    }
}
