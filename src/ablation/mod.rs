//! What each thing costs the service that production's requests have and others lack: trials of two variants that differ in some factors, and
//! what their comparisons say. Pure: plans in, plans out; results in, findings out. The engine of runs measures.
//!
//! Each factor is tried both ways. Dropped from production's requests it tells what they cost without it; added to requests that lack all
//! factors it tells what it costs by itself. A factor that needs another one costs nothing by itself, and where dropping it changes the
//! answer, nothing was saved. What a few launches leave open is launched again, and what they settle is not.

mod course;
mod effects;
mod factor;
mod level;
mod looks;
mod pieces;
mod setting;
mod trial;

pub use course::{Course, Stage};
pub use effects::{Ablation, Answers, Effect, Judged, Row};
pub use factor::{Factor, Kind};
pub use looks::SMALLEST;
pub use setting::Setting;
pub use trial::{Choice, Direction, NoTrials, Profiles, Trial, Trials, trials};
