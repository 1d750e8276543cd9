//! A project, an operator's file, a workspace and an engine in memory, in a folder of their own.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use builder::engine::fake::State;

use crate::documents;

/// The folder, and what is replaced in outputs so that they are the same everywhere.
pub struct Sandbox {
    folder: tempfile::TempDir,
    _filters: insta::internals::SettingsBindDropGuard,
}

impl Sandbox {
    /// Makes a project that wants the flavour `deb`.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = insta::Settings::clone_current();
        let place = folder.path().canonicalize().unwrap().display().to_string();
        settings.add_filter(&place, "[SANDBOX]");
        settings.add_filter(r"\b\d+\.\ds\b", "0.0s");
        settings.add_filter(r#""seconds":\d[\d.e-]*"#, r#""seconds":0.0"#);
        settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ-\d+", "[RUN]");
        settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[TIME]");
        settings.add_filter(r"(builder/[a-z-]+:[a-z-]+)-[0-9a-f]{8}\b", "$1-[ID]");
        settings.add_filter(r"\(\d+\.\d [kM]B\)|\(\d+ B\)", "([SIZE])");
        settings.add_filter(r"\b[0-9a-f]{64}\b", "[DIGEST]");
        settings.add_filter(r"\b[0-9a-f]{12}\b", "[SHORT]");
        let sandbox = Self {
            folder,
            _filters: settings.bind_to_scope(),
        };
        let config =
            "deb:\n  package: none\n  base_image: base-12\ndeb-trixie:\n  base_image: base-13\n";
        sandbox.write("config.yml", config);
        sandbox.write("project/.build.yml", "deb:\n");
        sandbox.write("project/pyproject.toml", "[project]\nname = \"shop\"\n");
        sandbox.write("project/shop.py", "\"\"\"A shop.\"\"\"\n");
        sandbox.write("project/requires.txt", "cffi\n");
        sandbox.write("project/tests/test_shop.py", "import shop\n");
        sandbox
    }

    /// Makes the same project, and applies it.
    pub fn applied() -> Self {
        let sandbox = Self::new();
        sandbox.apply();
        sandbox
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    /// The names of the files in a folder.
    pub fn list(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Takes the workspace's lock as another process would.
    pub fn lock(&self) -> File {
        self.write("workspace/.builder/lock", "process 4711 (builder apply)");
        let file = File::options()
            .write(true)
            .open(self.path("workspace/.builder/lock"))
            .unwrap();
        file.lock().unwrap();
        file
    }

    /// All that is on disk, by path: what kind it is, whether it may be executed, and its bytes.
    pub fn disk(&self) -> BTreeMap<String, (u32, Vec<u8>)> {
        let mut found = BTreeMap::new();
        let mut ahead = vec![self.folder.path().to_owned()];
        while let Some(folder) = ahead.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let metadata = entry.metadata().unwrap();
                let bytes = match metadata.is_dir() {
                    true => Vec::new(),
                    false => fs::read(entry.path()).unwrap(),
                };
                if metadata.is_dir() {
                    ahead.push(entry.path());
                }
                let name = entry.path().display().to_string();
                found.insert(name, (metadata.mode(), bytes));
            }
        }
        found
    }

    /// Changes what the engine has, or what becomes of calls.
    pub fn engine(&self, change: impl FnOnce(&mut State)) {
        let path = self.path("engine.json");
        let text = fs::read_to_string(&path).unwrap_or_else(|_| "{}".to_owned());
        let mut state = serde_json::from_str(&text).unwrap();
        change(&mut state);
        fs::write(&path, serde_json::to_string(&state).unwrap()).unwrap();
    }

    /// Applies the project, which has to end well.
    pub fn apply(&self) {
        let output = self.run("apply --auto-approve");
        assert!(output.ends_with("[exit 0]"), "{output}");
    }

    /// Runs a command on the project, its workspace and its engine.
    pub fn run(&self, command: &str) -> String {
        self.exactly(&format!(
            "{command} --engine fake:engine.json --config config.yml project workspace"
        ))
    }

    /// Runs a command on the project and the named workspace, with a cache beside them.
    pub fn cached(&self, command: &str, workspace: &str) -> String {
        self.with(
            &[("BUILDER_NO_CACHE", "0"), ("BUILDER_CACHE_DIR", "cache")],
            &format!("{command} --engine fake:engine.json --config config.yml project {workspace}"),
        )
    }

    /// Runs a command with these arguments and no others.
    pub fn exactly(&self, arguments: &str) -> String {
        self.with(&[], arguments)
    }

    /// Runs a command with variables; returns what it printed, each stream by itself, and its status.
    pub fn with(&self, variables: &[(&str, &str)], arguments: &str) -> String {
        let output = command(self.folder.path(), arguments)
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let mut text = String::from_utf8(output.stdout).unwrap();
        documents::validate(self, arguments, &text);
        if !output.stderr.is_empty() {
            text.push_str("--- stderr\n");
            text.push_str(&String::from_utf8(output.stderr).unwrap());
        }
        let status = output.status.code().unwrap();
        text + &format!("[exit {status}]")
    }
}

/// Prepares a command in a folder that is also its home, without a cache and with nothing to read.
pub fn command(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_builder"));
    command
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("BUILDER_NO_CACHE", "1")
        .env("COLUMNS", "80")
        .stdin(Stdio::null());
    command
}
