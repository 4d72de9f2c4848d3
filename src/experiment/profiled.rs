//! The profiled repetition of a phase: the same load while the target is sampled, and what its samples cost.

use std::sync::Arc;

use super::beside::{self, SliceRate};
use super::blocks::Block;
use super::launch::Launched;
use super::notes;
use super::over::StretchEnd;
use super::phase::{Ended, PhaseRun, ended};
use super::profiled_launches::Files;
use super::sampling::{Captured, SampleError, Sampled, Sampler, Taken};
use super::stretch::Stretch;
use super::timeline::longest;
use crate::profile::capture;
use crate::profile::{ENOUGH_SLICES, Profile as SampledProfile, by_label, doubts};
use crate::result::{
    AlsoResult, Estimates, Failure, PhaseResult, ProfileResult, ProfiledLaunch, RequestCost,
    Samples,
};
use crate::scenario::{Also, Arrivals, Load, LoadModel, Pace, Profile};
use crate::statistics::{Z95, nested_half, t_quantile};

impl PhaseRun<'_> {
    /// Drives the same load again while the target is profiled.
    pub(super) async fn profile(
        &self,
        target: &mut Launched,
        plan: &Profile,
        result: &mut PhaseResult,
    ) -> Result<Ended, Failure> {
        let load = Load {
            model: profiled(&self.phase.load.model),
            duration: longest(plan),
            requests: None,
            ..self.phase.load.clone()
        };
        // Of several processes that load one target, one takes samples of it.
        let sampler = (self.launch.reads_target())
            .then(|| Sampler::new(target, plan, result.target_cores(), self.stop));
        let forecast = sampler.as_ref().and_then(Sampler::forecast);
        let length = forecast.map_or(plan.duration, |forecast| forecast.length());
        let stretch = Stretch {
            phase: &self.phase.name,
            load: &load,
            length: load.warmup + length,
            profiled: true,
            forecast,
        };
        let sampling = async {
            match sampler {
                Some(sampler) => Some(sampler.sample().await),
                None => {
                    tokio::time::sleep(load.duration).await;
                    None
                }
            }
        };
        let (over, taken) = self.drive(target, &stretch, sampling).await?;
        let services = over.services_ended.iter();
        result.note(services.map(|words| notes::service_ended(words)));
        result.note(over.late.notes());
        result.acknowledge(&over.found.acknowledged);
        result.died = result.died.take().or_else(|| over.found.died.clone());
        let ended = ended(&over.found, over.failed.clone());
        match self.finish(taken.flatten()).await {
            Some(Ok(captured)) => {
                let (found, files) = self.found(captured, plan, &over, result);
                self.add_profile(found, files, result).await?;
            }
            Some(Err(error)) => {
                result.note([self.of_round(notes::no_profile(&error.to_string()))]);
            }
            // How a target ended is told anyway.
            None if self.launch.reads_target() && over.found.died.is_none() => {
                let why = match self.stop.is_asked() {
                    true => SampleError::Interrupted.to_string(),
                    false => "the load ended before the samples were there".to_owned(),
                };
                result.note([self.of_round(notes::no_profile(&why))]);
            }
            None => {}
        }
        ended
    }

    /// What was captured in this launch, with its files.
    fn found(
        &self,
        captured: Captured,
        plan: &Profile,
        over: &StretchEnd,
        result: &mut PhaseResult,
    ) -> (ProfileResult, Files) {
        let Captured {
            profile,
            bytes,
            slices: sampled,
            short,
            unseen,
            also,
        } = captured;
        let round = over.found.rounds.first();
        let blocks = |of: &Sampled| of.blocks(&over.blocks, over.window.start);
        let slices: Vec<Vec<Block>> = sampled.iter().map(blocks).collect();
        let all = slices.concat();
        let estimates = Spent::of(&all).map_or_else(
            || round.map_or_else(Estimates::default, |round| round.whole),
            Spent::estimates,
        );
        let error = cost_error(&slices, &all);
        let used: Option<f64> = sampled.iter().map(Sampled::cpu_seconds).sum();
        let capture_ratio = used
            .zip(profile.cpu_ns())
            .filter(|(used, _)| *used > 0.0)
            .map(|(used, sampled)| sampled as f64 / 1e9 / used);
        let seconds: u32 = sampled.iter().map(Sampled::seconds).sum();
        if let Some(why) = short {
            result.note([self.of_round(notes::short_profile(seconds, &why))]);
        } else if let Some(wanted) = plan.samples.filter(|wanted| is_short_of(&profile, *wanted)) {
            let found = profile.samples();
            result.note([self.of_round(notes::fewer_samples(found, wanted, seconds))]);
        }
        result.note(unseen.iter().map(|what| notes::unseen(what)));
        let rates = rates(&sampled, &slices);
        let (also, files) = self.beside(also, (&estimates, &rates), result);
        let by_request = self.by_request(&profile, &bytes, plan, (over, &estimates), result);
        let taken = Samples::of(Arc::new(profile));
        let launch = ProfiledLaunch {
            round: self.launch.round,
            samples: taken.functions.samples,
            slices: taken.functions.slices.len(),
            per_request: estimates.us_per_request,
            error,
        };
        let found = ProfileResult {
            samples: launch.samples,
            slices: launch.slices,
            launches: vec![launch],
            taken: Some(taken),
            us_error: error.unwrap_or(0.0),
            hz: plan.hz,
            capture_ratio,
            us_per_request: estimates.us_per_request,
            throughput_rps: estimates.throughput_rps,
            steal_share: round.and_then(|round| round.steal_share),
            also,
            by_request,
            neighbour_cores: round.and_then(|round| round.neighbour_cores),
        };
        (
            found,
            Files {
                cpu: bytes,
                also: files,
            },
        )
    }

    /// What was captured beside the CPU, with what is to be stored of it; what is missing is noted.
    fn beside(
        &self,
        captured: Vec<(Also, Result<capture::Captured, String>)>,
        (estimates, rates): (&Estimates, &[SliceRate]),
        result: &mut PhaseResult,
    ) -> (Vec<AlsoResult>, Vec<(Also, Vec<u8>)>) {
        let (mut all, mut files) = (Vec::new(), Vec::new());
        for (kind, captured) in captured {
            // What perf left out, and how far its stacks go.
            if let (Also::OffCpu, Ok(captured)) = (kind, &captured) {
                let doubts = doubts(&captured.profile);
                let words = captured.profile.notes().iter().chain(&doubts);
                result.note(words.map(|words| notes::of_also(kind, words)));
            }
            let found = beside::also(kind, captured, estimates.throughput_rps, rates);
            match found {
                Ok((also, bytes)) => {
                    let launches = vec![ProfiledLaunch {
                        round: self.launch.round,
                        samples: also.samples,
                        slices: also.slices,
                        per_request: also.per_request,
                        error: also.error,
                    }];
                    all.push(AlsoResult { launches, ..also });
                    files.push((kind, bytes));
                }
                Err(note) => result.note([self.of_round(*note)]),
            }
        }
        (all, files)
    }

    /// What each kind of request costs, if a label of the samples tells it.
    fn by_request(
        &self,
        profile: &SampledProfile,
        bytes: &[u8],
        plan: &Profile,
        (over, estimates): (&StretchEnd, &Estimates),
        result: &mut PhaseResult,
    ) -> Vec<RequestCost> {
        let Some(key) = &plan.request_label else {
            return Vec::new();
        };
        let requests = &self.launch.variant.requests;
        let group = |value: &str| beside::request_of(requests, value);
        let found = match by_label(bytes, profile, key, requests.len(), group) {
            Ok(found) => found,
            Err(error) => {
                result.note([notes::no_request_label(key, &[error.to_string()])]);
                return Vec::new();
            }
        };
        let tallies = requests
            .iter()
            .zip(&over.found.tallies)
            .map(|(request, tally)| (request.name.as_str(), tally));
        let tallies: Vec<_> = tallies.collect();
        let costs = beside::costs(&found, &tallies, estimates.us_per_request);
        if costs.is_empty() && !profile.is_empty() {
            result.note([notes::no_request_label(key, &found.others)]);
        }
        costs
    }

    /// `None` if no samples were taken, or the user does not wait for their names.
    async fn finish(
        &self,
        taken: Option<Result<Taken, SampleError>>,
    ) -> Option<Result<Captured, SampleError>> {
        let taken = match taken? {
            Ok(taken) => taken,
            Err(error) => return Some(Err(error)),
        };
        let mut stop = self.stop.clone();
        tokio::select! {
            // What is there already is kept.
            biased;
            captured = taken.finish() => Some(captured),
            () = stop.asked() => None,
        }
    }
}

