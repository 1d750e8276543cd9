//! The projects that a command line names: one, several, or those of a list.
#![expect(
    clippy::disallowed_methods,
    reason = "a list is a file, and its patterns match folders"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use globset::GlobBuilder;

use crate::app::AppError;
use crate::config::names::ProjectName;
use crate::step::Scope;
use crate::step::image::repository;

/// The file of a project that says which flavours it wants.
pub(super) const BUILD_FILE: &str = ".build.yml";

/// The places that a command line names.
#[derive(Clone, Debug)]
pub struct Places {
    /// The operator's configuration.
    pub config: PathBuf,
    /// The projects; never empty, and with a name each where they are not one alone.
    pub projects: Vec<Project>,
    /// The file that lists them, where one does.
    pub list: Option<PathBuf>,
    /// The revision since which a project has to have changed to be planned.
    pub changed_since: Option<String>,
    /// Whether lock files are passed over, as they are where they are about to be written.
    pub without_locks: bool,
}

/// A project that a command line names.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its place among the others.
    pub scope: Scope,
    /// Its file, if it is not `.build.yml` in the source.
    pub build_file: Option<PathBuf>,
    /// The source.
    pub source: PathBuf,
}

impl Project {
    /// Returns where the project's file is.
    pub fn file(&self) -> PathBuf {
        self.build_file
            .clone()
            .unwrap_or_else(|| self.source.join(BUILD_FILE))
    }
}

impl Places {
    /// Takes one project.
    pub fn one(config: PathBuf, build_file: Option<PathBuf>, source: PathBuf) -> Self {
        let scope = Scope::default();
        let project = Project {
            scope,
            build_file,
            source,
        };
        Self {
            config,
            projects: vec![project],
            list: None,
            changed_since: None,
            without_locks: false,
        }
    }

    /// Takes several projects; each is called as its folder is.
    pub fn several(config: PathBuf, sources: Vec<PathBuf>) -> Result<Self, AppError> {
        let sources = sources.into_iter().map(|source| (None, source));
        Self::named(config, None, sources.collect())
    }

    /// Takes the projects of a list: a path or a pattern a line, perhaps with a name before it.
    pub fn listed(config: PathBuf, list: PathBuf) -> Result<Self, AppError> {
        let text = fs::read_to_string(&list).map_err(|cause| AppError::Unreadable {
            path: list.clone(),
            cause,
            help: "--projects names a file that lists projects, one a line".to_owned(),
        })?;
        let folder = list.parent().unwrap_or(Path::new(""));
        let sources = read_list(&text, folder).map_err(|problems| {
            let problems = problems.into_iter();
            let place = |(line, what)| format!("{}:{line}: {what}", list.display());
            AppError::Projects {
                problems: problems.map(place).collect(),
                help: "a line is a path or a pattern such as `services/*`, relative to the file's folder, and may begin with `NAME=`; `#` begins a comment".to_owned(),
            }
        })?;
        Self::named(config, Some(list), sources)
    }

    fn named(
        config: PathBuf,
        list: Option<PathBuf>,
        sources: Vec<(Option<String>, PathBuf)>,
    ) -> Result<Self, AppError> {
        let mut problems = Vec::new();
        let mut projects = Vec::with_capacity(sources.len());
        let mut known: BTreeMap<String, PathBuf> = BTreeMap::new();
        for (name, source) in sources {
            let name = name.unwrap_or_else(|| folder_name(&source));
            let shown = source.display().to_string();
            let checked = match ProjectName::new(&name) {
                Ok(checked) => checked,
                Err(bad) => {
                    problems.push(format!("{shown} cannot be called `{name}`: {bad}"));
                    continue;
                }
            };
            // Images are called after projects, and the names of images have fewer characters.
            if let Some(other) = known.insert(repository(&name), source.clone()) {
                let other = other.display();
                problems.push(format!(
                    "{other} and {shown} are both called `{name}`, or so much alike that their images would have one name"
                ));
                continue;
            }
            projects.push(Project {
                scope: Scope(Some(checked)),
                build_file: None,
                source,
            });
        }
        if problems.is_empty() && projects.is_empty() {
            problems.push("no project is named".to_owned());
        }
        if !problems.is_empty() {
            return Err(AppError::Projects {
                problems,
                help: "a project is called as its folder is; give it another name by a line `NAME=PATH` in a file for --projects".to_owned(),
            });
        }
        projects.sort_by(|a, b| a.scope.cmp(&b.scope));
        Ok(Self {
            config,
            projects,
            list,
            changed_since: None,
            without_locks: false,
        })
    }

