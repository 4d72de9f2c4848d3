//! `telemload merge`: the results of several shards as one run.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::ci::Outputs;
use super::conclusion::{Conclusion, Patience};
use super::exit::{Usage, unkept};
use super::files::made;
use super::limits::allow_files;
use super::output::{print, say};
use super::signals::{Answered, Signals};
use super::stored;
use crate::experiment::{Found, Refused, RunDir, Set, Unfinished};
use crate::gate::Outcome;
use crate::report::terminal::detail::Detail;

/// Merge the results of the shards of one run into one run directory.
///
/// Counters and histograms are summed; percentiles, thresholds and comparisons are those of the sums. Nothing is scaled up: a shard that is
/// lost makes the result incomplete.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  telemload merge /results/shard-* -o runs/big
  telemload report runs/big

Exit codes: as of `telemload run`, and 2 if the directories are not of one run, 4 if a shard is lost")]
pub(super) struct Args {
    /// Run directories of the shards.
    #[arg(required = true, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    shards: Vec<PathBuf>,
    /// Run directory of the whole.
    #[arg(short, long, value_name = "RUN", value_hint = clap::ValueHint::DirPath)]
    out: PathBuf,
    /// Print the result as JSON instead of the summary.
    #[arg(long)]
    json: bool,
    /// No messages but errors.
    #[arg(short, long, alias = "silent")]
    quiet: bool,
    #[command(flatten)]
    ci: Outputs,
}

pub(super) fn exec(args: &Args) -> anyhow::Result<u8> {
    allow_files(args.shards.len())?;
    let (mut found, mut unfinished) = (Vec::new(), Vec::new());
    for directory in &args.shards {
        match shard(directory)? {
            Ok(shard) => found.push(*shard),
            Err(words) => unfinished.push(Unfinished {
                directory: directory.clone(),
                words,
            }),
        }
    }
    let set = match Set::of(found, &unfinished) {
        Ok(set) => set,
        Err(Refused::NotOneRun(words)) => return Err(Usage(words).into()),
        Err(Refused::Nothing(words)) => {
            let outcome = Outcome::Invalid(words);
            told(&outcome, args.quiet);
            return Ok(outcome.exit_code());
        }
    };
    let first = set.directories().next();
    let scenario = first.and_then(stored::scenario).unwrap_or_default();
    let signals = Signals::listen(Answered::Second)?;
    let name = &set.judged().name;
    let now = crate::traffic::wall_clock::now();
    let dir = made(RunDir::create(Some(&args.out), name, &scenario, now))?;
    let result = set.merge(&dir).map_err(|words| anyhow!(words))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let stop = signals.stop();
    let patience = Patience {
        runtime: &runtime,
        so_far: stop.times(),
        stop,
        quiet: args.quiet,
    };
    let mut conclusion = Conclusion::of(set.judged().clone(), result, &patience);
    conclusion.interrupted |= set.is_interrupted();
    conclusion.store(&dir, &patience);
    runtime.shutdown_background();
    signals.release();
    let printed = match args.json {
        true => print(&conclusion.document()),
        false => print(&conclusion.summary(None, Detail::Brief)),
    };
    let outcome = conclusion.outcome();
    told(&outcome, args.quiet);
    if conclusion.is_stored && !args.quiet {
        say(&format!("stored in {}", dir.path().display()));
    }
    let reported = args
        .ci
        .write(&conclusion.checks(None), &conclusion.markdown());
    let written = conclusion.end().and(reported);
    written.map_err(|error| unkept(error, outcome.exit_code()))?;
    printed?;
    Ok(outcome.exit_code())
}

fn told(outcome: &Outcome, quiet: bool) {
    match outcome {
        Outcome::Internal(message) => say(&format!("error: {message}")),
        Outcome::Invalid(message) => say(&format!("invalid: {message}")),
        Outcome::Interrupted => say("interrupted: a shard was ended before its time"),
        Outcome::Fail if !quiet => say("a threshold failed"),
        Outcome::Inconclusive if !quiet => say("a threshold could not be judged"),
        _ => {}
    }
}

/// The shard of a directory, or why it did not finish.
fn shard(directory: &Path) -> anyhow::Result<Result<Box<Found>, String>> {
    if !directory.is_dir() {
        return Err(Usage(format!(
            "{} is no directory; name the run directories of shards",
            directory.display()
        ))
        .into());
    }
    let result = match stored::figures(directory) {
        Ok(Some(result)) => result,
        Ok(None) => return Ok(Err("holds no result.json: its shard was killed".to_owned())),
        Err(words) => return Ok(Err(format!("cannot be read: {words}"))),
    };
    let Some(shard) = result.shard.clone() else {
        return Err(Usage(format!(
            "{} is the directory of a whole run and not of a shard; `telemload run --shard I/N` writes those",
            directory.display()
        ))
        .into());
    };
    let judged = match stored::judged(directory) {
        Ok(judged) => judged,
        Err(words) => return Ok(Err(format!("cannot be read: {words}"))),
    };
    Ok(Ok(Box::new(Found {
        directory: directory.to_owned(),
        result,
        shard,
        judged,
    })))
}
