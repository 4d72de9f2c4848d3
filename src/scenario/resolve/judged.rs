//! What a run is held to: thresholds → [`Threshold`], prices → [`CostModel`].

use std::time::Duration;

use toml::Spanned;

use super::resolver::Resolver;
use crate::scenario::plan::threshold::{Expression, Failure, Metric};
use crate::scenario::plan::{Abort, CostModel, Judge, Request, Threshold, Variant};
use crate::scenario::read::error::Error;
use crate::scenario::read::file::{self, Text};
use crate::scenario::read::values::length;
use crate::units::{Rate, format_duration, list};

/// What thresholds have in common that do not say otherwise.
#[derive(Debug, Clone, Copy)]
pub(super) struct Defaults {
    pub(super) allow_untrusted: bool,
    pub(super) judge: Judge,
}

/// Holds for every run that says nothing of its errors.
const BUILT_IN: &str = "errors.rate < 1%";

impl Resolver<'_> {
    pub(super) fn thresholds(
        &self,
        given: &[file::Threshold],
        defaults: Defaults,
        variants: &[Variant],
    ) -> Result<Vec<Threshold>, Error> {
        let mut thresholds = given
            .iter()
            .map(|threshold| self.threshold(threshold, defaults, variants))
            .collect::<Result<Vec<_>, _>>()?;
        if !thresholds
            .iter()
            .any(|threshold| matches!(threshold.expr.metric, Metric::ErrorRate))
        {
            thresholds.push(Threshold {
                expr: Expression::parse(BUILT_IN).expect("the built-in threshold parses"),
                variant: None,
                phase: None,
                request: None,
                allow_absent: false,
                allow_untrusted: defaults.allow_untrusted,
                judge: defaults.judge,
                line: None,
                abort: None,
            });
        }
        Ok(thresholds)
    }

    fn threshold(
        &self,
        given: &file::Threshold,
        defaults: Defaults,
        variants: &[Variant],
    ) -> Result<Threshold, Error> {
        let expr = Expression::parse(given.expr.get_ref())
            .map_err(|message| self.error(given.expr.span(), "threshold.expr", message))?;
        if let Some(name) = &given.variant {
            self.variant_index(name, "threshold.variant")?;
        }
        let seen = variants.iter().filter(|variant| {
            let only = given.variant.as_ref();
            only.is_none_or(|wanted| *wanted.get_ref() == variant.name)
        });
        let looked_at = seen.clone();
        let phases = seen.clone().flat_map(|variant| &variant.phases);
        let phases = phases.map(|phase| phase.name.as_str());
        self.check_is_among(given.phase.as_ref(), "threshold.phase", phases)?;
        let requests = seen.flat_map(|variant| &variant.requests);
        self.check_fails(given, &expr.metric, requests.clone())?;
        let requests = requests.map(|request| request.name.as_str());
        self.check_is_among(given.request.as_ref(), "threshold.request", requests)?;
        self.check_fits(given, &expr)?;
        let only = given.phase.as_ref().map(Spanned::get_ref);
        let windows = looked_at.flat_map(|variant| &variant.phases);
        let windows = windows.filter(|phase| only.is_none_or(|name| *name == phase.name));
        let longest = windows.map(|phase| phase.load.duration).max();
        let abort = self.abort(given, &expr, longest.unwrap_or_default())?;
        let name = |text: &Option<Text>| text.as_ref().map(|text| text.get_ref().clone());
        Ok(Threshold {
            expr,
            variant: name(&given.variant),
            phase: name(&given.phase),
            request: name(&given.request),
            allow_absent: given
                .allow_absent
                .as_ref()
                .is_some_and(|allowed| *allowed.get_ref()),
            allow_untrusted: given.allow_untrusted.unwrap_or(defaults.allow_untrusted),
            judge: self
                .judge(given.judge.as_ref(), "threshold.judge")?
                .unwrap_or(defaults.judge),
            line: self.source.line(given.expr.span().start),
            abort,
        })
    }

    /// When a threshold ends the run while that goes on; `longest` is that of the windows that it looks at.
    fn abort(
        &self,
        given: &file::Threshold,
        expr: &Expression,
        longest: Duration,
    ) -> Result<Option<Abort>, Error> {
        let after = match given.abort_on_fail.as_ref().map(Spanned::get_ref) {
            Some(file::AbortOnFail::Is(true)) => None,
            Some(file::AbortOnFail::After { after }) => Some(after.0),
            Some(file::AbortOnFail::Is(false)) | None => {
                for (time, name) in [(&given.delay, "delay"), (&given.held, "for")] {
                    if let Some(time) = time {
                        let message = format!(
                            "`{name}` goes with `abort_on_fail = true`: without it a threshold is judged once, when the load is over"
                        );
                        return Err(self.error(time.span(), &format!("threshold.{name}"), message));
                    }
                }
                return Ok(None);
            }
        };
        let place = given.abort_on_fail.as_ref().map(Spanned::span);
        let refused = |message: String| {
            let key = "threshold.abort_on_fail";
            Err(self.source.error(place.clone(), key, message))
        };
        let metric = &expr.metric;
        if let Metric::CpuPerRequest | Metric::Share(_) | Metric::Cost(_) = metric {
            return refused(format!(
                "`{expr}` is known when the load is over; leave `abort_on_fail` out"
            ));
        }
        let delay = match (&given.delay, after) {
            (Some(_), Some(_)) => {
                return refused(
                    "`delay` and `after` say the same; leave one of them out".to_owned(),
                );
            }
            (delay, after) => after.unwrap_or(length(delay.as_ref(), Duration::ZERO)),
        };
        let held = length(given.held.as_ref(), Duration::ZERO);
        if delay.saturating_add(held) >= longest {
            return refused(format!(
                "it would end no run: it waits for {} and the longest window that it looks at has {}; use a shorter `delay` or `for`",
                format_duration(delay.saturating_add(held)),
                format_duration(longest)
            ));
        }
        Ok(Some(Abort { delay, held }))
    }

    /// What is held against limits, if it is said.
    pub(super) fn judge(&self, given: Option<&Text>, key: &str) -> Result<Option<Judge>, Error> {
        let Some(given) = given else { return Ok(None) };
        match given.get_ref().as_str() {
            "interval" => Ok(Some(Judge::Interval)),
            "value" => Ok(Some(Judge::Value)),
            other => {
                let message = format!("`{other}` is not \"interval\" or \"value\"");
                Err(self.error(given.span(), key, message))
            }
        }
    }

    /// An answer with a status is a failure where no request expects it.
    fn check_fails<'a>(
        &self,
        given: &file::Threshold,
        metric: &Metric,
        mut requests: impl Iterator<Item = &'a Request>,
    ) -> Result<(), Error> {
        let status = match metric {
            Metric::Failures(Failure::Status(status))
            | Metric::FailureShare(Failure::Status(status)) => *status,
            _ => return Ok(()),
        };
        let only = given.request.as_ref().map(Spanned::get_ref);
        let expects = |request: &&Request| {
            only.is_none_or(|name| *name == request.name) && request.expect.has_status(status)
        };
        let Some(request) = requests.find(expects) else {
            return Ok(());
        };
        let message = format!(
            "{status} is no error of `{name}`, which expects it; name another request with `request`, or correct its `expect.status`",
            name = request.name
        );
        Err(self.error(given.expr.span(), "threshold.expr", message))
    }

    /// What a threshold is limited to must be in one of the variants that it looks at.
    fn check_is_among<'a>(
        &self,
        name: Option<&Text>,
        key: &str,
        known: impl Iterator<Item = &'a str>,
    ) -> Result<(), Error> {
        let Some(name) = name else { return Ok(()) };
        let mut known: Vec<String> = known.map(str::to_owned).collect();
        known.sort();
        known.dedup();
        if known.contains(name.get_ref()) {
            return Ok(());
        }
        let message = format!(
            "there is no `{}` that this threshold could look at; there is {}",
            name.get_ref(),
            list(&known)
        );
        Err(self.error(name.span(), key, message))
    }

    /// CPU and profile are those of the target as a whole, only patterns may match nothing, and what holds for services that are worse than
    /// the limit is said to be meant.
    fn check_fits(&self, given: &file::Threshold, expr: &Expression) -> Result<(), Error> {
        let metric = &expr.metric;
        match (expr.turned(), &given.allow_worse) {
            (Some(turned), None) => {
                let message = format!(
                    "`{expr}` holds where the service is worse than that: write `{turned}`, or set `allow_worse = true` if it is meant to be"
                );
                return Err(self.error(given.expr.span(), "threshold.expr", message));
            }
            (None, Some(allowed)) => {
                let message = format!("`{expr}` does not ask for anything worse; leave it out");
                return Err(self.error(allowed.span(), "threshold.allow_worse", message));
            }
            _ => {}
        }
        if let Some(request) = &given.request
            && matches!(
                metric,
                Metric::CpuPerRequest | Metric::Share(_) | Metric::Cost(_)
            )
        {
            return Err(self.error(
                request.span(),
                "threshold.request",
                "the target's CPU is not known by request; leave `request` out",
            ));
        }
        if let Some(allowed) = &given.allow_absent
            && !matches!(metric, Metric::Share(_) | Metric::Cost(_))
        {
            return Err(self.error(
                allowed.span(),
                "threshold.allow_absent",
                "only share(…) and cost(…) have a pattern that may match nothing; leave it out",
            ));
        }
        Ok(())
    }

    pub(super) fn cost(&self, cost: &file::Cost) -> Result<CostModel, Error> {
        let positive = |value: Option<&Spanned<f64>>, key: &str, default: f64| match value {
            Some(value) if !(value.get_ref().is_finite() && *value.get_ref() > 0.0) => {
                Err(self.error(value.span(), key, "it must be above 0"))
            }
            Some(value) => Ok(*value.get_ref()),
            None => Ok(default),
        };
        let vcpus = match &cost.vcpus {
            Some(vcpus) if *vcpus.get_ref() == 0 => {
                return Err(self.error(vcpus.span(), "cost.vcpus", "it must be above 0"));
            }
            Some(vcpus) => *vcpus.get_ref(),
            None => 64,
        };
        let target_rate = match &cost.target_rate {
            Some(rate) => Rate::new(rate.get_ref().0)
                .map_err(|error| self.error(rate.span(), "cost.target_rate", error.to_string()))?
                .per_second(),
            None => 20_000.0,
        };
        let utilisation = match &cost.utilisation {
            Some(share) if share.get_ref().0 == 0.0 => {
                return Err(self.error(share.span(), "cost.utilisation", "it must be above 0%"));
            }
            Some(share) => share.get_ref().0,
            None => 0.7,
        };
        Ok(CostModel {
            instance: cost
                .instance
                .clone()
                .unwrap_or_else(|| "c6g.16xlarge".to_owned()),
            vcpus,
            hourly: positive(cost.hourly.as_ref(), "cost.hourly", 2.176)?,
            target_rate,
            utilisation,
            assumed: cost.instance.is_none()
                && cost.vcpus.is_none()
                && cost.hourly.is_none()
                && cost.target_rate.is_none()
                && cost.utilisation.is_none(),
        })
    }
}
