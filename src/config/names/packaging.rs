//! What a distribution package is told by name: itself, who answers for it, and its files' places.

use super::{BadName, bounded, ends, only};
use crate::config::build::PackageFormat;

/// Whether a package is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// One of this format.
    Made(PackageFormat),
    /// None.
    Nothing,
}

/// Checks the format of packages.
pub fn choice(text: &str) -> Result<Choice, BadName> {
    match text {
        "deb" => Ok(Choice::Made(PackageFormat::Deb)),
        "rpm" => Ok(Choice::Made(PackageFormat::Rpm)),
        "none" => Ok(Choice::Nothing),
        _ => Err(BadName::Format),
    }
}

/// Checks the name of a package that is made (Debian Policy 5.6.1), which RPM takes as well.
///
/// It is a directory's name too, `/opt/<name>`, and has to leave room in a `#!` line.
pub fn package_name(text: &str) -> Result<String, BadName> {
    bounded(text, 100)?;
    only(text, |character| {
        is_lower(character) || "+.-".contains(character)
    })?;
    match text.chars().next() {
        Some(first) if !is_lower(first) => Err(BadName::Start(first)),
        _ if text.len() < 2 => Err(BadName::TooShort(2)),
        _ => Ok(text.to_owned()),
    }
}

/// Checks who answers for a package: `Name <address>` (Debian Policy 5.6.2).
pub fn maintainer(text: &str) -> Result<String, BadName> {
    bounded(text, 200)?;
    if let Some(control) = text.chars().find(|character| character.is_control()) {
        return Err(BadName::Character(control));
    }
    let (name, address) = { text.strip_suffix('>') }
        .and_then(|text| text.split_once(" <"))
        .ok_or(BadName::Maintainer)?;
    if name.is_empty() || name.trim_matches(' ') != name || name.contains(['<', '>']) {
        return Err(BadName::Maintainer);
    }
    match address.split_once('@') {
        Some((local, host)) if is_local(local) && is_host(host) => Ok(text.to_owned()),
        _ => Err(BadName::Address),
    }
}

/// Tells whether a text may stand before the `@` (RFC 5322, a dot-atom whose dots are not judged).
fn is_local(text: &str) -> bool {
    let atom = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_{|}~-".contains(&byte);
    !text.is_empty() && text.bytes().all(atom)
}

fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        label.bytes().all(inner) && ends(label, |end| end.is_ascii_alphanumeric()).is_ok()
    };
    text.split('.').all(|part| !part.is_empty() && label(part))
}

fn starts_plainly(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
}

/// Checks an archive section, perhaps with its area before it (Debian Policy 2.4).
pub fn section(text: &str) -> Result<String, BadName> {
    bounded(text, 64)?;
    only(text, |character| {
        is_lower(character) || "-/".contains(character)
    })?;
    match text.split('/').any(str::is_empty) || text.matches('/').count() > 1 {
        true => Err(BadName::Section),
        false => Ok(text.to_owned()),
    }
}

/// Checks what follows `~` in a revision: no more than Debian and RPM both allow there.
pub fn suffix(text: &str) -> Result<String, BadName> {
    bounded(text, 32)?;
    only(text, |character| is_lower(character) || character == '.')?;
    match text.split('.').any(str::is_empty) {
        true => Err(BadName::Dots),
        false => Ok(text.to_owned()),
    }
}

/// Checks the name of an OpenPGP key: a long id or a fingerprint, with a `!` where gpg is to take
/// that very subkey, or an address.
pub fn signing_key(text: &str) -> Result<String, BadName> {
    bounded(text, 200)?;
    if let Some((local, host)) = text.split_once('@') {
        // gpg takes other first characters for a way to search, or for an option.
        return match is_local(local) && starts_plainly(local) && is_host(host) {
            true => Ok(text.to_owned()),
            false => Err(BadName::Key),
        };
    }
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let digits = digits.strip_suffix('!').unwrap_or(digits);
    let hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    match (hexadecimal, digits.len()) {
        (true, 16 | 40 | 64) => Ok(text.to_owned()),
        (true, 8) => Err(BadName::ShortKey),
        _ => Err(BadName::Key),
    }
}

/// The units that a package may have.
const UNITS: [&str; 6] = ["service", "socket", "timer", "path", "target", "mount"];

/// Checks the file of a systemd unit by its name, which is the unit's and ends in scripts.
///
/// systemd also escapes by `\`, as in `mnt-my\x2ddisk.mount`; such a unit is refused.
pub fn unit(text: &str) -> Result<String, BadName> {
    let name = text.rsplit('/').next().unwrap_or(text);
    let stem = { name.rsplit_once('.') }
        .filter(|(stem, suffix)| !stem.is_empty() && UNITS.contains(suffix))
        .map(|(stem, _)| stem)
        .ok_or(BadName::UnitSuffix)?;
    bounded(stem, 200)?;
    only(stem, |character| {
        character.is_ascii_alphanumeric() || ":-_.@".contains(character)
    })?;
    match stem.chars().next() {
        Some(first) if !first.is_ascii_alphanumeric() => Err(BadName::Start(first)),
        _ => Ok(text.to_owned()),
    }
}

