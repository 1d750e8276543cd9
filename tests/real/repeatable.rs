//! The same input makes the same bytes, whoever makes it and when.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::site::{Site, finish, run};

#[test]
fn wheels_are_the_same_bytes_whatever_the_clock_the_modes_and_the_locale() {
    let lay_out = || {
        let site = Site::with("cext");
        // The packages are those of plans/shop, so that the engine keeps one layer for both.
        site.write(
            ".build.yml",
            "deb:\n  dependencies:\n    build: [build-essential, python3-dev, libffi-dev]\n  \
             pip:\n    no_binary: [markupsafe]\n",
        );
        site.edit(
            "pyproject.toml",
            "requires-python",
            "dependencies = [\"markupsafe==3.0.2\"]\nrequires-python",
        );
        site
    };
    let (one, other) = (lay_out(), lay_out());
    one.built();

    let source = other.source();
    run(Command::new("chmod").args(["-R", "go-rwx"]).arg(&source));
    run(Command::new("find")
        .arg(&source)
        .args(["-exec", "touch", "-d", "2001-02-03", "{}", "+"]));
    // pip leaves times in steps of two seconds in archives that it makes without a fixed time.
    std::thread::sleep(Duration::from_secs(2));
    let plain = other.command(&[]);
    let mut command = Command::new("sh");
    command.args(["-c", "umask 077; exec \"$0\" \"$@\""]);
    command.arg(plain.get_program()).args(plain.get_args());
    command.env_clear();
    command.envs(
        plain
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    command.env("TZ", "Asia/Tokyo").env("LC_ALL", "tr_TR.UTF-8");
    finish(&mut command).ends_with(0);

    let wheels = one.wheels("deb");
    assert_eq!(
        wheels,
        [
            "cext-0.6.0-cp311-cp311-linux_x86_64.whl",
            "markupsafe-3.0.2-cp311-cp311-linux_x86_64.whl",
        ]
    );
    assert_eq!(other.wheels("deb"), wheels);
    for wheel in &wheels {
        let bytes = |site: &Site| fs::read(site.wheel(wheel)).expect("the wheel is there");
        assert!(bytes(&one) == bytes(&other), "{wheel} differs");
    }
}
