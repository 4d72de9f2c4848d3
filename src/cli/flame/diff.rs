//! `telemload flame diff`: two profiles as one picture.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::Usage;
use super::super::input::{Reading, at_most_one_stdin, shown};
use super::{name, write};
use crate::compare::{Caution, Profiled, functions, is_of_cpu};
use crate::profile::flamegraph::{Pair, diff_svg};
use crate::profile::{Error, FunctionTable, Profile, Scale};
use crate::report::page::flame_diff::{FlameDiff, html};
use crate::units::parse_duration;

/// A differential flame graph of two profiles; `telemload compare` prints their differences as a table.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Profile before; `-` is standard input.
    base: PathBuf,
    /// Profile after.
    head: PathBuf,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    costs: Costs,
    /// html: interactive, with frames that vanished; svg: the classic graph [default: by the end of --out, else html].
    #[arg(long, value_name = "FORMAT", value_parser = ["html", "svg"])]
    format: Option<String>,
    /// Title of the graph [default: the files' names].
    #[arg(long)]
    title: Option<String>,
    /// File to write; `-` is standard output.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
}

/// What a request costs on each side, which turns shares into costs.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(in crate::cli) struct Costs {
    /// CPU time per request before, such as 38ms; with --head-cost differences are per request.
    #[arg(long, value_name = "DURATION", requires = "head_cost", value_parser = parse_duration)]
    base_cost: Option<Duration>,
    /// CPU time per request after.
    #[arg(long, value_name = "DURATION", requires = "base_cost", value_parser = parse_duration)]
    head_cost: Option<Duration>,
}

impl Costs {
    /// As scales of base and head.
    pub(in crate::cli) fn scales(self) -> Result<Option<(Scale, Scale)>, Usage> {
        let Some((base, head)) = self.base_cost.zip(self.head_cost) else {
            return Ok(None);
        };
        if base.is_zero() || head.is_zero() {
            return Err(Usage(
                "--base-cost and --head-cost must be above zero".to_owned(),
            ));
        }
        let scale = |cost: Duration| Scale::cost(cost.as_secs_f64() * 1e6);
        Ok(Some((scale(base), scale(head))))
    }
}

/// A profile that can be one side of a comparison, and can have the cost that was given for it.
pub(in crate::cli) fn side(
    reading: &Reading,
    path: &Path,
    cost: Option<Scale>,
) -> anyhow::Result<Profile> {
    let profile = reading.read(path)?;
    if profile.is_empty() {
        return Err(Usage(format!("{}: {}", shown(path), Error::Empty)).into());
    }
    if cost.is_some() && !is_of_cpu(&profile) {
        return Err(Usage(format!(
            "{}: --base-cost and --head-cost are CPU time, and these are samples of {}; leave them out, or choose others with --sample-type",
            shown(path),
            profile.kind()
        ))
        .into());
    }
    Ok(profile)
}

pub(super) fn exec(args: &Args) -> anyhow::Result<u8> {
    at_most_one_stdin([args.base.as_path(), &args.head])?;
    let scales = args.costs.scales()?;
    let (of_base, of_head) = scales.unzip();
    let (base, head) = (
        side(&args.reading, &args.base, of_base)?,
        side(&args.reading, &args.head, of_head)?,
    );
    // Refused and doubted as in a comparison.
    let tables = (FunctionTable::of(&base), FunctionTable::of(&head));
    let mut cautions: Vec<Caution> = Vec::new();
    let of = |profile, functions, scale| Profiled {
        profile,
        functions,
        per_request: scale,
    };
    functions(
        of(&base, &tables.0, scales.map(|scales| scales.0)),
        of(&head, &tables.1, scales.map(|scales| scales.1)),
        &mut cautions,
    )
    .map_err(|error| Usage(error.to_string()))?;
    let mut labels = (name(&args.base), name(&args.head));
    if labels.0 == labels.1 {
        labels = (shown(&args.base), shown(&args.head));
    }
    let title = args
        .title
        .clone()
        .unwrap_or_else(|| format!("{} → {}", labels.0, labels.1));
    let is_svg = match &args.format {
        Some(format) => format == "svg",
        None => args.out.extension().is_some_and(|end| end == "svg"),
    };
    let drawn = if is_svg {
        let pair = Pair {
            base: &base,
            head: &head,
            us_per_request: scales.map(|(base, head)| (base.factor, head.factor)),
        };
        diff_svg(
            pair,
            &title,
            "widths: after; red: more, blue: less of a frame's own",
        )
    } else {
        let notes: Vec<String> = cautions.iter().map(ToString::to_string).collect();
        html(&FlameDiff {
            title: &title,
            base_label: &labels.0,
            head_label: &labels.1,
            base: &base,
            head: &head,
            per_request: scales,
            notes: &notes,
        })
    };
    write(
        &args.out,
        drawn.map_err(|error| Usage(error.to_string()))?.as_bytes(),
    )?;
    Ok(0)
}
