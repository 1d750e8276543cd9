//! The commands that change nothing: validate, plan, graph and explain.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use crate::app::caching::CacheChoice;
use crate::app::configuration::{configuration, layouts, same_form};
use crate::app::gather::{Gathered, gather, graph_alone};
use crate::app::projects::Places;
use crate::app::remember::against;
use crate::app::{AppError, Environment};
use crate::engine::docker::{self, DockerEngine};
use crate::engine::fake::FakeEngine;
use crate::engine::{Engine, EngineError};
use crate::graph::Graph;
use crate::plan::{Action, Request, Style, explain_inputs};
use crate::step::{Address, Fingerprint, Outcomes};
use crate::workspace::{Lock, Workspace};

/// What every command that plans is given.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Where configuration and source are.
    pub places: Places,
    /// Only these steps or flavours, and what they need.
    pub targets: Vec<String>,
    /// Steps that run even when they are up to date.
    pub replace: Vec<String>,
    /// Which caches are asked.
    pub caches: CacheChoice,
}

/// Which engine is asked for.
#[derive(Clone, Debug, Default)]
pub struct Engines {
    /// An endpoint from the command line.
    pub docker_host: Option<String>,
    /// `docker`, or `fake:FILE` for the one in memory with its state in a file.
    pub kind: Option<String>,
}

impl Engines {
    /// Connects to the engine.
    pub async fn connect(&self, environment: &Environment) -> Result<Arc<dyn Engine>, EngineError> {
        match self
            .kind
            .as_deref()
            .and_then(|kind| kind.strip_prefix("fake:"))
        {
            Some(file) => Ok(Arc::new(FakeEngine::in_file(Path::new(file)))),
            None => {
                let environment = docker::Environment {
                    vars: environment.variables.clone(),
                    home: environment.variable("HOME").map(Into::into),
                };
                let choice = docker::choose(self.docker_host.as_deref(), &environment)?;
                Ok(Arc::new(DockerEngine::connect(choice).await?))
            }
        }
    }
}

/// Turns what was typed into a request.
pub(super) fn request(
    graph: &Graph,
    targets: &[String],
    replace: &[String],
) -> Result<Request, AppError> {
    Ok(Request {
        targets: steps(graph, targets)?,
        replace: steps(graph, replace)?,
        scopes: None,
    })
}

/// Resolves what a user typed for steps: an address, a flavour, a project, or a flavour of a project.
pub(super) fn steps(graph: &Graph, typed: &[String]) -> Result<BTreeSet<Address>, AppError> {
    let mut found = BTreeSet::new();
    for name in typed {
        let addresses = || graph.steps().map(|step| &step.address);
        let of_project = |address: &&Address| address.project() == Some(name);
        let of_flavour = |address: &&Address| address.flavour() == Some(name);
        if addresses().any(|address| of_project(&address))
            && addresses().any(|address| of_flavour(&address))
        {
            return Err(AppError::UnknownStep {
                name: name.clone(),
                help: format!(
                    "`{name}` is a project and a flavour: name the flavour with a project, as in `{name}/{name}`, or the project by `NAME=PATH` in a file for --projects"
                ),
            });
        }
        let matching: Vec<Address> = addresses()
            .filter(|address| {
                address.as_str() == name
                    || address.scope() == Some(name)
                    || of_flavour(address)
                    || of_project(address)
            })
            .cloned()
            .collect();
        if matching.is_empty() {
            return Err(unknown(graph, name));
        }
        found.extend(matching);
    }
    Ok(found)
}

/// How many steps an error lists.
const LISTED: usize = 60;

fn unknown(graph: &Graph, name: &str) -> AppError {
    let known: Vec<&str> = graph.steps().map(|step| step.address.as_str()).collect();
    let groups = graph.steps().flat_map(|step| {
        let address = &step.address;
        [address.project(), address.scope(), address.flavour()]
    });
    let near = { known.iter().copied() }
        .chain(groups.flatten().collect::<BTreeSet<_>>())
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .filter(|(distance, _)| *distance <= 3)
        .min();
    let more = match known.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let listed = known[..known.len().min(LISTED)].join(", ");
    let help = match near {
        Some((_, near)) => format!("did you mean `{near}`? the steps are {listed}{more}"),
        None => format!("the steps are {listed}{more}"),
    };
    AppError::UnknownStep {
        name: name.to_owned(),
        help,
    }
}

/// Takes the lock of a workspace that fits its source.
pub(super) fn locked(places: &Places, workspace: &Path, purpose: &str) -> Result<Lock, AppError> {
    // A mistake in the configuration is found before a folder is made for its builds.
    configuration(places)?;
    let workspace = Workspace::at(layouts(&places.projects, workspace)?.workspace);
    // Nor is a folder that holds another form touched.
    same_form(&workspace, &workspace.manifest()?, places.are_named())?;
    Ok(workspace.lock(purpose)?)
}

