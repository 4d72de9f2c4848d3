//! `[gate]`: what is judged, and against which changes → [`GatePlan`].

use std::time::Duration;

use toml::Spanned;

use super::resolver::Resolver;
use crate::scenario::plan::gate::{
    Answers, Confirm, FunctionFigure, GateLines, GateMetric, GatePlan, Gated, GatedFunction,
    LONGEST_BUDGET, Limits, OnInconclusive, Relaunch,
};
use crate::scenario::plan::threshold;
use crate::scenario::plan::{Phase, Variant};
use crate::scenario::read::error::Error;
use crate::scenario::read::file::Text;
use crate::scenario::read::gate;
use crate::scenario::read::values::{Share, length};
use crate::units::{Rate, format_share, list};

/// As long as people wait for a job of this kind.
const BUDGET: Duration = Duration::from_secs(120);
/// Shorter ones cannot hold ten launches of anything.
const BUDGETS: (Duration, Duration) = (Duration::from_secs(20), LONGEST_BUDGET);
/// Blocks on one launch.
const MOST_BLOCKS: u32 = 20;
/// Part of `catch` that is tolerated where the scenario says nothing of it.
const TOLERATED: f64 = 0.6;

/// What is gated unless the scenario names metrics, in the order of the report.
const GATED: [GateMetric; 4] = [
    GateMetric::CpuPerRequest,
    GateMetric::Capacity,
    GateMetric::Latency(0.5),
    GateMetric::CpuAtRate,
];
/// What is shown beside it.
const SHOWN: [GateMetric; 2] = [GateMetric::Latency(0.99), GateMetric::PeakMemory];

