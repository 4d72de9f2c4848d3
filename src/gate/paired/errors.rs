//! Errors, ends and other answers, which are judged before speed: an arm that answers wrongly is fast for nothing.

use std::collections::BTreeMap;

use super::verdict::{Answered, ErrorVerdict};
use super::words;
use crate::gate::Verdict;
use crate::metrics::{ErrorKind, Tally};
use crate::result::{ArmBlock, Arms, Block, Down, Turns};
use crate::scenario::plan::gate::Answers;
use crate::statistics::sign_flip;
use crate::units::format_share;

/// Launches in which the head must have been down, or not answered at all, to have failed: what happens once may be chance.
const TWICE: usize = 2;
/// Share of failed requests from which the base is not loaded as planned, so that nothing is compared with it.
const ERRING: f64 = 0.01;
/// Share of failed requests from which a head that fails more than its base does not pass, however few launches show it.
const NOTABLE: f64 = 0.001;
/// By how much the shares of a class of status may differ.
const CLASS_SHARE: f64 = 0.01;
/// By how much the head's bodies may be smaller.
const SMALLER: f64 = 0.05;

/// What errors come to.
#[derive(Debug)]
pub(super) struct Errors {
    pub(super) verdict: ErrorVerdict,
    /// Whether more launches would not change it.
    pub(super) is_plain: bool,
    /// Why nothing can be compared.
    pub(super) invalid: Option<String>,
    /// What the arms answer differently, for which the head's speed is no merit.
    pub(super) differs: Option<String>,
}

/// What one arm did on one launch, or on all.
#[derive(Debug, Default)]
struct Served {
    /// Whether it was loaded at all: where one arm is not up, none is.
    is_loaded: bool,
    ok: u64,
    failed: u64,
    /// OK answers that were complete in their turn, and the bytes of bodies in those turns.
    completed: u64,
    body: u64,
    /// Answers by class of status.
    classes: [u64; 10],
    errors: BTreeMap<ErrorKind, u64>,
    exemplars: BTreeMap<ErrorKind, String>,
    died: Option<Down>,
}

impl Served {
    fn add(&mut self, arm: &ArmBlock) {
        for turns in turns(arm) {
            self.is_loaded |= turns.count > 0;
            turns.tallies.iter().for_each(|of| self.count(of));
            for (kind, words) in &turns.exemplars {
                let first = self.exemplars.entry(*kind);
                first.or_insert_with(|| words.clone());
            }
        }
        // The end of a log has several lines, and a reason is one.
        let joined = |words: &str| words.split_whitespace().collect::<Vec<_>>().join(" ");
        let died = arm.died.as_ref().map(|down| match down {
            Down::Unready(words) => Down::Unready(joined(words)),
            Down::Ended(words) => Down::Ended(joined(words)),
        });
        self.died = self.died.take().or(died);
    }

    fn count(&mut self, tally: &Tally) {
        self.ok += tally.ok;
        self.failed += tally.failed;
        self.completed += tally.completed_ok;
        self.body += tally.received_body;
        for (status, count) in &tally.status {
            self.classes[usize::from(*status / 100).min(9)] += count;
        }
        for (kind, count) in tally.error_counts() {
            *self.errors.entry(kind).or_default() += count;
        }
    }

    /// Whether it answered nothing that is OK although it was loaded.
    fn is_mute(&self) -> bool {
        self.is_loaded && self.ok + self.completed == 0
    }

    fn counts(&self) -> (u64, u64) {
        (self.failed, self.ok + self.failed)
    }

    fn rate(&self) -> f64 {
        rate(self.counts())
    }

    /// Mean size of the body of an OK answer, bytes.
    fn body(&self) -> Option<f64> {
        let is_known = self.completed > 0;
        is_known.then(|| self.body as f64 / self.completed as f64)
    }

