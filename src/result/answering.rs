//! For how much of a window a target answered, and whether it still did at its end. Pure.
//!
//! A rate of failures does not tell that of a closed loop: a refused connection takes 20 ms, an answer 30 µs. So it is judged by time,
//! and only by time in which requests waited: a target that nobody asks is not dead.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::metrics::{Answered, Answers, Late, Served, Silence, Tally, Unanswered, value_at};
use crate::scenario::{Load, LoadModel};

/// A silence of a smaller share of the window changes no figure by as much as is ever told: the limit of the planned rate.
const SMALL_SHARE: f64 = 0.01;

/// No silence that is shorter is called long, s: on a busy machine all stand still for as long now and then.
const SHORTEST_STALL: f64 = 0.1;

/// A silence is long if it is this many times the target's slow answers.
const STALL_FACTOR: f64 = 10.0;

/// Requests that wait for this many times the target's slow answers are not answered any more.
const GONE_FACTOR: f64 = 3.0;

/// More failures of each connection of a closed loop than this are not requests that wait for a slow answer.
const FAILURES: u64 = 10;

/// A silence at the end of the window that ended in the drain is no pause, as of a garbage collector, if it is of this share of the
/// window, and of [`PAUSE`].
const END_SHARE: f64 = 0.1;

/// The longest pause that a target takes by itself now and then, s.
const PAUSE: f64 = 1.0;

/// Chance below which a run of failures is not one of the target's usual ones.
const CHANCE: f64 = 0.01;

/// OK answers from which p99 rests on ten or more: with fewer, p90 is what an answer takes.
const ENOUGH: u64 = 1_000;

/// OK answers without those that waited through a silence, from which they tell what an answer takes.
const FEWEST: f64 = 10.0;

/// A time without an OK answer, s since the start of the window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quiet {
    /// When it began.
    pub from: f64,
    /// Its length.
    pub seconds: f64,
}

/// A target that was asked until the end of a window and did not answer any more.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Gone {
    /// When the last OK answer came, s since the start of the window; 0 if none did.
    pub from: f64,
    /// Whether it answered, but with nothing that was expected.
    pub answers: bool,
}

/// How a target answered over a window.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Answering {
    /// Length of the window, s.
    pub window: f64,
    /// That without the long silences, s.
    pub answered: f64,
    /// The longest time in which requests waited and no OK answer came.
    pub longest: Option<Quiet>,
    /// The same, if it is long against what answers take, and the target answered again.
    pub stall: Option<Quiet>,
    /// It answered no more.
    pub gone: Option<Gone>,
}

/// How a target answered over the window of a launch, in all and in parts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Answerings {
    /// All requests to the target.
    pub whole: Answering,
    /// By request, in the order of the plan.
    pub requests: Vec<Answering>,
    /// By instance, where there are several.
    pub instances: Vec<Answering>,
    /// Share of the connections' time that went into requests without an OK answer, in a closed loop.
    pub lost_share: Option<f64>,
    /// When the process of a target that runs by itself was seen last before it ended, s since the start of the window.
    pub process_ended: Option<f64>,
}

/// What a launch came to, as far as it tells that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Launch<'a> {
    pub(crate) load: &'a Load,
    pub(crate) answered: &'a Answered,
    pub(crate) tallies: &'a [Tally],
    /// Indices of the requests to other hosts than the target.
    pub(crate) elsewhere: &'a [usize],
    /// By instance, where there are several.
    pub(crate) served: &'a [Served],
    /// Length of the window, s.
    pub(crate) window: f64,
    /// Of that, what the generator itself did not run, s.
    pub(crate) own_stop: f64,
    pub(crate) process_ended: Option<f64>,
}

