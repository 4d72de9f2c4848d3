//! `telemload selftest`: this machine's floor, and whether the reported figures are true.

use anyhow::Context;

use super::output::{print, progress, say};
use super::signals::{Answered, Signals};
use crate::gate::{Outcome, Verdict};
use crate::report::{document, terminal};
use crate::selftest::{self, Error, Extent, floor};

/// Measure this machine's floor, and check that the reported figures are true.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Measure this machine's floor, and check that the reported figures are true.

Loads a server inside of telemload, on loopback, whose delays and stalls are known, and holds what would be reported against what the server did. \
Takes some 15 seconds. The floor is kept, and later summaries quote it.",
    after_help = "Exit codes: 0 the reported figures are true · 1 a figure is outside its bounds ·
3 this machine is too noisy to tell · 5 internal or I/O error · 130 interrupted"
)]
pub(super) struct Args {
    /// Print floor and checks as JSON.
    #[arg(long)]
    json: bool,
    /// No progress and no messages but errors.
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn exec(args: &Args) -> anyhow::Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot set up the runtime")?;
    let signals = Signals::listen(Answered::First)?;
    let (observer, stop) = (progress(args.quiet, "selftest"), signals.stop());
    let found = runtime.block_on(selftest::run(&Extent::WHOLE, &observer, &stop));
    signals.release();
    let found = match found {
        Ok(found) => found,
        Err(Error::Interrupted) => {
            say("interrupted: nothing is stored");
            return Ok(Outcome::Interrupted.exit_code());
        }
        Err(error) => return Err(error.into()),
    };
    let verdict = found.verdict();
    print(&if args.json {
        document::selftest::json(&found)
    } else {
        terminal::selftest::render(&found)
    })?;
    let outcome = match verdict {
        Verdict::Pass => Outcome::Pass,
        Verdict::Fail => Outcome::Fail,
        Verdict::Inconclusive => Outcome::Inconclusive,
    };
    // A floor that was measured on a busy machine would be quoted as if it were the machine's own.
    if verdict == Verdict::Pass {
        let path = floor::path();
        match found.floor.store(path.as_deref()) {
            Ok(()) if args.quiet => {}
            Ok(()) => say(&format!(
                "floor stored in {}",
                path.unwrap_or_default().display()
            )),
            // What was asked for was found; only later summaries lack it.
            Err(error) => say(&format!("warning: {error}")),
        }
    } else if !args.quiet {
        say("the floor is not stored: only one that passed on a quiet machine is");
    }
    Ok(outcome.exit_code())
}
