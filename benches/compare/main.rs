//! `builder` beside what a user would use instead: every pair measured in one run, in turn.
//!
//! `make bench` runs it. It prints a table and stores it in benches/RESULTS.md, where rows that were
//! not measured this time stay as they are. `cargo bench --bench compare -- 4 5` measures some rows;
//! `--runs N` says how often, five times unless given. What is measured of each row is said at its
//! function in `rows`.
#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark runs programs, reads clocks and writes files"
)]

mod machine;
mod measure;
mod rows;
mod table;
mod trees;

use std::process::ExitCode;

use measure::Outcome;
use table::Table;

/// What was asked for on the command line.
struct Asked {
    rows: Vec<String>,
    runs: usize,
}

fn asked() -> Outcome<Asked> {
    let mut asked = Asked {
        rows: Vec::new(),
        runs: 5,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            // cargo says this to every benchmark.
            "--bench" => {}
            "--runs" => asked.runs = words.next().ok_or("--runs needs a number")?.parse()?,
            row if rows::NAMES.contains(&row) => asked.rows.push(row.to_owned()),
            other => {
                let known = rows::NAMES.join(", ");
                return Err(format!("`{other}` is no row; there are {known}").into());
            }
        }
    }
    if asked.rows.is_empty() {
        asked.rows = rows::NAMES.map(str::to_owned).to_vec();
    }
    Ok(asked)
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures what was asked for, and tells whether every row could be measured.
fn run() -> Outcome<bool> {
    let asked = asked()?;
    let mut table = Table::read()?;
    let machine = machine::describe()?;
    let mut complete = true;
    for row in &asked.rows {
        eprintln!("row {row} ...");
        match rows::measure(row, asked.runs) {
            Ok(comparisons) => {
                for comparison in &comparisons {
                    eprintln!("  {}", comparison.told());
                }
                table.replace(row, &machine, comparisons);
                // A row that took minutes is not lost to an error in a later one.
                table.write(&machine)?;
            }
            Err(error) => {
                complete = false;
                eprintln!("  row {row} was not measured: {error}");
            }
        }
    }
    print!("{}", table.markdown(&machine));
    Ok(complete)
}
