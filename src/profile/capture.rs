//! Captures profiles over HTTP from a target's pprof endpoint.
//!
//! The only module of profiles that does I/O. It must not retry (a second capture is another window, and Go runs one
//! at a time), must not buffer without bound, and must not show what a URL may hold beside scheme, host and path.

use std::error::Error as _;
use std::time::Duration;

use reqwest::{Client, Response, StatusCode, Url};
use tokio::task::JoinSet;

use super::encode::Merger;
use super::other::something_else;
use super::stacks::MAX_SLICES;
use super::{Error, Profile, pprof as reader};

/// The largest profile accepted, as sent.
const MAX_BODY: usize = 64 << 20;
/// What is read of an error's text, and shown of it.
const MAX_MESSAGE: usize = 4096;
const SHOWN_MESSAGE: usize = 300;
/// A server answers when its window is over; Go looks every 100 ms.
const GRACE: Duration = Duration::from_secs(10);

/// Why a capture failed.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The address of the endpoint cannot be used.
    #[error(
        "the profile url is not usable: {0}; write it like http://127.0.0.1:6060/debug/pprof/profile"
    )]
    Url(String),
    /// Neither a window nor a rate can be zero.
    #[error("a capture takes at least 1 s at 1 hz")]
    Nothing,
    /// Too many slices.
    #[error("a capture has at most {MAX_SLICES} slices; take longer ones")]
    ManySlices,
    /// No answer, or it broke off.
    #[error("no profile from {url}: {reason}; is the target up, and does it serve pprof there?")]
    Unreachable {
        /// Where, without credentials and query.
        url: String,
        /// What the connection said.
        reason: String,
    },
    /// No complete answer in time.
    #[error(
        "no complete profile from {url} within {waited:?}; check that the target is alive and honours `seconds`"
    )]
    Timeout {
        /// Where, without credentials and query.
        url: String,
        /// How long was waited.
        waited: Duration,
    },
    /// Another capture is running.
    #[error("{url} is busy: {message}; stop the other profiler of this process and run again")]
    Busy {
        /// Where, without credentials and query.
        url: String,
        /// What the target says.
        message: String,
    },
    /// The window is longer than the server's write timeout.
    #[error(
        "{url} refuses {seconds} s: {message}; capture shorter slices or raise the target's write timeout"
    )]
    TooLong {
        /// Where, without credentials and query.
        url: String,
        /// The window asked for.
        seconds: u32,
        /// What the target says.
        message: String,
    },
    /// Any other status than success.
    #[error(
        "{url} answers {status}: {message}; check the path and that the target has profiling switched on"
    )]
    Status {
        /// Where, without credentials and query.
        url: String,
        /// The status.
        status: StatusCode,
        /// What the target says.
        message: String,
    },
    /// The body does not end in time.
    #[error("the answer of {url} is larger than {} MiB; it is no profile, or take shorter slices", .limit >> 20)]
    TooLarge {
        /// Where, without credentials and query.
        url: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// The body is something else.
    #[error(
        "{url} answers with {found} instead of a profile; name the endpoint that serves profile.proto"
    )]
    NotAProfile {
        /// Where, without credentials and query.
        url: String,
        /// What it is.
        found: String,
    },
    /// The profile cannot be read, or does not fit those before it.
    #[error("the profile from {url} cannot be used: {source}")]
    Unreadable {
        /// Where, without credentials and query.
        url: String,
        /// What is wrong with it.
        source: Error,
    },
}

/// A finished capture.
#[derive(Debug)]
pub struct Capture {
    /// All slices as one profile.
    pub profile: Profile,
    /// The same as `profile.proto`, gzipped: what the slices held, each sample with the number of its slice.
    pub bytes: Vec<u8>,
    /// Seconds asked for in the slices that it has.
    pub seconds: u32,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Whole seconds, at least one.
    pub duration: Duration,
    /// Length of a slice in whole seconds.
    pub slice_seconds: u32,
    /// Samples per second and busy core, where the endpoint takes it.
    pub hz: Option<u32>,
}

/// Slices of a capture that is not divided further: what is between two slices is lost, so that more of them cost samples.
const SLICES: u64 = 10;

impl Request {
    /// A capture of `duration` in ten slices, or of 1 s each if it is short.
    pub fn in_slices(duration: Duration, hz: Option<u32>) -> Self {
        Self {
            duration,
            slice_seconds: u32::try_from(duration.as_secs().div_ceil(SLICES).max(1))
                .unwrap_or(u32::MAX),
            hz,
        }
    }

    /// The length of each slice, s; the last may be shorter.
    pub fn lengths(self) -> impl Iterator<Item = u32> {
        let mut left = self.duration.as_secs().max(1);
        std::iter::from_fn(move || {
            let next = left.min(u64::from(self.slice_seconds));
            left -= next;
            u32::try_from(next).ok().filter(|seconds| *seconds > 0)
        })
    }

