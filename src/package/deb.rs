//! Debian packages: the writer of `deb(5)`, with what Debian Policy wants inside.

#![expect(
    clippy::disallowed_methods,
    reason = "the archives of a package are read, and its payload is compressed into a file"
)]

mod archive;
mod blocks;
mod changelog;
mod control;
mod copyright;
mod licenses;
mod overrides;
mod payload;
mod scripts;
mod systemd;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{self, Seek, Write};
use std::path::PathBuf;

use super::{Package, PackageError, Written, version};
use archive::{Compressor, TarWriter};
use payload::Payload;

pub use control::lints;

/// How the members of a package are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// What every dpkg reads, and the only one besides gzip that Debian's own archive takes.
    #[default]
    Xz,
    /// Quick, and read by every dpkg: for packages that are built to be tried.
    Gzip,
    /// Quick and small, and read from dpkg 1.21.18 (Debian 12) on; lintian takes it for malformed.
    Zstd,
}

/// The folder of the units that packages bring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnitFolder {
    /// `/lib/systemd/system`, where Debian 12 and older look for them.
    #[default]
    Lib,
    /// `/usr/lib/systemd/system`, from Debian 13 and Ubuntu 24.04 on.
    UsrLib,
}

impl UnitFolder {
    /// The folder of the distribution that a suffix names: `deb13`, `ubuntu24.04`.
    pub fn of_suffix(suffix: Option<&str>) -> Self {
        let release = |distribution: &str| -> Option<u32> {
            let rest = suffix?.strip_prefix(distribution)?;
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse().ok()
        };
        let usr = release("deb").is_some_and(|number| number >= 13)
            || release("ubuntu").is_some_and(|number| number >= 24);
        if usr { Self::UsrLib } else { Self::Lib }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Lib => "/lib/systemd/system",
            Self::UsrLib => "/usr/lib/systemd/system",
        }
    }
}

/// What a Debian package depends on besides the package's description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How its members are compressed.
    pub compression: Compression,
    /// Where its units go.
    pub units: UnitFolder,
    /// A folder for the compressed payload while it is written; the file has no name in it.
    pub scratch: PathBuf,
    /// A folder of what was compressed for the last package, to be taken where it is the same; it
    /// has no influence on the bytes. `None` to compress everything.
    pub kept: Option<PathBuf>,
}

/// Writes a package as `deb(5)` describes it.
///
/// The same package gives the same bytes, whatever the time, the umask or the owner of the files.
/// No payload is held in memory: the archives of `contents` are read twice, once for what they hold
/// and once for its bytes.
///
/// # Errors
///
/// A value does not fit Debian's format, or a file could not be read or written.
pub fn write(
    package: &Package,
    options: &Options,
    out: &mut dyn Write,
) -> Result<Written, PackageError> {
    let version = version::debian_full(
        &package.version,
        package.revision,
        package.suffix.as_deref(),
    )?;
    let architecture = match &package.machine {
        Some(machine) => architecture(machine)?,
        None => "all",
    };
    control::check(package)?;

    let mut payload = Payload::gather(package)?;
    let units = systemd::Units::of(package)?;
    for (name, text) in units.files() {
        payload.file(&format!("{}/{name}", options.units.path()), text.into())?;
    }
    let doc = format!("/usr/share/doc/{}", package.name);
    let copyright = copyright::copyright(package, &payload);
    let dated = copyright::states_a_year(&copyright);
    payload.file(&format!("{doc}/copyright"), copyright.into_bytes())?;
    let changelog = changelog::changelog(package, &version)?;
    payload.file(&format!("{doc}/changelog.Debian.gz"), changelog)?;
    let overrides = overrides::overrides(package, &payload, dated);
    let path = format!("/usr/share/lintian/overrides/{}", package.name);
    payload.file(&path, overrides.into_bytes())?;

    let mut members = BTreeMap::new();
    for (name, text) in scripts::scripts(package, &version, &units)? {
        members.insert(name, (text, 0o755));
    }
    let conffiles = payload.conffiles();
    if !conffiles.is_empty() {
        members.insert("conffiles", (conffiles, 0o644));
    }
    let text = control::control(package, &version, architecture, payload.installed_size());
    members.insert("control", (text, 0o644));

    let data = tempfile::tempfile_in(&options.scratch)
        .map_err(io(format!("make a file in {}", options.scratch.display())))?;
    let data = Compressor::new(options.compression, data, options.kept.clone())
        .map_err(io("start the compression"))?;
    let mut tar = TarWriter::new(data, package.epoch);
    let sums = payload.write(&mut tar)?;
    let mut data = tar
        .finish()
        .and_then(Compressor::finish)
        .map_err(io("compress the payload"))?;
    let size = data
        .stream_position()
        .and_then(|size| data.rewind().map(|()| size))
        .map_err(io("read the compressed payload"))?;

    members.insert("md5sums", (sums, 0o644));
    let control = control_archive(&members, options.compression, package.epoch)
        .map_err(io("compress the control files"))?;

    let ending = options.compression.ending();
    archive::begin(out)
        .and_then(|()| archive::member(out, "debian-binary", package.epoch, 4, &mut &b"2.0\n"[..]))
        .and_then(|()| {
            let name = format!("control.tar.{ending}");
            let size = control.len() as u64;
            archive::member(out, &name, package.epoch, size, &mut control.as_slice())
        })
        .and_then(|()| {
            let name = format!("data.tar.{ending}");
            archive::member(out, &name, package.epoch, size, &mut data)
        })
        .and_then(|()| out.flush())
        .map_err(io("write the package"))?;
    Ok(Written {
        file_name: file_name(&package.name, &version, architecture),
        version,
    })
}

/// The name of Debian's architecture for a machine as `uname -m` names it.
///
/// # Errors
///
/// Debian has no port for the machine, or none that is known here.
pub fn architecture(machine: &str) -> Result<&'static str, PackageError> {
    Ok(match machine {
        "x86_64" | "amd64" => "amd64",
        "aarch64" | "arm64" => "arm64",
        "armv7l" | "armv8l" => "armhf",
        "armv6l" | "armv5tel" => "armel",
        "i386" | "i486" | "i586" | "i686" => "i386",
        "ppc64le" => "ppc64el",
        "ppc64" => "ppc64",
        "s390x" => "s390x",
        "riscv64" => "riscv64",
        "loongarch64" => "loong64",
        _ => {
            return Err(PackageError::Value {
                what: format!("Debian has no known architecture for the machine `{machine}`"),
                help: "build for a machine that Debian has a port for, such as `x86_64` or \
                       `aarch64`"
                    .to_owned(),
            });
        }
    })
}

/// The file's name by Debian's convention, in which the epoch has no place.
fn file_name(name: &str, version: &str, architecture: &str) -> String {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    format!("{name}_{version}_{architecture}.deb")
}

/// The archive of the control files, which are small.
fn control_archive(
    members: &BTreeMap<&str, (String, u32)>,
    compression: Compression,
    epoch: u64,
) -> io::Result<Vec<u8>> {
    let mut tar = TarWriter::new(Compressor::new(compression, Vec::new(), None)?, epoch);
    tar.directory("./")?;
    for (name, (text, mode)) in members {
        let size = text.len() as u64;
        tar.file(&format!("./{name}"), *mode, size, &mut text.as_bytes())?;
    }
    tar.finish()?.finish()
}

/// Names what was tried, for an error.
fn io(verb: impl Into<String>) -> impl FnOnce(io::Error) -> PackageError {
    let verb = verb.into();
    move |error| PackageError::Io {
        verb,
        cause: error.to_string(),
    }
}
