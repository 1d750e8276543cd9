//! The files of a package, put into the builder.
#![expect(
    clippy::disallowed_methods,
    reason = "a payload is read from the archives of the package"
)]

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use ::rpm::{FileOptions, FileOptionsBuilder, PackageBuilder, Timestamp};

use super::refused;
use super::scriptlets::preset;
use crate::package::elf::MAGIC;
use crate::package::{Notice, Package, PackageError};

/// Files up to this size are kept in memory, larger ones wait in the scratch folder.
const IN_MEMORY: u64 = 16 * 1024;

/// Adds all files, links and owned folders of `package`.
pub fn add(
    builder: &mut PackageBuilder,
    package: &Package,
    time: Timestamp,
    scratch: &Path,
) -> Result<(), PackageError> {
    let mut files = Files {
        builder,
        package,
        time,
        scratch,
        folders: BTreeSet::new(),
    };
    for archive in &package.contents {
        files.archive(archive)?;
    }
    for file in &package.files {
        files.bytes(&file.path, file.executable, &file.bytes)?;
    }
    for unit in &package.units {
        let path = format!("/usr/lib/systemd/system/{}", unit.name);
        files.bytes(&path, false, unit.text.as_bytes())?;
    }
    if let Some(preset) = preset(package) {
        let path = format!("/usr/lib/systemd/system-preset/80-{}.preset", package.name);
        files.bytes(&path, false, preset.as_bytes())?;
    }
    for notice in &package.notices {
        let name = notice.distribution.replace(|c: char| !is_plain(c), "-");
        let path = format!("/usr/share/licenses/{}/{name}.txt", package.name);
        files.bytes(&path, false, notice_text(notice).as_bytes())?;
    }
    let readme = format!("/usr/share/doc/{}/README", package.name);
    let brought = package.files.iter().any(|file| file.path == readme);
    if !brought && !package.description.trim().is_empty() {
        let text = package.description.replace("\r\n", "\n");
        let text = format!("{}\n", text.trim_end());
        files.bytes(&readme, false, text.as_bytes())?;
    }
    for link in &package.links {
        files.link(&link.path, &relative(&link.path, &link.target))?;
    }
    files.finish()
}

/// A package's files, as they are added.
struct Files<'a> {
    builder: &'a mut PackageBuilder,
    package: &'a Package,
    time: Timestamp,
    scratch: &'a Path,
    /// The folders that the package owns.
    folders: BTreeSet<String>,
}

impl Files<'_> {
    fn archive(&mut self, path: &Path) -> Result<(), PackageError> {
        let failed = |cause: io::Error| PackageError::Io {
            verb: format!("read {}", path.display()),
            cause: cause.to_string(),
        };
        let strange = |what: String| PackageError::Value {
            what: format!("{}: {what}", path.display()),
            help: "an archive of a package holds folders, files and symbolic links".to_owned(),
        };
        let file = File::open(path).map_err(failed)?;
        let mut archive = tar::Archive::new(BufReader::with_capacity(64 * 1024, file));
        for entry in archive.entries().map_err(failed)? {
            let mut entry = entry.map_err(failed)?;
            let name = absolute(&entry.path_bytes())
                .ok_or_else(|| strange(format!("{:?} cannot be a path", entry.path_bytes())))?;
            let kind = entry.header().entry_type();
            if kind.is_dir() {
                if name != "/" {
                    self.above(&format!("{name}/"));
                }
            } else if kind.is_symlink() {
                let target = entry.link_name_bytes().unwrap_or_default().into_owned();
                let target = String::from_utf8(target)
                    .map_err(|_| strange(format!("the link {name} leads to no UTF-8 path")))?;
                self.link(&name, &target)?;
            } else if kind.is_file() {
                let mode = entry.header().mode().map_err(failed)?;
                let size = entry.size();
                let mut head = Vec::new();
                (&mut entry)
                    .take(IN_MEMORY.min(size))
                    .read_to_end(&mut head)
                    .map_err(failed)?;
                // Wheels are full of texts with a stray x bit; rpm's tools take them for programs.
                let program = head.starts_with(b"#!") || head.starts_with(MAGIC);
                let executable = mode & 0o111 != 0 && program;
                if size <= IN_MEMORY {
                    self.bytes(&name, executable, &head)?;
                } else {
                    self.stream(&name, executable, &mut head.chain(entry))?;
                }
            } else {
                return Err(strange(format!("{name} is {kind:?}")));
            }
        }
        Ok(())
    }

    fn bytes(&mut self, path: &str, executable: bool, bytes: &[u8]) -> Result<(), PackageError> {
        let options = self.options(path, executable);
        self.builder
            .with_file_contents(bytes, options)
            .map_err(|error| refused(&error))?;
        Ok(())
    }

    fn stream(
        &mut self,
        path: &str,
        executable: bool,
        data: &mut dyn Read,
    ) -> Result<(), PackageError> {
        let failed = |cause: io::Error| PackageError::Io {
            verb: format!("unpack {path} into {}", self.scratch.display()),
            cause: cause.to_string(),
        };
        let (mut file, waiting) = tempfile::NamedTempFile::new_in(self.scratch)
            .and_then(|file| file.keep().map_err(|error| error.error))
            .map_err(failed)?;
        io::copy(data, &mut file).map_err(failed)?;
        let options = self.options(path, executable);
        self.builder
            .with_file(&waiting, options)
            .map_err(|error| refused(&error))?;
        Ok(())
    }

    fn link(&mut self, path: &str, target: &str) -> Result<(), PackageError> {
        self.above(path);
        let options = FileOptions::symlink(path, target).modified_at(self.time);
        self.builder
            .with_symlink(options)
            .map_err(|error| refused(&error))?;
        Ok(())
    }

    fn options(&mut self, path: &str, executable: bool) -> FileOptionsBuilder {
        self.above(path);
        let mode = if executable { 0o755 } else { 0o644 };
        let options = FileOptions::new(path)
            .permissions(mode)
            .modified_at(self.time);
        match Kind::of(path, &self.package.prefix) {
            Kind::Config => options.config().noreplace(),
            Kind::Doc => options.doc(),
            Kind::License => options.license(),
            Kind::Plain => options,
        }
    }

    /// Remembers the folders above `path` that the package owns.
    fn above(&mut self, path: &str) {
        for (at, _) in path.match_indices('/').skip(1) {
            let folder = &path[..at];
            if owns(self.package, folder) {
                self.folders.insert(folder.to_owned());
            }
        }
    }

    fn finish(self) -> Result<(), PackageError> {
        for folder in &self.folders {
            let options = FileOptions::dir(folder.as_str())
                .permissions(0o755)
                .modified_at(self.time);
            self.builder
                .with_dir_entry(options)
                .map_err(|error| refused(&error))?;
        }
        Ok(())
    }
}

