//! CPU time and memory of a process and all that descends from it.
//!
//! A living process is read by its CPU clock, which counts in nanoseconds and keeps ended threads; children that ended
//! are in `cutime` and `cstime` of who waited for them, in ticks of 10 ms. `/proc/PID/schedstat` counts the main thread
//! only and must not be used here. Processes come and go while a tree is read; that is no error unless it is the root.

use std::collections::BTreeMap;
use std::time::Instant;

use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;
use procfs::process::{Process, Stat, all_processes};
use serde::Serialize;
use thiserror::Error;

/// How often a tree is read again because processes came or went meanwhile.
const ATTEMPTS: usize = 5;
const ZOMBIE: char = 'Z';

/// Why a tree cannot be measured.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MeasureError {
    /// The root, or all that was below a supervisor, has ended.
    #[error("process {0} has ended, its cpu time and memory cannot be read any more")]
    Ended(u32),
    /// CPU time was lost: a process ended and its parent never waited for it.
    #[error(
        "cpu time of process {0} went backwards: it leaves ended children unwaited for; measure them by their own pid"
    )]
    Backwards(u32),
}

/// A process and its descendants, as found anew at each reading.
#[derive(Debug, Clone)]
pub struct ProcessTree {
    root: i32,
    /// Start of the root in ticks after boot, which tells it from a later process with its id.
    started: u64,
    what: Root,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Root {
    /// Is no part of what is measured, save for the children that it has waited for.
    Supervisor,
    Measured,
}

/// Memory of a tree. Pages that processes share are counted once for each of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TreeMemory {
    /// Sum of the resident bytes now.
    pub rss_bytes: u64,
    /// Sum of each living process' own peak of resident bytes since it started, or since [`ProcessTree::restart_peak`].
    pub peak_bytes: u64,
}

impl ProcessTree {
    /// What runs below the supervisor `pid`; the supervisor's own CPU time and memory are left out.
    ///
    /// # Errors
    /// [`MeasureError::Ended`].
    pub fn supervised(pid: u32) -> Result<Self, MeasureError> {
        Self::new(pid, Root::Supervisor)
    }

    /// The process `pid`, whoever started it, and what runs below it.
    ///
    /// # Errors
    /// [`MeasureError::Ended`].
    pub fn of(pid: u32) -> Result<Self, MeasureError> {
        Self::new(pid, Root::Measured)
    }

    fn new(pid: u32, what: Root) -> Result<Self, MeasureError> {
        let root = i32::try_from(pid).map_err(|_| MeasureError::Ended(pid))?;
        let stat = stat(root).ok_or(MeasureError::Ended(pid))?;
        Ok(Self {
            root,
            started: stat.starttime,
            what,
        })
    }

    /// The processes that are measured now, in ascending order.
    ///
    /// # Errors
    /// [`MeasureError::Ended`].
    pub fn pids(&self) -> Result<Vec<u32>, MeasureError> {
        Ok(self.members()?.into_iter().map(i32::unsigned_abs).collect())
    }

    /// CPU time used so far, user and system, in nanoseconds. Takes some milliseconds on a machine with many processes.
    ///
    /// # Errors
    /// [`MeasureError::Ended`].
    pub fn cpu_ns(&self) -> Result<u64, MeasureError> {
        self.read().map(|reading| reading.cpu_ns)
    }

    /// Lets the peaks of memory begin now. A process of another user keeps the one since its start.
    pub fn restart_peak(&self) {
        for pid in self.members().unwrap_or_default() {
            // 5 resets the peak of resident memory and nothing else (proc_pid_clear_refs(5)).
            let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
        }
    }

