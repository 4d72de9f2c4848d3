//! The cost of a function: its share of the samples times the CPU time per request.
//!
//! Shares come from the profile and CPU time from the operating system, because samplers lose samples; a share survives that
//! as long as losses are random. It must not take CPU time from the profile.

use super::{Interval, Profile, functions, wilson};

/// What one function costs per request.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionCost {
    /// The normalised name.
    pub function: String,
    /// The share of samples in which it was the leaf; these sum to 1.
    pub self_share: f64,
    /// The share of samples in which it was on the stack.
    pub total_share: f64,
    /// `self_share` in CPU-µs per request; these sum to the CPU-µs per request.
    pub self_us: f64,
    /// `total_share` in CPU-µs per request.
    pub total_us: f64,
    /// The 95 % Wilson interval of `total_share`.
    pub total_share_interval: Interval,
    /// The number of samples that the shares are of: what a comparison needs to judge a function that was never seen.
    pub profile_samples: u64,
}

/// The costs of all functions, the largest total first, then by name. `us_per_request` is the target's CPU time per completed
/// request in µs, measured in the window of this profile.
pub fn costs(profile: &Profile, us_per_request: f64) -> Vec<FunctionCost> {
    let n = profile.samples();
    let share = |samples: u64| samples as f64 / n.max(1) as f64;
    let stats = functions(profile).into_iter();
    stats
        .map(|stat| FunctionCost {
            self_share: share(stat.self_samples),
            total_share: share(stat.total_samples),
            self_us: share(stat.self_samples) * us_per_request,
            total_us: share(stat.total_samples) * us_per_request,
            total_share_interval: wilson(stat.total_samples, n),
            profile_samples: n,
            function: stat.function,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_split_the_cpu_time_of_a_request() {
        let mut profile = Profile::new("cpu", "nanoseconds", 10);
        profile.add(["main", "bcrypt"], 950, 0).expect("small");
        profile.add(["main"], 50, 0).expect("small");
        let costs = costs(&profile, 200.0);
        assert_eq!(costs[0].function, "main");
        assert_eq!((costs[0].self_us, costs[0].total_us), (10.0, 200.0));
        assert_eq!((costs[1].self_share, costs[1].total_us), (0.95, 190.0));
        assert_eq!(costs[1].total_share_interval, wilson(950, 1_000));
        assert_eq!(costs[1].profile_samples, 1_000);
    }
}
