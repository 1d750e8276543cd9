//! Rows 2 and 3: nothing changed in a graph of many steps.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::measure::{Contender, Outcome, Samples, in_turn, memory, there_is, timed};
use crate::rows::site::{BASE, no_changes};
use crate::table::{Comparison, Target, Unit};
use crate::trees::{empty, module, scratch, write};

/// The steps of a project that makes wheels alone: source, base, dockerfile, image, wheel,
/// dependencies.
const STEPS: usize = 6;

/// A repository of small projects of six files and six steps each, all applied.
struct Repository {
    root: PathBuf,
    steps: usize,
}

impl Repository {
    /// Returns the repository with at least so many steps; it is made once, with the engine in
    /// memory, since no machine builds so many wheels in the time of a benchmark. What is measured
    /// is the plan, with the same engine, whose state is one file.
    fn of(steps: usize) -> Outcome<Self> {
        let root = scratch().join(format!("steps-{steps}"));
        let projects = steps.div_ceil(STEPS);
        let repository = Self {
            root,
            steps: projects * STEPS,
        };
        if repository.root.join("projects").exists() && repository.no_op().is_ok() {
            return Ok(repository);
        }
        empty(&repository.root)?;
        let root = &repository.root;
        write(
            &root.join("config.yml"),
            &format!("wheels:\n  base_image: {BASE}\n  package: none\n"),
        )?;
        let mut list = String::new();
        for number in 0..projects {
            // No folder has thousands of others in it, as in any repository that people use.
            let path = format!("services/group{}/service{number}", number / 100);
            small(&root.join(&path), number)?;
            let _ = writeln!(list, "{path}");
        }
        write(&root.join("projects"), &list)?;
        timed(&mut repository.command("apply", &["--auto-approve"]))?;
        repository.no_op()?;
        Ok(repository)
    }

    fn arguments(command: &str, options: &[&str]) -> Vec<String> {
        let fixed = [
            "--engine",
            "fake:engine.json",
            "--no-cache",
            "--config",
            "config.yml",
            "--projects",
            "projects",
            "workspace",
        ];
        let words = [&[command], options, &fixed].concat();
        words.into_iter().map(str::to_owned).collect()
    }

    fn command(&self, command: &str, options: &[&str]) -> Command {
        let mut builder = Command::new(env!("CARGO_BIN_EXE_builder"));
        builder
            .args(Self::arguments(command, options))
            .current_dir(&self.root)
            .env_remove("CI")
            .env_remove("GITHUB_ACTIONS");
        builder
    }

    fn no_op(&self) -> Outcome<f64> {
        no_changes(&mut self.command("plan", &[]))
    }

    fn peak(&self) -> Outcome<f64> {
        let arguments = Self::arguments("plan", &[]);
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let program = Path::new(env!("CARGO_BIN_EXE_builder"));
        Ok(memory(program, &words, &self.root)?.1 / 1024.0)
    }
}

/// A project of six files.
fn small(root: &Path, number: usize) -> Outcome<()> {
    write(
        &root.join("pyproject.toml"),
        &format!("[project]\nname = \"service{number}\"\nversion = \"1.0\"\n"),
    )?;
    write(&root.join(".build.yml"), "wheels:\n")?;
    for part in 0..4 {
        let path = root.join(format!("service{number}/m{part}.py"));
        write(&path, &module(number * 4 + part))?;
    }
    Ok(())
}

/// A folder in which ninja has built as many edges, of the same shape: six for each project, the
/// first of which reads its six files.
fn ninja(steps: usize) -> Outcome<PathBuf> {
    let root = scratch().join(format!("ninja-{steps}"));
    if root.join(".ninja_log").exists() {
        return Ok(root);
    }
    empty(&root)?;
    let mut text = String::from("rule make\n  command = : > $out\n");
    for number in 0..steps.div_ceil(STEPS) {
        let path = format!("services/group{}/service{number}", number / 100);
        small(&root.join(&path), number)?;
        let out = |part: &str| format!("out/group{}/service{number}/{part}", number / 100);
        let files = [".build.yml", "pyproject.toml"]
            .map(str::to_owned)
            .into_iter()
            .chain((0..4).map(|part| format!("service{number}/m{part}.py")))
            .map(|file| format!("{path}/{file}"))
            .collect::<Vec<_>>()
            .join(" ");
        let edges = [
            ("source", files),
            ("base", String::new()),
            ("dockerfile", String::new()),
            ("image", format!("{} {}", out("dockerfile"), out("base"))),
            ("wheel", format!("{} {}", out("image"), out("source"))),
            ("dependencies", format!("{} {}", out("image"), out("wheel"))),
        ];
        for (part, needs) in edges {
            let _ = writeln!(text, "build {}: make {needs}", out(part));
        }
    }
    write(&root.join("build.ninja"), &text)?;
    timed(Command::new("ninja").arg("--quiet").current_dir(&root))?;
    Ok(root)
}

