//! Packages and runtime images against a real engine: the binary, real base images, real packages.
//!
//! Every test has a workspace of its own and removes what it made in the engine when it ends. A tool
//! of the host that is missing (`lintian`, `rpm`, `rpmlint`, `dpkg-deb`) fails the test and is named.

#![expect(
    clippy::disallowed_methods,
    reason = "the tests lay out files and start processes"
)]

mod clean;
mod content;
mod parcel;
mod rebuild;
mod repeatable;
mod runtime;
mod shapes;
#[expect(
    dead_code,
    reason = "the tests of wheels use what these leave, and the other way round"
)]
#[path = "../real/site.rs"]
mod site;
