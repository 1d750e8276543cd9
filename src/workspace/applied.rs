//! Which saved plans were applied here.
#![expect(
    clippy::disallowed_methods,
    reason = "the workspace remembers the plans that were applied"
)]

use std::fs::{self, OpenOptions};
use std::io::Write;

use serde::{Deserialize, Serialize};

use super::{Lock, Workspace, WorkspaceError, failed};
use crate::digest::Digest;

/// The application of a saved plan, as a line of `.builder/applied.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The plan's sum.
    pub plan: Digest,
    /// The run that carried it out, or began to.
    pub run: String,
    /// When it began, as RFC 3339 has it.
    pub at: String,
}

impl Workspace {
    /// Finds the application of a saved plan; a line that cannot be read tells of none.
    pub fn applied(&self, plan: &Digest) -> Option<Applied> {
        let text = fs::read_to_string(self.private("applied.jsonl")).ok()?;
        let mut lines = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Applied>(line).ok());
        lines.find(|applied| applied.plan == *plan)
    }

    /// Notes that a saved plan is about to be applied; when this returns, the line is on disk.
    pub fn note_applied(&self, _lock: &Lock, applied: &Applied) -> Result<(), WorkspaceError> {
        let path = self.private("applied.jsonl");
        // In front too, so that a line that a crash tore takes no other along.
        let line = serde_json::to_string(applied).expect("an application is three texts");
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .map_err(failed("open", &path))?;
        file.write_all(format!("\n{line}\n").as_bytes())
            .and_then(|()| file.sync_data())
            .map_err(failed("write", &path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_is_found_behind_a_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::at(folder.path().to_owned());
        let lock = workspace.lock("test").unwrap();
        let plan = Digest::of(b"plan");
        assert_eq!(workspace.applied(&plan), None);
        fs::write(workspace.private("applied.jsonl"), "{\"plan\":\"0a").unwrap();
        let applied = Applied {
            plan,
            run: "r1".to_owned(),
            at: "2026-11-23T16:05:12Z".to_owned(),
        };
        workspace.note_applied(&lock, &applied).unwrap();
        assert_eq!(workspace.applied(&plan), Some(applied));
        assert_eq!(workspace.applied(&Digest::of(b"other")), None);
    }
}
