//! The file of a saved plan: read, and written where it becomes no part of a source.
#![expect(clippy::disallowed_methods, reason = "a saved plan is a file")]

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::app::AppError;
use crate::app::projects::Places;
use crate::plan::{Saved, SavedError};
use crate::source;
use crate::tree::RelPath;

/// Reads a saved plan.
pub fn read_plan(path: &Path) -> Result<Saved, AppError> {
    let usage = "`builder apply PLAN` takes a file that `builder plan --out PLAN` wrote; a project is applied with `builder apply --config CONFIG SOURCE WORKSPACE`";
    if path.is_dir() {
        return Err(AppError::PlanFile {
            what: format!("{} is a folder, and no saved plan", path.display()),
            help: usage.to_owned(),
            stale: false,
        });
    }
    let bytes = fs::read(path).map_err(|cause| AppError::Unreadable {
        path: path.to_owned(),
        cause,
        help: usage.to_owned(),
    })?;
    Saved::parse(&String::from_utf8_lossy(&bytes)).map_err(|error| AppError::PlanFile {
        what: format!("{}: {error}", path.display()),
        help: miette::Diagnostic::help(&error).map_or_else(String::new, |help| help.to_string()),
        stale: matches!(error, SavedError::Version { .. }),
    })
}

/// Checks that a file may be written at a place where it becomes no part of the source.
///
/// A plan that is in the source that it was made from would be stale at once.
pub fn may_be_written(path: &Path, places: &Places) -> Result<(), AppError> {
    for project in &places.projects {
        may_be_written_beside(path, &project.source)?;
    }
    Ok(())
}

fn may_be_written_beside(path: &Path, source: &Path) -> Result<(), AppError> {
    let refused = |what: &str, help: &str| unwritable(path, what, help);
    if path.is_dir() {
        return Err(refused("it is a folder", "name a file"));
    }
    let real = folder_of(path)
        .canonicalize()
        .map_err(|error| refused(&error.to_string(), FOLDER))?;
    let place = path.file_name().map(|name| real.join(name));
    let inside = place.and_then(|place| {
        let source = source.canonicalize().ok()?;
        let inside = place.strip_prefix(&source).ok()?.to_str()?.to_owned();
        RelPath::new(&inside).ok()
    });
    match inside {
        Some(inside) if source::why_ignored(source, &inside).is_none() => Err(refused(
            "it would be part of the source, which the plan is made from",
            "write it elsewhere, or add it to .builderignore",
        )),
        Some(_) | None => Ok(()),
    }
}

const FOLDER: &str = "the folder has to be there, and to be writable";

fn unwritable(path: &Path, what: &str, help: &str) -> AppError {
    AppError::PlanFile {
        what: format!("could not write {}: {what}", path.display()),
        help: help.to_owned(),
        stale: false,
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Writes a saved plan whole: it is there with all its bytes, or what was there before is.
pub fn write_plan(saved: &Saved, path: &Path, places: &Places) -> Result<(), AppError> {
    may_be_written(path, places)?;
    // What is renamed into place would take the place of a device or a link.
    if path.symlink_metadata().is_ok_and(|there| !there.is_file()) {
        let what = "something that is no file is there";
        return Err(unwritable(path, what, "name a file"));
    }
    let failed = |error: std::io::Error| unwritable(path, &error.to_string(), FOLDER);
    let mut file = tempfile::Builder::new()
        .prefix(".builder-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder_of(path))
        .map_err(failed)?;
    file.write_all(saved.to_text().as_bytes())
        .and_then(|()| file.as_file().sync_all())
        .map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
