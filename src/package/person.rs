//! Who answers for a package, out of what a project's metadata says of its people.

/// The host of an address that is none: RFC 2606 keeps the name from ever being registered.
///
/// `localhost` would be somebody's machine, and lintian refuses it as no domain.
const NOWHERE: &str = "maintainer.invalid";

/// Words a maintainer as `Name <address>` (Policy 5.6.2) from a line of metadata.
///
/// The first person counts. What is missing of name or address is made up so that it shows: without
/// an address, mail goes to `unknown@maintainer.invalid`; without anything, the name is `Unknown`.
pub fn maintainer(stated: Option<&str>) -> String {
    let first = first(stated.unwrap_or_default());
    let (name, address) = match first.split_once('<') {
        Some((name, rest)) => (name, rest.split('>').next().unwrap_or_default()),
        None if first.contains('@') => ("", first),
        None => (first, ""),
    };
    let name = phrase(name);
    match (is_address(address.trim()).then(|| address.trim()), name) {
        (Some(address), name) if name.is_empty() => {
            let user = address.split('@').next().unwrap_or_default();
            format!("{} <{address}>", phrase(user))
        }
        (Some(address), name) => format!("{name} <{address}>"),
        (None, name) if name.is_empty() => format!("Unknown maintainer <unknown@{NOWHERE}>"),
        (None, name) => format!("{name} <unknown@{NOWHERE}>"),
    }
}

/// Whether nobody reads mail at the address of a maintainer: a name that RFC 2606 reserves, or a
/// host without a domain.
pub fn is_placeholder(maintainer: &str) -> bool {
    let host = maintainer.rsplit('@').next().unwrap_or_default();
    let host = host.trim_end_matches('>').to_ascii_lowercase();
    let reserved = [
        "example.com",
        "example.org",
        "example.net",
        "example",
        "invalid",
        "localdomain",
        "localhost",
        "test",
    ];
    !host.contains('.')
        || reserved
            .into_iter()
            .any(|name| host == name || host.ends_with(&format!(".{name}")))
}

/// The first of several people, who are separated by commas; a quoted name may hold some.
fn first(people: &str) -> &str {
    let mut quoted = false;
    for (at, character) in people.char_indices() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => return &people[..at],
            _ => {}
        }
    }
    people
}

/// A name without what would need quotes before an address (RFC 5322).
fn phrase(name: &str) -> String {
    let split = |c: char| c.is_whitespace() || c.is_control() || "\"<>()[]:;@\\,".contains(c);
    let words: Vec<&str> = name.split(split).filter(|word| !word.is_empty()).collect();
    // A build that ran as root named nobody by it.
    match words.join(" ") {
        name if name == "root" => String::new(),
        name => name,
    }
}

/// Whether mail can go somewhere: a user at a domain, in characters that need no quotes.
fn is_address(text: &str) -> bool {
    let Some((user, host)) = text.split_once('@') else {
        return false;
    };
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_{|}~-".contains(c);
    let atoms = |text: &str| {
        text.split('.')
            .all(|part| !part.is_empty() && part.chars().all(atom))
    };
    let label = |part: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !part.is_empty()
            && part.chars().all(inner)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    user != "root" && atoms(user) && host.contains('.') && host.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maintainer_has_a_name_and_an_address_whatever_the_metadata_says() {
        for (stated, expected) in [
            (None, "Unknown maintainer <unknown@maintainer.invalid>"),
            (Some(" "), "Unknown maintainer <unknown@maintainer.invalid>"),
            (Some("Ada"), "Ada <unknown@maintainer.invalid>"),
            (Some("ada.l@shop.fr"), "ada.l <ada.l@shop.fr>"),
            (Some("Ada <ada@shop.fr>"), "Ada <ada@shop.fr>"),
            (Some("<ada@shop.fr>"), "ada <ada@shop.fr>"),
            (Some("\"L, Ada\" <a@b.fr>, B <b@b.fr>"), "L Ada <a@b.fr>"),
            (Some("a@b.fr, B <b@b.fr>"), "a <a@b.fr>"),
            (
                Some("Ada <ada@localhost>"),
                "Ada <unknown@maintainer.invalid>",
            ),
            (Some("Ada <a b@c.fr>"), "Ada <unknown@maintainer.invalid>"),
            (
                Some("Ada\nEssential: yes <a@b.fr>"),
                "Ada Essential yes <a@b.fr>",
            ),
        ] {
            assert_eq!(maintainer(stated), expected, "{stated:?}");
        }
    }

    #[test]
    fn a_placeholder_is_where_nobody_reads_mail() {
        assert!(is_placeholder(&maintainer(None)));
        assert!(is_placeholder("You <you@mail.example.com>"));
        assert!(is_placeholder("Ada <ada@host>"));
        assert!(!is_placeholder("Ada <ada@shop.fr>"));
    }
}
