//! The kinds of names: what each is called, and what to write instead of a wrong one.

use super::BadName;

/// What a text should be the name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A build flavour.
    Flavour,
    /// An image.
    Image,
    /// A distribution package that is installed into the builder image.
    Package,
    /// A distribution package, perhaps with a version relation, that is required at run time.
    RuntimePackage,
    /// An environment variable.
    Variable,
    /// An extra of the project.
    Extra,
    /// A Python distribution, or `:all:`.
    BinaryChoice,
    /// The URL of a package index.
    Index {
        /// The variable by which pip takes such a URL too.
        variable: &'static str,
    },
}

impl Kind {
    /// Names the kind, with its article.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Flavour => "a flavour's name",
            Self::Image => "the name of an image",
            Self::Package => "the name of a package",
            Self::RuntimePackage => "a runtime dependency",
            Self::Variable => "the name of an environment variable",
            Self::Extra => "the name of an extra",
            Self::BinaryChoice => "the name of a Python distribution",
            Self::Index { .. } => "the URL of a package index",
        }
    }

    /// Says what to write.
    pub(crate) fn help(self, problem: BadName) -> &'static str {
        match (self, problem) {
            (Self::Flavour, BadName::Reserved) => "choose another name, such as `src`",
            (Self::Flavour, _) => {
                "use lower-case letters, digits, `-` and `_`, 64 at most: `deb`, `el9`, `py3-12`"
            }
            (Self::Image, BadName::ImageScheme) => {
                "write the registry's host alone: `registry.example.com/team/base:1`"
            }
            (Self::Image, BadName::ImageId) => {
                "tag the image and name the tag, or write `name@sha256:...`"
            }
            (Self::Image, _) => {
                "write `debian:12`, `registry.example.com:5000/team/base:1` or `debian@sha256:...`"
            }
            (Self::Package, BadName::Character(' ' | ',' | '\n' | '\t')) => {
                "write each package as an entry of its own: `[libffi-dev, libssl-dev]`"
            }
            (Self::Package, BadName::End('-')) => {
                "apt would remove the package: name only what is to be installed"
            }
            (Self::Package, BadName::Start('-')) => {
                "options belong into the `$PKG_INSTALL` of the base image"
            }
            (Self::Package, BadName::Character('<' | '>')) => {
                "pin a version as apt and dnf do: `libffi-dev=3.4.4-1`"
            }
            (Self::Package, _) => {
                "write the name alone, as apt or dnf know it: `libffi-dev`, `gcc:arm64`, `pkgconfig(libffi)`"
            }
            (Self::RuntimePackage, BadName::Character(',')) => {
                "write each package as an entry of its own: `[libffi8, openssl]`"
            }
            (Self::RuntimePackage, _) => {
                "write `openssl`, `libffi8 (>= 3.4)`, or alternatives: `libssl3 | libssl1.1`"
            }
            (Self::Variable, _) => {
                "use letters, digits and `_`, and no digit first: `PIP_INDEX_URL`"
            }
            (Self::Extra, _) => "write the name alone, without brackets: `[dev, postgres]`",
            (Self::BinaryChoice, _) => {
                "write the name alone, without a version, or `:all:` for every distribution"
            }
            (Self::Index { .. }, _) => {
                "write `https://pypi.example.com/simple` or, for a directory, `file:///srv/wheels`"
            }
        }
    }
}
