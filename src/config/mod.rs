//! The configuration: the texts of `config.yml` and `.build.yml` in, one [`Build`] a flavour out.
//!
//! Everything here is a function of its arguments; what has to be looked up on disk is asked of a
//! [`Lookup`]. A file's text passes through four stages, and no stage stops at its first mistake:
//!
//! - `yaml`: bytes to a tree of nodes, of which each key and value knows its place;
//! - `reader`: the checks that every section shares, such as types and unknown fields;
//! - `sections`: which fields each file has, one line a field;
//! - `resolve`: both files together, and the files that they name.
//!
//! [`names`] holds what a name may be, [`mistake`] everything that can be wrong, [`report`] the
//! error that shows all mistakes in their places, [`schema`] the JSON Schemas, and [`build`] the
//! result.

pub mod build;
mod legible;
pub mod mistake;
pub mod names;
mod operator;
mod reader;
pub mod report;
mod resolve;
pub mod schema;
mod sections;
mod yaml;

use std::path::PathBuf;

use self::build::Build;
pub use self::operator::{Operator, Wanted};
pub use self::report::ConfigErrors;
use crate::tree::RelPath;

/// The text of one of the two files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The path of the file as it is shown.
    pub path: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// A file of the operator, found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFile {
    /// Where it is on this machine.
    pub path: PathBuf,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// The files that the configuration names.
pub trait Lookup {
    /// Reads a file of the operator; `path` is absolute or relative to the directory of `config.yml`.
    fn operator_file(&self, path: &str) -> Result<FoundFile, FileProblem>;

    /// Checks that a path of the project is a file which enters the copied source.
    fn project_file(&self, path: &RelPath) -> Result<(), FileProblem>;
}

/// Why a file that the configuration names cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileProblem {
    /// Nothing is at the path.
    Missing,
    /// A directory, a socket or the like is at the path.
    NotAFile,
    /// The path, or a directory on the way, is a link that leaves the project.
    EscapesBySymlink {
        /// Where the link points to, as it is written.
        target: String,
    },
    /// The file does not enter the copied source.
    Ignored {
        /// The pattern that hides it.
        pattern: String,
        /// Where the pattern stands, such as `.gitignore:3`.
        place: String,
    },
    /// The operating system refuses to read it.
    Unreadable {
        /// The operating system's words.
        cause: String,
    },
}

