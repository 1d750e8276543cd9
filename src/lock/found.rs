//! What pip reports of a resolution, as the packages of a lock.
//!
//! The format is that of `pip install --dry-run --report` (pip's documentation, "Installation
//! Report"), version 1, of pip 22.2 and later.

use std::collections::BTreeMap;
use std::str::FromStr;

use pep508_rs::{ExtraName, MarkerEnvironment, Requirement, VerbatimUrl};
use serde::Deserialize;
use serde_json::Value;

use crate::lock::{File, Package};
use crate::wheel::{name_and_version, normalised};

/// Why a resolution makes no lock.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoundError {
    /// The report has another form than it should.
    #[error("pip's report is not as its documentation says: {0}")]
    Report(String),
    /// A package is no file of an index.
    #[error("{name} comes from {what}, which no lock of builder can hold")]
    Source {
        /// The package.
        name: String,
        /// Where it comes from.
        what: &'static str,
    },
    /// pip knows no hash of a file.
    #[error("pip reports no hash of {0}")]
    NoHash(String),
}

/// What a resolution came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The packages, by name, each with the one file that was chosen.
    pub packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Report {
    version: String,
    install: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    download_info: Download,
    metadata: Metadata,
    #[serde(default)]
    requested_extras: Vec<String>,
}

#[derive(Deserialize)]
struct Download {
    url: String,
    archive_info: Option<Archive>,
    vcs_info: Option<Value>,
}

#[derive(Default, Deserialize)]
struct Archive {
    hash: Option<String>,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    version: String,
    requires_python: Option<String>,
    #[serde(default)]
    requires_dist: Vec<String>,
}

impl Found {
    /// Reads a report; the project itself, which a dependency may require back, is left out.
    pub fn parse(
        report: &str,
        project: &str,
        index: Option<&str>,
        markers: &MarkerEnvironment,
    ) -> Result<Self, FoundError> {
        let report: Report =
            serde_json::from_str(report).map_err(|error| FoundError::Report(error.to_string()))?;
        if report.version != "1" {
            return Err(FoundError::Report(format!(
                "it has the version {}",
                report.version
            )));
        }
        let project = normalised(project);
        let mut packages = Vec::new();
        for item in report.install {
            if normalised(&item.metadata.name) != project {
                packages.push(item.package(index, markers)?);
            }
        }
        packages.sort_by(|one, other| one.name.cmp(&other.name));
        let names: Vec<String> = packages
            .iter()
            .map(|package| package.name.clone())
            .collect();
        for package in &mut packages {
            package.dependencies.retain(|name| names.contains(name));
        }
        Ok(Self { packages })
    }
}

impl Item {
    fn package(
        self,
        index: Option<&str>,
        markers: &MarkerEnvironment,
    ) -> Result<Package, FoundError> {
        let name = normalised(&self.metadata.name);
        let source = |what| FoundError::Source {
            name: name.clone(),
            what,
        };
        if self.download_info.vcs_info.is_some() {
            return Err(source("version control"));
        }
        let Some(archive) = self.download_info.archive_info else {
            return Err(source("a directory"));
        };
        let url = without_credentials(&self.download_info.url);
        let plain = url.split(['?', '#']).next().unwrap_or_default();
        let file_name = plain
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .replace("%2B", "+");
        let mut hashes = archive.hashes;
        if hashes.is_empty() {
            // pip 22.2 writes the older field alone.
            let old = archive
                .hash
                .as_deref()
                .and_then(|hash| hash.split_once('='));
            hashes.extend(old.map(|(kind, hash)| (kind.to_owned(), hash.to_owned())));
        }
        hashes.retain(|kind, _| matches!(kind.as_str(), "sha256" | "sha384" | "sha512"));
        if hashes.is_empty() {
            return Err(FoundError::NoHash(file_name));
        }
        let wheel = name_and_version(&file_name).is_some();
        let file = File {
            name: file_name,
            url,
            size: None,
            hashes,
        };
        let mut dependencies: Vec<String> = self
            .metadata
            .requires_dist
            .iter()
            .filter_map(|line| required(line, &self.requested_extras, markers))
            .collect();
        dependencies.sort();
        dependencies.dedup();
        let (sdist, wheels) = if wheel {
            (None, vec![file])
        } else {
            (Some(file), Vec::new())
        };
        Ok(Package {
            name,
            version: self.metadata.version,
            marker: None,
            requires_python: self.metadata.requires_python,
            dependencies,
            index: index.map(str::to_owned),
            sdist,
            wheels,
        })
    }
}

fn required(line: &str, extras: &[String], markers: &MarkerEnvironment) -> Option<String> {
    let requirement = Requirement::<VerbatimUrl>::from_str(line).ok()?;
    let extras: Vec<ExtraName> = extras
        .iter()
        .filter_map(|name| ExtraName::from_str(name).ok())
        .collect();
    let counts = requirement.marker.evaluate(markers, &extras);
    counts.then(|| normalised(requirement.name.as_ref()))
}

/// Drops a user name and a password from an address: a lock is published with the project.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    format!("{scheme}://{host}{path}")
}
