//! Where a run stands. Whoever tells it of something says when that was: it reads no clock.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use super::side::{Counted, Passed, Side};
use crate::experiment::{Live, PhaseStart, Planned};
use crate::pacer::Schedule;
use crate::result::PhaseResult;
use crate::scenario::LoadModel;
use crate::units::printable;

/// What is known of a run while it goes on. Memory does not grow with time.
#[derive(Debug, Default)]
pub struct Standing {
    /// The scenario's name.
    pub(super) scenario: String,
    pub(super) planned: Vec<Planned>,
    /// The stretch of load under way.
    pub(super) stretch: Option<Stretch>,
    /// What was counted in all launches so far.
    pub(super) counted: BTreeMap<Place, Counted>,
}

/// Whose load it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) variant: String,
    pub(super) phase: String,
    pub(super) profiled: bool,
}

/// A stretch of load under way.
#[derive(Debug)]
pub(super) struct Stretch {
    pub(super) place: Place,
    /// The variant that has the other turns.
    pub(super) with: Option<String>,
    pub(super) round: (u32, u32),
    pub(super) target_cpus: f64,
    /// Its place in the plan, from 0.
    pub(super) at: Option<usize>,
    pub(super) began: Instant,
    pub(super) warmup: Duration,
    /// Warm-up and window.
    pub(super) length: Option<Duration>,
    schedule: Option<Schedule>,
    /// The figures of its variant.
    pub(super) own: Side,
    /// Those of the variant that has the other turns.
    pub(super) other: Side,
}

impl Standing {
    /// Of a run of the scenario of this name.
    pub fn of(scenario: &str) -> Self {
        Self {
            scenario: printable(scenario).into_owned(),
            ..Self::default()
        }
    }

    /// A run begins with these stretches of load.
    pub fn plan(&mut self, stretches: &[Planned]) {
        self.planned = stretches.to_vec();
    }

    /// A stretch begins now.
    pub fn begin(&mut self, phase: &PhaseStart<'_>, now: Instant) {
        let is_it = |of: &Planned| {
            (&*of.variant, &*of.phase, of.round, of.profiled)
                == (phase.variant, phase.phase, phase.round.0, phase.profiled)
        };
        let schedule = match &phase.load.model {
            LoadModel::Open { pace, .. } => Some(Schedule::new(pace, phase.load.warmup)),
            LoadModel::Closed => None,
        };
        let place = Place {
            variant: printable(phase.variant).into_owned(),
            phase: printable(phase.phase).into_owned(),
            profiled: phase.profiled,
        };
        let side =
            |place: &Place| Side::after(self.counted.get(place).copied().unwrap_or_default());
        let other = phase.with.map(|with| side(&place.of(with)));
        self.stretch = Some(Stretch {
            own: side(&place),
            other: other.unwrap_or_default(),
            place,
            with: phase.with.map(|with| printable(with).into_owned()),
            round: phase.round,
            target_cpus: phase.target_cpus,
            at: self.planned.iter().position(is_it),
            began: now,
            warmup: warmup(phase),
            length: phase.length,
            schedule,
        });
    }

    /// An interval of this variant is over.
    pub fn add(&mut self, variant: &str, live: &Live<'_>) -> Passed {
        let Some(stretch) = &mut self.stretch else {
            return Passed::NoLine;
        };
        let place = stretch.place.of(variant);
        self.counted.entry(place).or_default().add(live);
        stretch.add(variant, live)
    }

    /// The stretch is over, with what was found in it by variant: what came too late for an interval is counted now.
    pub fn end(&mut self, found: &[(&str, &PhaseResult)]) {
        let Some(stretch) = self.stretch.take() else {
            return;
        };
        for (variant, found) in found {
            let all = stretch.side(variant).before.with(&found.total());
            let counted = self.counted.entry(stretch.place.of(variant)).or_default();
            counted.raise(&all);
        }
    }

    /// Whether a stretch is under way.
    pub fn is_under_way(&self) -> bool {
        self.stretch.is_some()
    }

    /// Its number, from 1, and how many there are; `None` if no stretch is under way, or none is planned.
    pub(super) fn number(&self) -> Option<(usize, usize)> {
        let at = self.stretch.as_ref()?.at?;
        Some((at + 1, self.planned.len()))
    }

