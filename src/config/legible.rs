//! Foreign text made fit for a terminal and a log: nothing in it steers, and no URL has a password.

/// Shows a short text inside a sentence: what would steer is escaped, and a long text is cut.
pub(super) fn legible(text: &str) -> String {
    let mut shown = String::new();
    for (count, character) in mask_credentials(text).chars().enumerate() {
        if count == 80 {
            shown.push('…');
            break;
        }
        match steers(character) {
            true => shown.extend(character.escape_default()),
            false => shown.push(character),
        }
    }
    shown
}

/// Shows a whole file: each character is replaced by as many bytes as it has, so that every place
/// stays where it is.
pub(super) fn legible_source(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\n' | '\t' => shown.push(character),
            // A carriage return alone ends a line in YAML, and would move the cursor.
            '\r' if characters.peek() == Some(&'\n') => shown.push('\r'),
            '\r' => shown.push('\n'),
            hidden if steers(hidden) => shown.push_str(match hidden.len_utf8() {
                1 => "?",
                2 => "\u{b7}",
                _ => "\u{fffd}",
            }),
            other => shown.push(other),
        }
    }
    mask_credentials(&shown)
}

/// Tells whether a character would steer a terminal or reorder what is beside it.
fn steers(character: char) -> bool {
    let hidden = matches!(character,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    hidden || character.is_control()
}

/// Writes stars over what stands between `://` and the last `@` of the same word.
///
/// A password may hold a raw `/`, so that the end of the authority is no safe end to look for.
fn mask_credentials(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + 3);
        let end =
            after.find(|character: char| character.is_whitespace() || "\"'`".contains(character));
        let word = &after[..end.unwrap_or(after.len())];
        let userinfo = word.rfind('@').unwrap_or(0);
        masked.push_str(before);
        masked.extend(std::iter::repeat_n('*', userinfo));
        rest = &after[userinfo..];
    }
    masked.push_str(rest);
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_in_a_sentence_cannot_steer_a_terminal() {
        let check = |text: &str, expected: &str| assert_eq!(legible(text), expected);
        check("a\u{1b}[31m\nb", "a\\u{1b}[31m\\nb");
        check("a\u{202e}b", "a\\u{202e}b");
        check("héllo", "héllo");
        check("https://joe:s3cret@host", "https://**********@host");
        check(&"a".repeat(81), &format!("{}…", "a".repeat(80)));
    }

    #[test]
    fn a_whole_file_keeps_its_places_and_no_password() {
        let check = |text: &str, expected: &str| {
            assert_eq!(legible_source(text), expected, "{text:?}");
            assert_eq!(legible_source(text).len(), text.len(), "{text:?}");
        };
        check("a: ü\r\n\tb", "a: ü\r\n\tb");
        check("a\rb\u{1b}[0m\u{9b}\u{202e}", "a\nb?[0m\u{b7}\u{fffd}");
        check(
            "u: https://joe:s3cret@host/p x://y",
            "u: https://**********@host/p x://y",
        );
        check("https://joe:s/t@host", "https://*******@host");
        check(
            "[http://a@b, \"http://c@d\"]",
            "[http://*@b, \"http://*@d\"]",
        );
        check("http://ü@b", "http://**@b");
    }
}
