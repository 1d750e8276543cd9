//! What can be typed about caches.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::app::CacheChoice;

#[derive(Subcommand)]
pub(in crate::cli) enum CacheCommand {
    /// Count what is in it
    Status {
        #[command(flatten)]
        place: CachePlace,
    },
    /// Take away what is too old, then what was least recently of use, until the rest fits
    Gc {
        #[command(flatten)]
        place: CachePlace,
        /// What may stay, such as 500MB or 20GB
        #[arg(long, value_name = "SIZE", default_value = "20GB", value_parser = parse_size)]
        max_size: u64,
        /// For how long an entry of no use is kept, such as 12h or 90d
        #[arg(long, value_name = "AGE", default_value = "90d", value_parser = parse_age)]
        max_age: Duration,
    },
    /// Read everything in it, and remove what does not hold
    Verify {
        #[command(flatten)]
        place: CachePlace,
    },
}

#[derive(Args)]
pub(in crate::cli) struct CachePlace {
    /// The folder of the local cache, if it is not `builder` in the user's cache folder
    #[arg(
        long,
        value_name = "DIR",
        env = "BUILDER_CACHE_DIR",
        hide_env_values = true
    )]
    pub cache_dir: Option<PathBuf>,
}

fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|character: char| !character.is_ascii_digit());
    let factor = match text[digits.len()..].trim() {
        "" | "B" => Some(1),
        "kB" | "KB" | "K" | "k" => Some(1_000),
        "MB" | "M" => Some(1_000_000),
        "GB" | "G" => Some(1_000_000_000),
        "TB" | "T" => Some(1_000_000_000_000),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        "TiB" => Some(1 << 40),
        _ => None,
    };
    let size = digits
        .parse::<u64>()
        .ok()
        .zip(factor)
        .and_then(|(count, factor)| count.checked_mul(factor));
    size.ok_or_else(|| "it is a whole number with a unit, such as 500MB or 20GiB".to_owned())
}

fn parse_age(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "it is a number with a unit, such as 12h or 90d".to_owned())
}

#[derive(Args)]
pub(in crate::cli) struct CacheArgs {
    /// The folder of the local cache, if it is not `builder` in the user's cache folder
    #[arg(
        long,
        value_name = "DIR",
        env = "BUILDER_CACHE_DIR",
        hide_env_values = true
    )]
    pub cache_dir: Option<PathBuf>,
    /// Neither restore from caches nor keep anything there
    #[arg(long, env = "BUILDER_NO_CACHE", hide_env_values = true, value_parser = clap::builder::BoolishValueParser::new())]
    pub no_cache: bool,
    /// Read every file, also those whose times, size and inode are what they were
    #[arg(long, env = "BUILDER_NO_INDEX", hide_env_values = true, value_parser = clap::builder::BoolishValueParser::new())]
    pub no_index: bool,
}

impl CacheArgs {
    /// Returns what the command line says of caches.
    pub fn choice(self) -> CacheChoice {
        CacheChoice {
            folder: self.cache_dir,
            off: self.no_cache,
            without_index: self.no_index,
        }
    }
}
