//! What a package says of itself, out of a project's summary and README.

mod synopsis;

pub use synopsis::synopsis;

/// What a line of a description should not begin with.
const MARKS: [char; 3] = ['.', '-', '*'];

/// The first paragraph of a README that is prose, as plain text in one line.
///
/// Markdown and reStructuredText are understood as far as it takes to step over headings, badges,
/// pictures, code, lists, tables and directives, and to leave the words of links and emphasis.
pub fn paragraph(readme: &str) -> Option<String> {
    let mut fenced = false;
    let mut indented = false;
    let mut block: Vec<&str> = Vec::new();
    for line in readme.lines().chain([""]) {
        let trimmed = line.trim();
        if trimmed.starts_with("```") || trimmed.starts_with("~~~") {
            fenced = !fenced;
            block.clear();
            continue;
        }
        if fenced {
            continue;
        }
        if !trimmed.is_empty() {
            // What is indented after a directive belongs to it.
            if block.is_empty() && indented && line.starts_with([' ', '\t']) {
                continue;
            }
            indented = false;
            block.push(trimmed);
            continue;
        }
        if let Some(text) = prose(&block) {
            return Some(text);
        }
        let directive = block
            .first()
            .is_some_and(|first| first.starts_with("..") || first.ends_with("::"));
        indented = directive || (indented && block.is_empty());
        block.clear();
    }
    None
}

/// The text of a block, when it is a paragraph.
fn prose(block: &[&str]) -> Option<String> {
    let mut kept: Vec<&str> = Vec::new();
    for line in block {
        if is_rule(line) {
            // An underline makes a heading of what is above it.
            kept.clear();
        } else if !line.starts_with('#') {
            kept.push(line);
        }
    }
    let first = *kept.first()?;
    let listed = |line: &str| {
        let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
        ["- ", "* ", "+ ", "> ", "|", ":", "[!"]
            .iter()
            .any(|mark| line.starts_with(mark))
            || (rest.len() < line.len() && (rest.starts_with(". ") || rest.starts_with(") ")))
    };
    if first.starts_with("..") || listed(first) {
        return None;
    }
    let text = collapsed(&inline(&kept.join(" ")));
    let words = text
        .split(' ')
        .filter(|word| word.contains(char::is_alphabetic));
    (words.count() >= 3).then_some(text)
}

/// Whether a line only underlines or separates.
fn is_rule(line: &str) -> bool {
    let mut characters = line.chars();
    let first = characters.next();
    first.is_some_and(|first| {
        "=-~*_^\"'`+#".contains(first) && line.len() >= 3 && characters.all(|c| c == first)
    })
}

/// The words of a paragraph without its markup.
fn inline(text: &str) -> String {
    let text = without_tags(text);
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(next) = rest.chars().next() {
        if let Some((words, after)) = picture(rest).or_else(|| link(rest)) {
            plain.push_str(&inline(words));
            rest = after;
        } else if let Some((words, after)) = quoted(rest) {
            plain.push_str(words);
            rest = after;
        } else if rest.starts_with("**") || rest.starts_with("__") {
            rest = &rest[2..];
        } else if matches!(next, '*' | '`') {
            rest = &rest[1..];
        } else {
            plain.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    for (entity, character) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ] {
        plain = plain.replace(entity, character);
    }
    plain
}

/// `![alt](url)`, which leaves nothing.
fn picture(text: &str) -> Option<(&str, &str)> {
    link(text.strip_prefix('!')?).map(|(_, after)| ("", after))
}

/// `[words](url)`, `[words][reference]`.
fn link(text: &str) -> Option<(&str, &str)> {
    let (words, after) = balanced(text, '[', ']')?;
    let (_, after) = balanced(after, '(', ')').or_else(|| balanced(after, '[', ']'))?;
    Some((words, after))
}

/// What is between a bracket at the start and the one that closes it.
fn balanced(text: &str, open: char, close: char) -> Option<(&str, &str)> {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth = depth.checked_sub(1)?;
        }
        if depth == 0 {
            return (at > 0).then(|| (&text[1..at], &text[at + 1..]));
        }
    }
    None
}

