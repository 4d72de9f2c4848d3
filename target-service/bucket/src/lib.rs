//! How a bucket is asked, by whoever asks one. A server of objects may be wrong or hostile: no redirect is followed, for a session
//! token would travel with it, an answer and a list have bounds, and an error is one bounded line without credentials.

use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};
use object_store::{ClientConfigKey, ClientOptions};

/// Bytes of an answer. A page of a list with a thousand names of the greatest length has 1.4 MB, and parts of objects are read by 1 MiB.
const MAX_ANSWER: usize = 4 << 20;

/// Pages of a list, of a thousand names each.
const MAX_PAGES: u32 = 100;

/// Bytes of a credential that is looked for: a shorter one would blank out ordinary words.
const SHORTEST: usize = 4;

/// Characters of an error.
const MAX_WORDS: usize = 300;

/// What stands between a client of objects and the network.
#[derive(Debug, Clone)]
pub struct Guard {
    /// Of an attempt, its body included.
    pub timeout: Duration,
    /// Of a connection.
    pub connect_timeout: Duration,
    /// Whether the environment's proxy is asked.
    pub way: Way,
}

/// How the network is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Through the environment's proxy, if it names one.
    Usual,
    /// Without a proxy: the server is on this machine.
    Direct,
}

impl Way {
    /// The way to an endpoint. The environment's proxy cannot reach what is on this machine.
    pub fn to(endpoint: &str) -> Self {
        let authority = endpoint.split_once("://").map(|(_, rest)| rest);
        let authority = authority.and_then(|rest| rest.split('/').next());
        let host = authority.map(|of| of.rsplit_once(':').map_or(of, |(host, _)| host));
        match host {
            Some("127.0.0.1" | "localhost" | "[::1]") => Self::Direct,
            _ => Self::Usual,
        }
    }
}

impl HttpConnector for Guard {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let plain = options.get_config_value(&ClientConfigKey::AllowHttp);
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(self.timeout)
            .connect_timeout(self.connect_timeout)
            .http1_only()
            .https_only(plain.as_deref() != Some("true"));
        if self.way == Way::Direct {
            builder = builder.no_proxy();
        }
        let client = builder
            .build()
            .map_err(|error| object_store::Error::Generic {
                store: "HTTP client",
                source: Box::new(error),
            })?;
        Ok(HttpClient::new(Guarded {
            client: HttpClient::new(client),
            pages: AtomicU32::new(0),
        }))
    }
}

#[derive(Debug)]
struct Guarded {
    client: HttpClient,
    /// Of the list under way.
    pages: AtomicU32,
}

/// Why an answer is not taken.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("an answer has more than {} MiB", MAX_ANSWER >> 20)]
    Large,
    #[error("a list has more than {MAX_PAGES} pages")]
    Endless,
}

impl Guarded {
    /// Whether this may be asked: one list is under way at a time, and its first page names no continuation.
    fn may_ask(&self, query: &str) -> bool {
        if !query.contains("list-type=") {
            return true;
        }
        if !query.contains("continuation-token=") {
            self.pages.store(0, Ordering::Relaxed);
        }
        self.pages.fetch_add(1, Ordering::Relaxed) < MAX_PAGES
    }
}

// What the macro `async_trait` writes, without the macro.
impl HttpService for Guarded {
    fn call<'a, 'b>(
        &'a self,
        request: HttpRequest,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            if !self.may_ask(request.uri().query().unwrap_or_default()) {
                return Err(HttpError::new(HttpErrorKind::Decode, Refusal::Endless));
            }
            let (head, body) = self.client.execute(request).await?.into_parts();
            let body = Limited::new(body, MAX_ANSWER).map_err(too_large);
            Ok(HttpResponse::from_parts(head, HttpResponseBody::new(body)))
        })
    }
}

fn too_large(error: Box<dyn Error + Send + Sync>) -> HttpError {
    if error.is::<LengthLimitError>() {
        return HttpError::new(HttpErrorKind::Decode, Refusal::Large);
    }
    match error.downcast::<HttpError>() {
        Ok(error) => *error,
        Err(error) => HttpError::new_boxed(HttpErrorKind::Unknown, error),
    }
}

/// An error and its causes in one line of bounded length, without `secrets`. What a cause says again is said once.
pub fn words(error: &dyn Error, secrets: &[String]) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        cause = error.source();
    }
    bounded(&words, secrets)
}

/// Words in one line of bounded length, without `secrets`.
pub fn bounded(words: &str, secrets: &[String]) -> String {
    let mut words = words.replace(['\n', '\r'], " ");
    for secret in secrets.iter().filter(|secret| secret.len() >= SHORTEST) {
        words = words.replace(secret.as_str(), "…");
    }
    words.chars().take(MAX_WORDS).collect()
}

#[cfg(test)]
mod tests;
