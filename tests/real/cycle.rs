//! Apply, edit, plan, apply: what runs again, what does not, and what the plan says of it.

use std::fs::{self, File};
use std::process::Command;
use std::time::SystemTime;

use crate::site::{BASE, Site, docker, image, run};

/// Expects a line of a plan, and returns the plan.
fn plan_says(site: &Site, lines: &[&str]) -> String {
    let plan = site.plan();
    for line in lines {
        assert!(
            plan.lines().any(|shown| shown.trim_start() == *line),
            "no `{line}` in\n{plan}"
        );
    }
    plan
}

fn now() -> String {
    run(Command::new("date").arg("+%s.%N")).trim().to_owned()
}

/// Tells whether the engine made a container for the workspace since then.
fn made_containers(site: &Site, since: &str) -> bool {
    let label = site.label().expect("the workspace has a manifest");
    let filters = ["--filter", "event=create", "--filter", &label];
    let events = [
        "events",
        "--since",
        since,
        "--until",
        &now(),
        "--filter",
        "type=container",
    ];
    !docker(&[&events[..], &filters].concat()).is_empty()
}

#[test]
fn only_what_a_change_reaches_runs_again() {
    let mut site = Site::with("my_project");
    let base = format!("builder-test-moving-{}", std::process::id());
    docker(&["tag", BASE, &base]);
    site.owns(&base);
    let site = site.config(&format!("deb:\n  package: none\n  base_image: {base}\n"));
    let begun = now();
    site.built();
    assert!(made_containers(&site, &begun));

    // Nothing changed.
    let later = now();
    site.is_done();
    let ended = site.built();
    assert!(ended.out.starts_with("No changes."), "{}", ended.out);
    assert!(
        !made_containers(&site, &later),
        "a plan without changes runs nothing"
    );

    // Every file was touched, and no byte changed.
    for path in run(Command::new("find").arg(site.source()).args(["-type", "f"])).lines() {
        let file = File::options().append(true).open(path).expect("it opens");
        file.set_modified(SystemTime::now())
            .expect("its time is set");
    }
    site.is_done();

    // A docstring.
    let wheel = site.wheel("my_project-1!1.0+local.1-py3-none-any.whl");
    let before = fs::read(&wheel).expect("the wheel is there");
    site.edit("src/my_project/__init__.py", "Has a name", "Bears a name");
    plan_says(
        &site,
        &[
            "~ source            1 file changed: src/my_project/__init__.py",
            "~ deb.wheel         1 file changed: src/my_project/__init__.py",
            "? deb.dependencies  waits for deb.wheel: skipped without a change in project name or requirements",
        ],
    );
    let ended = site.built();
    assert_eq!(ended.ran(), ["source", "deb.wheel"], "{}", ended.err);
    let ended = ended.says("deb.dependencies: skipped, what it reads stayed the same");
    assert!(!ended.err.contains("same bytes"), "{}", ended.err);
    let after = fs::read(&wheel).expect("the wheel is there");
    assert_ne!(before, after);

    // A test, which is in no wheel.
    site.write("tests/test_name.py", "def test_name():\n    assert True\n");
    plan_says(
        &site,
        &["~ source            1 file added: tests/test_name.py"],
    );
    let ended = site.built();
    assert_eq!(ended.ran(), ["source", "deb.wheel"], "{}", ended.err);
    let wheels = ended
        .err
        .lines()
        .find(|line| line.starts_with("deb.wheel: done"));
    assert!(
        wheels.is_some_and(|line| line.ends_with(", same bytes as before")),
        "{}",
        ended.err
    );
    assert_eq!(fs::read(&wheel).expect("the wheel is there"), after);

    // A build dependency: one that is installed, so that nothing has to be fetched.
    site.write(
        ".build.yml",
        "deb:\n  dependencies:\n    build: [ca-certificates]\n",
    );
    plan_says(
        &site,
        &[
            "~ deb.dockerfile    dockerfile changed: +4 -0 lines",
            "+ RUN $PKG_INSTALL \\",
            "+         ca-certificates",
            "~ deb.image         dockerfile changed",
            "~ deb.wheel         image is made from other inputs",
            "~ deb.dependencies  image is made from other inputs",
        ],
    );
    let ended = site.built();
    assert_eq!(
        ended.ran(),
        [
            "deb.dockerfile",
            "source",
            "deb.image",
            "deb.wheel",
            "deb.dependencies"
        ],
        "{}",
        ended.err
    );
    assert_eq!(
        site.images().len(),
        1,
        "the image that it takes the place of is gone"
    );
    site.is_done();
}

#[test]
fn what_is_gone_or_altered_or_moved_is_seen() {
    let mut site = Site::with("flit");
    let base = format!("builder-test-moved-{}", std::process::id());
    docker(&["tag", BASE, &base]);
    site.owns(&base);
    let other = image(
        &mut site,
        "other",
        &format!("FROM {BASE}\nENV OTHER=1\n"),
        &[],
    );
    let site = site.config(&format!("deb:\n  package: none\n  base_image: {base}\n"));
    site.built();
    let label = site.label().expect("the workspace has a manifest");
    let format = "{{.Repository}}:{{.Tag}}";
    let name = docker(&["images", "--filter", &label, "--format", format]);
    let name = name.trim();

    // Two wheels and the image: each is missed by itself, and an apply brings them back.
    fs::remove_file(site.wheel("six-1.17.0-py2.py3-none-any.whl")).expect("the wheel is there");
    fs::write(site.wheel("flit_project-0.4.0-py3-none-any.whl"), "mine").expect("written");
    docker(&["rmi", name]);
    plan_says(
        &site,
        &[
            &format!("~ deb.image         image was pruned: {name}"),
            "~ deb.wheel         altered on disk: build/wheelhouse/deb/flit_project-0.4.0-py3-none-any.whl",
            "~ deb.dependencies  missing: build/wheelhouse/deb/six-1.17.0-py2.py3-none-any.whl",
        ],
    );
    let ended = site.built();
    assert_eq!(
        ended.ran(),
        ["deb.image", "deb.wheel", "deb.dependencies"],
        "{}",
        ended.err
    );
    site.is_done();

    // The base image's name leads to another image.
    let id = |name: &str| {
        let id = docker(&["image", "inspect", "--format", "{{.Id}}", name]);
        id.trim().trim_start_matches("sha256:")[..12].to_owned()
    };
    let (old, new) = (id(&base), id(&other));
    docker(&["tag", &other, &base]);
    plan_says(
        &site,
        &[&format!("~ deb.base          base image: {old} → {new}")],
    );
    let ended = site.built();
    assert_eq!(
        ended.ran(),
        ["deb.base", "deb.image", "deb.wheel", "deb.dependencies"],
        "{}",
        ended.err
    );
    site.is_done();
}
