//! How many requests were the part of a shard, by the schedule alone. Pure.

use crate::pacer::{Pacer, Schedule};
use crate::scenario::{Load, LoadModel};
use crate::shard::{Shard, Workers};

/// Requests that are counted at most, of all shards together; it takes some ten nanoseconds for each.
const MOST: u64 = 1 << 31;

/// Requests that are due in a window of the load on the workers of a shard, each of which has so many. `None` for a closed loop without a
/// number of requests, which sends as many as are answered, and for more than anybody counts.
pub(super) fn due(load: &Load, seed: u64, shard: Shard, each: u32) -> Option<u64> {
    let workers = Workers::of(shard, each);
    let lanes = (0..each).map(|worker| workers.lane(worker));
    let LoadModel::Open { pace, arrivals } = &load.model else {
        let requests = load.requests?;
        return Some(lanes.map(|lane| lane.share(requests)).sum());
    };
    let begin = u64::try_from(load.warmup.as_nanos()).ok()?;
    let end = begin.checked_add(u64::try_from(load.duration.as_nanos()).ok()?)?;
    let schedule = Schedule::new(pace, load.warmup);
    if schedule.requests_before(end) > MOST as f64 {
        return None;
    }
    let mut sum = 0;
    for lane in lanes {
        let mut left = load.requests.map_or(u64::MAX, |all| lane.share(all));
        let mut pacer = Pacer::new(schedule.clone(), *arrivals, seed, lane);
        while left > 0 && pacer.peek().offset_ns < end {
            if pacer.take().offset_ns >= begin {
                left -= 1;
                sum += 1;
            }
        }
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::result::samples;
    use crate::scenario::{Arrivals, Pace};
    use crate::units::Rate;

    fn load(model: LoadModel, requests: Option<u64>) -> Load {
        Load {
            model,
            requests,
            warmup: Duration::from_millis(500),
            duration: Duration::from_secs(1),
            ..samples::phase(|_| {}).load
        }
    }

    fn open(arrivals: Arrivals) -> LoadModel {
        LoadModel::Open {
            pace: Pace::Constant(Rate::new(1_001.0).unwrap()),
            arrivals,
        }
    }

    fn parts(load: &Load, count: u32, each: u32) -> Vec<Option<u64>> {
        let shards = (0..count).map(|index| Shard::new(index, count).unwrap());
        shards.map(|shard| due(load, 7, shard, each)).collect()
    }

    #[test]
    fn parts_are_counted_and_add_up_to_the_whole() {
        for arrivals in [Arrivals::Constant, Arrivals::Burst(7.try_into().unwrap())] {
            let load = load(open(arrivals), None);
            let whole = parts(&load, 1, 6)[0].unwrap();
            let split: Vec<_> = parts(&load, 3, 2).into_iter().flatten().collect();
            assert_eq!(split.iter().sum::<u64>(), whole, "{arrivals:?}");
            assert!((995..=1_008).contains(&whole), "{whole}");
        }
        let poisson = load(open(Arrivals::Poisson), None);
        let whole = parts(&poisson, 1, 6)[0].unwrap();
        assert_eq!(
            parts(&poisson, 3, 2).into_iter().flatten().sum::<u64>(),
            whole
        );
        assert_ne!(parts(&poisson, 3, 2)[0], parts(&poisson, 3, 2)[1]);
    }

    #[test]
    fn a_number_of_requests_is_shared_and_a_closed_loop_has_no_part() {
        assert_eq!(
            parts(&load(LoadModel::Closed, Some(10)), 3, 2),
            [Some(4), Some(4), Some(2)]
        );
        assert_eq!(parts(&load(LoadModel::Closed, None), 2, 1), [None, None]);
        let few = parts(&load(open(Arrivals::Constant), Some(10)), 3, 1);
        assert_eq!(few, [Some(4), Some(3), Some(3)]);
        let endless = Rate::new(1e7).unwrap();
        let model = LoadModel::Open {
            pace: Pace::Constant(endless),
            arrivals: Arrivals::Constant,
        };
        let long = Load {
            duration: Duration::from_secs(1 << 20),
            ..load(model, None)
        };
        assert_eq!(parts(&long, 2, 1), [None, None]);
    }
}
