//! What is wrong on the command line or in what it names: one error, one thing to do, status 3.

use insta::assert_snapshot;

use crate::sandbox::Sandbox;

#[test]
fn a_mistyped_command_is_answered_with_the_nearest() {
    assert_snapshot!(Sandbox::new().run("aply"), @"
    --- stderr
    error: unrecognized subcommand 'aply'

      tip: a similar subcommand exists: 'apply'

    Usage: builder <COMMAND>
           builder [OPTIONS] --config <CONFIG> <SOURCE>... <WORKSPACE>

    For more information, try '--help'.
    [exit 3]
    ");
}

#[test]
fn a_command_without_its_arguments_says_which() {
    assert_snapshot!(Sandbox::new().exactly("plan project"), @"
    --- stderr
    error: the following required arguments were not provided:
      --config <CONFIG>

    Usage: builder plan [OPTIONS] --config <CONFIG> <SOURCE>... <WORKSPACE>
           builder plan [OPTIONS] --config <CONFIG> --projects <FILE> <WORKSPACE>

    For more information, try '--help'.
    [exit 3]
    ");
    assert_snapshot!(Sandbox::new().exactly("project/ workspace"), @"
    --- stderr
    error: the following required arguments were not provided:
      --config <CONFIG>

    Usage: builder --config <CONFIG> --no-cache <SOURCE|WORKSPACE>...

    For more information, try '--help'.
    [exit 3]
    ");
}

#[test]
fn no_jobs_at_all_is_refused() {
    assert_snapshot!(Sandbox::new().run("apply --jobs 0"), @r"
    --- stderr
    error: invalid value '0' for '--jobs <N>': at least one step has to run at a time

    For more information, try '--help'.
    [exit 3]
    ");
}

#[test]
fn a_missing_configuration_is_named() {
    let sandbox = Sandbox::new();
    sandbox.remove("config.yml");
    assert_snapshot!(sandbox.run("plan"), @r"
    --- stderr
    builder::usage::unreadable

      × could not read config.yml: No such file or directory (os error 2)
      help: --config names the operator's file, which defines the flavours
    [exit 3]
    ");
}

#[test]
fn a_missing_build_file_is_named() {
    let sandbox = Sandbox::new();
    sandbox.remove("project/.build.yml");
    assert_snapshot!(sandbox.run("plan"), @r"
    --- stderr
    builder::usage::unreadable

      × could not read project/.build.yml: No such file or directory (os error 2)
      help: a project names the flavours that it wants there; `deb:` alone is a whole file
    [exit 3]
    ");
}

#[test]
fn a_missing_source_is_named() {
    let sandbox = Sandbox::new();
    assert_snapshot!(sandbox.exactly("plan --engine fake:e --config config.yml nothing workspace"), @r"
    --- stderr
    builder::source::missing

      × the source nothing does not exist
      help: SOURCE is the directory that holds the project's setup.py or pyproject.toml
    [exit 3]
    ");
}

#[test]
fn a_source_in_what_builder_overwrites_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("workspace/source/.build.yml", "deb:\n");
    assert_snapshot!(sandbox.exactly("plan --engine fake:e --config config.yml workspace/source workspace"), @r"
    --- stderr
    builder::source::inside_workspace

      × the source workspace/source lies in [SANDBOX]/workspace/source, which builder overwrites
      help: build from the project's own directory, or choose another workspace
    [exit 3]
    ");
}

#[test]
fn a_workspace_that_is_the_source_is_refused() {
    let sandbox = Sandbox::new();
    assert_snapshot!(sandbox.exactly("apply --auto-approve --engine fake:e --config config.yml project project"), @r"
    --- stderr
    builder::source::same_directory

      × the workspace is the source directory itself: [SANDBOX]/project
      help: give the workspace a directory of its own; it is made when it does not exist
    [exit 3]
    ");
}

#[test]
fn an_include_that_the_source_has_not_got_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write("project/limits.txt", "-c more.txt\n");
    sandbox.write(
        "project/.build.yml",
        "deb:\n  pip:\n    constraints: [limits.txt]\n",
    );
    assert_snapshot!(sandbox.run("plan"), @r"
    --- stderr
    builder::usage::include

      × limits.txt includes more.txt, which the source does not have
      help: what a requirements or constraints file includes has to be part of the source, and not be ignored
    [exit 3]
    ");
}

#[test]
fn a_template_that_cannot_be_rendered_is_shown_where() {
    let sandbox = Sandbox::new();
    sandbox.write("mine.j2", "FROM {{ base_imag }}\n");
    let config = "deb:\n  base_image: base-12\n  dockerfile_template: mine.j2\n";
    sandbox.write("config.yml", config);
    assert_snapshot!(sandbox.run("plan"), @r"
    --- stderr
    builder::template

      × the dockerfile template of flavour `deb` cannot be rendered: `base_imag` is undefined
       ╭─[mine.j2:1:9]
     1 │ FROM {{ base_imag }}
       ·         ────┬────
       ·             ╰── here
       ╰────
      help: a template may name flavour, base_image, build_dependencies and ca_variables, and the filter `sh`
    [exit 3]
    ");
}

#[test]
fn an_engine_that_is_not_there_has_a_status_of_its_own() {
    let sandbox = Sandbox::new();
    assert_snapshot!(sandbox.exactly("plan --docker-host unix:///nowhere/docker.sock --config config.yml project workspace"), @r"
    --- stderr
    builder::engine::unreachable

      × the container engine at unix:///nowhere/docker.sock cannot be reached: there is no such socket
      help: start the engine, for example with `systemctl start docker`, or name another with --docker-host
    [exit 4]
    ");
}
