//! What the system must grant before a load begins: a file descriptor and a local port for each connection.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::exit::Usage;
use super::output::say;
use crate::experiment;
use crate::process::port::LocalPorts;
use crate::scenario::{Load, Plan, Variant};
use crate::shard::Shard;
use crate::transport::sources::Sources;

/// Descriptors of the process itself.
const OTHERS: u64 = 64;

/// Of each worker's runtime, timers and wakers.
const EACH_WORKER: u64 = 8;

/// How many targets are loaded at the same time. Each has an address of its own, and with that all local ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtOnce {
    /// One after the other.
    One,
    /// Two: the arms of a gate, or variants that take turns.
    Both,
}

impl AtOnce {
    /// As a run loads the variants of a plan.
    pub(super) fn of(plan: &Plan) -> Self {
        match plan.turns.is_empty() {
            true => Self::One,
            false => Self::Both,
        }
    }
}

/// How many processes open the connections of a load, each an equal part but for one for each worker.
#[derive(Clone, Copy)]
struct Part {
    processes: u64,
}

impl Part {
    fn of(plan: &Plan) -> Self {
        let shard = plan.part.as_ref().map_or(Shard::WHOLE, |part| part.shard);
        Self {
            processes: u64::from(shard.count()),
        }
    }

    /// The most connections that this process has of a load.
    fn connections(self, load: &Load) -> u64 {
        let workers = u64::from(load.workers);
        let all = u64::from(load.connections);
        all.min(workers * all.div_ceil(self.processes * workers))
    }
}

/// Every connection is a file descriptor; the soft limit is raised as far as the system lets us.
pub(super) fn allow_connections(plan: &Plan, at_once: AtOnce) -> anyhow::Result<()> {
    let times = match at_once {
        AtOnce::One => 1,
        AtOnce::Both => 2,
    };
    let part = Part::of(plan);
    let needed = plan
        .variants
        .iter()
        .map(|of| descriptors(of, part))
        .max()
        .unwrap_or(0)
        * times
        + OTHERS;
    enough_ports(plan)?;
    raise(needed).map_err(|limit| Usage(refusal(needed, limit)).into())
}

/// Each shard that is merged has a file open, and so has what is written.
pub(super) fn allow_files(shards: usize) -> Result<(), Usage> {
    let needed = shards as u64 + OTHERS;
    raise(needed).map_err(|limit| {
        let hard = limit.maximum.unwrap_or(0);
        Usage(format!(
            "to merge {shards} shards needs {needed} file descriptors, and the hard limit is {hard}; raise it as root with `ulimit -n {needed}`"
        ))
    })
}

/// Raises the soft limit of file descriptors, or tells the limits.
fn raise(needed: u64) -> Result<(), Rlimit> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let raised = Rlimit {
        current: Some(needed),
        ..limit
    };
    // A hard limit below it refuses that.
    setrlimit(Resource::Nofile, raised).map_err(|_| limit)
}

/// The descriptors that the largest load of a variant needs.
fn descriptors(variant: &Variant, part: Part) -> u64 {
    let mut requests = variant.requests.iter();
    // A connection whose requests pause on their way has a timer.
    let has_pauses = requests.any(|request| {
        request.expects_continue || request.chunks.is_some_and(|of| !of.pause.is_zero())
    });
    let hosts = 1 + variant.hosts.len() as u64;
    let each = hosts * if has_pauses { 2 } else { 1 };
    let of = |load: &Load| part.connections(load) * each + u64::from(load.workers) * EACH_WORKER;
    let phases = variant.phases.iter();
    phases.map(|phase| of(&phase.load)).max().unwrap_or(0)
}

fn refusal(needed: u64, limit: Rlimit) -> String {
    let number = |limit: Option<u64>| limit.map_or("unlimited".to_owned(), |of| of.to_string());
    let (soft, hard) = (number(limit.current), number(limit.maximum));
    format!(
        "the load needs {needed} file descriptors, and the hard limit is {hard} (the soft one, {soft}, telemload raises by itself); raise the hard limit as root: `ulimit -n {needed}` in the shell that starts telemload, `nofile` in /etc/security/limits.conf for a login, `LimitNOFILE={needed}` for a systemd unit, `--ulimit nofile={needed}` for a container; or use fewer connections"
    )
}

/// Every connection over TCP has a local port.
fn enough_ports(plan: &Plan) -> anyhow::Result<()> {
    let part = Part::of(plan);
    let variants = plan.variants.iter();
    let needed = variants
        .filter(|variant| variant.target.takes_ports())
        .flat_map(|variant| {
            let sources = variant.sources.as_ref().map_or(1, Sources::count);
            let phases = variant.phases.iter();
            phases.map(move |phase| part.connections(&phase.load).div_ceil(sources))
        })
        .max();
    match (LocalPorts::read(), needed) {
        (Some(ports), Some(needed)) if needed > u64::from(ports.count()) => Err(Usage(format!("the load needs {needed} local ports of each address that it comes from and the system gives {}; come from more addresses with --bind, on this machine --bind 127.0.0.0/8, run `sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"` first, or use fewer connections", ports.count())).into()),
        _ => Ok(()),
    }
}

/// Says where a connection for each request may run out of ports.
pub(super) fn warn_of_ports(plan: &Plan) {
    let mut said = Vec::new();
    for variant in &plan.variants {
        for phase in &variant.phases {
            let warning = experiment::port_warning(variant, &phase.load);
            if let Some(warning) = warning.filter(|warning| !said.contains(warning)) {
                say(&format!("note: {warning}"));
                said.push(warning);
            }
        }
    }
}
