//! CPUs of processes that are started side by side: each gets its own as far as there are enough. Linux only.
//!
//! A process inherits the CPUs of the thread that starts it; the guard gives that thread its own back.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Confines what the calling thread starts until it is dropped.
#[derive(Debug)]
pub struct Confined {
    before: CpuSet,
}

impl Confined {
    /// To the `cpus` CPUs of the `at`-th of several processes; `None`, and all CPUs as before, if the system refuses.
    #[must_use]
    pub fn to(at: usize, cpus: usize) -> Option<Self> {
        let before = sched_getaffinity(None).ok()?;
        let allowed: Vec<usize> = (0..CpuSet::MAX_CPU)
            .filter(|cpu| before.is_set(*cpu))
            .collect();
        let mut own = CpuSet::new();
        part(&allowed, at, cpus)
            .into_iter()
            .for_each(|cpu| own.set(cpu));
        sched_setaffinity(None, &own).ok()?;
        Some(Self { before })
    }
}

impl Drop for Confined {
    fn drop(&mut self) {
        // It was allowed before.
        let _ = sched_setaffinity(None, &self.before);
    }
}

/// CPUs of the `at`-th process, going round where there are too few for all.
fn part(allowed: &[usize], at: usize, cpus: usize) -> Vec<usize> {
    let round = allowed
        .iter()
        .cycle()
        .skip(at * cpus % allowed.len().max(1));
    round.take(cpus.min(allowed.len())).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_take_turns_at_the_cpus() {
        let check = |at, cpus, expected: &[usize]| {
            assert_eq!(part(&[0, 2, 5], at, cpus), expected, "{at} {cpus}");
        };
        check(0, 1, &[0]);
        check(1, 1, &[2]);
        check(3, 1, &[0]);
        check(1, 2, &[5, 0]);
        check(1, 9, &[0, 2, 5]);
        assert!(part(&[], 1, 1).is_empty());
    }

    #[test]
    fn the_thread_has_its_cpus_back() {
        let before = sched_getaffinity(None).unwrap();
        let confined = Confined::to(1, 1).unwrap();
        assert_eq!(sched_getaffinity(None).unwrap().count(), 1);
        drop(confined);
        assert!(sched_getaffinity(None).unwrap() == before);
    }
}