/// Checks both files; returns the flavours and their dockerfile templates, rendered once to see.
pub fn validate(places: &Places) -> Result<Vec<String>, AppError> {
    let mut flavours = Vec::new();
    for (project, builds, _) in configuration(places)?.projects {
        for build in &builds {
            crate::template::builder_dockerfile(build)?;
            flavours.push(format!("{}{}", project.scope.prefix(), build.flavour));
        }
    }
    Ok(flavours)
}

/// Plans.
pub async fn plan(
    invocation: &Invocation,
    workspace: &Path,
    environment: &Environment,
    engine: &dyn Engine,
) -> Result<Gathered, AppError> {
    gather(
        &invocation.places,
        workspace,
        environment,
        engine,
        &invocation.caches,
        |graph| request(graph, &invocation.targets, &invocation.replace),
    )
    .await
}

/// Writes the graph of steps in the DOT language.
pub fn graph(places: &Places, environment: &Environment) -> Result<String, AppError> {
    Ok(graph_alone(places, environment)?.to_dot())
}

/// Explains a step: what it would do and why, its inputs, its last run.
pub async fn explain(
    places: &Places,
    workspace: &Path,
    environment: &Environment,
    engine: &dyn Engine,
    caches: &CacheChoice,
    step: &str,
    run: Option<&str>,
) -> Result<String, AppError> {
    let gathered = gather(places, workspace, environment, engine, caches, |_| {
        Ok(Request::default())
    })
    .await?;
    let found = steps(&gathered.graph, &[step.to_owned()])?;
    let mut text = String::new();
    for (number, address) in found.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        explain_one(&mut text, &gathered, address, run)?;
    }
    Ok(text)
}

fn explain_one(
    text: &mut String,
    gathered: &Gathered,
    address: &Address,
    run: Option<&str>,
) -> Result<(), AppError> {
    let Gathered {
        graph,
        manifest,
        plan,
        workspace,
        ..
    } = gathered;
    let step = graph
        .step(address)
        .expect("the address was found in the graph");
    let change = plan
        .change(address)
        .expect("without targets every step has a change");
    let _ = writeln!(text, "{address}: {}", step.summary());
    let only = crate::plan::Plan {
        changes: vec![change.clone()],
        warnings: Vec::new(),
        left_out: None,
    };
    let _ = writeln!(text, "\nnow");
    text.push_str(&change_lines(&only));

    let mut outcomes = Outcomes::default();
    for earlier in graph.steps() {
        outcomes.leaves(&earlier.address, &earlier.predicted());
        let change = plan.change(&earlier.address);
        if let Some(key) = change.and_then(|change| change.key) {
            outcomes.has_key(&earlier.address, key);
        }
        if change.is_some_and(|change| change.action == Action::Reuse)
            && let Some(record) = manifest.record(&earlier.address)
        {
            outcomes.leaves(&earlier.address, &record.outputs.facets);
        }
    }
    let record = manifest.record(address);
    let _ = writeln!(text, "\ninputs");
    let fingerprint = Fingerprint::of(step, &outcomes);
    text.push_str(&explain_inputs(&fingerprint, record));
    if let Some(key) = change.key {
        let _ = writeln!(text, "  key {key}");
    }
    let needs: Vec<_> = graph
        .needs(address)
        .into_iter()
        .map(ToString::to_string)
        .collect();
    let _ = writeln!(
        text,
        "\nneeds {}",
        if needs.is_empty() {
            "nothing".to_owned()
        } else {
            needs.join(", ")
        }
    );
    match record {
        None => {
            let _ = writeln!(
                text,
                "\nit has never ended well in {}",
                workspace.root().display()
            );
        }
        Some(record) => {
            let at = UNIX_EPOCH + Duration::from_secs(record.started);
            let at = humantime::format_rfc3339_seconds(at);
            let _ = writeln!(
                text,
                "\nlast run\n  {at}, {:.1}s, key {}",
                record.seconds, record.key
            );
            let counted: BTreeMap<_, _> = record.outputs.files.iter().collect();
            for path in counted.keys() {
                let _ = writeln!(text, "  left {path}");
            }
            if let Some(mirror) = &record.outputs.mirror {
                let _ = writeln!(text, "  left {}/", mirror.path);
            }
            if let Some(image) = &record.outputs.image {
                let _ = writeln!(
                    text,
                    "  left image {} ({})",
                    image.name,
                    crate::step::short_image(&image.id)
                );
            }
        }
    }
    match run {
        Some(run) => against(text, workspace, run, &fingerprint, address),
        None => Ok(()),
    }
}

/// The lines of a plan without its legend and totals.
fn change_lines(plan: &crate::plan::Plan) -> String {
    let shown = crate::plan::show(plan, Style { verbose: true });
    shown
        .lines()
        .take_while(|line| !line.is_empty())
        .map(|line| format!("{line}\n"))
        .collect()
}
