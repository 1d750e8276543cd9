//! An engine in memory, for tests: it records calls, fails on demand, and makes wheels of its own.
//!
//! Its containers know three things to do. The probe finds a fixed base image. A build of the
//! project's wheel makes a real zip archive from the source's files, those below `tests/` left out,
//! that requires what `requires.txt` lists. A build of dependencies makes a wheel of each line that
//! it is given, in the newest version or in the one that a constraint names; with a lock, of each
//! package in it. Asked for a report, it tells what it would make. A buildscript makes the project's wheel. Wheels are installed as one file a stage, and
//! every check is content. Equal input gives equal bytes.
#![expect(
    clippy::disallowed_methods,
    reason = "what comes out of a container goes to disk, and so may the engine's state"
)]

mod containers;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use futures_util::future::{BoxFuture, FutureExt};
use serde::{Deserialize, Serialize};

pub use self::containers::file_of_index;
use self::containers::{built, dependencies, installed, named, project, report, resolved, unpack};
use crate::digest::{ContentHasher, Digest};
use crate::engine::{
    ArchiveReader, BuildImage, Call, Engine, EngineError, ImageInfo, Platform, RunContainer,
    RunOutcome, TarWriter,
};

/// The engine.
#[derive(Default)]
pub struct FakeEngine {
    state: Mutex<State>,
    file: Option<PathBuf>,
}

/// What the engine has and what becomes of calls; plain data, so that a test can set it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Names with the ids that they resolve to.
    pub names: BTreeMap<String, String>,
    /// Base images that are not in the engine, and are found when they are pulled.
    pub absent: BTreeSet<String>,
    /// The calls so far, in words.
    pub calls: Vec<String>,
    /// The number of a call, counted from 0, that fails.
    pub fail_at: Option<usize>,
    /// The newest version of each distribution; `1` of those that are not here.
    pub newest: BTreeMap<String, String>,
    /// The address of the index; without one its files are in the containers alone.
    pub index: Option<String>,
    /// The distributions that the index has no wheels of.
    pub sources: BTreeSet<String>,
    /// Those of them that cannot be compiled.
    pub broken: BTreeSet<String>,
    /// Steps whose command ends with this status.
    pub statuses: BTreeMap<String, i64>,
}

type Files = BTreeMap<String, Vec<u8>>;

impl FakeEngine {
    /// Keeps the engine's state in a file, so that it outlives the process.
    pub fn in_file(path: &Path) -> Self {
        let state = fs::read(path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self {
            state: Mutex::new(state.unwrap_or_default()),
            file: Some(path.to_owned()),
        }
    }

    /// Gives access to the state.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the lock panics")
    }

    /// Notes a call, and fails it if it is the one that is to fail.
    fn called(&self, what: String) -> Result<(), EngineError> {
        let mut state = self.state();
        let number = state.calls.len();
        state.calls.push(what.clone());
        if state.fail_at == Some(number) {
            return Err(EngineError::Refused {
                verb: what,
                cause: "the test wants it so".to_owned(),
            });
        }
        drop(state);
        self.save();
        Ok(())
    }

    fn save(&self) {
        if let Some(file) = &self.file {
            let text = serde_json::to_string_pretty(&*self.state())
                .expect("the state has string keys only");
            fs::write(file, text).expect("a test keeps the engine's state where it can be written");
        }
    }

    fn found(&self, reference: &str) -> Option<ImageInfo> {
        let state = self.state();
        let id = match state.names.get(reference) {
            Some(id) => id.clone(),
            None if reference.starts_with("sha256:") => {
                state.names.values().find(|id| *id == reference)?.clone()
            }
            None if state.absent.contains(reference) || reference.starts_with("builder/") => {
                return None;
            }
            // Any other name is a base image that was always there.
            None => image_id(&Digest::of(reference.as_bytes())),
        };
        let names = state.names.iter().filter(|(_, of)| **of == id);
        Some(ImageInfo {
            names: names.map(|(name, _)| name.clone()).collect(),
            id,
            labels: BTreeMap::new(),
        })
    }

    fn make(&self, request: RunContainer, call: &Call) -> Result<RunOutcome, EngineError> {
        let files = unpack(request.uploads)?;
        let step = request
            .labels
            .get("builder.step")
            .cloned()
            .unwrap_or_default();
        let status = self.state().statuses.get(&step).copied().unwrap_or(0);
        if status != 0 {
            (call.log)("the test wants it so");
            return Ok(RunOutcome {
                status,
                out_of_memory: false,
            });
        }
        let command = request.command.join(" ");
        let made = if command.contains("probe.sh") {
            BTreeMap::from([("facts.json".to_owned(), FACTS.as_bytes().to_vec())])
        } else if let Some(settings) = files.get("build/venv.json") {
            installed(settings, &files)
        } else if files.contains_key("build/check.json") {
            BTreeMap::new()
        } else if command.contains("--report") || files.contains_key("build/pip/resolve.json") {
            let state = self.state();
            let found = resolved(&files, &command, &state.newest);
            let index = state.index.as_deref().unwrap_or("file:///index");
            let report = report(&found, index, &state.sources);
            BTreeMap::from([("report.json".to_owned(), report)])
        } else if let Some(list) = files.get("build/pip/rest.txt") {
            dependencies(&named(list))
        } else if let Some(version) = built(&files) {
            if self.state().broken.contains(&version.0) {
                (call.log)("the test wants it so");
                return Ok(RunOutcome {
                    status: 1,
                    out_of_memory: false,
                });
            }
            dependencies(&[version])
        } else if files.contains_key("build/pip/metadata.txt") {
            dependencies(&resolved(&files, &command, &self.state().newest))
        } else {
            project(&files, &request.image)
        };
        for download in &request.downloads {
            for (name, bytes) in &made {
                fs::write(download.into.join(name), bytes).map_err(|error| EngineError::Files {
                    verb: format!("store {name}"),
                    cause: error.to_string(),
                })?;
            }
        }
        Ok(RunOutcome {
            status: 0,
            out_of_memory: false,
        })
    }
}

