//! A request's turn on an HTTP/1 connection: its bytes go out and the response comes in, side by side, for a server may answer
//! before it has read everything.

use std::io;
use std::task::{Context, Poll};

use super::clock::now_ns;
use super::exchange::{Begin, Ended, Slot};
use super::sending::Sending;
use crate::metrics::ErrorKind;
use crate::transport::http1::{Decoder, Malformed, Progress};
use crate::transport::quirk::Quirk;
use crate::transport::stream::Stream;
use crate::transport::tls::{is_refusal, stream_failure};

/// A request of at most so many bytes travels in one segment, TLS included, over whatever network: its peer has all of it or
/// nothing.
const ONE_SEGMENT: usize = 1_000;

/// A peer that has worked for longer than this on a request may have carried it out, ns. One that closed the connection before
/// it read the request resets it within a round trip.
const AT_ONCE_NS: u64 = 1_500_000;

/// No server closes a connection for being idle before this, ns: a reset at once of one that was in use comes from what the server
/// did with the request.
const IDLE_NS: u64 = 1_000_000_000;

/// A request that is being sent and answered.
pub(super) struct Turn<'a> {
    stream: &'a mut Stream,
    decoder: &'a mut Decoder,
    sending: Sending<'a>,
    request_bytes: usize,
    begin: Begin,
    /// The connection has answered before.
    reused: bool,
    /// Whether it is still open was looked at before anything was sent.
    checked: bool,
    /// Nothing of the response has come.
    silent: bool,
    /// Bytes were there before anything was sent.
    has_surplus: bool,
    /// When the first byte of the response was read, ns, if the response was not complete with it.
    first_byte: Option<u64>,
}

impl<'a> Turn<'a> {
    /// `served` responses came on the connection before `sent` (ns); the decoder has been told which response to await.
    pub(super) fn new(
        stream: &'a mut Stream,
        decoder: &'a mut Decoder,
        sending: Sending<'a>,
        begin: Begin,
        served: u64,
    ) -> Self {
        let reused = served > 0;
        Self {
            stream,
            decoder,
            request_bytes: sending.bytes(),
            sending,
            begin,
            reused,
            checked: !reused,
            silent: true,
            has_surplus: false,
            first_byte: None,
        }
    }

    /// Whether the whole request was handed to the system.
    pub(super) fn is_sent(&self) -> bool {
        self.sending.is_done()
    }

    /// How many bytes of it the system took.
    pub(super) fn written(&self) -> usize {
        self.sending.written()
    }

    /// Whether bytes were there before anything was sent.
    pub(super) fn has_surplus(&self) -> bool {
        self.has_surplus
    }

    /// When the first byte of the response was read, ns, if the response was not complete with it.
    pub(super) fn first_byte(&self) -> Option<u64> {
        self.first_byte
    }

    pub(super) fn poll(&mut self, slot: &Slot, context: &mut Context<'_>) -> Poll<Ended> {
        slot.listen(context);
        if slot.expired.get() {
            return Poll::Ready(Ended::Expired);
        }
        if !self.checked {
            self.checked = true;
            // What is readable before anything was sent is the end of an idle connection, or bytes that nobody asked for.
            let found = self.stream.poll_read(context, self.decoder.spare());
            if let Poll::Ready(found) = found {
                self.has_surplus = found.is_ok_and(|n| n > 0);
                return Poll::Ready(Ended::Stale);
            }
        }
        loop {
            self.sending.poll(self.stream, context);
            let received = self.receive(context);
            if received.is_ready() || !self.sending.is_held() || !self.decoder.has_continued() {
                return received;
            }
            self.sending.go_on();
        }
    }