/// Reads both files and unites them: one [`Build`] a flavour, in the order of `.build.yml`.
///
/// All mistakes of both files are found at once. A syntax error ends the reading of its own file
/// alone.
pub fn load(
    config: &Document,
    project: &Document,
    lookup: &dyn Lookup,
) -> Result<Vec<Build>, ConfigErrors> {
    let mut operator = Operator::read(config.clone(), lookup);
    let wanted = operator.project(project.clone(), lookup);
    let builds = operator.unite(vec![wanted])?;
    Ok(builds.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::build::{OperatorFile, PipFile, Template};
    use super::*;

    /// Every file is there, with its path in it.
    struct Anything;

    impl Lookup for Anything {
        fn operator_file(&self, path: &str) -> Result<FoundFile, FileProblem> {
            let bytes = format!("-----BEGIN CERTIFICATE-----{path}").into_bytes();
            let path = PathBuf::from("/etc/builder").join(path);
            Ok(FoundFile { path, bytes })
        }

        fn project_file(&self, _: &RelPath) -> Result<(), FileProblem> {
            Ok(())
        }
    }

    fn load_bytes(config: &[u8], project: &[u8]) -> Result<Vec<Build>, ConfigErrors> {
        let document = |path: &str, bytes: &[u8]| Document {
            path: path.to_owned(),
            bytes: bytes.to_vec(),
        };
        load(
            &document("config.yml", config),
            &document(".build.yml", project),
            &Anything,
        )
    }

    pub(super) fn builds(config: &str, project: &str) -> Vec<Build> {
        load_bytes(config.as_bytes(), project.as_bytes()).unwrap()
    }

    fn texts<T: ToString>(names: &[T]) -> Vec<String> {
        names.iter().map(T::to_string).collect()
    }

    #[test]
    fn a_flavour_with_an_empty_body_is_a_whole_file() {
        let builds = builds("deb: {base_image: debian}", "deb:");
        let [build] = builds.as_slice() else {
            panic!("one build")
        };
        assert_eq!(build.flavour.as_str(), "deb");
        assert_eq!(build.base_image.as_str(), "debian");
        assert_eq!(build.template, Template::Default);
        assert_eq!(build.pip, build::Pip::default());
    }

    #[test]
    fn lists_are_united_and_scalars_overridden() {
        let config = "
deb:
  base_image: debian
  base_dependencies: {build: [b, a], runtime: [libffi8 >= 3]}
  dockerfile_template: deb.j2
  pip: {index_url: 'https://a/', constraints: [c.txt], require_hashes: true, only_binary: [X]}
  build_environment: {A: '1', B: '2'}
  secrets: [T]
  ca_bundle: ca.pem
";
        let project = "
deb:
  buildscript: ./build.sh
  dependencies: {build: [c, b, c], runtime: [openssl, libffi8 (>= 3)]}
  extras: [Dev_x, dev-x]
  pip: {index_url: 'https://b/', constraints: [c.txt], require_hashes: false, only_binary: [x, y]}
  build_environment: {B: '3'}
  secrets: [U, T]
";
        let builds = builds(config, project);
        let [build] = builds.as_slice() else {
            panic!("one build")
        };
        let operator = |path: &str| OperatorFile {
            path: path.to_owned(),
            text: format!("-----BEGIN CERTIFICATE-----{path}"),
        };
        let path = |path: &str| RelPath::new(path).unwrap();
        assert_eq!(texts(&build.build_dependencies), ["b", "a", "c"]);
        assert_eq!(build.runtime_dependencies, ["libffi8 (>= 3)", "openssl"]);
        assert_eq!(build.template, Template::Operator(operator("deb.j2")));
        assert_eq!(build.buildscript, Some(path("build.sh")));
        assert_eq!(build.extras, ["dev-x"]);
        assert_eq!(build.pip.index_url.as_deref(), Some("https://b/"));
        let constraints = [
            PipFile::Operator(operator("c.txt")),
            PipFile::Project(path("c.txt")),
        ];
        assert_eq!(build.pip.constraints, constraints);
        assert!(!build.pip.require_hashes);
        assert_eq!(build.pip.only_binary, ["x", "y"]);
        let environment: Vec<_> = { build.build_environment.iter() }
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(environment, ["A=1", "B=3"]);
        assert_eq!(texts(&build.secrets), ["T", "U"]);
        assert_eq!(build.ca_bundle, Some(PathBuf::from("/etc/builder/ca.pem")));
    }

    #[test]
    fn builds_stand_in_the_order_of_the_project() {
        let builds = builds(
            "a: {base_image: x}\nb: {base_image: y}\nc: {base_image: z}",
            "c:\na:",
        );
        assert_eq!(
            texts(
                &builds
                    .iter()
                    .map(|build| &build.flavour)
                    .collect::<Vec<_>>()
            ),
            ["c", "a"]
        );
    }

    #[test]
    fn merged_and_aliased_maps_count_as_written() {
        let config = "
deb: &deb
  base_image: debian
  base_dependencies: &packages {build: [gcc]}
deb13:
  <<: *deb
  base_image: debian:13
rpm: {base_image: fedora, base_dependencies: *packages}
";
        let builds = builds(config, "deb13:\nrpm:");
        let images: Vec<_> = builds
            .iter()
            .map(|build| build.base_image.as_str())
            .collect();
        assert_eq!(images, ["debian:13", "fedora"]);
        assert!(
            builds
                .iter()
                .all(|build| texts(&build.build_dependencies) == ["gcc"])
        );
    }

    #[test]
    fn windows_line_ends_and_a_byte_order_mark_are_read() {
        let builds = builds(
            "\u{feff}deb:\r\n  base_image: debian\r\n",
            "deb:\r\n  extras:\r\n    - dev\r\n",
        );
        assert_eq!(builds[0].extras, ["dev"]);
    }

    #[test]
    fn a_base_image_is_needed_only_where_it_is_wanted() {
        assert_eq!(builds("deb: {base_image: debian}\nrpm:", "deb:").len(), 1);
        assert!(load_bytes(b"deb: {base_image: debian}\nrpm:", b"rpm:").is_err());
    }

    #[test]
    fn a_bomb_of_aliases_is_refused_at_once() {
        let mut config = "a: &a0 [x, x]\n".to_owned();
        for level in 1..60 {
            config += &format!("a{level}: &a{level} [*a{0}, *a{0}, *a{0}]\n", level - 1);
        }
        let errors = load_bytes(config.as_bytes(), b"deb:").unwrap_err();
        let alone = |report: &report::Report| {
            matches!(report.mistake(), mistake::Mistake::TooManyValues { .. })
        };
        assert!(errors.mistakes().iter().all(alone));
    }

    #[test]
    fn of_thousands_of_mistakes_the_first_fifty_are_shown() {
        let flavours: String = (0..9_000).map(|number| format!("f{number}:\n")).collect();
        let errors = load_bytes(b"deb: {base_image: debian}", flavours.as_bytes()).unwrap_err();
        assert_eq!(errors.mistakes().len(), 50);
        let expected = "the configuration has 9000 mistakes, of which the first 50 follow";
        assert_eq!(errors.to_string(), expected);
        shown(errors);
    }

    /// Lines of both files, whole and broken, to be put together at random.
    fn lines() -> impl Strategy<Value = String> {
        let line = prop::sample::select(vec![
            "deb:",
            "rpm: &a",
            "  <<: *a",
            "  base_image: debian",
            "  pip:",
            "    only_binary: [x]",
            "  - a",
            "\tb",
            "  secrets: [A, *a]",
            "'",
            "[",
            "{",
            "}",
            "---",
            "? ",
            ": ",
            "  extras: !x é",
            "# \u{202e}",
            "  c: |",
            "  base_image: https://a:b@c",
            "\u{0}",
            "\r",
            "  deb: *b",
            "&a",
            "  build_environment: {A: 1}",
            "  package: deb",
            "  revision: 0",
            "  image: {ports: [1, {}], user: 0, entrypoint: []}",
            "  files: {/etc/a: b, /etc/a/b: c}",
            "  systemd: {units: [a.service, b/a.service], start: no}",
        ]);
        prop::collection::vec(line, 0..9).prop_map(|lines| lines.join("\n"))
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(
            config in prop::collection::vec(any::<u8>(), 0..60),
            project in "\\PC{0,40}",
        ) {
            let _ = load_bytes(&config, project.as_bytes()).map_err(shown);
        }

        #[test]
        fn any_lines_are_read_without_a_panic(config in lines(), project in lines()) {
            let _ = load_bytes(config.as_bytes(), project.as_bytes()).map_err(shown);
        }
    }

    /// Renders a report, and checks that nothing in it steers a terminal.
    fn shown(errors: ConfigErrors) {
        let mut report = String::new();
        let theme = miette::GraphicalTheme::unicode_nocolor();
        let handler = miette::GraphicalReportHandler::new_themed(theme).with_links(false);
        handler.render_report(&mut report, &errors).unwrap();
        assert!(
            !report.contains(|character: char| character.is_control() && character != '\n'),
            "{report:?}"
        );
        assert!(!report.contains("a:b@c"));
    }
}
