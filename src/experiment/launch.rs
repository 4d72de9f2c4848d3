//! A variant's target, started or found, with everything that is known of it: where it is, what measures it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use target_service::{Device, Launch};

use super::{Failure, Observer, RunDir};
use crate::scenario::fleet::{Hashes, Roster};
use crate::scenario::{BaseUrl, Target, Variant};
use crate::target::client::control_client;
use crate::target::command;
use crate::target::metrics::{self, Metrics};
use crate::target::port::{check_port_free, free_port};
use crate::target::{ProcessHandle, ProcessSpec, ProcessTree};

/// A target that answers.
#[derive(Debug)]
pub(super) struct Launched {
    pub(super) client: reqwest::Client,
    pub(super) address: SocketAddr,
    /// As sent in the Host header.
    pub(super) authority: String,
    /// Its processes, if they are local and known.
    pub(super) tree: Option<ProcessTree>,
    /// Why they are not.
    pub(super) no_tree: Option<String>,
    /// CPUs that it may use.
    pub(super) cpus: f64,
    /// Prometheus endpoint.
    pub(super) metrics_url: Option<String>,
    /// Whether the endpoint has the bundled gateway's counters.
    pub(super) is_gateway: bool,
    /// pprof endpoint that is used unless the plan names one.
    pub(super) pprof_url: Option<String>,
    process: Option<ProcessHandle>,
    log: Option<PathBuf>,
}

impl Launched {
    /// Starts the variant's target, or finds it, and waits until it answers.
    pub(super) async fn start(
        variant: &Variant,
        rosters: &[Roster],
        hashes: &mut Hashes,
        dir: &RunDir,
        observer: &dyn Observer,
    ) -> Result<Self, Failure> {
        let client = control_client().map_err(|error| {
            Failure::Internal(format!("cannot set up the HTTP client: {error}"))
        })?;
        match &variant.target {
            Target::Gateway {
                config,
                port,
                ready_within,
            } => {
                let devices = registry(rosters, config.bcrypt_cost, hashes, observer).await?;
                let port = pick_port(*port)?;
                let listen = SocketAddr::from(([127, 0, 0, 1], port));
                let launch = Launch {
                    listen,
                    config: (**config).clone(),
                    devices,
                };
                let payload = serde_json::to_vec(&launch).map_err(|error| {
                    Failure::Internal(format!("cannot write the gateway's configuration: {error}"))
                })?;
                let own = std::env::current_exe().map_err(|error| {
                    Failure::Internal(format!("cannot find telemload's own binary: {error}"))
                })?;
                let argv = vec![
                    own.to_string_lossy().into_owned(),
                    "gateway".to_owned(),
                    "--stdin".to_owned(),
                ];
                let mut launched =
                    Self::spawn("gateway", argv, payload, port, variant, dir, client).await?;
                launched.cpus = config.cpus as f64;
                launched.is_gateway = true;
                launched.metrics_url = Some(format!("http://{listen}/metrics"));
                launched.pprof_url = Some(format!("http://{listen}/debug/pprof/profile"));
                launched.wait_ready("/healthz", *ready_within).await
            }
            Target::Command {
                command,
                ready,
                ready_within,
                port,
            } => {
                let port = pick_port(*port)?;
                let argv = command::split(command, Some(port))
                    .map_err(|error| Failure::Target(format!("target.command: {error}")))?;
                let launched =
                    Self::spawn("target", argv, Vec::new(), port, variant, dir, client).await?;
                launched.wait_ready(ready, *ready_within).await
            }
            Target::Url { base, pid, metrics } => {
                Self::find(base, *pid, metrics.clone(), client).await
            }
        }
    }

    async fn spawn(
        name: &str,
        argv: Vec<String>,
        payload: Vec<u8>,
        port: u16,
        variant: &Variant,
        dir: &RunDir,
        client: reqwest::Client,
    ) -> Result<Self, Failure> {
        let log_path = Path::new(&variant.name).join("target.log");
        let log = dir.path().join(&log_path);
        let writable = |cause| {
            Failure::Internal(
                super::WriteError {
                    path: log.clone(),
                    cause,
                }
                .to_string(),
            )
        };
        std::fs::create_dir_all(dir.path().join(&variant.name)).map_err(writable)?;
        let file = crate::target::log::create(&log).map_err(writable)?;
        let mut spec = ProcessSpec::new(name, argv, file);
        spec.payload = payload;
        let process = ProcessHandle::spawn(spec)
            .await
            .map_err(|error| Failure::Target(error.to_string()))?;
        let tree = ProcessTree::supervised(process.pid()).map_err(|error| error.to_string());
        Ok(Self {
            client,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            authority: format!("127.0.0.1:{port}"),
            no_tree: tree.as_ref().err().cloned(),
            tree: tree.ok(),
            cpus: machine_cpus(),
            metrics_url: None,
            is_gateway: false,
            pprof_url: None,
            process: Some(process),
            log: Some(log),
        })
    }

