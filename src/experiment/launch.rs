//! A variant's target, started or found, with everything that is known of it: where it is, what measures it.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use target_service::{Config, Device, IngestMode, Launch};
use tokio::sync::mpsc::unbounded_channel;

use super::{Failure, Observer, RunDir};
use crate::scenario::fleet::{Hashes, Roster};
use crate::scenario::{BaseUrl, LAUNCH_DIRECTORY, Route, Target, Variant};
use crate::target::client::control_client;
use crate::target::command;
use crate::target::metrics::{self, Metrics};
use crate::target::port::{check_port_free, free_port};
use crate::target::ready::Probe;
use crate::target::supervisor::DEFAULT_GRACE;
use crate::target::{ProcessExit, ProcessHandle, ProcessSpec, ProcessTree};
use crate::transport::stream::{Endpoint, Place, Stream};
use crate::transport::tls::{Connector, Tls};

/// Longest time that metrics may take.
const SCRAPE: Duration = Duration::from_millis(500);

/// What a gateway has beyond the longest stop that it promises: it may be in the middle of a system call.
const STOP_MARGIN: Duration = Duration::from_secs(1);

/// Number of the signal that ends what does not stop.
const KILLED: i32 = 9;

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
    pub(super) endpoint: Endpoint,
    /// Which of a name's addresses it was found at; `None` if there was no choice.
    pub(super) found_at: Option<Place>,
    /// The port that it listens at, or else the URL's.
    pub(super) port: u16,
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
    /// Where the bundled gateway stores payloads, if it does and they outlive it.
    pub(super) sink: Option<String>,
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
        let client =
            control_client(control_tls(variant).as_ref()).map_err(|error| internal(&error))?;
        match &variant.target {
            Target::Gateway {
                config,
                port,
                ready_within,
            } => {
                let devices = registry(rosters, config.bcrypt_cost, hashes, observer).await?;
                let port = pick_port(*port)?;
                let listen = SocketAddr::from(([127, 0, 0, 1], port));
                let mut own_config = (**config).clone();
                own_config.sink = own_config.sink.replace(
                    LAUNCH_DIRECTORY,
                    &absolute(&dir.path().join(launch_directory))?,
                );
                let sink = durable_sink(&own_config);
                let launch = Launch {
                    listen,
                    config: own_config,
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
                let mut launched = Self::spawn(
                    "gateway",
                    argv,
                    handed,
                    local(port, None)?,
                    launch_directory,
                    dir,
                    client,
                )
                .await?;
                launched.cpus = config.cpus as f64;
                launched.is_gateway = true;
                launched.sink = sink;
                launched.metrics_url = Some(format!("http://{listen}/metrics"));
                launched.pprof_url = Some(format!("http://{listen}/debug/pprof/profile"));
                launched.wait_ready("/healthz", *ready_within).await
            }
            Target::Command {
                command,
                ready,
                ready_within,
                port,
                tls,
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
                    local(port, tls.as_ref())?,
                    launch_directory,
                    dir,
                    client,
                )
                .await?;
                launched.wait_ready(ready, *ready_within).await
            }
            Target::Url {
                base,
                route,
                pid,
                metrics,
            } => {
                let (endpoint, found_at) = find(base, route).await?;
                Self::found(base, endpoint, *pid, client).map(|launched| Self {
                    found_at,
                    metrics_url: metrics.clone(),
                    ..launched
                })
            }
        }
    }

    async fn spawn(
        name: &str,
        argv: Vec<String>,
        handed: Handed,
        endpoint: Endpoint,
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
            found_at: None,
            port: port_of(&endpoint.place).unwrap_or_default(),
            authority: endpoint.place.to_string(),
            endpoint,
            no_tree: tree.as_ref().err().cloned(),
            tree: tree.ok(),
            cpus: machine_cpus(),
            metrics_url: None,
            is_gateway: false,
            pprof_url: None,
            sink: None,
            process: Some(process),
            log: Some(log),
        })
    }

    async fn wait_ready(mut self, path: &str, within: Duration) -> Result<Self, Failure> {
        let probe = Probe {
            endpoint: self.endpoint.clone(),
            authority: self.authority.clone(),
            path: path.to_owned(),
        };
        let process = self
            .process
            .as_mut()
            .expect("only a started target is waited for");
        if let Err(error) = process.wait_ready(&probe, within).await {
            process.stop().await;
            return Err(Failure::Target(error.to_string()));
        }
        Ok(self)
    }

    /// Something that runs already and was found.
    fn found(
        base: &BaseUrl,
        endpoint: Endpoint,
        pid: Option<u32>,
        client: reqwest::Client,
    ) -> Result<Self, Failure> {
        let tree = match pid {
            Some(pid) => Some(
                ProcessTree::of(pid)
                    .map_err(|error| Failure::Target(format!("--pid {pid}: {error}")))?,
            ),
            None => None,
        };
        Ok(Self {
            client,
            port: port_of(&endpoint.place).unwrap_or(base.port),
            endpoint,
            found_at: None,
            authority: base.authority.clone(),
            no_tree: tree.is_none().then(|| {
                "name its process with --pid, or its Prometheus endpoint with `target.metrics`"
                    .to_owned()
            }),
            tree,
            cpus: machine_cpus(),
            metrics_url: None,
            is_gateway: false,
            pprof_url: None,
            sink: None,
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
        let begun = Instant::now();
        let exit = process.stop().await;
        if exit.success() || !self.is_gateway {
            return None;
        }
        if exit == ProcessExit::Signal(KILLED) && begun.elapsed() >= process.grace() {
            return Some(format!(
                "it had not stopped after {:?} and was killed: what it had not stored is lost",
                process.grace()
            ));
        }
        let last = process.last_lines(1).0.pop().unwrap_or_default();
        Some(format!("{exit}: {last}"))
    }
}

/// Of a directory of a run, which may be named from the working directory; a gateway has no such.
fn absolute(path: &Path) -> Result<String, Failure> {
    let absolute = std::path::absolute(path).map_err(|error| internal(&error))?;
    let text = absolute.into_os_string().into_string();
    text.map_err(|path| {
        Failure::Internal(format!(
            "the run directory {} is not UTF-8, and a sink cannot be named in it; name another one with --out",
            path.display()
        ))
    })
}

fn durable_sink(config: &Config) -> Option<String> {
    let stores = config.ingest != IngestMode::Discard && config.sink != "memory";
    stores.then(|| config.sink.clone())
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

/// Where a URL target answers, and which of several addresses that is.
async fn find(base: &BaseUrl, route: &Route) -> Result<(Endpoint, Option<Place>), Failure> {
    let unreachable =
        |message: &str| Failure::Target(format!("the target {base} cannot be reached: {message}"));
    let tls = base.tls.as_ref();
    let tls = tls.map(|tls| connector(tls, &base.host)).transpose()?;
    let (host, port) = match route {
        Route::Url => (base.host.as_str(), base.port),
        Route::Host { host, port } => (host.as_str(), *port),
        Route::Unix(path) => {
            let place = Place::Unix(path.clone());
            let endpoint = Endpoint { place, tls };
            knock(&endpoint)
                .await
                .map_err(|words| unreachable(&words))?;
            return Ok((endpoint, None));
        }
    };
    let addresses = tokio::net::lookup_host((host, port)).await.map_err(|error| {
        unreachable(&format!(
            "the name {host} cannot be resolved: {error}; check the host, or name its address with --connect-to"
        ))
    })?;
    let mut refusals: Vec<String> = Vec::new();
    // A name may stand for several, such as ::1 and 127.0.0.1, and the target need not listen on the first.
    for address in addresses {
        let endpoint = Endpoint {
            place: Place::Tcp(address),
            tls: tls.clone(),
        };
        match knock(&endpoint).await {
            Ok(()) => {
                let by_name = host.parse::<std::net::IpAddr>().is_err();
                let found_at = by_name.then(|| endpoint.place.clone());
                return Ok((endpoint, found_at));
            }
            Err(words) if refusals.len() < MOST_REFUSALS => refusals.push(words),
            Err(_) => {}
        }
    }
    if refusals.is_empty() {
        refusals.push(format!("the name {host} has no address; check the host"));
    }
    Err(unreachable(&refusals.join("; ")))
}

/// The most addresses of a name whose refusals are told.
const MOST_REFUSALS: usize = 4;

/// One connection that sends nothing, secured if the load's will be: a target that is not there, or that is not who it
/// should be, is found before the load starts.
async fn knock(endpoint: &Endpoint) -> Result<(), String> {
    match tokio::time::timeout(KNOCK, Stream::open(endpoint)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!(
            "no connection to {} within {KNOCK:?}; check host, port and firewall{}",
            endpoint.place,
            match endpoint.tls {
                Some(_) => ", and that the target speaks TLS",
                None => "",
            }
        )),
    }
}

/// Longest time that a connection to a target may take before the load.
const KNOCK: Duration = Duration::from_secs(5);

/// A port of this machine at which a target will listen that telemload starts.
fn local(port: u16, tls: Option<&Tls>) -> Result<Endpoint, Failure> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let tls = tls
        .map(|tls| connector(tls, &address.ip().to_string()))
        .transpose()?;
    let place = Place::Tcp(address);
    Ok(Endpoint { place, tls })
}

fn port_of(place: &Place) -> Option<u16> {
    match place {
        Place::Tcp(address) => Some(address.port()),
        Place::Unix(_) => None,
    }
}

fn connector(tls: &Tls, host: &str) -> Result<Connector, Failure> {
    tls.connector(host).map_err(|error| internal(&error))
}

fn internal(error: &dyn std::fmt::Display) -> Failure {
    Failure::Internal(error.to_string())
}

/// How metrics and profiles are fetched: as the target is spoken to, and with the system's authorities if only they are
/// https.
fn control_tls(variant: &Variant) -> Option<Tls> {
    let metrics = match &variant.target {
        Target::Url { metrics, .. } => metrics.as_deref(),
        _ => None,
    };
    let profile = variant.profile.as_ref();
    let mut urls = metrics
        .into_iter()
        .chain(profile.and_then(|profile| profile.url.as_deref()));
    let is_https = urls.any(|url| {
        url.get(..6)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
    });
    is_https.then(|| variant.target.tls().cloned().unwrap_or_else(Tls::system))
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
