//! The Docker engine against a real daemon: runs, builds, remote connections, and what goes wrong.
//!
//! Everything that a test makes carries its own label and is removed when the test ends, failed
//! or not. Without an engine the tests fail and say so.

#![expect(
    clippy::disallowed_methods,
    reason = "the tests lay out files and start processes"
)]

mod build;
mod credentials;
mod endpoints;
#[path = "../support/engine_tls.rs"]
mod engine_tls;
mod remote;
mod run;
#[path = "../support/tls.rs"]
mod tls;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use bollard::Docker;
use bollard::models::ContainerSummary;
use bollard::query_parameters::ListContainersOptionsBuilder;
use builder::engine::docker::{DockerEngine, Environment, choose};
use builder::engine::{Call, Download, Engine, RunContainer, TarWriter};
use tokio_util::sync::CancellationToken;

/// The image in which containers run; docker/build.sh makes it.
const IMAGE: &str = "base-cpython-debian12";

/// What a test works with: an engine, a label of its own, and the lines that came.
struct Site {
    engine: DockerEngine,
    name: String,
    lines: Arc<Mutex<Vec<String>>>,
    cancel: CancellationToken,
}

impl Site {
    /// Opens a site on the engine that the environment names.
    async fn new() -> Self {
        Self::on(engine().await)
    }

    fn on(engine: DockerEngine) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self {
            engine,
            name: format!("builder-test-{}-{count}", std::process::id()),
            lines: Arc::default(),
            cancel: CancellationToken::new(),
        }
    }

    fn call(&self) -> Call {
        let lines = self.lines.clone();
        Call {
            log: Arc::new(move |line| {
                lines
                    .lock()
                    .expect("no test panics here")
                    .push(line.to_owned())
            }),
            cancel: self.cancel.clone(),
        }
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("no test panics here").clone()
    }

    fn labels(&self) -> BTreeMap<String, String> {
        [("builder-test".to_owned(), self.name.clone())].into()
    }

    /// Describes a run of a shell script.
    fn script(&self, script: &str) -> RunContainer {
        RunContainer {
            image: IMAGE.to_owned(),
            command: ["sh", "-euc", script].map(str::to_owned).to_vec(),
            workdir: "/".to_owned(),
            env: BTreeMap::new(),
            secrets: BTreeMap::new(),
            labels: self.labels(),
            uploads: Vec::new(),
            downloads: Vec::new(),
            network: true,
        }
    }

    /// Waits until a line is there.
    async fn line(&self, wanted: &str) {
        for _ in 0..600 {
            if self.lines().iter().any(|line| line.contains(wanted)) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("no line `{wanted}` in {:#?}", self.lines());
    }

    /// Lists this test's containers, and those that a build of it runs.
    async fn containers(&self) -> Vec<ContainerSummary> {
        let options = ListContainersOptionsBuilder::default().all(true).build();
        let all = client()
            .list_containers(Some(options))
            .await
            .expect("containers are listed");
        all.into_iter()
            .filter(|container| {
                let labels = container.labels.clone().unwrap_or_default();
                let command = container.command.clone().unwrap_or_default();
                labels.get("builder-test") == Some(&self.name) || command.contains(&self.name)
            })
            .collect()
    }
}

impl Drop for Site {
    /// Removes what the test left, on a runtime of its own because the test's may be going down.
    fn drop(&mut self) {
        let (labels, name) = (self.labels(), self.name.clone());
        let cleaning = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
            runtime.block_on(async {
                let engine = engine().await;
                let _ = engine.sweep(&labels).await;
                let _ = engine.remove_image(&name).await;
            });
        });
        let _ = cleaning.join();
    }
}

fn environment() -> Environment {
    Environment {
        vars: std::env::vars().collect(),
        home: std::env::var_os("HOME").map(Into::into),
    }
}

async fn engine() -> DockerEngine {
    let choice = choose(None, &environment()).expect("the environment names an engine");
    let engine = DockerEngine::connect(choice)
        .await
        .expect("the engine's address is usable");
    if let Err(error) = engine.ping().await {
        panic!("these tests need a container engine (`systemctl start docker`): {error}");
    }
    let image = engine.image(IMAGE).await.expect("images can be looked up");
    assert!(
        image.is_some(),
        "these tests need the image {IMAGE}: `docker/build.sh` makes it"
    );
    engine
}

/// A client beside the engine's own, to see what is really there.
fn client() -> Docker {
    Docker::connect_with_local_defaults().expect("the local engine has a socket")
}

fn download(from: &str, into: &Path) -> Download {
    Download {
        from: from.to_owned(),
        into: into.to_owned(),
    }
}

/// One member of an archive.
enum Member<'a> {
    File(&'a str, &'a [u8], u32),
    Link(&'a str, &'a str),
}

fn archive(members: &[Member<'_>]) -> TarWriter {
    let bytes = write_archive(members).expect("an archive in memory is written");
    Box::new(move |out| out.write_all(&bytes))
}

fn write_archive(members: &[Member<'_>]) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for member in members {
        let mut header = tar::Header::new_gnu();
        match member {
            Member::File(path, bytes, mode) => {
                header.set_size(bytes.len() as u64);
                header.set_mode(*mode);
                archive.append_data(&mut header, path, *bytes)?;
            }
            Member::Link(path, target) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_size(0);
                header.set_mode(0o777);
                archive.append_link(&mut header, path, target)?;
            }
        }
    }
    archive.into_inner()
}

/// A dockerfile as the whole context.
fn dockerfile(text: &str) -> TarWriter {
    let text = text.as_bytes().to_vec();
    Box::new(move |out: &mut dyn Write| {
        let bytes = write_archive(&[Member::File("Dockerfile", &text, 0o644)])?;
        out.write_all(&bytes)
    })
}
