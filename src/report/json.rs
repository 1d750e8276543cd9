//! A run as JSON: one object a line, versioned, for programs.

use std::io::Write;

use crate::report::{Event, Observer};

/// The version of the events' format.
pub const VERSION: u32 = 1;

/// Writes events as JSON lines.
pub struct JsonLines<W> {
    out: W,
}

impl<W: Write + Send> JsonLines<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out }
    }
}

impl<W: Write + Send> Observer for JsonLines<W> {
    fn event(&mut self, event: &Event) {
        let mut object =
            serde_json::to_value(event).expect("an event has string keys and finite numbers only");
        object["version"] = VERSION.into();
        // A reader that closed the pipe has seen enough; the run goes on.
        let _ = writeln!(self.out, "{object}").and_then(|()| self.out.flush());
    }
}
