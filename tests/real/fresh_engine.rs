//! A container engine that has nothing but the base images, as a runner that just came up has one.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::site::{BASE, docker, run};

/// The engine; its process and its folder go with it.
pub struct FreshEngine {
    child: Child,
    folder: TempDir,
    bridge: Option<String>,
}

impl FreshEngine {
    /// Starts an engine beside the one that answers already, and gives it the base image.
    ///
    /// It runs in a network of its own: an engine takes `docker0` away when it has no bridge, and
    /// that of this machine belongs to the engine that others use. Nothing in it reaches an index.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder is made");
        let root = folder.path().metadata().expect("it is there").uid() == 0;
        assert!(root, "a second engine is started by root alone");
        let bridge = usual_bridge();
        let log = File::create(folder.path().join("log")).expect("the log is made");
        let driver = docker(&["info", "--format", "{{.Driver}}"]);
        // A test that is killed takes the engine along.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM"]);
        command.args(["unshare", "--net", "--mount", "dockerd"]);
        for (option, name) in [
            ("--data-root", "data"),
            ("--exec-root", "exec"),
            ("--pidfile", "pid"),
        ] {
            command.arg(option).arg(folder.path().join(name));
        }
        let child = command
            .args(["--host", &address(&folder)])
            .args(["--storage-driver", driver.trim()])
            .args(["--bridge=none", "--iptables=false"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log is open"))
            .stderr(log)
            .spawn()
            .expect("setpriv starts");
        let mut engine = Self {
            child,
            folder,
            bridge,
        };
        let end = Instant::now() + Duration::from_secs(120);
        while !answers(&engine.address()) {
            let ended = engine.child.try_wait().expect("it is a child");
            if ended.is_some() || Instant::now() > end {
                let log = fs::read_to_string(engine.folder.path().join("log"));
                panic!(
                    "the second engine does not answer: {}",
                    log.unwrap_or_default()
                );
            }
            sleep(Duration::from_millis(100));
        }
        let load = format!(
            "docker save {BASE} | docker --host {} load",
            engine.address()
        );
        run(Command::new("sh").args(["-c", &load]));
        engine
    }

    /// Names it as `DOCKER_HOST` does.
    pub fn address(&self) -> String {
        address(&self.folder)
    }

    /// Expects that the bridge of the usual engine is the one that it was.
    pub fn left_the_network_alone(&self) {
        assert_eq!(usual_bridge(), self.bridge);
    }

    /// Runs docker's own client on it.
    pub fn docker(&self, arguments: &[&str]) -> String {
        docker(&[&["--host", &self.address()], arguments].concat())
    }
}

impl Drop for FreshEngine {
    fn drop(&mut self) {
        // Asked to end, it ends its own helpers and unmounts what it mounted; killed, it does not.
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let end = Instant::now() + Duration::from_secs(60);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
            sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address(folder: &TempDir) -> String {
    format!("unix://{}", folder.path().join("socket").display())
}

/// The number of the bridge that containers of the usual engine are on, where it is on this machine.
fn usual_bridge() -> Option<String> {
    fs::read_to_string("/sys/class/net/docker0/ifindex").ok()
}

fn answers(address: &str) -> bool {
    let asked = Command::new("docker")
        .args(["--host", address, "version"])
        .output();
    asked.is_ok_and(|output| output.status.success())
}
