//! Names and bytes as archives have them.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use md5::{Digest, Md5};

use crate::package::PackageError;

pub(super) fn text(bytes: &[u8], archive: &str) -> Result<String, PackageError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| PackageError::Value {
        what: format!(
            "`{}` in {archive} is no UTF-8",
            String::from_utf8_lossy(bytes)
        ),
        help: "rename the file in the project that brings it".to_owned(),
    })
}

/// A path without the slashes at its ends; it may not leave by `..` or break a line.
pub(super) fn relative(path: &str) -> Result<String, PackageError> {
    let trimmed = path.trim_matches('/');
    let bad = |part: &str| matches!(part, "" | "." | "..");
    if path != "/" && trimmed.split('/').any(bad) || trimmed.contains(char::is_control) {
        return Err(PackageError::Value {
            what: format!("`{}` is no path for a package", path.escape_debug()),
            help: "use an absolute path without `..` and line breaks".to_owned(),
        });
    }
    Ok(trimmed.to_owned())
}

/// The text of a link: relative within one top-level directory, else absolute (Policy 10.5).
pub(super) fn from_link(path: &str, target: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    let wanted: Vec<&str> = target.split('/').collect();
    if parts[0] != wanted[0] || parts.len() == 1 {
        return format!("/{target}");
    }
    let pairs = parts[..parts.len() - 1].iter().zip(&wanted);
    let common = pairs.take_while(|(a, b)| a == b).count();
    let mut text = vec![".."; parts.len() - 1 - common];
    text.extend(&wanted[common..]);
    text.join("/")
}

/// Bytes of an archive, from a place on.
pub(super) struct At<'a> {
    pub(super) file: &'a File,
    pub(super) offset: u64,
}

impl Read for At<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(bytes, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

/// A reader that knows the sum of what was read.
pub(super) struct Summed<R> {
    inner: R,
    hasher: Md5,
}

impl<R> Summed<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            hasher: Md5::new(),
        }
    }

    pub(super) fn sum(self) -> String {
        let digest = self.hasher.finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.hasher.update(&bytes[..read]);
        Ok(read)
    }
}
