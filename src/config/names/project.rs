//! The name of a project among several: what stands before the `/` of its steps' addresses.

use super::{BadName, bounded, ends, name, only};

name! {
    /// A project among several: ASCII letters and digits and, between its ends, `_`, `-` and `.`; 64
    /// characters at most.
    ///
    /// It becomes a part of step addresses, of file names and of image tags.
    ProjectName
}

impl ProjectName {
    /// Checks a project's name.
    pub fn new(text: &str) -> Result<Self, BadName> {
        let at_end = |character: char| character.is_ascii_alphanumeric();
        bounded(text, 64)?;
        only(text, |character| {
            at_end(character) || "_-.".contains(character)
        })?;
        ends(text, at_end)?;
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_name_fits_addresses_and_folders() {
        let check = |text: &str, expected: Result<(), BadName>| {
            assert_eq!(ProjectName::new(text).map(drop), expected, "{text:?}");
        };
        check("shop", Ok(()));
        check("Shop_2.api", Ok(()));
        check("", Err(BadName::Empty));
        check(&"a".repeat(65), Err(BadName::TooLong(64)));
        check("a/b", Err(BadName::Character('/')));
        check("my shop", Err(BadName::Character(' ')));
        check(".builder", Err(BadName::Start('.')));
        check("a-", Err(BadName::End('-')));
    }
}
