//! The project's scripts run with the same words and in the same order in both formats.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use builder::package::{Package, deb};

use crate::root::{Root, as_root};
use crate::sample::shop;
use crate::{run, written};

/// A format, with its own tools for a root.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Deb,
    Rpm,
}

impl Format {
    pub const BOTH: [Self; 2] = [Self::Deb, Self::Rpm];

    /// A root in which packages of the format are installed, with systemd running.
    pub fn root(self) -> Root {
        let root = Root::new();
        fs::create_dir_all(root.path("run/systemd/system")).unwrap();
        for folder in ["info", "updates", "triggers"] {
            fs::create_dir_all(root.path("var/lib/dpkg").join(folder)).unwrap();
        }
        fs::write(root.path("var/lib/dpkg/status"), "").unwrap();
        for name in ["deb-systemd-helper", "deb-systemd-invoke"] {
            let path = root.path("usr/bin").join(name);
            fs::write(&path, format!("#!/bin/sh\necho {name} \"$@\" >>/record\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        root
    }

    /// Writes a package whose requirements every root meets.
    pub fn written(self, folder: &Path, package: &Package) -> PathBuf {
        let package = Package {
            requires: Vec::new(),
            suffix: None,
            ..package.clone()
        };
        if self == Self::Rpm {
            return written(folder, &package);
        }
        let options = deb::Options {
            compression: deb::Compression::Gzip,
            units: deb::UnitFolder::UsrLib,
            scratch: folder.to_owned(),
            kept: None,
        };
        let path = folder.join("written");
        let mut file = fs::File::create(&path).unwrap();
        let name = deb::write(&package, &options, &mut file).unwrap().file_name;
        fs::rename(path, folder.join(&name)).unwrap();
        folder.join(name)
    }

    /// Installs a package, or goes to it from whatever version is there.
    pub fn install(self, root: &Root, path: &Path) {
        match self {
            Self::Deb => dpkg(root, &["--install", &path.display().to_string()]),
            Self::Rpm => {
                root.rpm(&["-U", "--replacepkgs", "--oldpackage"], Some(path));
            }
        }
    }

    pub fn remove(self, root: &Root, name: &str) {
        match self {
            Self::Deb => dpkg(root, &["--remove", name]),
            Self::Rpm => {
                root.rpm(&["-e", name], None);
            }
        }
    }
}

pub fn dpkg(root: &Root, words: &[&str]) {
    let at = format!("--root={}", root.dir.path().display());
    let path = "/usr/sbin:/usr/bin:/sbin:/bin";
    run(as_root("dpkg").env("PATH", path).arg(at).args(words));
}

/// What of a record the project's own scripts wrote.
fn hooks(record: Vec<String>) -> Vec<String> {
    let own = |line: &String| !line.contains("systemctl ") && !line.starts_with("deb-systemd");
    record.into_iter().filter(own).collect()
}

fn hook(name: &str, action: &str, version: &str, old: &str) -> String {
    let line = format!("{name} {action} 0 /opt/shop /opt/shop shop {version} {old}");
    line.trim_end().to_owned()
}

#[test]
fn both_formats_call_the_same_scripts_with_the_same_words_in_the_same_order() {
    for format in Format::BOTH {
        let dir = tempfile::tempdir().unwrap();
        let root = format.root();
        let [first, second] =
            ["1.0", "1.1"].map(|version| format.written(dir.path(), &shop(dir.path(), version)));
        let installed = |version| {
            [
                hook("preinstall", "install", version, ""),
                hook("postinstall", "install", version, ""),
            ]
        };
        let upgraded = |version, old| {
            [
                hook("preinstall", "upgrade", version, old),
                hook("postinstall", "upgrade", version, old),
            ]
        };
        let removed = |version| {
            let own = format!("{version}-1");
            [
                hook("preremove", "remove", version, &own),
                hook("postremove", "remove", version, &own),
            ]
        };
        format.install(&root, &first);
        assert_eq!(hooks(root.record()), installed("1.0"));
        format.install(&root, &second);
        assert_eq!(hooks(root.record()), upgraded("1.1", "1.0-1"));
        // The same version once more, and back to an older one.
        format.install(&root, &second);
        assert_eq!(hooks(root.record()), upgraded("1.1", "1.1-1"));
        format.install(&root, &first);
        assert_eq!(hooks(root.record()), upgraded("1.0", "1.1-1"));
        format.remove(&root, "shop");
        assert_eq!(hooks(root.record()), removed("1.0"));

        // dpkg keeps the configuration, and speaks of an old version when the package comes back.
        format.install(&root, &second);
        assert_eq!(hooks(root.record()), installed("1.1"));
        format.install(&root, &second);
        assert_eq!(hooks(root.record()), upgraded("1.1", "1.1-1"));
        format.remove(&root, "shop");
        assert_eq!(hooks(root.record()), removed("1.1"));
        if format == Format::Deb {
            dpkg(&root, &["--purge", "shop"]);
            let purged = hook("postremove", "purge", "1.1", "1.1-1");
            assert_eq!(hooks(root.record()), [purged]);
        }
        assert!(!root.path("opt/shop").exists());
    }
}

#[test]
fn services_come_after_the_installing_scripts_and_stop_before_the_removing_ones() {
    for format in Format::BOTH {
        let dir = tempfile::tempdir().unwrap();
        let root = format.root();
        let [first, second] =
            ["1.0", "1.1"].map(|version| format.written(dir.path(), &shop(dir.path(), version)));
        let order = |lines: [&str; 2]| {
            let record = root.record();
            let at = |start: &str| {
                let found = record.iter().position(|line| line.starts_with(start));
                found.unwrap_or_else(|| panic!("no `{start}` in {record:#?}"))
            };
            assert!(at(lines[0]) < at(lines[1]), "{record:#?}");
        };
        let (start, restart, stop) = match format {
            Format::Deb => (
                "deb-systemd-invoke start shop.service",
                "deb-systemd-invoke restart shop.service",
                "deb-systemd-invoke stop shop.service",
            ),
            Format::Rpm => (
                "systemctl start shop.service",
                "systemctl try-restart shop.service",
                "systemctl stop shop.service",
            ),
        };
        format.install(&root, &first);
        order(["postinstall install", start]);
        format.install(&root, &second);
        order(["postinstall upgrade", restart]);
        format.remove(&root, "shop");
        order([stop, "preremove remove"]);
    }
}

#[test]
fn what_an_upgrade_drops_is_gone_and_what_it_brings_begins() {
    for format in Format::BOTH {
        let dir = tempfile::tempdir().unwrap();
        let root = format.root();
        let first = shop(dir.path(), "1.0");
        let mut second = shop(dir.path(), "1.1");
        let mut units = second.units.clone();
        units[0].name = "till.service".to_owned();
        second.units = units;
        second.links[0].path = "/usr/bin/till".to_owned();
        second
            .files
            .retain(|file| file.path != "/etc/nginx/conf.d/shop.conf");
        second.files[0].path = "/etc/shop/till.conf".to_owned();
        let first = format.written(dir.path(), &first);
        let second = format.written(dir.path(), &second);
        format.install(&root, &first);
        root.record();
        format.install(&root, &second);
        let record = root.record();
        let expected = match format {
            Format::Deb => [
                "deb-systemd-invoke stop shop.service",
                "deb-systemd-helper purge shop.service",
                "deb-systemd-helper --quiet was-enabled till.service",
                "deb-systemd-invoke restart till.service",
            ],
            Format::Rpm => [
                "systemctl --no-reload preset till.service",
                "systemctl start till.service",
                "systemctl stop shop.service",
                "systemctl --no-reload disable shop.service",
            ],
        };
        let mut rest = record.iter();
        for line in expected {
            assert!(rest.any(|said| said == line), "no `{line}` in {record:#?}");
        }
        for gone in ["usr/bin/shop", "usr/lib/systemd/system/shop.service"] {
            assert!(fs::symlink_metadata(root.path(gone)).is_err(), "{gone}");
        }
        for brought in ["usr/bin/till", "usr/lib/systemd/system/till.service"] {
            assert!(
                fs::symlink_metadata(root.path(brought)).is_ok(),
                "{brought}"
            );
        }
        assert!(root.path("etc/shop/till.conf").exists());
        // dpkg keeps a conffile that a version has no more until the purge, rpm an edited one only.
        let dropped = root.path("etc/shop/shop.conf");
        assert_eq!(dropped.exists(), format == Format::Deb);
        format.remove(&root, "shop");
        if format == Format::Deb {
            dpkg(&root, &["--purge", "shop"]);
        }
        for left in ["etc/shop", "opt/shop", "usr/bin/till"] {
            assert!(fs::symlink_metadata(root.path(left)).is_err(), "{left}");
        }
        assert!(!dropped.exists());
    }
}
