//! What the bundled gateway is started with: one configuration for all instances of a launch, each at a port of its own. Pure.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use gateway_config::{Config, Device, IngestMode, Key, Launch};

use crate::scenario::plan::places::{LaunchPlaces, Places};

/// What it is called.
pub const NAME: &str = "gateway";

/// Path that answers 2xx once it is ready.
pub const READY: &str = "/healthz";

/// What it has beyond the longest stop that it promises: it may be in the middle of a system call.
const STOP_MARGIN: Duration = Duration::from_secs(1);

/// Cost at which the secrets of its devices are hashed.
pub fn hash_cost(config: &Config) -> u32 {
    config.bcrypt_cost
}

/// What all instances of a launch are started with.
pub struct Start {
    config: Config,
    devices: Vec<Device>,
    /// Of this launch alone.
    admin_key: Key,
    /// Where each instance records its requests, if it does.
    samples: Option<Samples>,
}

/// Files for what requests are like.
struct Samples {
    directory: PathBuf,
    /// Whether each instance needs a name of its own.
    are_several: bool,
}

impl Samples {
    /// That of the instance at a port.
    fn of(&self, port: u16) -> PathBuf {
        self.directory.join(match self.are_several {
            true => format!("sample-{port}.jsonl"),
            false => "sample.jsonl".to_owned(),
        })
    }
}

/// One of them.
pub struct Process {
    /// Its words behind the name of telemload's own binary.
    pub args: [&'static str; 2],
    /// Its standard input, with secrets.
    pub payload: Vec<u8>,
    /// How long it has to stop.
    pub grace: Duration,
    /// Its Prometheus endpoint.
    pub metrics_url: String,
    /// Its pprof endpoint, with the key in its user's password.
    pub pprof_url: String,
}

impl Start {
    /// For so many instances, with the hashes of the devices' secrets by id.
    ///
    /// # Errors
    /// A key whose text is none of the gateway's with its ports, or no randomness, in words.
    pub fn new(
        config: &Config,
        (places, known): (&Places, LaunchPlaces<'_>),
        instances: u32,
        hashes: Vec<(String, String)>,
    ) -> Result<Self, String> {
        let filled = places.fill(config, known);
        let filled = filled.map_err(|(key, why)| format!("target.{NAME}.{key}: {why}"))?;
        let devices = hashes.into_iter().map(|(id, hash)| Device { id, hash });
        let samples = filled.sample.then(|| Samples {
            directory: known.directory.to_owned(),
            are_several: instances > 1,
        });
        Ok(Self {
            samples,
            config: shared(filled, instances)?,
            devices: devices.collect(),
            admin_key: random()?,
        })
    }

    /// Where it stores payloads, if it does and they outlive it.
    pub fn sink(&self) -> Option<String> {
        let Config { ingest, sink, .. } = &self.config;
        let stores = *ingest != IngestMode::Discard && sink != "memory";
        stores.then(|| sink.clone())
    }

    /// CPUs that each instance may use.
    pub fn cpus(&self) -> usize {
        self.config.cpus
    }

    /// The instance that is to listen there.
    ///
    /// # Errors
    /// What serde says.
    pub fn at(&self, listen: SocketAddr) -> Result<Process, String> {
        let launch = Launch {
            listen,
            config: self.config.clone(),
            devices: self.devices.clone(),
            admin_key: Some(self.admin_key.clone()),
            sample: self.samples.as_ref().map(|of| of.of(listen.port())),
        };
        let payload = serde_json::to_vec(&launch)
            .map_err(|error| format!("cannot write the {NAME}'s configuration: {error}"))?;
        Ok(Process {
            args: [NAME, "--stdin"],
            payload,
            grace: gateway_config::stop_within(&self.config) + STOP_MARGIN,
            metrics_url: format!("http://{listen}/metrics"),
            pprof_url: format!(
                "http://admin:{}@{listen}/debug/pprof/profile",
                self.admin_key.digits()
            ),
        })
    }
}

fn random() -> Result<Key, String> {
    Key::random().map_err(|error| format!("no key for the {NAME}: {error}"))
}

/// The configuration of instances that clients may reach in turn: one place in a shared store, and keys that all know.
fn shared(mut config: Config, instances: u32) -> Result<Config, String> {
    if instances == 1 {
        return Ok(config);
    }
    if config.store_prefix.is_none() {
        let hex = serde_json::to_value(random()?).unwrap_or_default();
        let prefix = hex
            .as_str()
            .and_then(|hex| hex.get(..16))
            .unwrap_or_default();
        config.store_prefix = Some(format!("telemload-{prefix}:"));
    }
    config.digest_key = Some(random()?);
    config.token_key = Some(random()?);
    Ok(config)
}
