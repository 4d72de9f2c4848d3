//! Profiles of several launches as one: their samples in the slices that they were taken in, their figures as means.

use std::sync::Arc;

use super::profiled::{AlsoResult, ProfileResult, RequestCost, Samples};
use super::profiled_launch::over_launches;
use crate::profile::{Choice, Error, Profile, encode, read};
use crate::scenario::Also;

/// Files of several launches.
#[derive(Debug)]
pub(crate) struct Joined {
    /// Of the CPU.
    pub(crate) cpu: Vec<u8>,
    /// Of what was captured beside it.
    pub(crate) also: Vec<(Also, Vec<u8>)>,
    /// What could not be joined, and is left out.
    pub(crate) left_out: Vec<(Also, Error)>,
}

impl ProfileResult {
    /// Adds what was profiled in another launch of the same run, which began so many ms after 1970.
    ///
    /// # Errors
    /// Those of [`Profile::with_launch`]: then nothing of the launch is added.
    pub(crate) fn add(&mut self, launch: Self, run: u64) -> Result<Joined, Error> {
        let (taken, cpu) = joined(self.taken.as_ref(), launch.taken.as_ref(), run)?;
        self.taken = Some(taken);
        let ratios = [&*self, &launch].map(|of| Some((of.samples as f64, of.capture_ratio?)));
        self.capture_ratio = ratio_of_both(ratios);
        let before = self.launches.len() as f64;
        let rates = self.throughput_rps.zip(launch.throughput_rps);
        self.throughput_rps = match rates {
            Some((mean, rate)) => Some((mean * before + rate) / (before + 1.0)),
            None => self.throughput_rps.or(launch.throughput_rps),
        };
        let samples = [self.samples, launch.samples].map(|samples| samples as f64);
        self.by_request = requests(
            std::mem::take(&mut self.by_request),
            launch.by_request,
            samples,
        );
        self.samples += launch.samples;
        self.slices += launch.slices;
        self.steal_share = larger(self.steal_share, launch.steal_share);
        self.neighbour_cores = larger(self.neighbour_cores, launch.neighbour_cores);
        self.launches.extend(launch.launches);
        let (us, error) = over_launches(&self.launches);
        (self.us_per_request, self.us_error) = (us, error.unwrap_or(0.0));
        let (mut also, mut left_out) = (Vec::new(), Vec::new());
        for of in launch.also {
            let kind = of.kind;
            match self.add_beside(of, run) {
                Ok(bytes) => also.push((kind, bytes)),
                Err(error) => left_out.push((kind, error)),
            }
        }
        Ok(Joined {
            cpu,
            also,
            left_out,
        })
    }

    fn add_beside(&mut self, launch: AlsoResult, run: u64) -> Result<Vec<u8>, Error> {
        let mut known = self.also.iter_mut();
        let Some(known) = known.find(|known| known.kind == launch.kind) else {
            let (taken, bytes) = stored(launch.taken.as_ref())?;
            self.also.push(AlsoResult {
                taken: Some(taken),
                ..launch
            });
            return Ok(bytes);
        };
        let (taken, bytes) = joined(known.taken.as_ref(), launch.taken.as_ref(), run)?;
        known.taken = Some(taken);
        known.samples += launch.samples;
        known.slices += launch.slices;
        known.launches.extend(launch.launches);
        (known.per_request, known.error) = over_launches(&known.launches);
        Ok(bytes)
    }
}

/// Both as one, and the file that holds it: it is read from that, so that a stored run has the same figures.
fn joined(
    all: Option<&Samples>,
    launch: Option<&Samples>,
    run: u64,
) -> Result<(Samples, Vec<u8>), Error> {
    let both = match (all, launch) {
        (Some(all), Some(launch)) => Some(all.profile.with_launch(&launch.profile, run)?),
        _ => None,
    };
    match both {
        Some(both) => of_file(&both),
        None => stored(all.or(launch)),
    }
}

