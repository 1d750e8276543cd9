//! Python's versions in the words of other tools: Debian's, RPM's and a container registry's.
//!
//! The maps keep PEP 440's order under the comparisons of dpkg and rpm; `tests/versions.rs` holds
//! them against the real ones.
//!
//! | PEP 440 | Debian | RPM |
//! |---|---|---|
//! | `N!X` | `N:X` | `Epoch: N` |
//! | `a1`, `b2`, `rc1` | `~a1`, `~b2`, `~rc1` | `~a1`, `~b2`, `~rc1` |
//! | `.postN` | `+postN` | `^postN` |
//! | `.devN` | `~~devN` | `~~devN` |
//! | `+1.local` | `+~1.~local` | `^~1.local` |
//!
//! In both orders `~` stands before the end of a version. In Debian's, `+` stands before `.`, and a
//! `~` before digits; in RPM's, `^` stands between the end and `.`.
//!
//! The release keeps its author's length, `1.0` or `1.0.0`. PEP 440 holds the two for equal, dpkg and
//! rpm do not, and put every form of `1.0` before every form of `1.0.0`: [`respelled`] finds a change
//! of length between two versions.
//!
//! Known gap: a local segment of letters *and* digits (`cu118`, a commit's `g1f2e3d`) is compared as
//! text by PEP 440 and number by number by dpkg and rpm. And dpkg puts `+ab.1` after `+abc`.

mod error;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use pep440_rs::{LocalSegment, Prerelease, PrereleaseKind, Version};

pub use error::VersionError;

/// The greatest epoch of a Debian version, which dpkg holds in an `int`.
const GREATEST_EPOCH: u64 = i32::MAX as u64;

/// The greatest length of an image's tag (OCI distribution specification).
const TAG: usize = 128;

/// A version as another packaging system writes it, without the packaging's own revision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mapped {
    /// The epoch, where it is not 0.
    pub epoch: Option<u32>,
    /// The upstream version of a Debian package, the `Version` of an RPM.
    pub upstream: String,
}

/// The version and what precedes it when it is written in one word: `1:2.0~rc1`.
impl fmt::Display for Mapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.epoch {
            Some(epoch) => write!(f, "{epoch}:{}", self.upstream),
            None => f.write_str(&self.upstream),
        }
    }
}

/// Writes a version as Debian does (Policy 5.6.12), without a revision.
///
/// # Errors
///
/// The text is no version of PEP 440, or its epoch is greater than dpkg can hold.
pub fn debian(version: &str) -> Result<Mapped, VersionError> {
    let version = parse(version)?;
    let mut upstream = public(&version, "+post");
    for (at, segment) in version.local().iter().enumerate() {
        upstream.push_str(if at == 0 { "+~" } else { "." });
        match segment {
            LocalSegment::Number(number) => upstream.push_str(&number.to_string()),
            LocalSegment::String(text) => {
                upstream.push('~');
                upstream.push_str(text);
            }
        }
    }
    mapped(&version, upstream)
}

/// Writes a version as rpm 4.15 and later read it, without a release.
///
/// # Errors
///
/// The text is no version of PEP 440, or its epoch is greater than dpkg can hold; rpm could hold
/// twice as much, and a project's deb and rpm are to have the same.
pub fn rpm(version: &str) -> Result<Mapped, VersionError> {
    let version = parse(version)?;
    let mut upstream = public(&version, "^post");
    if !version.local().is_empty() {
        upstream.push_str("^~");
        upstream.push_str(&local(&version));
    }
    mapped(&version, upstream)
}

/// Writes a version for an rpm before 4.15, such as that of EL 8, which does not know `^`.
///
/// `None` stands beside a version whose order is kept. A sentence stands beside one with a
/// post-release or a local label: `1.0.post1` comes after `1.0`, but the order among `1.0.post1`,
/// `1.0+local` and `1.0.1` is not PEP 440's in every case.
///
/// # Errors
///
/// As of [`rpm()`].
pub fn rpm_before_caret(version: &str) -> Result<(Mapped, Option<String>), VersionError> {
    let version = parse(version)?;
    let mut upstream = public(&version, ".post");
    if !version.local().is_empty() {
        upstream.push('+');
        upstream.push_str(&local(&version));
    }
    let inexact = version.post().is_some() || !version.local().is_empty();
    let warning = inexact.then(|| {
        format!("rpm before 4.15 may sort `{upstream}` otherwise than PEP 440 sorts `{version}`")
    });
    Ok((mapped(&version, upstream)?, warning))
}

