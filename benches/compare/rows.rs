//! The rows of the table.

mod copying;
mod overhead;
mod package;
mod packing;
mod site;
mod steps;
mod unchanged;
mod wheel;
mod wheelhouse;

use std::path::PathBuf;

use crate::measure::Outcome;
use crate::table::Comparison;

/// The rows, in the order of the table.
pub const NAMES: [&str; 11] = ["1", "2", "3", "4", "5", "6", "7", "8", "8b", "9", "10"];

/// uv, as benches/peers.sh installs it; it comes from the package index alone.
pub fn uv() -> PathBuf {
    crate::trees::scratch()
        .parent()
        .map(|folder| folder.join("peers/bin/uv"))
        .unwrap_or_default()
}

pub fn measure(row: &str, runs: usize) -> Outcome<Vec<Comparison>> {
    match row {
        "1" => unchanged::measure(runs),
        "2" => steps::no_op(runs),
        "3" => steps::growth(runs),
        "4" => copying::measure(runs),
        "5" => wheel::measure(runs),
        "6" => package::measure(runs),
        "7" => wheelhouse::compiled(runs),
        "8" => wheelhouse::fetched(runs),
        "8b" => wheelhouse::shared(runs),
        "9" => overhead::measure(runs),
        "10" => packing::measure(runs),
        other => Err(format!("there is no row {other}").into()),
    }
}
