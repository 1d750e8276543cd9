//! Rows 7, 8 and 8b: wheelhouses from nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::measure::{Contender, Outcome, in_turn, timed};
use crate::rows::site::{Site, docker, edit, trust};
use crate::rows::uv;
use crate::rows::wheel::{host, made};
use crate::table::{Comparison, Target, Unit};
use crate::trees::{empty, write};

/// The folder of one of the projects that are measured.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("benches/projects")
        .join(name)
}

/// What one of them requires.
pub fn requirements(name: &str) -> Outcome<Vec<String>> {
    let text = fs::read_to_string(folder(name).join("project/pyproject.toml"))?;
    let pyproject: toml::Table = text.parse()?;
    let required = pyproject["project"]["dependencies"]
        .as_array()
        .ok_or("the project has no list of dependencies")?;
    let lines = required
        .iter()
        .filter_map(|line| Some(line.as_str()?.to_owned()));
    Ok(lines.collect())
}

/// A copy of one of them, and what it requires.
fn site(name: &str, at: &str) -> Outcome<(Site, Vec<String>)> {
    let from = folder(name);
    let config = fs::read_to_string(from.join("config.yml"))?;
    let site = Site::new(at, &config, None)?;
    timed(
        Command::new("cp")
            .arg("-r")
            .arg(from.join("project"))
            .arg(&site.project),
    )?;
    Ok((site, requirements(name)?))
}

/// `pip wheel` of the project and everything that it requires, in one container of an image.
fn pip_wheel(site: &Site, image: &str, options: &[&str]) -> Outcome<f64> {
    let out = site.root.join("out");
    empty(&out)?;
    let mut run = docker(&["run", "--rm"]);
    run.args(trust())
        .args(["--volume", &format!("{}:/mounted:ro", site.project.display())])
        .args(["--volume", &format!("{}:/out", out.display())])
        .arg(image)
        .args(["sh", "-c"])
        .arg(format!(
            "cp -r /mounted /tmp/own && python -m pip wheel {} --no-cache-dir --wheel-dir /out /tmp/own",
            options.join(" ")
        ));
    timed(&mut run)
}

/// A workspace and a cache that have nothing but the flavour's builder image.
fn cold(site: &Site, flavour: &str) -> Outcome<()> {
    site.forget()?;
    site.apply(&["--target", &format!("{flavour}.image")])?;
    Ok(())
}

/// The first of the two wheelhouses that a project of eight C extensions has: all of them from
/// source. Then one pin of the eight bumped: only that one is compiled.
pub fn compiled(runs: usize) -> Outcome<Vec<Comparison>> {
    let (site, required) = site("compiled", "compiled")?;
    let wheels = site.workspace.join("build/wheelhouse/wheels");
    cold(&site, "wheels")?;
    let image = site.image("wheels")?;
    let pyproject = site.project.join("pyproject.toml");
    let before = fs::read_to_string(&pyproject)?;
    let (pin, other) = bump(&required)?;
    let names = required.iter().filter_map(|line| line.split("==").next());
    let from_source = names.collect::<Vec<_>>().join(",");
    let samples = in_turn(
        runs,
        false,
        vec![
            Contender::new(|_| {
                let seconds = site.apply(&[])?;
                made(&wheels, required.len() + 1)?;
                Ok(seconds)
            })
            .after(|_| {
                write(&pyproject, &before)?;
                cold(&site, "wheels")
            }),
            // On the heels of the cold run, whose wheels are at hand.
            Contender::new(|_| site.apply(&[]))
                .after(|_| write(&pyproject, &before.replace(&pin, &other))),
            Contender::new(|_| {
                let seconds = pip_wheel(&site, &image, &["--no-binary", &from_source])?;
                made(&site.root.join("out"), required.len() + 1)?;
                Ok(seconds)
            })
            .after(|_| write(&pyproject, &before)),
        ],
    )?;
    Ok(vec![
        Comparison {
            work: "wheelhouse of eight C extensions from source, image present".to_owned(),
            ours: samples[0].clone(),
            peer: "`pip wheel` in one container".to_owned(),
            theirs: samples[2].clone(),
            unit: Unit::Seconds,
            target: Target::Faster(1.6),
        },
        Comparison {
            work: "the same with one pin bumped".to_owned(),
            ours: samples[1].clone(),
            peer: "`builder`, cold".to_owned(),
            theirs: samples[0].clone(),
            unit: Unit::Seconds,
            target: Target::AtMost(0.25),
        },
    ])
}

/// The pin that is bumped, before and after: the file beside the project names both.
fn bump(required: &[String]) -> Outcome<(String, String)> {
    let path = folder("compiled").join("bump.txt");
    let text = fs::read_to_string(path)?;
    let mut words = text.split_whitespace().map(str::to_owned);
    let (Some(pin), Some(other)) = (words.next(), words.next()) else {
        return Err("benches/projects/compiled/bump.txt has not two words".into());
    };
    match required.contains(&pin) {
        true => Ok((pin, other)),
        false => Err(format!("the project does not require {pin}").into()),
    }
}

