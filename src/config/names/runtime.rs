//! What a runtime image is told: its commands, ports, user and directory.

use super::packaging::absolute;
use super::{BadName, bounded, only};

/// The greatest user or group that engines take.
const GREATEST: u32 = i32::MAX as u32;

/// Checks an argument of a program.
pub fn argument(text: &str) -> Result<String, BadName> {
    only(text, |character| character != '\0').map(|()| text.to_owned())
}

/// Checks a program, the first entry of a command.
pub fn program(text: &str) -> Result<String, BadName> {
    match text.is_empty() {
        true => Err(BadName::Empty),
        false => argument(text),
    }
}

/// Checks a port, and leaves out the protocol where it is tcp.
pub fn port(text: &str) -> Result<String, BadName> {
    bounded(text, 100)?;
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    if whole(number).is_none_or(|number| number > u32::from(u16::MAX)) {
        return Err(BadName::Port);
    }
    match protocol {
        "tcp" => Ok(number.to_owned()),
        "udp" => Ok(text.to_owned()),
        _ => Err(BadName::Protocol),
    }
}

/// Checks a user and writes it with its group.
///
/// The group is the user's number where none is given, as engines take root's otherwise; it may be
/// 0, the group under which OpenShift runs every image.
pub fn user(text: &str) -> Result<String, BadName> {
    bounded(text, 100)?;
    let (user, group) = text.split_once(':').unwrap_or((text, text));
    let known = |text: &str| whole(text).is_some_and(|number| number <= GREATEST);
    if matches!(user, "0" | "root") {
        return Err(BadName::Root);
    }
    match known(user) && (group == "0" || known(group)) {
        true => Ok(format!("{user}:{group}")),
        false => Err(BadName::User),
    }
}

/// Checks a directory of an image.
pub fn directory(text: &str) -> Result<String, BadName> {
    match text {
        "/" => Ok(text.to_owned()),
        _ => absolute(text).map(|()| text.to_owned()),
    }
}

/// Checks a command of the check: one line for a shell.
pub fn test_line(text: &str) -> Result<String, BadName> {
    bounded(text, 4000)?;
    only(text, |character| !character.is_control())?;
    match text.trim_matches(' ').is_empty() {
        true => Err(BadName::Empty),
        false => Ok(text.to_owned()),
    }
}

/// Reads a number from 1, of which no digit is superfluous.
pub fn whole(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|digit| digit.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_a_number_with_a_protocol() {
        let check = |text: &str, expected: Result<&str, BadName>| {
            assert_eq!(port(text), expected.map(str::to_owned), "{text:?}");
        };
        check("1", Ok("1"));
        check("65535", Ok("65535"));
        check("8080/tcp", Ok("8080"));
        check("53/udp", Ok("53/udp"));
        for wrong in [
            "0",
            "65536",
            "080",
            "-1",
            "+1",
            "1.5",
            "80:80",
            "8000-8010",
            "http",
        ] {
            check(wrong, Err(BadName::Port));
        }
        check("", Err(BadName::Empty));
        check("53/sctp", Err(BadName::Protocol));
        check("53/", Err(BadName::Protocol));
        check("53/udp/x", Err(BadName::Protocol));
    }

    #[test]
    fn a_user_is_a_number_and_not_root() {
        let check = |text: &str, expected: Result<&str, BadName>| {
            assert_eq!(user(text), expected.map(str::to_owned), "{text:?}");
        };
        check("10001", Ok("10001:10001"));
        check("10001:20", Ok("10001:20"));
        check("2147483647:0", Ok("2147483647:0"));
        for root in ["0", "0:0", "0:10001", "root", "root:root"] {
            check(root, Err(BadName::Root));
        }
        check("", Err(BadName::Empty));
        for wrong in [
            "shop",
            "00",
            "01",
            "2147483648",
            "1:2:3",
            "1:",
            ":1",
            "1:shop",
            "1.0",
        ] {
            check(wrong, Err(BadName::User));
        }
    }

    #[test]
    fn a_directory_is_absolute() {
        let check = |text: &str, expected: Result<(), BadName>| {
            assert_eq!(directory(text).map(drop), expected, "{text:?}");
        };
        check("/", Ok(()));
        check("/srv/shop", Ok(()));
        check("srv", Err(BadName::Relative));
        check("/srv/", Err(BadName::Directory));
        check("/srv/../etc", Err(BadName::Parts));
        check("/a\nUSER 0", Err(BadName::Character('\n')));
    }

    #[test]
    fn a_command_of_the_check_is_one_line() {
        let check = |text: &str, expected: Result<(), BadName>| {
            assert_eq!(test_line(text).map(drop), expected, "{text:?}");
        };
        check("shop --version | grep '1.2'", Ok(()));
        check("", Err(BadName::Empty));
        check("  ", Err(BadName::Empty));
        check("a\nb", Err(BadName::Character('\n')));
        check("a\0", Err(BadName::Character('\0')));
    }

    #[test]
    fn a_program_has_a_name_and_an_argument_may_be_empty() {
        assert_eq!(program(""), Err(BadName::Empty));
        assert_eq!(argument(""), Ok(String::new()));
        assert_eq!(argument("a\0"), Err(BadName::Character('\0')));
    }
}
