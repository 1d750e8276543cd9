//! What moved between the making of a plan and now.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::plan::{Action, Basis, Change, Plan, Reason, Saved, Sources};
use crate::step::{Address, Fingerprint, Input};
use crate::tree::Tree;

/// Something that a plan stands on and that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// The steps that read it; none where the whole plan stands on it.
    pub steps: Vec<Address>,
    /// Its name.
    pub input: String,
    /// What it was.
    pub was: String,
    /// What it is.
    pub is: String,
    /// What more there is to say, such as the files that changed.
    pub detail: Option<String>,
}

/// How a value that is not there is shown.
const NOT_SET: &str = "not set";

impl Moved {
    /// Names something that no step reads, but the whole plan.
    pub fn of_all(input: &str, was: impl Into<String>, is: impl Into<String>) -> Self {
        Self {
            steps: Vec::new(),
            input: input.to_owned(),
            was: was.into(),
            is: is.into(),
            detail: None,
        }
    }

    /// Compares two values of an input of a step; `None` where they are equal.
    pub fn of_values(
        step: &Address,
        name: &str,
        was: Option<&Input>,
        is: Option<&Input>,
    ) -> Option<Self> {
        if was == is {
            return None;
        }
        let shown = |value: Option<&Input>| value.map_or_else(|| NOT_SET.to_owned(), Input::shown);
        let both = was.zip(is);
        let detail = both.and_then(|(was, is)| Reason::of_values(name, was, is));
        Some(Self {
            steps: vec![step.clone()],
            detail: detail.map(|reason| reason.to_string()),
            ..Self::of_all(name, shown(was), shown(is))
        })
    }

    /// Adds what more there is to say.
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.steps.is_empty() {
            let steps: Vec<_> = self.steps.iter().map(Address::as_str).collect();
            write!(f, "{}: ", steps.join(", "))?;
        }
        write!(f, "{}: {} → {}", self.input, self.was, self.is)?;
        match &self.detail {
            Some(detail) => write!(f, " ({detail})"),
            None => Ok(()),
        }
    }
}

impl Basis {
    /// Names what of the basis is not as it was.
    pub fn moved(&self, now: &Self) -> Vec<Moved> {
        let Self {
            builder,
            keys,
            engine,
            workspace,
            manifest,
            config,
            project,
            projects,
        } = self;
        let mut moved = Vec::new();
        let mut compare = |input: &str, was: String, is: String, detail: Option<&str>| {
            if was != is {
                let detail = detail.map(str::to_owned);
                moved.push(Moved {
                    detail,
                    ..Moved::of_all(input, was, is)
                });
            }
        };
        compare(
            "version of builder",
            builder.clone(),
            now.builder.clone(),
            None,
        );
        compare("version of keys", keys.clone(), now.keys.clone(), None);
        compare("engine", engine.clone(), now.engine.clone(), None);
        let file = |digest: &Option<_>| {
            digest
                .as_ref()
                .map_or_else(|| "missing".to_owned(), crate::digest::Digest::short)
        };
        compare("config.yml", file(config), file(&now.config), None);
        compare(".build.yml", file(project), file(&now.project), None);
        for (name, digest) in projects {
            // A project that is named no more is told of by its steps.
            let Some(found) = now.projects.get(name) else {
                continue;
            };
            compare(
                &format!("{name}/.build.yml"),
                file(digest),
                file(found),
                None,
            );
        }
        let identity = |name: &Option<String>| {
            name.clone()
                .unwrap_or_else(|| "none applied yet".to_owned())
        };
        compare(
            "workspace",
            identity(workspace),
            identity(&now.workspace),
            Some(match workspace {
                Some(_) => "another workspace is at its place, or none",
                None => "something was applied in between",
            }),
        );
        if *workspace == now.workspace {
            compare(
                "manifest",
                manifest.short(),
                now.manifest.short(),
                Some("something was applied in between"),
            );
        }
        moved
    }
}

