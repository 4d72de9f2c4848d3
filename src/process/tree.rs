//! CPU time and memory of a process and all that descends from it.
//!
//! A living process is read by its CPU clock, which counts in nanoseconds and keeps ended threads; children that ended
//! are in `cutime` and `cstime` of who waited for them, in ticks of 10 ms. `/proc/PID/schedstat` counts the main thread
//! only and must not be used here. Processes come and go while a tree is read; that is no error unless it is the root.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;
use serde::Serialize;
use thiserror::Error;

use super::proc::{self, Stat};

/// How often a tree is read again because processes came or went meanwhile.
const ATTEMPTS: usize = 5;

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
    finds: Finds,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Root {
    /// Is no part of what is measured, save for the children that it has waited for.
    Supervisor,
    Measured,
}

/// How descendants are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finds {
    /// By the kernel's lists of children: the time that takes does not grow with the machine's processes.
    Lists,
    /// By the parent of every process of the machine, where the kernel has no such lists.
    Scan,
}

/// Memory of a tree. Pages that processes share are counted once for each of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TreeMemory {
    /// Sum of the resident bytes now.
    pub rss_bytes: u64,
    /// Sum of each living process' own peak of resident bytes since it started, or since [`ProcessTree::restart_peak`].
    pub peak_bytes: u64,
}

