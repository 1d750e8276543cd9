//! What the caller's environment gives to every run: certificate authorities, proxies, secrets.
#![expect(clippy::disallowed_methods, reason = "the CA bundle is read from disk")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::AppError;
use crate::config::build::Build;
use crate::engine::Secret;
use crate::step::Scope;
use crate::step::wheel::DEFAULT_EPOCH;

/// The caller's environment, as data.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// The variables.
    pub variables: BTreeMap<String, String>,
}

/// The variables that may name a CA bundle, the first that is set wins.
const CA_VARIABLES: [&str; 3] = ["PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"];

/// The proxy variables, each also in lower case.
const PROXIES: [&str; 5] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "FTP_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
];

impl Environment {
    /// Returns a variable that is set and not empty.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Returns the proxy variables that are set.
    pub fn proxies(&self) -> BTreeMap<String, String> {
        let names = PROXIES
            .iter()
            .flat_map(|name| [(*name).to_owned(), name.to_lowercase()]);
        names
            .filter_map(|name| Some((name.clone(), self.variable(&name)?.to_owned())))
            .collect()
    }

    /// Reads the CA bundle of each flavour of each project: the configuration's, else the one that the
    /// environment names.
    pub fn ca_bundles<'a>(
        &self,
        builds: impl Iterator<Item = (&'a Scope, &'a Build)>,
    ) -> Result<BTreeMap<String, Arc<Vec<u8>>>, AppError> {
        let mut bundles = BTreeMap::new();
        let mut read: BTreeMap<&Path, Arc<Vec<u8>>> = BTreeMap::new();
        let of_host = CA_VARIABLES
            .iter()
            .find_map(|name| Some((*name, PathBuf::from(self.variable(name)?))));
        for (scope, build) in builds {
            let (path, named_by) = match (&build.ca_bundle, &of_host) {
                (Some(path), _) => (path, "ca_bundle of the configuration"),
                (None, Some((variable, path))) => (path, *variable),
                (None, None) => continue,
            };
            let bundle = match read.get(path.as_path()) {
                Some(bundle) => Arc::clone(bundle),
                None => Arc::new(read_bundle(path, named_by)?),
            };
            read.insert(path, Arc::clone(&bundle));
            bundles.insert(format!("{}{}", scope.prefix(), build.flavour), bundle);
        }
        Ok(bundles)
    }

    /// Returns `SOURCE_DATE_EPOCH`, or the constant that stands in for it.
    pub fn epoch(&self) -> Result<u64, AppError> {
        let Some(text) = self.variable("SOURCE_DATE_EPOCH") else {
            return Ok(DEFAULT_EPOCH);
        };
        match text.parse::<u64>() {
            Ok(epoch) if epoch >= DEFAULT_EPOCH => Ok(epoch),
            Ok(_) | Err(_) => Err(AppError::Environment {
                what: format!("SOURCE_DATE_EPOCH is `{text}`"),
                help: format!(
                    "it is a number of seconds since 1970, {DEFAULT_EPOCH} or later: a wheel can hold no earlier time"
                ),
            }),
        }
    }

    /// Words which secrets an apply would miss.
    pub fn missing_secrets<'a>(&self, builds: impl Iterator<Item = &'a Build>) -> Vec<String> {
        let names: BTreeSet<_> = builds.flat_map(|build| &build.secrets).collect();
        let missing = names
            .into_iter()
            .filter(|name| self.variable(name.as_str()).is_none());
        missing
            .map(|name| format!("the secret {name} is not set, and an apply needs it"))
            .collect()
    }

    /// Finds the values of the secrets that builds name.
    pub fn secrets<'a>(
        &self,
        builds: impl Iterator<Item = &'a Build>,
    ) -> Result<BTreeMap<String, Secret>, AppError> {
        let mut secrets = BTreeMap::new();
        for name in builds.flat_map(|build| &build.secrets) {
            let Some(value) = self.variable(name.as_str()) else {
                return Err(AppError::Environment {
                    what: format!("the secret {name} is not set"),
                    help: format!(
                        "set the environment variable {name}; the configuration names it under `secrets`"
                    ),
                });
            };
            secrets.insert(name.as_str().to_owned(), Secret(value.to_owned()));
        }
        Ok(secrets)
    }
}

fn read_bundle(path: &Path, named_by: &str) -> Result<Vec<u8>, AppError> {
    fs::read(path).map_err(|cause| AppError::Unreadable {
        path: path.to_owned(),
        cause,
        help: format!("it is the CA bundle that {named_by} names"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Environment {
            variables: variables.collect(),
        }
    }

    #[test]
    fn proxies_pass_in_both_cases_and_empty_ones_do_not() {
        let environment = environment(&[
            ("http_proxy", "http://a"),
            ("HTTPS_PROXY", "http://b"),
            ("NO_PROXY", ""),
            ("HOME", "/h"),
        ]);
        let proxies = environment.proxies();
        let found: Vec<_> = proxies
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            found,
            [("HTTPS_PROXY", "http://b"), ("http_proxy", "http://a")]
        );
    }

    #[test]
    fn an_epoch_that_a_wheel_cannot_hold_is_refused() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(
                environment(&[("SOURCE_DATE_EPOCH", text)]).epoch().ok(),
                expected,
                "{text:?}"
            );
        };
        check("", Some(DEFAULT_EPOCH));
        check("1700000000", Some(1_700_000_000));
        check("315532800", Some(315_532_800));
        check("315532799", None);
        check("-1", None);
        check("yesterday", None);
    }
}
