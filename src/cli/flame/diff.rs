//! `telemload flame diff`: two profiles as one picture.

use std::path::PathBuf;

use crate::cli::exit::Usage;
use crate::cli::files::write;
use crate::cli::input::{Costs, Reading, side};
use crate::cli::output::say;
use crate::cli::path::{at_most_one_stdin, name, shown};
use crate::compare::{Caution, Profiled, functions, order};
use crate::profile::FunctionTable;
use crate::profile::flamegraph::{Pair, diff_svg};
use crate::report::page::flame_diff::{FlameDiff, html};

/// A differential flame graph of two profiles; `telemload compare` prints their differences as a table.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Profile before; `-` is standard input. Slices of one capture stand with commas between them.
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
    let mut cautions: Vec<Caution> = order(&base, &head).into_iter().collect();
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
        // The page holds them, and the classic graph has no place for them.
        for caution in &cautions {
            say(&format!("note: {caution}"));
        }
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
