//! A variant's target with what runs beside it, started or found, and with everything that is known of it: where it is, what
//! measures it.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc::channel;

use super::instance::Instance;
use super::probe::{TargetProbe, Watching};
use super::reach::{control_tls, find, internal, pick_port};
use super::services::Services;
use super::started::first;
use super::{Observer, RunDir, Stop};
use crate::process::client::control_client;
use crate::process::cpus::Confined;
use crate::result::{Failure, Note};
use crate::scenario::plan::places::LaunchPlaces;
use crate::scenario::plan::ports::Ports;
use crate::scenario::{Target, Variant};
use crate::tenant;
use crate::traffic::fleet::{Hashes, Roster};
use crate::transport::stream::{Endpoint, Place};
use crate::transport::tls::Tls;

/// A target that answers.
#[derive(Debug)]
pub(super) struct Launched {
    pub(super) client: reqwest::Client,
    /// Whom its metrics and profiles trust.
    control_tls: Option<Tls>,
    /// At least one; they are loaded alike.
    pub(super) instances: Vec<Instance>,
    /// The other hosts that requests go to.
    pub(super) hosts: Vec<Endpoint>,
    /// What runs beside it.
    pub(super) services: Services,
    /// Which of a name's addresses it was found at; `None` if there was no choice.
    pub(super) found_at: Option<Place>,
    /// CPUs that all instances may use.
    pub(super) cpus: f64,
    /// Whether telemload knows what it publishes of itself.
    pub(super) is_known: bool,
    /// Where it stores payloads, if that is known and they outlive it.
    pub(super) sink: Option<String>,
    /// What a reader should know of how it is measured.
    pub(super) notes: Vec<Note>,
}

/// What a target is started with.
pub(super) struct Start<'a> {
    pub(super) variant: &'a Variant,
    pub(super) rosters: &'a Arc<[Roster]>,
    pub(super) dir: &'a RunDir,
    /// Of this launch, below the run directory.
    pub(super) directory: &'a Path,
    pub(super) observer: &'a dyn Observer,
}

/// What ended by itself, in words.
#[derive(Debug)]
pub(super) enum Death {
    Target(String),
    Service(String),
}

impl Launched {
    /// Starts the variant's services and its target, or finds it, and waits until they answer. `None` if the run is to end: what
    /// was started until then is stopped.
    pub(super) async fn start(
        start: &Start<'_>,
        hashes: &mut Hashes,
        stop: &Stop,
    ) -> Result<Option<Self>, Failure> {
        let control_tls = control_tls(start.variant);
        let client = control_client(control_tls.as_ref()).map_err(|error| internal(&error))?;
        let mut launched = Self {
            client,
            control_tls,
            instances: Vec::new(),
            hosts: Vec::new(),
            services: Services::default(),
            found_at: None,
            cpus: machine_cpus(),
            is_known: false,
            sink: None,
            notes: Vec::new(),
        };
        let mut stopping = stop.clone();
        let failure = tokio::select! {
            started = launched.all(start, hashes) => match started {
                Ok(()) => {
                    launched.notes = launched.instances.iter().flat_map(Instance::notes).collect();
                    return Ok(Some(launched));
                }
                Err(failure) => Some(failure),
            },
            () = stopping.asked() => None,
        };
        launched.stop(stop).await;
        failure.map_or(Ok(None), Err)
    }

    async fn all(&mut self, start: &Start<'_>, hashes: &mut Hashes) -> Result<(), Failure> {
        let directory = &start.dir.path().join(start.directory);
        let services = &start.variant.services;
        let log = |name: &str| {
            let made = start.dir.log(&start.directory.join(name));
            made.map_err(|error| Failure::Internal(error.to_string()))
        };
        self.services.start(services, log).await?;
        let target = &start.variant.target;
        let logs = logs(target.instances());
        match target {
            Target::Bundled {
                config,
                places,
                before,
                port,
                ready_within,
                ..
            } => {
                let cost = tenant::hash_cost(config);
                let hashes = registry(start.rosters, cost, hashes, start.observer).await?;
                let known = LaunchPlaces {
                    services: self.services.ports(),
                    directory: &std::path::absolute(directory).map_err(|error| internal(&error))?,
                };
                let places = (places, known);
                let bundled = tenant::Start::new(config, places, target.instances(), hashes)
                    .map_err(Failure::Internal)?;
                self.sink = bundled.sink();
                self.is_known = true;
                self.cpus = bundled.cpus() as f64 * f64::from(target.instances());
                for (at, name) in logs.into_iter().enumerate() {
                    // Each takes the first of the CPUs that it finds: several would crowd on these.
                    let several = target.instances() > 1;
                    let _confined = several.then(|| Confined::to(at, bundled.cpus()));
                    let instance =
                        Instance::bundled(&bundled, before, pick_port(*port)?, log(&name)?).await?;
                    let instance = self.instances.push_mut(instance);
                    instance.wait_ready(tenant::READY, *ready_within).await?;
                }
            }
            Target::Command {
                command,
                ready,
                ready_within,
                port,
                tls,
                ..
            } => {
                for name in logs {
                    let ports = Ports {
                        own: pick_port(*port)?,
                        services: self.services.ports(),
                    };
                    let (argv, own) = (command.argv(ports), ports.own);
                    let instance = Instance::command(argv, own, tls.as_ref(), log(&name)?).await?;
                    let instance = self.instances.push_mut(instance);
                    instance.wait_ready(ready, *ready_within).await?;
                }
            }
            Target::Url {
                base,
                route,
                proxy,
                pid,
                metrics,
            } => {
                let (endpoint, found_at) = find("target", base, route, proxy.as_ref()).await?;
                let mut found = Instance::found(base, endpoint, *pid)?;
                found.metrics_url.clone_from(metrics);
                self.found_at = found_at;
                self.instances.push(found);
            }
        }
        for host in &start.variant.hosts {
            let found = find("host", &host.base, &host.route, host.proxy.as_ref()).await?;
            self.hosts.push(found.0);
        }
        Ok(())
    }

