//! The floor of a machine: what no figure measured here can be below. It is kept in the user's cache directory, for the
//! summaries of later runs; what is not of this machine or cannot be read is as good as none.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::experiment::write_named;
use crate::metrics::value_at;
use crate::process::machine::Fingerprint;
use crate::scenario::read_at_most;
use crate::units::{format_count, format_us};

/// Name and version of the format.
pub const SCHEMA: &str = "telemload.floor/1";

/// A stored floor is far smaller.
const MAX_FILE: u64 = 64 << 10;

/// What the machine adds to everything that is measured on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Floor {
    /// [`SCHEMA`].
    pub schema: String,
    /// Of telemload.
    pub version: String,
    /// When it was measured.
    pub measured_at: jiff::Timestamp,
    /// Where.
    pub machine: Fingerprint,
    /// Requests a second in a closed loop against immediate answers.
    pub closed_loop_rps: f64,
    /// By rate, the lowest first.
    pub rates: Vec<RateFloor>,
}

/// The floor at one rate, against immediate answers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RateFloor {
    /// Requests a second.
    pub rate: u32,
    /// Requests that it rests on.
    pub requests: u64,
    /// Steps of the bare timer that it rests on.
    pub bare_steps: u64,
    /// How late a thread wakes that does nothing but wait on a timerfd at this rate.
    pub bare_timer_us: Points,
    /// What telemload itself adds before it sends.
    pub dispatch_lag_us: Points,
    /// Of an immediate answer, from sending it.
    pub service_time_us: Points,
    /// Of an immediate answer, from its intended start.
    pub latency_us: Points,
}

/// Points of a distribution, µs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Points {
    /// Median.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
    /// 99.9th percentile.
    pub p99_9: f64,
}

/// A floor could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum NotStored {
    /// Neither XDG_CACHE_HOME nor a home directory is known.
    #[error("the floor was not stored: there is no home directory; set XDG_CACHE_HOME")]
    NoDirectory,
    /// It could not be written.
    #[error("the floor was not stored: cannot write {path}: {cause}; set XDG_CACHE_HOME to a directory that can be written", path = path.display())]
    Unwritten {
        /// Where.
        path: PathBuf,
        /// What the system answered.
        cause: io::Error,
    },
}

impl Points {
    /// The points of a histogram of ns.
    pub(super) fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| value_at(histogram, quantile);
        Self {
            p50: at(0.5),
            p99: at(0.99),
            p99_9: at(0.999),
        }
    }

    fn is_sound(&self) -> bool {
        [self.p50, self.p99, self.p99_9]
            .iter()
            .all(|us| us.is_finite() && *us >= 0.0)
    }
}

impl RateFloor {
    /// Dispatch lag by the lateness of the bare timer, at p50 and p99; `None` if that was not late at all.
    pub fn lag_by_bare(&self) -> Option<(f64, f64)> {
        let (lag, bare) = (self.dispatch_lag_us, self.bare_timer_us);
        (bare.p50 > 0.0).then(|| (lag.p50 / bare.p50, lag.p99 / bare.p99))
    }
}

/// Where floors are kept: `telemload/floor.json` in the user's cache directory (`XDG_CACHE_HOME`, else `~/.cache`).
pub fn path() -> Option<PathBuf> {
    let directories = etcetera::choose_base_strategy().ok()?;
    Some(directories.cache_dir().join("telemload/floor.json"))
}

impl Floor {
    /// Keeps it at `path`, whole or not at all.
    ///
    /// # Errors
    /// The directory or the file cannot be written, or there is no path.
    pub fn store(&self, path: Option<&Path>) -> Result<(), NotStored> {
        let path = path.ok_or(NotStored::NoDirectory)?;
        let refused = |cause| NotStored::Unwritten {
            path: path.to_owned(),
            cause,
        };
        let mut text = serde_json::to_string_pretty(self).map_err(|error| refused(error.into()))?;
        text.push('\n');
        write_named(path, text.as_bytes(), || {}).map_err(|error| refused(error.cause))
    }

