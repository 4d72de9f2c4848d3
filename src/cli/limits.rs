//! What the system allows of a plan's connections: file descriptors and local ports.

use rustix::process::{Resource, getrlimit, setrlimit};

use super::exit::Usage;
use super::output::say;
use crate::experiment;
use crate::process::port::LocalPorts;
use crate::scenario::{Load, Plan};
use crate::transport::sources::Sources;

/// Every connection is a file descriptor; the soft limit is raised as far as the system lets us.
pub(super) fn allow_connections(plan: &Plan) -> anyhow::Result<()> {
    // The process itself; and each worker's runtime, timer and wakers.
    const OTHERS: u64 = 64;
    const EACH_WORKER: u64 = 8;
    let phases = plan.variants.iter().flat_map(|variant| &variant.phases);
    let mut requests = plan.variants.iter().flat_map(|variant| &variant.requests);
    // A connection with pauses has a timer.
    let has_pauses = requests.any(|request| request.chunks.is_some_and(|of| !of.pause.is_zero()));
    let each = if has_pauses { 2 } else { 1 };
    let of =
        |load: &Load| u64::from(load.connections) * each + u64::from(load.workers) * EACH_WORKER;
    let needed = phases.map(|phase| of(&phase.load)).max().unwrap_or(0) + OTHERS;
    enough_ports(plan)?;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let before = limit.current.unwrap_or(0);
    limit.current = Some(limit.maximum.map_or(needed, |maximum| maximum.min(needed)));
    if limit.current.is_some_and(|current| current >= needed)
        && setrlimit(Resource::Nofile, limit).is_ok()
    {
        return Ok(());
    }
    Err(Usage(format!("the load needs {needed} file descriptors and the limit is {before}; run `ulimit -n {needed}` first, or use fewer connections")).into())
}

/// Every connection over TCP has a local port.
fn enough_ports(plan: &Plan) -> anyhow::Result<()> {
    let variants = plan.variants.iter();
    let needed = variants
        .filter(|variant| variant.target.takes_ports())
        .flat_map(|variant| {
            let sources = variant.sources.as_ref().map_or(1, Sources::count);
            let phases = variant.phases.iter();
            phases.map(move |phase| u64::from(phase.load.connections).div_ceil(sources))
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
