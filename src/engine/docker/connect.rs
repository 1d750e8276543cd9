//! From the chosen address to a client; nothing is sent yet, except through ssh.

use bollard::errors::Error as ClientError;
use bollard::{API_DEFAULT_VERSION, Docker};

use super::address::Address;
use super::choose::Choice;
use super::tunnel::Tunnel;
use crate::engine::EngineError;

/// The client's timeout in seconds: a week.
///
/// It covers everything up to the first byte of the answer: the upload of a context, and on
/// engines that answer `wait` only at its end the whole run. What must be quick has its own deadline.
const TIMEOUT: u64 = 7 * 24 * 3600;

/// Makes a client for an address, opening the ssh tunnel that it may need.
///
/// Whether a socket's file is there is seen already here; whether somebody answers is not.
pub(super) async fn connect(choice: &Choice) -> Result<(Docker, Option<Tunnel>), EngineError> {
    let mut tunnel = None;
    let client = match &choice.address {
        Address::Unix(path) => unix(&path.display().to_string()),
        Address::Tcp {
            authority,
            tls: None,
        } => Docker::connect_with_http(authority, TIMEOUT, API_DEFAULT_VERSION),
        Address::Tcp {
            authority,
            tls: Some(tls),
        } => {
            // Without a client's certificate the library is given paths that are not there, which
            // it takes for "none".
            let absent = (
                tls.directory().join("cert.pem"),
                tls.directory().join("key.pem"),
            );
            let (cert, key) = tls.client.as_ref().unwrap_or(&absent);
            Docker::connect_with_ssl(authority, key, cert, &tls.ca, TIMEOUT, API_DEFAULT_VERSION)
        }
        Address::Ssh {
            destination,
            port,
            socket,
        } => {
            let opened = Tunnel::open(choice, destination, *port, socket).await?;
            unix(&tunnel.insert(opened).socket.display().to_string())
        }
    };
    match client {
        Ok(client) => Ok((client, tunnel)),
        Err(error @ ClientError::SocketNotFoundError(_)) => Err(choice.no_engine(&error)),
        Err(error) => Err(EngineError::Endpoint {
            what: format!(
                "the engine's address {} cannot be used: {error}",
                choice.text
            ),
            help: super::address::FORMS.to_owned(),
        }),
    }
}

fn unix(path: &str) -> Result<Docker, ClientError> {
    Docker::connect_with_unix(path, TIMEOUT, API_DEFAULT_VERSION)
}
