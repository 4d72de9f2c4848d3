//! Where a target is and how it is spoken to: found by its URL, or the port at which it will listen. Sends nothing of the load.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout_at;

use crate::process::port::{check_port_free, free_port};
use crate::result::Failure;
use crate::scenario::{BaseUrl, ProfileSource, Route, Target, Variant};
use crate::transport::proxy::Proxy;
use crate::transport::sources::Sources;
use crate::transport::stream::{Behind, Endpoint, Place, Stream, Way, check_source};
use crate::transport::tls::{Connector, Tls};

/// Where the host of a URL answers, and which of several addresses that is; `what` it is, for people.
pub(super) async fn find(
    what: &str,
    base: &BaseUrl,
    route: &Route,
    proxy: Option<&Proxy>,
) -> Result<(Endpoint, Option<Place>), Failure> {
    let unreachable =
        |message: &str| Failure::Target(format!("the {what} {base} cannot be reached: {message}"));
    let tls = base.tls.as_ref();
    let tls = tls.map(|tls| connector(tls, base.name())).transpose()?;
    let (host, port) = match route {
        Route::Url => (base.host.as_str(), base.port),
        Route::Host { host, port } => (host.as_str(), *port),
        Route::Unix(path) => {
            let place = Place::Unix(path.clone());
            let endpoint = Endpoint { place, tls };
            knock(&endpoint)
                .await
                .map_err(|words| unreachable(&words))?;
            return Ok((endpoint, None));
        }
    };
    let behind = proxy.map(|proxy| behind(proxy, host, port, tls.is_some()));
    let (host, port) = match proxy {
        Some(proxy) => (proxy.host.as_str(), proxy.port),
        None => (host, port),
    };
    let addresses = addresses_of(host, port).await.map_err(|error| {
        unreachable(&format!(
            "the name {host} cannot be resolved: {error}; check the host, or name its address with --connect-to"
        ))
    })?;
    let mut refusals: Vec<String> = Vec::new();
    // A name may stand for several, such as ::1 and 127.0.0.1, and the target need not listen on the first.
    for address in addresses {
        let endpoint = Endpoint {
            place: match &behind {
                None => Place::Tcp(address),
                behind => Place::Way(Arc::new(Way {
                    address,
                    sources: None,
                    behind: behind.clone(),
                })),
            },
            tls: tls.clone(),
        };
        match knock(&endpoint).await {
            Ok(()) => {
                let by_name = host.parse::<std::net::IpAddr>().is_err();
                let found_at = by_name.then(|| endpoint.place.clone());
                return Ok((endpoint, found_at));
            }
            Err(words) if refusals.len() < MOST_REFUSALS => refusals.push(words),
            Err(_) => {}
        }
    }
    if refusals.is_empty() {
        refusals.push(format!("the name {host} has no address; check the host"));
    }
    Err(unreachable(&refusals.join("; ")))
}

/// The addresses of a name. `localhost` and the names below it are this machine's two, whatever the system knows of them (RFC 6761
/// 6.3), as in browsers and curl: a server may listen at either.
async fn addresses_of(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let resolved = tokio::net::lookup_host((host, port)).await;
    let lower = host.trim_end_matches('.').to_ascii_lowercase();
    if lower != "localhost" && !lower.ends_with(".localhost") {
        return Ok(resolved?.collect());
    }
    let mut addresses: Vec<SocketAddr> = resolved.into_iter().flatten().collect();
    for own in [
        IpAddr::from(Ipv4Addr::LOCALHOST),
        Ipv6Addr::LOCALHOST.into(),
    ] {
        let own = SocketAddr::new(own, port);
        if !addresses.contains(&own) {
            addresses.push(own);
        }
    }
    Ok(addresses)
}

/// What a proxy is to reach: by its name, which the proxy resolves.
fn behind(proxy: &Proxy, host: &str, port: u16, is_secure: bool) -> Behind {
    let name = match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    };
    Behind {
        tunnel: is_secure.then(|| proxy.tunnel(&name)),
        name,
    }
}

