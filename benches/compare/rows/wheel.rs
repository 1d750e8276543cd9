//! Row 5: one module of a project changed, and its wheel is made anew.

use std::fs;
use std::process::Command;

use crate::measure::{Contender, Outcome, in_turn, timed};
use crate::rows::site::{Site, docker, edit, trust};
use crate::rows::wheelhouse::requirements;
use crate::table::{Comparison, Target, Unit};
use crate::trees::{WHEELS_ONLY, empty, project, write};

/// A project of 300 modules with the 25 requirements of row 8, of which one module changed. Plan and apply to
/// a new wheel, beside
///
/// - a bare `docker run` of `pip wheel --no-deps` in the same builder image, with the source mounted
///   and copied inside, since a build writes into it;
/// - the prototype's way: an image with the source copied in is built, and `pip wheel .` of
///   everything run in it.
pub fn measure(runs: usize) -> Outcome<Vec<Comparison>> {
    let site = Site::new("wheel", WHEELS_ONLY, None)?;
    let required = requirements("fetched")?;
    project(&site.project, "own", 300, &required, "wheels:\n")?;
    site.apply(&[])?;
    let image = site.image("wheels")?;
    let file = site.project.join("src/own/part_1/m123.py");
    let out = site.root.join("out");
    let changed = |_| {
        empty(&out)?;
        edit(&file)
    };

    let bare = |_| {
        let mut run = docker(&["run", "--rm"]);
        run.args(trust())
            .args(["--volume", &format!("{}:/mounted:ro", site.project.display())])
            .args(["--volume", &format!("{}:/out", out.display())])
            .arg(&image)
            .args(["sh", "-c"])
            .arg("cp -r /mounted /tmp/own && python -m pip wheel --no-deps --wheel-dir /out /tmp/own");
        let seconds = timed(&mut run)?;
        made(&out, 1)?;
        Ok(seconds)
    };

    let dockerfile = site.root.join("prototype.dockerfile");
    // The image has what our builder image has; only the source comes on top.
    write(
        &dockerfile,
        &format!("FROM {image}\nCOPY . /source\nWORKDIR /source\n"),
    )?;
    let prototype = |_| {
        let mut build = docker(&["build", "--quiet", "--tag", "builder-bench-prototype"]);
        build.arg("--file").arg(&dockerfile).arg(&site.project);
        let built = timed(&mut build)?;
        let mut run = docker(&["run", "--rm"]);
        run.args(trust())
            .args(["--volume", &format!("{}:/out", out.display())])
            .args(["builder-bench-prototype", "python", "-m", "pip", "wheel"])
            .args(["--wheel-dir", "/out", "."]);
        let ran = timed(&mut run)?;
        made(&out, required.len() + 1)?;
        Ok(built + ran)
    };

    let ours = |_| {
        let seconds = site.apply(&[])?;
        made(
            &site.workspace.join("build/wheelhouse/wheels"),
            required.len() + 1,
        )?;
        Ok(seconds)
    };
    let samples = in_turn(
        runs,
        true,
        vec![
            Contender::new(ours).after(changed),
            Contender::new(bare).after(changed),
            Contender::new(prototype).after(changed),
        ],
    )?;
    timed(docker(&["image", "rm", "--force", "builder-bench-prototype"]).arg("--no-prune")).ok();
    let beside = |number: usize, peer: &str, target| Comparison {
        work: "one module changed: plan and apply to a new wheel".to_owned(),
        ours: samples[0].clone(),
        peer: peer.to_owned(),
        theirs: samples[number].clone(),
        unit: Unit::Seconds,
        target,
    };
    Ok(vec![
        beside(
            1,
            "`docker run` of `pip wheel --no-deps`",
            Target::AtMost(1.5),
        ),
        beside(
            2,
            "the prototype's way: image with the source, `pip wheel .`",
            Target::Faster(5.0),
        ),
    ])
}

/// Makes sure that a folder has so many wheels at least.
pub fn made(folder: &std::path::Path, least: usize) -> Outcome<()> {
    let mut count = 0;
    for entry in fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))? {
        count += usize::from(
            entry?
                .path()
                .extension()
                .is_some_and(|ending| ending == "whl"),
        );
    }
    if count < least {
        let place = folder.display();
        return Err(format!("{place} has {count} wheels, at least {least} were expected").into());
    }
    Ok(())
}

/// A command of the host, in a folder.
pub fn host(program: &str, folder: &std::path::Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    command
}
