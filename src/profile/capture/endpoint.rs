//! One endpoint of a target: asks it for a profile, and says what came instead.

use std::time::Duration;

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Client, Response, StatusCode, Url};

use super::super::other::something_else;
use super::error::CaptureError;
use crate::process::client::cause;
use crate::traffic::content::{self, Undecoded};

/// What is read of an error's text, and shown of it.
const MAX_MESSAGE: usize = 4096;
const SHOWN_MESSAGE: usize = 300;

/// Profiles of Go that are of one time.
const MOMENTARY: [&str; 2] = ["goroutine", "threadcreate"];

/// What an endpoint is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// CPU time of so many seconds, at a rate.
    Cpu {
        /// Samples per second and busy core.
        hz: Option<u32>,
    },
    /// What came in so many seconds.
    Change,
    /// What is there now.
    Now,
}

/// Where a profile is served.
#[derive(Clone)]
pub(super) struct Endpoint {
    url: Url,
    /// For messages: without credentials, query and fragment.
    pub(super) shown: String,
    ask: Ask,
}

impl Endpoint {
    pub(super) fn new(url: &str, ask: Ask) -> Result<Self, CaptureError> {
        if ask == (Ask::Cpu { hz: Some(0) }) {
            return Err(CaptureError::Nothing);
        }
        let url = Url::parse(url).map_err(|error| CaptureError::Url(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(CaptureError::Url(format!(
                "its scheme is `{}`",
                url.scheme()
            )));
        }
        let endpoint = Self::at(url, ask);
        let last = endpoint
            .url
            .path_segments()
            .and_then(|mut path| path.next_back());
        // Go answers with what came and went in the time that is asked for.
        if ask != Ask::Now && last.is_some_and(|last| MOMENTARY.contains(&last)) {
            let url = endpoint.shown;
            return Err(CaptureError::Momentary { url });
        }
        Ok(endpoint)
    }

    /// The endpoint of another profile of the same target: that name in the place of the last one of the path.
    pub(super) fn named(&self, name: &str, ask: Ask) -> Self {
        let mut url = self.url.clone();
        // An http URL always has a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().pop().push(name);
        }
        Self::at(url, ask)
    }

    fn at(url: Url, ask: Ask) -> Self {
        let mut shown = url.clone();
        shown.set_query(None);
        shown.set_fragment(None);
        // Neither fails for a URL with a host, which http always has.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        Self {
            url,
            shown: shown.into(),
            ask,
        }
    }

    /// The address of a slice; what else is in the query stays, byte for byte.
    fn slice_url(&self, seconds: u32) -> Url {
        let hz = match self.ask {
            Ask::Cpu { hz } => hz,
            Ask::Change | Ask::Now => None,
        };
        let ours = |pair: &&str| {
            let key = pair.split('=').next().unwrap_or_default();
            key == "seconds" || (key == "hz" && hz.is_some())
        };
        let given = self.url.query().unwrap_or_default();
        let mut query: Vec<String> = given
            .split('&')
            .filter(|pair| !pair.is_empty() && !ours(pair))
            .map(str::to_owned)
            .collect();
        if self.ask != Ask::Now {
            query.push(format!("seconds={seconds}"));
        }
        query.extend(hz.map(|hz| format!("hz={hz}")));
        let mut url = self.url.clone();
        let query = query.join("&");
        url.set_query((!query.is_empty()).then_some(&query));
        url
    }

    pub(super) async fn fetch(
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
            .header(CONTENT_TYPE, "application/protobuf")
            .timeout(timeout);
        let lost = |error: reqwest::Error| self.lost(&error, timeout);
        let mut response = request.send().await.map_err(lost)?;
        if !response.status().is_success() {
            return Err(self.refused(response, seconds).await);
        }
        let encodings = encodings(&response);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > limit {
                return Err(self.too_large(limit));
            }
            body.extend_from_slice(&chunk);
        }
        let body = self.decoded(&encodings, body, limit)?;
        match something_else(&body) {
            None => Ok(body),
            Some(other) => Err(CaptureError::NotAProfile {
                url: self.shown.clone(),
                found: other.what,
            }),
        }
    }

    /// The body without what a server or a proxy has packed it in; at most `limit` bytes of it.
    fn decoded(
        &self,
        encodings: &[u8],
        body: Vec<u8>,
        limit: usize,
    ) -> Result<Vec<u8>, CaptureError> {
        if !content::is_encoded(encodings) {
            return Ok(body);
        }
        let mut decoded = Vec::new();
        let reason = match content::decode(encodings, &body, limit, &mut decoded) {
            Ok(()) => return Ok(decoded),
            Err(Undecoded::TooLong) => return Err(self.too_large(limit)),
            Err(Undecoded::Unknown) => "which is not one of gzip, deflate, br and zstd",
            Err(Undecoded::Broken) => "and its bytes are not, or end too early",
            Err(Undecoded::TooManyPieces) => "in more pieces than are put together",
        };
        Err(CaptureError::Encoded {
            url: self.shown.clone(),
            encoding: one_line(encodings),
            reason,
        })
    }

    fn too_large(&self, limit: usize) -> CaptureError {
        let url = self.shown.clone();
        CaptureError::TooLarge { url, limit }
    }

    fn lost(&self, error: &reqwest::Error, waited: Duration) -> CaptureError {
        let url = self.shown.clone();
        if error.is_timeout() {
            return CaptureError::Timeout { url, waited };
        }
        CaptureError::Unreachable {
            url,
            reason: one_line(cause(error).as_bytes()),
        }
    }

    async fn refused(&self, mut response: Response, seconds: u32) -> CaptureError {
        let (url, status) = (self.shown.clone(), response.status());
        let of_pprof = response.headers().contains_key("x-go-pprof");
        let encodings = encodings(&response);
        let mut body = Vec::new();
        // A text that breaks off is shown as far as it came.
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk[..chunk.len().min(MAX_MESSAGE - body.len())]);
            if body.len() == MAX_MESSAGE {
                break;
            }
        }
        let mut message = Vec::new();
        // What was decoded of a text that was cut is there too.
        let _ = content::decode(&encodings, &body, MAX_MESSAGE, &mut message);
        let message = one_line(&message);
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

/// How the body is encoded, as its headers say.
fn encodings(response: &Response) -> Vec<u8> {
    let all = response.headers().get_all(CONTENT_ENCODING);
    let all: Vec<&[u8]> = all.iter().map(|value| value.as_bytes()).collect();
    all.join(&b',')
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
