//! The file that the history of a workspace is kept in.
#![expect(
    clippy::disallowed_methods,
    reason = "this module is where the workspace's files are"
)]

use std::{fs, io};

use super::{Lock, Workspace, WorkspaceError, failed, write_whole};

impl Workspace {
    /// Reads the history; an empty text where nothing was built yet.
    pub fn history(&self) -> Result<String, WorkspaceError> {
        let path = self.private("history.jsonl");
        match fs::read(&path) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(failed("read", &path)(error)),
        }
    }

    /// Adds a run to the history, and forgets the oldest.
    pub fn remember(&self, _lock: &Lock, line: &str, kept: usize) -> Result<(), WorkspaceError> {
        let history = self.history()?;
        // A line that a crash tore ends before the new one begins.
        let mut lines: Vec<&str> = history.lines().filter(|line| !line.is_empty()).collect();
        lines.push(line.trim_end());
        let latest = &lines[lines.len().saturating_sub(kept)..];
        let text = format!("{}\n", latest.join("\n"));
        write_whole(&self.private("history.jsonl"), text.as_bytes())
    }
}
