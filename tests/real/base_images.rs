//! Base images: what they promise, what is found out about them, and what is said of a broken one.

use std::fs;

use crate::site::{BASE, Site, finish, image};

#[test]
fn every_broken_promise_of_a_base_image_is_named() {
    let mut site = Site::with("flit");
    let broken = [
        (
            "nopython",
            format!("FROM {BASE}\nRUN rm /usr/bin/python\n"),
            "breaks a promise: `python` is not on PATH",
        ),
        (
            "nopip",
            format!("FROM {BASE}\nRUN rm /usr/bin/pip\n"),
            "breaks a promise: `pip` is not on PATH",
        ),
        (
            "nopkg",
            format!("FROM {BASE}\nENV PKG_INSTALL=\nRUN rm /usr/bin/pip\n"),
            "breaks promises: the variable PKG_INSTALL is not set; `pip` is not on PATH",
        ),
        (
            "nocommand",
            format!("FROM {BASE}\nENV PKG_INSTALL=/nowhere/install\n"),
            "breaks a promise: PKG_INSTALL names `/nowhere/install`, which is no command of the image",
        ),
        (
            "offpath",
            format!("FROM {BASE}\nENV PIP_PREFIX=/opt/elsewhere\n"),
            "breaks a promise: `pip install` puts commands where PATH does not find them",
        ),
    ];
    let (mut config, mut project) = (String::new(), String::new());
    for (flavour, dockerfile, _) in &broken {
        let base = image(&mut site, flavour, dockerfile, &[]);
        config += &format!("{flavour}:\n  base_image: {base}\n");
        project += &format!("{flavour}:\n");
    }
    let site = site.config(&config);
    site.write(".build.yml", &project);
    let ended = site.apply().ends_with(1);
    for (flavour, _, words) in &broken {
        let line = ended
            .err
            .lines()
            .find(|line| line.starts_with(&format!("error: {flavour}.base:")));
        let line = line.unwrap_or_else(|| panic!("nothing of {flavour} in\n{}", ended.err));
        assert!(line.ends_with(words), "{line}");
    }
    assert!(
        ended.err.contains("help: a base image promises"),
        "{}",
        ended.err
    );
    assert_eq!(
        ended
            .ran()
            .iter()
            .filter(|step| step.ends_with(".base"))
            .count(),
        0
    );
    site.left_no_container();
}

#[test]
fn a_base_image_that_nobody_has_is_named() {
    // The registry is a port where nothing listens.
    let site = Site::with("flit")
        .config("deb:\n  package: none\n  base_image: 127.0.0.1:9/nobody/has:this\n");
    let ended = site
        .apply()
        .ends_with(1)
        .says("127.0.0.1:9/nobody/has:this");
    assert!(ended.err.contains("error: deb.base: "), "{}", ended.err);
    site.left_no_container();
}

#[test]
fn the_base_images_of_docker_keep_their_promises_and_pypy_makes_wheels() {
    let site = Site::with("flit").config(
        "debian12:\n  base_image: base-cpython-debian12\n\
         debian13:\n  base_image: base-cpython-debian13\n\
         pypy:\n  base_image: base-pypy-debian12\n",
    );
    site.write(".build.yml", "debian12:\ndebian13:\npypy:\n");
    let targets = [
        "--target",
        "debian12.base",
        "--target",
        "debian13.base",
        "--target",
        "pypy",
    ];
    let arguments = [&["apply", "--auto-approve"][..], &targets].concat();
    let ended = finish(&mut site.command(&arguments)).ends_with(0);
    let check = |flavour: &str, expected: &[(&str, &str)]| {
        let path = site
            .workspace()
            .join(format!(".builder/facts/{flavour}.json"));
        let text = fs::read_to_string(&path).unwrap_or_else(|_| panic!("{}", ended.err));
        let facts: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        for (name, value) in expected {
            let found = facts[name].as_str().unwrap_or("none");
            assert!(found.starts_with(value), "{flavour}: {name} is {found}");
        }
    };
    check(
        "debian12",
        &[
            ("implementation", "cpython"),
            ("python", "3.11."),
            ("abi", "cpython-311-x86_64-linux-gnu"),
            ("interpreter", "/usr/bin/python3.11"),
            ("interpreter_package", "python3.11-minimal"),
            ("distribution", "debian"),
            ("distribution_version", "12"),
            ("libc", "glibc 2.36"),
        ],
    );
    check(
        "debian13",
        &[
            ("python", "3.13."),
            ("interpreter_package", "python3.13-minimal"),
            ("distribution_version", "13"),
            ("libc", "glibc 2.41"),
        ],
    );
    check(
        "pypy",
        &[
            ("implementation", "pypy"),
            ("python", "3.9."),
            ("abi", "pypy39-pp73"),
            ("interpreter_package", "pypy3"),
            ("distribution_version", "12"),
        ],
    );
    let expected = [
        "flit_project-0.4.0-py3-none-any.whl",
        "six-1.17.0-py2.py3-none-any.whl",
    ];
    assert_eq!(site.wheels("pypy"), expected);
    assert_eq!(site.wheels("debian12"), Vec::<String>::new());
}
