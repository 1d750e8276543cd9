//! Gathering: both files, the source, the engine's images, and the past; then the graph and the plan.
#![expect(
    clippy::disallowed_methods,
    reason = "configuration and pip's files are read from disk"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::{AppError, Environment};
use crate::config::build::{Build, PipFile};
use crate::config::{self, Document, FileProblem, FoundFile, Lookup};
use crate::digest::Digest;
use crate::engine::Engine;
use crate::graph::{self, Graph, Handovers, Situation, included_files};
use crate::manifest::Manifest;
use crate::observe;
use crate::plan::{self, Observed, Plan, Request};
use crate::scm::{self, ScmProject};
use crate::source::{self, Layout, Rule};
use crate::step::Address;
use crate::step::wheel::{Handover, PipText};
use crate::tree::{RelPath, Tree};
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
}

/// Everything that a plan was made from, and the plan.
pub struct Gathered {
    /// One for each flavour of the project.
    pub builds: Vec<Build>,
    /// The workspace.
    pub workspace: Workspace,
    /// The source's folder.
    pub source: PathBuf,
    /// The graph of steps.
    pub graph: Graph,
    /// What was built before.
    pub manifest: Manifest,
    /// What is to be done.
    pub plan: Plan,
}

/// Reads both files.
pub fn configuration(places: &Places) -> Result<Vec<Build>, AppError> {
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
    let build_file = places
        .build_file
        .clone()
        .unwrap_or_else(|| places.source.join(".build.yml"));
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
    Ok(config::load(
        &document(&places.config, config),
        &document(&build_file, project),
        &lookup,
    )?)
}

