//! The servers: docker's registry and moto's object store, each on a free port, with a folder of its own.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A server that ends with the test.
pub struct Server {
    child: Child,
    pub port: u16,
    pub folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts docker's registry; `extra` goes into its configuration.
    pub fn registry(extra: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::registry_in(folder, extra)
    }

    /// Starts docker's registry on a folder that one had before.
    pub fn registry_in(folder: TempDir, extra: &str) -> Self {
        let port = free_port();
        let config = folder.path().join("config.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '127.0.0.1:{port}', relativeurls: true}}\n\
             storage:\n  filesystem: {{rootdirectory: '{}'}}\n  delete: {{enabled: true}}\n{extra}",
            folder.path().join("storage").display()
        );
        fs::write(&config, text).unwrap();
        let program = program("docker-registry");
        let mut command = Command::new(&program);
        command.arg("serve").arg(&config);
        Self::start(command, port, folder)
    }

    /// Starts moto's object store, with the bucket `cache`.
    pub fn object_store() -> Self {
        let port = free_port();
        let mut command = Command::new(program("moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let server = Self::start(command, port, tempfile::tempdir().unwrap());
        let answer = server.ask("PUT /cache HTTP/1.1");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        server
    }

    fn start(mut command: Command, port: u16, folder: TempDir) -> Self {
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut server = Self {
            child,
            port,
            folder,
        };
        let end = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = server.child.try_wait().unwrap();
            if ended.is_some() || Instant::now() > end {
                let log = fs::read_to_string(server.folder.path().join("log"));
                panic!("{command:?} does not answer: {}", log.unwrap_or_default());
            }
            sleep(Duration::from_millis(20));
        }
        server
    }

    /// Sends a request without a body; returns the answer.
    pub fn ask(&self, line: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = format!(
            "{line}\r\nHost: 127.0.0.1:{}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            self.port
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Names a repository of the registry.
    pub fn repository(&self) -> String {
        format!("oci://127.0.0.1:{}/team/cache", self.port)
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Finds a server's program where docker/test-tools.sh puts it, or on the path.
fn program(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = root.join("target/test-tools/bin").join(name);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).map(|folder| folder.join(name));
    match own.exists() {
        true => own,
        false => { folders.find(|program| program.exists()) }
            .unwrap_or_else(|| panic!("{name} is missing: docker/test-tools.sh installs it")),
    }
}
