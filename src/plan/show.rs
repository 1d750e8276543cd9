//! Plans as people read them on a terminal or in a pipe.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style as Ansi};

use crate::manifest::Record;
use crate::plan::{Action, Change, LeftOut, Plan, Reason};
use crate::step::{Fingerprint, Input};

/// How much a printed plan says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Also the steps that are up to date, and every reason.
    pub verbose: bool,
}

/// How many reasons of a step are shown before the rest is counted.
const REASONS: usize = 3;

/// How many lines of a text's difference are shown before the rest is counted.
const DIFF_LINES: usize = 30;

/// Prints a plan, with ANSI colours that the writer strips where they do not belong.
pub fn show(plan: &Plan, style: Style) -> String {
    let mut text = String::new();
    for warning in &plan.warnings {
        let _ = writeln!(
            text,
            "{}: {warning}",
            paint("warning", color(AnsiColor::Yellow).bold())
        );
    }
    let mut shown: Vec<_> = plan
        .changes
        .iter()
        .filter(|change| style.verbose || change.action != Action::Reuse)
        .collect();
    // One project after the other; what all its flavours share comes first, then each flavour in its order.
    shown.sort_by_key(|change| (change.address.project(), change.address.flavour()));
    let width = shown
        .iter()
        .map(|change| change.address.as_str().len())
        .max()
        .unwrap_or(0);
    let mut before = None;
    for change in &shown {
        let project = change.address.project();
        if before.is_some_and(|before| before != project) {
            text.push('\n');
        }
        before = Some(project);
        show_change(&mut text, change, width, style);
    }
    if !shown.is_empty() {
        text.push('\n');
        text.push_str(&legend(&shown));
    }
    text.push_str(&totals(plan));
    for line in beside(plan) {
        let _ = writeln!(text, "{line}");
    }
    text
}

/// Says how many projects have nothing to do, and how many were not looked at.
pub(super) fn beside(plan: &Plan) -> Vec<String> {
    let mut projects: BTreeMap<&str, bool> = BTreeMap::new();
    for change in &plan.changes {
        if let Some(project) = change.address.project() {
            *projects.entry(project).or_default() |= change.action != Action::Reuse;
        }
    }
    let mut lines = Vec::new();
    let all = projects.len();
    let idle = projects.values().filter(|changes| !**changes).count();
    if all > 0 && idle > 0 {
        lines.push(match (idle == all, all) {
            (true, 1) => "The project is up to date.".to_owned(),
            (true, all) => format!("All {all} projects are up to date."),
            (false, all) => format!("{idle} of {all} projects {} up to date.", are(idle)),
        });
    }
    if let Some(LeftOut { since, projects }) = &plan.left_out {
        lines.push(match projects {
            0 => format!("No project was left out: all have changes since {since}."),
            1 if plan.changes.is_empty() => {
                format!("The project was left out: nothing of it changed since {since}.")
            }
            count => format!(
                "{count} {} left out: nothing of {} changed since {since}.",
                if *count == 1 {
                    "project was"
                } else {
                    "projects were"
                },
                if *count == 1 { "it" } else { "them" },
            ),
        });
    }
    lines
}

