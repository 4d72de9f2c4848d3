//! Hosts that are found by a URL: the target's, and others that requests go to.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::transport::proxy::Proxy;
use crate::transport::tls::Tls;

/// A host beside the target.
#[derive(Debug, Clone)]
pub struct Host {
    /// What it is called.
    pub base: BaseUrl,
    /// Where connections go.
    pub route: Route,
    /// The forward proxy that they go through.
    pub proxy: Option<Proxy>,
}

/// Where connections to the host of a URL go. The URL names it in the Host header and to TLS in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// To the URL's host and port.
    Url,
    /// To another host and port.
    Host {
        /// Host name or address; an IPv6 address without brackets.
        host: String,
        /// Port.
        port: u16,
    },
    /// To a unix socket.
    Unix(Arc<Path>),
}

/// Scheme and authority of a URL.
#[derive(Debug, Clone)]
pub struct BaseUrl {
    /// If the scheme is https.
    pub tls: Option<Tls>,
    /// Host name or address, where connections go; an IPv6 address without brackets, and with its zone.
    pub host: String,
    /// Port, 80 for http and 443 for https if it was not given.
    pub port: u16,
    /// As sent in the Host header.
    pub authority: String,
}

impl BaseUrl {
    /// The host as others know it: the zone of an IPv6 address is of this machine alone.
    pub fn name(&self) -> &str {
        self.host.split('%').next().unwrap_or_default()
    }

    /// The proxy that is asked in each request, with the origin that it is asked for: where there is no TLS to tunnel.
    pub(super) fn asked<'a>(&self, proxy: Option<&'a Proxy>) -> Option<(&'a Proxy, String)> {
        let proxy = proxy.filter(|_| self.tls.is_none());
        proxy.map(|proxy| (proxy, self.to_string()))
    }

    /// The URL with the way to it, for people.
    pub(super) fn by(&self, route: &Route, proxy: Option<&Proxy>) -> String {
        let base = match route {
            Route::Url => self.to_string(),
            Route::Host { host, port } => format!("{self} through {host}:{port}"),
            Route::Unix(path) => format!("{self} through {}", path.display()),
        };
        match proxy {
            Some(proxy) => format!("{base} through the proxy {proxy}"),
            None => base,
        }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority)
    }
}

impl Host {
    /// Its URL with the way to it, for people.
    pub fn describe(&self) -> String {
        self.base.by(&self.route, self.proxy.as_ref())
    }

    /// The proxy that is asked in each request, with the origin that it is asked for.
    pub(super) fn asked_proxy(&self) -> Option<(&Proxy, String)> {
        self.base.asked(self.proxy.as_ref())
    }
}
