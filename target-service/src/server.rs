//! The accept loop: connections in, an orderly stop out. The caller owns the port and decides what ends it.

use std::any::Any;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use gateway_config::{Config, Device, Key, LAST_ANSWERS};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use prometheus_client::metrics::counter::Counter;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::Service as _;
use tower_http::catch_panic::{CatchPanic, ResponseForPanic};

use crate::access::{Ends, is_local};
use crate::app::App;
use crate::bcrypt_pool::{Check, bcrypt_check};
use crate::connection::{Busy, ConnectionLimits, Late, Watch, Watched};
use crate::error::Error;
use crate::metrics::{ConnectionMetrics, Metrics};
use crate::observer::{Observed, Observer};
use crate::reply::Reply;
use crate::router::{is_control, router};

/// Pause after a failed accept, which is mostly a lack of file descriptors: without it the loop would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

type Routes = CatchPanic<Router, OnPanic>;

/// Answers for a handler that panicked.
#[derive(Clone)]
struct OnPanic {
    panics: Counter,
}

impl ResponseForPanic for OnPanic {
    type ResponseBody = Body;

    fn response_for_panic(&mut self, _: Box<dyn Any + Send + 'static>) -> Response {
        self.panics.inc();
        tracing::error!("a handler panicked, its request is answered with 500");
        Reply::Broken.into_response()
    }
}

/// Serves until `shutdown` completes, then lets requests in flight finish for up to `drain_requests`, and stores what was
/// taken for up to `drain_payloads`; requests that wait for that are answered. `/admin/` and `/debug/` ask for `admin_key`.
///
/// # Errors
///
/// A configuration, a registry or a sink that cannot be used, or threads that cannot be started. Once it serves, only
/// acknowledged payloads that could not be stored are an error.
pub async fn run(
    listener: TcpListener,
    config: Config,
    devices: Vec<Device>,
    admin_key: Option<Key>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let service = Service {
        config,
        devices,
        admin_key,
        observer: None,
    };
    run_until(listener, service, shutdown, CancellationToken::new()).await
}

/// What is served.
pub(crate) struct Service {
    pub(crate) config: Config,
    pub(crate) devices: Vec<Device>,
    pub(crate) admin_key: Option<Key>,
    /// Is told of requests.
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

/// As [`run`]; `hurry` cuts what is left of both drains short.
pub(crate) async fn run_until(
    listener: TcpListener,
    service: Service,
    shutdown: impl Future<Output = ()> + Send + 'static,
    hurry: CancellationToken,
) -> Result<(), Error> {
    let Service {
        config,
        devices,
        admin_key,
        observer,
    } = service;
    let check: Arc<Check> = Arc::new(bcrypt_check);
    let slots = Arc::new(Semaphore::new(config.max_connections));
    if !has_http_date(SystemTime::now()) {
        return Err(Error::Clock);
    }
    let mut shutdown = pin!(shutdown);
    // Where it has to wait for a store or a sink, nobody has to wait with it.
    let app = tokio::select! {
        app = App::start(&config, devices, &check) => app?,
        () = &mut shutdown => return Ok(()),
    };
    let background = {
        let (auth, stopping) = (Arc::clone(&app.auth), app.stopping.clone());
        tokio::spawn(async move { stopping.run_until_cancelled(auth.background()).await })
    };
    let server = Server {
        routes: guarded(router(Arc::clone(&app), admin_key.as_ref()), &app.metrics),
        app,
        limits: ConnectionLimits::of(&config),
        head: config.header_limit_kib * 1024,
        observer,
        accepted: AtomicU64::new(0),
    };
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            (stream, ends, slot) = accept(&listener, &slots) => {
                let connection = server.connection(stream, ends, &graceful);
                connections.spawn(async move {
                    connection.await;
                    drop(slot);
                });
            }
        }
    }
    drop(listener);
    server.app.stopping.cancel();
    server.app.ingest.flush();
    let within = config.drain_requests.unsigned_abs();
    let answering = timeout(within, graceful.shutdown());
    let answered = matches!(hurry.run_until_cancelled(answering).await, Some(Ok(())));
    let _ = background.await;
    // What is left may wait for the sink: it is told what became of its payloads before it is cut off.
    let drained = server.app.ingest.drain(hurry.cancelled()).await;
    if !answered
        && timeout(LAST_ANSWERS, ended(&mut connections))
            .await
            .is_err()
    {
        tracing::warn!(
            connections = connections.len(),
            "requests in flight were cut off at the stop"
        );
    }
    connections.shutdown().await;
    drained
}

async fn ended(connections: &mut JoinSet<()>) {
    while connections.join_next().await.is_some() {}
}

/// What all connections have in common.
struct Server {
    app: Arc<App>,
    routes: Routes,
    limits: ConnectionLimits,
    /// Largest head, and the read buffer's bound, in bytes.
    head: usize,
    observer: Option<Arc<dyn Observer>>,
    /// Connections so far.
    accepted: AtomicU64,
}

