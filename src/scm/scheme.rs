//! From a tag, a distance and a commit to a version, as each tool does it.

use std::path::Path;
use std::str::FromStr;

use pep440_rs::Version;

use super::ScmError;
use super::git::Checkout;
use super::project::{Local, Scheme, ScmBackend, ScmProject};

/// The mark of an uncommitted change.
const DIRTY: &str = "dirty";

/// Computes the version of a checkout; nothing where the tool is left to do it.
pub(super) fn version(
    source: &Path,
    project: &ScmProject,
    checkout: &Checkout,
) -> Result<Option<String>, ScmError> {
    let (backend, settings) = (project.backend, &project.settings);
    if settings.listing_only || backend == ScmBackend::Versioneer {
        return Ok(None);
    }
    if let Some(setting) = &settings.foreign {
        return match backend {
            ScmBackend::SetuptoolsScm | ScmBackend::HatchVcs => Ok(None),
            ScmBackend::Pdm
            | ScmBackend::PoetryDynamicVersioning
            | ScmBackend::Versioningit
            | ScmBackend::Versioneer => Err(ScmError::Setting {
                backend,
                setting: setting.clone(),
            }),
        };
    }
    let Some(tag) = tag(project, checkout)? else {
        return Err(ScmError::NoTag {
            path: source.to_owned(),
            backend,
        });
    };
    let label = label(project, checkout);
    let next = || ScmError::Next {
        tag: tag.to_string(),
        backend,
    };
    let public = public(settings.scheme, &tag, checkout).ok_or_else(next)?;
    let text = with_local(&public, settings.scheme, &tag, &label);
    let version = Version::from_str(&text).map_err(|_| next())?;
    Ok(Some(version.to_string()))
}

/// Reads the version in the tag, or what stands for one where there is no tag.
fn tag(project: &ScmProject, checkout: &Checkout) -> Result<Option<Version>, ScmError> {
    let settings = &project.settings;
    let text = match (&checkout.tag, settings.scheme) {
        (Some(tag), Scheme::Dunamai { .. }) => tag.clone(),
        (Some(tag), Scheme::Versioningit) => tag.trim_start_matches('v').to_owned(),
        (
            Some(tag),
            Scheme::GuessNextDev
            | Scheme::NoGuessDev
            | Scheme::OnlyVersion
            | Scheme::PostRelease
            | Scheme::Pdm,
        ) => {
            let bare = tag.strip_prefix(&settings.prefix).unwrap_or(tag);
            let bare = without_words(bare);
            // What follows a `+` is kept where it is a local version, and dropped where it is not.
            let public = bare.split_once('+').map_or(bare, |(public, _)| public);
            if Version::from_str(bare).is_ok() {
                bare
            } else {
                public
            }
            .to_owned()
        }
        (None, Scheme::Dunamai { .. }) => "0.0.0".to_owned(),
        (None, Scheme::Versioningit) => return Ok(None),
        (
            None,
            Scheme::GuessNextDev
            | Scheme::NoGuessDev
            | Scheme::OnlyVersion
            | Scheme::PostRelease
            | Scheme::Pdm,
        ) => settings
            .fallback
            .clone()
            .unwrap_or_else(|| "0.0".to_owned()),
    };
    match Version::from_str(&text) {
        Ok(version) => Ok(Some(version)),
        Err(_) => {
            let tag = checkout.tag.clone().unwrap_or(text);
            Err(ScmError::Tag {
                tag,
                backend: project.backend,
                variable: project.variable(),
            })
        }
    }
}

/// Drops words before the version, as the tools' `^(?:[\w-]+-)?(?P<version>[vV]?\d…` does: the longest run
/// of words that ends in a dash and has a version after it.
fn without_words(tag: &str) -> &str {
    let starts = |rest: &str| {
        rest.strip_prefix(['v', 'V'])
            .unwrap_or(rest)
            .starts_with(|c: char| c.is_ascii_digit())
    };
    let mut best = tag;
    for (at, character) in tag.char_indices() {
        if character == '-' && at > 0 && starts(&tag[at + 1..]) {
            best = &tag[at + 1..];
        }
        if character != '-' && character != '_' && !character.is_alphanumeric() {
            break;
        }
    }
    best
}

