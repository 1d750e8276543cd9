//! What is found in a workspace that no step answers for.

use std::collections::BTreeMap;

use crate::manifest::Manifest;
use crate::plan::Observed;
use crate::tree::RelPath;

/// Words what of the manifest could not be read, and which files are nobody's.
pub(super) fn warnings(manifest: &Manifest, observed: &Observed) -> Vec<String> {
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
    // What a step leaves that did not end is dealt with when it runs again: no news.
    let leavings: BTreeMap<&RelPath, bool> = manifest
        .steps
        .values()
        .flat_map(|past| {
            let files = past.leavings.files.iter();
            files.map(|file| (file, past.unfinished.is_none()))
        })
        .collect();
    let mut folders: BTreeMap<(&str, bool), Vec<&str>> = BTreeMap::new();
    for stray in &observed.strays {
        if leavings.get(stray) == Some(&false) {
            continue;
        }
        let folder = stray
            .as_str()
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        let files = folders
            .entry((folder, leavings.contains_key(stray)))
            .or_default();
        files.push(stray.file_name());
    }
    for ((folder, leavings), names) in folders {
        let what = if leavings {
            "files of a run that was cut off, which the next apply removes"
        } else {
            "files that builder did not make and leaves alone"
        };
        warnings.push(format!("{folder} has {what}: {}", names.join(", ")));
    }
    warnings
}
