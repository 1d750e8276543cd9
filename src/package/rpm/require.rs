//! Requirements and provisions in rpm's words.

use ::rpm::Dependency;

use crate::package::PackageError;

/// Reads `name`, `name >= 1.2`, `libffi.so.8()(64bit)`, `python(abi) = 3.11`, `/bin/sh`, or a
/// boolean dependency in parentheses.
///
/// # Errors
///
/// The text is none of these: it is empty, lists several, or is written as Debian does.
pub fn parse(text: &str) -> Result<Dependency, PackageError> {
    let refused = |help: String| {
        Err(PackageError::Value {
            what: format!("`{text}` is no requirement of an RPM"),
            help,
        })
    };
    let text = text.trim();
    if text.starts_with('(') && text.ends_with(')') {
        return Ok(Dependency::any(text));
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let relation = match words[..] {
        [name] if !name.contains(',') => return Ok(Dependency::any(name)),
        [_, relation, _] => relation,
        _ => "",
    };
    let (name, version) = (words.first(), words.last());
    let (Some(&name), Some(&version)) = (name, version) else {
        return refused("write a package's name, or leave the line out".to_owned());
    };
    match relation {
        "=" => Ok(Dependency::eq(name, version)),
        "<" => Ok(Dependency::less(name, version)),
        "<=" => Ok(Dependency::less_eq(name, version)),
        ">" => Ok(Dependency::greater(name, version)),
        ">=" => Ok(Dependency::greater_eq(name, version)),
        _ if relation.starts_with('(') => refused(format!(
            "rpm writes it without parentheses: `{name} {} {}`",
            relation.trim_start_matches('('),
            version.trim_end_matches(')'),
        )),
        _ => refused(
            "write one requirement, as `name`, `name >= 1.2` or `libffi.so.8()(64bit)`".to_owned(),
        ),
    }
}

/// Lists what rpm itself has to know to sort `version`, as `rpmbuild` would require it.
pub fn features(version: &str) -> impl Iterator<Item = Dependency> {
    let needs = [
        ('~', "TildeInVersions", "4.10.0-1"),
        ('^', "CaretInVersions", "4.15.0-1"),
    ];
    needs
        .into_iter()
        .filter(move |(sign, ..)| version.contains(*sign))
        .map(|(_, feature, since)| Dependency::rpmlib(feature, since))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_read_in_every_form_that_rpm_has() {
        let check = |text: &str, expected: Dependency| {
            assert_eq!(parse(text).unwrap(), expected);
        };
        check("python3.11", Dependency::any("python3.11"));
        check(" a>b ", Dependency::any("a>b"));
        check("/bin/sh", Dependency::any("/bin/sh"));
        check(
            "libffi.so.8()(64bit)",
            Dependency::any("libffi.so.8()(64bit)"),
        );
        check("python(abi) = 3.11", Dependency::eq("python(abi)", "3.11"));
        check("a >= 1:2.0-1", Dependency::greater_eq("a", "1:2.0-1"));
        check("a < 2", Dependency::less("a", "2"));
        check("(a or b)", Dependency::any("(a or b)"));
    }

    #[test]
    fn what_is_no_requirement_is_refused_with_the_way_to_write_it() {
        let check = |text: &str, expected: &str| {
            let PackageError::Value { help, .. } = parse(text).unwrap_err() else {
                panic!("another error");
            };
            assert_eq!(help, expected);
        };
        let one = "write one requirement, as `name`, `name >= 1.2` or `libffi.so.8()(64bit)`";
        check("", "write a package's name, or leave the line out");
        check("a b", one);
        check("a,b", one);
        check("a == 1", one);
        check(
            "libffi8 (>= 3.4)",
            "rpm writes it without parentheses: `libffi8 >= 3.4`",
        );
    }

    #[test]
    fn a_version_requires_an_rpm_that_sorts_it() {
        let names =
            |version| -> Vec<String> { features(version).map(|feature| feature.name).collect() };
        assert!(names("1.0").is_empty());
        assert_eq!(names("1.0~rc1"), ["rpmlib(TildeInVersions)"]);
        assert_eq!(names("1.0^post1~~dev2").len(), 2);
    }
}
