//! One request of a mix.

use std::time::Duration;

use crate::traffic::expect::{Expect, Extract};
use crate::traffic::template::{Stamp, Template};

/// A request template.
#[derive(Debug, Clone)]
pub struct Request {
    /// Unique within the variant.
    pub name: String,
    /// Index into the variant's fleets.
    pub fleet: Option<usize>,
    /// Share of the mix, unless a load has its own; 0 if it is sent only when another one needs what it brings.
    pub weight: u32,
    /// Where it goes, if that is not the target.
    pub elsewhere: Option<Elsewhere>,
    /// As sent.
    pub method: String,
    /// Path and query.
    pub path: Template,
    /// Names and values in the order written, without Host and Content-Length.
    pub headers: Vec<(String, Template)>,
    /// Whether the literal value of the header at the same index must not be shown.
    pub sensitive: Vec<bool>,
    /// Body, if there is one.
    pub body: Option<Template>,
    /// How it is sent in chunks instead of with its length.
    pub chunks: Option<Chunks>,
    /// Whether the body waits until the peer says that it wants it.
    pub expects_continue: bool,
    /// What is OK.
    pub expect: Expect,
    /// What an OK answer gives to the device.
    pub extract: Vec<Extract>,
    /// What the device must have been given before.
    pub needs: Vec<Need>,
    /// The ids of what an OK answer acknowledges; each is different for every request of a run.
    pub acknowledged: Vec<Template>,
}

/// Another host than the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// Index into the variant's hosts.
    pub host: usize,
    /// As sent in the Host header.
    pub authority: String,
}

/// A body in chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunks {
    /// Bytes of each but the last, above 0.
    pub size: usize,
    /// Before each but the first.
    pub pause: Duration,
}

/// A variable that a request uses, by index, and the request that extracts it. There are no cycles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Index of the variable.
    pub variable: usize,
    /// Index of the request that extracts it; it has the same fleet.
    pub request: usize,
}

impl Request {
    /// Names the whole URL in the request line, as a proxy wants it, and tells the proxy who asks.
    pub(super) fn ask_proxy(&mut self, origin: &str, authorization: Option<&str>) {
        const NAME: &str = "Proxy-Authorization";
        self.path.prefix(origin);
        let has_own = |(name, _): &(String, Template)| name.eq_ignore_ascii_case(NAME);
        if let Some(value) = authorization
            && !self.headers.iter().any(has_own)
        {
            let value = Template::raw(value.as_bytes().to_vec());
            self.headers.push((NAME.to_owned(), value));
            self.sensitive.push(true);
        }
    }

    /// The request as one stretch of load sends it.
    pub(super) fn stamp(&mut self, stamp: Stamp) {
        let headers = self.headers.iter_mut().map(|(_, value)| value);
        let others = [&mut self.path].into_iter().chain(&mut self.body);
        for template in headers.chain(others).chain(&mut self.acknowledged) {
            template.stamp(stamp);
        }
    }
}
