//! Makes trees to measure graphs on: `cargo bench --bench trees -- FOLDER FLAVOURS`.
//!
//! `FOLDER/config.yml` and `FOLDER/project` have so many flavours that build wheels alone, of five
//! steps each, and `FOLDER/workspace` is as an apply of all of them by the engine in memory leaves
//! it. That engine's state is in `FOLDER/engine.json`, without the calls that made it:
//!
//! ```text
//! builder plan --no-cache --engine fake:engine.json --config config.yml project workspace
//! ```
//!
//! Beside it stand peers of as many steps, with nothing to do: `FOLDER/ninja/build.ninja`, and
//! `FOLDER/terraform/main.tf` of resources that need no provider. `ninja` has to run once there, and
//! `terraform init` and `terraform apply -auto-approve`.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "trees are written to disk, and a bench may panic"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use builder::app::{
    self, ApplyOptions, Approval, CacheChoice, Environment, Exit, Feedback, Places,
};
use builder::engine::fake::{FakeEngine, State};
use builder::plan::Plan;
use builder::report::{Event, Observer};
use futures_util::future::{BoxFuture, FutureExt};
use tokio_util::sync::CancellationToken;

/// The steps of a flavour that builds wheels alone.
const STEPS_OF_A_FLAVOUR: usize = 5;

fn main() {
    // cargo adds a flag of its own.
    let arguments: Vec<_> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let [folder, flavours] = arguments.as_slice() else {
        println!("usage: cargo bench --bench trees -- FOLDER FLAVOURS");
        return;
    };
    let (folder, flavours) = (Path::new(folder), flavours.parse().unwrap());
    project(folder, flavours);
    applied(folder);
    let steps = 1 + flavours * STEPS_OF_A_FLAVOUR;
    ninja(&folder.join("ninja"), steps);
    terraform(&folder.join("terraform"), steps);
    println!("{steps} steps");
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Writes both files, and a project of two files.
fn project(folder: &Path, flavours: usize) {
    let (mut config, mut wanted) = (String::new(), String::new());
    for number in 0..flavours {
        writeln!(config, "f{number}: {{base_image: base-debian12}}").unwrap();
        writeln!(wanted, "f{number}:").unwrap();
    }
    write(&folder.join("config.yml"), &config);
    write(&folder.join("project/.build.yml"), &wanted);
    let pyproject = "[project]\nname = \"shop\"\nversion = \"1\"\n";
    write(&folder.join("project/pyproject.toml"), pyproject);
    write(&folder.join("project/shop.py"), "answer = 42\n");
}

/// One who approves and says nothing.
struct Silent;

impl Observer for Silent {
    fn event(&mut self, _event: &Event) {}
}

impl Feedback for Silent {
    fn plan(&mut self, _plan: &Plan) {}

    fn ask(&mut self) -> BoxFuture<'_, bool> {
        async { true }.boxed()
    }

    fn left(&mut self, _lines: &[String]) {}

    fn observer(&mut self) -> &mut dyn Observer {
        self
    }
}

/// Applies the project by the engine in memory, and keeps what that engine then has.
fn applied(folder: &Path) {
    let engine = Arc::new(FakeEngine::default());
    let places = Places::one(folder.join("config.yml"), None, folder.join("project"));
    let options = ApplyOptions {
        targets: Vec::new(),
        replace: Vec::new(),
        approval: Approval::Given,
        jobs: 2,
        caches: CacheChoice {
            folder: None::<PathBuf>,
            off: true,
            without_index: false,
        },
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let exit = runtime.block_on(app::apply(
        &places,
        &folder.join("workspace"),
        &Environment::default(),
        engine.clone(),
        &options,
        CancellationToken::new(),
        &mut Silent,
    ));
    assert_eq!(exit.unwrap(), Exit::Done);
    let state = State {
        names: engine.state().names.clone(),
        ..State::default()
    };
    let text = serde_json::to_string(&state).unwrap();
    write(&folder.join("engine.json"), &text);
}

/// Writes a build of files that are copied one from the other, in chains of a flavour's length.
fn ninja(folder: &Path, steps: usize) {
    let mut build = String::from("rule copy\n  command = cp $in $out\n");
    for step in 0..steps {
        let from = match step % STEPS_OF_A_FLAVOUR {
            0 => "source".to_owned(),
            _ => format!("out/{}", step - 1),
        };
        writeln!(build, "build out/{step}: copy {from}").unwrap();
    }
    write(&folder.join("build.ninja"), &build);
    write(&folder.join("source"), "source\n");
}

/// Writes resources that need no provider.
fn terraform(folder: &Path, steps: usize) {
    let mut main = String::new();
    for step in 0..steps {
        writeln!(
            main,
            "resource \"terraform_data\" \"r{step}\" {{\n  input = \"{step}\"\n}}"
        )
        .unwrap();
    }
    write(&folder.join("main.tf"), &main);
}
