//! The HTTP client of the control plane: metrics and profiles. Never on the measured path.

use std::error::Error as _;
use std::time::Duration;
use std::{io, iter};

use reqwest::{Client, Url, header::HeaderMap, redirect::Policy};

use crate::transport::http1::Malformed;
use crate::transport::tls::{Tls, TlsError, client_failure, trusting_nobody};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The library refuses its settings.
    #[error("cannot set up the HTTP client: {0}")]
    Library(#[from] reqwest::Error),
}

/// A client that goes straight to the URL it is given: no proxy (one in the environment would apply to 127.0.0.1
/// too), no redirects, two seconds to connect. Without `tls` it trusts nobody, which is enough for plain HTTP and costs
/// nothing; the name of a certificate is always the URL's host.
///
/// # Errors
/// The system's authorities are needed and there are none, or those of reqwest's builder.
pub fn control_client(tls: Option<&Tls>) -> Result<Client, ClientError> {
    control_client_with(tls, HeaderMap::new())
}

/// The same, which sends these headers with every request; mark values that are secrets.
///
/// # Errors
/// As for [`control_client`].
pub fn control_client_with(tls: Option<&Tls>, headers: HeaderMap) -> Result<Client, ClientError> {
    let config = tls.map_or_else(trusting_nobody, Tls::client_config)?;
    Ok(Client::builder()
        .default_headers(headers)
        .no_proxy()
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .tls_backend_preconfigured(config)
        .build()?)
}

/// `url` as it may be shown: without user, password, query and fragment.
#[must_use]
pub fn shown(url: &str) -> String {
    // `user:password@host` parses too, as a scheme and an opaque rest.
    let Some(mut url) = Url::parse(url).ok().filter(Url::has_host) else {
        return "an invalid url".to_owned();
    };
    url.set_query(None);
    url.set_fragment(None);
    // Both fail only for URLs without a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

/// What went wrong, in a few words and without the URL: of TLS and of connections that end, in those that requests under load have.
pub fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "timeout".to_owned();
    }
    let causes = iter::successors(error.source(), |&cause| cause.source());
    let Some(io) = causes
        .clone()
        .filter_map(|cause| cause.downcast_ref())
        .last()
    else {
        let innermost = causes.last().map_or_else(String::new, ToString::to_string);
        // Its own type is not told by the library.
        return match innermost.as_str() {
            "connection closed before message completed" => {
                Malformed::ClosedBeforeResponse.to_string()
            }
            "" => "no complete answer".to_owned(),
            _ => innermost,
        };
    };
    let io = innermost(io);
    let name = error
        .url()
        .filter(|url| error.is_connect() && url.scheme() == "https");
    let of_tls = client_failure(io, name.and_then(Url::host_str));
    of_tls.unwrap_or_else(|| match io.kind() {
        io::ErrorKind::UnexpectedEof => Malformed::ClosedInBody.to_string(),
        kind if io.get_ref().is_none() => kind.to_string(),
        _ => io.to_string(),
    })
}

/// An error of the system may stand in another one, which shows what is behind it and not it.
fn innermost(error: &io::Error) -> &io::Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    inner.map_or(error, innermost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_never_shown() {
        let check = |url: &str, expected: &str| assert_eq!(shown(url), expected, "{url}");
        check("http://127.0.0.1:80/healthz", "http://127.0.0.1/healthz");
        check(
            "http://ann:secret@h:81/m?token=secret#secret",
            "http://h:81/m",
        );
        check("ann:secret@h", "an invalid url");
        check("not a url", "an invalid url");
    }
}
