//! One connection's bytes: opening it, and exchanging one request for one response.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, Waker};

use super::answer::Answer;
use super::feed::Ticket;
use super::program::Rendered;
use crate::metrics::ErrorKind;
use crate::transport::http1::{Decoder, ExpectBody, Limits, Malformed, Progress, Response};
use crate::transport::stream::{Endpoint, OpenError, Stream};
use crate::transport::tls::{Handshake, stream_failure};

/// What the worker says to one connection's task.
#[derive(Debug, Default)]
pub(super) struct Slot {
    waker: RefCell<Option<Waker>>,
    /// Instance that the connection goes to.
    pub(super) lane: usize,
    /// Its place among all of the worker.
    pub(super) at: usize,
    /// A request that became due while the connection was idle.
    pub(super) ticket: Cell<Option<Ticket>>,
    /// When what is under way is given up, ns; 0 if nothing is.
    pub(super) deadline: Cell<u64>,
    /// Whether that is looked at in time.
    pub(super) is_watched: Cell<bool>,
    /// Whether that time has come.
    pub(super) expired: Cell<bool>,
}

impl Slot {
    /// Of the connection `at`, which goes to the instance `lane`.
    pub(super) fn of(lane: usize, at: usize) -> Self {
        Self {
            lane,
            at,
            ..Self::default()
        }
    }

    /// What is under way is given up.
    pub(super) fn expire(&self) {
        self.expired.set(true);
        self.wake();
    }

    /// Gives up what is under way if its time has come; otherwise tells when that is. What is not watched any more has nothing
    /// under way.
    pub(super) fn look(&self, now: u64) -> Option<u64> {
        let deadline = self.deadline.get();
        if deadline > now {
            return Some(deadline);
        }
        self.is_watched.set(false);
        if deadline != 0 {
            self.expire();
        }
        None
    }

    /// Waits until this expires, which it does at `end` (ns).
    pub(super) async fn rest(&self, end: u64) {
        self.expired.set(false);
        self.deadline.set(end);
        poll_fn(|context| {
            self.listen(context);
            if self.expired.get() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        self.deadline.set(0);
    }

    pub(super) fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// The task's waker is the same for its life; it is stored once.
    pub(super) fn listen(&self, context: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(context.waker()))
        {
            *waker = Some(context.waker().clone());
        }
    }
}

/// How an exchange ended.
#[derive(Debug)]
pub(super) enum Exchange {
    /// A complete response; the request may still be unsent in part.
    Response(Response),
    /// The peer had closed the idle connection; nothing was sent.
    Stale,
    /// The request was sent and nothing came before the peer closed or reset a connection that it had answered on: it took it
    /// for idle.
    IdleClose,
    /// Any other failure.
    Failed(ErrorKind, String),
    /// The slot expired.
    Expired,
}

/// Why a connection is not open.
#[derive(Debug)]
pub(super) enum Unopened {
    /// The slot expired while this was going on.
    Expired(&'static str),
    /// Anything else, in words.
    Failed(ErrorKind, String),
}

/// Whether a connection carries more than one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reuse {
    /// As long as the server lets it.
    KeepAlive,
    /// Never, whatever the server says.
    Close,
}

/// A connection with its buffers.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Option<Stream>,
    reuse: Reuse,
    decoder: Decoder,
    /// The request under way.
    pub(super) out: Rendered,
    /// Responses since it was opened.
    served: u64,
    /// The connection carries no further request.
    is_spent: bool,
}

