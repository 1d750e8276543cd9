//! A package index on a shelf of the base image, so that pip needs no network.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::site::{Site, image};

/// Where the index is in the image.
pub const URL: &str = "file:///shelf/simple";

/// The files of an index, by distribution.
#[derive(Default)]
pub struct Index {
    files: BTreeMap<&'static str, Vec<(String, Vec<u8>)>>,
}

impl Index {
    /// Adds a wheel with one module, whose `VERSION` is the distribution's.
    pub fn wheel(mut self, name: &'static str, version: &str, needs: &[&str]) -> Self {
        let module = name.replace('-', "_");
        let stem = format!("{module}-{version}");
        let needs: String = needs
            .iter()
            .map(|need| format!("Requires-Dist: {need}\n"))
            .collect();
        let bytes = zip(&[
            (&format!("{module}.py"), &format!("VERSION = {version:?}\n")),
            (
                &format!("{stem}.dist-info/METADATA"),
                &format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"),
            ),
            (
                &format!("{stem}.dist-info/WHEEL"),
                "Wheel-Version: 1.0\nGenerator: shelf\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            ),
            (&format!("{stem}.dist-info/RECORD"), ""),
        ]);
        let files = self.files.entry(name).or_default();
        files.push((format!("{stem}-py3-none-any.whl"), bytes));
        self
    }

    /// Adds a source distribution that is built by the backend of `tests/fixtures/projects/offline`.
    pub fn source(mut self, name: &'static str, version: &str) -> Self {
        let stem = format!("{}-{version}", name.replace('-', "_"));
        let backend = include_str!("../fixtures/projects/offline/backend.py");
        let pyproject = format!(
            "[build-system]\nrequires = [\"tool\"]\nbuild-backend = \"backend\"\n\
             backend-path = [\".\"]\n[project]\nname = {name:?}\nversion = {version:?}\n"
        );
        let bytes = zip(&[
            (
                &format!("{stem}/PKG-INFO"),
                &format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"),
            ),
            (&format!("{stem}/pyproject.toml"), &pyproject),
            (&format!("{stem}/backend.py"), backend),
        ]);
        self.files
            .entry(name)
            .or_default()
            .push((format!("{stem}.zip"), bytes));
        self
    }

    /// Returns every file with its distribution and its name.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str, &[u8])> {
        self.files.iter().flat_map(|(distribution, files)| {
            let files = files.iter();
            files.map(|(name, bytes)| (*distribution, name.as_str(), bytes.as_slice()))
        })
    }

    /// Returns the bytes of a file of the index.
    pub fn file(&self, name: &str) -> &[u8] {
        let files = self.files.values().flatten();
        let found = files.into_iter().find(|(file, _)| file == name);
        &found.expect("the index has the file").1
    }

    /// Makes a base image with the index.
    pub fn image(&self, site: &mut Site, name: &str, base: &str) -> String {
        let mut files: Vec<(String, Vec<u8>)> = Vec::new();
        for (name, versions) in &self.files {
            let folder = format!("shelf/simple/{name}");
            let links = versions
                .iter()
                .map(|(file, _)| format!("<a href=\"{file}\">{file}</a>\n"));
            let page = format!("<!DOCTYPE html>\n{}", links.collect::<String>());
            files.push((format!("{folder}/index.html"), page.into_bytes()));
            for (file, bytes) in versions {
                files.push((format!("{folder}/{file}"), bytes.clone()));
            }
        }
        let files: Vec<(&str, Vec<u8>)> = files
            .iter()
            .map(|(path, bytes)| (path.as_str(), bytes.clone()))
            .collect();
        image(
            site,
            name,
            &format!("FROM {base}\nCOPY shelf /shelf\n"),
            &files,
        )
    }
}

fn zip(members: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in members {
        archive
            .start_file(*name, SimpleFileOptions::default())
            .expect("it is in memory");
        archive.write_all(text.as_bytes()).expect("it is in memory");
    }
    archive.finish().expect("it is in memory").into_inner()
}