    /// Returns when an instance or a service has ended by itself. Each is told once.
    pub(super) async fn ended(&mut self) -> Death {
        let instances = self.instances.iter_mut();
        let target = first(
            instances
                .map(|instance| Box::pin(instance.ended()) as _)
                .collect(),
        );
        tokio::select! {
            words = target => Death::Target(words),
            words = self.services.ended() => Death::Service(words),
        }
    }

    /// Why nothing is known of its processes.
    pub(super) fn no_tree(&self) -> Option<String> {
        self.instances.iter().find_map(|of| of.no_tree.clone())
    }

    /// Whether what is read of its processes is read of another target, too, as of two that one process serves.
    pub(super) fn shares_processes(&self, other: &Self) -> bool {
        let of_other = || other.instances.iter();
        let mut instances = self.instances.iter();
        instances.any(|one| of_other().any(|other| one.shares_processes(other)))
    }

    /// Where each instance gives a profile of itself: at the plan's `url`, or else at its own.
    pub(super) fn pprof_urls(&self, url: Option<&str>) -> Vec<String> {
        let of = |instance: &Instance| {
            let named = url.map(|url| url.replace("{port}", &instance.port.to_string()));
            named
                .or(instance.pprof_url.clone())
                .expect("the plan of a target without an endpoint names one")
        };
        self.instances.iter().map(of).collect()
    }

    /// What reads it. Its client is its own: it lives on the thread that reads.
    pub(super) fn probe(&self) -> Result<TargetProbe, Failure> {
        let urls = self.instances.iter().map(|of| of.metrics_url.clone());
        let urls: Option<Vec<String>> = urls.collect();
        let client = || control_client(self.control_tls.as_ref()).map_err(|error| internal(&error));
        let metrics = urls.map(|urls| Ok((client()?, urls.into())));
        let services = self.services.trees().into_iter();
        Ok(TargetProbe {
            instances: self.instances.iter().map(Instance::watching).collect(),
            services: services.map(Watching::new).collect(),
            metrics: metrics.transpose()?,
        })
    }

    /// Stops what was started, the services last; kills it as soon as nobody waits any more. Of targets that telemload knows, which end with 0
    /// if all is well, the words for another end.
    pub(super) async fn stop(&mut self, stop: &Stop) -> Option<String> {
        let mut stop = stop.clone();
        tokio::select! {
            complaint = self.stop_in_order() => return complaint,
            () = stop.hurried() => {}
        }
        self.instances.iter_mut().for_each(Instance::kill);
        self.services.kill();
        self.stop_in_order().await
    }

    /// Words for each log of which the middle is left out.
    pub(super) fn cut_logs(&self) -> Vec<String> {
        let targets = self.instances.iter().filter_map(Instance::cut_log);
        targets.chain(self.services.cut_logs()).collect()
    }

    async fn stop_in_order(&mut self) -> Option<String> {
        let mut complaints = Vec::new();
        for instance in &mut self.instances {
            complaints.extend(instance.stop().await);
        }
        self.services.stop().await;
        let complaint = complaints.join("; ");
        (self.is_known && !complaint.is_empty()).then_some(complaint)
    }
}

/// Where the output of each instance goes.
fn logs(instances: u32) -> Vec<String> {
    match instances {
        1 => vec!["target.log".to_owned()],
        _ => (1..=instances)
            .map(|at| format!("target-{at}.log"))
            .collect(),
    }
}

/// Hashes on threads of its own, so that signals are seen meanwhile; dropping the future ends it with the hash at hand.
async fn registry(
    rosters: &Arc<[Roster]>,
    cost: u32,
    hashes: &mut Hashes,
    observer: &dyn Observer,
) -> Result<Vec<(String, String)>, Failure> {
    let refused =
        |why: String| Failure::Internal(format!("cannot hash the devices' secrets: {why}"));
    observer.hashing(hashes.missing(rosters, cost) as u64);
    let (tell, mut told) = channel(64);
    let (mut known, shared) = (std::mem::take(hashes), rosters.clone());
    let hashing = tokio::task::spawn_blocking(move || {
        let progress = || match tell.blocking_send(()) {
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
    registry
        .map_err(|error| refused(error.to_string()))?
        .ok_or_else(|| refused("it was ended".to_owned()))
}

fn machine_cpus() -> f64 {
    std::thread::available_parallelism().map_or(1.0, |cpus| cpus.get() as f64)
}
