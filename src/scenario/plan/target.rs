//! What is loaded, and what runs beside it.

use std::time::Duration;

use gateway_config::IngestMode;

use super::command::Command;
use super::host::{BaseUrl, Route};
use super::places::Places;
use crate::transport::proxy::Proxy;
use crate::transport::tls::Tls;

/// What is loaded.
#[derive(Debug, Clone)]
pub enum Target {
    /// The bundled gateway as a child process.
    Bundled {
        /// Its configuration, as it was written.
        config: Box<gateway_config::Config>,
        /// Where that names ports of services.
        places: Places,
        /// Words before its command line, such as those of a program that runs it.
        before: Vec<String>,
        /// How many processes, each with a port of its own.
        instances: u32,
        /// Fixed port of a single one, else a free one.
        port: Option<u16>,
        /// How long it may take to answer.
        ready_within: Duration,
    },
    /// A command that telemload starts and stops.
    Command {
        /// Its command line.
        command: Command,
        /// Path that answers 2xx once the target is ready.
        ready: String,
        /// How long that may take.
        ready_within: Duration,
        /// How many processes, each with a port of its own.
        instances: u32,
        /// Fixed port of a single one, else a free one.
        port: Option<u16>,
        /// If it serves https.
        tls: Option<Tls>,
    },
    /// Something that runs already.
    Url {
        /// What it is called.
        base: BaseUrl,
        /// Where connections go.
        route: Route,
        /// The forward proxy that they go through.
        proxy: Option<Proxy>,
        /// Process to measure, if it is local.
        pid: Option<u32>,
        /// Prometheus endpoint with `process_cpu_seconds_total`.
        metrics: Option<String>,
    },
}

/// What a target needs beside it.
#[derive(Debug, Clone)]
pub struct Service {
    /// Unique within the variant.
    pub name: String,
    /// Its command line, which names its port.
    pub command: Command,
    /// Path that answers 2xx once it is ready; without one it is ready when it accepts a connection.
    pub ready: Option<String>,
    /// How long that may take.
    pub ready_within: Duration,
}

impl Target {
    /// What kind it is and how it is configured, for people.
    pub fn describe(&self) -> String {
        match self.instances() {
            1 => self.describe_one(),
            instances => format!("{instances} instances of {}", self.describe_one()),
        }
    }

    fn describe_one(&self) -> String {
        match self {
            Self::Bundled { config, .. } => {
                let ingest = match config.ingest {
                    IngestMode::Discard => String::new(),
                    mode => format!(", ingest {mode} into {}", config.sink),
                };
                format!(
                    "bundled gateway, auth {}, rbac {}, bcrypt cost {}, {} CPU(s){ingest}",
                    config.auth, config.rbac, config.bcrypt_cost, config.cpus
                )
            }
            Self::Command { command, .. } => format!("command `{}`", command.line()),
            Self::Url {
                base, route, proxy, ..
            } => base.by(route, proxy.as_ref()),
        }
    }

    /// The proxy that is asked in each request, with the origin that it is asked for: where there is no TLS to tunnel.
    pub(super) fn asked_proxy(&self) -> Option<(&Proxy, String)> {
        match self {
            Self::Url { base, proxy, .. } => base.asked(proxy.as_ref()),
            Self::Bundled { .. } | Self::Command { .. } => None,
        }
    }

    /// How many processes it is.
    pub fn instances(&self) -> u32 {
        match self {
            Self::Bundled { instances, .. } | Self::Command { instances, .. } => *instances,
            Self::Url { .. } => 1,
        }
    }

    /// Whether it is something that runs already and whose metrics are read.
    pub fn has_metrics(&self) -> bool {
        matches!(
            self,
            Self::Url {
                metrics: Some(_),
                ..
            }
        )
    }

    /// How it is spoken to, if that is over TLS.
    pub fn tls(&self) -> Option<&Tls> {
        match self {
            Self::Bundled { .. } => None,
            Self::Command { tls, .. } => tls.as_ref(),
            Self::Url { base, .. } => base.tls.as_ref(),
        }
    }

    /// Whether it is on this machine, as far as its name tells.
    pub fn is_loopback(&self) -> bool {
        let Self::Url { base, route, .. } = self else {
            return true;
        };
        let host = match route {
            Route::Url => &base.host,
            Route::Host { host, .. } => host,
            Route::Unix(_) => return true,
        };
        host == "localhost"
            || host
                .parse()
                .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    }

    /// Whether connections to it take local ports.
    pub fn takes_ports(&self) -> bool {
        !matches!(
            self,
            Self::Url {
                route: Route::Unix(_),
                ..
            }
        )
    }
}
