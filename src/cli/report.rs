//! `telemload report`: what a run directory holds, in another form.

use std::path::{Path, PathBuf};

use super::exit::Usage;
use super::files::{self, made, unwritten, write_all};
use super::input::Reading;
use super::output::{print, say};
use super::stored;
use crate::compare::{Comparison, Untrusted, within};
use crate::experiment::RunDir;
use crate::report::checks::{Ran, of_run};
use crate::report::document;
use crate::report::document::run::{Concluded, Conclusions, conclusions, histograms, json};
use crate::report::page::run::{Run, html, pictures};
use crate::report::text;
use crate::result::RunResult;

/// The file of the page in the directory of a run, a gate or a comparison.
pub(in crate::cli) const PAGE: &str = "report.html";
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
        Format::Html => return read.write_page(args.out.as_deref()),
        Format::Svg => return read.write_pictures(args.out.as_deref()),
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
        audit: stored::audit(directory).as_ref(),
    })
}

/// Makes the page in a run directory again.
pub(super) fn remake(directory: &Path) -> anyhow::Result<()> {
    Stored::read(directory)?.write_page(None).map(drop)
}

/// A run directory that was read.
struct Stored {
    directory: PathBuf,
    result: RunResult,
    conclusions: Conclusions,
    comparisons: Vec<Comparison>,
    recorded: Vec<crate::report::chart::Recorded>,
    scenario: Option<String>,
    audit: Option<document::audit::Stored>,
}

impl Stored {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let is_result = path.file_name().is_some_and(|name| name == "result.json");
        let (directory, named) = if is_result && path.is_file() {
            let parent = path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty());
            (parent.unwrap_or(Path::new(".")), Some(path))
        } else if path.is_dir() {
            (path, None)
        } else {
            return Err(Usage(format!(
                "{} is no run directory; `telemload run` says where it stored one",
                path.display()
            ))
            .into());
        };
        let (mut result, json) = stored::run(directory, named)?;
        let run = (directory, result.started_at);
        for variant in &mut result.variants {
            // The report tells of a profile that is gone.
            stored::open_profiles(run, variant, &Reading::default(), |_, error| {
                if let Some(error) = error {
                    say(&format!("warning: {error:#}"));
                }
                Ok(())
            })?;
        }
        let conclusions = conclusions(&json, &result)
            .map_err(|reason| Usage(format!("{}: {reason}", path.display())))?;
        let pairs = conclusions.pairs.iter();
        let pairs: Vec<_> = pairs
            .map(|(base, head)| (base.as_str(), head.as_str()))
            .collect();
        let untrusted = Untrusted::from(conclusions.allow_untrusted);
        Ok(Self {
            comparisons: within(&result, &pairs, untrusted),
            recorded: stored::recorded(directory, &result),
            scenario: stored::scenario(directory),
            audit: stored::audit(directory),
            directory: directory.to_owned(),
            result,
            conclusions,
        })
    }

    /// Writes the page where it is asked for, or into the run directory.
    fn write_page(&self, out: Option<&Path>) -> anyhow::Result<u8> {
        let page = html(&self.run());
        if let Some(out) = out {
            return written(out, &page);
        }
        let wrote = self.dir()?.write(Path::new(PAGE), page.as_bytes());
        wrote.map_err(|error| unwritten(&error))?;
        say(&format!("wrote {}", self.directory.join(PAGE).display()));
        Ok(0)
    }

    /// The same of the pictures.
    fn write_pictures(&self, out: Option<&Path>) -> anyhow::Result<u8> {
        let files = pictures(&self.run());
        if files.is_empty() {
            return Err(Usage(format!(
                "{} has nothing to draw: no window was measured",
                self.directory.display()
            ))
            .into());
        }
        let count = files.len();
        let files = files
            .into_iter()
            .map(|(name, text)| (PathBuf::from(name), text));
        let dir = match out {
            Some(out) => made(RunDir::for_pictures(out))?,
            None => {
                let below = self.dir()?.below(Path::new(PICTURES));
                below.map_err(|error| unwritten(&error))?
            }
        };
        write_all(&dir, files)?;
        say(&format!(
            "wrote {count} pictures into {}",
            dir.path().display()
        ));
        Ok(0)
    }

    /// The run directory, in which no link of whoever sent it is followed.
    fn dir(&self) -> anyhow::Result<RunDir> {
        RunDir::existing(&self.directory).map_err(|error| unwritten(&error))
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
            audit: self.audit.as_ref(),
        }
    }
}
