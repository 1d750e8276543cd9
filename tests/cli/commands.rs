//! The commands that change nothing.

use insta::assert_snapshot;

use crate::sandbox::Sandbox;

#[test]
fn a_step_is_explained_before_it_ever_ran() {
    assert_snapshot!(Sandbox::new().run("explain deb.wheel"), @r"
    deb.wheel: build the project's wheel

    now
      + deb.wheel  build the project's wheel

    inputs
      epoch           315532800
      image           not known before deb.image has run
      prepare script  [SHORT]
      procedure       project wheel 1
      source          [SHORT]

    needs deb.image, source

    it has never ended well in [SANDBOX]/workspace
    [exit 0]
    ");
}

#[test]
fn a_step_is_explained_with_what_changed_and_its_last_run() {
    let sandbox = Sandbox::applied();
    sandbox.write(
        "project/.build.yml",
        "deb:\n  build_environment:\n    MODE: fast\n",
    );
    assert_snapshot!(sandbox.run("explain deb.dependencies"), @"
    deb.dependencies: build the wheels of all dependencies

    now
      ~ deb.dependencies  build_environment: now {MODE=fast}

    inputs
      build_environment  {MODE=fast}
      epoch              315532800
      image              [SHORT]
      prepare script     [SHORT]
      procedure          dependency wheels 2
      project name       not known before deb.wheel has run
      requirements       not known before deb.wheel has run

    needs deb.image, deb.wheel

    last run
      [TIME], 0.0s, key [DIGEST]
      left build/wheelhouse/deb/cffi-1-py3-none-any.whl
    [exit 0]
    ");
}

#[test]
fn a_dockerfile_is_explained_with_its_whole_difference() {
    let sandbox = Sandbox::applied();
    let project = "deb:\n  dependencies:\n    build: [libffi-dev]\n";
    sandbox.write("project/.build.yml", project);
    assert_snapshot!(sandbox.run("explain deb.dockerfile"), @r"
    deb.dockerfile: render deb-builder.dockerfile

    now
      ~ deb.dockerfile  dockerfile changed: +4 -0 lines
            + # What the wheels are compiled with and against.
            + RUN $PKG_INSTALL \
            +         libffi-dev
            +
              # Where wheels go, under the names that build scripts and pip look for.

    inputs
      dockerfile  [SHORT]   (was [SHORT])
      path        deb-builder.dockerfile
      key [DIGEST]

    needs nothing

    last run
      [TIME], 0.0s, key [DIGEST]
      left deb-builder.dockerfile
    [exit 0]
    ");
}

#[test]
fn a_flavour_is_explained_step_by_step() {
    let output = Sandbox::applied().run("explain deb");
    let starts = output.lines().filter(|line| line.starts_with("deb."));
    let starts: Vec<_> = starts.collect();
    assert_snapshot!(starts.join("\n"), @r"
    deb.base: probe base-12
    deb.dependencies: build the wheels of all dependencies
    deb.dockerfile: render deb-builder.dockerfile
    deb.image: build image builder/shop:deb
    deb.wheel: build the project's wheel
    ");
}

#[test]
fn the_graph_is_printed_as_dot_without_an_engine_or_a_workspace() {
    let sandbox = Sandbox::new();
    sandbox.write("project/scripts/build.sh", "");
    let project = "deb:\ndeb-trixie:\n  buildscript: scripts/build.sh\n";
    sandbox.write("project/.build.yml", project);
    assert_snapshot!(sandbox.exactly("graph --config config.yml project"), @r#"
    digraph builder {
        rankdir = LR;
        node [shape = box];
        "deb-trixie.base" [label = "deb-trixie.base\nprobe base-13"];
        "deb-trixie.dockerfile" [label = "deb-trixie.dockerfile\nrender deb-trixie-builder.dockerfile"];
        "deb-trixie.image" [label = "deb-trixie.image\nbuild image builder/shop:deb-trixie"];
        "deb.base" [label = "deb.base\nprobe base-12"];
        "deb.dockerfile" [label = "deb.dockerfile\nrender deb-builder.dockerfile"];
        "deb.image" [label = "deb.image\nbuild image builder/shop:deb"];
        "source" [label = "source\ncopy 6 files"];
        "deb-trixie.wheels" [label = "deb-trixie.wheels\nmake all wheels with scripts/build.sh"];
        "deb.wheel" [label = "deb.wheel\nbuild the project's wheel"];
        "deb.dependencies" [label = "deb.dependencies\nbuild the wheels of all dependencies"];
        "deb-trixie.base" -> "deb-trixie.image";
        "deb-trixie.dockerfile" -> "deb-trixie.image";
        "deb-trixie.image" -> "deb-trixie.wheels";
        "deb.base" -> "deb.image";
        "deb.dockerfile" -> "deb.image";
        "deb.image" -> "deb.dependencies";
        "deb.image" -> "deb.wheel";
        "source" -> "deb-trixie.wheels";
        "source" -> "deb.wheel";
        "deb.wheel" -> "deb.dependencies";
    }
    [exit 0]
    "#);
}

#[test]
fn valid_files_are_named_by_their_flavours() {
    let sandbox = Sandbox::new();
    assert_snapshot!(sandbox.exactly("validate --config config.yml project"), @r"
    valid: deb
    [exit 0]
    ");
}

#[test]
fn invalid_files_are_reported_with_every_mistake() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "project/.build.yml",
        "deb:\n  dependencies:\n    build: [a b]\nrpm:\n",
    );
    assert_snapshot!(sandbox.exactly("validate --config config.yml project"), @"
    --- stderr
    builder::config::bad_name

      × `a b` is not the name of a package
       ╭─[project/.build.yml:3:13]
     2 │   dependencies:
     3 │     build: [a b]
       ·             ─┬─
       ·              ╰── a space is not allowed here
     4 │ rpm:
       ╰────
      help: write each package as an entry of its own: `[libffi-dev, libssl-dev]`

    builder::config::unknown_flavour

      × unknown flavour `rpm`
       ╭─[project/.build.yml:4:1]
     3 │     build: [a b]
     4 │ rpm:
       · ─┬─
       ·  ╰── not in config.yml
       ╰────
      help: flavours of config.yml: deb, deb-trixie

    2 mistakes in the configuration
    [exit 3]
    ");
}

#[test]
fn a_schema_is_a_json_document() {
    let sandbox = Sandbox::new();
    for file in ["config", "project"] {
        let output = sandbox.exactly(&format!("schema {file}"));
        let document = output.strip_suffix("[exit 0]").unwrap();
        let schema: serde_json::Value = serde_json::from_str(document).unwrap();
        assert!(schema["$schema"].is_string(), "{file}");
    }
}

#[test]
fn colour_is_for_terminals_and_for_who_asks_for_it() {
    let sandbox = Sandbox::new();
    let colours = |variables: &[(&str, &str)]| {
        let arguments = "plan --engine fake:engine.json --config config.yml project workspace";
        sandbox.with(variables, arguments).contains('\u{1b}')
    };
    assert!(!colours(&[]));
    assert!(!colours(&[("NO_COLOR", "1"), ("TERM", "xterm-256color")]));
    assert!(colours(&[("CLICOLOR_FORCE", "1")]));
}

#[test]
fn help_and_version_go_to_the_standard_output() {
    let sandbox = Sandbox::new();
    assert_snapshot!(sandbox.exactly("--help"), @"
    Builds wheels of a Python project for each flavour it asks for, and only what
    changed

    Usage: builder <COMMAND>
           builder [OPTIONS] --config <CONFIG> <SOURCE>... <WORKSPACE>

    Commands:
      plan      Show what an apply would do, and why
      apply     Carry out what changed, after showing the plan and asking; or a
                saved plan, without asking
      show      Show a saved plan, also one that is stale or was applied; needs no
                engine
      lock      Resolve the dependencies, and write which files they are
      validate  Check both files, without an engine
      explain   Explain a step: its inputs, its last run, and why it would run
      history   List the runs of a workspace: when, what, how long, and what came
                from a cache
      cache     Look after the local cache
      graph     Print the graph of steps in the DOT language
      schema    Print the JSON Schema of a file, or of what builder prints and keeps
      help      Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Without a command, builder applies and does not ask. Its options are then those
    of apply: --build-file, --projects, --docker-host, --cache-dir, --no-cache,
    --no-index, --jobs, --json, --json-into, --verbose.

    Exit status: 0 done or nothing to do, 1 a step failed, 2 there are changes (plan
    --detailed-exitcode), 3 wrong configuration or command line, 4 no engine, 5 a
    saved plan is stale or was applied, 6 the workspace is locked, 130 interrupted.
    [exit 0]
    ");
    assert_snapshot!(sandbox.exactly("--version"), @r"
    builder 0.1.0
    [exit 0]
    ");
}
