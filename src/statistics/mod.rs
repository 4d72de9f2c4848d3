//! Intervals, their combination and what they can show: plain numbers in, plain numbers out. It must not know what is measured.

mod binomial;
mod family;
mod moderated;
mod nested;
mod paired;
mod pooled;
mod power;
mod reach;
mod student;

pub use binomial::{clopper_pearson, fewest_trials, poisson_reach};
pub use family::Family;
pub use moderated::moderated;
pub use nested::nested_half;
pub use paired::{Paired, sign_flip};
pub use pooled::{Spread, pooled};
pub use power::{boundary, smallest_effect};
pub use reach::{Part, Reach, combined, error_of_mean, reach_of_mean};
pub(crate) use student::NORMAL_FROM;
pub use student::{Z95, t_quantile, t_tail};
