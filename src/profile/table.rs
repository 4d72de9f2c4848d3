//! Function tables: how many samples each function has, itself and with what it calls.
//!
//! Functions are told apart by their normalised names. It must count a function once per sample however often it recurs.

use std::collections::BTreeMap;

use regex::Regex;

use super::Profile;
use super::names::normalise;

/// The samples of one function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionStat {
    /// The normalised name.
    pub function: String,
    /// Samples in which it was the leaf.
    pub self_samples: u64,
    /// Samples in which it was anywhere on the stack.
    pub total_samples: u64,
}

/// All functions of a profile, the largest total first, then by name.
pub fn functions(profile: &Profile) -> Vec<FunctionStat> {
    let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (id, name) in profile.names().iter().enumerate() {
        by_name
            .entry(normalise(name).into_owned())
            .or_default()
            .push(id);
    }
    let mut function_of = vec![0; profile.names().len()];
    let mut stats = Vec::with_capacity(by_name.len());
    for (function, ids) in by_name {
        for id in ids {
            function_of[id] = stats.len();
        }
        stats.push(FunctionStat {
            function,
            self_samples: 0,
            total_samples: 0,
        });
    }
    let mut last_seen = vec![usize::MAX; stats.len()];
    for (stack, (ids, weight)) in profile.unordered().enumerate() {
        for id in ids {
            let function = function_of[*id as usize];
            if last_seen[function] != stack {
                last_seen[function] = stack;
                stats[function].total_samples += weight.samples;
            }
        }
        let leaf = ids.last().expect("a stack has at least one frame");
        stats[function_of[*leaf as usize]].self_samples += weight.samples;
    }
    // Names of locations that no sample refers to are no functions of the profile.
    stats.retain(|stat| stat.total_samples > 0);
    stats.sort_by(|a, b| {
        b.total_samples
            .cmp(&a.total_samples)
            .then_with(|| a.function.cmp(&b.function))
    });
    stats
}

/// The samples whose stack has a frame that matches, by its normalised or its raw name.
pub fn inclusive_samples(profile: &Profile, pattern: &Regex) -> u64 {
    let names = profile.names().iter();
    let matches: Vec<bool> = names
        .map(|name| pattern.is_match(name) || pattern.is_match(&normalise(name)))
        .collect();
    profile
        .unordered()
        .filter(|(ids, _)| ids.iter().any(|id| matches[*id as usize]))
        .map(|(_, weight)| weight.samples)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(stacks: &[(&[&str], u64)]) -> Profile {
        let mut profile = Profile::new("samples", "count", 0);
        for (frames, samples) in stacks {
            profile
                .add(frames.iter().copied(), *samples, *samples)
                .expect("small");
        }
        profile
    }

    #[track_caller]
    fn check(stacks: &[(&[&str], u64)], expected: &[(&str, u64, u64)]) {
        let stats = functions(&profile(stacks));
        let got: Vec<_> = stats
            .iter()
            .map(|s| (s.function.as_str(), s.self_samples, s.total_samples))
            .collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn totals_count_a_function_once_per_sample() {
        check(
            &[(&["main", "f", "g", "f"], 3), (&["main", "g"], 2)],
            &[("g", 2, 5), ("main", 0, 5), ("f", 3, 3)],
        );
        // Two builds' names of one function, in one stack.
        check(
            &[(&["f::h0123456789abcdef", "f::hfedcba9876543210"], 4)],
            &[("f", 4, 4)],
        );
        check(&[(&[], 4)], &[("[no stack]", 4, 4)]);
        check(&[], &[]);
    }

    #[test]
    fn inclusive_samples_match_raw_and_normalised_names() {
        let profile = profile(&[
            (
                &[
                    "main",
                    "bcrypt::hash::h0123456789abcdef",
                    "blowfish::expand",
                ],
                5,
            ),
            (
                &["main", "bcrypt::verify", "bcrypt::hash::h0123456789abcdef"],
                2,
            ),
            (&["main", "idle"], 3),
        ]);
        for (pattern, expected) in [
            ("^bcrypt::", 7),
            ("^bcrypt::hash$", 7),
            ("h0123", 7),
            ("^main$", 10),
            ("x", 5),
            ("zz", 0),
        ] {
            let pattern = Regex::new(pattern).expect("a valid pattern");
            assert_eq!(inclusive_samples(&profile, &pattern), expected, "{pattern}");
        }
    }
}
