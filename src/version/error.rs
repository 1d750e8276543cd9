//! Why a version cannot be written in the words of another tool.

/// Why a version cannot be written in the words of another tool.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum VersionError {
    /// The text is no version.
    #[error("`{version}` is no version of PEP 440: {cause}")]
    #[diagnostic(
        code(builder::version::pep440),
        help("give the project a version such as `1.2.0`, `1.2.0rc1` or `1.2.0.post1`")
    )]
    Pep440 {
        /// The text.
        version: String,
        /// What the parser says of it.
        cause: String,
    },
    /// The epoch is greater than dpkg can hold.
    #[error("the epoch of `{version}` is greater than dpkg can hold")]
    #[diagnostic(
        code(builder::version::epoch),
        help("use an epoch of at most 2147483647")
    )]
    Epoch {
        /// The version.
        version: String,
    },
    /// The revision is 0.
    #[error("a package's revision is at least 1, not 0")]
    #[diagnostic(
        code(builder::version::revision),
        help("write `revision: 1`, or leave it out")
    )]
    Revision,
    /// The suffix has characters that a revision has not.
    #[error("`{suffix}` cannot end a package's revision")]
    #[diagnostic(
        code(builder::version::suffix),
        help("use letters, digits, `.`, `+` and `~`, as in `deb12` or `ubuntu22.04`")
    )]
    Suffix {
        /// The suffix.
        suffix: String,
    },
}
