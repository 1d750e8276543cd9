//! What the client library reports, told apart by what the user can do about it.

use std::error::Error;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bollard::errors::Error as ClientError;

use super::address::Address;
use super::choose::{Choice, Origin};
use crate::engine::EngineError;

/// The advice for an engine that is not running.
const START: &str = "start the engine, for example with `systemctl start docker`, or name another with --docker-host";

impl Choice {
    /// Turns a failed call into the error that the user sees.
    pub(super) fn failed(&self, verb: impl Into<String>, error: &ClientError) -> EngineError {
        if is_transport(error) {
            self.unreachable(error)
        } else {
            EngineError::Refused {
                verb: verb.into(),
                cause: words(error),
            }
        }
    }

    /// Turns a failed greeting into an error: there, an odd answer means that no engine is there.
    pub(super) fn no_engine(&self, error: &ClientError) -> EngineError {
        if is_transport(error) {
            return self.unreachable(error);
        }
        let said = words(error);
        let help = if said.contains("HTTPS") {
            "the port speaks TLS: set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH".to_owned()
        } else {
            format!("something else listens there; {}", self.named_by())
        };
        EngineError::Unreachable {
            endpoint: self.text.clone(),
            cause: format!("it does not answer as a container engine does ({said})"),
            help,
        }
    }

    /// Says that nothing answered within the time given.
    pub(super) fn silent(&self, seconds: u64) -> EngineError {
        EngineError::Unreachable {
            endpoint: self.text.clone(),
            cause: format!("it accepts connections and gives no answer within {seconds} seconds"),
            help: format!("restart the engine if it hangs; {}", self.named_by()),
        }
    }

    fn unreachable(&self, error: &ClientError) -> EngineError {
        let cause = words(error);
        let help = match (&self.address, io_kind(error)) {
            (Address::Unix(path), Some(io::ErrorKind::PermissionDenied)) => permission(path),
            (
                Address::Unix(path),
                Some(io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused),
            ) => match self.other_sockets(path).first() {
                Some(other) => format!(
                    "{START}; a socket was found at --docker-host unix://{}",
                    other.display()
                ),
                None => START.to_owned(),
            },
            (Address::Tcp { tls: Some(tls), .. }, kind)
                if !is_network(kind) && !cause.contains("lookup") =>
            {
                format!(
                    "the TLS handshake failed: see that ca.pem in {} signed the engine's certificate, \
                 and that the engine trusts cert.pem",
                    tls.directory().display()
                )
            }
            (Address::Tcp { .. }, _) => {
                format!("see that the engine listens there; {}", self.named_by())
            }
            (Address::Ssh { destination, .. }, _) => {
                format!("see that `ssh {destination} docker version` works")
            }
            (Address::Unix(_), _) => START.to_owned(),
        };
        EngineError::Unreachable {
            endpoint: self.text.clone(),
            cause,
            help,
        }
    }

    /// Says where the address comes from, so that it can be changed there.
    fn named_by(&self) -> String {
        match &self.origin {
            Origin::Argument => "the address comes from --docker-host".to_owned(),
            Origin::DockerHost => "the address comes from DOCKER_HOST".to_owned(),
            Origin::Context(name) => format!("the address comes from the docker context `{name}`"),
            Origin::Default => "name another engine with --docker-host".to_owned(),
        }
    }

    /// Lists the sockets of rootless engines and of Podman that exist here.
    ///
    /// They are offered and never taken: an image built in one engine is unknown to the other, and
    /// a build that goes there unasked looks as if everything were lost.
    fn other_sockets(&self, tried: &Path) -> Vec<PathBuf> {
        let mut sockets = Vec::new();
        if let Some(runtime) = self.environment.var("XDG_RUNTIME_DIR") {
            sockets.push(Path::new(runtime).join("docker.sock"));
            sockets.push(Path::new(runtime).join("podman/podman.sock"));
        }
        sockets.push("/run/podman/podman.sock".into());
        sockets.retain(|socket| socket != tried && socket.exists());
        sockets
    }
}

/// Whether a status that the engine answered is this one.
pub(super) fn is_status(error: &ClientError, status: u16) -> bool {
    matches!(error, ClientError::DockerResponseServerError { status_code, .. } if *status_code == status)
}

/// Whether a connection broke before the answer was there, so that a read may be asked again.
pub(super) fn is_broken_connection(error: &ClientError) -> bool {
    let kind = io_kind(error);
    matches!(
        kind,
        Some(
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof
        )
    ) || words(error).contains("connection closed before message completed")
}

/// Whether the call failed on the way, so that the engine itself said nothing.
fn is_transport(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::RequestTimeoutError
            | ClientError::IOError { .. }
            | ClientError::HyperResponseError { .. }
            | ClientError::HyperLegacyError { .. }
            | ClientError::SocketNotFoundError(_)
    )
}

/// Whether the network failed below TLS.
fn is_network(kind: Option<io::ErrorKind>) -> bool {
    matches!(
        kind,
        Some(
            io::ErrorKind::ConnectionRefused
                | io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkUnreachable
                | io::ErrorKind::TimedOut
                | io::ErrorKind::AddrNotAvailable
        )
    )
}

/// Returns the engine's own words, or those of the innermost cause.
///
/// The layers around a cause say "error in the hyper legacy client: client error (Connect)".
pub(super) fn words(error: &ClientError) -> String {
    match error {
        ClientError::DockerResponseServerError {
            status_code,
            message,
        } if message.trim().is_empty() => {
            format!("status {status_code}")
        }
        ClientError::DockerResponseServerError { message, .. } => one_line(message),
        ClientError::DockerStreamError { error } => one_line(error),
        ClientError::SocketNotFoundError(_) => "there is no such socket".to_owned(),
        other => causes(other)
            .last()
            .map_or_else(|| other.to_string(), |innermost| innermost.to_string()),
    }
}

/// Shortens an answer to what fits into a message: a web server answers with whole pages.
fn one_line(text: &str) -> String {
    const LONGEST: usize = 2000;
    let text = text.trim();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn io_kind(error: &ClientError) -> Option<io::ErrorKind> {
    if matches!(error, ClientError::SocketNotFoundError(_)) {
        return Some(io::ErrorKind::NotFound);
    }
    causes(error)
        .into_iter()
        .rev()
        .find_map(|cause| cause.downcast_ref::<io::Error>())
        .map(io::Error::kind)
}

fn causes(error: &ClientError) -> Vec<&(dyn Error + 'static)> {
    let first: &(dyn Error + 'static) = error;
    std::iter::successors(Some(first), |&cause| cause.source()).collect()
}

/// Says how to get at a socket that is there and closed to this user.
fn permission(socket: &Path) -> String {
    let group = socket
        .metadata()
        .ok()
        .and_then(|metadata| group_name(metadata.gid()))
        .unwrap_or_else(|| "docker".to_owned());
    format!(
        "the socket belongs to the group `{group}`: `sudo usermod -aG {group} $USER` and a new login \
         make you a member"
    )
}

#[expect(
    clippy::disallowed_methods,
    reason = "the group's name is for a message about this machine's socket"
)]
fn group_name(id: u32) -> Option<String> {
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    })
}
