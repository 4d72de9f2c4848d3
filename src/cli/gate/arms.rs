//! Which two arms are compared: commands, variants, revisions or what runs already, each as a variant of the scenario.

use super::args::Args;
use super::baseline::Baseline;
use super::checkout::Checkout;
use super::profiled::profile;
use crate::cli::beside::BESIDE;
use crate::cli::exit::Usage;
use crate::cli::run::fresh_seed;
use crate::result::Arms;
use crate::scenario::plan::gate::{GateMetric, GatePlan, Limits, Relaunch};
use crate::scenario::{self, GivenTarget, Load, LoadModel, Overrides, Pace, Plan, Variant};
use crate::traffic::redact::command_without_credentials;
use crate::units::{format_duration, format_share, list};

/// Two arms, ready to be measured.
pub(super) struct Compared {
    /// Of the base; what is common to both is in it.
    pub(super) plan: Plan,
    pub(super) arms: Arms<Variant>,
    /// What people call them.
    pub(super) names: Arms<String>,
    /// What is judged.
    pub(super) gate: GatePlan,
    /// The load of the phase that is used.
    pub(super) load: Load,
    /// Why a failure does not count.
    pub(super) advisory: Option<String>,
    /// How much work was added to the head, as a share.
    pub(super) injected: Option<f64>,
    /// Whether the flags name one thing twice.
    are_one: bool,
}

/// One arm, as flags that are laid over the scenario.
struct Side {
    target: Option<GivenTarget>,
    before: Option<String>,
    variant: Option<String>,
    pid: Option<u32>,
    name: String,
}

impl Side {
    /// What is shown of a command holds no credentials.
    fn named(name: &str) -> Self {
        Self {
            target: None,
            before: None,
            variant: None,
            pid: None,
            name: command_without_credentials(name),
        }
    }
}

/// Says what is wrong with scenario and flags before a base is built: what is compared, and the baseline that is named.
pub(super) fn check(args: &Args) -> anyhow::Result<(Compared, Option<Baseline>)> {
    let compared = Compared::of(args, None)?;
    functions_can_be_seen(args, &compared)?;
    let Some(path) = &args.given.baseline else {
        return Ok((compared, None));
    };
    let baseline = Baseline::read(path)?;
    let differences = baseline.differences(&compared.plan.sha256, &compared.arms.head.name);
    if !differences.is_empty() && !args.given.despite_differences {
        let message = format!(
            "--baseline {}: it cannot be compared with what is measured here: {}; measure one here with --save-baseline, or set --despite-differences",
            path.display(),
            differences.join("; ")
        );
        return Err(Usage(message).into());
    }
    Ok((compared, Some(baseline)))
}

impl Compared {
    /// The arms that the flags name, or those of the scenario's first comparison.
    pub(super) fn of(args: &Args, checkout: Option<&Checkout>) -> anyhow::Result<Self> {
        let seed = args.seed.unwrap_or_else(fresh_seed);
        let whole = load(args, &Side::named(""), seed)?;
        let mut injected = None;
        let sides = if args.given.prove {
            let by = proven(&whole)?;
            injected = Some(by);
            beside(args, by)?
        } else {
            sides(args, &whole, checkout)?
        };
        let plans = Arms {
            base: load(args, &sides.base, seed)?,
            head: load(args, &sides.head, seed)?,
        };
        let arms = Arms {
            base: one(&plans.base, args)?.clone(),
            head: one(&plans.head, args)?.clone(),
        };
        if args.given.base_ref.is_some() {
            runs_a_command(
                &arms.base,
                "--base-ref runs the command of the scenario's target in a worktree",
            )?;
        }
        if injected.is_some() {
            is_launched(&arms.base)?;
        }
        let plan = plans.base;
        let mut gate = plan.gate.clone();
        if injected.is_some() {
            // What is added works beside the target, and no profile of that shows it.
            gate.functions.clear();
        }
        let standing = args.given.base_url.is_some();
        if standing {
            gate.relaunch = Relaunch::Never;
        }
        let load = the_load(&arms, &gate)?;
        let advisory = if args.given.baseline.is_some() {
            Some("a machine differs from one time to another, and the baseline is of another time")
        } else if standing {
            Some(
                "telemload did not launch the arms: one may be faster for where and when it was started",
            )
        } else if gate.relaunch == Relaunch::Never {
            Some(
                "the arms are not launched anew, and a launch may be faster than the next one of the same program",
            )
        } else {
            None
        };
        Ok(Self {
            advisory: advisory.map(str::to_owned),
            names: Arms {
                base: sides.base.name,
                head: sides.head.name,
            },
            plan,
            arms,
            gate,
            load,
            injected,
            are_one: are_one(args),
        })
    }

