//! Gathering: both files, the source, the engine's images, and the past; then the graph and the plan.
#![expect(
    clippy::disallowed_methods,
    reason = "configuration and pip's files are read from disk"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::caching::CacheChoice;
use crate::app::lookup::Disk;
use crate::app::situation::situation;
use crate::app::{AppError, Environment, locks};
use crate::cache::Caches;
use crate::config::build::Build;
use crate::config::names::ImageName;
use crate::config::{self, Document, Loaded};
use crate::digest::Digest;
use crate::engine::Engine;
use crate::graph::{self, Graph};
use crate::manifest::Manifest;
use crate::observe;
use crate::plan::{self, Cached, Observed, Plan, Request};
use crate::source::{self, Layout};
use crate::tree::Tree;
use crate::workspace::Workspace;

/// The places that a command line names.
#[derive(Clone, Debug)]
pub struct Places {
    /// The operator's configuration.
    pub config: PathBuf,
    /// The project's file, if it is not `.build.yml` in the source.
    pub build_file: Option<PathBuf>,
    /// The source.
    pub source: PathBuf,
    /// Whether lock files are passed over, as they are where they are about to be written.
    pub without_locks: bool,
}

/// Everything that a plan was made from, and the plan.
pub struct Gathered {
    /// One for each flavour of the project.
    pub builds: Vec<Build>,
    /// The workspace.
    pub workspace: Workspace,
    /// The source's folder.
    pub source: PathBuf,
    /// The digests of both files as they were read.
    pub files: [Digest; 2],
    /// The content of the source.
    pub tree: Arc<Tree>,
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
}

impl Places {
    /// Returns where the project's file is.
    pub fn project_file(&self) -> PathBuf {
        self.build_file
            .clone()
            .unwrap_or_else(|| self.source.join(".build.yml"))
    }
}

/// Reads both files.
pub fn configuration(places: &Places) -> Result<Vec<Build>, AppError> {
    Ok(read_both(places)?.0.builds)
}

/// Reads both files, and digests them.
fn read_both(places: &Places) -> Result<(Loaded, [Digest; 2]), AppError> {
    let read = |path: &Path, help: &str| {
        fs::read(path).map_err(|cause| AppError::Unreadable {
            path: path.to_owned(),
            cause,
            help: help.to_owned(),
        })
    };
    let metadata = fs::metadata(&places.source);
    if !metadata.is_ok_and(|metadata| metadata.is_dir()) {
        // The layout check words this better than a missing `.build.yml` would.
        source::check_layout(&places.source, &places.source.join(".builder"))?;
    }
    let build_file = places.project_file();
    let document = |path: &Path, bytes| Document {
        path: path.display().to_string(),
        bytes,
    };
    let config = read(
        &places.config,
        "--config names the operator's file, which defines the flavours",
    )?;
    let project = read(
        &build_file,
        "a project names the flavours that it wants there; `deb:` alone is a whole file",
    )?;
    let lookup = Disk {
        operator: places
            .config
            .parent()
            .map_or_else(PathBuf::new, Path::to_owned),
        project: places.source.clone(),
    };
    let digests = [Digest::of(&config), Digest::of(&project)];
    let loaded = config::load_all(
        &document(&places.config, config),
        &document(&build_file, project),
        &lookup,
    )?;
    Ok((loaded, digests))
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
    let (Loaded { builds, cache }, files) = read_both(places)?;
    let Layout {
        source: root,
        workspace,
        exclude,
    } = source::check_layout(&places.source, workspace)?;
    let workspace = Workspace::at(workspace);
    let manifest = workspace.manifest()?;

    let names: BTreeSet<ImageName> = builds
        .iter()
        .flat_map(|build| [&build.base_image].into_iter().chain(&build.runtime_image))
        .cloned()
        .collect();
    let disk = {
        let (root, workspace, manifest) = (root.clone(), workspace.clone(), manifest.clone());
        tokio::task::spawn_blocking(move || {
            let scan = source::scan(&root, &exclude)?;
            let observed = observe::files(&workspace, &manifest)?;
            Ok::<_, AppError>((scan.tree, observed))
        })
    };
    let world = async {
        engine.ping().await?;
        let images = observe::images(engine, &manifest).await?;
        let mut bases = observe::base_images(engine, &names).await?;
        let absent = names.iter().filter(|name| !bases.contains_key(*name));
        let absent = caches.absent_images(environment, cache.as_ref(), engine, absent);
        bases.extend(absent.await?);
        Ok::<_, AppError>((images, bases))
    };
    let (disk, world) = tokio::join!(disk, world);
    let (tree, mut observed) = disk.expect("a scan does not panic")?;
    let (images, base_images) = world?;
    merge(&mut observed, images);

    let (situation, warnings) = situation(places, &root, &builds, tree, base_images, environment)?;
    let mut graph = graph::compile(&builds, &situation)?;
    let request = request(&graph)?;
    // Who asks for a step that is up to date wants to see what the index has by now.
    graph.resolve_anew(&request.replace);
    let objects = |digest: &Digest| {
        if *digest == situation.source.digest() {
            return Some(situation.source.to_listing());
        }
        workspace.object(digest)
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
    plan.warnings.extend(no_cache);
    if let Some(caches) = &caches {
        plan.warnings.extend(caches.take_warnings());
    }
    plan.warnings.splice(0..0, warnings);
    let past = (&workspace, &manifest, &plan);
    let stale = locks::warnings(&root, &builds, &situation.locks, past);
    plan.warnings.extend(stale);
    if !plan.is_empty() {
        plan.warnings.extend(environment.missing_secrets(&builds));
    }
    Ok(Gathered {
        builds,
        workspace,
        source: root,
        files,
        tree: situation.source,
        graph,
        manifest,
        plan,
        request,
        caches,
    })
}

/// Compiles the graph alone, without engine and workspace.
pub fn graph_alone(places: &Places, environment: &Environment) -> Result<Graph, AppError> {
    let builds = configuration(places)?;
    let tree = source::scan(&places.source, &[])?.tree;
    let (situation, _) = situation(
        places,
        &places.source,
        &builds,
        tree,
        BTreeMap::new(),
        environment,
    )?;
    Ok(graph::compile(&builds, &situation)?)
}

fn merge(observed: &mut Observed, more: Observed) {
    for (step, damage) in more.damage {
        observed.damage.entry(step).or_default().extend(damage);
    }
    observed.strays.extend(more.strays);
}
