//! Addresses at which a flag asks telemload to listen.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

use anyhow::Context;

use super::exit::Usage;

/// An address that is listened at.
pub(super) struct Bound {
    pub(super) listener: TcpListener,
    pub(super) address: SocketAddr,
}

impl Bound {
    /// Listens at `[HOST:]PORT`; without a host on loopback, and at a free port for port 0.
    pub(super) fn at(flag: &str, text: &str) -> anyhow::Result<Self> {
        let port = text.strip_prefix(':').unwrap_or(text);
        let place = match port.parse::<u16>() {
            Ok(port) => format!("127.0.0.1:{port}"),
            Err(_) => text.to_owned(),
        };
        let refused = |why: String| Usage(format!("{flag} {text}: {why}"));
        let mut found = place.to_socket_addrs().map_err(|error| {
            refused(match error.kind() {
                io::ErrorKind::InvalidInput => {
                    "it is [HOST:]PORT, such as 9464 or 0.0.0.0:9464".to_owned()
                }
                _ => format!("there is no such host: {error}"),
            })
        })?;
        let address = found
            .next()
            .ok_or_else(|| refused("the host has no address".to_owned()))?;
        let listener = TcpListener::bind(address).map_err(|error| {
            refused(match error.kind() {
                io::ErrorKind::AddrInUse => {
                    "something else listens there; choose another port, or 0 for a free one"
                        .to_owned()
                }
                io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
                _ => format!("it cannot be listened at: {error}"),
            })
        })?;
        let address = listener.local_addr().context("a listener has no address")?;
        Ok(Self { listener, address })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_one_on_loopback() {
        for text in ["0", ":0", "127.0.0.1:0", "localhost:0"] {
            let bound = Bound::at("--live", text).unwrap();
            assert!(
                bound.address.ip().is_loopback() && bound.address.port() > 0,
                "{text}"
            );
        }
        let taken = Bound::at("--live", "0").unwrap().address;
        for (text, words) in [
            (
                "metrics",
                "--live metrics: it is [HOST:]PORT, such as 9464 or 0.0.0.0:9464",
            ),
            ("70000", "--live 70000: it is [HOST:]PORT"),
            (
                "192.0.2.1:0",
                "--live 192.0.2.1:0: this machine has no such address",
            ),
        ] {
            let refused = Bound::at("--live", text).err().unwrap().to_string();
            assert!(refused.starts_with(words), "{refused}");
        }
        let _held = TcpListener::bind(taken).unwrap();
        let refused = Bound::at("--live", &taken.to_string()).err().unwrap();
        assert!(refused.is::<Usage>());
        let words = format!("--live {taken}: something else listens there");
        assert!(refused.to_string().starts_with(&words), "{refused}");
    }
}
