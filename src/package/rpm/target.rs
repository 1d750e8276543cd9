//! The distribution that a package is for, as its suffix tells it, and the names that follow.

use std::fmt;

use ::rpm::CompressionWithLevel;

use crate::package::version::{Mapped, VersionError, rpm, rpm_before_caret, rpm_release};
use crate::package::{Package, PackageError};

/// How a payload is compressed, with its strength.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// From 1 to 22. Read by Fedora since 31, and by EL since 8.
    Zstd(i32),
    /// From 0 to 9. Read by every rpm since 4.6.
    Xz(u32),
    /// From 0 to 9. Read by every rpm.
    Gzip(u32),
}

impl Compression {
    /// Chooses what is usual on the suffix's distribution: zstd on Fedora and from EL 9 on, else xz.
    pub fn read_by(suffix: Option<&str>) -> Self {
        match suffix.map(distribution) {
            Some(("fc", 31..) | ("el", 9..) | ("amzn", 2023..)) => Self::Zstd(9),
            _ => Self::Xz(6),
        }
    }
}

impl From<Compression> for CompressionWithLevel {
    fn from(compression: Compression) -> Self {
        match compression {
            Compression::Zstd(level) => Self::Zstd(level),
            Compression::Xz(level) => Self::Xz(level),
            Compression::Gzip(level) => Self::Gzip(level),
        }
    }
}

/// Splits a suffix such as `fc41` or `el9_4` into its letters and the number after them.
fn distribution(suffix: &str) -> (&str, u32) {
    let end = |text: &str, of: fn(&char) -> bool| -> usize {
        text.chars().take_while(of).map(char::len_utf8).sum()
    };
    let (name, rest) = suffix.split_at(end(suffix, char::is_ascii_lowercase));
    let number = &rest[..end(rest, char::is_ascii_digit)];
    (name, number.parse().unwrap_or(0))
}

/// Says whether rpm on the suffix's distribution sorts `^`, as rpm does since 4.15.
///
/// EL 8 has it in its 4.14 since 8.2 (Red Hat's bug 1654901).
fn sorts_caret(suffix: Option<&str>) -> bool {
    !matches!(
        suffix.map(distribution),
        Some(("el", ..=7) | ("amzn", ..=2) | ("sles" | "lp", ..=159) | ("fc", ..=30))
    )
}

/// The version of a package as rpm compares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evr {
    /// The epoch, where there is one.
    pub epoch: Option<u32>,
    /// The version.
    pub version: String,
    /// The release, with the suffix as the distribution's tag.
    pub release: String,
    /// What a user should know of how it will be sorted.
    pub warning: Option<String>,
}

/// `VERSION-RELEASE`, or `EPOCH:VERSION-RELEASE`.
impl fmt::Display for Evr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(epoch) = self.epoch {
            write!(f, "{epoch}:")?;
        }
        write!(f, "{}-{}", self.version, self.release)
    }
}

/// Maps the package's version, revision and suffix.
///
/// # Errors
///
/// One of them cannot be written in an RPM.
pub fn evr(package: &Package) -> Result<Evr, PackageError> {
    let suffix = package.suffix.as_deref();
    let value = |error: VersionError| PackageError::Value {
        help: miette::Diagnostic::help(&error).map_or_else(String::new, |help| help.to_string()),
        what: error.to_string(),
    };
    let (Mapped { epoch, upstream }, warning) = if sorts_caret(suffix) {
        (rpm(&package.version).map_err(value)?, None)
    } else {
        rpm_before_caret(&package.version).map_err(value)?
    };
    Ok(Evr {
        epoch,
        version: upstream,
        release: rpm_release(package.revision, suffix).map_err(value)?,
        warning,
    })
}

/// Names the architecture as rpm does.
pub fn arch(machine: Option<&str>) -> &str {
    match machine {
        None => "noarch",
        Some("armv7l") => "armv7hl",
        Some("i386" | "i486" | "i586") => "i686",
        Some(machine) => machine,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_chooses_the_compression_and_the_spelling_of_versions() {
        let check = |suffix: Option<&str>, zstd: bool, caret: bool| {
            let compression = Compression::read_by(suffix);
            let is_zstd = matches!(compression, Compression::Zstd(_));
            assert_eq!((is_zstd, sorts_caret(suffix)), (zstd, caret), "{suffix:?}");
        };
        check(Some("fc41"), true, true);
        check(Some("el9"), true, true);
        check(Some("el9_4"), true, true);
        check(Some("el10"), true, true);
        check(Some("amzn2023"), true, true);
        check(Some("el8"), false, true);
        check(Some("el7"), false, false);
        check(Some("amzn2"), false, false);
        check(Some("sles15"), false, false);
        check(Some("lp156"), false, false);
        check(Some("acme"), false, true);
        check(Some("é9"), false, true);
        check(None, false, true);
    }
}
