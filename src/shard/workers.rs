//! A shard is a block of workers: with W of them on each of N shards, worker w of shard I is worker I·W + w of N·W.

use super::Shard;

/// The workers of this process among all that follow one schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workers {
    first: u32,
    own: u32,
    all: u32,
}

/// A worker's place among all, which is its part of whatever is dealt by number: number, number + all, …
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    number: u32,
    all: u32,
}

impl Workers {
    /// Those of a shard, each of which has so many.
    pub fn of(shard: Shard, each: u32) -> Self {
        Self {
            first: shard.index().saturating_mul(each),
            own: each,
            all: shard.count().saturating_mul(each),
        }
    }

    /// How many this process has.
    pub const fn own(self) -> u32 {
        self.own
    }

    /// How many all processes have.
    pub const fn all(self) -> u32 {
        self.all
    }

    /// The place of this process's worker `worker`, from 0.
    pub const fn lane(self, worker: u32) -> Lane {
        Lane {
            number: self.first + worker,
            all: self.all,
        }
    }
}

impl Lane {
    /// The place `number`, from 0, of so many.
    pub const fn new(number: u32, all: u32) -> Self {
        Self { number, all }
    }

    /// Its number among all workers, which is that of its first request.
    pub const fn number(self) -> u32 {
        self.number
    }

    /// How many workers there are, which is the step from one of its requests to the next.
    pub const fn all(self) -> u32 {
        self.all
    }

    /// How many of `total` things that are dealt by number are its own.
    pub fn share(self, total: u64) -> u64 {
        let all = u64::from(self.all);
        total / all + u64::from(u64::from(self.number) < total % all)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_lanes_of_all_shards_are_those_of_one_process(
            count in 1u32..7, each in 1u32..5, total in any::<u64>()
        ) {
            let lanes: Vec<Lane> = (0..count)
                .flat_map(|index| {
                    let workers = Workers::of(Shard::new(index, count).unwrap(), each);
                    prop_assert_eq!((workers.own(), workers.all()), (each, each * count));
                    Ok((0..each).map(move |worker| workers.lane(worker)))
                })
                .flatten()
                .collect();
            let one = Workers::of(Shard::WHOLE, each * count);
            let of_one: Vec<Lane> = (0..one.own()).map(|worker| one.lane(worker)).collect();
            prop_assert_eq!(&lanes, &of_one);
            let shares = lanes.iter().map(|lane| u128::from(lane.share(total)));
            prop_assert_eq!(shares.sum::<u128>(), u128::from(total));
        }
    }
}
