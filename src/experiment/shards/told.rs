//! What a reader of a merged run should know: doubts by shard, shards that stand apart, and what the distance of their beginnings does. Pure.

use std::time::Duration;

use super::set::{Set, phase};
use crate::experiment::instances::uneven;
use crate::experiment::notes;
use crate::result::{
    Cause, Doubt, MergedShard, Note, PhaseResult, Severity, ShardWindow, shard_names,
};
use crate::scenario::{Arrivals, LoadModel};
use crate::units::{format_duration, format_us};

/// Beginnings that may lie further apart are another load than was planned, s.
const APART_LIMIT: f64 = 0.05;

/// Notes that are made anew from the sums.
const MADE_ANEW: [&str; 8] = [
    "few_requests",
    "fewer_requests",
    "window_shorter_than_answer",
    "late_processes",
    "late_metrics",
    "late_cpu",
    "late_rows",
    notes::UNEVEN_INSTANCES,
];

/// Adds all of it to a phase whose figures are complete.
pub(super) fn conclude(set: &Set, shards: &[MergedShard], variant: &str, merged: &mut PhaseResult) {
    let of = |shard: &MergedShard| -> Vec<ShardWindow> {
        let windows = shard.windows.iter();
        let own = windows.filter(|of| of.variant == variant && of.phase == merged.name);
        own.cloned().collect()
    };
    let windows: Vec<_> = shards.iter().map(|shard| (shard, of(shard))).collect();
    carry(set, variant, merged);
    merged.note(uneven(&merged.instances).map(|shares| notes::uneven_instances(&shares)));
    merged.conclude_trust();
    name_doubts(set, variant, merged);
    let distance = distance(&windows);
    merged.trust.doubts.extend(skewed(&windows));
    merged.note(spacing(&merged.load.model, distance));
    merged.note(apart(&windows));
}

/// Notes of the shards that their sums do not tell.
fn carry(set: &Set, variant: &str, merged: &mut PhaseResult) {
    let mut stretches = set.stretches.iter();
    let stretch = stretches.find(|of| of.variant == variant && of.phase == merged.name);
    let Some(stretch) = stretch else { return };
    for used in set.used.values() {
        let Some(of) = phase(&used.found.result, stretch) else {
            continue;
        };
        let kept = of.notes.iter().filter(|note| {
            !note.is_hint() && note.subject != "profile" && !MADE_ANEW.contains(&&*note.code)
        });
        merged.note(kept.cloned());
        if of.profile.is_some() {
            merged.note([own_profile(&used.found.directory.display().to_string())]);
        }
    }
}

fn own_profile(directory: &str) -> Note {
    let words = format!(
        "the profile is in {directory} alone: its costs are by the requests of the shard that took it"
    );
    Note::warning("profile_of_shard", "profile", words)
}

/// Whose doubts they are: the worst of all shards counts, and is named.
fn name_doubts(set: &Set, variant: &str, merged: &mut PhaseResult) {
    let own = set.used.iter().filter_map(|(index, used)| {
        let mut variants = used.found.result.variants.iter();
        let of = variants.find(|of| of.name == variant)?;
        let phase = of.phases.iter().find(|of| of.name == merged.name)?;
        Some((*index, &phase.trust.doubts))
    });
    let own: Vec<(u32, &Doubt)> = own
        .flat_map(|(index, doubts)| doubts.iter().map(move |doubt| (index, doubt)))
        .collect();
    let mut causes: Vec<Cause> = Vec::new();
    for (_, doubt) in &own {
        if !causes.contains(&doubt.cause) {
            causes.push(doubt.cause);
        }
    }
    for cause in causes {
        let same = own.iter().filter(|(_, doubt)| doubt.cause == cause);
        let indices: Vec<u32> = same.clone().map(|(index, _)| *index).collect();
        let share = |doubt: &Doubt| doubt.share.unwrap_or(0.0);
        let worst = same.max_by(|(_, a), (_, b)| share(a).total_cmp(&share(b)));
        let Some((_, worst)) = worst else { continue };
        let who = shard_names(&indices);
        match merged.trust.doubts.iter_mut().find(|of| of.cause == cause) {
            Some(known) => known.words = format!("{who}: {}", known.words),
            None => merged.trust.doubts.push(Doubt {
                words: format!("{who}: {}", worst.words),
                ..(*worst).clone()
            }),
        }
    }
}

