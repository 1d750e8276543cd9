//! `builder`: a declarative plan/apply build engine for Python projects.
//!
//! This page is the map. README.md says what the program does, ARCHITECTURE.md how its parts
//! stand together and why.
//!
//! # The modules, bottom first
//!
//! A module names only modules above it in this list; `tests/tidy.rs` reads the list and holds it.
//!
//! Functions of their inputs, without disk, clock, environment, process or engine:
//!
//! - [`digest`]: digests of content, and the hasher of keys.
//! - [`tree`]: relative paths and file trees as data.
//! - [`config`]: the texts of `config.yml` and `.build.yml`, read into one `Build` a flavour.
//! - [`facts`]: what a probe found out about a base image.
//! - [`wheel`]: names and metadata of wheels.
//! - [`version`]: PEP 440 versions as Debian and rpm order them.
//! - [`lock`]: lock files, and the versions that they and records hold.
//! - [`template`]: dockerfile templates, rendered.
//! - [`step`]: what there is to do, as data, with the named inputs that make a step's key.
//! - [`graph`]: builds and what was observed, compiled into steps in order.
//! - [`manifest`]: what was built, from what, and what it left.
//! - [`entry`]: entries of a cache, as documents.
//! - [`history`]: the runs of a workspace.
//! - [`plan`]: graph against manifest: what would be done, and why.
//!
//! What touches the world:
//!
//! - [`source`]: the source directory, its ignore rules, and its copy.
//! - [`archive`]: tar streams into containers and out of them.
//! - [`scm`]: the version of a project whose version is in git.
//! - [`engine`]: the engine trait, Docker's API, and the engine in memory.
//! - [`package`]: writers of `.deb` and `.rpm`, and the libraries that compiled modules need.
//! - [`workspace`]: the workspace's files, lock and journal.
//! - [`cache`]: what steps left, kept outside of the workspace.
//! - [`observe`]: what is there now of what steps left.
//! - [`report`]: the events of a run, and those who show them.
//! - [`exec`]: a plan, carried out.
//! - [`app`]: the commands.
//! - [`cli`]: the command line, and all that is printed but the run.
//!
//! # The files of a workspace, and who writes them
//!
//! | file | written by |
//! |---|---|
//! | `source/` | [`source`], called by the `source` step |
//! | `<flavour>-builder.dockerfile` | [`exec`], the render step |
//! | `build/wheelhouse/<flavour>/` | [`exec`], the wheel runs |
//! | `.builder/facts/<flavour>.json` | [`exec`], the probe |
//! | `.builder/logs/<run>/<step>.log` | [`exec`] |
//! | `.builder/index/` | [`source`], for who gathers |
//! | `.builder/manifest.jsonl`, `history.jsonl`, `lock`, `objects/`, `staging/` | [`workspace`] |
//!
//! # The way of one `builder apply`
//!
//! 1. [`cli`] parses the command line and connects the [`engine`].
//! 2. [`app`] has [`config`] read both files, and takes the lock of the [`workspace`].
//! 3. [`source`] walks and hashes the source, while [`observe`] asks the engine and the disk.
//! 4. [`scm`] finds the version, where it comes from git.
//! 5. [`graph`] compiles all of that into [`step`]s; [`template`] renders the dockerfiles.
//! 6. [`plan`] holds the steps against the [`manifest`], and [`cli`] shows the plan and asks.
//! 7. [`exec`] starts what is ready, with the key computed again from what the steps before it left.
//! 8. A step's files travel as [`archive`]s; what it makes waits in `staging/`.
//! 9. The files move into place, the journal gets its line, and what was superseded is removed.
//! 10. [`report`] tells each of these events, and the status says how it ended.

pub mod app;
pub mod archive;
pub mod cache;
pub mod cli;
pub mod config;
pub mod digest;
pub mod engine;
pub mod entry;
pub mod exec;
pub mod facts;
pub mod graph;
pub mod history;
pub mod lock;
pub mod manifest;
pub mod observe;
pub mod package;
pub mod plan;
pub mod report;
pub mod scm;
pub mod source;
pub mod step;
pub mod template;
pub mod tree;
pub mod version;
pub mod wheel;
pub mod workspace;
