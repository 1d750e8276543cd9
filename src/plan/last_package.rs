//! The package that was built last, and what it means for the next one.

use crate::manifest::Manifest;
use crate::plan::{Action, Reason};
use crate::step::{Address, Facet, Input, Kind, Step};
use crate::version;

/// The package that a step built last.
pub(super) struct LastPackage<'a> {
    step: &'a Address,
    version: &'a str,
    revision: u32,
    /// The version that the project states now, if it states one.
    declared: Option<&'a str>,
}

impl<'a> LastPackage<'a> {
    /// Finds it, where the step makes packages and has made one.
    pub fn of(step: &'a Step, manifest: &'a Manifest) -> Option<Self> {
        let Kind::Package(package) = &step.kind else {
            return None;
        };
        let record = manifest.record(&step.address)?;
        let text = |facet| match record.outputs.facets.get(&facet) {
            Some(Input::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        Some(Self {
            step: &step.address,
            version: text(Facet::PackageVersion)?,
            revision: text(Facet::PackageRevision)?.parse().ok()?,
            declared: package.declared_version.as_deref(),
        })
    }

    /// Says that the revision grows, where the step runs or may run under the version that it had.
    pub fn revision(&self, action: Action) -> Option<Reason> {
        let runs = matches!(action, Action::Run | Action::MayRun);
        let stays = self
            .declared
            .is_none_or(|declared| declared == self.version);
        (runs && stays).then(|| Reason::Revision {
            version: self.version.to_owned(),
            next: self.revision + 1,
        })
    }

    /// Warns where the version that the project states leads no upgrade from the last one.
    pub fn warning(&self) -> Option<String> {
        let (step, declared, last) = (self.step, self.declared?, self.version);
        // A version that is none is the build backend's to report.
        let below = version::sorts_below(declared, last).unwrap_or(false);
        below.then(|| {
            format!(
                "{step}: version {declared} sorts below {last}, which was built before: no upgrade leads to it"
            )
        })
    }
}
