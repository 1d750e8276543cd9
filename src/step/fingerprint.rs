//! The fingerprint of a step: the values of its named inputs, as far as they are known.

use std::collections::BTreeMap;

use crate::step::{Address, Facet, Input, Key, Source, Step, fingerprint_key};

/// What is known of the steps that come before: filled in by the planner with what is sure, and by
/// the executor with what really came out.
#[derive(Clone, Debug, Default)]
pub struct Outcomes {
    facets: BTreeMap<Address, BTreeMap<Facet, Input>>,
    keys: BTreeMap<Address, Key>,
}

impl Outcomes {
    /// Notes facets of what a step leaves.
    pub fn leaves(&mut self, step: &Address, facets: &BTreeMap<Facet, Input>) {
        if facets.is_empty() {
            return;
        }
        let known = self.facets.entry(step.clone()).or_default();
        known.extend(facets.iter().map(|(facet, input)| (*facet, input.clone())));
    }

    /// Notes that a step leaves what another one leaves, as far as that is known.
    pub fn leaves_as(&mut self, step: &Address, other: &Address) {
        if let Some(known) = self.facets.get(other).cloned() {
            self.leaves(step, &known);
        }
    }

    /// Notes the key of a step.
    pub fn has_key(&mut self, step: &Address, key: Key) {
        self.keys.insert(step.clone(), key);
    }

    /// Returns a facet of what a step leaves, once it is known.
    pub fn facet(&self, step: &Address, facet: Facet) -> Option<&Input> {
        self.facets.get(step)?.get(&facet)
    }

    /// Returns the key of a step, once it is known.
    pub fn key(&self, step: &Address) -> Option<Key> {
        self.keys.get(step).copied()
    }
}

/// The values of a step's named inputs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fingerprint {
    /// The inputs whose value is known.
    pub inputs: BTreeMap<String, Input>,
    /// The inputs whose value turns up later, with where it comes from.
    pub unknown: Vec<(String, Source)>,
}

impl Fingerprint {
    /// Finds the values of a step's inputs.
    pub fn of(step: &Step, outcomes: &Outcomes) -> Self {
        let mut fingerprint = Self {
            inputs: BTreeMap::new(),
            unknown: Vec::new(),
        };
        for (name, source) in step.inputs() {
            let value = match &source {
                Source::Known(input) => Some(input.clone()),
                Source::Output { step, facet } => outcomes.facet(step, *facet).cloned(),
                Source::KeyOf(step) => outcomes.key(step).map(Input::Made),
                Source::Awaited(_) => None,
            };
            match value {
                Some(value) => {
                    fingerprint.inputs.insert(name, value);
                }
                None => fingerprint.unknown.push((name, source)),
            }
        }
        fingerprint
    }

    /// Returns the key, when every input is known.
    pub fn key(&self, step: &Step) -> Option<Key> {
        self.unknown
            .is_empty()
            .then(|| fingerprint_key(step.kind_name(), &self.inputs))
    }
}
