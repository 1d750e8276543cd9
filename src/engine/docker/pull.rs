//! Images brought from their registry, with a line for what is worth one.

use std::collections::BTreeMap;

use bollard::errors::Error as ClientError;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;

use super::credentials::with_credentials;
use super::failure::words;
use super::{DockerEngine, unless_cancelled};
use crate::engine::{Call, EngineError, ImageInfo};

impl DockerEngine {
    /// Pulls an image.
    pub(super) async fn pull_image(
        &self,
        reference: &str,
        call: &Call,
    ) -> Result<ImageInfo, EngineError> {
        let refused = |cause: String| EngineError::Pull {
            reference: reference.to_owned(),
            cause,
        };
        unless_cancelled(&call.cancel, async {
            let client =
                with_credentials(&self.client, &self.choice.environment, reference, &call.log)
                    .await;
            let mut options = CreateImageOptionsBuilder::default().from_image(reference);
            if !has_tag(reference) {
                // Without a tag the engine brings every tag that the registry has.
                options = options.tag("latest");
            }
            let mut answers = client.create_image(Some(options.build()), None, None);
            let mut progress = Progress::default();
            while let Some(answer) = answers.next().await {
                let answer = answer.map_err(|error| match error {
                    ClientError::DockerStreamError { .. }
                    | ClientError::DockerResponseServerError { .. } => refused(words(&error)),
                    error => self.failed(format!("pull {reference}"), &error),
                })?;
                let measured = answer
                    .progress_detail
                    .is_some_and(|detail| detail.total.is_some());
                if let Some(line) = progress.line(answer.id, answer.status, measured) {
                    (call.log)(&line);
                }
            }
            let image = self.image_info(reference).await?;
            image.ok_or_else(|| refused("it was pulled and is not there".to_owned()))
        })
        .await
    }
}

/// Whether a reference has a tag or a digest; the colon of a registry's port is neither.
fn has_tag(reference: &str) -> bool {
    let name = reference.rsplit('/').next().unwrap_or(reference);
    name.contains([':', '@'])
}

/// Chooses the progress messages that become lines: each layer's beginning and end, no steps between.
#[derive(Default)]
pub(super) struct Progress {
    last: BTreeMap<String, String>,
}

impl Progress {
    /// Returns the line for a message, if it is worth one.
    ///
    /// `measured` says that the message only counts bytes.
    pub fn line(
        &mut self,
        id: Option<String>,
        status: Option<String>,
        measured: bool,
    ) -> Option<String> {
        const BETWEEN: [&str; 5] = [
            "Waiting",
            "Verifying Checksum",
            "Download complete",
            "Downloading",
            "Extracting",
        ];
        let status = status.filter(|status| !status.is_empty())?;
        let Some(id) = id.filter(|id| !id.is_empty()) else {
            return Some(status);
        };
        if measured || BETWEEN.contains(&status.as_str()) {
            return None;
        }
        let line = format!("{id}: {status}");
        let last = self.last.insert(id, status.clone());
        (last.as_ref() != Some(&status)).then_some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_no_tag() {
        let check = |reference: &str, expected: bool| {
            assert_eq!(has_tag(reference), expected, "{reference}");
        };
        check("debian", false);
        check("debian:12", true);
        check("registry:5000/debian", false);
        check("registry:5000/debian:12", true);
        check("debian@sha256:00", true);
    }

    #[test]
    fn a_layer_gets_a_line_at_its_beginning_and_its_end() {
        let mut progress = Progress::default();
        let mut line = |id: &str, status: &str, measured: bool| {
            progress.line(Some(id.to_owned()), Some(status.to_owned()), measured)
        };
        assert_eq!(
            line("a1", "Pulling fs layer", false).as_deref(),
            Some("a1: Pulling fs layer")
        );
        assert_eq!(line("a1", "Downloading", true), None);
        assert_eq!(line("a1", "Download complete", false), None);
        assert_eq!(
            line("a1", "Pull complete", false).as_deref(),
            Some("a1: Pull complete")
        );
        assert_eq!(line("a1", "Pull complete", false), None);
        assert_eq!(
            line("", "Status: up to date", false).as_deref(),
            Some("Status: up to date")
        );
    }
}