    /// Tells whether the projects have names, as they do where they are several or listed.
    pub fn are_named(&self) -> bool {
        self.projects
            .iter()
            .any(|project| project.scope.name().is_some())
    }
}

/// Names a folder, by what it leads to where its path does not end in a name.
pub(super) fn folder_name(source: &Path) -> String {
    let real = || source.canonicalize().unwrap_or_else(|_| source.to_owned());
    let named = match source.components().next_back() {
        Some(Component::Normal(name)) => Some(name.to_owned()),
        _ => real().file_name().map(ToOwned::to_owned),
    };
    named.map_or_else(
        || "project".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// A mistake in a list, with its line.
type Misplaced = (usize, String);

/// Reads a list: the path of each project, with the name that the list gives it.
fn read_list(text: &str, folder: &Path) -> Result<Vec<(Option<String>, PathBuf)>, Vec<Misplaced>> {
    let mut problems = Vec::new();
    let mut listed: BTreeMap<PathBuf, usize> = BTreeMap::new();
    let (mut sources, mut patterns) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, path) = match line.split_once('=') {
            Some((name, path)) => (Some(name.trim().to_owned()), path.trim()),
            None => (None, line),
        };
        if path.is_empty() {
            problems.push((number, "no path is written here".to_owned()));
        } else if path.contains(['*', '?', '[', '{']) {
            match name {
                Some(name) => problems.push((
                    number,
                    format!("`{path}` is a pattern, which may match several folders, and `{name}` would name them all"),
                )),
                None => patterns.push((number, path)),
            }
        } else {
            let source = plain(&folder.join(path));
            if let Some(first) = listed.insert(source.clone(), number) {
                problems.push((number, format!("`{path}` stands on line {first} already")));
            }
            sources.push((name, source));
        }
    }
    for (number, pattern) in patterns {
        match matching(folder, pattern) {
            Ok(found) if found.is_empty() => {
                let what = format!("`{pattern}` matches no folder with a {BUILD_FILE}");
                problems.push((number, what));
            }
            // A folder that has a line of its own is named there.
            Ok(found) => sources.extend({ found.into_iter() }.filter_map(|found| {
                let is_new = listed.insert(found.clone(), number).is_none();
                is_new.then_some((None, found))
            })),
            Err(what) => problems.push((number, what)),
        }
    }
    problems.sort();
    match problems.is_empty() {
        true => Ok(sources),
        false => Err(problems),
    }
}

/// Drops what of a path means nothing, so that two ways to write one are seen to be one.
fn plain(path: &Path) -> PathBuf {
    let kept = { path.components() }.filter(|part| !matches!(part, Component::CurDir));
    let kept: PathBuf = kept.collect();
    match kept.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => kept,
    }
}

/// Finds the folders with a project's file that a pattern matches, in order.
fn matching(folder: &Path, pattern: &str) -> Result<BTreeSet<PathBuf>, String> {
    let mut found = BTreeSet::from([plain(folder)]);
    for part in pattern
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
    {
        let mut next = BTreeSet::new();
        if part == "**" {
            next = found;
            let mut ahead: Vec<PathBuf> = next.iter().cloned().collect();
            while let Some(folder) = ahead.pop() {
                for below in folders(&folder)? {
                    if next.insert(below.clone()) {
                        ahead.push(below);
                    }
                }
            }
        } else if part.contains(['*', '?', '[', '{']) {
            let glob = GlobBuilder::new(part).literal_separator(true).build();
            let glob = glob.map_err(|error| error.to_string())?.compile_matcher();
            for folder in &found {
                let below = folders(folder)?.into_iter();
                next.extend(
                    below.filter(|path| path.file_name().is_some_and(|name| glob.is_match(name))),
                );
            }
        } else {
            next.extend({ found.iter() }.map(|folder| plain(&folder.join(part))));
        }
        found = next;
    }
    found.retain(|folder| folder.join(BUILD_FILE).is_file());
    Ok(found)
}

