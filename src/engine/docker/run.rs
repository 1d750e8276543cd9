//! A container run, from its creation to its removal.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bollard::container::AttachContainerResults;
use bollard::errors::Error as ClientError;
use bollard::models::ContainerStateStatusEnum;
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, DownloadFromContainerOptionsBuilder,
    UploadToContainerOptionsBuilder,
};
use futures_util::StreamExt;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::container::{self, Container};
use super::lines::Lines;
use super::redact::Redactor;
use super::transfer;
use super::{DockerEngine, unless_cancelled};
use crate::engine::{Call, Download, EngineError, RunContainer, RunOutcome, TarWriter};

/// How often a container that runs is looked at.
///
/// A long compilation says nothing for an hour, and a firewall on the way forgets the idle
/// connection of `wait` without a word to either side.
const LOOK: Duration = Duration::from_secs(15);

/// How many looks in a row may fail before the engine counts as gone.
const FAILED_LOOKS: u32 = 4;

/// How long a creation may still take after the run was cancelled.
const CREATION: Duration = Duration::from_secs(10);

/// How long the last lines may take to arrive after the container has ended.
const LAST_LINES: Duration = Duration::from_secs(10);

impl DockerEngine {
    /// Runs a container once.
    pub(super) async fn run_container(
        &self,
        request: RunContainer,
        call: &Call,
    ) -> Result<RunOutcome, EngineError> {
        if call.cancel.is_cancelled() {
            return Err(EngineError::Interrupted);
        }
        let body = container::body(&request);
        let redactor = Redactor::new(request.secrets.values());
        let lines = Lines::new(call.log.clone(), Arc::new(redactor));
        let RunContainer {
            image,
            uploads,
            downloads,
            ..
        } = request;
        let creation = Container::create(&self.client, &self.cleanup, body);
        let container = finish_creation(creation, call)
            .await?
            .map_err(|error| self.failed(format!("create a container from {image}"), &error))?;
        let result = self
            .drive(&container, uploads, lines, &downloads, call)
            .await;
        if matches!(result, Err(EngineError::Interrupted)) {
            container.stop().await;
        }
        container.remove(call).await;
        result
    }

    async fn drive(
        &self,
        container: &Container,
        uploads: Vec<TarWriter>,
        lines: Lines,
        downloads: &[Download],
        call: &Call,
    ) -> Result<RunOutcome, EngineError> {
        let outcome = unless_cancelled(&call.cancel, async {
            for writer in uploads {
                self.upload(container, writer).await?;
            }
            let status = self.attend(container, lines).await?;
            let out_of_memory = status != 0 && self.ran_out_of_memory(container).await;
            Ok(RunOutcome {
                status,
                out_of_memory,
            })
        })
        .await?;
        if outcome.status == 0 {
            for download in downloads {
                self.download(container, download, call).await?;
            }
        }
        Ok(outcome)
    }

    async fn upload(&self, container: &Container, writer: TarWriter) -> Result<(), EngineError> {
        let verb = "send files into the container";
        let (chunks, failure) = transfer::feed(writer);
        let options = UploadToContainerOptionsBuilder::default().path("/").build();
        let body = bollard::body_try_stream(chunks);
        let sent = self
            .client
            .upload_to_container(&container.name, Some(options), body)
            .await;
        match (sent, failure.words()) {
            // When the writer fails, what the engine says of the broken upload is beside the point.
            (_, Some(cause)) => Err(EngineError::Files {
                verb: verb.to_owned(),
                cause: cause.to_owned(),
            }),
            (Err(error), None) => Err(self.failed(verb, &error)),
            (Ok(()), None) => Ok(()),
        }
    }

