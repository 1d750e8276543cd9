//! The wheels of all dependencies: those that a lock names, or those that the requirements come to.
//!
//! What is to be had is a list of exact files first. Those that are wheels are fetched straight from
//! it, side by side, and each of the others is built in a container of its own (`units`).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::archive;
use crate::engine::{Call, LogSink, RunOutcome};
use crate::exec::knowledge;
use crate::exec::wheel::command::Pip;
use crate::exec::wheel::units::{Units, Wanted};
use crate::exec::wheel::wheelhouse::Wheelhouse;
use crate::exec::wheel::{Container, PIP_FILES, WHEELHOUSE, succeeded, words};
use crate::exec::{Host, Job, StepError};
use crate::facts::Facts;
use crate::lock::{Formats, Package, Pins, incomplete, kept};
use crate::step::wheel::{LockFile, WheelRun};
use crate::step::{Facet, Input};
use crate::wheel::normalised;

pub(super) type File = (String, Vec<u8>, u32);

/// A run for dependencies, with everything that both ways need.
pub(super) struct Run<'a> {
    pub host: &'a Host,
    pub job: &'a Job,
    pub wheel: &'a WheelRun,
    pub pip: &'a Pip,
    pub facts: &'a Facts,
    /// The project's name.
    pub project: &'a str,
    /// The project's requirements, as lines for pip.
    pub lines: &'a [String],
    /// The files by which every run of pip is prepared, and those that its settings name.
    pub files: &'a [File],
}

/// What a run for dependencies left.
pub(super) struct Made {
    /// The wheels.
    pub wheelhouse: Wheelhouse,
    /// The wheels that were compiled by themselves, by the keys under which they are kept.
    pub compiled: BTreeMap<String, String>,
}

impl Run<'_> {
    /// Makes the wheels that a lock names.
    pub async fn locked(&self, file: &LockFile) -> Result<Made, StepError> {
        let LockFile { name, lock } = file;
        let stale = |what: String| StepError::Lock {
            what,
            help: STALE.to_owned(),
        };
        let packages = lock
            .packages_for(self.facts)
            .map_err(|misfit| stale(format!("{name} {misfit}")))?;
        let open = lock.open(Some(self.facts), self.lines);
        if !open.is_empty() {
            return Err(stale(not_satisfied(name, &open)));
        }
        let wanted = self
            .wanted(packages.into_iter())
            .map_err(|holes| stale(format!("{name} has {}", holes.join(", nor "))))?;
        let made = self.units(&wanted, false, Some(name)).await?;
        let open = self.open(&made)?;
        if !open.is_empty() {
            return Err(stale(format!(
                "{name} does not satisfy {}",
                open.join(", ")
            )));
        }
        Ok(made)
    }

    /// Makes the wheels that the requirements come to: the versions of the last run where they still
    /// fit, unless all is to be found out `anew`.
    ///
    /// Without that, a step that runs again because an image was rebuilt would bring whatever the
    /// index has by now.
    pub async fn resolving(&self, anew: bool) -> Result<Made, StepError> {
        let before = match &self.job.before {
            Some(outputs) if !anew => versions(outputs.facets.get(&Facet::Versions)),
            Some(_) | None => Pins::new(),
        };
        let keeping = Keeping::of(&before, self.lines, &[], self.facts);
        if self.hashed() {
            (self.job.log)("requirements state hashes: pip makes all wheels in one container");
            return self.whole(&keeping).await;
        }
        let Some(wanted) = self.list(&keeping, anew).await? else {
            return self.whole(&keeping).await;
        };
        let made = self.units(&wanted, anew, None).await?;
        let open = self.open(&made)?;
        if open.is_empty() {
            return Ok(made);
        }
        let open = open.join(", ");
        (self.job.log)(&format!(
            "what was resolved leaves {open} open: pip makes all wheels"
        ));
        self.whole(&keeping).await
    }

    /// Finds the file of each package that this interpreter takes; or says of which there is none.
    pub(super) fn wanted<'p>(
        &self,
        packages: impl Iterator<Item = &'p Package>,
    ) -> Result<Vec<Wanted>, Vec<String>> {
        let settings = &self.wheel.pip.settings;
        let (only, no) = (words(&settings.only_binary), words(&settings.no_binary));
        let ranks = self.facts.tags.ranks();
        let own = normalised(self.project);
        let (mut wanted, mut holes) = (Vec::new(), Vec::new());
        for package in packages.filter(|package| package.name != own) {
            let formats = Formats::of(&package.name, &only, &no);
            match package.chosen(&ranks, formats) {
                Some(chosen) => wanted.push(Wanted::of(&chosen)),
                None => holes.push(format!(
                    "no {} of {} {} for this interpreter",
                    formats.words(),
                    package.name,
                    package.version
                )),
            }
        }
        match holes.is_empty() {
            true => Ok(wanted),
            false => Err(holes),
        }
    }

    async fn units(
        &self,
        wanted: &[Wanted],
        anew: bool,
        lock: Option<&str>,
    ) -> Result<Made, StepError> {
        Units::new(self, anew, lock)?.make(wanted).await
    }

    /// Returns what the wheels leave open of what is required.
    fn open(&self, made: &Made) -> Result<Vec<String>, StepError> {
        let Some(markers) = self.facts.markers() else {
            return Ok(Vec::new());
        };
        let wheels = made.wheelhouse.stated()?;
        Ok(incomplete(self.lines, &wheels, self.project, &markers))
    }

    /// Tells whether requirements or constraints state hashes, which pip then demands of everything.
    fn hashed(&self) -> bool {
        let settings = &self.wheel.pip.settings;
        settings.require_hashes
            || self.files.iter().any(|(path, bytes, _)| {
                let text = String::from_utf8_lossy(bytes);
                path.starts_with(PIP_FILES) && text.contains("--hash")
            })
    }

    /// Has pip resolve and make all wheels in one container.
    async fn whole(&self, keeping: &Keeping) -> Result<Made, StepError> {
        let mut all = self.files.to_vec();
        all.extend(requirements_file(self.lines));
        for attempt in keeping.attempts() {
            let command = self
                .pip
                .dependencies(METADATA, attempt.then_some(KEPT), WHEELHOUSE);
            let mut files = all.clone();
            files.extend(attempt.then(|| keeping.file()));
            let (call, watch) = watched(&self.job.log, &self.job.call());
            let folder = self.host.workspace.staging(&self.job.step.address)?;
            let outcome = self
                .contained(&command, files, WHEELHOUSE, &folder, &call)
                .await?;
            if watch.resolves_anew(attempt, &outcome) {
                continue;
            }
            succeeded(outcome, &command)?;
            return Ok(Made {
                wheelhouse: Wheelhouse::read(&folder, &self.job.log)?,
                compiled: BTreeMap::new(),
            });
        }
        Err(StepError::Bug("no attempt to resolve was made".to_owned()))
    }

    /// Runs a command in a container of the builder image, and brings a folder out.
    pub(super) async fn contained(
        &self,
        command: &[String],
        files: Vec<File>,
        from: &str,
        into: &Path,
        call: &Call,
    ) -> Result<RunOutcome, StepError> {
        let container = Container {
            image: knowledge::image(self.job, &self.wheel.image)?,
            step: &self.job.step.address,
            wheel: self.wheel,
            pip: self.pip,
            command,
            uploads: vec![archive::pack_files(files, self.wheel.epoch)],
            from,
            into,
        };
        container.run(self.host, call).await
    }
}

