//! Runners of a CI, each with an empty disk: the first builds, the others find what it made in the
//! cache that they share.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use crate::fresh_engine::FreshEngine;
use crate::servers::Server;
use crate::site::{Site, docker, finish, run};

/// A runner: a home, a source, a workspace and a local cache of its own.
struct Runner {
    site: Site,
    /// Where the shared cache is and how it is asked, and the engine if it is not the usual one.
    variables: Vec<(String, String)>,
}

/// What a run did, by its events.
#[derive(Debug)]
struct Told {
    ran: BTreeSet<String>,
    restored: BTreeSet<String>,
    warnings: Vec<String>,
    seconds: f64,
}

impl Runner {
    /// A runner that comes up with a checkout of the project.
    fn comes_up(flavours: &str, config: &str, shared: &[(&str, String)]) -> Self {
        let site = Site::with("flit").config(config);
        site.write(".build.yml", flavours);
        let cache = site.path("cache").display().to_string();
        let own = [
            ("BUILDER_NO_CACHE", "0".to_owned()),
            ("BUILDER_CACHE_DIR", cache),
        ];
        let variables = own.iter().chain(shared);
        let variables = variables
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        Self { site, variables }
    }

    fn on(mut self, engine: &FreshEngine) -> Self {
        self.variables
            .push(("DOCKER_HOST".to_owned(), engine.address()));
        self
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.site.command(arguments);
        let variables = self.variables.iter();
        command.envs(variables.map(|(name, value)| (name, value)));
        command
    }

    /// The action of each step of a plan.
    fn plan(&self) -> Vec<(String, String)> {
        let shown = finish(&mut self.command(&["plan", "--json"])).ends_with(0);
        let plan: Value = serde_json::from_str(&shown.out).expect("a plan is JSON");
        let changes = plan["changes"].as_array().expect("a plan has changes");
        let text = |value: &Value| value.as_str().expect("it is a text").to_owned();
        let of = |change: &Value| (text(&change["step"]), text(&change["action"]));
        changes.iter().map(of).collect()
    }

    /// Applies, which has to end well.
    fn apply(&self) -> Told {
        let begun = Instant::now();
        let ended = finish(&mut self.command(&["apply", "--auto-approve", "--json"])).ends_with(0);
        let seconds = begun.elapsed().as_secs_f64();
        let events: Vec<Value> = { ended.out.lines() }
            .map(|line| serde_json::from_str(line).expect("each line is JSON"))
            .collect();
        let texts = |event: &str, field: &str| -> Vec<String> {
            let of = events.iter().filter(|line| line["event"] == event);
            of.map(|line| line[field].as_str().expect("it is a text").to_owned())
                .collect()
        };
        Told {
            ran: texts("step-done", "step").into_iter().collect(),
            restored: texts("step-restored", "step").into_iter().collect(),
            warnings: texts("warning", "text"),
            seconds,
        }
    }

    /// The bytes of all that was built, by path.
    fn built(&self) -> Vec<(String, Vec<u8>)> {
        let folder = self.site.workspace().join("build");
        let list = run(Command::new("find").arg(&folder).args(["-type", "f"]));
        let mut files: Vec<_> = list
            .lines()
            .map(|path| {
                let name = path.strip_prefix(&format!("{}/", folder.display()));
                let bytes = fs::read(path).expect("the file is there");
                (name.expect("it is below").to_owned(), bytes)
            })
            .collect();
        files.sort();
        files
    }

    /// Takes from the usual engine the images that were made for this runner's workspace.
    fn loses_its_images(&self) {
        for image in self.site.images() {
            docker(&["rmi", "--force", &image]);
        }
    }
}

fn set<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

