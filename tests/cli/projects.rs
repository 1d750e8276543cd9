//! Several projects in one graph: how they are named, planned, applied and selected.

use std::process::Command;

use insta::assert_snapshot;

use crate::sandbox::Sandbox;

/// A repository of three services, of which `mail` is as `shop` is but for its name.
fn repository() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["shop", "mail", "docs"] {
        let place = format!("services/{name}");
        sandbox.write(&format!("{place}/.build.yml"), "deb:\n");
        let project = format!("[project]\nname = \"{name}\"\n");
        sandbox.write(&format!("{place}/pyproject.toml"), &project);
        sandbox.write(&format!("{place}/{name}.py"), "\"\"\"A service.\"\"\"\n");
        sandbox.write(&format!("{place}/requires.txt"), "cffi\n");
    }
    sandbox.write("projects.txt", "# All services.\nservices/*\n");
    sandbox
}

const LISTED: &str =
    "--engine fake:engine.json --config config.yml --projects projects.txt workspace";

fn listed(sandbox: &Sandbox, command: &str) -> String {
    sandbox.exactly(&format!("{command} {LISTED}"))
}

fn applied() -> Sandbox {
    let sandbox = repository();
    let output = listed(&sandbox, "apply --auto-approve");
    assert!(output.ends_with("[exit 0]"), "{output}");
    sandbox
}

fn git(sandbox: &Sandbox, arguments: &str) {
    let output = Command::new("git")
        .args(["-c", "user.name=A", "-c", "user.email=a@example.org"])
        .args(arguments.split_whitespace())
        .current_dir(sandbox.path("."))
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments}: {output:?}");
}

/// The repository, built and committed.
fn committed() -> Sandbox {
    let sandbox = applied();
    sandbox.write(".gitignore", "workspace\nengine.json\n*.lock\n");
    git(&sandbox, "init --quiet --initial-branch main");
    git(&sandbox, "add .");
    git(&sandbox, "commit --quiet --message first");
    sandbox
}

