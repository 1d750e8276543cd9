//! Row 1: nothing changed in a source tree.

use std::process::Command;

use crate::measure::{Contender, Outcome, in_turn, timed};
use crate::rows::site::{BASE, Site, buildkit};
use crate::table::{Comparison, Target, Unit};
use crate::trees::{WHEELS_ONLY, repository, scratch, write};

/// A plan without changes beside `git status` of the same tree, with 10,000 and 100,000 files; and,
/// for 10,000, beside a `docker build` by BuildKit that copies the tree and has everything cached.
/// The plan looks at the source, at the copy of it, and at the engine.
pub fn measure(runs: usize) -> Outcome<Vec<Comparison>> {
    let mut comparisons = Vec::new();
    for files in [10_000, 100_000] {
        let tree = repository(files)?;
        let site = Site::new(
            &format!("unchanged-{files}"),
            WHEELS_ONLY,
            Some(tree.clone()),
        )?;
        site.apply(&[])?;
        // The first plan after an apply still finds entries that are too young to be believed.
        std::thread::sleep(std::time::Duration::from_secs(1));
        site.no_op()?;
        timed(Command::new("git").arg("status").current_dir(&tree))?;

        let status = || {
            let tree = tree.clone();
            Contender::new(move |_| timed(Command::new("git").arg("status").current_dir(&tree)))
        };
        let mut contenders = vec![Contender::new(|_| site.no_op()), status()];
        let dockerfile = scratch().join("unchanged.dockerfile");
        write(&dockerfile, &format!("FROM {BASE}\nCOPY . /source\n"))?;
        if files == 10_000 {
            let tree = tree.clone();
            contenders.push(Contender::new(move |_| {
                let mut build = buildkit();
                build.args(["--tag", "builder-bench-tree", "--file"]);
                timed(build.arg(&dockerfile).arg(&tree))
            }));
        }
        let samples = in_turn(runs.max(9), true, contenders)?;
        let work = format!("plan, nothing changed, {files} files");
        comparisons.push(Comparison {
            work: work.clone(),
            ours: samples[0].clone(),
            peer: "`git status`".to_owned(),
            theirs: samples[1].clone(),
            unit: Unit::Seconds,
            target: Target::AtMost(1.0),
        });
        if let Some(theirs) = samples.get(2) {
            comparisons.push(Comparison {
                work,
                ours: samples[0].clone(),
                peer: "`docker build`, BuildKit, all cached".to_owned(),
                theirs: theirs.clone(),
                unit: Unit::Seconds,
                target: Target::Faster(15.0),
            });
        }
    }
    Ok(comparisons)
}
