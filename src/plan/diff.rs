//! The planner: graph × manifest × observed → plan. A function of its inputs, and linear in them.

use std::collections::BTreeMap;

use similar::{ChangeTag, TextDiff};

use crate::digest::Digest;
use crate::graph::Graph;
use crate::manifest::{Manifest, Past, Record, Unfinished};
use crate::plan::{Action, Change, Damage, DiffLine, Observed, Plan, Reason, Request};
use crate::step::{Address, Fingerprint, Input, Kind, Outcomes, Source, Step};
use crate::tree::Tree;

/// Reads a listing or a document that was kept for explanations; `None` when it is gone.
pub type Objects<'a> = &'a dyn Fn(&Digest) -> Option<String>;

/// Compares what should be with what was built.
pub fn diff(
    graph: &Graph,
    manifest: &Manifest,
    observed: &Observed,
    request: &Request,
    objects: Objects<'_>,
) -> Plan {
    let wanted = (!request.targets.is_empty()).then(|| graph.with_needs(&request.targets));
    let mut outcomes = Outcomes::default();
    let mut changes = Vec::with_capacity(graph.len());
    for step in graph.steps() {
        if wanted
            .as_ref()
            .is_some_and(|wanted| !wanted.contains(&step.address))
        {
            continue;
        }
        let fingerprint = Fingerprint::of(step, &outcomes);
        let key = fingerprint.key(step);
        if let Some(key) = key {
            outcomes.has_key(&step.address, key);
        }
        outcomes.leaves(&step.address, &step.predicted());
        let past = manifest.steps.get(&step.address);
        let (action, reasons) = decide(step, &fingerprint, past, observed, request, objects);
        if action == Action::Reuse
            && let Some(record) = manifest.record(&step.address)
        {
            outcomes.leaves(&step.address, &record.outputs.facets);
        }
        changes.push(Change {
            address: step.address.clone(),
            summary: step.summary(),
            action,
            reasons,
            key,
        });
    }
    if wanted.is_none() {
        let gone = manifest
            .steps
            .iter()
            .filter(|(address, _)| graph.step(address).is_none());
        changes.extend(gone.map(|(address, past)| removal(address, past)));
    }
    Plan {
        changes,
        warnings: warnings(manifest, observed),
    }
}

fn decide(
    step: &Step,
    fingerprint: &Fingerprint,
    past: Option<&Past>,
    observed: &Observed,
    request: &Request,
    objects: Objects<'_>,
) -> (Action, Vec<Reason>) {
    let requested = request
        .replace
        .contains(&step.address)
        .then_some(Reason::Requested);
    let unfinished = past
        .and_then(|past| past.unfinished.as_ref())
        .map(|how| match how {
            Unfinished::Failed => Reason::FailedLastTime,
            Unfinished::Interrupted => Reason::Interrupted,
        });
    let Some(record) = past.and_then(|past| past.record.as_ref()) else {
        let reasons = unfinished.into_iter().chain(requested).collect::<Vec<_>>();
        let first = if reasons.is_empty() {
            vec![Reason::FirstTime]
        } else {
            reasons
        };
        return (Action::Create, first);
    };
    let mut reasons = changed_inputs(step, fingerprint, record, objects);
    let damage = observed.damage.get(&step.address).into_iter().flatten();
    reasons.extend(damage.map(|damage| match damage {
        Damage::Missing(path) => Reason::Missing { path: path.clone() },
        Damage::Altered(path) => Reason::Altered { path: path.clone() },
        Damage::Foreign(path) => Reason::Foreign { path: path.clone() },
        Damage::ImageGone(name) => Reason::ImageGone { name: name.clone() },
    }));
    reasons.extend(unfinished);
    reasons.extend(requested);
    if !reasons.is_empty() {
        return (Action::Run, reasons);
    }
    // A base image that the engine has not got has to be brought before anything is known of it.
    let awaited: Vec<_> = fingerprint
        .unknown
        .iter()
        .filter_map(|(_, source)| match source {
            Source::Awaited(what) => Some(Reason::Awaits { what: what.clone() }),
            Source::Known(_) | Source::Output { .. } | Source::KeyOf(_) => None,
        })
        .collect();
    if !awaited.is_empty() {
        return (Action::Run, awaited);
    }
    let waits: Vec<_> = fingerprint
        .unknown
        .iter()
        .filter_map(|(name, source)| {
            let step = source.step()?.clone();
            Some(Reason::WaitsFor {
                input: name.clone(),
                step,
            })
        })
        .collect();
    if waits.is_empty() {
        (Action::Reuse, waits)
    } else {
        (Action::MayRun, waits)
    }
}

