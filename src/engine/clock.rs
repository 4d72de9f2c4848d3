//! The monotonic clock as plain nanoseconds, the same for all threads, and what a thread had of its CPU.

use std::fs;

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since some fixed point (boot, on Linux).
pub fn now_ns() -> u64 {
    read(ClockId::Monotonic)
}

/// CPU time of the calling thread, ns.
pub(super) fn thread_cpu_ns() -> u64 {
    read(ClockId::ThreadCPUTime)
}

/// Time that the calling thread was ready to run and waited for a CPU, ns; `None` if the kernel keeps no such count.
pub fn thread_wait_ns() -> Option<u64> {
    parse_wait(&fs::read_to_string("/proc/thread-self/schedstat").ok()?)
}

/// Of "time on a CPU, time waiting for one, time slices".
fn parse_wait(schedstat: &str) -> Option<u64> {
    schedstat.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn read(id: ClockId) -> u64 {
    let time = clock_gettime(id);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_for_a_cpu_is_the_second_count() {
        let check = |text, expected| assert_eq!(parse_wait(text), expected, "{text}");
        check("1031 2718 3\n", Some(2_718));
        check("1031", None);
        check("1031 x 3", None);
        check("", None);
    }

    #[test]
    fn the_wait_of_the_own_thread_never_shrinks() {
        let before = thread_wait_ns().expect("the kernel counts");
        assert!(thread_wait_ns().expect("the kernel counts") >= before);
    }
}
