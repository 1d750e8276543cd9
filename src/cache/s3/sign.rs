//! Signatures of requests to an object store: AWS's Signature Version 4.

use http::Method;
use ring::digest::{SHA256, digest};
use ring::hmac;
use url::Url;

/// Who signs.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub id: String,
    pub secret: String,
    pub session: Option<String>,
}

/// What is signed.
pub(super) struct Signing<'a> {
    pub method: &'a Method,
    pub url: &'a Url,
    pub region: &'a str,
    /// The time as the protocol writes it: `20130524T000000Z`.
    pub time: &'a str,
    /// The SHA-256 of the body, in digits.
    pub payload: &'a str,
    /// Further headers that are signed, in lower case.
    pub headers: &'a [(&'static str, String)],
}

/// Returns all headers of the signature, those that are signed included.
pub(super) fn sign(keys: &Keys, what: &Signing<'_>) -> Vec<(&'static str, String)> {
    let mut headers = what.headers.to_vec();
    headers.push(("x-amz-content-sha256", what.payload.to_owned()));
    headers.push(("x-amz-date", what.time.to_owned()));
    if let Some(session) = &keys.session {
        headers.push(("x-amz-security-token", session.clone()));
    }
    let mut signed = headers.clone();
    signed.push(("host", authority(what.url)));
    signed.sort();
    let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let lines: String = { signed.iter() }
        .map(|(name, value)| format!("{name}:{}\n", value.trim()))
        .collect();
    let request = format!(
        "{}\n{}\n{}\n{lines}\n{names}\n{}",
        what.method,
        what.url.path(),
        what.url.query().unwrap_or_default(),
        what.payload,
    );
    let day = what.time.split('T').next().unwrap_or_default();
    let scope = format!("{day}/{}/s3/aws4_request", what.region);
    let text = format!(
        "AWS4-HMAC-SHA256\n{}\n{scope}\n{}",
        what.time,
        hex(digest(&SHA256, request.as_bytes()).as_ref())
    );
    let mut key = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{}", keys.secret).as_bytes());
    for part in [day, what.region, "s3", "aws4_request"] {
        let tag = hmac::sign(&key, part.as_bytes());
        key = hmac::Key::new(hmac::HMAC_SHA256, tag.as_ref());
    }
    let signature = hex(hmac::sign(&key, text.as_bytes()).as_ref());
    let id = &keys.id;
    let value = format!(
        "AWS4-HMAC-SHA256 Credential={id}/{scope},SignedHeaders={names},Signature={signature}"
    );
    headers.push(("authorization", value));
    headers
}

/// Writes the host and the port as the request's own header has them.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Writes a path as the signature wants it: everything but unreserved characters is escaped.
pub(super) fn escape(path: &str) -> String {
    let escaped = path.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    });
    escaped.collect()
}

/// Writes the SHA-256 of bytes in digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The two examples of the protocol's own documentation that have no query.
    #[test]
    fn the_examples_of_the_protocol_have_their_signatures() {
        let keys = Keys {
            id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            session: None,
        };
        let check = |method: Method, path: &str, payload: &[u8], headers: &[_], expected: &str| {
            let url = format!("https://examplebucket.s3.amazonaws.com/{path}");
            let signed = sign(
                &keys,
                &Signing {
                    method: &method,
                    url: &Url::parse(&url).unwrap(),
                    region: "us-east-1",
                    time: "20130524T000000Z",
                    payload: &sha256(payload),
                    headers,
                },
            );
            let (name, value) = signed.last().unwrap();
            assert_eq!(*name, "authorization");
            assert!(value.ends_with(&format!("Signature={expected}")), "{value}");
        };
        check(
            Method::GET,
            "test.txt",
            b"",
            &[("range", "bytes=0-9".to_owned())],
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        );
        check(
            Method::PUT,
            "test%24file.text",
            b"Welcome to Amazon S3.",
            &[
                ("date", "Fri, 24 May 2013 00:00:00 GMT".to_owned()),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY".to_owned()),
            ],
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        );
    }

    #[test]
    fn a_path_is_escaped_once() {
        assert_eq!(escape("a/b c+d~é"), "a/b%20c%2Bd~%C3%A9");
    }
}
