//! Names of Python distributions and extras.

use super::{BadName, bounded, ends, only};

/// Checks an extra's name and normalises it (PEP 685).
pub fn extra(text: &str) -> Result<String, BadName> {
    normalised(text)
}

/// Checks an entry of `only_binary` or `no_binary`: a distribution, normalised (PEP 503), or `:all:`.
pub fn binary_choice(text: &str) -> Result<String, BadName> {
    match text {
        ":all:" => Ok(text.to_owned()),
        name => normalised(name),
    }
}

/// Lowers the letters and makes one `-` of every run of `-`, `_` and `.`.
fn normalised(text: &str) -> Result<String, BadName> {
    bounded(text, 128)?;
    only(text, |character| {
        character.is_ascii_alphanumeric() || "-_.".contains(character)
    })?;
    ends(text, |character| character.is_ascii_alphanumeric())?;
    let parts = text.split(['-', '_', '.']).filter(|part| !part.is_empty());
    Ok(parts.collect::<Vec<_>>().join("-").to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_is_normalised() {
        let check = |text: &str, expected: Result<&str, BadName>| {
            assert_eq!(binary_choice(text), expected.map(str::to_owned), "{text:?}");
        };
        check("cffi", Ok("cffi"));
        check("My__Project.-x", Ok("my-project-x"));
        check(":all:", Ok(":all:"));
        check(":none:", Err(BadName::Character(':')));
        check("", Err(BadName::Empty));
        check("cffi==1.16", Err(BadName::Character('=')));
        check("cffi,lxml", Err(BadName::Character(',')));
        check("_cffi", Err(BadName::Start('_')));
        check("cffi-", Err(BadName::End('-')));
    }

    #[test]
    fn all_is_no_extra() {
        assert_eq!(extra("Dev_Tools"), Ok("dev-tools".to_owned()));
        assert_eq!(extra(":all:"), Err(BadName::Character(':')));
    }
}
