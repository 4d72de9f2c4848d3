//! `telemload gate`: is the head worse than the base? Both are launched and loaded in turns until the decision says that it is enough.

mod arms;
mod blame;
mod checkout;
mod measure;
mod shown;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;

use self::arms::Compared;
use self::checkout::Checkout;
use self::shown::Ended;
use super::ci::{AtScenario, Outputs};
use super::exit::Usage;
use super::files::unwritten;
use super::output::{progress, say};
use super::run::allow_connections;
use super::signals::{Answered, Signals};
use super::values::seconds;
use crate::compare::Comparison;
use crate::experiment::{CreateError, RunDir};
use crate::gate::Outcome;
use crate::gate::paired::{Measured, conclude};

/// Decide whether a change made a service slower: both versions are launched and loaded in turns.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  telemload gate scenario.toml --base './service-old --port {port}' --head './service-new --port {port}'
  telemload gate scenario.toml --base-ref origin/main --build 'cargo build --release'
  telemload gate scenario.toml --base-variant cached --head-variant singleflight
  telemload gate scenario.toml --prove

Exit codes: 0 pass · 1 the head is worse · 2 usage or scenario error · 3 inconclusive ·
4 invalid (the base does not answer) · 5 internal or I/O error · 130 interrupted")]
pub(super) struct Args {
    /// Scenario file.
    #[arg(value_name = "SCENARIO.toml")]
    pub(super) scenario: PathBuf,
    #[command(flatten)]
    pub(super) given: Given,
    /// Variant of the scenario whose requests and load are used where arms are no variants.
    #[arg(long, value_name = "NAME")]
    pub(super) variant: Option<String>,
    /// How long all of it may take; a bare number is seconds [default: the scenario's, else 120s].
    #[arg(long, value_parser = seconds)]
    pub(super) budget: Option<Duration>,
    /// Seed of the mix, of arrivals and of random values.
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Let a verdict count that is advisory otherwise.
    #[arg(long)]
    pub(super) enforce: bool,
    /// Print gate.json instead of the table.
    #[arg(long)]
    pub(super) json: bool,
    /// Directory of logs and results [default: runs/NAME-UTC_TIME].
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// No progress and no messages but errors.
    #[arg(short, long)]
    pub(super) quiet: bool,
    #[command(flatten)]
    pub(super) ci: Outputs,
    #[command(flatten)]
    pub(super) at_scenario: AtScenario,
}

/// What is compared.
#[derive(Debug, clap::Args)]
pub(super) struct Given {
    /// Command of the base, with `{port}` where its port goes.
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["base_ref", "base_variant", "base_url"])]
    pub(super) base: Option<String>,
    /// Command of the head.
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["head_variant", "head_url"])]
    pub(super) head: Option<String>,
    /// Git revision of the base: its command runs in a worktree of it.
    #[arg(long, value_name = "REVISION", conflicts_with_all = ["base_variant", "base_url"])]
    pub(super) base_ref: Option<String>,
    /// Shell command that builds the base in that worktree.
    #[arg(long, value_name = "COMMAND", requires = "base_ref")]
    pub(super) build: Option<String>,
    /// Variant of the scenario that is the base.
    #[arg(
        long,
        value_name = "NAME",
        requires = "head_variant",
        conflicts_with = "base_url"
    )]
    pub(super) base_variant: Option<String>,
    /// Variant that is the head.
    #[arg(
        long,
        value_name = "NAME",
        requires = "base_variant",
        conflicts_with = "head_url"
    )]
    pub(super) head_variant: Option<String>,
    /// URL of a base that runs already: the verdict is advisory.
    #[arg(long, value_name = "URL", requires = "head_url")]
    pub(super) base_url: Option<String>,
    /// URL of such a head.
    #[arg(long, value_name = "URL", requires = "base_url")]
    pub(super) head_url: Option<String>,
    /// Process of a local base, whose CPU is measured.
    #[arg(long, value_name = "PID", requires = "base_url")]
    pub(super) base_pid: Option<u32>,
    /// Process of a local head.
    #[arg(long, value_name = "PID", requires = "base_url")]
    pub(super) head_pid: Option<u32>,
    /// Launch the base twice and add as much work to one of both as the gate promises to see: whether it fires on this machine.
    #[arg(long, conflicts_with_all = ["head", "base_ref", "base_variant", "base_url", "junit", "code_quality"])]
    pub(super) prove: bool,
}