/// OK responses in each slice of a capture, by the blocks that lie within it.
fn rates(sampled: &[Sampled], slices: &[Vec<Block>]) -> Vec<SliceRate> {
    let rate = |blocks: &[Block]| {
        let rates = blocks.iter().map(Block::throughput).sum::<f64>();
        (!blocks.is_empty()).then(|| rates / blocks.len() as f64)
    };
    let slices = sampled.iter().zip(slices);
    let rates = slices.map(|(of, blocks)| (f64::from(of.seconds()), rate(blocks)));
    rates.collect()
}

/// Whether a profile has less than nine tenths of the samples that were asked for: perf's are worked out beforehand.
fn is_short_of(profile: &SampledProfile, wanted: u64) -> bool {
    (profile.samples() as f64) < 0.9 * wanted as f64
}

/// What intervals in which samples were taken came to: after them the target works on the symbols of its profile, which is no
/// cost of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spent {
    /// Intervals.
    count: f64,
    /// OK responses by the length of an interval, 1/s.
    rate: f64,
    /// CPU of the target, summed over intervals, cores.
    cores: f64,
}

impl Spent {
    /// Sums intervals of which the CPU is known; `None` if there is none. One without any OK response has cost CPU all the same.
    fn of(blocks: &[Block]) -> Option<Self> {
        let known = blocks.iter().filter_map(Block::spent);
        known.fold(None, |sum: Option<Self>, (rate, cores)| {
            let sum = sum.unwrap_or(Self {
                count: 0.0,
                rate: 0.0,
                cores: 0.0,
            });
            Some(Self {
                count: sum.count + 1.0,
                rate: sum.rate + rate,
                cores: sum.cores + cores,
            })
        })
    }

