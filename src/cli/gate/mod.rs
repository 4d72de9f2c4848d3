//! `telemload gate`: is the head worse than the base? Both are launched and loaded in turns until the decision says that it is enough.

mod args;
mod arms;
mod baseline;
mod blame;
mod checkout;
mod measure;
mod profiled;
mod profiles;
mod shown;

use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use tokio::runtime::Runtime;

use self::arms::Compared;
use self::baseline::Baseline;
use self::checkout::{Checkout, Revision};
use self::profiles::Around;
use self::shown::{Ended, note};
use super::exit::unkept;
use super::files::made;
use super::limits::{AtOnce, allow_connections};
use super::output::{progress, say};
use super::signals::{Answered, Signals};
use crate::compare::Comparison;
use crate::experiment::{RunDir, Stop};
use crate::gate::Outcome;
use crate::gate::paired::{self, GateVerdict, Measured, against, conclude, stored};

pub(super) use self::args::Args;

/// What all steps of a gate need.
struct Session {
    runtime: Runtime,
    signals: Signals,
    stop: Stop,
    started_at: jiff::Timestamp,
}

pub(super) fn exec(args: &Args) -> anyhow::Result<u8> {
    // What is wrong with flags and scenario is said before anything is built or written.
    args.at_scenario.check(&args.ci, Some(&args.scenario))?;
    let (planned, baseline) = arms::check(args)?;
    let revision = args.given.base_ref.as_deref().map(Revision::find);
    let revision = revision.transpose()?;
    if let Some(revision) = &revision {
        revision.check(&planned.arms.head)?;
    }
    let signals = Signals::listen(Answered::Second)?;
    let session = Session {
        runtime: tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot set up the runtime")?,
        stop: signals.stop(),
        signals,
        started_at: jiff::Timestamp::now(),
    };
    let dir = directory(args, &planned, session.started_at)?;
    let without = Without {
        args,
        planned: &planned,
        dir: &dir,
        started_at: session.started_at,
    };
    without.begin()?;
    if let Some(revision) = &revision {
        let notes = revision.notes(&planned.arms.head);
        notes.iter().for_each(|words| note(args.quiet, words));
    }
    let checkout = match revision {
        Some(revision) => {
            let build = args.given.build.as_deref();
            let made = Checkout::make(revision, build, &session.stop, args.quiet);
            match session.runtime.block_on(made) {
                Ok(Some(checkout)) => Some(checkout),
                Ok(None) => return Ok(interrupted()),
                Err(error) => return without.base(error),
            }
        }
        None => None,
    };
    let compared = Compared::of(args, checkout.as_ref())?;
    allow_connections(&compared.plan, AtOnce::Both)?;
    let notes = compared.notes(checkout.as_ref());
    notes.for_each(|words| note(args.quiet, &words));
    if !args.quiet {
        say(&compared.opening());
    }
    gate(args, &compared, baseline.as_ref(), (session, &dir))
}

/// A gate that has measured nothing.
struct Without<'a> {
    args: &'a Args,
    /// Without what follows from a base that is built.
    planned: &'a Compared,
    dir: &'a RunDir,
    started_at: jiff::Timestamp,
}

impl Without<'_> {
    /// Writes reports that say so: where telemload is killed, nobody takes what lay there before for its verdict.
    fn begin(&self) -> anyhow::Result<()> {
        let why = "the gate was not measured to its end: it was killed, or could not go on";
        self.ended(why, |ended| ended.begin())
    }

    /// Says everywhere why there is no base.
    fn base(&self, error: anyhow::Error) -> anyhow::Result<u8> {
        let told = self.ended(&format!("{error:#}"), |ended| {
            ended.store(None, self.dir).and(ended.report(None))
        });
        match told {
            Ok(()) => Err(error),
            Err(other) => Err(error.context(format!("{other:#}"))),
        }
    }

    fn ended<T>(&self, why: &str, of: impl FnOnce(&Ended<'_>) -> T) -> T {
        let measured = Measured {
            blocks: &[],
            confirming: &[],
        };
        let early = paired::Ended::Early(Outcome::Internal(why.to_owned()));
        let verdict = conclude(&self.planned.gate, measured, early, None);
        let when = (self.started_at, 0.0);
        of(&Ended::of(
            self.args,
            self.planned,
            (measured, &verdict),
            when,
        ))
    }
}

