//! Wheels: their file names, their metadata, and what they require.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use crate::digest::{ContentHasher, Digest};
use pep508_rs::{ExtraName, Requirement, VerbatimUrl};

/// What a wheel's metadata says, as far as a build depends on it.
///
/// The format is the core metadata specification's: headers in the manner of an e-mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The distribution's name as its author spells it.
    pub name: String,
    /// Its version as its author spells it.
    pub version: String,
    /// Its `Requires-Dist` entries, sorted, without duplicates.
    pub requires: Vec<String>,
    /// One line that says what it is.
    pub summary: String,
    /// Its licence: the SPDX expression, or else the older free text.
    pub license: Option<String>,
    /// Its page.
    pub homepage: Option<String>,
    /// Who maintains it, or else who wrote it, with an address where there is one.
    pub maintainer: Option<String>,
    /// Its description, in whatever markup.
    pub description: String,
}

/// Normalises a distribution's name (PEP 503): lower case, runs of `-`, `_` and `.` as one `-`.
pub fn normalised(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for character in name.chars() {
        if matches!(character, '-' | '_' | '.') {
            if !normal.ends_with('-') {
                normal.push('-');
            }
        } else {
            normal.extend(character.to_lowercase());
        }
    }
    normal
}

/// The name and the version in a wheel's file name (the binary distribution format's
/// `{distribution}-{version}(-{build tag})?-{python tag}-{abi tag}-{platform tag}.whl`), the name
/// normalised; `None` when the text is no wheel's name.
pub fn name_and_version(file: &str) -> Option<(String, String)> {
    let parts: Vec<&str> = file.strip_suffix(".whl")?.split('-').collect();
    if !matches!(parts.len(), 5 | 6) || parts.iter().any(|part| part.is_empty()) {
        return None;
    }
    Some((normalised(parts[0]), parts[1].to_owned()))
}

/// Finds distributions of which there is more than one wheel, with the wheels' names.
pub fn duplicates<'a>(files: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, Vec<&'a str>> {
    let mut by_name: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for file in files {
        if let Some((name, _)) = name_and_version(file) {
            by_name.entry(name).or_default().push(file);
        }
    }
    by_name.retain(|_, files| files.len() > 1);
    by_name
}

impl Metadata {
    /// Reads the headers of a `METADATA` file; the description after the first empty line is left.
    pub fn parse(text: &str) -> Self {
        let mut metadata = Self::default();
        let mut requires = BTreeSet::new();
        let headers = text.lines().take_while(|line| !line.trim_end().is_empty());
        let mut license_text = None;
        let (mut people, mut addresses) = ([None, None], [None, None]);
        for (name, value) in headers.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "summary" => metadata.summary = value.to_owned(),
                "license-expression" => metadata.license = Some(value.to_owned()),
                "license" => license_text = Some(value.to_owned()),
                "home-page" => metadata.homepage = Some(value.to_owned()),
                "project-url" => {
                    let (label, url) = value.split_once(',').unwrap_or(("", value));
                    let page = matches!(
                        label.trim().to_lowercase().as_str(),
                        "homepage" | "home page" | "home"
                    );
                    if page
                        || (metadata.homepage.is_none() && label.to_lowercase().contains("source"))
                    {
                        metadata.homepage = Some(url.trim().to_owned());
                    }
                }
                "maintainer" => people[0] = Some(value.to_owned()),
                "author" => people[1] = Some(value.to_owned()),
                "maintainer-email" => addresses[0] = Some(value.to_owned()),
                "author-email" => addresses[1] = Some(value.to_owned()),
                "name" => metadata.name = value.to_owned(),
                "version" => metadata.version = value.to_owned(),
                "requires-dist" => {
                    requires.insert(value.to_owned());
                }
                _ => {}
            }
        }
        metadata.requires = requires.into_iter().collect();
        if metadata.license.is_none() {
            // A whole licence text in the header is no name of a licence.
            metadata.license = license_text.filter(|text| text.len() <= 80 && !text.is_empty());
        }
        metadata.maintainer = people
            .into_iter()
            .zip(addresses)
            .find_map(|who| person(who.0, who.1));
        if let Some((_, description)) = text.split_once("\n\n") {
            metadata.description = description.trim().to_owned();
        }
        metadata
    }

    /// Digests everything but the requirements, which enter keys by themselves.
    pub fn digest_without_requirements(text: &str) -> Digest {
        let (headers, description) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut hasher = ContentHasher::new("builder metadata v1");
        for line in headers
            .lines()
            .filter(|line| !line.to_ascii_lowercase().starts_with("requires-dist:"))
        {
            hasher.text(line);
        }
        hasher.text(description).finish()
    }
}

/// Joins the two headers that may hold a person's name, address or both.
fn person(name: Option<String>, address: Option<String>) -> Option<String> {
    match (name, address) {
        (_, Some(address)) if address.contains('<') => Some(address),
        (Some(name), Some(address)) => {
            let address = address.split(',').next().unwrap_or_default();
            Some(format!(
                "\"{}\" <{}>",
                name.replace('"', ""),
                address.trim()
            ))
        }
        (name, address) => name.or(address),
    }
}

