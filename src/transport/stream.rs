//! A connection as bytes: TCP or a unix socket, plain or under TLS, told apart by a match and not by a pointer.
//!
//! It opens, reads, writes and flushes. It must not retry, wait for a deadline or know what the bytes mean. Plain streams
//! allocate nothing after they were opened; under TLS the records of the TLS library are allocated as they come.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::IpBindAddressNoPort;
use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::proxy::Tunnel;
use super::records::Records;
use super::sources::Sources;
use super::tls::{Connector, Handshake, handshake_failure};

/// Where a target listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// An address and port.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(Arc<Path>),
    /// An address and port that is reached in a way of its own.
    Way(Arc<Way>),
}

/// How an address is reached other than straight from any address of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// Where connections go: to the target, or to a proxy.
    pub address: SocketAddr,
    /// Addresses that they come from, unless the system chooses.
    pub sources: Option<Sources>,
    /// If they go to a proxy: what stands behind it.
    pub behind: Option<Behind>,
}

/// What stands behind a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    /// Its host and port, for people.
    pub name: String,
    /// How the proxy lets through to it; it is asked in each request if there is nothing.
    pub tunnel: Option<Tunnel>,
}

impl Place {
    /// The same, reached from these addresses. A unix socket is reached from none.
    #[must_use]
    pub fn from(self, sources: Sources) -> Self {
        let (address, behind) = match &self {
            Self::Tcp(address) => (*address, None),
            Self::Way(way) => (way.address, way.behind.clone()),
            Self::Unix(_) => return self,
        };
        Self::Way(Arc::new(Way {
            address,
            sources: Some(sources),
            behind,
        }))
    }

    /// Where connections go, unless that is a unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Way(way) => Some(way.address),
            Self::Unix(_) => None,
        }
    }

    /// Who is connected to, for people: a proxy, if there is one.
    fn first_hop(&self) -> String {
        match self.proxied() {
            Some((name, proxy)) => format!("the proxy {proxy}, through which {name} is reached"),
            None => self.to_string(),
        }
    }

    /// What stands behind a proxy, and the proxy's address.
    pub fn proxied(&self) -> Option<(&str, SocketAddr)> {
        match self {
            Self::Way(way) => (way.behind.as_ref()).map(|behind| (&*behind.name, way.address)),
            Self::Tcp(_) | Self::Unix(_) => None,
        }
    }

    fn comes_from(&self) -> Option<&Sources> {
        match self {
            Self::Way(way) => way.sources.as_ref(),
            Self::Tcp(_) | Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
            Self::Way(way) => match &way.behind {
                None => way.address.fmt(f),
                Some(behind) => write!(f, "{} through the proxy {}", behind.name, way.address),
            },
        }
    }
}

/// Where to connect, and whether to secure it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Where the target listens.
    pub place: Place,
    /// With what connections are secured; none are if there is nothing.
    pub tls: Option<Connector>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The system or the peer refused it.
    #[error("cannot connect to {}: {cause}{}", .place.first_hop(), remedy(.place, .cause))]
    Connect {
        /// Where to.
        place: Place,
        /// What the system said.
        cause: io::Error,
    },
    /// A proxy did not let through.
    #[error("no connection to {place}: {words}")]
    Proxy {
        /// Where to.
        place: Place,
        /// What is wrong, with the remedy.
        words: String,
    },
    /// It could not be secured.
    #[error("no TLS with {place}: {words}")]
    Tls {
        /// With whom.
        place: Place,
        /// What is wrong, with the remedy.
        words: String,
    },
}

/// An open connection.
#[derive(Debug)]
pub enum Stream {
    /// TCP.
    Tcp(TcpStream),
    /// A unix socket.
    Unix(UnixStream),
    /// TLS over TCP; boxed, for it is larger than all else that a connection has.
    TlsTcp(Box<TlsStream<Records<TcpStream>>>),
    /// TLS over a unix socket.
    TlsUnix(Box<TlsStream<Records<UnixStream>>>),
}

/// The same call on whichever stream it is.
macro_rules! on_stream {
    ($stream:expr, $call:ident($($argument:expr),*)) => {
        match $stream {
            Stream::Tcp(stream) => Pin::new(stream).$call($($argument),*),
            Stream::Unix(stream) => Pin::new(stream).$call($($argument),*),
            Stream::TlsTcp(stream) => Pin::new(stream.as_mut()).$call($($argument),*),
            Stream::TlsUnix(stream) => Pin::new(stream.as_mut()).$call($($argument),*),
        }
    };
}

