//! Which shared cache there is, by `config.yml` and the environment, and how it is reached.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::http::Http;
pub use super::http::Patience;
use super::oci::Registry;
use super::s3::{Place, Store};
use super::{Remote, RemoteError};
use crate::config::build::Cache;
use crate::config::names::{CacheMode, CacheUrl, cache_mode, cache_url};
use crate::engine::Platform;
use crate::engine::docker::Environment;

/// The variable that names the shared cache, in place of `config.yml`.
pub const URL: &str = "BUILDER_CACHE";

/// The variable that makes it read-only.
pub const MODE: &str = "BUILDER_CACHE_MODE";

/// The value of [`URL`] for no shared cache.
const NONE: &str = "none";

/// The variables that may name a file of certificate authorities beside the system's.
const AUTHORITIES: [&str; 4] = [
    "SSL_CERT_FILE",
    "AWS_CA_BUNDLE",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
];

/// A variable of the environment, or what it comes to, that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct BadLocation {
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub help: String,
}

/// Finds the setting that holds: the environment's, or else that of `config.yml`.
///
/// Either may make the cache read-only, and neither lifts that again: who may change the
/// environment of a job is not always who may write to the cache. A URL of the environment keeps
/// the other settings of the file where they are about the same registry, or an object store too.
pub fn choose(
    file: Option<&Cache>,
    variables: &BTreeMap<String, String>,
) -> Result<Option<Cache>, BadLocation> {
    let set = |name: &str| {
        let value = variables.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    };
    let mut chosen = match set(URL) {
        Some(NONE) => return Ok(None),
        Some(text) => {
            let url = cache_url(text).map_err(|problem| BadLocation {
                // A text with credentials in it is shown to nobody.
                what: format!("{URL} is not the URL of a shared cache: {problem}"),
                help: format!(
                    "write oci://registry.example.com/team/builder-cache or s3://bucket/prefix, or {NONE} for no shared cache"
                ),
            })?;
            Some(replaced(file, url))
        }
        None => file.cloned(),
    };
    let mode = set(MODE).map(|text| {
        cache_mode(text).map_err(|problem| BadLocation {
            what: format!("{MODE} is `{text}`, {problem}"),
            help: format!("unset it, or set {MODE}=read-only"),
        })
    });
    let mode = mode.transpose()?;
    if let (Some(cache), Some(CacheMode::ReadOnly)) = (&mut chosen, mode) {
        cache.mode = CacheMode::ReadOnly;
    }
    Ok(chosen)
}

/// Puts another URL into a setting.
fn replaced(file: Option<&Cache>, url: CacheUrl) -> Cache {
    let Some(file) = file else {
        return Cache::at(url);
    };
    let same = match (&file.url, &url) {
        (CacheUrl::Oci { registry, .. }, CacheUrl::Oci { registry: new, .. }) => registry == new,
        (CacheUrl::S3 { .. }, CacheUrl::S3 { .. }) => true,
        (CacheUrl::Oci { .. }, CacheUrl::S3 { .. })
        | (CacheUrl::S3 { .. }, CacheUrl::Oci { .. }) => false,
    };
    let mode = file.mode;
    match same {
        true => Cache {
            url,
            ..file.clone()
        },
        false => Cache {
            mode,
            ..Cache::at(url)
        },
    }
}

/// Prepares the client of a shared cache; nothing is asked yet.
pub fn connect(
    cache: &Cache,
    environment: &Environment,
    patience: Patience,
) -> Result<Arc<dyn Remote>, BadLocation> {
    let variables = &environment.vars;
    let http = Http::new(patience, authorities(environment));
    let writes = cache.mode == CacheMode::ReadWrite;
    let remote: Result<Arc<dyn Remote>, String> = match &cache.url {
        CacheUrl::Oci {
            registry,
            repository,
        } => {
            let plain = cache.insecure.unwrap_or_else(|| is_local(registry));
            Registry::new(
                http,
                environment.clone(),
                registry,
                repository,
                plain,
                writes,
            )
            .map(|registry| Arc::new(registry) as _)
        }
        CacheUrl::S3 { bucket, prefix } => {
            let place = Place {
                bucket,
                prefix,
                region: cache.region.as_deref(),
                endpoint: cache.endpoint.as_deref(),
            };
            Store::new(http, variables, &place, writes).map(|store| Arc::new(store) as _)
        }
    };
    remote.map_err(|what| BadLocation {
        what: format!("the shared cache has no address: {what}"),
        help: "check `cache` of config.yml, BUILDER_CACHE and AWS_ENDPOINT_URL".to_owned(),
    })
}

