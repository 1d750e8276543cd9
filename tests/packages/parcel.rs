//! What the tests do with a finished package.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::site::{Ended, Site, docker, finish, run};

/// The fixture of most tests, without runtime image.
pub const CONFIG: &str = "deb:\n  base_image: base-cpython-debian12\n  maintainer: Packaging <packaging@station.example>\n";

/// A licence with what lintian looks for: who holds the rights.
pub const NOTICE: &str = "Copyright (c) 2024 Station Master\n\nAll may use it.\n";

/// Lays out a copy of the fixture `station` with the package alone: no image is asked for.
pub fn station() -> Site {
    let site = Site::with("station").config(CONFIG);
    without_image(&site);
    site
}

/// Takes the runtime image out of the project's file.
pub fn without_image(site: &Site) {
    let path = site.source().join(".build.yml");
    let text = fs::read_to_string(&path).expect("the file is there");
    let (kept, _) = text.split_once("  image:").expect("it asks for an image");
    fs::write(path, kept).expect("the file is written");
}

/// Lays out a small project: a module, and a console script that knows `--help`.
pub fn small(name: &str, version: &str) -> Site {
    let site = Site::new().config(CONFIG);
    site.write(".build.yml", "deb:\n");
    site.write("LICENSE", NOTICE);
    site.write(
        "pyproject.toml",
        &format!(
            "[build-system]\nrequires = [\"setuptools\"]\nbuild-backend = \"setuptools.build_meta\"\n\n\
             [project]\nname = \"{name}\"\nversion = \"{version}\"\ndescription = \"Tries things\"\n\
             requires-python = \">=3.9\"\n\n[project.scripts]\n{name} = \"{name}:main\"\n\n\
             [tool.setuptools.packages.find]\nwhere = [\"src\"]\n"
        ),
    );
    site.write(
        &format!("src/{name}/__init__.py"),
        "\"\"\"Tries things.\"\"\"\n\n\ndef main():\n    print(\"usage: none\")\n",
    );
    site
}

/// The packages of a flavour, by path.
pub fn packages(site: &Site, flavour: &str) -> Vec<PathBuf> {
    let folder = site.workspace().join("build/packages").join(flavour);
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("it is read").path())
        .collect();
    paths.sort();
    paths
}

/// The only package of a flavour.
pub fn package(site: &Site, flavour: &str) -> PathBuf {
    let mut paths = packages(site, flavour);
    assert_eq!(paths.len(), 1, "{paths:?}");
    paths.remove(0)
}

/// A package's file name.
pub fn named(site: &Site, flavour: &str) -> String {
    let path = package(site, flavour);
    let name = path.file_name().expect("a file has a name");
    name.to_string_lossy().into_owned()
}

/// Runs a tool of the host, and says plainly where it is not installed.
pub fn tool(name: &str, arguments: &[&str]) -> Ended {
    let there = Command::new(name).arg("--version").output();
    if let Err(error) = there {
        panic!(
            "this test needs `{name}` on this machine (`apt-get install lintian rpm rpmlint dpkg`): {error}"
        );
    }
    finish(Command::new(name).args(arguments))
}

/// A field of a .deb.
pub fn field(site: &Site, name: &str) -> String {
    let path = package(site, "deb").display().to_string();
    let ended = tool("dpkg-deb", &["--field", &path, name]).ends_with(0);
    ended.out.trim().to_owned()
}

/// The paths in a .deb, with a leading slash.
pub fn members(site: &Site) -> Vec<String> {
    let path = package(site, "deb").display().to_string();
    let shell = "dpkg-deb --fsys-tarfile \"$0\" | tar --list --quoting-style=literal --file -";
    let list = run(Command::new("sh").args(["-c", shell, &path]));
    let paths = list.lines().map(|line| line.trim_start_matches('.'));
    paths.map(|line| line.to_owned()).collect()
}

/// A file of the control archive of a .deb.
pub fn control(site: &Site, name: &str) -> String {
    let path = package(site, "deb").display().to_string();
    tool("dpkg-deb", &["--info", &path, name]).ends_with(0).out
}

/// What a step of the last run said.
pub fn log(site: &Site, step: &str) -> String {
    let folder = site.workspace().join(".builder/logs");
    let runs = fs::read_dir(folder).expect("there are logs");
    let mut logs: Vec<_> = runs
        .map(|run| run.expect("it is read").path())
        .filter(|path| !path.is_symlink())
        .map(|path| path.join(format!("{step}.log")))
        .filter(|path| path.is_file())
        .collect();
    logs.sort();
    let last = logs.pop().unwrap_or_else(|| panic!("{step} has no log"));
    fs::read_to_string(last).expect("it is a text")
}

/// Expects lines in the log of the last check.
pub fn checked(site: &Site, step: &str, lines: &[&str]) {
    let log = log(site, step);
    for line in lines {
        assert!(
            log.lines().any(|said| said == *line),
            "no `{line}` in\n{log}"
        );
    }
}

/// Runs a shell script in a container without network, with the packages of a flavour at /packages.
pub fn in_container(site: &Site, flavour: &str, image: &str, script: &str) -> Ended {
    // The engine may be elsewhere: what is needed goes in by a copy, not by a mount.
    let command = ["create", "--network", "none", image, "sh", "-ec", script];
    let container = docker(&command).trim().to_owned();
    let folder = site.workspace().join("build/packages").join(flavour);
    let from = folder.display().to_string();
    docker(&["cp", &from, &format!("{container}:/packages")]);
    let ended = finish(Command::new("docker").args(["start", "--attach", &container]));
    docker(&["rm", "--force", "--volumes", &container]);
    ended
}
