//! What the engine counts when it drives servers that behave, stall, break and vanish, over real sockets.

mod conservation;
mod expected;
mod loads;
mod misbehaved;
mod moved;
mod odd_answers;
mod own_time;
mod repeated;
mod stalled;
mod turns;

#[path = "../support/drive.rs"]
pub mod drive;
#[path = "../support/hostile.rs"]
pub mod hostile;

use std::net::{Ipv4Addr, SocketAddr};

use hostile::{Behaviour, OK, Server};

const MS: u64 = 1_000_000;

fn ok() -> Server {
    Server::start(Behaviour::Canned(OK))
}

/// An address at which nothing listens, as long as the socket is kept.
fn deaf() -> (std::os::fd::OwnedFd, SocketAddr) {
    use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
    let address = getsockname(&socket).expect("it is bound");
    (
        socket,
        SocketAddr::try_from(address).expect("it is an IPv4 address"),
    )
}
