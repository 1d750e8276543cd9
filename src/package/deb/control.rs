//! The fields of a package's control file (Policy 5.3), and what they may hold.

use super::super::{Package, PackageError, person, prose};

/// The width of the lines of a description.
const WIDTH: usize = 76;

/// Holds the values of a package against the rules of the fields.
pub(super) fn check(package: &Package) -> Result<(), PackageError> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let inner = |c: char| fits(c) || matches!(c, '+' | '-' | '.');
    let name = &package.name;
    // Policy 5.6.1.
    if name.len() < 2 || !name.starts_with(fits) || !name.chars().all(inner) {
        return Err(PackageError::Value {
            what: format!("`{name}` is no name of a Debian package"),
            help: "use at least two of lower-case letters, digits, `+`, `-` and `.`, and begin \
                   with a letter or digit"
                .to_owned(),
        });
    }
    if !is_maintainer(&package.maintainer) {
        return Err(PackageError::Value {
            what: format!(
                "`{}` is no maintainer of a Debian package",
                package.maintainer.escape_debug()
            ),
            help: "write it as `Name <name@host>`".to_owned(),
        });
    }
    for (field, value) in [
        ("section", package.section.as_str()),
        ("homepage", package.homepage.as_deref().unwrap_or("-")),
        ("prefix", package.prefix.as_str()),
    ] {
        let bad = |c: char| c.is_control() || c.is_whitespace();
        if value.is_empty() || value.contains(bad) {
            return Err(PackageError::Value {
                what: format!("the {field} `{}` is no single word", value.escape_debug()),
                help: "write it without spaces and line breaks".to_owned(),
            });
        }
    }
    for required in &package.requires {
        if required.trim().is_empty() || required.contains([',', '\n', '\r']) {
            return Err(PackageError::Value {
                what: format!("`{}` is no requirement", required.escape_debug()),
                help: "write one package each, such as `libffi8 (>= 3.4)`".to_owned(),
            });
        }
    }
    Ok(())
}

/// What a user should know of a package that can be written none the less.
///
/// A sentence for each of: a maintainer's address that is a placeholder, and a project that states
/// neither summary nor licence.
pub fn lints(package: &Package) -> Vec<String> {
    let mut found = Vec::new();
    if person::is_placeholder(&package.maintainer) {
        found.push(format!(
            "the maintainer `{}` is a placeholder, at whose address nobody reads mail: name one by \
             `maintainer`",
            package.maintainer
        ));
    }
    if package.summary.trim().is_empty() {
        found
            .push("the project states no summary: its package is described by its name".to_owned());
    }
    if package.license.is_none() && package.notices.iter().all(|n| n.license.is_none()) {
        found.push("no licence is stated: the package's copyright file says so".to_owned());
    }
    found
}

/// Policy 5.6.2.
fn is_maintainer(text: &str) -> bool {
    let Some((name, address)) = text
        .strip_suffix('>')
        .and_then(|text| text.split_once(" <"))
    else {
        return false;
    };
    let clean = |text: &str| !text.is_empty() && !text.contains(['<', '>', '\n', '\r', '\0']);
    let halves = address.split_once('@');
    clean(name.trim())
        && clean(address)
        && !address.contains(char::is_whitespace)
        && halves.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
}

/// The control file, its fields in the order of `dpkg-deb`.
pub(super) fn control(
    package: &Package,
    version: &str,
    architecture: &str,
    installed_size: u64,
) -> String {
    let mut text = String::new();
    let mut field = |name: &str, value: &str| text.push_str(&format!("{name}: {value}\n"));
    field("Package", &package.name);
    field("Version", version);
    field("Architecture", architecture);
    field("Maintainer", package.maintainer.trim());
    field("Installed-Size", &installed_size.to_string());
    if !package.requires.is_empty() {
        let requires: Vec<&str> = package.requires.iter().map(|one| one.trim()).collect();
        field("Depends", &requires.join(", "));
    }
    field("Section", &package.section);
    field("Priority", "optional");
    if let Some(homepage) = &package.homepage {
        field("Homepage", homepage);
    }
    let synopsis = prose::synopsis(&package.name, &package.summary);
    field("Description", &synopsis);
    for line in prose::wrapped(&extended(package, &synopsis), WIDTH) {
        // What no space divides, such as a long address, goes on in the next line.
        let mut rest = line.as_str();
        while let Some((end, _)) = rest.char_indices().nth(WIDTH) {
            text.push_str(&format!(" {}\n", rest[..end].trim_end()));
            rest = rest[end..].trim_start_matches(['.', '-', '*', ' ']);
        }
        if !rest.is_empty() {
            text.push_str(&format!(" {rest}\n"));
        }
    }
    text.push_str(" .\n");
    let place = format!(
        "It has a virtual environment of its own in {}, and all of its Python distributions are \
         in there.",
        package.prefix
    );
    for line in prose::wrapped(&place, WIDTH) {
        text.push_str(&format!(" {line}\n"));
    }
    text
}

