//! Trees of files and projects to measure on, made below the target folder and kept between runs.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::measure::{Outcome, timed};

/// The flavour that makes nothing but wheels.
pub const WHEELS_ONLY: &str = "wheels:\n  base_image: base-cpython-debian12\n  package: none\n";

/// The folder of everything that a benchmark makes.
pub fn scratch() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("compare")
}

/// Removes what is there, and makes an empty folder in its place.
pub fn empty(path: &Path) -> Outcome<()> {
    if path.exists() {
        fs::remove_dir_all(path)?;
    }
    fs::create_dir_all(path)?;
    Ok(())
}

pub fn write(path: &Path, text: &str) -> Outcome<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// A module of about 1 KiB, of which no two are the same.
pub fn module(number: usize) -> String {
    let mut text = format!("\"\"\"Module {number}.\"\"\"\n\n");
    // Looks like code and does not repeat itself: numbers from a generator of 64 bits.
    let mut state = number as u64 + 1;
    while text.len() < 1000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let (name, value) = (state >> 52, (state >> 33) % 100_000);
        let _ = writeln!(
            text,
            "def f{name:x}(a, b={value}):\n    return a * {value} + b"
        );
    }
    text
}

fn pyproject(name: &str, dependencies: &[String]) -> String {
    let quoted: Vec<String> = dependencies
        .iter()
        .map(|line| format!("    {line:?},\n"))
        .collect();
    format!(
        "[build-system]\nrequires = [\"setuptools\"]\nbuild-backend = \"setuptools.build_meta\"\n\n\
         [project]\nname = \"{name}\"\nversion = \"1.0\"\nrequires-python = \">=3.9\"\n\
         dependencies = [\n{}]\n\n[tool.setuptools.packages.find]\nwhere = [\"src\"]\n",
        quoted.concat()
    )
}

/// Makes a project of so many modules, a hundred in a folder.
pub fn project(
    root: &Path,
    name: &str,
    modules: usize,
    dependencies: &[String],
    build_file: &str,
) -> Outcome<()> {
    write(&root.join("pyproject.toml"), &pyproject(name, dependencies))?;
    write(&root.join(".build.yml"), build_file)?;
    let package = root.join("src").join(name);
    write(&package.join("__init__.py"), "")?;
    for number in 0..modules {
        let folder = package.join(format!("part_{}", number / 100));
        if number % 100 == 0 {
            write(&folder.join("__init__.py"), "")?;
        }
        write(&folder.join(format!("m{number}.py")), &module(number))?;
    }
    Ok(())
}

/// The tree of a project with so many files, in a git repository; made once.
pub fn repository(files: usize) -> Outcome<PathBuf> {
    let root = scratch().join(format!("tree-{files}"));
    if root.join(".git/index").exists() {
        return Ok(root);
    }
    empty(&root)?;
    // With the two files of a project, the file for docker, and a module that makes a package of
    // each folder, there are as many as were asked for.
    let around = 4 + files / 100;
    project(&root, "big", files.saturating_sub(around), &[], "wheels:\n")?;
    write(&root.join(".dockerignore"), ".git\n")?;
    commit(&root)?;
    Ok(root)
}

/// Makes a git repository of a folder, with all that is in it committed.
pub fn commit(root: &Path) -> Outcome<()> {
    let git = |arguments: &[&str]| timed(Command::new("git").args(arguments).current_dir(root));
    git(&["init", "--quiet", "."])?;
    git(&["add", "--all"])?;
    git(&[
        "-c",
        "user.name=bench",
        "-c",
        "user.email=bench@example.invalid",
        "commit",
        "--quiet",
        "--message=all",
    ])?;
    Ok(())
}
