//! How shards agree on a start through a store that creates each object once: each says that it is there, and whoever sees all of them
//! writes the start, or whoever waits no longer writes who is missing. There is one such word, and all follow it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Shard;

/// What a shard says of itself when it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Of its process.
    pub attempt: String,
    /// Hash of the scenario and of the flags that override it.
    pub plan_sha256: String,
    /// Of telemload.
    pub version: String,
    /// How many shards it knows of.
    pub count: u32,
}

/// The word that all follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Go {
    /// All were there: the first load begins then.
    Start(Timestamp),
    /// These were not.
    Missing(Vec<u32>),
    /// These two have not the same to do.
    Differ(u32, u32),
}

/// Name of the object of a shard that is there.
pub fn ready_name(shard: Shard) -> String {
    format!("ready/{}", shard.index())
}

/// Name of the object with the word.
pub const GO: &str = "go";

/// The shards that are not there, by the names of the objects that are.
pub fn missing<'a>(names: impl IntoIterator<Item = &'a str>, count: u32) -> Vec<u32> {
    let indices = names.into_iter().filter_map(|name| name.parse().ok());
    let there: BTreeSet<u32> = indices.collect();
    (0..count).filter(|index| !there.contains(index)).collect()
}

/// The word when all are there.
pub fn word(all: &BTreeMap<u32, Ready>, start: Timestamp) -> Go {
    let same = |one: &Ready, other: &Ready| {
        let of = |ready: &Ready| {
            (
                ready.plan_sha256.clone(),
                ready.version.clone(),
                ready.count,
            )
        };
        of(one) == of(other)
    };
    let Some((first, one)) = all.first_key_value() else {
        return Go::Missing(Vec::new());
    };
    match all.iter().find(|(_, other)| !same(one, other)) {
        None => Go::Start(start),
        Some((other, _)) => Go::Differ(*first, *other),
    }
}

/// Why there is no start, in words.
pub fn refusal(go: &Go, shard: Shard) -> Option<String> {
    match go {
        Go::Start(_) => None,
        Go::Missing(missing) => {
            const MOST: usize = 10;
            let named: Vec<String> = missing.iter().take(MOST).map(u32::to_string).collect();
            let more = missing.len().saturating_sub(MOST);
            let more = match more {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            Some(format!(
                "shard {shard} sends nothing: of {} shards these did not come to the meeting in time: {}{more}; start all of them again with another --meet, or wait longer (--meet-within)",
                shard.count(),
                named.join(", ")
            ))
        }
        Go::Differ(one, other) => Some(format!(
            "shard {shard} sends nothing: shards {one} and {other} have another scenario, other flags, another number of shards or another version of telemload; start all of them with the same and another --meet"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_must_be_there_with_the_same_to_do() {
        assert_eq!(missing(["0", "2", "x", "9"], 4), [1, 3]);
        assert!(missing(["1", "0"], 2).is_empty());
        let ready = |plan: &str, count| Ready {
            attempt: String::new(),
            plan_sha256: plan.to_owned(),
            version: "1".to_owned(),
            count,
        };
        let start = Timestamp::UNIX_EPOCH;
        let check = |all: &[Ready], expected: Go| {
            let all = (0..).zip(all.iter().cloned()).collect();
            assert_eq!(word(&all, start), expected);
        };
        check(&[ready("a", 2), ready("a", 2)], Go::Start(start));
        check(&[ready("a", 2), ready("b", 2)], Go::Differ(0, 1));
        check(
            &[ready("a", 3), ready("a", 3), ready("a", 4)],
            Go::Differ(0, 2),
        );
        let shard = Shard::new(1, 30).unwrap();
        let words = refusal(&Go::Missing((5..25).collect()), shard).unwrap();
        assert!(
            words.contains("shard 1/30 sends nothing: of 30 shards"),
            "{words}"
        );
        assert!(
            words.contains("in time: 5, 6, 7, 8, 9, 10, 11, 12, 13, 14 and 10 more;"),
            "{words}"
        );
    }
}
