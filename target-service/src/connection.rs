//! How slow a client may be: a deadline for the head of a request and another one for the silence between requests.
//!
//! The server's own time-out cannot tell the two apart. Here the stream notes when bytes arrive and the service when a
//! request begins and ends, in one atomic each; the deadlines are looked at every few seconds and not per request.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use gateway_config::Config;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

/// What a client was too slow with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Late {
    /// The head of a request that it had begun, or its first byte on a new connection.
    Head,
    /// The next request.
    Request,
}

/// How long a connection may stay in each state. A request being handled has limits of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    head: Duration,
    idle: Duration,
}

impl ConnectionLimits {
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            head: config.header_timeout.unsigned_abs(),
            idle: config.idle_timeout.unsigned_abs(),
        }
    }

    /// Drives a connection until it ends or its client is late; then it is dropped, which closes it.
    pub(crate) async fn hold<C: Future>(
        self,
        watch: &Watch,
        connection: C,
    ) -> Result<C::Output, Late> {
        let mut connection = pin!(connection);
        let mut look = pin!(sleep_until(watch.started + self.head.min(self.idle)));
        poll_fn(|cx| {
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(Ok(ended));
            }
            loop {
                ready!(look.as_mut().poll(cx));
                match self.next_look(watch.state(), watch.elapsed()) {
                    Ok(at) => look.as_mut().reset(watch.started + at),
                    Err(late) => return Poll::Ready(Err(late)),
                }
            }
        })
        .await
    }

    /// When to look again, counted from the connection's start.
    fn next_look(self, (stage, since): (Stage, Duration), now: Duration) -> Result<Duration, Late> {
        let (limit, late) = match stage {
            Stage::Busy => return Ok(now + self.head.min(self.idle)),
            Stage::Head => (self.head, Late::Head),
            Stage::Idle => (self.idle, Late::Request),
        };
        let deadline = since + limit;
        if now >= deadline {
            return Err(late);
        }
        // A head that begins in the meantime must not be noticed later than its own deadline.
        Ok(deadline.min(now + self.head))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Head,
    Busy,
    Idle,
}

/// What a connection is doing, and since when.
pub(crate) struct Watch {
    started: Instant,
    /// Microseconds since the start, times 4, plus the stage.
    state: AtomicU64,
}

impl Watch {
    /// A new connection waits for a head: one that never sends a byte is closed as soon as one that sends half of it.
    pub(crate) fn new() -> Arc<Self> {
        Self {
            started: Instant::now(),
            state: AtomicU64::new(encode(Stage::Head, Duration::ZERO)),
        }
        .into()
    }

    /// Marks the connection as busy until the guard is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> Busy {
        self.enter(Stage::Busy);
        Busy(Arc::clone(self))
    }

    fn enter(&self, stage: Stage) {
        self.state
            .store(encode(stage, self.elapsed()), Ordering::Relaxed);
    }

    fn received(&self) {
        if self.state().0 == Stage::Idle {
            self.enter(Stage::Head);
        }
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn state(&self) -> (Stage, Duration) {
        let state = self.state.load(Ordering::Relaxed);
        let stage = match state & 3 {
            0 => Stage::Head,
            1 => Stage::Busy,
            _ => Stage::Idle,
        };
        (stage, Duration::from_micros(state >> 2))
    }
}

fn encode(stage: Stage, since: Duration) -> u64 {
    let stage = match stage {
        Stage::Head => 0,
        Stage::Busy => 1,
        Stage::Idle => 2,
    };
    (since.as_micros() as u64) << 2 | stage
}

/// A request being handled.
pub(crate) struct Busy(Arc<Watch>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.enter(Stage::Idle);
    }
}

/// A stream that notes when bytes arrive.
pub(crate) struct Watched {
    stream: TcpStream,
    watch: Arc<Watch>,
}

impl Watched {
    pub(crate) fn new(stream: TcpStream, watch: Arc<Watch>) -> Self {
        Self { stream, watch }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.watch.received();
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_its_own_deadline() {
        let limits = ConnectionLimits {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(60),
        };
        let check = |stage: Stage, since: u64, now: u64, expected: Result<u64, Late>| {
            let state = (stage, Duration::from_secs(since));
            let found = limits.next_look(state, Duration::from_secs(now));
            assert_eq!(
                found,
                expected.map(Duration::from_secs),
                "{stage:?} since {since} at {now}"
            );
        };
        check(Stage::Head, 0, 9, Ok(10));
        check(Stage::Head, 0, 10, Err(Late::Head));
        check(Stage::Head, 55, 60, Ok(65));
        check(Stage::Idle, 5, 10, Ok(20));
        check(Stage::Idle, 5, 60, Ok(65));
        check(Stage::Idle, 5, 65, Err(Late::Request));
        check(Stage::Busy, 0, 1000, Ok(1010));
    }

    #[test]
    fn a_connection_goes_from_head_to_busy_to_idle_and_back() {
        let watch = Watch::new();
        assert_eq!(watch.state().0, Stage::Head);
        let busy = watch.begin();
        watch.received();
        assert_eq!(watch.state().0, Stage::Busy);
        let before = watch.elapsed();
        drop(busy);
        let (stage, since) = watch.state();
        assert_eq!(stage, Stage::Idle);
        // Kept in whole microseconds.
        assert!(since + Duration::from_micros(1) > before && since <= watch.elapsed());
        watch.received();
        assert_eq!(watch.state().0, Stage::Head);
    }
}
