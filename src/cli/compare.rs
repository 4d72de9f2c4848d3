//! `telemload compare`: two stored runs, or two profiles, before and after.

use std::path::{Path, PathBuf};

use super::again::command_line;
use super::ci::Outputs;
use super::completions::runs;
use super::exit::Usage;
use super::files::{apart, made, write_all};
use super::input::{Costs, Reading, side};
use super::output::{print, say};
use super::path::{at_most_one_stdin, is_stdio, shown};
use super::report::PAGE;
use super::stored;
use crate::compare::{Caution, Comparison, Profiled, Side, Subject, Untrusted, order, sides};
use crate::experiment::RunDir;
use crate::gate::{self, FailOn, compared};
use crate::profile::{Profile, Scale};
use crate::report::checks::{Checks, Mark, of_comparison};
use crate::report::page::compare::{self as page, Compared};
use crate::report::page::flame_files::{Pictured, files};
use crate::report::{document, terminal, text};
use crate::result::{RunResult, Samples};

/// Before and after: figures, which functions explain their change, and a differential flame graph.
///
/// Prints; files are written only where --out says.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  telemload compare runs/a runs/b
  telemload compare runs/a:before runs/a:after --out diff
  telemload compare runs/a runs/b --fail-on worse
  telemload compare old.pb.gz new.pb.gz --base-cost 38ms --head-cost 310us --markdown

Exit codes: 0, or with --fail-on: 0 everything that counts was judged and nothing fails · 1 something fails ·
3 nothing fails, and something that counts could not be judged.
Others: 2 usage, or what cannot be compared · 5 internal or I/O error

With --fail-on worse count throughput, CPU per request, latency p50 and p99 and the error rate; of two profiles
their whole. With --fail-on changed count the same in both directions, and functions. A phase or a figure that
one side lacks could not be judged.")]
pub(super) struct Args {
    /// Before: a run directory, with :VARIANT if it has several; or a profile (`-` is standard input), or several slices of one capture
    /// with commas between them.
    #[arg(value_name = "RUN[:VARIANT] | PROFILE", add = runs())]
    base: String,
    /// After.
    #[arg(value_name = "RUN[:VARIANT] | PROFILE", add = runs())]
    head: String,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    costs: Costs,
    /// Judge also what a phase that is not trusted could explain.
    #[arg(long)]
    allow_untrusted: bool,
    /// Exit with 1 if the head is worse than the base, or if anything changed.
    #[arg(long, value_name = "WHAT")]
    fail_on: Option<FailOnFlag>,
    /// Print JSON.
    #[arg(long, conflicts_with_all = ["csv", "markdown"])]
    json: bool,
    /// Print all functions as CSV.
    #[arg(long, conflicts_with = "markdown")]
    csv: bool,
    /// Print Markdown, for a pull request.
    #[arg(long)]
    markdown: bool,
    /// Directory for report.html, compare.json, compare.md, functions.csv and, per phase, flame-diff.html and flame-diff.svg.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    ci: Outputs,
}

/// What fails a comparison.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FailOnFlag {
    /// A figure that is worse.
    Worse,
    /// A figure that is better or worse, or a function that changed.
    Changed,
}

impl From<FailOnFlag> for FailOn {
    fn from(flag: FailOnFlag) -> Self {
        match flag {
            FailOnFlag::Worse => Self::Worse,
            FailOnFlag::Changed => Self::Changed,
        }
    }
}

