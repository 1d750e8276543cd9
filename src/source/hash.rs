//! Single files: opened where they are known to be regular, and what may be wrong with them.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::FileType;

use crate::digest::{ContentHasher, Digest};

/// The domain of what stands in for something that no tree can hold.
const FOREIGN_CONTEXT: &str = "builder 2026-11-23 foreign entry v1";

/// Returns the digest of something that no tree can hold, which is that of no file.
pub(crate) fn foreign(what: &str) -> Digest {
    ContentHasher::new(FOREIGN_CONTEXT).text(what).finish()
}

/// Opens a regular file without following a link in its place.
///
/// What the path names is looked at before and what was opened after: a link or a FIFO put there
/// in between is noticed. Such a file, and one that never was regular, is [`ErrorKind::InvalidData`].
pub(crate) fn open_regular(path: &Path) -> io::Result<(File, Metadata)> {
    let irregular = || io::Error::new(ErrorKind::InvalidData, "it is not a regular file");
    let named = fs::symlink_metadata(path)?;
    if !named.is_file() {
        return Err(irregular());
    }
    let file = File::open(path)?;
    let opened = file.metadata()?;
    if (named.dev(), named.ino()) != (opened.dev(), opened.ino()) || !opened.is_file() {
        return Err(irregular());
    }
    Ok((file, opened))
}

/// Whether the owner may execute the file.
pub(crate) fn is_executable(metadata: &Metadata) -> bool {
    metadata.mode() & 0o100 != 0
}

/// Whether an error says that nothing is at the path.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Returns what is wrong with a name or a link's target, if anything is.
pub(crate) fn fault_of_name(name: Option<&str>) -> Option<&'static str> {
    match name {
        None => Some("is not UTF-8"),
        Some(name) if name.chars().any(char::is_control) => Some("has a control character"),
        Some(_) => None,
    }
}

/// Names what is neither file, directory nor link.
pub(crate) fn kind_of(kind: FileType) -> &'static str {
    match kind {
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        _ => "a device",
    }
}

/// Makes a path of any bytes showable: what is not printable is escaped.
pub(crate) fn shown(path: &Path) -> String {
    path.to_string_lossy().escape_debug().to_string()
}
