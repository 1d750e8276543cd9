//! Container engines: what `builder` asks of one, in the words of no particular engine.

pub mod docker;
pub mod fake;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

pub use crate::archive::TarWriter;

/// A container engine: Docker's API, or the one in memory that tests use.
///
/// Every call may be cancelled by its token, and then leaves no container behind.
pub trait Engine: Send + Sync {
    /// Names the endpoint, for messages: `unix:///var/run/docker.sock`.
    fn endpoint(&self) -> String;

    /// Asks whether the engine answers, and returns its name and version for messages.
    fn ping(&self) -> BoxFuture<'_, Result<String, EngineError>>;

    /// Looks an image up by name or id; `None` when the engine has none.
    fn image<'a>(
        &'a self,
        reference: &'a str,
    ) -> BoxFuture<'a, Result<Option<ImageInfo>, EngineError>>;

    /// Tells which of these images, by id, the engine has: in one round trip where they are many.
    fn present<'a>(
        &'a self,
        ids: &'a BTreeSet<String>,
    ) -> BoxFuture<'a, Result<BTreeSet<String>, EngineError>>;

    /// Tells for which platform the engine brings images, if it knows an image by the digest of its
    /// configuration, so that its id can be told before it is there; `None` for other engines.
    fn platform(&self) -> BoxFuture<'_, Result<Option<Platform>, EngineError>>;

    /// Brings an image from its registry.
    fn pull<'a>(
        &'a self,
        reference: &'a str,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<ImageInfo, EngineError>>;

    /// Builds an image from a dockerfile and a context.
    fn build_image<'a>(
        &'a self,
        request: BuildImage,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<ImageInfo, EngineError>>;

    /// Runs a container from create to remove: files in, command, files out.
    ///
    /// A command that ends with another status than 0 is no error of the engine: the outcome
    /// carries the status, and then no file comes out.
    fn run<'a>(
        &'a self,
        request: RunContainer,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<RunOutcome, EngineError>>;

    /// Gives an image a further name.
    fn tag_image<'a>(
        &'a self,
        id: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<(), EngineError>>;

    /// Hands an image to a reader, as the tar archive that `docker save` writes.
    fn export_image<'a>(
        &'a self,
        id: &'a str,
        reader: ArchiveReader,
    ) -> BoxFuture<'a, Result<(), EngineError>>;

    /// Takes in an image from such an archive.
    fn import_image<'a>(
        &'a self,
        archive: TarWriter,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<(), EngineError>>;

    /// Removes an image by id or name; one that is gone, or in use under another name, is no error.
    fn remove_image<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<(), EngineError>>;

    /// Waits until what aborted calls left behind is removed, so that the process may end.
    fn settle(&self) -> BoxFuture<'_, ()>;

    /// Stops and removes every container that carries all of `labels`; returns how many there were.
    fn sweep<'a>(
        &'a self,
        labels: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<usize, EngineError>>;
}

/// A reader of an archive, called once, on a thread that may block. Its failure is in the words
/// that it returns.
pub type ArchiveReader = Box<dyn FnOnce(&mut dyn Read) -> Result<(), String> + Send>;

/// What accompanies a call that takes time: where its lines go, and how it is stopped.
pub struct Call {
    /// Receives each complete line of output, without its line end.
    pub log: LogSink,
    /// When cancelled, the call stops what it started, cleans up and returns [`EngineError::Interrupted`].
    pub cancel: CancellationToken,
}

/// A receiver of log lines.
pub type LogSink = Arc<dyn Fn(&str) + Send + Sync>;

/// A platform, in the words of registries: `linux` and `amd64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// The operating system.
    pub os: String,
    /// The processor's architecture.
    pub architecture: String,
}

/// What an engine knows of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageInfo {
    /// The image's content-addressed id: `sha256:` and 64 hexadecimal digits.
    pub id: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The names that it has, each with its tag.
    pub names: Vec<String>,
}

/// An image to build.
pub struct BuildImage {
    /// The name and tag under which the image is kept.
    pub tag: String,
    /// Writes the context: a tar with the file `Dockerfile` at its root.
    pub context: TarWriter,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
    /// Build arguments: proxies and the CA bundle's variables, which are not part of any key.
    pub args: BTreeMap<String, String>,
}

/// A container to run once.
pub struct RunContainer {
    /// The image, by id.
    pub image: String,
    /// The command and its arguments, without a shell.
    pub command: Vec<String>,
    /// The working directory.
    pub workdir: String,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// Values that the environment carries but no log may show.
    pub secrets: BTreeMap<String, Secret>,
    /// Labels of the container.
    pub labels: BTreeMap<String, String>,
    /// Archives that are unpacked before the command starts, in order; their paths start at `/`.
    pub uploads: Vec<TarWriter>,
    /// Directories that are brought out after the command succeeded.
    pub downloads: Vec<Download>,
    /// Whether the container reaches a network.
    pub network: bool,
}

/// A directory of a container that is brought out.
#[derive(Clone, Debug)]
pub struct Download {
    /// The directory's absolute path in the container.
    pub from: String,
    /// The existing directory of this machine that receives its content.
    pub into: PathBuf,
}

/// A value that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// How a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunOutcome {
    /// The status of its command.
    pub status: i64,
    /// Whether the kernel ended it for want of memory.
    pub out_of_memory: bool,
}

/// What goes wrong between `builder` and an engine.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum EngineError {
    /// Nothing answers at the endpoint, or not as an engine does.
    #[error("the container engine at {endpoint} cannot be reached: {cause}")]
    #[diagnostic(code(builder::engine::unreachable))]
    Unreachable {
        /// Where it was looked for.
        endpoint: String,
        /// What the attempt met.
        cause: String,
        /// What to do.
        #[help]
        help: String,
    },
    /// The endpoint's address or its context is wrong.
    #[error("{what}")]
    #[diagnostic(code(builder::engine::endpoint))]
    Endpoint {
        /// What is wrong.
        what: String,
        /// What to do.
        #[help]
        help: String,
    },
    /// The engine answered with an error.
    #[error("the engine refused to {verb}: {cause}")]
    #[diagnostic(code(builder::engine::refused))]
    Refused {
        /// What was asked, as a verb with its object: "start a container from sha256:…".
        verb: String,
        /// The engine's own words.
        cause: String,
    },
    /// An image is not here and its registry does not give it.
    #[error("the image `{reference}` cannot be pulled: {cause}")]
    #[diagnostic(
        code(builder::engine::pull),
        help(
            "build it with docker/build.sh, or pull it after `docker login`, or name another base image"
        )
    )]
    Pull {
        /// The image's name.
        reference: String,
        /// The engine's own words.
        cause: String,
    },
    /// A command of an image build failed.
    #[error("the image build failed: {cause}")]
    #[diagnostic(code(builder::engine::build))]
    Build {
        /// The engine's own words.
        cause: String,
    },
    /// Files could not be read for the container, or what came out could not be stored.
    #[error("could not {verb}: {cause}")]
    #[diagnostic(code(builder::engine::files))]
    Files {
        /// What was tried.
        verb: String,
        /// What the attempt met.
        cause: String,
    },
    /// The call was cancelled and has cleaned up.
    #[error("interrupted")]
    #[diagnostic(code(builder::engine::interrupted))]
    Interrupted,
}