    /// The floor of `machine` that is kept at `path`, if there is one.
    pub fn known(path: &Path, machine: &Fingerprint) -> Option<Self> {
        // A pipe in its place would never end.
        fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        let floor: Self = serde_json::from_slice(&read_at_most(path, MAX_FILE).ok()?).ok()?;
        let is_sound = floor.schema == SCHEMA
            && floor.machine == *machine
            && !floor.rates.is_empty()
            && floor.rates.iter().all(|at| {
                let all = [
                    at.bare_timer_us,
                    at.dispatch_lag_us,
                    at.service_time_us,
                    at.latency_us,
                ];
                all.iter().all(Points::is_sound)
            });
        is_sound.then_some(floor)
    }

    /// It in one line, for summaries.
    pub fn quote(&self) -> String {
        let rates: Vec<String> = self
            .rates
            .iter()
            .take(MOST_QUOTED)
            .map(|at| {
                format!(
                    "{}/s {} and {}",
                    format_count(f64::from(at.rate)),
                    format_us(at.latency_us.p50),
                    format_us(at.latency_us.p99)
                )
            })
            .collect();
        format!(
            "floor here: latency p50 and p99 of an immediate answer at {} (telemload selftest, {})",
            rates.join(", at "),
            self.measured_at.strftime("%Y-%m-%d")
        )
    }
}

/// Rates that a line has room for.
const MOST_QUOTED: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn floor() -> Floor {
        let points = Points {
            p50: 50.0,
            p99: 123.4,
            p99_9: 400.0,
        };
        let rate = |rate| RateFloor {
            rate,
            requests: 1_000,
            bare_steps: 1_000,
            bare_timer_us: points,
            dispatch_lag_us: points,
            service_time_us: points,
            latency_us: points,
        };
        Floor {
            schema: SCHEMA.to_owned(),
            version: "0.1.0".to_owned(),
            measured_at: jiff::Timestamp::UNIX_EPOCH,
            machine: Fingerprint::read(),
            closed_loop_rps: 50_000.0,
            rates: vec![rate(1_000), rate(20_000)],
        }
    }

    #[test]
    fn a_floor_is_kept_and_quoted_in_a_line() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("a/floor.json");
        assert_eq!(Floor::known(&path, &Fingerprint::read()), None);
        floor().store(Some(&path)).unwrap();
        let known = Floor::known(&path, &Fingerprint::read()).unwrap();
        assert_eq!(known, floor());
        assert_eq!(
            known.quote(),
            "floor here: latency p50 and p99 of an immediate answer at 1,000/s 50 µs and 123 µs, at 20,000/s 50 µs and 123 µs (telemload selftest, 1970-01-01)"
        );
    }

    #[test]
    fn a_floor_of_another_machine_or_without_sense_is_none() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("floor.json");
        let machine = Fingerprint::read();
        let spoilt: [fn(&mut Floor); 4] = [
            |floor| floor.machine.kernel = Some("another".to_owned()),
            |floor| floor.schema = "telemload.floor/2".to_owned(),
            |floor| floor.rates.clear(),
            |floor| floor.rates[0].latency_us.p50 = -1.0,
        ];
        for spoil in spoilt {
            let mut floor = floor();
            spoil(&mut floor);
            floor.store(Some(&path)).unwrap();
            assert_eq!(Floor::known(&path, &machine), None);
        }
        for bytes in [&b""[..], b"{}", b"[1", b"\xff\xfe", &vec![b' '; 100_000]] {
            fs::write(&path, bytes).unwrap();
            assert_eq!(Floor::known(&path, &machine), None);
        }
        assert_eq!(Floor::known(scratch.path(), &machine), None);
    }

    #[test]
    fn what_cannot_be_stored_names_the_file_and_the_remedy() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().join("floor.json");
        let error = floor().store(Some(&path)).unwrap_err().to_string();
        assert!(
            error.contains(&path.display().to_string()) && error.contains("XDG_CACHE_HOME"),
            "{error}"
        );
        let error = floor().store(None).unwrap_err().to_string();
        assert!(error.contains("set XDG_CACHE_HOME"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_ignored(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..2_000, byte in any::<u8>()) {
            let scratch = tempfile::tempdir().unwrap();
            let path = scratch.path().join("floor.json");
            let mut near = serde_json::to_vec(&floor()).unwrap();
            let at = at % near.len();
            near[at] = byte;
            for bytes in [bytes, near] {
                fs::write(&path, bytes).unwrap();
                if let Some(floor) = Floor::known(&path, &Fingerprint::read()) {
                    floor.quote();
                }
            }
        }
    }
}
