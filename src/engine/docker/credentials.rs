//! Registry credentials as `docker login` keeps them: in `config.json`, or with a helper program.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE};
use bollard::Docker;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use super::choose::Environment;
use super::config_file::{self, Auth, ConfigFile};
use crate::engine::LogSink;

/// Docker Hub, as `docker login` writes it.
const HUB: &str = "https://index.docker.io/v1/";

/// How long a helper may take.
const HELPER: Duration = Duration::from_secs(30);

/// What the engine is given for a registry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
struct Credentials {
    #[serde(skip_serializing_if = "String::is_empty")]
    username: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    password: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    identitytoken: String,
    serveraddress: String,
}

/// Who asks a registry that `builder` itself speaks to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    /// A user and a password.
    Password {
        /// The user.
        user: String,
        /// The password, or a token that stands for one.
        password: String,
    },
    /// A token that is exchanged for others.
    Identity(String),
}

/// Finds who asks a registry, as a pull of the engine would; a problem is told to `log`.
pub(crate) async fn login(
    environment: &Environment,
    reference: &str,
    log: &LogSink,
) -> Option<Login> {
    let config = read(environment, log);
    let found = find(&config, registry(reference), environment, log).await?;
    Some(match found.identitytoken.is_empty() {
        true => Login::Password {
            user: found.username,
            password: found.password,
        },
        false => Login::Identity(found.identitytoken),
    })
}

/// Returns a client that sends the credentials for a reference's registry, when there are any.
pub(super) async fn with_credentials(
    client: &Docker,
    environment: &Environment,
    reference: &str,
    log: &LogSink,
) -> Docker {
    let config = read(environment, log);
    match find(&config, registry(reference), environment, log).await {
        Some(credentials) => with_header(client, "x-registry-auth", &credentials),
        None => client.clone(),
    }
}

/// Returns a client that sends the credentials in `config.json` itself for every registry: a
/// dockerfile may name any.
///
/// Helpers are not asked: each takes a second or more, an image build would ask all of them, and
/// its base image is here already. Another stage's private image has to be pulled before.
pub(super) fn with_all_credentials(
    client: &Docker,
    environment: &Environment,
    log: &LogSink,
) -> Docker {
    let config = read(environment, log);
    let all: BTreeMap<_, _> = config
        .auths
        .iter()
        .filter_map(|(key, auth)| Some((key, decode(key, auth)?)))
        .collect();
    if all.is_empty() {
        client.clone()
    } else {
        with_header(client, "x-registry-config", &all)
    }
}

/// Adds a header to every request of a client.
///
/// The client library can send credentials itself, in the wrong base64: the engine reads the
/// URL-safe alphabet, and a password with `>` or `?` in the wrong place would be refused.
fn with_header(client: &Docker, name: &'static str, value: &impl Serialize) -> Docker {
    let Ok(json) = serde_json::to_vec(value) else {
        return client.clone();
    };
    let value = URL_SAFE.encode(json);
    client.clone().with_request_modifier(move |mut request| {
        if let Ok(value) = value.parse() {
            request.headers_mut().insert(name, value);
        }
        request
    })
}

/// Reads the configuration; what is wrong with it is told, and the pull goes on without.
fn read(environment: &Environment, log: &LogSink) -> ConfigFile {
    let Some(directory) = environment.config_directory() else {
        return ConfigFile::default();
    };
    config_file::read(&directory).unwrap_or_else(|error| {
        log(&format!("{error}; going on without credentials"));
        ConfigFile::default()
    })
}

/// Names the registry of a reference, in the form in which `docker login` keeps it.
fn registry(reference: &str) -> &str {
    match reference.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => match host {
            "docker.io" | "index.docker.io" => HUB,
            host => host,
        },
        _ => HUB,
    }
}

/// Strips a key of `auths` to its host, so that `https://host/v2/` and `host` are one.
fn host(key: &str) -> &str {
    let key = key
        .trim_start_matches("https://")
        .trim_start_matches("http://");
    key.split('/').next().unwrap_or(key)
}

