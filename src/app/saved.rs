//! Saved plans: written, read, held against the world, and applied.
#![expect(
    clippy::disallowed_methods,
    reason = "a saved plan is a file with the time at which it was made, and stands on files"
)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tokio_util::sync::CancellationToken;

use crate::app::gather::{Gathered, Places, gather};
use crate::app::run::{Given, Work, refused};
use crate::app::{
    AppError, ApplyOptions, Approval, Engines, Environment, Exit, Feedback, Invocation, command,
    locks,
};
use crate::digest::{Digest, KEY_CONTEXT};
use crate::engine::{Engine, EngineError};
use crate::manifest::Manifest;
use crate::plan::{self, Basis, Command, Moved, Saved, SavedError};
use crate::source;
use crate::tree::RelPath;
use crate::workspace::{Applied, Workspace};

/// Makes the document of a plan.
pub fn document(
    invocation: &Invocation,
    workspace: &Path,
    gathered: &Gathered,
    engine: &dyn Engine,
) -> Saved {
    // A path that is no UTF-8 is told apart from none here: it is not found again, and refused.
    let shown = |path: &Path| path.display().to_string();
    let Invocation {
        places,
        targets,
        replace,
        caches: _, // what is restored from them is in the plan
    } = invocation;
    let command = Command {
        config: shown(&places.config),
        build_file: places.build_file.as_deref().map(shown),
        source: shown(&places.source),
        workspace: shown(workspace),
        targets: targets.clone(),
        replace: replace.clone(),
    };
    let [config, project] = gathered.files.map(Some);
    let basis = basis(&gathered.manifest, engine.endpoint(), config, project);
    Saved::new(&gathered.plan, command, basis, &gathered.tree, now())
}

fn basis(
    manifest: &Manifest,
    engine: String,
    config: Option<Digest>,
    project: Option<Digest>,
) -> Basis {
    Basis {
        builder: env!("CARGO_PKG_VERSION").to_owned(),
        keys: KEY_CONTEXT.to_owned(),
        engine,
        workspace: Some(manifest.workspace.clone()).filter(|identity| !identity.is_empty()),
        manifest: manifest.digest(),
        config,
        project,
    }
}

fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

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
pub fn may_be_written(path: &Path, source: &Path) -> Result<(), AppError> {
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
pub fn write_plan(saved: &Saved, path: &Path, source: &Path) -> Result<(), AppError> {
    may_be_written(path, source)?;
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

fn places(command: &Command) -> Places {
    Places {
        config: PathBuf::from(&command.config),
        build_file: command.build_file.as_ref().map(PathBuf::from),
        source: PathBuf::from(&command.source),
        without_locks: false,
    }
}

/// Names what moved of that which is quickly seen, without steps; `engine` where one is known.
fn quickly_moved(saved: &Saved, engine: Option<&dyn Engine>) -> Result<Vec<Moved>, AppError> {
    let places = places(&saved.command);
    let manifest = Workspace::at(PathBuf::from(&saved.command.workspace)).manifest()?;
    let digest = |path: &Path| fs::read(path).ok().map(|bytes| Digest::of(&bytes));
    let engine = engine.map_or_else(|| saved.basis.engine.clone(), Engine::endpoint);
    let now = basis(
        &manifest,
        engine,
        digest(&places.config),
        digest(&places.project_file()),
    );
    let mut moved = saved.basis.moved(&now);
    if !places.source.is_dir() {
        let was = places.source.display().to_string();
        moved.push(Moved::of_all("source", was, "missing"));
    }
    Ok(moved)
}

/// Tells what makes a saved plan stale or shows that it was applied, as far as no engine is needed.
pub fn staleness(saved: &Saved) -> Vec<String> {
    let applied = Workspace::at(PathBuf::from(&saved.command.workspace)).applied(&saved.sum);
    if let Some(Applied { plan: _, run, at }) = applied {
        return vec![format!(
            "this plan was applied already, by the run {run}, which began at {at}"
        )];
    }
    let mut moved = match quickly_moved(saved, None) {
        Ok(moved) => moved,
        Err(error) => {
            return vec![format!(
                "whether this plan is stale cannot be told: {error}"
            )];
        }
    };
    let command = &saved.command;
    let layout = source::check_layout(Path::new(&command.source), Path::new(&command.workspace));
    if let Ok(layout) = layout
        && let Ok(scan) = source::scan(&layout.source, &layout.exclude)
        && scan.tree.digest() != saved.source_tree().digest()
    {
        let planned = saved.source_tree();
        let difference = plan::Reason::Files {
            input: "source".to_owned(),
            difference: scan.tree.difference(&planned),
        };
        let (was, is) = (planned.digest().short(), scan.tree.digest().short());
        moved.push(Moved::of_all("source", was, is).because(difference.to_string()));
    }
    // A lock that was torn makes no plan; that a configuration cannot be read was told above.
    match locks::moved(&places(command), &saved.plan()) {
        Ok(locks) => moved.extend(locks),
        Err(error) if moved.is_empty() => {
            let none = Moved::of_all("the plan", "could be made", "cannot be made any more");
            moved.push(none.because(error.to_string()));
        }
        Err(_) => {}
    }
    moved
        .into_iter()
        .map(|moved| format!("this plan is stale: {moved}"))
        .collect()
}

/// Applies a saved plan: exactly that, without asking, or nothing where an input moved. The plan says
/// which steps are meant, not the options.
pub async fn apply_saved(
    path: &Path,
    environment: &Environment,
    engines: &Engines,
    options: &ApplyOptions,
    cancel: CancellationToken,
    feedback: &mut dyn Feedback,
) -> Result<Exit, AppError> {
    let saved = read_plan(path)?;
    let places = places(&saved.command);
    let root = PathBuf::from(&saved.command.workspace);
    let already = |workspace: &Workspace| match workspace.applied(&saved.sum) {
        Some(Applied { plan: _, run, at }) => Err(AppError::Applied {
            path: path.to_owned(),
            run,
            at,
        }),
        None => Ok(()),
    };
    let stale = |moved: Vec<Moved>| match moved.is_empty() {
        true => Ok(()),
        false => Err(AppError::Stale {
            path: path.to_owned(),
            moved,
        }),
    };
    already(&Workspace::at(root.clone()))?;
    let moved = quickly_moved(&saved, None)?;
    // Another builder may do otherwise with the same inputs: no step of it is comparable.
    if saved.basis.builder != env!("CARGO_PKG_VERSION") || saved.basis.keys != KEY_CONTEXT {
        return stale(moved).map(|()| Exit::Done);
    }
    let engine = match engines.connect(environment).await {
        Ok(engine) => engine,
        Err(error) => return stale(moved).and(Err(error.into())),
    };
    let mut moved = quickly_moved(&saved, Some(engine.as_ref()))?;
    // Nothing is written before the plan is known to hold, not even the lock.
    let gathered = gather(
        &places,
        &root,
        environment,
        engine.as_ref(),
        &options.caches,
        |graph| command::request(graph, &saved.command.targets, &saved.command.replace),
    );
    let gathered = tokio::select! {
        gathered = gathered => gathered,
        () = cancel.cancelled() => return Ok(Exit::Interrupted),
    };
    let gathered = match gathered {
        Ok(gathered) => gathered,
        Err(error @ AppError::Engine(EngineError::Unreachable { .. })) => {
            return stale(moved).and(Err(error));
        }
        Err(error) => {
            if moved.is_empty() {
                let none = Moved::of_all("the plan", "could be made", "cannot be made any more");
                moved.push(none.because(error.to_string()));
            }
            return stale(moved).map(|()| Exit::Done);
        }
    };
    moved.extend(plan::moved(&saved, &gathered.plan, &gathered.tree));
    stale(moved)?;

    let run = feedback.run();
    feedback.document(&saved);
    feedback.plan(&gathered.plan);
    if options.approval == Approval::NoChanges || gathered.plan.is_empty() {
        return refused(&gathered.plan, options.approval);
    }
    let given = Given::by(environment, &gathered)?;
    let lock = command::locked(&places, &root, "builder apply of a saved plan")?;
    // Whoever had the lock in the meantime may have applied something, perhaps this plan.
    already(&gathered.workspace)?;
    let manifest = gathered.workspace.manifest()?;
    let [config, project] = gathered.files.map(Some);
    stale(
        saved
            .basis
            .moved(&basis(&manifest, engine.endpoint(), config, project)),
    )?;
    let applied = Applied {
        plan: saved.sum,
        run: run.clone(),
        at: now(),
    };
    gathered.workspace.note_applied(&lock, &applied)?;
    let work = Work {
        gathered,
        given,
        lock,
        engine,
        run,
        jobs: options.jobs,
        cancel,
    };
    work.carry_out(feedback).await
}
