//! How mistakes are worded: labels, proposals and lists of names.

use super::{Mistake, Proposal};
use crate::config::legible::legible;

impl Mistake {
    /// Says what stands at the place of the mistake.
    pub(in crate::config) fn label(&self) -> String {
        match self {
            Self::EmptyFile { .. } | Self::TooLarge { .. } => "here".to_owned(),
            Self::NotUtf8 { .. } => "no part of any character".to_owned(),
            Self::Tab => "a tab".to_owned(),
            Self::Syntax(problem) => problem.label().to_owned(),
            Self::SeveralDocuments => "the first document ends here".to_owned(),
            Self::TooManyValues { .. } => "too many with this one".to_owned(),
            Self::TooDeep { .. } => "too deep".to_owned(),
            Self::UnknownAlias { .. } => "no anchor of this name before".to_owned(),
            Self::DuplicateKey { .. } => "and again here".to_owned(),
            Self::Tag { .. } => "not understood".to_owned(),
            Self::KeyNotString { found }
            | Self::MergeNotMap { found }
            | Self::NotAMap { found, .. } => found.to_string(),
            Self::NoFlavour { .. } => "no flavour here".to_owned(),
            Self::UnknownField { proposed, .. } => match proposed {
                Some(Proposal::Name(name)) => format!("did you mean `{}`?", legible(name)),
                Some(Proposal::Place(_)) => "belongs elsewhere".to_owned(),
                None => "no such field".to_owned(),
            },
            Self::WrongType { expected, .. } => format!("expected {expected}"),
            Self::BadName { problem, .. } => problem.to_string(),
            Self::Credentials { .. } => "everyone who reads the file reads them".to_owned(),
            Self::NulInValue { .. } => "holds a NUL".to_owned(),
            Self::SecretInEnvironment { .. } => "its value stands here".to_owned(),
            Self::UnknownFlavour {
                proposed: Some(Proposal::Name(name)),
                ..
            } => {
                format!("did you mean `{}`?", legible(name))
            }
            Self::UnknownFlavour { .. } => "not in config.yml".to_owned(),
            Self::NoBaseImage { .. } => "a project wants this flavour".to_owned(),
            Self::AbsolutePath { .. } => "starts with `/`".to_owned(),
            Self::HomePath { .. } => "starts with `~`".to_owned(),
            Self::EscapingPath { .. } => "goes up by `..`".to_owned(),
            Self::SymlinkEscape { .. } => "a link out of the project".to_owned(),
            Self::BadPath { .. } => "not a path".to_owned(),
            Self::MissingFile { .. } => "not found".to_owned(),
            Self::NotAFile { .. } => "not a file".to_owned(),
            Self::IgnoredFile { .. } => "not copied into the build".to_owned(),
            Self::UnreadableFile { .. } => "not readable".to_owned(),
            Self::FileNotUtf8 { .. } => "not UTF-8".to_owned(),
            Self::NoCertificate { .. } => "no certificate in it".to_owned(),
            Self::HashesWithoutRequirements => "no requirements file has any hash".to_owned(),
            Self::BothBinary { other: None, .. } => "and again here".to_owned(),
            Self::BothBinary {
                other: Some(other), ..
            } => format!("and in {}", other.name()),
            Self::Delivery(mistake) => mistake.label().to_owned(),
            Self::Cache(mistake) => mistake.label().to_owned(),
        }
    }
}

/// Finds the known name that is most likely meant, if any is near.
pub(in crate::config) fn nearest<'a>(
    text: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<Proposal> {
    let fold = |text: &str| text.to_lowercase().replace(['-', '_', '.', ' '], "");
    let folded = fold(text);
    let distance = |name: &str| strsim::osa_distance(&folded, &fold(name));
    known
        .into_iter()
        .map(|name| (distance(name), name))
        .filter(|(distance, name)| distance * 3 <= name.len().max(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| Proposal::Name(name.to_owned()))
}

/// Opens a help with where a field belongs; a near name is in the label.
pub(super) fn opening(proposed: &Option<Proposal>) -> String {
    match proposed {
        Some(Proposal::Place(phrase)) => format!("{phrase}; "),
        Some(Proposal::Name(_)) | None => String::new(),
    }
}

/// Shows a text in a sentence that says what it is not.
pub(super) fn quoted(text: &str) -> String {
    match text.is_empty() {
        true => "an empty string".to_owned(),
        false => format!("`{}`", legible(text)),
    }
}

/// Lists names for a sentence.
pub(super) fn joined(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| legible(name)).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_proposed_and_a_far_one_is_not() {
        let check = |text: &str, expected: Option<&str>| {
            let known = ["base_image", "pip", "extras", "secrets"];
            let expected = expected.map(|name| Proposal::Name(name.to_owned()));
            assert_eq!(nearest(text, known), expected, "{text:?}");
        };
        check("base-image", Some("base_image"));
        check("BaseImage", Some("base_image"));
        check("base_imgae", Some("base_image"));
        check("extra", Some("extras"));
        check("pop", Some("pip"));
        check("zzz", None);
        check("", None);
    }
}