async fn find(
    config: &ConfigFile,
    registry: &str,
    environment: &Environment,
    log: &LogSink,
) -> Option<Credentials> {
    let helper = config
        .cred_helpers
        .iter()
        .find(|(key, _)| host(key) == host(registry))
        .map(|(_, helper)| helper)
        .or(config.creds_store.as_ref());
    if let Some(helper) = helper {
        match ask(helper, registry, environment).await {
            Ok(Some(credentials)) => return Some(credentials),
            Ok(None) => {}
            Err(problem) => log(&format!(
                "docker-credential-{helper}: {problem}; going on without it"
            )),
        }
    }
    let (key, auth) = config
        .auths
        .iter()
        .find(|(key, _)| host(key) == host(registry))?;
    decode(key, auth)
}

/// Decodes what `docker login` left; a helper's registry has an empty entry.
fn decode(key: &str, auth: &Auth) -> Option<Credentials> {
    let mut credentials = Credentials {
        serveraddress: key.to_owned(),
        identitytoken: auth.identitytoken.clone(),
        ..Credentials::default()
    };
    if !auth.auth.is_empty() {
        let lenient =
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let decoder = GeneralPurpose::new(&alphabet::STANDARD, lenient);
        let text = String::from_utf8(decoder.decode(auth.auth.trim()).ok()?).ok()?;
        let (username, password) = text.split_once(':')?;
        credentials.username = username.to_owned();
        credentials.password = password.trim_end_matches('\0').to_owned();
    }
    let nothing = credentials.username.is_empty() && credentials.identitytoken.is_empty();
    (!nothing).then_some(credentials)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Asks a helper by docker's protocol: `get`, the registry on standard input, JSON back.
async fn ask(
    helper: &str,
    registry: &str,
    environment: &Environment,
) -> Result<Option<Credentials>, String> {
    if helper.is_empty() || helper.contains('/') {
        return Err("this is no program's name".to_owned());
    }
    let mut program = Command::new(format!("docker-credential-{helper}"));
    program
        .arg("get")
        .env_clear()
        .envs(&environment.vars)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let mut child = program.spawn().map_err(|error| error.to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that reads nothing has an answer all the same.
        let _ = stdin.write_all(registry.as_bytes()).await;
    }
    let output = timeout(HELPER, child.wait_with_output())
        .await
        .map_err(|_| "it gives no answer".to_owned())?
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        // "credentials not found": the registry is used without.
        return Ok(None);
    }
    let answer: Answer =
        serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    let mut credentials = Credentials {
        serveraddress: registry.to_owned(),
        ..Credentials::default()
    };
    if answer.username == "<token>" {
        credentials.identitytoken = answer.secret;
    } else {
        credentials.username = answer.username;
        credentials.password = answer.secret;
    }
    Ok(Some(credentials))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn config(json: &str) -> ConfigFile {
        serde_json::from_str(json).unwrap()
    }

    async fn user(config: &ConfigFile, reference: &str) -> Option<String> {
        let log: LogSink = Arc::new(|_| {});
        let found = find(config, registry(reference), &Environment::default(), &log).await?;
        Some(format!(
            "{}:{}{}",
            found.username, found.password, found.identitytoken
        ))
    }

    #[tokio::test]
    async fn a_reference_finds_the_credentials_of_its_registry() {
        let config = config(
            r#"{"auths": {
                "https://index.docker.io/v1/": {"auth": "aHViOnB3"},
                "https://reg.example:5000/v2/": {"auth": "bWU6YTpi"},
                "token.example": {"identitytoken": "t0ken"},
                "helped.example": {}
            }, "unknownField": 1}"#,
        );
        let check = async |reference: &str, expected: Option<&str>| {
            assert_eq!(
                user(&config, reference).await.as_deref(),
                expected,
                "{reference}"
            );
        };
        check("debian:12", Some("hub:pw")).await;
        check("docker.io/library/debian", Some("hub:pw")).await;
        check("someone/debian", Some("hub:pw")).await;
        check("reg.example:5000/base:1", Some("me:a:b")).await;
        check("token.example/base", Some(":t0ken")).await;
        check("helped.example/base", None).await;
        check("localhost/base", None).await;
    }
}