    /// The share of a class of status.
    fn class(&self, class: usize) -> f64 {
        let all: u64 = self.classes.iter().sum();
        self.classes[class] as f64 / all.max(1) as f64
    }

    /// The most frequent failure, in words.
    fn first_failure(&self) -> String {
        let worst = self.errors.iter().max_by_key(|(_, count)| **count);
        let words = worst.and_then(|(kind, count)| {
            let such = self.exemplars.get(kind)?;
            Some(format!("; {count} × {kind}, such as: {such}"))
        });
        words.unwrap_or_default()
    }
}

fn rate((failed, ended): (u64, u64)) -> f64 {
    failed as f64 / ended.max(1) as f64
}

fn turns(arm: &ArmBlock) -> impl Iterator<Item = &Turns> {
    [&arm.closed].into_iter().chain(&arm.open)
}

fn served(blocks: &[&Block]) -> Arms<Served> {
    let mut served = Arms::<Served>::default();
    for block in blocks {
        served.base.add(&block.arms.base);
        served.head.add(&block.arms.head);
    }
    served
}

/// Errors of all launches, where a difference with a probability of `level` or less by chance is none of chance.
pub(super) fn judge(launches: &[Vec<&Block>], level: f64, answers: Answers) -> Errors {
    let by_launch: Vec<Arms<Served>> = launches.iter().map(|blocks| served(blocks)).collect();
    let all = served(&launches.concat());
    let differs = differs(&all);
    let plain = silenced(&by_launch, &all);
    let is_plain = matches!(plain, Some((Verdict::Fail, _)));
    let (verdict, reason) = plain.map_or_else(
        || {
            let is_loaded = all.base.is_loaded || all.head.is_loaded;
            let found = is_loaded.then(|| compared(&by_launch, &all, level));
            found.map_or((None, None), |(verdict, reason)| (Some(verdict), reason))
        },
        |(verdict, reason)| (Some(verdict), Some(reason)),
    );
    let reasons = reason.into_iter().chain(differs.clone());
    let reasons: Vec<String> = reasons.collect();
    Errors {
        verdict: ErrorVerdict {
            base: all.base.counts(),
            head: all.head.counts(),
            verdict,
            reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
        },
        is_plain,
        invalid: invalid(&by_launch, &all),
        differs: differs.filter(|_| answers == Answers::Alike),
    }
}

/// Why the base is nothing to compare with.
fn invalid(by_launch: &[Arms<Served>], all: &Arms<Served>) -> Option<String> {
    if let Some(down) = by_launch.iter().find_map(|of| of.base.died.as_ref()) {
        return Some(format!("the base {}: {}", down.what(), down.words()));
    }
    if by_launch.is_empty() {
        return Some("no block was measured".to_owned());
    }
    let mute = all.base.is_mute();
    mute.then(|| {
        format!(
            "the base gave no OK answer at all{}",
            all.base.first_failure()
        )
    })
}

/// A head that ended by itself, or answered nothing that is OK, where the base answered.
fn silenced(by_launch: &[Arms<Served>], all: &Arms<Served>) -> Option<(Verdict, String)> {
    let of = by_launch.len();
    let judged = |often: usize, words: String| {
        let verdict = if often >= TWICE {
            Verdict::Fail
        } else {
            Verdict::Inconclusive
        };
        Some((verdict, words))
    };
    let died = by_launch.iter().filter_map(|of| of.head.died.as_ref());
    let died: Vec<&Down> = died.collect();
    if let Some(down) = died.first() {
        let often = died.len();
        let words = format!(
            "the head {} in {often} of {of} launches: {}",
            down.what(),
            down.words()
        );
        return judged(often, words);
    }
    let mute = by_launch.iter().filter(|of| of.head.is_mute()).count();
    let failure = all.head.first_failure();
    let words = format!("the head gave no OK answer in {mute} of {of} launches{failure}");
    (mute > 0).then(|| judged(mute, words)).flatten()
}

