//! What a package requires, and what tells it from that of another distribution.

use crate::config::build::PackageFormat;
use crate::exec::StepError;
use crate::exec::knowledge::{Known, interpreter_name};
use crate::facts::Facts;
use crate::package::elf;
use crate::step::package::PackageStep;

/// Makes what tells packages of several distributions apart from the base image's os-release.
pub(super) fn distribution_suffix_of(facts: &Facts) -> Option<String> {
    let (id, version) = (
        facts.distribution.as_str(),
        facts.distribution_version.as_str(),
    );
    let major = version.split('.').next().unwrap_or(version);
    match id {
        "" => None,
        "debian" if version.is_empty() => Some("sid".to_owned()),
        "debian" => Some(format!("deb{version}")),
        "fedora" => Some(format!("fc{version}")),
        "rhel" | "almalinux" | "rocky" | "centos" | "ol" => Some(format!("el{major}")),
        _ => Some(format!("{id}{version}")),
    }
}

/// Names what the package requires, in the words of its format.
pub(super) fn requires(step: &PackageStep, known: &Known) -> Result<Vec<String>, StepError> {
    let mut requires = Vec::new();
    let minor = known
        .facts
        .python
        .rsplit_once('.')
        .map_or(known.facts.python.as_str(), |(minor, _)| minor);
    match step.format {
        PackageFormat::Deb => {
            let owner = known
                .facts
                .interpreter_package
                .as_deref()
                .map(interpreter_name);
            match owner {
                Some("python3") => {
                    let (major, digit) = minor.split_once('.').unwrap_or((minor, "0"));
                    let next = digit.parse::<u32>().unwrap_or(0) + 1;
                    requires.push(format!("python3 (>= {minor}~)"));
                    requires.push(format!("python3 (<< {major}.{next})"));
                }
                Some(owner) => requires.push(owner.to_owned()),
                None => {}
            }
            requires.extend(
                known
                    .dependencies
                    .depends
                    .iter()
                    .chain(&known.application.depends)
                    .cloned(),
            );
            requires.extend(step.runtime_dependencies.iter().cloned());
        }
        PackageFormat::Rpm => {
            requires.push(known.facts.interpreter.clone());
            if known.facts.implementation == "cpython" {
                requires.push(format!("python(abi) = {minor}"));
            }
            requires.extend(elf::rpm_requires(&elf::scan(&known.contents)?));
            requires.extend(
                step.runtime_dependencies
                    .iter()
                    .map(|dependency| rpm_dependency(dependency)),
            );
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    requires.retain(|dependency| seen.insert(dependency.clone()));
    Ok(requires)
}

/// Words a dependency in rpm's way: `libffi (>= 3.4)` becomes `libffi >= 3.4`, alternatives a rich one.
fn rpm_dependency(dependency: &str) -> String {
    let one = |text: &str| {
        let text = text.trim();
        match text.split_once(" (") {
            Some((name, relation)) => {
                let relation = relation
                    .trim_end_matches(')')
                    .replace("<<", "<")
                    .replace(">>", ">");
                format!("{name} {relation}")
            }
            None => text.to_owned(),
        }
    };
    let alternatives: Vec<String> = dependency.split('|').map(one).collect();
    match alternatives.as_slice() {
        [only] => only.clone(),
        several => format!("({})", several.join(" or ")),
    }
}