/// Writes the full version of a Debian package: `1.2.0-1`, or `1.2.0-1~deb12` with a suffix.
///
/// The `~` lets a plain `1.2.0-1` come after it, and a suffix that grows with the distribution's
/// release makes an upgrade of the distribution one of the package too.
///
/// # Errors
///
/// As of [`debian`], and for a revision of 0 or a suffix that is no part of a revision.
pub fn debian_full(
    version: &str,
    revision: u32,
    suffix: Option<&str>,
) -> Result<String, VersionError> {
    let mapped = debian(version)?;
    let revision = self::revision(revision)?;
    Ok(match suffix {
        Some(suffix) => format!("{mapped}-{revision}~{}", checked_suffix(suffix)?),
        None => format!("{mapped}-{revision}"),
    })
}

/// Writes the `Release` of an RPM: `1`, or `1.el9` with a suffix.
///
/// # Errors
///
/// The revision is 0, or the suffix has characters that a release has not.
pub fn rpm_release(revision: u32, suffix: Option<&str>) -> Result<String, VersionError> {
    let revision = self::revision(revision)?;
    Ok(match suffix {
        Some(suffix) => format!("{revision}.{}", checked_suffix(suffix)?),
        None => revision.to_string(),
    })
}

/// Says whether `new` comes before `old` in PEP 440's order, so that no upgrade leads to it.
///
/// # Errors
///
/// One of the texts is no version of PEP 440.
pub fn sorts_below(new: &str, old: &str) -> Result<bool, VersionError> {
    Ok(parse(new)? < parse(old)?)
}

/// Says whether the lengths of two releases differ, as those of `1.0` and `1.0.0`.
///
/// Between such versions dpkg and rpm may disagree with PEP 440.
///
/// # Errors
///
/// One of the texts is no version of PEP 440.
pub fn respelled(new: &str, old: &str) -> Result<bool, VersionError> {
    Ok(parse(new)?.release().len() != parse(old)?.release().len())
}

/// Writes a version as the tag of an image: `+` and `!` as `_`, and at most 128 characters.
///
/// A version that is longer ends in the beginning of its digest, so that no two have one tag.
///
/// # Errors
///
/// The text is no version of PEP 440.
pub fn docker_tag(version: &str) -> Result<String, VersionError> {
    let version = parse(version)?.to_string();
    let mut tag = version.replace(['+', '!'], "_");
    if tag.len() > TAG {
        let digest = blake3::hash(version.as_bytes()).to_hex();
        let ending = &digest.as_str()[..12];
        tag.truncate(TAG - 1 - ending.len());
        tag.push('_');
        tag.push_str(ending);
    }
    Ok(tag)
}

fn parse(version: &str) -> Result<Version, VersionError> {
    Version::from_str(version).map_err(|error| VersionError::Pep440 {
        version: version.to_owned(),
        cause: error.to_string().replace('\n', " "),
    })
}

fn mapped(version: &Version, upstream: String) -> Result<Mapped, VersionError> {
    if version.epoch() > GREATEST_EPOCH {
        return Err(VersionError::Epoch {
            version: version.to_string(),
        });
    }
    Ok(Mapped {
        epoch: u32::try_from(version.epoch())
            .ok()
            .filter(|epoch| *epoch != 0),
        upstream,
    })
}

/// All but the epoch and the local label, with the given words before a post-release's number.
fn public(version: &Version, post: &str) -> String {
    let numbers: Vec<String> = version.release().iter().map(u64::to_string).collect();
    let mut text = numbers.join(".");
    if let Some(Prerelease { kind, number }) = version.pre() {
        let kind = match kind {
            PrereleaseKind::Alpha => "a",
            PrereleaseKind::Beta => "b",
            PrereleaseKind::Rc => "rc",
        };
        text.push_str(&format!("~{kind}{number}"));
    }
    if let Some(number) = version.post() {
        text.push_str(&format!("{post}{number}"));
    }
    if let Some(number) = version.dev() {
        text.push_str(&format!("~~dev{number}"));
    }
    text
}

fn local(version: &Version) -> String {
    let segments: Vec<String> = version.local().iter().map(ToString::to_string).collect();
    segments.join(".")
}

fn revision(revision: u32) -> Result<u32, VersionError> {
    if revision == 0 {
        return Err(VersionError::Revision);
    }
    Ok(revision)
}

/// A suffix has what both Debian's revision and RPM's release may have.
fn checked_suffix(suffix: &str) -> Result<&str, VersionError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '~');
    if suffix.is_empty() || !suffix.chars().all(fits) {
        return Err(VersionError::Suffix {
            suffix: suffix.to_owned(),
        });
    }
    Ok(suffix)
}
