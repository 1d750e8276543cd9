//! Complete, plain, redacted lines out of the chunks that an engine sends.

use std::sync::Arc;

use super::redact::Redactor;
use crate::engine::LogSink;

/// The longest line in bytes that is passed on; the rest of a longer one is counted.
const LONGEST: usize = 16 * 1024;

/// Joins chunks to lines.
///
/// A chunk ends where the engine's buffer ended: in the middle of a line, of a character, or of a
/// secret. A line is therefore redacted when it is complete and never before.
pub(super) struct Lines {
    sink: LogSink,
    redactor: Arc<Redactor>,
    line: Vec<u8>,
    /// Bytes of the line that were not kept.
    dropped: usize,
    /// A carriage return was seen: what follows overwrites the line, unless its end follows.
    returned: bool,
}

impl Lines {
    /// Starts with no line.
    pub fn new(sink: LogSink, redactor: Arc<Redactor>) -> Self {
        Self {
            sink,
            redactor,
            line: Vec::new(),
            dropped: 0,
            returned: false,
        }
    }

    /// Takes a chunk and passes on the lines that it completes.
    pub fn push(&mut self, chunk: &[u8]) {
        // A secret across the limit is seen whole before the line is cut.
        let keep = LONGEST + self.redactor.longest();
        for &byte in chunk {
            match byte {
                b'\n' => self.end(),
                b'\r' => self.returned = true,
                _ => {
                    // A progress bar draws over itself; what a terminal would show at the end
                    // is what the log gets.
                    if std::mem::take(&mut self.returned) {
                        self.line.clear();
                        self.dropped = 0;
                    }
                    if self.line.len() < keep {
                        self.line.push(byte);
                    } else {
                        self.dropped += 1;
                    }
                }
            }
        }
    }

    /// Passes on the last line, when it has no end.
    pub fn finish(&mut self) {
        if !self.line.is_empty() {
            self.end();
        }
    }

    fn end(&mut self) {
        let line = std::mem::take(&mut self.line);
        let mut dropped = std::mem::take(&mut self.dropped);
        self.returned = false;
        let line = self.redactor.redact(plain(&line));
        let mut kept = line.as_str();
        if kept.len() > LONGEST {
            let mut end = LONGEST;
            while !kept.is_char_boundary(end) {
                end -= 1;
            }
            dropped += kept.len() - end;
            kept = &kept[..end];
        }
        if dropped == 0 {
            (self.sink)(kept);
        } else {
            (self.sink)(&format!("{kept} … ({dropped} more bytes)"));
        }
    }
}

/// Decodes a line and takes escape sequences and control characters out, tabs excepted.
///
/// This comes before redaction, so that a colour in the middle of a secret does not hide it.
fn plain(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let text = anstream::adapter::strip_str(&text).to_string();
    if text.contains(|c: char| c.is_control() && c != '\t') {
        text.replace(|c: char| c.is_control() && c != '\t', "")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::engine::Secret;

    fn lines(secret: &str, chunks: &[&[u8]]) -> Vec<String> {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink: LogSink = {
            let seen = seen.clone();
            Arc::new(move |line: &str| seen.lock().unwrap().push(line.to_owned()))
        };
        let redactor = Arc::new(Redactor::new([&Secret(secret.to_owned())]));
        let mut lines = Lines::new(sink, redactor);
        for chunk in chunks {
            lines.push(chunk);
        }
        lines.finish();
        drop(lines);
        Arc::try_unwrap(seen).unwrap().into_inner().unwrap()
    }

    #[test]
    fn chunks_become_complete_plain_lines() {
        let check = |chunks: &[&[u8]], expected: &[&str]| {
            assert_eq!(lines("", chunks), expected, "{chunks:?}");
        };
        check(&[b"out\nst", b"ep 1\n"], &["out", "step 1"]);
        check(&[b"no end"], &["no end"]);
        check(&[b"a\r\nb\r", b"\n\nc"], &["a", "b", "", "c"]);
        check(&[b" 10%\r 50%\r", b"100%\r\ndone"], &["100%", "done"]);
        check(&[b"\x1b[31mred\x1b[0m\tcell\x07\n"], &["red\tcell"]);
        check(
            &["gr\u{fc}n".as_bytes().split_at(3).0, b"\xbcn\n"],
            &["grün"],
        );
        check(&[b"\xff\xfe\n"], &["\u{fffd}\u{fffd}"]);
    }

    #[test]
    fn a_secret_across_chunks_and_colours_is_masked() {
        assert_eq!(lines("s3cr3t", &[b"a s3c", b"r3t b\n"]), ["a *** b"]);
        assert_eq!(lines("s3cr3t", &[b"s3\x1b[1mcr3t\n"]), ["***"]);
    }

    #[test]
    fn a_line_without_end_is_bounded_and_still_redacted() {
        let mut text = vec![b'x'; LONGEST - 3];
        text.extend_from_slice(b"s3cr3t");
        text.extend_from_slice(&[b'y'; 100_000]);
        let seen = lines("s3cr3t", &[&text]);
        assert_eq!(seen.len(), 1);
        assert!(seen[0].len() < LONGEST + 50);
        assert!(seen[0].contains("xxx***"), "{}", &seen[0][LONGEST - 10..]);
        assert!(seen[0].contains("more bytes)"));
    }
}
