//! The package before the current one, kept for the check of an upgrade.
#![expect(
    clippy::disallowed_methods,
    reason = "the previous package is kept on disk"
)]

use std::fs;
use std::path::PathBuf;

use crate::exec::{Host, Job, StepError};
use crate::package::PackageError;
use crate::step::Address;
use crate::tree::RelPath;
use crate::workspace::PRIVATE;

/// Where the last package of another version is kept, for the check of an upgrade.
fn previous_folder(host: &Host, step: &Address) -> PathBuf {
    let flavour = step.flavour().unwrap_or_default();
    let path = RelPath::new(&format!("{PRIVATE}/previous/{flavour}"))
        .expect("a flavour's name has no character that a path could not have");
    host.place(step, &path)
}

/// Returns the package that was built before this one, if there is one.
pub(in crate::exec) fn previous(host: &Host, step: &Address, ending: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(previous_folder(host, step)).ok()?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .collect();
    found.retain(|path| path.to_string_lossy().ends_with(ending));
    found.sort();
    found.pop()
}

/// Keeps the package that is about to be superseded.
pub(in crate::exec) fn keep_previous(host: &Host, job: &Job) -> Result<(), StepError> {
    let Some(old) = job
        .before
        .as_ref()
        .and_then(|outputs| outputs.files.keys().next())
    else {
        return Ok(());
    };
    let from = host.workspace.path(old);
    if !from.is_file() {
        return Ok(());
    }
    let folder = previous_folder(host, &job.step.address);
    let failed = |cause: std::io::Error| PackageError::Io {
        verb: format!("keep the previous package in {}", folder.display()),
        cause: cause.to_string(),
    };
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(failed)?;
    }
    fs::create_dir_all(&folder).map_err(failed)?;
    fs::copy(&from, folder.join(old.file_name())).map_err(failed)?;
    Ok(())
}
