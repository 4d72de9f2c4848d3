//! Keeps the debug and administrative endpoints for the tool that started the gateway: on loopback, whatever address it listens
//! on, for who knows the key of this start, and for no web page and no proxy.
//!
//! The address alone proves little: a page in a browser on this machine, a proxy on it, and any of its users send from it too.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, FORWARDED, HOST, ORIGIN, VIA};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gateway_config::Key;
use subtle::ConstantTimeEq;

use crate::reply::Reply;

/// Paths below these need [`Ends`] in the request and are refused without.
const LOCAL: [&str; 2] = ["/debug/", "/admin/"];

/// What browsers say of where a request comes from.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Who has passed a request on says so in one of these.
const PASSED_ON: [HeaderName; 3] = [FORWARDED, VIA, HeaderName::from_static("x-real-ip")];

/// Or in one whose name begins so.
const FORWARDED_AS: &str = "x-forwarded-";

/// The user whose password is the key.
const USER: &str = "admin";

/// Whether a path is for this machine alone.
pub(crate) fn is_local(path: &str) -> bool {
    LOCAL.iter().any(|local| path.starts_with(local))
}

/// Both ends of the connection that a request came over.
#[derive(Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
}

impl Ends {
    fn on_loopback(self) -> bool {
        // An IPv4 peer of a dual-stack socket appears as ::ffff:127.0.0.1.
        let loopback = |ip: IpAddr| ip.to_canonical().is_loopback();
        loopback(self.peer.ip()) && loopback(self.local.ip())
    }
}

/// What is asked of a request to such an endpoint. It has no `Debug`: it holds the key.
pub(crate) struct Guard {
    /// The value of `Authorization` that is let in.
    expected: Option<Box<[u8]>>,
}

impl Guard {
    pub(crate) fn new(key: Option<&Key>) -> Self {
        let value = |key: &Key| {
            let pair = format!("{USER}:{}", key.digits());
            format!("Basic {}", STANDARD.encode(pair))
        };
        Self {
            expected: key.map(|key| value(key).into_bytes().into()),
        }
    }

    fn check(&self, ends: Option<Ends>, uri: &Uri, headers: &HeaderMap) -> Result<(), Reply> {
        if !ends.is_some_and(Ends::on_loopback) {
            return Err(Reply::NotLoopback);
        }
        if let Some(what) = foreign(uri, headers) {
            return Err(Reply::NotForPages(what));
        }
        let mut given = headers.get_all(AUTHORIZATION).iter();
        match (&self.expected, given.next(), given.next()) {
            (Some(expected), Some(given), None) if bool::from(expected.ct_eq(given.as_bytes())) => {
                Ok(())
            }
            _ => Err(Reply::KeyMissing),
        }
    }
}

/// What shows that a web page or a proxy sends the request.
fn foreign(uri: &Uri, headers: &HeaderMap) -> Option<&'static str> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().map(HeaderValue::to_str);
    let is_here = |host: &str| authority_on_loopback(host);
    if hosts.next().is_some() || !matches!(host, Some(Ok(host)) if is_here(host)) {
        return Some("another Host than this machine's loopback address");
    }
    if uri.authority().is_some_and(|host| !is_here(host.as_str())) {
        return Some("a target on another host");
    }
    if headers.contains_key(ORIGIN) {
        return Some("an Origin");
    }
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
    if sites.any(|site| site != "none") {
        return Some("a Sec-Fetch-Site");
    }
    let tells =
        |name: &HeaderName| PASSED_ON.contains(name) || name.as_str().starts_with(FORWARDED_AS);
    let passed_on = headers.keys().any(tells);
    passed_on.then_some("a header of a proxy")
}

/// Whether `HOST` or `HOST:PORT` is this machine by a name that no one else can give to another one.
fn authority_on_loopback(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (authority, ""),
    };
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let address = match bare {
        Some(v6) => v6.parse().map(IpAddr::V6),
        None => host.parse().map(IpAddr::V4),
    };
    address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Refuses requests that are not for [`Guard`] to let in.
pub(crate) async fn guarded(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let ends = request.extensions().get::<Ends>().copied();
    match guard.check(ends, request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_must_be_loopback() {
        let check = |peer: &str, local: &str, expected: bool| {
            let ends = Ends {
                peer: peer.parse().unwrap(),
                local: local.parse().unwrap(),
            };
            assert_eq!(ends.on_loopback(), expected, "{peer} -> {local}");
        };
        check("127.0.0.1:1", "127.0.0.1:2", true);
        check("[::1]:1", "[::1]:2", true);
        check("[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:2", true);
        check("10.0.0.1:1", "127.0.0.1:2", false);
        check("127.0.0.1:1", "10.0.0.1:2", false);
        check("[::ffff:10.0.0.1]:1", "[::ffff:10.0.0.1]:2", false);
    }

    #[test]
    fn hosts_are_this_machine_or_not() {
        for (authority, expected) in [
            ("127.0.0.1", true),
            ("127.0.0.1:8080", true),
            ("127.9.9.9:1", true),
            ("localhost", true),
            ("LOCALHOST:8080", true),
            ("[::1]", true),
            ("[::1]:8080", true),
            ("", false),
            ("::1", false),
            ("0.0.0.0", false),
            ("attacker.example", false),
            ("localhost.attacker.example", false),
            ("localhost@attacker.example", false),
            ("127.0.0.1.attacker.example", false),
            ("127.0.0.1:x", false),
            ("[::1", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(authority_on_loopback(authority), expected, "{authority}");
        }
    }

    #[test]
    fn nobody_is_let_in_without_a_key_that_was_made() {
        let key = Key::random().unwrap();
        let ends = Some(Ends {
            peer: "127.0.0.1:1".parse().unwrap(),
            local: "127.0.0.1:2".parse().unwrap(),
        });
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        let right = basic(&format!("admin:{}", key.digits()));
        let check = |of: Option<&Key>, given: &[&str]| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static("localhost"));
            for given in given {
                headers.append(AUTHORIZATION, given.parse().unwrap());
            }
            let uri = Uri::from_static("/admin/revoke/x");
            Guard::new(of).check(ends, &uri, &headers).is_ok()
        };
        assert!(check(Some(&key), &[&right]));
        for given in [
            &[][..],
            &["Basic "],
            &[&basic("admin:")],
            &[&basic(&format!("other:{}", key.digits()))],
            &[&basic(&format!(
                "admin:{}",
                Key::random().unwrap().digits()
            ))],
            &[&format!("Bearer {}", key.digits())],
            &[&right, &right],
        ] {
            assert!(!check(Some(&key), given), "{given:?}");
        }
        assert!(!check(None, &[&right]) && !check(None, &[]));
    }
}
