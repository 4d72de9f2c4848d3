//! `telemload compare`: two stored runs, or two profiles, before and after.

use std::fs;
use std::path::{Path, PathBuf};

use super::flame::{self, Costs};
use super::input::{Reading, at_most_one_stdin, bytes, shown};
use super::{Usage, print};
use crate::compare::{Caution, Comparison, Profiled, Subject, pair};
use crate::experiment::RunDir;
use crate::profile::{FunctionTable, Profile, Scale};
use crate::report::document::stored::{self, StoredPhase, StoredRun, StoredVariant};
use crate::report::page::flame_files;
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
    /// Before: a run directory, with :VARIANT if it has several; or a profile (`-` is standard input).
    #[arg(value_name = "RUN[:VARIANT] | PROFILE")]
    base: String,
    /// After.
    #[arg(value_name = "RUN[:VARIANT] | PROFILE")]
    head: String,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    costs: Costs,
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
    let (base, head, cautions) = match (&base, &head) {
        (Given::Run(base), Given::Run(head)) => {
            if args.costs.scales()?.is_some() {
                return Err(Usage(
                    "--base-cost and --head-cost go with profiles; runs have their own".to_owned(),
                )
                .into());
            }
            let mut cautions = Vec::new();
            doubts(base, head, &mut cautions);
            let (from, to) = (
                base.side(&args.reading, &mut cautions)?,
                head.side(&args.reading, &mut cautions)?,
            );
            loads(&from, &to, &mut cautions);
            (from, to, cautions)
        }
        (Given::Profile(base), Given::Profile(head)) => {
            at_most_one_stdin([base.as_path(), head])?;
            let (of_base, of_head) = args.costs.scales()?.unzip();
            let of = |path, scale| Side::of_profile(path, &args.reading, scale);
            (of(base, of_base)?, of(head, of_head)?, Vec::new())
        }
        _ => {
            let message = "a run and a profile cannot be compared; name the run's own profile.pb.gz, or two runs";
            return Err(Usage(message.to_owned()).into());
        }
    };
    let comparison = compared(&base, &head, cautions)?;
    if let Some(out) = &args.out {
        let dir = RunDir::at(out);
        let mut files = vec![
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
        files.extend(pictures(&base, &head, &comparison));
        for (file, text) in files {
            dir.write(&file, text.as_bytes())
                .map_err(|error| anyhow::anyhow!("{error}"))?;
        }
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
    Ok(0)
}

/// The head's phase that belongs to one of the base: of the same name, or both are alone.
fn partner<'a>(base: &Side, head: &'a Side, phase: &Phase) -> Option<&'a Phase> {
    let lone = base.phases.len() == 1 && head.phases.len() == 1;
    let mut phases = head.phases.iter();
    phases.find(|other| lone || other.name == phase.name)
}

fn compared(base: &Side, head: &Side, mut cautions: Vec<Caution>) -> anyhow::Result<Comparison> {
    let mut phases = Vec::new();
    for phase in &base.phases {
        let Some(other) = partner(base, head, phase) else {
            let phase = phase.name.clone();
            cautions.push(Caution::OneSided { phase });
            continue;
        };
        for (profiled, label, bare) in [(phase, &base.label, other), (other, &head.label, phase)] {
            if profiled.is_profiled() && !bare.is_profiled() {
                let what = format!(
                    "{} was profiled in {label} alone: functions cannot be compared",
                    phase.name
                );
                cautions.push(Caution::Doubtful { what });
            }
        }
        let found = pair(&phase.subject(), &other.subject());
        for caution in &found.cautions {
            if let Caution::Incomparable(error) = caution {
                return Err(Usage(error.to_string()).into());
            }
        }
        phases.push(found);
    }
    for phase in &head.phases {
        if partner(head, base, phase).is_none() {
            let phase = phase.name.clone();
            cautions.push(Caution::OneSided { phase });
        }
    }
    if phases.is_empty() {
        let message = format!("{} and {} have no phase in common", base.label, head.label);
        return Err(Usage(message).into());
    }
    Ok(Comparison {
        base: base.label.clone(),
        head: head.label.clone(),
        cautions,
        phases,
    })
}

