//! The table of ratios, in the terminal and in benches/RESULTS.md.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use crate::machine::Machine;
use crate::measure::{Outcome, Samples};

/// How much a ratio may grow before it is said to have become worse.
const TOLERATED: f64 = 1.1;

/// What a ratio should be. A ratio is always ours over theirs, so less is better.
#[derive(Clone, Copy)]
pub enum Target {
    AtMost(f64),
    /// Ours is to be so many times faster.
    Faster(f64),
    /// It is printed for comparison.
    None,
}

impl Target {
    fn limit(self) -> Option<f64> {
        match self {
            Self::AtMost(limit) => Some(limit),
            Self::Faster(times) => Some(1.0 / times),
            Self::None => None,
        }
    }

    fn words(self) -> String {
        match self {
            Self::AtMost(limit) => format!("≤ {limit}"),
            Self::Faster(times) => format!("≤ {:.3} ({times} × faster)", 1.0 / times),
            Self::None => String::new(),
        }
    }
}

/// Ours beside one peer.
pub struct Comparison {
    /// What was done.
    pub work: String,
    /// Ours, in words where it is no time of a program.
    pub ours: Samples,
    /// The peer's name, with how it was called where that matters.
    pub peer: String,
    pub theirs: Samples,
    pub unit: Unit,
    pub target: Target,
}

#[derive(Clone, Copy)]
pub enum Unit {
    Seconds,
    Mebibytes,
}

impl Unit {
    fn shown(self, value: f64) -> String {
        match self {
            Self::Seconds if value < 1.0 => format!("{:.1} ms", value * 1e3),
            Self::Seconds => format!("{value:.2} s"),
            Self::Mebibytes => format!("{value:.1} MiB"),
        }
    }
}

impl Comparison {
    fn ratio(&self) -> f64 {
        self.ours.median() / self.theirs.median()
    }

    fn verdict(&self) -> &'static str {
        match self.target.limit() {
            Some(limit) if self.ratio() <= limit => "met",
            Some(_) => "missed",
            None => "",
        }
    }

    /// The comparison in one line, with the spread.
    pub fn told(&self) -> String {
        let spread = |samples: &Samples| {
            format!(
                "{} ({} to {})",
                self.unit.shown(samples.median()),
                self.unit.shown(samples.least()),
                self.unit.shown(samples.most())
            )
        };
        format!(
            "{}: {}; {}: {}; ratio {:.3} {} {}",
            self.work,
            spread(&self.ours),
            self.peer,
            spread(&self.theirs),
            self.ratio(),
            self.target.words(),
            self.verdict(),
        )
    }

    fn cells(&self, row: &str, machine: &Machine, before: Option<f64>) -> Vec<String> {
        let spread = |samples: &Samples| {
            let shown = |value| self.unit.shown(value);
            format!(
                "{} ({}–{})",
                shown(samples.median()),
                shown(samples.least()),
                shown(samples.most())
            )
        };
        let change = match before {
            Some(before) if self.ratio() > before * TOLERATED => {
                format!("was {before:.3}, worse")
            }
            Some(before) => format!("was {before:.3}"),
            None => String::new(),
        };
        vec![
            row.to_owned(),
            self.work.clone(),
            spread(&self.ours),
            self.peer.clone(),
            spread(&self.theirs),
            format!("{:.3}", self.ratio()),
            self.target.words(),
            self.verdict().to_owned(),
            change,
            format!(
                "{} times, {}, {}",
                self.ours.0.len(),
                machine.commit,
                machine.date
            ),
        ]
    }
}

const HEAD: [&str; 10] = [
    "#", "work", "builder", "beside", "that", "ratio", "target", "", "before", "measured",
];

/// All rows, each as its cells.
pub struct Table {
    rows: Vec<Vec<String>>,
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/RESULTS.md")
}

impl Table {
    /// Reads the table that is stored; there may be none.
    pub fn read() -> Outcome<Self> {
        let text = match fs::read_to_string(path()) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error.into()),
        };
        let rows = text.lines().filter_map(|line| {
            let inner = line.strip_prefix("| ")?.strip_suffix(" |")?;
            let cells: Vec<String> = inner
                .split(" | ")
                .map(|cell| cell.trim().to_owned())
                .collect();
            let is_row =
                cells.len() == HEAD.len() && crate::rows::NAMES.contains(&cells[0].as_str());
            is_row.then_some(cells)
        });
        Ok(Self {
            rows: rows.collect(),
        })
    }

    /// Puts what was measured in the place of what the table has of the row.
    pub fn replace(&mut self, row: &str, machine: &Machine, comparisons: Vec<Comparison>) {
        let before = |comparison: &Comparison| {
            let same = self.rows.iter().find(|cells| {
                cells[0] == row && cells[1] == comparison.work && cells[3] == comparison.peer
            });
            same.and_then(|cells| cells[5].parse().ok())
        };
        let new: Vec<Vec<String>> = comparisons
            .iter()
            .map(|comparison| comparison.cells(row, machine, before(comparison)))
            .collect();
        self.rows.retain(|cells| cells[0] != row);
        self.rows.extend(new);
        let place = |cells: &Vec<String>| {
            let names = crate::rows::NAMES;
            names.iter().position(|name| *name == cells[0])
        };
        self.rows.sort_by_key(place);
    }

    pub fn write(&self, machine: &Machine) -> Outcome<()> {
        fs::write(path(), self.markdown(machine))?;
        Ok(())
    }

    pub fn markdown(&self, machine: &Machine) -> String {
        let mut text = String::from(
            "# What `builder` takes, beside others\n\n\
             Written by `make bench`. Each pair was measured in turn in one run; a figure is the \
             median, with the least and the most. A ratio is `builder` over the other: less is \
             better, and 0.2 is five times as fast. `before` is the ratio that stood here before, \
             and *worse* one that grew by more than a tenth. What exactly is done is written at \
             each row's function in [compare/rows](compare/rows).\n\n",
        );
        for line in &machine.lines {
            let _ = writeln!(text, "- {line}");
        }
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
        };
        text.push('\n');
        text += &line(&mut HEAD.into_iter());
        text += &line(&mut HEAD.iter().map(|_| "---"));
        for cells in &self.rows {
            text += &line(&mut cells.iter().map(String::as_str));
        }
        text
    }
}