pub(super) fn exec(args: &Args) -> anyhow::Result<u8> {
    // What is wrong with flags and scenario is said before anything is built or written.
    args.ci.check()?;
    args.at_scenario.check(args.scenario.to_str())?;
    arms::check(args)?;
    let began = Instant::now();
    let started_at = jiff::Timestamp::now();
    let signals = Signals::listen(Answered::Second)?;
    let stop = signals.stop();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot set up the runtime")?;
    let checkout = match &args.given.base_ref {
        Some(revision) => {
            let build = args.given.build.as_deref();
            let made = runtime.block_on(Checkout::make(revision, build, &stop, args.quiet))?;
            match made {
                Some(checkout) => Some(checkout),
                None => return Ok(interrupted()),
            }
        }
        None => None,
    };
    let compared = Compared::of(args, checkout.as_ref())?;
    allow_connections(&compared.plan)?;
    let dir = directory(args, &compared, started_at)?;
    if !args.quiet {
        open(&compared, checkout.as_ref());
    }
    let observer = progress(args.quiet);
    let surroundings = measure::Surroundings {
        dir: &dir,
        observer: &observer,
        stop: &stop,
        started_at,
        // Building is none of it.
        began: if checkout.is_some() {
            Instant::now()
        } else {
            began
        },
        quiet: args.quiet,
    };
    let found = runtime.block_on(measure::measure(&compared, &surroundings));
    let measured = Measured {
        blocks: &found.blocks,
        confirming: &found.confirming,
    };
    let gate = &compared.gate;
    let mut verdict = conclude(gate, measured, found.ended, compared.advisory.clone());
    if args.enforce {
        verdict.advisory = None;
    }
    let seconds = surroundings.began.elapsed().as_secs_f64();
    let ended = Ended::of(args, &compared, (measured, &verdict), (started_at, seconds));
    let printed = ended.print();
    let mut functions = None;
    if verdict.names_functions() && compared.injected.is_none() {
        let work = blame::functions(&compared, &dir, &observer, &stop);
        functions = blamed(runtime.block_on(work));
    }
    runtime.shutdown_background();
    let reported = printed.and(ended.report(functions.as_ref(), &dir));
    signals.release();
    drop(checkout);
    if let Some(injected) = compared.injected {
        return Ok(shown::proven(&verdict, injected, args.quiet));
    }
    if !args.quiet {
        say(&format!(
            "stored in {} (seed {})",
            dir.path().display(),
            compared.plan.seed
        ));
    }
    reported?;
    Ok(verdict.exit_code())
}

/// The run directory, with the scenario as it was read.
fn directory(
    args: &Args,
    compared: &Compared,
    started_at: jiff::Timestamp,
) -> anyhow::Result<RunDir> {
    let plan = &compared.plan;
    let dir = RunDir::create(args.out.as_deref(), &plan.name, started_at).map_err(created)?;
    dir.write(Path::new("scenario.toml"), plan.text.as_bytes())
        .map_err(|error| unwritten(&error))?;
    Ok(dir)
}

/// Says what is compared, and what the user should know of it.
fn open(compared: &Compared, checkout: Option<&Checkout>) {
    let notes = compared.notes(checkout);
    notes.for_each(|note| say(&format!("note: {note}")));
    say(&compared.opening());
}

/// The functions that a failure comes from; why they are not known is told.
fn blamed(found: Result<Comparison, String>) -> Option<Comparison> {
    found
        .map_err(|why| {
            say(&format!(
                "note: no function is named for the failure: {why}"
            ));
        })
        .ok()
}

fn created(error: CreateError) -> anyhow::Error {
    match error {
        CreateError::Taken(_) => Usage(error.to_string()).into(),
        CreateError::Write(error) => unwritten(&error),
    }
}

fn interrupted() -> u8 {
    say("interrupted: nothing was measured");
    Outcome::Interrupted.exit_code()
}
