//! Reading a lock file, strictly: what is not understood is never passed over.

use std::collections::BTreeMap;
use std::ops::Range;
use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::MarkerTree;
use serde::Deserialize;
use toml::{Spanned, Value};

use crate::lock::error::Text;
use crate::lock::{File, Lock, LockError, Package};
use crate::wheel::{name_and_version, normalised};

/// How to get a lock that can be read.
const REWRITE: &str = "`builder lock` writes it anew; an edit by hand or a merge may have torn it";

/// The hashes that pip accepts where it requires hashes, with their number of hexadecimal digits.
const ALGORITHMS: [(&str, usize); 3] = [("sha256", 64), ("sha384", 96), ("sha512", 128)];

/// The part of the file that says how to read the rest.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Head {
    lock_version: Option<Spanned<Value>>,
}

// Unknown fields are no errors: a later 1.x of the standard may add some, and every tool may keep
// its own under `tool`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawLock {
    created_by: Option<String>,
    requires_python: Option<Spanned<String>>,
    #[serde(default)]
    environments: Vec<Spanned<String>>,
    #[serde(default)]
    packages: Vec<Spanned<RawPackage>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawPackage {
    name: Spanned<String>,
    version: Option<Spanned<String>>,
    marker: Option<Spanned<String>>,
    requires_python: Option<Spanned<String>>,
    #[serde(default)]
    dependencies: Vec<RawDependency>,
    index: Option<String>,
    vcs: Option<Spanned<Value>>,
    directory: Option<Spanned<Value>>,
    archive: Option<Spanned<Value>>,
    sdist: Option<Spanned<RawFile>>,
    #[serde(default)]
    wheels: Vec<Spanned<RawFile>>,
}

#[derive(Deserialize)]
struct RawDependency {
    name: Option<String>,
}

#[derive(Deserialize)]
struct RawFile {
    name: Option<String>,
    url: Option<Spanned<String>>,
    path: Option<Spanned<String>>,
    size: Option<u64>,
    hashes: Option<Spanned<BTreeMap<String, String>>>,
}

impl Lock {
    /// Reads the text of a lock file; `path` is how errors name it.
    pub fn parse(path: &str, text: &str) -> Result<Self, Box<LockError>> {
        let text = Text { path, text };
        let torn = |error: toml::de::Error| {
            let what = format!("{path} is no lock: {}", error.message());
            text.error(error.span(), what, "here", REWRITE)
        };
        let head: Head = toml::from_str(text.text).map_err(torn)?;
        head.check(text)?;
        let raw: RawLock = toml::from_str(text.text).map_err(torn)?;
        if let Some(python) = &raw.requires_python {
            text.specifiers(python)?;
        }
        for marker in &raw.environments {
            text.marker(marker)?;
        }
        let mut packages = Vec::with_capacity(raw.packages.len());
        for package in raw.packages {
            packages.push(text.package(package)?);
        }
        packages.sort_by(|one: &Package, other| {
            (&one.name, &one.version, &one.marker).cmp(&(
                &other.name,
                &other.version,
                &other.marker,
            ))
        });
        Ok(Self {
            created_by: raw.created_by.unwrap_or_default(),
            requires_python: raw.requires_python.map(Spanned::into_inner),
            environments: raw
                .environments
                .into_iter()
                .map(Spanned::into_inner)
                .collect(),
            packages,
        })
    }
}

impl Head {
    fn check(&self, text: Text<'_>) -> Result<(), Box<LockError>> {
        let path = text.path;
        let Some(version) = &self.lock_version else {
            return Err(text.error(
                None,
                format!("{path} states no lock-version"),
                "",
                "a lock is in the format of PEP 751; `builder lock` writes one",
            ));
        };
        let stated = version.get_ref();
        match stated.as_str() {
            // What a later minor version adds can be passed over (PEP 751, "lock-version").
            Some(stated) if stated == "1" || stated.starts_with("1.") => Ok(()),
            _ => Err(text.error(
                Some(version.span()),
                format!("{path} has the lock-version {stated}, and this builder reads \"1.0\""),
                "not understood",
                "have `builder lock` write it anew, or use a builder that knows this version",
            )),
        }
    }
}

