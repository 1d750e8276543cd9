//! What the YAML parser stumbles over, in the words of someone who writes a configuration.

use miette::SourceSpan;
use serde_yaml::granit_parser::{ErrorKind, ScanError};

use super::{Fatal, Mistake, text};

/// A mistake by which a text is no YAML.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSyntax {
    /// A quote or bracket is opened and nowhere closed.
    #[error("`{0}` is not closed")]
    Unclosed(char),
    /// A bracket is closed that is not open.
    #[error("a bracket is closed that was not opened")]
    Unopened,
    /// Something follows a closing quote.
    #[error("a text goes on after its closing quote")]
    AfterQuote,
    /// A backslash in double quotes is followed by no escape of YAML.
    #[error("the quoted text has an escape that YAML does not know")]
    Escape,
    /// An unquoted text starts with a character that YAML reserves.
    #[error("an unquoted text cannot start with {}", match .0 { '`' => "a backtick".to_owned(), other => format!("`{other}`") })]
    Reserved(char),
    /// A control character.
    #[error("the control character U+{:04X} is in the file", u32::from(*.0))]
    Control(char),
    /// A second colon on a line, or a value under a text.
    #[error("a `key:` cannot stand here")]
    Key,
    /// A `- ` where no list can be.
    #[error("a list cannot start here")]
    Entry,
    /// A line with no colon.
    #[error("a line has no `key:`")]
    NoKey,
    /// A line is indented as nothing before it.
    #[error("the line does not belong to what is above it")]
    Indentation,
    /// A list or map in brackets is not separated by commas.
    #[error("a comma or a closing bracket is missing")]
    Comma,
    /// `&` or `*` is followed by no name.
    #[error("an anchor or alias has no name")]
    AnchorName,
    /// Anything else, in the parser's words.
    #[error("the file is not YAML: {0}")]
    Other(String),
}

impl BadSyntax {
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Unclosed(_) => "opened here",
            Self::Unopened => "closed here",
            Self::AfterQuote => "the text has ended before",
            Self::Escape => "in this text",
            Self::Reserved(_) => "reserved by YAML",
            Self::Control(_) => "not allowed in YAML",
            Self::Key => "this colon makes a key of what is before it",
            Self::Entry => "a list starts on a line of its own",
            Self::NoKey => "the line ends without a colon",
            Self::Indentation => "this line",
            Self::Comma => "a bracket is still open here",
            Self::Other(_) => "here",
            Self::AnchorName => "no name after it",
        }
    }

    pub(crate) fn help(&self) -> &'static str {
        match self {
            Self::Unclosed('"' | '\'') => "close the quote on the same line",
            Self::Unclosed('[') => "close the list: `[a, b]`",
            Self::Unclosed(_) => "close the map: `{a: b}`",
            Self::Unopened => "remove the bracket, or put the text in quotes",
            Self::AfterQuote => {
                "put the whole text in quotes; a quote inside single quotes is doubled"
            }
            Self::Escape => "use single quotes, in which a backslash is nothing special",
            Self::Reserved(_) => "put the text in quotes: \"@development-tools\"",
            Self::Control(_) => "remove the character; an editor may show it as ^ and a letter",
            Self::Key => {
                "put a space after each colon, each key on a line of its own, and a text that holds `: ` in quotes"
            }
            Self::Entry => {
                "put each `- ` on a line of its own, below its key, or write the list as `[a, b]`"
            }
            Self::NoKey => "write `key: value`, with a space after the colon",
            Self::Indentation => {
                "indent all keys of a map, and all `- ` of a list, by the same number of spaces"
            }
            Self::Comma => "separate the entries by commas and close the bracket: `[a, b]`",
            Self::AnchorName => "name it, or put a text that starts with `&` or `*` in quotes",
            Self::Other(_) => "correct the line, or put a text with special characters in quotes",
        }
    }
}

/// Turns the parser's error into a mistake and its place.
pub(super) fn explain(document: &str, error: &ScanError, max_depth: usize) -> Fatal {
    let offset = error
        .marker()
        .byte_offset()
        .unwrap_or(0)
        .min(document.len());
    let here = character_at(document, offset);
    if let Some(tab) = text::tab_near(document, offset) {
        return (tab, Mistake::Tab);
    }
    let quote = || document[offset..].chars().next().unwrap_or('"');
    let problem = match error.kind() {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => return (here, Mistake::Tab),
        ErrorKind::RecursionLimitExceeded => return (here, Mistake::TooDeep { limit: max_depth }),
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => {
            BadSyntax::Unclosed(quote())
        }
        ErrorKind::UnclosedFlowCollection { open } => BadSyntax::Unclosed(*open),
        ErrorKind::MisplacedFlowCollectionEnd | ErrorKind::MismatchedFlowCollectionEnd { .. } => {
            BadSyntax::Unopened
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar => BadSyntax::AfterQuote,
        ErrorKind::UnknownQuotedScalarEscape
        | ErrorKind::InvalidQuotedScalarHexEscape
        | ErrorKind::InvalidLowSurrogateHexEscape
        | ErrorKind::InvalidLowSurrogate
        | ErrorKind::MissingLowSurrogate
        | ErrorKind::UnpairedLowSurrogate
        | ErrorKind::InvalidUnicodeEscape => BadSyntax::Escape,
        ErrorKind::UnexpectedCharacter { character } if character.is_control() => {
            BadSyntax::Control(*character)
        }
        ErrorKind::UnexpectedCharacter { character } => BadSyntax::Reserved(*character),
        ErrorKind::MappingValueNotAllowed | ErrorKind::MappingKeyNotAllowed => BadSyntax::Key,
        ErrorKind::BlockSequenceEntryNotAllowed | ErrorKind::BlockEntryInFlowCollection => {
            BadSyntax::Entry
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => BadSyntax::NoKey,
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::InvalidIndentation
        | ErrorKind::InvalidFlowScalarIndent
        | ErrorKind::InvalidBlockScalarIndent
        | ErrorKind::InvalidQuotedScalarIndent => BadSyntax::Indentation,
        ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::ExpectedFlowSequenceSeparator
        | ErrorKind::InvalidColonPlacement => BadSyntax::Comma,
        ErrorKind::MissingAnchorOrAliasName => BadSyntax::AnchorName,
        other => BadSyntax::Other(other.to_string().to_lowercase()),
    };
    (here, Mistake::Syntax(problem))
}

/// Places the character at an offset, or nothing at the end of a line.
fn character_at(document: &str, offset: usize) -> SourceSpan {
    let character = document[offset..]
        .chars()
        .next()
        .filter(|character| *character != '\n');
    (offset, character.map_or(0, char::len_utf8)).into()
}
