//! `telemload run --shard`: which part of a run this process is.

use std::env;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::exit::Usage;
#[cfg(feature = "meet")]
use super::meet::{self, Met};
#[cfg(feature = "meet")]
use super::output::say;
use super::values;
use crate::process::clock;
use crate::scenario::{Plan, Target};
#[cfg(feature = "meet")]
use crate::shard::meeting::{self, Go, Ready};
use crate::shard::{Part, Shard, engines};
use crate::traffic::wall_clock;
#[cfg(feature = "meet")]
use crate::units::format_duration;

/// Flags of a run that is split over several processes.
#[derive(Debug, clap::Args)]
pub(super) struct ShardArgs {
    /// Run one of several parts, by index from 0; `auto` takes both numbers from the engine that started it.
    #[arg(long, value_name = "INDEX/COUNT | auto", help_heading = "Shards")]
    shard: Option<String>,
    /// When the first load begins, the same on all shards: RFC 3339, or seconds since 1970.
    #[arg(long, value_name = "WHEN", value_parser = when, help_heading = "Shards")]
    start_at: Option<Timestamp>,
    /// Name of the run, the same on all shards [default: the scenario's hash and the start].
    #[arg(long, value_name = "NAME", help_heading = "Shards")]
    shard_key: Option<String>,
    /// Agree on the start with the other shards through a directory that all see, or a bucket: file:///DIR, s3://BUCKET/PATH. Each
    /// run meets at a place of its own.
    #[cfg(feature = "meet")]
    #[arg(long, value_name = "URL", help_heading = "Shards")]
    meet: Option<String>,
    /// How long to wait for the others.
    #[cfg(feature = "meet")]
    #[arg(long, value_name = "TIME", value_parser = values::seconds, default_value = "5m", help_heading = "Shards")]
    meet_within: Duration,
    /// Begin each stretch so much later than planned, to try out what clocks that disagree do.
    #[arg(long, hide = true, value_parser = values::seconds)]
    shard_skew: Option<Duration>,
}

/// A part of a run that was asked for.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) shard: Shard,
    given: &'a ShardArgs,
    /// Of the plan, which nobody gave.
    has_fresh_seed: bool,
}

impl ShardArgs {
    /// The part that was asked for, by a flag or by the environment.
    pub(super) fn asked(&self) -> Result<Option<Asked<'_>>, Usage> {
        let Some(shard) = self.shard()? else {
            let flags = [
                ("--start-at", self.start_at.is_some()),
                ("--shard-key", self.shard_key.is_some()),
                ("--meet", self.meets()),
            ];
            return match flags.into_iter().find(|(_, is_given)| *is_given) {
                None => Ok(None),
                Some((flag, _)) => Err(Usage(format!(
                    "{flag} goes with --shard, which says which part of the run this is"
                ))),
            };
        };
        match (self.start_at, self.meets()) {
            (None, false) => {
                let meet = if cfg!(feature = "meet") {
                    ", or --meet URL"
                } else {
                    ""
                };
                return Err(Usage(format!(
                    "shards begin at one instant: give --start-at WHEN, the same on all{meet}"
                )));
            }
            (Some(_), true) => {
                return Err(Usage(
                    "shards that meet agree on the start; give --meet or --start-at".to_owned(),
                ));
            }
            _ => {}
        }
        Ok(Some(Asked {
            shard,
            given: self,
            has_fresh_seed: false,
        }))
    }

    #[cfg(feature = "meet")]
    fn meets(&self) -> bool {
        self.meet.is_some()
    }

    #[cfg(not(feature = "meet"))]
    fn meets(&self) -> bool {
        false
    }

    fn shard(&self) -> Result<Option<Shard>, Usage> {
        let value =
            |name: &str| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        let refused = |error: engines::Unclear| Usage(error.to_string());
        let given = self.shard.as_deref();
        if given == Some("auto") {
            return engines::from_environment(value).map(Some).map_err(refused);
        }
        let named = engines::named(value).map_err(refused)?;
        let Some(given) = given else {
            return Ok(named);
        };
        let shard: Shard = given
            .parse()
            .map_err(|reason| Usage(format!("--shard `{given}`: {reason}; or auto")))?;
        match named.filter(|named| *named != shard) {
            None => Ok(Some(shard)),
            Some(named) => Err(Usage(format!(
                "--shard says {shard}, and {} says {named}; unset one of them",
                engines::SHARD
            ))),
        }
    }
}

