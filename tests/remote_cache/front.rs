//! A registry's front that demands tokens, as hosted registries do, and sends readers of blobs elsewhere.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the front saw, and which tokens it gives out.
#[derive(Default)]
pub struct Seen {
    /// The tokens that are given out, one a request; the last one stays.
    pub tokens: VecDeque<&'static str>,
    /// The token that is accepted now.
    pub accepted: &'static str,
    /// What token requests carried: the line, the header, and the body.
    pub logins: Vec<String>,
    /// The `authorization` headers that came with redirected requests.
    pub strayed: Vec<String>,
}

pub type Shared = Arc<Mutex<Seen>>;

/// Starts a front before a registry; returns its port.
pub async fn start(registry: u16, seen: &Shared) -> u16 {
    let elsewhere = listen(registry, seen, None).await;
    listen(registry, seen, Some(elsewhere)).await
}

/// Listens: as the front, which sends readers of blobs to a port, or as that port.
async fn listen(registry: u16, seen: &Shared, blobs_at: Option<u16>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::clone(seen);
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            tokio::spawn(async move { serve(near, port, registry, &seen, blobs_at).await });
        }
    });
    port
}

async fn serve(
    mut near: TcpStream,
    port: u16,
    registry: u16,
    seen: &Mutex<Seen>,
    blobs_at: Option<u16>,
) -> Option<()> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
            break end + 4;
        }
        bytes.push(near.read_u8().await.ok()?);
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let header = |wanted: &str| {
        let mut lines = head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "));
        lines
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.to_owned())
    };
    let size = header("content-length").and_then(|size| size.parse().ok());
    let mut body = vec![0; size.unwrap_or(0)];
    near.read_exact(&mut body).await.ok()?;
    let line = head.lines().next()?;
    let authorization = header("authorization").unwrap_or_default();
    let answer = |status: &str, extra: &str, body: &str| {
        format!(
            "HTTP/1.1 {status}\r\n{extra}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    let own = {
        let mut seen = seen.lock().unwrap();
        let challenge = format!(
            "WWW-Authenticate: Bearer realm=\"http://127.0.0.1:{port}/token?a=b\",service=\"the service\"\r\n"
        );
        match blobs_at {
            None => {
                seen.strayed.push(authorization);
                None
            }
            Some(_) if line.contains(" /token") => {
                let body = String::from_utf8_lossy(&body);
                seen.logins
                    .push(format!("{line} | {authorization} | {body}"));
                let token = seen.tokens.pop_front().unwrap_or(seen.accepted);
                Some(answer("200 OK", "", &format!("{{\"token\": \"{token}\"}}")))
            }
            Some(_) if authorization != format!("Bearer {}", seen.accepted) => {
                Some(answer("401 Unauthorized", &challenge, "{}"))
            }
            Some(elsewhere) if line.starts_with("GET ") && line.contains("/blobs/") => {
                let path = line.split(' ').nth(1)?;
                let location = format!("Location: http://127.0.0.1:{elsewhere}{path}\r\n");
                Some(answer("307 Temporary Redirect", &location, ""))
            }
            Some(_) => None,
        }
    };
    if let Some(own) = own {
        near.write_all(own.as_bytes()).await.ok()?;
        return near.shutdown().await.ok();
    }
    let mut far = TcpStream::connect(("127.0.0.1", registry)).await.ok()?;
    let asked = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    far.write_all(asked.as_bytes()).await.ok()?;
    far.write_all(&body).await.ok()?;
    tokio::io::copy(&mut far, &mut near).await.ok()?;
    near.shutdown().await.ok()
}
