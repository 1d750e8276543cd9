//! Benches of what a plan is made by: keys, the graph, the comparison, and the manifest.
//!
//! `cargo bench --bench engine_core` times each part at growing numbers of flavours, of five steps
//! each, of which nothing has changed. What grows faster than its number is not linear.
#![expect(clippy::unwrap_used, reason = "a bench may panic")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use builder::config::build::Build;
use builder::config::{self, Document, FileProblem, FoundFile, Lookup};
use builder::digest::Digest;
use builder::graph::{self, Graph, Situation};
use builder::manifest::{Line, Manifest, Outputs, Record};
use builder::plan::{self, Cached, Observed, Plan, Request};
use builder::step::{Facet, Fingerprint, Input, Outcomes, Scope};
use builder::tree::{Entry, RelPath, Tree};
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

/// How many flavours there are; a configuration has room for so many.
const FLAVOURS: [usize; 3] = [20, 200, 2_000];

/// Finds no file: the configuration names none.
struct Nothing;

impl Lookup for Nothing {
    fn operator_file(&self, _: &str) -> Result<FoundFile, FileProblem> {
        Err(FileProblem::Missing)
    }

    fn project_file(&self, _: &RelPath) -> Result<(), FileProblem> {
        Err(FileProblem::Missing)
    }
}

fn document(path: &str, text: String) -> Document {
    Document {
        path: PathBuf::from(path).display().to_string(),
        bytes: text.into_bytes(),
    }
}

/// Both files of a project with so many flavours.
fn files(flavours: usize) -> (Document, Document) {
    let (mut config, mut project) = (String::new(), String::new());
    for number in 0..flavours {
        writeln!(config, "f{number}: {{base_image: base-debian12}}").unwrap();
        writeln!(project, "f{number}:").unwrap();
    }
    (
        document("config.yml", config),
        document(".build.yml", project),
    )
}

fn builds(flavours: usize) -> Vec<Build> {
    let (config, project) = files(flavours);
    config::load(&config, &project, &Nothing).unwrap()
}

fn situation(builds: &[Build]) -> Situation {
    let entry = |text: &str| Entry::File {
        digest: Digest::of(text.as_bytes()),
        executable: false,
    };
    let files = [("pyproject.toml", entry("1")), ("shop.py", entry("2"))];
    let tree: Tree = files
        .into_iter()
        .map(|(path, entry)| (RelPath::new(path).unwrap(), entry))
        .collect();
    let image = |build: &Build| (build.base_image.clone(), "sha256:1".to_owned());
    Situation {
        scope: Scope::default(),
        project: "shop".to_owned(),
        declared_name: None,
        declared_version: None,
        source: Arc::new(tree),
        version: graph::Handovers::default(),
        base_images: builds.iter().map(image).collect(),
        pip_files: BTreeMap::new(),
        locks: BTreeMap::new(),
        epoch: 315_532_800,
    }
}

fn compiled(flavours: usize) -> Graph {
    let builds = builds(flavours);
    graph::compile(&builds, &situation(&builds)).unwrap()
}

/// The manifest of a run that carried all of it out.
fn applied(graph: &Graph) -> Manifest {
    let mut manifest = Manifest::default();
    let mut outcomes = Outcomes::default();
    for step in graph.steps() {
        let mut facets = step.predicted();
        for facet in [Facet::Facts, Facet::Requirements, Facet::Project] {
            let text = Input::Text("what a step leaves".to_owned());
            facets.entry(facet).or_insert(text);
        }
        let fingerprint = Fingerprint::of(step, &outcomes);
        let key = fingerprint.key(step).unwrap();
        outcomes.has_key(&step.address, key);
        outcomes.leaves(&step.address, &facets);
        manifest.apply(Line::Done(Box::new(Record {
            step: step.address.clone(),
            kind: step.kind_name().to_owned(),
            key,
            inputs: fingerprint.inputs,
            outputs: Outputs {
                facets,
                ..Outputs::default()
            },
            started: 0,
            seconds: 1.0,
            restored: None,
        })));
    }
    manifest
}

fn text_of(manifest: &Manifest) -> String {
    manifest.compacted().iter().map(Line::to_text).collect()
}

fn compared(graph: &Graph, manifest: &Manifest) -> Plan {
    let (observed, request) = (Observed::default(), Request::default());
    let nothing = |_: &Digest| None;
    let cached = Cached::default();
    plan::diff(graph, manifest, &observed, &request, &nothing, &cached).plan
}

#[divan::bench(args = FLAVOURS)]
fn configuration(bencher: Bencher, flavours: usize) {
    let (config, project) = files(flavours);
    bencher.bench(|| config::load(black_box(&config), &project, &Nothing).unwrap());
}

#[divan::bench(args = FLAVOURS)]
fn compile(bencher: Bencher, flavours: usize) {
    let builds = builds(flavours);
    let situation = situation(&builds);
    bencher.bench(|| graph::compile(black_box(&builds), &situation).unwrap());
}

#[divan::bench(args = FLAVOURS)]
fn keys(bencher: Bencher, flavours: usize) {
    let graph = compiled(flavours);
    let manifest = applied(&graph);
    let records = manifest.steps.values().map(|past| &past.record);
    let records: Vec<_> = records.flatten().collect();
    bencher.bench(|| {
        let keys = records
            .iter()
            .map(|record| builder::step::fingerprint_key(&record.kind, &record.inputs));
        keys.collect::<Vec<_>>()
    });
}

#[divan::bench(args = FLAVOURS)]
fn difference(bencher: Bencher, flavours: usize) {
    let graph = compiled(flavours);
    let manifest = applied(&graph);
    assert!(compared(&graph, &manifest).is_empty());
    bencher.bench(|| compared(black_box(&graph), &manifest));
}

#[divan::bench(args = FLAVOURS)]
fn manifest_load(bencher: Bencher, flavours: usize) {
    let text = text_of(&applied(&compiled(flavours)));
    bencher.bench(|| Manifest::parse(black_box(&text)).unwrap());
}
