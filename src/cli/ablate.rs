//! `telemload ablate`: which header, cookie, field or setting of production costs what.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use super::again::command_line;
use super::conclusion::{Conclusion, Patience};
use super::exit::Usage;
use super::files::{made, write_all};
use super::limits::{AtOnce, allow_connections};
use super::output::{print, progress, say};
use super::report::PAGE;
use super::run::fresh_seed;
use super::signals::{Answered, Signals};
use super::values::seconds;
use super::watching::Watching;
use crate::ablation::{Ablation, Choice, Course, trials};
use crate::compare::Untrusted;
use crate::experiment::{self, RunDir};
use crate::gate::Outcome;
use crate::report::{document, page, terminal, text};
use crate::scenario::{self, GivenTarget, Overrides, Plan};
use crate::traffic::wall_clock;

/// Measure what each thing costs the service that production's requests have and others lack, and where.
///
/// Headers, cookies, parameters of the query, fields of JSON bodies, and settings that two variants differ in. All of them together are tried
/// first, then each by itself: dropped from production's requests, and added to requests that have none of them. Both sides of a trial are
/// launches of the target that are up together and loaded in turns.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  telemload ablate scenarios/local-vs-production-headers.toml
  telemload ablate checkout.toml --production canary --local laptop --window 5s
  telemload ablate checkout.toml --factor cookie:sid --factor X-Request-Id --json
  telemload ablate checkout.toml --url http://127.0.0.1:8080

Exit codes: 0 measured · 2 usage, or nothing to try · 3 the difference could not be judged ·
4 the target could not be measured · 5 internal or I/O error · 130 interrupted")]
pub(super) struct Args {
    /// The scenario. telemload starts its target; one that runs already is loaded by both sides one after the other, which makes costs
    /// advisory.
    #[arg(value_name = "SCENARIO", value_hint = clap::ValueHint::FilePath)]
    scenario: PathBuf,
    /// The variant whose requests are production's [default: the head of the first comparison, or the last variant].
    #[arg(long, value_name = "VARIANT")]
    production: Option<String>,
    /// The variant that lacks something [default: the base of that comparison, or production's requests without what is tried].
    #[arg(long, value_name = "VARIANT")]
    local: Option<String>,
    /// What to try: a header, `cookie:NAME`, `query:NAME`, `field:NAME`, `keep-alive`, `mix`, `devices`, `tls` or `target`; can be repeated
    /// [default: all that both differ in, or all that is sent].
    #[arg(long, value_name = "FACTOR")]
    factor: Vec<String>,
    /// Load what runs at this address instead of the scenario's target.
    #[arg(long, value_name = "URL", value_hint = clap::ValueHint::Url)]
    url: Option<String>,
    /// Window of each trial, for each side and launch.
    #[arg(long, value_name = "TIME", default_value = "1500ms", value_parser = seconds)]
    window: Duration,
    /// Launches of each side of a trial at the first look.
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u32).range(1..=100))]
    blocks: u32,
    /// Launches of each side of a trial that looks before leave open: each look has twice as many as the one before [default: four times
    /// --blocks].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=400))]
    most_blocks: Option<u32>,
    /// Directory for report.html, ablation.json, ablation.md and the runs of the trials [default: runs/NAME-ablate-TIME].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print JSON.
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print Markdown, for a pull request.
    #[arg(long)]
    markdown: bool,
    /// No progress and no messages but errors.
    #[arg(short, long)]
    quiet: bool,
}

/// A shorter window has no room for turns.
const SHORTEST: Duration = Duration::from_millis(400);

