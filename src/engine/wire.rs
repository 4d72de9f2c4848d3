//! One connection: its stream, its buffers, whether it is used again. It carries one exchange at a time.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::yield_now;

use super::answer::Answer;
use super::drip::Drip;
use super::exchange::{Begin, Ended, Slot, unless_expired};
use super::hold::Hold;
use super::sending::Sending;
use super::timer::Timer;
use super::turn::{Turn, io_failure};
use crate::metrics::{ErrorKind, Moved};
use crate::transport::answer::{ExpectBody, Response};
use crate::transport::http1::{Decoder, Limits, Rendered};
use crate::transport::quirk::Quirk;
use crate::transport::stream::{Endpoint, OpenError, Stream};
use crate::transport::tls::{Handshake, RENEGOTIATION};

/// Of each connection so many requests wait for a look at whether bytes came that nobody asked for, though the runtime told of none.
/// A server that answers twice does so at once, and the look costs a call of the system.
const LOOKED_AT_FIRST: u64 = 16;

/// After these the number of every such request is a multiple of this.
const LOOKED_AT: u64 = 64;

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
    /// How many bytes of the last request the system took.
    written: usize,
    /// Responses since it was opened.
    served: u64,
    /// The connection carries no further request.
    is_spent: bool,
    /// When the first byte of the last answer was read, ns, if that was not complete with it.
    first_byte: Option<u64>,
    /// Bytes came on it that belong to no answer, while no request was under way.
    has_surplus: bool,
    /// Of pauses within a request, once there was one.
    timer: Option<Timer>,
}

impl Wire {
    pub(super) fn new(reuse: Reuse) -> Self {
        Self {
            stream: None,
            reuse,
            decoder: Decoder::new(Limits::default()),
            out: Rendered::default(),
            written: 0,
            served: 0,
            is_spent: false,
            first_byte: None,
            has_surplus: false,
            timer: None,
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

    /// What the last exchange moved, and when its answer began, if that was complete at `done` (ns).
    pub(super) fn moved(&self, response: Response, done: u64) -> Moved {
        let unsent = self.out.bytes().len() - self.written;
        Moved {
            sent: self.written as u64,
            sent_body: self.out.body_len().saturating_sub(unsent) as u64,
            received: response.header_bytes + response.body_bytes,
            received_body: response.body_bytes,
            first_byte: self.first_byte.unwrap_or(done),
        }
    }

    /// The bytes of the last answer that are such a quirk.
    pub(super) fn quote(&self, quirk: Quirk) -> String {
        self.decoder.quote(quirk).to_string()
    }

    /// The bytes that the words of the last failure end with, if a response was malformed.
    pub(super) fn excerpt(&self) -> String {
        self.decoder.excerpt().to_string()
    }

    /// Why there is no whole answer after so long: what came of it, what the server took of its request, or what it wants instead.
    pub(super) fn given_up(&self, timeout: Duration) -> String {
        let total = self.out.bytes().len();
        let so_far = match self.decoder.so_far() {
            Some((status, body)) => format!(
                ", but status {status} and {body} bytes of a body without its end: look for a stream, a content-length that is too large, or a connection that the server says it closes and keeps"
            ),
            None if self.written < total => {
                format!(
                    ", and the server took {} of {total} bytes of the request",
                    self.written
                )
            }
            None if self.stream.as_ref().is_some_and(Stream::is_asked_anew) => {
                return format!("no complete response within {timeout:?}: {RENEGOTIATION}");
            }
            None => String::new(),
        };
        format!(
            "no complete response within {timeout:?}{so_far}; raise the timeout if the target may take longer"
        )
    }

    /// Sends `out` and reads the response, of whose body up to `keep_body` bytes are kept. Both go on side by side: a server
    /// may answer before it has read everything.
    pub(super) async fn exchange(
        &mut self,
        slot: &Slot,
        begin: Begin,
        expect: ExpectBody,
        keep_body: usize,
    ) -> Ended {
        let is_looked_at = (1..LOOKED_AT_FIRST).contains(&self.served)
            || self.served > 0 && self.served.is_multiple_of(LOOKED_AT);
        if is_looked_at && self.stream.as_ref().is_some_and(Stream::has_input) {
            // So that the runtime learns of it, and the stream can be read.
            yield_now().await;
        }
        self.decoder.start(expect, keep_body);
        let Some(stream) = self.stream.as_mut() else {
            return Ended::Stale;
        };
        let mut sending = Sending::new(self.out.bytes());
        let (stops, held_at) = (self.out.stops(), self.out.held_at());
        if stops.is_some() || held_at.is_some() {
            if self.timer.is_none() {
                match Timer::new() {
                    Ok(timer) => self.timer = Some(timer),
                    Err(error) => return io_failure(&error, false),
                }
            }
            let timer = self.timer.as_ref();
            sending = sending
                .slowed(
                    timer
                        .zip(stops)
                        .map(|(timer, stops)| Drip::new(stops, timer)),
                )
                .held(timer.zip(held_at).map(|(timer, at)| Hold::new(at, timer)));
        }
        let mut turn = Turn::new(stream, &mut self.decoder, sending, begin, self.served);
        let ended = poll_fn(|context| turn.poll(slot, context)).await;
        let is_sent = turn.is_sent();
        self.written = turn.written();
        self.has_surplus |= turn.has_surplus();
        self.first_byte = turn.first_byte();
        self.served += 1;
        self.is_spent = self.reuse == Reuse::Close
            || !is_sent
            || !matches!(&ended, Ended::Response(response) if response.keep_alive);
        ended
    }

    /// Gives back what the last answer took, and closes the connection if that exchange was to be its last one. Apart from that exchange, whose time it is not.
    pub(super) async fn settle(&mut self) {
        self.decoder.relax();
        if std::mem::take(&mut self.is_spent) {
            self.close().await;
        }
    }

    /// Whether bytes came that belong to no answer, since this was asked last.
    pub(super) fn take_surplus(&mut self) -> bool {
        std::mem::take(&mut self.has_surplus)
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

    /// Closes the connection if its peer did, or sent what nobody asked for: in each case it is of no further use.
    pub(super) fn look(&mut self, context: &mut Context<'_>) {
        if let Some(stream) = self.stream.as_mut() {
            let mut byte = [0; 1];
            if let Poll::Ready(found) = stream.poll_read(context, &mut byte) {
                self.has_surplus |= found.is_ok_and(|n| n > 0);
                self.stream = None;
            }
        }
    }
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

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
