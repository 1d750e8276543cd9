//! What programs, reviewers and the logs of a CI are told.

use insta::assert_snapshot;
use serde_json::Value;

use crate::sandbox::Sandbox;

const PLACES: &str = "--engine fake:engine.json --config config.yml project workspace";
const GITHUB: [(&str, &str); 2] = [
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_STEP_SUMMARY", "summary.md"),
];

/// The objects of a stream.
fn stream(text: &str) -> Vec<Value> {
    text.lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn names(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect()
}

#[test]
fn an_apply_as_json_opens_with_its_format_then_plans_runs_and_ends() {
    let sandbox = Sandbox::new();
    let output = sandbox.run("apply --auto-approve --jobs 1 --json");
    assert!(!output.contains("--- stderr"), "{output}");
    let events = stream(&output);
    assert_eq!(events[0]["format"], "builder-events");
    assert_eq!(events[0]["version"], 1);
    assert_eq!(names(&events)[..3], ["opened", "plan", "started"]);
    assert_eq!(events[1]["plan"]["format"], "builder-plan");
    let count = |name| {
        names(&events)
            .iter()
            .filter(|other| **other == name)
            .count()
    };
    assert_eq!((count("step-started"), count("step-done")), (6, 6));
    assert_eq!(names(&events)[events.len() - 2..], ["finished", "ended"]);
    assert_eq!(events[events.len() - 1]["status"], 0);
    for event in &events {
        assert_eq!(event["run"], events[0]["run"]);
        humantime::parse_rfc3339(event["time"].as_str().unwrap()).unwrap();
    }
    let logs = sandbox.list("workspace/.builder/logs");
    assert_eq!(logs, [events[0]["run"].as_str().unwrap()]);
}

#[test]
fn a_stream_tells_how_a_command_ended_that_ended_badly() {
    let sandbox = Sandbox::new();
    let end = |output: String| stream(&output).pop().unwrap();
    let events = stream(&sandbox.run("apply --json"));
    assert_eq!(names(&events), ["opened", "plan", "ended"]);
    assert_eq!(events[2]["status"], 3);
    sandbox.run("plan --out plan.json");
    sandbox.write("project/new.py", "");
    let ended = end(sandbox.exactly("apply plan.json --json --engine fake:engine.json"));
    assert_eq!(ended["status"], 5);
    let moved = ended["error"]["details"][0].as_str().unwrap();
    assert!(moved.ends_with("(1 file added: new.py)"), "{moved}");
    sandbox.write("project/.build.yml", "deb:\n  colour: red\n");
    let ended = end(sandbox.run("apply --json --auto-approve"));
    assert_eq!(ended["status"], 3);
    let mistake = ended["error"]["details"][0].as_str().unwrap();
    assert!(mistake.starts_with("project/.build.yml:2:3: "), "{mistake}");
}

#[test]
fn people_and_programs_are_told_in_the_same_run() {
    let sandbox = Sandbox::new();
    let plain = sandbox.run("plan");
    let output = sandbox.run("plan --json-into plan.json");
    assert_eq!(output, plain);
    let output = sandbox
        .exactly("apply plan.json --jobs 1 --json-into events.json --engine fake:engine.json");
    assert!(
        output.starts_with(plain.split_once("[exit").unwrap().0),
        "{output}"
    );
    assert!(output.contains("6 ran in"), "{output}");
    let events = stream(&sandbox.read("events.json"));
    assert_eq!(names(&events)[..2], ["opened", "plan"]);
    // The document is the same in whatever way it comes.
    let saved: Value = serde_json::from_str(&sandbox.read("plan.json")).unwrap();
    assert_eq!(events[1]["plan"], saved);
    let inside = sandbox.run("apply --auto-approve --json-into project/events.json");
    assert!(
        inside.contains("it would be part of the source"),
        "{inside}"
    );
}

#[test]
fn a_plan_as_markdown_is_a_table_with_folds() {
    let sandbox = Sandbox::applied();
    sandbox.write(
        "project/.build.yml",
        "deb:\n  dependencies:\n    build: [libffi-dev]\n",
    );
    assert_snapshot!(sandbox.run("plan --format markdown"), @"
    ### Plan: 5 to run, 1 up to date.

    | | step | action | why |
    |---|---|---|---|
    | <code>&#126;</code> | <code>source</code> | run | <code>1 file changed&#58; .build.yml</code> |
    | <code>&#126;</code> | <code>deb.dockerfile</code> | run | <code>dockerfile changed&#58; +4 -0 lines</code> |
    | <code>&#126;</code> | <code>deb.image</code> | run | <code>dockerfile changed</code> |
    | <code>&#126;</code> | <code>deb.wheel</code> | run | <code>image is made from other inputs</code> |
    | <code>&#126;</code> | <code>deb.dependencies</code> | run | <code>image is made from other inputs</code> |

    <details><summary><code>deb.dockerfile</code></summary>

    <pre>
    dockerfile changed&#58; +4 -0 lines
    + &#35; What the wheels are compiled with and against.
    + RUN &#36;PKG&#95;INSTALL &#92;
    +         libffi-dev
    + 
      &#35; Where wheels go, under the names that build scripts and pip look for.
    </pre>

    </details>

    <details><summary><code>deb.wheel</code></summary>

    <pre>
    image is made from other inputs
    1 file changed&#58; .build.yml
    </pre>

    </details>
    [exit 0]
    ");
    sandbox.run("plan --out plan.json");
    assert_eq!(
        sandbox.exactly("show plan.json --format markdown"),
        sandbox.run("plan --format markdown")
    );
}

#[test]
fn no_name_of_a_file_breaks_out_of_a_comment() {
    let sandbox = Sandbox::applied();
    sandbox.write("project/a|b`</code></details>@everyone [x](y).py", "");
    let output = sandbox.run("plan --format markdown");
    assert!(output.contains("a&#124;b&#96;&#60;"), "{output}");
    for mark in ["</details>", "@everyone", "[x]", "a|b"] {
        assert!(!output.contains(mark), "{mark}: {output}");
    }
}

#[test]
fn a_run_that_has_to_be_a_no_op_fails_with_the_reasons() {
    let sandbox = Sandbox::applied();
    assert!(
        sandbox
            .run("plan --assert-no-changes")
            .ends_with("[exit 0]")
    );
    assert!(
        sandbox
            .run("apply --assert-no-changes")
            .ends_with("[exit 0]")
    );
    sandbox.write("project/shop.py", "\"\"\"A good shop.\"\"\"\n");
    let disk = sandbox.disk();
    let applied = sandbox.run("apply --assert-no-changes");
    assert_snapshot!(applied, @"
      ~ source            1 file changed: shop.py
      ~ deb.wheel         1 file changed: shop.py
      ? deb.dependencies  waits for deb.wheel: skipped without a change in project name or requirements

      ~ runs again   ? runs only if what it waits for changes

    Plan: 2 to run, 1 may run, 3 up to date.
    --- stderr
    changes: source: 1 file changed: shop.py
    changes: deb.wheel: 1 file changed: shop.py
    changes: deb.dependencies: waits for deb.wheel: skipped without a change in project name or requirements
    builder::plan::changes

      × there are changes, and --assert-no-changes allows none
      help: the plan says why each step is in it; nothing was run
    [exit 1]
    ");
    assert!(sandbox.disk() == disk);
    assert_eq!(sandbox.run("plan --assert-no-changes"), applied);
    sandbox.run("plan --out plan.json");
    let disk = sandbox.disk();
    let saved = "apply plan.json --assert-no-changes --engine fake:engine.json";
    assert_eq!(sandbox.exactly(saved), applied);
    assert!(sandbox.disk() == disk);
}

#[test]
fn github_gets_folds_an_annotation_and_a_summary() {
    let sandbox = Sandbox::new();
    sandbox.engine(|state| {
        state.statuses.insert("deb.wheel".to_owned(), 3);
    });
    let output = sandbox.with(&GITHUB, &format!("apply --auto-approve --jobs 1 {PLACES}"));
    let (_, run) = output.split_once("--- stderr\n").unwrap();
    assert_snapshot!(run, @"
    deb.base: probe base-12
    deb.base: done in 0.0s
    deb.dockerfile: render deb-builder.dockerfile
    deb.dockerfile: done in 0.0s
    deb.image: build image builder/shop:deb
    deb.image: done in 0.0s
    source: copy 5 files
    source: done in 0.0s
    deb.wheel: build the project's wheel
    ::group::deb.wheel: what it said until it failed
    | $ python -m pip wheel --no-cache-dir --use-pep517 --no-deps /source
    | the test wants it so
    ::endgroup::
    error: deb.wheel: `python -m pip wheel --no-cache-dir --use-pep517 --no-deps /source` ended with status 3
      | $ python -m pip wheel --no-cache-dir --use-pep517 --no-deps /source
      | the test wants it so
      whole log: [SANDBOX]/workspace/.builder/logs/[RUN]/deb.wheel.log
      again, with what it says: add --target deb.wheel --verbose
    ::error title=deb.wheel failed::`python -m pip wheel --no-cache-dir --use-pep517 --no-deps /source` ended with status 3%0A$ python -m pip wheel --no-cache-dir --use-pep517 --no-deps /source%0Athe test wants it so
    deb.dependencies: not run, it needs deb.wheel
    4 ran, 1 failed, 1 not run in 0.0s
    [exit 1]
    ");
    assert_eq!(sandbox.read("summary.md") + "[exit 0]", {
        std::fs::remove_dir_all(sandbox.path("workspace")).unwrap();
        sandbox
            .run("plan --format markdown")
            .replace("[exit", "\n[exit")
    });
}

#[test]
fn github_is_pointed_at_the_line_of_a_mistake() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "project/.build.yml",
        "deb:\n  colour: red\n  extras: [a b]\n",
    );
    let root = sandbox.path("project").display().to_string();
    let variables = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_WORKSPACE", root.as_str()),
    ];
    let output = sandbox.with(&variables, &format!("plan {PLACES}"));
    let commands: Vec<_> = output
        .lines()
        .filter(|line| line.starts_with("::"))
        .collect();
    assert_snapshot!(commands.join("\n"), @"
    ::error file=.build.yml,line=2,col=3,title=builder%3A a mistake in the configuration::unknown field `colour`%0Afields here: buildscript, dependencies, extras, pip, build_environment, secrets, package, name, maintainer, section, revision, preinstall, postinstall, preremove, postremove, systemd, files, image, test
    ::error file=.build.yml,line=3,col=12,title=builder%3A a mistake in the configuration::`a b` is not the name of an extra%0Awrite the name alone, without brackets: `[dev, postgres]`
    ");
    let output = sandbox.with(&GITHUB, "apply nothing.json");
    let commands: Vec<_> = output
        .lines()
        .filter(|line| line.starts_with("::"))
        .collect();
    assert_snapshot!(commands.join("\n"), @"::error title=builder::could not read nothing.json: No such file or directory (os error 2)%0A`builder apply PLAN` takes a file that `builder plan --out PLAN` wrote; a project is applied with `builder apply --config CONFIG SOURCE WORKSPACE`");
}

#[test]
fn what_a_project_says_is_no_command_to_github() {
    let sandbox = Sandbox::applied();
    sandbox.write("project/##[error]x.py", "");
    for (command, shown) in [
        ("plan", "1 file added: # #[error]x.py"),
        ("plan --json", "1 file added: #\\u0023[error]x.py"),
        ("plan --format markdown", "&#35;&#35;&#91;error&#93;x.py"),
        (
            "apply --auto-approve --json",
            "1 file added: #\\u0023[error]x.py",
        ),
    ] {
        let output = sandbox.with(&GITHUB, &format!("{command} {PLACES}"));
        assert!(output.contains(shown), "{command}: {output}");
        assert!(!output.contains("##["), "{command}: {output}");
    }
}

#[test]
fn gitlab_gets_a_collapsed_section_a_step() {
    let sandbox = Sandbox::applied();
    let variables = [("GITLAB_CI", "true"), ("CI", "true")];
    let arguments =
        format!("apply --auto-approve --verbose --replace deb.wheel --target deb.wheel {PLACES}");
    let output = sandbox.with(&variables, &arguments);
    let (_, run) = output.split_once("--- stderr\n").unwrap();
    let run = run.replace('\u{1b}', "ESC").replace('\r', "CR");
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r":\d{10}:", ":[SECONDS]:");
    settings.bind(|| assert_snapshot!(run, @"
    deb.wheel: build the project's wheel
    ESC[0Ksection_start:[SECONDS]:builder.deb.wheel[collapsed=true]CRESC[0Kdeb.wheel: what it said in 0.0s
    | $ python -m pip wheel --no-cache-dir --use-pep517 --no-deps /source
    | fake-project 1.0
    ESC[0Ksection_end:[SECONDS]:builder.deb.wheelCRESC[0K
    deb.wheel: done in 0.0s, same bytes as before
    1 ran in 0.0s
      [SANDBOX]/workspace/build/wheelhouse/deb: 2 wheels
    [exit 0]
    "));
}
