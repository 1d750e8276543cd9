//! The command line as a user meets it: exact output, exact status, in runs that follow each other.
//!
//! A test runs the binary in a [`sandbox`] with an empty environment. What it prints is compared
//! whole: the standard output, then the standard error where there is any, then the status.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "sandboxes are folders, the binary is a process, and a test may panic"
)]

mod applying;
mod caching;
mod commands;
mod crowd;
mod documents;
mod failing;
mod fetching;
mod locking;
mod machines;
mod mistakes;
mod planning;
mod projects;
mod sandbox;
mod saved;
mod selecting;
