//! What a phase used: CPU and memory of the target, of what runs beside it, and of the generator.

use super::style::line;
use crate::metrics::Tally;
use crate::report::figures::rate;
use crate::result::{InstanceUse, PhaseResult, ServiceUse};
use crate::tenant;
use crate::units::{format_count, format_share, format_us};

/// Renders a line for each.
pub(super) fn render(phase: &PhaseResult, total: &Tally, text: &mut String) {
    line("target CPU", &target_cpu(phase, total), text);
    for instance in &phase.instances {
        line("instance", &of_instance(phase, instance), text);
    }
    if !phase.services.is_empty() {
        line("services", &services(phase, total), text);
    }
    line("generator", &generator(phase), text);
}

fn target_cpu(phase: &PhaseResult, total: &Tally) -> String {
    let Some(cores) = phase.target_cores() else {
        return "not known".to_owned();
    };
    let cost = phase
        .us_per_request(total)
        .map(|us| format!(" · {} per request", format_us(us)))
        .unwrap_or_default();
    let memory = peak(phase.peak_bytes);
    format!(
        "{cores:.2} of {} cores ({}){cost}{memory}",
        format_count(phase.target_cpus),
        format_share(cores / phase.target_cpus)
    )
}

/// One instance of several in a line.
fn of_instance(phase: &PhaseResult, of: &InstanceUse) -> String {
    let seconds = phase.seconds();
    let answered = (seconds > 0.0).then(|| of.served.completed_ok as f64 / seconds);
    let cores = of.used.cpu_seconds.map_or(String::new(), |cpu| {
        format!(" · {:.2} cores", cpu / seconds)
    });
    let cost = of.us_per_request().map_or(String::new(), |us| {
        format!(" · {} per request", format_us(us))
    });
    let own = tenant::of_instance(&of.counters);
    let own = own.map_or(String::new(), |words| format!(" · {words}"));
    let failed = match of.served.failed {
        0 => String::new(),
        failed => format!(" · {} failed", format_count(failed as f64)),
    };
    format!(
        "{} {}{cores}{cost}{own}{failed}{}",
        of.address,
        rate(answered),
        peak(of.used.peak_bytes)
    )
}

/// What ran beside the target, service by service.
fn services(phase: &PhaseResult, total: &Tally) -> String {
    let of = |service: &ServiceUse| {
        let cores = phase.service_cores(service);
        let cores = cores.map_or("CPU not known".to_owned(), |cores| {
            format!("{cores:.2} cores")
        });
        let cost = service.us_per_request(phase.charged(total));
        let cost = cost.map_or(String::new(), |us| {
            format!(" · {} per request", format_us(us))
        });
        format!(
            "{} {cores}{cost}{}",
            service.name,
            peak(service.used.peak_bytes)
        )
    };
    let each: Vec<String> = phase.services.iter().map(of).collect();
    each.join("; ")
}

fn peak(bytes: Option<u64>) -> String {
    bytes.map_or(String::new(), |bytes| {
        format!(
            " · peak memory {}",
            bytesize::ByteSize(bytes).display().iec()
        )
    })
}

fn generator(phase: &PhaseResult) -> String {
    let steal = phase
        .steal_share()
        .map(|share| format!(" · steal {}", format_share(share)))
        .unwrap_or_default();
    let wait = phase
        .worker_wait()
        .map(|share| format!(" · waited for a CPU {}", format_share(share)))
        .unwrap_or_default();
    let cores = phase.generator_cores();
    let cores = cores.map_or("CPU not known".to_owned(), |cores| {
        format!("{cores:.2} cores")
    });
    format!("{cores}{wait}{steal}")
}