pub(super) fn exec(args: &Args) -> anyhow::Result<u8> {
    args.ci.check()?;
    let (base, head) = (Given::of(&args.base)?, Given::of(&args.head)?);
    if args.fail_on.is_some() && base.is(&head) {
        let message = "--fail-on: base and head are one and the same, and nothing differs from itself; name two";
        return Err(Usage(message.to_owned()).into());
    }
    let (base, head, notes) = opened(args, base, head)?;
    let (base, head) = (base.side(), head.side());
    let untrusted = Untrusted::from(args.allow_untrusted);
    let mut comparison = sides(&base, &head, untrusted);
    refuse(&comparison)?;
    let fail_on = args.fail_on.map(FailOn::from);
    if fail_on == Some(FailOn::Worse) {
        refuse_shares(&comparison)?;
    }
    comparison.cautions.extend(notes);
    let mut written = Ok(());
    let checks = of_comparison(&comparison, fail_on);
    if let Some(out) = &args.out {
        let dir = made(RunDir::for_comparison(out))?;
        let pictured = pictured(&base, &head, &comparison);
        let drawn = pictured.iter().flat_map(|of| files(of, Path::new("")));
        let (pictures, undrawn) = apart(drawn.collect());
        comparison.cautions.extend(undrawn);
        let page = page::html(&Compared {
            comparison: &comparison,
            sides: [&base, &head],
            graphs: &pictured,
            judged: fail_on.map(|_| &checks),
            command: &command_line(),
        });
        let texts = [
            (
                PathBuf::from("compare.json"),
                document::compare::json(&comparison),
            ),
            (
                PathBuf::from("compare.md"),
                text::compare::markdown(&comparison),
            ),
            (
                PathBuf::from("functions.csv"),
                text::compare::csv(&comparison),
            ),
            (PathBuf::from(PAGE), page),
        ];
        written = write_all(&dir, texts.into_iter().chain(pictures));
    }
    print(&if args.json {
        document::compare::json(&comparison)
    } else if args.csv {
        text::compare::csv(&comparison)
    } else if args.markdown {
        text::compare::markdown(&comparison)
    } else {
        terminal::compare::render(&comparison)
    })?;
    if let Some(fail_on) = fail_on {
        tell(&checks, fail_on);
    }
    let reported = args
        .ci
        .write(&checks, &[text::compare::markdown(&comparison)]);
    written.and(reported)?;
    Ok(fail_on.map_or(0, |_| checks.outcome().exit_code()))
}

/// What fails, and what could not be judged.
fn tell(checks: &Checks, fail_on: FailOn) {
    for check in &checks.checks {
        let what = match (check.mark, fail_on) {
            (Mark::Fail, FailOn::Worse) => "worse",
            (Mark::Fail, FailOn::Changed) => "changed",
            (Mark::Inconclusive, _) => "not judged",
            _ => continue,
        };
        say(&format!("{what}: {}: {}", check.title(), check.words));
    }
}

/// Of shares alone nothing is worse, and a verdict on nothing would be a pass.
fn refuse_shares(comparison: &Comparison) -> Result<(), Usage> {
    let counts = |of: &gate::Compared<'_>| FailOn::Worse.verdict(of.what).is_some();
    if compared(comparison).iter().any(counts) {
        return Ok(());
    }
    let message = "--fail-on worse: the shares of two profiles have no better and no worse; give --base-cost and --head-cost, or use --fail-on changed";
    Err(Usage(message.to_owned()))
}