    /// How much load is left of the whole run; `None` if that is not known, for a number of requests takes as long as it takes.
    /// Launches of targets, and answers that are late, come on top.
    pub fn left(&self, now: Instant) -> Option<Duration> {
        let stretch = self.stretch.as_ref()?;
        let of_this = stretch.length?.saturating_sub(stretch.elapsed(now));
        let rest = self.planned.get(stretch.at? + 1..)?;
        rest.iter()
            .try_fold(of_this, |left, of| Some(left + of.length?))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let profiled = if self.profiled { " (profiled)" } else { "" };
        write!(f, "{} · {}{profiled}", self.variant, self.phase)
    }
}

impl Place {
    /// The same of this variant.
    pub(super) fn of(&self, variant: &str) -> Self {
        Self {
            variant: printable(variant).into_owned(),
            ..self.clone()
        }
    }
}

impl Stretch {
    /// What a line calls it for a variant.
    pub(super) fn named(&self, variant: &str) -> String {
        let place = self.place.of(variant);
        match &self.with {
            Some(with) if *with == place.variant => {
                format!("{place}, in turns with {}", self.place.variant)
            }
            Some(with) => format!("{place}, in turns with {with}"),
            None => place.to_string(),
        }
    }

    /// The figures of a variant.
    pub(super) fn side(&self, variant: &str) -> &Side {
        match self.is_other(variant) {
            true => &self.other,
            false => &self.own,
        }
    }

    /// Each variant with its figures.
    pub(super) fn sides(&self) -> impl Iterator<Item = (Place, &Side)> {
        let other = self.with.as_deref();
        let other = other.map(|with| (self.place.of(with), &self.other));
        [(self.place.clone(), &self.own)].into_iter().chain(other)
    }

    fn is_other(&self, variant: &str) -> bool {
        let with = self.with.as_deref();
        with.is_some_and(|with| with == printable(variant))
    }

    fn add(&mut self, variant: &str, live: &Live<'_>) -> Passed {
        let end = live.start + live.length;
        let planned = self.planned_until(end);
        let planned = planned.zip(self.planned_until(live.start));
        let planned = planned.map(|(until_now, before)| until_now - before);
        match self.is_other(variant) {
            true => self.other.add(live, planned),
            false => self.own.add(live, planned),
        }
    }

    /// Requests a second that the schedule asks for in a window of this length; `None` in a closed loop.
    pub(super) fn planned_rate(&self, window: Duration) -> Option<f64> {
        let planned = self.planned_until(window)? - self.planned_until(Duration::ZERO)?;
        (!window.is_zero()).then(|| planned / window.as_secs_f64())
    }

    /// Requests that are planned until an instant of the window, warm-up included.
    fn planned_until(&self, at: Duration) -> Option<f64> {
        let schedule = self.schedule.as_ref()?;
        Some(schedule.requests_before((self.warmup + at).as_nanos() as u64))
    }

    /// Since its beginning, but no longer than it lasts.
    pub(super) fn elapsed(&self, now: Instant) -> Duration {
        let elapsed = now.saturating_duration_since(self.began);
        self.length.map_or(elapsed, |length| elapsed.min(length))
    }
}