impl Wire {
    pub(super) fn new(reuse: Reuse) -> Self {
        Self {
            stream: None,
            reuse,
            decoder: Decoder::new(Limits::default()),
            out: Rendered::default(),
            served: 0,
            is_spent: false,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    /// Opens the connection, and secures it if the endpoint says so; tells how.
    pub(super) async fn open(
        &mut self,
        endpoint: &Endpoint,
        slot: &Slot,
    ) -> Result<Option<Handshake>, Unopened> {
        let connecting = unless_expired(slot, Stream::connect(&endpoint.place)).await;
        let mut stream = connecting
            .ok_or(Unopened::Expired("no connection to"))?
            .map_err(|error| unopened(&error))?;
        if let Some(tls) = &endpoint.tls {
            let securing = unless_expired(slot, stream.secure(tls, &endpoint.place)).await;
            stream = securing
                .ok_or(Unopened::Expired(
                    "a connection but no end of the TLS handshake with",
                ))?
                .map_err(|error| unopened(&error))?;
        }
        self.decoder.reset();
        let handshake = stream.handshake();
        self.stream = Some(stream);
        self.served = 0;
        Ok(handshake)
    }

    /// The last response with what was kept of it.
    pub(super) fn answer(&self, response: Response) -> Answer<'_> {
        Answer {
            status: response.status,
            head: self.decoder.head().expect("a complete response has a head"),
            body: self.decoder.body(),
            body_bytes: response.body_bytes,
        }
    }

    /// The bytes that the words of the last failure end with, if a response was malformed.
    pub(super) fn excerpt(&self) -> String {
        self.decoder.excerpt().to_string()
    }

    /// Sends `out` and reads the response, of whose body up to `keep_body` bytes are kept. Both go on side by side: a server
    /// may answer before it has read everything.
    pub(super) async fn exchange(
        &mut self,
        slot: &Slot,
        expect: ExpectBody,
        keep_body: usize,
    ) -> Exchange {
        self.decoder.start(expect, keep_body);
        let Some(stream) = self.stream.as_mut() else {
            return Exchange::Stale;
        };
        let (decoder, out) = (&mut self.decoder, self.out.bytes());
        let (mut written, mut flushed) = (0, false);
        let mut write_error = None;
        let reused = self.served > 0;
        let (mut checked, mut silent) = (!reused, true);
        let ended = poll_fn(|context| {
            slot.listen(context);
            if slot.expired.get() {
                return Poll::Ready(Exchange::Expired);
            }
            if !checked {
                checked = true;
                // What is readable before anything was sent is the end of an idle connection, or bytes that nobody asked for.
                if stream.poll_read(context, decoder.spare()).is_ready() {
                    return Poll::Ready(Exchange::Stale);
                }
            }
            while written < out.len() && write_error.is_none() {
                match stream.poll_write(context, &out[written..]) {
                    Poll::Ready(Ok(n)) => written += n,
                    // The answer may wait in the socket even so.
                    Poll::Ready(Err(error)) => write_error = Some(error),
                    Poll::Pending => break,
                }
            }
            if written == out.len() && !flushed && write_error.is_none() {
                match stream.poll_flush(context) {
                    Poll::Ready(Ok(())) => flushed = true,
                    Poll::Ready(Err(error)) => write_error = Some(error),
                    Poll::Pending => {}
                }
            }
            loop {
                let n = match stream.poll_read(context, decoder.spare()) {
                    Poll::Ready(Ok(n)) => n,
                    Poll::Ready(Err(_)) if reused && silent => {
                        return Poll::Ready(Exchange::IdleClose);
                    }
                    Poll::Ready(Err(error)) => {
                        // A server that refused the client's certificate says so behind its handshake.
                        let error = match (&write_error, stream_failure(&error)) {
                            (Some(write_error), None) => write_error,
                            _ => &error,
                        };
                        return Poll::Ready(io_failure(error, !reused && silent));
                    }
                    Poll::Pending => return Poll::Pending,
                };
                silent &= n == 0;
                match decoder.filled(n) {
                    Ok(Progress::Done(response)) => {
                        return Poll::Ready(Exchange::Response(response));
                    }
                    Ok(Progress::NeedMore) => {}
                    Err(_) if reused && silent => return Poll::Ready(Exchange::IdleClose),
                    // The end of the stream is what follows a reset that the write was told of.
                    Err(_)
                        if n == 0
                            && let Some(error) = &write_error =>
                    {
                        return Poll::Ready(io_failure(error, false));
                    }
                    Err(kind) => return Poll::Ready(decode_failure(kind, decoder)),
                }
            }
        })
        .await;
        self.served += 1;
        self.is_spent = self.reuse == Reuse::Close
            || !flushed
            || !matches!(&ended, Exchange::Response(response) if response.keep_alive);
        ended
    }

    /// Closes the connection if the last exchange was to be its last one. Apart from that exchange, whose time it is not.
    pub(super) async fn settle(&mut self) {
        if std::mem::take(&mut self.is_spent) {
            self.close().await;
        }
    }

    /// Closes the connection if it is open.
    pub(super) async fn close(&mut self) {
        if let Some(mut stream) = self.stream.take() {
            poll_fn(|context| {
                stream.farewell(context);
                Poll::Ready(())
            })
            .await;
        }
    }

    /// Waits for a ticket or for `over`; a connection that the peer closes meanwhile is closed here too.
    pub(super) async fn idle(&mut self, slot: &Slot, over: impl Fn() -> bool) -> Option<Ticket> {
        poll_fn(|context| {
            slot.listen(context);
            if let Some(ticket) = slot.ticket.take() {
                return Poll::Ready(Some(ticket));
            }
            if over() {
                return Poll::Ready(None);
            }
            if let Some(stream) = self.stream.as_mut() {
                let mut byte = [0; 1];
                // Closed, reset, or bytes that nobody asked for: in each case it is of no further use.
                if stream.poll_read(context, &mut byte).is_ready() {
                    self.stream = None;
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// What the future comes to; `None` if the slot expires first.
async fn unless_expired<F: Future>(slot: &Slot, future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    poll_fn(|context| {
        slot.listen(context);
        if slot.expired.get() {
            Poll::Ready(None)
        } else {
            future.as_mut().poll(context).map(Some)
        }
    })
    .await
}

fn unopened(error: &OpenError) -> Unopened {
    let kind = match error {
        OpenError::Tls { .. } => ErrorKind::Tls,
        OpenError::Proxy { .. } => ErrorKind::Proxy,
        OpenError::Connect { cause, .. } => match cause.kind() {
            io::ErrorKind::ConnectionRefused => ErrorKind::ConnectRefused,
            io::ErrorKind::TimedOut => ErrorKind::ConnectTimeout,
            // Accepted and reset before that was noticed here.
            io::ErrorKind::ConnectionReset => ErrorKind::Reset,
            _ => ErrorKind::ConnectFailed,
        },
    };
    Unopened::Failed(kind, error.to_string())
}

/// An error of an open connection; `is_first` if nothing was ever received on it.
fn io_failure(error: &io::Error, is_first: bool) -> Exchange {
    match (error.kind(), stream_failure(error)) {
        (io::ErrorKind::InvalidData, Some(words)) if is_first => {
            Exchange::Failed(ErrorKind::Tls, words)
        }
        (_, Some(words)) => Exchange::Failed(ErrorKind::ClosedEarly, words),
        (io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe, None) => {
            let words =
                format!("{error}: look for a crash, a restart or a full backlog of the server");
            Exchange::Failed(ErrorKind::Reset, words)
        }
        (_, None) => Exchange::Failed(ErrorKind::ClosedEarly, error.to_string()),
    }
}

fn decode_failure(kind: Malformed, decoder: &Decoder) -> Exchange {
    let error = match kind {
        Malformed::ClosedBeforeResponse => {
            let words = "the connection was closed without a response: look for a crash or a limit of the server"
                .to_owned();
            return Exchange::Failed(ErrorKind::ClosedEarly, words);
        }
        Malformed::ClosedInHead | Malformed::ClosedInBody => ErrorKind::ClosedEarly,
        _ => ErrorKind::Malformed,
    };
    Exchange::Failed(error, format!("{kind}: {}", decoder.excerpt()))
}
