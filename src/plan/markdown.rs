//! Plans as a comment on a pull request: a headline, a table, and folds for what is long.
//!
//! Texts of a project stand in HTML elements for code, with every character that means something to
//! Markdown as a reference: no name of a file ends a cell or a fold, becomes a link, or calls a person.

use std::fmt::Write as _;

use crate::plan::show::{beside, headline};
use crate::plan::{Action, Change, Plan, Reason};

/// The most bytes that a plan takes; a comment on GitHub has 65,536 characters at most.
pub const MARKDOWN_LIMIT: usize = 65_000;

/// How much of it is kept for the end.
const RESERVE: usize = 500;

/// How many bytes a fold takes, so that one of them leaves room for others.
const FOLD: usize = 12_000;

/// How many characters of a reason stand in the table.
const CELL: usize = 160;

/// Writes a plan as Markdown, in [`MARKDOWN_LIMIT`] bytes.
pub fn markdown(plan: &Plan) -> String {
    let mut text = format!("### {}\n", headline(plan));
    for line in beside(plan) {
        let _ = write!(text, "\n{}\n", escaped(&line));
    }
    let (mut rows, mut folds) = (Vec::new(), Vec::new());
    let mut changes: Vec<_> = { plan.changes.iter() }
        .filter(|change| change.action != Action::Reuse)
        .collect();
    // What all flavours share comes first, as in the printed plan.
    changes.sort_by_key(|change| (change.address.project(), change.address.flavour()));
    for change in changes {
        rows.push(row(change));
        folds.extend(fold(change));
    }
    if !plan.warnings.is_empty() {
        text.push('\n');
        let warnings: Vec<_> = { plan.warnings.iter() }
            .map(|warning| format!("- warning: {}\n", code(&shortened(warning, 4 * CELL))))
            .collect();
        add(&mut text, &warnings, "warnings", MARKDOWN_LIMIT / 4);
    }
    if !rows.is_empty() {
        text.push_str("\n| | step | action | why |\n|---|---|---|---|\n");
        // The table is worth more than the folds.
        add(&mut text, &rows, "steps", MARKDOWN_LIMIT - RESERVE);
    }
    add(&mut text, &folds, "folds", MARKDOWN_LIMIT - RESERVE);
    text
}

/// Adds parts while there is room below a limit, and counts the rest.
fn add(text: &mut String, parts: &[String], what: &str, limit: usize) {
    let mut left = parts.len();
    for part in parts {
        if text.len() + part.len() > limit {
            break;
        }
        text.push_str(part);
        left -= 1;
    }
    if left > 0 {
        let _ = writeln!(text, "\n… and {left} more {what} that have no room here\n");
    }
}

fn row(change: &Change) -> String {
    let reason = change
        .reasons
        .first()
        .map_or_else(|| change.summary.clone(), why(change));
    format!(
        "| {} | {} | {} | {} |\n",
        code(&change.action.sign().to_string()),
        code(change.address.as_str()),
        change.action.name(),
        code(&shortened(&reason, CELL)),
    )
}

/// Says why a step is in the plan; of one that is new, what it does says more.
fn why(change: &Change) -> impl Fn(&Reason) -> String {
    let summary = change.summary.clone();
    move |reason| match reason {
        Reason::FirstTime => summary.clone(),
        reason => reason.to_string(),
    }
}

/// Folds what of a step does not fit its row.
fn fold(change: &Change) -> Option<String> {
    let mut lines: Vec<String> = Vec::new();
    for reason in &change.reasons {
        lines.push(reason.to_string());
        if let Reason::Text {
            input: _,
            lines: diff,
        } = reason
        {
            lines.extend(
                diff.iter()
                    .map(|line| format!("{} {}", line.sign, line.text)),
            );
        }
    }
    let fits = match lines.as_slice() {
        [] => true,
        [line] => line.chars().count() <= CELL,
        _ => false,
    };
    if fits {
        return None;
    }
    let mut body = String::new();
    let count = lines.len();
    for (number, line) in lines.iter().enumerate() {
        let line = escaped(&shortened(line, 1_000));
        if body.len() + line.len() > FOLD {
            let _ = writeln!(body, "… and {} more lines", count - number);
            break;
        }
        body.push_str(&line);
        body.push('\n');
    }
    let step = code(change.address.as_str());
    Some(format!(
        "\n<details><summary>{step}</summary>\n\n<pre>\n{body}</pre>\n\n</details>\n"
    ))
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", escaped(text))
}

fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Writes as references what means something to Markdown, to HTML or to a terminal.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut before = ' ';
    for character in text.chars() {
        match character {
            // What neither marks up nor starts a link; but `www.` starts one.
            '.' if !matches!(before, 'w' | 'W') => safe.push('.'),
            ' ' | '-' | '+' | '/' | ',' | '=' | '%' | ';' | '…' | '→' => safe.push(character),
            _ if character.is_alphanumeric() => safe.push(character),
            _ if character.is_ascii_graphic() => {
                let _ = write!(safe, "&#{};", u32::from(character));
            }
            // Control characters, marks that turn the direction of writing, and other oddities.
            _ => {
                let _ = write!(safe, "&#92;u&#123;{:x}&#125;", u32::from(character));
            }
        }
        before = character;
    }
    safe
}

#[cfg(test)]
mod tests;
