//! The graph of steps: what both files and the observed situation come to.

mod includes;
mod packaging;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::config::build::Build;
use crate::config::names::ImageName;
use crate::step::copy::Copy;
use crate::step::image::{Image, repository};
use crate::step::probe::Probe;
use crate::step::render::Render;
use crate::step::wheel::{Handover, LockFile, PipInputs, PipText, WheelRun, Work};
use crate::step::{Address, Kind, Part, Scope, Step};
use crate::template::{self, TemplateError};
use crate::tree::{RelPath, Tree};

pub use includes::included_files;

/// What the world looks like, as far as the steps of a project depend on it.
#[derive(Clone, Debug)]
pub struct Situation {
    /// The project's place among others; it names steps and files, and enters no key.
    pub scope: Scope,
    /// What the project is called; it names images and enters no key.
    pub project: String,
    /// What its `pyproject.toml` calls it, where it does.
    pub declared_name: Option<String>,
    /// The version that it states there, or that git gives it, where that is known.
    pub declared_version: Option<String>,
    /// The source through the ignore rules.
    pub source: Arc<Tree>,
    /// How a version taken from git is handed in, where the project takes its version from there.
    pub version: Handovers,
    /// The id that each base image's name resolves to in the engine, where it does.
    pub base_images: BTreeMap<ImageName, String>,
    /// The files of the source that a pip setting names, or that such a file includes.
    pub pip_files: BTreeMap<RelPath, PipText>,
    /// The lock of each flavour that has one.
    pub locks: BTreeMap<String, Arc<LockFile>>,
    /// `SOURCE_DATE_EPOCH`, in seconds since 1970.
    pub epoch: u64,
}

/// How a version taken from git is handed in to the two kinds of runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handovers {
    /// To a run that builds nothing but the project.
    pub project_alone: Handover,
    /// To a run that may build other projects too, each with a version of its own.
    pub everything: Handover,
}

/// Steps with the order in which they need each other.
#[derive(Clone, Debug)]
pub struct Graph {
    steps: DiGraph<Step, ()>,
    by_address: BTreeMap<Address, NodeIndex>,
    order: Vec<NodeIndex>,
}

/// Why steps make no graph.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Two steps have one address.
    #[error("two steps are called {0}")]
    Duplicate(Address),
    /// A step reads what no step leaves.
    #[error("{step} reads {needs}, and there is no such step")]
    Missing {
        /// The step that reads.
        step: Address,
        /// What it reads.
        needs: Address,
    },
    /// Steps wait for each other.
    #[error("{0} waits for itself")]
    Cycle(Address),
}

impl Graph {
    /// Connects steps by what they read, in topological order with ties broken by address.
    pub fn new(steps: Vec<Step>) -> Result<Self, GraphError> {
        let mut graph = DiGraph::with_capacity(steps.len(), steps.len() * 2);
        let mut by_address = BTreeMap::new();
        let mut needs = Vec::with_capacity(steps.len());
        for step in steps {
            let address = step.address.clone();
            let upstream: BTreeSet<Address> = step
                .inputs()
                .iter()
                .filter_map(|(_, source)| source.step().cloned())
                .collect();
            let index = graph.add_node(step);
            if by_address.insert(address.clone(), index).is_some() {
                return Err(GraphError::Duplicate(address));
            }
            needs.push((index, address, upstream));
        }
        for (index, step, upstream) in needs {
            for needed in upstream {
                let Some(&from) = by_address.get(&needed) else {
                    return Err(GraphError::Missing {
                        step,
                        needs: needed,
                    });
                };
                graph.add_edge(from, index, ());
            }
        }
        let order = topological(&graph)?;
        Ok(Self {
            steps: graph,
            by_address,
            order,
        })
    }

    /// Returns the steps so that each comes after all that it needs.
    pub fn steps(&self) -> impl DoubleEndedIterator<Item = &Step> {
        self.order.iter().map(|&index| &self.steps[index])
    }

    /// Returns how many steps there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Tells whether there is no step.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Returns the step of this address.
    pub fn step(&self, address: &Address) -> Option<&Step> {
        self.by_address
            .get(address)
            .map(|&index| &self.steps[index])
    }

    /// Returns what a step needs directly, by address.
    pub fn needs(&self, address: &Address) -> Vec<&Address> {
        self.neighbours(address, Direction::Incoming)
    }

    /// Returns the steps that need this one directly, by address.
    pub fn needed_by(&self, address: &Address) -> Vec<&Address> {
        self.neighbours(address, Direction::Outgoing)
    }

    fn neighbours(&self, address: &Address, direction: Direction) -> Vec<&Address> {
        let mut found: Vec<_> = self
            .by_address
            .get(address)
            .into_iter()
            .flat_map(|&index| self.steps.neighbors_directed(index, direction))
            .map(|index| &self.steps[index].address)
            .collect();
        found.sort();
        found
    }

    /// Has these steps resolve dependencies as if they never had.
    pub fn resolve_anew(&mut self, asked: &BTreeSet<Address>) {
        for address in asked {
            let Some(&index) = self.by_address.get(address) else {
                continue;
            };
            if let Kind::Wheel(wheel) = &mut self.steps[index].kind
                && let Work::Dependencies { anew, .. } = &mut wheel.work
            {
                *anew = true;
            }
        }
    }

