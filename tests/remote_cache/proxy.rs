//! A proxy before a server that does harm to chosen requests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What is done to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The body is taken, and the answer is this status.
    Status(u16),
    /// Everything is taken and nothing said.
    Silence,
    /// The connection ends after so many bytes of the request's body.
    CutRequest(usize),
    /// After so many bytes of the request's body no more is taken.
    StallRequest(usize),
    /// The connection ends after so many bytes of the answer's body.
    CutAnswer(usize),
    /// After so many bytes of the answer's body no more comes.
    StallAnswer(usize),
    /// One byte of the answer's body is another.
    FlipAnswer,
    /// One byte of the request's body is another.
    FlipRequest,
}

/// Which requests are harmed, and how often.
#[derive(Clone, Copy)]
pub struct Harm {
    pub fault: Fault,
    /// The method and a part of the path.
    pub on: (&'static str, &'static str),
    /// How many such requests pass before.
    pub after: u32,
    pub times: u32,
}

/// Starts a proxy; returns its port. Each connection carries one request.
pub async fn start(server: u16, harm: Harm) -> u16 {
    counting(server, harm).await.0
}

/// Starts a proxy; returns its port, and how many requests were meant so far.
pub async fn counting(server: u16, harm: Harm) -> (u16, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let counted = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&counted);
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let far = SocketAddr::from(([127, 0, 0, 1], server));
                // A connection that breaks is what many of the tests are about.
                let _ = serve(near, far, harm, &count).await;
            });
        }
    });
    (port, counted)
}

async fn serve(
    mut near: TcpStream,
    far: SocketAddr,
    harm: Harm,
    count: &AtomicU32,
) -> std::io::Result<()> {
    let (head, early) = head(&mut near).await?;
    let (method, path) = harm.on;
    let line = head.lines().next().unwrap_or_default().to_owned();
    let meant = line.starts_with(&format!("{method} ")) && line.contains(path);
    let number = meant.then(|| count.fetch_add(1, Ordering::Relaxed));
    let harmed = number
        .and_then(|number| number.checked_sub(harm.after))
        .is_some_and(|number| number < harm.times);
    let fault = harmed.then_some(harm.fault);
    let size: usize = { head.lines() }
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0);
    match fault {
        Some(Fault::StallRequest(bytes)) => {
            take(&mut near, bytes.saturating_sub(early.len())).await?;
            tokio::time::sleep(Duration::from_secs(60)).await;
            return Ok(());
        }
        Some(Fault::CutRequest(bytes)) => {
            return take(&mut near, bytes.saturating_sub(early.len())).await;
        }
        Some(Fault::Silence) => {
            take(&mut near, size - early.len()).await?;
            tokio::time::sleep(Duration::from_secs(60)).await;
            return Ok(());
        }
        Some(Fault::Status(status)) => {
            take(&mut near, size - early.len()).await?;
            let answer =
                format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            near.write_all(answer.as_bytes()).await?;
            return near.shutdown().await;
        }
        Some(_) | None => {}
    }
    let mut far = TcpStream::connect(far).await?;
    let asked = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    far.write_all(asked.as_bytes()).await?;
    let mut early = early;
    if fault == Some(Fault::FlipRequest) && size > 0 {
        if early.is_empty() {
            early = vec![near.read_u8().await?];
        }
        early[0] ^= 1;
    }
    far.write_all(&early).await?;
    let rest = (size - early.len()) as u64;
    tokio::io::copy(&mut (&mut near).take(rest), &mut far).await?;

    let (head, mut early) = self::head(&mut far).await?;
    near.write_all(head.as_bytes()).await?;
    match fault {
        Some(Fault::CutAnswer(bytes)) => pass(&mut far, &mut near, &early, bytes).await,
        Some(Fault::StallAnswer(bytes)) => {
            pass(&mut far, &mut near, &early, bytes).await?;
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok(())
        }
        other => {
            if other == Some(Fault::FlipAnswer) {
                if early.is_empty() {
                    early = vec![far.read_u8().await?];
                }
                early[0] ^= 1;
            }
            near.write_all(&early).await?;
            tokio::io::copy(&mut far, &mut near).await?;
            near.shutdown().await
        }
    }
}

/// Passes on so many bytes of a body of which some came with the head.
async fn pass(
    from: &mut TcpStream,
    to: &mut TcpStream,
    early: &[u8],
    bytes: usize,
) -> std::io::Result<()> {
    to.write_all(&early[..bytes.min(early.len())]).await?;
    let rest = bytes.saturating_sub(early.len()) as u64;
    tokio::io::copy(&mut from.take(rest), to).await?;
    to.flush().await
}

/// Takes so many bytes and drops them.
async fn take(from: &mut TcpStream, bytes: usize) -> std::io::Result<()> {
    tokio::io::copy(&mut from.take(bytes as u64), &mut tokio::io::sink()).await?;
    Ok(())
}

/// Reads the head of a request or an answer, and what came of the body with it.
async fn head(from: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
            let body = bytes.split_off(end + 4);
            return Ok((String::from_utf8_lossy(&bytes).into_owned(), body));
        }
        let mut chunk = [0; 4096];
        match from.read(&mut chunk).await? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}
