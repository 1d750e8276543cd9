//! Row 4: one file of many changed, and its copy is brought up to date.

use std::process::Command;

use crate::measure::{Contender, Outcome, in_turn, timed};
use crate::rows::site::{Site, edit};
use crate::table::{Comparison, Target, Unit};
use crate::trees::{WHEELS_ONLY, repository, scratch};

/// One file of 10,000 changed: an apply of the step `source` beside `rsync -a --delete`. The apply
/// plans, finds the file, copies it, and keeps its record.
pub fn measure(runs: usize) -> Outcome<Vec<Comparison>> {
    let tree = repository(10_000)?;
    let file = tree.join("src/big/part_7/m707.py");
    let site = Site::new("copying", WHEELS_ONLY, Some(tree.clone()))?;
    site.apply(&["--target", "source"])?;
    let copy = scratch().join("copying/rsync");
    let (from, to) = (
        format!("{}/", tree.display()),
        format!("{}/", copy.display()),
    );
    let rsync = |_| {
        let words = [
            "-a",
            "--delete",
            "--exclude=/.git",
            from.as_str(),
            to.as_str(),
        ];
        timed(Command::new("rsync").args(words))
    };
    rsync(0)?;
    let changed = |_| {
        edit(&file)?;
        // Neither is to profit from what is too young to be believed.
        std::thread::sleep(std::time::Duration::from_millis(50));
        Ok(())
    };
    let ours = |_| site.apply(&["--target", "source"]);
    let samples = in_turn(
        runs.max(9),
        true,
        vec![
            Contender::new(ours).after(changed),
            Contender::new(rsync).after(changed),
        ],
    )?;
    Ok(vec![Comparison {
        work: "one file of 10000 changed: found and copied".to_owned(),
        ours: samples[0].clone(),
        peer: "`rsync -a --delete`".to_owned(),
        theirs: samples[1].clone(),
        unit: Unit::Seconds,
        target: Target::AtMost(0.5),
    }])
}