    /// Whether anything is judged or shown that needs turns at a fixed rate.
    pub(super) fn has_latencies(&self) -> bool {
        self.gate.metrics.iter().any(|of| of.metric.is_at_rate())
    }

    /// What is compared, for people.
    pub(super) fn opening(&self) -> String {
        let Arms { base, head } = &self.names;
        let judged = self.gate.metrics.iter().filter_map(|of| {
            let limits = of.limits?;
            let (catch, tolerate) = (format_share(limits.catch), format_share(limits.tolerate));
            Some(format!("{} {catch} / {tolerate}", of.metric.name()))
        });
        let functions = self.gate.functions.iter().map(|of| {
            let Limits { catch, tolerate } = of.limits;
            let (catch, tolerate) = (format_share(catch), format_share(tolerate));
            format!("{} {catch} / {tolerate}", of.name)
        });
        let judged: Vec<String> = judged.chain(functions).collect();
        let profiled = if self.gate.functions.is_empty() {
            ""
        } else {
            ", and then functions are profiled"
        };
        format!(
            "base {base}, head {head}; at most {}{profiled}; catch / tolerate: {}",
            format_duration(self.gate.budget),
            judged.join(", ")
        )
    }

    /// What the user should know before it starts.
    pub(super) fn notes(&self, checkout: Option<&Checkout>) -> impl Iterator<Item = String> {
        let same = checkout.and_then(|checkout| checkout.same_program(&self.arms));
        let strict = self.gate.metrics.iter().find(|of| {
            let is_cpu = of.metric == GateMetric::CpuPerRequest;
            is_cpu && of.limits.is_some_and(|limits| limits.catch < 0.03)
        });
        let strict = strict.map(|_| {
            "two builds of one source may differ by 1 % in CPU per request: a `catch` below 3 % needs builds that were compared with themselves".to_owned()
        });
        let are_one = self.are_one.then(|| {
            "base and head are one and the same: the gate shows how it judges what has not changed, and can find nothing slower".to_owned()
        });
        let notes = self.plan.notes.clone().into_iter();
        notes.chain(same).chain(are_one).chain(strict)
    }
}

/// Whether both arms are named alike.
fn are_one(args: &Args) -> bool {
    let given = &args.given;
    let pairs = [
        (&given.base, &given.head),
        (&given.base_variant, &given.head_variant),
        (&given.base_url, &given.head_url),
    ];
    pairs
        .into_iter()
        .any(|(base, head)| base.is_some() && base == head)
}

/// The scenario with one arm's flags laid over it.
fn load(args: &Args, side: &Side, seed: u64) -> anyhow::Result<Plan> {
    let overrides = Overrides {
        target: side.target.clone(),
        before_command: side.before.clone(),
        budget: args.budget,
        pid: side.pid,
        seed: args.seed,
        fresh_seed: seed,
        variant: side.variant.clone(),
        ..Overrides::default()
    };
    let plan = scenario::load(&args.scenario, &overrides);
    Ok(plan.map_err(|error| Usage(error.to_string()))?)
}

