//! The commands that change nothing: validate, plan, graph and explain.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use crate::app::caching::CacheChoice;
use crate::app::gather::{Gathered, Places, configuration, gather, graph_alone};
use crate::app::remember::against;
use crate::app::{AppError, Environment};
use crate::engine::docker::{self, DockerEngine};
use crate::engine::fake::FakeEngine;
use crate::engine::{Engine, EngineError};
use crate::graph::Graph;
use crate::plan::{Action, Request, Style, explain_inputs};
use crate::source;
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
    })
}

/// Resolves what a user typed for steps: an address, or a flavour for all its steps.
fn steps(graph: &Graph, typed: &[String]) -> Result<BTreeSet<Address>, AppError> {
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
            let flavours = graph.steps().filter_map(|step| step.address.flavour());
            let near = known
                .iter()
                .map(String::as_str)
                .chain(flavours)
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

/// Takes the lock of a workspace that fits its source.
pub(super) fn locked(places: &Places, workspace: &Path, purpose: &str) -> Result<Lock, AppError> {
    // A mistake in the configuration is found before a folder is made for its builds.
    configuration(places)?;
    let layout = source::check_layout(&places.source, workspace)?;
    Ok(Workspace::at(layout.workspace).lock(purpose)?)
}

/// Checks both files; returns the flavours and their dockerfile templates, rendered once to see.
pub fn validate(places: &Places) -> Result<Vec<String>, AppError> {
    let builds = configuration(places)?;
    for build in &builds {
        crate::template::builder_dockerfile(build)?;
    }
    Ok(builds
        .iter()
        .map(|build| build.flavour.as_str().to_owned())
        .collect())
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
