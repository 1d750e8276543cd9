//! Finding out what a project's dependencies are, for a lock, without making them.
#![expect(clippy::disallowed_methods, reason = "pip's report is read from disk")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use pep508_rs::MarkerEnvironment;

use crate::archive;
use crate::engine::Call;
use crate::exec::knowledge;
use crate::exec::wheel::command::Pip;
use crate::exec::wheel::dependencies::{KEPT, Keeping, METADATA, requirements_file, watched};
use crate::exec::wheel::{Container, prepare_files, succeeded};
use crate::exec::{Host, StepError};
use crate::facts::Facts;
use crate::lock::{Found, FoundError, Package, Pins};
use crate::step::Address;
use crate::step::wheel::{WheelRun, Work};
use crate::wheel::pip_requirements;

/// Where a resolution is in the container.
pub(super) const OUT: &str = "/build/out";

/// A resolution that is asked for.
pub struct Resolution<'a> {
    /// The step that the lock is for.
    pub step: &'a Address,
    /// How it is carried out.
    pub run: &'a WheelRun,
    /// The id of the builder image.
    pub image: String,
    /// The project's name.
    pub project: &'a str,
    /// What the project's wheel requires.
    pub requires: &'a [String],
    /// The versions so far.
    pub before: &'a Pins,
    /// The distributions whose version is not kept.
    pub upgraded: &'a [String],
}

/// Resolves in a container of the builder image, with its pip and the settings of the step.
pub async fn resolve(
    host: &Arc<Host>,
    resolution: &Resolution<'_>,
    call: &Call,
) -> Result<Vec<Package>, StepError> {
    let Resolution {
        step,
        run,
        image,
        project,
        requires,
        before,
        upgraded,
    } = resolution;
    let Work::Dependencies { extras, .. } = &run.work else {
        return Err(StepError::Bug(format!("{step} makes no dependencies")));
    };
    let facts = knowledge::facts(host, step)?;
    if !facts.pip_is_at_least(22, 2) {
        return Err(StepError::Lock {
            what: format!(
                "pip {} of the base image cannot report what it resolves",
                facts.pip
            ),
            help: "`builder lock` needs pip 22.2 or later in the base image; a lock that another tool \
                   exports is read with any pip"
                .to_owned(),
        });
    }
    let markers = markers_of(&facts)?;
    let lines = pip_requirements(project, requires, extras);
    if lines.is_empty() && run.pip.settings.requirements.is_empty() {
        return Ok(Vec::new());
    }
    let mut files = prepare_files(host, step);
    let pip = Pip::new(run, &facts, &mut files);
    files.extend(requirements_file(&lines));
    let keeping = Keeping::of(before, &lines, upgraded, &facts);
    let report = format!("{OUT}/report.json");
    for attempt in keeping.attempts() {
        let resolution = pip.resolution(METADATA, attempt.then_some(KEPT), &report);
        let mut files = files.clone();
        files.extend(attempt.then(|| keeping.file()));
        // pip writes into a folder that is there.
        files.push((format!("{}/.keep", &OUT[1..]), Vec::new(), 0o644));
        let staging = host.workspace.staging(step)?;
        let (call, watch) = watched(&call.log, call);
        let container = Container {
            image: image.clone(),
            step,
            wheel: run,
            pip: &pip,
            command: &resolution,
            uploads: vec![archive::pack_files(files, run.epoch)],
            from: OUT,
            into: &staging,
        };
        let outcome = container.run(host, &call).await?;
        if watch.resolves_anew(attempt, &outcome) {
            continue;
        }
        succeeded(outcome, &resolution)?;
        let text = report_in(&staging)?;
        let settings = &run.pip.settings;
        // With several indexes pip does not say which one a file is from.
        let index = settings
            .index_url
            .as_deref()
            .filter(|_| settings.extra_index_urls.is_empty());
        let found = Found::parse(&text, project, index, &markers).map_err(not_lockable)?;
        let _ = fs::remove_dir_all(&staging);
        return Ok(found.packages);
    }
    Err(StepError::Bug("no attempt to resolve was made".to_owned()))
}

/// Reads the report that pip left in a folder.
pub(super) fn report_in(folder: &Path) -> Result<String, StepError> {
    let path = folder.join("report.json");
    fs::read_to_string(&path).map_err(|error| {
        StepError::Bug(format!("pip left no report in {}: {error}", path.display()))
    })
}

/// The environment that markers are evaluated in.
pub(super) fn markers_of(facts: &Facts) -> Result<MarkerEnvironment, StepError> {
    { facts.markers() }
        .ok_or_else(|| StepError::Bug(format!("Python {} is no version", facts.python)))
}

fn not_lockable(error: FoundError) -> StepError {
    let help = match &error {
        FoundError::Report(_) => "look at the version of pip in the base image",
        FoundError::Source { .. } => {
            "publish it to an index, or pin the others by `pip: constraints` in place of a lock"
        }
        FoundError::NoHash(_) => "look at the index that it comes from",
    };
    StepError::Lock {
        what: error.to_string(),
        help: help.to_owned(),
    }
}
