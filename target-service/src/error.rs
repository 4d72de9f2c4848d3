//! Why a gateway could not start or go on. Refused requests are replies, never errors of this kind.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use gateway_config::ConfigError;

/// A failure of the gateway as a whole.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The time of day cannot be written in an answer.
    #[error(
        "the clock of this machine is before 1970 or after 9998; set it to the time that it is"
    )]
    Clock,
    /// The configuration cannot be run.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A registry entry cannot be used.
    #[error("device {id:?}: {reason}")]
    Device {
        /// Which device.
        id: String,
        /// What is wrong with it, and the remedy.
        reason: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {}; choose another with --listen", reason(.source))]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
    /// The shared store cannot be used.
    #[error("cannot use the store at {address}: {reason}; start it there, or correct `store`")]
    Store {
        /// Its address, without credentials.
        address: String,
        /// What went wrong.
        reason: String,
    },
    /// The sink of the payloads cannot be used.
    #[error(
        "cannot open the sink {sink}: {reason}; check `sink`, `s3_endpoint`, `s3_region` and the credentials"
    )]
    Sink {
        /// Its address.
        sink: String,
        /// What it said.
        reason: String,
    },
    /// The stop ended before all acknowledged payloads were stored: they are lost.
    #[error(
        "{payloads} acknowledged payloads were not stored within {within:?} of the stop and are lost ({reason}); repair the sink, or raise `drain_payloads`"
    )]
    Unstored {
        /// How many.
        payloads: u64,
        /// How long the stop may take.
        within: Duration,
        /// What the sink last said.
        reason: String,
    },
    /// Acknowledged payloads are lost because nobody waited for the sink.
    #[error(
        "{payloads} acknowledged payloads were not stored when a second signal ended the stop, and are lost; one signal lets them be stored"
    )]
    Hurried {
        /// How many.
        payloads: u64,
    },
    /// The system refused something that the gateway needs to start.
    #[error("cannot {what}: {source}")]
    Start {
        /// What was attempted.
        what: &'static str,
        /// The system's answer.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn start(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Start { what, source }
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "address already in use".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        kind => kind.to_string(),
    }
}
