//! The engine behind Docker's API: a local daemon, a remote one, or Podman's service.

mod address;
mod build;
mod carry;
mod choose;
mod config_file;
mod connect;
mod container;
mod credentials;
mod failure;
mod lines;
mod pull;
mod redact;
mod run;
mod tls;
mod transfer;
mod tunnel;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error as ClientError;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListImagesOptionsBuilder, TagImageOptionsBuilder,
};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, try_join_all};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use address::Address;
pub use choose::{Choice, Environment, Origin, choose};
pub(crate) use credentials::{Login, login};
pub use tls::Tls;

use super::{
    ArchiveReader, BuildImage, Call, Engine, EngineError, ImageInfo, Platform, RunContainer,
    RunOutcome, TarWriter,
};
use failure::{is_broken_connection, is_status};
use tunnel::Tunnel;

/// How long an engine may take to say who it is, in seconds.
const GREETING: u64 = 10;

/// How many images are asked for one by one, side by side, which is quicker than the list of all.
const ASKED_ONE_BY_ONE: usize = 8;

/// An engine that speaks Docker's API.
pub struct DockerEngine {
    client: Docker,
    choice: Choice,
    /// Removals of containers whose run was aborted.
    cleanup: TaskTracker,
    /// The way to the engine, where it is one of ssh.
    _tunnel: Option<Tunnel>,
}

impl DockerEngine {
    /// Makes ready to talk to the chosen engine.
    ///
    /// Only ssh is started here; whether an engine answers is what [`Engine::ping`] tells.
    pub async fn connect(choice: Choice) -> Result<Self, EngineError> {
        let (client, tunnel) = connect::connect(&choice).await?;
        Ok(Self {
            client,
            choice,
            cleanup: TaskTracker::new(),
            _tunnel: tunnel,
        })
    }

    /// Waits until the containers of aborted runs are removed.
    ///
    /// A run that ends or is cancelled has removed its own; only a task that was aborted or that
    /// panicked leaves work behind, and a process that exits right after would lose it.
    pub async fn settle(&self) {
        self.cleanup.close();
        self.cleanup.wait().await;
        self.cleanup.reopen();
    }

    /// Asks for the engine's name and version.
    async fn greet(&self) -> Result<String, EngineError> {
        let asking = once_more(|| self.client.version());
        let version = match timeout(Duration::from_secs(GREETING), asking).await {
            Ok(Ok(version)) => version,
            Ok(Err(error)) => return Err(self.choice.no_engine(&error)),
            Err(_) => return Err(self.choice.silent(GREETING)),
        };
        let components = version.components.unwrap_or_default();
        let podman = components
            .iter()
            .any(|component| component.name.contains("Podman"));
        let name = if podman { "Podman" } else { "Docker" };
        match (version.version, version.api_version) {
            (Some(version), Some(api)) => Ok(format!("{name} {version} (API {api})")),
            // Any JSON object passes for an answer in which nothing is given.
            _ => Err(self.choice.no_engine(&ClientError::DockerStreamError {
                error: "it gives no version".to_owned(),
            })),
        }
    }

    async fn image_info(&self, reference: &str) -> Result<Option<ImageInfo>, EngineError> {
        match once_more(|| self.client.inspect_image(reference)).await {
            Ok(image) => Ok(Some(ImageInfo {
                id: image.id.unwrap_or_default(),
                labels: image
                    .config
                    .and_then(|config| config.labels)
                    .unwrap_or_default()
                    .into_iter()
                    .collect(),
                names: image.repo_tags.unwrap_or_default(),
            })),
            Err(error) if is_status(&error, 404) => Ok(None),
            Err(error) => Err(self.failed(format!("look up the image `{reference}`"), &error)),
        }
    }

    /// Asks for each of a few images; of many, first for the list of all that there are.
    async fn images_present(
        &self,
        ids: &BTreeSet<String>,
    ) -> Result<BTreeSet<String>, EngineError> {
        let mut present = BTreeSet::new();
        if ids.len() > ASKED_ONE_BY_ONE {
            let options = ListImagesOptionsBuilder::default().all(true).build();
            let listed = once_more(|| self.client.list_images(Some(options.clone())))
                .await
                .map_err(|error| self.failed("list images", &error))?;
            let listed = listed.into_iter().map(|image| image.id);
            present.extend(listed.filter(|id| ids.contains(id)));
        }
        // What an engine leaves out of its list it may know all the same.
        let lookups = ids.difference(&present).map(|id| async move {
            let found = self.image_info(id).await?;
            Ok::<_, EngineError>(found.map(|_| id.clone()))
        });
        let found = try_join_all(lookups).await?;
        present.extend(found.into_iter().flatten());
        Ok(present)
    }

