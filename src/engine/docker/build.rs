//! Image builds with the engine's classic builder, which every engine and Podman have.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bollard::errors::Error as ClientError;
use bollard::models::BuildInfo;
use bollard::query_parameters::BuildImageOptionsBuilder;
use futures_util::StreamExt;
use tokio::time::{sleep, timeout};

use super::credentials::with_all_credentials;
use super::failure::{is_status, words};
use super::lines::Lines;
use super::pull::Progress;
use super::redact::Redactor;
use super::transfer::{self, WriterFailure};
use super::{DockerEngine, container, unless_cancelled};
use crate::engine::{BuildImage, Call, EngineError, ImageInfo};

/// How long the engine may take to clear away the container of a step that was cancelled.
const CLEARING: Duration = Duration::from_secs(5);

impl DockerEngine {
    /// Builds an image and looks it up by the id that the engine gave it.
    ///
    /// The tag is no way to look it up: another run may have moved it since.
    pub(super) async fn build(
        &self,
        request: BuildImage,
        call: &Call,
    ) -> Result<ImageInfo, EngineError> {
        if call.cancel.is_cancelled() {
            return Err(EngineError::Interrupted);
        }
        let mut seen = Seen::default();
        let built = unless_cancelled(&call.cancel, self.follow(request, call, &mut seen)).await;
        if matches!(built, Err(EngineError::Interrupted)) {
            self.clear(&seen).await;
        }
        let reference = built?;
        let image = self.image_info(&reference).await?;
        image.ok_or_else(|| EngineError::Build {
            cause: format!("the engine reports success and has no image {reference}"),
        })
    }

    async fn follow(
        &self,
        request: BuildImage,
        call: &Call,
        seen: &mut Seen,
    ) -> Result<String, EngineError> {
        let labels: HashMap<_, _> = request.labels.into_iter().collect();
        let args: HashMap<_, _> = request.args.into_iter().collect();
        // Labels are an option: in the dockerfile each would be a step with a container.
        let options = BuildImageOptionsBuilder::default()
            .t(&request.tag)
            .dockerfile("Dockerfile")
            .labels(&labels)
            .buildargs(&args)
            .rm(true)
            .forcerm(true)
            .build();
        let client = with_all_credentials(&self.client, &self.choice.environment, &call.log);
        let (chunks, failure) = transfer::feed(request.context);
        let body = bollard::body_try_stream(chunks);
        let mut answers = client.build_image(options, None, Some(body));
        let mut lines = Lines::new(call.log.clone(), Arc::new(Redactor::new([])));
        let mut progress = Progress::default();
        while let Some(answer) = answers.next().await {
            let answer = answer.map_err(|error| self.build_failed(&error, &failure))?;
            seen.note(&answer);
            if let Some(text) = &answer.stream {
                lines.push(text.as_bytes());
            }
            if let Some(line) =
                progress.line(answer.id, answer.status, answer.progress_detail.is_some())
            {
                lines.push(line.as_bytes());
                lines.push(b"\n");
            }
        }
        lines.finish();
        Ok(seen.image.clone().unwrap_or(request.tag))
    }

    fn build_failed(&self, error: &ClientError, failure: &WriterFailure) -> EngineError {
        match (error, failure.words()) {
            (_, Some(cause)) => EngineError::Files {
                verb: "send the build context to the engine".to_owned(),
                cause: cause.to_owned(),
            },
            (
                ClientError::DockerStreamError { .. }
                | ClientError::DockerResponseServerError { .. },
                None,
            ) => EngineError::Build {
                cause: words(error),
            },
            (error, None) => self.failed("build an image", error),
        }
    }

    /// Sees to it that no container of a cancelled build stays.
    ///
    /// The engine kills the running step and removes its container when the client is gone, a
    /// moment later; here that moment is waited for, and what is left then is removed.
    async fn clear(&self, seen: &Seen) {
        let Some(id) = &seen.running else {
            return;
        };
        let gone = async {
            loop {
                match self.client.inspect_container(id, None).await {
                    Err(error) if is_status(&error, 404) => return,
                    _ => sleep(Duration::from_millis(50)).await,
                }
            }
        };
        if timeout(CLEARING, gone).await.is_err() {
            let _ = timeout(CLEARING, container::remove(&self.client, id)).await;
        }
    }
}

/// What the engine told of a build so far.
#[derive(Default)]
struct Seen {
    /// The id of the finished image.
    image: Option<String>,
    /// The container of the step that runs.
    running: Option<String>,
}

impl Seen {
    fn note(&mut self, answer: &BuildInfo) {
        if let Some(id) = answer.aux.as_ref().and_then(|aux| aux.id.clone()) {
            self.image = Some(id);
        }
        let text = answer.stream.as_deref().unwrap_or_default().trim();
        if let Some(id) = text.strip_prefix("---> Running in ") {
            self.running = Some(id.to_owned());
        } else if text.starts_with("Removing intermediate container") {
            self.running = None;
        }
    }
}
