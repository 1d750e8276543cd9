//! Gathering: both files, the source, the engine's images, and the past; then the graph and the plan.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use crate::app::caching::CacheChoice;
use crate::app::configuration::{Configuration, Layouts, configuration, layouts, same_form};
use crate::app::projects::{Places, Project};
use crate::app::situation::{Surroundings, situation};
use crate::app::{AppError, Environment, locks};
use crate::cache::Caches;
use crate::config::build::Build;
use crate::config::names::ImageName;
use crate::digest::Digest;
use crate::engine::Engine;
use crate::graph::{self, Graph, Situation};
use crate::manifest::Manifest;
use crate::observe;
use crate::plan::{self, Cached, Observed, Plan, Request};
use crate::source::{self, Unsaved};
use crate::step::Scope;
use crate::tree::Tree;
use crate::workspace::Workspace;

/// Everything that a plan was made from, and the plan.
pub struct Gathered {
    /// The projects.
    pub projects: Vec<Known>,
    /// The digest of the operator's file as it was read.
    pub config: Digest,
    /// The workspace.
    pub workspace: Workspace,
    /// The graph of steps.
    pub graph: Graph,
    /// What was built before.
    pub manifest: Manifest,
    /// What is to be done.
    pub plan: Plan,
    /// What was asked for.
    pub request: Request,
    /// The caches that were asked, for an apply to use.
    pub caches: Option<Arc<Caches>>,
    /// Indexes that are not what is on disk, to be saved by who may write.
    pub unsaved: Vec<Unsaved>,
}

/// What was found of a project.
pub struct Known {
    /// Its place among the others.
    pub scope: Scope,
    /// One for each of its flavours.
    pub builds: Vec<Build>,
    /// The source's folder.
    pub source: PathBuf,
    /// The digest of the project's file as it was read.
    pub file: Digest,
    /// The content of the source.
    pub tree: Arc<Tree>,
}

impl Gathered {
    /// Returns the builds of all projects.
    pub fn builds(&self) -> impl Iterator<Item = &Build> + Clone {
        self.projects.iter().flat_map(|project| &project.builds)
    }

    /// Returns the builds with their project's place.
    pub fn scoped_builds(&self) -> impl Iterator<Item = (&Scope, &Build)> {
        { self.projects.iter() }
            .flat_map(|known| known.builds.iter().map(move |build| (&known.scope, build)))
    }
}