impl Stream {
    /// Connects, and secures the connection if the endpoint says so.
    ///
    /// # Errors
    /// [`OpenError`], with the remedy.
    pub async fn open(endpoint: &Endpoint) -> Result<Self, OpenError> {
        let stream = Self::connect(&endpoint.place).await?;
        match &endpoint.tls {
            Some(tls) => stream.secure(tls, &endpoint.place).await,
            None => Ok(stream),
        }
    }

    /// Connects, through a proxy if there is one, without TLS.
    ///
    /// # Errors
    /// [`OpenError::Connect`], [`OpenError::Proxy`].
    pub async fn connect(place: &Place) -> Result<Self, OpenError> {
        let connected = match place {
            Place::Tcp(address) => TcpStream::connect(address).await.map(Self::of_tcp),
            Place::Way(way) => return Self::connect_by(way, place).await,
            Place::Unix(path) => UnixStream::connect(path).await.map(Self::Unix),
        };
        connected.map_err(|cause| refused(place, cause))
    }

    fn of_tcp(stream: TcpStream) -> Self {
        // Fails only on a socket that is gone already, which the first exchange will report.
        let _ = stream.set_nodelay(true);
        Self::Tcp(stream)
    }

    async fn connect_by(way: &Way, place: &Place) -> Result<Self, OpenError> {
        let connected = match &way.sources {
            Some(sources) => connect_from(sources.next(), way.address).await,
            None => TcpStream::connect(way.address).await,
        };
        let mut stream = connected.map_err(|cause| refused(place, cause))?;
        if let Some(tunnel) = way
            .behind
            .as_ref()
            .and_then(|behind| behind.tunnel.as_ref())
        {
            let opened = tunnel.open(&mut stream).await;
            opened.map_err(|words| OpenError::Proxy {
                place: place.clone(),
                words,
            })?;
        }
        Ok(Self::of_tcp(stream))
    }

    /// Shakes hands over a plain connection to `place`; one that is secured already stays as it is.
    ///
    /// # Errors
    /// [`OpenError::Tls`].
    pub async fn secure(self, tls: &Connector, place: &Place) -> Result<Self, OpenError> {
        let connector = TlsConnector::from(tls.config());
        let secured = match self {
            Self::Tcp(stream) => connector
                .connect(tls.name.clone(), Records::of(stream))
                .await
                .map(|stream| Self::TlsTcp(begun(stream))),
            Self::Unix(stream) => connector
                .connect(tls.name.clone(), Records::of(stream))
                .await
                .map(|stream| Self::TlsUnix(begun(stream))),
            secured @ (Self::TlsTcp(_) | Self::TlsUnix(_)) => Ok(secured),
        };
        secured.map_err(|error| OpenError::Tls {
            place: place.clone(),
            words: handshake_failure(&error, &tls.name),
        })
    }

    /// How it was secured, if it is.
    pub fn handshake(&self) -> Option<Handshake> {
        match self {
            Self::Tcp(_) | Self::Unix(_) => None,
            Self::TlsTcp(stream) => Handshake::of(stream.get_ref().1),
            Self::TlsUnix(stream) => Handshake::of(stream.get_ref().1),
        }
    }

