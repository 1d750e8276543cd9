//! Which image a registry has under a name, without bringing it.
//!
//! A machine that starts empty has no base image, and the keys of all steps hang on the base
//! image's id. Its registry tells the id in one or two small answers.

use http::Method;
use http::header::ACCEPT;
use serde::Deserialize;

use super::{LARGEST_MANIFEST, Registry};
use crate::cache::RemoteError;
use crate::cache::http::{Http, Request, Sink};
use crate::engine::Platform;
use crate::engine::docker::Environment;

/// What manifests and lists of manifests a registry may answer with.
const KINDS: &str = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.index.v1+json";

/// A manifest, or a list of them by platform.
#[derive(Deserialize)]
struct Answer {
    config: Option<Described>,
    #[serde(default)]
    manifests: Vec<Described>,
}

#[derive(Deserialize)]
struct Described {
    digest: String,
    platform: Option<Of>,
}

#[derive(Deserialize)]
struct Of {
    os: String,
    architecture: String,
}

/// A name of an image, taken apart as docker does.
#[derive(Debug, PartialEq, Eq)]
struct Reference<'a> {
    registry: &'a str,
    repository: String,
    /// A tag or a digest.
    version: &'a str,
}

impl<'a> Reference<'a> {
    fn of(name: &'a str) -> Self {
        let (registry, rest) = match name.split_once('/') {
            Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (host, rest),
            _ => ("docker.io", name),
        };
        let (path, version) = match (rest.split_once('@'), rest.rsplit_once(':')) {
            (Some((path, digest)), _) => (path.split(':').next().unwrap_or(path), digest),
            (None, Some((path, tag))) => (path, tag),
            (None, None) => (rest, "latest"),
        };
        let official = registry == "docker.io" && !path.contains('/');
        Self {
            registry,
            repository: match official {
                true => format!("library/{path}"),
                false => path.to_owned(),
            },
            version,
        }
    }
}

/// Finds the id that an engine gives to the image of a name: the digest of its configuration. `None`
/// where the registry has no such image for the platform.
pub(in crate::cache) async fn image_id(
    http: Http,
    environment: Environment,
    name: &str,
    platform: &Platform,
    plain: impl Fn(&str) -> bool,
) -> Result<Option<String>, RemoteError> {
    let Reference {
        registry,
        repository,
        version,
    } = Reference::of(name);
    let registry = Registry::new(
        http,
        environment,
        registry,
        &repository,
        plain(registry),
        false,
    )
    .map_err(RemoteError::Refused)?;
    let Some(answer) = registry.look_up(version).await? else {
        return Ok(None);
    };
    let fits = |described: &&Described| {
        described
            .platform
            .as_ref()
            .is_some_and(|of| of.os == platform.os && of.architecture == platform.architecture)
    };
    let config = match answer.manifests.iter().find(fits) {
        Some(manifest) => {
            let answer = registry.look_up(&manifest.digest).await?;
            answer.and_then(|answer| answer.config)
        }
        None => answer.config,
    };
    Ok(config.map(|config| config.digest))
}

impl Registry {
    /// Looks up the manifest of a tag or a digest.
    async fn look_up(&self, version: &str) -> Result<Option<Answer>, RemoteError> {
        let request = Request::new(Method::GET, self.url(&format!("manifests/{version}"))?);
        let request = request.following().header(ACCEPT, KINDS);
        let reply = self.ask(request, Sink::Memory(LARGEST_MANIFEST)).await?;
        if reply.status == http::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !reply.status.is_success() {
            return Err(reply.refusal("the look-up of a base image"));
        }
        Ok(serde_json::from_slice(&reply.body).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart_as_docker_does() {
        let check = |name: &str, expected: (&str, &str, &str)| {
            let found = Reference::of(name);
            let found = (found.registry, found.repository.as_str(), found.version);
            assert_eq!(found, expected, "{name}");
        };
        check("debian", ("docker.io", "library/debian", "latest"));
        check("debian:12-slim", ("docker.io", "library/debian", "12-slim"));
        check("team/base:1", ("docker.io", "team/base", "1"));
        check("localhost/base", ("localhost", "base", "latest"));
        check("127.0.0.1:5000/base", ("127.0.0.1:5000", "base", "latest"));
        check("reg.example/a/b:c", ("reg.example", "a/b", "c"));
        check(
            "reg.example/a:c@sha256:00",
            ("reg.example", "a", "sha256:00"),
        );
    }
}
