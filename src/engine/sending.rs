//! The bytes of a request on their way into a stream. It never waits for an answer, and an error does not end the exchange: the
//! answer may wait in the socket even so.

use std::io;
use std::task::{Context, Poll};

use super::drip::Drip;
use super::hold::Hold;
use crate::transport::stream::Stream;

/// A request that is being sent.
pub(super) struct Sending<'a> {
    bytes: &'a [u8],
    written: usize,
    flushed: bool,
    error: Option<io::Error>,
    /// Of a request that pauses on its way.
    drip: Option<Drip<'a>>,
    /// Of one whose body waits until the peer wants it.
    hold: Option<Hold<'a>>,
}

impl<'a> Sending<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            written: 0,
            flushed: false,
            error: None,
            drip: None,
            hold: None,
        }
    }

    /// The same with pauses on its way.
    pub(super) fn slowed(self, drip: Option<Drip<'a>>) -> Self {
        Self { drip, ..self }
    }

    /// The same with a body that waits until the peer wants it.
    pub(super) fn held(self, hold: Option<Hold<'a>>) -> Self {
        Self { hold, ..self }
    }

    /// Whether its body waits until the peer wants it.
    pub(super) fn is_held(&self) -> bool {
        self.hold.is_some()
    }

    /// The peer wants the body.
    pub(super) fn go_on(&mut self) {
        self.hold = None;
    }

    /// How many bytes the stream took.
    pub(super) fn written(&self) -> usize {
        self.written
    }

    /// How many bytes it has.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Whether all of it was handed to the system.
    pub(super) fn is_done(&self) -> bool {
        self.flushed
    }

    /// Why no more of it can be sent.
    pub(super) fn error(&self) -> Option<&io::Error> {
        self.error.as_ref()
    }

    /// Whether the system refused the first byte.
    pub(super) fn is_refused(&self) -> bool {
        self.written == 0 && self.error.is_some()
    }

    /// Sends what the stream takes now.
    pub(super) fn poll(&mut self, stream: &mut Stream, context: &mut Context<'_>) {
        if self.flushed || self.error.is_some() {
            return;
        }
        if let Poll::Ready(ended) = self.push(stream, context) {
            match ended {
                Ok(()) => self.flushed = true,
                Err(error) => self.error = Some(error),
            }
        }
    }

    fn push(&mut self, stream: &mut Stream, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.bytes.len() {
            let end = self.end(context);
            if end == self.written {
                // What was written before a pause is on its way in it.
                return match stream.poll_flush(context) {
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                    _ => Poll::Pending,
                };
            }
            match stream.poll_write(context, &self.bytes[self.written..end]) {
                Poll::Ready(Ok(n)) => self.written += n,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        stream.poll_flush(context)
    }

    /// Up to where it may be sent now.
    fn end(&mut self, context: &mut Context<'_>) -> usize {
        if let Some(hold) = &mut self.hold {
            match hold.end(self.written, context) {
                Some(end) => return end,
                None => self.hold = None,
            }
        }
        let all = self.bytes.len();
        let drip = self.drip.as_mut();
        drip.map_or(all, |drip| drip.end(self.written, context).min(all))
    }
}
