//! A project, a workspace and an engine of their own, in a temporary folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use builder::app::{
    self, AppError, ApplyOptions, Approval, CacheChoice, Environment, Exit, Feedback,
};
use builder::app::{Gathered, Invocation, Places};
use builder::manifest::{Manifest, Outputs};
use builder::plan::{Plan, Saved};
use builder::report::{Event, JsonLines, Observer};
use builder::step::Key;
use builder::workspace::Workspace;
use futures_util::future::{BoxFuture, FutureExt};
use tokio_util::sync::CancellationToken;

use crate::edit::Effect;
use crate::engine::{Trouble, Watched};
use crate::model::Asked;
use crate::world::World;

/// The schemas that `builder schema` prints.
static MANIFEST: Schema = LazyLock::new(|| validator(builder::manifest::schema()));
static PLAN: Schema = LazyLock::new(|| validator(builder::plan::schema()));
static EVENT: Schema = LazyLock::new(|| validator(builder::report::schema()));

type Schema = LazyLock<jsonschema::Validator>;

fn validator(schema: &str) -> jsonschema::Validator {
    jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap()
}

fn assert_valid(schema: &Schema, text: &str) {
    let document = serde_json::from_str(text).unwrap();
    let errors: Vec<_> = schema.iter_errors(&document).collect();
    assert!(errors.is_empty(), "{errors:?} in {text}");
}

pub struct Sandbox {
    folder: tempfile::TempDir,
    pub engine: Arc<Watched>,
    outside: bool,
    touches: u64,
    /// The caches of this sandbox; none unless a test wants them.
    pub caches: CacheChoice,
}

/// How an apply went.
#[derive(Debug, Default)]
pub struct Run {
    /// The status, or why there is none; `None` when the process was killed.
    pub exit: Option<Result<Exit, AppError>>,
    pub plan: Option<Plan>,
    pub events: Vec<Event>,
}

/// Everything that a workspace promises, without the times and the names that are its own.
#[derive(Debug, PartialEq)]
pub struct State {
    pub keys: BTreeMap<String, Key>,
    pub outputs: BTreeMap<String, Outputs>,
    /// The bytes of all files but `builder`'s private ones.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The builder images of the engine.
    pub images: BTreeSet<String>,
}

/// One who says nothing and remembers everything.
#[derive(Default)]
struct Silent {
    plan: Option<Plan>,
    events: Vec<Event>,
}

impl Observer for Silent {
    fn event(&mut self, event: &Event) {
        self.events.push(event.clone());
    }
}

impl Feedback for Silent {
    fn document(&mut self, document: &Saved) {
        assert_valid(&PLAN, &serde_json::to_string(document).unwrap());
    }

    fn plan(&mut self, plan: &Plan) {
        self.plan = Some(plan.clone());
    }

    fn ask(&mut self) -> BoxFuture<'_, bool> {
        async { true }.boxed()
    }

    fn left(&mut self, _lines: &[String]) {}

    fn observer(&mut self) -> &mut dyn Observer {
        self
    }
}

/// Runs what is asynchronous in a runtime of its own, which ends with all that runs in it.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work)
}

/// Lists all files below a folder by their relative path.
pub fn files_below(root: &Path, folder: &Path, found: &mut BTreeMap<String, PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            files_below(root, &path, found);
        } else {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            found.insert(name, path);
        }
    }
}

/// A folder in memory where the machine has one: each journal line is synced, and there are thousands.
fn scratch() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

impl Sandbox {
    pub fn new(world: &World) -> Self {
        let sandbox = Self {
            folder: tempfile::tempdir_in(scratch()).unwrap(),
            engine: Arc::default(),
            outside: world.build_file_outside,
            touches: 0,
            caches: CacheChoice {
                folder: None,
                off: true,
                without_index: false,
            },
        };
        sandbox.write(world);
        sandbox
    }

    /// Makes a project as `new` does, whose applies use a cache in its folder.
    pub fn with_cache(world: &World) -> Self {
        let mut sandbox = Self::new(world);
        sandbox.caches = CacheChoice {
            folder: Some(sandbox.at("cache")),
            off: false,
            without_index: false,
        };
        sandbox
    }

    /// The folder of the cache.
    pub fn cache(&self) -> PathBuf {
        self.caches.folder.clone().unwrap()
    }