impl Answerings {
    pub(crate) fn of(launch: &Launch<'_>) -> Self {
        let total = Tally::sum(launch.tallies);
        let answers = Answers::sum(&launch.answered.requests);
        let is_closed = launch.load.model == LoadModel::Closed;
        let known = |answers, ok, failed, tally| {
            let known = Known {
                answers,
                ok,
                failed,
                tally,
                at_once: is_closed.then_some(launch.load.connections),
                ok_of_all: total.ok,
                window: launch.window,
                own_stop: launch.own_stop,
            };
            known.answering()
        };
        let requests = launch.answered.requests.iter().zip(launch.tallies);
        let instances = launch.answered.instances.iter().zip(launch.served);
        let time = launch.window * f64::from(launch.load.connections);
        let late_share = answers.late().count as f64 / total.ok.max(1) as f64;
        let usual = slow(&total, late_share);
        let (own, own_answers) = launch.of_target();
        let lost = seconds(answers.lost_ns()) + late(answers.late(), launch.window, usual);
        Self {
            whole: known(&own_answers, own.ok, own.failed, &own),
            requests: requests
                .map(|(answers, tally)| known(answers, tally.ok, tally.failed, tally))
                .collect(),
            instances: instances
                .map(|(answers, served)| known(answers, served.ok, served.failed, &own))
                .collect(),
            lost_share: (is_closed && time > 0.0).then(|| (lost / time).min(1.0)),
            process_ended: launch.process_ended,
        }
    }
}

impl Launch<'_> {
    /// What the target answered, without what other hosts did.
    fn of_target(&self) -> (Tally, Answers) {
        let (mut tally, mut answers) = (Tally::default(), Answers::default());
        let both = self.tallies.iter().zip(&self.answered.requests);
        for (at, (counted, noted)) in both.enumerate() {
            if !self.elsewhere.contains(&at) {
                tally.add(counted);
                answers.add(noted);
            }
        }
        (tally, answers)
    }
}

/// Time that was lost to answers which came after the window, s, if they had taken long by then: all connections wait for one when a
/// window ends.
fn late(late: Late, window: f64, slow: f64) -> f64 {
    let waited = seconds(late.waited_ns);
    let each = waited / late.count.max(1) as f64;
    if each >= at_the_end(window, slow) {
        waited
    } else {
        0.0
    }
}

/// How long a request must have waited at the end of a window to be taken for one that was not answered, if it was later, s.
fn at_the_end(window: f64, slow: f64) -> f64 {
    PAUSE.max(END_SHARE * window).max(STALL_FACTOR * slow)
}

/// From where on an answer of a closed loop is long, s: through its longest silence one request of each connection waited, in all launches
/// together `at_once`.
pub(crate) fn long(total: &Tally, at_once: f64, own_stop: f64) -> f64 {
    long_of(slow(total, at_once / total.ok.max(1) as f64), own_stop)
}

fn long_of(slow: f64, own_stop: f64) -> f64 {
    (STALL_FACTOR * slow)
        .max(SHORTEST_STALL)
        .max(2.0 * own_stop)
}

/// What slow answers take, s, without the share of them that waited through a silence: these took as long as it did, whatever an answer
/// takes.
fn slow(tally: &Tally, waited: f64) -> f64 {
    let quantile = if tally.ok < ENOUGH { 0.9 } else { 0.99 };
    let others = 1.0 - waited.min(1.0);
    let tell = others * tally.ok as f64 >= FEWEST;
    let quantile = if tell { quantile * others } else { quantile };
    value_at(&tally.latency, quantile) / 1e6
}

/// What there is to be known of requests of one kind, or to one instance.
#[derive(Debug, Clone, Copy)]
struct Known<'a> {
    answers: &'a Answers,
    ok: u64,
    failed: u64,
    /// What tells how long answers take.
    tally: &'a Tally,
    /// Requests that wait at once at most, in a closed loop.
    at_once: Option<u32>,
    /// OK answers of the whole phase.
    ok_of_all: u64,
    window: f64,
    own_stop: f64,
}

