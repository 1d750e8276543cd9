//! What a plan says after each kind of change: one line with the reason, and what follows from it.

use insta::assert_snapshot;
use serde_json::Value;

use crate::sandbox::Sandbox;

#[test]
fn the_first_plan_creates_everything_and_makes_nothing() {
    let sandbox = Sandbox::new();
    assert_snapshot!(sandbox.run("plan"), @"
      + source            copy 5 files
      + deb.base          probe base-12
      + deb.dockerfile    render deb-builder.dockerfile
      + deb.image         build image builder/shop:deb
      + deb.wheel         build the project's wheel
      + deb.dependencies  build the wheels of all dependencies

      + runs for the first time

    Plan: 6 to run.
    [exit 0]
    ");
    assert!(!sandbox.has("workspace"));
}

#[test]
fn a_second_plan_has_no_changes() {
    assert_snapshot!(Sandbox::applied().run("plan"), @r"
    No changes. 6 steps are up to date.
    [exit 0]
    ");
}

#[test]
fn a_verbose_plan_also_shows_what_is_up_to_date() {
    assert_snapshot!(Sandbox::applied().run("plan --verbose"), @"
      = source            up to date
      = deb.base          up to date
      = deb.dockerfile    up to date
      = deb.image         up to date
      = deb.wheel         up to date
      = deb.dependencies  up to date

    No changes. 6 steps are up to date.
    [exit 0]
    ");
}

#[test]
fn the_detailed_exit_code_tells_changes_from_none_and_from_mistakes() {
    let sandbox = Sandbox::new();
    let status = |sandbox: &Sandbox| {
        let output = sandbox.run("plan --detailed-exitcode");
        output.lines().last().unwrap().to_owned()
    };
    assert_eq!(status(&sandbox), "[exit 2]");
    sandbox.apply();
    assert_eq!(status(&sandbox), "[exit 0]");
    sandbox.write("project/.build.yml", "dep:\n");
    assert_eq!(status(&sandbox), "[exit 3]");
}

#[test]
fn an_edited_docstring_runs_the_copy_and_the_wheel() {
    let sandbox = Sandbox::applied();
    sandbox.write("project/shop.py", "\"\"\"A good shop.\"\"\"\n");
    assert_snapshot!(sandbox.run("plan"), @"
      ~ source            1 file changed: shop.py
      ~ deb.wheel         1 file changed: shop.py
      ? deb.dependencies  waits for deb.wheel: skipped without a change in project name or requirements

      ~ runs again   ? runs only if what it waits for changes

    Plan: 2 to run, 1 may run, 3 up to date.
    [exit 0]
    ");
}

#[test]
fn a_new_build_dependency_shows_the_dockerfiles_difference() {
    let sandbox = Sandbox::applied();
    sandbox.write(
        "project/.build.yml",
        "deb:\n  dependencies:\n    build: [libffi-dev]\n",
    );
    assert_snapshot!(sandbox.run("plan"), @r"
      ~ source            1 file changed: .build.yml
      ~ deb.dockerfile    dockerfile changed: +4 -0 lines
            + # What the wheels are compiled with and against.
            + RUN $PKG_INSTALL \
            +         libffi-dev
            +
              # Where wheels go, under the names that build scripts and pip look for.
      ~ deb.image         dockerfile changed
      ~ deb.wheel         image is made from other inputs
                          1 file changed: .build.yml
      ~ deb.dependencies  image is made from other inputs

      ~ runs again

    Plan: 5 to run, 1 up to date.
    [exit 0]
    ");
}

#[test]
fn an_edited_file_of_constraints_is_seen_also_through_a_link_and_an_include() {
    let sandbox = Sandbox::new();
    sandbox.write("project/limits/deep.txt", "cffi==1\n");
    sandbox.write("project/limits/top.txt", "-c deep.txt\n");
    std::os::unix::fs::symlink("top.txt", sandbox.path("project/limits/link.txt")).unwrap();
    sandbox.write(
        "project/.build.yml",
        "deb:\n  pip:\n    constraints: [limits/link.txt]\n",
    );
    sandbox.apply();
    sandbox.write("project/limits/deep.txt", "cffi==2\n");
    assert_snapshot!(sandbox.run("plan"), @r"
      ~ source            1 file changed: limits/deep.txt
      ~ deb.wheel         1 file changed: limits/deep.txt
      ~ deb.dependencies  pip.constraints changed

      ~ runs again

    Plan: 3 to run, 3 up to date.
    [exit 0]
    ");
}

#[test]
fn a_moved_base_image_is_seen() {
    let sandbox = Sandbox::applied();
    sandbox.engine(|state| {
        let id = format!("sha256:{}", "ab".repeat(32));
        state.names.insert("base-12".to_owned(), id);
    });
    assert_snapshot!(sandbox.run("plan"), @r"
      ~ deb.base          base image: [SHORT] → [SHORT]
      ~ deb.image         base image: [SHORT] → [SHORT]
      ~ deb.wheel         image is made from other inputs
      ~ deb.dependencies  image is made from other inputs

      ~ runs again

    Plan: 4 to run, 2 up to date.
    [exit 0]
    ");
}

#[test]
fn a_base_image_that_is_gone_will_be_pulled() {
    let sandbox = Sandbox::applied();
    sandbox.engine(|state| {
        state.absent.insert("base-12".to_owned());
    });
    assert_snapshot!(sandbox.run("plan"), @"
      ~ deb.base          base-12 is not in the engine and will be pulled
      ? deb.image         waits for deb.base: skipped without a change in base image or base image facts
      ? deb.wheel         waits for deb.image: skipped without a change in image
      ? deb.dependencies  waits for deb.image and deb.wheel: skipped without a change in image, project name or requirements

      ~ runs again   ? runs only if what it waits for changes

    Plan: 1 to run, 3 may run, 2 up to date.
    [exit 0]
    ");
}

#[test]
fn a_pruned_builder_image_is_built_again_and_nothing_else() {
    let sandbox = Sandbox::applied();
    sandbox.engine(|state| state.names.clear());
    assert_snapshot!(sandbox.run("plan"), @r"
      ~ deb.image  image was pruned: builder/shop:deb-[ID]

      ~ runs again

    Plan: 1 to run, 5 up to date.
    [exit 0]
    ");
}

#[test]
fn a_deleted_wheel_is_made_again() {
    let sandbox = Sandbox::applied();
    sandbox.remove("workspace/build/wheelhouse/deb/cffi-1-py3-none-any.whl");
    assert_snapshot!(sandbox.run("plan"), @r"
      ~ deb.dependencies  missing: build/wheelhouse/deb/cffi-1-py3-none-any.whl

      ~ runs again

    Plan: 1 to run, 5 up to date.
    [exit 0]
    ");
}

#[test]
fn an_edited_wheel_is_made_again() {
    let sandbox = Sandbox::applied();
    sandbox.write(
        "workspace/build/wheelhouse/deb/cffi-1-py3-none-any.whl",
        "mine",
    );
    assert_snapshot!(sandbox.run("plan"), @r"
      ~ deb.dependencies  altered on disk: build/wheelhouse/deb/cffi-1-py3-none-any.whl

      ~ runs again

    Plan: 1 to run, 5 up to date.
    [exit 0]
    ");
}

#[test]
fn an_edited_copy_is_made_again_and_nothing_else() {
    let sandbox = Sandbox::applied();
    sandbox.write("workspace/source/shop.py", "mine");
    sandbox.write("workspace/source/mine.py", "mine");
    assert_snapshot!(sandbox.run("plan"), @r"
      ~ source  altered on disk: source/shop.py
                does not belong there: source/mine.py

      ~ runs again

    Plan: 1 to run, 5 up to date.
    [exit 0]
    ");
}

#[test]
fn a_file_that_is_not_builders_is_warned_of_and_left_alone() {
    let sandbox = Sandbox::applied();
    sandbox.write("workspace/build/wheelhouse/deb/notes.txt", "mine");
    assert_snapshot!(sandbox.run("plan"), @r"
    warning: build/wheelhouse/deb has files that builder did not make and leaves alone: notes.txt
    No changes. 6 steps are up to date.
    [exit 0]
    ");
    sandbox.write("project/shop.py", "\"\"\"Another shop.\"\"\"\n");
    sandbox.apply();
    assert_eq!(
        sandbox.read("workspace/build/wheelhouse/deb/notes.txt"),
        "mine"
    );
}

#[test]
fn a_damaged_manifest_is_warned_of_and_its_steps_run_again() {
    let sandbox = Sandbox::applied();
    let manifest = sandbox.read("workspace/.builder/manifest.jsonl");
    let torn = &manifest[..manifest.len() - 20];
    sandbox.write("workspace/.builder/manifest.jsonl", torn);
    assert_snapshot!(sandbox.run("plan"), @r"
    warning: 1 line of the manifest could not be read; steps without a record run again
      ~ deb.dependencies  interrupted last time

      ~ runs again

    Plan: 1 to run, 5 up to date.
    [exit 0]
    ");
}

#[test]
fn a_plan_as_json_is_a_versioned_document() {
    let sandbox = Sandbox::applied();
    sandbox.write("project/shop.py", "\"\"\"A good shop.\"\"\"\n");
    let output = sandbox.run("plan --json");
    let document = output.strip_suffix("[exit 0]").unwrap();
    let plan: Value = serde_json::from_str(document).unwrap();
    assert_eq!(plan["format"], "builder-plan");
    assert_eq!(plan["version"], 1);
    let changes = plan["changes"].as_array().unwrap();
    let step = |name: &str| {
        changes
            .iter()
            .find(|change| change["step"] == name)
            .unwrap()
    };
    assert_eq!(step("deb.image")["action"], "reuse");
    assert_eq!(step("deb.dependencies")["action"], "may-run");
    let wheel = serde_json::to_string_pretty(step("deb.wheel")).unwrap();
    assert_snapshot!(wheel, @r#"
    {
      "action": "run",
      "inputs": {
        "epoch": {
          "text": "315532800"
        },
        "image": {
          "made": "[DIGEST]"
        },
        "prepare script": {
          "file": "[DIGEST]"
        },
        "procedure": {
          "text": "project wheel 1"
        },
        "source": {
          "tree": "[DIGEST]"
        }
      },
      "key": "[DIGEST]",
      "kind": "wheel run",
      "reasons": [
        {
          "detail": {
            "because": "files",
            "difference": {
              "added": [],
              "changed": [
                "shop.py"
              ],
              "removed": []
            },
            "input": "source"
          },
          "text": "1 file changed: shop.py"
        }
      ],
      "step": "deb.wheel",
      "summary": "build the project's wheel",
      "unknown": {}
    }
    "#);
}

#[test]
fn another_signing_key_makes_the_package_again() {
    let sandbox = Sandbox::new();
    let config = "rpm:\n  base_image: base-12\n";
    sandbox.write("config.yml", config);
    sandbox.write("project/.build.yml", "rpm:\n");
    sandbox.apply();
    sandbox.write(
        "config.yml",
        &format!("{config}  sign_key: packages@shop.example\n"),
    );
    assert_snapshot!(sandbox.run("plan"), @"
      ~ rpm.package  revision grows to 2 if the version stays 1.0
                     sign_key: now packages@shop.example
      ? rpm.check    waits for rpm.package: skipped without a change in package

      ~ runs again   ? runs only if what it waits for changes

    Plan: 1 to run, 1 may run, 8 up to date.
    [exit 0]
    ");
}
