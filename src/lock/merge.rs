//! Locks of several flavours as one, and whether a lock says already what was resolved.

use crate::facts::Facts;
use crate::lock::{File, Lock, Package};

impl Lock {
    /// Puts what was resolved for one environment into a lock.
    pub fn resolved(facts: &Facts, packages: Vec<Package>) -> Self {
        Self {
            created_by: "builder".to_owned(),
            requires_python: None,
            environments: vec![facts.as_marker()],
            packages,
        }
    }

    /// Tells whether an environment gets these very packages from this lock, in these files. It may
    /// have more files, for other environments.
    pub fn covers(&self, facts: &Facts, packages: &[Package]) -> bool {
        let Ok(own) = self.packages_for(facts) else {
            return false;
        };
        let has = |new: &Package| {
            let same = |old: &&&Package| old.name == new.name && old.version == new.version;
            own.iter().find(same).is_some_and(|old| {
                let files: Vec<&File> = old.wheels.iter().chain(&old.sdist).collect();
                let mut wanted = new.wheels.iter().chain(&new.sdist);
                wanted.all(|file| {
                    files
                        .iter()
                        .any(|old| old.name == file.name && agree(old, file))
                })
            })
        };
        own.len() == packages.len() && packages.iter().all(has)
    }

    /// Unites locks that have the same versions, each with the files that its environment takes;
    /// `None` where a version differs.
    pub fn united(locks: &[&Self]) -> Option<Self> {
        let (first, others) = locks.split_first()?;
        let mut united = (*first).clone();
        for other in others {
            if united.packages.len() != other.packages.len() {
                return None;
            }
            for (package, more) in united.packages.iter_mut().zip(&other.packages) {
                if (&package.name, &package.version) != (&more.name, &more.version) {
                    return None;
                }
                package.add_files(more)?;
            }
            for environment in &other.environments {
                if !united.environments.contains(environment) {
                    united.environments.push(environment.clone());
                }
            }
        }
        united.environments.sort();
        Some(united)
    }
}

impl Package {
    fn add_files(&mut self, more: &Self) -> Option<()> {
        for file in &more.wheels {
            match self.wheels.iter().find(|own| own.name == file.name) {
                Some(own) if !agree(own, file) => return None,
                Some(_) => {}
                None => self.wheels.push(file.clone()),
            }
        }
        self.wheels.sort_by(|one, other| one.name.cmp(&other.name));
        match (&self.sdist, &more.sdist) {
            (Some(own), Some(other)) if !agree(own, other) => return None,
            (None, Some(other)) => self.sdist = Some(other.clone()),
            _ => {}
        }
        // What is required may differ by environment.
        self.dependencies.extend(more.dependencies.iter().cloned());
        self.dependencies.sort();
        self.dependencies.dedup();
        Some(())
    }
}

/// Tells whether two files have a hash in common and no hash that differs.
fn agree(one: &File, other: &File) -> bool {
    let mut common = one
        .hashes
        .iter()
        .filter_map(|(kind, hash)| Some((hash, other.hashes.get(kind)?)))
        .peekable();
    common.peek().is_some() && common.all(|(one, other)| one == other)
}
