//! Everything that can be wrong in the configuration: what is wrong, and what to do about it.

mod cache;
mod delivery;
mod file;
mod wording;

use miette::Diagnostic;

pub use self::cache::CacheMistake;
pub use self::delivery::DeliveryMistake;
pub use self::file::File;
pub(super) use self::wording::nearest;
use self::wording::{joined, opening, quoted};
use super::legible::legible;
use super::names::{BadName, Kind};
pub use super::reader::{Expected, Found};
pub use super::yaml::syntax::BadSyntax;
use crate::tree::BadPath;

/// What is wrong; the sentence names it, the label points at it, the help says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum Mistake {
    /// There is nothing but white space and comments in the file.
    #[error("`{}` is empty", legible(.path))]
    #[diagnostic(code(builder::config::empty_file), help("name at least one flavour:{}", .file.example()))]
    EmptyFile {
        /// The path as it is shown.
        path: String,
        /// Which file it is.
        file: File,
    },
    /// The file has more bytes than any configuration needs.
    #[error("`{}` is larger than {} KiB", legible(.path), .limit / 1024)]
    #[diagnostic(
        code(builder::config::too_large),
        help("is it the right file? a flavour takes some ten lines")
    )]
    TooLarge {
        /// The path as it is shown.
        path: String,
        /// The most bytes that are read.
        limit: usize,
    },
    /// A byte of the file is no part of UTF-8.
    #[error("the file is not UTF-8")]
    #[diagnostic(code(builder::config::not_utf8), help("save the file as UTF-8 in the editor, or convert it: iconv -f {} -t UTF-8", if *.utf16 { "UTF-16" } else { "LATIN1" }))]
    NotUtf8 {
        /// Whether it starts as UTF-16 does.
        utf16: bool,
    },
    /// A tab stands where YAML counts spaces.
    #[error("a tab indents the line")]
    #[diagnostic(
        code(builder::config::tab),
        help("YAML is indented by spaces alone: write two for each level")
    )]
    Tab,
    /// The text is no YAML.
    #[error("{0}")]
    #[diagnostic(code(builder::config::syntax), help("{}", .0.help()))]
    Syntax(BadSyntax),
    /// The file goes on after the end of its document.
    #[error("a second document starts here")]
    #[diagnostic(
        code(builder::config::several_documents),
        help(
            "keep one document: several flavours stand in it beside each other; remove the `---`"
        )
    )]
    SeveralDocuments,
    /// The document has more values than any configuration needs, mostly by aliases of aliases.
    #[error("the document grows beyond {limit} values")]
    #[diagnostic(
        code(builder::config::alias_bomb),
        help("write the values out in place of aliases that repeat aliases")
    )]
    TooManyValues {
        /// The most values that are read.
        limit: usize,
    },
    /// The document is nested deeper than any configuration needs.
    #[error("the document is nested deeper than {limit} levels")]
    #[diagnostic(
        code(builder::config::too_deep),
        help("no field is deeper than four levels: remove brackets or indentation")
    )]
    TooDeep {
        /// The most levels that are read.
        limit: usize,
    },
    /// An alias names an anchor that is nowhere before it.
    #[error("`*{}` stands for nothing", legible(.name))]
    #[diagnostic(code(builder::config::unknown_alias), help("put `&{}` before the value that is meant, further up; or quote a text that starts with `*`", legible(.name)))]
    UnknownAlias {
        /// The alias, without its star.
        name: String,
    },
    /// A key stands twice in a map.
    #[error("`{}` is given twice", legible(.key))]
    #[diagnostic(
        code(builder::config::duplicate_key),
        help("keep one of the two, with all that belongs to it")
    )]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// A key is no string.
    #[error("a key is {found}, not a string")]
    #[diagnostic(
        code(builder::config::key_not_string),
        help(
            "write a name before the colon, in quotes where it looks like a number or a truth value"
        )
    )]
    KeyNotString {
        /// What it is.
        found: Found,
    },
    /// A value carries a tag.
    #[error("the tag `{}` has no meaning here", legible(.tag))]
    #[diagnostic(
        code(builder::config::tag),
        help("remove the tag; quotes make a string of any value")
    )]
    Tag {
        /// The tag as it is written.
        tag: String,
    },
    /// What `<<` merges is no map.
    #[error("`<<` merges {found}, not a map")]
    #[diagnostic(
        code(builder::config::merge_not_map),
        help("merge an alias of a map, as in `<<: *debian`, or a list of such aliases")
    )]
    MergeNotMap {
        /// What it is.
        found: Found,
    },
    /// The document is no map of flavours.
    #[error("the file is {found}, not a map of flavours")]
    #[diagnostic(code(builder::config::not_a_map), help("name at least one flavour:{}", .file.example()))]
    NotAMap {
        /// What it is.
        found: Found,
        /// Which file it is.
        file: File,
    },
    /// The map of flavours is empty.
    #[error("no flavour is named")]
    #[diagnostic(code(builder::config::no_flavour), help("name at least one flavour:{}", .file.example()))]
    NoFlavour {
        /// Which file it is.
        file: File,
    },
    /// A field that does not exist, or not in this place.
    #[error("unknown field `{}`", legible(.field))]
    #[diagnostic(code(builder::config::unknown_field), help("{}fields here: {}", opening(proposed), joined(.known)))]
    UnknownField {
        /// The field.
        field: String,
        /// The field that may be meant, or where this one belongs.
        proposed: Option<Proposal>,
        /// All fields of the place.
        known: Vec<String>,
    },
    /// A value has another type than its field.
    #[error("{}`{}` is {found}, not {expected}", if *.entry { "an entry of " } else { "" }, legible(.field))]
    #[diagnostic(code(builder::config::wrong_type), help("{}", .expected.help(*.found, .field)))]
    WrongType {
        /// The field.
        field: String,
        /// Whether the value is an entry of the field's list.
        entry: bool,
        /// What it is.
        found: Found,
        /// What it must be.
        expected: Expected,
    },
    /// A text is not a name of its kind.
    #[error("{} is not {}", quoted(.text), .kind.noun())]
    #[diagnostic(code(builder::config::bad_name), help("{}", .kind.help(*.problem)))]
    BadName {
        /// The text; a URL without its credentials.
        text: String,
        /// What it should be.
        kind: Kind,
        /// Why it is not.
        problem: BadName,
    },
    /// A URL holds a user name or a password.
    #[error("the URL carries credentials")]
    #[diagnostic(
        code(builder::config::credentials),
        help(
            "keep them out of the file: remove the field and hand the whole URL over from the environment, `secrets: [{variable}]`"
        )
    )]
    Credentials {
        /// The variable by which pip takes such a URL.
        variable: &'static str,
    },
    /// A value of an environment variable holds a character that none can.
    #[error("the value of `{}` holds a NUL", legible(.variable))]
    #[diagnostic(
        code(builder::config::bad_value),
        help("remove the `\\0`: an environment variable ends there")
    )]
    NulInValue {
        /// The variable.
        variable: String,
    },
    /// An environment variable has a value in the file and is a secret of the caller too.
    #[error("`{}` is both a secret and in `build_environment`", legible(.variable))]
    #[diagnostic(
        code(builder::config::secret_in_environment),
        help("keep it in `secrets` if its value is one, otherwise in `build_environment`")
    )]
    SecretInEnvironment {
        /// The variable.
        variable: String,
    },
    /// The project wants a flavour that the operator does not offer.
    #[error("unknown flavour `{}`", legible(.flavour))]
    #[diagnostic(code(builder::config::unknown_flavour), help("{}flavours of config.yml: {}", opening(proposed), joined(.known)))]
    UnknownFlavour {
        /// The flavour.
        flavour: String,
        /// The flavour that may be meant.
        proposed: Option<Proposal>,
        /// All flavours of `config.yml`.
        known: Vec<String>,
    },
    /// The project wants a flavour that has no base image.
    #[error("the flavour `{}` has no base image", legible(.flavour))]
    #[diagnostic(
        code(builder::config::no_base_image),
        help("name the image that it is built in: `base_image: base-cpython-debian12`")
    )]
    NoBaseImage {
        /// The flavour.
        flavour: String,
    },
    /// A path starts at the root of the file system.
    #[error("the path `{}` is absolute", legible(.path))]
    #[diagnostic(code(builder::config::absolute_path), help("write the path from {}", .file.directory()))]
    AbsolutePath {
        /// The path.
        path: String,
        /// The file that names it.
        file: File,
    },
    /// A path starts with `~`, which only a shell expands.
    #[error("the path `{}` starts with `~`, which is not expanded", legible(.path))]
    #[diagnostic(code(builder::config::home_path), help("write the path from {}", .file.directory()))]
    HomePath {
        /// The path.
        path: String,
        /// The file that names it.
        file: File,
    },
    /// A path leaves the project by `..`.
    #[error("the path `{}` leaves the project", legible(.path))]
    #[diagnostic(
        code(builder::config::escaping_path),
        help("name a file of the project: only the project is copied into a build")
    )]
    EscapingPath {
        /// The path.
        path: String,
    },
    /// A path leaves the project through a symbolic link.
    #[error("the path `{}` leaves the project through a symbolic link", legible(.path))]
    #[diagnostic(code(builder::config::symlink_escape), help("replace the link to `{}` by a copy of the file, or name a file of the project", legible(.target)))]
    SymlinkEscape {
        /// The path.
        path: String,
        /// What the link points to.
        target: String,
    },
    /// A text is no path at all.
    #[error("{problem}")]
    #[diagnostic(code(builder::config::bad_path), help("write the path of a file, from {}", .file.directory()))]
    BadPath {
        /// Why it is none.
        problem: BadPath,
        /// The file that names it.
        file: File,
    },
    /// Nothing is at a path.
    #[error("there is no file `{}`", legible(.path))]
    #[diagnostic(code(builder::config::missing_file), help("paths start at {}: add the file, or correct the path", .file.directory()))]
    MissingFile {
        /// The path.
        path: String,
        /// The file that names it.
        file: File,
    },
    /// A directory or the like is at a path.
    #[error("`{}` is not a regular file", legible(.path))]
    #[diagnostic(
        code(builder::config::not_a_file),
        help("name a file, not a directory")
    )]
    NotAFile {
        /// The path.
        path: String,
    },
    /// A file is hidden by the ignore rules, so that no build would see it.
    #[error("`{}` is ignored, so that it would be missing in the build", legible(.path))]
    #[diagnostic(code(builder::config::ignored_file), help("the pattern `{}` of {} hides it: name another file, or add this line to .builderignore:\n  !/{}", legible(.pattern), legible(.place), legible(.path)))]
    IgnoredFile {
        /// The path.
        path: String,
        /// The pattern that hides it.
        pattern: String,
        /// Where the pattern stands.
        place: String,
    },
    /// The operating system refuses to read a file.
    #[error("cannot read `{}`: {}", legible(.path), legible(.cause))]
    #[diagnostic(
        code(builder::config::unreadable_file),
        help("give the user who runs `builder` the right to read it")
    )]
    UnreadableFile {
        /// The path.
        path: String,
        /// The operating system's words.
        cause: String,
    },
    /// A template or a list of the operator is not UTF-8.
    #[error("`{}` is not UTF-8", legible(.path))]
    #[diagnostic(
        code(builder::config::file_not_utf8),
        help("save that file as UTF-8: byte {byte} of it is no part of any character")
    )]
    FileNotUtf8 {
        /// The path.
        path: String,
        /// The first wrong byte, counted from 0.
        byte: usize,
    },
    /// A CA bundle holds no certificate.
    #[error("`{}` holds no certificate", legible(.path))]
    #[diagnostic(
        code(builder::config::no_certificate),
        help(
            "name a PEM file, which has `-----BEGIN CERTIFICATE-----` in it; openssl x509 -inform der -in FILE converts one"
        )
    )]
    NoCertificate {
        /// The path.
        path: String,
    },
    /// Hashes are required and nothing lists them.
    #[error("`require_hashes` without `requirements`")]
    #[diagnostic(
        code(builder::config::hashes_without_requirements),
        help("list the files that hold the hashes beside it: `requirements: [requirements.txt]`")
    )]
    HashesWithoutRequirements,
    /// A distribution may come neither as a wheel nor as source.
    #[error("`{}` is in both `only_binary` and `no_binary`", legible(.name))]
    #[diagnostic(
        code(builder::config::both_binary),
        help(
            "keep it in `only_binary` to download a wheel, or in `no_binary` to build it from source"
        )
    )]
    BothBinary {
        /// The distribution, or `:all:`.
        name: String,
        /// The file of the other entry, where it is another file.
        other: Option<File>,
    },
    /// Something about packages and runtime images.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Delivery(#[from] DeliveryMistake),
    /// Something about the shared cache.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Cache(#[from] CacheMistake),
}

/// What may be meant by a name that is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proposal {
    /// Another name of the same place.
    Name(String),
    /// The same name elsewhere: a whole phrase.
    Place(&'static str),
}
