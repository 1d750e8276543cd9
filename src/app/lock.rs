//! The lock command: brings the project's wheel up to date, resolves what it requires, and writes
//! the lock files.
#![expect(
    clippy::disallowed_methods,
    reason = "lock files are written beside the project's file"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::app::caching::CacheChoice;
use crate::app::configuration::configuration;
use crate::app::gather::{Gathered, gather};
use crate::app::projects::Places;
use crate::app::run::sources;
use crate::app::{
    AppError, ApplyOptions, Approval, Environment, Exit, Feedback, apply, command, locks,
};
use crate::config::build::Build;
use crate::engine::Engine;
use crate::exec::{self, Host, Resolution};
use crate::facts::Facts;
use crate::lock::{Layout, Lock, Pins, Resolved, layout};
use crate::manifest::Manifest;
use crate::step::wheel::WheelRun;
use crate::step::{Address, Facet, Input, Kind, Part};
use crate::wheel::normalised;

/// Which versions may move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upgrade {
    /// Those alone that do not fit any more.
    Nothing,
    /// Those of these distributions, too.
    These(Vec<String>),
    /// All.
    Everything,
}

/// How a lock is asked for.
#[derive(Clone, Debug)]
pub struct LockOptions {
    /// Only these flavours; all where there is none.
    pub flavours: Vec<String>,
    /// Which versions may move.
    pub upgrade: Upgrade,
    /// How many steps run side by side, where some have to run first.
    pub jobs: usize,
    /// From which caches what has to be there first may come.
    pub caches: CacheChoice,
}

/// What became of the lock files.
#[derive(Clone, Debug)]
pub struct Relocked {
    /// The files, and what changed.
    pub layout: Layout,
    /// The flavours that have no lock, for they have a buildscript.
    pub passed_over: Vec<String>,
}

/// How the command ended.
#[derive(Clone, Debug)]
pub enum LockEnd {
    /// The lock files are as they should be.
    Done(Relocked),
    /// Something before that failed or was interrupted, which the feedback was told.
    Ended(Exit),
}

/// A flavour that is to be locked, with what is known of it.
struct Ready {
    flavour: String,
    step: Address,
    run: WheelRun,
    image: String,
    project: String,
    requires: Vec<String>,
    facts: Facts,
    before: Option<(String, Lock)>,
    versions: Pins,
}

/// Resolves and writes the lock files.
pub async fn lock(
    places: &Places,
    workspace: &Path,
    environment: &Environment,
    engine: Arc<dyn Engine>,
    options: &LockOptions,
    cancel: CancellationToken,
    feedback: &mut dyn Feedback,
) -> Result<LockEnd, AppError> {
    let places = &Places {
        without_locks: true,
        ..places.clone()
    };
    let (project, builds, _) = configuration(places)?.projects.swap_remove(0);
    let (wanted, passed_over) = wanted(&builds, &options.flavours)?;
    let targets: Vec<String> = wanted
        .iter()
        .map(|build| Address::of(&build.flavour, Part::Wheel).to_string())
        .collect();
    engine.ping().await?;
    let plan = || {
        let caches = &options.caches;
        gather(
            places,
            workspace,
            environment,
            engine.as_ref(),
            caches,
            |graph| command::request(graph, &targets, &[]),
        )
    };
    if !plan().await?.plan.is_empty() {
        let options = ApplyOptions {
            targets: targets.clone(),
            replace: Vec::new(),
            approval: Approval::Given,
            jobs: options.jobs,
            caches: options.caches.clone(),
        };
        let (engine, cancel) = (Arc::clone(&engine), cancel.clone());
        let exit = apply(
            places,
            workspace,
            environment,
            engine,
            &options,
            cancel,
            feedback,
        )
        .await?;
        if exit != Exit::Done {
            return Ok(LockEnd::Ended(exit));
        }
    }
    let _lock = command::locked(places, workspace, "builder lock")?;
    let gathered = tokio::select! {
        gathered = plan() => gathered?,
        () = cancel.cancelled() => return Ok(LockEnd::Ended(Exit::Interrupted)),
    };
    if !gathered.plan.is_empty() {
        return Err(AppError::NotLockable {
            what: "the source changed while its wheel was made".to_owned(),
            help: "run `builder lock` again".to_owned(),
        });
    }
    let folder = locks::folder(&project);
    let mut ready = Vec::new();
    for build in &wanted {
        ready.push(prepare(build, &gathered, &folder, &options.upgrade)?);
    }
    let upgraded = upgraded(&options.upgrade, &ready)?;
    let run = feedback.run();
    let host = Arc::new(host(gathered, run, environment, Arc::clone(&engine))?);
    let resolutions: Vec<Resolution<'_>> = ready
        .iter()
        .map(|ready| Resolution {
            step: &ready.step,
            run: &ready.run,
            image: ready.image.clone(),
            project: &ready.project,
            requires: &ready.requires,
            before: &ready.versions,
            upgraded: &upgraded,
        })
        .collect();
    let found = exec::resolve_all(&host, &resolutions, &cancel, feedback.observer()).await;
    engine.settle().await;
    let Some(found) = found? else {
        let exit = if cancel.is_cancelled() {
            Exit::Interrupted
        } else {
            Exit::Failed
        };
        return Ok(LockEnd::Ended(exit));
    };
    let resolved: Vec<Resolved> = ready
        .into_iter()
        .zip(found)
        .map(|(ready, packages)| Resolved {
            flavour: ready.flavour,
            facts: ready.facts,
            before: ready.before,
            packages,
        })
        .collect();
    let lockable = builds
        .iter()
        .filter(|build| build.buildscript.is_none())
        .count();
    let layout = layout(
        &resolved,
        resolved.len() == lockable,
        &locks::files(&folder, &builds),
    );
    for (name, text) in &layout.write {
        locks::write(&folder, name, text)?;
    }
    for name in &layout.remove {
        let path = folder.join(name);
        fs::remove_file(&path).map_err(|cause| AppError::Unwritable { path, cause })?;
    }
    Ok(LockEnd::Done(Relocked {
        layout,
        passed_over,
    }))
}

