//! Names of the configuration: each is checked once, and harmless wherever it is written after.
//!
//! A flavour's name becomes a part of file names, image tags and step addresses; package names
//! enter a line that a shell reads; images and URLs go to an engine and to pip; what a package is told
//! ends in its control file and in scripts that root runs.

mod cache;
mod image;
mod kind;
mod package;
mod packaging;
mod project;
mod python;
mod runtime;
mod url;

use std::fmt;

pub use self::cache::{CacheMode, CacheUrl, cache_mode, cache_url, endpoint, region};
pub use self::image::{ImageName, tag};
pub use self::kind::Kind;
pub use self::package::{DistroPackage, runtime_dependency};
pub use self::packaging::{
    Choice, choice, destination, maintainer, package_name, section, signing_key, suffix, unit,
};
pub use self::project::ProjectName;
pub use self::python::{binary_choice, extra};
pub use self::runtime::{argument, directory, port, program, test_line, user, whole};
pub use self::url::index_url;

/// Declares a name: a checked text that is read by `as_str` and shown as it is.
macro_rules! name {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
use name;

/// Why a text is not a name of its kind; a sentence for a label beneath the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// There is nothing in it.
    #[error("nothing is written here")]
    Empty,
    /// It has more characters than the given number.
    #[error("longer than {0} characters")]
    TooLong(usize),
    /// It holds a character that no name of its kind may hold.
    #[error("{} is not allowed here", Glyph(*.0))]
    Character(char),
    /// Its first character may only stand further on.
    #[error("cannot start with {}", Glyph(*.0))]
    Start(char),
    /// Its last character may only stand further ahead.
    #[error("cannot end with {}", Glyph(*.0))]
    End(char),
    /// It means something else already.
    #[error("this name is taken by `builder` itself")]
    Reserved,
    /// A parenthesis is not closed, not opened, or inside another.
    #[error("the parentheses do not match")]
    Parentheses,
    /// A version relation is neither `name (>= 1.2)` nor `name >= 1.2`.
    #[error("the version relation is not complete")]
    Relation,
    /// An image is named as a web address.
    #[error("an image has no `https://` before it")]
    ImageScheme,
    /// The registry of an image is not `host` or `host:port`.
    #[error("the registry before the first `/` is not a host name")]
    ImageRegistry,
    /// The path of an image holds an upper-case letter.
    #[error("an image's path is lower-case")]
    ImageCase,
    /// A component of an image's path is empty or has misplaced separators.
    #[error("a part of the image's path is empty, or starts or ends with a separator")]
    ImagePath,
    /// The path of an image is 64 hexadecimal digits, which engines take for an image's id.
    #[error("this is the id of an image, not its name")]
    ImageId,
    /// The tag of an image is none.
    #[error("the tag after `:` is not one")]
    ImageTag,
    /// The digest of an image is none.
    #[error("the digest after `@` is not `sha256:` and 64 hexadecimal digits")]
    ImageDigest,
    /// A URL starts with no scheme that pip's indexes have.
    #[error("does not start with `https://`, `http://` or `file:///`")]
    UrlScheme,
    /// A URL names no host, or a port that is no number.
    #[error("the host or its port is missing or wrong")]
    UrlHost,
    /// A URL carries a user name or a password.
    #[error("carries a user name or a password")]
    UrlCredentials,
    /// A URL names no kind of cache.
    #[error("starts with neither `oci://` nor `s3://`")]
    CacheScheme,
    /// A bucket is named as none can be.
    #[error("the bucket is not 3 to 63 lower-case letters, digits, `.` and `-`")]
    Bucket,
    /// A prefix has a part that is empty, `.` or `..`, or holds a colon.
    #[error("a part of the prefix is empty, `.` or `..`, or holds a colon")]
    CachePrefix,
    /// It is none of the ways to use a cache.
    #[error("neither `read-write` nor `read-only`")]
    CacheMode,
    /// The address of an object store starts with no scheme that it can have.
    #[error("starts with neither `https://` nor `http://`")]
    EndpointScheme,
    /// It has fewer characters than the given number.
    #[error("shorter than {0} characters")]
    TooShort(usize),
    /// It is no format of packages.
    #[error("neither `deb`, `rpm` nor `none`")]
    Format,
    /// A maintainer is not `Name <address>`.
    #[error("not of the form `Name <address>`")]
    Maintainer,
    /// A maintainer's address is none.
    #[error("the address between `<` and `>` is not one")]
    Address,
    /// A section has an empty part, or more than two.
    #[error("not of the form `section` or `area/section`")]
    Section,
    /// A part between dots is empty.
    #[error("a part between dots is empty")]
    Dots,
    /// A key is named by the last 8 digits of its fingerprint.
    #[error("anyone can make a key with this short id")]
    ShortKey,
    /// A key is named by neither an id nor an address.
    #[error("neither an address nor an id of 16, 40 or 64 hexadecimal digits")]
    Key,
    /// A file is named as no unit is.
    #[error("not named as a unit is")]
    UnitSuffix,
    /// An absolute path does not start with `/`.
    #[error("does not start with `/`")]
    Relative,
    /// A file's path ends with `/`.
    #[error("ends with `/`, as a directory does")]
    Directory,
    /// A part of an absolute path is empty, `.` or `..`.
    #[error("a part between slashes is empty, `.` or `..`")]
    Parts,
    /// A package must not put files there.
    #[error("a package has no files there")]
    Place,
    /// The directory belongs to the administrator.
    #[error("the administrator's own directory")]
    Administrator,
    /// The directory is a link into `/usr`.
    #[error("a link into /usr in today's distributions")]
    Merged,
    /// A unit stands where systemd looks for units.
    #[error("a unit, which needs more than a file")]
    Unit,
    /// Every package has a file of its own there.
    #[error("a file that the package has anyway")]
    Written,
    /// A port is no number from 1 to 65535.
    #[error("not a number from 1 to 65535")]
    Port,
    /// A port's protocol is unknown.
    #[error("the protocol after `/` is neither `tcp` nor `udp`")]
    Protocol,
    /// A user is not given by numbers that Linux knows.
    #[error("not a number, nor two with `:` between")]
    User,
    /// A user is the administrator.
    #[error("has all rights")]
    Root,
    /// An image is tagged by a digest.
    #[error("a digest cannot be given to an image: it follows from its content")]
    TagDigest,
}

