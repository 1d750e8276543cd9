//! Wheels of exact files, each by itself: fetched, or built in a container of its own.
#![expect(
    clippy::disallowed_methods,
    reason = "files wait in the step's staging"
)]

mod kept;
mod rest;
mod wanted;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio_util::sync::CancellationToken;

use crate::cache::{Came, Fetcher, NotFetched};
use crate::engine::{Call, EngineError, LogSink};
use crate::exec::settle::Clock;
use crate::exec::wheel::dependencies::{Made, Run, STALE};
use crate::exec::wheel::parts::Part;
use crate::exec::wheel::wheelhouse::Wheelhouse;
use crate::exec::wheel::{WHEELHOUSE, command};
use crate::exec::{StepError, room};
use crate::step::{Input, Key};
use crate::wheel::name_and_version;

pub(super) use wanted::Wanted;

/// What a wheel that was built by itself is called in caches.
const KIND: &str = "compiled wheel";

/// The inputs of the step that decide nothing of a wheel that is built by itself: what is wanted beside it.
const OF_OTHERS: [&str; 8] = [
    "extras",
    "lock",
    "pip.constraints",
    "pip.require_hashes",
    "pip.requirements",
    "procedure",
    "project name",
    "requirements",
];

/// What became of one of them.
enum Became {
    /// Its wheel is there.
    There,
    /// Its wheel is there, built under a key.
    Built(Key, String),
    /// It cannot be fetched straight.
    LeftToPip,
}

/// The work on the files of one step.
pub(super) struct Units<'a> {
    run: &'a Run<'a>,
    anew: bool,
    lock: Option<&'a str>,
    fetcher: Fetcher,
    /// Where the wheels gather.
    wheels: PathBuf,
    /// Where each has a folder of its own.
    work: PathBuf,
    cancel: CancellationToken,
    to_build: AtomicUsize,
    building: AtomicUsize,
}

fn disk(cause: std::io::Error) -> StepError {
    EngineError::Files {
        verb: "keep wheels in the workspace".to_owned(),
        cause: cause.to_string(),
    }
    .into()
}

impl<'a> Units<'a> {
    pub fn new(run: &'a Run<'a>, anew: bool, lock: Option<&'a str>) -> Result<Self, StepError> {
        let (host, address) = (run.host, &run.job.step.address);
        let staging = host.workspace.staging(address)?;
        let (wheels, work) = (staging.join("wheels"), staging.join("work"));
        fs::create_dir(&wheels).map_err(disk)?;
        fs::create_dir(&work).map_err(disk)?;
        let settings = &run.wheel.pip.settings;
        let indexes = settings.index_url.iter().chain(&settings.extra_index_urls);
        let indexes: Vec<&str> = indexes.map(String::as_str).collect();
        Ok(Self {
            run,
            anew,
            lock,
            fetcher: Fetcher::new(&host.ca_bundle(address), &host.proxies, &indexes),
            wheels,
            work,
            cancel: run.job.cancel.child_token(),
            to_build: AtomicUsize::new(0),
            building: AtomicUsize::new(0),
        })
    }

    /// Makes all of them, those that take longest first. When one fails, the others are stopped.
    pub async fn make(self, wanted: &[Wanted]) -> Result<Made, StepError> {
        for one in wanted {
            one.is_sound()?;
        }
        let mut order: Vec<&Wanted> = wanted.iter().collect();
        order.sort_by_key(|one| (!one.sdist, std::cmp::Reverse(one.file.size), &one.name));
        let sdists = order.iter().filter(|one| one.sdist).count();
        self.to_build.store(sdists, Ordering::Relaxed);
        let this = &self;
        let mut running: FuturesUnordered<_> = order
            .iter()
            .map(|one| async move { (*one, this.one(one).await) })
            .collect();
        let (mut compiled, mut rest) = (BTreeMap::new(), Vec::new());
        let mut failed: Option<StepError> = None;
        while let Some((one, result)) = running.next().await {
            match result {
                Ok(Became::There) => {}
                Ok(Became::Built(key, file)) => {
                    compiled.insert(key.to_string(), file);
                }
                Ok(Became::LeftToPip) => rest.push(one.clone()),
                Err(error) => {
                    self.cancel.cancel();
                    if failed.as_ref().is_none_or(StepError::is_interrupted) {
                        failed = Some(error);
                    }
                }
            }
        }
        drop(running);
        if let Some(error) = failed {
            return Err(error);
        }
        if !rest.is_empty() {
            self.by_pip(&rest).await?;
        }
        Ok(Made {
            wheelhouse: Wheelhouse::read(&self.wheels, &self.run.job.log)?,
            compiled,
        })
    }

    async fn one(&self, wanted: &Wanted) -> Result<Became, StepError> {
        if wanted.sdist {
            return self.built(wanted).await;
        }
        let place = self.wheels.join(&wanted.file.name);
        Ok(match self.fetched(wanted, &place).await? {
            true => Became::There,
            false => Became::LeftToPip,
        })
    }

