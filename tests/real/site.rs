//! A project, a workspace and a configuration in a temporary folder, and the binary that is run there.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

/// The base image of most tests.
pub const BASE: &str = "base-cpython-debian12";

/// The operator's file of most tests: one flavour, `deb`.
pub const CONFIG: &str = "deb:\n  package: none\n  base_image: base-cpython-debian12\n";

/// The variables of the caller that reach the engine and the network.
const PASSED_ON: [&str; 13] = [
    "DOCKER_HOST",
    "DOCKER_TLS_VERIFY",
    "DOCKER_CERT_PATH",
    "PIP_CERT",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "PATH",
];

/// What a test works with; what it made is removed with it.
pub struct Site {
    folder: TempDir,
    /// Images that the test tagged itself.
    tags: Vec<String>,
}

/// How a process ended, and what it printed.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Site {
    /// Lays out an empty project with the usual configuration.
    pub fn new() -> Self {
        engine_is_there();
        let folder = tempfile::tempdir().expect("a folder is made");
        let site = Self {
            folder,
            tags: Vec::new(),
        };
        fs::create_dir_all(site.path("home")).expect("a folder is made");
        fs::create_dir_all(site.source()).expect("a folder is made");
        fs::write(site.path("config.yml"), CONFIG).expect("the configuration is written");
        site
    }

    /// Lays out a copy of a project of `tests/fixtures/projects`.
    pub fn with(fixture: &str) -> Self {
        let site = Self::new();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/projects");
        run(Command::new("cp")
            .args(["-a", "--"])
            .arg(from.join(fixture).join("."))
            .arg(site.source()));
        site
    }

    /// Replaces the operator's file.
    pub fn config(self, text: &str) -> Self {
        fs::write(self.path("config.yml"), text).expect("the configuration is written");
        self
    }

    /// Returns a path beside source and workspace.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn source(&self) -> PathBuf {
        self.path("source")
    }

    pub fn workspace(&self) -> PathBuf {
        self.path("workspace")
    }

    /// Writes a file of the project, with the folders above it.
    pub fn write(&self, path: &str, text: &str) {
        let place = self.source().join(path);
        fs::create_dir_all(place.parent().expect("it is below the source")).expect("made");
        fs::write(place, text).expect("the file is written");
    }

    /// Replaces a text in a file of the project that has it.
    pub fn edit(&self, path: &str, old: &str, new: &str) {
        let text = fs::read_to_string(self.source().join(path)).expect("the file is there");
        assert!(text.contains(old), "{path} has no `{old}`");
        self.write(path, &text.replace(old, new));
    }

    /// Removes an image name with the site.
    pub fn owns(&mut self, tag: &str) {
        self.tags.push(tag.to_owned());
    }

    /// The binary with these arguments, `--config`, source and workspace after the first.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_builder"));
        command
            .env_clear()
            .env("HOME", self.path("home"))
            .env("BUILDER_NO_CACHE", "1");
        let passed = PASSED_ON.iter();
        command.envs(passed.filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.args(arguments).arg("--config");
        command.arg(self.path("config.yml"));
        command.arg(self.source()).arg(self.workspace());
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Runs the bare form, which applies.
    pub fn apply(&self) -> Ended {
        finish(&mut self.command(&[]))
    }

    /// Applies, and expects that all ends well.
    pub fn built(&self) -> Ended {
        self.apply().ends_with(0)
    }

    /// Plans, and returns what is shown of each step that is not up to date.
    pub fn plan(&self) -> String {
        let shown = finish(&mut self.command(&["plan"])).ends_with(0).out;
        shown
            .lines()
            .take_while(|line| !line.is_empty())
            .map(|line| format!("{line}\n"))
            .collect()
    }

    /// Expects that a plan has nothing to do.
    pub fn is_done(&self) {
        let plan = finish(&mut self.command(&["plan", "--detailed-exitcode"]));
        assert_eq!(plan.code, Some(0), "{}", plan.out);
        assert!(plan.out.starts_with("No changes."), "{}", plan.out);
    }

    /// Lists a flavour's wheelhouse.
    pub fn wheels(&self, flavour: &str) -> Vec<String> {
        let folder = self.workspace().join("build/wheelhouse").join(flavour);
        let names = fs::read_dir(&folder).map(|entries| {
            let names = entries.map(|entry| entry.expect("it is read").file_name());
            names
                .map(|name| name.into_string().expect("it is UTF-8"))
                .collect::<BTreeSet<_>>()
        });
        names.unwrap_or_default().into_iter().collect()
    }

    /// Returns the path of a wheel of the flavour `deb`.
    pub fn wheel(&self, name: &str) -> PathBuf {
        self.workspace().join("build/wheelhouse/deb").join(name)
    }

    /// Returns a member of a wheel of the flavour `deb`.
    pub fn member(&self, wheel: &str, member: &str) -> String {
        let file = fs::File::open(self.wheel(wheel)).expect("the wheel is there");
        let mut archive = zip::ZipArchive::new(file).expect("a wheel is a zip archive");
        let mut text = String::new();
        archive
            .by_name(member)
            .unwrap_or_else(|error| panic!("{wheel} has no {member}: {error}"))
            .read_to_string(&mut text)
            .expect("it is a text");
        text
    }

    /// The workspace's identity, which labels all that is made for it in the engine.
    pub fn label(&self) -> Option<String> {
        let manifest = fs::read_to_string(self.workspace().join(".builder/manifest.jsonl")).ok()?;
        let head: serde_json::Value = serde_json::from_str(manifest.lines().next()?).ok()?;
        let identity = head["manifest"]["workspace"].as_str()?;
        Some(format!("label=builder.workspace={identity}"))
    }

    /// Lists the workspace's containers.
    pub fn containers(&self) -> Vec<String> {
        self.listed(&["ps", "--all", "--quiet"])
    }

    /// Lists the workspace's images.
    pub fn images(&self) -> Vec<String> {
        self.listed(&["images", "--quiet"])
    }

    fn listed(&self, what: &[&str]) -> Vec<String> {
        let Some(label) = self.label() else {
            return Vec::new();
        };
        let ids = docker(&[what, &["--filter", &label]].concat());
        ids.split_whitespace().map(str::to_owned).collect()
    }

    /// Expects that the engine runs and keeps no container of the workspace.
    pub fn left_no_container(&self) {
        assert_eq!(self.containers(), Vec::<String>::new());
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let remove = |what: &[&str], ids: Vec<String>| {
            if !ids.is_empty() {
                let _ = Command::new("docker").args(what).args(ids).output();
            }
        };
        remove(&["rm", "--force", "--volumes"], self.containers());
        remove(&["rmi", "--force"], self.images());
        remove(&["rmi", "--force"], std::mem::take(&mut self.tags));
    }
}

