//! A set of bins of time, as bits.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bins at most. Neighbours become one when there would be more, so that a bin is 1.05 ms long in windows of up to 34 s and about
/// 1/16,384 to 1/32,768 of longer ones.
pub(super) const BINS: u64 = 1 << 15;

/// A set of bins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bins(Box<[u64]>);

impl Default for Bins {
    fn default() -> Self {
        Self(vec![0; (BINS / 64) as usize].into())
    }
}

impl Bins {
    pub(super) fn has(&self, bin: u64) -> bool {
        self.0[(bin / 64) as usize] >> (bin % 64) & 1 == 1
    }

    /// Adds the bins from one up to another, which is not added.
    pub(super) fn fill(&mut self, from: u64, to: u64) {
        let (first, last) = ((from / 64) as usize, ((to - 1) / 64) as usize);
        let (low, high) = (u64::MAX << (from % 64), u64::MAX >> (63 - (to - 1) % 64));
        if first == last {
            self.0[first] |= low & high;
            return;
        }
        self.0[first] |= low;
        self.0[first + 1..last].fill(u64::MAX);
        self.0[last] |= high;
    }

    pub(super) fn add(&mut self, other: &Self) {
        let words = self.0.iter_mut().zip(&other.0);
        words.for_each(|(into, from)| *into |= from);
    }

    /// Two neighbours become one, which is in the set if either was.
    pub(super) fn halve(&mut self) {
        let half = self.0.len() / 2;
        for at in 0..half {
            let [low, high] = [self.0[2 * at], self.0[2 * at + 1]].map(pairs);
            self.0[at] = low | high << 32;
        }
        self.0[half..].fill(0);
    }
}

/// Bit n of the answer is set if bit 2n or 2n + 1 is: the even bits are moved together, by halves of halves.
fn pairs(word: u64) -> u64 {
    let mut bits = (word | word >> 1) & 0x5555_5555_5555_5555;
    for (by, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        bits = (bits | bits >> by) & mask;
    }
    bits
}

/// As one string: its words in base64, the lowest byte first.
impl Serialize for Bins {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = self.0.iter().flat_map(|word| word.to_le_bytes()).collect();
        to.serialize_str(&STANDARD.encode(bytes))
    }
}

impl<'de> Deserialize<'de> for Bins {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(from)?;
        let bytes = STANDARD.decode(text.as_bytes()).map_err(D::Error::custom)?;
        let (words, rest) = bytes.as_chunks::<8>();
        if words.len() as u64 * 64 != BINS || !rest.is_empty() {
            return Err(D::Error::custom("it is no set of bins"));
        }
        Ok(Self(
            words.iter().map(|word| u64::from_le_bytes(*word)).collect(),
        ))
    }
}
