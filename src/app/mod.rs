//! What the commands do: gather, decide, act.

mod caching;
mod command;
mod configuration;
mod error;
mod gather;
mod host;
mod lock;
mod locks;
mod lookup;
mod plan_file;
mod projects;
mod remember;
mod run;
mod saved;
mod selection;
mod situation;

pub use caching::CacheChoice;
pub use command::{Engines, Invocation, explain, graph, plan, validate};
pub use error::{AppError, Exit};
pub use gather::{Gathered, gather};
pub use host::Environment;
pub use lock::{LockEnd, LockOptions, Relocked, Upgrade, lock};
pub use plan_file::{may_be_written, read_plan, write_plan};
pub use projects::{Places, Project};
pub use remember::{CacheTask, cache, history};
pub use run::{ApplyOptions, Approval, Feedback, apply, no_changes, run_name};
pub use saved::{apply_saved, document, staleness};
