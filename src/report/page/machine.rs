//! The machine that something was measured on.

use bytesize::ByteSize;

use crate::process::machine::Fingerprint;

/// The machine, by what each part is called.
pub(super) fn parts(of: &Fingerprint) -> Vec<(&'static str, String)> {
    let cpus = match (of.logical_cpus, of.usable_cpus) {
        (all, usable) if all == usable => format!("{all}"),
        (all, usable) => format!("{usable} usable of {all}"),
    };
    let memory = |bytes| ByteSize(bytes).display().iec().to_string();
    let parts = [
        ("processor", of.cpu_model.clone()),
        ("CPUs", Some(cpus)),
        (
            "CPU limit",
            of.cgroup_cpus.map(|cpus| format!("{cpus:.2} cores")),
        ),
        ("memory", of.memory_bytes.map(memory)),
        ("kernel", of.kernel.clone()),
        ("frequency governor", of.governor.clone()),
    ];
    let known = parts.into_iter();
    known
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}