/// Lists the folders in a folder that are not hidden; a link to one is none, for it may lead back.
fn folders(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("could not read {}: {error}", folder.display())),
    };
    let folders = entries.filter_map(Result::ok).filter(|entry| {
        entry.file_type().is_ok_and(|kind| kind.is_dir())
            && !entry.file_name().to_string_lossy().starts_with('.')
    });
    Ok(folders.map(|entry| plain(&entry.path())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for project in ["services/shop", "services/mail", "libs/deep/er", "tools"] {
            let place = folder.path().join(project);
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join(BUILD_FILE), "deb:\n").unwrap();
        }
        fs::create_dir_all(folder.path().join("services/docs")).unwrap();
        fs::create_dir_all(folder.path().join("services/.git")).unwrap();
        folder
    }

    /// Reads a list; shows each project as `NAME=PATH`.
    fn read(text: &str) -> Result<Vec<String>, Vec<String>> {
        let folder = repository();
        let shown = |(name, path): (Option<String>, PathBuf)| {
            let path = path
                .strip_prefix(folder.path())
                .unwrap()
                .display()
                .to_string();
            name.map_or(path.clone(), |name| format!("{name}={path}"))
        };
        let told = |(line, what): Misplaced| format!("{line}: {what}");
        match read_list(text, folder.path()) {
            Ok(sources) => Ok(sources.into_iter().map(shown).collect()),
            Err(problems) => Err(problems.into_iter().map(told).collect()),
        }
    }

    #[test]
    fn a_list_has_paths_names_patterns_and_comments() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(read(text).unwrap(), expected, "{text:?}");
        };
        check("", &[]);
        check(
            "# all\n\n  ./services/shop  \r\ntools\n",
            &["services/shop", "tools"],
        );
        check("api = services/shop\n", &["api=services/shop"]);
        check("services/*", &["services/mail", "services/shop"]);
        check(
            "post=services/mail\nservices/*",
            &["post=services/mail", "services/shop"],
        );
        check(
            "**",
            &["libs/deep/er", "services/mail", "services/shop", "tools"],
        );
        check(
            "{libs,services}/**/*[lr]",
            &["libs/deep/er", "services/mail"],
        );
    }

    #[test]
    fn each_mistake_of_a_list_is_told_with_its_line() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(read(text).unwrap_err(), expected, "{text:?}");
        };
        check(
            "tools\n./tools\na=\nb=services/*\n",
            &[
                "2: `./tools` stands on line 1 already",
                "3: no path is written here",
                "4: `services/*` is a pattern, which may match several folders, and `b` would name them all",
            ],
        );
        check(
            "nothing/*",
            &["1: `nothing/*` matches no folder with a .build.yml"],
        );
        check(
            "a[",
            &["1: error parsing glob 'a[': unclosed character class; missing ']'"],
        );
    }

    #[test]
    fn projects_whose_names_meet_are_refused_together() {
        let several = |sources: &[&str]| {
            let sources = sources.iter().map(PathBuf::from).collect();
            match Places::several(PathBuf::new(), sources) {
                Ok(places) => Ok(places.projects.len()),
                Err(AppError::Projects { problems, help: _ }) => Err(problems),
                Err(other) => panic!("{other}"),
            }
        };
        assert_eq!(several(&["a/x", "b/y", "c"]), Ok(3));
        let refused = [
            "a/x and b/x are both called `x`, or so much alike that their images would have one name",
            "my shop cannot be called `my shop`: a space is not allowed here",
            "a.b and A-b are both called `A-b`, or so much alike that their images would have one name",
        ];
        let refused = refused.map(str::to_owned).to_vec();
        assert_eq!(
            several(&["a/x", "b/x", "my shop", "a.b", "A-b"]),
            Err(refused)
        );
    }
}