    /// Brings a file; tells whether that was possible.
    async fn fetched(&self, wanted: &Wanted, place: &std::path::Path) -> Result<bool, StepError> {
        let bounds = &self.run.host.bounds;
        let _flight = bounds.flights.enter(&wanted.hashes().join(" ")).await;
        let call = self.call(Arc::clone(&self.run.job.log));
        let _room = room(&bounds.fetches, &call).await?;
        let local = self.run.host.caches.as_ref().map(|caches| caches.local());
        let result = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Err(EngineError::Interrupted.into()),
            result = self.fetcher.fetch(local, &wanted.file, place) => result,
        };
        let name = &wanted.file.name;
        match result {
            Ok(came) => {
                let how = match came {
                    Came::Kept => "kept",
                    Came::Fetched => "fetched",
                };
                (self.run.job.log)(&format!("{how}: {name}"));
                Ok(true)
            }
            Err(NotFetched::Unfit(why)) => {
                (self.run.job.log)(&format!("left to pip: {name}: {why}"));
                Ok(false)
            }
            Err(NotFetched::Other) => Err(self.other(&wanted.name)),
            Err(NotFetched::Disk(error)) => Err(error.into()),
        }
    }

    /// Words that a file's bytes are others than they should be.
    fn other(&self, name: &str) -> StepError {
        match self.lock {
            Some(lock) => StepError::Lock {
                what: format!("the file of {name} has another hash than in {lock}"),
                help: STALE.to_owned(),
            },
            None => StepError::Wheelhouse {
                what: format!("the file of {name} has another hash than its index says"),
                help: "look at the index, and at what is between it and this machine".to_owned(),
            },
        }
    }

    /// Brings the wheel of an sdist from where it is kept, or builds it.
    async fn built(&self, wanted: &Wanted) -> Result<Became, StepError> {
        let host = self.run.host;
        let part = self.part(wanted);
        let key = part.key;
        let _flight = host.bounds.flights.enter(&key.to_string()).await;
        if !self.anew {
            if let Some(file) = self.as_before(&key, wanted)? {
                return Ok(Became::Built(key, file));
            }
            if let Some(file) = self.brought(&part, wanted).await {
                return Ok(Became::Built(key, file));
            }
        }
        let folder = self.work.join(&wanted.name);
        fs::create_dir(&folder).map_err(disk)?;
        let sdist = folder.join("sdist");
        if !self.fetched(wanted, &sdist).await? {
            return Ok(Became::LeftToPip);
        }
        let clock = Clock::start();
        let out = folder.join("out");
        fs::create_dir(&out).map_err(disk)?;
        let bytes = fs::read(&sdist).map_err(disk)?;
        let number = self.building.fetch_add(1, Ordering::Relaxed) + 1;
        let of = self.to_build.load(Ordering::Relaxed);
        (self.run.job.log)(&format!("building {} ({number} of {of})", wanted.title()));
        let path = format!("build/sdist/{}", wanted.file.name);
        let mut command = self.run.pip.wheel();
        command.extend(["--no-deps".to_owned(), format!("/{path}")]);
        let mut files = self.run.files.to_vec();
        files.push((path, bytes, 0o644));
        let call = self.call(prefixed(&self.run.job.log, &wanted.name));
        let outcome = self
            .run
            .contained(&command, files, WHEELHOUSE, &out, &call)
            .await?;
        if outcome.status != 0 {
            return Err(StepError::Compile {
                package: wanted.title(),
                command: command::shown(&command),
                status: outcome.status,
                out_of_memory: outcome.out_of_memory,
            });
        }
        let made = Wheelhouse::read(&out, &call.log)?;
        let file = made.only()?;
        if name_and_version(&file).is_none_or(|(name, _)| name != wanted.name) {
            return Err(StepError::Wheelhouse {
                what: format!("{} made the wheel {file}", wanted.file.name),
                help: "a source distribution makes a wheel of its own name".to_owned(),
            });
        }
        if let Some((path, digest)) = made.wheel(&file) {
            self.keep(part, &file, path, *digest, &clock).await;
            fs::rename(path, self.wheels.join(&file)).map_err(disk)?;
        }
        let _ = fs::remove_dir_all(&folder);
        Ok(Became::Built(key, file))
    }

    /// The wheel of an sdist, with what decides its bytes.
    fn part(&self, wanted: &Wanted) -> Part {
        let file = format!("{} {}", wanted.file.name, wanted.hashes().join(" "));
        { self.run }.part(KIND, &OF_OTHERS, [("sdist", Input::Text(file))])
    }

    fn call(&self, log: LogSink) -> Call {
        Call {
            log,
            cancel: self.cancel.clone(),
        }
    }
}

/// Puts a name in front of each line.
fn prefixed(log: &LogSink, name: &str) -> LogSink {
    let (log, name) = (Arc::clone(log), name.to_owned());
    Arc::new(move |line: &str| log(&format!("{name}: {line}")))
}
