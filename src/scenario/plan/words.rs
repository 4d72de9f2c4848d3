//! Loads in words: how a rate goes, how arrivals are spaced, what is sent.

use std::collections::BTreeMap;
use std::fmt;

use super::load::{Arrivals, Pace, Stage};
use crate::units::{format_count, format_duration};

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(rate) => rate.fmt(f),
            Self::Staged { begin, stages } => f.write_str(&in_stages(*begin, stages)),
        }
    }
}

impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant => f.write_str("constant arrivals"),
            Self::Poisson => f.write_str("poisson arrivals"),
            Self::Burst(size) => write!(f, "bursts of {size}"),
        }
    }
}

/// Weights that a load has of its own: "a 1 and b 2"; empty if it has none.
pub fn describe_weights(weights: &BTreeMap<String, u32>) -> String {
    let one = |(name, weight): (&String, &u32)| format!("{name} {weight}");
    weights.iter().map(one).collect::<Vec<_>>().join(" and ")
}

/// Stages in words: "0 → 20,000/s over 30s, hold 60s".
fn in_stages(begin: f64, stages: &[Stage]) -> String {
    let mut from = begin;
    let mut words = Vec::new();
    for (at, stage) in stages.iter().enumerate() {
        let over = format_duration(stage.over);
        let how = if stage.over.is_zero() {
            "at once".to_owned()
        } else {
            format!("over {over}")
        };
        let (first, last) = (format_count(from), format_count(stage.to));
        words.push(match (at, stage.to == from) {
            (0, true) => format!("{first}/s for {over}"),
            (_, true) => format!("hold {over}"),
            (0, false) => format!("{first} → {last}/s {how}"),
            (_, false) => format!("→ {last}/s {how}"),
        });
        from = stage.to;
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn stages_are_said_in_words() {
        let stage = |to, seconds| Stage {
            to,
            over: Duration::from_secs(seconds),
        };
        for (begin, stages, words) in [
            (
                0.0,
                vec![stage(20_000.0, 30), stage(20_000.0, 60)],
                "0 → 20,000/s over 30s, hold 60s",
            ),
            (
                100.0,
                vec![
                    stage(100.0, 5),
                    stage(500.0, 0),
                    stage(500.0, 5),
                    stage(0.0, 180),
                ],
                "100/s for 5s, → 500/s at once, hold 5s, → 0/s over 3m",
            ),
        ] {
            let pace = Pace::Staged {
                begin,
                stages: stages.into(),
            };
            assert_eq!(pace.to_string(), words);
        }
    }
}