    async fn wait_ready(mut self, path: &str, within: Duration) -> Result<Self, Failure> {
        let url = format!("http://{}{path}", self.authority);
        let process = self
            .process
            .as_mut()
            .expect("only a started target is waited for");
        if let Err(error) = process.wait_ready(&self.client, &url, within).await {
            process.stop().await;
            return Err(Failure::Target(error.to_string()));
        }
        Ok(self)
    }

    async fn find(
        base: &BaseUrl,
        pid: Option<u32>,
        metrics_url: Option<String>,
        client: reqwest::Client,
    ) -> Result<Self, Failure> {
        let unreachable = |message: String| {
            Failure::Target(format!("the target {base} cannot be reached: {message}"))
        };
        let addresses = tokio::net::lookup_host((base.host.as_str(), base.port)).await;
        let address = addresses
            .map_err(|error| unreachable(format!("the name cannot be resolved: {error}")))?
            .next();
        let address = address.ok_or_else(|| unreachable("the name has no address".to_owned()))?;
        // One connection that sends nothing: a target that is not there is found before the load starts.
        match tokio::time::timeout(
            Duration::from_secs(5),
            tokio::net::TcpStream::connect(address),
        )
        .await
        {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                return Err(unreachable(format!(
                    "{error}; start it, or check host and port"
                )));
            }
            Err(_) => {
                return Err(unreachable(
                    "no connection within 5 s; check host, port and firewall".to_owned(),
                ));
            }
        }
        let tree = match pid {
            Some(pid) => Some(
                ProcessTree::of(pid)
                    .map_err(|error| Failure::Target(format!("--pid {pid}: {error}")))?,
            ),
            None => None,
        };
        Ok(Self {
            client,
            address,
            authority: base.authority.clone(),
            no_tree: tree.is_none().then(|| {
                "name its process with --pid, or its Prometheus endpoint with `target.metrics`"
                    .to_owned()
            }),
            tree,
            cpus: machine_cpus(),
            metrics_url,
            is_gateway: false,
            pprof_url: None,
            process: None,
            log: None,
        })
    }

    /// Returns when the target's process has ended by itself, with words for it.
    pub(super) async fn died(&mut self) -> String {
        match &mut self.process {
            Some(process) => {
                let exit = process.exited().await;
                let log = self
                    .log
                    .as_deref()
                    .map(|log| format!("; its log is {}", log.display()))
                    .unwrap_or_default();
                format!(
                    "the target ended in the middle of the load: {exit}{}{log}",
                    process.last_lines(5)
                )
            }
            None => std::future::pending().await,
        }
    }

    /// The target's metrics, if it has an endpoint.
    pub(super) async fn scrape(&self) -> Option<Result<Metrics, String>> {
        let url = self.metrics_url.as_deref()?;
        Some(
            metrics::scrape(&self.client, url)
                .await
                .map_err(|error| error.to_string()),
        )
    }

    /// Stops what was started.
    pub(super) async fn stop(&mut self) {
        if let Some(process) = &mut self.process {
            process.stop().await;
        }
    }
}

/// Longest stretch of hashing during which nobody listens for the user's wish to end.
const HASHING: Duration = Duration::from_millis(250);

async fn registry(
    rosters: &[Roster],
    cost: u32,
    hashes: &mut Hashes,
    observer: &dyn Observer,
) -> Result<Vec<Device>, Failure> {
    let refused = |error| Failure::Internal(format!("cannot hash the devices' secrets: {error}"));
    let mut missing = hashes.missing(rosters, cost);
    observer.hashing(missing as u64);
    while missing > 0 {
        missing = hashes
            .compute(rosters, cost, HASHING, &|| observer.hashed())
            .map_err(refused)?;
        tokio::task::yield_now().await;
    }
    let pairs = hashes
        .registry(rosters, cost, &|| observer.hashed())
        .map_err(refused)?;
    Ok(pairs
        .into_iter()
        .map(|(id, hash)| Device { id, hash })
        .collect())
}

fn pick_port(fixed: Option<u16>) -> Result<u16, Failure> {
    let picked = match fixed {
        Some(port) => check_port_free(port).map(|()| port),
        None => free_port(),
    };
    picked.map_err(|error| Failure::Target(error.to_string()))
}

fn machine_cpus() -> f64 {
    std::thread::available_parallelism().map_or(1.0, |cpus| cpus.get() as f64)
}