/// Finds the flavours that are asked for; those with a buildscript have no lock.
fn wanted<'a>(
    builds: &'a [Build],
    flavours: &[String],
) -> Result<(Vec<&'a Build>, Vec<String>), AppError> {
    // A failed resolution is told under its step's name, which may be typed here as well.
    let flavours: Vec<&str> = flavours
        .iter()
        .map(|name| name.strip_suffix(".dependencies").unwrap_or(name))
        .collect();
    let known: Vec<_> = { builds.iter() }
        .map(|build| build.flavour.as_str())
        .collect();
    if let Some(name) = flavours.iter().find(|name| !known.contains(name)) {
        return Err(AppError::NotLockable {
            what: format!("the project has no flavour `{name}`"),
            help: format!("its flavours are {}", known.join(", ")),
        });
    }
    let asked = |build: &&Build| flavours.is_empty() || flavours.contains(&build.flavour.as_str());
    let (wanted, scripts): (Vec<&Build>, Vec<&Build>) = builds
        .iter()
        .filter(asked)
        .partition(|build| build.buildscript.is_none());
    if wanted.is_empty() {
        return Err(AppError::NotLockable {
            what: "a flavour with a buildscript has no lock".to_owned(),
            help: "its script says what pip installs; have it read a file with hashes".to_owned(),
        });
    }
    let scripts = scripts.iter().map(|build| build.flavour.to_string());
    Ok((wanted, scripts.collect()))
}

fn prepare(
    build: &Build,
    gathered: &Gathered,
    folder: &Path,
    upgrade: &Upgrade,
) -> Result<Ready, AppError> {
    let Gathered {
        graph,
        manifest,
        workspace,
        ..
    } = gathered;
    let flavour = build.flavour.as_str();
    let step = Address::of(&build.flavour, Part::Dependencies);
    let run = match graph.step(&step).map(|step| &step.kind) {
        Some(Kind::Wheel(run)) => run.as_ref().clone(),
        Some(_) | None => {
            unreachable!("a flavour without a buildscript has a run for dependencies")
        }
    };
    let made = |part| manifest.outputs(&Address::of(&build.flavour, part));
    let requirements = made(Part::Wheel).and_then(|outputs| locks::requirements(&outputs.facets));
    let image = made(Part::Image).and_then(|outputs| outputs.image.as_ref());
    let facts = exec::known_facts(workspace, &step);
    let (Some((requires, project)), Some(image), Some(facts)) = (requirements, image, facts) else {
        return Err(AppError::NotLockable {
            what: format!("what {flavour} is built with cannot be read in the workspace"),
            help: format!("builder apply --replace {flavour} makes it anew"),
        });
    };
    let before = locks::served(folder, flavour);
    let versions = match (upgrade, &before) {
        (Upgrade::Everything, _) => Pins::new(),
        (_, Some((_, lock))) => lock.versions(&facts),
        (_, None) => recorded(manifest, &step),
    };
    Ok(Ready {
        flavour: flavour.to_owned(),
        step,
        run,
        image: image.id.clone(),
        project,
        requires,
        facts,
        before,
        versions,
    })
}

/// The versions of the last build, from which the first lock starts.
fn recorded(manifest: &Manifest, step: &Address) -> Pins {
    match manifest
        .outputs(step)
        .and_then(|outputs| outputs.facets.get(&Facet::Versions))
    {
        Some(Input::Versions(pins)) => pins.clone(),
        _ => Pins::new(),
    }
}

/// Checks the names after `--upgrade` against what is there.
fn upgraded(upgrade: &Upgrade, ready: &[Ready]) -> Result<Vec<String>, AppError> {
    let Upgrade::These(names) = upgrade else {
        return Ok(Vec::new());
    };
    let known: BTreeSet<&str> = ready
        .iter()
        .flat_map(|ready| ready.versions.keys().map(String::as_str))
        .collect();
    for name in names {
        let normal = normalised(name);
        // Before the first resolution nothing is known, and everything is new anyway.
        if !known.is_empty() && !known.contains(normal.as_str()) {
            let near = known
                .iter()
                .map(|known| (strsim::damerau_levenshtein(known, &normal), known))
                .filter(|(distance, _)| *distance <= 3)
                .min();
            return Err(AppError::NotLockable {
                what: format!("no dependency is called `{name}`"),
                help: match near {
                    Some((_, near)) => format!("did you mean `{near}`?"),
                    None => "the lock names them all".to_owned(),
                },
            });
        }
    }
    Ok(names.clone())
}

fn host(
    gathered: Gathered,
    run: String,
    environment: &Environment,
    engine: Arc<dyn Engine>,
) -> Result<Host, AppError> {
    Ok(Host {
        engine,
        identity: gathered.manifest.workspace.clone(),
        ca_bundles: environment.ca_bundles(gathered.scoped_builds())?,
        proxies: environment.proxies(),
        secrets: environment.secrets(gathered.builds())?,
        workspace: gathered.workspace,
        sources: sources(gathered.projects),
        run,
        // A resolution asks what the index has now.
        caches: None,
        // One is resolved after the other.
        bounds: exec::Bounds::new(1),
    })
}