fn stored(samples: Option<&Samples>) -> Result<(Samples, Vec<u8>), Error> {
    let nothing = || Error::Malformed("it holds no samples".to_owned());
    of_file(&samples.ok_or_else(nothing)?.profile)
}

fn of_file(profile: &Profile) -> Result<(Samples, Vec<u8>), Error> {
    let bytes = encode::encode(profile)?;
    let profile = read(&bytes, Choice::default())?;
    Ok((Samples::of(Arc::new(profile)), bytes))
}

/// CPU time that was sampled by CPU time that was used, by launches whose samples stand for as much.
fn ratio_of_both(launches: [Option<(f64, f64)>; 2]) -> Option<f64> {
    let known = launches
        .into_iter()
        .flatten()
        .filter(|(_, ratio)| *ratio > 0.0);
    let (samples, used) = known.fold((0.0, 0.0), |sum, (samples, ratio)| {
        (sum.0 + samples, sum.1 + samples / ratio)
    });
    (used > 0.0).then(|| samples / used)
}

fn larger(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    one.into_iter().chain(other).reduce(f64::max)
}

/// Costs of kinds of requests, as means by samples. The interval is the mean of theirs, and holds what each launch found.
fn requests(
    all: Vec<RequestCost>,
    launch: Vec<RequestCost>,
    samples: [f64; 2],
) -> Vec<RequestCost> {
    if all.is_empty() || launch.is_empty() {
        return if all.is_empty() { launch } else { all };
    }
    let weight = samples[0] / (samples[0] + samples[1]).max(1.0);
    let both = |of: (f64, f64, f64), other: (f64, f64, f64)| {
        let mean = |a: f64, b: f64| weight * a + (1.0 - weight) * b;
        (
            mean(of.0, other.0),
            mean(of.1, other.1).min(of.0).min(other.0),
            mean(of.2, other.2).max(of.0).max(other.0),
        )
    };
    let none = |of: &RequestCost| RequestCost {
        request: of.request.clone(),
        samples: 0,
        share: (0.0, 0.0, 0.0),
        us_per_request: of.us_per_request.map(|_| (0.0, 0.0, 0.0)),
    };
    let find = |of: &RequestCost, among: &[RequestCost]| {
        among
            .iter()
            .find(|other| other.request == of.request)
            .cloned()
    };
    let missing: Vec<RequestCost> = launch
        .iter()
        .filter(|of| find(of, &all).is_none())
        .map(none)
        .collect();
    let named = all.into_iter().chain(missing);
    let joined = named.map(|of| {
        let other = find(&of, &launch).unwrap_or_else(|| none(&of));
        RequestCost {
            samples: of.samples + other.samples,
            share: both(of.share, other.share),
            us_per_request: of
                .us_per_request
                .zip(other.us_per_request)
                .map(|(of, other)| both(of, other)),
            request: of.request,
        }
    });
    let mut joined: Vec<RequestCost> = joined.collect();
    // Those of no request stay last.
    joined.sort_by_key(|of| of.request.is_none());
    joined
}

#[cfg(test)]
mod tests {
    use super::super::ProfiledLaunch;
    use super::*;

    const RUN: u64 = 1;

    fn samples(kind: (&str, &str), f: u64) -> Samples {
        let mut profile = Profile::new(kind.0, kind.1, 0);
        profile.add(["main", "f"], f, f * 10).unwrap();
        profile.add(["main", "g"], 100 - f, (100 - f) * 10).unwrap();
        Samples::of(profile.into())
    }

