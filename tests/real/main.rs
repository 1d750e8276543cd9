//! The whole of `builder` against a real engine: the binary, real base images, real Python projects.
//!
//! Every test has a workspace of its own and removes what it made in the engine when it ends,
//! failed or not. Without an engine or without the base images the tests fail and say so.

#![expect(
    clippy::disallowed_methods,
    reason = "the tests lay out files and start processes"
)]

mod backends;
mod base_images;
mod cycle;
#[path = "../support/engine_tls.rs"]
mod engine_tls;
mod environment;
mod fresh_engine;
mod gone;
mod index;
mod interrupted;
mod lock;
mod pip;
mod remote;
mod repeatable;
mod runners;
mod scripts;
mod served;
#[expect(
    clippy::unwrap_used,
    reason = "a server that does not start fails the test"
)]
#[path = "../support/servers.rs"]
mod servers;
mod site;
#[path = "../support/tls.rs"]
mod tls;
mod versions;
mod wheels;
