//! The hidden verb `work-beside`: runs a command and does a share of its CPU work once more, so that a gate can be shown a slowdown of a
//! known size. The work is real, belongs to the processes of the arm, and comes only while the command itself works.

use std::ffi::OsString;
use std::process::{Command, ExitCode};
use std::thread::sleep;
use std::time::Duration;

use super::exit::{INTERNAL, USAGE};
use super::output::say;
use crate::process::ProcessTree;
use crate::process::machine::own_cpu_ns;

/// What the verb is called.
pub(super) const BESIDE: &str = "work-beside";
/// How often the command's CPU time is looked at.
const EVERY: Duration = Duration::from_millis(10);
/// Steps of arithmetic between two looks at the own CPU time.
const STEPS: u64 = 2_000;

/// Runs the words behind the verb: a share, and a command.
pub(super) fn run(mut words: impl Iterator<Item = OsString>) -> ExitCode {
    let share = words.next();
    let share = share.and_then(|word| word.to_str()?.parse::<f64>().ok());
    let (Some(share), Some(program)) = (share, words.next()) else {
        say("error: work-beside takes a share and a command");
        return ExitCode::from(USAGE);
    };
    let mut child = match Command::new(&program).args(words).spawn() {
        Ok(child) => child,
        Err(error) => {
            say(&format!("error: cannot run {}: {error}", program.display()));
            return ExitCode::from(INTERNAL);
        }
    };
    let tree = ProcessTree::of(child.id()).ok();
    let begin = own_cpu_ns();
    let mut worked = 0;
    let mut before = None;
    loop {
        match child.try_wait() {
            Ok(None) => {}
            Ok(Some(status)) => {
                return ExitCode::from(status.code().map_or(INTERNAL, |code| code as u8));
            }
            Err(_) => return ExitCode::from(INTERNAL),
        }
        // Without a share as well: looking takes time, too, which has to be that of both arms.
        if let Some(tree) = &tree
            && let Ok(reading) = tree.read(before.as_ref())
        {
            let looking = (own_cpu_ns() - begin).saturating_sub(worked);
            worked += work(owed(reading.cpu_ns + looking, share).saturating_sub(worked));
            before = Some(reading);
        }
        sleep(EVERY);
    }
}

/// The CPU time that is added to so much, all ns.
fn owed(used: u64, share: f64) -> u64 {
    (used as f64 * share) as u64
}

/// Works until this process has used so much more CPU time, and returns what it used, ns.
fn work(wanted: u64) -> u64 {
    let begin = own_cpu_ns();
    let mut value = wanted | 1;
    loop {
        let used = own_cpu_ns() - begin;
        if used >= wanted {
            return used;
        }
        for _ in 0..STEPS {
            value = std::hint::black_box(value.wrapping_mul(6_364_136_223_846_793_005) ^ 1);
        }
    }
}
