//! Summary and description in the lengths that rpm's tools expect.

use crate::package::prose::wrapped;

/// The longest line of a summary or a description, in characters (rpmlint's `MaxLineLength`).
const LINE: usize = 79;

/// Returns the summary, one short line without a full stop, and the description.
///
/// A summary that has to be cut opens the description in full; a package without a description is
/// described by its summary.
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
    let clean = description.replace('\t', "    ");
    let clean = clean.replace(|c: char| c.is_control() && c != '\n', "");
    if !clean.trim().is_empty() {
        paragraphs.push(clean.trim().to_owned());
    }
    if paragraphs.is_empty() {
        paragraphs.push(short.clone());
    }
    let lines = paragraphs.join("\n\n");
    let lines: Vec<String> = lines.lines().map(wrap).collect();
    (short, lines.join("\n"))
}

/// Ends a line after the last word that leaves room for the sign of the omission.
fn cut(line: &str) -> String {
    let kept: String = line.chars().take(LINE - 1).collect();
    let kept = kept
        .rsplit_once(' ')
        .map_or(kept.as_str(), |(head, _)| head);
    format!("{kept}…")
}

/// Breaks a line at spaces where it is too long; any other keeps its spaces, for what is aligned.
fn wrap(line: &str) -> String {
    let line = line.trim_end();
    match line.chars().count() <= LINE {
        true => line.to_owned(),
        false => wrapped(line, LINE).join("\n"),
    }
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
            "\r\nA\tshop.\r\n",
            ("Sells things", "A    shop."),
        );
        let words = "word ".repeat(20);
        let cut = format!("{}word…", "word ".repeat(14));
        let whole = format!("{}word\nword word word word.", "word ".repeat(15));
        check(&words, "", (&cut, &whole));
        let url = format!("see {}", "x".repeat(90));
        check("A", &url, ("A", &format!("see\n{}", "x".repeat(90))));
    }
}