impl Server {
    /// Serves one connection until it ends, is too slow, or the gateway stops.
    fn connection(
        &self,
        stream: TcpStream,
        ends: Ends,
        graceful: &GracefulShutdown,
    ) -> impl Future<Output = ()> + Send + use<> {
        let (app, routes, limits) = (Arc::clone(&self.app), self.routes.clone(), self.limits);
        let metrics = self.app.metrics.connections.clone();
        let watch = Watch::new();
        let stream = Watched::new(stream, Arc::clone(&watch));
        let observed = self.observer.as_ref().map(|observer| Observed {
            observer: Arc::clone(observer),
            peer: ends.peer.ip(),
            connection: self.accepted.fetch_add(1, Ordering::Relaxed) + 1,
        });
        let service = {
            let watch = Arc::clone(&watch);
            service_fn(move |request: Request<Incoming>| {
                let busy = watch.begin();
                if let Some(observed) = &observed
                    && !is_control(request.uri().path())
                {
                    observed.tell(&request);
                }
                answer(Arc::clone(&app), routes.clone(), busy, ends, request)
            })
        };
        // Its own time-out would count the idle time between requests as the next head's.
        let connection = http1::Builder::new()
            .header_read_timeout(None)
            .max_buf_size(self.head)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        async move {
            let open = Open::new(&metrics);
            match limits.hold(&watch, connection).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(peer = %ends.peer, %error, "connection ended"),
                Err(late) => {
                    open.count(late);
                    tracing::debug!(peer = %ends.peer, ?late, "connection closed");
                }
            }
        }
    }
}

/// Whether HTTP can write the date, which the server's library does with each answer: from 1970 to 9998. With a clock that is
/// elsewhere it would reset every connection.
fn has_http_date(now: SystemTime) -> bool {
    /// Seconds from 1970 to the end of 9998.
    const LAST: u64 = 253_370_764_800;
    now.duration_since(SystemTime::UNIX_EPOCH)
        .is_ok_and(|since| (1..LAST).contains(&since.as_secs()))
}

/// A panic in a handler costs its request, which is told, and not the connection.
fn guarded(router: Router, metrics: &Metrics) -> Routes {
    let panics = metrics.panics.clone();
    CatchPanic::custom(router, OnPanic { panics })
}

/// An open connection, counted.
struct Open<'a>(&'a ConnectionMetrics);

impl<'a> Open<'a> {
    fn new(metrics: &'a ConnectionMetrics) -> Self {
        metrics.open.inc();
        Self(metrics)
    }

    fn count(&self, late: Late) {
        match late {
            Late::Head => self.0.slow_head.inc(),
            Late::Request => self.0.idle.inc(),
        };
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.dec();
    }
}

/// The next connection and its place under the cap.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, Ends, OwnedSemaphorePermit) {
    let slot = Arc::clone(slots)
        .acquire_owned()
        .await
        .expect("the semaphore is never closed");
    loop {
        match listener.accept().await.and_then(prepare) {
            Ok((stream, ends)) => return (stream, ends, slot),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn prepare((stream, peer): (TcpStream, SocketAddr)) -> io::Result<(TcpStream, Ends)> {
    stream.set_nodelay(true)?;
    let local = stream.local_addr()?;
    Ok((stream, Ends { peer, local }))
}

async fn answer(
    app: Arc<App>,
    mut routes: Routes,
    _busy: Busy,
    ends: Ends,
    mut request: Request<Incoming>,
) -> Result<<Routes as tower::Service<Request<Incoming>>>::Response, Infallible> {
    let path = request.uri().path();
    if is_control(path) {
        if is_local(path) {
            request.extensions_mut().insert(ends);
        }
        return routes.call(request).await;
    }
    let pending = app.metrics.begin();
    let response = routes.call(request).await?;
    pending.end(response.status().as_u16());
    Ok(response)
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::http::StatusCode;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    #[test]
    fn a_clock_that_http_cannot_write_is_known() {
        let year = Duration::from_secs(31_556_952);
        let epoch = SystemTime::UNIX_EPOCH;
        assert!(has_http_date(SystemTime::now()) && has_http_date(epoch + 8000 * year));
        for time in [
            epoch,
            epoch - 70 * year,
            epoch + 8029 * year,
            epoch + 8030 * year,
        ] {
            assert!(!has_http_date(time), "{time:?}");
        }
    }

    #[tokio::test]
    async fn a_panic_costs_one_request() {
        let metrics = Metrics::new();
        let router = Router::new()
            .route("/boom", get(async || -> &str { panic!("on purpose") }))
            .route("/fine", get(async || "fine"));
        let routes = guarded(router, &metrics);
        for (path, status, body) in [
            (
                "/boom",
                StatusCode::INTERNAL_SERVER_ERROR,
                r#"{"error":"internal error"}"#,
            ),
            ("/fine", StatusCode::OK, "fine"),
        ] {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let response = routes.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), status, "{path}");
            let bytes = to_bytes(Body::new(response.into_body()), 4096)
                .await
                .unwrap();
            assert_eq!(bytes, body, "{path}");
        }
        assert_eq!(metrics.panics.get(), 1);
    }
}
