//! The projects that a range of git touches.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::app::configuration::Configuration;
use crate::app::projects::{BUILD_FILE, Places, Project};
use crate::app::{AppError, locks};
use crate::config::build::{Build, PipFile, Template};
use crate::lock;
use crate::plan::LeftOut;
use crate::scm;

/// Leaves the projects of which something changed since a revision.
///
/// A project is touched by each file below its folder, by its own file and its locks where those are
/// elsewhere, and by the operator's files that it uses. The configuration itself and the list of the
/// projects touch all.
pub(super) fn changed(
    places: &Places,
    all: Configuration,
    revision: &str,
) -> Result<Configuration, AppError> {
    let total = all.projects.len();
    let somewhere = { places.projects.first() }.expect("a command line names a project");
    let changed = scm::changes_since(&somewhere.source, revision)?;
    let operator = places.config.parent().unwrap_or(Path::new(""));
    let of_all = [Some(&places.config), places.list.as_ref()];
    let touches_all = { of_all.into_iter().flatten() }.any(|file| changed.contains(&real(file)));
    let mut selected = all;
    selected.projects.retain(|(project, builds, _)| {
        touches_all
            || changes_below(&real(&project.source), &changed)
            || beside(project, builds).any(|file| changed.contains(&real(&file)))
            || operator_files(builds).any(|file| changed.contains(&real(&operator.join(file))))
    });
    selected.left_out = Some(LeftOut {
        since: revision.to_owned(),
        projects: total - selected.projects.len(),
    });
    Ok(selected)
}

/// Tells whether one of the sorted paths is below a folder.
fn changes_below(folder: &Path, changed: &BTreeSet<PathBuf>) -> bool {
    let next = changed.range(folder.to_owned()..).next();
    next.is_some_and(|path| path.starts_with(folder))
}

/// Lists the files of a project that may be outside of its source: its own file, and its locks.
fn beside<'a>(project: &'a Project, builds: &'a [Build]) -> impl Iterator<Item = PathBuf> + 'a {
    let folder = locks::folder(project);
    let own = project.build_file.clone();
    let own = own.unwrap_or_else(|| folder.join(BUILD_FILE));
    let of_flavours = { builds.iter() }.map(|build| lock::file_of(build.flavour.as_str()));
    let locks = of_flavours.chain([lock::FILE.to_owned()]);
    [own]
        .into_iter()
        .chain(locks.map(move |name| folder.join(name)))
}

/// Lists the operator's files that builds use, as the configuration names them.
fn operator_files(builds: &[Build]) -> impl Iterator<Item = PathBuf> {
    builds.iter().flat_map(|build| {
        let template = match &build.template {
            Template::Operator(file) => Some(PathBuf::from(&file.path)),
            Template::Default => None,
        };
        let pip = build.pip.files().filter_map(|file| match file {
            PipFile::Operator(file) => Some(PathBuf::from(&file.path)),
            PipFile::Project(_) => None,
        });
        template
            .into_iter()
            .chain(build.ca_bundle.clone())
            .chain(pip)
    })
}

/// Returns the path by which git names a file: its folder's own, also where the file is gone.
fn real(path: &Path) -> PathBuf {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    match (path.file_name(), folder.canonicalize()) {
        (Some(name), Ok(folder)) if name != ".." && !path.is_dir() => folder.join(name),
        _ => path.canonicalize().unwrap_or_else(|_| path.to_owned()),
    }
}
