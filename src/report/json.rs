//! A run as JSON: one object a line, versioned, for programs.
#![expect(clippy::disallowed_methods, reason = "an event says when it happened")]

use std::io::Write;
use std::time::SystemTime;

use serde::Serialize;
use serde_json::{Value, json};

use crate::report::{Event, Observer};

/// The version of the events' format.
pub const VERSION: u32 = 1;

/// Writes events as JSON lines: what the stream is, the plan, what happened, and how it ended.
pub struct JsonLines<W> {
    out: W,
    run: String,
}

/// How a command ended that ended badly.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ended {
    /// What went wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// More of it, a line each, such as the inputs that moved.
    pub details: Vec<String>,
}

impl<W: Write + Send> JsonLines<W> {
    /// Begins the stream of a run on `out`.
    pub fn begin(out: W, run: &str) -> Self {
        let mut lines = Self {
            out,
            run: run.to_owned(),
        };
        lines.line(json!({
            "event": "opened",
            "format": "builder-events",
            "version": VERSION,
            "builder": env!("CARGO_PKG_VERSION"),
        }));
        lines
    }

    /// Writes the plan's document.
    pub fn plan(&mut self, document: &Value) {
        self.line(json!({ "event": "plan", "plan": document }));
    }

    /// Ends the stream with the status of the command, and what went wrong with it as a whole.
    pub fn end(&mut self, status: u8, error: Option<&Ended>) {
        self.line(json!({ "event": "ended", "status": status, "error": error }));
    }

    fn line(&mut self, mut object: Value) {
        let now = humantime::format_rfc3339_millis(SystemTime::now());
        object["time"] = now.to_string().into();
        object["run"] = self.run.as_str().into();
        // A reader that closed the pipe has seen enough; the run goes on.
        let _ =
            writeln!(self.out, "{}", inert(&object.to_string())).and_then(|()| self.out.flush());
    }
}

/// Writes a JSON text so that no CI takes a string in it for a command; its values stay the same.
pub fn inert(json: &str) -> String {
    json.replace("##[", "#\\u0023[")
}

impl<W: Write + Send> Observer for JsonLines<W> {
    fn event(&mut self, event: &Event) {
        let object =
            serde_json::to_value(event).expect("an event has string keys and finite numbers only");
        self.line(object);
    }
}
