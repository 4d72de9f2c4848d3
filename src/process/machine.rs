//! The machine that is measured on: what it is, what its host takes away, how long a thread waits for a core.
//!
//! Readings only; what they mean for the trust in a run is decided elsewhere. Whatever cannot be read is `None`.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::cgroup;

/// What results must share to be comparable. Nothing in it names the machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// First 12 hex digits of a SHA-256 of the host's name: equal or not, and no more.
    pub hostname_hash: Option<String>,
    /// The processor's model.
    pub cpu_model: Option<String>,
    /// Logical CPUs of the machine.
    pub logical_cpus: usize,
    /// Logical CPUs that this process may run on.
    pub usable_cpus: usize,
    /// Release of the kernel.
    pub kernel: Option<String>,
    /// Memory of the machine in bytes.
    pub memory_bytes: Option<u64>,
    /// CPU limit of the control group, in cores.
    pub cgroup_cpus: Option<f64>,
    /// Frequency governor of the first CPU.
    pub governor: Option<String>,
}

impl Fingerprint {
    /// Reads the machine this runs on.
    #[must_use]
    pub fn read() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let usable_cpus = usable_cpus();
        Self {
            hostname_hash: line("/proc/sys/kernel/hostname").map(|name| hash(&name)),
            cpu_model: cpu_model(&cpuinfo),
            logical_cpus: logical_cpus(&cpuinfo).max(usable_cpus),
            usable_cpus,
            kernel: line("/proc/sys/kernel/osrelease"),
            memory_bytes: fs::read_to_string("/proc/meminfo")
                .ok()
                .and_then(|text| memory_bytes(&text)),
            cgroup_cpus: cgroup::cpu_limit(),
            governor: line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        }
    }
}

/// CPU time of the whole machine since boot, in ticks summed over its CPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MachineTimes {
    /// All time, idle included.
    pub total: u64,
    /// Time with nothing to run.
    pub idle: u64,
    /// Time that the hypervisor gave to others while there was something to run.
    pub steal: u64,
    /// Time of processes, without interrupts, which are nobody's.
    pub processes: u64,
    /// CPUs.
    pub cpus: u64,
}

/// How the machine spent a window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MachineUse {
    /// Share of all CPU time taken by the hypervisor, 0 to 1.
    pub steal_share: f64,
    /// Share of all CPU time in which something ran here, 0 to 1.
    pub busy_share: f64,
    /// CPU of all processes, cores.
    pub process_cores: f64,
    /// CPUs with nothing to run, on average.
    pub idle_cores: f64,
}

impl MachineTimes {
    /// Reads `/proc/stat`.
    ///
    /// # Errors
    /// If it cannot be read or is not as the kernel documents it.
    pub fn read() -> io::Result<Self> {
        parse_times(&fs::read_to_string("/proc/stat")?).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "/proc/stat has no line of cpu times",
            )
        })
    }

    /// How the time since `begin` was spent; `None` for windows shorter than a tick (10 ms).
    #[must_use]
    pub fn since(&self, begin: &Self) -> Option<MachineUse> {
        let total = self
            .total
            .checked_sub(begin.total)
            .filter(|ticks| *ticks > 0)? as f64;
        // Idle time can shrink by a tick when a CPU goes off line.
        let idle = self.idle.saturating_sub(begin.idle) as f64;
        let steal = self.steal.saturating_sub(begin.steal) as f64;
        let busy = (total - idle - steal).max(0.0);
        let processes = self.processes.saturating_sub(begin.processes) as f64;
        let cpus = self.cpus as f64;
        Some(MachineUse {
            steal_share: (steal / total).min(1.0),
            busy_share: busy / total,
            process_cores: processes / total * cpus,
            idle_cores: idle / total * cpus,
        })
    }
}

/// CPU time of this process so far, all its threads, ns.
#[must_use]
pub fn own_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// What the scheduler counted for one thread, in nanoseconds since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadTimes {
    /// Time on a core.
    pub cpu_ns: u64,
    /// Time ready to run and waiting for a core.
    pub wait_ns: u64,
}

/// The times of the thread `tid` of this process; `None` if it has ended or the kernel keeps no such counts.
fn thread_times(tid: i32) -> Option<ThreadTimes> {
    parse_schedstat(&fs::read_to_string(format!("/proc/self/task/{tid}/schedstat")).ok()?)
}

/// The times of all threads of this process, by their ids; empty if the kernel keeps no such counts.
#[must_use]
pub fn own_threads() -> BTreeMap<i32, ThreadTimes> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten();
    tasks
        .filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|tid| Some((tid, thread_times(tid)?)))
        .collect()
}

fn usable_cpus() -> usize {
    // Fails on machines with more CPUs than the set holds.
    let affinity = rustix::thread::sched_getaffinity(None)
        .ok()
        .map(|set| set.count() as usize);
    let count = affinity.or_else(|| std::thread::available_parallelism().ok().map(Into::into));
    count.unwrap_or(1)
}

fn line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|line| !line.is_empty())
}