type Windows<'a> = [(&'a MergedShard, Vec<ShardWindow>)];

/// How far a shard's beginning may be from the planned one, s; `None` if its clock or its beginning is not known.
fn off(shard: &MergedShard, window: &ShardWindow) -> Option<f64> {
    Some(window.begin_error_s?.abs() + shard.clock_bound_s?)
}

/// How far the beginnings of two shards may lie apart at most, s: the sum of the two largest.
fn distance(windows: &Windows<'_>) -> Option<f64> {
    let each = windows.iter().filter(|(_, of)| !of.is_empty());
    let each = each.map(|(shard, of)| {
        let offs: Option<Vec<f64>> = of.iter().map(|window| off(shard, window)).collect();
        Some(offs?.into_iter().fold(0.0, f64::max))
    });
    let mut each = each.collect::<Option<Vec<f64>>>()?;
    each.sort_by(f64::total_cmp);
    Some(each.iter().rev().take(2).sum())
}

fn skewed(windows: &Windows<'_>) -> Option<Doubt> {
    let all = windows
        .iter()
        .flat_map(|(shard, of)| of.iter().map(move |window| (*shard, window)));
    // What is known of it already says too much, whatever the bound of its clock is.
    let least = |shard: &MergedShard, window: &ShardWindow| {
        Some(window.begin_error_s?.abs() + shard.clock_bound_s.unwrap_or(0.0))
    };
    let far = all.filter_map(|(shard, window)| {
        let off = least(shard, window).filter(|off| *off > APART_LIMIT)?;
        Some((shard.index, off))
    });
    let far: Vec<(u32, f64)> = far.collect();
    let worst = far.iter().map(|(_, off)| *off).reduce(f64::max)?;
    let mut indices: Vec<u32> = far.iter().map(|(index, _)| *index).collect();
    indices.dedup();
    let words = format!(
        "{} may have begun {} off the planned instant (the error of the beginning and the bound of the clock together): the load was another one than was planned; keep the clocks by chrony or NTP, and leave the generators a core",
        shard_names(&indices),
        ms(worst)
    );
    Some(Doubt {
        cause: Cause::Skewed,
        share: None,
        words,
    })
}

/// What the distance of their beginnings does to arrivals.
fn spacing(model: &LoadModel, distance: Option<f64>) -> Option<Note> {
    let LoadModel::Open { pace, arrivals } = model else {
        return None;
    };
    let begin = distance.map_or_else(
        || "how far apart they may begin is not known, for a clock has no bound".to_owned(),
        |distance| format!("they may begin {} apart", ms(distance)),
    );
    match arrivals {
        Arrivals::Burst(_) => {
            let words = format!("a burst of all shards is as wide as their beginnings: {begin}");
            Some(Note::warning("shards_widen_bursts", "load", words))
        }
        Arrivals::Constant => {
            let gap = 1.0 / pace.highest().per_second();
            let is_wider = distance.is_none_or(|distance| distance > gap);
            let words = format!(
                "each shard sends evenly, and all together may not: {begin}, and a request is due every {}",
                format_us(gap * 1e6)
            );
            is_wider.then(|| Note {
                severity: Severity::Info,
                ..Note::warning("shards_are_even_apart", "load", words)
            })
        }
        Arrivals::Poisson => None,
    }
}

/// Shards whose latencies stand apart.
fn apart(windows: &Windows<'_>) -> Option<Note> {
    let far = windows
        .iter()
        .filter(|(_, of)| of.iter().any(|of| of.apart));
    let indices: Vec<u32> = far.map(|(shard, _)| shard.index).collect();
    (!indices.is_empty()).then(|| {
        let words = format!(
            "the latencies of {} stand apart from those of the other shards by more than their intervals: a slow path or a starved machine hides in a sum",
            shard_names(&indices)
        );
        Note::warning("shard_apart", "latency", words)
            .with_remedy("look at the table of shards, and at the shard's own report")
    })
}

/// An interval, whose upper end nothing may bound.
type Ends = (f64, Option<f64>);