/// Checks the absolute path of a file in a package.
///
/// The Filesystem Hierarchy Standard leaves to packages `/etc`, `/usr` but for `/usr/local`,
/// `/var` but for what is emptied or served, and directories of their own in `/opt`.
pub fn destination(text: &str) -> Result<String, BadName> {
    absolute(text)?;
    let below = |directory: &str| {
        { text.strip_prefix(directory) }.is_some_and(|rest| rest.starts_with('/'))
    };
    if below("/usr/local") || text == "/usr/local" {
        return Err(BadName::Administrator);
    }
    if ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"]
        .into_iter()
        .any(below)
    {
        return Err(BadName::Merged);
    }
    let taken = ["/var/run", "/var/lock", "/var/tmp", "/var/www"];
    let own = { text.strip_prefix("/opt/") }.is_some_and(|rest| rest.contains('/'));
    let free = ["/etc", "/usr", "/var"].into_iter().any(below);
    if !(own || free) || taken.into_iter().any(|taken| below(taken) || text == taken) {
        return Err(BadName::Place);
    }
    if is_written(text) {
        return Err(BadName::Written);
    }
    let unit = { text.rsplit_once('/') }.is_some_and(|(directory, name)| {
        directory.ends_with("/systemd/system") && unit(name).is_ok()
    });
    match unit {
        true => Err(BadName::Unit),
        false => Ok(text.to_owned()),
    }
}

/// Tells whether the writers of packages put a file there themselves: the copyright and the changelog
/// of a deb with its folder, lintian's overrides, and the licences of an rpm.
fn is_written(text: &str) -> bool {
    let parts: Vec<&str> = text.split('/').skip(1).collect();
    match parts.as_slice() {
        ["usr", "share", "doc", _] => true,
        ["usr", "share", "doc", _, name] => ["copyright", "changelog.Debian.gz"].contains(name),
        ["usr", "share", "lintian", "overrides", ..] => true,
        ["usr", "share", "licenses", _] => true,
        ["usr", "share", "licenses", _, name] => name.ends_with(".txt"),
        _ => false,
    }
}

/// Checks an absolute, normalised path in ASCII (Debian Policy 10.10), without what a shell, a list
/// of files or a dockerfile would take for more than a character.
pub(super) fn absolute(text: &str) -> Result<(), BadName> {
    bounded(text, 255)?;
    only(text, |character| {
        character.is_ascii_alphanumeric() || "/._+@:=,~^-".contains(character)
    })?;
    if !text.starts_with('/') {
        return Err(BadName::Relative);
    }
    if text.ends_with('/') {
        return Err(BadName::Directory);
    }
    match text[1..]
        .split('/')
        .any(|part| matches!(part, "" | "." | ".."))
    {
        true => Err(BadName::Parts),
        false => Ok(()),
    }
}