#[test]
fn each_project_has_its_steps_and_its_folder() {
    let sandbox = repository();
    assert_snapshot!(
        sandbox.exactly("plan --engine fake:engine.json --config config.yml services/shop services/mail workspace"),
        @"
      + mail/source            copy 4 files
      + mail/deb.base          probe base-12
      + mail/deb.dockerfile    render deb-builder.dockerfile
      + mail/deb.image         build image builder/mail:deb
      + mail/deb.wheel         build the project's wheel
      + mail/deb.dependencies  build the wheels of all dependencies

      + shop/source            copy 4 files
      < shop/deb.base          same as mail/deb.base
      + shop/deb.dockerfile    render deb-builder.dockerfile
      + shop/deb.image         build image builder/shop:deb
      + shop/deb.wheel         build the project's wheel
      + shop/deb.dependencies  build the wheels of all dependencies

      + runs for the first time   < shares what the same step leaves

    Plan: 11 to run, 1 to restore.
    [exit 0]
    "
    );
    let output = listed(&sandbox, "apply --auto-approve");
    assert!(output.ends_with("[exit 0]"), "{output}");
    for name in ["shop", "mail", "docs"] {
        assert!(sandbox.has(&format!("workspace/{name}/source/{name}.py")));
        assert!(sandbox.has(&format!("workspace/{name}/deb-builder.dockerfile")));
        assert!(sandbox.has(&format!("workspace/.builder/facts/{name}/deb.json")));
        assert!(
            !sandbox
                .list(&format!("workspace/{name}/build/wheelhouse/deb"))
                .is_empty()
        );
    }
    assert_eq!(
        sandbox.list("workspace"),
        [".builder", "docs", "mail", "shop"]
    );
    assert_snapshot!(listed(&sandbox, "plan"), @"
    No changes. 18 steps are up to date.
    All 3 projects are up to date.
    [exit 0]
    ");
}

#[test]
fn a_change_of_one_project_runs_its_steps_alone() {
    let sandbox = applied();
    sandbox.write("services/shop/shop.py", "\"\"\"Another.\"\"\"\n");
    assert_snapshot!(listed(&sandbox, "apply --auto-approve --jobs 1"), @"
      ~ shop/source            1 file changed: shop.py
      ~ shop/deb.wheel         1 file changed: shop.py
      ? shop/deb.dependencies  waits for shop/deb.wheel: skipped without a change in project name or requirements

      ~ runs again   ? runs only if what it waits for changes

    Plan: 2 to run, 1 may run, 15 up to date.
    2 of 3 projects are up to date.
    --- stderr

    shop/source: copy 4 files
    shop/source: done in 0.0s
    shop/deb.wheel: build the project's wheel
    shop/deb.wheel: done in 0.0s
    shop/deb.dependencies: skipped, what it reads stayed the same
    2 ran, 1 skipped in 0.0s
      [SANDBOX]/workspace/shop/build/wheelhouse/deb: 2 wheels
    [exit 0]
    ");
    assert_snapshot!(listed(&sandbox, "plan --format markdown"), @"
    ### No changes. 18 steps are up to date.

    All 3 projects are up to date.
    [exit 0]
    ");
}

#[test]
fn steps_are_named_by_project_by_flavour_and_by_both() {
    let sandbox = applied();
    sandbox.write("services/shop/shop.py", "\"\"\"Another.\"\"\"\n");
    sandbox.write("services/mail/mail.py", "\"\"\"Another.\"\"\"\n");
    let steps = |target: &str| -> Vec<String> {
        let output = listed(
            &sandbox,
            &format!("plan --json --verbose --target {target}"),
        );
        let document = output.rsplit_once('[').unwrap().0;
        let document: serde_json::Value = serde_json::from_str(document).unwrap();
        let changes = document["changes"].as_array().unwrap();
        let name = |change: &serde_json::Value| change["step"].as_str().unwrap().to_owned();
        changes.iter().map(name).collect()
    };
    assert_eq!(steps("shop/deb.base"), ["shop/deb.base"]);
    assert_eq!(steps("shop").len(), 6);
    assert_eq!(steps("shop/deb").len(), 6);
    assert_eq!(steps("deb").len(), 18);
    assert_snapshot!(listed(&sandbox, "plan --target shopp"), @"
    --- stderr
    builder::usage::step

      × there is no step `shopp`
      help: did you mean `shop`? the steps are docs/deb.base, docs/deb.dockerfile, docs/deb.image, docs/source, docs/deb.wheel, docs/deb.dependencies, mail/deb.base, mail/deb.dockerfile, mail/deb.image,
            mail/source, mail/deb.wheel, mail/deb.dependencies, shop/deb.base, shop/deb.dockerfile, shop/deb.image, shop/source, shop/deb.wheel, shop/deb.dependencies
    [exit 3]
    ");
    sandbox.write("projects.txt", "services/*\ndeb=project\n");
    assert_snapshot!(listed(&sandbox, "plan --target deb"), @"
    --- stderr
    builder::usage::step

      × there is no step `deb`
      help: `deb` is a project and a flavour: name the flavour with a project, as in `deb/deb`, or the project by `NAME=PATH` in a file for --projects
    [exit 3]
    ");
}

#[test]
fn projects_that_cannot_go_together_are_refused() {
    let sandbox = repository();
    sandbox.write("other/shop/.build.yml", "deb:\n");
    let plan = "plan --engine fake:engine.json --config config.yml";
    assert_snapshot!(sandbox.exactly(&format!("{plan} services/shop other/shop workspace")), @"
    --- stderr
    builder::usage::projects

      × services/shop and other/shop are both called `shop`, or so much alike that their images would have one name
      help: a project is called as its folder is; give it another name by a line `NAME=PATH` in a file for --projects
    [exit 3]
    ");
    assert_snapshot!(sandbox.exactly(&format!("{plan} services/shop services/mail services")), @"
    --- stderr
    builder::usage::projects

      × the source services/mail lies in [SANDBOX]/services/mail, where what is built of the project `mail` goes
      help: name another folder for the workspace
    [exit 3]
    ");
    sandbox.write("wrong.txt", "a=\nnothing/*\nshop=services/*\n");
    assert_snapshot!(sandbox.exactly(&format!("{plan} --projects wrong.txt workspace")), @"
    --- stderr
    builder::usage::projects

      × wrong.txt:1: no path is written here; wrong.txt:2: `nothing/*` matches no folder with a .build.yml; wrong.txt:3: `services/*` is a pattern, which may match several folders, and `shop` would name
      │ them all
      help: a line is a path or a pattern such as `services/*`, relative to the file's folder, and may begin with `NAME=`; `#` begins a comment
    [exit 3]
    ");
    assert_snapshot!(sandbox.exactly(&format!("{plan} --projects projects.txt services/shop workspace")), @"
    --- stderr
    builder::usage::projects

      × projects are named, and --projects names a file that lists them
      help: the directory of the project, or of each, comes first, and that for everything that is built last: `--config CONFIG SOURCE... WORKSPACE`, or `--config CONFIG --projects FILE WORKSPACE`
    [exit 3]
    ");
    assert_snapshot!(sandbox.exactly("lock --engine fake:engine.json --config config.yml --projects projects.txt workspace"), @"
    --- stderr
    builder::usage::lock

      × builder lock takes one project at a time, and several are named
      help: name one SOURCE and a workspace of its own; its lock files stand beside its .build.yml, where a plan of all projects finds them
    [exit 3]
    ");
}

#[test]
fn the_mistakes_of_all_projects_are_told_at_once() {
    let sandbox = repository();
    sandbox.write("services/shop/.build.yml", "dep:\n");
    sandbox.write("services/mail/.build.yml", "deb:\n  extra: [a]\n");
    assert_snapshot!(listed(&sandbox, "plan"), @"
    --- stderr
    builder::config::unknown_field

      × unknown field `extra`
       ╭─[services/mail/.build.yml:2:3]
     1 │ deb:
     2 │   extra: [a]
       ·   ──┬──
       ·     ╰── did you mean `extras`?
       ╰────
      help: fields here: buildscript, dependencies, extras, pip, build_environment, secrets, package, name, maintainer, section, revision, preinstall, postinstall, preremove, postremove, systemd, files,
            image, test

    builder::config::unknown_flavour

      × unknown flavour `dep`
       ╭─[services/shop/.build.yml:1:1]
     1 │ dep:
       · ─┬─
       ·  ╰── did you mean `deb`?
       ╰────
      help: flavours of config.yml: deb, deb-trixie

    2 mistakes in the configuration
    [exit 3]
    ");
}

#[test]
fn a_workspace_of_one_project_is_not_taken_for_several_nor_the_other_way() {
    let sandbox = repository();
    let one = "--engine fake:engine.json --config config.yml services/shop workspace";
    let output = sandbox.exactly(&format!("apply --auto-approve {one}"));
    assert!(output.ends_with("[exit 0]"), "{output}");
    let before = sandbox.disk();
    assert_snapshot!(listed(&sandbox, "plan"), @"
    --- stderr
    builder::usage::projects

      × the workspace [SANDBOX]/workspace was made for one project, and several are named: it has the step deb.base
      help: name another folder for the workspace; a file for --projects may list one project alone
    [exit 3]
    ");
    let output = listed(&sandbox, "apply --auto-approve");
    assert!(output.ends_with("[exit 3]"), "{output}");
    assert_eq!(before, sandbox.disk());
    let sandbox = applied();
    assert_snapshot!(sandbox.exactly(&format!("plan {one}")), @"
    --- stderr
    builder::usage::projects

      × the workspace [SANDBOX]/workspace was made for several projects, and one is named: it has the step docs/deb.base
      help: name another folder for the workspace; a file for --projects may list one project alone
    [exit 3]
    ");
}

#[test]
fn a_project_that_is_listed_no_more_is_removed_unless_others_are_asked_for() {
    let sandbox = applied();
    sandbox.write("projects.txt", "services/shop\nservices/mail\n");
    assert_snapshot!(listed(&sandbox, "plan --target shop"), @"
    No changes. 6 steps are up to date.
    The project is up to date.
    [exit 0]
    ");
    assert_snapshot!(listed(&sandbox, "apply --auto-approve"), @"
      - docs/source            in no configuration any more
      - docs/deb.base          in no configuration any more: 1 file
      - docs/deb.dependencies  in no configuration any more: 1 file
      - docs/deb.dockerfile    in no configuration any more: 1 file
      - docs/deb.image         in no configuration any more: image builder/docs:deb-[ID]
      - docs/deb.wheel         in no configuration any more: 1 file

      - is removed

    Plan: 6 to remove, 12 up to date.
    2 of 3 projects are up to date.
    --- stderr

    docs/deb.base: removed
    docs/deb.dependencies: removed
    docs/deb.dockerfile: removed
    docs/deb.image: removed
    docs/deb.wheel: removed
    docs/source: removed
    6 removed in 0.0s
    [exit 0]
    ");
    assert!(!sandbox.has("workspace/docs"));
    assert!(sandbox.has("workspace/shop/source/shop.py"));
}

#[test]
fn a_failure_in_one_project_lets_the_others_finish() {
    let sandbox = repository();
    sandbox.engine(|state| {
        state.statuses.insert("docs/deb.wheel".to_owned(), 3);
    });
    let output = listed(&sandbox, "apply --auto-approve --jobs 1");
    assert!(output.contains("error: docs/deb.wheel:"), "{output}");
    assert!(output.contains("mail/deb.dependencies: done"), "{output}");
    assert!(output.ends_with("[exit 1]"), "{output}");
}

#[test]
fn a_saved_plan_holds_all_projects() {
    let sandbox = repository();
    let output = listed(&sandbox, "plan --out plan.json");
    assert!(output.ends_with("[exit 0]"), "{output}");
    assert!(
        sandbox
            .exactly("show plan.json")
            .starts_with("  + docs/source")
    );
    sandbox.write("services/shop/shop.py", "\"\"\"Another.\"\"\"\n");
    let apply = "apply plan.json --engine fake:engine.json --jobs 1";
    assert_snapshot!(sandbox.exactly(apply), @"
    --- stderr
    moved: shop/source, shop/deb.wheel: source: [SHORT] → [SHORT] (1 file changed: shop.py)
    builder::plan::stale

      × the plan plan.json is stale, and nothing was run: an input moved
      help: look at what moved, and plan again
    [exit 5]
    ");
    assert_snapshot!(sandbox.exactly("show plan.json"), @"
      + docs/source            copy 4 files
      + docs/deb.base          probe base-12
      + docs/deb.dockerfile    render deb-builder.dockerfile
      + docs/deb.image         build image builder/docs:deb
      + docs/deb.wheel         build the project's wheel
      + docs/deb.dependencies  build the wheels of all dependencies

      + mail/source            copy 4 files
      < mail/deb.base          same as docs/deb.base
      + mail/deb.dockerfile    render deb-builder.dockerfile
      + mail/deb.image         build image builder/mail:deb
      + mail/deb.wheel         build the project's wheel
      + mail/deb.dependencies  build the wheels of all dependencies

      + shop/source            copy 4 files
      < shop/deb.base          same as docs/deb.base
      + shop/deb.dockerfile    render deb-builder.dockerfile
      + shop/deb.image         build image builder/shop:deb
      + shop/deb.wheel         build the project's wheel
      + shop/deb.dependencies  build the wheels of all dependencies

      + runs for the first time   < shares what the same step leaves

    Plan: 16 to run, 2 to restore.
    --- stderr
    warning: this plan is stale: shop/source: [SHORT] → [SHORT] (1 file changed: shop.py)
    [exit 0]
    ");
    sandbox.write("services/shop/shop.py", "\"\"\"A service.\"\"\"\n");
    let output = sandbox.exactly(apply);
    assert!(output.ends_with("[exit 0]"), "{output}");
    assert!(sandbox.has("workspace/shop/source/shop.py"));
}

#[test]
fn explain_graph_and_validate_know_all_projects() {
    let sandbox = applied();
    let output = listed(&sandbox, "explain mail/deb.image");
    assert!(
        output.contains("needs mail/deb.base, mail/deb.dockerfile"),
        "{output}"
    );
    let files = "--config config.yml --projects projects.txt";
    assert_snapshot!(sandbox.exactly(&format!("validate {files}")), @"
    valid: docs/deb, mail/deb, shop/deb
    [exit 0]
    ");
    let graph = sandbox.exactly(&format!("graph {files}"));
    assert!(
        graph.contains("\"shop/source\" -> \"shop/deb.wheel\""),
        "{graph}"
    );
    assert!(
        !graph.contains("\"shop/source\" -> \"mail/deb.wheel\""),
        "{graph}"
    );
}

#[test]
fn only_projects_that_a_range_touches_are_planned() {
    let sandbox = committed();
    assert_snapshot!(listed(&sandbox, "plan --changed-since main"), @"
    No changes. There is nothing to do.
    3 projects were left out: nothing of them changed since main.
    [exit 0]
    ");
    sandbox.write("services/shop/shop.py", "\"\"\"Another.\"\"\"\n");
    assert_snapshot!(listed(&sandbox, "plan --changed-since main"), @"
      ~ shop/source            1 file changed: shop.py
      ~ shop/deb.wheel         1 file changed: shop.py
      ? shop/deb.dependencies  waits for shop/deb.wheel: skipped without a change in project name or requirements

      ~ runs again   ? runs only if what it waits for changes

    Plan: 2 to run, 1 may run, 3 up to date.
    2 projects were left out: nothing of them changed since main.
    [exit 0]
    ");
    // A project that is listed no more is left alone, for it was not asked for.
    sandbox.write("services/mail/new.py", "");
    sandbox.write("list.txt", "services/shop\nservices/mail\n");
    git(&sandbox, "add list.txt");
    git(&sandbox, "commit --quiet --message second");
    let other = LISTED.replace("projects.txt", "list.txt");
    let output = sandbox.exactly(&format!("plan --changed-since HEAD {other}"));
    assert!(!output.contains("docs/"), "{output}");
    assert!(output.contains("mail/source"), "{output}");
    // What was committed counts from where the branches parted.
    git(&sandbox, "checkout --quiet -b feature");
    git(&sandbox, "add services");
    git(&sandbox, "commit --quiet --message third");
    let output = listed(&sandbox, "plan --changed-since main --detailed-exitcode");
    assert!(output.contains("1 project was left out"), "{output}");
    assert!(output.ends_with("[exit 2]"), "{output}");
}

#[test]
fn the_files_that_projects_share_touch_those_that_use_them() {
    let sandbox = committed();
    sandbox.write(
        "config.yml",
        &(sandbox.read("config.yml") + "# A comment.\n"),
    );
    let output = listed(&sandbox, "plan --changed-since main");
    assert!(output.contains("No project was left out"), "{output}");
    sandbox.write("constraints.txt", "cffi==1\n");
    let config = "deb:\n  package: none\n  base_image: base-12\ndeb-trixie:\n  package: none\n  base_image: base-13\n  pip: {constraints: [constraints.txt]}\n";
    sandbox.write("config.yml", config);
    sandbox.write("services/mail/.build.yml", "deb-trixie:\n");
    git(&sandbox, "add .");
    git(&sandbox, "commit --quiet --message constraints");
    sandbox.write("constraints.txt", "cffi==2\n");
    let output = listed(&sandbox, "plan --changed-since HEAD");
    assert!(
        output.contains("+ mail/deb-trixie.dependencies"),
        "{output}"
    );
    assert!(output.contains("2 projects were left out"), "{output}");
}

#[test]
fn a_range_that_git_cannot_tell_is_refused() {
    let sandbox = repository();
    assert_snapshot!(listed(&sandbox, "plan --changed-since main"), @"
    --- stderr
    builder::scm::no_repository

      × `services/docs` is in no git repository
      help: --changed-since asks git what changed: leave it out, or run it in a clone
    [exit 3]
    ");
    let sandbox = committed();
    assert_snapshot!(listed(&sandbox, "plan --changed-since v1"), @"
    --- stderr
    builder::scm::revision

      × `v1` is no revision that `HEAD` has a common history with in `[SANDBOX]`
      help: name a commit, a tag or a branch that is there, such as origin/main: `git fetch` brings it
    [exit 3]
    ");
    assert_snapshot!(listed(&sandbox, "plan --changed-since=--output=x"), @"
    --- stderr
    builder::scm::revision

      × `--output=x` is no revision that `HEAD` has a common history with in `[SANDBOX]`
      help: name a commit, a tag or a branch that is there, such as origin/main: `git fetch` brings it
    [exit 3]
    ");
    git(&sandbox, "commit --quiet --allow-empty --message second");
    let from = format!("file://{}", sandbox.path(".").display());
    git(&sandbox, &format!("clone --quiet --depth 1 {from} clone"));
    let plan =
        "plan --engine fake:engine.json --config clone/config.yml --projects clone/projects.txt ws";
    assert_snapshot!(sandbox.exactly(&format!("{plan} --changed-since HEAD~1")), @"
    --- stderr
    builder::scm::revision

      × `HEAD~1` is no revision that `HEAD` has a common history with in `[SANDBOX]/clone`
      help: the clone is shallow: `git fetch --deepen=100`, or `git fetch --unshallow` brings more of its history
    [exit 3]
    ");
}

#[test]
fn one_project_may_be_left_out_too() {
    let sandbox = committed();
    let one = "--engine fake:engine.json --config config.yml project ws";
    assert_snapshot!(sandbox.exactly(&format!("plan --changed-since main {one}")), @"
    No changes. There is nothing to do.
    The project was left out: nothing of it changed since main.
    [exit 0]
    ");
    let output = sandbox.exactly(&format!("apply --auto-approve --changed-since main {one}"));
    assert!(output.ends_with("[exit 0]"), "{output}");
    sandbox.write("project/shop.py", "");
    let output = sandbox.exactly(&format!("plan --changed-since main {one}"));
    assert!(output.contains("+ source"), "{output}");
}

#[test]
fn equal_steps_of_projects_run_once() {
    let sandbox = repository();
    let output = listed(&sandbox, "apply --auto-approve --jobs 3");
    assert!(output.ends_with("[exit 0]"), "{output}");
    let mut calls = Vec::new();
    sandbox.engine(|state| calls.clone_from(&state.calls));
    let count = |word: &str| calls.iter().filter(|call| call.starts_with(word)).count();
    assert_eq!(count("build "), 1, "{calls:?}");
    // One probe, each project's own wheel, and once the wheels of the same requirements, which are
    // resolved and then brought by pip, since this index is in the containers alone.
    assert_eq!(count("run "), 6, "{calls:?}");
    let facts = |name: &str| sandbox.read(&format!("workspace/.builder/facts/{name}/deb.json"));
    assert_eq!(facts("docs"), facts("shop"));
    // What is shared stays while one of those who share it is left.
    sandbox.write("projects.txt", "services/shop\nservices/mail\n");
    let output = listed(&sandbox, "apply --auto-approve");
    assert!(output.ends_with("[exit 0]"), "{output}");
    sandbox.engine(|state| {
        let names: Vec<_> = state
            .names
            .keys()
            .filter(|name| name.starts_with("builder/"))
            .collect();
        assert_eq!(names.len(), 2, "{names:?}");
    });
    assert!(listed(&sandbox, "plan").contains("No changes."));
}

#[test]
fn a_failure_of_a_shared_step_is_one_of_each_that_shares_it() {
    let sandbox = repository();
    sandbox.engine(|state| {
        state.statuses.insert("docs/deb.base".to_owned(), 3);
    });
    let output = listed(&sandbox, "apply --auto-approve --jobs 1");
    assert!(output.contains("error: docs/deb.base:"), "{output}");
    assert!(output.contains("mail/deb.base: done"), "{output}");
    assert!(
        output.contains("shop/deb.dependencies: restored from mail/deb.dependencies"),
        "{output}"
    );
    assert!(output.ends_with("[exit 1]"), "{output}");
}
