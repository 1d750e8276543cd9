//! The wheels of all dependencies: those that a lock names, or those that pip resolves to.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::archive;
use crate::engine::{Call, LogSink};
use crate::exec::knowledge;
use crate::exec::wheel::command::{self, Pip};
use crate::exec::wheel::{Container, PIP_FILES, WHEELHOUSE, succeeded};
use crate::exec::{Host, Job, StepError, broken_lines, contract};
use crate::facts::Facts;
use crate::lock::{Package, Pins, kept};
use crate::step::wheel::{LOCKED_PROGRAM, LockFile, WheelRun};
use crate::step::{Facet, Input};

pub(super) type File = (String, Vec<u8>, u32);

/// A run for dependencies, with everything that both ways need.
pub(super) struct Run<'a> {
    pub host: &'a Host,
    pub job: &'a Job,
    pub wheel: &'a WheelRun,
    pub pip: &'a Pip,
    pub facts: &'a Facts,
    /// The project's requirements, as lines for pip.
    pub lines: &'a [String],
}

impl Run<'_> {
    /// Makes the wheels that a lock names; returns where they are.
    pub async fn locked(
        &self,
        file: &LockFile,
        project: &str,
        mut files: Vec<File>,
    ) -> Result<PathBuf, StepError> {
        let LockFile { name, lock } = file;
        let stale = |what: String| StepError::Lock {
            what,
            help: "run `builder lock`, which resolves the dependencies and writes the lock anew"
                .to_owned(),
        };
        let packages = lock
            .packages_for(self.facts)
            .map_err(|misfit| stale(format!("{name} {misfit}")))?;
        let open = lock.open(Some(self.facts), self.lines);
        if !open.is_empty() {
            return Err(stale(not_satisfied(name, &open)));
        }
        let own = crate::wheel::normalised(project);
        let wanted: Vec<&Package> = packages
            .into_iter()
            .filter(|package| package.name != own)
            .collect();
        let settings = &self.wheel.pip.settings;
        let all = json!({
            "lock": name,
            "packages": wanted.iter().map(|package| json!({
                "name": package.name,
                "version": package.version,
                "wheels": package.wheels,
                "sdist": package.sdist,
            })).collect::<Vec<_>>(),
            "only_binary": settings.only_binary.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "no_binary": settings.no_binary.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "pip": self.pip.wheel(),
            "wheelhouse": WHEELHOUSE,
        });
        files.extend(requirements_file(self.lines));
        let text = all.to_string().into_bytes();
        files.push((format!("{PIP_FILES}/lock.json"), text, 0o644));
        let program = LOCKED_PROGRAM.as_bytes().to_vec();
        files.push((format!("{PIP_FILES}/locked.py"), program, 0o644));
        let command = ["python", &format!("/{PIP_FILES}/locked.py")].map(str::to_owned);
        let (call, broken) = broken_lines(self.job);
        let (outcome, staging) = self.attempt(&command, files, &call).await?;
        contract(outcome, &broken, &command::shown(&command), |problems| {
            stale(problems.join("; "))
        })?;
        Ok(staging)
    }

    /// Has pip resolve, with the versions of the last run where they still fit.
    ///
    /// Without that, a step that runs again because an image was rebuilt would bring whatever the
    /// index has by now.
    pub async fn resolving(&self, anew: bool, mut files: Vec<File>) -> Result<PathBuf, StepError> {
        files.extend(requirements_file(self.lines));
        let before = match &self.job.before {
            Some(outputs) if !anew => versions(outputs.facets.get(&Facet::Versions)),
            Some(_) | None => Pins::new(),
        };
        let keeping = Keeping::of(&before, self.lines, &[], self.facts);
        for attempt in keeping.attempts() {
            let command = self
                .pip
                .dependencies(METADATA, attempt.then_some(KEPT), WHEELHOUSE);
            let mut files = files.clone();
            files.extend(attempt.then(|| keeping.file()));
            let (call, impossible) = watched(&self.job.log, &self.job.call());
            let (outcome, staging) = self.attempt(&command, files, &call).await?;
            if attempt && outcome.status != 0 && impossible.load(Ordering::Relaxed) {
                (self.job.log)(RESOLVED_ANEW);
                continue;
            }
            succeeded(outcome, &command)?;
            return Ok(staging);
        }
        Err(StepError::Bug("no attempt to resolve was made".to_owned()))
    }

    async fn attempt(
        &self,
        command: &[String],
        files: Vec<File>,
        call: &Call,
    ) -> Result<(crate::engine::RunOutcome, PathBuf), StepError> {
        let step = &self.job.step.address;
        let staging = self.host.workspace.staging(step)?;
        let container = Container {
            image: knowledge::image(self.job, &self.wheel.image)?,
            step,
            wheel: self.wheel,
            pip: self.pip,
            command,
            uploads: vec![archive::pack_files(files, self.wheel.epoch)],
            from: WHEELHOUSE,
            into: &staging,
        };
        Ok((container.run(self.host, call).await?, staging))
    }
}

/// Where the project's requirements are in the container.
pub(super) const METADATA: &str = "/build/pip/metadata.txt";

/// Where the versions that are kept are in the container.
pub(super) const KEPT: &str = "/build/pip/kept.txt";

/// What the log says when the kept versions turn out impossible.
pub(super) const RESOLVED_ANEW: &str =
    "the versions so far do not fit together with what is required now: all are resolved anew";

/// Says which requirements a lock leaves open.
pub(super) fn not_satisfied(lock: &str, open: &[&str]) -> String {
    let named: Vec<String> = open.iter().map(|line| format!("`{line}`")).collect();
    format!("{lock} does not satisfy {}", named.join(", "))
}

/// The file of the project's requirements.
pub(super) fn requirements_file(lines: &[String]) -> Option<File> {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let path = METADATA.trim_start_matches('/').to_owned();
    Some((path, text.into_bytes(), 0o644))
}

/// The versions in the facet of a record.
fn versions(facet: Option<&Input>) -> Pins {
    match facet {
        Some(Input::Versions(pins)) => pins.clone(),
        _ => Pins::new(),
    }
}

/// The versions that a resolution keeps, where they fit.
pub(super) struct Keeping {
    lines: Vec<String>,
}

impl Keeping {
    pub fn of(before: &Pins, required: &[String], upgraded: &[String], facts: &Facts) -> Self {
        Self {
            lines: kept(before, required, upgraded, facts.markers().as_ref()),
        }
    }

    /// With the kept versions first, where there are any, and then without them.
    pub fn attempts(&self) -> impl Iterator<Item = bool> {
        let first = (!self.lines.is_empty()).then_some(true);
        first.into_iter().chain([false])
    }

    pub fn file(&self) -> File {
        let text: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
        let path = KEPT.trim_start_matches('/').to_owned();
        (path, text.into_bytes(), 0o644)
    }
}

/// Returns a call that notes whether pip says that no versions fit together.
pub(super) fn watched(log: &LogSink, call: &Call) -> (Call, Arc<AtomicBool>) {
    let impossible = Arc::new(AtomicBool::new(false));
    let (noted, log) = (Arc::clone(&impossible), Arc::clone(log));
    let sink = move |line: &str| {
        let words = ["ResolutionImpossible", "No matching distribution found"];
        if words.iter().any(|words| line.contains(words)) {
            noted.store(true, Ordering::Relaxed);
        }
        log(line);
    };
    let call = Call {
        log: Arc::new(sink),
        cancel: call.cancel.clone(),
    };
    (call, impossible)
}