/// Asks the registry of an image's name which id an engine would give to it, without bringing it.
/// `None` where there is no such image for the platform.
pub async fn image_id(
    name: &str,
    platform: &Platform,
    environment: &Environment,
    patience: Patience,
) -> Result<Option<String>, RemoteError> {
    let http = Http::new(patience, authorities(environment));
    super::oci::image_id(http, environment.clone(), name, platform, is_local).await
}

fn authorities(environment: &Environment) -> Vec<PathBuf> {
    let files = AUTHORITIES
        .iter()
        .filter_map(|name| environment.vars.get(*name));
    let files = files.filter(|file| !file.is_empty()).map(PathBuf::from);
    files.collect()
}

/// Tells whether a registry is on this machine, where docker too does without TLS.
fn is_local(registry: &str) -> bool {
    let host = registry.split(':').next().unwrap_or_default();
    let address = host.parse::<std::net::Ipv4Addr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let pairs = pairs.iter();
        { pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())) }.collect()
    }

    fn cache(url: &str) -> Cache {
        Cache::at(cache_url(url).unwrap())
    }

    #[test]
    fn the_environment_names_another_cache_and_lifts_no_protection() {
        let file = Cache {
            insecure: Some(true),
            ..cache("oci://reg.example/a")
        };
        let guarded = Cache {
            mode: CacheMode::ReadOnly,
            ..file.clone()
        };
        let check = |file: &Cache, pairs: &[(&str, &str)], expected: Option<Cache>| {
            assert_eq!(
                choose(Some(file), &variables(pairs)),
                Ok(expected),
                "{pairs:?}"
            );
        };
        check(&file, &[], Some(file.clone()));
        check(&file, &[(URL, ""), (MODE, "")], Some(file.clone()));
        check(&file, &[(URL, "none")], None);
        check(&file, &[(MODE, "read-only")], Some(guarded.clone()));
        check(&guarded, &[(MODE, "read-write")], Some(guarded.clone()));
        let other = Cache {
            mode: CacheMode::ReadOnly,
            ..cache("s3://bucket")
        };
        check(&guarded, &[(URL, "s3://bucket")], Some(other));
        let same_registry = Cache {
            insecure: Some(true),
            ..cache("oci://reg.example/b")
        };
        check(&file, &[(URL, "oci://reg.example/b")], Some(same_registry));
        let other_registry = cache("oci://other.example/a");
        check(
            &file,
            &[(URL, "oci://other.example/a")],
            Some(other_registry),
        );
        let alone = choose(None, &variables(&[(URL, "s3://bucket/a")]));
        assert_eq!(alone, Ok(Some(cache("s3://bucket/a"))));
        assert_eq!(choose(None, &variables(&[(MODE, "read-only")])), Ok(None));
    }

    #[test]
    fn a_wrong_variable_is_an_error_that_shows_no_password() {
        let wrong = |pairs| choose(None, &variables(pairs)).unwrap_err();
        let error = wrong(&[(URL, "oci://me:secret@reg.example/a")]);
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        let error = wrong(&[(MODE, "readonly")]);
        assert_eq!(
            error.to_string(),
            "BUILDER_CACHE_MODE is `readonly`, neither `read-write` nor `read-only`"
        );
    }

    #[test]
    fn only_a_registry_of_this_machine_does_without_tls_by_itself() {
        for (registry, local) in [
            ("localhost:5000", true),
            ("127.0.0.1:5000", true),
            ("127.1.2.3", true),
            ("reg.example", false),
            ("localhost.example:5000", false),
            ("10.0.0.1:5000", false),
        ] {
            assert_eq!(is_local(registry), local, "{registry}");
        }
    }
}
