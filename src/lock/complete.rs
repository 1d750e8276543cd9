//! Whether wheels are all that is asked for, from what each of them requires.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use pep508_rs::{ExtraName, MarkerEnvironment, Requirement, VerbatimUrl};

use crate::lock::fit::fits;
use crate::wheel::normalised;

/// What a wheel says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stated {
    /// Its version.
    pub version: String,
    /// Its `Requires-Dist` entries.
    pub requires: Vec<String>,
}

/// Returns what is asked for, by the lines or by a wheel that they lead to, and is not among the
/// wheels; the project itself, which a wheel may require back, is left out.
///
/// A line that no grammar knows is left to pip.
pub fn incomplete(
    lines: &[String],
    wheels: &BTreeMap<String, Stated>,
    project: &str,
    markers: &MarkerEnvironment,
) -> Vec<String> {
    let project = normalised(project);
    let mut open = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut ahead: Vec<(String, Vec<ExtraName>, String)> = lines
        .iter()
        .map(|line| (line.clone(), Vec::new(), String::new()))
        .collect();
    while let Some((line, extras, of)) = ahead.pop() {
        let Ok(requirement) = Requirement::<VerbatimUrl>::from_str(&line) else {
            continue;
        };
        let name = normalised(requirement.name.as_ref());
        if name == project || !requirement.marker.evaluate(markers, &extras) {
            continue;
        }
        let wheel = wheels.get(&name);
        let Some(wheel) = wheel.filter(|wheel| fits(&requirement, &wheel.version)) else {
            open.insert(format!("`{}`{of}", line.trim()));
            continue;
        };
        if seen.insert((name.clone(), requirement.extras.clone())) {
            let of = format!(" of {name} {}", wheel.version);
            let next = wheel.requires.iter();
            ahead.extend(next.map(|line| (line.clone(), requirement.extras.clone(), of.clone())));
        }
    }
    open.into_iter().collect()
}
