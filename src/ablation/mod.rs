//! What each header of production's requests costs the service: trials of two variants that differ in one factor, which are loaded in
//! turns, and what their comparisons say. Pure: plans in, plans out; results in, findings out. The engine of runs measures.
//!
//! Each factor is tried both ways. Dropped from production's requests it tells what they cost without it; added to requests that lack all
//! factors it tells what it costs by itself. A factor that needs another one costs nothing by itself, and where dropping it changes the
//! answer, nothing was saved.

mod effects;
mod trial;

pub use effects::{Ablation, Answers, Effect, ablation};
pub use trial::{Choice, Direction, Factor, NoTrials, Trials, trials};
