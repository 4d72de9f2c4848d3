//! Addresses of this machine that connections come from, in turn: each has as many ports to a target as the system gives.
//! Pure but for its count.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Source addresses. Clones take turns together.
#[derive(Debug, Clone)]
pub struct Sources {
    blocks: Arc<[Block]>,
    turn: Arc<AtomicU64>,
}

/// Addresses one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    first: IpAddr,
    count: u64,
}

impl Block {
    /// `ADDR` or `ADDR/PREFIX`; of a network of IPv4 the first and the last address are left out, which are nobody's.
    ///
    /// # Errors
    /// What is wrong and what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{}` is no source address; write one such as \"192.0.2.7\", or a network such as \"127.0.0.0/8\"",
                text.escape_debug()
            )
        };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u32>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let Some(prefix) = prefix else {
            return Ok(Self {
                first: address,
                count: 1,
            });
        };
        match address {
            IpAddr::V4(address) if prefix <= 32 => {
                let hosts = 32 - prefix;
                let all = 1u64 << hosts;
                let network = u64::from(address.to_bits()) & !(all - 1);
                let skipped = u64::from(hosts > 1);
                Ok(Self {
                    first: Ipv4Addr::from_bits((network + skipped) as u32).into(),
                    count: all - 2 * skipped,
                })
            }
            IpAddr::V6(address) if prefix <= 128 => {
                let hosts = 128 - prefix;
                let all = 1u128.checked_shl(hosts).unwrap_or(0);
                // The first of a network is that of its routers.
                let skipped = u128::from(hosts > 1);
                let network = address.to_bits() & !all.wrapping_sub(1);
                let count = all
                    .wrapping_sub(1)
                    .saturating_sub(skipped)
                    .saturating_add(1);
                Ok(Self {
                    first: Ipv6Addr::from_bits(network | skipped).into(),
                    count: u64::try_from(count).unwrap_or(u64::MAX),
                })
            }
            _ => Err(wrong()),
        }
    }

    fn at(&self, n: u64) -> IpAddr {
        match self.first {
            IpAddr::V4(first) => Ipv4Addr::from_bits(first.to_bits() + n as u32).into(),
            IpAddr::V6(first) => Ipv6Addr::from_bits(first.to_bits() + u128::from(n)).into(),
        }
    }
}

impl Sources {
    /// Those of all blocks, one after the other.
    pub fn new(blocks: Vec<Block>) -> Self {
        Self {
            blocks: blocks.into(),
            turn: Arc::default(),
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        let counts = self.blocks.iter().map(|block| block.count);
        counts.fold(0, u64::saturating_add)
    }

    /// Those from which `target` can be reached at all: of its family. `None` if there are none.
    pub fn towards(&self, target: IpAddr) -> Option<Self> {
        let same = |block: &&Block| block.first.is_ipv4() == target.is_ipv4();
        let blocks: Vec<Block> = self.blocks.iter().filter(same).copied().collect();
        (!blocks.is_empty()).then(|| Self::new(blocks))
    }

    /// The next one.
    pub(super) fn next(&self) -> IpAddr {
        let count = self.count().max(1);
        let mut n = self.turn.fetch_add(1, Ordering::Relaxed) % count;
        for block in self.blocks.iter() {
            if n < block.count {
                return block.at(n);
            }
            n -= block.count;
        }
        self.blocks[0].first
    }

    /// The first of each block, for a look whether this machine has them.
    pub fn firsts(&self) -> impl Iterator<Item = IpAddr> {
        self.blocks.iter().map(|block| block.first)
    }
}

impl PartialEq for Sources {
    fn eq(&self, other: &Self) -> bool {
        self.blocks == other.blocks
    }
}

impl Eq for Sources {}

impl fmt::Display for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count() {
            1 => write!(f, "{}", self.blocks[0].first),
            count => write!(f, "{count} addresses from {} on", self.blocks[0].first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_take_turns() {
        let sources = |texts: &[&str]| {
            Sources::new(
                texts
                    .iter()
                    .map(|text| Block::parse(text).unwrap())
                    .collect(),
            )
        };
        let firsts = |texts: &[&str], n: usize| -> Vec<String> {
            let sources = sources(texts);
            (0..n).map(|_| sources.next().to_string()).collect()
        };
        assert_eq!(firsts(&["192.0.2.7"], 2), ["192.0.2.7", "192.0.2.7"]);
        assert_eq!(
            firsts(&["192.0.2.9/30", "198.51.100.1"], 4),
            ["192.0.2.9", "192.0.2.10", "198.51.100.1", "192.0.2.9"]
        );
        assert_eq!(firsts(&["192.0.2.8/31"], 2), ["192.0.2.8", "192.0.2.9"]);
        assert_eq!(
            firsts(&["2001:db8::/64"], 2),
            ["2001:db8::1", "2001:db8::2"]
        );
        assert_eq!(sources(&["127.0.0.0/8"]).count(), (1 << 24) - 2);
        assert_eq!(sources(&["127.0.0.0/8"]).next().to_string(), "127.0.0.1");
        assert_eq!(sources(&["::/0"]).count(), u64::MAX);
        assert_eq!(sources(&["0.0.0.0/0"]).count(), (1 << 32) - 2);
        let mixed = sources(&["::1", "127.0.0.1"]);
        let towards = mixed.towards("127.0.0.1".parse().unwrap()).unwrap();
        assert_eq!(towards.to_string(), "127.0.0.1");
        assert!(
            sources(&["::1"])
                .towards("127.0.0.1".parse().unwrap())
                .is_none()
        );
        for text in [
            "",
            "a",
            "1.2.3",
            "127.0.0.1/33",
            "::/129",
            "127.0.0.0/",
            "10.0.0.1:80",
            "1.1.1.1/-1",
        ] {
            assert!(Block::parse(text).is_err(), "{text}");
        }
    }
}
