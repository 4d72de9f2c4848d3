//! `telemload compare`: two stored runs, or two profiles, before and after.

use std::fs;
use std::path::{Path, PathBuf};

use super::exit::Usage;
use super::files::{apart, write_all};
use super::input::{Costs, Reading, bytes, side};
use super::output::print;
use super::path::{at_most_one_stdin, shown};
use crate::compare::{
    Caution, Comparison, Profiled, RunOf, Side, Subject, Untrusted, order, sides,
};
use crate::experiment::{RunDir, Trust};
use crate::profile::{FunctionTable, Profile, Scale};
use crate::report::document::stored::{self, StoredPhase, StoredRun, StoredVariant};
use crate::report::page::flame_files::{self, Drawn};
use crate::report::{document, terminal, text};

/// Before and after: figures, which functions explain their change, and a differential flame graph.
///
/// Prints; files are written only where --out says.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  telemload compare runs/a runs/b
  telemload compare runs/a:before runs/a:after --out diff
  telemload compare old.pb.gz new.pb.gz --base-cost 38ms --head-cost 310us --markdown")]
pub(super) struct Args {
    /// Before: a run directory, with :VARIANT if it has several; or a profile (`-` is standard input), or several slices of one capture
    /// with commas between them.
    #[arg(value_name = "RUN[:VARIANT] | PROFILE")]
    base: String,
    /// After.
    #[arg(value_name = "RUN[:VARIANT] | PROFILE")]
    head: String,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    costs: Costs,
    /// Judge also what a phase that is not trusted could explain.
    #[arg(long)]
    allow_untrusted: bool,
    /// Print JSON.
    #[arg(long, conflicts_with_all = ["csv", "markdown"])]
    json: bool,
    /// Print all functions as CSV.
    #[arg(long, conflicts_with = "markdown")]
    csv: bool,
    /// Print Markdown, for a pull request.
    #[arg(long)]
    markdown: bool,
    /// Directory for compare.json, compare.md, functions.csv and, per phase, flame-diff.html and flame-diff.svg.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn exec(args: &Args) -> anyhow::Result<u8> {
    let (base, head) = (Given::of(&args.base)?, Given::of(&args.head)?);
    let (base, head, notes) = opened(args, &base, &head)?;
    let untrusted = Untrusted::from(args.allow_untrusted);
    let mut comparison = sides(&base.side(), &head.side(), untrusted);
    refuse(&comparison)?;
    comparison.cautions.extend(notes);
    let mut written = Ok(());
    if let Some(out) = &args.out {
        let (pictures, undrawn) = apart(pictures(&base, &head, &comparison));
        comparison.cautions.extend(undrawn);
        let files = [
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
        ];
        written = write_all(&RunDir::at(out), files.into_iter().chain(pictures));
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
    written.map(|()| 0)
}

/// Opens both sides, with what is to be said of that.
fn opened<'a>(
    args: &Args,
    base: &'a Given,
    head: &'a Given,
) -> anyhow::Result<(Opened<'a>, Opened<'a>, Vec<Caution>)> {
    let (base, mut head, mut notes) = match (base, head) {
        (Given::Run(base), Given::Run(head)) => {
            if args.costs.scales()?.is_some() {
                return Err(Usage(
                    "--base-cost and --head-cost go with profiles; runs have their own".to_owned(),
                )
                .into());
            }
            let mut notes = Vec::new();
            let base = base.opened(&args.reading, &mut notes)?;
            let head = head.opened(&args.reading, &mut notes)?;
            (base, head, notes)
        }
        (Given::Profile(base), Given::Profile(head)) => {
            if args.allow_untrusted {
                let message = "--allow-untrusted goes with runs; profiles have no trust";
                return Err(Usage(message.to_owned()).into());
            }
            at_most_one_stdin([base.as_path(), head])?;
            let (of_base, of_head) = args.costs.scales()?.unzip();
            let of = |path, scale| Opened::of_profile(path, &args.reading, scale);
            let (base, head) = (of(base, of_base)?, of(head, of_head)?);
            let notes = base.profile().zip(head.profile());
            let notes = notes.and_then(|(base, head)| order(base, head));
            let notes = notes.into_iter().collect();
            (base, head, notes)
        }
        _ => {
            let message = "a run and a profile cannot be compared; name the run's own profile.pb.gz, or two runs";
            return Err(Usage(message.to_owned()).into());
        }
    };
    // Two phases that are alone belong together, whatever they are called.
    if let ([only], [other]) = (base.phases.as_slice(), head.phases.as_mut_slice()) {
        if other.name != only.name {
            let what = format!(
                "{} of {} is compared with {} of {}, for each is alone",
                only.name, base.label, other.name, head.label
            );
            notes.push(Caution::Doubtful { what });
        }
        other.name.clone_from(&only.name);
    }
    Ok((base, head, notes))
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

/// The differential flame graphs of all phases with two profiles.
fn pictures(base: &Opened<'_>, head: &Opened<'_>, comparison: &Comparison) -> Vec<Drawn> {
    let mut all = Vec::new();
    for phase in &base.phases {
        let Some(other) = head.phases.iter().find(|of| of.name == phase.name) else {
            continue;
        };
        let (Some(from), Some(to)) = (&phase.profile, &other.profile) else {
            continue;
        };
        let of_phase = comparison.phases.iter().find(|of| of.phase == phase.name);
        let notes = comparison
            .cautions
            .iter()
            .chain(of_phase.into_iter().flat_map(|of| &of.cautions));
        all.extend(flame_files::files(&flame_files::Pictured {
            title: &format!("{} → {} · {}", base.label, head.label, phase.name),
            labels: (&base.label, &head.label),
            directory: Path::new(&phase.name),
            profiles: (&from.0, &to.0),
            per_request: phase.scale.zip(other.scale),
            notes: &notes.map(ToString::to_string).collect::<Vec<_>>(),
        }));
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
    stored: StoredRun,
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
            return Ok(Self::Run(Box::new(Run::read(
                path,
                &path.join("result.json"),
                variant,
                text,
            )?)));
        }
        if path.file_name().is_some_and(|name| name == "result.json") && path.exists() {
            let directory = path.parent().unwrap_or(Path::new("."));
            return Ok(Self::Run(Box::new(Run::read(
                directory, path, variant, text,
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
}

impl Run {
    fn read(
        directory: &Path,
        file: &Path,
        variant: Option<&str>,
        text: &str,
    ) -> anyhow::Result<Self> {
        if !file.exists() {
            return Err(Usage(format!(
                "{} has no result.json: it is no run directory, or its run was killed",
                directory.display()
            ))
            .into());
        }
        let refused = |reason: &str| Usage(format!("{}: {reason}", file.display()));
        let json = String::from_utf8(bytes(file)?).map_err(|_| refused("it is no text"))?;
        let stored = stored::parse(&json).map_err(|reason| refused(&reason))?;
        let names: Vec<&str> = stored
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
            stored,
            variant,
            shown: text.to_owned(),
        })
    }

    fn variant(&self) -> &StoredVariant {
        &self.stored.variants[self.variant]
    }

    /// Reads its profiles; what is gone is noted.
    fn opened(&self, reading: &Reading, notes: &mut Vec<Caution>) -> anyhow::Result<Opened<'_>> {
        let variant = self.variant();
        let mut phases = Vec::new();
        for stored in &variant.phases {
            let mut profile = None;
            if stored.profile.is_some() {
                if let Some(path) = self.profile(variant, stored) {
                    let read = reading.quietly(&path)?;
                    let table = FunctionTable::of(&read);
                    profile = Some((read, table));
                } else {
                    let what = format!(
                        "{} · {} was profiled, and its profile.pb.gz is gone: its functions cannot be compared",
                        self.shown, stored.name
                    );
                    notes.push(Caution::Doubtful { what });
                }
            }
            phases.push(Phase {
                name: stored.name.clone(),
                scale: stored.scale(),
                stored: Some(stored),
                profile,
            });
        }
        Ok(Opened {
            label: self.shown.clone(),
            run: Some(RunOf {
                scenario: (&self.stored.scenario.name, &self.stored.scenario.sha256),
                machine: &self.stored.machine,
                interrupted: self.stored.interrupted,
            }),
            phases,
        })
    }

    /// Where the profile of a phase is: several launches profile in the last one.
    fn profile(&self, variant: &StoredVariant, phase: &StoredPhase) -> Option<PathBuf> {
        let directory = self.directory.join(&variant.name).join(&phase.name);
        let rounds = fs::read_dir(&directory).ok()?.filter_map(|entry| {
            let path = entry.ok()?.path();
            let number: u32 = path
                .file_name()?
                .to_str()?
                .strip_prefix("round-")?
                .parse()
                .ok()?;
            Some((number, path))
        });
        let mut places: Vec<_> = rounds.chain([(0, directory.clone())]).collect();
        places.sort();
        places
            .into_iter()
            .rev()
            .map(|(_, place)| place.join("profile.pb.gz"))
            .find(|path| path.exists())
    }
}

/// What an argument names, with what its profiles hold.
struct Opened<'a> {
    label: String,
    run: Option<RunOf<'a>>,
    phases: Vec<Phase<'a>>,
}

struct Phase<'a> {
    name: String,
    stored: Option<&'a StoredPhase>,
    profile: Option<(Profile, FunctionTable)>,
    scale: Option<Scale>,
}

impl Opened<'_> {
    fn of_profile(path: &Path, reading: &Reading, scale: Option<Scale>) -> anyhow::Result<Self> {
        let profile = side(reading, path, scale)?;
        let table = FunctionTable::of(&profile);
        Ok(Self {
            label: shown(path),
            run: None,
            phases: vec![Phase {
                name: "profile".to_owned(),
                stored: None,
                profile: Some((profile, table)),
                scale,
            }],
        })
    }

    /// The profile of its first phase.
    fn profile(&self) -> Option<&Profile> {
        Some(&self.phases.first()?.profile.as_ref()?.0)
    }

    fn side(&self) -> Side<'_> {
        Side {
            label: &self.label,
            run: self.run,
            phases: self.phases.iter().map(Phase::subject).collect(),
        }
    }
}

impl Phase<'_> {
    fn subject(&self) -> Subject<'_> {
        let profile = self.profile.as_ref();
        let was_profiled = self.stored.is_some_and(|stored| stored.profile.is_some());
        Subject {
            phase: &self.name,
            load: self.stored.map(|stored| &stored.load),
            rounds: self.stored.map(StoredPhase::rounds).unwrap_or_default(),
            trust: self
                .stored
                .map_or_else(Trust::default, |stored| stored.trust.clone()),
            profile: profile.map(|(profile, functions)| Profiled {
                profile,
                functions,
                per_request: self.scale,
            }),
            profiled: profile.is_some() || was_profiled,
        }
    }
}