fn hash(name: &str) -> String {
    let digest = Sha256::digest(format!("telemload {name}"));
    digest
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn fields<'a>(text: &'a str, key: &str) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| {
        let (found, value) = line.split_once(':')?;
        (found.trim() == key).then(|| value.trim())
    })
}

/// x86 names the model; arm64 has numbers for who designed the core and which one it is.
fn cpu_model(cpuinfo: &str) -> Option<String> {
    let first = |key| fields(cpuinfo, key).next();
    let named = first("model name").map(str::to_owned);
    named.or_else(|| {
        Some(format!(
            "arm {} part {}",
            first("CPU implementer")?,
            first("CPU part")?
        ))
    })
}

fn logical_cpus(cpuinfo: &str) -> usize {
    fields(cpuinfo, "processor").count()
}

fn memory_bytes(meminfo: &str) -> Option<u64> {
    let kib = fields(meminfo, "MemTotal").next()?.strip_suffix(" kB")?;
    kib.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The first line: user nice system idle iowait irq softirq steal guest guest_nice; guests are part of user and nice.
fn parse_times(stat: &str) -> Option<MachineTimes> {
    let mut words = stat.lines().next()?.split_ascii_whitespace();
    words.next().filter(|word| *word == "cpu")?;
    let ticks: Vec<u64> = words
        .take(8)
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    let &[user, nice, system, idle, iowait, _, _, steal] = ticks.as_slice() else {
        return None;
    };
    let total = ticks
        .iter()
        .try_fold(0_u64, |sum, ticks| sum.checked_add(*ticks))?;
    let of_one = |line: &&str| line.starts_with("cpu") && !line.starts_with("cpu ");
    Some(MachineTimes {
        total,
        idle: idle + iowait,
        steal,
        processes: user + nice + system,
        cpus: stat.lines().filter(of_one).count() as u64,
    })
}

/// Time on a core, time waiting for one, number of slices.
fn parse_schedstat(text: &str) -> Option<ThreadTimes> {
    let mut words = text.split_ascii_whitespace().map(str::parse);
    Some(ThreadTimes {
        cpu_ns: words.next()?.ok()?,
        wait_ns: words.next()?.ok()?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_of_the_machine_are_shares_of_a_window() {
        let times = |line: &str| parse_times(line).unwrap();
        let begin = times("cpu  100 0 50 800 50 0 0 0 7 0\ncpu0 1 2 3");
        let end = times("cpu  150 0 50 820 60 4 6 10 9 0\ncpu0 1 2 3\ncpu1 1 2 3\nintr 5\n");
        let used = end.since(&begin).unwrap();
        assert_eq!(
            used,
            MachineUse {
                steal_share: 0.1,
                busy_share: 0.6,
                process_cores: 1.0,
                idle_cores: 0.6,
            }
        );
        assert_eq!(end.since(&end), None);
        assert_eq!(begin.since(&end), None);
        for wrong in [
            "",
            "cpu0 1 2 3 4 5 6 7 8",
            "cpu 1 2 3 4 5 6 7",
            "cpu 1 2 x 4 5 6 7 8",
        ] {
            assert_eq!(parse_times(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn models_of_both_architectures_are_read() {
        let x86 = "processor\t: 0\nmodel name\t: Some CPU @ 2GHz\n\nprocessor\t: 1\nmodel name\t: Some CPU @ 2GHz\n";
        assert_eq!(cpu_model(x86).unwrap(), "Some CPU @ 2GHz");
        assert_eq!(logical_cpus(x86), 2);
        let arm = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n";
        assert_eq!(cpu_model(arm).unwrap(), "arm 0x41 part 0xd0c");
        assert_eq!(cpu_model(""), None);
        assert_eq!(
            memory_bytes("MemTotal:        2048 kB\nMemFree: 1 kB\n"),
            Some(2 << 20)
        );
    }

    #[test]
    fn this_machine_has_a_fingerprint_that_does_not_change() {
        let machine = Fingerprint::read();
        assert!(
            machine.usable_cpus >= 1 && machine.logical_cpus >= machine.usable_cpus,
            "{machine:?}"
        );
        assert!(
            machine.kernel.is_some() && machine.memory_bytes > Some(0),
            "{machine:?}"
        );
        assert_eq!(machine, Fingerprint::read());
        assert!(MachineTimes::read().unwrap().total > 0);
    }

    #[test]
    fn the_own_thread_is_counted() {
        let own = rustix::thread::gettid().as_raw_nonzero().get();
        let times = thread_times(own).expect("the kernel counts");
        assert!(thread_times(own).unwrap().cpu_ns >= times.cpu_ns);
        assert_eq!(thread_times(-1), None);
        assert!(own_threads().contains_key(&own));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,60}", numbers in prop::collection::vec(any::<u64>(), 0..11)) {
            let numbers: Vec<_> = numbers.iter().map(u64::to_string).collect();
            for text in [text, format!("cpu {}", numbers.join(" "))] {
                let _ = (parse_times(&text), parse_schedstat(&text), cpu_model(&text), memory_bytes(&text));
            }
        }
    }
}