/// Turns a project's requirements into lines for pip, with these extras of the project switched on.
///
/// A requirement that an extra guards loses the guard when the extra is on, and is left to pip,
/// which then passes over it, when it is off. A requirement on the project itself with extras
/// (`shop[all]` of `shop`) switches those on in turn.
pub fn pip_requirements(project: &str, requires: &[String], extras: &[String]) -> Vec<String> {
    let project = normalised(project);
    let mut active: BTreeSet<String> = extras.iter().map(|extra| normalised(extra)).collect();
    loop {
        let mut lines = Vec::new();
        let mut more = BTreeSet::new();
        for raw in requires {
            let Ok(requirement) = Requirement::<VerbatimUrl>::from_str(raw) else {
                // Old metadata has spellings that no grammar knows; pip is the judge of them.
                lines.push(raw.clone());
                continue;
            };
            let own = normalised(requirement.name.as_ref()) == project;
            let names: Vec<ExtraName> = active
                .iter()
                .filter_map(|name| ExtraName::from_str(name).ok())
                .collect();
            let marker = requirement.marker.clone().simplify_extras(&names);
            if own {
                // Another extra still guards the line when its marker is false without extras.
                let applies = marker.evaluate_extras(&[]);
                if applies {
                    more.extend(
                        requirement
                            .extras
                            .iter()
                            .map(|extra| normalised(extra.as_ref())),
                    );
                }
                continue;
            }
            if marker.is_false() {
                continue;
            }
            if marker == requirement.marker {
                lines.push(raw.clone());
            } else {
                lines.push(
                    Requirement {
                        marker,
                        ..requirement
                    }
                    .to_string(),
                );
            }
        }
        if more.is_subset(&active) {
            return lines;
        }
        active.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_normalise_as_pep_503_says() {
        let check = |name: &str, expected: &str| assert_eq!(normalised(name), expected);
        check("My.Project", "my-project");
        check("a-_.b", "a-b");
        check("Flask", "flask");
    }

    #[test]
    fn a_wheel_is_known_by_its_file_name() {
        let check = |file: &str, expected: Option<(&str, &str)>| {
            let expected = expected.map(|(name, version)| (name.to_owned(), version.to_owned()));
            assert_eq!(name_and_version(file), expected, "{file}");
        };
        check("six-1.16.0-py2.py3-none-any.whl", Some(("six", "1.16.0")));
        check(
            "My_Project-1!1.0+local.1-py3-none-any.whl",
            Some(("my-project", "1!1.0+local.1")),
        );
        check(
            "cffi-1.17.1-1-cp311-cp311-linux_x86_64.whl",
            Some(("cffi", "1.17.1")),
        );
        check("six-1.16.0.tar.gz", None);
        check("six.whl", None);
    }

    #[test]
    fn two_wheels_of_one_distribution_are_found() {
        let files = [
            "a_b-1-py3-none-any.whl",
            "A.b-2-py3-none-any.whl",
            "c-1-py3-none-any.whl",
        ];
        let found = duplicates(files);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["a-b"]);
        assert_eq!(found["a-b"], &files[..2]);
    }

    #[test]
    fn the_description_holds_no_headers() {
        let text = "Metadata-Version: 2.1\nName: Shop\nVersion: 1.0\nRequires-Dist: six\n\nRequires-Dist: none\n";
        let metadata = Metadata::parse(text);
        assert_eq!(
            (metadata.name.as_str(), metadata.version.as_str()),
            ("Shop", "1.0")
        );
        assert_eq!(metadata.requires, ["six"]);
    }

    #[test]
    fn extras_switch_requirements_on() {
        let requires = [
            "click>=8",
            "cffi; extra == 'fast'",
            "ruff; python_version >= '3.8' and extra == 'dev'",
            "shop[fast]; extra == 'all'",
            "tomli; python_version < '3.11'",
        ]
        .map(str::to_owned);
        let check = |extras: &[&str], expected: &[&str]| {
            let extras: Vec<_> = extras.iter().map(|extra| (*extra).to_owned()).collect();
            let lines = pip_requirements("Shop", &requires, &extras);
            // A line whose extra is off stays as it is, and pip passes over it.
            let on: Vec<_> = lines
                .iter()
                .filter(|line| !line.contains("extra"))
                .collect();
            assert_eq!(on, expected, "{extras:?}");
        };
        check(&[], &["click>=8", "tomli; python_version < '3.11'"]);
        check(
            &["fast"],
            &["click>=8", "cffi", "tomli; python_version < '3.11'"],
        );
        check(
            &["all"],
            &["click>=8", "cffi", "tomli; python_version < '3.11'"],
        );
        check(
            &["dev"],
            &[
                "click>=8",
                "ruff ; python_full_version >= '3.8'",
                "tomli; python_version < '3.11'",
            ],
        );
    }
}