/// The way of a load's connections to where its target was found.
pub(super) fn from(endpoint: &Endpoint, sources: Option<&Sources>) -> Result<Endpoint, Failure> {
    let mut endpoint = endpoint.clone();
    let (Some(sources), Some(address)) = (sources, endpoint.place.address()) else {
        return Ok(endpoint);
    };
    let Some(sources) = sources.towards(address.ip()) else {
        return Err(Failure::Target(format!(
            "no address of --bind (`target.bind`) is of the family of {address}; name one that is"
        )));
    };
    for source in sources.firsts() {
        check_source(source).map_err(|error| {
            Failure::Target(format!(
                "no connection can come from {source} of --bind (`target.bind`): {error}; name addresses of this machine"
            ))
        })?;
    }
    endpoint.place = endpoint.place.from(sources);
    Ok(endpoint)
}

/// The most addresses of a name whose refusals are told.
const MOST_REFUSALS: usize = 4;

/// One connection that sends nothing, secured if the load's will be: a target that is not there, or that is not who it
/// should be, is found before the load starts.
async fn knock(endpoint: &Endpoint) -> Result<(), String> {
    let place = &endpoint.place;
    let end = tokio::time::Instant::now() + KNOCK;
    let opened = timeout_at(end, Stream::connect(place)).await;
    let stream = opened.map_err(|_| {
        format!(
            "no connection to {place} within {KNOCK:?}; check host, port and firewall, and whether the target accepts connections: its backlog may be full"
        )
    })?;
    let stream = stream.map_err(|error| error.to_string())?;
    let Some(tls) = &endpoint.tls else {
        return Ok(());
    };
    let secured = timeout_at(end, stream.secure(tls, place)).await;
    let secured = secured.map_err(|_| {
        format!(
            "a connection to {place}, but no end of the TLS handshake within {KNOCK:?}; check that the target speaks TLS there, and that it is not stopped"
        )
    })?;
    secured.map(drop).map_err(|error| error.to_string())
}

/// Longest time that a connection to a target may take before the load.
const KNOCK: Duration = Duration::from_secs(5);

/// A port of this machine at which a target will listen that telemload starts.
pub(super) fn local(port: u16, tls: Option<&Tls>) -> Result<Endpoint, Failure> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let tls = tls
        .map(|tls| connector(tls, &address.ip().to_string()))
        .transpose()?;
    let place = Place::Tcp(address);
    Ok(Endpoint { place, tls })
}

pub(super) fn port_of(place: &Place) -> Option<u16> {
    match place {
        Place::Tcp(address) => Some(address.port()),
        // That of a proxy says nothing of the target.
        Place::Way(way) => way.behind.is_none().then(|| way.address.port()),
        Place::Unix(_) => None,
    }
}

fn connector(tls: &Tls, host: &str) -> Result<Connector, Failure> {
    tls.connector(host).map_err(|error| internal(&error))
}

pub(super) fn internal(error: &dyn std::fmt::Display) -> Failure {
    Failure::Internal(error.to_string())
}

/// How metrics and profiles are fetched: as the target is spoken to, and with the system's authorities if only they are
/// https.
pub(super) fn control_tls(variant: &Variant) -> Option<Tls> {
    let metrics = match &variant.target {
        Target::Url { metrics, .. } => metrics.as_deref(),
        _ => None,
    };
    let profile = match variant.profile.as_ref().map(|profile| &profile.source) {
        Some(ProfileSource::Pprof { url }) => url.as_deref(),
        Some(ProfileSource::Perf) | None => None,
    };
    let mut urls = metrics.into_iter().chain(profile);
    let is_https = urls.any(|url| {
        url.get(..6)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
    });
    is_https.then(|| variant.target.tls().cloned().unwrap_or_else(Tls::system))
}

pub(super) fn pick_port(fixed: Option<u16>) -> Result<u16, Failure> {
    let picked = match fixed {
        Some(port) => check_port_free(port).map(|()| port),
        None => free_port(),
    };
    picked.map_err(|error| Failure::Target(error.to_string()))
}