fn ninja_no_op(root: &Path) -> Outcome<f64> {
    let (seconds, output) = crate::measure::told(Command::new("ninja").current_dir(root))?;
    match output.contains("no work to do") {
        true => Ok(seconds),
        false => Err(format!("ninja found work to do:\n{output}").into()),
    }
}

/// A folder in which terraform has applied as many resources that it brings itself.
fn terraform(steps: usize) -> Outcome<PathBuf> {
    let root = scratch().join(format!("terraform-{steps}"));
    if root.join("terraform.tfstate").exists() {
        return Ok(root);
    }
    empty(&root)?;
    let mut text = String::new();
    for number in 0..steps {
        let _ = writeln!(
            text,
            "resource \"terraform_data\" \"step{number}\" {{\n  input = \"{number}\"\n}}"
        );
    }
    write(&root.join("main.tf"), &text)?;
    timed(Command::new("terraform").arg("init").current_dir(&root))?;
    timed(
        Command::new("terraform")
            .args(["apply", "-auto-approve"])
            .current_dir(&root),
    )?;
    Ok(root)
}

/// A plan of many small projects without changes, beside ninja with as many edges and, at 1,000,
/// `terraform plan` with as many resources.
pub fn no_op(runs: usize) -> Outcome<Vec<Comparison>> {
    let mut comparisons = Vec::new();
    for steps in [1_000, 10_000] {
        let repository = Repository::of(steps)?;
        let edges = ninja(steps)?;
        let mut contenders = vec![
            Contender::new(|_| repository.no_op()),
            Contender::new(|_| ninja_no_op(&edges)),
        ];
        let has_terraform = steps == 1_000 && there_is("terraform");
        if has_terraform {
            let resources = terraform(steps)?;
            contenders.push(Contender::new(move |_| {
                timed(
                    Command::new("terraform")
                        .arg("plan")
                        .current_dir(&resources),
                )
            }));
        }
        let samples = in_turn(runs.max(9), true, contenders)?;
        let beside = |number: usize, peer: &str, target| Comparison {
            work: format!("plan, nothing changed, {} steps", repository.steps),
            ours: samples[0].clone(),
            peer: peer.to_owned(),
            theirs: samples[number].clone(),
            unit: Unit::Seconds,
            target,
        };
        comparisons.push(beside(1, "ninja, as many edges", Target::AtMost(2.0)));
        if has_terraform {
            comparisons.push(beside(
                2,
                "`terraform plan`, as many resources",
                Target::Faster(100.0),
            ));
        }
    }
    if !there_is("terraform") {
        eprintln!("  terraform is not here: it is no package of the distribution");
    }
    Ok(comparisons)
}

/// Ten times as many steps and files, and the memory that they take.
pub fn growth(runs: usize) -> Outcome<Vec<Comparison>> {
    let (some, many) = (Repository::of(10_000)?, Repository::of(100_000)?);
    let edges = ninja(100_000)?;
    let samples = in_turn(
        runs,
        true,
        vec![
            Contender::new(|_| some.no_op()),
            Contender::new(|_| many.no_op()),
            Contender::new(|_| ninja_no_op(&edges)),
        ],
    )?;
    let mut peaks: BTreeMap<&str, Samples> = BTreeMap::new();
    for _ in 0..runs {
        peaks.entry("ours").or_default().0.push(many.peak()?);
        let (_, kib) = memory(Path::new("ninja"), &[], &edges)?;
        peaks.entry("ninja").or_default().0.push(kib / 1024.0);
    }
    fs::metadata(many.root.join("workspace"))?;
    let work = format!("plan, nothing changed, {} steps and files", many.steps);
    Ok(vec![
        Comparison {
            work: work.clone(),
            ours: samples[1].clone(),
            peer: "ten times a plan of a tenth".to_owned(),
            theirs: Samples(samples[0].0.iter().map(|seconds| seconds * 10.0).collect()),
            unit: Unit::Seconds,
            target: Target::AtMost(1.3),
        },
        Comparison {
            work: format!("{work}: peak memory"),
            ours: peaks["ours"].clone(),
            peer: "ninja, as many edges".to_owned(),
            theirs: peaks["ninja"].clone(),
            unit: Unit::Mebibytes,
            target: Target::AtMost(3.0),
        },
        Comparison {
            work,
            ours: samples[1].clone(),
            peer: "ninja, as many edges".to_owned(),
            theirs: samples[2].clone(),
            unit: Unit::Seconds,
            target: Target::None,
        },
    ])
}
