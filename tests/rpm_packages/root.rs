//! A root of its own, with a shell and rpm in it, that packages are installed into.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use builder::package::{Package, PackageFile, Scripts};

use crate::sample::{Entry, archive, shop};
use crate::{providing, run};

/// The programs that scriptlets need, taken from this host with the libraries that they need.
const PROGRAMS: [&str; 11] = [
    "dash",
    "rm",
    "rmdir",
    "cat",
    "mktemp",
    "mkdir",
    "find",
    "sort",
    "uniq",
    "dpkg-query",
    "rpm",
];

/// What the base package of a root provides, so that the sample's requirements are met.
pub const PROVIDES: [&str; 5] = [
    "/bin/sh",
    "/usr/bin/dash",
    "python3.11",
    "python(abi) = 3.11",
    "libffi.so.8()(64bit)",
];

/// A folder that is a root for rpm.
pub struct Root {
    pub dir: tempfile::TempDir,
}

impl Root {
    /// Makes a root with the base package installed.
    pub fn new() -> Self {
        let root = Self::empty();
        let base = base(&root.path("tmp"));
        root.rpm(&["-i"], Some(&base));
        fs::remove_dir_all(root.path("tmp")).unwrap();
        fs::create_dir(root.path("tmp")).unwrap();
        root
    }

    /// Makes a root with the folders and links that a distribution's `filesystem` has.
    pub fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folders = [
            "etc",
            "opt",
            "tmp",
            "var/lib/rpm",
            "var/tmp",
            "run",
            "usr/bin",
            "usr/lib/systemd/system",
            "usr/lib/systemd/system-preset",
            "usr/lib64",
            "usr/share/doc",
            "usr/share/licenses",
            "etc/nginx/conf.d",
            "dev",
            "proc",
            "usr/sbin",
        ];
        for folder in folders {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        fs::write(dir.path().join("dev/null"), "").unwrap();
        for link in ["bin", "sbin", "lib", "lib64"] {
            symlink(format!("usr/{link}"), dir.path().join(link)).unwrap();
        }
        Self { dir }
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path.trim_start_matches('/'))
    }

    /// Calls rpm for this root; everything that it prints is a failure of a scriptlet, or worse.
    #[track_caller]
    pub fn rpm(&self, words: &[&str], file: Option<&Path>) -> String {
        let said = run(as_root("rpm")
            .arg("--root")
            .arg(self.dir.path())
            .args(["--dbpath", "/var/lib/rpm", "--nosignature"])
            .args(words)
            .args(file));
        // Debian's rpm says at every installation that this is Debian.
        said.split_inclusive('\n')
            .filter(|line| !line.starts_with("rpm: "))
            .collect()
    }

    /// What the pieces and the stand-in for `systemctl` recorded since the last call.
    pub fn record(&self) -> Vec<String> {
        let path = self.path("record");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(path);
        text.lines()
            .map(|line| line.trim_end().to_owned())
            .collect()
    }

    /// Everything in the root but the files of rpm and dnf, with the bytes of files.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.dir.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                let path = entry.path();
                let name = path.strip_prefix(self.dir.path()).unwrap().to_owned();
                if ["var/lib/rpm", "var/lib/dnf", "var/cache", "var/log", "dev"]
                    .iter()
                    .any(|own| name.starts_with(own))
                {
                    continue;
                }
                let kind = entry.file_type().unwrap();
                let bytes = if kind.is_file() {
                    fs::read(&path).unwrap()
                } else {
                    Vec::new()
                };
                if kind.is_dir() {
                    folders.push(path);
                }
                found.insert(name, bytes);
            }
        }
        found
    }
}

/// Starts a program as root, or as what takes itself for root where the test is not.
pub fn as_root(program: &str) -> Command {
    let uid = run(Command::new("id").arg("-u"));
    if uid.trim() == "0" {
        return Command::new(program);
    }
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", program]);
    command
}

/// Writes the package that a root begins with.
pub fn base(folder: &Path) -> PathBuf {
    let mut paths = BTreeSet::new();
    for program in PROGRAMS {
        let path = format!("/usr/bin/{program}");
        for word in run(Command::new("ldd").arg(&path)).split_whitespace() {
            if word.starts_with('/') {
                paths.insert(word.to_owned());
            }
        }
        paths.insert(path);
    }
    paths.extend([
        "/usr/lib/rpm/rpmrc".to_owned(),
        "/usr/lib/rpm/macros".to_owned(),
    ]);
    let mut entries: Vec<(String, Entry)> = paths
        .iter()
        .map(|path| {
            let name = path.strip_prefix("/usr").unwrap_or(path);
            let bytes = fs::read(path).unwrap();
            (format!("usr{name}"), Entry::File(0o755, bytes))
        })
        .collect();
    entries.push(("usr/bin/sh".to_owned(), Entry::Link("dash")));
    let contents = folder.join("base.tar");
    archive(&contents, entries);
    let file = |path: &str, text: &str| PackageFile {
        path: path.to_owned(),
        bytes: text.as_bytes().to_vec(),
        executable: true,
    };
    let package = Package {
        name: "base".to_owned(),
        requires: Vec::new(),
        prefix: "/usr/lib/base".to_owned(),
        contents: vec![contents],
        files: vec![
            file("/etc/rpm/macros", "%_dbpath /var/lib/rpm\n"),
            file(
                "/usr/bin/systemctl",
                "#!/bin/sh\necho systemctl \"$@\" >>/record\n",
            ),
        ],
        links: Vec::new(),
        scripts: Scripts::default(),
        units: Vec::new(),
        notices: Vec::new(),
        ..shop(folder, "1.0")
    };
    providing(folder, &package, &PROVIDES)
}
