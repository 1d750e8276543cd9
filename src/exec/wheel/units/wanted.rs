//! A file that is wanted, with all that is known of it.

use serde::{Deserialize, Serialize};

use crate::exec::StepError;
use crate::lock::{Chosen, File, Package};

/// A file that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::exec::wheel) struct Wanted {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) file: File,
    /// Whether it has to be built.
    pub(super) sdist: bool,
}

impl Wanted {
    pub fn of(chosen: &Chosen<'_>) -> Self {
        Self {
            name: chosen.package.name.clone(),
            version: chosen.package.version.clone(),
            file: chosen.file.clone(),
            sdist: chosen.sdist,
        }
    }

    /// The one file of a package that pip chose.
    pub fn only(package: &Package) -> Option<Self> {
        let wheel = package.wheels.first();
        let file = wheel.or(package.sdist.as_ref())?;
        Some(Self::of(&Chosen {
            package,
            file,
            sdist: wheel.is_none(),
        }))
    }

    pub(super) fn title(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    /// Its hashes, as pip's option has them.
    pub(super) fn hashes(&self) -> Vec<String> {
        let hashes = self.file.hashes.iter();
        hashes
            .map(|(kind, hash)| format!("{kind}:{hash}"))
            .collect()
    }

    /// Refuses a name that is none of a file in one folder.
    pub(super) fn is_sound(&self) -> Result<(), StepError> {
        let name = &self.file.name;
        let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '\\');
        if !name.is_empty() && !name.starts_with(['.', '-']) && !name.contains(odd) {
            return Ok(());
        }
        Err(StepError::Wheelhouse {
            what: format!("{} has a file with the name {name:?}", self.title()),
            help: "look at the index or the lock that names it".to_owned(),
        })
    }
}