/// reStructuredText's `` `words <url>`_ ``, `` :role:`words` `` and `` ``words`` ``, and code.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let start = match text.strip_prefix(':') {
        Some(role) => {
            let (name, start) = role.split_once(':')?;
            if name.is_empty() || name.contains(|c: char| !c.is_ascii_alphanumeric() && c != '-') {
                return None;
            }
            start
        }
        None => text,
    };
    let ticks = if start.starts_with("``") { "``" } else { "`" };
    let inner = start.strip_prefix(ticks)?;
    let end = inner.find(ticks)?;
    let after = inner[end + ticks.len()..].trim_start_matches('_');
    let words = &inner[..end];
    let words = match words.split_once(" <") {
        Some((words, url)) if url.ends_with('>') => words,
        _ => words,
    };
    Some((words, after))
}

/// Leaves out tags and comments of HTML.
fn without_tags(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, from) = rest.split_at(at);
        plain.push_str(before);
        let tag = from[1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!');
        match from.find('>') {
            // A link's target in reStructuredText stays for `quoted`.
            Some(end) if tag && (from[..end].contains('=') || !from[..end].contains("://")) => {
                rest = &from[end + 1..];
            }
            _ => {
                plain.push('<');
                rest = &from[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn collapsed(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ")
}

/// Lines of at most `width` characters; a longer word has a line of its own.
///
/// No line but the first begins with `.`, `-` or `*`, which control files and lists have for
/// themselves: such a word stays with the one before it.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut units: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match units.last_mut() {
            Some(unit) if word.starts_with(MARKS) => {
                unit.push(' ');
                unit.push_str(word);
            }
            _ => units.push(word.to_owned()),
        }
    }
    let mut lines: Vec<String> = Vec::new();
    for unit in units {
        let count = unit.chars().count();
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + count <= width => {
                line.push(' ');
                line.push_str(&unit);
            }
            _ => lines.push(unit),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(readme: &str, expected: &str) {
        assert_eq!(paragraph(readme).as_deref(), Some(expected), "{readme}");
    }

    #[test]
    fn a_readme_of_markdown_gives_its_first_paragraph() {
        check(
            "# shop\n\n[![ci](https://x/a.svg)](https://x) ![b](https://y)\n\n\
             <p align=\"center\">\n  <img src=\"https://x/logo.png\">\n</p>\n\n\
             ```sh\npip install shop is a line\n```\n\n\
             **Shop** sells [things & more](https://x/(y)) with `pip`, *fast* and\n<b>well</b>.\n\n\
             More follows here.\n",
            "Shop sells things & more with pip, fast and well.",
        );
        check(
            "Shop\n====\nSells a lot of things.\n",
            "Sells a lot of things.",
        );
        check(
            "- a list of things\n\nThen some real prose.",
            "Then some real prose.",
        );
        check(
            "> [!NOTE]\n> this is noted\n\nThen snake_case is kept.",
            "Then snake_case is kept.",
        );
        check(
            "Is it that 1 < 2 and 2 &gt; 1?",
            "Is it that 1 < 2 and 2 > 1?",
        );
    }

    #[test]
    fn a_readme_of_restructured_text_gives_its_first_paragraph() {
        check(
            "====\nshop\n====\n\n.. image:: https://x/a.svg\n   :target: https://x\n\n\
             .. note::\n\n   This is no prose.\n\n|badge| |other|\n\n\
             A `shop <https://x>`_ that uses :class:`Basket` and ``pip``, and **more**.\n",
            "A shop that uses Basket and pip, and more.",
        );
    }

    #[test]
    fn a_readme_without_prose_gives_nothing() {
        for readme in [
            "",
            "# shop\n",
            "shop\n====\n",
            "```\nlots of code here\n```",
            "| a | b |",
        ] {
            assert_eq!(paragraph(readme), None, "{readme}");
        }
    }

    #[test]
    fn lines_are_wrapped_at_words() {
        assert_eq!(
            wrapped("a bb ccc dddddd e", 4),
            ["a bb", "ccc", "dddddd", "e"]
        );
        assert_eq!(wrapped("all on .NET - or", 9), ["all", "on .NET -", "or"]);
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_project_says_fits_a_line(
            text in "([a-c é\u{0}\n#*_`:<>\\[\\]()!|.=-]|https://x|shop|\\.\\. |```){0,60}"
        ) {
            let line = synopsis("shop", &text);
            proptest::prop_assert!(!line.is_empty() && line.chars().count() <= 80);
            for line in paragraph(&text).into_iter().chain([line]) {
                proptest::prop_assert!(!line.contains(char::is_control), "{line:?}");
            }
        }
    }
}