    /// Starts the command, passes its lines on and waits for its end.
    ///
    /// The streams are attached before the start: what a quick command says would be lost after.
    async fn attend(&self, container: &Container, mut lines: Lines) -> Result<i64, EngineError> {
        let name = &container.name;
        let options = AttachContainerOptionsBuilder::default()
            .stdout(true)
            .stderr(true)
            .stream(true)
            .build();
        let AttachContainerResults { mut output, .. } = self
            .client
            .attach_container(name, Some(options))
            .await
            .map_err(|error| self.failed("attach to the container", &error))?;
        self.client
            .start_container(name, None)
            .await
            .map_err(|error| self.failed("start the container", &error))?;

        let mut wait = Box::pin(self.client.wait_container(name, None));
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        looks.reset();
        let (mut attached, mut waiting, mut failed_looks) = (true, true, 0);
        let status = loop {
            tokio::select! {
                biased;
                chunk = output.next(), if attached => match chunk {
                    Some(Ok(chunk)) => lines.push(chunk.as_ref()),
                    Some(Err(_)) | None => attached = false,
                },
                ended = wait.next(), if waiting => match ended {
                    Some(Ok(end)) => break end.status_code,
                    // The client reports every status but 0 as an error.
                    Some(Err(ClientError::DockerContainerWaitError { code, .. })) => break code,
                    // A broken connection says nothing about the container; the looks will.
                    Some(Err(_)) | None => {
                        waiting = false;
                        looks.reset_immediately();
                    }
                },
                _ = looks.tick() => match self.ended(container).await {
                    Ok(Some(status)) => break status,
                    Ok(None) => failed_looks = 0,
                    Err(error) => {
                        failed_looks += 1;
                        let gone = super::failure::is_status(&error, 404);
                        if gone || failed_looks >= FAILED_LOOKS {
                            return Err(self.failed("tell how the container ended", &error));
                        }
                    }
                },
            }
        };
        while attached {
            match timeout(LAST_LINES, output.next()).await {
                Ok(Some(Ok(chunk))) => lines.push(chunk.as_ref()),
                _ => attached = false,
            }
        }
        lines.finish();
        Ok(status)
    }

    /// Returns the status of a container that has ended, `None` of one that runs.
    async fn ended(&self, container: &Container) -> Result<Option<i64>, ClientError> {
        let looking = self.client.inspect_container(&container.name, None);
        let Ok(answer) = timeout(LOOK, looking).await else {
            return Err(ClientError::RequestTimeoutError);
        };
        let state = answer?.state.unwrap_or_default();
        let over = matches!(
            state.status,
            Some(ContainerStateStatusEnum::EXITED | ContainerStateStatusEnum::DEAD)
        );
        Ok(over.then_some(state.exit_code).flatten())
    }

    /// Tells whether the kernel ended the command; when nobody knows, it did not.
    async fn ran_out_of_memory(&self, container: &Container) -> bool {
        let inspect = || self.client.inspect_container(&container.name, None);
        let state = super::once_more(inspect)
            .await
            .ok()
            .and_then(|answer| answer.state);
        state.and_then(|state| state.oom_killed) == Some(true)
    }

    /// Brings a directory out.
    ///
    /// A cancellation ends the stream instead of dropping the work: the thread that unpacks must
    /// have ended before the caller removes the directory under it.
    async fn download(
        &self,
        container: &Container,
        download: &Download,
        call: &Call,
    ) -> Result<(), EngineError> {
        let verb = format!("bring {} out of the container", download.from);
        let options = DownloadFromContainerOptionsBuilder::default().path(&download.from);
        let mut chunks = Box::pin(
            self.client
                .download_from_container(&container.name, Some(options.build()))
                .take_until(call.cancel.clone().cancelled_owned())
                .peekable(),
        );
        // The engine's refusal comes as the first item; what follows is the archive.
        let refusal = chunks.as_mut().next_if(Result::is_err).await;
        if let Some(Err(error)) = refusal {
            return Err(self.failed(verb, &error));
        }
        let stored = transfer::store(chunks, download.into.clone()).await;
        match stored {
            _ if call.cancel.is_cancelled() => Err(EngineError::Interrupted),
            Ok(()) => Ok(()),
            Err(cause) => Err(EngineError::Files { verb, cause }),
        }
    }
}

/// Waits for a creation, also when the run is cancelled meanwhile, but then not for long.
///
/// The engine goes on creating what nobody waits for any more: only a container whose creation has
/// ended is surely found by its removal. A creation that is given up is removed in the background.
async fn finish_creation<T>(
    creation: impl Future<Output = T>,
    call: &Call,
) -> Result<T, EngineError> {
    let mut creation = std::pin::pin!(creation);
    tokio::select! {
        biased;
        created = &mut creation => Ok(created),
        () = call.cancel.cancelled() => {
            let late = timeout(CREATION, creation).await;
            late.map_err(|_| EngineError::Interrupted)
        }
    }
}
