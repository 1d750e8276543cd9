//! The lock files beside the project's file: read for a plan, warned about, and written.
#![expect(clippy::disallowed_methods, reason = "lock files are on disk")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::AppError;
use crate::app::configuration::configuration;
use crate::app::projects::{Places, Project};
use crate::config::build::Build;
use crate::exec;
use crate::graph::Situation;
use crate::lock::{self, Lock};
use crate::manifest::Manifest;
use crate::plan::{Action, Moved, Plan};
use crate::step::wheel::{LOCK_INPUT, LockFile};
use crate::step::{Address, Facet, Input, Part, Scope};
use crate::wheel::pip_requirements;
use crate::workspace::Workspace;

/// The folder of the lock files: that of the project's file.
pub(super) fn folder(project: &Project) -> PathBuf {
    let beside = project.build_file.as_deref().and_then(Path::parent);
    beside.unwrap_or(&project.source).to_owned()
}

/// Reads the lock of each flavour that has one. A flavour with a buildscript resolves by itself.
pub(super) fn read(
    project: &Project,
    builds: &[Build],
) -> Result<BTreeMap<String, Arc<LockFile>>, AppError> {
    let folder = folder(project);
    let mut locks = BTreeMap::new();
    let mut shared = None;
    for build in builds.iter().filter(|build| build.buildscript.is_none()) {
        let flavour = build.flavour.as_str();
        let own = one(&folder, &lock::file_of(flavour))?;
        let found = match (own, &shared) {
            (Some(own), _) => Some(own),
            (None, None) => {
                shared = Some(one(&folder, lock::FILE)?);
                shared.clone().flatten()
            }
            (None, Some(shared)) => shared.clone(),
        };
        locks.extend(found.map(|found| (flavour.to_owned(), found)));
    }
    Ok(locks)
}

fn one(folder: &Path, name: &str) -> Result<Option<Arc<LockFile>>, AppError> {
    let path = folder.join(name);
    let text = match fs::read(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(cause) => {
            return Err(AppError::Unreadable {
                path,
                cause,
                help: "it is the lock of the project's dependencies".to_owned(),
            });
        }
    };
    let lock = Lock::parse(&path.display().to_string(), &text)?;
    let name = name.to_owned();
    Ok(Some(Arc::new(LockFile { name, lock })))
}

/// Names the locks that are sure to fail the steps that read them, as far as that is known before
/// anything runs.
pub(super) fn warnings(
    root: &Path,
    builds: &[Build],
    Situation { scope, locks, .. }: &Situation,
    (workspace, manifest, plan): (&Workspace, &Manifest, &Plan),
) -> Vec<String> {
    let mut warnings = Vec::new();
    for build in builds {
        let Some(file) = locks.get(build.flavour.as_str()) else {
            continue;
        };
        let flavour = format!("{}{}", scope.prefix(), build.flavour);
        let action = |part| {
            let change = plan.change(&scope.of(&build.flavour, part));
            change.map(|change| change.action)
        };
        if matches!(action(Part::Dependencies), None | Some(Action::Reuse)) {
            continue;
        }
        // The facts are those of the last probe, so they are no news of a base image that changed.
        let facts = (action(Part::Base) == Some(Action::Reuse))
            .then(|| exec::known_facts(workspace, &scope.of(&build.flavour, Part::Base)))
            .flatten();
        let LockFile { name, lock } = file.as_ref();
        if let Some(Err(misfit)) = facts.as_ref().map(|facts| lock.packages_for(facts)) {
            warnings.push(format!("{flavour}: {name} {misfit}: run `builder lock`"));
            continue;
        }
        let recorded = (action(Part::Wheel) == Some(Action::Reuse))
            .then(|| of_record(manifest, build, scope))
            .flatten();
        let Some(lines) = recorded.or_else(|| stated(root, build)) else {
            continue;
        };
        let open = lock.open(facts.as_ref(), &lines);
        if !open.is_empty() {
            let named: Vec<_> = open.iter().map(|line| format!("`{line}`")).collect();
            let named = named.join(", ");
            warnings.push(format!(
                "{flavour}: {name} does not satisfy {named}: run `builder lock`"
            ));
        }
    }
    warnings
}