/// Gathers and plans.
pub async fn gather(
    places: &Places,
    workspace: &Path,
    environment: &Environment,
    engine: &dyn Engine,
    caches: &CacheChoice,
    request: impl FnOnce(&Graph) -> Result<Request, AppError>,
) -> Result<Gathered, AppError> {
    let Configuration {
        projects,
        cache,
        digest: config,
        left_out,
    } = configuration(places)?;
    // Those that are left out may still be in the way.
    let Layouts { workspace, sources } = layouts(&places.projects, workspace)?;
    let mut sources = sources;
    let workspace = Workspace::at(workspace).indexed(!caches.without_index);
    let manifest = workspace.manifest()?;
    same_form(&workspace, &manifest, places.are_named())?;

    let names: BTreeSet<ImageName> = projects
        .iter()
        .flat_map(|(_, builds, _)| builds)
        .flat_map(|build| [&build.base_image].into_iter().chain(&build.runtime_image))
        .cloned()
        .collect();
    let selected: Option<BTreeSet<Option<String>>> = left_out.is_some().then(|| {
        { projects.iter() }
            .map(|(project, ..)| project.scope.name().map(str::to_owned))
            .collect()
    });
    if let Some(selected) = &selected {
        let mut all = places.projects.iter();
        sources.retain(|_| {
            all.next()
                .is_some_and(|project| selected.contains(&project.scope.name().map(str::to_owned)))
        });
    }
    let seen = Arc::new(within(&manifest, selected.as_ref()));
    let disk = {
        let (workspace, seen, sources) = (workspace.clone(), Arc::clone(&seen), sources.clone());
        tokio::task::spawn_blocking(move || {
            let shelf = workspace.shelf();
            let scan = |(root, exclude): &(PathBuf, Vec<PathBuf>)| {
                source::scan_with(root, exclude, &shelf)
            };
            let (scans, found) = rayon::join(
                || sources.par_iter().map(scan).collect::<Result<Vec<_>, _>>(),
                || observe::files(&workspace, &seen, &shelf),
            );
            Ok::<_, AppError>((scans?, found?))
        })
    };
    let world = async {
        let images = async {
            tokio::try_join!(
                observe::images(engine, &seen),
                observe::base_images(engine, &names)
            )
        };
        // Where there is no engine, the greeting says so best.
        let (greeting, images) = tokio::join!(engine.ping(), images);
        greeting?;
        let (images, mut bases) = images?;
        let absent = names.iter().filter(|name| !bases.contains_key(*name));
        let absent = caches.absent_images(environment, cache.as_ref(), engine, absent);
        bases.extend(absent.await?);
        Ok::<_, AppError>((images, bases))
    };
    let (disk, world) = tokio::join!(disk, world);
    let (mut scans, found) = disk.expect("a scan does not panic")?;
    let (mut observed, mut unsaved) = (found.observed, found.unsaved);
    unsaved.extend(scans.iter_mut().filter_map(|scan| scan.unsaved.take()));
    let (images, base_images) = world?;
    merge(&mut observed, images);

    let surroundings = Surroundings {
        base_images: &base_images,
        environment,
        without_locks: places.without_locks,
    };
    let situations = { projects.par_iter() }
        .zip(sources.par_iter())
        .zip(scans)
        .map(|(((project, builds, _), (root, _)), scan)| {
            situation(project, root, builds, scan.tree, &surroundings)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut graph = compiled(&projects, &situations)?;
    let mut request = request(&graph)?;
    request.scopes = selected;
    // Who asks for a step that is up to date wants to see what the index has by now.
    graph.resolve_anew(&request.replace);
    let listings: BTreeMap<Digest, &Arc<Tree>> = { situations.iter() }
        .map(|(situation, _)| (situation.source.digest(), &situation.source))
        .collect();
    let objects = |digest: &Digest| match listings.get(digest) {
        Some(tree) => Some(tree.to_listing()),
        None => workspace.object(digest),
    };
    let (caches, no_cache) = caches.open(environment, cache.as_ref())?;
    let mut cached = Cached::default();
    let mut plan = loop {
        let diff = plan::diff(&graph, &manifest, &observed, &request, &objects, &cached);
        match caches.as_ref().filter(|_| !diff.questions.is_empty()) {
            Some(caches) => cached.answers.extend(caches.look_up(&diff.questions).await),
            None => break diff.plan,
        }
    };
    plan.left_out = left_out;
    plan.warnings.extend(no_cache);
    if let Some(caches) = &caches {
        plan.warnings.extend(caches.take_warnings());
    }
    let told = |((project, ..), (_, warnings)): (&(Project, _, _), &(Situation, Vec<String>))| {
        let prefix = project.scope.name().map(|name| format!("{name}: "));
        let prefix = prefix.unwrap_or_default();
        let told = { warnings.iter() }.map(|warning| format!("{prefix}{warning}"));
        told.collect::<Vec<_>>()
    };
    let warnings: Vec<String> = { projects.iter().zip(&situations) }
        .flat_map(told)
        .collect();
    plan.warnings.splice(0..0, warnings);
    let past = (&workspace, &manifest, &plan);
    let stale: Vec<String> = { projects.par_iter() }
        .zip(&sources)
        .zip(&situations)
        .flat_map_iter(|(((_, builds, _), (root, _)), (situation, _))| {
            locks::warnings(root, builds, situation, past)
        })
        .collect();
    plan.warnings.extend(stale);
    if !plan.is_empty() {
        let builds = projects.iter().flat_map(|(_, builds, _)| builds);
        plan.warnings.extend(environment.missing_secrets(builds));
    }
    let known = projects.into_iter().zip(sources).zip(situations);
    let known = known.map(
        |(((project, builds, file), (source, _)), (situation, _))| Known {
            scope: project.scope,
            builds,
            source,
            file,
            tree: situation.source,
        },
    );
    Ok(Gathered {
        projects: known.collect(),
        config,
        workspace,
        graph,
        manifest,
        plan,
        request,
        caches,
        unsaved,
    })
}

impl Gathered {
    /// Saves the indexes that are not what is on disk.
    ///
    /// Whoever refuses to do anything does not call it, and so writes nothing.
    pub fn save_indexes(&self) {
        self.unsaved.iter().for_each(Unsaved::save);
    }
}

/// Returns what a manifest says of the steps of some projects; of all where none are selected.
fn within(manifest: &Manifest, selected: Option<&BTreeSet<Option<String>>>) -> Manifest {
    let mut seen = manifest.clone();
    if let Some(selected) = selected {
        let names: BTreeSet<Option<&str>> = selected.iter().map(Option::as_deref).collect();
        seen.steps.retain(|step, _| names.contains(&step.project()));
    }
    seen
}

fn compiled(
    projects: &[(Project, Vec<Build>, Digest)],
    situations: &[(Situation, Vec<String>)],
) -> Result<Graph, AppError> {
    let builds = projects.iter().map(|(_, builds, _)| builds.as_slice());
    let situations = situations.iter().map(|(situation, _)| situation);
    Ok(graph::compile_all(builds.zip(situations))?)
}

/// Compiles the graph alone, without engine and workspace.
pub fn graph_alone(places: &Places, environment: &Environment) -> Result<Graph, AppError> {
    let Configuration { projects, .. } = configuration(places)?;
    let surroundings = Surroundings {
        base_images: &BTreeMap::new(),
        environment,
        without_locks: places.without_locks,
    };
    let found = { projects.par_iter() }.map(|(project, builds, _)| {
        let tree = source::scan(&project.source, &[])?.tree;
        situation(project, &project.source, builds, tree, &surroundings)
    });
    let found = found.collect::<Result<Vec<_>, AppError>>()?;
    compiled(&projects, &found)
}

fn merge(observed: &mut Observed, more: Observed) {
    for (step, damage) in more.damage {
        observed.damage.entry(step).or_default().extend(damage);
    }
    observed.strays.extend(more.strays);
}
