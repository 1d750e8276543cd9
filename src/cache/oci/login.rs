//! Who a registry is told that asks: docker's credentials, sent as the registry challenges for them.
//!
//! Nothing is sent before a registry asks for it, and nothing but a token leaves for another host
//! than the registry and the token server that it names over TLS.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde::Deserialize;
use tokio::sync::RwLock;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::cache::RemoteError;
use crate::cache::http::{Http, Payload, Request, Sink};
use crate::engine::LogSink;
use crate::engine::docker::{self, Environment, Login};

/// The most bytes of a token server's answer.
const ANSWER: u64 = 1 << 20;

/// How a registry is told who asks.
pub(super) struct Gate {
    environment: Environment,
    /// The registry, as an image's name has it before the first `/`.
    registry: String,
    /// What a token shall allow: `repository:team/cache:pull,push`.
    scope: String,
    /// What the registry accepted last, and how many there were before.
    header: RwLock<(u64, Option<String>)>,
}

/// What a registry wants, as `WWW-Authenticate` says it (RFC 9110, 11.6.1).
#[derive(Debug, PartialEq, Eq)]
enum Challenge {
    Basic,
    Bearer {
        realm: String,
        service: Option<String>,
    },
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
}

impl Gate {
    /// Prepares for a repository of a registry.
    pub(super) fn new(
        environment: Environment,
        registry: &str,
        repository: &str,
        writes: bool,
    ) -> Self {
        let actions = if writes { "pull,push" } else { "pull" };
        Self {
            environment,
            registry: registry.to_owned(),
            scope: format!("repository:{repository}:{actions}"),
            header: RwLock::new((0, None)),
        }
    }

    /// Returns the header that the registry accepted last, with the number that it has.
    pub(super) async fn header(&self) -> (u64, Option<String>) {
        self.header.read().await.clone()
    }

    /// Answers a challenge to a request that carried the header of this number.
    ///
    /// Of several requests that are challenged side by side, one fetches the token.
    pub(super) async fn answer(
        &self,
        http: &Http,
        challenges: &[&str],
        secure: bool,
        number: u64,
    ) -> Result<(), RemoteError> {
        let mut header = self.header.write().await;
        if header.0 != number {
            return Ok(());
        }
        let told = Arc::new(Mutex::new(Vec::new()));
        let login = self.login(&told).await;
        let told = || match told.lock() {
            Ok(told) if !told.is_empty() => format!(" ({})", told.join("; ")),
            Ok(_) | Err(_) => String::new(),
        };
        let challenge = { challenges.iter() }.find_map(|challenge| Challenge::read(challenge));
        let value = match (challenge, login) {
            (Some(Challenge::Basic), Some(Login::Password { user, password })) => {
                basic(&user, &password)
            }
            (Some(Challenge::Bearer { realm, service }), login) => {
                let service = service.as_deref();
                let token = self.token(http, &realm, service, login, secure).await;
                format!("Bearer {}", token.map_err(|error| with(error, &told()))?)
            }
            (Some(Challenge::Basic) | None, _) => {
                let registry = &self.registry;
                let cause = format!(
                    "it wants credentials, and there are none{}: docker login {registry}",
                    told()
                );
                return Err(RemoteError::Refused(cause));
            }
        };
        *header = (number + 1, Some(value));
        Ok(())
    }

    async fn login(&self, told: &Arc<Mutex<Vec<String>>>) -> Option<Login> {
        let told = Arc::clone(told);
        let log: LogSink = Arc::new(move |line: &str| {
            if let Ok(mut told) = told.lock() {
                told.push(line.to_owned());
            }
        });
        let reference = format!("{}/cache", self.registry);
        docker::login(&self.environment, &reference, &log).await
    }

    /// Fetches a token: by the password in a header, or by an identity token in a form.
    async fn token(
        &self,
        http: &Http,
        realm: &str,
        service: Option<&str>,
        login: Option<Login>,
        secure: bool,
    ) -> Result<String, RemoteError> {
        let broken = |cause: &str| RemoteError::Refused(format!("its token server {cause}"));
        let mut url = Url::parse(realm).map_err(|_| broken("has no address"))?;
        if secure && url.scheme() != "https" {
            return Err(broken("is not reached over TLS"));
        }
        let request = match login {
            Some(Login::Identity(token)) => {
                let mut form = Serializer::new(String::new());
                form.append_pair("grant_type", "refresh_token")
                    .append_pair("client_id", "builder")
                    .append_pair("service", service.unwrap_or_default())
                    .append_pair("scope", &self.scope)
                    .append_pair("refresh_token", &token);
                Request::new(Method::POST, url)
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .with(Payload::Memory(form.finish().into()))
            }
            login => {
                if let Some(service) = service {
                    url.query_pairs_mut().append_pair("service", service);
                }
                url.query_pairs_mut().append_pair("scope", &self.scope);
                let request = Request::new(Method::GET, url);
                match login {
                    Some(Login::Password { user, password }) => {
                        request.header(AUTHORIZATION, &basic(&user, &password))
                    }
                    Some(Login::Identity(_)) | None => request,
                }
            }
        };
        let reply = http.exchange(&request, &Sink::Memory(ANSWER)).await?;
        if !reply.status.is_success() {
            return Err(match reply.refusal("the login") {
                RemoteError::Gone(_) => broken("has no such address"),
                other => other,
            });
        }
        let token: Token =
            serde_json::from_slice(&reply.body).map_err(|_| broken("sends no token"))?;
        match (token.token, token.access_token) {
            (token, access) if token.is_empty() && access.is_empty() => {
                Err(broken("sends an empty token"))
            }
            (token, access) if token.is_empty() => Ok(access),
            (token, _) => Ok(token),
        }
    }
}

impl Challenge {
    fn read(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let parameter = |name: &str| {
            let mut rest = rest;
            // Values are quoted, and commas may be in them.
            while let Some((key, after)) = rest.split_once('=') {
                let (value, next) = match after.strip_prefix('"') {
                    Some(quoted) => quoted.split_once('"')?,
                    None => after.split_once(',').unwrap_or((after, "")),
                };
                if key.trim_matches([' ', ',']).eq_ignore_ascii_case(name) {
                    return Some(value.to_owned());
                }
                rest = next;
            }
            None
        };
        Some(Self::Bearer {
            realm: parameter("realm")?,
            service: parameter("service"),
        })
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn with(error: RemoteError, told: &str) -> RemoteError {
    match error {
        RemoteError::Refused(cause) => RemoteError::Refused(format!("{cause}{told}")),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_read_with_its_quotes() {
        let check = |text: &str, expected: Option<Challenge>| {
            assert_eq!(Challenge::read(text), expected, "{text}");
        };
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer {
                realm: realm.to_owned(),
                service: service.map(str::to_owned),
            })
        };
        check(r#"Basic realm="Registry""#, Some(Challenge::Basic));
        check("basic", Some(Challenge::Basic));
        check(
            r#"Bearer realm="https://a/token",service="reg",scope="repository:x:pull,push""#,
            bearer("https://a/token", Some("reg")),
        );
        check(
            r#"bearer scope="a,realm=b", realm="https://a/t?x=1" "#,
            bearer("https://a/t?x=1", None),
        );
        check("Bearer realm=https://a, x=y", bearer("https://a", None));
        check("Bearer", None);
        check(r#"Bearer realm="never closed"#, None);
        check("Negotiate abc", None);
    }
}
