//! Which lock files there are to be: one for all flavours where it can serve them, else one for each.

use std::collections::BTreeMap;

use crate::facts::Facts;
use crate::lock::{FILE, Lock, Package, Pin, Pins, VersionChange, difference, file_of};

/// What was resolved for a flavour, and the lock that it had.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The flavour.
    pub flavour: String,
    /// Its environment.
    pub facts: Facts,
    /// The lock that served it, with the name of its file.
    pub before: Option<(String, Lock)>,
    /// What its dependencies are now.
    pub packages: Vec<Package>,
}

/// The lock files as they are to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The files to write, with their texts.
    pub write: BTreeMap<String, String>,
    /// The files whose flavours another one serves, and that would stand in its way.
    pub remove: Vec<String>,
    /// The file of each flavour, with what changed for it.
    pub flavours: Vec<Served>,
}

/// What becomes of a flavour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The flavour.
    pub flavour: String,
    /// The file that serves it now.
    pub file: String,
    /// How many packages it has.
    pub packages: usize,
    /// What became of each distribution whose version is another.
    pub changes: Vec<VersionChange>,
}

impl Resolved {
    fn is_covered(&self) -> bool {
        let before = self.before.as_ref();
        before.is_some_and(|(_, lock)| lock.covers(&self.facts, &self.packages))
    }

    fn served_by(&self, file: &str) -> Served {
        let before = self.before.as_ref().map(|(_, lock)| lock);
        let before = before.map(|lock| versions(lock.packages_now(&self.facts)));
        Served {
            flavour: self.flavour.clone(),
            file: file.to_owned(),
            packages: self.packages.len(),
            changes: difference(
                &before.unwrap_or_default(),
                &versions(self.packages.iter().collect()),
            ),
        }
    }
}

impl Lock {
    /// The packages for an environment, or all where the lock is for other ones.
    fn packages_now(&self, facts: &Facts) -> Vec<&Package> {
        self.packages_for(facts)
            .unwrap_or_else(|_| self.packages.iter().collect())
    }

    /// The versions that a resolution for an environment starts from.
    pub fn versions(&self, facts: &Facts) -> Pins {
        versions(self.packages_now(facts))
    }
}

fn versions(packages: Vec<&Package>) -> Pins {
    let pin = |package: &Package| Pin {
        version: package.version.clone(),
        file: String::new(),
        digest: String::new(),
    };
    packages
        .into_iter()
        .map(|package| (package.name.clone(), pin(package)))
        .collect()
}

/// Decides about the files. `whole` tells whether all flavours that have a lock are among them;
/// `there` which lock files there are, beside those that served these flavours, too.
pub fn layout(resolved: &[Resolved], whole: bool, there: &[String]) -> Layout {
    let served = |file: &dyn Fn(&Resolved) -> String| {
        resolved
            .iter()
            .map(|flavour| flavour.served_by(&file(flavour)))
            .collect()
    };
    if resolved.iter().all(Resolved::is_covered) {
        let file = |flavour: &Resolved| {
            let before = flavour.before.as_ref();
            before.map_or_else(String::new, |(name, _)| name.clone())
        };
        return Layout {
            flavours: served(&file),
            ..Layout::default()
        };
    }
    let locks: Vec<Lock> = resolved
        .iter()
        .map(|flavour| Lock::resolved(&flavour.facts, flavour.packages.clone()))
        .collect();
    let united = Lock::united(&locks.iter().collect::<Vec<_>>()).filter(|_| whole);
    if let Some(united) = united {
        let own = resolved.iter().map(|flavour| file_of(&flavour.flavour));
        return Layout {
            write: BTreeMap::from([(FILE.to_owned(), united.to_toml())]),
            remove: own.filter(|own| there.contains(own)).collect(),
            flavours: served(&|_| FILE.to_owned()),
        };
    }
    let kept = |flavour: &Resolved| !whole && flavour.is_covered();
    let file = |flavour: &Resolved| match &flavour.before {
        Some((name, _)) if kept(flavour) => name.clone(),
        _ => file_of(&flavour.flavour),
    };
    let write = resolved
        .iter()
        .zip(&locks)
        .filter(|(flavour, _)| !kept(flavour))
        .map(|(flavour, lock)| (file(flavour), lock.to_toml()))
        .collect();
    let shared = FILE.to_owned();
    Layout {
        write,
        // Nothing would read it any more.
        remove: if whole && there.contains(&shared) {
            vec![shared]
        } else {
            Vec::new()
        },
        flavours: served(&file),
    }
}