    /// Memory now, and at its peak.
    ///
    /// # Errors
    /// [`MeasureError::Ended`].
    pub fn memory(&self) -> Result<TreeMemory, MeasureError> {
        const KIB: u64 = 1024;
        let mut sum = TreeMemory::default();
        for pid in self.members()? {
            // A zombie has no memory, and its status no such line.
            if let Ok(status) = Process::new(pid).and_then(|process| process.status()) {
                sum.rss_bytes += status.vmrss.unwrap_or(0) * KIB;
                sum.peak_bytes += status.vmhwm.unwrap_or(0) * KIB;
            }
        }
        if sum.peak_bytes == 0 {
            Err(self.ended())
        } else {
            Ok(sum)
        }
    }

    fn ended(&self) -> MeasureError {
        MeasureError::Ended(self.root.unsigned_abs())
    }

    fn root_stat(&self) -> Result<Stat, MeasureError> {
        stat(self.root)
            .filter(|stat| stat.starttime == self.started && stat.state != ZOMBIE)
            .ok_or_else(|| self.ended())
    }

    fn members(&self) -> Result<Vec<i32>, MeasureError> {
        self.root_stat()?;
        let mut pids: Vec<i32> = descendants(self.root)
            .iter()
            .map(|process| process.pid)
            .collect();
        if self.what == Root::Measured {
            pids.push(self.root);
        }
        pids.sort_unstable();
        if pids.is_empty() {
            Err(self.ended())
        } else {
            Ok(pids)
        }
    }

    /// Reads until nobody came or went in between: who ends meanwhile would be counted twice or not at all.
    fn read(&self) -> Result<Reading, MeasureError> {
        let mut members = self.members()?;
        let mut attempts = ATTEMPTS;
        loop {
            let reading = self.read_once(&members)?;
            let after = self.members()?;
            attempts -= 1;
            if after == members || attempts == 0 {
                return Ok(reading);
            }
            members = after;
        }
    }

    fn read_once(&self, members: &[i32]) -> Result<Reading, MeasureError> {
        let root = self.root_stat()?;
        let mut cpu_ns = match self.what {
            Root::Supervisor => children_ns(&root),
            Root::Measured => 0,
        };
        let before = Instant::now();
        cpu_ns += members
            .iter()
            .filter_map(|pid| process_ns(*pid))
            .sum::<u64>();
        // The clocks were read between the two; the middle halves the error.
        let at = before + before.elapsed() / 2;
        Ok(Reading { at, cpu_ns })
    }
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    at: Instant,
    cpu_ns: u64,
}

/// CPU time of a tree between two moments.
#[derive(Debug, Clone)]
pub struct CpuWindow {
    tree: ProcessTree,
    begin: Reading,
}

/// What a tree used in a window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CpuUsed {
    /// User and system time of all its processes and threads, in seconds.
    pub cpu_seconds: f64,
    /// Length of the window, between the two readings themselves.
    pub wall_seconds: f64,
    /// Their ratio: how many cores were busy on average.
    pub cores: f64,
}

impl CpuWindow {
    /// Reads the tree for the first time.
    ///
    /// # Errors
    /// [`MeasureError::Ended`].
    pub fn begin(tree: &ProcessTree) -> Result<Self, MeasureError> {
        Ok(Self {
            tree: tree.clone(),
            begin: tree.read()?,
        })
    }

    /// What was used since [`CpuWindow::begin`]. It can be asked again and again.
    ///
    /// # Errors
    /// [`MeasureError::Ended`] if the process ended in the window, [`MeasureError::Backwards`] if time was lost.
    pub fn end(&self) -> Result<CpuUsed, MeasureError> {
        let end = self.tree.read()?;
        let ns = end.cpu_ns.checked_sub(self.begin.cpu_ns);
        let ns = ns.ok_or(MeasureError::Backwards(self.tree.root.unsigned_abs()))?;
        let cpu_seconds = ns as f64 / 1e9;
        let wall_seconds = (end.at - self.begin.at).as_secs_f64();
        let cores = if wall_seconds > 0.0 {
            cpu_seconds / wall_seconds
        } else {
            0.0
        };
        Ok(CpuUsed {
            cpu_seconds,
            wall_seconds,
            cores,
        })
    }
}

