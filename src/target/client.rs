//! The HTTP client of the control plane: readiness, metrics, profiles. Never on the measured path.

use std::time::Duration;

use reqwest::{Client, Url, header::HeaderMap, redirect::Policy};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A client that goes straight to the address it is given: no proxy (one in the environment would apply to 127.0.0.1
/// too), no redirects, two seconds to connect.
///
/// # Errors
/// Those of reqwest's builder.
pub fn control_client() -> reqwest::Result<Client> {
    control_client_with(HeaderMap::new())
}

/// The same, which sends these headers with every request; mark values that are secrets.
///
/// # Errors
/// Those of reqwest's builder.
pub fn control_client_with(headers: HeaderMap) -> reqwest::Result<Client> {
    Client::builder()
        .default_headers(headers)
        .no_proxy()
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .build()
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

/// What went wrong, in a few words and without the URL.
pub(super) fn cause(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "timeout".to_owned();
    }
    let error = error.without_url();
    let mut innermost: &dyn std::error::Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
        if let Some(io) = innermost.downcast_ref::<std::io::Error>()
            && io.get_ref().is_none()
        {
            return io.kind().to_string();
        }
    }
    innermost.to_string()
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
