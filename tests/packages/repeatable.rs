//! The same input makes the same bytes of packages too, whoever makes them and when.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::parcel::{package, without_image};
use crate::site::{BASE, Site, finish, run};

#[test]
fn wheel_deb_and_rpm_are_the_same_bytes_whatever_the_clock_the_modes_and_the_zone() {
    let lay_out = || {
        let site = Site::with("station").config(&format!(
            "deb:\n  base_image: {BASE}\nrpm:\n  base_image: {BASE}\n"
        ));
        without_image(&site);
        let text = fs::read_to_string(site.source().join(".build.yml")).expect("it is there");
        site.write(".build.yml", &format!("{text}rpm: *package\n"));
        site
    };
    let (one, other) = (lay_out(), lay_out());
    one.built();

    let source = other.source();
    run(Command::new("chmod").args(["-R", "go-rwx"]).arg(&source));
    run(Command::new("find")
        .arg(&source)
        .args(["-exec", "touch", "-d", "2001-02-03", "{}", "+"]));
    // Archives have times in steps of up to two seconds.
    std::thread::sleep(Duration::from_secs(2));
    let plain = other.command(&[]);
    let mut command = Command::new("sh");
    command.args(["-c", "umask 077; exec \"$0\" \"$@\""]);
    command.arg(plain.get_program()).args(plain.get_args());
    command.env_clear();
    let environment = plain.get_envs();
    command.envs(environment.filter_map(|(name, value)| Some((name, value?))));
    command.env("TZ", "Asia/Tokyo").env("LC_ALL", "tr_TR.UTF-8");
    finish(&mut command).ends_with(0);

    let all = |site: &Site| -> Vec<PathBuf> {
        let wheels = ["deb", "rpm"].map(|flavour| {
            let folder = site.workspace().join("build/wheelhouse").join(flavour);
            folder.join("station-1.2.0-py3-none-any.whl")
        });
        let packages = ["deb", "rpm"].map(|flavour| package(site, flavour));
        wheels.into_iter().chain(packages).collect()
    };
    for (left, right) in all(&one).into_iter().zip(all(&other)) {
        let bytes = |path: &PathBuf| fs::read(path).expect("it is there");
        assert!(
            bytes(&left) == bytes(&right) && left.file_name() == right.file_name(),
            "the bytes differ; keep both and see: diffoscope {} {}",
            left.display(),
            right.display()
        );
    }
}
