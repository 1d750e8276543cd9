//! Row 10: a package of 50 MiB.

use std::fs;
use std::process::{Command, Stdio};

use crate::measure::{Outcome, Samples, timed};
use crate::rows::site::{BASE, Site};
use crate::rows::wheel::host;
use crate::table::{Comparison, Target, Unit};
use crate::trees::{module, project, write};

/// The step that makes a `.deb` with 50 MiB of Python modules, from its events, beside `xz` on the
/// very tar that is in it, at the same level, with the same blocks and as many threads. The cache is
/// empty and the workspace new each time, so nothing compressed is at hand.
pub fn measure(runs: usize) -> Outcome<Vec<Comparison>> {
    let config = format!("deb:\n  base_image: {BASE}\n");
    let site = Site::new("packing", &config, None)?;
    project(&site.project, "big", 10, &[], "deb:\n")?;
    let folder = site.project.join("src/big/payload");
    write(&folder.join("__init__.py"), "")?;
    // 1,000 files of about 50 KiB, as text and no modules: byte code would double them.
    for number in 0..1000 {
        let text: String = (0..51).map(|part| module(number * 51 + part)).collect();
        write(&folder.join(format!("text_{number}.txt")), &text)?;
    }
    let mut pyproject = fs::read_to_string(site.project.join("pyproject.toml"))?;
    pyproject += "\n[tool.setuptools.package-data]\n\"*\" = [\"*.txt\"]\n";
    write(&site.project.join("pyproject.toml"), &pyproject)?;

    let events = site.root.join("events.json");
    let tar = site.root.join("data.tar");
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    for _ in 0..runs {
        site.forget()?;
        site.apply(&[
            "--target",
            "deb.package",
            "--json-into",
            &events.display().to_string(),
        ])?;
        ours.0
            .push(seconds_of("deb.package", &fs::read_to_string(&events)?)?);
        let package = fs::read_dir(site.workspace.join("build/packages/deb"))?
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|ending| ending == "deb"))
            .ok_or("there is no package")?;
        let unpack = format!(
            "ar p '{}' data.tar.xz | xz --decompress --stdout > data.tar",
            package.display()
        );
        timed(host("sh", &site.root).args(["-c", &unpack]))?;
        let size = fs::metadata(&tar)?.len();
        if size < 50 << 20 {
            return Err(format!("the package holds {size} bytes, less than 50 MiB").into());
        }
        let threads = std::thread::available_parallelism()?.min(4.try_into()?);
        let mut xz = Command::new("xz");
        xz.args(["-6", "--keep", "--stdout", "--block-size=24MiB"])
            .arg(format!("--threads={threads}"))
            .arg(&tar);
        theirs.0.push(to_nowhere(&mut xz)?);
    }
    Ok(vec![Comparison {
        work: "a `.deb` of 50 MiB".to_owned(),
        ours,
        peer: "`xz -6` of its tar, as many threads".to_owned(),
        theirs,
        unit: Unit::Seconds,
        target: Target::AtMost(1.1),
    }])
}

fn seconds_of(step: &str, events: &str) -> Outcome<f64> {
    for line in events.lines() {
        let event: serde_json::Value = serde_json::from_str(line)?;
        if event["step"] == step
            && let Some(seconds) = event["seconds"].as_f64()
        {
            return Ok(seconds);
        }
    }
    Err(format!("the events have no end of {step}").into())
}

/// Times a command whose output is of no use and too large to keep.
fn to_nowhere(command: &mut Command) -> Outcome<f64> {
    let start = std::time::Instant::now();
    let status = command.stdout(Stdio::null()).status()?;
    if !status.success() {
        return Err(format!("{command:?} ended with {status}").into());
    }
    Ok(start.elapsed().as_secs_f64())
}
