//! What the containers of the engine in memory make.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read, Write};

use zip::write::SimpleFileOptions;

use super::Files;
use crate::digest::ContentHasher;
use crate::engine::{EngineError, TarWriter};

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
    let settings = text("build/pip/resolve.json");
    let kept =
        if command.contains("/build/pip/kept.txt") || settings.contains("/build/pip/kept.txt") {
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

/// The versions of the files that pip is told to bring, by their addresses.
pub(super) fn named(list: &[u8]) -> Vec<Version> {
    let list = String::from_utf8_lossy(list);
    let versions = list.lines().filter_map(|line| {
        let (name, rest) = line.split_once(" @ ")?;
        let file = rest.split(' ').next()?.rsplit('/').next()?;
        let version = file
            .strip_prefix(name)?
            .strip_prefix('-')?
            .split('-')
            .next()?;
        let version = version.strip_suffix(".tar.gz").unwrap_or(version);
        Some((name.to_owned(), version.to_owned()))
    });
    versions.collect()
}

/// The version of the source distribution that is to be built, if there is one.
pub(super) fn built(files: &Files) -> Option<Version> {
    let mut names = files.keys();
    let sdist =
        names.find_map(|name| name.strip_prefix("build/sdist/")?.strip_suffix(".tar.gz"))?;
    let (name, version) = sdist.rsplit_once('-')?;
    Some((name.to_owned(), version.to_owned()))
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

/// Returns the bytes of a file of the index, for who serves it at the address in
/// [`State::index`](super::State::index): a wheel as it would be made here, or a source distribution,
/// whose bytes are its name.
pub fn file_of_index(name: &str) -> Vec<u8> {
    let wheel = name.strip_suffix("-py3-none-any.whl");
    let made = wheel.and_then(|stem| stem.rsplit_once('-'));
    let made = made.map(|(name, version)| dependencies(&[(name.to_owned(), version.to_owned())]));
    { made.and_then(|made| made.into_values().next()) }.unwrap_or_else(|| name.as_bytes().to_vec())
}

/// The SHA-256 of a file of the index.
fn hash_of(file: &str) -> String {
    use sha2::Digest as _;
    format!("{:x}", sha2::Sha256::digest(file_of_index(file)))
}

/// Reports versions as pip does; those in `sources` have no wheel.
pub(super) fn report(versions: &[Version], index: &str, sources: &BTreeSet<String>) -> Vec<u8> {
    let items = versions.iter().map(|(name, version)| {
        let file = match sources.contains(name) {
            true => format!("{name}-{version}.tar.gz"),
            false => format!("{name}-{version}-py3-none-any.whl"),
        };
        let hash = hash_of(&file);
        let url = format!("{index}/{name}/{file}");
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

/// Reads the files of uploads.
pub(super) fn unpack(uploads: Vec<TarWriter>) -> Result<Files, EngineError> {
    let failed = |error: std::io::Error| EngineError::Files {
        verb: "read the upload".to_owned(),
        cause: error.to_string(),
    };
    let mut files = Files::new();
    for upload in uploads {
        let mut bytes = Vec::new();
        upload(&mut bytes).map_err(failed)?;
        let mut archive = tar::Archive::new(Cursor::new(bytes));
        for entry in archive.entries().map_err(failed)? {
            let mut entry = entry.map_err(failed)?;
            let name = entry.path().map_err(failed)?.to_string_lossy().into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(failed)?;
            if entry.header().entry_type().is_file() {
                files.insert(name, bytes);
            }
        }
    }
    Ok(files)
}
