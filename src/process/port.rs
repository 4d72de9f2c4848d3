//! Ports: finding free ones on the loopback address, saying plainly that one is taken, and how many the system has for
//! outgoing connections.
//!
//! A port that was free can be taken before the target binds it; nothing here can reserve one for another process.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

use thiserror::Error;

/// Why a port cannot be used.
#[derive(Debug, Error)]
pub enum PortError {
    /// Something listens there.
    #[error("port {0} on 127.0.0.1 is in use; stop what listens there or choose another port")]
    InUse(u16),
    /// It cannot be bound for another reason.
    #[error("port {port} on 127.0.0.1 cannot be used: {source}; choose another port")]
    Unusable {
        /// The port asked for; 0 for any.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
}

/// A port on 127.0.0.1 that nothing listens on now.
///
/// # Errors
/// [`PortError::Unusable`] if the system has none.
pub fn free_port() -> Result<u16, PortError> {
    bind(0).and_then(|listener| port_of(&listener))
}

/// Makes sure that nothing listens on `port` of 127.0.0.1, so that the target is not mistaken for something else.
///
/// # Errors
/// [`PortError`], with the remedy.
pub fn check_port_free(port: u16) -> Result<(), PortError> {
    bind(port).map(drop)
}

/// The ports that the system gives to outgoing connections. To each address and port of a target it can give all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalPorts {
    count: u32,
    reuse: Reuse,
}

/// Where connections go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// To this machine.
    Loopback,
    /// Elsewhere.
    Network,
}

/// Whether a port in TIME_WAIT may be taken again after a second (`net.ipv4.tcp_tw_reuse`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reuse {
    Never,
    Always,
    OnLoopback,
}

/// How long Linux keeps the port of a connection that was closed by this side first, s.
const TIME_WAIT: f64 = 60.0;
/// How long it is kept at least where it may be taken again, s.
const REUSED_AFTER: f64 = 1.0;

impl LocalPorts {
    /// Reads what the system is set to; `None` if it does not say.
    #[must_use]
    pub fn read() -> Option<Self> {
        let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
        let reuse = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_tw_reuse").unwrap_or_default();
        Self::parse(&range, &reuse)
    }

    fn parse(range: &str, reuse: &str) -> Option<Self> {
        let mut bounds = range.split_whitespace().map(str::parse::<u32>);
        let (first, last) = (bounds.next()?.ok()?, bounds.next()?.ok()?);
        Some(Self {
            count: (last + 1).checked_sub(first)?,
            reuse: match reuse.trim() {
                "1" => Reuse::Always,
                "2" => Reuse::OnLoopback,
                _ => Reuse::Never,
            },
        })
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Ports that are held at a time when so many connections a second are opened and closed: rate × how long a port is
    /// kept. That is the worst case: the side that closes first keeps the port, and often that is the server.
    #[must_use]
    pub fn held(&self, per_second: f64, reach: Reach) -> f64 {
        let reused = match self.reuse {
            Reuse::Never => false,
            Reuse::Always => true,
            Reuse::OnLoopback => reach == Reach::Loopback,
        };
        per_second * if reused { REUSED_AFTER } else { TIME_WAIT }
    }
}

fn bind(port: u16) -> Result<TcpListener, PortError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => PortError::InUse(port),
        _ => PortError::Unusable { port, source },
    })
}

fn port_of(listener: &TcpListener) -> Result<u16, PortError> {
    let address = listener
        .local_addr()
        .map_err(|source| PortError::Unusable { port: 0, source })?;
    Ok(address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_in_time_wait_are_counted_by_what_the_system_is_set_to() {
        for (reuse, loopback, elsewhere) in [
            ("0\n", 30_000.0, 30_000.0),
            ("1\n", 500.0, 500.0),
            ("2\n", 500.0, 30_000.0),
            ("", 30_000.0, 30_000.0),
        ] {
            let ports = LocalPorts::parse("32768\t60999\n", reuse).unwrap();
            assert_eq!(ports.count(), 28_232);
            assert_eq!(ports.held(500.0, Reach::Loopback), loopback, "{reuse}");
            assert_eq!(ports.held(500.0, Reach::Network), elsewhere, "{reuse}");
        }
        for broken in ["", "32768", "5 x", "60999 32768"] {
            assert_eq!(LocalPorts::parse(broken, "2"), None, "{broken}");
        }
    }

    #[test]
    fn a_port_in_use_is_named_with_the_remedy() {
        for address in [Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED] {
            let listener = TcpListener::bind((address, 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            let message = check_port_free(port).unwrap_err().to_string();
            let expected = format!(
                "port {port} on 127.0.0.1 is in use; stop what listens there or choose another port"
            );
            assert_eq!(message, expected);
        }
    }
}
