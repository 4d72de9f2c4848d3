//! What a run is held to: thresholds → [`Threshold`], prices → [`CostModel`].

use toml::Spanned;

use super::resolver::Resolver;
use crate::scenario::plan::threshold::{Expression, Metric};
use crate::scenario::plan::{CostModel, Judge, Threshold, Variant};
use crate::scenario::read::error::Error;
use crate::scenario::read::file::{self, Text};
use crate::units::{Rate, list};

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
        let phases = seen.clone().flat_map(|variant| &variant.phases);
        let phases = phases.map(|phase| phase.name.as_str());
        self.check_is_among(given.phase.as_ref(), "threshold.phase", phases)?;
        let requests = seen.flat_map(|variant| &variant.requests);
        let requests = requests.map(|request| request.name.as_str());
        self.check_is_among(given.request.as_ref(), "threshold.request", requests)?;
        self.check_fits(given, &expr.metric)?;
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
        })
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

    /// CPU and profile are those of the target as a whole, and only patterns may match nothing.
    fn check_fits(&self, given: &file::Threshold, metric: &Metric) -> Result<(), Error> {
        if let Some(request) = &given.request
            && !matches!(
                metric,
                Metric::Latency(_)
                    | Metric::FirstByte(_)
                    | Metric::ErrorRate
                    | Metric::Resent
                    | Metric::ResentShare
                    | Metric::Throughput
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