impl Known<'_> {
    fn answering(self) -> Answering {
        let length = (self.window * 1e9) as u64;
        let last = self.answers.last_ok().unwrap_or(0);
        let silences = self.answers.silences(length);
        let mut lengths: Vec<f64> = silences
            .iter()
            .filter(|of| of.end <= last)
            .map(|of| seconds(of.length()))
            .collect();
        lengths.sort_by(f64::total_cmp);
        // Two as long are a habit.
        let usual = lengths.iter().rev().nth(1).copied().unwrap_or(0.0);
        let slow = self.slow(&silences, usual);
        let long = long_of(slow, self.own_stop);
        let quiet = |of: &Silence| Quiet {
            from: seconds(of.begin),
            seconds: seconds(of.length()),
        };
        let longest = silences.iter().max_by_key(|of| of.length()).map(quiet);
        let answers_later = self.answers.late().count > 0;
        let unanswered = self.answers.unanswered().filter(|_| !answers_later);
        let refused = unanswered.filter(|since| self.is_gone(*since, usual));
        let at_end = silences.last().filter(|of| of.end >= length);
        let at_end = at_end.filter(|of| {
            let quiet = seconds(of.length());
            answers_later
                && quiet >= at_the_end(self.window, slow)
                && quiet >= (2.0 * usual).max(2.0 * self.own_stop)
        });
        let gone = (refused.is_some() || at_end.is_some()).then(|| Gone {
            from: seconds(last),
            answers: refused.is_some_and(|since| since.refused > 0),
        });
        let is_stall = |of: &&Silence| gone.is_none() || of.end <= last;
        let stalls = silences.iter().filter(is_stall).map(quiet);
        let stalls = stalls.filter(|of| of.seconds >= long);
        let (stall, stalled) = stalls.fold((None, 0.0), |(worst, sum), of: Quiet| {
            let worst = worst.filter(|worst: &Quiet| worst.seconds >= of.seconds);
            (Some(worst.unwrap_or(of)), sum + of.seconds)
        });
        let silent = stalled + gone.map_or(0.0, |gone| self.window - gone.from);
        Answering {
            window: self.window,
            answered: (self.window - silent).max(0.0),
            longest,
            stall,
            gone,
        }
    }

    /// What slow answers take, s, given the silences and the second longest of them. Behind a silence of an open loop requests wait for
    /// those before them, for as long as that takes: then the median of what was due earlier tells more.
    fn slow(&self, silences: &[Silence], usual: f64) -> f64 {
        let slow = slow(self.tally, self.waited_share(silences));
        let longest = silences.iter().max_by_key(|of| of.length());
        let longest = longest.filter(|of| seconds(of.length()) >= 2.0 * usual);
        let earlier = longest.map_or(0.0, |of| seconds(of.begin) / self.window);
        if self.at_once.is_some() || earlier * (self.tally.ok as f64) < FEWEST {
            return slow;
        }
        slow.min(value_at(&self.tally.latency, earlier / 2.0) / 1e6)
    }

    /// Share of the OK answers whose requests waited through the longest silence, or in an open loop through one of half its length: there
    /// as many are due in each time.
    fn waited_share(&self, silences: &[Silence]) -> f64 {
        let ok = self.tally.ok.max(1) as f64;
        if let Some(connections) = self.at_once {
            return f64::from(connections) / ok;
        }
        let lengths = silences.iter().map(|of| of.length());
        let longest = lengths.clone().max().unwrap_or(0);
        let silent: u64 = lengths.filter(|length| *length >= longest / 2).sum();
        let late = self.answers.late().count as f64 / ok;
        (seconds(silent) / self.window).max(late)
    }

    /// Whether what was asked since the last OK answer tells that the target answers no more, given the second longest silence before.
    fn is_gone(self, since: Unanswered, usual: f64) -> bool {
        let begun = seconds(since.first);
        let within = self.window - begun;
        // Those that were under way at the end of the window had the drain too.
        let waited = seconds(since.until).max(self.window) - begun;
        let before = self.failed.saturating_sub(since.count) as f64;
        let rate = match self.ok {
            0 => 1.0 / (self.ok_of_all as f64 + 2.0),
            ok => (before + 1.0) / (ok as f64 + before + 2.0),
        };
        let most = self.at_once.map(|most| FAILURES * u64::from(most));
        let is_refused = most.is_some_and(|most| since.count > most);
        within > SMALL_SHARE * self.window
            && (is_refused || waited >= GONE_FACTOR * slow(self.tally, 0.0))
            && waited >= 2.0 * usual
            && waited >= SHORTEST_STALL.max(2.0 * self.own_stop)
            && rate.powf(since.count as f64) < CHANCE
    }
}

impl Gone {
    /// In words; `whom` may be a place, after a blank.
    pub fn words(self, whom: &str) -> String {
        let what = if self.answers {
            "no OK answer came"
        } else {
            "nothing answered"
        };
        let from = in_words(self.from);
        if self.from > 0.0 {
            format!("{what}{whom} from {from} on")
        } else {
            format!("{what}{whom} in the whole window")
        }
    }
}

/// An instant or a time of a window in words.
pub(crate) fn in_words(seconds: f64) -> String {
    if seconds >= 1.0 {
        return format!("{seconds:.1} s");
    }
    crate::units::format_duration(Duration::from_millis((seconds * 1e3).round() as u64))
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

#[cfg(test)]
#[path = "answering_tests.rs"]
mod tests;
