//! Ports on the loopback address: finding free ones, and saying plainly that one is taken.
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
