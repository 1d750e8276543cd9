//! What goes wrong between a request and its answer, and what it means for a cache.

use std::error::Error;
use std::io;

use http::StatusCode;

use super::Reply;
use crate::cache::RemoteError;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cache) enum Problem {
    /// There is no connection.
    Connect(String),
    /// The connection broke.
    Broken(String),
    /// Nothing came or went for too long.
    Slow(String),
    /// What came is no answer.
    Answer(String),
    /// A file of this machine.
    Disk(String),
    /// What has its words for the caller already.
    Told(RemoteError),
}

impl Problem {
    /// Reads an error of the client library; its last cause says most.
    pub(super) fn of(error: &(dyn Error + 'static), connecting: bool) -> Self {
        let mut words = error.to_string();
        let mut reset = false;
        let mut next = error.source();
        while let Some(cause) = next {
            words = cause.to_string();
            if let Some(io) = cause.downcast_ref::<io::Error>() {
                reset |= matches!(
                    io.kind(),
                    io::ErrorKind::ConnectionReset
                        | io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::BrokenPipe
                        | io::ErrorKind::UnexpectedEof
                );
            }
            next = cause.source();
        }
        match connecting && !reset {
            true => Self::Connect(words),
            false => Self::Broken(words),
        }
    }

    /// Tells whether asking again at once may do.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Broken(_) => true,
            // Each of these took its time already, or will be the same.
            Self::Connect(_) | Self::Slow(_) | Self::Answer(_) | Self::Disk(_) | Self::Told(_) => {
                false
            }
        }
    }
}

impl From<Problem> for RemoteError {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Connect(cause)
            | Problem::Broken(cause)
            | Problem::Slow(cause)
            | Problem::Answer(cause) => Self::Unreachable(cause),
            Problem::Disk(cause) => Self::Disk(cause),
            Problem::Told(error) => error,
        }
    }
}

impl From<RemoteError> for Problem {
    fn from(error: RemoteError) -> Self {
        Self::Told(error)
    }
}

impl Reply {
    /// Says what the answer to something that was sent means, when it is no success.
    pub fn rejection(&self, what: &str) -> RemoteError {
        match self.refusal(what) {
            RemoteError::Gone(_) => {
                RemoteError::Refused(format!("{what} was answered by {}", self.status))
            }
            other => other,
        }
    }

    /// Says what an answer means that is no success.
    pub fn refusal(&self, what: &str) -> RemoteError {
        let status = self.status;
        let mut words = format!("{what} was answered by {status}");
        if let Some(message) = message(&self.body) {
            words = format!("{words}: {message}");
        }
        match status {
            StatusCode::NOT_FOUND => RemoteError::Gone(what.to_owned()),
            StatusCode::INSUFFICIENT_STORAGE | StatusCode::NOT_IMPLEMENTED => {
                RemoteError::Refused(words)
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                RemoteError::Unreachable(words)
            }
            status if status.is_client_error() => RemoteError::Refused(words),
            _ => RemoteError::Unreachable(words),
        }
    }
}

/// Finds a message for people in what a registry says in JSON, or an object store in XML.
fn message(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let json = serde_json::from_str::<serde_json::Value>(&text).ok();
    let found = match json
        .as_ref()
        .and_then(|json| json.pointer("/errors/0/message"))
    {
        Some(message) => message.as_str()?,
        None => {
            let rest = text.split_once("<Message>")?.1;
            rest.split_once("</Message>")?.0
        }
    };
    let legible = found.chars().filter(|character| !character.is_control());
    let message: String = legible.take(200).collect();
    (!message.is_empty()).then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> RemoteError {
        let reply = Reply {
            status: StatusCode::from_u16(status).unwrap(),
            headers: http::HeaderMap::new(),
            body: body.to_owned().into(),
        };
        reply.refusal("the upload")
    }

    #[test]
    fn an_answer_that_is_no_success_says_whose_turn_it_is() {
        let json = r#"{"errors": [{"message": "access\u001b[1m to the resource is denied"}]}"#;
        assert_eq!(
            reply(403, json).to_string(),
            "it refuses: the upload was answered by 403 Forbidden: access[1m to the resource is denied"
        );
        let xml = "<Error><Code>SlowDown</Code><Message>Reduce your rate.</Message></Error>";
        assert_eq!(
            reply(503, xml).to_string(),
            "it cannot be reached: the upload was answered by 503 Service Unavailable: Reduce your rate."
        );
        assert!(matches!(reply(507, ""), RemoteError::Refused(_)));
        assert!(matches!(reply(429, "{}"), RemoteError::Unreachable(_)));
        assert!(matches!(reply(404, ""), RemoteError::Gone(_)));
    }
}
