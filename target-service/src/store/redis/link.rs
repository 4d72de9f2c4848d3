//! The connection that all requests share, and another one in its place when it is of no use any more: one that is open and silent,
//! or out of step, is not noticed by the library.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use gateway_config::RedisUrl;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{
    Client, ErrorKind, IntoConnectionInfo, ProtocolVersion, PushInfo, RedisError, RedisResult,
};
use tokio::sync::Notify;
use tokio::sync::mpsc::Sender;

/// A connection whose bytes are not acknowledged for this long is given up, and another one made: without it, one
/// whose other end has vanished silently would stay for a quarter of an hour.
const UNACKNOWLEDGED: Duration = Duration::from_secs(5);
/// Commands waiting for the socket; the library's 50 would make requests take turns at high rates.
const PIPELINE: usize = 1024;
/// So many time-outs in a row are no pause of the store's.
const TIMEOUTS: u64 = 3;
/// Nor is one after which nothing was answered for so long.
const SILENT: Duration = Duration::from_secs(5);

/// The connection in use.
pub(super) struct Link {
    url: RedisUrl,
    limit: Duration,
    pushes: Sender<PushInfo>,
    connection: RwLock<ConnectionManager>,
    epoch: Instant,
    /// Time-outs since the last answer.
    timeouts: AtomicU64,
    /// Milliseconds since the epoch at which the first of them was.
    since: AtomicU64,
    useless: Notify,
}

impl Link {
    /// Lays it out; the first command connects.
    pub(super) fn open(
        url: &RedisUrl,
        limit: Duration,
        pushes: Sender<PushInfo>,
    ) -> RedisResult<Self> {
        Ok(Self {
            connection: RwLock::new(connect(url, limit, pushes.clone())?),
            url: url.clone(),
            limit,
            pushes,
            epoch: Instant::now(),
            timeouts: AtomicU64::new(0),
            since: AtomicU64::new(0),
            useless: Notify::new(),
        })
    }

    /// A handle to it.
    pub(super) fn get(&self) -> ConnectionManager {
        let connection = self.connection.read();
        connection.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Something was answered.
    pub(super) fn answered(&self) {
        // Loads first: a store into a shared line at every call would be the price of the common case.
        if self.timeouts.load(Ordering::Relaxed) != 0 {
            self.timeouts.store(0, Ordering::Relaxed);
        }
    }

    /// Nothing was answered in time.
    pub(super) fn timed_out(&self) {
        let now = self.epoch.elapsed();
        let before = self.timeouts.fetch_add(1, Ordering::Relaxed);
        if before == 0 {
            self.since.store(now.as_millis() as u64, Ordering::Relaxed);
        }
        let since = Duration::from_millis(self.since.load(Ordering::Relaxed));
        if before + 1 >= TIMEOUTS || now.saturating_sub(since) >= SILENT {
            self.useless.notify_one();
        }
    }

    /// A command failed; what the store itself says is an answer, and what the network says the library acts upon.
    pub(super) fn failed(&self, error: &RedisError) {
        match error.kind() {
            ErrorKind::Server(_) | ErrorKind::Extension => self.answered(),
            ErrorKind::Io => {}
            _ => self.useless.notify_one(),
        }
    }

    /// Returns when the connection is of no use any more.
    pub(super) async fn useless(&self) {
        self.useless.notified().await;
    }

    /// Another connection, which is not in use yet.
    pub(super) fn another(&self) -> RedisResult<ConnectionManager> {
        connect(&self.url, self.limit, self.pushes.clone())
    }

    /// Uses another connection from now on; `None` waits for as many time-outs again.
    pub(super) fn replace(&self, by: Option<ConnectionManager>) {
        self.timeouts.store(0, Ordering::Relaxed);
        if let Some(by) = by {
            *self
                .connection
                .write()
                .unwrap_or_else(PoisonError::into_inner) = by;
        }
    }
}

fn connect(
    url: &RedisUrl,
    limit: Duration,
    pushes: Sender<PushInfo>,
) -> RedisResult<ConnectionManager> {
    let info = url.reveal().into_connection_info()?;
    // RESP3: messages of the subscription arrive on the same connection. Small commands must not wait for Nagle.
    let settings = info
        .redis_settings()
        .clone()
        .set_protocol(ProtocolVersion::RESP3);
    let info = info.set_redis_settings(settings).set_tcp_settings(
        TcpSettings::default()
            .set_nodelay(true)
            .set_user_timeout(UNACKNOWLEDGED),
    );
    // One retry: with the library's six a command waits for seconds. The breaker decides when to try again.
    let config = ConnectionManagerConfig::new()
        .set_number_of_retries(1)
        .set_min_delay(Duration::from_millis(10))
        .set_max_delay(Duration::from_millis(50))
        .set_connection_timeout(Some(limit))
        // Every call has a time-out of its own already: a second timer would only cost.
        .set_response_timeout(None)
        .set_pipeline_buffer_size(PIPELINE)
        .set_push_sender(move |push| pushes.try_send(push))
        .set_automatic_resubscription();
    ConnectionManager::new_lazy_with_config(Client::open(info)?, config)
}