/// What to do where a lock does not fit.
pub(super) const STALE: &str =
    "run `builder lock`, which resolves the dependencies and writes the lock anew";

/// Where the project's requirements are in the container.
pub(super) const METADATA: &str = "/build/pip/metadata.txt";

/// Where the versions that are kept are in the container.
pub(super) const KEPT: &str = "/build/pip/kept.txt";

/// What the log says when the kept versions turn out impossible.
const RESOLVED_ANEW: &str =
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
    /// The versions, as constraints.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

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

/// Notes whether a resolver said that no versions fit together.
pub(super) struct Watch {
    impossible: Arc<AtomicBool>,
    log: LogSink,
}

impl Watch {
    /// Tells whether versions were kept and all have to be resolved anew without them, and says so in
    /// the log.
    pub fn resolves_anew(&self, kept: bool, outcome: &RunOutcome) -> bool {
        let anew = kept && outcome.status != 0 && self.impossible.load(Ordering::Relaxed);
        if anew {
            (self.log)(RESOLVED_ANEW);
        }
        anew
    }
}

/// Returns a call for a resolution, and what it notes.
pub(super) fn watched(log: &LogSink, call: &Call) -> (Call, Watch) {
    let impossible = Arc::new(AtomicBool::new(false));
    let watch = Watch {
        impossible: Arc::clone(&impossible),
        log: Arc::clone(log),
    };
    let log = Arc::clone(log);
    let sink = move |line: &str| {
        let words = [
            "ResolutionImpossible",
            "No matching distribution found",
            "No solution found",
        ];
        if words.iter().any(|words| line.contains(words)) {
            impossible.store(true, Ordering::Relaxed);
        }
        log(line);
    };
    let call = Call {
        log: Arc::new(sink),
        cancel: call.cancel.clone(),
    };
    (call, watch)
}
