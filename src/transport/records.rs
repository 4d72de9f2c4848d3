//! A socket under TLS that notes whether a TLS 1.2 server began a handshake on a connection that has one. The TLS library answers such
//! a wish itself and tells nobody, and a server may wait for more than its answer. It looks at the beginning of what is read, and
//! changes nothing.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How a record of TLS 1.2 begins that belongs to a handshake (RFC 5246 6.2.1). Those of TLS 1.3 look like data once it has begun.
const HANDSHAKE: [u8; 3] = [22, 3, 3];

/// A socket, and how the last bytes read from it began.
#[derive(Debug)]
pub struct Records<S> {
    socket: S,
    is_handshake: bool,
}

impl<S> Records<S> {
    /// Of a socket that nothing was read from.
    pub(super) fn of(socket: S) -> Self {
        Self {
            socket,
            is_handshake: false,
        }
    }

    pub(super) fn socket(&self) -> &S {
        &self.socket
    }

    /// Whether the last bytes that were read are of a handshake.
    pub(super) fn is_handshake(&self) -> bool {
        self.is_handshake
    }

    /// The handshake that opens the connection has ended.
    pub(super) fn forget(&mut self) {
        self.is_handshake = false;
    }
}

impl<S: AsFd> AsFd for Records<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Records<S> {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(context, buffer))?;
        let read = &buffer.filled()[before..];
        if !read.is_empty() {
            self.is_handshake = read.starts_with(&HANDSHAKE);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Records<S> {
    #[inline]
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    #[inline]
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    #[inline]
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn only_what_came_last_is_of_a_handshake_or_is_not() {
        let mut records = Records::of(&b""[..]);
        for (bytes, expected) in [
            (&[22, 3, 3, 0, 40][..], true),
            (&[23, 3, 3, 0, 40], false),
            // Nothing came: what came before is still the last.
            (&[], false),
            (&[22, 3, 3], true),
            (&[], true),
            // In the midst of a record any byte may stand.
            (&[22, 7, 3, 3], false),
        ] {
            records.socket = bytes;
            let mut space = [0; 8];
            let mut buffer = ReadBuf::new(&mut space);
            poll_fn(|context| Pin::new(&mut records).poll_read(context, &mut buffer))
                .await
                .unwrap();
            assert_eq!(records.is_handshake(), expected, "{bytes:?}");
        }
        records.socket = &[22, 3, 3];
        records.forget();
        assert!(!records.is_handshake());
    }
}