    /// How many slices it has.
    pub fn slices(&self) -> u32 {
        let seconds = self.duration.as_secs().max(1);
        u32::try_from(seconds.div_ceil(u64::from(self.slice_seconds.max(1)))).unwrap_or(u32::MAX)
    }
}

/// A capture under way: one slice after the other, because Go runs one profiler at a time.
pub struct Slices<'a> {
    client: &'a Client,
    endpoints: Vec<Endpoint>,
    /// Slices that are left, s.
    left: std::vec::IntoIter<u32>,
    seconds: u32,
    taken: usize,
    merger: Merger,
    profile: Option<Profile>,
}

impl std::fmt::Debug for Slices<'_> {
    /// The client may hold credentials, and so may the URL.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slices")
            .field("url", &self.shown())
            .field("taken", &self.taken)
            .finish_non_exhaustive()
    }
}

impl<'a> Slices<'a> {
    /// Of processes that are sampled at once, each at its URL, as one profile. Nothing is sent yet.
    ///
    /// # Errors
    /// [`CaptureError::Url`], [`CaptureError::Nothing`], [`CaptureError::ManySlices`].
    pub fn new<U: AsRef<str>>(
        client: &'a Client,
        urls: &[U],
        request: Request,
    ) -> Result<Self, CaptureError> {
        let endpoints = urls.iter();
        let endpoints = endpoints.map(|url| Endpoint::new(url.as_ref(), request.hz));
        if request.slice_seconds == 0 {
            return Err(CaptureError::Nothing);
        }
        if request.slices() as usize > MAX_SLICES {
            return Err(CaptureError::ManySlices);
        }
        Ok(Self {
            client,
            endpoints: endpoints.collect::<Result<_, _>>()?,
            left: request.lengths().collect::<Vec<_>>().into_iter(),
            seconds: 0,
            taken: 0,
            merger: Merger::default(),
            profile: None,
        })
    }

    /// The length of the next slice, s; `None` if there is none left.
    pub fn next_seconds(&self) -> Option<u32> {
        self.left.as_slice().first().copied()
    }

    /// Takes the next slice: adds `seconds` and, if given, `hz` to the query (replacing those in it) and waits for the slice and
    /// 10 s. Does nothing if none is left.
    ///
    /// # Errors
    /// [`CaptureError`] names the endpoint and the remedy. The slices before it can still be finished.
    pub async fn take(&mut self) -> Result<(), CaptureError> {
        let Some(seconds) = self.left.next() else {
            return Ok(());
        };
        let fetched = self.fetch(seconds).await?;
        for (at, bytes) in fetched.iter().enumerate() {
            let unreadable = |source| CaptureError::Unreadable {
                url: self.endpoints[at].shown.clone(),
                source,
            };
            let slice = reader::decode(bytes).map_err(unreadable)?;
            let slice = if at == 0 { slice } else { slice.beside() };
            let profile = self.profile.get_or_insert_with(|| {
                Profile::new(slice.sample_type(), slice.unit(), slice.period_ns())
            });
            profile
                .merge_slice(&slice, self.taken)
                .map_err(unreadable)?;
        }
        let merged = self.merger.add_together(&fetched);
        merged.map_err(|source| self.unreadable(source))?;
        self.taken += 1;
        self.seconds += seconds;
        Ok(())
    }

    /// What was captured; `None` if no slice succeeded.
    ///
    /// # Errors
    /// [`CaptureError::Unreadable`] if it cannot be written as one profile.
    pub fn finish(self) -> Result<Option<Capture>, CaptureError> {
        let url = self.shown();
        let Some(profile) = self.profile.filter(|_| self.taken > 0) else {
            return Ok(None);
        };
        let bytes = self
            .merger
            .finish()
            .map_err(|source| CaptureError::Unreadable { url, source })?;
        Ok(Some(Capture {
            profile,
            bytes,
            seconds: self.seconds,
        }))
    }
}

impl Slices<'_> {
    /// The next slice of every process, in the order of the endpoints; all are asked at once.
    async fn fetch(&self, seconds: u32) -> Result<Vec<Vec<u8>>, CaptureError> {
        if let [endpoint] = &self.endpoints[..] {
            let fetching = endpoint.fetch(self.client, seconds, window(seconds), MAX_BODY);
            return Ok(vec![fetching.await?]);
        }
        let mut fetching = JoinSet::new();
        for (at, endpoint) in self.endpoints.iter().enumerate() {
            let (client, endpoint) = (self.client.clone(), endpoint.clone());
            fetching.spawn(async move {
                let fetched = endpoint.fetch(&client, seconds, window(seconds), MAX_BODY);
                (at, fetched.await)
            });
        }
        let mut fetched = fetching.join_all().await;
        fetched.sort_by_key(|(at, _)| *at);
        fetched.into_iter().map(|(_, bytes)| bytes).collect()
    }

    /// Where slices come from, for messages.
    pub fn shown(&self) -> String {
        let shown: Vec<&str> = self.endpoints.iter().map(|of| of.shown.as_str()).collect();
        shown.join(" and ")
    }

    fn unreadable(&self, source: Error) -> CaptureError {
        let url = self.shown();
        CaptureError::Unreadable { url, source }
    }
}

