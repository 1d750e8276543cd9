//! Build scripts, and builds that fail.

use crate::site::{Site, chmod};

#[test]
fn a_buildscript_makes_all_wheels_with_or_without_its_executable_bit() {
    let site = Site::with("noscript_bit");
    let ended = site.built();
    let wheels = [
        "noscript_bit-1.0-py2.py3-none-any.whl",
        "six-1.17.0-py2.py3-none-any.whl",
    ];
    assert_eq!(site.wheels("deb"), wheels, "{}", ended.err);
    assert_eq!(
        ended.ran().last(),
        Some(&"deb.wheels"),
        "one step makes them all"
    );
    site.is_done();

    chmod(&site.source().join("scripts/build.py"), 0o755);
    let plan = site.plan();
    assert!(plan.contains("1 file changed: scripts/build.py"), "{plan}");
    let ended = site.built();
    assert!(
        ended.err.contains("deb.wheels: done in") && ended.err.contains("same bytes as before"),
        "{}",
        ended.err
    );
    site.is_done();
    site.left_no_container();
}

#[test]
fn a_buildscript_that_fails_fails_its_step_with_the_last_lines_and_the_way_to_the_rest() {
    let site = Site::with("buildscript_failing");
    let ended = site
        .apply()
        .ends_with(1)
        .says("error: deb.wheels: `sh -c ./scripts/build.sh` ended with status 3")
        .says("  | step one is fine\n  | step two: the manual cannot be found\n")
        .says("  whole log: ");
    let log = ended.err.split("whole log: ").nth(1).expect("it is named");
    let log = log.lines().next().expect("it has a line");
    let text = std::fs::read_to_string(log).expect("the log is there");
    assert!(text.contains("step one is fine"), "{text}");
    site.left_no_container();
    assert!(
        site.plan().contains("~ deb.wheels  failed last time"),
        "{}",
        site.plan()
    );

    site.write("scripts/build.sh", "python -m pip wheel --no-deps .\n");
    site.built();
    assert_eq!(
        site.wheels("deb"),
        ["buildscript_failing-1.0-py2.py3-none-any.whl"]
    );
    site.is_done();
}

#[test]
fn a_build_that_fails_says_what_the_backend_said_and_spares_the_other_flavour() {
    let site = Site::with("failing").config(
        "deb:\n  package: none\n  base_image: base-cpython-debian12\nscripted:\n  base_image: base-cpython-debian12\n",
    );
    site.write(".build.yml", "deb:\nscripted:\n  buildscript: make.sh\n");
    site.write(
        "make.sh",
        "mkdir -p empty && cd empty && python -m pip wheel --no-deps six==1.17.0\n",
    );
    site.apply()
        .ends_with(1)
        .says("error: deb.wheel: `python -m pip wheel ")
        .says("error: libfrobnicate 2.1 or newer is needed, and there is none")
        .says("deb.dependencies: not run, it needs deb.wheel");
    assert_eq!(site.wheels("scripted"), ["six-1.17.0-py2.py3-none-any.whl"]);
    assert_eq!(site.wheels("deb"), Vec::<String>::new());
    site.left_no_container();
}

#[test]
fn a_buildscript_that_leaves_no_wheel_or_two_versions_fails() {
    let site = Site::with("buildscript_failing");
    site.write("scripts/build.sh", "true\n");
    site.apply()
        .ends_with(1)
        .says("scripts/build.sh ended well and left no wheel in $WHEELHOUSE");
    site.write(
        "scripts/build.sh",
        "cd $WHEELHOUSE; touch a_b-1-py3-none-any.whl A.B-2-py3-none-any.whl notes.txt\n",
    );
    site.apply()
        .ends_with(1)
        .says("the wheelhouse has 2 wheels of a-b");
}
