//! A container that is removed whatever happens to the run that made it.

use std::collections::HashMap;
use std::future::Future;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error as ClientError;
use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder, StopContainerOptionsBuilder,
};
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

use super::failure::{is_status, words};
use crate::engine::{Call, RunContainer};

/// How long a container that is stopped may take to end by itself, in seconds.
const GRACE: i32 = 2;

/// How long the engine may take to stop a container, the grace included.
const STOPPING: Duration = Duration::from_secs(15);

/// How long the engine may take to remove a container.
const PATIENCE: Duration = Duration::from_secs(60);

/// A container, from just before it is asked for until it is gone.
pub(super) struct Container {
    client: Docker,
    /// Chosen here, so that a container can be removed whose id never arrived.
    pub name: String,
    cleanup: TaskTracker,
    removed: bool,
}

impl Container {
    /// Creates a container.
    ///
    /// Dropped in the middle, it removes in the background what the engine may have made.
    pub async fn create(
        client: &Docker,
        cleanup: &TaskTracker,
        body: ContainerCreateBody,
    ) -> Result<Self, ClientError> {
        let mut container = Self {
            client: client.clone(),
            name: unique_name(),
            cleanup: cleanup.clone(),
            removed: false,
        };
        let options = CreateContainerOptionsBuilder::default().name(&container.name);
        let created = client.create_container(Some(options.build()), body).await;
        if let Err(error) = created {
            // An answer means that there is none; a broken connection leaves it open.
            container.removed = matches!(error, ClientError::DockerResponseServerError { .. });
            return Err(error);
        }
        Ok(container)
    }

    /// Asks the command to end, and kills it when it does not within two seconds.
    pub async fn stop(&self) {
        let options = StopContainerOptionsBuilder::default().t(GRACE).build();
        let stop = self.client.stop_container(&self.name, Some(options));
        // Removal follows and kills what this could not stop.
        let _ = timeout(STOPPING, stop).await;
    }

    /// Removes the container with its anonymous volumes.
    ///
    /// Failing here does not change how the run ended: its log gets a line, and the next sweep
    /// finds the container by its labels.
    pub async fn remove(mut self, call: &Call) {
        let removal = remove(&self.client, &self.name);
        let problem = match timeout(PATIENCE, removal).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(words(&error)),
            Err(_) => Some("the engine gives no answer".to_owned()),
        };
        self.removed = true;
        if let Some(problem) = problem {
            (call.log)(&format!(
                "container {} could not be removed: {problem}",
                self.name
            ));
        }
    }
}

impl Drop for Container {
    /// Removes what a panic or an aborted task left, in a task that the engine waits for at its end.
    fn drop(&mut self) {
        if self.removed {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (client, name) = (self.client.clone(), self.name.clone());
        let removal = async move {
            // The engine may be creating it still: its name is unknown for a moment.
            for _ in 0..5 {
                if client.inspect_container(&name, None).await.is_ok() {
                    let _ = remove(&client, &name).await;
                    return;
                }
                sleep(Duration::from_millis(200)).await;
            }
        };
        self.cleanup.spawn_on(timeout_quietly(removal), &runtime);
    }
}

async fn timeout_quietly(task: impl Future<Output = ()>) {
    let _ = timeout(PATIENCE, task).await;
}

/// Removes a container by force; one that is gone or going is no error.
pub(super) async fn remove(client: &Docker, name: &str) -> Result<(), ClientError> {
    let options = RemoveContainerOptionsBuilder::default().force(true).v(true);
    match client.remove_container(name, Some(options.build())).await {
        Err(error) if is_status(&error, 404) || is_status(&error, 409) => Ok(()),
        result => result,
    }
}

/// Describes the container of a run to the engine.
pub(super) fn body(request: &RunContainer) -> ContainerCreateBody {
    let secrets = request.secrets.iter().map(|(name, value)| (name, &value.0));
    let env = request.env.iter().chain(secrets);
    ContainerCreateBody {
        image: Some(request.image.clone()),
        // The whole command is the entrypoint: an image's own would otherwise come before it.
        entrypoint: Some(request.command.clone()),
        cmd: Some(Vec::new()),
        working_dir: Some(request.workdir.clone()),
        env: Some(env.map(|(name, value)| format!("{name}={value}")).collect()),
        labels: Some(
            request
                .labels
                .clone()
                .into_iter()
                .collect::<HashMap<_, _>>(),
        ),
        host_config: Some(HostConfig {
            network_mode: (!request.network).then(|| "none".to_owned()),
            // A command as process 1 would ignore the signal that asks it to end.
            init: Some(true),
            // Lines are read from the attached stream; the engine keeps no copy, which would
            // hold the secrets unmasked.
            log_config: Some(HostConfigLogConfig {
                typ: Some("none".to_owned()),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Makes a name that no other run has, on this machine or on another that shares the engine.
fn unique_name() -> String {
    let random = || {
        std::collections::hash_map::RandomState::new()
            .build_hasher()
            .finish()
    };
    format!("builder-{:016x}{:08x}", random(), random() as u32)
}