fn window(seconds: u32) -> Duration {
    Duration::from_secs(u64::from(seconds)) + GRACE
}

#[derive(Clone)]
struct Endpoint {
    url: Url,
    /// For messages: without credentials, query and fragment.
    shown: String,
    hz: Option<u32>,
}

impl Endpoint {
    fn new(url: &str, hz: Option<u32>) -> Result<Self, CaptureError> {
        if hz == Some(0) {
            return Err(CaptureError::Nothing);
        }
        let url = Url::parse(url).map_err(|error| CaptureError::Url(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(CaptureError::Url(format!(
                "its scheme is `{}`",
                url.scheme()
            )));
        }
        let mut shown = url.clone();
        shown.set_query(None);
        shown.set_fragment(None);
        // Neither fails for a URL with a host, which http always has.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        Ok(Self {
            url,
            shown: shown.into(),
            hz,
        })
    }

    /// The address of a slice; what else is in the query stays, byte for byte.
    fn slice_url(&self, seconds: u32) -> Url {
        let ours = |pair: &&str| {
            let key = pair.split('=').next().unwrap_or_default();
            key == "seconds" || (key == "hz" && self.hz.is_some())
        };
        let given = self.url.query().unwrap_or_default();
        let mut query: Vec<String> = given
            .split('&')
            .filter(|pair| !pair.is_empty() && !ours(pair))
            .map(str::to_owned)
            .collect();
        query.push(format!("seconds={seconds}"));
        query.extend(self.hz.map(|hz| format!("hz={hz}")));
        let mut url = self.url.clone();
        url.set_query(Some(&query.join("&")));
        url
    }

    async fn fetch(
        &self,
        client: &Client,
        seconds: u32,
        timeout: Duration,
        limit: usize,
    ) -> Result<Vec<u8>, CaptureError> {
        if seconds == 0 {
            return Err(CaptureError::Nothing);
        }
        // Some Rust servers draw a flame graph unless the request says what it wants in this header.
        let request = client
            .get(self.slice_url(seconds))
            .header(reqwest::header::CONTENT_TYPE, "application/protobuf")
            .timeout(timeout);
        let lost = |error| self.lost(error, timeout);
        let mut response = request.send().await.map_err(lost)?;
        if !response.status().is_success() {
            return Err(self.refused(response, seconds).await);
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > limit {
                return Err(CaptureError::TooLarge {
                    url: self.shown.clone(),
                    limit,
                });
            }
            body.extend_from_slice(&chunk);
        }
        match something_else(&body) {
            None => Ok(body),
            Some(other) => Err(CaptureError::NotAProfile {
                url: self.shown.clone(),
                found: other.what,
            }),
        }
    }

    fn lost(&self, error: reqwest::Error, waited: Duration) -> CaptureError {
        let url = self.shown.clone();
        if error.is_timeout() {
            return CaptureError::Timeout { url, waited };
        }
        // The last cause is the system's; those above it say no more than that a request failed.
        let error = error.without_url();
        let mut reason = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            reason = inner.to_string();
            cause = inner.source();
        }
        CaptureError::Unreachable {
            url,
            reason: one_line(reason.as_bytes()),
        }
    }

    async fn refused(&self, mut response: Response, seconds: u32) -> CaptureError {
        let (url, status) = (self.shown.clone(), response.status());
        let of_pprof = response.headers().contains_key("x-go-pprof");
        let mut body = Vec::new();
        // A text that breaks off is shown as far as it came.
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk[..chunk.len().min(MAX_MESSAGE - body.len())]);
            if body.len() == MAX_MESSAGE {
                break;
            }
        }
        let message = one_line(&body);
        if status == StatusCode::CONFLICT
            || (of_pprof && status == StatusCode::INTERNAL_SERVER_ERROR)
        {
            CaptureError::Busy { url, message }
        } else if of_pprof && status == StatusCode::BAD_REQUEST && message.contains("WriteTimeout")
        {
            CaptureError::TooLong {
                url,
                seconds,
                message,
            }
        } else {
            CaptureError::Status {
                url,
                status,
                message,
            }
        }
    }
}

/// A text of others as one line that is safe to show.
fn one_line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let printable: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let words: Vec<&str> = printable.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(SHOWN_MESSAGE) {
        _ if line.is_empty() => "no explanation".to_owned(),
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
#[path = "capture_tests.rs"]
mod tests;