pub(super) fn exec(args: &Args) -> anyhow::Result<u8> {
    let target = args
        .url
        .clone()
        .map(|url| GivenTarget::Url { flag: "--url", url });
    let choice = choice(args)?;
    let overrides = Overrides {
        fresh_seed: fresh_seed(),
        target,
        ..Overrides::default()
    };
    let plan =
        scenario::load(&args.scenario, &overrides).map_err(|error| Usage(error.to_string()))?;
    let trials = trials(&plan, &choice)
        .map_err(|error| Usage(format!("{}: {error}", args.scenario.display())))?;
    let mut course = Course::new(trials);
    if let Some(first) = course.next() {
        let first = course.plan(&first);
        allow_connections(&first, AtOnce::of(&first))?;
    }
    let started_at = wall_clock::now();
    let signals = Signals::listen(Answered::Second)?;
    let out = args.out.clone().unwrap_or_else(|| {
        let time = started_at.strftime("%Y%m%dT%H%M%SZ");
        Path::new("runs").join(format!("{}-ablate-{time}", plan.name))
    });
    let dir = made(RunDir::for_ablation(&out))?;
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
    let (outcome, runs) = trying.all(&mut course, Untrusted::from(plan.allow_untrusted))?;
    let found = course.found();
    runtime.shutdown_background();
    signals.release();
    let told = tell(args, &plan, &found, &outcome, &dir);
    runs.into_iter().try_for_each(Conclusion::end)?;
    told?;
    Ok(judged(outcome, &found).exit_code())
}

fn choice(args: &Args) -> anyhow::Result<Choice> {
    if args.window < SHORTEST {
        return Err(Usage("--window: turns need 0.4 s or more".to_owned()).into());
    }
    let most_blocks = args.most_blocks.unwrap_or(4 * args.blocks);
    if most_blocks < args.blocks {
        let words = format!(
            "--most-blocks: the first look has {} already (--blocks)",
            args.blocks
        );
        return Err(Usage(words).into());
    }
    Ok(Choice {
        production: args.production.clone(),
        local: args.local.clone(),
        factors: args.factor.clone(),
        window: args.window,
        blocks: args.blocks,
        most_blocks,
    })
}

/// Says what was found, and where it and the runs are.
fn tell(
    args: &Args,
    plan: &Plan,
    found: &Ablation,
    outcome: &Outcome,
    dir: &RunDir,
) -> anyhow::Result<()> {
    let json = document::ablate::json(found);
    let markdown = text::ablate::markdown(found);
    let page = page::ablate::html(found, &plan.name, &command_line());
    let written = write_all(
        dir,
        [
            (PathBuf::from("ablation.json"), json.clone()),
            (PathBuf::from("ablation.md"), markdown.clone()),
            (PathBuf::from(PAGE), page),
        ],
    );
    print(&if args.json {
        json
    } else if args.markdown {
        markdown
    } else {
        terminal::ablate::render(found)
    })?;
    if !args.quiet {
        say(&format!("stored in {}", dir.path().display()));
    }
    if let Outcome::Invalid(why) = outcome {
        say(&format!("invalid: {why}"));
    }
    written
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
    /// Runs one stage after the other, and tells how it ended.
    fn all(
        &self,
        course: &mut Course,
        untrusted: Untrusted,
    ) -> anyhow::Result<(Outcome, Vec<Conclusion>)> {
        let mut outcome = Outcome::Inconclusive;
        let mut runs: Vec<Conclusion> = Vec::new();
        let mut next = course.next();
        while let Some(stage) = next {
            let name = stage.directory();
            let run = self.run(&course.plan(&stage), &name)?;
            course.took(&stage, &run.result, untrusted);
            let is_first = runs.is_empty();
            let ended = run.outcome();
            // A side without any answer as expected says that the first trial is worth nothing, and is a finding of any other one. What was not
            // launched because a target failed is launched at the next look.
            let is_over = matches!(ended, Outcome::Interrupted | Outcome::Internal(_));
            let goes_on = match is_first {
                true => is_measured(&ended),
                false => !is_over,
            };
            if let Some(failure) = run.result.failure.as_ref().filter(|_| !is_first) {
                say(&format!("{name}: {failure}"));
            }
            runs.push(run);
            // What the first trial found stands whatever becomes of the others.
            if is_first || is_over {
                outcome = ended;
            }
            next = course.next().filter(|_| goes_on);
        }
        Ok((outcome, runs))
    }

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
