//! Making a distribution package from the virtual environment.
#![expect(clippy::disallowed_methods, reason = "packages are written to disk")]

mod previous;
mod requires;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::build::{PackageFormat, Packaging};
use crate::exec::knowledge::{self, Known};
use crate::exec::venv::digest_of;
use crate::exec::{Host, Job, Produced, StepError, blocking};
use crate::package::{
    Notice, Package, PackageError, PackageFile, PackageLink, Scripts, Service, Unit, Written,
};
use crate::package::{deb, person, rpm, version};
use crate::step::package::PackageStep;
use crate::step::{Facet, Input, fingerprint_key};
use crate::tree::{Entry, RelPath};
use crate::workspace::PRIVATE;

pub(super) use previous::{keep_previous, previous};
use requires::{distribution_suffix_of, requires};

pub(super) async fn run(
    host: &Arc<Host>,
    job: &Job,
    step: &PackageStep,
) -> Result<Produced, StepError> {
    let address = &job.step.address;
    let flavour = address.flavour().unwrap_or_default().to_owned();
    let known = Known::gather(host, job, &step.installed, step.packaging.name.as_deref())?;
    let mut package = describe(host, job, step, &known)?;
    package.requires = requires(step, &known)?;

    // What is in the package decides about the revision, the revision itself left out.
    let content = content_key(job);
    let before = Before::of(job);
    package.revision = before.revision(&package.version, &content, step.packaging.revision);
    if package.revision != step.packaging.revision {
        (job.log)(&format!(
            "revision {}: the content changed and the version did not",
            package.revision
        ));
    }
    let warnings = before.warnings(&package.version)?;
    for warning in warnings.into_iter().chain(deb::lints(&package)) {
        (job.log)(&format!("warning: {warning}"));
    }

    let staging = host.workspace.staging(address)?;
    let staged = staging.join("package");
    let (format, place, key) = (step.format, staged.clone(), step.packaging.sign_key.clone());
    let described = package.clone();
    let kept = RelPath::new(&format!("{PRIVATE}/packed/{flavour}"))
        .expect("a flavour's name has no character that a path could not have");
    let kept = host.place(address, &kept);
    let written = blocking(move || write(format, &described, &place, key.as_deref(), kept)).await?;
    keep_previous(host, job)?;

    (job.log)(&format!(
        "{} requires {}",
        written.file_name,
        package.requires.join(", ")
    ));
    let digest = digest_of(staged.clone()).await?;
    let place = RelPath::new(&format!("build/packages/{flavour}/{}", written.file_name))
        .map_err(|problem| StepError::Bug(format!("a package's name is no path: {problem}")))?;
    Ok(Produced {
        files: BTreeMap::from([(
            place,
            (
                staged,
                Entry::File {
                    digest,
                    executable: false,
                },
            ),
        )]),
        facets: BTreeMap::from([
            (Facet::Package, Input::File(digest)),
            (Facet::PackageVersion, Input::Text(package.version)),
            (
                Facet::PackageRevision,
                Input::Text(package.revision.to_string()),
            ),
            (Facet::PackageContent, Input::Text(content)),
        ]),
        ..Produced::default()
    })
}

/// What the step left the last time, as far as the next package depends on it.
#[derive(Default)]
struct Before {
    version: Option<String>,
    revision: u32,
    content: Option<String>,
}

impl Before {
    fn of(job: &Job) -> Self {
        let facet = |facet| {
            job.before
                .as_ref()
                .and_then(|outputs| outputs.facets.get(&facet))
        };
        let text = |of| match facet(of) {
            Some(Input::Text(text)) => Some(text.clone()),
            _ => None,
        };
        Self {
            version: text(Facet::PackageVersion),
            revision: text(Facet::PackageRevision)
                .and_then(|text| text.parse().ok())
                .unwrap_or(0),
            content: text(Facet::PackageContent),
        }
    }

    /// Chooses the revision: no two packages of one name and version have different content.
    fn revision(&self, version: &str, content: &str, configured: u32) -> u32 {
        if self.version.as_deref() != Some(version) {
            return configured;
        }
        let next = if self.content.as_deref() == Some(content) {
            self.revision
        } else {
            self.revision + 1
        };
        next.max(configured)
    }

    fn warnings(&self, version: &str) -> Result<Vec<String>, PackageError> {
        let Some(old) = &self.version else {
            return Ok(Vec::new());
        };
        let mut warnings = Vec::new();
        if version::sorts_below(version, old)? {
            warnings.push(format!("version {version} sorts below {old}, which was built before: no upgrade leads to it"));
        } else if version::respelled(version, old)? {
            warnings.push(format!(
                "{version} and {old} differ in length: dpkg and rpm hold 1.0 below 1.0.0"
            ));
        }
        Ok(warnings)
    }
}

/// Makes a key of every input but the revision: equal keys mean equal packages of one revision.
fn content_key(job: &Job) -> String {
    let mut inputs = job.inputs.clone();
    inputs.remove("revision");
    fingerprint_key("package content", &inputs).to_string()
}