/// The arms that the flags name, or those of the scenario's first comparison.
fn sides(args: &Args, whole: &Plan, checkout: Option<&Checkout>) -> anyhow::Result<Arms<Side>> {
    let given = &args.given;
    let own = |name: &str| Side {
        variant: args.variant.clone(),
        ..Side::named(name)
    };
    if let Some(revision) = &given.base_ref {
        let head = given.head.as_ref().map(|line| command("--head", line));
        let side = |name: &str| Side {
            target: head.clone(),
            ..own(name)
        };
        return Ok(Arms {
            base: Side {
                before: checkout.map(Checkout::before),
                ..side(revision)
            },
            head: side("as it stands"),
        });
    }
    if let (Some(base), Some(head)) = (&given.base, &given.head) {
        let side = |flag, line: &String| Side {
            target: Some(command(flag, line)),
            ..own(line)
        };
        return Ok(Arms {
            base: side("--base", base),
            head: side("--head", head),
        });
    }
    if given.base.is_some() || given.head.is_some() {
        let message = "two commands are compared: name --base COMMAND and --head COMMAND, or --base-ref REVISION beside --head";
        return Err(Usage(message.to_owned()).into());
    }
    if let (Some(base), Some(head)) = (&given.base_url, &given.head_url) {
        let side = |flag: &'static str, url: &String, pid| Side {
            target: Some(GivenTarget::Url {
                flag,
                url: url.clone(),
            }),
            pid,
            ..own(flag.trim_start_matches("--"))
        };
        return Ok(Arms {
            base: side("--base-url", base, given.base_pid),
            head: side("--head-url", head, given.head_pid),
        });
    }
    of_scenario(args, whole, own)
}

/// Arms that are the scenario's own: variants, or its target against a baseline.
fn of_scenario(
    args: &Args,
    whole: &Plan,
    own: impl Fn(&str) -> Side,
) -> anyhow::Result<Arms<Side>> {
    let given = &args.given;
    let variants = |base: &str, head: &str| {
        let side = |name: &str| Side {
            variant: Some(name.to_owned()),
            ..Side::named(name)
        };
        Arms {
            base: side(base),
            head: side(head),
        }
    };
    if let (Some(base), Some(head)) = (&given.base_variant, &given.head_variant) {
        return Ok(variants(base, head));
    }
    let itself = |base: &str| Arms {
        base: own(base),
        head: own("as it is"),
    };
    if let Some(file) = &given.baseline {
        return Ok(itself(&file.display().to_string()));
    }
    match whole.comparisons.first() {
        Some(pair) => Ok(variants(
            &whole.variants[pair.base].name,
            &whole.variants[pair.head].name,
        )),
        None if given.save_baseline.is_some() => Ok(itself("as it is")),
        None => Err(Usage("name what is compared: --base COMMAND --head COMMAND, --base-ref REVISION, --base-variant and --head-variant, --base-url and --head-url, or --prove".to_owned()).into()),
    }
}

fn command(flag: &'static str, line: &str) -> GivenTarget {
    GivenTarget::Command {
        flag,
        line: line.to_owned(),
    }
}

/// How much work is added to prove that it is seen: what the gate promises to see.
fn proven(plan: &Plan) -> Result<f64, Usage> {
    let cpu = plan.gate.metrics.iter().find_map(|of| {
        let limits = of.limits.filter(|_| of.metric == GateMetric::CpuPerRequest);
        limits.map(|limits| limits.catch)
    });
    cpu.ok_or_else(|| {
        Usage(
            "--prove adds CPU time: gate `cpu_per_request`, too, for it is what shows that"
                .to_owned(),
        )
    })
}

/// The same command twice, each beside a process of telemload that works as much as it is told.
fn beside(args: &Args, by: f64) -> anyhow::Result<Arms<Side>> {
    let own = std::env::current_exe()?;
    let own = own.to_string_lossy();
    let side = |share: f64, name: &str| -> anyhow::Result<Side> {
        let own = shlex::try_quote(&own)
            .map_err(|_| Usage("the path of telemload holds a NUL byte".to_owned()))?;
        let base = args.given.base.as_ref();
        Ok(Side {
            target: base.map(|line| command("--base", line)),
            before: Some(format!("{own} {BESIDE} {share}")),
            variant: args.variant.clone(),
            ..Side::named(name)
        })
    };
    Ok(Arms {
        base: side(0.0, "as it is")?,
        head: side(by, &format!("with {} more work", format_share(by)))?,
    })
}