fn compared(
    by_launch: &[Arms<Served>],
    all: &Arms<Served>,
    level: f64,
) -> (Verdict, Option<String>) {
    let of = by_launch.len();
    let unsure = |reason: String| (Verdict::Inconclusive, Some(reason));
    let (base, head) = (all.base.rate(), all.head.rate());
    // How large a difference is does not count: one launch with many errors is one launch.
    let signs: Vec<f64> = by_launch
        .iter()
        .map(|of| of.head.rate() - of.base.rate())
        .filter(|by| *by != 0.0)
        .map(f64::signum)
        .collect();
    let more = signs.iter().filter(|sign| **sign > 0.0).count();
    let p = sign_flip(&signs);
    let words = format!(
        "{} of the head's requests failed, {} of the base's; the head failed more in {more} of {of} launches{}",
        format_share(head),
        format_share(base),
        all.head.first_failure()
    );
    if head > base && p <= level {
        return (Verdict::Fail, Some(words));
    }
    if base >= ERRING {
        return unsure(format!(
            "{} of the base's requests failed, so that it was not loaded as planned{}",
            format_share(base),
            all.base.first_failure()
        ));
    }
    if is_suspect(base, head, more) {
        return unsure(words);
    }
    (Verdict::Pass, (head > base).then_some(words))
}

/// Whether a head that failed more often than its base in so many launches does not pass, although chance may explain it.
fn is_suspect(base: f64, head: f64, launches: usize) -> bool {
    let is_notable = head >= NOTABLE && head > 2.0 * base;
    is_notable || (base == 0.0 && launches >= TWICE)
}

/// What the head answered, for a baseline.
pub(super) fn answered(launches: &[Vec<&Block>]) -> Answered {
    let head = served(&launches.concat()).head;
    let (failed, ended) = head.counts();
    Answered {
        failed,
        ended,
        body: head.body(),
    }
}

/// In what the answers of the head are worse than those that were stored, in words. Nothing is known of `None`.
pub(super) fn worse_than(
    stored: Option<Answered>,
    launches: &[Vec<&Block>],
    answers: Answers,
) -> Option<String> {
    let now = served(&launches.concat()).head;
    let failing = launches.iter().filter(|of| served(of).head.failed > 0);
    let before = stored.map(|of| rate((of.failed, of.ended)));
    if is_suspect(before.unwrap_or(0.0), now.rate(), failing.count()) {
        let before = before.map_or_else(
            || "how many of the baseline's did is not stored".to_owned(),
            |rate| format!("{} of the baseline's", format_share(rate)),
        );
        return Some(format!(
            "{} of the head's requests failed, {before}{}",
            format_share(now.rate()),
            now.first_failure()
        ));
    }
    let (before, now) = stored?.body.zip(now.body())?;
    let is_smaller = is_smaller(before, now) && answers == Answers::Alike;
    is_smaller.then(|| {
        format!(
            "the head answers something else: its bodies have {now:.0} bytes, the baseline's {before:.0}; needs {}",
            words::NEEDS_ANSWERS
        )
    })
}

fn is_smaller(base: f64, head: f64) -> bool {
    head < base * (1.0 - SMALLER)
}

/// What the head answers otherwise than the base.
fn differs(all: &Arms<Served>) -> Option<String> {
    let is_other = |class: &usize| {
        let by = all.head.class(*class) - all.base.class(*class);
        by.abs() > CLASS_SHARE
    };
    if let Some(class) = (0..all.base.classes.len()).find(is_other) {
        let share = |of: &Served| format_share(of.class(class));
        return Some(format!(
            "the head answers something else: {} of its answers have a status of {class}xx, {} of the base's",
            share(&all.head),
            share(&all.base)
        ));
    }
    let (base, head) = all.base.body().zip(all.head.body())?;
    is_smaller(base, head).then(|| {
        format!(
            "the head answers something else: its bodies have {head:.0} bytes, the base's {base:.0}"
        )
    })
}
