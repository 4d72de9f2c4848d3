//! Runs for tests of what is shown of them.

use std::sync::LazyLock;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::experiment::{Live, PhaseStart, Planned};
use crate::metrics::ErrorKind;
use crate::result::samples::phase;
use crate::scenario::{Arrivals, Load, LoadModel, Pace};
use crate::units::Rate;

/// An open loop at 100/s.
static LOAD: LazyLock<Load> = LazyLock::new(|| Load {
    model: LoadModel::Open {
        pace: Pace::Constant(Rate::new(100.0).expect("it is a rate")),
        arrivals: Arrivals::Constant,
    },
    warmup: Duration::from_secs(2),
    ..phase(|_| ()).load
});

/// A phase of the variant "new" that lasts so many seconds.
pub(super) fn planned(phase: &str, seconds: Option<u64>) -> Planned {
    Planned {
        variant: "new".to_owned(),
        phase: phase.to_owned(),
        round: 1,
        profiled: false,
        length: seconds.map(Duration::from_secs),
    }
}

/// It begins.
pub(super) fn start(phase: &str, seconds: Option<u64>) -> PhaseStart<'_> {
    PhaseStart {
        variant: "new",
        with: None,
        phase,
        round: (1, 1),
        profiled: false,
        forecast: None,
        load: &LOAD,
        length: seconds.map(Duration::from_secs),
        target_cpus: 2.0,
    }
}

/// Tells of a second with 100 answers in 1 ms or a little more, of which 3 failed.
pub(super) fn live<T>(tell: impl FnOnce(&Live<'_>) -> T, at: u64) -> T {
    let mut latency = Histogram::new(3).expect("three digits are valid");
    latency.auto(true);
    (0..100).for_each(|ms| latency.record(1_000_000 + ms * 1_000).expect("it grows"));
    let mut errors = [0; ErrorKind::ALL.len()];
    errors[ErrorKind::Timeout as usize] = 2;
    errors[ErrorKind::Status as usize] = 1;
    tell(&Live {
        start: Duration::from_secs(at),
        length: Duration::from_secs(1),
        completed_ok: 100,
        ok: 100,
        latency: &latency,
        errors,
        target_cores: Some(1.07),
        generator_cores: None,
    })
}
