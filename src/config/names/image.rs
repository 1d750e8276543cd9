//! Names of images, in the grammar of the distribution project's `reference` package.

use super::{BadName, name, only};

name! {
    /// An image: `[registry[:port]/]path[:tag][@sha256:digest]`.
    ImageName
}

impl ImageName {
    /// Checks the name of an image.
    pub fn new(text: &str) -> Result<Self, BadName> {
        if text.is_empty() {
            return Err(BadName::Empty);
        }
        if text.contains("://") {
            return Err(BadName::ImageScheme);
        }
        only(text, |character| {
            character.is_ascii_alphanumeric() || "._-:/@".contains(character)
        })?;
        let tagged = match text.split_once('@') {
            Some((tagged, digest)) => {
                check_digest(digest)?;
                tagged
            }
            None => text,
        };
        let name = match tagged.rsplit_once(':') {
            // A colon before a slash belongs to a port.
            Some((name, tag)) if !tag.contains('/') => {
                check_tag(tag)?;
                name
            }
            _ => tagged,
        };
        check_name(name)?;
        Ok(Self(text.to_owned()))
    }
}

/// Checks a name under which an image is tagged: one without a digest.
pub fn tag(text: &str) -> Result<ImageName, BadName> {
    match text.contains('@') {
        true => Err(BadName::TagDigest),
        false => ImageName::new(text),
    }
}

/// Checks a repository of a registry, without a tag.
pub(super) fn check_repository(registry: &str, path: &str) -> Result<(), BadName> {
    if !is_registry(registry) {
        return Err(BadName::ImageRegistry);
    }
    match path.contains(':') || path.is_empty() {
        true => Err(BadName::ImagePath),
        false => check_name(&format!("{registry}/{path}")),
    }
}

fn check_name(name: &str) -> Result<(), BadName> {
    if name.len() > 255 {
        return Err(BadName::TooLong(255));
    }
    let path = match name.split_once('/') {
        Some((registry, path)) if is_registry(registry) => {
            check_registry(registry)?;
            path
        }
        _ => name,
    };
    if path.chars().any(|character| character.is_ascii_uppercase()) {
        return Err(BadName::ImageCase);
    }
    if name.len() == 64 && name.chars().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(BadName::ImageId);
    }
    match path.split('/').all(is_component) {
        true => Ok(()),
        false => Err(BadName::ImagePath),
    }
}

/// Tells a registry from the first part of a path, as Docker does.
fn is_registry(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':'])
}

fn check_registry(registry: &str) -> Result<(), BadName> {
    let (host, port) = registry.split_once(':').unwrap_or((registry, "1"));
    let label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty()
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    match host.split('.').all(label) && port.parse::<u16>().is_ok_and(|port| port > 0) {
        true => Ok(()),
        false => Err(BadName::ImageRegistry),
    }
}

/// Checks `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn is_component(component: &str) -> bool {
    let letter = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = component.as_bytes();
    let between = bytes.first().is_some_and(letter) && bytes.last().is_some_and(letter);
    let separators = bytes.split(letter).filter(|run| !run.is_empty());
    between && { separators }
        .all(|run| matches!(run, b"." | b"_" | b"__") || run.iter().all(|byte| *byte == b'-'))
}

fn check_tag(tag: &str) -> Result<(), BadName> {
    let first = tag.bytes().next().unwrap_or(b'.');
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let rest = |byte: u8| word(byte) || byte == b'.' || byte == b'-';
    match tag.len() <= 128 && word(first) && tag.bytes().all(rest) {
        true => Ok(()),
        false => Err(BadName::ImageTag),
    }
}

fn check_digest(digest: &str) -> Result<(), BadName> {
    let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    match digest.strip_prefix("sha256:") {
        Some(hex) if hex.len() == 64 && hex.bytes().all(lower_hex) => Ok(()),
        _ => Err(BadName::ImageDigest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_follows_the_reference_grammar() {
        let check = |text: &str, expected: Result<(), BadName>| {
            assert_eq!(ImageName::new(text).map(drop), expected, "{text:?}");
        };
        let digest = format!("sha256:{}", "0a".repeat(32));
        for legal in [
            "base-cpython-debian12",
            "debian:bookworm-slim",
            "localhost/a",
            "localhost:5000/a/b__c/d--e:1.0_x",
            "registry.example.com:443/team/base-image",
            "REGISTRY.example.com/a",
            "a.b/c",
            &format!("debian@{digest}"),
            &format!("ghcr.io/x/y:v1@{digest}"),
        ] {
            check(legal, Ok(()));
        }
        check("", Err(BadName::Empty));
        check("https://ghcr.io/x", Err(BadName::ImageScheme));
        check("a b", Err(BadName::Character(' ')));
        check("a\nRUN x", Err(BadName::Character('\n')));
        check("$BASE", Err(BadName::Character('$')));
        check("Debian", Err(BadName::ImageCase));
        check("a//b", Err(BadName::ImagePath));
        check("/a", Err(BadName::ImagePath));
        check("a___b", Err(BadName::ImagePath));
        check("a-", Err(BadName::ImagePath));
        check(":tag", Err(BadName::ImagePath));
        check("a:", Err(BadName::ImageTag));
        check("a:.x", Err(BadName::ImageTag));
        check("a@sha256:12", Err(BadName::ImageDigest));
        check("a@b@c", Err(BadName::ImageDigest));
        check("a.b:99999/c", Err(BadName::ImageRegistry));
        check("-a.b/c", Err(BadName::ImageRegistry));
        check("a..b/c", Err(BadName::ImageRegistry));
        check(&"0f".repeat(32), Err(BadName::ImageId));
        check(&"a".repeat(256), Err(BadName::TooLong(255)));
    }
}