/// A character as a sentence names it.
struct Glyph(char);

impl fmt::Display for Glyph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ' ' => f.write_str("a space"),
            '\n' => f.write_str("a line break"),
            '\t' => f.write_str("a tab"),
            '`' => f.write_str("a backtick"),
            other if other.is_ascii_graphic() => write!(f, "`{other}`"),
            other if other.is_alphanumeric() => write!(f, "`{other}` (U+{:04X})", u32::from(other)),
            other => write!(f, "U+{:04X}", u32::from(other)),
        }
    }
}

name! {
    /// A flavour: `[a-z0-9]` and, between its ends, `_` and `-`; 64 characters at most.
    ///
    /// No dot, for a step's address is `<flavour>.<step>`; not `source`, which is a step itself, and not
    /// `cache`, which stands beside the flavours of `config.yml`.
    FlavourName
}

impl FlavourName {
    /// Checks a flavour's name.
    pub fn new(text: &str) -> Result<Self, BadName> {
        let at_end = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
        bounded(text, 64)?;
        only(text, |character| {
            at_end(character) || "_-".contains(character)
        })?;
        ends(text, at_end)?;
        if matches!(text, "source" | "cache") {
            return Err(BadName::Reserved);
        }
        Ok(Self(text.to_owned()))
    }
}

name! {
    /// An environment variable whose value is kept out of files, logs and keys.
    SecretName
}

impl SecretName {
    /// Checks the name of an environment variable (POSIX, XBD 8.1).
    pub fn new(text: &str) -> Result<Self, BadName> {
        variable(text).map(|()| Self(text.to_owned()))
    }
}

/// Checks the name of an environment variable (POSIX, XBD 8.1, with lower case as well).
pub fn variable(text: &str) -> Result<(), BadName> {
    bounded(text, 128)?;
    only(text, |character| {
        character.is_ascii_alphanumeric() || character == '_'
    })?;
    match text.chars().next() {
        Some(digit) if digit.is_ascii_digit() => Err(BadName::Start(digit)),
        _ => Ok(()),
    }
}

/// Refuses an empty text and one of more than `most` characters.
fn bounded(text: &str, most: usize) -> Result<(), BadName> {
    if text.is_empty() {
        return Err(BadName::Empty);
    }
    if text.chars().count() > most {
        return Err(BadName::TooLong(most));
    }
    Ok(())
}

/// Refuses the first character that is not allowed.
fn only(text: &str, allowed: impl Fn(char) -> bool) -> Result<(), BadName> {
    match text.chars().find(|character| !allowed(*character)) {
        Some(character) => Err(BadName::Character(character)),
        None => Ok(()),
    }
}

/// Refuses a first or last character that is not allowed there.
fn ends(text: &str, allowed: impl Fn(char) -> bool) -> Result<(), BadName> {
    match (text.chars().next(), text.chars().next_back()) {
        (Some(first), _) if !allowed(first) => Err(BadName::Start(first)),
        (_, Some(last)) if !allowed(last) => Err(BadName::End(last)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flavour_name_fits_files_tags_and_addresses() {
        let check = |text: &str, expected: Result<(), BadName>| {
            assert_eq!(FlavourName::new(text).map(drop), expected, "{text:?}");
        };
        check("deb", Ok(()));
        check("el9-pypy_3", Ok(()));
        check("312", Ok(()));
        check(&"a".repeat(64), Ok(()));
        check("", Err(BadName::Empty));
        check(&"a".repeat(65), Err(BadName::TooLong(64)));
        check("Deb", Err(BadName::Character('D')));
        check("py3.12", Err(BadName::Character('.')));
        check("a/b", Err(BadName::Character('/')));
        check("-a", Err(BadName::Start('-')));
        check("a-", Err(BadName::End('-')));
        check("source", Err(BadName::Reserved));
        check("cache", Err(BadName::Reserved));
    }

    #[test]
    fn a_variable_is_what_a_shell_can_name() {
        let check = |text: &str, expected: Result<(), BadName>| {
            assert_eq!(SecretName::new(text).map(drop), expected, "{text:?}");
        };
        check("PIP_INDEX_URL", Ok(()));
        check("_a1", Ok(()));
        check("", Err(BadName::Empty));
        check("1A", Err(BadName::Start('1')));
        check("A=B", Err(BadName::Character('=')));
        check("A\nB", Err(BadName::Character('\n')));
    }

    #[test]
    fn an_offending_character_is_named_legibly() {
        let check =
            |character: char, expected: &str| assert_eq!(Glyph(character).to_string(), expected);
        check(';', "`;`");
        check('\n', "a line break");
        check('\u{1b}', "U+001B");
        check('\u{202e}', "U+202E");
        check('а', "`а` (U+0430)");
    }
}
