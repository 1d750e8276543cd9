//! Summary and description in the lengths that rpm's tools expect.

use crate::package::prose::{paragraph, wrapped};

/// The longest line of a summary or a description, in characters (rpmlint's `MaxLineLength`).
const LINE: usize = 79;

/// Returns the summary, one short line without a full stop, and the description.
///
/// The description is the first paragraph of the project's README. The summary opens it where the
/// summary has to be cut or is the longer of the two; a package without a README is described by it.
pub fn prose(summary: &str, description: &str) -> (String, String) {
    let whole = summary.split_whitespace().collect::<Vec<_>>().join(" ");
    let whole = whole.trim_end_matches('.');
    let mut paragraphs = Vec::new();
    let short = if whole.chars().count() > LINE {
        paragraphs.push(format!("{whole}."));
        cut(whole)
    } else {
        whole.to_owned()
    };
    match paragraph(description).map(|text| text.replace(char::is_control, "")) {
        Some(text) => {
            if paragraphs.is_empty() && text.chars().count() < short.chars().count() {
                paragraphs.push(format!("{short}."));
            }
            paragraphs.push(text);
        }
        None if paragraphs.is_empty() => paragraphs.push(short.clone()),
        None => {}
    }
    let paragraphs = paragraphs.iter().map(|text| wrapped(text, LINE).join("\n"));
    (short, paragraphs.collect::<Vec<_>>().join("\n\n"))
}

/// Ends a line after the last word that leaves room for the sign of the omission.
fn cut(line: &str) -> String {
    let kept: String = line.chars().take(LINE - 1).collect();
    let kept = kept
        .rsplit_once(' ')
        .map_or(kept.as_str(), |(head, _)| head);
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_and_description_get_the_lengths_that_tools_expect() {
        let check = |summary: &str, description: &str, expected: (&str, &str)| {
            let (short, long) = prose(summary, description);
            assert_eq!((short.as_str(), long.as_str()), expected);
        };
        check("Sells things.", "", ("Sells things", "Sells things"));
        check(
            "Sells\nthings",
            "# shop\r\n\r\nA\tgood shop,\r\nby far.\r\n\r\nMore.\r\n",
            ("Sells things", "A good shop, by far."),
        );
        check(
            "Sells things of all kinds to people of all kinds",
            "It is a shop for all.",
            (
                "Sells things of all kinds to people of all kinds",
                "Sells things of all kinds to people of all kinds.\n\nIt is a shop for all.",
            ),
        );
        let words = "word ".repeat(20);
        let cut = format!("{}word…", "word ".repeat(14));
        let whole = format!("{}word\nword word word word.", "word ".repeat(15));
        check(&words, "", (&cut, &whole));
        let url = format!("It is to be seen at {}", "x".repeat(90));
        let broken = format!("It is to be seen at\n{}", "x".repeat(90));
        check("A", &url, ("A", &broken));
    }
}