    fn launch(round: u32, f: u64, us: f64, kinds: &[(Also, &str)]) -> ProfileResult {
        let found = |per_request| ProfiledLaunch {
            round,
            samples: 100,
            slices: 1,
            per_request: Some(per_request),
            error: Some(0.01),
        };
        let also = kinds.iter().map(|(kind, unit)| AlsoResult {
            kind: *kind,
            samples: 100,
            slices: 1,
            per_request: Some(2.0 * us),
            error: None,
            launches: vec![found(2.0 * us)],
            taken: Some(samples(("delay", unit), f)),
        });
        let cost = |request: Option<&str>, share: f64| RequestCost {
            request: request.map(str::to_owned),
            samples: (share * 100.0) as u64,
            share: (share, share - 0.05, share + 0.05),
            us_per_request: Some((share * us, share * us - 1.0, share * us + 1.0)),
        };
        ProfileResult {
            samples: 100,
            slices: 1,
            hz: 99,
            capture_ratio: Some(if round == 1 { 1.0 } else { 0.5 }),
            us_per_request: Some(us),
            throughput_rps: Some(us),
            steal_share: None,
            neighbour_cores: Some(f64::from(round)),
            us_error: 0.01,
            launches: vec![found(us)],
            taken: Some(samples(("cpu", "nanoseconds"), f)),
            also: also.collect(),
            by_request: vec![cost(Some("slow"), 0.2 * f64::from(round)), cost(None, 0.1)],
        }
    }

    #[test]
    fn launches_are_one_profile_with_means() {
        let mut all = launch(1, 40, 100.0, &[(Also::Block, "nanoseconds")]);
        let next = launch(
            2,
            60,
            110.0,
            &[(Also::Block, "nanoseconds"), (Also::Heap, "bytes")],
        );
        let joined = all.add(next, RUN).unwrap();
        assert_eq!((all.samples, all.slices, all.launches.len()), (200, 2, 2));
        assert_eq!(
            (all.us_per_request, all.throughput_rps),
            (Some(105.0), Some(105.0))
        );
        assert_eq!((all.steal_share, all.neighbour_cores), (None, Some(2.0)));
        // 100 samples are all of the CPU time, 100 others half of it.
        assert!((all.capture_ratio.unwrap() - 2.0 / 3.0).abs() < 1e-12);
        let taken = all.taken.as_ref().unwrap();
        assert_eq!(
            (taken.profile.launches(), taken.functions.samples),
            (2, 200)
        );
        // As it will be read again.
        let read = read(&joined.cpu, Choice::default()).unwrap();
        assert_eq!(&Samples::of(read.into()), taken);
        let kinds: Vec<_> = joined.also.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [Also::Block, Also::Heap]);
        let block = &all.also[0];
        assert_eq!((block.per_request, block.launches.len()), (Some(210.0), 2));
        assert!(block.error.unwrap() > 0.025 && all.also[1].launches.len() == 1);
        let slow = &all.by_request[0];
        assert!((slow.share.0 - 0.3).abs() < 1e-12, "{slow:?}");
        assert!(slow.share.1 <= 0.2 && slow.share.2 >= 0.4, "{slow:?}");
    }

    #[test]
    fn what_is_of_another_kind_is_left_out_and_told() {
        let mut all = launch(1, 40, 100.0, &[(Also::Block, "nanoseconds")]);
        let before = all.clone();
        let mut other = launch(2, 60, 110.0, &[]);
        other.taken = Some(samples(("alloc_space", "bytes"), 60));
        assert!(all.add(other, RUN).is_err());
        assert_eq!(all, before);
        let joined = all
            .add(launch(2, 60, 110.0, &[(Also::Block, "bytes")]), RUN)
            .unwrap();
        assert!(joined.also.is_empty());
        assert!(matches!(joined.left_out[..], [(Also::Block, _)]));
        assert_eq!(all.also[0], before.also[0]);
    }

    #[test]
    fn a_kind_of_request_that_a_launch_lacks_had_nothing_in_it() {
        let mut all = launch(1, 40, 100.0, &[]);
        let mut next = launch(2, 60, 110.0, &[]);
        next.by_request[0].request = Some("fast".to_owned());
        all.add(next, RUN).unwrap();
        let names: Vec<_> = all
            .by_request
            .iter()
            .map(|of| of.request.as_deref())
            .collect();
        assert_eq!(names, [Some("slow"), Some("fast"), None]);
        let (share, low, high) = all.by_request[0].share;
        assert!((share - 0.1).abs() < 1e-12 && low == 0.0 && high >= 0.2);
    }
}