    /// Returns these steps and all that they need, directly or not.
    pub fn with_needs(&self, targets: &BTreeSet<Address>) -> BTreeSet<Address> {
        let mut wanted = targets.clone();
        for step in self.steps().rev() {
            if wanted.contains(&step.address) {
                wanted.extend(self.needs(&step.address).into_iter().cloned());
            }
        }
        wanted
    }

    /// Writes the graph in the DOT language, steps in order, an arrow from each to what reads it.
    pub fn to_dot(&self) -> String {
        let mut dot =
            String::from("digraph builder {\n    rankdir = LR;\n    node [shape = box];\n");
        for step in self.steps() {
            let label = format!("{}\n{}", step.address, step.title());
            let _ = writeln!(
                dot,
                "    {} [label = {}];",
                quoted(step.address.as_str()),
                quoted(&label)
            );
        }
        for step in self.steps() {
            for reader in self.needed_by(&step.address) {
                let _ = writeln!(
                    dot,
                    "    {} -> {};",
                    quoted(step.address.as_str()),
                    quoted(reader.as_str())
                );
            }
        }
        dot.push_str("}\n");
        dot
    }
}

fn quoted(text: &str) -> String {
    format!(
        "\"{}\"",
        text.replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n")
    )
}

fn topological(graph: &DiGraph<Step, ()>) -> Result<Vec<NodeIndex>, GraphError> {
    let mut waiting: Vec<usize> = graph
        .node_indices()
        .map(|index| graph.neighbors_directed(index, Direction::Incoming).count())
        .collect();
    let mut ready: BTreeSet<(&Address, NodeIndex)> = graph
        .node_indices()
        .filter(|index| waiting[index.index()] == 0)
        .map(|index| (&graph[index].address, index))
        .collect();
    let mut order = Vec::with_capacity(graph.node_count());
    while let Some((_, index)) = ready.pop_first() {
        order.push(index);
        for reader in graph.neighbors_directed(index, Direction::Outgoing) {
            waiting[reader.index()] -= 1;
            if waiting[reader.index()] == 0 {
                ready.insert((&graph[reader].address, reader));
            }
        }
    }
    match graph
        .node_indices()
        .find(|index| waiting[index.index()] > 0)
    {
        Some(stuck) => Err(GraphError::Cycle(graph[stuck].address.clone())),
        None => Ok(order),
    }
}

/// Compiles the builds of a project in a situation into the graph of their steps.
pub fn compile(builds: &[Build], situation: &Situation) -> Result<Graph, Box<TemplateError>> {
    compile_all([(builds, situation)])
}

/// Compiles the builds of projects, each in its situation, into one graph; no two have one scope.
pub fn compile_all<'a>(
    projects: impl IntoIterator<Item = (&'a [Build], &'a Situation)>,
) -> Result<Graph, Box<TemplateError>> {
    let mut steps = Vec::new();
    for (builds, situation) in projects {
        if !builds.is_empty() {
            let tree = Arc::clone(&situation.source);
            steps.push(Step {
                address: situation.scope.source(),
                kind: Kind::Copy(Copy { tree }),
            });
        }
        for build in builds {
            flavour_steps(build, situation, &mut steps)?;
        }
    }
    Ok(Graph::new(steps)
        .expect("the steps of builds have distinct addresses and need only each other"))
}

fn flavour_steps(
    build: &Build,
    situation: &Situation,
    steps: &mut Vec<Step>,
) -> Result<(), Box<TemplateError>> {
    let address = |part| situation.scope.of(&build.flavour, part);
    let flavour = build.flavour.as_str();

    let probe = Probe {
        image: build.base_image.clone(),
        id: situation.base_images.get(&build.base_image).cloned(),
    };
    steps.push(Step {
        address: address(Part::Base),
        kind: Kind::Probe(probe),
    });

    let render = Render {
        path: RelPath::new(&format!("{flavour}-builder.dockerfile"))
            .expect("a flavour's name has no character that a path could not have"),
        text: template::builder_dockerfile(build)?,
    };
    steps.push(Step {
        address: address(Part::Dockerfile),
        kind: Kind::Render(render),
    });

    let image = Image {
        dockerfile: address(Part::Dockerfile),
        base: address(Part::Base),
        repository: repository(&situation.project),
        tag: flavour.to_owned(),
    };
    steps.push(Step {
        address: address(Part::Image),
        kind: Kind::Image(image),
    });

    let wheel_run = |part, work| Step {
        address: address(part),
        kind: Kind::Wheel(Box::new(WheelRun {
            work,
            image: address(Part::Image),
            pip: PipInputs {
                settings: build.pip.clone(),
                files: situation.pip_files.clone(),
            },
            environment: build.build_environment.clone(),
            secrets: build.secrets.clone(),
            epoch: situation.epoch,
        })),
    };
    let source = situation.scope.source();
    match &build.buildscript {
        Some(script) => {
            let version = situation.version.everything.clone();
            let script = script.clone();
            let project = situation.declared_name.clone();
            steps.push(wheel_run(
                Part::Wheels,
                Work::Buildscript {
                    source,
                    script,
                    project,
                    version,
                },
            ));
        }
        None => {
            let version = situation.version.project_alone.clone();
            steps.push(wheel_run(Part::Wheel, Work::Project { source, version }));
            let dependencies = Work::Dependencies {
                wheel: address(Part::Wheel),
                extras: build.extras.clone(),
                lock: situation.locks.get(flavour).cloned(),
                anew: false,
            };
            steps.push(wheel_run(Part::Dependencies, dependencies));
        }
    }
    packaging::steps(build, situation, steps);
    Ok(())
}

#[cfg(test)]
mod tests;
