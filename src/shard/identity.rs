//! Which shard of how many.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The most shards of a run.
pub const MOST: u32 = 10_000;

/// A shard by its index, from 0, and the number of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    index: u32,
    count: u32,
}

/// Why there is no such shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoShard {
    /// It is no pair of numbers.
    #[error("a shard is INDEX/COUNT, such as 0/3 for the first of three")]
    Form,
    /// There are none, or too many.
    #[error("there are 1 to {MOST} shards")]
    Count,
    /// It is behind the last one.
    #[error("the index is from 0 to {} where there are {count}", count - 1)]
    Index {
        /// How many there are.
        count: u32,
    },
}

impl Shard {
    /// The one part of a run that is not split.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// The shard with this index of so many.
    ///
    /// # Errors
    /// There is none.
    pub fn new(index: u32, count: u32) -> Result<Self, NoShard> {
        if !(1..=MOST).contains(&count) {
            return Err(NoShard::Count);
        }
        if index >= count {
            return Err(NoShard::Index { count });
        }
        Ok(Self { index, count })
    }

    /// From 0.
    pub const fn index(self) -> u32 {
        self.index
    }

    /// How many there are.
    pub const fn count(self) -> u32 {
        self.count
    }

    /// Whether it is the one that reads the target.
    pub const fn reads_target(self) -> bool {
        self.index == 0
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = NoShard;

    fn from_str(text: &str) -> Result<Self, NoShard> {
        let (index, count) = text.split_once('/').ok_or(NoShard::Form)?;
        let number = |text: &str| {
            let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse().ok().filter(|_| is_plain);
            number.ok_or(NoShard::Form)
        };
        Self::new(number(index)?, number(count)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_an_index_below_the_count() {
        let check = |text: &str, expected: Result<(u32, u32), NoShard>| {
            let found = text.parse::<Shard>();
            let found = found.map(|of| (of.index(), of.count()));
            assert_eq!(found, expected, "{text}");
        };
        check("0/1", Ok((0, 1)));
        check("7/8", Ok((7, 8)));
        check("9999/10000", Ok((9_999, 10_000)));
        check("8/8", Err(NoShard::Index { count: 8 }));
        check("0/0", Err(NoShard::Count));
        check("0/10001", Err(NoShard::Count));
        for text in [
            "",
            "/",
            "1",
            "1/",
            "/2",
            "-1/2",
            "+1/2",
            " 1/2",
            "a/2",
            "1/2/3",
            "1/99999999999",
        ] {
            check(text, Err(NoShard::Form));
        }
    }
}