    /// Puts a fresh workspace in the place of the one that is there, and takes from the engine all
    /// images that were built.
    pub fn renew(&self) {
        if self.workspace().exists() {
            fs::remove_dir_all(self.workspace()).unwrap();
        }
        let names = &mut self.engine.fake().names;
        names.retain(|name, _| !name.starts_with("builder/") && !name.starts_with("imported/"));
        self.engine.watch().images.clear();
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn workspace(&self) -> PathBuf {
        self.at("workspace")
    }

    fn places(&self) -> Places {
        let build_file = self.outside.then(|| self.at("build.yml"));
        Places::one(self.at("config.yml"), build_file, self.at("project"))
    }

    /// Makes the project on disk what it is in `world`.
    pub fn write(&self, world: &World) {
        write(&self.at("config.yml"), &world.config());
        write(&self.at("build.yml"), &world.build_file());
        let operator = format!("# {}\n", world.operator_text);
        write(&self.at("operator.txt"), &operator);
        let source = world.source();
        for (name, file) in &source {
            let path = self.at("project").join(name);
            write(&path, &file.text);
            let mode = if file.executable { 0o755 } else { 0o644 };
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        }
        for (name, path) in self.source_files() {
            if !source.contains_key(&name) {
                fs::remove_file(path).unwrap();
            }
        }
    }

    fn source_files(&self) -> BTreeMap<String, PathBuf> {
        let mut found = BTreeMap::new();
        files_below(&self.at("project"), &self.at("project"), &mut found);
        found
    }

    /// Does what an edit does beyond the project.
    pub fn take(&mut self, effect: &Effect) {
        match effect {
            Effect::Write(path, text) => write(&self.workspace().join(path), text),
            Effect::Delete(path) => fs::remove_file(self.workspace().join(path)).unwrap(),
            Effect::Move(name, id) => {
                let names = &mut self.engine.fake().names;
                names.insert((*name).to_owned(), id.clone());
            }
            Effect::Prune(name) => {
                let mut fake = self.engine.fake();
                fake.names.remove(*name);
                fake.absent.insert((*name).to_owned());
            }
            Effect::ForgetImage(step) => {
                let record = &self.state().outputs[step];
                let id = &record.image.as_ref().unwrap().id;
                let names = &mut self.engine.fake().names;
                names.retain(|_, there| there != id);
                self.engine.watch().images.remove(id);
            }
            Effect::Touch => self.touch(),
        }
    }

    /// Gives every file of the source a new modification time.
    pub fn touch(&mut self) {
        self.touches += 1;
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + self.touches);
        for path in self.source_files().into_values() {
            let file = fs::File::options().append(true).open(path).unwrap();
            file.set_modified(time).unwrap();
        }
    }

    /// Plans.
    pub fn plan(&self, asked: &Asked) -> Gathered {
        let invocation = Invocation {
            places: self.places(),
            targets: asked.target.clone().into_iter().collect(),
            replace: asked.replace.clone().into_iter().collect(),
            caches: self.caches.clone(),
        };
        let engine = self.engine.as_ref();
        let environment = Environment::default();
        block_on(app::plan(
            &invocation,
            &self.workspace(),
            &environment,
            engine,
        ))
        .unwrap()
    }

    /// Plans and applies; the trouble, if any, waits at a call counted from the first of this run.
    pub fn apply(&self, asked: &Asked, jobs: usize, trouble: Option<(usize, Trouble)>) -> Run {
        let cancel = CancellationToken::new();
        {
            let mut watch = self.engine.watch();
            watch.cancel = cancel.clone();
            watch.calls = 0;
            watch.trouble = trouble;
        }
        let options = ApplyOptions {
            targets: asked.target.clone().into_iter().collect(),
            replace: asked.replace.clone().into_iter().collect(),
            approval: Approval::Given,
            jobs,
            caches: self.caches.clone(),
        };
        let mut silent = Silent::default();
        let exit = block_on(async {
            let engine = Arc::clone(&self.engine);
            let (places, workspace) = (self.places(), self.workspace());
            let environment = Environment::default();
            let apply = app::apply(
                &places,
                &workspace,
                &environment,
                engine,
                &options,
                cancel,
                &mut silent,
            );
            tokio::select! {
                exit = apply => Some(exit),
                () = self.engine.killed.notified() => None,
            }
        });
        self.engine.watch().trouble = None;
        let Silent { plan, events } = silent;
        let mut stream = Vec::new();
        let mut lines = JsonLines::begin(&mut stream, "r");
        events.iter().for_each(|event| lines.event(event));
        for line in String::from_utf8(stream).unwrap().lines() {
            assert_valid(&EVENT, line);
        }
        Run { exit, plan, events }
    }

    pub fn manifest_path(&self) -> PathBuf {
        self.workspace().join(".builder/manifest.jsonl")
    }

    fn manifest(&self) -> Manifest {
        Workspace::at(self.workspace()).manifest().unwrap()
    }

    /// Takes the workspace's own name out of a text.
    pub fn anonymous(&self, text: &str) -> String {
        let identity = self.manifest().workspace;
        match identity.get(..8) {
            Some(short) => text.replace(short, "workspace"),
            None => text.to_owned(),
        }
    }

    pub fn state(&self) -> State {
        for line in fs::read_to_string(self.manifest_path()).unwrap().lines() {
            assert_valid(&MANIFEST, line);
        }
        let manifest = self.manifest();
        let (mut keys, mut outputs) = (BTreeMap::new(), BTreeMap::new());
        for (step, past) in manifest.steps {
            assert_eq!(past.unfinished, None, "{step}");
            let mut record = past.record.unwrap();
            if let Some(image) = &mut record.outputs.image {
                image.name = self.anonymous(&image.name);
            }
            keys.insert(step.to_string(), record.key);
            outputs.insert(step.to_string(), record.outputs);
        }
        let mut files = BTreeMap::new();
        files_below(&self.workspace(), &self.workspace(), &mut files);
        let files = files
            .into_iter()
            .filter(|(name, _)| !name.starts_with(".builder/"));
        State {
            keys,
            outputs,
            files: files
                .map(|(name, path)| (name, fs::read(path).unwrap()))
                .collect(),
            images: self.engine.watch().images.clone(),
        }
    }
}
