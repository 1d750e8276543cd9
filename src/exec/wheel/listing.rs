//! The exact files that requirements come to, found out once for everybody with the same requirements,
//! settings and image.
#![expect(clippy::disallowed_methods, reason = "resolutions are read from disk")]

use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::json;

use crate::cache::{CacheError, Local};
use crate::digest::Digest;
use crate::exec::StepError;
use crate::exec::settle::{Clock, Timing};
use crate::exec::wheel::dependencies::{KEPT, Keeping, METADATA, Run, requirements_file, watched};
use crate::exec::wheel::parts::Part;
use crate::exec::wheel::resolve::{OUT, markers_of, report_in};
use crate::exec::wheel::units::Wanted;
use crate::exec::wheel::{PIP_FILES, words};
use crate::lock::{Found, Lock};
use crate::step::Input;
use crate::step::wheel::{RESOLVE_PROGRAM, UV};
use crate::tree::RelPath;

/// What a resolution is called in caches.
const KIND: &str = "resolution";

/// The status of the program when nothing in the image can resolve without building.
const NOTHING: i64 = 7;

/// The inputs of the step that decide nothing here, since the lines say what they come to.
const IN_THE_LINES: [&str; 3] = ["extras", "project name", "requirements"];

impl Run<'_> {
    /// Finds out which files the requirements come to; `None` where nothing in the image can tell
    /// before it builds.
    pub(super) async fn list(
        &self,
        keeping: &Keeping,
        anew: bool,
    ) -> Result<Option<Vec<Wanted>>, StepError> {
        let part = self.part_of_list(keeping);
        let _flight = self
            .host
            .bounds
            .flights
            .enter(&format!("{KIND} {}", part.key))
            .await;
        if !anew && let Some(wanted) = self.kept_list(&part).await {
            (self.job.log)("what the requirements come to is known");
            return Ok(Some(wanted));
        }
        let found = self.resolved(keeping).await?;
        if let Some(wanted) = &found {
            self.keep_list(part, wanted).await;
        }
        Ok(found)
    }

    fn part_of_list(&self, keeping: &Keeping) -> Part {
        let program = Digest::of(RESOLVE_PROGRAM.as_bytes());
        self.part(
            KIND,
            &IN_THE_LINES,
            [
                ("lines", Input::List(self.lines.to_vec())),
                ("kept", Input::List(keeping.lines().to_vec())),
                ("uv", Input::Text(UV.to_owned())),
                ("program", Input::File(program)),
            ],
        )
    }

    /// Has uv or pip resolve, with the kept versions first.
    async fn resolved(&self, keeping: &Keeping) -> Result<Option<Vec<Wanted>>, StepError> {
        let (mut uv, mut attempts) = (self.why_not_uv(), keeping.attempts().peekable());
        while let Some(attempt) = attempts.peek().copied() {
            let kept = attempt.then_some(KEPT);
            let mut files = self.files.to_vec();
            files.extend(requirements_file(self.lines));
            files.extend(attempt.then(|| keeping.file()));
            files.push((
                format!("{PIP_FILES}/resolve.json"),
                self.settings(kept, uv).to_string().into_bytes(),
                0o644,
            ));
            let program = RESOLVE_PROGRAM.as_bytes().to_vec();
            files.push((format!("{PIP_FILES}/resolve.py"), program, 0o644));
            let command = ["python", &format!("/{PIP_FILES}/resolve.py")].map(str::to_owned);
            let (call, watch) = watched(&self.job.log, &self.job.call());
            let staging = self.host.workspace.staging(&self.job.step.address)?;
            let outcome = self
                .contained(&command, files, OUT, &staging, &call)
                .await?;
            if watch.resolves_anew(attempt, &outcome) {
                attempts.next();
                continue;
            }
            if outcome.status == NOTHING {
                (self.job.log)("nothing here resolves without building: pip makes all wheels");
                return Ok(None);
            }
            if outcome.status != 0 {
                let pip = self
                    .pip
                    .resolution(METADATA, kept, &format!("{OUT}/report.json"));
                super::succeeded(outcome, &pip)?;
            }
            if let Ok(text) = fs::read_to_string(staging.join("pylock.toml")) {
                match self.of_lock(&text) {
                    Ok(wanted) => return Ok(Some(wanted)),
                    Err(why) => {
                        (self.job.log)(&format!("pip resolves: {why}"));
                        uv = Some("what uv found cannot be used");
                        continue;
                    }
                }
            }
            return self.of_report(&staging);
        }
        Err(StepError::Bug("no attempt to resolve was made".to_owned()))
    }

    /// Says why uv is not asked, if it is not: what a requirements file may have beside requirements is
    /// pip's own.
    fn why_not_uv(&self) -> Option<&'static str> {
        let plain = |line: &str| {
            let included = ["-r", "-c", "--requirement", "--constraint"];
            !line.starts_with('-') || included.iter().any(|option| line.starts_with(option))
        };
        let odd = self.files.iter().any(|(path, bytes, _)| {
            let text = String::from_utf8_lossy(bytes);
            path.starts_with(PIP_FILES) && !text.lines().all(|line| plain(line.trim_start()))
        });
        odd.then_some("a requirements file has options of pip's")
    }

    fn settings(&self, kept: Option<&str>, why_not_uv: Option<&str>) -> serde_json::Value {
        let settings = &self.wheel.pip.settings;
        let report = format!("{OUT}/report.json");
        let pip = self.facts.pip_is_at_least(22, 2);
        let requirements = self.pip.requirements().iter();
        json!({
            "uv": why_not_uv.is_none().then_some(UV),
            "why": why_not_uv,
            "pip": if pip { self.pip.resolution(METADATA, kept, &report) } else { Vec::new() },
            "index": self.pip.index_options(),
            "index_url": settings.index_url,
            "extra_index_urls": settings.extra_index_urls,
            "only_binary": words(&settings.only_binary),
            "no_binary": words(&settings.no_binary),
            "constraints": self.pip.constraints(),
            "build_constraints": self.pip.build_constraints(),
            "requirements": requirements.collect::<Vec<_>>(),
            "metadata": METADATA,
            "kept": kept,
            "wheelhouse": super::WHEELHOUSE,
        })
    }

    /// Reads the lock that uv left; what is wrong with it, pip mends.
    fn of_lock(&self, text: &str) -> Result<Vec<Wanted>, String> {
        let lock = Lock::parse("uv's resolution", text).map_err(|error| error.to_string())?;
        let packages = lock.packages_for(self.facts);
        let packages = packages.map_err(|misfit| format!("uv's resolution {misfit}"))?;
        { self.wanted(packages.into_iter()) }
            .map_err(|holes| format!("uv found {}", holes.join(", ")))
    }

    /// Reads pip's report; `None` where it has something that is no file of an index.
    fn of_report(&self, folder: &Path) -> Result<Option<Vec<Wanted>>, StepError> {
        let text = report_in(folder)?;
        let markers = markers_of(self.facts)?;
        Ok(match Found::parse(&text, self.project, None, &markers) {
            Ok(found) => Some(found.packages.iter().filter_map(Wanted::only).collect()),
            Err(error) => {
                (self.job.log)(&format!("{error}: pip makes all wheels in one container"));
                None
            }
        })
    }

    /// Reads a resolution from a cache; one that is of no use is made again.
    async fn kept_list(&self, part: &Part) -> Option<Vec<Wanted>> {
        let folder = tempfile::tempdir().ok()?;
        let place = |_: &RelPath| folder.path().join("resolution.json");
        let again = "a resolution is made again";
        let (place, _) = self.out_of_caches(part, again, place).await?;
        serde_json::from_slice(&fs::read(&place).ok()?).ok()
    }

    /// Keeps a resolution.
    async fn keep_list(&self, part: Part, wanted: &[Wanted]) {
        let text = serde_json::to_vec(wanted).expect("a list is plain data");
        let taken_in = |local: &Local| {
            let mut blob = local.begin()?;
            blob.write_all(&text).map_err(|cause| CacheError::Io {
                verb: "write",
                path: "a resolution".into(),
                cause: cause.to_string(),
            })?;
            blob.finish()
        };
        let place = RelPath::new("build/resolution.json").expect("it is a path");
        let timing = Timing {
            started: Clock::start().started(),
            seconds: 0.0,
        };
        self.keep(part, "a resolution", place, timing, taken_in)
            .await;
    }
}
