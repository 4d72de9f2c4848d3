//! A variant's life: start the target, drive its phases, profile it, stop it, collect. Rounds repeat that with fresh
//! launches, in alternating order.
//!
//! It prints nothing; an [`Observer`] is told how it goes.

mod aim;
mod background;
mod beside;
mod blocks;
mod counted;
mod doubts;
mod drive;
mod early;
mod files;
mod gather;
mod hints;
mod instance;
mod instances;
mod lateness;
mod launch;
mod ledger;
mod life;
mod mark;
mod notes;
mod observer;
mod over;
mod paired;
mod phase;
mod probe;
mod profiled;
mod profiled_launches;
mod reach;
mod readings;
mod readout;
mod rounds;
mod row;
mod run_dir;
mod sampling;
mod services;
mod sharded;
mod shards;
mod started;
mod stop;
mod stretch;
mod timeline;
mod trend;
mod trend_hints;
mod uncertainty;
mod variant;
mod waits;
mod watch;
mod watched;
mod writing;

pub use doubts::COMMON_QUANTILE;
pub use observer::{Live, Observer, PhaseStart};
pub use paired::{OpenPacing, Pacing, Pair, Paired, Relaunch};
pub use phase::port_warning;
pub use rounds::run;
pub use run_dir::{
    CreateError, RunDir, WriteError, begin_named, own_names, read_own, write_named, write_new,
};
pub use sharded::{length as shard_length, stretches as shard_stretches};
pub use shards::{Found, JUDGED, Refused, Set, Unfinished};
pub use stop::Stop;
pub use timeline::Planned;
