//! Both files of each project, read, and where the projects lie to the workspace.
#![expect(
    clippy::disallowed_methods,
    reason = "the configuration is read from disk"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::app::lookup::Disk;
use crate::app::projects::{Places, Project};
use crate::app::{AppError, selection};
use crate::config::build::{Build, Cache};
use crate::config::{Document, Operator};
use crate::digest::Digest;
use crate::manifest::Manifest;
use crate::plan::LeftOut;
use crate::source;
use crate::workspace::Workspace;

/// Both files of each project, read.
pub struct Configuration {
    /// The projects, each with its builds and the digest of its file.
    pub projects: Vec<(Project, Vec<Build>, Digest)>,
    /// The shared cache, where `config.yml` names one.
    pub cache: Option<Cache>,
    /// The digest of the operator's file.
    pub digest: Digest,
    /// What was not selected.
    pub left_out: Option<LeftOut>,
}

/// Reads the operator's file once and each project's beside it, and selects the projects that changed
/// where that is asked for.
pub fn configuration(places: &Places) -> Result<Configuration, AppError> {
    let all = read_all(places)?;
    match &places.changed_since {
        Some(revision) => selection::changed(places, all, revision),
        None => Ok(all),
    }
}

fn read_all(places: &Places) -> Result<Configuration, AppError> {
    let read = |path: &Path, help: &str| {
        fs::read(path).map_err(|cause| AppError::Unreadable {
            path: path.to_owned(),
            cause,
            help: help.to_owned(),
        })
    };
    let document = |path: &Path, bytes| Document {
        path: path.display().to_string(),
        bytes,
    };
    let lookup = |project: &Project| Disk {
        operator: places
            .config
            .parent()
            .map_or_else(PathBuf::new, Path::to_owned),
        project: project.source.clone(),
    };
    let file_of = |project: &Project| {
        let metadata = fs::metadata(&project.source);
        if !metadata.is_ok_and(|metadata| metadata.is_dir()) {
            // The layout check words this better than a missing `.build.yml` would.
            source::check_layout(&project.source, &project.source.join(".builder"))?;
        }
        Ok::<_, AppError>(project.file())
    };
    let first = { places.projects.first() }.expect("a command line names a project");
    file_of(first)?;
    let config = read(
        &places.config,
        "--config names the operator's file, which defines the flavours",
    )?;
    let digest = Digest::of(&config);
    let mut operator = Operator::read(document(&places.config, config), &lookup(first));
    let wanted = { places.projects.par_iter() }.map(|project| {
        let path = file_of(project)?;
        let text = read(
            &path,
            "a project names the flavours that it wants there; `deb:` alone is a whole file",
        )?;
        let digest = Digest::of(&text);
        let wanted = operator.project(document(&path, text), &lookup(project));
        Ok((wanted, digest))
    });
    let wanted = wanted.collect::<Result<Vec<_>, AppError>>()?;
    let (wanted, digests): (Vec<_>, Vec<_>) = wanted.into_iter().unzip();
    let builds = operator.unite(wanted)?;
    let projects = places.projects.iter().cloned().zip(builds).zip(digests);
    Ok(Configuration {
        projects: projects
            .map(|((project, builds), digest)| (project, builds, digest))
            .collect(),
        cache: operator.cache().cloned(),
        digest,
        left_out: None,
    })
}

/// Where projects and workspace are, found to go together.
pub struct Layouts {
    /// The workspace, canonical as far as it exists.
    pub workspace: PathBuf,
    /// The folder of each project's source, and what a scan of it leaves out.
    pub sources: Vec<(PathBuf, Vec<PathBuf>)>,
}

/// Checks where the projects lie to the workspace and to its folders.
pub fn layouts<'a>(
    projects: impl IntoIterator<Item = &'a Project>,
    workspace: &Path,
) -> Result<Layouts, AppError> {
    let projects: Vec<&Project> = projects.into_iter().collect();
    let names: BTreeSet<&str> = { projects.iter() }
        .filter_map(|project| project.scope.name())
        .collect();
    let mut layouts = Layouts {
        workspace: workspace.to_owned(),
        sources: Vec::with_capacity(projects.len()),
    };
    for project in projects {
        let layout = source::check_layout(&project.source, workspace)?;
        let below = layout.source.strip_prefix(&layout.workspace).ok();
        let folder = below.and_then(|below| below.iter().next()?.to_str());
        if let Some(folder) = folder.filter(|folder| names.contains(folder)) {
            return Err(AppError::Projects {
                problems: vec![format!(
                    "the source {} lies in {}, where what is built of the project `{folder}` goes",
                    project.source.display(),
                    layout.workspace.join(folder).display()
                )],
                help: "name another folder for the workspace".to_owned(),
            });
        }
        layouts.workspace = layout.workspace;
        layouts.sources.push((layout.source, layout.exclude));
    }
    Ok(layouts)
}

/// Refuses a workspace that holds what was built of one project for several, and the other way round:
/// all of it would be removed as what is in no configuration any more.
pub fn same_form(workspace: &Workspace, manifest: &Manifest, named: bool) -> Result<(), AppError> {
    let other = { manifest.steps.keys() }.find(|step| step.project().is_some() != named);
    let Some(other) = other else { return Ok(()) };
    let place = workspace.root().display();
    let what = match named {
        true => format!(
            "the workspace {place} was made for one project, and several are named: it has the step {other}"
        ),
        false => format!(
            "the workspace {place} was made for several projects, and one is named: it has the step {other}"
        ),
    };
    Err(AppError::Projects {
        problems: vec![what],
        help: "name another folder for the workspace; a file for --projects may list one project alone"
            .to_owned(),
    })
}
