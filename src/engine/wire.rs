//! One connection's bytes: opening it, and exchanging one request for one response.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::answer::Answer;
use super::feed::Ticket;
use super::program::Rendered;
use crate::metrics::ErrorKind;
use crate::transport::http1::{Decoder, ExpectBody, Limits, Malformed, Progress, Response};

/// What the worker says to one connection's task.
#[derive(Debug, Default)]
pub(super) struct Slot {
    waker: RefCell<Option<Waker>>,
    /// A request that became due while the connection was idle.
    pub(super) ticket: Cell<Option<Ticket>>,
    /// When what is under way is given up, ns; 0 if nothing is.
    pub(super) deadline: Cell<u64>,
    /// Whether that time has come.
    pub(super) expired: Cell<bool>,
}

impl Slot {
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
    /// Nothing came before the peer closed or reset a connection that it had answered on: it took it for idle.
    IdleClose,
    /// Any other failure.
    Failed(ErrorKind, String),
    /// The slot expired.
    Expired,
}

/// A connection with its buffers.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Option<TcpStream>,
    decoder: Decoder,
    /// The request under way.
    pub(super) out: Rendered,
    /// Responses since it was opened.
    served: u64,
}

impl Wire {
    pub(super) fn new() -> Self {
        Self {
            stream: None,
            decoder: Decoder::new(Limits::default()),
            out: Rendered::default(),
            served: 0,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    /// Opens the connection; `None` if the slot expired first.
    pub(super) async fn open(
        &mut self,
        address: SocketAddr,
        slot: &Slot,
    ) -> Option<Result<(), (ErrorKind, String)>> {
        let mut connecting = std::pin::pin!(TcpStream::connect(address));
        let opened = poll_fn(|context| {
            slot.listen(context);
            if slot.expired.get() {
                Poll::Ready(None)
            } else {
                connecting.as_mut().poll(context).map(Some)
            }
        })
        .await?;
        let stream = match opened {
            Ok(stream) => stream,
            Err(error) => return Some(Err(connect_failure(address, &error))),
        };
        // Fails only on a socket that is gone already, which the exchange will report.
        let _ = stream.set_nodelay(true);
        self.decoder.reset();
        self.stream = Some(stream);
        self.served = 0;
        Some(Ok(()))
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
            return Exchange::IdleClose;
        };
        let (decoder, out) = (&mut self.decoder, self.out.bytes());
        let mut written = 0;
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
                if Pin::new(&mut *stream)
                    .poll_read(context, &mut ReadBuf::new(decoder.spare()))
                    .is_ready()
                {
                    return Poll::Ready(Exchange::IdleClose);
                }
            }
            while written < out.len() && write_error.is_none() {
                match Pin::new(&mut *stream).poll_write(context, &out[written..]) {
                    Poll::Ready(Ok(n)) => written += n,
                    // The answer may wait in the socket even so.
                    Poll::Ready(Err(error)) => write_error = Some(error),
                    Poll::Pending => break,
                }
            }
            loop {
                let mut buffer = ReadBuf::new(decoder.spare());
                let n = match Pin::new(&mut *stream).poll_read(context, &mut buffer) {
                    Poll::Ready(Ok(())) => buffer.filled().len(),
                    Poll::Ready(Err(_)) if reused && silent => {
                        return Poll::Ready(Exchange::IdleClose);
                    }
                    Poll::Ready(Err(error)) => {
                        return Poll::Ready(io_failure(write_error.as_ref().unwrap_or(&error)));
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
                        return Poll::Ready(io_failure(error));
                    }
                    Err(kind) => return Poll::Ready(decode_failure(kind, decoder)),
                }
            }
        })
        .await;
        self.served += 1;
        if !matches!(&ended, Exchange::Response(response) if response.keep_alive && written == out.len())
        {
            self.stream = None;
        }
        ended
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
                if Pin::new(stream)
                    .poll_read(context, &mut ReadBuf::new(&mut byte))
                    .is_ready()
                {
                    self.stream = None;
                }
            }
            Poll::Pending
        })
        .await
    }
}

fn connect_failure(address: SocketAddr, error: &io::Error) -> (ErrorKind, String) {
    let kind = match error.kind() {
        io::ErrorKind::ConnectionRefused => ErrorKind::ConnectRefused,
        io::ErrorKind::TimedOut => ErrorKind::ConnectTimeout,
        // Accepted and reset before that was noticed here.
        io::ErrorKind::ConnectionReset => ErrorKind::Reset,
        _ => ErrorKind::ConnectFailed,
    };
    (kind, format!("cannot connect to {address}: {error}"))
}

fn io_failure(error: &io::Error) -> Exchange {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            Exchange::Failed(ErrorKind::Reset, error.to_string())
        }
        _ => Exchange::Failed(ErrorKind::ClosedEarly, error.to_string()),
    }
}

fn decode_failure(kind: Malformed, decoder: &Decoder) -> Exchange {
    let error = match kind {
        Malformed::ClosedBeforeResponse => {
            let words = "the connection was closed without a response".to_owned();
            return Exchange::Failed(ErrorKind::ClosedEarly, words);
        }
        Malformed::ClosedInHead | Malformed::ClosedInBody => ErrorKind::ClosedEarly,
        _ => ErrorKind::Malformed,
    };
    Exchange::Failed(error, format!("{kind}: {}", decoder.excerpt()))
}
