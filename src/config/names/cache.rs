//! Where a shared cache is, and what is done with it.

use super::image::check_repository;
use super::url::is_authority;
use super::{BadName, bounded, ends, only};

/// A shared cache, as one URL names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheUrl {
    /// `oci://registry/path`: a repository of a registry.
    Oci {
        /// The host, with its port where one is written.
        registry: String,
        /// The path.
        repository: String,
    },
    /// `s3://bucket/prefix`: a part of a bucket of an object store.
    S3 {
        /// The bucket.
        bucket: String,
        /// What all names in it start with; empty for the whole bucket.
        prefix: String,
    },
}

/// What is done with a shared cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheMode {
    /// Steps are restored from it, and what they leave is stored in it.
    #[default]
    ReadWrite,
    /// Steps are restored from it.
    ReadOnly,
}

/// Checks the URL of a shared cache.
pub fn cache_url(text: &str) -> Result<CacheUrl, BadName> {
    bounded(text, 500)?;
    let (oci, rest) = match (text.strip_prefix("oci://"), text.strip_prefix("s3://")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return Err(BadName::CacheScheme),
    };
    if rest.contains('@') {
        return Err(BadName::UrlCredentials);
    }
    only(rest, |character| {
        character.is_ascii_alphanumeric() || "._-:/".contains(character)
    })?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (first, path) = rest.split_once('/').unwrap_or((rest, ""));
    if oci {
        check_repository(first, path)?;
        return Ok(CacheUrl::Oci {
            registry: first.to_owned(),
            repository: path.to_owned(),
        });
    }
    check_bucket(first)?;
    let good = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(':');
    if !path.is_empty() && !path.split('/').all(good) {
        return Err(BadName::CachePrefix);
    }
    Ok(CacheUrl::S3 {
        bucket: first.to_owned(),
        prefix: path.to_owned(),
    })
}

/// Checks a bucket's name, as S3 has them.
fn check_bucket(text: &str) -> Result<(), BadName> {
    let letter = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
    let inner = |character: char| letter(character) || ".-".contains(character);
    let good = (3..=63).contains(&text.len()) && text.chars().all(inner);
    match good && ends(text, letter).is_ok() {
        true => Ok(()),
        false => Err(BadName::Bucket),
    }
}

/// Checks what is done with a shared cache.
pub fn cache_mode(text: &str) -> Result<CacheMode, BadName> {
    match text {
        "read-write" => Ok(CacheMode::ReadWrite),
        "read-only" => Ok(CacheMode::ReadOnly),
        _ => Err(BadName::CacheMode),
    }
}

/// Checks the region of an object store.
pub fn region(text: &str) -> Result<String, BadName> {
    bounded(text, 64)?;
    only(text, |character| {
        character.is_ascii_alphanumeric() || "-_".contains(character)
    })?;
    Ok(text.to_owned())
}

/// Checks where an object store answers: `http` or `https`, a host, and perhaps a port.
pub fn endpoint(text: &str) -> Result<String, BadName> {
    bounded(text, 300)?;
    let web = { text.strip_prefix("https://") }.or_else(|| text.strip_prefix("http://"));
    let Some(rest) = web else {
        return Err(BadName::EndpointScheme);
    };
    if rest.contains('@') {
        return Err(BadName::UrlCredentials);
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    match is_authority(rest) {
        true => Ok(text.to_owned()),
        false => Err(BadName::UrlHost),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_is_a_repository_or_a_part_of_a_bucket() {
        let oci = |registry: &str, repository: &str| {
            Ok(CacheUrl::Oci {
                registry: registry.to_owned(),
                repository: repository.to_owned(),
            })
        };
        let s3 = |bucket: &str, prefix: &str| {
            Ok(CacheUrl::S3 {
                bucket: bucket.to_owned(),
                prefix: prefix.to_owned(),
            })
        };
        let check = |text: &str, expected: Result<CacheUrl, BadName>| {
            assert_eq!(cache_url(text), expected, "{text:?}");
        };
        check("oci://reg.example/a/b-c", oci("reg.example", "a/b-c"));
        check("oci://localhost:5000/a/", oci("localhost:5000", "a"));
        check("oci://team/a", Err(BadName::ImageRegistry));
        check("oci://reg.example", Err(BadName::ImagePath));
        check("oci://reg.example/A", Err(BadName::ImageCase));
        check("oci://reg.example/a:1", Err(BadName::ImagePath));
        check("oci://reg.example/a//b", Err(BadName::ImagePath));
        check("oci://me:pw@reg.example/a", Err(BadName::UrlCredentials));
        check("s3://my.bucket-1/a/B_c", s3("my.bucket-1", "a/B_c"));
        check("s3://bucket", s3("bucket", ""));
        check("s3://b", Err(BadName::Bucket));
        check("s3://Bucket/a", Err(BadName::Bucket));
        check("s3://bucket:1/a", Err(BadName::Bucket));
        check("s3://-bucket/a", Err(BadName::Bucket));
        check("s3://bucket/../a", Err(BadName::CachePrefix));
        check("s3://bucket/a//b", Err(BadName::CachePrefix));
        check("s3://bucket/a b", Err(BadName::Character(' ')));
        check("https://reg.example/a", Err(BadName::CacheScheme));
        check("", Err(BadName::Empty));
    }

    #[test]
    fn an_endpoint_has_a_scheme_and_a_host_alone() {
        let check = |text: &str, expected: Result<(), BadName>| {
            assert_eq!(endpoint(text).map(drop), expected, "{text:?}");
        };
        check("https://s3.example:9000", Ok(()));
        check("http://[::1]:9000/", Ok(()));
        check("s3.example", Err(BadName::EndpointScheme));
        check("https://s3.example/a", Err(BadName::UrlHost));
        check("https://a:b@s3.example", Err(BadName::UrlCredentials));
        check("https://", Err(BadName::UrlHost));
    }
}
