//! What the containers of the engine in memory make.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;

use super::Files;
use crate::digest::ContentHasher;

/// Makes the project's wheel from its source and the image that it is built in.
pub(super) fn project(files: &Files, image: &str) -> Files {
    let mut hasher = ContentHasher::new("fake wheel");
    hasher.text(image);
    let sources = files
        .iter()
        .filter(|(name, _)| name.starts_with("source/") && !name.starts_with("source/tests/"));
    for (name, bytes) in sources {
        hasher.text(name).bytes(bytes);
    }
    let requires = files
        .get("source/requires.txt")
        .cloned()
        .unwrap_or_default();
    let requires: String = String::from_utf8_lossy(&requires)
        .lines()
        .map(|line| format!("Requires-Dist: {line}\n"))
        .collect();
    let metadata = format!("Metadata-Version: 2.1\nName: fake-project\nVersion: 1.0\n{requires}\n");
    let wheel = wheel("fake_project-1.0", &metadata, &hasher.finish().to_string());
    BTreeMap::from([("fake_project-1.0-py3-none-any.whl".to_owned(), wheel)])
}

/// A distribution in one version.
pub(super) type Version = (String, String);

/// Resolves each requirement: in the version that a constraint names, or else in the newest one.
pub(super) fn resolved(
    files: &Files,
    command: &str,
    newest: &BTreeMap<String, String>,
) -> Vec<Version> {
    let text = |name: &str| {
        let bytes = files.get(name).cloned().unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let kept = if command.contains("/build/pip/kept.txt") {
        text("build/pip/kept.txt")
    } else {
        String::new()
    };
    let kept: BTreeMap<&str, &str> = kept
        .lines()
        .filter_map(|line| line.split_once("=="))
        .collect();
    let lines = text("build/pip/metadata.txt");
    let names = lines.lines().map(|line| {
        line.chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect::<String>()
    });
    names
        .map(|name| {
            let newest = newest.get(&name).map_or("1", String::as_str);
            let version = kept
                .get(name.as_str())
                .copied()
                .unwrap_or(newest)
                .to_owned();
            (name, version)
        })
        .collect()
}

/// The versions in a lock, as the program in the container is told of them.
pub(super) fn locked(settings: &[u8]) -> Vec<Version> {
    let settings: serde_json::Value =
        serde_json::from_slice(settings).expect("builder writes the settings of the program");
    let packages = settings["packages"].as_array().into_iter().flatten();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    packages
        .map(|package| (text(&package["name"]), text(&package["version"])))
        .collect()
}

/// Makes a wheel of each version.
pub(super) fn dependencies(versions: &[Version]) -> Files {
    let made = versions.iter().map(|(name, version)| {
        let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\n");
        let stem = format!("{name}-{version}");
        let bytes = wheel(&stem, &metadata, name);
        (format!("{stem}-py3-none-any.whl"), bytes)
    });
    made.collect()
}

/// Reports versions as pip does.
pub(super) fn report(versions: &[Version]) -> Vec<u8> {
    let items = versions.iter().map(|(name, version)| {
        let mut hasher = ContentHasher::new("fake file");
        let hash = hasher.text(name).text(version).finish().to_string();
        let url = format!("https://index.example/{name}/{name}-{version}-py3-none-any.whl");
        serde_json::json!({
            "download_info": { "url": url, "archive_info": { "hashes": { "sha256": hash } } },
            "metadata": { "name": name, "version": version },
        })
    });
    let report = serde_json::json!({ "version": "1", "install": items.collect::<Vec<_>>() });
    report.to_string().into_bytes()
}

/// Installs wheels: one file a stage, whose bytes are those of the wheels.
pub(super) fn installed(settings: &[u8], files: &Files) -> Files {
    let settings: serde_json::Value =
        serde_json::from_slice(settings).expect("builder writes the settings of the program");
    let text = |field: &str| settings[field].as_str().unwrap_or_default().to_owned();
    let (name, stage) = (text("name"), text("stage"));
    let mut hasher = ContentHasher::new("fake environment");
    for (wheel, bytes) in files.iter().filter(|(path, _)| path.ends_with(".whl")) {
        hasher.text(wheel).bytes(bytes);
    }
    let content = hasher.finish().to_string();
    let mut archive = tar::Builder::new(Vec::new());
    let mut add = |path: String, kind, mode, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(bytes.len() as u64);
        archive
            .append_data(&mut header, path, bytes)
            .expect("an archive in memory can be written");
    };
    if stage == "dependencies" {
        add(
            format!("opt/{name}/"),
            tar::EntryType::Directory,
            0o755,
            &[],
        );
    }
    let path = format!("opt/{name}/{stage}.txt");
    add(path, tar::EntryType::Regular, 0o644, content.as_bytes());
    let archive = archive
        .into_inner()
        .expect("an archive in memory can be written");
    let report = serde_json::json!({ "console_scripts": { "shop": "shop:main" } });
    BTreeMap::from([
        ("content.tar".to_owned(), archive),
        ("report.json".to_owned(), report.to_string().into_bytes()),
    ])
}

fn wheel(name: &str, metadata: &str, content: &str) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let members = [
        (format!("{name}.dist-info/METADATA"), metadata),
        ("content.py".to_owned(), content),
    ];
    for (member, text) in members {
        archive
            .start_file(member, SimpleFileOptions::default())
            .and_then(|()| Ok(archive.write_all(text.as_bytes())?))
            .expect("an archive in memory can be written");
    }
    archive
        .finish()
        .expect("an archive in memory can be written")
        .into_inner()
}

/// Makes the archive of an image, as `docker save` would: one layer, which has the id in it.
pub(super) fn archived(id: &str) -> Vec<u8> {
    use sha2::Digest as _;
    let layer = id.as_bytes();
    let diff_id = format!("sha256:{:x}", sha2::Sha256::digest(layer));
    let config = serde_json::json!({ "id": id, "rootfs": { "diff_ids": [diff_id] } }).to_string();
    let list = serde_json::json!([{ "Config": "config.json", "Layers": ["0/layer.tar"] }]);
    let files = [
        ("0/layer.tar", layer.to_vec()),
        ("config.json", config.into_bytes()),
        ("manifest.json", list.to_string().into_bytes()),
    ];
    let files = files.map(|(name, bytes)| (name.to_owned(), bytes, 0o644));
    let mut archive = Vec::new();
    crate::archive::pack_files(files.to_vec(), 0)(&mut archive)
        .expect("memory takes what is written");
    archive
}

/// Returns the id of the image in an archive.
pub(super) fn imported(files: &Files) -> String {
    let config = files.get("config.json").map(Vec::as_slice);
    let config: serde_json::Value =
        serde_json::from_slice(config.unwrap_or_default()).unwrap_or_default();
    config["id"].as_str().unwrap_or_default().to_owned()
}