/// Runner A builds, B restores on an engine that never saw the project, and C brings a commit that
/// touches one module. `of_a_module` are the steps that such a commit runs.
fn three_runners(
    what: &str,
    flavours: &str,
    config: &str,
    shared: &[(&str, String)],
    of_a_module: &[&str],
) {
    let engine = FreshEngine::start();
    let a = Runner::comes_up(flavours, config, shared);
    let first = a.apply();
    // Nothing is in the cache; what one flavour made is shared with another of equal keys.
    let shares = |step: &String| {
        let part = step.split_once('.').map(|(_, part)| part);
        let same =
            |ran: &&String| part.is_some() && ran.split_once('.').map(|(_, part)| part) == part;
        first.ran.iter().any(|ran| same(&ran))
    };
    assert!(first.restored.iter().all(shares), "{first:?}");
    assert_eq!(first.warnings, Vec::<String>::new());
    let all = &first.ran | &first.restored;
    assert!(all.len() > 5, "{all:?}");

    let b = Runner::comes_up(flavours, config, shared).on(&engine);
    for (step, action) in b.plan() {
        // A copy is made of what is at hand.
        let expected = if step == "source" {
            "create"
        } else {
            "restore"
        };
        assert_eq!(action, expected, "{step}");
    }
    let second = b.apply();
    assert_eq!(second.ran, set(["source"]), "{second:?}");
    let mut others = all.clone();
    others.remove("source");
    assert_eq!(second.restored, others);
    assert_eq!(second.warnings, Vec::<String>::new());
    let until = run(Command::new("date").arg("+%s.%N"));
    let events = engine.docker(&[
        "events",
        "--since",
        "0",
        "--until",
        until.trim(),
        "--format",
        "{{.Type}} {{.Action}}",
    ]);
    // Images were loaded and named; no container was ever made, and so no image was built.
    let events: BTreeSet<_> = events.lines().collect();
    assert!(events.contains("image load"), "{events:?}");
    assert!(
        events.is_subset(&BTreeSet::from(["image load", "image tag"])),
        "{events:?}"
    );
    assert_eq!(engine.docker(&["ps", "--all", "--quiet"]), "");
    assert_eq!(b.built(), a.built());
    let again = finish(&mut b.command(&["plan", "--detailed-exitcode"])).ends_with(0);
    assert!(again.out.starts_with("No changes."), "{}", again.out);

    engine.left_the_network_alone();
    drop(engine);

    a.loses_its_images();
    let c = Runner::comes_up(flavours, config, shared);
    c.site
        .edit("flit_project.py", "Prints which", "Tells which");
    let third = c.apply();
    assert_eq!(third.ran, set(of_a_module.iter().copied()), "{third:?}");
    assert_eq!(
        third.restored,
        &all - &third.ran,
        "what did not run was restored"
    );
    assert_eq!(third.warnings, Vec::<String>::new());
    eprintln!(
        "{what}: A ran {} steps in {:.1} s; B restored {} in {:.1} s; C ran {:?} and restored {} in {:.1} s",
        all.len(),
        first.seconds,
        second.restored.len(),
        second.seconds,
        third.ran,
        third.restored.len(),
        third.seconds
    );
}

#[test]
fn runners_with_empty_disks_share_what_one_built_through_a_registry() {
    let server = Server::registry("");
    let config = "wheels:\n  package: none\n  base_image: base-cpython-debian12\n\
                  deb:\n  base_image: base-cpython-debian12\n";
    // The wheel of the other flavour is the same one.
    let steps = [
        "source",
        "deb.wheel",
        "deb.application",
        "deb.package",
        "deb.check",
    ];
    let shared = [("BUILDER_CACHE", server.repository())];
    three_runners("registry", "wheels:\ndeb:\n", config, &shared, &steps);
}

#[test]
fn runners_with_empty_disks_share_what_one_built_through_an_object_store() {
    let server = Server::object_store();
    let shared = [
        ("BUILDER_CACHE", "s3://cache/ci".to_owned()),
        (
            "AWS_ENDPOINT_URL",
            format!("http://127.0.0.1:{}", server.port),
        ),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
    ];
    let config = "wheels:\n  package: none\n  base_image: base-cpython-debian12\n";
    let steps = ["source", "wheels.wheel"];
    three_runners("object store", "wheels:\n", config, &shared, &steps);
}
