//! Percentile curves of latency on HdrHistogram's axis: each power of ten of 1 / (1 − p) has the same width.

use hdrhistogram::Histogram;
use serde::Serialize;

use super::{Limit, Line, Look, Span, short};
use crate::gate::Judgement;
use crate::metrics::{Tally, latency_quantiles, value_at};
use crate::result::{PhaseResult, RunResult};
use crate::scenario::plan::threshold::{Expression, Metric};

/// Points of a curve for each power of ten.
const PER_DECADE: usize = 12;
/// The same of curves of single requests.
const OF_REQUESTS: usize = 4;
/// Powers of ten at most: of as many requests the last one tells a single request.
const DECADES: usize = 9;
/// Curves of single requests at most, over all phases and variants.
const MOST_REQUESTS: usize = 400;

/// The curves of one phase of all variants.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curves {
    /// Name of the phase.
    pub phase: String,
    /// log10(1 / (1 − p)) of each point.
    #[serde(serialize_with = "all_short")]
    pub xs: Vec<f64>,
    /// Lines of lower bounds follow what they continue.
    pub lines: Vec<Line>,
    /// Of thresholds on latencies of all requests.
    pub limits: Vec<Limit>,
    /// Of the 50th and the 99th percentile.
    pub spans: Vec<Span>,
}

fn all_short<S: serde::Serializer>(values: &[f64], document: S) -> Result<S::Ok, S::Error> {
    let values: Vec<_> = values.iter().map(|value| Some(*value)).collect();
    short(&values, document)
}

/// The curves of a run, phase by phase in the order in which they first come; `judgements` are those of the run.
pub fn curves(run: &RunResult, judgements: &[Vec<Vec<Judgement>>]) -> Vec<Curves> {
    let mut all: Vec<Curves> = Vec::new();
    let sums = run.variants.iter().flat_map(|variant| &variant.phases);
    let several = sums.filter(|phase| phase.requests.len() > 1);
    let requests: usize = several.map(|phase| phase.requests.len()).sum();
    for (at, variant) in run.variants.iter().enumerate() {
        for (of_phase, phase) in variant.phases.iter().enumerate() {
            let place = all.iter().position(|of| of.phase == phase.name);
            let place = place.unwrap_or_else(|| {
                all.push(Curves::blank(&phase.name));
                all.len() - 1
            });
            let curves = &mut all[place];
            curves.add(at, &variant.name, phase);
            if phase.requests.len() > 1 && requests <= MOST_REQUESTS {
                curves.add_requests(at, &variant.name, phase);
            }
            let judged = judgements.get(at).and_then(|of| of.get(of_phase));
            curves.limits(judged.map_or(&[][..], Vec::as_slice));
        }
    }
    all.retain(|curves| !curves.lines.is_empty());
    all.iter_mut().for_each(Curves::trim);
    all
}

impl Curves {
    fn blank(phase: &str) -> Self {
        let points = 0..=DECADES * PER_DECADE;
        Self {
            phase: phase.to_owned(),
            xs: points.map(|at| at as f64 / PER_DECADE as f64).collect(),
            lines: Vec::new(),
            limits: Vec::new(),
            spans: Vec::new(),
        }
    }

    fn add(&mut self, at: usize, variant: &str, phase: &PhaseResult) {
        let total = phase.total();
        let (histogram, exact_below) = latency_quantiles([&total]);
        if histogram.is_empty() {
            return;
        }
        let whole = self.points(&histogram, 1);
        let line = |name: String, look, values| Line {
            name,
            variant: Some(at),
            request: None,
            look,
            values,
        };
        // Both have the point at which bounds begin, so that no gap is between them.
        let first = self.xs.partition_point(|x| quantile(*x) <= exact_below);
        let part = |is_in: &dyn Fn(usize) -> bool| {
            let values = whole.iter().enumerate();
            let values = values.map(|(at, value)| value.filter(|_| is_in(at)));
            values.collect::<Vec<_>>()
        };
        let exact = part(&|at| at < first.max(1));
        self.lines
            .push(line(variant.to_owned(), Look::Solid, exact));
        if exact_below < 1.0 {
            let bounds = part(&|at| at + 1 >= first);
            let name = format!("{variant}, at least");
            self.lines.push(line(name, Look::Dotted, bounds));
        }
        // Those of several launches are in the comparison.
        if let [round] = phase.rounds.as_slice() {
            let known = &round.uncertainty;
            for (x, interval) in [(2_f64.log10(), known.p50_us), (2.0, known.p99_us)] {
                self.spans.extend(interval.map(|(low, high)| Span {
                    variant: at,
                    at: x,
                    low,
                    high: Some(high).filter(|high| high.is_finite()),
                }));
            }
        }
    }