/// What a tree had used at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeReading {
    /// When its CPU clocks were read.
    pub at: Instant,
    /// CPU time used so far, user and system, ns.
    pub cpu_ns: u64,
    /// Its memory.
    pub memory: TreeMemory,
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
        let stat = Stat::read(root).ok_or(MeasureError::Ended(pid))?;
        Ok(Self {
            root,
            started: stat.started,
            what,
            finds: if proc::lists_children() {
                Finds::Lists
            } else {
                Finds::Scan
            },
        })
    }

    /// Whether a process is in it, by its parents.
    pub fn holds(&self, pid: u32) -> bool {
        let mut at = i32::try_from(pid).ok();
        while let Some(pid) = at.filter(|pid| *pid > 0) {
            if pid == self.root {
                return true;
            }
            at = Stat::read(pid).map(|stat| stat.parent);
        }
        false
    }

    /// The process that all others descend from.
    pub fn root(&self) -> u32 {
        self.root.unsigned_abs()
    }

    /// The processes that are measured now, in ascending order. It is asked for rarely, and looks at all processes of the machine:
    /// lists of children may lack one.
    ///
    /// # Errors
    /// [`MeasureError::Ended`].
    pub fn pids(&self) -> Result<Vec<u32>, MeasureError> {
        let members = self.members(self.root_stat()?, Finds::Scan)?.0.into_keys();
        Ok(members.map(i32::unsigned_abs).collect())
    }

    /// CPU time of processes that have ended and were waited for by those that run, ns; `None` if it cannot be read.
    pub fn ended_ns(&self) -> Option<u64> {
        let root = self.root_stat().ok()?;
        let of_supervisor = match self.what {
            Root::Supervisor => root.waited_ns,
            Root::Measured => 0,
        };
        let members = self.members(root, self.finds).ok()?.0;
        let waited = members.values().map(|stat| stat.waited_ns);
        Some(of_supervisor + waited.sum::<u64>())
    }

    /// Lets the peaks of memory begin now. A process of another user keeps the one since its start.
    pub fn restart_peak(&self) {
        for pid in self.pids().unwrap_or_default() {
            // 5 resets the peak of resident memory and nothing else (proc_pid_clear_refs(5)).
            let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
        }
    }

    /// Reads CPU time and memory. CPU time only grows, so that a reading with less than one `before` has missed a process: a list of
    /// children may lack one if another one ends while it is read.
    ///
    /// # Errors
    /// [`MeasureError::Ended`].
    pub fn read(&self, before: Option<&TreeReading>) -> Result<TreeReading, MeasureError> {
        let mut attempts = ATTEMPTS;
        loop {
            attempts -= 1;
            let read = self.read_once();
            let is_whole = read.as_ref().is_ok_and(|(reading, is_whole)| {
                *is_whole && before.is_none_or(|before| reading.cpu_ns >= before.cpu_ns)
            });
            if is_whole || attempts == 0 {
                return read.map(|(reading, _)| reading);
            }
            self.root_stat()?;
        }
    }

    fn ended(&self) -> MeasureError {
        MeasureError::Ended(self.root.unsigned_abs())
    }

    fn root_stat(&self) -> Result<Stat, MeasureError> {
        Stat::read(self.root)
            .filter(|stat| stat.started == self.started && !stat.is_zombie)
            .ok_or_else(|| self.ended())
    }

    /// Who is measured, and whether that is all.
    fn members(
        &self,
        root: Stat,
        finds: Finds,
    ) -> Result<(BTreeMap<i32, Stat>, bool), MeasureError> {
        let (below, mut is_whole) = match finds {
            Finds::Lists => listed(self.root, &proc::children),
            Finds::Scan => {
                let below = descendants(self.root);
                (below.iter().map(|process| process.pid).collect(), true)
            }
        };
        let stats = below.iter().map(|pid| (*pid, Stat::read(*pid)));
        let mut members = BTreeMap::new();
        for (pid, stat) in stats {
            match stat {
                Some(stat) => drop(members.insert(pid, stat)),
                None => is_whole = false,
            }
        }
        if self.what == Root::Measured {
            members.insert(self.root, root);
        }
        if members.is_empty() {
            Err(self.ended())
        } else {
            Ok((members, is_whole))
        }
    }

    /// The answer says too whether nobody ended meanwhile, whose time would be counted twice or not at all: a child that ends is in
    /// its own clock until it is waited for, and in its parent's count from then on.
    fn read_once(&self) -> Result<(TreeReading, bool), MeasureError> {
        let root = self.root_stat()?;
        let (members, mut is_whole) = self.members(root, self.finds)?;
        let mut cpu_ns = match self.what {
            Root::Supervisor => root.waited_ns,
            Root::Measured => 0,
        };
        let before = Instant::now();
        for (pid, stat) in &members {
            let own = clock_ns(*pid);
            is_whole &= own.is_some() || Stat::read(*pid).is_some();
            cpu_ns += own.unwrap_or(stat.own_ns) + stat.waited_ns;
        }
        // The clocks were read between the two; the middle halves the error.
        let at = before + before.elapsed() / 2;
        let parents: BTreeSet<i32> = members.values().map(|stat| stat.parent).collect();
        let waited = |pid: i32| match pid == self.root {
            true => Some(root.waited_ns),
            false => members.get(&pid).map(|stat| stat.waited_ns),
        };
        for (pid, counted) in parents
            .into_iter()
            .filter_map(|pid| Some((pid, waited(pid)?)))
        {
            is_whole &= Stat::read(pid).is_some_and(|stat| stat.waited_ns == counted);
        }
        let mut memory = TreeMemory::default();
        for (now, peak) in members.keys().filter_map(|pid| proc::memory(*pid)) {
            memory.rss_bytes += now;
            memory.peak_bytes += peak;
        }
        Ok((TreeReading { at, cpu_ns, memory }, is_whole))
    }
}