    async fn sweep_containers(
        &self,
        labels: &BTreeMap<String, String>,
    ) -> Result<usize, EngineError> {
        let wanted = labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let filters: HashMap<&str, Vec<String>> = [("label", wanted)].into();
        let options = ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&filters)
            .build();
        let found = once_more(|| self.client.list_containers(Some(options.clone())))
            .await
            .map_err(|error| self.failed("list containers", &error))?;
        let mut count = 0;
        for id in found.into_iter().filter_map(|container| container.id) {
            container::remove(&self.client, &id)
                .await
                .map_err(|error| self.failed(format!("remove the container {id}"), &error))?;
            count += 1;
        }
        Ok(count)
    }

    fn failed(&self, verb: impl Into<String>, error: &ClientError) -> EngineError {
        self.choice.failed(verb, error)
    }
}

impl Engine for DockerEngine {
    fn endpoint(&self) -> String {
        self.choice.text.clone()
    }

    fn ping(&self) -> BoxFuture<'_, Result<String, EngineError>> {
        self.greet().boxed()
    }

    fn settle(&self) -> BoxFuture<'_, ()> {
        DockerEngine::settle(self).boxed()
    }

    fn image<'a>(
        &'a self,
        reference: &'a str,
    ) -> BoxFuture<'a, Result<Option<ImageInfo>, EngineError>> {
        self.image_info(reference).boxed()
    }

    fn present<'a>(
        &'a self,
        ids: &'a BTreeSet<String>,
    ) -> BoxFuture<'a, Result<BTreeSet<String>, EngineError>> {
        self.images_present(ids).boxed()
    }

    fn platform(&self) -> BoxFuture<'_, Result<Option<Platform>, EngineError>> {
        self.known_platform().boxed()
    }

    fn pull<'a>(
        &'a self,
        reference: &'a str,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<ImageInfo, EngineError>> {
        self.pull_image(reference, call).boxed()
    }

    fn build_image<'a>(
        &'a self,
        request: BuildImage,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<ImageInfo, EngineError>> {
        self.build(request, call).boxed()
    }

    fn run<'a>(
        &'a self,
        request: RunContainer,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<RunOutcome, EngineError>> {
        self.run_container(request, call).boxed()
    }

    fn tag_image<'a>(
        &'a self,
        id: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        async move {
            // The tag is what follows the last colon behind the last slash; a port is before one.
            let (repo, tag) = match name.rsplit_once(':') {
                Some((repo, tag)) if !tag.contains('/') => (repo, tag),
                _ => (name, "latest"),
            };
            let options = TagImageOptionsBuilder::default()
                .repo(repo)
                .tag(tag)
                .build();
            let tagged = self.client.tag_image(id, Some(options)).await;
            tagged.map_err(|error| self.failed(format!("tag the image {id} as `{name}`"), &error))
        }
        .boxed()
    }

    fn export_image<'a>(
        &'a self,
        id: &'a str,
        reader: ArchiveReader,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        self.hand_out(id, reader).boxed()
    }

    fn import_image<'a>(
        &'a self,
        archive: TarWriter,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        self.take_in(archive, call).boxed()
    }

    fn remove_image<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<(), EngineError>> {
        async move {
            match self
                .client
                .remove_image(reference, None::<NoOptions>, None)
                .await
            {
                Ok(_) => Ok(()),
                // Gone already, or in use under another name or by a container.
                Err(error) if is_status(&error, 404) || is_status(&error, 409) => Ok(()),
                Err(error) => Err(self.failed(format!("remove the image `{reference}`"), &error)),
            }
        }
        .boxed()
    }

    fn sweep<'a>(
        &'a self,
        labels: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<usize, EngineError>> {
        self.sweep_containers(labels).boxed()
    }
}

type NoOptions = bollard::query_parameters::RemoveImageOptions;

/// Asks once more when the connection broke: only for questions that change nothing.
async fn once_more<T, F>(mut ask: impl FnMut() -> F) -> Result<T, ClientError>
where
    F: Future<Output = Result<T, ClientError>>,
{
    match ask().await {
        Err(error) if is_broken_connection(&error) => ask().await,
        answer => answer,
    }
}

/// Gives up on work when the token is cancelled, dropping it where it stands.
async fn unless_cancelled<T>(
    cancel: &CancellationToken,
    work: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, EngineError> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(EngineError::Interrupted),
        result = work => result,
    }
}