impl Asked<'_> {
    /// The seed of the plan was drawn for this process: all shards take another one, which is theirs.
    pub(super) fn draw_seed(&mut self) {
        self.has_fresh_seed = true;
    }

    /// When the run begins, if that is known before shards meet.
    pub(super) fn starts_at(&self) -> Option<Timestamp> {
        self.given.start_at
    }

    /// Makes a plan that of a part of it, once the start is known, for which shards may have to meet; the answer is why this part is not
    /// run.
    pub(super) fn settle(&self, plan: &mut Plan, quiet: bool) -> anyhow::Result<Option<String>> {
        let attempt = format!("{:016x}", RandomState::new().build_hasher().finish());
        let plan_sha256 = hex(&[plan.sha256.as_bytes(), plan.text.as_bytes()]);
        let starts_at = match self.given.start_at {
            Some(start) => start,
            None => match self.agreed(&attempt, &plan_sha256, quiet)? {
                Ok(start) => start,
                Err(why) => return Ok(Some(why)),
            },
        };
        let key = self.given.shard_key.clone().unwrap_or_else(|| {
            let at = starts_at.strftime("%Y%m%dT%H%M%S%.fZ");
            format!("{}-{at}", &plan_sha256[..12])
        });
        if self.has_fresh_seed {
            let digest = hex(&[plan_sha256.as_bytes(), key.as_bytes()]);
            // JSON's readers have 53 bits for a number.
            plan.seed = u64::from_str_radix(&digest[..13], 16).expect("they are digits");
        }
        if !self.shard.reads_target() {
            for variant in &mut plan.variants {
                if let Target::Url { metrics, .. } = &mut variant.target {
                    *metrics = None;
                }
            }
        }
        let part = Part {
            shard: self.shard,
            key,
            plan_sha256,
            attempt,
            starts_at,
            clock_bound: clock::bound(),
            skew: self.given.shard_skew.unwrap_or_default(),
        };
        let late = too_late(&part);
        plan.part = Some(part);
        Ok(late)
    }

    /// The start on which all shards agree, or why there is none.
    #[cfg(feature = "meet")]
    fn agreed(
        &self,
        attempt: &str,
        plan_sha256: &str,
        quiet: bool,
    ) -> anyhow::Result<Result<Timestamp, String>> {
        let (shard, given) = (self.shard, self.given);
        let url = given.meet.as_deref().expect("shards meet, or have a start");
        let own = Ready {
            attempt: attempt.to_owned(),
            plan_sha256: plan_sha256.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            count: shard.count(),
        };
        if !quiet {
            let within = format_duration(given.meet_within);
            say(&format!(
                "shard {shard} waits for the others, {within} at most"
            ));
        }
        Ok(match meet::meet(url, shard, &own, given.meet_within)? {
            Met::Word(Go::Start(start)) => Ok(start),
            Met::Word(go) => Err(meeting::refusal(&go, shard).expect("it is no start")),
            Met::Taken => Err(format!(
                "another process is shard {shard} of this meeting, and nothing is sent twice; each run meets at a place of its own (--meet)"
            )),
        })
    }

    #[cfg(not(feature = "meet"))]
    fn agreed(
        &self,
        _attempt: &str,
        _plan_sha256: &str,
        _quiet: bool,
    ) -> anyhow::Result<Result<Timestamp, String>> {
        unreachable!("a shard that does not meet has a start")
    }
}

/// Why a part is too late to be run.
fn too_late(part: &Part) -> Option<String> {
    let now = wall_clock::now();
    (!part.is_in_time(now)).then(|| {
        format!(
            "shard {} starts at {}, and it is {now}: it must be ready a second before, so it sends nothing; a shard that is started again cannot take part",
            part.shard, part.starts_at
        )
    })
}

/// The directory of a part, below that of the whole run.
pub(super) fn directory(out: Option<&Path>, plan: &Plan, part: &Part) -> PathBuf {
    let whole = out.map_or_else(
        || {
            let at = part.starts_at.strftime("%Y%m%dT%H%M%SZ");
            Path::new("runs").join(format!("{}-{at}", plan.name))
        },
        Path::to_owned,
    );
    whole.join(format!("shard-{}", part.shard.index()))
}

/// An instant, as a flag gives it.
pub(super) fn when(text: &str) -> Result<Timestamp, String> {
    let seconds = || {
        let seconds: f64 = text.parse().ok()?;
        let whole = seconds.is_finite() && seconds >= 0.0;
        let nanos = whole.then(|| (seconds * 1e9).round() as i128)?;
        Timestamp::from_nanosecond(nanos).ok()
    };
    text.parse().ok().or_else(seconds).ok_or_else(|| {
        "use RFC 3339 with a zone, such as 2026-12-01T10:00:00Z, or seconds since 1970".to_owned()
    })
}

fn hex(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