/// A project of 25 requirements that all have wheels, with its image present: without a lock and
/// with one, beside `pip wheel` in one container, and `uv pip install` on this machine.
pub fn fetched(runs: usize) -> Outcome<Vec<Comparison>> {
    let (site, required) = site("fetched", "fetched")?;
    cold(&site, "wheels")?;
    let image = site.image("wheels")?;
    let locked = site.root.join("pylock.toml");
    let lock = site.project.join("pylock.toml");
    timed(&mut site.command("lock", &[]))?;
    fs::rename(&lock, &locked)?;
    let unlocked = |_| {
        if lock.exists() {
            fs::remove_file(&lock)?;
        }
        cold(&site, "wheels")
    };
    let uv = uv();
    let list = site.root.join("requirements.txt");
    write(&list, &(required.join("\n") + "\n"))?;
    let environment = site.root.join("environment");
    let ours = |_| {
        let seconds = site.apply(&[])?;
        made(
            &site.workspace.join("build/wheelhouse/wheels"),
            required.len() + 1,
        )?;
        Ok(seconds)
    };
    let mut contenders = vec![
        Contender::new(ours).after(unlocked),
        Contender::new(ours).after(|round| {
            unlocked(round)?;
            fs::copy(&locked, &lock)?;
            Ok(())
        }),
        Contender::new(|_| pip_wheel(&site, &image, &[])).after(unlocked),
    ];
    if uv.exists() {
        let install = |_| {
            timed(
                Command::new(&uv)
                    .args([
                        "pip",
                        "install",
                        "--quiet",
                        "--no-cache",
                        "--native-tls",
                        "--python",
                    ])
                    .arg(&environment)
                    .arg("--requirement")
                    .arg(&list),
            )
        };
        contenders.push(Contender::new(install).after(|_| {
            empty(&environment)?;
            timed(host("python3", &site.root).args(["-m", "venv", "environment"]))?;
            Ok(())
        }));
    } else {
        eprintln!("  uv is not here; benches/peers.sh installs it");
    }
    let samples = in_turn(runs, false, contenders)?;
    let work = "wheelhouse of 25 requirements with wheels, image present";
    let beside = |work: &str, ours: usize, theirs: usize, peer: &str, target| Comparison {
        work: work.to_owned(),
        ours: samples[ours].clone(),
        peer: peer.to_owned(),
        theirs: samples[theirs].clone(),
        unit: Unit::Seconds,
        target,
    };
    let pip = "`pip wheel` in one container";
    let with_lock = format!("{work}, with a lock");
    let mut comparisons = vec![
        beside(work, 0, 2, pip, Target::AtMost(0.5)),
        beside(&with_lock, 1, 2, pip, Target::AtMost(0.25)),
    ];
    if samples.len() > 3 {
        let peer = "`uv pip install`, no cache, without a container";
        comparisons.push(beside(work, 0, 3, peer, Target::None));
        comparisons.push(beside(&with_lock, 1, 3, peer, Target::None));
    }
    Ok(comparisons)
}

/// The same requirements a second time: for another flavour of the same settings, and for another
/// project of another source. Images are present, the rest is what the first run left in the cache.
pub fn shared(runs: usize) -> Outcome<Vec<Comparison>> {
    let (first, required) = site("fetched", "shared")?;
    let config = fs::read_to_string(first.root.join("config.yml"))?;
    let second_flavour = config.replacen("wheels:", "again:", 1);
    write(
        &first.root.join("config.yml"),
        &format!("{config}\n{second_flavour}"),
    )?;
    write(&first.project.join(".build.yml"), "wheels:\nagain:\n")?;
    let (mut second, _) = site("fetched", "shared-second")?;
    second.cache.clone_from(&first.cache);
    let pyproject = second.project.join("pyproject.toml");
    let text = fs::read_to_string(&pyproject)?;
    let renamed: String = text
        .lines()
        .map(|line| match line.strip_prefix("name = ") {
            Some(_) => "name = \"another\"\n".to_owned(),
            None => format!("{line}\n"),
        })
        .collect();
    write(&pyproject, &renamed)?;
    let count = required.len() + 1;
    let wheelhouse = |site: &Site, flavour: &str| {
        made(
            &site.workspace.join("build/wheelhouse").join(flavour),
            count,
        )
    };
    let samples = in_turn(
        runs,
        false,
        vec![
            Contender::new(|_| {
                let seconds = first.apply(&["--target", "wheels"])?;
                wheelhouse(&first, "wheels")?;
                Ok(seconds)
            })
            .after(|_| {
                first.forget()?;
                first.apply(&["--target", "wheels.image", "--target", "again.image"])?;
                Ok(())
            }),
            Contender::new(|_| {
                let seconds = first.apply(&["--target", "again"])?;
                wheelhouse(&first, "again")?;
                Ok(seconds)
            }),
            // The dependencies alone: its own wheel is another project's, and is made before.
            Contender::new(|_| {
                let seconds = second.apply(&[])?;
                wheelhouse(&second, "wheels")?;
                Ok(seconds)
            })
            .after(|_| {
                if second.workspace.exists() {
                    fs::remove_dir_all(&second.workspace)?;
                }
                edit(&second.project.join("src/fetched/__init__.py"))?;
                second.apply(&["--target", "wheels.wheel"])?;
                Ok(())
            }),
        ],
    )?;
    let beside = |number: usize, work: &str| Comparison {
        work: work.to_owned(),
        ours: samples[number].clone(),
        peer: "`builder`, the first".to_owned(),
        theirs: samples[0].clone(),
        unit: Unit::Seconds,
        target: Target::AtMost(0.1),
    };
    Ok(vec![
        beside(1, "wheelhouse of the same requirements, second flavour"),
        beside(2, "wheelhouse of the same requirements, second project"),
    ])
}
