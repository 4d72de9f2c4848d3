//! `telemload ablate`: which header of production's requests costs what.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use super::conclusion::{Conclusion, Patience};
use super::exit::Usage;
use super::files::made;
use super::limits::{AtOnce, allow_connections};
use super::output::{print, progress, say};
use super::run::fresh_seed;
use super::signals::{Answered, Signals};
use super::values::seconds;
use super::watching::Watching;
use crate::ablation::{Ablation, Choice, ablation, trials};
use crate::experiment::{self, RunDir};
use crate::gate::Outcome;
use crate::report::{document, terminal};
use crate::scenario::{self, Overrides, Plan};
use crate::traffic::wall_clock;

/// Measure what each header of a scenario costs the service, and where.
///
/// All headers together are tried first, then each by itself: dropped from production's requests, and added to requests that have none of
/// them. Both sides of a trial are launches of the target that are up together and loaded in turns.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  telemload ablate scenarios/local-vs-production-headers.toml
  telemload ablate checkout.toml --production canary --local laptop --window 5s
  telemload ablate checkout.toml --factor Cookie --factor X-Request-Id --json

Exit codes: 0 measured · 2 usage, or nothing to try · 3 the difference could not be judged ·
4 the target could not be measured · 5 internal or I/O error · 130 interrupted")]
pub(super) struct Args {
    /// The scenario; telemload starts its target (`target.gateway` or `target.command`).
    #[arg(value_name = "SCENARIO", value_hint = clap::ValueHint::FilePath)]
    scenario: PathBuf,
    /// The variant whose requests are production's [default: the head of the first comparison, or the last variant].
    #[arg(long, value_name = "VARIANT")]
    production: Option<String>,
    /// The variant that lacks something [default: the base of that comparison, or production's requests without the headers that are tried].
    #[arg(long, value_name = "VARIANT")]
    local: Option<String>,
    /// A header to try; can be repeated [default: those that --local lacks, or all].
    #[arg(long, value_name = "HEADER")]
    factor: Vec<String>,
    /// Window of each trial, for each side.
    #[arg(long, value_name = "TIME", default_value = "4s", value_parser = seconds)]
    window: Duration,
    /// Directory for the runs of the trials [default: runs/NAME-ablate-TIME].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// No progress and no messages but errors.
    #[arg(short, long)]
    quiet: bool,
}

/// A shorter window has no room for turns.
const SHORTEST: Duration = Duration::from_millis(400);

pub(super) fn exec(args: &Args) -> anyhow::Result<u8> {
    if args.window < SHORTEST {
        return Err(Usage("--window: turns need 0.4 s or more".to_owned()).into());
    }
    let overrides = Overrides {
        fresh_seed: fresh_seed(),
        ..Overrides::default()
    };
    let plan =
        scenario::load(&args.scenario, &overrides).map_err(|error| Usage(error.to_string()))?;
    let choice = Choice {
        production: args.production.clone(),
        local: args.local.clone(),
        factors: args.factor.clone(),
        window: args.window,
    };
    let trials = trials(&plan, &choice)
        .map_err(|error| Usage(format!("{}: {error}", args.scenario.display())))?;
    allow_connections(&trials.whole, AtOnce::of(&trials.whole))?;
    let started_at = wall_clock::now();
    let signals = Signals::listen(Answered::Second)?;
    let out = args.out.clone().unwrap_or_else(|| {
        let time = started_at.strftime("%Y%m%dT%H%M%SZ");
        Path::new("runs").join(format!("{}-ablate-{time}", plan.name))
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot set up the runtime")?;
    let trying = Trying {
        signals: &signals,
        runtime: &runtime,
        quiet: args.quiet,
        out: &out,
    };
    let whole = trying.run(&trials.whole, "together")?;
    let mut outcome = whole.outcome();
    let first = ablation(&trials, (&whole.result, &whole.comparisons), None);
    let single = match &trials.single {
        Some(plan) if is_measured(&outcome) && !first.is_nothing() => {
            Some(trying.run(plan, "one-by-one")?)
        }
        _ => None,
    };
    let found = match &single {
        Some(single) => {
            if let interrupted @ (Outcome::Interrupted | Outcome::Internal(_)) = single.outcome() {
                outcome = interrupted;
            }
            ablation(
                &trials,
                (&whole.result, &whole.comparisons),
                Some((&single.result, &single.comparisons)),
            )
        }
        None => first,
    };
    runtime.shutdown_background();
    signals.release();
    tell(args, &found, &outcome, &out)?;
    whole.end()?;
    single.map_or(Ok(()), Conclusion::end)?;
    Ok(judged(outcome, &found).exit_code())
}

/// Says what was found, and where the runs are.
fn tell(args: &Args, found: &Ablation, outcome: &Outcome, out: &Path) -> anyhow::Result<()> {
    print(&if args.json {
        document::ablate::json(found)
    } else {
        terminal::ablate::render(found)
    })?;
    if !args.quiet {
        say(&format!("stored in {}", out.display()));
    }
    if let Outcome::Invalid(why) = outcome {
        say(&format!("invalid: {why}"));
    }
    Ok(())
}

/// What all trials come to: one that ended in order says what was found.
fn judged(outcome: Outcome, found: &Ablation) -> Outcome {
    match is_measured(&outcome) {
        true if found.is_judged() => Outcome::Pass,
        true => Outcome::Inconclusive,
        false => outcome,
    }
}

/// Whether a run says something of what it measured: no threshold of the scenario is judged in a trial.
fn is_measured(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Pass | Outcome::Fail | Outcome::Inconclusive
    )
}

/// How trials are run.
struct Trying<'a> {
    signals: &'a Signals,
    runtime: &'a tokio::runtime::Runtime,
    quiet: bool,
    out: &'a Path,
}

impl Trying<'_> {
    /// Runs a plan and stores it in a directory of its own.
    fn run(&self, plan: &Plan, name: &str) -> anyhow::Result<Conclusion> {
        let started_at = wall_clock::now();
        let out = self.out.join(name);
        let dir = made(RunDir::create(
            Some(&out),
            &plan.name,
            &plan.text,
            started_at,
        ))?;
        let stop = self.signals.stop();
        let progress = progress(self.quiet, &format!("{} {name}", plan.name));
        let observer = Watching::new(progress, &plan.thresholds);
        let run = experiment::run(plan, &dir, &observer, &stop, started_at);
        let result = self.runtime.block_on(run);
        drop(observer);
        let patience = Patience {
            runtime: self.runtime,
            so_far: stop.times(),
            stop,
            quiet: self.quiet,
        };
        let mut conclusion = Conclusion::of(plan.judged(), result, &patience);
        conclusion.store(&dir, &patience);
        Ok(conclusion)
    }
}
