//! The JSON Schemas (draft 2020-12) of both files, for editors and for `builder schema`.
//!
//! They describe a document after YAML has been read. What they cannot say, only the parser
//! judges: which files there are, which flavours the other file has, what lists must agree.

/// Returns the schema of `config.yml`.
pub fn config() -> &'static str {
    include_str!("config.schema.json")
}

/// Returns the schema of `.build.yml`.
pub fn project() -> &'static str {
    include_str!("project.schema.json")
}