/// Makes the part before the `+`; nothing where the tag has no successor.
fn public(scheme: Scheme, tag: &Version, checkout: &Checkout) -> Option<String> {
    let distance = checkout.distance;
    let base = tag.clone().without_local().to_string();
    let exact = distance == 0 && !checkout.dirty;
    match scheme {
        Scheme::OnlyVersion => Some(base),
        _ if exact => Some(base),
        Scheme::GuessNextDev => Some(format!("{}.dev{distance}", successor(&base)?)),
        Scheme::NoGuessDev => {
            let next = match base.rsplit_once(".dev") {
                Some((next, number)) => (number == "0").then(|| next.to_owned())?,
                None => tag.post().is_none().then(|| format!("{base}.post1"))?,
            };
            Some(format!("{next}.dev{distance}"))
        }
        Scheme::PostRelease => Some(format!("{base}.post{distance}")),
        // From here on a change that is not committed makes no next version.
        Scheme::Pdm | Scheme::Dunamai { .. } | Scheme::Versioningit if distance == 0 => Some(base),
        Scheme::Pdm => Some(format!("{}.dev{distance}", successor(&base)?)),
        Scheme::Dunamai { .. } => Some(match (base.rsplit_once(".dev"), tag.post()) {
            (Some((base, number)), _) => {
                format!(
                    "{base}.dev{}",
                    number.parse::<u64>().ok()?.checked_add(distance)?
                )
            }
            (None, Some(_)) => format!("{base}.dev{distance}"),
            (None, None) => format!("{base}.post{distance}.dev0"),
        }),
        Scheme::Versioningit => Some(format!("{base}.post{distance}")),
    }
}

/// Counts the last number up, and lets a `.dev0` lead to what it announces.
fn successor(base: &str) -> Option<String> {
    if let Some((next, number)) = base.rsplit_once(".dev") {
        return (number == "0").then(|| next.to_owned());
    }
    let digits = base.len() - base.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (head, tail) = base.split_at(base.len() - digits);
    Some(format!(
        "{head}{}",
        tail.parse::<u64>().ok()?.checked_add(1)?
    ))
}

/// Makes the part after the `+`.
fn label(project: &ScmProject, checkout: &Checkout) -> Vec<String> {
    let (distance, dirty) = (checkout.distance, checkout.dirty);
    let (node, mark) = match project.settings.scheme {
        Scheme::GuessNextDev | Scheme::NoGuessDev | Scheme::OnlyVersion | Scheme::PostRelease => {
            match project.settings.local {
                Local::Node => ((distance > 0 || dirty).then_some(Node::Long), dirty),
                Local::Dirty => (None, dirty),
                Local::Silent => (None, false),
            }
        }
        Scheme::Pdm | Scheme::Versioningit => ((distance > 0).then_some(Node::Short), dirty),
        Scheme::Dunamai {
            metadata,
            dirty: wanted,
        } => (
            metadata.unwrap_or(distance > 0).then_some(Node::Bare),
            dirty && wanted && metadata != Some(false),
        ),
    };
    let node = node
        .zip(checkout.commit.as_deref())
        .map(|(node, commit)| node.of(commit));
    node.into_iter()
        .chain(mark.then(|| DIRTY.to_owned()))
        .collect()
}

/// How much of a commit is written.
///
/// The tools of old asked git, whose answer grows with the number of objects in the clone; a length that
/// depends on nothing gives the same version in every clone.
#[derive(Clone, Copy)]
enum Node {
    /// `g` and nine digits, as setuptools-scm 10.
    Long,
    /// `g` and seven digits.
    Short,
    /// Seven digits.
    Bare,
}

impl Node {
    fn of(self, commit: &str) -> String {
        match self {
            Self::Long => abbreviated(commit),
            Self::Short => format!("g{}", &commit[..7]),
            Self::Bare => commit[..7].to_owned(),
        }
    }
}

/// Abbreviates a commit as setuptools-scm does.
pub(super) fn abbreviated(commit: &str) -> String {
    format!("g{}", &commit[..9])
}

/// Joins a version, the tag's own local part where the tool keeps it, and the label, saying nothing twice.
fn with_local(public: &str, scheme: Scheme, tag: &Version, label: &[String]) -> String {
    let own = match scheme {
        Scheme::Pdm | Scheme::Dunamai { .. } => &[],
        Scheme::GuessNextDev
        | Scheme::NoGuessDev
        | Scheme::OnlyVersion
        | Scheme::PostRelease
        | Scheme::Versioningit => tag.local(),
    };
    let mut parts: Vec<String> = own.iter().map(ToString::to_string).collect();
    for part in label {
        if !parts.contains(part) {
            parts.push(part.clone());
        }
    }
    if parts.is_empty() {
        public.to_owned()
    } else {
        format!("{public}+{}", parts.join("."))
    }
}
