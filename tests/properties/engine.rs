//! The engine in memory, watched: each call is counted, and one of them may meet trouble.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::{Mutex, MutexGuard};

use builder::engine::fake::{FakeEngine, State};
use builder::engine::{
    ArchiveReader, BuildImage, Call, Engine, EngineError, ImageInfo, Platform, RunContainer,
    RunOutcome, TarWriter,
};
use futures_util::future::{BoxFuture, FutureExt};
use sha2::Digest as _;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// What a call may meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It fails and does nothing.
    Fails,
    /// It does its work, and the answer is lost.
    AnswerLost,
    /// The user interrupts the run.
    Interrupted,
    /// The process is killed.
    Killed,
}

/// The engine.
#[derive(Default)]
pub struct Watched {
    inner: FakeEngine,
    watch: Mutex<Watch>,
    /// Told when the process is to be killed.
    pub killed: Notify,
}

/// What is known of the calls.
#[derive(Default)]
pub struct Watch {
    /// How many calls there were.
    pub calls: usize,
    /// The call that meets trouble, counted as `calls` is.
    pub trouble: Option<(usize, Trouble)>,
    /// What an interruption cancels.
    pub cancel: CancellationToken,
    /// The ids of the images that were built and not removed.
    pub images: BTreeSet<String>,
}

impl Watched {
    pub fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap()
    }

    pub fn fake(&self) -> MutexGuard<'_, State> {
        self.inner.state()
    }

    /// Does a call, unless it is the one that meets trouble.
    async fn call<T>(
        &self,
        work: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        let trouble = {
            let mut watch = self.watch();
            let number = watch.calls;
            watch.calls += 1;
            watch.trouble.filter(|(at, _)| *at == number)
        };
        let refused = || EngineError::Refused {
            verb: "do a call".to_owned(),
            cause: "the test wants it so".to_owned(),
        };
        match trouble.map(|(_, trouble)| trouble) {
            None => work.await,
            Some(Trouble::Fails) => Err(refused()),
            Some(Trouble::AnswerLost) => {
                work.await?;
                Err(refused())
            }
            Some(Trouble::Interrupted) => {
                self.watch().cancel.cancel();
                Err(EngineError::Interrupted)
            }
            Some(Trouble::Killed) => {
                self.killed.notify_one();
                std::future::pending().await
            }
        }
    }
}

impl Engine for Watched {
    fn endpoint(&self) -> String {
        self.inner.endpoint()
    }

    fn ping(&self) -> BoxFuture<'_, Result<String, EngineError>> {
        self.call(self.inner.ping()).boxed()
    }

    fn image<'a>(
        &'a self,
        reference: &'a str,
    ) -> BoxFuture<'a, Result<Option<ImageInfo>, EngineError>> {
        self.call(self.inner.image(reference)).boxed()
    }

    fn present<'a>(
        &'a self,
        ids: &'a BTreeSet<String>,
    ) -> BoxFuture<'a, Result<BTreeSet<String>, EngineError>> {
        self.call(self.inner.present(ids)).boxed()
    }

    fn platform(&self) -> BoxFuture<'_, Result<Option<Platform>, EngineError>> {
        self.inner.platform()
    }

    fn pull<'a>(
        &'a self,
        reference: &'a str,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<ImageInfo, EngineError>> {
        self.call(self.inner.pull(reference, call)).boxed()
    }

    fn build_image<'a>(
        &'a self,
        request: BuildImage,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<ImageInfo, EngineError>> {
        let build = async move {
            let built = self.inner.build_image(request, call).await?;
            self.watch().images.insert(built.id.clone());
            Ok(built)
        };
        self.call(build).boxed()
    }

    fn run<'a>(
        &'a self,
        request: RunContainer,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<RunOutcome, EngineError>> {
        let run = async move {
            // Others get their turn, as they do while a real container works.
            tokio::task::yield_now().await;
            self.inner.run(request, call).await
        };
        self.call(run).boxed()
    }

    fn tag_image<'a>(
        &'a self,
        id: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        let tag = async move {
            self.inner.tag_image(id, name).await?;
            self.watch().images.insert(id.to_owned());
            Ok(())
        };
        self.call(tag).boxed()
    }

    fn export_image<'a>(
        &'a self,
        id: &'a str,
        reader: ArchiveReader,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        self.call(self.inner.export_image(id, reader)).boxed()
    }

    fn import_image<'a>(
        &'a self,
        archive: TarWriter,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        let import = async move { self.inner.import_image(whole(archive)?, call).await };
        self.call(import).boxed()
    }

    fn remove_image<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<(), EngineError>> {
        let remove = async move {
            self.inner.remove_image(reference).await?;
            self.watch().images.remove(reference);
            Ok(())
        };
        self.call(remove).boxed()
    }

    fn settle(&self) -> BoxFuture<'_, ()> {
        self.inner.settle()
    }

    fn sweep<'a>(
        &'a self,
        labels: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<usize, EngineError>> {
        self.call(self.inner.sweep(labels)).boxed()
    }
}

/// Reads all of an image's archive, as an engine does before it has an image; panics where it is an
/// archive whose layers are not those that its configuration names.
fn whole(archive: TarWriter) -> Result<TarWriter, EngineError> {
    let mut bytes = Vec::new();
    archive(&mut bytes).map_err(|error| EngineError::Files {
        verb: "read the image".to_owned(),
        cause: error.to_string(),
    })?;
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        files.insert(entry.path().unwrap().display().to_string(), content);
    }
    let json = |name: &str| serde_json::from_slice::<serde_json::Value>(&files[name]).unwrap();
    let (list, config) = (json("manifest.json"), json("config.json"));
    let layers = list[0]["Layers"].as_array().unwrap().iter();
    let digests: Vec<String> = layers
        .map(|name| sha2::Sha256::digest(&files[name.as_str().unwrap()]))
        .map(|digest| format!("sha256:{digest:x}"))
        .collect();
    assert_eq!(serde_json::json!(digests), config["rootfs"]["diff_ids"]);
    Ok(Box::new(move |out| out.write_all(&bytes)))
}