/// The facts of every base image.
const FACTS: &str = r#"{
  "abi": "cpython-311-x86_64-linux-gnu",
  "architecture": "x86_64",
  "distribution": "debian",
  "distribution_version": "12",
  "implementation": "cpython",
  "interpreter": "/usr/bin/python3.11",
  "interpreter_package": "python3.11-minimal",
  "libc": "glibc 2.36",
  "pip": "23.0.1",
  "python": "3.11.2",
  "tags": {"platforms": [["any"]], "groups": [["py3", "none", 0]]}
}
"#;

fn image_id(digest: &Digest) -> String {
    format!("sha256:{digest}")
}

impl Engine for FakeEngine {
    fn endpoint(&self) -> String {
        // As the command line names it.
        let file = self.file.as_ref();
        file.map_or_else(
            || "fake".to_owned(),
            |file| format!("fake:{}", file.display()),
        )
    }

    fn ping(&self) -> BoxFuture<'_, Result<String, EngineError>> {
        async { Ok("fake engine".to_owned()) }.boxed()
    }

    fn image<'a>(
        &'a self,
        reference: &'a str,
    ) -> BoxFuture<'a, Result<Option<ImageInfo>, EngineError>> {
        async move { Ok(self.found(reference)) }.boxed()
    }

    fn present<'a>(
        &'a self,
        ids: &'a BTreeSet<String>,
    ) -> BoxFuture<'a, Result<BTreeSet<String>, EngineError>> {
        async move {
            let state = self.state();
            let known: BTreeSet<&String> = state.names.values().collect();
            Ok(ids
                .iter()
                .filter(|id| known.contains(id))
                .cloned()
                .collect())
        }
        .boxed()
    }

    fn platform(&self) -> BoxFuture<'_, Result<Option<Platform>, EngineError>> {
        // Its base images are in no registry.
        async { Ok(None) }.boxed()
    }

    fn pull<'a>(
        &'a self,
        reference: &'a str,
        _call: &'a Call,
    ) -> BoxFuture<'a, Result<ImageInfo, EngineError>> {
        async move {
            self.called(format!("pull {reference}"))?;
            self.state().absent.remove(reference);
            self.save();
            Ok(self
                .found(reference)
                .expect("an image that is not absent is found"))
        }
        .boxed()
    }

    fn build_image<'a>(
        &'a self,
        request: BuildImage,
        _call: &'a Call,
    ) -> BoxFuture<'a, Result<ImageInfo, EngineError>> {
        async move {
            let step = request
                .labels
                .get("builder.step")
                .cloned()
                .unwrap_or_default();
            self.called(format!("build {step}"))?;
            let files = unpack(vec![request.context])?;
            let mut hasher = ContentHasher::new("fake image");
            for (name, bytes) in &files {
                hasher.text(name).bytes(bytes);
            }
            let id = image_id(&hasher.finish());
            let names = vec![request.tag.clone()];
            self.state().names.insert(request.tag, id.clone());
            self.save();
            Ok(ImageInfo {
                names,
                id,
                labels: request.labels,
            })
        }
        .boxed()
    }

    fn run<'a>(
        &'a self,
        request: RunContainer,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<RunOutcome, EngineError>> {
        async move {
            let step = request
                .labels
                .get("builder.step")
                .cloned()
                .unwrap_or_default();
            self.called(format!("run {step}"))?;
            if call.cancel.is_cancelled() {
                return Err(EngineError::Interrupted);
            }
            self.make(request, call)
        }
        .boxed()
    }

    fn tag_image<'a>(
        &'a self,
        id: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        async move {
            self.called(format!("tag {name}"))?;
            let mut state = self.state();
            state.names.remove(&format!("imported/{id}"));
            state.names.insert(name.to_owned(), id.to_owned());
            drop(state);
            self.save();
            Ok(())
        }
        .boxed()
    }

    fn export_image<'a>(
        &'a self,
        id: &'a str,
        reader: ArchiveReader,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        async move {
            self.called(format!("export image {}", crate::step::short_image(id)))?;
            reader(&mut Cursor::new(containers::archived(id))).map_err(|cause| {
                EngineError::Refused {
                    verb: "give out an image".to_owned(),
                    cause,
                }
            })
        }
        .boxed()
    }

    fn import_image<'a>(
        &'a self,
        archive: TarWriter,
        _call: &'a Call,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        async move {
            let files = unpack(vec![archive])?;
            let id = containers::imported(&files);
            self.called(format!("import image {}", crate::step::short_image(&id)))?;
            self.state().names.insert(format!("imported/{id}"), id);
            self.save();
            Ok(())
        }
        .boxed()
    }

    fn remove_image<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<(), EngineError>> {
        async move {
            self.called(format!(
                "remove image {}",
                crate::step::short_image(reference)
            ))?;
            self.state()
                .names
                .retain(|name, id| name != reference && id != reference);
            self.save();
            Ok(())
        }
        .boxed()
    }

    fn settle(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }

    fn sweep<'a>(
        &'a self,
        _labels: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<usize, EngineError>> {
        async { Ok(0) }.boxed()
    }
}