/// Opens both sides, with what is to be said of that.
fn opened(args: &Args, base: Given, head: Given) -> anyhow::Result<(Opened, Opened, Vec<Caution>)> {
    let (base, head) = match (base, head) {
        (Given::Run(base), Given::Run(head)) => (base, head),
        (Given::Profile(base), Given::Profile(head)) => {
            if args.allow_untrusted {
                let message = "--allow-untrusted goes with runs; profiles have no trust";
                return Err(Usage(message.to_owned()).into());
            }
            at_most_one_stdin([base.as_path(), &head])?;
            let (of_base, of_head) = args.costs.scales()?.unzip();
            let of = |path: &Path, scale| Opened::profile(path, &args.reading, scale);
            let (base, head) = (of(&base, of_base)?, of(&head, of_head)?);
            let notes = base.taken().zip(head.taken());
            let notes = notes.and_then(|(base, head)| order(base, head));
            let notes = notes.into_iter().collect();
            return Ok((base, head, notes));
        }
        (Given::Profile(path), _) | (_, Given::Profile(path)) => {
            if !is_stdio(&path) && !path.to_string_lossy().contains(',') && !path.exists() {
                let path = shown(&path);
                let message = format!("{path}: there is no such run directory or profile");
                return Err(Usage(message).into());
            }
            let message = "a run and a profile cannot be compared; name the run's own profile.pb.gz, or two runs";
            return Err(Usage(message.to_owned()).into());
        }
    };
    if args.costs.scales()?.is_some() {
        let message = "--base-cost and --head-cost go with profiles; runs have their own";
        return Err(Usage(message.to_owned()).into());
    }
    let (mut base, mut head, mut notes) = (*base, *head, Vec::new());
    base.open_profiles(&args.reading, &mut notes)?;
    head.open_profiles(&args.reading, &mut notes)?;
    // Two phases that are alone belong together, whatever they are called.
    let (of_base, of_head) = (&base.shown, &head.shown);
    let base_phases = &base.found.variants[base.variant].phases;
    let head_phases = &mut head.found.variants[head.variant].phases;
    if let ([only], [other]) = (base_phases.as_slice(), head_phases.as_mut_slice()) {
        if other.name != only.name {
            let what = format!(
                "{} of {of_base} is compared with {} of {of_head}, for each is alone",
                only.name, other.name
            );
            notes.push(Caution::Doubtful {
                code: "phases_of_two_names",
                what,
            });
        }
        other.name.clone_from(&only.name);
    }
    Ok((Opened::Run(base.into()), Opened::Run(head.into()), notes))
}

/// What cannot be compared at all is an error here, where it was asked for.
fn refuse(comparison: &Comparison) -> anyhow::Result<()> {
    let (base, head) = (&comparison.base, &comparison.head);
    if comparison.phases.is_empty() {
        let message = format!("{base} and {head} have no phase in common");
        return Err(Usage(message).into());
    }
    let mut cautions = comparison.phases.iter().flat_map(|of| &of.cautions);
    let refused = cautions.find_map(|caution| match caution {
        Caution::Incomparable(error) => Some(Usage(error.to_string())),
        _ => None,
    });
    refused.map_or(Ok(()), |refused| Err(refused.into()))
}

/// All phases with two profiles, for their differential flame graphs.
fn pictured<'a>(
    base: &'a Side<'a>,
    head: &'a Side<'a>,
    comparison: &Comparison,
) -> Vec<Pictured<'a>> {
    let mut all = Vec::new();
    for of_phase in &comparison.phases {
        let sides = base.find(&of_phase.phase).zip(head.find(&of_phase.phase));
        let profiles = sides.and_then(|(base, head)| base.profile.zip(head.profile));
        let Some((from, to)) = profiles else {
            continue;
        };
        let notes = comparison.cautions.iter().chain(&of_phase.cautions);
        all.push(Pictured {
            title: format!("{} → {} · {}", base.label, head.label, of_phase.phase),
            labels: (base.label, head.label),
            phase: of_phase.phase.clone(),
            profiles: (from.profile, to.profile),
            per_request: from.per_request.zip(to.per_request),
            notes: notes.map(ToString::to_string).collect(),
        });
    }
    all
}

/// What an argument names.
enum Given {
    Run(Box<Run>),
    Profile(PathBuf),
}

/// A stored run and the variant that is meant.
struct Run {
    directory: PathBuf,
    found: RunResult,
    variant: usize,
    shown: String,
}

impl Given {
    fn of(text: &str) -> anyhow::Result<Self> {
        let whole = Path::new(text);
        // A path may have colons: one that exists is what is meant.
        let (path, variant) = match text.rsplit_once(':') {
            Some((path, variant)) if !whole.exists() && Path::new(path).exists() => {
                (Path::new(path), Some(variant))
            }
            _ => (whole, None),
        };
        if path.is_dir() {
            return Ok(Self::Run(Box::new(Run::read(path, None, variant, text)?)));
        }
        if path.file_name().is_some_and(|name| name == "result.json") && path.exists() {
            let directory = path.parent().unwrap_or(Path::new("."));
            return Ok(Self::Run(Box::new(Run::read(
                directory,
                Some(path),
                variant,
                text,
            )?)));
        }
        match variant {
            Some(variant) => Err(Usage(format!(
                "{} is no run directory and has no variant {variant}",
                path.display()
            ))
            .into()),
            None => Ok(Self::Profile(path.to_owned())),
        }
    }

