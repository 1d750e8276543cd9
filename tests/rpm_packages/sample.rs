//! A package with a bit of everything.

use std::fs::File;
use std::path::Path;

use tar::{Builder, EntryType, Header};

use builder::package::{Notice, Package, PackageFile, PackageLink, Scripts, Service, Unit};

/// The time of everything: 2024-05-01.
pub const EPOCH: u64 = 1_714_521_600;

/// `None`, compiled by CPython 3.11: magic, flags for an unchecked hash, the hash, and the value.
const BYTE_CODE: &[u8] = b"\xa7\x0d\x0d\x0a\x01\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08N";

const SITE: &str = "opt/shop/lib/python3.11/site-packages";

/// An entry of an archive: a file with its mode and bytes, a link of either kind, or a folder.
pub enum Entry {
    File(u32, Vec<u8>),
    Link(&'static str),
    Hard(&'static str),
    Folder,
}

/// Writes an archive as the venv step leaves it.
pub fn archive(path: &Path, entries: Vec<(String, Entry)>) {
    let mut builder = Builder::new(File::create(path).unwrap());
    for (name, entry) in entries {
        let mut header = Header::new_gnu();
        header.set_mtime(EPOCH);
        match entry {
            Entry::File(mode, bytes) => {
                header.set_mode(mode);
                header.set_size(bytes.len() as u64);
                builder
                    .append_data(&mut header, name, bytes.as_slice())
                    .unwrap();
            }
            Entry::Link(target) => link(&mut builder, header, EntryType::Symlink, &name, target),
            Entry::Hard(target) => link(&mut builder, header, EntryType::Link, &name, target),
            Entry::Folder => {
                header.set_entry_type(EntryType::Directory);
                header.set_mode(0o755);
                header.set_size(0);
                builder
                    .append_data(&mut header, name, std::io::empty())
                    .unwrap();
            }
        }
    }
    builder.finish().unwrap();
}

fn link(to: &mut Builder<File>, mut header: Header, kind: EntryType, name: &str, target: &str) {
    header.set_entry_type(kind);
    header.set_mode(0o777);
    header.set_size(0);
    to.append_link(&mut header, name, target).unwrap();
}

/// An environment of the project `shop`, with a dependency in an archive of its own.
pub fn contents(folder: &Path, version: &str) -> Vec<std::path::PathBuf> {
    let site = |name: &str| format!("{SITE}/{name}");
    let text = |text: &str| Entry::File(0o644, text.as_bytes().to_vec());
    let large = (0..40_000_u32).flat_map(u32::to_le_bytes).collect();
    let info = format!("shop-{version}.dist-info");
    let module = format!("{}.py", version.replace('.', "_"));
    let dependency = vec![
        ("opt/shop/".to_owned(), Entry::Folder),
        (
            "opt/shop/bin/python".to_owned(),
            Entry::Link("/usr/bin/python3.11"),
        ),
        ("opt/shop/pyvenv.cfg".to_owned(), text("home = /usr/bin\n")),
        (site("flask/__init__.py"), text("import shop\n")),
    ];
    let project = vec![
        ("./opt/".to_owned(), Entry::Folder),
        (
            "./opt/shop/bin/shop".to_owned(),
            Entry::File(0o755, b"#!/opt/shop/bin/python\nimport shop\n".to_vec()),
        ),
        (site("shop/"), Entry::Folder),
        (site("shop/__init__.py"), text("import flask\n")),
        (
            site("shop/__pycache__/__init__.cpython-311.pyc"),
            Entry::File(0o644, BYTE_CODE.to_vec()),
        ),
        (site(&format!("shop/{module}")), text("pass\n")),
        (site("shop/data/ä file.txt"), text("text\n")),
        (site("shop/data/large.bin"), Entry::File(0o666, large)),
        (site("shop/empty/"), Entry::Folder),
        (
            site(&format!("{info}/METADATA")),
            Entry::File(
                0o755,
                format!("Name: shop\nVersion: {version}\n").into_bytes(),
            ),
        ),
        (
            site(&format!("{info}/licenses/LICENSE")),
            text("Do as you like.\n"),
        ),
    ];
    let paths = [
        folder.join("dependency.tar"),
        folder.join(format!("{version}.tar")),
    ];
    archive(&paths[0], dependency);
    archive(&paths[1], project);
    paths.into()
}

/// Says in `/record` which piece ran, with which words.
fn recorded(name: &str) -> String {
    let words = r#""$ACTION" "$#" "$VENV" "$INSTALLDIR" "$NAME" "$VERSION" "$OLD_VERSION""#;
    format!("echo {name} {words} >>/record\n")
}

pub fn shop(folder: &Path, version: &str) -> Package {
    let preset = "[Unit]\nDescription=Shop\n\n[Service]\nExecStart=/usr/bin/shop\n\n\
                  [Install]\nWantedBy=multi-user.target\n";
    Package {
        name: "shop".to_owned(),
        version: version.to_owned(),
        revision: 1,
        suffix: Some("el9".to_owned()),
        machine: None,
        summary: "Sells things.".to_owned(),
        description: "A shop that sells things.\n\nIt runs everywhere.".to_owned(),
        homepage: Some("https://shop.example".to_owned()),
        license: Some("MIT".to_owned()),
        maintainer: "Ann Example <ann@shop.example>".to_owned(),
        section: "web".to_owned(),
        requires: vec![
            "python3.11".to_owned(),
            "python(abi) = 3.11".to_owned(),
            "libffi.so.8()(64bit)".to_owned(),
            "base >= 1.0".to_owned(),
        ],
        prefix: "/opt/shop".to_owned(),
        contents: contents(folder, version),
        files: vec![
            PackageFile {
                path: "/etc/shop/shop.conf".to_owned(),
                bytes: format!("version = {version}\n").into_bytes(),
                executable: false,
            },
            PackageFile {
                path: "/etc/nginx/conf.d/shop.conf".to_owned(),
                bytes: b"# nothing\n".to_vec(),
                executable: false,
            },
            PackageFile {
                path: "/usr/share/doc/shop/README".to_owned(),
                bytes: b"Run `shop`.\n".to_vec(),
                executable: false,
            },
        ],
        links: vec![PackageLink {
            path: "/usr/bin/shop".to_owned(),
            target: "/opt/shop/bin/shop".to_owned(),
        }],
        scripts: Scripts {
            preinstall: Some(recorded("preinstall")),
            postinstall: Some(format!("#!/usr/bin/dash -e\n{}", recorded("postinstall"))),
            preremove: Some(recorded("preremove") + "exit 0\n"),
            postremove: Some(recorded("postremove")),
        },
        units: vec![Unit {
            name: "shop.service".to_owned(),
            text: preset.to_owned(),
        }],
        service: Service::default(),
        notices: vec![Notice {
            distribution: "flask 3.0".to_owned(),
            license: Some("BSD-3-Clause".to_owned()),
            texts: vec!["Redistribution is permitted.\n".to_owned()],
        }],
        epoch: EPOCH,
    }
}