/// The variant of an arm.
fn one<'a>(plan: &'a Plan, args: &Args) -> Result<&'a Variant, Usage> {
    match plan.variants.as_slice() {
        [one] => Ok(one),
        several => {
            let names: Vec<String> = several.iter().map(|of| of.name.clone()).collect();
            Err(Usage(format!(
                "{} has the variants {}: name the one whose requests and load are used with --variant",
                args.scenario.display(),
                list(&names)
            )))
        }
    }
}

/// Functions that are gated need profiles of both arms, side by side.
fn functions_can_be_seen(args: &Args, compared: &Compared) -> Result<(), Usage> {
    let Some(first) = compared.gate.functions.first() else {
        return Ok(());
    };
    if args.given.baseline.is_some() {
        return Err(Usage(format!(
            "gate.metric: `{}` is of functions, which are compared side by side alone; leave it out beside --baseline",
            first.name
        )));
    }
    for variant in [&compared.arms.base, &compared.arms.head] {
        profile(variant).map_err(|why| Usage(format!("gate.metric: `{}`: {why}", first.name)))?;
    }
    Ok(())
}

fn runs_a_command(variant: &Variant, what: &str) -> Result<(), Usage> {
    match &variant.target {
        scenario::Target::Command { .. } => Ok(()),
        _ => Err(Usage(format!(
            "{what}, and this target has none: give it a `command`, or name one with --base or --head"
        ))),
    }
}

fn is_launched(variant: &Variant) -> Result<(), Usage> {
    match &variant.target {
        scenario::Target::Url { .. } => Err(Usage(
            "--prove works beside a target that telemload launches, and this one runs already: name a command with --base".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// In what the loads of two arms differ, of all that is the base's for both.
fn differs(
    head: &Variant,
    (of_base, of_head): (&Load, &Load),
    gate: &GatePlan,
) -> Option<&'static str> {
    let weights = |load: &Load| -> Vec<u32> {
        let all = 0..head.requests.len();
        all.map(|at| head.weight_of(at, load)).collect()
    };
    if of_base.connections != of_head.connections || of_base.workers != of_head.workers {
        Some("connections or workers")
    } else if of_base.timeout != of_head.timeout {
        Some("timeouts")
    } else if of_base.keep_alive != of_head.keep_alive {
        Some("`keep_alive`")
    } else if weights(of_base) != weights(of_head) {
        Some("weights")
    } else {
        // A rate of the gate itself is that of both.
        let is_other = gate.rate.is_none() && of_base.model != of_head.model;
        is_other.then_some("rates")
    }
}

/// The load of the phase that the gate uses, which both arms must have alike.
fn the_load(arms: &Arms<Variant>, gate: &GatePlan) -> Result<Load, Usage> {
    let of = |variant: &Variant| {
        let phase = variant.phases.iter().find(|phase| phase.name == gate.phase);
        phase.map(|phase| phase.load.clone()).ok_or_else(|| {
            Usage(format!(
                "gate.phase: the variant `{}` has no phase `{}`; name one that both have",
                variant.name, gate.phase
            ))
        })
    };
    let (mut base, head) = (of(&arms.base)?, of(&arms.head)?);
    if let Some(what) = differs(&arms.head, (&base, &head), gate) {
        let message = format!(
            "both arms must be loaded alike, and their phases `{}` have other {what}",
            gate.phase
        );
        return Err(Usage(message));
    }
    if let Some(rate) = gate.rate {
        let arrivals = match base.model {
            LoadModel::Open { arrivals, .. } => arrivals,
            LoadModel::Closed => scenario::Arrivals::Constant,
        };
        base.model = LoadModel::Open {
            pace: Pace::Constant(rate),
            arrivals,
        };
    }
    Ok(base)
}
