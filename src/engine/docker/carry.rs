//! Images as archives: out of the engine into a cache, and back.

use std::io;

use bollard::query_parameters::ImportImageOptionsBuilder;
use futures_util::stream::{StreamExt, TryStreamExt};
use tokio::task::spawn_blocking;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::transfer::feed;
use super::{DockerEngine, unless_cancelled};
use crate::engine::{ArchiveReader, Call, EngineError, TarWriter};

impl DockerEngine {
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