/// Names the inputs whose known value differs from the recorded one.
fn changed_inputs(
    step: &Step,
    fingerprint: &Fingerprint,
    record: &Record,
    objects: Objects<'_>,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for (name, new) in &fingerprint.inputs {
        match record.inputs.get(name) {
            Some(old) => {
                let reason = Reason::of_values(name, old, new);
                reasons.extend(
                    reason.map(|reason| in_detail(step, name, (old, new), reason, objects)),
                );
            }
            None => reasons.push(Reason::Value {
                input: name.clone(),
                old: None,
                new: Some(new.shown()),
            }),
        }
    }
    for (name, old) in &record.inputs {
        let unknown = fingerprint
            .unknown
            .iter()
            .any(|(unknown, _)| unknown == name);
        if !fingerprint.inputs.contains_key(name) && !unknown {
            reasons.push(Reason::Value {
                input: name.clone(),
                old: Some(old.shown()),
                new: None,
            });
        }
    }
    reasons
}

/// Adds to a reason what the kept listings and documents tell.
fn in_detail(
    step: &Step,
    name: &str,
    values: (&Input, &Input),
    reason: Reason,
    objects: Objects<'_>,
) -> Reason {
    match (values, &step.kind) {
        ((Input::Document(old), _), Kind::Render(render)) => match objects(old) {
            Some(old) => Reason::Text {
                input: name.to_owned(),
                lines: diff_lines(&old, &render.text),
            },
            None => reason,
        },
        ((Input::Tree(old), Input::Tree(new)), _) => {
            let listing = |digest| objects(digest).and_then(|text| Tree::from_listing(&text));
            match (listing(old), listing(new)) {
                (Some(old), Some(new)) => Reason::Files {
                    input: name.to_owned(),
                    difference: new.difference(&old),
                },
                _ => reason,
            }
        }
        _ => reason,
    }
}

fn diff_lines(old: &str, new: &str) -> Vec<DiffLine> {
    let diff = TextDiff::from_lines(old, new);
    let groups = diff.grouped_ops(1);
    let changes = groups.iter().flatten().flat_map(|op| diff.iter_changes(op));
    changes
        .map(|change| DiffLine {
            sign: match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            },
            text: change.value().trim_end_matches('\n').to_owned(),
        })
        .collect()
}

fn removal(address: &Address, past: &Past) -> Change {
    let outputs = past.record.as_ref().map(|record| &record.outputs);
    let reason = Reason::NotConfigured {
        files: outputs.map_or(0, |outputs| outputs.files.len()),
        image: outputs
            .and_then(|outputs| outputs.image.as_ref())
            .map(|image| image.name.clone()),
    };
    Change {
        address: address.clone(),
        summary: "remove what it left".to_owned(),
        action: Action::Remove,
        reasons: vec![reason],
        key: None,
    }
}

fn warnings(manifest: &Manifest, observed: &Observed) -> Vec<String> {
    let mut warnings = Vec::new();
    if manifest.damaged > 0 {
        let lines = if manifest.damaged == 1 {
            "line"
        } else {
            "lines"
        };
        warnings.push(format!(
            "{} {lines} of the manifest could not be read; steps without a record run again",
            manifest.damaged
        ));
    }
    let mut folders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for stray in &observed.strays {
        let folder = stray
            .as_str()
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        folders.entry(folder).or_default().push(stray.file_name());
    }
    for (folder, names) in folders {
        warnings.push(format!(
            "{folder} has files that builder did not make and leaves alone: {}",
            names.join(", ")
        ));
    }
    warnings
}
