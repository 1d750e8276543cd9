//! A project that is built, and what a plan says after one change to it.

mod rows;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::config::build::Pip;
use crate::config::names::ImageName;
use crate::graph::Graph;
use crate::manifest::{BuiltImage, Line, Mirror, Outputs};
use crate::step::copy::Copy;
use crate::step::image::Image;
use crate::step::probe::Probe;
use crate::step::render::Render;
use crate::step::wheel::{Handover, PipInputs, WheelRun, Work};
use crate::step::{Facet, fingerprint_key};
use crate::tree::Entry;
use crate::tree::RelPath;

/// Everything that a flavour is made from, so that a row can change one thing.
#[derive(Clone)]
struct Project {
    files: Vec<(&'static str, &'static str)>,
    dockerfile: &'static str,
    base: Option<&'static str>,
    pip: Pip,
    environment: Vec<(&'static str, &'static str)>,
}

/// Where a row starts from: everything is built, and nothing has changed.
struct Situation {
    project: Project,
    manifest: Manifest,
    observed: Observed,
    request: Request,
}

fn address(name: &str) -> Address {
    Address::typed(name)
}

fn path(text: &str) -> RelPath {
    RelPath::new(text).unwrap()
}

fn project() -> Project {
    Project {
        files: vec![("a.py", "1"), ("b.py", "1"), ("tests/t.py", "1")],
        dockerfile: "FROM base\nRUN install gcc\nWORKDIR /source\n",
        base: Some("sha256:aaaaaaaaaaaaaaaa"),
        pip: Pip::default(),
        environment: Vec::new(),
    }
}

fn step(name: &str, kind: Kind) -> Step {
    Step {
        address: address(name),
        kind,
    }
}

impl Project {
    fn tree(&self) -> Tree {
        let entry = |text: &str| Entry::File {
            digest: Digest::of(text.as_bytes()),
            executable: false,
        };
        let files = self.files.iter();
        files
            .map(|(name, text)| (path(name), entry(text)))
            .collect()
    }

    fn graph(&self) -> Graph {
        let run = |name, work| {
            let environment = self.environment.iter();
            let run = WheelRun {
                work,
                image: address("deb.image"),
                pip: PipInputs {
                    settings: self.pip.clone(),
                    files: BTreeMap::new(),
                },
                environment: environment
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect(),
                secrets: Vec::new(),
                epoch: 0,
            };
            step(name, Kind::Wheel(Box::new(run)))
        };
        let project = Work::Project {
            source: Address::source(),
            version: Handover::default(),
        };
        let dependencies = Work::Dependencies {
            wheel: address("deb.wheel"),
            extras: Vec::new(),
            lock: None,
            anew: false,
        };
        let probe = Probe {
            image: ImageName::new("base").unwrap(),
            id: self.base.map(str::to_owned),
        };
        let render = Render {
            path: path("deb-builder.dockerfile"),
            text: self.dockerfile.to_owned(),
        };
        let image = Image {
            dockerfile: address("deb.dockerfile"),
            base: address("deb.base"),
            repository: "builder/shop".to_owned(),
            tag: "deb".to_owned(),
        };
        let tree = Arc::new(self.tree());
        let steps = vec![
            step("source", Kind::Copy(Copy { tree })),
            step("deb.base", Kind::Probe(probe)),
            step("deb.dockerfile", Kind::Render(render)),
            step("deb.image", Kind::Image(image)),
            run("deb.wheel", project),
            run("deb.dependencies", dependencies),
        ];
        Graph::new(steps).unwrap()
    }
}

/// What a step of the project leaves.
fn outputs(step: &Step, project: &Project) -> Outputs {
    let file = |text: &str| {
        let digest = Digest::of(b"");
        let executable = false;
        BTreeMap::from([(path(text), Entry::File { digest, executable })])
    };
    let mut outputs = Outputs {
        facets: step.predicted(),
        ..Outputs::default()
    };
    match step.address.as_str() {
        "source" => {
            outputs.mirror = Some(Mirror {
                path: path("source"),
                digest: project.tree().digest(),
            });
        }
        "deb.base" => {
            let facts = Input::File(Digest::of(b"facts"));
            outputs.facets.insert(Facet::Facts, facts);
        }
        "deb.image" => {
            outputs.image = Some(BuiltImage {
                id: "sha256:1".to_owned(),
                name: "builder/shop:deb".to_owned(),
            });
        }
        "deb.wheel" => {
            outputs.files = file("build/wheelhouse/deb/shop-1-py3-none-any.whl");
            let requires = Input::List(vec!["cffi".to_owned()]);
            outputs.facets.insert(Facet::Requirements, requires);
            let name = Input::Text("shop".to_owned());
            outputs.facets.insert(Facet::Project, name);
        }
        _ => {}
    }
    outputs
}

/// A manifest in which everything of a project is built.
fn built(project: &Project) -> Manifest {
    let (mut manifest, mut outcomes) = (Manifest::default(), Outcomes::default());
    for step in project.graph().steps() {
        let inputs = Fingerprint::of(step, &outcomes).inputs;
        let record = Record {
            step: step.address.clone(),
            kind: step.kind_name().to_owned(),
            key: fingerprint_key(step.kind_name(), &inputs),
            inputs,
            outputs: outputs(step, project),
            started: 0,
            seconds: 0.0,
            restored: None,
        };
        outcomes.has_key(&step.address, record.key);
        outcomes.leaves(&step.address, &record.outputs.facets);
        manifest.apply(Line::Done(Box::new(record)));
    }
    manifest
}

/// Plans after a change to a project that is built, and compares all that is not up to date.
fn check(change: impl FnOnce(&mut Situation), expected: &[&str]) {
    let mut situation = Situation {
        project: project(),
        manifest: built(&project()),
        observed: Observed::default(),
        request: Request::default(),
    };
    change(&mut situation);
    let kept = |digest: &Digest| {
        let (old, new) = (project().tree(), situation.project.tree());
        let listings = [old, new].map(|tree| (tree.digest(), tree.to_listing()));
        let dockerfile = project().dockerfile;
        let document = (Digest::of(dockerfile.as_bytes()), dockerfile.to_owned());
        let mut kept = listings.into_iter().chain([document]);
        kept.find(|(of, _)| of == digest).map(|(_, text)| text)
    };
    let plan = diff(
        &situation.project.graph(),
        &situation.manifest,
        &situation.observed,
        &situation.request,
        &kept,
        &Cached::default(),
    )
    .plan;
    let changes = plan
        .changes
        .iter()
        .filter(|change| change.action != Action::Reuse);
    let lines = changes.map(|change| {
        let reasons: Vec<_> = change.reasons.iter().map(Reason::to_string).collect();
        let sign = change.action.sign();
        format!("{sign} {}: {}", change.address, reasons.join("; "))
    });
    let warnings = plan.warnings.iter().map(|warning| format!("! {warning}"));
    assert_eq!(lines.chain(warnings).collect::<Vec<_>>(), expected);
}

fn damage(step: &str, damage: Damage) -> impl FnOnce(&mut Situation) {
    let step = address(step);
    move |s| s.observed.damage.entry(step).or_default().push(damage)
}
