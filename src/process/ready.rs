//! Waiting until a target answers.
//!
//! It asks for one path, or for no more than a connection, each time over a connection of its own that is opened just as those of the load will be, and
//! gives up when the deadline has passed or when the target has ended. It neither starts nor stops anything.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use thiserror::Error;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::exit::ProcessExit;
use crate::transport::answer::ExpectBody;
use crate::transport::http1::{Decoder, Limits, Progress};
use crate::transport::stream::{Endpoint, OpenError, Stream};
use crate::transport::tls::stream_failure;

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// A single answer may take this long; a target that hangs once while it starts is asked again.
const ONE_ANSWER: Duration = Duration::from_secs(2);

/// What is asked for, and where.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Where the target listens.
    pub endpoint: Endpoint,
    /// The target as named in the Host header.
    pub authority: String,
    /// Begins with `/` and has neither spaces nor control characters. Without one it is enough that a connection is
    /// accepted.
    pub path: Option<String>,
}

/// The URL that it stands for, or the address.
impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(path) = &self.path else {
            return f.write_str(&self.authority);
        };
        let scheme = match self.endpoint.tls {
            Some(_) => "https",
            None => "http",
        };
        // A query may hold a credential.
        let path = path.split('?').next().unwrap_or_default();
        write!(f, "{scheme}://{}{path}", self.authority)
    }
}

/// Why a target did not become ready.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NotReady {
    /// It ended before it answered.
    #[error("{0} before {1} answered")]
    Ended(ProcessExit, String),
    /// It did not answer with a 2xx status in time.
    #[error(
        "{url} gave no 2xx answer within {waited:?}, last seen: {last}; check the port and the `ready` path"
    )]
    TimedOut {
        /// The URL without its query.
        url: String,
        /// How long was waited.
        waited: Duration,
        /// The last outcome: connection refused, a status, a timeout.
        last: String,
    },
    /// It accepted no connection in time.
    #[error(
        "{address} accepted no connection within {waited:?}, last seen: {last}; check that it listens on this port of 127.0.0.1"
    )]
    NotListening {
        /// Host and port.
        address: String,
        /// How long was waited.
        waited: Duration,
        /// The last outcome.
        last: String,
    },
}

/// Asks until it is answered with a 2xx status, or only accepted, and returns how long that took. Pauses grow from 20 to 200 ms.
///
/// `exited` completes when the target has ended; [`std::future::pending`] for a target that is not telemload's own.
///
/// # Errors
/// [`NotReady`], at once if the target ends.
pub async fn wait_ready(
    probe: &Probe,
    deadline: Duration,
    exited: impl Future<Output = ProcessExit>,
) -> Result<Duration, NotReady> {
    let start = Instant::now();
    // What a deadline sees that passes before the first answer.
    let mut last = "timeout".to_owned();
    tokio::select! {
        biased;
        exit = exited => Err(NotReady::Ended(exit, probe.to_string())),
        found = timeout_at(start + deadline, poll(probe, &mut last)) => match found {
            Ok(()) => Ok(start.elapsed()),
            Err(_) => Err(match probe.path {
                Some(_) => NotReady::TimedOut { url: probe.to_string(), waited: deadline, last },
                None => NotReady::NotListening { address: probe.to_string(), waited: deadline, last },
            }),
        },
    }
}

async fn poll(probe: &Probe, last: &mut String) {
    let mut pause = FIRST_PAUSE;
    loop {
        match timeout(ONE_ANSWER, probe.ask()).await {
            Ok(Ok(Seen::Accepted)) => return,
            Ok(Ok(Seen::Answered(status))) if (200..300).contains(&status) => return,
            Ok(Ok(Seen::Answered(status))) => *last = format!("status {status}"),
            Ok(Err(words)) => *last = words,
            Err(_) => "timeout".clone_into(last),
        }
        sleep(pause).await;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

/// What came of asking once.
enum Seen {
    /// A connection, which was all that was asked for.
    Accepted,
    /// An answer with this status.
    Answered(u16),
}

impl Probe {
    /// What came of asking once, or what came instead in a few words.
    async fn ask(&self) -> Result<Seen, String> {
        let opened = Stream::open(&self.endpoint).await;
        let mut stream = opened.map_err(|error| match error {
            OpenError::Connect { cause, .. } => cause.kind().to_string(),
            OpenError::Tls { words, .. } | OpenError::Proxy { words, .. } => words,
        })?;
        let Some(path) = &self.path else {
            return Ok(Seen::Accepted);
        };
        let broken = |error: std::io::Error| {
            stream_failure(&error).unwrap_or_else(|| error.kind().to_string())
        };
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.authority
        );
        stream.send(request.as_bytes()).await.map_err(broken)?;
        let mut decoder = Decoder::new(Limits::default());
        decoder.start(ExpectBody::Yes, 0);
        loop {
            let read = stream.receive(decoder.spare()).await.map_err(broken)?;
            let progress = decoder.filled(read).map_err(|error| error.to_string())?;
            match (progress, decoder.head()) {
                (Progress::Done(response), _) => return Ok(Seen::Answered(response.status)),
                // Its body is of no interest and may have no end.
                (Progress::NeedMore, Some(head)) => return Ok(Seen::Answered(head.status())),
                (Progress::NeedMore, None) => {}
            }
        }
    }
}
