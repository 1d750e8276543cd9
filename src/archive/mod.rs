//! Archives: what goes into a container and what comes out of one.
//!
//! What goes in is the same bytes for the same tree: entries sorted, owned by root, with normalised
//! modes and one time. What comes out is believed in nothing: [`unpack`] takes directories, regular
//! files and links that stay inside, and refuses an archive with anything else in it as a whole.
#![expect(
    clippy::disallowed_methods,
    reason = "what comes out of a container goes to disk"
)]

mod meter;
mod pack;
#[cfg(test)]
mod tests;
mod unpack;

use std::io::{self, Write};

/// A writer of an archive, called once, on a thread that may block.
pub type TarWriter = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send>;

pub use pack::{header, pack_files, pack_tree};
pub use unpack::{ArchiveError, Limits, Strip, unpack};