/// Says whether the folder is the package's own: its prefix, one with the package's name, or one
/// below those. A shared folder above the prefix, such as `/opt/vendor`, is not.
fn owns(package: &Package, folder: &str) -> bool {
    let below = |root: &str| {
        let rest = folder.strip_prefix(root);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    // Below the first level: `/etc/shop`, `/usr/share/doc/shop`.
    let named = folder.split('/').skip(2).any(|part| part == package.name);
    below(&package.prefix) || named && !package.prefix.starts_with(&format!("{folder}/"))
}

/// What rpm is to know of a file.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    /// An administrator's changes to it are kept.
    Config,
    /// It may be left out (`--nodocs`).
    Doc,
    /// It is a licence, which is never left out.
    License,
    /// Anything else.
    Plain,
}

impl Kind {
    fn of(path: &str, prefix: &str) -> Self {
        let docs = ["/usr/share/doc/", "/usr/share/man/", "/usr/share/info/"];
        if path.starts_with("/etc/") {
            Self::Config
        } else if docs.iter().any(|docs| path.starts_with(docs)) {
            Self::Doc
        } else if path.starts_with("/usr/share/licenses/") {
            Self::License
        } else if let Some((_, name)) = path
            .strip_prefix(prefix)
            .and_then(|path| path.split_once(".dist-info/"))
        {
            let starts = ["licenses/", "license_files/", "LICEN", "COPYING", "NOTICE"];
            match starts.iter().any(|start| name.starts_with(start)) {
                true => Self::License,
                false => Self::Plain,
            }
        } else {
            Self::Plain
        }
    }
}

/// Makes an archive's path absolute; `None` for one that leaves the root or is no UTF-8.
fn absolute(path: &[u8]) -> Option<String> {
    let path = std::str::from_utf8(path).ok()?;
    let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    let mut absolute = String::new();
    for part in parts {
        if part == ".." {
            return None;
        }
        absolute.push('/');
        absolute.push_str(part);
    }
    Some(if absolute.is_empty() {
        "/".to_owned()
    } else {
        absolute
    })
}

/// Leads from the link at `path` to the absolute `target` by `..`, so that it holds in any root.
fn relative(path: &str, target: &str) -> String {
    if !target.starts_with('/') {
        return target.to_owned();
    }
    let from: Vec<&str> = path.split('/').skip(1).collect();
    let to: Vec<&str> = target.split('/').skip(1).collect();
    let folders = from.len() - 1;
    let shared = from[..folders]
        .iter()
        .zip(&to[..to.len() - 1])
        .take_while(|(from, to)| from == to)
        .count();
    "../".repeat(folders - shared) + &to[shared..].join("/")
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._+-".contains(c)
}

fn notice_text(notice: &Notice) -> String {
    let license = notice.license.as_deref().unwrap_or("not stated");
    let mut text = format!("{}\nLicense: {license}\n", notice.distribution);
    for part in &notice.texts {
        text.push('\n');
        text.push_str(part.trim_end());
        text.push('\n');
    }
    text
}