fn is_lower(character: char) -> bool {
    character.is_ascii_lowercase() || character.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check<T>(read: fn(&str) -> Result<T, BadName>, text: &str, expected: Result<(), BadName>) {
        assert_eq!(read(text).map(drop), expected, "{text:?}");
    }

    #[test]
    fn a_package_is_named_as_debian_names_one() {
        let check = |text: &str, expected| check(package_name, text, expected);
        check("shop", Ok(()));
        check("libstdc++6", Ok(()));
        check("0ad", Ok(()));
        check(&"a".repeat(101), Err(BadName::TooLong(100)));
        check("", Err(BadName::Empty));
        check("a", Err(BadName::TooShort(2)));
        check("Shop", Err(BadName::Character('S')));
        check("a_b", Err(BadName::Character('_')));
        check("../a", Err(BadName::Character('/')));
        check(".a", Err(BadName::Start('.')));
    }

    #[test]
    fn a_maintainer_has_a_name_and_an_address() {
        let check = |text: &str, expected| check(maintainer, text, expected);
        check("Ada Lovelace <ada@example.org>", Ok(()));
        check("Zoë O'Hara (shop) <z.o'hara+shop@mail.example.org>", Ok(()));
        check("", Err(BadName::Empty));
        check("ada@example.org", Err(BadName::Maintainer));
        check("<ada@example.org>", Err(BadName::Maintainer));
        check("Ada<ada@example.org>", Err(BadName::Maintainer));
        check(" Ada <ada@example.org>", Err(BadName::Maintainer));
        check("Ada <ada@example.org>, B <b@c>", Err(BadName::Address));
        check("Ada <ada>", Err(BadName::Address));
        check("Ada <a d@example.org>", Err(BadName::Address));
        check("Ada <ada@example..org>", Err(BadName::Address));
        check("Ada <ada@-a>", Err(BadName::Address));
        check("Ada\nDepends: x <a@b>", Err(BadName::Character('\n')));
    }

    #[test]
    fn a_section_has_at_most_an_area() {
        let check = |text: &str, expected| check(section, text, expected);
        check("python", Ok(()));
        check("non-free/web", Ok(()));
        check("Web", Err(BadName::Character('W')));
        check("a/", Err(BadName::Section));
        check("a/b/c", Err(BadName::Section));
    }

    #[test]
    fn a_suffix_fits_both_formats() {
        let check = |text: &str, expected| check(suffix, text, expected);
        check("deb12", Ok(()));
        check("ubuntu24.04", Ok(()));
        check("deb-12", Err(BadName::Character('-')));
        check("~deb12", Err(BadName::Character('~')));
        check(".el9", Err(BadName::Dots));
        check("", Err(BadName::Empty));
    }

    #[test]
    fn a_key_has_a_long_id_or_an_address() {
        let check = |text: &str, expected| check(signing_key, text, expected);
        check("0123456789abcDEF", Ok(()));
        check("0x0123456789ABCDEF!", Ok(()));
        check(&"A1".repeat(20), Ok(()));
        check("packages@example.org", Ok(()));
        check("89ABCDEF", Err(BadName::ShortKey));
        check("Packages", Err(BadName::Key));
        check("--batch@example.org", Err(BadName::Key));
        check("=a@b", Err(BadName::Key));
        check("A1B2 C3D4", Err(BadName::Key));
        check("", Err(BadName::Empty));
    }

    #[test]
    fn a_unit_is_named_as_its_file() {
        let check = |text: &str, expected| check(unit, text, expected);
        check("shop.service", Ok(()));
        check("deploy/my units/shop-web@.socket", Ok(()));
        check("shop.conf", Err(BadName::UnitSuffix));
        check("shop", Err(BadName::UnitSuffix));
        check(".service", Err(BadName::UnitSuffix));
        check("a.service/", Err(BadName::UnitSuffix));
        check("shop web.service", Err(BadName::Character(' ')));
        check("$(x).timer", Err(BadName::Character('$')));
        check("a\\x2d.mount", Err(BadName::Character('\\')));
        check("-a.service", Err(BadName::Start('-')));
    }

    #[test]
    fn a_file_goes_where_packages_have_theirs() {
        let check = |text: &str, expected| check(destination, text, expected);
        check("/etc/shop/shop.toml", Ok(()));
        check("/usr/share/shop/a+b_c@d~1", Ok(()));
        check("/var/lib/shop/seed.db", Ok(()));
        check("/opt/shop/share/x", Ok(()));
        check("/etc/systemd/system/shop.service.d/limits.conf", Ok(()));
        check("", Err(BadName::Empty));
        check("etc/shop", Err(BadName::Relative));
        check("/etc/shop/", Err(BadName::Directory));
        check("/", Err(BadName::Directory));
        check("/etc//shop", Err(BadName::Parts));
        check("/etc/../shop", Err(BadName::Parts));
        check("/etc/./shop", Err(BadName::Parts));
        check("/etc/a b", Err(BadName::Character(' ')));
        check("/etc/a\n", Err(BadName::Character('\n')));
        check("/etc/$x", Err(BadName::Character('$')));
        check("/usr/local/bin/shop", Err(BadName::Administrator));
        check("/usr/local", Err(BadName::Administrator));
        check("/usr/locale", Ok(()));
        check("/lib/udev/x", Err(BadName::Merged));
        check("/usr/lib/systemd/system/a.service", Err(BadName::Unit));
        check("/etc/systemd/system/a.timer", Err(BadName::Unit));
        check("/usr/share/doc/shop", Err(BadName::Written));
        check("/usr/share/doc/shop/copyright", Err(BadName::Written));
        check(
            "/usr/share/doc/shop/changelog.Debian.gz",
            Err(BadName::Written),
        );
        check("/usr/share/lintian/overrides/shop", Err(BadName::Written));
        check("/usr/share/licenses/shop/MIT.txt", Err(BadName::Written));
        check("/usr/share/doc/shop/README", Ok(()));
        for path in [
            "/opt/shop",
            "/etc",
            "/var/run",
            "/var/run/a",
            "/var/tmp/a",
            "/tmp/a",
        ] {
            check(path, Err(BadName::Place));
        }
        for root in [
            "proc", "sys", "dev", "home", "run", "root", "srv", "mnt", "data",
        ] {
            check(&format!("/{root}/a"), Err(BadName::Place));
        }
    }

    proptest! {
        #[test]
        fn an_accepted_name_is_harmless_in_a_script(text in "[ -~\\n]{0,16}|/etc/[ -~]{1,9}|[a-z$` ]{1,4}[.]service") {
            let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"/._+@:=,~^-".contains(&byte);
            for read in [package_name, section, suffix, destination] {
                if let Ok(name) = read(&text) {
                    prop_assert!(name.bytes().all(safe) && !name.starts_with('~'));
                }
            }
            if let Ok(name) = unit(&text) {
                let name = name.rsplit('/').next().unwrap();
                prop_assert!(name.bytes().all(safe) && !name.starts_with(['-', '.', '~']));
            }
        }
    }
}