    fn receive(&mut self, context: &mut Context<'_>) -> Poll<Ended> {
        loop {
            let n = match self.stream.poll_read(context, self.decoder.spare()) {
                Poll::Ready(Ok(n)) => n,
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(self.cut(&error).unwrap_or_else(|| self.broken(&error)));
                }
                Poll::Pending => return Poll::Pending,
            };
            let decoded = self.decoder.filled(n);
            self.silent &= n == 0 || self.decoder.is_silent();
            match decoded {
                Ok(Progress::Done(response)) => return Poll::Ready(Ended::Response(response)),
                Ok(Progress::NeedMore) => {
                    if self.first_byte.is_none() && self.decoder.has_begun() {
                        self.first_byte = Some(now_ns());
                    }
                }
                Err(kind) => return Poll::Ready(self.malformed(kind, n)),
            }
        }
    }

    /// The answer whose body ends with the connection, if that ended without TLS's close_notify: browsers and curl take it.
    #[cold]
    fn cut(&mut self, error: &io::Error) -> Option<Ended> {
        let is_end =
            error.kind() == io::ErrorKind::UnexpectedEof && stream_failure(error).is_some();
        match is_end.then(|| self.decoder.eof()) {
            Some(Ok(Progress::Done(mut response))) => {
                response.quirks.add(Quirk::NoCloseNotify);
                Some(Ended::Response(response))
            }
            _ => None,
        }
    }

    /// The connection failed.
    fn broken(&self, error: &io::Error) -> Ended {
        if self.reused && self.silent {
            return self.dropped(Some(error.kind()));
        }
        let is_reset = matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
        );
        if let Some(words) = self.cut_upload().filter(|_| is_reset) {
            return Ended::Failed(ErrorKind::Reset, words);
        }
        // A server that refused the client's certificate says so behind its handshake.
        let error = match (self.sending.error(), stream_failure(error)) {
            (Some(write_error), None) => write_error,
            _ => error,
        };
        io_failure(error, !self.reused && self.silent)
    }

    /// The peer ended a connection that it had answered on before, with this error or with none.
    fn dropped(&self, error: Option<io::ErrorKind>) -> Ended {
        use io::ErrorKind::{BrokenPipe, ConnectionReset};
        let reset = error
            .filter(|kind| matches!(kind, BrokenPipe | ConnectionReset))
            .or_else(|| self.stream.take_error());
        let Begin { sent, free } = self.begin;
        let was_idle = sent.saturating_sub(free) >= IDLE_NS;
        let is_at_once = || was_idle && now_ns().saturating_sub(sent) <= AT_ONCE_NS;
        let unread = match reset {
            _ if self.sending.is_refused() && !self.stream.is_secured() => true,
            _ if self.request_bytes > ONE_SEGMENT => false,
            // The connection had ended when the request came: the peer's system answered it with a reset.
            Some(BrokenPipe) => true,
            // The peer closed an idle one as the request came, or read it and then reset the connection.
            Some(ConnectionReset) => is_at_once(),
            // A peer that closes when it has read everything resets nothing.
            _ => false,
        };
        let kind = if reset.is_some() {
            ErrorKind::Reset
        } else {
            ErrorKind::ClosedEarly
        };
        Ended::Dropped { unread, kind }
    }

    /// The last `n` bytes, or the end of the stream if there were none, make no response.
    fn malformed(&self, kind: Malformed, n: usize) -> Ended {
        if self.reused && self.silent {
            return self.dropped(None);
        }
        if let Some(words) = self.cut_upload().filter(|_| n == 0) {
            let is_told = self.sending.error().is_some();
            let kind = if is_told {
                ErrorKind::Reset
            } else {
                ErrorKind::ClosedEarly
            };
            return Ended::Failed(kind, words);
        }
        match self.sending.error() {
            // The end of the stream is what follows a reset that the write was told of.
            Some(error) if n == 0 => io_failure(error, false),
            _ => decode_failure(kind, self.decoder),
        }
    }

    /// What is said of a server that ended the connection before it had the whole request, without a word.
    fn cut_upload(&self) -> Option<String> {
        let (sent, all) = (self.sending.written(), self.request_bytes);
        let is_of_tls = |error: &io::Error| stream_failure(error).is_some();
        let is_cut = self.silent && (1..all).contains(&sent);
        (is_cut && !self.sending.error().is_some_and(is_of_tls)).then(|| {
            format!(
                "the server ended the connection without a response when {sent} of {all} bytes of the request were sent: look for its limits of how large a request may be, and how long it may take to come"
            )
        })
    }
}

/// An error of an open connection; `is_first` if nothing was ever received on it.
pub(super) fn io_failure(error: &io::Error, is_first: bool) -> Ended {
    match (error.kind(), stream_failure(error)) {
        (_, Some(words)) if is_first && is_refusal(error) => Ended::Failed(ErrorKind::Tls, words),
        (_, Some(words)) => Ended::Failed(ErrorKind::ClosedEarly, words),
        (io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe, None) => {
            let words =
                format!("{error}: look for a crash, a restart or a full backlog of the server");
            Ended::Failed(ErrorKind::Reset, words)
        }
        (_, None) => Ended::Failed(ErrorKind::ClosedEarly, error.to_string()),
    }
}

fn decode_failure(kind: Malformed, decoder: &Decoder) -> Ended {
    let error = match kind {
        Malformed::ClosedBeforeResponse => {
            return Ended::Failed(ErrorKind::ClosedEarly, kind.to_string());
        }
        Malformed::ClosedInHead | Malformed::ClosedInBody => ErrorKind::ClosedEarly,
        _ => ErrorKind::Malformed,
    };
    Ended::Failed(error, format!("{kind}: {}", decoder.excerpt()))
}
