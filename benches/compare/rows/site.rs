//! A project, a workspace and a cache, and `builder` called on them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::measure::{Outcome, timed, told};
use crate::trees::{empty, scratch, write};

/// The image that every benchmark stands on.
pub const BASE: &str = "base-cpython-debian12";

pub struct Site {
    pub root: PathBuf,
    pub project: PathBuf,
    pub workspace: PathBuf,
    pub cache: PathBuf,
}

impl Site {
    /// A folder of its own with the configuration and no workspace; the project lies elsewhere or
    /// is made in `project`.
    pub fn new(name: &str, config: &str, project: Option<PathBuf>) -> Outcome<Self> {
        let root = scratch().join(name);
        empty(&root)?;
        write(&root.join("config.yml"), config)?;
        Ok(Self {
            project: project.unwrap_or_else(|| root.join("project")),
            workspace: root.join("workspace"),
            cache: root.join("cache"),
            root,
        })
    }

    /// `builder COMMAND --config … PROJECT WORKSPACE` with more options.
    pub fn command(&self, command: &str, options: &[&str]) -> Command {
        let mut builder = Command::new(env!("CARGO_BIN_EXE_builder"));
        builder
            .arg(command)
            .args(options)
            .arg("--config")
            .arg(self.root.join("config.yml"))
            .arg(&self.project)
            .arg(&self.workspace)
            .env("BUILDER_CACHE_DIR", &self.cache)
            .env_remove("CI")
            .env_remove("GITHUB_ACTIONS");
        builder
    }

    pub fn apply(&self, options: &[&str]) -> Outcome<f64> {
        let options = [&["--auto-approve"], options].concat();
        timed(&mut self.command("apply", &options))
    }

    /// Times a plan, which has to find nothing to do.
    pub fn no_op(&self) -> Outcome<f64> {
        no_changes(&mut self.command("plan", &[]))
    }

    /// Removes workspace and cache.
    pub fn forget(&self) -> Outcome<()> {
        for folder in [&self.workspace, &self.cache] {
            if folder.exists() {
                fs::remove_dir_all(folder)?;
            }
        }
        Ok(())
    }

    /// The id of the builder image of a flavour.
    pub fn image(&self, flavour: &str) -> Outcome<String> {
        let manifest = fs::read_to_string(self.workspace.join(".builder/manifest.jsonl"))?;
        let step = format!("{flavour}.image");
        let id = manifest
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter(|line| line["done"]["step"] == step.as_str())
            .filter_map(|line| Some(line["done"]["outputs"]["image"]["id"].as_str()?.to_owned()))
            .next_back();
        id.ok_or_else(|| format!("the manifest has no image of {step}").into())
    }
}

/// Times a plan, which has to find nothing to do.
pub fn no_changes(plan: &mut Command) -> Outcome<f64> {
    let (seconds, output) = told(plan)?;
    if !output.starts_with("No changes.") {
        return Err(format!("a plan that should find nothing to do said\n{output}").into());
    }
    Ok(seconds)
}

/// Changes one module of a project, in another way each time.
pub fn edit(file: &Path) -> Outcome<()> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let text = fs::read_to_string(file)?;
    write(file, &format!("{text}EDIT = {}\n", since.as_nanos()))
}

pub fn docker(arguments: &[&str]) -> Command {
    let mut docker = Command::new("docker");
    docker.args(arguments);
    docker
}

/// `docker build` by BuildKit. The distribution's own client goes first: it needs no plug-in for that,
/// as later ones do.
pub fn buildkit() -> Command {
    let distribution = Path::new("/usr/bin/docker");
    let mut docker = match distribution.exists() {
        true => Command::new(distribution),
        false => Command::new("docker"),
    };
    docker
        .args(["build", "--quiet"])
        .env("DOCKER_BUILDKIT", "1");
    docker
}

/// What a container of a peer gets so that its pip trusts whom this machine trusts: the bundle
/// that the environment names, mounted.
pub fn trust() -> Vec<String> {
    let Ok(bundle) = std::env::var("PIP_CERT") else {
        return Vec::new();
    };
    let mut words = vec!["--volume".to_owned(), format!("{bundle}:/trust.pem:ro")];
    for name in ["PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"] {
        words.extend(["--env".to_owned(), format!("{name}=/trust.pem")]);
    }
    words
}
