//! Steps with equal keys: one is carried out, and the others share what it leaves.

use std::collections::BTreeMap;

use crate::step::{Address, Key, Step};

/// The first step of each key, in the order in which steps are decided.
#[derive(Debug, Default)]
pub(super) struct Shared(BTreeMap<Key, Address>);

impl Shared {
    /// Returns the step whose leavings this one can share; the first of a key is remembered.
    pub fn leader(&mut self, step: &Step, key: Key) -> Option<Address> {
        if !step.may_share() {
            return None;
        }
        match self.0.get(&key) {
            Some(leader) => Some(leader.clone()),
            None => {
                self.0.insert(key, step.address.clone());
                None
            }
        }
    }
}