/// How long it warms up; where two take turns both of them do so.
fn warmup(phase: &PhaseStart<'_>) -> Duration {
    let load = phase.load;
    match phase.with.and(phase.length) {
        Some(both) => both.mul_f64(load.warmup.div_duration_f64(load.warmup + load.duration)),
        None => load.warmup,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ErrorKind;
    use crate::report::live::samples::{live, planned, start};
    use crate::report::live::side::TREND;

    #[test]
    fn time_left_is_that_of_the_whole_run() {
        let began = Instant::now();
        let after = |seconds| began + Duration::from_secs(seconds);
        let mut standing = Standing::of("t");
        standing.plan(&[
            planned("a", Some(10)),
            planned("b", Some(20)),
            planned("c", Some(30)),
        ]);
        assert_eq!(standing.left(began), None);
        standing.begin(&start("b", Some(20)), began);
        assert_eq!(standing.number(), Some((2, 3)));
        assert_eq!(standing.left(after(5)), Some(Duration::from_secs(45)));
        // Late answers do not eat the next phase's time.
        assert_eq!(standing.left(after(25)), Some(Duration::from_secs(30)));
        // A number of requests takes as long as it takes.
        standing.planned[2].length = None;
        assert_eq!(standing.left(began), None);
        standing.end(&[]);
        assert_eq!(standing.number(), None);
        // What is not planned has no place.
        standing.begin(&start("d", Some(20)), began);
        assert_eq!((standing.number(), standing.left(began)), (None, None));
    }

    #[test]
    fn two_that_take_turns_warm_up_for_as_long_as_both_do() {
        let alone = start("a", None);
        let both = 2 * (alone.load.warmup + alone.load.duration);
        let in_turns = PhaseStart {
            with: Some("other"),
            length: Some(both),
            ..alone
        };
        let mut standing = Standing::of("t");
        for (begun, warmup) in [(alone, 2), (in_turns, 4)] {
            standing.begin(&begun, Instant::now());
            let of = standing.stretch.as_ref().unwrap();
            assert_eq!(of.warmup, Duration::from_secs(warmup));
        }
    }

    #[test]
    fn every_ten_seconds_pass_once_and_nothing_grows() {
        let mut standing = Standing::of("t");
        assert_eq!(live(|of| standing.add("new", of), 0), Passed::NoLine);
        standing.begin(&start("a", None), Instant::now());
        let passed: Vec<u64> = (0..65)
            .filter(|at| live(|of| standing.add("new", of), *at) == Passed::ALine)
            .collect();
        assert_eq!(passed, [9, 19, 29, 39, 49, 59]);
        let stretch = standing.stretch.as_ref().unwrap();
        assert_eq!(stretch.own.trend.len(), TREND);
        assert_eq!(stretch.own.errors.iter().sum::<u64>(), 65 * 3);
        let counted = standing.counted.values().next().unwrap();
        assert_eq!((counted.ok, counted.latencies), (65 * 100, 65 * 100));
        // A second launch of it counts on.
        standing.begin(&start("a", None), Instant::now());
        live(|of| standing.add("new", of), 0);
        assert_eq!(
            standing
                .stretch
                .as_ref()
                .unwrap()
                .own
                .errors
                .iter()
                .sum::<u64>(),
            3
        );
        assert_eq!(standing.counted.values().next().unwrap().ok, 66 * 100);
    }

    #[test]
    fn two_that_take_turns_have_figures_of_their_own() {
        let mut standing = Standing::of("t");
        let in_turns = PhaseStart {
            with: Some("other"),
            ..start("a", Some(60))
        };
        standing.begin(&in_turns, Instant::now());
        live(|of| standing.add("new", of), 0);
        let passed = |standing: &mut Standing, at| live(|of| standing.add("other", of), at);
        assert_eq!(passed(&mut standing, 8), Passed::NoLine);
        assert_eq!(passed(&mut standing, 9), Passed::ALine);
        let stretch = standing.stretch.as_ref().unwrap();
        let places: Vec<_> = stretch.sides().map(|(place, _)| place.variant).collect();
        assert_eq!(places, ["new", "other"]);
        assert!(stretch.sides().all(|(_, side)| side.second.is_some()));
        assert_eq!(
            (stretch.own.passed.as_secs(), stretch.other.passed.as_secs()),
            (1, 10)
        );
        assert_eq!(stretch.named("other"), "other · a, in turns with new");
    }

    #[test]
    fn what_came_too_late_for_an_interval_is_counted_at_the_end() {
        let mut standing = Standing::of("t");
        let mut found = crate::result::samples::phase(|tally| {
            crate::result::samples::ok(tally, 130, 2_000);
            crate::result::samples::failed(tally, 5, ErrorKind::Status);
        });
        for launch in 1..=2 {
            standing.begin(&start("a", None), Instant::now());
            live(|of| standing.add("new", of), 0);
            standing.end(&[("new", &found)]);
            let counted = standing.counted.values().next().unwrap();
            assert_eq!(
                (counted.ok, counted.latencies),
                (130 * launch, 130 * launch)
            );
            assert_eq!(counted.errors[ErrorKind::Status as usize], 5 * launch);
            assert!((counted.latency_sum / (0.26 * launch as f64) - 1.0).abs() < 0.01);
        }
        // No counter falls, whatever is found.
        standing.begin(&start("a", None), Instant::now());
        live(|of| standing.add("new", of), 0);
        found.tallies.clear();
        standing.end(&[("new", &found)]);
        assert_eq!(standing.counted.values().next().unwrap().ok, 360);
    }
}
