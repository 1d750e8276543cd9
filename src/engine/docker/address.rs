//! Addresses of engines as they are written in `DOCKER_HOST`: unix sockets, tcp with or without TLS, ssh.

use std::path::{Path, PathBuf};

use super::tls::Tls;

/// Where a daemon's socket is, on this machine and at the far end of ssh.
pub(super) const SOCKET: &str = "/var/run/docker.sock";

/// How an engine is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A socket of this machine, by its absolute path.
    Unix(PathBuf),
    /// A port of a host; without `tls` nothing is encrypted and nobody is authenticated.
    Tcp {
        /// Host and port, with brackets around an IPv6 address.
        authority: String,
        /// The certificates, when the connection is TLS.
        tls: Option<Tls>,
    },
    /// A socket of another machine, brought here by ssh.
    Ssh {
        /// What ssh takes as its destination: `host` or `user@host`, or a name of its configuration.
        destination: String,
        /// The port of the ssh server, when it is given.
        port: Option<u16>,
        /// The engine's socket over there.
        socket: String,
    },
}

/// An address as it is written, before it is known whether its connection is TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// A unix socket.
    Unix(PathBuf),
    /// A tcp port; `https` when the scheme itself asks for TLS.
    Tcp {
        host: String,
        port: Option<u16>,
        https: bool,
    },
    /// A socket behind ssh.
    Ssh {
        destination: String,
        port: Option<u16>,
        socket: String,
    },
}

/// The forms that an address may have, for help.
pub(super) const FORMS: &str = "an engine's address is unix:///path/to.sock, tcp://host:port, https://host:port or ssh://user@host";

/// Reads an address; the error says what is wrong with it, as a fragment.
pub(super) fn parse(text: &str) -> Result<Written, String> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(if text.starts_with('/') {
            format!("has no scheme: a socket is written unix://{text}")
        } else {
            format!("has no scheme: a port is written tcp://{text}")
        });
    };
    match scheme {
        "unix" if Path::new(rest).is_absolute() => Ok(Written::Unix(rest.into())),
        "unix" => Err("needs the absolute path of a socket".to_owned()),
        "tcp" | "http" | "https" => {
            let rest = rest.strip_suffix('/').unwrap_or(rest);
            if rest.contains('/') {
                return Err("has a path, and an engine behind a path is not supported".to_owned());
            }
            if rest.contains('@') {
                return Err("has a user, which only ssh:// takes".to_owned());
            }
            let (host, port) = host_and_port(rest)?;
            Ok(Written::Tcp {
                host,
                port,
                https: scheme == "https",
            })
        }
        "ssh" => ssh(rest),
        "npipe" => Err("is a named pipe of Windows, which this machine has not".to_owned()),
        other => Err(format!("has the unknown scheme `{other}`")),
    }
}

/// Reads what follows `ssh://`.
///
/// The destination becomes an argument of ssh, so what could be read as an option is refused.
fn ssh(rest: &str) -> Result<Written, String> {
    let (authority, socket) = match rest.find('/') {
        Some(slash) if rest.len() > slash + 1 => (&rest[..slash], &rest[slash..]),
        Some(slash) => (&rest[..slash], SOCKET),
        None => (rest, SOCKET),
    };
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    if user.is_some_and(|user| user.contains(':')) {
        return Err("has a password, and ssh takes none: use a key or an agent".to_owned());
    }
    let (host, port) = host_and_port(host)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let destination = match user {
        Some(user) => format!("{user}@{host}"),
        None => host.to_owned(),
    };
    if destination.starts_with(['-', '@']) {
        return Err("names no host".to_owned());
    }
    Ok(Written::Ssh {
        destination,
        port,
        socket: socket.to_owned(),
    })
}

/// Splits a host, with brackets when it is an IPv6 address, from its port.
fn host_and_port(text: &str) -> Result<(String, Option<u16>), String> {
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("has a blank in it".to_owned());
    }
    let (host, port) = match text.rsplit_once(':') {
        // The colons of a bare IPv6 address end before its closing bracket.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    if host.is_empty() || (host.contains(':') && !bracketed) {
        return Err("names no host".to_owned());
    }
    let port = match port {
        Some(port) => match port.parse() {
            Ok(port) => Some(port),
            Err(_) => return Err(format!("has `{port}` for a port")),
        },
        None => None,
    };
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: Option<u16>, https: bool) -> Result<Written, String> {
        Ok(Written::Tcp {
            host: host.to_owned(),
            port,
            https,
        })
    }

    fn over_ssh(destination: &str, port: Option<u16>, socket: &str) -> Result<Written, String> {
        Ok(Written::Ssh {
            destination: destination.to_owned(),
            port,
            socket: socket.to_owned(),
        })
    }

    #[test]
    fn an_address_is_read_by_its_scheme() {
        let check = |text: &str, expected: Result<Written, String>| {
            assert_eq!(parse(text), expected, "{text}");
        };
        check(
            "unix:///run/a.sock",
            Ok(Written::Unix("/run/a.sock".into())),
        );
        check("tcp://host", tcp("host", None, false));
        check("tcp://10.0.0.1:2375/", tcp("10.0.0.1", Some(2375), false));
        check("https://[::1]:2376", tcp("[::1]", Some(2376), true));
        check("http://[::1]", tcp("[::1]", None, false));
        check("ssh://box", over_ssh("box", None, SOCKET));
        check("ssh://me@box:2222/", over_ssh("me@box", Some(2222), SOCKET));
        check("ssh://me@[::1]:22", over_ssh("me@::1", Some(22), SOCKET));
        check(
            "ssh://me@box/run/x.sock",
            over_ssh("me@box", None, "/run/x.sock"),
        );
    }

    #[test]
    fn a_wrong_address_says_what_is_wrong() {
        let check = |text: &str, expected: &str| {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        };
        check("/var/run/docker.sock", "unix:///var/run/docker.sock");
        check("host:2375", "tcp://host:2375");
        check("unix://run/a.sock", "absolute");
        check("npipe:////./pipe/docker_engine", "Windows");
        check("ftp://host", "unknown scheme `ftp`");
        check("tcp://", "names no host");
        check("tcp://:2375", "names no host");
        check("tcp://host:docker", "`docker` for a port");
        check("tcp://::1:2375", "names no host");
        check("tcp://host:2375/engine", "path");
        check("tcp://me@host:2375", "user");
        check("ssh://-oProxyCommand=evil", "names no host");
        check("ssh://me:secret@box", "password");
        check("ssh://a b", "blank");
    }
}
