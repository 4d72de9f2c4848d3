//! The accept loop: connections in, an orderly stop out. The caller owns the port and decides what ends it.

use std::any::Any;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::Service;
use tower_http::catch_panic::CatchPanic;

use crate::access::{DEBUG, Ends};
use crate::app::App;
use crate::bcrypt_pool::{Check, QUEUE, bcrypt_check};
use crate::config::Config;
use crate::error::Error;
use crate::launch::Device;
use crate::reply::Reply;
use crate::router::{is_control, router};
use crate::serve::LEAVE;

/// Open connections beyond which new ones wait in the kernel's backlog.
const MAX_CONNECTIONS: usize = 4096;
/// A head that takes longer, from the connection's start or the last reply on, ends the connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest head, and the read buffer's bound.
const MAX_HEAD: usize = 32 * 1024;
/// How long requests in flight may go on after the stop.
const DRAIN: Duration = Duration::from_secs(5);
/// Pause after a failed accept, which is mostly a lack of file descriptors: without it the loop would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The longest time that an orderly stop takes: requests in flight, then what is queued, then the runtime's own end.
#[must_use]
pub fn stop_within(config: &Config) -> Duration {
    DRAIN + config.drain.unsigned_abs() + LEAVE
}

type Handler = fn(Box<dyn Any + Send + 'static>) -> Response;
type Routes = CatchPanic<Router, Handler>;

/// Serves until `shutdown` completes, then lets requests in flight finish for up to 5 s, and stores what was acknowledged
/// for up to the configured `drain`.
///
/// # Errors
///
/// A configuration, a registry or a sink that cannot be used, or threads that cannot be started. Once it serves, only
/// acknowledged payloads that could not be stored are an error.
pub async fn run(
    listener: TcpListener,
    config: Config,
    devices: Vec<Device>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let check: Arc<Check> = Arc::new(bcrypt_check);
    let app = App::start(&config, devices, QUEUE, &check).await?;
    let handler: Handler = |_| Reply::Broken.into_response();
    let routes = CatchPanic::custom(router(Arc::clone(&app)), handler);
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            (stream, ends, slot) = accept(&listener, &slots) => {
                let (app, routes) = (Arc::clone(&app), routes.clone());
                let service = service_fn(move |request| answer(Arc::clone(&app), routes.clone(), ends, request));
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEAD_TIMEOUT)
                    .max_buf_size(MAX_HEAD)
                    .serve_connection(TokioIo::new(stream), service);
                let connection = graceful.watch(connection);
                connections.spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(peer = %ends.peer, %error, "connection ended");
                    }
                    drop(slot);
                });
            }
        }
    }
    drop(listener);
    app.stopping.cancel();
    app.ingest.flush();
    if timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "requests in flight were cut off at the stop"
        );
    }
    // Whoever is left gets no acknowledgement any more.
    connections.shutdown().await;
    app.ingest.drain().await
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
    ends: Ends,
    mut request: Request<Incoming>,
) -> Result<<Routes as Service<Request<Incoming>>>::Response, Infallible> {
    let path = request.uri().path();
    if is_control(path) {
        if path.starts_with(DEBUG) {
            request.extensions_mut().insert(ends);
        }
        return routes.call(request).await;
    }
    let pending = app.metrics.begin();
    let response = routes.call(request).await?;
    pending.end(response.status().as_u16());
    Ok(response)
}