/// Marks the windows whose p50 or p99 stands apart: its interval meets that of no other shard.
pub(super) fn mark_apart(shards: &mut [MergedShard]) {
    let figures: [fn(&ShardWindow) -> Option<Ends>; 2] = [
        |of| of.latency_p50_interval_us,
        |of| of.latency_p99_interval_us,
    ];
    let all: Vec<Vec<ShardWindow>> = shards.iter().map(|of| of.windows.clone()).collect();
    for (at, shard) in shards.iter_mut().enumerate() {
        for window in &mut shard.windows {
            let others = all.iter().enumerate().filter(|(other, _)| *other != at);
            let same = others.filter_map(|(_, windows)| {
                let place = |of: &ShardWindow| (of.variant.clone(), of.phase.clone(), of.round);
                windows.iter().find(|of| place(of) == place(window))
            });
            let same: Vec<_> = same.collect();
            window.apart = figures.iter().any(|figure| {
                let Some(own) = figure(window) else {
                    return false;
                };
                let others: Vec<_> = same.iter().filter_map(|of| figure(of)).collect();
                !others.is_empty() && others.iter().all(|other| !meet(own, *other))
            });
        }
    }
}

fn meet(a: Ends, b: Ends) -> bool {
    let reaches = |from: Ends, to: Ends| from.1.is_none_or(|high| high >= to.0);
    reaches(a, b) && reaches(b, a)
}

fn ms(seconds: f64) -> String {
    let micros = (seconds * 1e6).round().max(0.0) as u64;
    format_duration(Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::TrustLevel;
    use crate::scenario::Pace;
    use crate::units::Rate;

    /// A shard whose p99 lies between these, µs.
    fn shard(index: u32, p99: (f64, Option<f64>), clock_bound_s: Option<f64>) -> MergedShard {
        MergedShard {
            index,
            machine: None,
            clock_bound_s,
            interrupted: false,
            failure: None,
            lost: None,
            windows: vec![ShardWindow {
                variant: "v".to_owned(),
                phase: "p".to_owned(),
                round: 1,
                window_s: 1.0,
                begin_error_s: Some(0.002),
                due: 1,
                ok: 1,
                failed: 0,
                throughput_rps: None,
                latency_p50_us: None,
                latency_p99_us: None,
                latency_p50_interval_us: None,
                latency_p99_interval_us: Some(p99),
                dispatch_lag_p99_us: None,
                generator_cores: None,
                doubts: Vec::new(),
                trust: TrustLevel::Trusted,
                apart: false,
            }],
        }
    }

    fn marked(p99: &[(f64, Option<f64>)]) -> Vec<bool> {
        let shards = (0..).zip(p99).map(|(index, p99)| shard(index, *p99, None));
        let mut shards: Vec<_> = shards.collect();
        mark_apart(&mut shards);
        shards.iter().map(|of| of.windows[0].apart).collect()
    }

    #[test]
    fn a_shard_stands_apart_whose_interval_meets_that_of_no_other() {
        let [calm, near, far] = [
            (900.0, Some(1_100.0)),
            (1_050.0, Some(1_200.0)),
            (8e3, Some(9e3)),
        ];
        assert_eq!(marked(&[calm, near, far]), [false, false, true]);
        // What nothing bounds meets whatever is higher.
        assert_eq!(marked(&[(900.0, None), far]), [false, false]);
        assert_eq!(marked(&[calm, far]), [true, true]);
        assert_eq!(marked(&[far]), [false]);
    }

    fn told(arrivals: Arrivals, bound: Option<f64>) -> Option<String> {
        let shards = [
            shard(0, (1.0, None), bound),
            shard(1, (1.0, None), Some(0.003)),
        ];
        let windows: Vec<_> = shards.iter().map(|of| (of, of.windows.clone())).collect();
        let model = LoadModel::Open {
            pace: Pace::Constant(Rate::new(1_000.0).unwrap()),
            arrivals,
        };
        spacing(&model, distance(&windows)).map(|note| note.to_string())
    }

    #[test]
    fn what_skew_does_to_arrivals_is_said() {
        let bursts = Arrivals::Burst(8.try_into().unwrap());
        assert_eq!(
            told(bursts, Some(0.001)).unwrap(),
            "a burst of all shards is as wide as their beginnings: they may begin 8ms apart"
        );
        assert_eq!(
            told(Arrivals::Constant, None).unwrap(),
            "each shard sends evenly, and all together may not: how far apart they may begin is not known, for a clock has no bound, and a request is due every 1 ms"
        );
        assert_eq!(told(Arrivals::Poisson, None), None);
    }
}
