//! Who is told of each request, if the process that embeds the gateway wants to know. The gateway keeps nothing of it.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::Request;
use hyper::body::{Body, Incoming};

/// The head of a request, with whatever secrets are in it.
pub struct Seen<'a> {
    /// Its method.
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// Its headers in their order; names are in lower case.
    pub headers: Vec<(&'a str, &'a [u8])>,
    /// Length of its body; `None` if it is sent in chunks.
    pub body_bytes: Option<u64>,
    /// Who sent it.
    pub peer: IpAddr,
    /// The number of the connection that carried it.
    pub connection: u64,
}

/// Is told of requests in the threads that answer them.
pub trait Observer: Send + Sync {
    /// Takes a request in. It must not wait for anything.
    fn request(&self, seen: &Seen<'_>);
}

/// One connection as an observer sees it.
pub(crate) struct Observed {
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) peer: IpAddr,
    pub(crate) connection: u64,
}

impl Observed {
    pub(crate) fn tell(&self, request: &Request<Incoming>) {
        let target = request.uri().path_and_query();
        let headers = request.headers().iter();
        self.observer.request(&Seen {
            method: request.method().as_str(),
            target: target.map_or("/", |target| target.as_str()),
            headers: headers
                .map(|(name, value)| (name.as_str(), value.as_bytes()))
                .collect(),
            body_bytes: request.body().size_hint().exact(),
            peer: self.peer.to_canonical(),
            connection: self.connection,
        });
    }
}