fn are(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

fn show_change(text: &mut String, change: &Change, width: usize, style: Style) {
    let sign = paint(
        &change.action.sign().to_string(),
        action_style(change.action),
    );
    let address = format!("{:width$}", change.address);
    let mut lines = Vec::new();
    if change.action == Action::Create && change.reasons == [Reason::FirstTime] {
        lines.push(change.summary.clone());
    } else if change.action == Action::Reuse {
        lines.push("up to date".to_owned());
    } else {
        let limit = if style.verbose { usize::MAX } else { REASONS };
        lines.extend(change.reasons.iter().take(limit).map(Reason::to_string));
        if change.reasons.len() > limit {
            lines.push(format!(
                "and {} more (builder explain {})",
                change.reasons.len() - limit,
                change.address
            ));
        }
    }
    for (number, line) in lines.iter().enumerate() {
        if number == 0 {
            let _ = writeln!(text, "  {sign} {address}  {line}");
        } else {
            let _ = writeln!(text, "    {:width$}  {line}", "");
        }
    }
    for reason in &change.reasons {
        if let Reason::Text { input: _, lines } = reason {
            let limit = if style.verbose {
                usize::MAX
            } else {
                DIFF_LINES
            };
            for line in lines.iter().take(limit) {
                let style = match line.sign {
                    '+' => color(AnsiColor::Green),
                    '-' => color(AnsiColor::Red),
                    _ => Ansi::new().dimmed(),
                };
                let line = format!("{} {}", line.sign, line.text);
                let _ = match line.trim_end() {
                    "" => writeln!(text),
                    line => writeln!(text, "        {}", paint(line, style)),
                };
            }
            if lines.len() > limit {
                let _ = writeln!(text, "        … and {} more lines", lines.len() - limit);
            }
        }
    }
}

/// Explains the signs that occur.
fn legend(shown: &[&Change]) -> String {
    let explained: Vec<_> = [
        (Action::Create, "runs for the first time"),
        (Action::Run, "runs again"),
        (Action::MayRun, "runs only if what it waits for changes"),
        (Action::Restore, restored(shown)),
        (Action::Remove, "is removed"),
    ]
    .into_iter()
    .filter(|(action, _)| shown.iter().any(|change| change.action == *action))
    .map(|(action, words)| {
        format!(
            "{} {words}",
            paint(&action.sign().to_string(), action_style(action))
        )
    })
    .collect();
    if explained.is_empty() {
        String::new()
    } else {
        format!("  {}\n\n", explained.join("   "))
    }
}

/// Says where what is restored comes from.
fn restored(shown: &[&Change]) -> &'static str {
    let mut restored = { shown.iter() }.filter(|change| change.action == Action::Restore);
    let is_shared = |change: &&&Change| matches!(change.reasons.first(), Some(Reason::Same { .. }));
    match (
        restored.clone().all(|change| is_shared(&change)),
        restored.any(|change| is_shared(&change)),
    ) {
        (true, _) => "shares what the same step leaves",
        (false, true) => "is restored from a cache, or shares what the same step leaves",
        (false, false) => "is restored from a cache",
    }
}

fn totals(plan: &Plan) -> String {
    let (head, rest) = totals_in_words(plan);
    format!("{} {rest}\n", paint(head, Ansi::new().bold()))
}

/// Counts the steps in one line of words, without colours.
pub(super) fn headline(plan: &Plan) -> String {
    let (head, rest) = totals_in_words(plan);
    format!("{head} {rest}")
}

fn totals_in_words(plan: &Plan) -> (&'static str, String) {
    let counts = plan.counts();
    if plan.changes.is_empty() {
        return ("No changes.", "There is nothing to do.".to_owned());
    }
    if plan.is_empty() {
        let noun = if counts.reuse == 1 {
            "step is"
        } else {
            "steps are"
        };
        return (
            "No changes.",
            format!("{} {noun} up to date.", counts.reuse),
        );
    }
    let parts: Vec<_> = [
        (counts.run, "to run"),
        (counts.may_run, "may run"),
        (counts.restore, "to restore"),
        (counts.remove, "to remove"),
        (counts.reuse, "up to date"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, words)| format!("{count} {words}"))
    .collect();
    ("Plan:", format!("{}.", parts.join(", ")))
}

/// Lists the inputs of a step beside those of its last good run.
pub fn explain_inputs(fingerprint: &Fingerprint, record: Option<&Record>) -> String {
    let mut rows: BTreeMap<&str, (Option<&Input>, String)> = BTreeMap::new();
    for (name, input) in &fingerprint.inputs {
        rows.insert(name, (Some(input), input.shown()));
    }
    for (name, source) in &fingerprint.unknown {
        rows.insert(name, (None, source.shown()));
    }
    let width = rows.keys().map(|name| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, (input, shown)) in rows {
        let old = record.and_then(|record| record.inputs.get(name));
        let was = match (old, input) {
            (Some(old), Some(new)) if old != new => format!("   (was {})", old.shown()),
            _ => String::new(),
        };
        let _ = writeln!(text, "  {name:width$}  {shown}{was}");
    }
    text
}

/// Lists names as a sentence does: all of a few; of many, two and how many more there are.
pub(super) fn listed(names: &[String], last: &str) -> String {
    match names {
        [] => String::new(),
        [name] => name.clone(),
        [first, second, _, rest @ ..] if names.len() > super::reason::NAMED => {
            format!("{first}, {second} {last} {} more", rest.len() + 1)
        }
        [names @ .., name] => format!("{} {last} {name}", names.join(", ")),
    }
}

fn color(color: AnsiColor) -> Ansi {
    Ansi::new().fg_color(Some(color.into()))
}

fn action_style(action: Action) -> Ansi {
    match action {
        Action::Create => color(AnsiColor::Green),
        Action::Run => color(AnsiColor::Yellow),
        Action::MayRun => color(AnsiColor::Cyan),
        Action::Restore => color(AnsiColor::Blue),
        Action::Remove => color(AnsiColor::Red),
        Action::Reuse => Ansi::new().dimmed(),
    }
}

fn paint(text: &str, style: Ansi) -> String {
    format!("{style}{text}{style:#}")
}
