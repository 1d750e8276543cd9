//! Names of distribution packages, which end in a line that a shell reads.

use super::{BadName, bounded, name, only};

/// More than any package, capability or path of one in a distribution has.
const LONGEST: usize = 200;

name! {
    /// A package as apt or dnf are asked to install it.
    ///
    /// It covers `libffi-dev`, `gcc:arm64`, `pkg=1.2-3~deb12u1`, `pkg/bookworm-backports`,
    /// `@development-tools`, `pkgconfig(libffi)`, `glibc-devel(x86-64)` and `/usr/bin/gcc`. It
    /// holds no white space, quote, glob or other character by which a shell or a dockerfile
    /// would leave the argument, except parentheses: whoever writes it into a shell quotes it.
    DistroPackage
}

impl DistroPackage {
    /// Checks the name of a package.
    pub fn new(text: &str) -> Result<Self, BadName> {
        bounded(text, LONGEST)?;
        only(text, |character| {
            character.is_ascii_alphanumeric() || "+-._~^:=/@()".contains(character)
        })?;
        match text.chars().next() {
            Some(first) if first.is_ascii_alphanumeric() || "@/".contains(first) => {}
            Some(first) => return Err(BadName::Start(first)),
            None => return Err(BadName::Empty),
        }
        // `apt-get install name-` removes the package.
        if text.ends_with('-') {
            return Err(BadName::End('-'));
        }
        check_parentheses(text)?;
        Ok(Self(text.to_owned()))
    }
}

fn check_parentheses(text: &str) -> Result<(), BadName> {
    let mut open = false;
    for character in text.chars() {
        match (character, open) {
            ('(', false) => open = true,
            (')', true) => open = false,
            ('(' | ')', _) => return Err(BadName::Parentheses),
            _ => {}
        }
    }
    if open {
        return Err(BadName::Parentheses);
    }
    Ok(())
}

/// Checks what a package requires at run time and writes it as Debian Policy §7.1 does.
///
/// A package's name may be followed by a version relation, `name (>= 1.2)` or `name >= 1.2`, and
/// alternatives are separated by `|`; the result is always `name (>= 1.2) | other`.
pub fn runtime_dependency(text: &str) -> Result<String, BadName> {
    bounded(text, 2 * LONGEST)?;
    let alternatives = text
        .split('|')
        .map(alternative)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(alternatives.join(" | "))
}

fn alternative(text: &str) -> Result<String, BadName> {
    let text = text.trim_matches(' ');
    let end = text.find([' ', '<', '=', '>']);
    let (name, relation) = match end {
        // `name=1.2` is apt's way to ask for a version at installation, and no relation.
        Some(end) if text[end..].starts_with('=') => return Err(BadName::Character('=')),
        Some(end) => (&text[..end], text[end..].trim_matches(' ')),
        None => (text, ""),
    };
    let name = DistroPackage::new(name)?;
    if relation.is_empty() {
        return Ok(name.to_string());
    }
    let inner = match (relation.strip_prefix('('), relation.strip_suffix(')')) {
        (Some(_), Some(_)) => relation[1..relation.len() - 1].trim_matches(' '),
        (None, None) => relation,
        _ => return Err(BadName::Parentheses),
    };
    let version = inner.trim_start_matches(['<', '=', '>']);
    let operator = &inner[..inner.len() - version.len()];
    let version = version.trim_matches(' ');
    only(version, |character| {
        character.is_ascii_alphanumeric() || "+-.~^:".contains(character)
    })?;
    match (operator, version) {
        ("<<" | "<" | "<=" | "=" | ">=" | ">" | ">>", "") => Err(BadName::Relation),
        ("<<" | "<" | "<=" | "=" | ">=" | ">" | ">>", _) => {
            Ok(format!("{name} ({operator} {version})"))
        }
        _ => Err(BadName::Relation),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_package_is_what_apt_and_dnf_install() {
        let check = |text: &str, expected: Result<(), BadName>| {
            assert_eq!(DistroPackage::new(text).map(drop), expected, "{text:?}");
        };
        for legal in [
            "libffi-dev",
            "g++",
            "gcc:arm64",
            "pkg=1:1.2-3~deb12u1",
            "pkg/bookworm-backports",
            "python3-devel",
            "@development-tools",
            "pkgconfig(libffi)",
            "glibc-devel(x86-64)",
            "libfoo.so.1()(64bit)",
            "/usr/bin/gcc",
            "SDL2",
        ] {
            check(legal, Ok(()));
        }
        for refused in " \t\r\n\0\"'`$;&|<>#\\*?!{}[],%é\u{202e}\u{1b}".chars() {
            check(&format!("a{refused}b"), Err(BadName::Character(refused)));
        }
        check("", Err(BadName::Empty));
        check("-y", Err(BadName::Start('-')));
        check("~a", Err(BadName::Start('~')));
        check("(a)", Err(BadName::Start('(')));
        check("gcc-", Err(BadName::End('-')));
        check("a(b", Err(BadName::Parentheses));
        check("a)b(", Err(BadName::Parentheses));
        check("a((b))", Err(BadName::Parentheses));
        check(&"a".repeat(201), Err(BadName::TooLong(200)));
    }

    #[test]
    fn a_runtime_dependency_is_brought_to_one_form() {
        let check = |text: &str, expected: Result<&str, BadName>| {
            assert_eq!(
                runtime_dependency(text),
                expected.map(str::to_owned),
                "{text:?}"
            );
        };
        check("libffi8", Ok("libffi8"));
        check("libffi8 (>= 3.4)", Ok("libffi8 (>= 3.4)"));
        check("libffi8 >= 3.4", Ok("libffi8 (>= 3.4)"));
        check("libffi8>=3.4", Ok("libffi8 (>= 3.4)"));
        check("a (<<1:2~rc1-1)|b", Ok("a (<< 1:2~rc1-1) | b"));
        check("pkgconfig(libffi) = 3", Ok("pkgconfig(libffi) (= 3)"));
        check("", Err(BadName::Empty));
        check("a |", Err(BadName::Empty));
        check("a=1", Err(BadName::Character('=')));
        check("a b", Err(BadName::Relation));
        check("a >=", Err(BadName::Relation));
        check("a => 1", Err(BadName::Relation));
        check("a (>= 1", Err(BadName::Parentheses));
        check("a (", Err(BadName::Parentheses));
        check("a >= 1; rm", Err(BadName::Character(';')));
        check("a, b", Err(BadName::Character(',')));
        check("a\nb", Err(BadName::Character('\n')));
    }

    proptest! {
        #[test]
        fn an_accepted_package_cannot_leave_its_argument(text in "[ -~\\n]{0,12}|\\PC{0,12}") {
            let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._~^:=/@()".contains(&byte);
            if let Ok(package) = DistroPackage::new(&text) {
                prop_assert!(package.as_str().bytes().all(safe));
                prop_assert!(!package.as_str().starts_with('-'));
                prop_assert_eq!(package.as_str(), text);
            }
        }

        #[test]
        fn a_runtime_dependency_keeps_its_form(text in "[a-c<=>() |;\\n$.1-]{0,14}") {
            if let Ok(written) = runtime_dependency(&text) {
                let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._~^:=/@()<> |".contains(&byte);
                prop_assert!(written.bytes().all(safe));
                prop_assert_eq!(runtime_dependency(&written), Ok(written));
            }
        }
    }
}