/// Measures, judges, and tells.
fn gate(
    args: &Args,
    compared: &Compared,
    baseline: Option<&Baseline>,
    (session, dir): (Session, &RunDir),
) -> anyhow::Result<u8> {
    let plan = &compared.plan;
    let observer = progress(args.quiet, &plan.name);
    let surroundings = measure::Surroundings {
        dir,
        observer: &observer,
        stop: &session.stop,
        started_at: session.started_at,
        began: Instant::now(),
        quiet: args.quiet,
    };
    let measuring = measure::measure(compared, &surroundings);
    let found = session.runtime.block_on(measuring);
    let measured = Measured {
        blocks: &found.blocks,
        confirming: &found.confirming,
    };
    let verdict = match baseline {
        Some(baseline) => against(&compared.gate, measured, found.ended, &baseline.stored()),
        None => conclude(&compared.gate, measured, found.ended, None),
    };
    let around = Around {
        dir,
        observer: &observer,
        stop: &session.stop,
    };
    let judging = blame::judge(compared, verdict, &around);
    let (mut verdict, profiles) = session.runtime.block_on(judging);
    verdict.advisory = compared.advisory.clone().filter(|_| !args.enforce);
    let seconds = surroundings.began.elapsed().as_secs_f64();
    let when = (session.started_at, seconds);
    let ended = Ended::of(args, compared, (measured, &verdict), when);
    let printed = ended.print();
    let mut functions = None;
    if verdict.names_functions() && compared.injected.is_none() && baseline.is_none() {
        let work = blame::compare(compared, profiles, &around);
        functions = blamed(session.runtime.block_on(work));
    }
    session.runtime.shutdown_background();
    let stored = ended.store(functions.as_ref(), dir);
    // Nothing runs any more, and what is known is stored.
    session.signals.release();
    let is_stored = stored.is_ok();
    let reported = printed.and(stored);
    let reported = reported.and(ended.report(functions.as_ref()));
    if let Some(injected) = compared.injected {
        reported?;
        return Ok(shown::proven(&verdict, injected, args.quiet));
    }
    if !args.quiet && is_stored {
        let path = dir.path().display();
        say(&format!("stored in {path} (seed {})", plan.seed));
    }
    let saved = match &args.given.save_baseline {
        Some(file) => save(file, compared, measured, &verdict),
        None => Ok(()),
    };
    let code = verdict.exit_code();
    let written = reported.and(saved);
    written.map_err(|error| unkept(error, code))?;
    Ok(code)
}

/// The run directory, with the scenario as it was read.
fn directory(
    args: &Args,
    compared: &Compared,
    started_at: jiff::Timestamp,
) -> anyhow::Result<RunDir> {
    let plan = &compared.plan;
    let out = args.out.as_deref();
    made(RunDir::create(out, &plan.name, &plan.text, started_at))
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

/// Stores what was measured of the head, if the gate passed.
fn save(
    file: &Path,
    compared: &Compared,
    measured: Measured<'_>,
    verdict: &GateVerdict,
) -> anyhow::Result<()> {
    if verdict.outcome != Outcome::Pass {
        say(&format!(
            "{} is not written: only what passed is a baseline",
            file.display()
        ));
        return Ok(());
    }
    let of = stored(&compared.gate, measured);
    Baseline::new(&compared.plan, &compared.arms.head.name, of).save(file)
}

fn interrupted() -> u8 {
    say("interrupted: nothing was measured");
    Outcome::Interrupted.exit_code()
}
