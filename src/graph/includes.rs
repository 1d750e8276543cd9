//! What files of requirements and constraints include.

use crate::tree::{BadPath, RelPath};

/// Returns the paths that a file of requirements or constraints includes by `-r` or `-c`.
///
/// They are relative to the including file (pip's documentation, "Requirements File Format");
/// one that leaves the source is an error, for the copy of the source would not have it.
pub fn included_files(path: &RelPath, text: &str) -> Result<Vec<RelPath>, (String, BadPath)> {
    let folder = path
        .as_str()
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        let long = ["--requirement", "--constraint"].iter().find_map(|option| {
            line.strip_prefix(option)
                .and_then(|rest| rest.strip_prefix([' ', '=', '\t']))
        });
        // The file may follow a short option without a space.
        let short = || line.strip_prefix("-r").or(line.strip_prefix("-c"));
        let Some(target) = long.or_else(short) else {
            continue;
        };
        let target = target.split(" #").next().unwrap_or(target).trim();
        if target.contains("://") {
            continue;
        }
        let joined =
            resolve_dots(folder, target).ok_or_else(|| (target.to_owned(), BadPath::Escapes))?;
        found.push(RelPath::new(&joined).map_err(|problem| (target.to_owned(), problem))?);
    }
    Ok(found)
}

fn resolve_dots(folder: &str, target: &str) -> Option<String> {
    if target.starts_with('/') {
        return Some(target.to_owned());
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
