//! pip's command lines.

use std::collections::BTreeMap;

use crate::config::build::PipFile;
use crate::exec::wheel::file_place;
use crate::facts::Facts;
use crate::step::wheel::WheelRun;

/// The settings of pip in a container.
pub(super) struct Pip {
    index: Vec<(&'static str, &'static str, String)>,
    constraints: Vec<String>,
    build_constraints: Vec<String>,
    requirements: Vec<String>,
    require_hashes: bool,
    /// Whether pip knows `--build-constraint` (25.3). Before that, isolated builds read
    /// `PIP_CONSTRAINT`, which then constrains the resolution as well.
    splits_constraints: bool,
}

type File = (String, Vec<u8>, u32);

impl Pip {
    /// Reads the settings, and adds the files that they name to what goes into the container.
    pub fn new(wheel: &WheelRun, facts: &Facts, files: &mut Vec<File>) -> Self {
        let settings = &wheel.pip.settings;
        let mut index = Vec::new();
        if let Some(url) = &settings.index_url {
            index.push(("--index-url", "PIP_INDEX_URL", url.clone()));
        }
        if !settings.extra_index_urls.is_empty() {
            for url in &settings.extra_index_urls {
                index.push(("--extra-index-url", "PIP_EXTRA_INDEX_URL", url.clone()));
            }
        }
        if !settings.only_binary.is_empty() {
            index.push((
                "--only-binary",
                "PIP_ONLY_BINARY",
                settings.only_binary.join(","),
            ));
        }
        if !settings.no_binary.is_empty() {
            index.push(("--no-binary", "PIP_NO_BINARY", settings.no_binary.join(",")));
        }
        let mut place_all = |list: &[PipFile], kind: &str| {
            let mut places: Vec<String> = Vec::new();
            for (number, file) in list.iter().enumerate() {
                let place =
                    file_place(file, number).replace("/operator/", &format!("/operator/{kind}-"));
                if let PipFile::Operator(file) = file {
                    files.push((place.clone(), file.text.clone().into_bytes(), 0o644));
                }
                places.push(format!("/{place}"));
            }
            places
        };
        let constraints = place_all(&settings.constraints, "constraints");
        let build_constraints = place_all(&settings.build_constraints, "build");
        let requirements = place_all(&settings.requirements, "requirements");
        let named: Vec<PipFile> = settings.files().cloned().collect();
        for (path, bytes) in wheel.pip.reached(&named) {
            let place = file_place(&PipFile::Project(path.clone()), 0);
            files.push((place, bytes.to_vec(), 0o644));
        }
        Self {
            index,
            constraints,
            build_constraints,
            requirements,
            require_hashes: settings.require_hashes,
            splits_constraints: facts.pip_is_at_least(25, 3),
        }
    }

    /// The files of constraints.
    pub fn constraints(&self) -> &[String] {
        &self.constraints
    }

    /// The files of build constraints.
    pub fn build_constraints(&self) -> &[String] {
        &self.build_constraints
    }

    /// The files of requirements.
    pub fn requirements(&self) -> &[String] {
        &self.requirements
    }

    /// The options that name indexes.
    pub fn index_options(&self) -> Vec<String> {
        let named = { self.index.iter() }.filter(|(option, ..)| option.ends_with("index-url"));
        named
            .flat_map(|(option, _, value)| [(*option).to_owned(), value.clone()])
            .collect()
    }

    /// The command that makes wheels of what is given after it, and the settings of every run.
    pub fn wheel(&self) -> Vec<String> {
        self.command(&["wheel"])
    }

    /// The command that finds out what the requirements come to, and makes nothing.
    pub fn resolution(&self, metadata: &str, kept: Option<&str>, report: &str) -> Vec<String> {
        let options = ["--dry-run", "--ignore-installed", "--quiet"];
        let mut command = self.command(&[&["install"], options.as_slice()].concat());
        command.extend(["--report".to_owned(), report.to_owned()]);
        command.extend(self.wanted(metadata, kept));
        command
    }

