//! The planner: graph × manifest × observed → plan. A function of its inputs, and linear in them.

use std::collections::BTreeSet;

use similar::{ChangeTag, TextDiff};

use crate::digest::Digest;
use crate::graph::Graph;
use crate::manifest::{Manifest, Past, Record, Unfinished};
use crate::plan::last_package::LastPackage;
use crate::plan::shared::Shared;
use crate::plan::strays::warnings;
use crate::plan::{
    Action, Answer, Cached, Change, Damage, DiffLine, Observed, Plan, Reason, Request,
};
use crate::step::{Address, Fingerprint, Input, Key, Kind, Outcomes, Source, Step};
use crate::tree::Tree;

/// Reads a listing or a document that was kept for explanations; `None` when it is gone.
pub type Objects<'a> = &'a dyn Fn(&Digest) -> Option<String>;

/// A plan, and what would have to be known to make a better one.
#[derive(Clone, Debug)]
pub struct Diff {
    /// The plan.
    pub plan: Plan,
    /// The keys of steps that run and that no cache was asked about.
    pub questions: BTreeSet<Key>,
}

/// Compares what should be with what was built, and with what caches have.
///
/// A step whose entry is in a cache tells what it leaves, and with that the keys of later steps: who
/// wants all that can be restored asks the caches the questions, and compares again until there are
/// none.
pub fn diff(
    graph: &Graph,
    manifest: &Manifest,
    observed: &Observed,
    request: &Request,
    objects: Objects<'_>,
    cached: &Cached,
) -> Diff {
    let wanted = (!request.targets.is_empty()).then(|| graph.with_needs(&request.targets));
    let mut known = Known {
        manifest,
        observed,
        request,
        objects,
        moved: BTreeSet::new(),
    };
    let mut outcomes = Outcomes::default();
    let mut warnings = warnings(manifest, observed);
    let mut changes = Vec::with_capacity(graph.len());
    let (mut questions, mut shared) = (BTreeSet::new(), Shared::default());
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
        let (mut action, mut reasons) = known.decide(step, &fingerprint);
        let leader = key.and_then(|key| shared.leader(step, key));
        if let Some(key) = key.filter(|_| known.may_restore(step, action)) {
            match cached.answers.get(&key) {
                _ if leader.is_some() => {
                    action = Action::Restore;
                    reasons.retain(|reason| *reason != Reason::FirstTime);
                    if let Some(same) = leader {
                        outcomes.leaves_as(&step.address, &same);
                        reasons.insert(0, Reason::Same { step: same });
                    }
                }
                None => {
                    questions.insert(key);
                }
                Some(Answer::Absent { evicted }) => {
                    reasons.extend(evicted.map(|at| Reason::Evicted { at }));
                }
                Some(Answer::Kept {
                    facets,
                    from,
                    bytes,
                }) => {
                    action = Action::Restore;
                    reasons.retain(|reason| *reason != Reason::FirstTime);
                    reasons.insert(
                        0,
                        Reason::Cached {
                            from: from.clone(),
                            bytes: *bytes,
                        },
                    );
                    outcomes.leaves(&step.address, facets);
                }
            }
        }
        if let Some(last) = LastPackage::of(step, manifest) {
            warnings.extend(last.warning());
            // Ahead of what it waits for: a plan shows but a few reasons.
            reasons.splice(0..0, last.revision(action));
        }
        if action == Action::Reuse
            && let Some(record) = manifest.record(&step.address)
        {
            outcomes.leaves(&step.address, &record.outputs.facets);
        }
        changes.push(Change {
            address: step.address.clone(),
            kind: step.kind_name().to_owned(),
            summary: step.summary(),
            action,
            reasons,
            key,
            fingerprint,
        });
    }
    if wanted.is_none() {
        let gone = manifest
            .steps
            .iter()
            .filter(|(address, _)| graph.step(address).is_none() && request.concerns(address));
        changes.extend(gone.map(|(address, past)| removal(address, past)));
    }
    Diff {
        plan: Plan {
            changes,
            warnings,
            left_out: None,
        },
        questions,
    }
}

/// What the decision about a step is taken from, beside the step.
struct Known<'a> {
    manifest: &'a Manifest,
    observed: &'a Observed,
    request: &'a Request,
    objects: Objects<'a>,
    /// The steps so far whose key is sure to differ from that of their record, also where it is
    /// not known yet.
    moved: BTreeSet<Address>,
}

