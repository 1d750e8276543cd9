//! The build of an image.

use crate::step::{Address, Facet, NamedSource, Source};

/// Builds the builder image of a flavour.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// The step that renders the dockerfile.
    pub dockerfile: Address,
    /// The step that probes the base image.
    pub base: Address,
    /// The repository part of the name under which the image is kept: `builder/shop`.
    pub repository: String,
    /// The first part of its tag; the workspace's identity follows, so that two workspaces on one
    /// engine never move each other's tags.
    pub tag: String,
}

impl Image {
    pub(super) fn inputs(&self) -> Vec<NamedSource> {
        // The name is how people find the image; what is built from it is the same under any name.
        let Self {
            dockerfile,
            base,
            repository: _,
            tag: _,
        } = self;
        let output = |step: &Address, facet| Source::Output {
            step: step.clone(),
            facet,
        };
        vec![
            ("dockerfile".to_owned(), output(dockerfile, Facet::Document)),
            ("base image".to_owned(), output(base, Facet::BaseImage)),
            ("base image facts".to_owned(), output(base, Facet::Facts)),
        ]
    }

    pub(super) fn summary(&self) -> String {
        format!("build image {}:{}", self.repository, self.tag)
    }
}

/// Makes a legal repository name from whatever a project is called.
///
/// A component has lower-case letters and digits, separated by one `.` or `_`, by `__`, or by
/// dashes (the OCI distribution specification's grammar). Everything else becomes one dash.
pub fn repository(project: &str) -> String {
    let mut slug = String::new();
    for character in project.chars().flat_map(char::to_lowercase) {
        if character.is_ascii_lowercase() || character.is_ascii_digit() {
            slug.push(character);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() == 100 {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    format!("builder/{}", if slug.is_empty() { "project" } else { slug })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_project_name_makes_a_legal_repository() {
        let check = |project: &str, expected: &str| {
            assert_eq!(repository(project), expected, "{project:?}")
        };
        check("shop", "builder/shop");
        check("My.Project", "builder/my-project");
        check("__a--b__", "builder/a-b");
        check("Größe 1!1.0+local", "builder/gr-e-1-1-0-local");
        check("…", "builder/project");
        assert!(repository(&"x".repeat(300)).len() < 128);
    }
}