impl Ended {
    /// Expects a status.
    pub fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        self
    }

    /// Expects a text among what was printed to standard error.
    pub fn says(self, text: &str) -> Self {
        assert!(self.err.contains(text), "no `{text}` in\n{}", self.err);
        self
    }

    /// The steps that ran, in the order in which they began.
    pub fn ran(&self) -> Vec<&str> {
        let lines = self.err.lines();
        let pairs = lines.filter_map(|line| line.split_once(": "));
        let done: BTreeSet<_> = pairs
            .clone()
            .filter(|(_, what)| what.starts_with("done in"))
            .map(|(step, _)| step)
            .collect();
        let mut ran: Vec<_> = Vec::new();
        for (step, _) in pairs {
            if done.contains(step) && !ran.contains(&step) {
                ran.push(step);
            }
        }
        ran
    }
}

/// Runs a command to its end.
pub fn finish(command: &mut Command) -> Ended {
    let output = command.output().expect("the program starts");
    Ended {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("it prints UTF-8"),
        err: String::from_utf8(output.stderr).expect("it prints UTF-8"),
    }
}

/// Runs a command that must end well, and returns what it printed.
pub fn run(command: &mut Command) -> String {
    let shown = format!("{command:?}");
    let ended = finish(command);
    assert_eq!(ended.code, Some(0), "{shown}: {}", ended.err);
    ended.out
}

/// Runs docker's own client.
pub fn docker(arguments: &[&str]) -> String {
    run(Command::new("docker").args(arguments))
}

/// Builds an image from a dockerfile and the files beside it, under a name of the test's own.
pub fn image(site: &mut Site, name: &str, dockerfile: &str, files: &[(&str, Vec<u8>)]) -> String {
    let folder = tempfile::tempdir().expect("a folder is made");
    fs::write(folder.path().join("Dockerfile"), dockerfile).expect("the file is written");
    for (path, bytes) in files {
        let place = folder.path().join(path);
        fs::create_dir_all(place.parent().expect("it is below the folder")).expect("made");
        fs::write(place, bytes).expect("the file is written");
    }
    let tag = format!("builder-test-{name}-{}", std::process::id());
    site.owns(&tag);
    let context = folder.path().display().to_string();
    docker(&["build", "--quiet", "--tag", &tag, &context]);
    tag
}

/// Sets the permission bits of a file.
pub fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the mode is set");
}

fn engine_is_there() {
    static THERE: OnceLock<Result<(), String>> = OnceLock::new();
    let there = THERE.get_or_init(|| {
        let images = Command::new("docker")
            .args(["images", "--format", "{{.Repository}}"])
            .output();
        match images {
            Err(error) => Err(format!("the docker client does not start: {error}")),
            Ok(output) if !output.status.success() => {
                Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
            }
            Ok(output) => {
                let found = String::from_utf8_lossy(&output.stdout).into_owned();
                let wanted = [BASE, "base-cpython-debian13", "base-pypy-debian12"];
                match wanted
                    .iter()
                    .find(|name| !found.lines().any(|line| line == **name))
                {
                    Some(name) => Err(format!("there is no image {name}")),
                    None => Ok(()),
                }
            }
        }
    });
    if let Err(cause) = there {
        panic!(
            "these tests need a container engine (`make setup`) with the base images (`make bases`): {cause}"
        );
    }
}
