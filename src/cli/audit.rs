//! `telemload audit`: what production has and a scenario does not.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::again::command_line;
use super::exit::Usage;
use super::files::{made, write_all};
use super::input::traffic_up_to;
use super::output::{print, say};
use super::path::{at_most_one_stdin, shown};
use super::report::{self, PAGE};
use super::run::fresh_seed;
use super::stored::{self, AUDIT};
use crate::experiment::RunDir;
use crate::gate;
use crate::import::{self, Options, Sample};
use crate::parity::{self, Choice, Key, Side};
use crate::report::{document, page, terminal, text};
use crate::scenario::{self, Overrides, Phase, Plan, Variant};
use crate::transport::tls::random_bytes;

/// The largest file that is read.
const LARGEST: u64 = 512 << 20;
/// Requests of the scenario that are looked at: as many as of production, within these.
const FEWEST: usize = 1_000;
const MOST: usize = 50_000;

/// Compare what a scenario sends with what production sends.
///
/// A sample is what `telemload tap` recorded, or anything that `telemload import` reads: HAR archives, curl commands, access logs. What it
/// cannot hold is said and not judged. Nothing is sent.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  telemload audit checkout.toml sample.jsonl
  telemload audit checkout.toml sample.jsonl --allow 'X-Forwarded-*' --allow traceparent
  telemload audit checkout.toml --variant local session.har --markdown
  telemload audit checkout.toml sample.jsonl --run runs/checkout-20260102T030405Z

Exit codes: 0 no header is missing · 1 a header that at least 1 % of production carries is missing ·
3 the sample cannot tell · 2 usage, or what cannot be read · 5 internal or I/O error")]
pub(super) struct Args {
    /// The scenario.
    #[arg(value_name = "SCENARIO", value_hint = clap::ValueHint::FilePath)]
    scenario: PathBuf,
    /// Samples of production's traffic; `-` is standard input.
    #[arg(required = true, value_name = "SAMPLE", value_hint = clap::ValueHint::FilePath)]
    samples: Vec<PathBuf>,
    /// The variant to look at [default: the first].
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// The phase to look at [default: the first].
    #[arg(long, value_name = "NAME")]
    phase: Option<String>,
    /// A header that may be missing; `*` at its end stands for any rest.
    #[arg(long, value_name = "HEADER")]
    allow: Vec<String>,
    /// The header whose value tells clients apart, such as X-Device-Id.
    #[arg(long, value_name = "HEADER")]
    client_header: Option<String>,
    /// Look only at requests to this origin, such as `https://shop.example` [default: the most frequent one].
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,
    /// Format of an access log, as `telemload import` takes it.
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Fields of a JSON log as JSON pointers, as `telemload import` takes them.
    #[arg(long, value_name = "FIELDS", conflicts_with = "log_format")]
    log_fields: Option<String>,
    /// Print JSON.
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print Markdown, for a pull request.
    #[arg(long)]
    markdown: bool,
    /// Directory for report.html, audit.json and audit.md.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The directory of a run of the scenario: the files go to its audit/, and its page tells of the audit.
    #[arg(long, value_name = "RUN", conflicts_with = "out", value_hint = clap::ValueHint::DirPath)]
    run: Option<PathBuf>,
    /// Show what is alike, too.
    #[arg(long)]
    verbose: bool,
}