    /// Reads into `buffer`, which must not be empty; 0 is the end. Under TLS an end without notice is an error, and what
    /// is no plain text, such as session tickets, is taken in without being an answer.
    ///
    /// # Errors
    /// Those of the socket and of TLS.
    #[inline]
    pub fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        on_stream!(self, poll_read(context, &mut buffer)).map_ok(|()| buffer.filled().len())
    }

    /// Writes some of `bytes`. Under TLS what was written may wait for a flush.
    ///
    /// # Errors
    /// Those of the socket and of TLS.
    #[inline]
    pub fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self, poll_write(context, bytes))
    }

    /// Hands everything that was written to the system; nothing to do without TLS.
    ///
    /// # Errors
    /// Those of the socket.
    #[inline]
    pub fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, poll_flush(context))
    }

    /// Tells the peer that this side will say nothing more, as TLS asks of both before they close; nothing to do without
    /// TLS. It tries once: a peer that takes nothing in has no use for it.
    pub fn farewell(&mut self, context: &mut Context<'_>) {
        let _ = match self {
            Self::Tcp(_) | Self::Unix(_) => return,
            Self::TlsTcp(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
            Self::TlsUnix(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
        };
    }

    /// Whether the system has bytes of the peer, or its end, that were not read: under TLS these may be no plain text.
    pub fn has_input(&self) -> bool {
        let socket = match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
            Self::TlsTcp(stream) => stream.get_ref().0.as_fd(),
            Self::TlsUnix(stream) => stream.get_ref().0.as_fd(),
        };
        let look = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        recv(socket, &mut [0_u8; 1][..], look).is_ok()
    }

    /// Whether the last that came is the wish of a TLS 1.2 server to shake hands anew (renegotiation).
    pub fn is_asked_anew(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Unix(_) => false,
            Self::TlsTcp(stream) => stream.get_ref().0.is_handshake(),
            Self::TlsUnix(stream) => stream.get_ref().0.is_handshake(),
        }
    }

    /// Whether it is under TLS.
    pub fn is_secured(&self) -> bool {
        matches!(self, Self::TlsTcp(_) | Self::TlsUnix(_))
    }

    /// The error of the system that neither a read nor a write has told; it is told once. After the end of a stream, `BrokenPipe`
    /// says that the peer had closed the connection before the bytes came that were written last: its system had no socket for
    /// them and answered with a reset. `ConnectionReset` says that the peer did not close it in an orderly way.
    pub fn take_error(&self) -> Option<io::ErrorKind> {
        let error = match self {
            Self::Tcp(stream) => stream.take_error(),
            Self::TlsTcp(stream) => stream.get_ref().0.socket().take_error(),
            Self::Unix(_) | Self::TlsUnix(_) => return None,
        };
        error.ok().flatten().map(|error| error.kind())
    }

    /// Writes all of `bytes` and flushes.
    ///
    /// # Errors
    /// Those of [`Stream::poll_write`] and [`Stream::poll_flush`].
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut written = 0;
        while written < bytes.len() {
            written += poll_fn(|context| self.poll_write(context, &bytes[written..])).await?;
        }
        poll_fn(|context| self.poll_flush(context)).await
    }

    /// Reads as [`Stream::poll_read`].
    ///
    /// # Errors
    /// Those of [`Stream::poll_read`].
    pub async fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        poll_fn(|context| self.poll_read(context, buffer)).await
    }
}

/// A stream whose handshake has ended, so that any other one is asked for anew.
fn begun<S>(mut stream: TlsStream<Records<S>>) -> Box<TlsStream<Records<S>>> {
    stream.get_mut().0.forget();
    Box::new(stream)
}

fn refused(place: &Place, cause: io::Error) -> OpenError {
    OpenError::Connect {
        place: place.clone(),
        cause,
    }
}

/// Connects from an address. Its port is chosen when the other end is known, so that one port serves for many targets and no
/// connection takes one that another could have used.
async fn connect_from(source: IpAddr, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    setsockopt(&socket, IpBindAddressNoPort, &true)?;
    socket.bind(SocketAddr::new(source, 0))?;
    socket.connect(address).await
}

/// Whether this machine has an address that connections can come from.
///
/// # Errors
/// What the system says.
pub fn check_source(source: IpAddr) -> io::Result<()> {
    std::net::UdpSocket::bind(SocketAddr::new(source, 0)).map(drop)
}

/// What helps against the refusals that a load test meets.
fn remedy(place: &Place, error: &io::Error) -> &'static str {
    match (place, error.kind(), error.raw_os_error()) {
        (_, _, Some(EMFILE)) => "; raise the limit with `ulimit -n`, or use fewer connections",
        (_, _, Some(ENFILE)) => "; raise the system's limit with `sysctl fs.file-max`",
        (place, io::ErrorKind::AddrNotAvailable, _) if place.comes_from().is_some() => {
            "; this machine does not have all the addresses of --bind (`target.bind`), or no local port of them is free: name its own, name more of them, or use fewer connections"
        }
        (_, io::ErrorKind::AddrNotAvailable, _) => {
            "; no local port is free: keep connections alive, use fewer, come from more addresses with --bind, or widen the range with `sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"`"
        }
        (Place::Unix(_), io::ErrorKind::NotFound, _) => "; start the target, or check the path",
        (Place::Unix(_), io::ErrorKind::ConnectionRefused, _) => {
            "; nothing listens at that socket: start the target"
        }
        // A unix socket says so at once; TCP would drop the attempt and try again.
        (Place::Unix(_), io::ErrorKind::WouldBlock, _) => {
            "; the target does not accept fast enough: use fewer connections or raise its backlog"
        }
        (_, io::ErrorKind::PermissionDenied, _) => {
            "; check who may connect there, and the firewall"
        }
        (Place::Tcp(_) | Place::Way(_), io::ErrorKind::ConnectionRefused, _) => {
            "; nothing listens there: start it, or check host and port"
        }
        (Place::Tcp(_) | Place::Way(_), io::ErrorKind::TimedOut, _) => {
            "; check host, port and firewall, and whether the target's backlog is full"
        }
        _ => "",
    }
}

/// Too many files are open in this process, or in the system.
const EMFILE: i32 = rustix::io::Errno::MFILE.raw_os_error();
const ENFILE: i32 = rustix::io::Errno::NFILE.raw_os_error();
