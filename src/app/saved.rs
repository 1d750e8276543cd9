//! Saved plans: written, read, held against the world, and applied.
#![expect(
    clippy::disallowed_methods,
    reason = "a saved plan is a file with the time at which it was made, and stands on files"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rayon::prelude::*;
use tokio_util::sync::CancellationToken;

use crate::app::configuration::layouts;
use crate::app::gather::{Gathered, Known, gather};
use crate::app::plan_file::read_plan;
use crate::app::projects::Places;
use crate::app::run::{Given, Work, refused};
use crate::app::{
    AppError, ApplyOptions, Approval, Engines, Environment, Exit, Feedback, Invocation, command,
    locks,
};
use crate::digest::{Digest, KEY_CONTEXT};
use crate::engine::{Engine, EngineError};
use crate::manifest::Manifest;
use crate::plan::{self, Basis, Command, Moved, Saved, Sources};
use crate::source;
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
    let alone = { places.projects.iter() }.find(|project| project.scope.name().is_none());
    let named = { places.projects.iter() }
        .filter_map(|project| Some((project.scope.name()?.to_owned(), shown(&project.source))));
    let command = Command {
        config: shown(&places.config),
        build_file: alone.and_then(|project| project.build_file.as_deref().map(shown)),
        source: alone
            .map(|project| shown(&project.source))
            .unwrap_or_default(),
        projects: named.collect(),
        list: places.list.as_deref().map(shown),
        changed_since: places.changed_since.clone(),
        workspace: shown(workspace),
        targets: targets.clone(),
        replace: replace.clone(),
    };
    let basis = basis(
        &gathered.manifest,
        engine.endpoint(),
        Some(gathered.config),
        gathered.files(),
    );
    Saved::new(&gathered.plan, command, basis, &gathered.sources(), now())
}

/// The digest of each project's file, by the project's name; of the only project, by none.
type Files = BTreeMap<Option<String>, Option<Digest>>;

impl Gathered {
    fn files(&self) -> Files {
        let file = |known: &Known| (known.scope.name().map(str::to_owned), Some(known.file));
        self.projects.iter().map(file).collect()
    }

    /// Returns the content of each source.
    pub fn sources(&self) -> Sources<'_> {
        let tree = |known: &'_ Known| known.scope.name().map(str::to_owned);
        { self.projects.iter() }
            .map(|known| (tree(known), known.tree.as_ref()))
            .collect()
    }
}

fn basis(manifest: &Manifest, engine: String, config: Option<Digest>, files: Files) -> Basis {
    let mut files = files;
    Basis {
        builder: env!("CARGO_PKG_VERSION").to_owned(),
        keys: KEY_CONTEXT.to_owned(),
        engine,
        workspace: Some(manifest.workspace.clone()).filter(|identity| !identity.is_empty()),
        manifest: manifest.digest(),
        config,
        project: files.remove(&None).flatten(),
        projects: { files.into_iter() }
            .filter_map(|(name, file)| Some((name?, file)))
            .collect(),
    }
}

fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

fn places(command: &Command) -> Result<Places, AppError> {
    let config = PathBuf::from(&command.config);
    let mut places = match (&command.list, command.projects.is_empty()) {
        (Some(list), _) => Places::listed(config, PathBuf::from(list))?,
        (None, false) => Places::several(
            config,
            { command.projects.values() }.map(PathBuf::from).collect(),
        )?,
        (None, true) => {
            let build_file = command.build_file.as_ref().map(PathBuf::from);
            Places::one(config, build_file, PathBuf::from(&command.source))
        }
    };
    places.changed_since.clone_from(&command.changed_since);
    Ok(places)
}

/// Names what moved of that which is quickly seen, without steps; `engine` where one is known.
fn quickly_moved(saved: &Saved, engine: Option<&dyn Engine>) -> Result<Vec<Moved>, AppError> {
    let places = places(&saved.command)?;
    let manifest = Workspace::at(PathBuf::from(&saved.command.workspace)).manifest()?;
    let digest = |path: &Path| fs::read(path).ok().map(|bytes| Digest::of(&bytes));
    let engine = engine.map_or_else(|| saved.basis.engine.clone(), Engine::endpoint);
    let now = basis(
        &manifest,
        engine,
        digest(&places.config),
        { places.projects.iter() }
            .map(|project| {
                (
                    project.scope.name().map(str::to_owned),
                    digest(&project.file()),
                )
            })
            .collect(),
    );
    let mut moved = saved.basis.moved(&now);
    for project in places
        .projects
        .iter()
        .filter(|project| !project.source.is_dir())
    {
        let was = project.source.display().to_string();
        moved.push(Moved::of_all(
            &format!("{}source", project.scope.prefix()),
            was,
            "missing",
        ));
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
    let places = match places(command) {
        Ok(places) => places,
        Err(error) => return vec![format!("this plan is stale: {error}")],
    };
    moved.extend(moved_sources(saved, &places));
    // A lock that was torn makes no plan; that a configuration cannot be read was told above.
    match locks::moved(&places, &saved.plan()) {
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

/// Names the sources that are not as they were planned.
fn moved_sources(saved: &Saved, places: &Places) -> Vec<Moved> {
    let planned = saved.source_trees();
    let Ok(layouts) = layouts(&places.projects, Path::new(&saved.command.workspace)) else {
        return Vec::new();
    };
    let shelf = Workspace::at(layouts.workspace).shelf();
    let scanned = { places.projects.par_iter() }.zip(layouts.sources);
    let moved = scanned.filter_map(|(project, (root, exclude))| {
        let planned = planned.get(&project.scope.name().map(str::to_owned))?;
        let tree = source::scan_with(&root, &exclude, &shelf).ok()?.tree;
        if tree.digest() == planned.digest() {
            return None;
        }
        let difference = plan::Reason::Files {
            input: "source".to_owned(),
            difference: tree.difference(planned),
        };
        let (was, is) = (planned.digest().short(), tree.digest().short());
        let name = format!("{}source", project.scope.prefix());
        Some(Moved::of_all(&name, was, is).because(difference.to_string()))
    });
    moved.collect()
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
    let places = places(&saved.command)?;
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
    moved.extend(plan::moved(&saved, &gathered.plan, &gathered.sources()));
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
    let (config, files) = (Some(gathered.config), gathered.files());
    let now_it_is = basis(&manifest, engine.endpoint(), config, files);
    stale(saved.basis.moved(&now_it_is))?;
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
