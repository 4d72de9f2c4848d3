//! `telemload report`: what a run directory holds, in another form.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::exit::Usage;
use super::files::{self, made, write_all};
use super::input::Reading;
use super::output::{print, say};
use super::stored;
use crate::compare::{Comparison, Untrusted, within};
use crate::experiment::RunDir;
use crate::report::checks::{Ran, of_run};
use crate::report::document::run::{Concluded, Conclusions, conclusions, histograms, json};
use crate::report::page::run::{Run, html, pictures};
use crate::report::text;
use crate::result::{RunResult, Samples};

/// The file of the page in a run directory.
pub(super) const PAGE: &str = "report.html";
/// The directory of the pictures in it.
const PICTURES: &str = "charts";

/// Make the report of a run again from its directory, in any form.
///
/// html writes report.html into the run directory, svg a file for each chart into its charts/; the others are printed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  telemload report runs/checkout-20260102T030405Z
  telemload report runs/a --format markdown >> $GITHUB_STEP_SUMMARY
  telemload report runs/a --format svg --out slides")]
pub(super) struct Args {
    /// Run directory, or its result.json.
    #[arg(value_name = "RUN", value_hint = clap::ValueHint::AnyPath)]
    run: PathBuf,
    /// What to make.
    #[arg(long, value_enum, default_value_t = Format::Html)]
    format: Format,
    /// File to write, or `-` to print; a directory for svg [default: as said above].
    #[arg(short, long, value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    out: Option<PathBuf>,
}

/// The forms of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// The page: one file for a browser.
    Html,
    /// Tables for a pull request or a step summary.
    Markdown,
    /// result.json as this version writes it.
    Json,
    /// A row for each request of each phase.
    Csv,
    /// Histograms, for HdrHistogram's tools.
    Hlog,
    /// What was judged, as CI systems read it.
    Junit,
    /// A picture of each chart.
    Svg,
}

pub(super) fn exec(args: &Args) -> anyhow::Result<u8> {
    let read = Stored::read(&args.run)?;
    let text = match args.format {
        Format::Html => {
            let page = html(&read.run());
            let out = args
                .out
                .clone()
                .unwrap_or_else(|| read.directory.join(PAGE));
            return written(&out, &page);
        }
        Format::Svg => {
            let out = args
                .out
                .clone()
                .unwrap_or_else(|| read.directory.join(PICTURES));
            let files = pictures(&read.run());
            if files.is_empty() {
                return Err(Usage(format!(
                    "{} has nothing to draw: no window was measured",
                    read.directory.display()
                ))
                .into());
            }
            let count = files.len();
            let files = files
                .into_iter()
                .map(|(name, text)| (PathBuf::from(name), text));
            write_all(&made(RunDir::for_pictures(&out))?, files)?;
            say(&format!("wrote {count} pictures into {}", out.display()));
            return Ok(0);
        }
        Format::Markdown => text::run::markdown(&read.concluded()),
        Format::Json => json(&read.concluded()),
        Format::Csv => text::run::csv(&read.result),
        Format::Hlog => histograms(&read.result),
        Format::Junit => text::junit::junit(&of_run(&Ran::stored(&read.concluded()))),
    };
    match &args.out {
        None => print(&text).map(|()| 0),
        Some(out) => written(out, &text),
    }
}

fn written(out: &Path, text: &str) -> anyhow::Result<u8> {
    files::write(out, text.as_bytes())?;
    if !super::path::is_stdio(out) {
        say(&format!("wrote {}", out.display()));
    }
    Ok(0)
}

/// The page of a run whose files are in a directory.
pub(super) fn page(directory: &Path, concluded: Concluded<'_>) -> String {
    let scenario = stored::scenario(directory);
    html(&Run {
        concluded,
        recorded: &stored::recorded(directory, concluded.result),
        scenario: scenario.as_deref(),
    })
}

/// A run directory that was read.
struct Stored {
    directory: PathBuf,
    result: RunResult,
    conclusions: Conclusions,
    comparisons: Vec<Comparison>,
    recorded: Vec<crate::report::chart::Recorded>,
    scenario: Option<String>,
}

impl Stored {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let is_result = path.file_name().is_some_and(|name| name == "result.json");
        let (directory, file) = if is_result && path.is_file() {
            let parent = path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty());
            (parent.unwrap_or(Path::new(".")).to_owned(), path.to_owned())
        } else if path.is_dir() {
            (path.to_owned(), path.join("result.json"))
        } else {
            return Err(Usage(format!(
                "{} is no run directory; `telemload run` says where it stored one",
                path.display()
            ))
            .into());
        };
        let (mut result, json) = stored::run(&directory, &file)?;
        open_profiles(&directory, &mut result);
        let conclusions = conclusions(&json, &result)
            .map_err(|reason| Usage(format!("{}: {reason}", file.display())))?;
        let pairs = conclusions.pairs.iter();
        let pairs: Vec<_> = pairs
            .map(|(base, head)| (base.as_str(), head.as_str()))
            .collect();
        let untrusted = Untrusted::from(conclusions.allow_untrusted);
        Ok(Self {
            comparisons: within(&result, &pairs, untrusted),
            recorded: stored::recorded(&directory, &result),
            scenario: stored::scenario(&directory),
            directory,
            result,
            conclusions,
        })
    }

    fn concluded(&self) -> Concluded<'_> {
        Concluded {
            result: &self.result,
            comparisons: &self.comparisons,
            judgements: &self.conclusions.judgements,
            outcome: &self.conclusions.outcome,
            interrupted: self.result.interrupted,
        }
    }

    fn run(&self) -> Run<'_> {
        Run {
            concluded: self.concluded(),
            recorded: &self.recorded,
            scenario: self.scenario.as_deref(),
        }
    }
}

/// Reads the profiles of a run; what cannot be read is said, and the report tells that it is missing.
fn open_profiles(directory: &Path, run: &mut RunResult) {
    for variant in &mut run.variants {
        let phases = variant.phases.iter();
        let paths: Vec<_> = phases
            .map(|phase| stored::profile(directory, variant, phase))
            .collect();
        for (phase, path) in variant.phases.iter_mut().zip(paths) {
            let Some((profile, path)) = phase.profile.as_mut().zip(path) else {
                continue;
            };
            match Reading::default().quietly(&path) {
                Ok(read) => profile.taken = Some(Samples::of(Arc::new(read))),
                Err(error) => say(&format!("warning: {error:#}")),
            }
        }
    }
}