pub(super) fn exec(args: &Args) -> anyhow::Result<u8> {
    at_most_one_stdin(args.samples.iter().map(PathBuf::as_path))?;
    let beside = args.run.as_deref().map(beside).transpose()?;
    let overrides = Overrides {
        fresh_seed: fresh_seed(),
        variant: args.variant.clone(),
        ..Overrides::default()
    };
    let plan =
        scenario::load(&args.scenario, &overrides).map_err(|error| Usage(error.to_string()))?;
    args.run
        .as_deref()
        .map_or(Ok(()), |run| is_of(run, args, &plan))?;
    let (variant, phase) = chosen(args, &plan)?;
    let key = Key::of(random_bytes().context("the system gives no random bytes")?);
    let production = production(args, &key)?;
    let most = production.records.len().clamp(FEWEST, MOST);
    let scenario = parity::sent(&plan, variant, phase, most, &key);
    let choice = Choice {
        allowed: args.allow.clone(),
        client_header: args.client_header.clone(),
    };
    let found = parity::audit(production, scenario, &choice);
    let json = document::audit::json(&found);
    let markdown = text::audit::markdown(&found);
    let mut written = Ok(());
    if let Some(out) = args.out.clone().or(beside) {
        let dir = made(RunDir::for_audit(&out))?;
        let page = page::audit::html(&found, &command_line());
        written = write_all(
            &dir,
            [
                (PathBuf::from("audit.json"), json.clone()),
                (PathBuf::from("audit.md"), markdown.clone()),
                (PathBuf::from(PAGE), page),
            ],
        );
    }
    print(&if args.json {
        json
    } else if args.markdown {
        markdown
    } else {
        terminal::audit::render(&found, args.verbose)
    })?;
    written?;
    args.run.as_deref().map_or(Ok(()), report::remake)?;
    Ok(gate::audited(&found).exit_code())
}

/// Where an audit stands beside a run.
fn beside(run: &Path) -> anyhow::Result<PathBuf> {
    if !run.join("result.json").is_file() {
        return Err(Usage(format!(
            "--run: {} is no run directory; `telemload run` says where it stored one",
            run.display()
        ))
        .into());
    }
    Ok(run.join(AUDIT))
}

/// Refuses a run of another scenario: its page would tell of requests that it did not send.
fn is_of(run: &Path, args: &Args, plan: &Plan) -> anyhow::Result<()> {
    let of = stored::run(run, None)?.0.scenario;
    if of.name != plan.name {
        let message = format!(
            "--run {}: it is a run of the scenario `{}`, and {} is `{}`; name a run of this one, or --out DIR",
            run.display(),
            of.name,
            args.scenario.display(),
            plan.name
        );
        return Err(Usage(message).into());
    }
    if of.sha256 != plan.sha256 {
        say(&format!(
            "warning: {} is not as it was when {} was run: the audit is of what it says now",
            args.scenario.display(),
            run.display()
        ));
    }
    Ok(())
}

fn chosen<'a>(args: &Args, plan: &'a Plan) -> anyhow::Result<(&'a Variant, &'a Phase)> {
    let variant = &plan.variants[0];
    let phase = match &args.phase {
        None => variant.phases.first(),
        Some(name) => variant.phases.iter().find(|phase| phase.name == *name),
    };
    let names: Vec<&str> = variant
        .phases
        .iter()
        .map(|phase| phase.name.as_str())
        .collect();
    let phase = phase.ok_or_else(|| {
        Usage(format!(
            "--phase {}: variant {} has {}",
            args.phase.as_deref().unwrap_or_default(),
            variant.name,
            names.join(", ")
        ))
    })?;
    Ok((variant, phase))
}

/// All samples as one side.
fn production(args: &Args, key: &Key) -> anyhow::Result<Side> {
    let mut tapped = Vec::new();
    let mut recorded = Sample::default();
    for file in &args.samples {
        let refused = |why: String| Usage(format!("{}: {why}", shown(file)));
        let bytes = traffic_up_to(file, LARGEST)?;
        let text = import::text(&bytes).map_err(|error| refused(error.to_string()))?;
        if parity::is_one(&text) {
            let read = parity::read(&text).map_err(|error| refused(error.to_string()))?;
            tapped.push(parity::tapped(shown(file), read));
        } else {
            let options = Options {
                format: args.log_format.as_deref(),
                fields: args.log_fields.as_deref(),
                files: None,
            };
            let read = import::read(&shown(file), &bytes, &options);
            recorded.join(read.map_err(|error| refused(error.to_string()))?);
        }
    }
    let side = match (tapped.pop(), recorded.sources.is_empty()) {
        (Some(side), true) if tapped.is_empty() => side,
        (None, _) => parity::imported(&recorded, args.origin.as_deref(), key).map_err(Usage)?,
        // Equal values have equal prints within one sample alone.
        _ => {
            return Err(Usage(
                "a sample of `telemload tap` is audited by itself: each has a key of its own"
                    .to_owned(),
            )
            .into());
        }
    };
    if side.records.is_empty() {
        return Err(Usage(format!("{} holds no request", side.name)).into());
    }
    Ok(side)
}