    fn estimates(self) -> Estimates {
        Estimates {
            throughput_rps: Some(self.rate / self.count),
            us_per_request: (self.rate > 0.0).then(|| self.cores * 1e6 / self.rate),
            p50_us: None,
            p99_us: None,
        }
    }
}

/// Relative standard error of the CPU per request, from the spread between slices; between intervals if the slices are too few to
/// show one. `None` if nothing shows it. With the quantile that [`crate::profile::Scale::known_to`] takes for as many slices it reaches as far as
/// nested batches of them do.
fn cost_error(slices: &[Vec<Block>], all: &[Block]) -> Option<f64> {
    // Of what nothing is known is left out: a slice without a whole interval, an interval that was read late.
    let spent = |of: Spent| (of.cores, of.rate);
    if slices.len() < ENOUGH_SLICES {
        let units: Vec<_> = all.chunks(1).filter_map(Spent::of).map(spent).collect();
        return Some(nested_half(&units)? / Z95);
    }
    let units = slices.iter().filter_map(|of| Spent::of(of));
    let units: Vec<_> = units.map(spent).collect();
    Some(nested_half(&units)? / t_quantile(0.975, slices.len() as f64 - 1.0))
}

/// The load under which the target is profiled: stages hold the highest rate, so that all samples are of the same load, and
/// arrivals are independent. Samplers tick at a divisor of the kernel's tick, and so do even arrivals at round rates: every
/// sample would hit the same moment of a request's life. At 20,000/s a profile held 27 % of the CPU time, and bcrypt five
/// times its share.
fn profiled(model: &LoadModel) -> LoadModel {
    match model {
        LoadModel::Closed => LoadModel::Closed,
        LoadModel::Open { pace, .. } => LoadModel::Open {
            pace: Pace::Constant(pace.highest()),
            arrivals: Arrivals::Poisson,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scenario::Stage;
    use crate::units::Rate;

    #[test]
    fn stages_are_profiled_at_their_highest_rate() {
        let stage = |to| Stage {
            to,
            over: Duration::from_secs(1),
        };
        let staged = LoadModel::Open {
            pace: Pace::Staged {
                begin: 5.0,
                stages: [stage(200.0), stage(0.0)].into(),
            },
            arrivals: Arrivals::Constant,
        };
        let held = LoadModel::Open {
            pace: Pace::Constant(Rate::new(200.0).unwrap()),
            arrivals: Arrivals::Poisson,
        };
        assert_eq!(profiled(&staged), held);
        assert_eq!(profiled(&LoadModel::Closed), LoadModel::Closed);
    }

    fn block(rate: f64, cores: Option<f64>) -> Block {
        Block::new(0, 100, rate, cores)
    }

    #[test]
    fn costs_of_a_profile_are_those_of_the_time_in_which_samples_were_taken() {
        let known = [block(100.0, Some(0.001)), block(300.0, Some(0.009))];
        // One that was read late is left out of costs and requests alike.
        let blocks = [known[0], block(900.0, None), known[1]];
        let found = Spent::of(&blocks).unwrap().estimates();
        assert_eq!(found.throughput_rps, Some(200.0));
        assert!((found.us_per_request.unwrap() - 25.0).abs() < 1e-9);
        assert_eq!(Spent::of(&[]), None);
        assert_eq!(Spent::of(&[block(1.0, None)]), None);
    }

    #[test]
    fn a_cost_is_as_uncertain_as_slices_differ_even_where_nothing_was_answered() {
        // A target that answers rarely: its CPU in an interval without an answer is a cost too, and the cost is not exact.
        let slow = |rates: [f64; 2]| vec![block(rates[0], Some(0.5)), block(rates[1], Some(0.5))];
        let slices: Vec<_> = [
            [0.0, 10.0],
            [10.0, 0.0],
            [0.0, 0.0],
            [20.0, 0.0],
            [10.0, 10.0],
        ]
        .map(slow)
        .into();
        let all = slices.concat();
        let found = Spent::of(&all).unwrap().estimates();
        assert!((found.us_per_request.unwrap() - 5e6 / 60.0).abs() < 1e-6);
        // Five slices of 1 core, rates 10, 10, 0, 20, 20; R = 5/60: Σ(c − R r)² = 2/36 + 1 + 2 × 4/9; √(5/4 × 1.9444)/5.
        let error = cost_error(&slices, &all).unwrap();
        assert!((error - 0.311_8).abs() < 1e-4, "{error}");
        // Fewer slices show no spread, but their four intervals do: 0.5774 · t(3)/1.96.
        let few = &slices[..2];
        let error = cost_error(few, &few.concat()).unwrap();
        assert!((error - 0.937_4).abs() < 1e-4, "{error}");
        assert_eq!(cost_error(&[], &[]), None);
        let idle = [block(0.0, Some(0.1)), block(0.0, Some(0.1))];
        assert_eq!(cost_error(&[], &idle), None);
    }
}
