//! Waiting until a target answers.
//!
//! It polls one URL and gives up when the deadline has passed or when the target has ended. It neither starts nor stops
//! anything.

use std::future::Future;
use std::time::Duration;

use reqwest::Client;
use thiserror::Error;
use tokio::time::{Instant, sleep, timeout_at};

use super::ProcessExit;
use super::client::{cause, shown};

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// A single answer may take this long; a target that hangs once while it starts is asked again.
const ONE_ANSWER: Duration = Duration::from_secs(2);

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
        /// The URL without credentials.
        url: String,
        /// How long was waited.
        waited: Duration,
        /// The last outcome: connection refused, a status, a timeout.
        last: String,
    },
    /// The URL cannot be requested at all.
    #[error("cannot request {url}: {cause}")]
    BadUrl {
        /// The URL without credentials.
        url: String,
        /// What is wrong with it.
        cause: String,
    },
}

/// Polls `url` until it answers with a 2xx status and returns how long that took. Pauses grow from 20 to 200 ms.
///
/// `exited` completes when the target has ended; [`std::future::pending`] for a target that is not telemload's own.
///
/// # Errors
/// [`NotReady`], at once if the target ends.
pub async fn wait_ready(
    client: &Client,
    url: &str,
    deadline: Duration,
    exited: impl Future<Output = ProcessExit>,
) -> Result<Duration, NotReady> {
    let start = Instant::now();
    // What a deadline sees that passes before the first answer.
    let mut last = "timeout".to_owned();
    tokio::select! {
        biased;
        exit = exited => Err(NotReady::Ended(exit, shown(url))),
        found = timeout_at(start + deadline, poll(client, url, &mut last)) => match found {
            Ok(Ok(())) => Ok(start.elapsed()),
            Ok(Err(not_ready)) => Err(not_ready),
            Err(_) => Err(NotReady::TimedOut { url: shown(url), waited: deadline, last }),
        },
    }
}

async fn poll(client: &Client, url: &str, last: &mut String) -> Result<(), NotReady> {
    let mut pause = FIRST_PAUSE;
    loop {
        match client.get(url).timeout(ONE_ANSWER).send().await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) => *last = format!("status {}", answer.status().as_u16()),
            Err(error) if error.is_builder() => {
                return Err(NotReady::BadUrl {
                    url: shown(url),
                    cause: cause(error),
                });
            }
            Err(error) => *last = cause(error),
        }
        sleep(pause).await;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}