/// Compares a saved plan with one that was made now, step by step.
pub fn moved(saved: &Saved, now: &Plan, sources: &Sources<'_>) -> Vec<Moved> {
    let before = saved.plan();
    let planned = saved.source_trees();
    let none = Tree::default();
    let trees = |step: &Address| {
        let project = step.project().map(str::to_owned);
        let now = sources.get(&project).copied();
        (planned.get(&project).unwrap_or(&none), now.unwrap_or(&none))
    };
    let mut found: Vec<Moved> = Vec::new();
    let mut add = |step: &Address, moved: Moved| {
        // What several steps read is told once, with all of them.
        match found.iter_mut().find(|known| {
            (&known.input, &known.was, &known.is, &known.detail)
                == (&moved.input, &moved.was, &moved.is, &moved.detail)
        }) {
            Some(known) => known.steps.push(step.clone()),
            None => found.push(Moved {
                steps: vec![step.clone()],
                ..moved
            }),
        }
    };
    for old in &before.changes {
        match now.change(&old.address) {
            Some(new) => {
                for moved in of_step(old, new, trees(&old.address)) {
                    add(&old.address, moved);
                }
            }
            None => add(
                &old.address,
                Moved::of_all("the step", old.action.name(), "in the plan no more"),
            ),
        }
    }
    for new in &now.changes {
        if before.change(&new.address).is_none() {
            let moved = Moved::of_all("the step", "not in the plan", new.action.name());
            add(&new.address, moved);
        }
    }
    found
}

fn of_step(old: &Change, new: &Change, trees: (&Tree, &Tree)) -> Vec<Moved> {
    let actions = || Moved::of_all("the step", old.action.name(), new.action.name());
    // What goes has no inputs to compare.
    if (old.action == Action::Remove) != (new.action == Action::Remove) {
        return vec![actions()];
    }
    let mut moved = inputs(&old.fingerprint, &new.fingerprint, trees);
    let damage = |change: &Change| -> Vec<String> {
        let reasons = change.reasons.iter().filter(|reason| reason.is_damage());
        reasons.map(Reason::to_string).collect()
    };
    let (before, after) = (damage(old), damage(new));
    let left = |was: &str, is: &str| Moved::of_all("what it left", was, is);
    moved.extend(
        { after.iter() }
            .filter(|words| !before.contains(words))
            .map(|words| left("as it was left", words)),
    );
    moved.extend(
        { before.iter() }
            .filter(|words| !after.contains(words))
            .map(|words| left(words, "as it was left")),
    );
    if old.kind != new.kind {
        moved.push(Moved::of_all("kind", &old.kind, &new.kind));
    }
    // Where nothing else tells, what is done about the step does.
    if moved.is_empty() && old.action != new.action {
        moved.push(actions());
    }
    moved
}

fn inputs(old: &Fingerprint, new: &Fingerprint, trees: (&Tree, &Tree)) -> Vec<Moved> {
    let (before, after) = (values(old), values(new));
    let mut names: Vec<&str> = before.keys().chain(after.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    let mut moved = Vec::new();
    for name in names {
        let (was, is) = (before.get(name), after.get(name));
        if was == is {
            continue;
        }
        let shown =
            |value: Option<&Value<'_>>| value.map_or_else(|| NOT_SET.to_owned(), Value::shown);
        let mut one = Moved::of_all(name, shown(was), shown(is));
        if let (Some(Value::Known(was)), Some(Value::Known(is))) = (was, is) {
            one.detail = detail(name, was, is, trees);
        }
        moved.push(one);
    }
    moved
}

/// Says more than two short values do: the files, or the entries.
fn detail(name: &str, was: &Input, is: &Input, (before, after): (&Tree, &Tree)) -> Option<String> {
    match (was, is) {
        (Input::Tree(was), Input::Tree(is)) if *was == before.digest() && *is == after.digest() => {
            let difference = after.difference(before);
            let input = name.to_owned();
            Some(Reason::Files { input, difference }.to_string())
        }
        (Input::List(_), Input::List(_))
        | (Input::Map(_), Input::Map(_))
        | (Input::Versions(_), Input::Versions(_)) => {
            Reason::of_values(name, was, is).map(|reason| reason.to_string())
        }
        _ => None,
    }
}

/// What is known of an input.
#[derive(PartialEq)]
enum Value<'a> {
    Known(&'a Input),
    Later(String),
}

impl Value<'_> {
    fn shown(&self) -> String {
        match self {
            Self::Known(input) => input.shown(),
            Self::Later(words) => words.clone(),
        }
    }
}

fn values(fingerprint: &Fingerprint) -> BTreeMap<&str, Value<'_>> {
    let known =
        { fingerprint.inputs.iter() }.map(|(name, input)| (name.as_str(), Value::Known(input)));
    let later = { fingerprint.unknown.iter() }
        .map(|(name, source)| (name.as_str(), Value::Later(source.shown())));
    known.chain(later).collect()
}