    /// Whether both name the same file, or the same variant of one run.
    fn is(&self, other: &Self) -> bool {
        let are_one = |one: &Path, other: &Path| {
            let place = |path: &Path| path.canonicalize().ok();
            place(one).is_some_and(|one| place(other) == Some(one))
        };
        match (self, other) {
            (Self::Run(one), Self::Run(other)) => {
                one.variant == other.variant && are_one(&one.directory, &other.directory)
            }
            (Self::Profile(one), Self::Profile(other)) => are_one(one, other),
            _ => false,
        }
    }
}

impl Run {
    fn read(
        directory: &Path,
        named: Option<&Path>,
        variant: Option<&str>,
        text: &str,
    ) -> anyhow::Result<Self> {
        let found = stored::run(directory, named)?.0;
        let refused = |reason: &str| Usage(format!("{}: {reason}", directory.display()));
        let names: Vec<&str> = found
            .variants
            .iter()
            .map(|variant| variant.name.as_str())
            .collect();
        let variant = match (variant, names.as_slice()) {
            (_, []) => return Err(refused("the run has no results").into()),
            (None, [_]) => 0,
            (None, several) => {
                let message = format!(
                    "the run has the variants {}; name one, like {text}:{}",
                    several.join(", "),
                    several[0]
                );
                return Err(refused(&message).into());
            }
            (Some(wanted), names) => {
                let found = names.iter().position(|name| *name == wanted);
                found.ok_or_else(|| {
                    refused(&format!(
                        "the run has no variant {wanted}; it has {}",
                        names.join(", ")
                    ))
                })?
            }
        };
        Ok(Self {
            directory: directory.to_owned(),
            found,
            variant,
            shown: text.to_owned(),
        })
    }

    /// Reads its profiles; what is gone is noted.
    fn open_profiles(&mut self, reading: &Reading, notes: &mut Vec<Caution>) -> anyhow::Result<()> {
        let run = (self.directory.as_path(), self.found.started_at);
        let variant = &mut self.found.variants[self.variant];
        stored::open_profiles(run, variant, reading, |phase, error| {
            if let Some(error) = error {
                return Err(error);
            }
            let what = format!(
                "{} · {phase} was profiled, and its profile.pb.gz is gone: its functions cannot be compared",
                self.shown
            );
            notes.push(Caution::Doubtful {
                code: "profile_gone",
                what,
            });
            Ok(())
        })
    }
}

/// What an argument names, with what its profiles hold.
enum Opened {
    Run(Box<Run>),
    Profile {
        label: String,
        taken: Box<Samples>,
        scale: Option<Scale>,
    },
}

impl Opened {
    fn profile(path: &Path, reading: &Reading, scale: Option<Scale>) -> anyhow::Result<Self> {
        Ok(Self::Profile {
            label: shown(path),
            taken: Samples::of(side(reading, path, scale)?.into()).into(),
            scale,
        })
    }

    /// The profile, if it is one on its own.
    fn taken(&self) -> Option<&Profile> {
        match self {
            Self::Profile { taken, .. } => Some(&taken.profile),
            Self::Run(_) => None,
        }
    }

    fn side(&self) -> Side<'_> {
        match self {
            Self::Run(run) => Side::of(&run.found, &run.found.variants[run.variant], &run.shown),
            Self::Profile {
                label,
                taken,
                scale,
            } => Side {
                label,
                run: None,
                phases: vec![Subject::of_profile("profile", Profiled::of(taken, *scale))],
            },
        }
    }
}
