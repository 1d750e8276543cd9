//! Named inputs, and the key that they make.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::{ContentHasher, Digest, KEY_CONTEXT, NotADigest};
use crate::lock::{Pin, Pins};
use crate::step::Address;

/// The value of a named input: content, never circumstance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// A short text, such as a setting.
    Text(String),
    /// A list whose order counts.
    List(Vec<String>),
    /// Names with values.
    Map(BTreeMap<String, String>),
    /// Versions of distributions, each with what tells its content apart.
    Versions(Pins),
    /// Content that people know by a few words.
    Stated {
        /// The words.
        words: String,
        /// The digest of the content.
        digest: Digest,
    },
    /// The bytes of a file.
    File(Digest),
    /// A text that is kept, so that its difference can be shown.
    Document(Digest),
    /// A file tree whose listing is kept, so that the changed files can be named.
    Tree(Digest),
    /// An image of the engine by its content-addressed id.
    Image(String),
    /// An image by the key of the step that made it.
    Made(Key),
}

impl Input {
    fn hash_into(&self, hasher: &mut ContentHasher) {
        match self {
            Self::Text(text) => {
                hasher.text("text").text(text);
            }
            Self::List(items) => {
                hasher.text("list").count(items.len());
                for item in items {
                    hasher.text(item);
                }
            }
            Self::Map(entries) => {
                hasher.text("map").count(entries.len());
                for (name, value) in entries {
                    hasher.text(name).text(value);
                }
            }
            Self::Versions(pins) => {
                hasher.text("versions").count(pins.len());
                for (name, pin) in pins {
                    let Pin {
                        version,
                        file,
                        digest,
                    } = pin;
                    hasher.text(name).text(version).text(file).text(digest);
                }
            }
            Self::Stated { words, digest } => {
                hasher.text("stated").text(words).digest(digest);
            }
            Self::File(digest) => {
                hasher.text("file").digest(digest);
            }
            Self::Document(digest) => {
                hasher.text("document").digest(digest);
            }
            Self::Tree(digest) => {
                hasher.text("tree").digest(digest);
            }
            Self::Image(id) => {
                hasher.text("image").text(id);
            }
            Self::Made(key) => {
                hasher.text("made").digest(&key.0);
            }
        }
    }

    /// Returns the value as people read it, digests shortened.
    pub fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Stated { words, digest } => format!("{words} ({})", &digest.short()[..6]),
            Self::List(items) => format!("[{}]", items.join(", ")),
            Self::Versions(pins) => match pins.len() {
                1 => "1 package".to_owned(),
                count => format!("{count} packages"),
            },
            Self::Map(entries) => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }
            Self::File(digest) | Self::Document(digest) | Self::Tree(digest) => digest.short(),
            Self::Image(id) => short_image(id),
            Self::Made(key) => key.short(),
        }
    }
}

/// Shortens an image id to the twelve digits that `docker images` shows.
pub fn short_image(id: &str) -> String {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    digits.chars().take(12).collect()
}

/// A facet of what a step leaves: what a later step can read of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Facet {
    /// The copied source as a tree.
    Tree,
    /// The rendered document.
    Document,
    /// The id of the base image that was probed.
    BaseImage,
    /// The facts of the base image.
    Facts,
    /// The requirements that the project's wheel states.
    Requirements,
    /// The project's name as its wheel states it.
    Project,
    /// The headers of the project's metadata, without its requirements.
    Metadata,
    /// The project's own wheel, by name and bytes.
    OwnWheel,
    /// The wheels of the dependencies, by name and bytes.
    DependencyWheels,
    /// Each wheel with its version, its file name and its SHA-256.
    Versions,
    /// The wheels that were compiled here: the key of each, and its file name.
    Compiled,
    /// An archive of what a stage of the virtual environment installed.
    Content,
    /// What is known of that content: commands, modules, libraries, licences.
    Report,
    /// A distribution package.
    Package,
    /// The version of the project in that package.
    PackageVersion,
    /// The revision of that package.
    PackageRevision,
    /// What is in that package, its revision left out.
    PackageContent,
}

/// Where the value of a named input is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// In the configuration or in what was observed.
    Known(Input),
    /// In what another step leaves.
    Output {
        /// The step.
        step: Address,
        /// What is read of it.
        facet: Facet,
    },
    /// In the key of the step that makes an image.
    KeyOf(Address),
    /// Nowhere yet: it turns up when the step runs. The text says what is awaited.
    Awaited(String),
}

impl Source {
    /// Makes a known text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Known(Input::Text(text.into()))
    }

    /// Makes a known list.
    pub fn list<T: ToString>(items: &[T]) -> Self {
        Self::Known(Input::List(items.iter().map(T::to_string).collect()))
    }

    /// Says why the value is not known yet, or the value where it is.
    pub fn shown(&self) -> String {
        match self {
            Self::Output { step, facet: _ } | Self::KeyOf(step) => {
                format!("not known before {step} has run")
            }
            Self::Awaited(what) => what.clone(),
            Self::Known(input) => input.shown(),
        }
    }

    /// Returns the step that has to come first, if the value comes from one.
    pub fn step(&self) -> Option<&Address> {
        match self {
            Self::Output { step, .. } | Self::KeyOf(step) => Some(step),
            Self::Known(_) | Self::Awaited(_) => None,
        }
    }
}

/// The key of a step: equal keys mean equal results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(Digest);

impl Key {
    /// Returns the first twelve digits.
    pub fn short(&self) -> String {
        self.0.short()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Key {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        text.parse().map(Self)
    }
}

/// Makes the key of a step of this kind from the values of all its named inputs.
pub fn fingerprint_key(kind: &str, inputs: &BTreeMap<String, Input>) -> Key {
    let mut hasher = ContentHasher::new(KEY_CONTEXT);
    hasher.text(kind).count(inputs.len());
    for (name, input) in inputs {
        hasher.text(name);
        input.hash_into(&mut hasher);
    }
    Key(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs() -> BTreeMap<String, Input> {
        BTreeMap::from([
            ("source".to_owned(), Input::Tree(Digest::of(b"tree"))),
            (
                "pip.index_url".to_owned(),
                Input::Text("https://index.example/simple".to_owned()),
            ),
            (
                "packages".to_owned(),
                Input::List(vec!["a".to_owned(), "b".to_owned()]),
            ),
        ])
    }

    /// A change to what is hashed has to bump the version in `KEY_CONTEXT` and this key together.
    #[test]
    fn the_key_is_pinned() {
        assert_eq!(
            fingerprint_key("wheel run", &inputs()).to_string(),
            "c1009717108ff21c2a27b14b576c8397bebddddb469427c3ee7934db542a7ac5"
        );
    }

    #[test]
    fn kind_name_and_value_each_change_the_key() {
        let key = fingerprint_key("wheel run", &inputs());
        assert_ne!(fingerprint_key("image", &inputs()), key);
        let mut renamed = inputs();
        let value = renamed.remove("source").unwrap();
        renamed.insert("sauce".to_owned(), value);
        assert_ne!(fingerprint_key("wheel run", &renamed), key);
        let mut reordered = inputs();
        reordered.insert(
            "packages".to_owned(),
            Input::List(vec!["b".to_owned(), "a".to_owned()]),
        );
        assert_ne!(fingerprint_key("wheel run", &reordered), key);
        let mut retyped = inputs();
        retyped.insert("source".to_owned(), Input::File(Digest::of(b"tree")));
        assert_ne!(fingerprint_key("wheel run", &retyped), key);
    }
}
