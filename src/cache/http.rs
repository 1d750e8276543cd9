//! HTTP as shared caches and downloads need it: deadlines by progress, bounded retries, bodies from and to files.

mod body;
mod problem;
mod tls;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once, OnceLock};
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::{Instant, sleep, timeout};
use url::Url;

pub(super) use self::body::Payload;
use self::body::{Body, open};
pub(super) use self::problem::Problem;

/// How long a shared cache is waited for.
///
/// A transfer may take as long as it makes progress; a server that answers nothing, or drips, costs
/// seconds.
#[derive(Clone, Debug)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For an answer, once a request is sent.
    pub answer: Duration,
    /// Without a byte more of a body, in either direction.
    pub stall: Duration,
    /// The bytes a second that a transfer makes at least, over all of it.
    pub slowest: u64,
    /// How often a request is made in all, where the server or the connection fails at once.
    pub tries: u32,
    /// Before the second try; it doubles with each.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            answer: Duration::from_secs(10),
            stall: Duration::from_secs(10),
            slowest: 64 << 10,
            tries: 4,
            pause: Duration::from_millis(200),
        }
    }
}

impl Patience {
    /// How long a transfer of so many bytes may take.
    fn whole(&self, size: u64) -> Duration {
        self.answer + self.stall + Duration::from_secs(size / self.slowest.max(1))
    }

    /// How long an answer may take after so many bytes: a server looks at them before it answers.
    fn answer_after(&self, size: u64) -> Duration {
        self.answer + Duration::from_secs(size / (32 << 20))
    }
}

/// What is asked.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub payload: Payload,
    /// Whether another address that the server names is asked in its place.
    pub follow: bool,
}

impl Request {
    /// Asks for what is at an address.
    pub fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            payload: Payload::Empty,
            follow: false,
        }
    }

    /// Adds a header; a value that no header can have is left out, and the server says what it misses.
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Adds a body.
    pub fn with(mut self, payload: Payload) -> Self {
        self.payload = payload;
        self
    }

    /// Follows redirections.
    pub fn following(mut self) -> Self {
        self.follow = true;
        self
    }
}

/// Where the body of a good answer goes.
#[derive(Clone, Debug)]
pub(super) enum Sink {
    /// Into memory, up to so many bytes.
    Memory(u64),
    /// Into a file, which is made anew, up to so many bytes.
    File(PathBuf, u64),
}

/// What is answered.
#[derive(Debug)]
pub(super) struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The body, where it is in memory; of an answer that is no success, its beginning.
    pub body: Bytes,
}

impl Reply {
    /// Returns a header as text.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// The most bytes of an answer that is no success that are read.
const MESSAGE: u64 = 64 << 10;

/// How many redirections are followed.
const REDIRECTIONS: usize = 5;

type Connector = HttpsConnector<HttpConnector>;

/// A client.
pub(super) struct Http {
    patience: Patience,
    authorities: Vec<PathBuf>,
    /// Further authorities, in PEM form.
    bundle: Vec<u8>,
    /// Made at the first request: reading the system's authorities takes a while.
    client: OnceLock<Client<Connector, Body>>,
}

impl Http {
    /// Makes a client that trusts the system's authorities and those in the files.
    pub fn new(patience: Patience, authorities: Vec<PathBuf>) -> Self {
        Self {
            patience,
            authorities,
            bundle: Vec::new(),
            client: OnceLock::new(),
        }
    }

    /// Trusts the authorities of a bundle too.
    pub fn trusting(mut self, bundle: &[u8]) -> Self {
        self.bundle = bundle.to_vec();
        self
    }

    fn client(&self) -> &Client<Connector, Body> {
        self.client.get_or_init(|| {
            static PROVIDER: Once = Once::new();
            PROVIDER.call_once(|| {
                // Somebody else's choice stands.
                let _ = rustls::crypto::ring::default_provider().install_default();
            });
            let mut connector = HttpConnector::new();
            connector.set_connect_timeout(Some(self.patience.connect));
            connector.set_nodelay(true);
            connector.enforce_http(false);
            let connector = hyper_rustls::HttpsConnectorBuilder::new()
                .with_tls_config(tls::config(&self.authorities, &self.bundle))
                .https_or_http()
                .enable_http1()
                .wrap_connector(connector);
            Client::builder(TokioExecutor::new())
                .pool_idle_timeout(Duration::from_secs(20))
                .build(connector)
        })
    }

    /// Asks until there is an answer, an error that asking again does not mend, or enough was tried.
    pub async fn exchange(&self, request: &Request, sink: &Sink) -> Result<Reply, Problem> {
        let mut tries = self.tries();
        loop {
            let result = self.once(request, sink).await;
            if !tries.again(&result).await {
                return result;
            }
        }
    }

    /// Starts to count tries.
    pub fn tries(&self) -> Tries {
        Tries {
            left: self.patience.tries.saturating_sub(1),
            pause: self.patience.pause,
            until: Instant::now() + self.patience.answer,
        }
    }

