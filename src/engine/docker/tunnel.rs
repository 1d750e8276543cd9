//! A tunnel of ssh to an engine's socket on another machine.
//!
//! The client library's own ssh support starts a master for every request and knows no port; one
//! `ssh -L` for the whole run asks for the key once and honours `~/.ssh/config` and the agent.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::choose::Choice;
use crate::engine::EngineError;

/// How long ssh may take to come up, its own connection timeout included.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running ssh; dropping it ends the tunnel.
///
/// A known gap: when `builder` itself is killed by SIGKILL, ssh and its directory in /tmp stay.
pub(super) struct Tunnel {
    /// Kept because dropping it kills ssh.
    _ssh: Child,
    /// Kept because dropping it removes the socket's directory.
    _directory: tempfile::TempDir,
    /// The near end.
    pub socket: PathBuf,
}

impl Tunnel {
    /// Opens a tunnel and waits until its near end is there.
    pub async fn open(
        choice: &Choice,
        destination: &str,
        port: Option<u16>,
        remote: &str,
    ) -> Result<Self, EngineError> {
        // Not $TMPDIR: a socket's path has at most 107 bytes.
        let directory = tempfile::Builder::new()
            .prefix("builder-ssh-")
            .tempdir_in("/tmp")
            .map_err(|error| EngineError::Files {
                verb: "make a directory for the ssh tunnel in /tmp".to_owned(),
                cause: error.to_string(),
            })?;
        let socket = directory.path().join("engine.sock");
        let mut ssh = command(
            choice,
            destination,
            port,
            &socket.display().to_string(),
            remote,
        )
        .spawn()
        .map_err(|error| {
            failed(
                choice,
                destination,
                format!("ssh cannot be started: {error}"),
            )
        })?;
        let words = listen(&mut ssh);
        let deadline = Instant::now() + PATIENCE;
        loop {
            if socket.exists() {
                return Ok(Self {
                    _ssh: ssh,
                    _directory: directory,
                    socket,
                });
            }
            if let Ok(Some(_)) = ssh.try_wait() {
                let words = words.await.unwrap_or_default();
                return Err(failed(
                    choice,
                    destination,
                    format!("ssh says: {}", words.trim()),
                ));
            }
            if Instant::now() >= deadline {
                return Err(failed(
                    choice,
                    destination,
                    "ssh takes longer than 30 seconds".to_owned(),
                ));
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}

fn command(
    choice: &Choice,
    destination: &str,
    port: Option<u16>,
    near: &str,
    far: &str,
) -> Command {
    let mut ssh = Command::new("ssh");
    ssh.args(["-nNT"])
        .args(["-o", "ExitOnForwardFailure=yes"])
        // Nobody is asked: in CI a prompt would wait for ever, and on a terminal it would be
        // overwritten by the progress bars.
        .args(["-o", "BatchMode=yes"])
        .args(["-o", "ConnectTimeout=20"])
        // A connection that died in silence ends ssh, and with it the calls that wait.
        .args(["-o", "ServerAliveInterval=15"])
        // A shared master of the user's would keep the forward after this ssh is killed.
        .args(["-o", "ControlPath=none"])
        .args(["-L", &format!("{near}:{far}")]);
    if let Some(port) = port {
        ssh.args(["-p", &port.to_string()]);
    }
    ssh.arg("--")
        .arg(destination)
        .env_clear()
        .envs(&choice.environment.vars)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // A Ctrl-C on the terminal goes to the whole foreground group; the tunnel must outlive it,
        // because containers are then stopped through it.
        .process_group(0)
        .kill_on_drop(true);
    ssh
}

/// Collects what ssh says, so that it neither blocks nor reaches the terminal.
fn listen(ssh: &mut Child) -> JoinHandle<String> {
    let stderr = ssh.stderr.take();
    tokio::spawn(async move {
        let mut words = Vec::new();
        if let Some(stderr) = stderr {
            let mut stderr = BufReader::new(stderr);
            let _ = (&mut stderr).take(16 * 1024).read_to_end(&mut words).await;
            let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
        }
        String::from_utf8_lossy(&words).into_owned()
    })
}

fn failed(choice: &Choice, destination: &str, cause: String) -> EngineError {
    EngineError::Unreachable {
        endpoint: choice.text.clone(),
        cause,
        help: format!(
            "see that `ssh -o BatchMode=yes {destination} docker version` works: it needs a key without \
             a passphrase or one in the agent, and a known host"
        ),
    }
}
