//! The monotonic clock as plain nanoseconds, the same for all threads.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since some fixed point (boot, on Linux).
pub fn now_ns() -> u64 {
    read(ClockId::Monotonic)
}

/// CPU time of the calling thread, ns.
pub(super) fn thread_cpu_ns() -> u64 {
    read(ClockId::ThreadCPUTime)
}

fn read(id: ClockId) -> u64 {
    let time = clock_gettime(id);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