    fn add_requests(&mut self, at: usize, variant: &str, phase: &PhaseResult) {
        for (name, tally) in phase.requests.iter().zip(&phase.tallies) {
            let (histogram, exact_below) = latency_quantiles([tally]);
            if histogram.is_empty() {
                continue;
            }
            let bound = if exact_below < 1.0 {
                ", some at least"
            } else {
                ""
            };
            self.lines.push(Line {
                name: format!("{variant} · {name}{bound}"),
                variant: Some(at),
                request: Some(name.clone()),
                look: if exact_below < 1.0 {
                    Look::Dotted
                } else {
                    Look::Solid
                },
                values: self.points(&histogram, PER_DECADE / OF_REQUESTS),
            });
        }
    }

    /// A value at each `every`th point up to that of one request, µs.
    fn points(&self, histogram: &Histogram<u64>, every: usize) -> Vec<Option<f64>> {
        let last = (histogram.len() as f64).log10();
        let value = |(at, x): (usize, &f64)| {
            let shown = at % every == 0 && *x <= last + 1e-9;
            // What is drawn on a logarithmic scale is above 0.
            shown.then(|| value_at(histogram, quantile(*x)).max(1.0))
        };
        self.xs.iter().enumerate().map(value).collect()
    }

    fn limits(&mut self, judgements: &[Judgement]) {
        for judgement in judgements.iter().filter(|of| of.request.is_none()) {
            let Ok(expr) = Expression::parse(&judgement.expr) else {
                continue;
            };
            let Metric::Latency(at) = expr.metric else {
                continue;
            };
            let limit = Limit {
                at: (1.0 / (1.0 - at)).log10().min(DECADES as f64),
                value: expr.limit,
                words: judgement.expr.clone(),
            };
            if !self.limits.contains(&limit) {
                self.limits.push(limit);
            }
        }
    }

    /// Without the end of the axis that nothing reaches.
    fn trim(&mut self) {
        let filled = |line: &Line| line.values.iter().rposition(Option::is_some);
        let last = self.lines.iter().filter_map(filled).max().unwrap_or(0);
        let keep = (last + 1).max(2 * PER_DECADE + 1);
        self.xs.truncate(keep);
        let end = self.xs.last().copied().unwrap_or(0.0);
        for line in &mut self.lines {
            line.values.truncate(keep);
        }
        for limit in &mut self.limits {
            limit.at = limit.at.min(end);
        }
    }
}

fn quantile(x: f64) -> f64 {
    1.0 - 10_f64.powf(-x)
}

/// The percentiles of a table, with "≥ " before lower bounds.
pub(in crate::report) fn cells<const N: usize>(tally: &Tally, at: [f64; N]) -> [(String, f64); N] {
    let (histogram, exact_below) = latency_quantiles([tally]);
    at.map(|quantile| {
        if histogram.is_empty() {
            return ("–".to_owned(), -1.0);
        }
        let value = value_at(&histogram, quantile);
        let bound = if quantile > exact_below { "≥ " } else { "" };
        (format!("{bound}{}", crate::units::format_us(value)), value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::Verdict;
    use crate::metrics::ErrorKind;
    use crate::result::samples::{failed, ok, phase, run};

    fn judgement(expr: &str) -> Judgement {
        Judgement {
            expr: expr.to_owned(),
            request: None,
            line: None,
            value: None,
            verdict: Verdict::Pass,
            reason: None,
            doubts: Vec::new(),
        }
    }

    #[test]
    fn a_curve_ends_at_its_last_request_and_bounds_are_dotted() {
        let found = run(
            phase(|tally| {
                ok(tally, 900, 100);
                failed(tally, 100, ErrorKind::Timeout);
            }),
            None,
        );
        let judged = ["latency.p99 < 50ms", "latency.max < 1s", "errors.rate < 1%"];
        let judged = judged.map(judgement).to_vec();
        let all = curves(&found, &[vec![judged]]);
        let [of] = &all[..] else { panic!("{all:?}") };
        assert_eq!(of.xs.last(), Some(&3.0), "of a thousand requests");
        let [exact, bounds] = &of.lines[..] else {
            panic!("{of:?}")
        };
        let known = |line: &Line| line.values.iter().flatten().count();
        assert_eq!((exact.look, bounds.look), (Look::Solid, Look::Dotted));
        // They meet at the 90th percentile.
        assert_eq!(known(exact) + known(bounds), of.xs.len() + 1);
        assert!((exact.values[12].unwrap() - 100.0).abs() < 1.0);
        assert_eq!(exact.values[13], None);
        assert!(bounds.values[13].unwrap() > 9e5);
        let limits: Vec<_> = of.limits.iter().map(|of| (of.at, of.value)).collect();
        assert!((limits[0].0 - 2.0).abs() < 1e-9 && limits[0].1 == 50_000.0);
        assert_eq!(limits[1..], [(3.0, 1e6)]);
    }

    #[test]
    fn nothing_measured_is_no_curve() {
        assert!(curves(&run(phase(|_| {}), None), &[]).is_empty());
    }
}