    /// Asks once.
    pub async fn once(&self, request: &Request, sink: &Sink) -> Result<Reply, Problem> {
        let mut url = request.url.clone();
        let mut headers = request.headers.clone();
        for _ in 0..=REDIRECTIONS {
            let response = self.send(request, &url, &headers).await?;
            let status = response.status();
            let redirects = request.follow && status.is_redirection();
            if let Some(next) = redirects.then(|| location(&url, &response)).flatten() {
                if next.origin() != url.origin() {
                    headers.remove(AUTHORIZATION);
                }
                if url.scheme() == "https" && next.scheme() != "https" {
                    let cause = format!("it redirects from TLS to {next}");
                    return Err(Problem::Answer(cause));
                }
                url = next;
                continue;
            }
            return self.receive(response, sink).await;
        }
        Err(Problem::Answer("it redirects again and again".to_owned()))
    }

    async fn send(
        &self,
        request: &Request,
        url: &Url,
        headers: &HeaderMap,
    ) -> Result<http::Response<Incoming>, Problem> {
        let size = request.payload.size();
        let sent = Arc::new(AtomicU64::new(0));
        let body = open(&request.payload, &sent).await?;
        let mut asked = http::Request::builder()
            .method(request.method.clone())
            .uri(url.as_str())
            .body(body)
            .map_err(|error| Problem::Answer(error.to_string()))?;
        *asked.headers_mut() = headers.clone();
        let agent = concat!("builder/", env!("CARGO_PKG_VERSION"));
        { asked.headers_mut() }.insert(USER_AGENT, HeaderValue::from_static(agent));
        if !matches!(request.payload, Payload::Empty) || request.method == Method::POST {
            { asked.headers_mut() }.insert(CONTENT_LENGTH, HeaderValue::from(size));
        }
        let sending = self.client().request(asked);
        tokio::pin!(sending);
        let end = Instant::now() + self.patience.whole(size);
        let mut seen = 0;
        loop {
            let wait = match seen == size {
                true => self.patience.answer_after(size),
                false => self.patience.stall,
            };
            let wait = wait.min(end.saturating_duration_since(Instant::now()));
            if let Ok(result) = timeout(wait, &mut sending).await {
                return result.map_err(|error| Problem::of(&error, error.is_connect()));
            }
            let now = sent.load(Ordering::Relaxed);
            if now == seen || Instant::now() >= end {
                return Err(Problem::Slow(match seen == size {
                    true => format!("it gave no answer within {} s", wait.as_secs().max(1)),
                    false => format!("it took {now} of {size} bytes and then no more"),
                }));
            }
            seen = now;
        }
    }

    async fn receive(
        &self,
        response: http::Response<Incoming>,
        sink: &Sink,
    ) -> Result<Reply, Problem> {
        let (parts, body) = response.into_parts();
        let good = parts.status.is_success();
        let (limit, path) = match sink {
            Sink::File(path, size) if good => (*size, Some(path)),
            Sink::Memory(limit) if good => (*limit, None),
            Sink::File(..) | Sink::Memory(_) => (MESSAGE, None),
        };
        let mut receiver = body::Receiver::new(path).await?;
        let received = self.drain(body, limit, &mut receiver).await;
        match (received, good) {
            (Err(problem), true) => Err(problem),
            // Why it refuses is good to know, and no more than that.
            (Err(_), false) | (Ok(()), _) => Ok(Reply {
                status: parts.status,
                headers: parts.headers,
                body: receiver.finish().await?,
            }),
        }
    }

    /// Takes what comes, up to a limit; a body that is longer is cut there in a file, where the
    /// limit is the size that is known, and refused in memory.
    async fn drain(
        &self,
        mut body: Incoming,
        limit: u64,
        receiver: &mut body::Receiver,
    ) -> Result<(), Problem> {
        let end = Instant::now() + self.patience.whole(limit);
        let mut received = 0;
        loop {
            let wait = (self.patience.stall).min(end.saturating_duration_since(Instant::now()));
            let frame = match timeout(wait, body.frame()).await {
                Ok(Some(frame)) => frame.map_err(|error| Problem::of(&error, false))?,
                Ok(None) => return Ok(()),
                Err(_) => {
                    let cause = format!("{received} bytes came, and then no more in time");
                    return Err(Problem::Slow(cause));
                }
            };
            let Ok(mut data) = frame.into_data() else {
                continue;
            };
            let left = limit - received;
            if data.len() as u64 > left {
                if !receiver.is_file() {
                    let cause = format!("it sends more than {limit} bytes");
                    return Err(Problem::Answer(cause));
                }
                data.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                return receiver.take(&data).await;
            }
            received += data.len() as u64;
            receiver.take(&data).await?;
        }
    }
}

/// Reads where a redirection leads.
fn location(from: &Url, response: &http::Response<Incoming>) -> Option<Url> {
    let text = response.headers().get(LOCATION)?.to_str().ok()?;
    from.join(text).ok()
}

/// How often a request is made, and how long that may go on.
pub(super) struct Tries {
    left: u32,
    pause: Duration,
    until: Instant,
}

impl Tries {
    /// Waits before another try, or says that there is none.
    pub async fn again(&mut self, result: &Result<Reply, Problem>) -> bool {
        let worth = match result {
            Ok(reply) => matches!(
                reply.status.as_u16(),
                408 | 409 | 429 | 500 | 502 | 503 | 504
            ),
            Err(problem) => problem.may_pass(),
        };
        if !worth || self.left == 0 || Instant::now() + self.pause > self.until {
            return false;
        }
        self.left -= 1;
        sleep(self.pause).await;
        self.pause *= 2;
        true
    }
}