impl Known<'_> {
    /// Tells whether what a step leaves may come from a cache instead. A copy is made of what is at
    /// hand, and a step that the user wants to run runs.
    fn may_restore(&self, step: &Step, action: Action) -> bool {
        matches!(action, Action::Create | Action::Run)
            && !matches!(step.kind, Kind::Copy(_))
            && !self.request.replace.contains(&step.address)
    }

    fn decide(&mut self, step: &Step, fingerprint: &Fingerprint) -> (Action, Vec<Reason>) {
        let requested = self
            .request
            .replace
            .contains(&step.address)
            .then_some(Reason::Requested);
        let past = self.manifest.steps.get(&step.address);
        let unfinished = past
            .and_then(|past| past.unfinished.as_ref())
            .map(|how| match how {
                Unfinished::Failed => Reason::FailedLastTime,
                Unfinished::Interrupted => Reason::Interrupted,
            });
        let Some(record) = past.and_then(|past| past.record.as_ref()) else {
            return match unfinished {
                Some(how) => (Action::Run, [how].into_iter().chain(requested).collect()),
                None => (Action::Create, vec![requested.unwrap_or(Reason::FirstTime)]),
            };
        };
        let mut reasons = self.changed_inputs(step, fingerprint, record);
        if !reasons.is_empty() {
            self.moved.insert(step.address.clone());
        }
        let damage = self.observed.damage.get(&step.address);
        reasons.extend(damage.into_iter().flatten().map(|damage| match damage {
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
        undecided(fingerprint)
    }

    /// Names the inputs whose value is sure to differ from the recorded one.
    fn changed_inputs(
        &self,
        step: &Step,
        fingerprint: &Fingerprint,
        record: &Record,
    ) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for (name, new) in &fingerprint.inputs {
            match record.inputs.get(name) {
                Some(old) => {
                    let reason = Reason::of_values(name, old, new);
                    reasons.extend(
                        reason
                            .map(|reason| in_detail(step, name, (old, new), reason, self.objects)),
                    );
                }
                None => reasons.push(Reason::Value {
                    input: name.clone(),
                    old: None,
                    new: Some(shown(new)),
                }),
            }
        }
        for (name, source) in &fingerprint.unknown {
            if let Source::KeyOf(made) = source
                && self.moved.contains(made)
                && let Some(before) = self.manifest.record(made)
                && record.inputs.get(name) == Some(&Input::Made(before.key))
            {
                let input = name.clone();
                reasons.push(Reason::Rebuilt { input });
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
                    old: Some(shown(old)),
                    new: None,
                });
            }
        }
        reasons
    }
}

/// Shows the value of an input that the other side has not got; of a digest nobody learns anything.
fn shown(input: &Input) -> String {
    match input {
        Input::File(_) | Input::Document(_) | Input::Tree(_) => "set".to_owned(),
        Input::Stated { words, digest: _ } => words.clone(),
        Input::Text(_)
        | Input::List(_)
        | Input::Map(_)
        | Input::Versions(_)
        | Input::Image(_)
        | Input::Made(_) => input.shown(),
    }
}

/// Decides about a step of which nothing known has changed.
fn undecided(fingerprint: &Fingerprint) -> (Action, Vec<Reason>) {
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
    if fingerprint.unknown.is_empty() {
        return (Action::Reuse, Vec::new());
    }
    let sources = fingerprint.unknown.iter().map(|(_, source)| source);
    let steps: BTreeSet<_> = sources.filter_map(Source::step).cloned().collect();
    let names = fingerprint.unknown.iter().map(|(name, _)| name);
    let inputs: BTreeSet<_> = names.cloned().collect();
    let waits = Reason::WaitsFor {
        steps: steps.into_iter().collect(),
        inputs: inputs.into_iter().collect(),
    };
    (Action::MayRun, vec![waits])
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
        .filter(|change| change.tag() != ChangeTag::Equal || !change.value().trim().is_empty())
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
        kind: past
            .record
            .as_ref()
            .map_or_else(String::new, |record| record.kind.clone()),
        summary: "remove what it left".to_owned(),
        action: Action::Remove,
        reasons: vec![reason],
        key: None,
        fingerprint: Fingerprint::default(),
    }
}

#[cfg(test)]
mod tests;
