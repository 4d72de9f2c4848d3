//! The flags of `telemload gate`.

use std::path::PathBuf;
use std::time::Duration;

use crate::cli::ci::{AtScenario, Outputs};
use crate::cli::completions::variants;
use crate::cli::values::seconds;

/// Decide whether a change made a service slower: both versions are launched and loaded in turns.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  telemload gate scenario.toml --base './service-old --port {port}' --head './service-new --port {port}'
  telemload gate scenario.toml --base-ref origin/main --build 'cargo build --release'
  telemload gate scenario.toml --base-variant cached --head-variant singleflight
  telemload gate scenario.toml --prove

Exit codes: 0 pass · 1 the head is worse · 2 usage or scenario error · 3 inconclusive ·
4 invalid (the base does not answer) · 5 internal or I/O error · 130 interrupted")]
pub(in crate::cli) struct Args {
    /// Scenario file.
    #[arg(value_name = "SCENARIO.toml", value_hint = clap::ValueHint::FilePath)]
    pub(in crate::cli) scenario: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) given: Given,
    /// Variant of the scenario whose requests and load are used where arms are no variants.
    #[arg(long, value_name = "NAME", add = variants())]
    pub(in crate::cli) variant: Option<String>,
    /// How long all of it may take; a bare number is seconds [default: the scenario's, else 120s].
    #[arg(long, value_parser = seconds)]
    pub(in crate::cli) budget: Option<Duration>,
    /// Seed of the mix, of arrivals and of random values.
    #[arg(long, value_name = "N")]
    pub(in crate::cli) seed: Option<u64>,
    /// Let a verdict count that is advisory otherwise.
    #[arg(long)]
    pub(in crate::cli) enforce: bool,
    /// Print gate.json instead of the table.
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Directory of logs and results [default: runs/NAME-UTC_TIME].
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// No progress and no messages but errors.
    #[arg(short, long)]
    pub(in crate::cli) quiet: bool,
    #[command(flatten)]
    pub(in crate::cli) ci: Outputs,
    #[command(flatten)]
    pub(in crate::cli) at_scenario: AtScenario,
}

/// What is compared.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Given {
    /// Command of the base, with `{port}` where its port goes.
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["base_ref", "base_variant", "base_url"])]
    pub(in crate::cli) base: Option<String>,
    /// Command of the head.
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["head_variant", "head_url"])]
    pub(in crate::cli) head: Option<String>,
    /// Git revision of the base: its command runs in a worktree of it.
    #[arg(long, value_name = "REVISION", conflicts_with_all = ["base_variant", "base_url"])]
    pub(in crate::cli) base_ref: Option<String>,
    /// Shell command that builds the base in that worktree.
    #[arg(long, value_name = "COMMAND", requires = "base_ref")]
    pub(in crate::cli) build: Option<String>,
    /// Variant of the scenario that is the base.
    #[arg(
        long,
        value_name = "NAME",
        requires = "head_variant",
        add = variants(),
        conflicts_with = "base_url"
    )]
    pub(in crate::cli) base_variant: Option<String>,
    /// Variant that is the head.
    #[arg(
        long,
        value_name = "NAME",
        requires = "base_variant",
        add = variants(),
        conflicts_with = "head_url"
    )]
    pub(in crate::cli) head_variant: Option<String>,
    /// URL of a base that runs already: the verdict is advisory.
    #[arg(long, value_name = "URL", requires = "head_url")]
    pub(in crate::cli) base_url: Option<String>,
    /// URL of such a head.
    #[arg(long, value_name = "URL", requires = "base_url")]
    pub(in crate::cli) head_url: Option<String>,
    /// Process of a local base, whose CPU is measured.
    #[arg(long, value_name = "PID", requires = "base_url")]
    pub(in crate::cli) base_pid: Option<u32>,
    /// Process of a local head.
    #[arg(long, value_name = "PID", requires = "base_url")]
    pub(in crate::cli) head_pid: Option<u32>,
    /// Launch the base twice and add as much work to one of both as the gate promises to see: whether it fires on this machine.
    #[arg(long, conflicts_with_all = ["head", "base_ref", "base_variant", "base_url", "junit", "code_quality"])]
    pub(in crate::cli) prove: bool,
    /// Store what was measured of the head as a baseline, if the gate passes. Without arms the scenario's target is both of them.
    #[arg(long, value_name = "FILE", conflicts_with = "prove")]
    pub(in crate::cli) save_baseline: Option<PathBuf>,
    /// Hold the scenario's target against a stored baseline: the verdict is advisory.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["base", "head", "base_ref", "base_variant", "base_url", "prove"])]
    pub(in crate::cli) baseline: Option<PathBuf>,
    /// Take a baseline of another machine or of another version of the scenario.
    #[arg(long, requires = "baseline")]
    pub(in crate::cli) despite_differences: bool,
}
