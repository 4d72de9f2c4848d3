//! A variant's target, started or found, with everything that is known of it: where it is, what measures it.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use target_service::{Device, Launch};
use tokio::sync::mpsc::unbounded_channel;

use super::{Failure, Observer, RunDir};
use crate::scenario::fleet::{Hashes, Roster};
use crate::scenario::{BaseUrl, Target, Variant};
use crate::target::client::control_client;
use crate::target::command;
use crate::target::metrics::{self, Metrics};
use crate::target::port::{check_port_free, free_port};
use crate::target::supervisor::DEFAULT_GRACE;
use crate::target::{ProcessHandle, ProcessSpec, ProcessTree};

/// Longest time that metrics may take.
const SCRAPE: Duration = Duration::from_millis(500);

/// What a gateway has beyond the longest stop that it promises: it may be in the middle of a system call.
const STOP_MARGIN: Duration = Duration::from_secs(1);

/// What goes to a process with its start.
struct Handed {
    /// Its standard input.
    payload: Vec<u8>,
    /// How long it has to stop.
    grace: Duration,
}

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
        rosters: &Arc<[Roster]>,
        hashes: &mut Hashes,
        dir: &RunDir,
        launch_directory: &Path,
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
                let handed = Handed {
                    payload,
                    grace: target_service::server::stop_within(config) + STOP_MARGIN,
                };
                let argv = vec![
                    own.to_string_lossy().into_owned(),
                    "gateway".to_owned(),
                    "--stdin".to_owned(),
                ];
                let mut launched =
                    Self::spawn("gateway", argv, handed, port, launch_directory, dir, client)
                        .await?;
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
                let launched = Self::spawn(
                    "target",
                    argv,
                    Handed {
                        payload: Vec::new(),
                        grace: DEFAULT_GRACE,
                    },
                    port,
                    launch_directory,
                    dir,
                    client,
                )
                .await?;
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
        handed: Handed,
        port: u16,
        launch_directory: &Path,
        dir: &RunDir,
        client: reqwest::Client,
    ) -> Result<Self, Failure> {
        let directory = dir.path().join(launch_directory);
        let log = directory.join("target.log");
        let writable = |cause| {
            Failure::Internal(
                super::WriteError {
                    path: log.clone(),
                    cause,
                }
                .to_string(),
            )
        };
        std::fs::create_dir_all(&directory).map_err(writable)?;
        let file = crate::target::log::create(&log).map_err(writable)?;
        let mut spec = ProcessSpec::new(name, argv, file);
        spec.payload = handed.payload;
        spec.grace = handed.grace;
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
        let addresses = addresses.map_err(|error| {
            unreachable(format!(
                "the name cannot be resolved: {error}; check the host"
            ))
        })?;
        let mut found = Err(unreachable("the name has no address".to_owned()));
        // A name may stand for several, such as ::1 and 127.0.0.1, and the target need not listen on the first.
        for address in addresses {
            found = knock(address).await.map_err(unreachable);
            if found.is_ok() {
                break;
            }
        }
        let address = found?;
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

    /// The target's metrics, if it has an endpoint. Whoever waits for them watches nothing else, so that this is short.
    pub(super) async fn scrape(&self) -> Option<Result<Metrics, String>> {
        let url = self.metrics_url.as_deref()?;
        let scraped = tokio::time::timeout(SCRAPE, metrics::scrape(&self.client, url)).await;
        Some(match scraped {
            Ok(scraped) => scraped.map_err(|error| error.to_string()),
            Err(_) => Err(format!("its metrics took more than {SCRAPE:?}")),
        })
    }

    /// Stops what was started. Of the bundled gateway, which ends with 0 if all is well, the words for another end.
    pub(super) async fn stop(&mut self) -> Option<String> {
        let process = self.process.as_mut()?;
        let exit = process.stop().await;
        if exit.success() || !self.is_gateway {
            return None;
        }
        let last = process.last_lines(1).0.pop().unwrap_or_default();
        Some(format!("{exit}: {last}"))
    }
}

/// Hashes on threads of its own, so that signals are seen meanwhile; dropping the future ends it with the hash at hand.
async fn registry(
    rosters: &Arc<[Roster]>,
    cost: u32,
    hashes: &mut Hashes,
    observer: &dyn Observer,
) -> Result<Vec<Device>, Failure> {
    let refused =
        |why: String| Failure::Internal(format!("cannot hash the devices' secrets: {why}"));
    observer.hashing(hashes.missing(rosters, cost) as u64);
    let (tell, mut told) = unbounded_channel();
    let (mut known, shared) = (std::mem::take(hashes), rosters.clone());
    let hashing = tokio::task::spawn_blocking(move || {
        let progress = || match tell.send(()) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        };
        let registry = known.registry(&shared, cost, &progress);
        (known, registry)
    });
    while told.recv().await.is_some() {
        observer.hashed();
    }
    let (known, registry) = hashing.await.map_err(|error| refused(error.to_string()))?;
    *hashes = known;
    let pairs = registry
        .map_err(|error| refused(error.to_string()))?
        .ok_or_else(|| refused("it was ended".to_owned()))?;
    Ok(pairs
        .into_iter()
        .map(|(id, hash)| Device { id, hash })
        .collect())
}

/// One connection that sends nothing: a target that is not there is found before the load starts.
async fn knock(address: SocketAddr) -> Result<SocketAddr, String> {
    let connecting = tokio::net::TcpStream::connect(address);
    match tokio::time::timeout(Duration::from_secs(5), connecting).await {
        Ok(Ok(_)) => Ok(address),
        Ok(Err(error)) => Err(format!("{error}; start it, or check host and port")),
        Err(_) => Err("no connection within 5 s; check host, port and firewall".to_owned()),
    }
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
