//! The commands that look back, and those that look after the local cache.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::app::caching::CacheChoice;
use crate::app::{AppError, Environment};
use crate::cache::{Limits, Local};
use crate::history::{self, Run};
use crate::manifest::Record;
use crate::plan::{Reason, size};
use crate::wheel::normalised;
use crate::workspace::Workspace;

/// What is done with the local cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheTask {
    /// Count what there is.
    Status,
    /// Take away what is too old or too much.
    Collect(Limits),
    /// Read everything, and remove what does not hold.
    Verify,
}

/// Looks after the local cache; returns what to print.
#[expect(clippy::disallowed_methods, reason = "age is counted from now")]
pub fn cache(
    choice: &CacheChoice,
    environment: &Environment,
    task: CacheTask,
) -> Result<String, AppError> {
    let Some(folder) = choice.local_folder(environment) else {
        return Err(AppError::Environment {
            what: "there is no folder for a cache: neither XDG_CACHE_HOME nor HOME is set"
                .to_owned(),
            help: "name one with --cache-dir".to_owned(),
        });
    };
    let Some(local) = Local::existing(&folder) else {
        return Ok(format!("{}: nothing is kept there\n", folder.display()));
    };
    let mut text = String::new();
    match task {
        CacheTask::Status => {
            let status = local.status()?;
            let bytes = status.entries.1 + status.blobs.1 + status.downloads.1;
            let _ = writeln!(
                text,
                "{}: {} entries, {} blobs, {} downloads, {}",
                folder.display(),
                status.entries.0,
                status.blobs.0,
                status.downloads.0,
                size(bytes)
            );
            for (kind, (count, bytes)) in &status.kinds {
                let _ = writeln!(text, "  {kind}: {count}, {}", size(*bytes));
            }
            if let Some(oldest) = status.oldest {
                let _ = writeln!(text, "  least recently of use: {}", time(oldest));
            }
        }
        CacheTask::Collect(limits) => {
            let collected = local.collect(limits, SystemTime::now())?;
            for (key, step, age) in &collected.entries {
                let _ = writeln!(
                    text,
                    "{step} {}: last of use {} ago",
                    key.short(),
                    humantime::format_duration(Duration::from_secs(*age))
                );
            }
            let _ = writeln!(
                text,
                "{} entries and {} downloads taken away, {} freed, {} left",
                collected.entries.len(),
                collected.downloads,
                size(collected.bytes),
                size(collected.left)
            );
        }
        CacheTask::Verify => {
            let verified = local.verify()?;
            for bad in &verified.bad {
                let _ = writeln!(text, "removed: {bad}");
            }
            let _ = writeln!(
                text,
                "{} entries hold, {} things removed",
                verified.good,
                verified.bad.len()
            );
        }
    }
    Ok(text)
}

/// Tells of the runs of a workspace, the latest first; with a wheel's name, of that wheel alone.
pub fn history(workspace: &Path, wheel: Option<&str>) -> Result<String, AppError> {
    let workspace = Workspace::at(workspace.to_owned());
    let runs = history::parse(&workspace.history()?);
    let mut text = String::new();
    if let Some(wheel) = wheel {
        let changes = history::wheel_changes(&runs, &normalised(wheel));
        if changes.is_empty() {
            let _ = writeln!(text, "no run that is remembered had a wheel of {wheel}");
        }
        for change in changes {
            let what = match (&change.file, &change.digest) {
                (Some(file), Some(digest)) => format!("{file}  {}", &digest[..12]),
                _ => "no longer there".to_owned(),
            };
            let _ = writeln!(text, "{}  {}  {what}", change.run, change.step);
        }
        return Ok(text);
    }
    if runs.is_empty() {
        let _ = writeln!(
            text,
            "no run is remembered in {}",
            workspace.root().display()
        );
    }
    for run in runs.iter().rev() {
        one_run(&mut text, run);
    }
    Ok(text)
}

fn one_run(text: &mut String, run: &Run) {
    let _ = writeln!(
        text,
        "{}  {} in {:.1}s",
        run.run,
        run.ended.word(),
        run.seconds
    );
    for record in &run.steps {
        let how = match &record.restored {
            Some(from) => format!("restored from {from}"),
            None => "ran".to_owned(),
        };
        let _ = writeln!(text, "  {}  {how} in {:.1}s", record.step, record.seconds);
    }
    let others = [
        (&run.skipped, "skipped"),
        (&run.failed, "failed"),
        (&run.removed, "removed"),
    ];
    for (steps, word) in others {
        for step in steps {
            let _ = writeln!(text, "  {step}  {word}");
        }
    }
}

/// Says in what a step's inputs differ from those that it had in a run.
pub(super) fn against(
    text: &mut String,
    workspace: &Workspace,
    run: &str,
    now: &crate::step::Fingerprint,
    step: &crate::step::Address,
) -> Result<(), AppError> {
    let runs = history::parse(&workspace.history()?);
    let Some(then) = history::record_at(&runs, run, step) else {
        if runs.iter().any(|known| known.run == run) {
            let _ = writeln!(text, "\nit had not run by {run}");
            return Ok(());
        }
        let last: Vec<&str> = runs
            .iter()
            .rev()
            .take(5)
            .map(|run| run.run.as_str())
            .collect();
        return Err(AppError::UnknownRun {
            name: run.to_owned(),
            help: if last.is_empty() {
                "no run is remembered in this workspace".to_owned()
            } else {
                format!("the last runs are {}", last.join(", "))
            },
        });
    };
    let _ = writeln!(text, "\nagainst {run}");
    let lines = differences(then, now);
    if lines.is_empty() {
        let _ = writeln!(text, "  every known input is the same");
    }
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
    Ok(())
}

fn differences(then: &Record, now: &crate::step::Fingerprint) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, new) in &now.inputs {
        match then.inputs.get(name) {
            Some(old) => {
                lines.extend(Reason::of_values(name, old, new).map(|reason| reason.to_string()));
            }
            None => lines.push(format!("{name}: now {}", new.shown())),
        }
    }
    for (name, old) in &then.inputs {
        let unknown = now.unknown.iter().any(|(unknown, _)| unknown == name);
        if !now.inputs.contains_key(name) && !unknown {
            lines.push(format!("{name}: no longer {}", old.shown()));
        }
    }
    lines.extend(
        now.unknown
            .iter()
            .map(|(name, _)| format!("{name}: not known before earlier steps have run")),
    );
    lines
}

fn time(seconds: u64) -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}
