//! `builder`: a declarative plan/apply build engine for Python projects.

pub mod app;
pub mod archive;
pub mod cli;
pub mod config;
pub mod digest;
pub mod engine;
pub mod exec;
pub mod facts;
pub mod graph;
pub mod manifest;
pub mod observe;
pub mod plan;
pub mod report;
pub mod scm;
pub mod source;
pub mod step;
pub mod template;
pub mod tree;
pub mod wheel;
pub mod workspace;