/// Gathers and plans.
pub async fn gather(
    places: &Places,
    workspace: &Path,
    environment: &Environment,
    engine: &dyn Engine,
    request: impl FnOnce(&Graph) -> Result<Request, AppError>,
) -> Result<Gathered, AppError> {
    let builds = configuration(places)?;
    let Layout {
        source: root,
        workspace,
        exclude,
    } = source::check_layout(&places.source, workspace)?;
    let workspace = Workspace::at(workspace);
    let manifest = workspace.manifest()?;

    let names = builds
        .iter()
        .map(|build| build.base_image.clone())
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
        let bases = observe::base_images(engine, &names).await?;
        Ok::<_, AppError>((images, bases))
    };
    let (disk, world) = tokio::join!(disk, world);
    let (tree, mut observed) = disk.expect("a scan does not panic")?;
    let (images, base_images) = world?;
    merge(&mut observed, images);

    let (situation, warnings) = situation(places, &root, &builds, tree, base_images, environment)?;
    let graph = graph::compile(&builds, &situation)?;
    let request = request(&graph)?;
    let objects = |digest: &Digest| {
        if *digest == situation.source.digest() {
            return Some(situation.source.to_listing());
        }
        workspace.object(digest)
    };
    let mut plan = plan::diff(&graph, &manifest, &observed, &request, &objects);
    plan.warnings.splice(0..0, warnings);
    Ok(Gathered {
        builds,
        workspace,
        source: root,
        graph,
        manifest,
        plan,
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

fn situation(
    places: &Places,
    root: &Path,
    builds: &[Build],
    tree: Tree,
    base_images: BTreeMap<config::names::ImageName, String>,
    environment: &Environment,
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
    let project = project_name(pyproject.as_deref()).unwrap_or_else(|| folder_name(&places.source));
    let mut warnings = Vec::new();
    let version = match &scm {
        Some(scm) => handovers(root, scm, builds, &mut warnings)?,
        None => Handovers::default(),
    };
    let situation = Situation {
        project,
        pip_files: pip_files(root, builds, &tree)?,
        source: Arc::new(tree),
        version,
        base_images,
        epoch: environment.epoch()?,
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
    let handover = |alone| Handover {
        variables: version.environment(scm, alone),
        files: files.clone(),
    };
    Ok(Handovers {
        project_alone: handover(true),
        everything: handover(false),
    })
}

fn project_name(pyproject: Option<&str>) -> Option<String> {
    let table: toml::Table = pyproject?.parse().ok()?;
    Some(table.get("project")?.get("name")?.as_str()?.to_owned())
}

fn folder_name(source: &Path) -> String {
    let real = source.canonicalize().unwrap_or_else(|_| source.to_owned());
    real.file_name().map_or_else(
        || "project".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
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
        let Some(digest) = tree.file(path.as_str()) else {
            continue;
        };
        let place = root.join(&path);
        let text = fs::read(&place).map_err(|cause| AppError::Unreadable {
            path: place,
            cause,
            help: "a pip setting of the configuration names it".to_owned(),
        })?;
        let include = |included: &str, why: &str| AppError::Include {
            file: path.to_string(),
            included: included.to_owned(),
            why: why.to_owned(),
        };
        let includes = included_files(&path, &String::from_utf8_lossy(&text))
            .map_err(|(included, problem)| include(&included, &problem.to_string()))?;
        if let Some(missing) = includes
            .iter()
            .find(|path| tree.file(path.as_str()).is_none())
        {
            return Err(include(missing.as_str(), "which the source does not have"));
        }
        ahead.extend(includes.iter().cloned());
        files.insert(path, PipText { digest, includes });
    }
    Ok(files)
}

/// Resolves what a user typed for steps: an address, or a flavour for all its steps.
pub fn steps(graph: &Graph, typed: &[String]) -> Result<BTreeSet<Address>, AppError> {
    let mut found = BTreeSet::new();
    for name in typed {
        let matching: Vec<Address> = graph
            .steps()
            .map(|step| &step.address)
            .filter(|address| address.as_str() == name || address.flavour() == Some(name))
            .cloned()
            .collect();
        if matching.is_empty() {
            let known: Vec<_> = graph.steps().map(|step| step.address.to_string()).collect();
            let near = known
                .iter()
                .map(|known| (strsim::damerau_levenshtein(known, name), known))
                .filter(|(distance, _)| *distance <= 3)
                .min();
            let help = match near {
                Some((_, near)) => {
                    format!("did you mean `{near}`? the steps are {}", known.join(", "))
                }
                None => format!("the steps are {}", known.join(", ")),
            };
            return Err(AppError::UnknownStep {
                name: name.clone(),
                help,
            });
        }
        found.extend(matching);
    }
    Ok(found)
}

/// The files that the configuration names, on disk.
struct Disk {
    operator: PathBuf,
    project: PathBuf,
}

impl Lookup for Disk {
    fn operator_file(&self, path: &str) -> Result<FoundFile, FileProblem> {
        let path = self.operator.join(path);
        match fs::metadata(&path) {
            Ok(metadata) if !metadata.is_file() => return Err(FileProblem::NotAFile),
            Ok(_) => {}
            Err(error) => return Err(problem(&error)),
        }
        let bytes = fs::read(&path).map_err(|error| problem(&error))?;
        let path = std::path::absolute(&path).unwrap_or(path);
        Ok(FoundFile { path, bytes })
    }

    fn project_file(&self, path: &RelPath) -> Result<(), FileProblem> {
        let place = self.project.join(path);
        let root = self
            .project
            .canonicalize()
            .map_err(|error| problem(&error))?;
        let real = place.canonicalize().map_err(|error| problem(&error))?;
        if !real.starts_with(&root) {
            let target = fs::read_link(&place).unwrap_or(real);
            return Err(FileProblem::EscapesBySymlink {
                target: target.display().to_string(),
            });
        }
        if !real.is_file() {
            return Err(FileProblem::NotAFile);
        }
        match source::why_ignored(&root, path) {
            Some(by) => Err(match by.rule {
                Rule::BuiltIn(name) => FileProblem::Ignored {
                    pattern: name.to_owned(),
                    place: "the built-in rules".to_owned(),
                },
                Rule::Line {
                    file,
                    line,
                    pattern,
                } => FileProblem::Ignored {
                    pattern,
                    place: format!("{file}:{line}"),
                },
            }),
            None => Ok(()),
        }
    }
}

fn problem(error: &std::io::Error) -> FileProblem {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => FileProblem::Missing,
        _ => FileProblem::Unreadable {
            cause: error.to_string(),
        },
    }
}