/// CPU time of a tree between two moments.
#[derive(Debug, Clone)]
pub struct CpuWindow {
    tree: ProcessTree,
    begin: TreeReading,
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
            begin: tree.read(None)?,
        })
    }

    /// What was used since [`CpuWindow::begin`]. It can be asked again and again.
    ///
    /// # Errors
    /// [`MeasureError::Ended`] if the process ended in the window, [`MeasureError::Backwards`] if time was lost.
    pub fn end(&self) -> Result<CpuUsed, MeasureError> {
        let end = self.tree.read(Some(&self.begin))?;
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

/// All that descends from `root`, zombies included, itself excluded; parents come before their children. Every process of the
/// machine is looked at: lists of children may lack one, which is no way to find what is to be stopped.
pub(super) fn descendants(root: i32) -> Vec<Descendant> {
    let processes = proc::all().into_iter().filter_map(|pid| {
        Stat::read(pid).map(|stat| Descendant {
            pid,
            parent: stat.parent,
            group: stat.group,
        })
    });
    below(root, processes)
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

/// What descends from `root` by lists of children, itself excluded, and whether all lists could be read.
fn listed(root: i32, children: &dyn Fn(i32) -> Option<Vec<i32>>) -> (BTreeSet<i32>, bool) {
    let (mut found, mut is_whole) = (BTreeSet::new(), true);
    let mut pending = vec![root];
    while let Some(parent) = pending.pop() {
        match children(parent) {
            // An id that was given away again while lists were read may make a circle.
            Some(list) => pending.extend(
                list.into_iter()
                    .filter(|pid| *pid != root && found.insert(*pid)),
            ),
            None => is_whole = false,
        }
    }
    (found, is_whole)
}

fn clock_ns(pid: i32) -> Option<u64> {
    let time = clock_getcpuclockid(Pid::from_raw(pid))
        .and_then(|clock| clock.now())
        .ok()?;
    let seconds = u64::try_from(time.tv_sec()).ok()?;
    let nanos = u64::try_from(time.tv_nsec()).ok()?;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
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
    fn a_process_holds_itself_and_what_descends_from_it() {
        let own = std::process::id();
        let parent = std::os::unix::process::parent_id();
        let of = |pid| ProcessTree::of(pid).unwrap();
        assert!(of(own).holds(own) && of(parent).holds(own));
        assert!(!of(own).holds(parent) && !of(own).holds(u32::MAX));
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
        let reading = tree.read(None).unwrap();
        assert!(reading.cpu_ns > 0);
        let memory = reading.memory;
        assert!(
            memory.peak_bytes >= memory.rss_bytes / 2 && memory.rss_bytes > 0,
            "{memory:?}"
        );
        assert!(tree.pids().unwrap().contains(&std::process::id()));
    }

    #[test]
    fn descendants_are_found_by_lists_of_children() {
        let check = |lists: &[(i32, Option<&[i32]>)], expected: &[i32], whole: bool| {
            let children = |pid| {
                let list = lists.iter().find(|(parent, _)| *parent == pid);
                list.map_or(Some(Vec::new()), |(_, list)| list.map(<[i32]>::to_vec))
            };
            let (found, is_whole) = listed(10, &children);
            assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
            assert_eq!(is_whole, whole, "{lists:?}");
        };
        check(&[], &[], true);
        check(
            &[(10, Some(&[11, 13])), (11, Some(&[12]))],
            &[11, 12, 13],
            true,
        );
        // One that ended while its list was to be read.
        check(&[(10, Some(&[11, 13])), (11, None)], &[11, 13], false);
        check(
            &[(10, Some(&[11])), (11, Some(&[12, 10])), (12, Some(&[11]))],
            &[11, 12],
            true,
        );
    }

    #[test]
    fn a_kernel_without_lists_of_children_finds_the_same_processes() {
        let child = std::process::Command::new("sleep").arg("1000").spawn();
        let mut child = child.unwrap();
        let tree = ProcessTree::of(std::process::id()).unwrap();
        let found = |finds| {
            let members = tree.members(tree.root_stat().unwrap(), finds);
            members.unwrap().0.contains_key(&child.id().cast_signed())
        };
        let by_scan = found(Finds::Scan);
        // Other tests end children meanwhile, so that a single list may lack this one.
        let by_lists = !proc::lists_children() || (0..1_000).any(|_| found(Finds::Lists));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!((by_scan, by_lists), (true, true));
    }
}
