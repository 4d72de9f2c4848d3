//! Which instance of a target answers which request. Pure.

use crate::traffic::random;

/// Keeps the choice of an instance apart from all other random numbers.
const SPREAD_SALT: u64 = 0x5B4E_AD00;

/// Requests spread over instances by a seeded hash of their numbers, as a load balancer that does not look at devices.
///
/// Taking prerequisites would tie each device to an instance wherever the devices take prerequisites as well and their number is a multiple
/// of that of the instances.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spread {
    seed: u64,
    instances: u64,
}

impl Spread {
    pub(super) fn new(seed: u64, instances: usize) -> Self {
        Self {
            seed,
            instances: instances as u64,
        }
    }

    /// How many there are.
    pub(super) fn instances(self) -> usize {
        self.instances as usize
    }

    /// Of the choice, and of the whole schedule.
    pub(super) fn seed(self) -> u64 {
        self.seed
    }

    /// The instance of request `n`.
    pub(super) fn of(self, n: u64) -> usize {
        if self.instances == 1 {
            return 0;
        }
        random::below(random::draw(self.seed, n, SPREAD_SALT), self.instances) as usize
    }

    /// How many of a worker's connections each instance has: its j-th one goes to instance (j + worker) modulo their number, so
    /// that not every worker gives the odd one to the first.
    pub(super) fn connections(self, worker: u32, connections: usize) -> Vec<usize> {
        let mut each = vec![0; self.instances()];
        for at in 0..connections {
            each[(at + worker as usize) % self.instances()] += 1;
        }
        each
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_device_is_tied_to_an_instance() {
        let spread = Spread::new(42, 2);
        for device in 0..4 {
            let first = (0..10_000)
                .map(|turn| turn * 4 + device)
                .filter(|&n| spread.of(n) == 0)
                .count();
            assert!((4_800..5_200).contains(&first), "{device}: {first}");
        }
        assert!((0..100).all(|n| Spread::new(42, 1).of(n) == 0));
    }

    #[test]
    fn connections_are_shared_evenly() {
        let spread = Spread::new(0, 3);
        assert_eq!(spread.connections(0, 7), [3, 2, 2]);
        assert_eq!(spread.connections(1, 7), [2, 3, 2]);
        assert_eq!(spread.connections(2, 2), [1, 0, 1]);
    }
}
