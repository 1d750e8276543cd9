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

/// Makes a wheel of each requirement.
pub(super) fn dependencies(files: &Files) -> Files {
    let lines = files
        .get("build/pip/metadata.txt")
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let lines = lines.unwrap_or_default();
    let made = lines.lines().map(|line| {
        let name: String = line
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1\n\n");
        (
            format!("{name}-1-py3-none-any.whl"),
            wheel(&format!("{name}-1"), &metadata, line),
        )
    });
    made.collect()
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