/// What the README says first, or what there is to say without one; never the synopsis again.
fn extended(package: &Package, synopsis: &str) -> String {
    let folded = |text: &str| -> String {
        let letters = text.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    let same = |text: &str| {
        [text, &prose::synopsis(&package.name, text)]
            .iter()
            .any(|text| folded(text) == folded(synopsis))
    };
    let is_new = |text: &String| {
        // A line that begins with a full stop has no meaning yet (Policy 5.6.13).
        let lines = prose::wrapped(text, WIDTH);
        let first = lines.first().map_or("", String::as_str);
        !same(text) && !same(first) && !first.starts_with('.')
    };
    prose::paragraph(&package.description)
        .filter(is_new)
        .unwrap_or_else(|| {
            let version = &package.version;
            format!("This is the Python project {} {version}.", package.name)
        })
}

#[cfg(test)]
mod tests {
    use super::super::tests::package;
    use super::*;

    #[test]
    fn the_fields_stand_in_dpkgs_order() {
        let mut package = package();
        package.requires = vec!["python3.11".into(), "libffi8 (>= 3.4)".into()];
        package.description = "# shop\n\nSells many things.\n".into();
        assert_eq!(
            control(&package, "1.4.0-1~deb12", "amd64", 12),
            "Package: shop\nVersion: 1.4.0-1~deb12\nArchitecture: amd64\n\
             Maintainer: Ada <ada@shop.example>\nInstalled-Size: 12\n\
             Depends: python3.11, libffi8 (>= 3.4)\nSection: python\nPriority: optional\n\
             Homepage: https://shop.example/\nDescription: Sells things\n Sells many things.\n .\n \
             It has a virtual environment of its own in /opt/shop, and all of its Python\n \
             distributions are in there.\n"
        );
    }

    #[test]
    fn an_extended_description_is_there_and_not_the_synopsis() {
        let mut package = package();
        for description in [
            "",
            "Sells things.",
            "Shop sells things.",
            "# shop",
            ".NET is what it sells.",
        ] {
            package.description = description.into();
            let text = control(&package, "1", "all", 1);
            assert!(
                text.contains("\n This is the Python project shop"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_value_that_would_break_the_file_is_refused() {
        let cases: [fn(&mut Package); 9] = [
            |p| p.name = "Shop".into(),
            |p| p.name = "s".into(),
            |p| p.name = "-shop".into(),
            |p| p.maintainer = "Ada".into(),
            |p| p.maintainer = "Ada <ada>".into(),
            |p| p.maintainer = "Ada\nDepends: x <a@b>".into(),
            |p| p.section = "a b".into(),
            |p| p.homepage = Some("https://x\nEssential: yes".into()),
            |p| p.requires = vec!["a\nEssential: yes".into()],
        ];
        for spoil in cases {
            let mut package = package();
            check(&package).unwrap();
            spoil(&mut package);
            let error = check(&package).unwrap_err();
            assert!(matches!(error, PackageError::Value { .. }), "{error:?}");
        }
    }

    #[test]
    fn a_placeholder_is_named() {
        let mut package = package();
        package.license = Some("MIT".into());
        package.maintainer = "Ada <ada@shop.fr>".into();
        assert_eq!(lints(&package), Vec::<String>::new());
        package.maintainer = "You <you@mail.example.com>".into();
        package.license = None;
        assert_eq!(lints(&package).len(), 2);
    }
}
