//! Which engine: the command line, then the environment, then docker's contexts, then the default socket.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::address::{self, Address, SOCKET, Written};
use super::config_file;
use super::tls::Tls;
use crate::engine::EngineError;

/// The part of the process's surroundings that decides about the engine, as data.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// The environment variables; an empty one counts as unset, as for docker.
    pub vars: BTreeMap<String, String>,
    /// The user's home directory.
    pub home: Option<PathBuf>,
}

impl Environment {
    /// Looks a variable up.
    pub(super) fn var(&self, name: &str) -> Option<&str> {
        let value = self.vars.get(name)?;
        (!value.is_empty()).then_some(value.as_str())
    }

    /// Names docker's configuration directory.
    pub(super) fn config_directory(&self) -> Option<PathBuf> {
        match self.var("DOCKER_CONFIG") {
            Some(directory) => Some(directory.into()),
            None => Some(self.home.as_ref()?.join(".docker")),
        }
    }
}

/// Who named the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The argument `--docker-host`.
    Argument,
    /// The variable `DOCKER_HOST`.
    DockerHost,
    /// The docker context of this name.
    Context(String),
    /// Nobody: it is the default.
    Default,
}

/// The engine that was chosen.
#[derive(Clone, Debug)]
pub struct Choice {
    /// How it is reached.
    pub address: Address,
    /// Who named it.
    pub origin: Origin,
    /// The address as the user wrote it, for messages.
    pub text: String,
    /// What the choice was made from: ssh and the registries' credential helpers get it too.
    pub environment: Environment,
}

/// Chooses the engine, reading docker's configuration files and no network.
///
/// The order is the docker command's: `--docker-host`, `DOCKER_HOST`, `DOCKER_CONTEXT`, the
/// context of `docker context use`, and last `unix:///var/run/docker.sock`.
pub fn choose(argument: Option<&str>, environment: &Environment) -> Result<Choice, EngineError> {
    if let Some(text) = argument.filter(|text| !text.is_empty()) {
        return named(text, Origin::Argument, environment);
    }
    if let Some(text) = environment.var("DOCKER_HOST") {
        return named(text, Origin::DockerHost, environment);
    }
    let directory = environment.config_directory();
    let context = match (environment.var("DOCKER_CONTEXT"), &directory) {
        (Some(name), _) => Some(name.to_owned()),
        (None, Some(directory)) => config_file::read(directory)?.current_context,
        (None, None) => None,
    };
    match context {
        Some(name) if !matches!(name.as_str(), "" | "default") => {
            let directory = directory.unwrap_or_default();
            by_context(&directory, name, environment)
        }
        _ => Ok(Choice {
            address: Address::Unix(SOCKET.into()),
            origin: Origin::Default,
            text: format!("unix://{SOCKET}"),
            environment: environment.clone(),
        }),
    }
}

/// Takes an address that the user gave; TLS comes from its scheme or from `DOCKER_TLS_VERIFY`.
fn named(text: &str, origin: Origin, environment: &Environment) -> Result<Choice, EngineError> {
    let from = match origin {
        Origin::Argument => "--docker-host",
        _ => "DOCKER_HOST",
    };
    let written = read(text, from)?;
    let verify = environment.var("DOCKER_TLS_VERIFY").is_some();
    let tls = match &written {
        Written::Tcp { https, .. } if *https || verify => {
            let directory = match environment.var("DOCKER_CERT_PATH") {
                Some(directory) => Some(PathBuf::from(directory)),
                None => environment.config_directory(),
            };
            Some(certificates(&directory.unwrap_or_default(), text)?)
        }
        Written::Tcp { .. } if environment.var("DOCKER_TLS").is_some() => {
            return Err(unverified("DOCKER_TLS", "set DOCKER_TLS_VERIFY=1 as well"));
        }
        _ => None,
    };
    Ok(Choice {
        address: complete(written, tls),
        origin,
        text: text.to_owned(),
        environment: environment.clone(),
    })
}

/// Takes the address of a context; TLS comes from the certificates stored with it.
fn by_context(
    directory: &Path,
    name: String,
    environment: &Environment,
) -> Result<Choice, EngineError> {
    let stored = config_file::context(directory, &name)?;
    let written = read(&stored.host, &format!("the docker context `{name}`"))?;
    let tls = match &written {
        Written::Tcp { .. } if stored.skip_tls_verify => {
            let from = format!("the docker context `{name}`");
            return Err(unverified(&from, "store the engine's CA in the context"));
        }
        Written::Tcp { https, .. } => match &stored.tls {
            Some(folder) => Some(certificates(folder, &stored.host)?),
            None if *https => {
                return Err(EngineError::Endpoint {
                    what: format!(
                        "the docker context `{name}` names {} and stores no certificates",
                        stored.host
                    ),
                    help: "store them with `docker context update --docker ca=…,cert=…,key=…`"
                        .to_owned(),
                });
            }
            None => None,
        },
        Written::Unix(_) | Written::Ssh { .. } => None,
    };
    Ok(Choice {
        address: complete(written, tls),
        origin: Origin::Context(name),
        text: stored.host,
        environment: environment.clone(),
    })
}

fn read(text: &str, from: &str) -> Result<Written, EngineError> {
    address::parse(text).map_err(|wrong| EngineError::Endpoint {
        what: format!("the engine's address `{text}`, from {from}, {wrong}"),
        help: address::FORMS.to_owned(),
    })
}

fn certificates(directory: &Path, text: &str) -> Result<Tls, EngineError> {
    Tls::from_directory(directory).map_err(|what| EngineError::Endpoint {
        what: format!("the engine at {text} is reached by TLS, and {what}"),
        help: "DOCKER_CERT_PATH names the directory of ca.pem, cert.pem and key.pem".to_owned(),
    })
}

/// Refuses TLS without a check of the engine's certificate: whoever answers would get the source
/// and the secrets of a build.
fn unverified(from: &str, instead: &str) -> EngineError {
    EngineError::Endpoint {
        what: format!("{from} asks for TLS without a check of the engine's certificate"),
        help: instead.to_owned(),
    }
}

/// Adds the port that docker's convention gives where none is written.
fn complete(written: Written, tls: Option<Tls>) -> Address {
    match written {
        Written::Unix(path) => Address::Unix(path),
        Written::Tcp { host, port, .. } => {
            let port = port.unwrap_or(if tls.is_some() { 2376 } else { 2375 });
            Address::Tcp {
                authority: format!("{host}:{port}"),
                tls,
            }
        }
        Written::Ssh {
            destination,
            port,
            socket,
        } => Address::Ssh {
            destination,
            port,
            socket,
        },
    }
}

#[cfg(test)]
mod tests;
