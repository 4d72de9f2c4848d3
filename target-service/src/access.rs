//! Keeps the debug and administrative endpoints on loopback, whatever address the gateway listens on.

use std::net::{IpAddr, SocketAddr};

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::reply::Reply;

/// Paths below these need [`Ends`] in the request and are refused without.
const LOCAL: [&str; 2] = ["/debug/", "/admin/"];

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

/// Refuses requests that did not come from this machine to a loopback address.
pub(crate) async fn loopback_only(request: Request, next: Next) -> Response {
    match request.extensions().get::<Ends>() {
        Some(ends) if ends.on_loopback() => next.run(request).await,
        _ => Reply::NotLoopback.into_response(),
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
}
