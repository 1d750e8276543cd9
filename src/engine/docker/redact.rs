//! The removal of secrets from lines that are shown or kept.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::engine::Secret;

/// What stands in the place of a secret.
const MASK: &str = "***";

/// The fewest characters of a form that is looked for beside the value itself.
///
/// The base64 of two characters is in every other line.
const SHORTEST_FORM: usize = 4;

/// Knows the secrets of a run, in the forms in which tools print them.
pub(super) struct Redactor {
    /// Texts to mask, the longest first, so that no part of one remains beside a masked shorter one.
    patterns: Vec<String>,
}

impl Redactor {
    /// Takes note of secrets: as they are, each line of them, percent-encoded as in a URL, and in
    /// base64 as in an `Authorization` header.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut patterns = Vec::new();
        for Secret(value) in secrets {
            patterns.push(value.trim().to_owned());
            let mut forms: Vec<String> = value.lines().map(|line| line.trim().to_owned()).collect();
            if value.trim().chars().count() >= SHORTEST_FORM {
                forms.extend(percent_encoded(value.trim()));
                forms.extend(base64_forms(value.as_bytes()));
                forms.extend(base64_forms(value.trim().as_bytes()));
            }
            forms.retain(|form| form.chars().count() >= SHORTEST_FORM);
            patterns.append(&mut forms);
        }
        patterns.retain(|pattern| !pattern.is_empty());
        patterns.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        patterns.dedup();
        Self { patterns }
    }

    /// Masks every secret of a line.
    pub fn redact(&self, mut line: String) -> String {
        for pattern in &self.patterns {
            if line.contains(pattern) {
                line = line.replace(pattern, MASK);
            }
        }
        line
    }

    /// Returns the length in bytes of the longest text that is masked.
    pub fn longest(&self) -> usize {
        self.patterns.first().map_or(0, String::len)
    }
}

/// Percent-encodes all but RFC 3986's unreserved characters, in both cases of the digits.
fn percent_encoded(value: &str) -> [String; 2] {
    let encode = |lower: bool| {
        value.bytes().fold(String::new(), |mut text, byte| {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    text.push(char::from(byte));
                }
                _ if lower => text.push_str(&format!("%{byte:02x}")),
                _ => text.push_str(&format!("%{byte:02X}")),
            }
            text
        })
    };
    [encode(false), encode(true)]
}

/// Returns the base64 of a value, standing alone and inside a longer text such as `user:value`.
///
/// Three bytes make four characters, so inside a text the encoding depends on where the value
/// starts, modulo three; the characters that it shares with its neighbours are left out.
fn base64_forms(value: &[u8]) -> Vec<String> {
    let mut forms = vec![STANDARD_NO_PAD.encode(value), URL_SAFE_NO_PAD.encode(value)];
    for shift in 0..3 {
        let mut bytes = vec![0; shift];
        bytes.extend_from_slice(value);
        let first = (shift * 8).div_ceil(6);
        let last = bytes.len() * 8 / 6;
        for text in [
            STANDARD_NO_PAD.encode(&bytes),
            URL_SAFE_NO_PAD.encode(&bytes),
        ] {
            if let Some(own) = text.get(first..last) {
                forms.push(own.to_owned());
            }
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn redact(secret: &str, line: &str) -> String {
        Redactor::new([&Secret(secret.to_owned())]).redact(line.to_owned())
    }

    #[test]
    fn a_secret_is_masked_in_every_form() {
        let check = |secret: &str, line: &str, expected: &str| {
            assert_eq!(redact(secret, line), expected, "{line}");
        };
        check("hunter22", "token hunter22, hunter22!", "token ***, ***!");
        check(
            "p@ss/w:rd",
            "https://me:p%40ss%2Fw%3Ard@host",
            "https://me:***@host",
        );
        check(
            "p@ss/w:rd",
            "https://me:p%40ss%2fw%3ard@host",
            "https://me:***@host",
        );
        check(
            "first line\nsecond line\n",
            "it says second line",
            "it says ***",
        );
        check("abc", "abcdef", "***def");
        check("", "nothing", "nothing");
    }

    #[test]
    fn a_secret_is_masked_in_base64_wherever_it_starts() {
        for prefix in ["", "a:", "ab:", "abc:", "user:"] {
            for suffix in ["", "\n", "!!"] {
                let header = STANDARD.encode(format!("{prefix}s3cr3t-value{suffix}"));
                let line = redact("s3cr3t-value", &format!("Authorization: Basic {header}"));
                let left = line.trim_start_matches("Authorization: Basic ");
                assert!(left.contains(MASK), "{prefix:?} {suffix:?}: {line}");
                assert!(
                    left.len() <= header.len() - 12,
                    "{prefix:?} {suffix:?}: {line}"
                );
            }
        }
    }

    #[test]
    fn a_secret_that_contains_another_is_masked_whole() {
        let secrets = [Secret("pass".to_owned()), Secret("password1".to_owned())];
        let redactor = Redactor::new(&secrets);
        assert_eq!(redactor.redact("password1 pass".to_owned()), "*** ***");
    }
}
