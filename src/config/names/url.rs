//! URLs of package indexes.

use super::{BadName, bounded, only};

/// The characters of a URL in RFC 3986, without letters, digits and the fragment's `#`, which
/// means nothing to an index. There is no white space, where pip splits `PIP_EXTRA_INDEX_URL`.
const MARKS: &str = "-._~:/?[]@!$&'()*+,;=%";

/// Checks the URL of a package index: `http`, `https` or `file`, with no user name or password.
pub fn index_url(text: &str) -> Result<String, BadName> {
    bounded(text, 2000)?;
    let web = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let Some(rest) = web else {
        let is_file = text.starts_with("file:///");
        return only_url(text).and(if is_file {
            Ok(text.to_owned())
        } else {
            Err(BadName::UrlScheme)
        });
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let (host, port) = host_and_port(authority);
    // A password with a raw `/` in it ends the authority early, and shows itself as no port.
    let is_port = port.bytes().all(|digit| digit.is_ascii_digit());
    if authority.contains('@') || (!is_port && rest.contains('@')) {
        return Err(BadName::UrlCredentials);
    }
    only_url(text)?;
    match is_port && is_host(host) {
        true => Ok(text.to_owned()),
        false => Err(BadName::UrlHost),
    }
}

/// Splits a port off; the colons of an IPv6 address end before its closing bracket.
fn host_and_port(authority: &str) -> (&str, &str) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (authority, ""),
    }
}

/// Tells whether a text is a host, and perhaps a port, and nothing more.
pub(super) fn is_authority(text: &str) -> bool {
    let (host, port) = host_and_port(text);
    let is_port = port.is_empty() || port.parse::<u16>().is_ok();
    is_port
        && is_host(host)
        && only(text, |c| c.is_ascii_alphanumeric() || "-._:[]".contains(c)).is_ok()
}

fn only_url(text: &str) -> Result<(), BadName> {
    only(text, |character| {
        character.is_ascii_alphanumeric() || MARKS.contains(character)
    })
}

/// Checks a name, an IPv4 address, or an IPv6 address in brackets.
fn is_host(host: &str) -> bool {
    match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(address) => {
            let digit = |byte: u8| byte.is_ascii_hexdigit() || b":.".contains(&byte);
            !address.is_empty() && address.bytes().all(digit)
        }
        None => !host.is_empty() && !host.contains(['[', ']', ':']),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_has_a_scheme_a_host_and_no_password() {
        let check = |text: &str, expected: Result<(), BadName>| {
            assert_eq!(index_url(text).map(drop), expected, "{text:?}");
        };
        check("https://pypi.org/simple", Ok(()));
        check("http://[::1]:3141/root/pypi/+simple/", Ok(()));
        check("https://a/b@c?d=e", Ok(()));
        check("file:///srv/wheels", Ok(()));
        check("", Err(BadName::Empty));
        check("pypi.org/simple", Err(BadName::UrlScheme));
        check("ftp://a/b", Err(BadName::UrlScheme));
        check("file://srv", Err(BadName::UrlScheme));
        check("https://", Err(BadName::UrlHost));
        check("https:///simple", Err(BadName::UrlHost));
        check("https://a[b/c", Err(BadName::UrlHost));
        check("https://[]/c", Err(BadName::UrlHost));
        check("https://user:secret@a/b", Err(BadName::UrlCredentials));
        check("https://${TOKEN}@a/b", Err(BadName::UrlCredentials));
        check("https://user:se/cret@a/b", Err(BadName::UrlCredentials));
        check("https://a:8080/b", Ok(()));
        check("https://a:b/c", Err(BadName::UrlHost));
        check("https://a/{b}", Err(BadName::Character('{')));
        check("https://a b", Err(BadName::Character(' ')));
    }
}