impl Text<'_> {
    fn specifiers(self, stated: &Spanned<String>) -> Result<(), Box<LockError>> {
        let parsed = VersionSpecifiers::from_str(stated.get_ref());
        parsed.map(|_| ()).map_err(|error| {
            let what = format!("`{}` is no version specifier: {error}", stated.get_ref());
            self.error(Some(stated.span()), what, "here", REWRITE)
        })
    }

    fn marker(self, stated: &Spanned<String>) -> Result<(), Box<LockError>> {
        let parsed = MarkerTree::from_str(stated.get_ref());
        parsed.map(|_| ()).map_err(|_| {
            let what = format!("`{}` is no environment marker that builder knows", stated.get_ref());
            let help = "markers over `extras` and `dependency_groups` are not supported: export the lock \
                        with the extras that are wanted, or let `builder lock` write it";
            self.error(Some(stated.span()), what, "here", help)
        })
    }

    fn package(self, package: Spanned<RawPackage>) -> Result<Package, Box<LockError>> {
        let place = package.span();
        let raw = package.into_inner();
        let name = raw.name.get_ref();
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || !name.chars().all(known) {
            let what = format!("{name:?} is no distribution's name");
            return Err(self.error(Some(raw.name.span()), what, "here", REWRITE));
        }
        for (kind, found) in [
            ("version control", &raw.vcs),
            ("a directory", &raw.directory),
            ("an archive", &raw.archive),
        ] {
            if let Some(found) = found {
                return Err(self.error(
                    Some(found.span()),
                    format!("{name} comes from {kind}, and builder takes wheels and sdists of a lock only"),
                    "not supported",
                    "publish it to an index, or leave the lock out and pin the others by `pip: constraints`",
                ));
            }
        }
        let Some(version) = &raw.version else {
            let what = format!("{name} has no version");
            return Err(self.error(Some(raw.name.span()), what, "which version?", REWRITE));
        };
        if Version::from_str(version.get_ref()).is_err() {
            let what = format!(
                "{name} has the version `{}`, which is none",
                version.get_ref()
            );
            return Err(self.error(Some(version.span()), what, "here", REWRITE));
        }
        if let Some(python) = &raw.requires_python {
            self.specifiers(python)?;
        }
        if let Some(marker) = &raw.marker {
            self.marker(marker)?;
        }
        let mut wheels = Vec::with_capacity(raw.wheels.len());
        for wheel in raw.wheels {
            let at = wheel.span();
            let wheel = self.file(name, wheel)?;
            let of = name_and_version(&wheel.name).map(|(of, _)| of);
            if of != Some(normalised(name)) {
                let what = format!("`{}` is no wheel of {name}", wheel.name);
                return Err(self.error(Some(at), what, "here", REWRITE));
            }
            wheels.push(wheel);
        }
        wheels.sort_by(|one, other| one.name.cmp(&other.name));
        let sdist = raw.sdist.map(|sdist| self.file(name, sdist)).transpose()?;
        if wheels.is_empty() && sdist.is_none() {
            let what = format!("{name} has neither a wheel nor an sdist");
            return Err(self.error(Some(place), what, "which file?", REWRITE));
        }
        let mut dependencies: Vec<String> = raw
            .dependencies
            .into_iter()
            .filter_map(|dependency| dependency.name)
            .collect();
        dependencies.sort();
        dependencies.dedup();
        Ok(Package {
            name: normalised(name),
            version: version.get_ref().clone(),
            marker: raw.marker.map(Spanned::into_inner),
            requires_python: raw.requires_python.map(Spanned::into_inner),
            dependencies,
            index: raw.index,
            sdist,
            wheels,
        })
    }

    fn file(self, package: &str, file: Spanned<RawFile>) -> Result<File, Box<LockError>> {
        let place = file.span();
        let raw = file.into_inner();
        let Some(url) = &raw.url else {
            let (at, what): (Range<usize>, _) = match &raw.path {
                Some(path) => (
                    path.span(),
                    format!("a file of {package} is given by its path on a disk"),
                ),
                None => (place, format!("a file of {package} has no address")),
            };
            let help = "a file of a lock needs a `url`: a build runs in a container, which has no other disk";
            return Err(self.error(Some(at), what, "where is it?", help));
        };
        // It becomes part of a line for pip.
        let odd = |c: char| c.is_whitespace() || c.is_control();
        if !url.get_ref().contains("://") || url.get_ref().contains(odd) {
            let what = format!("a file of {package} has an address that is none");
            return Err(self.error(Some(url.span()), what, "here", REWRITE));
        }
        let plain = url.get_ref().split(['?', '#']).next().unwrap_or_default();
        let last = plain.rsplit('/').next().unwrap_or_default();
        let name = raw.name.unwrap_or_else(|| last.replace("%2B", "+"));
        let hashes = raw.hashes.as_ref();
        let strong = hashes.map(|hashes| {
            let strong = hashes.get_ref().iter().filter(|(algorithm, hash)| {
                let digits = hash.chars().all(|c| c.is_ascii_hexdigit());
                digits && ALGORITHMS.contains(&(algorithm.as_str(), hash.len()))
            });
            strong
                .map(|(algorithm, hash)| (algorithm.clone(), hash.to_lowercase()))
                .collect::<BTreeMap<_, _>>()
        });
        let strong = strong.unwrap_or_default();
        if strong.is_empty() {
            let at = hashes.map_or(place, Spanned::span);
            let what = format!("{name} has no hash that pip accepts: sha256, sha384 or sha512");
            let help = "without a hash nobody can tell whether a file is the locked one; `builder lock` notes them";
            return Err(self.error(Some(at), what, "here", help));
        }
        Ok(File {
            name,
            url: url.get_ref().clone(),
            size: raw.size,
            hashes: strong,
        })
    }
}