impl Resolver<'_> {
    pub(super) fn gate(&self, given: &gate::Gate, variants: &[Variant]) -> Result<GatePlan, Error> {
        let budget = length(given.budget.as_ref(), BUDGET);
        if !(BUDGETS.0..=BUDGETS.1).contains(&budget) {
            let span = given.budget.as_ref().map(Spanned::span);
            let message = "a gate takes between 20s and 1h; the usual 120s are 16 launches of both arms and 8 that confirm a failure";
            return Err(self.source.error(span, "gate.budget", message));
        }
        let rate = match &given.rate {
            None => None,
            Some(rate) => Some(
                Rate::new(rate.get_ref().0)
                    .map_err(|error| self.error(rate.span(), "gate.rate", error.to_string()))?,
            ),
        };
        let (metrics, functions) = self.gated(&given.metric)?;
        Ok(GatePlan {
            phase: self.gated_phase(given.phase.as_ref(), variants)?,
            budget,
            metrics,
            functions,
            relaunch: self.relaunch(given.relaunch.as_ref())?,
            confirm: match given.confirm {
                Some(false) => Confirm::No,
                _ => Confirm::Fresh,
            },
            on_inconclusive: self.word(
                given.on_inconclusive.as_ref(),
                "gate.on_inconclusive",
                &[
                    ("exit", OnInconclusive::Exit),
                    ("pass", OnInconclusive::Pass),
                    ("fail", OnInconclusive::Fail),
                ],
            )?,
            answers: self.word(
                given.answers.as_ref(),
                "gate.answers",
                &[
                    ("alike", Answers::Alike),
                    ("may-differ", Answers::MayDiffer),
                ],
            )?,
            rate,
        })
    }

    /// Where the scenario asks for what.
    pub(super) fn gate_lines(&self, given: &gate::Gate) -> GateLines {
        let table = self.table.get_key_value("gate");
        let metrics = given.metric.iter().filter_map(|metric| {
            let line = self.source.line(metric.name.span().start)?;
            Some((metric.name.get_ref().clone(), line))
        });
        GateLines {
            table: table.and_then(|(key, _)| self.source.line(key.span().start)),
            metrics: metrics.collect(),
        }
    }

    /// One of some words; the first one where none is given.
    fn word<T: Copy>(
        &self,
        given: Option<&Text>,
        key: &str,
        words: &[(&str, T)],
    ) -> Result<T, Error> {
        let Some(given) = given else {
            return Ok(words[0].1);
        };
        let found = words.iter().find(|(word, _)| word == given.get_ref());
        found.map(|(_, value)| *value).ok_or_else(|| {
            let known: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
            let message = format!("`{}` is not {}", given.get_ref(), known.join(" or "));
            self.error(given.span(), key, message)
        })
    }

    fn relaunch(&self, given: Option<&Spanned<gate::Relaunch>>) -> Result<Relaunch, Error> {
        let Some(given) = given else {
            return Ok(Relaunch::Every(1));
        };
        match given.get_ref() {
            gate::Relaunch::Blocks(blocks) if (1..=MOST_BLOCKS).contains(blocks) => {
                Ok(Relaunch::Every(*blocks))
            }
            gate::Relaunch::Word(word) if word == "never" => Ok(Relaunch::Never),
            _ => Err(self.error(
                given.span(),
                "gate.relaunch",
                format!(
                    "use the number of blocks on each launch, 1 to {MOST_BLOCKS}, or \"never\""
                ),
            )),
        }
    }

    /// The phase whose load is used: the one that is named, or the first.
    fn gated_phase(&self, given: Option<&Text>, variants: &[Variant]) -> Result<String, Error> {
        let phases = || variants.iter().flat_map(|variant| &variant.phases);
        let Some(given) = given else {
            let first = phases().next().expect("a variant has a phase");
            return Ok(first.name.clone());
        };
        let is_it = |phase: &Phase| phase.name == *given.get_ref();
        if phases().any(is_it) {
            return Ok(given.get_ref().clone());
        }
        let mut known: Vec<String> = phases().map(|phase| phase.name.clone()).collect();
        known.sort();
        known.dedup();
        let message = format!(
            "there is no phase `{}`; there is {}",
            given.get_ref(),
            list(&known)
        );
        Err(self.error(given.span(), "gate.phase", message))
    }

    /// Metrics that the scenario names are gated and no others are; the rest is shown.
    fn gated(&self, given: &[gate::Metric]) -> Result<(Vec<Gated>, Vec<GatedFunction>), Error> {
        let mut metrics: Vec<Gated> = Vec::new();
        let mut functions: Vec<GatedFunction> = Vec::new();
        for one in given {
            let is_there = match self.gated_function(one)? {
                Some(function) => {
                    let is_there = functions.iter().any(|other| other.name == function.name);
                    functions.push(function);
                    is_there
                }
                None => {
                    let gated = self.gated_metric(one)?;
                    let is_there = metrics.iter().any(|other| other.metric == gated.metric);
                    metrics.push(gated);
                    is_there
                }
            };
            if is_there {
                let message = format!("`{}` is there twice", one.name.get_ref());
                return Err(self.error(one.name.span(), "gate.metric.name", message));
            }
        }
        let is_default = given.is_empty();
        let rest = GATED.iter().map(|metric| (metric, is_default));
        for (metric, is_gated) in rest.chain(SHOWN.iter().map(|metric| (metric, false))) {
            if metrics.iter().all(|other| other.metric != *metric) {
                metrics.push(Gated {
                    metric: *metric,
                    limits: is_gated.then(|| metric.default_limits()),
                    asked: false,
                });
            }
        }
        Ok((metrics, functions))
    }

    /// The functions that a metric names; `None` if it is no metric of functions.
    fn gated_function(&self, given: &gate::Metric) -> Result<Option<GatedFunction>, Error> {
        let name = given.name.get_ref();
        if !(name.starts_with("cost(") || name.starts_with("share(")) {
            return Ok(None);
        }
        let at = |message| self.error(given.name.span(), "gate.metric.name", message);
        let (figure, pattern) = match threshold::metric(name, "").map_err(at)? {
            threshold::Metric::Cost(pattern) => (FunctionFigure::Cost, pattern),
            threshold::Metric::Share(pattern) => (FunctionFigure::Share, pattern),
            _ => return Ok(None),
        };
        let limits = self.limits(given, GateMetric::Function(figure))?;
        Ok(Some(GatedFunction {
            name: name.clone(),
            figure,
            pattern,
            limits,
        }))
    }

    fn gated_metric(&self, given: &gate::Metric) -> Result<Gated, Error> {
        let name = given.name.get_ref();
        let metric = metric(name).ok_or_else(|| {
            let known = "cpu_per_request, capacity, latency.p50 (or another percentile), cpu_per_request.at_rate, peak_memory, cost(\"PATTERN\") or share(\"PATTERN\") of functions";
            let message = format!("there is no metric `{name}`; use {known}");
            self.error(given.name.span(), "gate.metric.name", message)
        })?;
        Ok(Gated {
            metric,
            limits: Some(self.limits(given, metric)?),
            asked: true,
        })
    }

    fn limits(&self, given: &gate::Metric, metric: GateMetric) -> Result<Limits, Error> {
        let share = |of: &Option<Spanned<Share>>| of.as_ref().map(|share| share.get_ref().0);
        let usual = metric.default_limits();
        let (catch, tolerate) = match (share(&given.catch), share(&given.tolerate)) {
            (None, None) => (usual.catch, usual.tolerate),
            (Some(catch), None) => (catch, catch * TOLERATED),
            (None, Some(tolerate)) => (usual.catch.max(tolerate / TOLERATED), tolerate),
            (Some(catch), Some(tolerate)) => (catch, tolerate),
        };
        let spans = [&given.catch, &given.tolerate].map(|of| of.as_ref().map(Spanned::span));
        let [of_catch, of_tolerate] = spans;
        if !(catch > 0.0 && catch < 1.0) {
            let message = "a change that the gate sees is above 0% and below 100%";
            let span = of_catch.or(of_tolerate);
            return Err(self.source.error(span, "gate.metric.catch", message));
        }
        if !(tolerate > 0.0 && tolerate < catch) {
            let message = format!(
                "what is tolerated is above 0% and below `catch`, which is {}: two builds of one source differ by some tenths of a per cent",
                format_share(catch)
            );
            let span = of_tolerate.or(of_catch);
            return Err(self.source.error(span, "gate.metric.tolerate", message));
        }
        Ok(Limits { catch, tolerate })
    }
}

fn metric(name: &str) -> Option<GateMetric> {
    let plain = [
        GateMetric::CpuPerRequest,
        GateMetric::Capacity,
        GateMetric::CpuAtRate,
        GateMetric::PeakMemory,
    ];
    if let Some(metric) = plain.into_iter().find(|metric| metric.name() == name) {
        return Some(metric);
    }
    let percent = name.strip_prefix("latency.p")?;
    let is_plain = percent
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let percent: f64 = percent.parse().ok().filter(|_| is_plain)?;
    (percent > 0.0 && percent < 100.0).then_some(GateMetric::Latency(percent / 100.0))
}
