//! The two files, as mistakes speak of them.

/// Which of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum File {
    /// The operator's `config.yml`.
    Config,
    /// The project's `.build.yml`.
    Project,
}

impl File {
    /// Returns the file's usual name; the one in use may be another.
    pub fn name(self) -> &'static str {
        match self {
            Self::Config => "config.yml",
            Self::Project => ".build.yml",
        }
    }

    /// Returns the shortest content that is whole.
    pub(super) fn example(self) -> &'static str {
        match self {
            Self::Config => "\n  deb:\n    base_image: base-cpython-debian12",
            Self::Project => " `deb:` alone is a whole file",
        }
    }

    /// Says what the file's paths start from.
    pub(super) fn directory(self) -> &'static str {
        match self {
            Self::Config => "the directory of config.yml",
            Self::Project => "the root of the project",
        }
    }
}