    /// What is asked for, and what constrains it. With hashes required the requirements files are
    /// the whole set, each in one version, so that there is nothing to keep.
    fn wanted(&self, metadata: &str, kept: Option<&str>) -> Vec<String> {
        let mut words = Vec::new();
        for file in &self.constraints {
            words.extend(["--constraint".to_owned(), file.clone()]);
        }
        for file in &self.requirements {
            words.extend(["--requirement".to_owned(), file.clone()]);
        }
        if self.require_hashes {
            words.push("--require-hashes".to_owned());
            return words;
        }
        if let Some(kept) = kept {
            words.extend(["--constraint".to_owned(), kept.to_owned()]);
        }
        words.extend(["--requirement".to_owned(), metadata.to_owned()]);
        words
    }

    fn command(&self, verb: &[&str]) -> Vec<String> {
        let mut command: Vec<String> = ["python", "-m", "pip"]
            .into_iter()
            .chain(verb.iter().copied())
            .chain(["--no-cache-dir", "--use-pep517"])
            .map(str::to_owned)
            .collect();
        for (option, _, value) in &self.index {
            command.extend([(*option).to_owned(), value.clone()]);
        }
        if self.splits_constraints {
            for file in &self.build_constraints {
                command.extend(["--build-constraint".to_owned(), file.clone()]);
            }
        }
        command
    }

    /// The project's own wheel, and nothing that it requires.
    pub fn project(&self, source: &str) -> Vec<String> {
        let mut command = self.wheel();
        command.extend(["--no-deps".to_owned(), source.to_owned()]);
        command
    }

    /// Everything that the requirements come to.
    ///
    /// With hashes required, the requirements files are the whole set, and what the metadata asks
    /// for is then found among the wheels, without an index.
    pub fn dependencies(
        &self,
        metadata: &str,
        kept: Option<&str>,
        wheelhouse: &str,
    ) -> Vec<String> {
        let mut command = self.wheel();
        command.extend(self.wanted(metadata, kept));
        if !self.require_hashes {
            return command;
        }
        let complete = [
            "python",
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-index",
            "--find-links",
            wheelhouse,
            "--dest",
            "/tmp/complete",
            "--requirement",
            metadata,
        ]
        .map(str::to_owned);
        let script = format!("{} && {}", shown(&command), shown(&complete));
        ["sh", "-ec", &script].map(str::to_owned).to_vec()
    }

    /// The settings as variables, for a script that calls pip by itself.
    ///
    /// Requirements have no variable of pip's: under `PIP_REQUIREMENT` every call of pip would
    /// make or install them, also that of an isolated build, and hashes would refuse the project.
    pub fn environment(&self) -> BTreeMap<String, String> {
        let mut env: BTreeMap<String, String> = BTreeMap::new();
        for (_, variable, value) in &self.index {
            let entry = env.entry((*variable).to_owned()).or_default();
            if !entry.is_empty() {
                entry.push(' ');
            }
            entry.push_str(value);
        }
        for (variable, files) in [
            ("PIP_CONSTRAINT", &self.constraints),
            ("BUILDER_REQUIREMENTS", &self.requirements),
        ] {
            if !files.is_empty() {
                env.insert(variable.to_owned(), files.join(" "));
            }
        }
        if self.require_hashes {
            env.insert("BUILDER_REQUIRE_HASHES".to_owned(), "1".to_owned());
        }
        env
    }

    /// How isolated builds learn of the build constraints.
    pub fn build_constraint_environment(&self) -> BTreeMap<String, String> {
        if self.build_constraints.is_empty() {
            return BTreeMap::new();
        }
        let variable = if self.splits_constraints {
            "PIP_BUILD_CONSTRAINT"
        } else {
            "PIP_CONSTRAINT"
        };
        BTreeMap::from([(variable.to_owned(), self.build_constraints.join(" "))])
    }
}

/// Quotes a word for a shell.
pub(super) fn quoted(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| String::new(), |quoted| quoted.into_owned())
}

/// Writes a command as a shell would take it.
pub(super) fn shown(command: &[String]) -> String {
    command
        .iter()
        .map(|word| quoted(word))
        .collect::<Vec<_>>()
        .join(" ")
}
