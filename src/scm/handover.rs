//! How a build without `.git` hears the version.

use std::collections::BTreeMap;

use super::scheme::abbreviated;
use super::{ScmBackend, ScmProject, ScmVersion};

/// The commit of an archive that tells no version.
const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

impl ScmVersion {
    /// Returns the variables that tell the version.
    ///
    /// `whole_run` says that the run builds this project and nothing else. A run that also builds
    /// dependencies, as a buildscript may, gets no variable that they would hear too, where there is
    /// another way:
    ///
    /// | tool | this project alone | among others |
    /// |---|---|---|
    /// | setuptools-scm | `…_PRETEND_VERSION_FOR_<NAME>` ¹ | the same |
    /// | hatch-vcs | `SETUPTOOLS_SCM_PRETEND_VERSION` ² | none; it reads [`Self::files`] |
    /// | pdm-backend | `PDM_BUILD_SCM_VERSION` | the same, as there is no other way |
    /// | poetry-dynamic-versioning | `…_BYPASS` | `…_OVERRIDE=<name>=<version>` |
    /// | versioningit | none; it reads [`Self::files`] | none |
    ///
    /// ¹ And without a name where that one is not known, or has a dot, which releases before 8 keep.
    /// ² It does not tell setuptools-scm the project's name, so that the variable with a name is not read.
    pub fn environment(&self, project: &ScmProject, whole_run: bool) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::new();
        let Some(version) = &self.version else {
            return variables;
        };
        let mut set = |name: &str, value: String| drop(variables.insert(name.to_owned(), value));
        match project.backend {
            ScmBackend::SetuptoolsScm => {
                let plain = project.name.as_ref().is_none_or(|name| name.contains('.'));
                if project.name.is_some() {
                    set(&project.variable(), version.clone());
                }
                if plain && whole_run {
                    set("SETUPTOOLS_SCM_PRETEND_VERSION", version.clone());
                }
            }
            ScmBackend::HatchVcs => {
                if whole_run {
                    set("SETUPTOOLS_SCM_PRETEND_VERSION", version.clone());
                }
            }
            ScmBackend::Pdm => set("PDM_BUILD_SCM_VERSION", version.clone()),
            ScmBackend::PoetryDynamicVersioning => match &project.name {
                Some(name) if !whole_run => {
                    set(
                        "POETRY_DYNAMIC_VERSIONING_OVERRIDE",
                        format!("{name}={version}"),
                    );
                }
                _ => set("POETRY_DYNAMIC_VERSIONING_BYPASS", version.clone()),
            },
            ScmBackend::Versioningit | ScmBackend::Versioneer => {}
        }
        variables
    }

    /// Returns the files that tell the version, and for setuptools-scm that there is a list of files.
    ///
    /// They go to the top of the source *in the container*, over a file of the same name: a
    /// `.git_archival.txt` in a checkout is a template that `git archive` fills in.
    pub fn files(&self, project: &ScmProject) -> BTreeMap<&'static str, String> {
        match (project.backend, &self.version, &project.name) {
            (ScmBackend::SetuptoolsScm | ScmBackend::HatchVcs, _, _) => {
                BTreeMap::from([(".git_archival.txt", self.archival(project))])
            }
            (ScmBackend::Versioningit, Some(version), name) => {
                let name = name.as_deref().unwrap_or("unknown");
                let text = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
                BTreeMap::from([("PKG-INFO", text)])
            }
            (
                ScmBackend::Versioningit
                | ScmBackend::Pdm
                | ScmBackend::PoetryDynamicVersioning
                | ScmBackend::Versioneer,
                _,
                _,
            ) => BTreeMap::new(),
        }
    }

    /// Writes what `git archive` would have written.
    ///
    /// Where the version is no matter of git it says the same of every commit, so that a commit alone
    /// builds nothing again.
    fn archival(&self, project: &ScmProject) -> String {
        let settings = &project.settings;
        let ScmVersion {
            tag,
            distance,
            commit,
            date,
            ..
        } = self;
        let (commit, date, tag, distance) = if settings.listing_only {
            (NO_COMMIT, None, None, 0)
        } else {
            (
                commit.as_deref().unwrap_or(NO_COMMIT),
                date.as_deref(),
                tag.as_deref(),
                *distance,
            )
        };
        let date = date.unwrap_or("1980-01-01T00:00:00+00:00");
        let described = match tag {
            Some(tag) if distance == 0 => tag.to_owned(),
            Some(tag) => format!("{tag}-{distance}-{}", abbreviated(commit)),
            None => {
                let first = settings.fallback.as_deref().unwrap_or("0.0");
                format!(
                    "{}{first}-{distance}-{}",
                    settings.prefix,
                    abbreviated(commit)
                )
            }
        };
        format!("node: {commit}\nnode-date: {date}\ndescribe-name: {described}\nref-names: \n")
    }
}
