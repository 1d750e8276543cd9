//! RPM packages, written directly: no spec file, no `rpmbuild`, and none of its generators.
//!
//! What an `rpmbuild` of the same files would find out by itself is given: the requirements come
//! with the [`Package`], from its ELF files among others (see [`elf`](super::elf)). Nothing is
//! stripped, compiled or rewritten.
//!
//! The bytes depend on the package and the options alone, unless the package's time is in the
//! future: the `rpm` crate takes the present for it then. Files of some size wait in a folder, and
//! the compressed payload is in memory; the crate offers no stream.
mod files;
mod fragment;
mod prose;
mod require;
mod scriptlets;
mod sign;
mod target;

use std::io::Write;
use std::path::PathBuf;

use ::rpm::{BuildConfig, CompressionWithLevel, PackageBuilder, Timestamp};

use super::prose::synopsis;
use super::{Package, PackageError, Written};

pub use sign::sign;
pub use target::{Compression, Evr, evr};

/// The licence of a package whose project states none, as SPDX spells a licence that is not on its
/// list.
const NO_LICENSE: &str = "LicenseRef-Unspecified";

/// The build host of every package; the true one would be another in every container.
const BUILD_HOST: &str = "builder";

/// What an RPM takes beyond the description of the package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpmOptions {
    /// An existing folder in which large files wait until they are packed; left as it was.
    pub scratch: PathBuf,
    /// The payload's compression; by default what the suffix's distribution reads.
    pub compression: Option<Compression>,
    /// What it provides beside itself: `bundled(python3dist(flask)) = 3.0`.
    pub provides: Vec<String>,
}

/// Writes `package` to `out`.
///
/// It is of format 4, unsigned, with SHA-256 digests of each file, of the header and of the payload.
/// Everything in it belongs to root. It owns the package's prefix and the folders that are named
/// after the package, never those that others own, such as `/opt` or `/etc/nginx`.
///
/// # Errors
///
/// A value does not fit an RPM, or an archive could not be read, or `out` not be written.
pub fn write(
    package: &Package,
    options: &RpmOptions,
    out: &mut dyn Write,
) -> Result<Written, PackageError> {
    let evr = evr(package)?;
    let arch = target::arch(package.machine.as_deref());
    let time = u32::try_from(package.epoch).map_err(|_| PackageError::Value {
        what: format!("an RPM cannot hold the time {}", package.epoch),
        help: "use a time before 2106".to_owned(),
    })?;
    let scratch = tempfile::tempdir_in(&options.scratch).map_err(|cause| PackageError::Io {
        verb: format!("create a folder in {}", options.scratch.display()),
        cause: cause.to_string(),
    })?;

    let license = package.license.as_deref().unwrap_or(NO_LICENSE);
    let summary = match package.summary.trim() {
        "" => synopsis(&package.name, ""),
        summary => summary.to_owned(),
    };
    let (summary, description) = prose::prose(&summary, &package.description);
    let mut builder = PackageBuilder::new(&package.name, &evr.version, license, arch, &summary);
    let compression = options
        .compression
        .unwrap_or_else(|| Compression::read_by(package.suffix.as_deref()));
    let config = BuildConfig::v4()
        .source_date(Timestamp(time))
        .compression(CompressionWithLevel::from(compression));
    builder
        .using_config(config)
        .release(evr.release.as_str())
        .description(description)
        .group(package.section.as_str())
        .vendor(package.maintainer.as_str())
        .packager(package.maintainer.as_str())
        .build_host(BUILD_HOST)
        .add_changelog_entry(
            format!("{} - {evr}", package.maintainer),
            format!("- {} {}", package.name, package.version),
            Timestamp(time),
        );
    if let Some(epoch) = evr.epoch {
        builder.epoch(epoch);
    }
    if let Some(homepage) = &package.homepage {
        builder.url(homepage.as_str());
    }
    for requirement in &package.requires {
        builder.requires(require::parse(requirement)?);
    }
    for feature in require::features(&evr.version) {
        builder.requires(feature);
    }
    for provision in &options.provides {
        builder.provides(require::parse(provision)?);
    }
    scriptlets::add(&mut builder, package, &evr)?;
    files::add(&mut builder, package, Timestamp(time), scratch.path())?;

    let rpm = builder.build().map_err(|error| refused(&error))?;
    rpm.write(&mut &mut *out)
        .map_err(|error| PackageError::Io {
            verb: format!("write the package {}", package.name),
            cause: error.to_string(),
        })?;
    Ok(Written {
        file_name: format!(
            "{}-{}-{}.{arch}.rpm",
            package.name, evr.version, evr.release
        ),
        version: evr.to_string(),
    })
}

/// Turns an error of the crate, which names the field, into ours.
fn refused(error: &::rpm::Error) -> PackageError {
    match error {
        ::rpm::Error::Io(cause) => PackageError::Io {
            verb: "read what is packed".to_owned(),
            cause: cause.to_string(),
        },
        other => PackageError::Value {
            what: format!("an RPM cannot be written: {other}"),
            help: "change the value that the message names".to_owned(),
        },
    }
}
