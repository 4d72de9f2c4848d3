//! What production sends beside what a scenario sends. Pure: a sample and the requests of a plan are [`Record`]s, which hold no values,
//! and an audit compares two lists of them.

mod audit;
mod imported;
mod line;
mod print;
mod production;
mod record;
mod sent;

pub use audit::{Audit, Choice, Connections, Finding, Share, Side, Verdict, audit};
pub use line::{NoSample, Opening, Recorded, is_one, line, read};
pub use print::{Alphabet, Key, Print};
pub use production::{imported, tapped};
pub use record::{Field, Record, Value};
pub use sent::sent;