fn describe(
    host: &Host,
    job: &Job,
    step: &PackageStep,
    known: &Known,
) -> Result<Package, StepError> {
    let Packaging {
        format: _,
        name: _,
        maintainer,
        section,
        revision,
        distribution_suffix,
        files,
        scripts,
        systemd,
        sign_key: _,
    } = &step.packaging;
    let source = host.copied_source(&job.step.address);
    let read = |path: &RelPath| knowledge::read_bytes(&source.join(path));
    let text = |path: &Option<RelPath>| -> Result<Option<String>, StepError> {
        let Some(path) = path else { return Ok(None) };
        knowledge::read(&source.join(path)).map(Some)
    };
    let metadata = &known.metadata;
    let prefix = known.prefix();
    let compiled = known.dependencies.elf || known.application.elf;
    let mut packed = Vec::new();
    for (path, from) in files {
        collides(path, &prefix, &known.application.scripts)?;
        let bytes = read(from)?;
        let executable = bytes.starts_with(b"#!");
        packed.push(PackageFile {
            path: path.clone(),
            bytes,
            executable,
        });
    }
    let mut units = Vec::new();
    for path in &systemd.units {
        let text = String::from_utf8_lossy(&read(path)?).into_owned();
        units.push(Unit {
            name: path.file_name().to_owned(),
            text,
        });
    }
    let notices = known
        .dependencies
        .licenses
        .iter()
        .chain(&known.application.licenses);
    Ok(Package {
        name: known.name.clone(),
        version: metadata.version.clone(),
        revision: *revision,
        suffix: distribution_suffix
            .clone()
            .or_else(|| distribution_suffix_of(&known.facts)),
        machine: compiled.then(|| known.facts.architecture.clone()),
        summary: metadata.summary.clone(),
        description: metadata.description.clone(),
        homepage: metadata.homepage.clone().filter(|page| is_page(page)),
        license: metadata.license.clone(),
        maintainer: maintainer
            .clone()
            .unwrap_or_else(|| person::maintainer(metadata.maintainer.as_deref())),
        section: section.clone().unwrap_or_else(|| "python".to_owned()),
        requires: Vec::new(),
        prefix: prefix.clone(),
        contents: known.contents.clone(),
        files: packed,
        links: known
            .application
            .scripts
            .iter()
            .map(|script| PackageLink {
                path: format!("/usr/bin/{script}"),
                target: format!("{prefix}/bin/{script}"),
            })
            .collect(),
        scripts: Scripts {
            preinstall: text(&scripts.preinstall)?,
            postinstall: text(&scripts.postinstall)?,
            preremove: text(&scripts.preremove)?,
            postremove: text(&scripts.postremove)?,
        },
        units,
        service: Service {
            enable: systemd.enable,
            start: systemd.start,
            restart_after_upgrade: systemd.restart_after_upgrade,
        },
        notices: notices
            .map(|notice| Notice {
                distribution: notice.distribution.clone(),
                license: notice.license.clone(),
                texts: notice.texts.clone(),
            })
            .collect(),
        epoch: step.epoch,
    })
}

/// Refuses a further file that lies where a command goes, or in another package's folder: neither
/// the commands nor the name of the package are known before the wheel is.
fn collides(path: &str, prefix: &str, scripts: &[String]) -> Result<(), PackageError> {
    let command = path.strip_prefix("/usr/bin/");
    let taken = command.is_some_and(|name| scripts.iter().any(|script| script == name));
    let foreign = path.starts_with("/opt/") && !path.starts_with(&format!("{prefix}/"));
    let (what, help) = match (taken, foreign) {
        (true, _) => (
            format!(
                "`files` in .build.yml puts a file at {path}, where a command of the project is"
            ),
            "choose another path, or give the command another name in the project".to_owned(),
        ),
        (_, true) => (
            format!(
                "`files` in .build.yml puts a file at {path}, which is not in the package's own directory of /opt"
            ),
            format!(
                "write it below {prefix}, or set `name` in .build.yml to what the directory is called"
            ),
        ),
        (false, false) => return Ok(()),
    };
    Err(PackageError::Value { what, help })
}

/// Whether a project's page is one that a field of a package can name.
fn is_page(text: &str) -> bool {
    let web = text.starts_with("https://") || text.starts_with("http://");
    web && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn write(
    format: PackageFormat,
    package: &Package,
    place: &Path,
    sign_key: Option<&str>,
    kept: PathBuf,
) -> Result<Written, PackageError> {
    let failed = |error: std::io::Error| PackageError::Io {
        verb: format!("write {}", place.display()),
        cause: error.to_string(),
    };
    let mut out = BufWriter::new(File::create(place).map_err(failed)?);
    let scratch = place.parent().map(Path::to_owned).unwrap_or_default();
    let written = match format {
        PackageFormat::Deb => {
            let units = deb::UnitFolder::of_suffix(package.suffix.as_deref());
            let compression = deb::Compression::default();
            let options = deb::Options {
                compression,
                units,
                scratch,
                kept: Some(kept),
            };
            deb::write(package, &options, &mut out)?
        }
        PackageFormat::Rpm => {
            let options = rpm::RpmOptions {
                scratch,
                compression: None,
                provides: Vec::new(),
            };
            rpm::write(package, &options, &mut out)?
        }
    };
    out.flush().map_err(failed)?;
    drop(out);
    if let (PackageFormat::Rpm, Some(key)) = (format, sign_key) {
        rpm::sign(place, key)?;
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_the_place_of_a_command_or_of_another_package_is_refused() {
        let check = |path: &str| {
            let error = collides(path, "/opt/shop", &["shop".to_owned()]).err();
            error.map(|error| error.to_string())
        };
        for fine in [
            "/usr/bin/shopping",
            "/opt/shop/x",
            "/etc/shop",
            "/usr/lib/shop",
        ] {
            assert_eq!(check(fine), None, "{fine}");
        }
        let taken = check("/usr/bin/shop").unwrap_or_default();
        assert!(
            taken.ends_with("at /usr/bin/shop, where a command of the project is"),
            "{taken}"
        );
        let foreign = check("/opt/shopping/x").unwrap_or_default();
        assert!(
            foreign.contains("not in the package's own directory"),
            "{foreign}"
        );
    }
}
