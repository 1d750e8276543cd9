//! Row 9: what a run takes beyond the time of its containers.

use std::collections::BTreeMap;
use std::fs;

use crate::measure::{Outcome, Samples};
use crate::rows::site::{BASE, Site, edit};
use crate::table::{Comparison, Target, Unit};
use crate::trees::project;

/// For each step that an apply ran, its seconds and those that its containers ran.
type Steps = BTreeMap<String, (f64, f64)>;

/// The steps of a project with a package, in a run with one module changed: what each took beyond
/// the time that its containers ran, by the engine's own clock. The figure of a run is the median
/// over its steps.
pub fn measure(runs: usize) -> Outcome<Vec<Comparison>> {
    let config = format!("deb:\n  base_image: {BASE}\n");
    let site = Site::new("overhead", &config, None)?;
    let required = ["click", "jinja2", "requests"].map(str::to_owned);
    project(&site.project, "own", 300, &required, "deb:\n")?;
    site.apply(&[])?;
    let file = site.project.join("src/own/part_1/m123.py");
    let events = site.root.join("events.json");
    let (mut beyond, mut with_containers) = (Samples::default(), Samples::default());
    for _ in 0..runs {
        edit(&file)?;
        site.apply(&["--json-into", &events.display().to_string()])?;
        let steps = read(&fs::read_to_string(&events)?)?;
        let over = |wanted: &dyn Fn(f64) -> bool| {
            let all = steps.values().filter(|(_, contained)| wanted(*contained));
            Samples(
                all.map(|(seconds, contained)| seconds - contained)
                    .collect(),
            )
        };
        beyond.0.push(over(&|_| true).median());
        with_containers
            .0
            .push(over(&|contained| contained > 0.0).median());
    }
    let limit = Samples(vec![0.02; runs]);
    let line = |work: &str, ours, target| Comparison {
        work: work.to_owned(),
        ours,
        peer: "20 ms".to_owned(),
        theirs: limit.clone(),
        unit: Unit::Seconds,
        target,
    };
    Ok(vec![
        line(
            "a step beyond its containers' time, median of a run's steps",
            beyond,
            Target::AtMost(1.0),
        ),
        line(
            "the same, of those steps alone that have containers",
            with_containers,
            Target::None,
        ),
    ])
}

/// Reads the steps from the events of a run.
fn read(text: &str) -> Outcome<Steps> {
    let mut steps = Steps::new();
    for line in text.lines() {
        let event: serde_json::Value = serde_json::from_str(line)?;
        let (Some(step), Some(seconds)) = (event["step"].as_str(), event["seconds"].as_f64())
        else {
            continue;
        };
        let contained = event["container_seconds"].as_f64().unwrap_or(0.0);
        steps.insert(step.to_owned(), (seconds, contained));
    }
    if steps.values().all(|(_, contained)| *contained == 0.0) {
        return Err("no step of the run had a container".into());
    }
    Ok(steps)
}