/// A process below another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Descendant {
    pub(super) pid: i32,
    pub(super) parent: i32,
    pub(super) group: i32,
}

/// All that descends from `root`, zombies included, itself excluded; parents come before their children.
pub(super) fn descendants(root: i32) -> Vec<Descendant> {
    let Ok(processes) = all_processes() else {
        return Vec::new();
    };
    let stats = processes.filter_map(|process| process.and_then(|process| process.stat()).ok());
    below(
        root,
        stats.map(|stat| Descendant {
            pid: stat.pid,
            parent: stat.ppid,
            group: stat.pgrp,
        }),
    )
}

fn below(root: i32, processes: impl Iterator<Item = Descendant>) -> Vec<Descendant> {
    let mut by_parent: BTreeMap<i32, Vec<Descendant>> = BTreeMap::new();
    for process in processes {
        by_parent.entry(process.parent).or_default().push(process);
    }
    let mut found = by_parent.remove(&root).unwrap_or_default();
    let mut next = 0;
    while next < found.len() {
        // Taken out of the map: a list that changed while it was read may hold a circle.
        found.extend(by_parent.remove(&found[next].pid).unwrap_or_default());
        next += 1;
    }
    found.retain(|process| process.pid != root);
    found
}

fn stat(pid: i32) -> Option<Stat> {
    Process::new(pid).and_then(|process| process.stat()).ok()
}

/// The process and the children that it has waited for; `None` if it is gone.
fn process_ns(pid: i32) -> Option<u64> {
    let stat = stat(pid)?;
    let own = clock_ns(pid).unwrap_or_else(|| ticks_ns(stat.utime + stat.stime));
    Some(own + children_ns(&stat))
}

fn clock_ns(pid: i32) -> Option<u64> {
    let time = clock_getcpuclockid(Pid::from_raw(pid))
        .and_then(|clock| clock.now())
        .ok()?;
    let seconds = u64::try_from(time.tv_sec()).ok()?;
    Some(seconds * 1_000_000_000 + u64::try_from(time.tv_nsec()).ok()?)
}

fn children_ns(stat: &Stat) -> u64 {
    ticks_ns(u64::try_from(stat.cutime + stat.cstime).unwrap_or(0))
}

fn ticks_ns(ticks: u64) -> u64 {
    ticks * (1_000_000_000 / procfs::ticks_per_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(root: i32, processes: &[(i32, i32)], expected: &[i32]) {
        let processes = processes.iter().map(|&(pid, parent)| Descendant {
            pid,
            parent,
            group: pid,
        });
        let found: Vec<i32> = below(root, processes)
            .iter()
            .map(|process| process.pid)
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn descendants_are_found_over_generations() {
        check(
            10,
            &[
                (1, 0),
                (10, 1),
                (11, 10),
                (12, 11),
                (13, 10),
                (20, 1),
                (21, 20),
            ],
            &[11, 13, 12],
        );
        check(10, &[(1, 0), (10, 1)], &[]);
        check(10, &[(11, 12), (12, 11)], &[]);
        check(10, &[(10, 11), (11, 10)], &[11]);
    }

    #[test]
    fn a_process_that_does_not_exist_is_an_error_that_names_it() {
        let error = ProcessTree::of(u32::MAX).unwrap_err();
        assert_eq!(error, MeasureError::Ended(u32::MAX));
        assert!(error.to_string().contains("4294967295"), "{error}");
    }

    #[test]
    fn the_own_process_has_cpu_time_and_memory() {
        let tree = ProcessTree::of(std::process::id()).unwrap();
        assert!(tree.cpu_ns().unwrap() > 0);
        let memory = tree.memory().unwrap();
        assert!(
            memory.peak_bytes >= memory.rss_bytes / 2 && memory.rss_bytes > 0,
            "{memory:?}"
        );
        assert!(tree.pids().unwrap().contains(&std::process::id()));
    }
}
