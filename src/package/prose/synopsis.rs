//! The one line that lists of packages show.

use super::collapsed;

/// The longest synopsis that fits lists of packages.
const SYNOPSIS: usize = 80;

/// A summary as one line of at least two words that begins neither with the package's name nor with
/// an article, and that does not end in a full stop.
///
/// What is longer than 80 characters ends at a word, in `…`. A project without a summary gets a
/// sentence that is true of every package, and a summary of one word follows that sentence.
pub fn synopsis(name: &str, summary: &str) -> String {
    let whole = collapsed(summary);
    let mut line = whole.as_str();
    loop {
        let shorter = without_article(without_name(name, line));
        let shorter = shorter.trim_end_matches(['.', ' ']).trim_start();
        if shorter == line {
            break;
        }
        line = shorter;
    }
    let any = || format!("Python application {name}");
    let line = match line {
        line if !line.contains(char::is_alphanumeric) || line == "UNKNOWN" => any(),
        line if same_words(name, line) => any(),
        line if !line.contains(' ') => format!("{}: {line}", any()),
        line => line.to_owned(),
    };
    if line.chars().count() <= SYNOPSIS {
        return line;
    }
    let room: String = line.chars().take(SYNOPSIS - 1).collect();
    let whole = room.rfind(' ').map_or(room.as_str(), |at| &room[..at]);
    format!("{}…", whole.trim_end_matches([',', ';', ':', '-', ' ']))
}

/// `A small shop` without its article.
fn without_article(line: &str) -> &str {
    let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
    let article = ["a", "an", "the"]
        .iter()
        .any(|article| first.eq_ignore_ascii_case(article));
    if article { rest.trim_start() } else { line }
}

/// Whether a line is the package's name, spelled in some way.
fn same_words(name: &str, line: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        let split = text.split(|c: char| !c.is_alphanumeric());
        let words = split.filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect()
    };
    words(name) == words(line)
}

/// `shop: sells things`, `shop - sells things` and `Shop is a thing` without the name.
fn without_name<'a>(name: &str, line: &'a str) -> &'a str {
    let Some(start) = line.get(..name.len()) else {
        return line;
    };
    if !start.eq_ignore_ascii_case(name) {
        return line;
    }
    let rest = &line[name.len()..];
    for between in [" - ", " – ", " — ", " is ", "'s "] {
        if let Some(rest) = rest.strip_prefix(between) {
            return rest;
        }
    }
    // `shopping` is another word, and `shop's` and `shop-keeper` begin with the name all the same.
    if rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
        return line;
    }
    rest.trim_start_matches(|c: char| !c.is_alphanumeric() && !"([\"'`<".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_synopsis_is_one_line_without_the_name() {
        for (summary, line) in [
            ("Sells things.", "Sells things"),
            ("shop: sells\n  things", "sells things"),
            ("Shop is a small service", "small service"),
            ("shopping for all", "shopping for all"),
            ("", "Python application shop"),
            ("shop", "Python application shop"),
            ("Shop!", "Python application shop"),
            ("The", "Python application shop"),
            ("...", "Python application shop"),
            ("UNKNOWN", "Python application shop"),
            ("Commerce.", "Python application shop: Commerce"),
            ("A small shop.", "small shop"),
            ("The shop: the shop for all..", "for all"),
            ("shop's many things", "many things"),
        ] {
            assert_eq!(synopsis("shop", summary), line);
        }
        let long = synopsis("shop", &"words and more, ".repeat(8));
        assert!(
            long.chars().count() <= 80 && long.ends_with("words and…"),
            "{long}"
        );
    }
}
