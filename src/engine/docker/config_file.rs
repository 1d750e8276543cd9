//! The docker command's own configuration: `config.json` and the contexts stored beside it.

#![expect(
    clippy::disallowed_methods,
    reason = "reads what the docker command keeps in the user's home"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::engine::EngineError;

/// The part of `config.json` that concerns `builder`; docker keeps more in it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ConfigFile {
    /// The context that `docker context use` chose.
    pub current_context: Option<String>,
    /// Credentials by registry.
    pub auths: BTreeMap<String, Auth>,
    /// The program that keeps the credentials of every registry: `docker-credential-NAME`.
    pub creds_store: Option<String>,
    /// The programs that keep the credentials of single registries.
    pub cred_helpers: BTreeMap<String, String>,
}

/// What `docker login` left for a registry; all empty where a helper keeps it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Auth {
    /// `user:password` in base64.
    pub auth: String,
    /// A token that stands for user and password.
    pub identitytoken: String,
}

/// What a context says of its engine.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StoredContext {
    /// The engine's address, as in `DOCKER_HOST`.
    pub host: String,
    /// Whether the engine's certificate shall not be checked.
    pub skip_tls_verify: bool,
    /// The directory of its certificates, when it has one.
    pub tls: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    name: String,
    #[serde(default)]
    endpoints: BTreeMap<String, MetaEndpoint>,
}

#[derive(Deserialize)]
struct MetaEndpoint {
    #[serde(default, rename = "Host")]
    host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

/// Reads `config.json` of docker's configuration directory; where there is none, it is empty.
pub(super) fn read(directory: &Path) -> Result<ConfigFile, EngineError> {
    json(&directory.join("config.json")).map(Option::unwrap_or_default)
}

/// Finds a context by its name.
///
/// Docker stores each under the SHA-256 of its name; the name is in the file as well, and reading
/// them all is what the list of known contexts in the error needs anyway.
pub(super) fn context(directory: &Path, name: &str) -> Result<StoredContext, EngineError> {
    let contexts = directory.join("contexts");
    let mut known = vec!["default".to_owned()];
    for folder in folders(&contexts.join("meta"))? {
        let Some(meta) = json::<Meta>(&folder.join("meta.json"))? else {
            continue;
        };
        if meta.name != name {
            known.push(meta.name);
            continue;
        }
        let Some(endpoint) = meta.endpoints.get("docker") else {
            return Err(EngineError::Endpoint {
                what: format!("the docker context `{name}` has no docker endpoint"),
                help: "choose another with `docker context use` or --docker-host".to_owned(),
            });
        };
        let tls = folder
            .file_name()
            .map(|hash| contexts.join("tls").join(hash).join("docker"))
            .filter(|folder| folder.is_dir());
        return Ok(StoredContext {
            host: endpoint.host.clone(),
            skip_tls_verify: endpoint.skip_tls_verify,
            tls,
        });
    }
    known.sort();
    Err(EngineError::Endpoint {
        what: format!("there is no docker context `{name}`"),
        help: format!("known contexts: {}", known.join(", ")),
    })
}

/// Lists the folders in a directory by name; where there is no directory, there are none.
fn folders(directory: &Path) -> Result<Vec<PathBuf>, EngineError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(directory, &error)),
    };
    let mut folders = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unreadable(directory, &error))?;
    folders.sort();
    Ok(folders)
}

/// Reads a JSON file; `None` when it is not there.
fn json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, EngineError> {
    match fs::read(path) {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(unreadable(path, &error)),
        },
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn unreadable(path: &Path, error: &dyn std::error::Error) -> EngineError {
    EngineError::Endpoint {
        what: format!("docker's {} cannot be read: {error}", path.display()),
        help: "mend or remove it, or name the engine with --docker-host".to_owned(),
    }
}
