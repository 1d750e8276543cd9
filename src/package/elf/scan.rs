//! The compiled files in a package's archives.
#![expect(
    clippy::disallowed_methods,
    reason = "the archives of a package are on disk"
)]

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::PathBuf;

use super::{Elf, MAGIC};
use crate::package::PackageError;

/// Finds the ELF files in `contents`, each with its path as its archive has it.
///
/// A package with such files fits one machine only. A file that begins like an ELF file and is a
/// broken one is passed over: test data of wheels has some. One file at a time is in memory.
///
/// # Errors
///
/// An archive could not be read.
pub fn scan(contents: &[PathBuf]) -> Result<Vec<(String, Elf)>, PackageError> {
    let mut found = Vec::new();
    for path in contents {
        let failed = |cause: std::io::Error| PackageError::Io {
            verb: format!("read {}", path.display()),
            cause: cause.to_string(),
        };
        let file = File::open(path).map_err(failed)?;
        let mut archive = tar::Archive::new(BufReader::with_capacity(64 * 1024, file));
        for entry in archive.entries().map_err(failed)? {
            let mut entry = entry.map_err(failed)?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let mut bytes = Vec::new();
            let magic = MAGIC.len() as u64;
            (&mut entry)
                .take(magic)
                .read_to_end(&mut bytes)
                .map_err(failed)?;
            if bytes != MAGIC {
                continue;
            }
            entry.read_to_end(&mut bytes).map_err(failed)?;
            if let Some(elf) = Elf::parse(&bytes) {
                let name = entry.path_bytes();
                found.push((String::from_utf8_lossy(&name).into_owned(), elf));
            }
        }
    }
    Ok(found)
}
