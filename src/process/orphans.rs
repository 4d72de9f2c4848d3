//! What is left of a process when its supervisor was killed: its descendants become children of telemload, which is their next
//! reaper, and are killed too.
//!
//! They are told from telemload's other children by a variable that each supervisor hands down to all that it starts.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rustix::process::{Pid, Signal, WaitOptions, getpid, set_child_subreaper, waitpid};

use super::looks::Looks;
use super::supervisor::{KILL_ALLOWANCE, kill};
use super::tree;

/// The variable by which descendants of a supervisor are known.
pub(super) const MARK: &str = "TELEMLOAD_SUPERVISOR";

/// A mark of its own for each supervisor; from the first one on orphans come to telemload.
pub(super) fn mark() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // Without it they go to the init of the machine, as ever.
    let _ = set_child_subreaper(Some(getpid()));
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}.{number}", getpid())
}

/// Kills what has the mark of a supervisor that is gone, until nothing of it is left.
pub(super) async fn kill_marked(mark: &str) {
    let give_up = Instant::now() + KILL_ALLOWANCE;
    let own = getpid().as_raw_nonzero().get();
    let mut ending: Vec<i32> = Vec::new();
    let mut looks = Looks::default();
    while Instant::now() < give_up {
        let left: Vec<_> = tree::descendants(own)
            .into_iter()
            .filter(|process| has(process.pid, mark))
            .collect();
        for process in &left {
            kill(process.pid, Signal::KILL);
        }
        ending.extend(left.iter().map(|process| process.pid));
        ending.sort_unstable();
        ending.dedup();
        // Nobody else reaps them.
        ending.retain(|&pid| {
            let reaped = waitpid(Pid::from_raw(pid), WaitOptions::NOHANG);
            matches!(reaped, Ok(None))
        });
        if left.is_empty() && ending.is_empty() {
            return;
        }
        looks.pause().await;
    }
}

/// Whether a process was started with the mark. One that has ended has no environment.
fn has(pid: i32, mark: &str) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let mut variables = environment.split(|&byte| byte == 0);
    let expected = format!("{MARK}={mark}");
    variables.any(|variable| variable == expected.as_bytes())
}