/// The differential flame graphs of all phases with two profiles.
fn pictures(base: &Side, head: &Side, comparison: &Comparison) -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    for phase in &base.phases {
        let Some(other) = partner(base, head, phase) else {
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

    fn side(&self, reading: &Reading, cautions: &mut Vec<Caution>) -> anyhow::Result<Side> {
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
                    cautions.push(Caution::Doubtful { what });
                }
            }
            phases.push(Phase {
                name: stored.name.clone(),
                scale: stored.scale(),
                stored: Some(stored.clone()),
                profile,
            });
        }
        Ok(Side {
            label: self.shown.clone(),
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

/// One side, with what its profiles hold.
struct Side {
    label: String,
    phases: Vec<Phase>,
}

struct Phase {
    name: String,
    stored: Option<StoredPhase>,
    profile: Option<(Profile, FunctionTable)>,
    scale: Option<Scale>,
}

impl Side {
    fn of_profile(path: &Path, reading: &Reading, scale: Option<Scale>) -> anyhow::Result<Self> {
        let profile = flame::side(reading, path, scale)?;
        let table = FunctionTable::of(&profile);
        Ok(Self {
            label: shown(path),
            phases: vec![Phase {
                name: "profile".to_owned(),
                stored: None,
                profile: Some((profile, table)),
                scale,
            }],
        })
    }
}

impl Phase {
    /// Whether it was, whatever has become of its profile.
    fn is_profiled(&self) -> bool {
        let stored = self.stored.as_ref().and_then(|of| of.profile.as_ref());
        self.profile.is_some() || stored.is_some()
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            phase: &self.name,
            rounds: self
                .stored
                .as_ref()
                .map(StoredPhase::rounds)
                .unwrap_or_default(),
            profile: self.profile.as_ref().map(|(profile, functions)| Profiled {
                profile,
                functions,
                per_request: self.scale,
            }),
        }
    }
}

/// What two runs do not share.
fn doubts(base: &Run, head: &Run, cautions: &mut Vec<Caution>) {
    let (from, to) = (&base.stored, &head.stored);
    if from.scenario.name != to.scenario.name {
        let what = format!(
            "the scenarios are {} and {}",
            from.scenario.name, to.scenario.name
        );
        cautions.push(Caution::Scenario { what });
    } else if from.scenario.sha256 != to.scenario.sha256 {
        let what = format!(
            "the scenario {} was changed between the runs",
            from.scenario.name
        );
        cautions.push(Caution::Scenario { what });
    }
    let (from, to) = (&from.machine, &to.machine);
    let differing: Vec<&str> = [
        ("host", from.hostname_hash != to.hostname_hash),
        ("processor", from.cpu_model != to.cpu_model),
        ("usable CPUs", from.usable_cpus != to.usable_cpus),
        ("CPU limit", from.cgroup_cpus != to.cgroup_cpus),
        ("kernel", from.kernel != to.kernel),
        ("memory", from.memory_bytes != to.memory_bytes),
        ("governor", from.governor != to.governor),
    ]
    .into_iter()
    .filter_map(|(what, differs)| differs.then_some(what))
    .collect();
    if !differing.is_empty() {
        let what = differing.join(", ");
        cautions.push(Caution::Machine { what });
    }
    for run in [base, head] {
        if run.stored.interrupted {
            let what = format!("{} ended before its time", run.shown);
            cautions.push(Caution::Doubtful { what });
        }
        for phase in &run.variant().phases {
            if phase.trust.level != "trusted" {
                let what = format!(
                    "{} · {} is {}: {}",
                    run.shown,
                    phase.name,
                    phase.trust.level,
                    phase.trust.reasons.join("; ")
                );
                cautions.push(Caution::Doubtful { what });
            }
        }
    }
}

fn loads(base: &Side, head: &Side, cautions: &mut Vec<Caution>) {
    for phase in &base.phases {
        let other = head.phases.iter().find(|other| other.name == phase.name);
        let Some((from, to)) = phase
            .stored
            .as_ref()
            .zip(other.and_then(|other| other.stored.as_ref()))
        else {
            continue;
        };
        if from.load != to.load {
            cautions.push(Caution::Load {
                base: format!("{}: {}", phase.name, from.load),
                head: to.load.to_string(),
            });
        }
    }
}
