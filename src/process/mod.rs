//! What is loaded, and what it needs beside it: started, waited for, measured and stopped.
//!
//! Every process but [`perf`]'s is started through [`supervisor`], so that none is left behind however telemload ends. [`tree`] and
//! [`machine`] read CPU and memory; nothing outside this module reads `/proc`. Linux only. Nothing in here knows of
//! scenarios, load or results, and no error or `Debug` output holds an environment value, a payload or the credentials
//! of a URL.

pub mod cgroup;
mod child;
pub mod client;
pub mod clock;
pub mod cpus;
mod exit;
mod listens;
pub mod log;
mod looks;
pub mod machine;
pub mod metrics;
mod orphans;
pub mod perf;
pub mod port;
mod proc;
pub mod ready;
pub mod supervisor;
pub mod tree;

pub use child::{ProcessError, ProcessHandle, ProcessSpec};
pub use exit::ProcessExit;
pub use listens::listens;
pub use tree::{CpuUsed, CpuWindow, MeasureError, ProcessTree, TreeMemory, TreeReading};
