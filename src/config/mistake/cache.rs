//! What can be wrong about the shared cache beyond a name.

use miette::Diagnostic;

/// What is wrong with the shared cache.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum CacheMistake {
    /// It is not said where the cache is.
    #[error("`cache` does not say where the cache is")]
    #[diagnostic(
        code(builder::config::no_cache_url),
        help("name it: `url: oci://registry.example.com/team/builder-cache`")
    )]
    NoUrl,
    /// A field is about a cache of the other kind.
    #[error("`{field}` is about {about}, and the cache is {cache}")]
    #[diagnostic(
        code(builder::config::cache_field),
        help("remove it, or write the `url` of {about}")
    )]
    OtherKind {
        /// The field.
        field: &'static str,
        /// What the field is about.
        about: &'static str,
        /// What the cache is.
        cache: &'static str,
    },
}

impl CacheMistake {
    /// Says what stands at the place of the mistake.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::NoUrl => "without a `url`",
            Self::OtherKind { .. } => "of no use here",
        }
    }
}
