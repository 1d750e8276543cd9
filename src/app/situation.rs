//! The situation: what of the source, the engine and the environment steps depend on.
#![expect(
    clippy::disallowed_methods,
    reason = "project files are read from the source"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::app::projects::{Project, folder_name};
use crate::app::{AppError, Environment, locks};
use crate::config::build::{Build, PipFile};
use crate::config::names::ImageName;
use crate::graph::{Handovers, Situation, included_files};
use crate::scm::{self, ScmProject};
use crate::step::wheel::{Handover, PipText};
use crate::tree::{RelPath, Tree};

/// What all projects have in common.
pub(super) struct Surroundings<'a> {
    pub base_images: &'a BTreeMap<ImageName, String>,
    pub environment: &'a Environment,
    /// Whether lock files are passed over.
    pub without_locks: bool,
}

/// Gathers what the steps of a project depend on, with warnings for the plan.
pub(super) fn situation(
    of: &Project,
    root: &Path,
    builds: &[Build],
    tree: Tree,
    surroundings: &Surroundings<'_>,
) -> Result<(Situation, Vec<String>), AppError> {
    let text = |name: &str| {
        tree.file(name)
            .and_then(|_| fs::read_to_string(root.join(name)).ok())
    };
    let pyproject = text("pyproject.toml");
    let scm = scm::detect(
        pyproject.as_deref(),
        text("setup.cfg").as_deref(),
        text("setup.py").as_deref(),
    );
    let stated = |field| stated_in_project(pyproject.as_deref(), field);
    let declared_name = stated("name");
    // Of several projects no two have one name, while what they declare may be the same.
    let named = of.scope.name().map(str::to_owned);
    let project = named
        .or_else(|| declared_name.clone())
        .unwrap_or_else(|| real_name(&of.source));
    let used = |name: &ImageName| builds.iter().any(|build| uses(build, name));
    let base_images = surroundings.base_images.iter();
    let base_images = base_images.filter(|(name, _)| used(name));
    let mut warnings = Vec::new();
    let version = match &scm {
        Some(scm) => handovers(root, scm, builds, &mut warnings)?,
        None => Handovers::default(),
    };
    let situation = Situation {
        scope: of.scope.clone(),
        project,
        declared_name,
        declared_version: stated("version"),
        locks: if surroundings.without_locks {
            BTreeMap::new()
        } else {
            locks::read(of, builds)?
        },
        pip_files: pip_files(root, builds, &tree)?,
        source: Arc::new(tree),
        version,
        base_images: base_images
            .map(|(name, id)| (name.clone(), id.clone()))
            .collect(),
        epoch: surroundings.environment.epoch()?,
    };
    Ok((situation, warnings))
}

/// Takes the version from git, unless every flavour's `build_environment` states one already.
fn handovers(
    root: &Path,
    scm: &ScmProject,
    builds: &[Build],
    warnings: &mut Vec<String>,
) -> Result<Handovers, AppError> {
    if builds
        .iter()
        .all(|build| scm.is_given_by(&build.build_environment))
    {
        return Ok(Handovers::default());
    }
    let Some(version) = scm::version(root, scm)? else {
        return Ok(Handovers::default());
    };
    warnings.extend(version.warnings.iter().map(ToString::to_string));
    let files: BTreeMap<String, String> = version
        .files(scm)
        .into_iter()
        .map(|(path, text)| (path.to_owned(), text))
        .collect();
    let stated = version.version.clone().or_else(|| version.commit.clone());
    let handover = |alone| Handover {
        version: stated.clone().unwrap_or_default(),
        variables: version.environment(scm, alone),
        files: files.clone(),
    };
    Ok(Handovers {
        project_alone: handover(true),
        everything: handover(false),
    })
}

/// Reads a field of `[project]` in a pyproject.toml (PEP 621).
fn stated_in_project(pyproject: Option<&str>, field: &str) -> Option<String> {
    let table: toml::Table = pyproject?.parse().ok()?;
    Some(table.get("project")?.get(field)?.as_str()?.to_owned())
}

fn uses(build: &Build, image: &ImageName) -> bool {
    build.base_image == *image || build.runtime_image.as_ref() == Some(image)
}

fn real_name(source: &Path) -> String {
    folder_name(&source.canonicalize().unwrap_or_else(|_| source.to_owned()))
}

/// Reads the project's files that pip settings name, and what those include.
fn pip_files(
    root: &Path,
    builds: &[Build],
    tree: &Tree,
) -> Result<BTreeMap<RelPath, PipText>, AppError> {
    let mut files = BTreeMap::new();
    let named = builds.iter().flat_map(|build| build.pip.files());
    let mut ahead: BTreeSet<RelPath> = named
        .filter_map(|file| match file {
            PipFile::Project(path) => Some(path.clone()),
            PipFile::Operator(_) => None,
        })
        .collect();
    while let Some(path) = ahead.pop_first() {
        if files.contains_key(&path) {
            continue;
        }
        let bytes = fs::read(root.join(&path)).map_err(|cause| AppError::Unreadable {
            path: root.join(&path),
            cause,
            help: "a pip setting of the configuration names it".to_owned(),
        })?;
        let include = |included: &str, why: &str| AppError::Include {
            file: path.to_string(),
            included: included.to_owned(),
            why: why.to_owned(),
        };
        let includes = included_files(&path, &String::from_utf8_lossy(&bytes))
            .map_err(|(included, problem)| include(&included, &problem.to_string()))?;
        if let Some(missing) = includes
            .iter()
            .find(|path| !tree.entries().contains_key(*path))
        {
            return Err(include(missing.as_str(), "which the source does not have"));
        }
        ahead.extend(includes.iter().cloned());
        files.insert(path, PipText { bytes, includes });
    }
    Ok(files)
}