/// Names the locks that are not as a saved plan has them; needs neither engine nor workspace.
pub(super) fn moved(places: &Places, plan: &Plan) -> Result<Vec<Moved>, AppError> {
    let mut moved = Vec::new();
    for (project, builds, _) in configuration(places)?.projects {
        let locks = read(&project, &builds)?;
        let steps = builds
            .iter()
            .map(|build| (build, project.scope.of(&build.flavour, Part::Dependencies)));
        moved.extend(
            steps.filter_map(|(build, step)| {
                of_step(&step, locks.get(build.flavour.as_str()), plan)
            }),
        );
    }
    Ok(moved)
}

fn of_step(step: &Address, lock: Option<&Arc<LockFile>>, plan: &Plan) -> Option<Moved> {
    // A step that goes has no inputs, and one that was not asked for is not in the plan.
    let change = plan.change(step)?;
    if change.action == Action::Remove {
        return None;
    }
    let was = change.fingerprint.inputs.get(LOCK_INPUT);
    let is = lock.map(|file| Input::Versions(file.lock.pins()));
    Moved::of_values(step, LOCK_INPUT, was, is.as_ref())
}

/// What the project's wheel of the last run requires.
fn of_record(manifest: &Manifest, build: &Build, scope: &Scope) -> Option<Vec<String>> {
    let outputs = manifest.outputs(&scope.of(&build.flavour, Part::Wheel))?;
    let (requires, project) = requirements(&outputs.facets)?;
    Some(pip_requirements(&project, &requires, &build.extras))
}

/// The requirements and the name among the facets of a project's wheel.
pub(super) fn requirements(facets: &BTreeMap<Facet, Input>) -> Option<(Vec<String>, String)> {
    match (
        facets.get(&Facet::Requirements),
        facets.get(&Facet::Project),
    ) {
        (Some(Input::List(requires)), Some(Input::Text(project))) => {
            Some((requires.clone(), project.clone()))
        }
        _ => None,
    }
}

/// What `pyproject.toml` requires, where it states all of it (PEP 621).
fn stated(root: &Path, build: &Build) -> Option<Vec<String>> {
    let table: toml::Table = fs::read_to_string(root.join("pyproject.toml"))
        .ok()?
        .parse()
        .ok()?;
    let project = table.get("project")?.as_table()?;
    let dynamic = project.get("dynamic").and_then(toml::Value::as_array);
    let is_dynamic = |name: &str| {
        let mut fields = dynamic.into_iter().flatten();
        fields.any(|field| field.as_str() == Some(name))
    };
    if is_dynamic("dependencies") {
        return None;
    }
    let name = project.get("name")?.as_str()?;
    let mut lines = Vec::new();
    let mut add = |value: Option<&toml::Value>| {
        let entries = value.and_then(toml::Value::as_array).into_iter().flatten();
        lines.extend(entries.filter_map(|entry| Some(entry.as_str()?.to_owned())));
    };
    add(project.get("dependencies"));
    for extra in &build.extras {
        add(project
            .get("optional-dependencies")
            .and_then(|extras| extras.get(extra)));
    }
    // The project's own extras are followed by what is read from its wheel.
    Some(pip_requirements(name, &lines, &[]))
}

/// The lock that serves a flavour. One that cannot be read is none: it is about to be written anew.
pub(super) fn served(folder: &Path, flavour: &str) -> Option<(String, Lock)> {
    [lock::file_of(flavour), lock::FILE.to_owned()]
        .into_iter()
        .find(|name| folder.join(name).exists())
        .and_then(|name| {
            let text = fs::read_to_string(folder.join(&name)).ok()?;
            let lock = Lock::parse(&name, &text).ok()?;
            Some((name, lock))
        })
}

/// Lists the lock files that there are.
pub(super) fn files(folder: &Path, builds: &[Build]) -> Vec<String> {
    let own = builds
        .iter()
        .map(|build| lock::file_of(build.flavour.as_str()));
    own.chain([lock::FILE.to_owned()])
        .filter(|name| folder.join(name).exists())
        .collect()
}

/// Writes a file whole: a reader sees the old one or the new one.
pub(super) fn write(folder: &Path, name: &str, text: &str) -> Result<(), AppError> {
    let path = folder.join(name);
    let attempt = || {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file()
            .set_permissions(fs::Permissions::from_mode(0o644))?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        Ok(())
    };
    attempt().map_err(|cause| AppError::Unwritable {
        path: path.clone(),
        cause,
    })
}
