//! `telemload shards`: job files for engines that start many processes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::exit::Usage;
use super::output::{print, say};
use super::shard::when;
use super::values::count;
use crate::experiment::shard_length;
use crate::scenario::{self, Overrides, Plan};
use crate::shard::job::{Cluster, Job, kubernetes, slurm, ssh};
use crate::shard::{MOST, READY_BEFORE};
use crate::traffic::redact::visible;
use crate::traffic::wall_clock;
use crate::units::printable_lines;

/// Print a job that runs a scenario as several shards; nothing is submitted.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  telemload shards kubernetes -n 8 --image registry.example/telemload:0.1 --claim results --start-at 2026-12-01T10:00:00Z scenario.toml > job.yaml
  telemload shards slurm -n 8 scenario.toml > job.sh
  telemload shards ssh -n 3 scenario.toml > run.sh")]
pub(super) struct Args {
    /// Engine that starts the shards.
    #[arg(value_enum)]
    engine: Engine,
    /// Number of shards.
    #[arg(short = 'n', long, value_name = "N", value_parser = count::<u32>)]
    shards: u32,
    /// Scenario file.
    #[arg(value_name = "SCENARIO.toml", value_hint = clap::ValueHint::FilePath)]
    scenario: PathBuf,
    /// Workers of each shard [default: those of the scenario].
    #[arg(long, value_name = "N", value_parser = count::<u32>)]
    shard_workers: Option<u32>,
    /// When the first load begins (kubernetes): RFC 3339, or seconds since 1970. Images and queues take their time.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    start_at: Option<Timestamp>,
    /// Image of telemload (kubernetes).
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// Claim of a volume that all pods can write, for the results (kubernetes).
    #[arg(long, value_name = "NAME")]
    claim: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Engine {
    /// An Indexed Job.
    Kubernetes,
    /// A batch script.
    Slurm,
    /// A command line of GNU parallel.
    Ssh,
}

/// A ConfigMap holds 1 MiB in all.
const LONGEST_TEXT: usize = 1_000_000;

pub(super) fn exec(args: &Args) -> anyhow::Result<u8> {
    if !(1..=MOST).contains(&args.shards) {
        return Err(Usage(format!("-n: there are 1 to {MOST} shards")).into());
    }
    let overrides = Overrides {
        shards: Some(args.shards),
        workers: args.shard_workers,
        ..Overrides::default()
    };
    let plan = scenario::load(&args.scenario, &overrides);
    let plan = plan.map_err(|error| Usage(error.to_string()))?;
    let file = args.scenario.to_string_lossy();
    // It was read a moment ago.
    let text = std::fs::read_to_string(&args.scenario);
    let text = text.map_err(|error| Usage(format!("{file}: {error}")))?;
    for file in files(&text) {
        say(&format!(
            "note: the scenario reads {}, which the job does not bring; put it where the shards run",
            visible(&file)
        ));
    }
    let job = Job {
        name: &plan.name,
        shards: args.shards,
        file: &file,
        text: &text,
        workers: args.shard_workers,
        most_workers: most_workers(&plan),
        length: shard_length(&plan),
    };
    let printed = match args.engine {
        Engine::Kubernetes => kubernetes(&job, &cluster(args, &text)?),
        other => {
            refuse_cluster(args, other)?;
            match other {
                Engine::Ssh => ssh(&job),
                _ => slurm(&job),
            }
        }
    };
    if printable_lines(&printed) != printed {
        let words =
            "the file's name has characters that a terminal would take for orders; rename it";
        return Err(Usage(words.to_owned()).into());
    }
    print(&printed)?;
    Ok(0)
}

fn most_workers(plan: &Plan) -> u32 {
    let phases = plan.variants.iter().flat_map(|of| &of.phases);
    phases.map(|phase| phase.load.workers).max().unwrap_or(1)
}

/// What a cluster must be told.
fn cluster<'a>(args: &'a Args, text: &str) -> Result<Cluster<'a>, Usage> {
    let missing = |flag: &str, why: &str| Usage(format!("kubernetes needs {flag}: {why}"));
    let image = args.image.as_deref();
    let claim = args.claim.as_deref();
    if text.len() > LONGEST_TEXT {
        let words = format!(
            "the scenario has {} bytes, and a ConfigMap holds {LONGEST_TEXT}; move bodies into files of the image (body_file)",
            text.len()
        );
        return Err(Usage(words));
    }
    let starts_at = args.start_at.ok_or_else(|| {
        missing(
            "--start-at WHEN",
            "when all pods are surely there; a pod that is late sends nothing",
        )
    })?;
    let until_start = starts_at.duration_since(wall_clock::now());
    let until_start = Duration::try_from(until_start).unwrap_or_default();
    if until_start < READY_BEFORE {
        return Err(Usage(format!(
            "--start-at {starts_at} has passed; give an instant at which all pods are there"
        )));
    }
    Ok(Cluster {
        image: image.ok_or_else(|| missing("--image IMAGE", "built from Containerfile"))?,
        claim: claim.ok_or_else(|| {
            missing(
                "--claim NAME",
                "a volume that all pods can write, for the results",
            )
        })?,
        starts_at,
        until_start,
    })
}

fn refuse_cluster(args: &Args, engine: Engine) -> Result<(), Usage> {
    let given = [
        ("--start-at", args.start_at.is_some()),
        ("--image", args.image.is_some()),
        ("--claim", args.claim.is_some()),
    ];
    let Some((flag, _)) = given.into_iter().find(|(_, is_given)| *is_given) else {
        return Ok(());
    };
    let engine = match engine {
        Engine::Ssh => "ssh",
        _ => "slurm",
    };
    Err(Usage(format!(
        "{flag} is for kubernetes; a job of {engine} finds out its start when it runs"
    )))
}

/// Files that a scenario names, which no flag and no environment brings.
fn files(text: &str) -> Vec<String> {
    const KEYS: [&str; 6] = ["file", "body_file", "ca", "cert", "key", "passphrase_file"];
    fn walk(value: &toml::Value, found: &mut Vec<String>) {
        match value {
            toml::Value::Table(table) => {
                for (key, value) in table {
                    match value {
                        toml::Value::String(path) if KEYS.contains(&key.as_str()) => {
                            found.push(path.clone());
                        }
                        other => walk(other, found),
                    }
                }
            }
            toml::Value::Array(values) => values.iter().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    // It was read as a scenario.
    let table = text.parse().map(toml::Value::Table);
    table.iter().for_each(|table| walk(table, &mut found));
    found.retain(|path| !Path::new(path).is_absolute());
    found
}
