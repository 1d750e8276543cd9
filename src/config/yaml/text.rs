//! The text of a document, before YAML looks at it, and the tabs that YAML stumbles over.

use miette::SourceSpan;

use super::{Document, File, Mistake, Mistakes};

/// Returns the document's text, or adds why there is none.
pub(super) fn decode<'d>(
    file: File,
    document: &'d Document,
    limit: usize,
    mistakes: &mut Mistakes,
) -> Option<&'d str> {
    if document.bytes.len() > limit {
        let path = document.path.clone();
        mistakes.push(file, None, Mistake::TooLarge { path, limit });
        return None;
    }
    match std::str::from_utf8(&document.bytes) {
        Ok(text) => Some(text),
        Err(error) => {
            let utf16 =
                document.bytes.starts_with(b"\xff\xfe") || document.bytes.starts_with(b"\xfe\xff");
            // In the text that is shown, a replacement character stands in the wrong byte's place.
            let at = (error.valid_up_to(), char::REPLACEMENT_CHARACTER.len_utf8());
            mistakes.add(file, at.into(), Mistake::NotUtf8 { utf16 });
            None
        }
    }
}

/// Returns what stands at a place.
pub(super) fn slice(text: &str, at: SourceSpan) -> &str {
    text.get(at.offset()..at.offset() + at.len())
        .unwrap_or_default()
}

/// Finds the tabs that indent the line of a place, if there are any before it.
pub(super) fn tab_before(text: &str, offset: usize) -> Option<SourceSpan> {
    let start = text
        .get(..offset)?
        .rfind('\n')
        .map_or(0, |newline| newline + 1);
    let line = text.get(start..)?;
    let indentation = &line[..line.len() - line.trim_start_matches([' ', '\t']).len()];
    let first = start + indentation.find('\t')?;
    let tabs = text[first..]
        .bytes()
        .take_while(|byte| *byte == b'\t')
        .count();
    (first < offset).then(|| (first, tabs).into())
}

/// Finds the tabs that indent the line of a place or the line after it.
pub(super) fn tab_near(text: &str, offset: usize) -> Option<SourceSpan> {
    let rest = text.get(offset..)?;
    let end = offset + rest.find('\n').unwrap_or(rest.len());
    let next_end = text
        .get(end + 1..)
        .map(|next| end + 1 + next.find('\n').unwrap_or(next.len()));
    tab_before(text, end).or_else(|| tab_before(text, next_end?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabs_are_found_where_they_indent() {
        let check = |text: &str, offset: usize, expected: Option<(usize, usize)>| {
            assert_eq!(
                tab_near(text, offset),
                expected.map(SourceSpan::from),
                "{text:?}"
            );
        };
        check("a:\n\t\tb: c\n", 5, Some((3, 2)));
        check("a:\n  b: c\n \td: e\n", 8, Some((11, 1)));
        check("a:\tb\n", 3, None);
        check("a: b", 4, None);
        check("", 0, None);
    }
}
