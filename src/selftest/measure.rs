//! Loads the self-test's server exactly as `run` does: a scenario's text becomes a plan, the experiment drives it, and
//! the figures are those of its result. It judges nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::server::{Behaviour, Part, Server, Truth};
use crate::experiment::{self, Live, Observer, PhaseStart, Planned, RunDir, Stop};
use crate::metrics::Tally;
use crate::process::machine::{MachineTimes, ThreadTimes, own_threads};
use crate::result::PhaseResult;
use crate::scenario::{Overrides, parse};
use crate::traffic::wall_clock;

/// Connections of every stretch.
pub(super) const CONNECTIONS: u32 = 64;

/// Why nothing was found.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused something.
    #[error(
        "the self-test cannot run here: {0}; it needs loopback sockets, timers and a writable directory for temporary files"
    )]
    System(#[from] io::Error),
    /// The load ended early.
    #[error("the self-test ended early: {0}")]
    Ended(String),
    /// The user ended it.
    #[error("the self-test was interrupted")]
    Interrupted,
}

/// A stretch of load on a server of known behaviour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) name: String,
    pub(super) behaviour: Behaviour,
    /// Requests a second; `None` for a closed loop.
    pub(super) rate: Option<u32>,
    pub(super) warmup: Duration,
    pub(super) length: Duration,
}

/// What a stretch came to.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    pub(super) stretch: Stretch,
    /// As `run` would report it.
    pub(super) reported: Tally,
    /// OK responses a second.
    pub(super) throughput_rps: f64,
    pub(super) truth: Truth,
    pub(super) disturbance: Disturbance,
}

/// What the machine did to a stretch.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Disturbance {
    /// Share of the machine's CPU time that its host took; `None` if not known.
    pub(super) steal_share: Option<f64>,
    /// Time that threads of this process were ready and had no core, by the time that passed.
    pub(super) waited_share: f64,
}

impl Stretch {
    /// Requests of the warm-up, and of the window.
    pub(super) fn planned(&self) -> (u64, u64) {
        let of = |time: Duration| {
            (time.as_millis() as u64 * u64::from(self.rate.unwrap_or(0))).div_ceil(1_000)
        };
        (of(self.warmup), of(self.length))
    }
}

/// Drives the stretches one after the other.
///
/// # Errors
/// The system refuses something, the load ends early, or the user ends it.
pub(super) async fn drive(
    stretches: &[Stretch],
    observer: &dyn Observer,
    stop: &Stop,
) -> Result<Vec<Measured>, Error> {
    if stretches.is_empty() {
        return Ok(Vec::new());
    }
    let parts: Vec<Part> = stretches
        .iter()
        .map(|stretch| Part {
            behaviour: stretch.behaviour,
            first: stretch.planned().0,
        })
        .collect();
    let server = Server::start(&parts)?;
    let text = scenario(&server, stretches);
    let ended = |error: &dyn std::fmt::Display| Error::Ended(error.to_string());
    let plan = parse("self-test", &text, Path::new("."), &Overrides::default())
        .map_err(|error| ended(&error))?;
    let scratch = tempfile::tempdir()?;
    let started_at = wall_clock::now();
    let dir = RunDir::create(Some(scratch.path()), &plan.name, &plan.text, started_at)
        .map_err(|error| ended(&error))?;
    let watch = Watch::new(observer);
    let result = experiment::run(&plan, &dir, &watch, stop, started_at).await;
    let truths = server.finish()?;
    if stop.is_asked() {
        return Err(Error::Interrupted);
    }
    if let Some(failure) = result.failure {
        return Err(ended(&failure));
    }
    let disturbances = watch.found.into_inner().expect("no holder panics");
    Ok(stretches
        .iter()
        .zip(result.variants)
        .zip(truths.into_iter().zip(disturbances))
        .filter_map(|((stretch, variant), (truth, disturbance))| {
            let phase = variant.phases.first()?;
            let reported = phase.total();
            Some(Measured {
                stretch: stretch.clone(),
                throughput_rps: phase.throughput_rps(&reported).unwrap_or_default(),
                reported,
                truth,
                disturbance,
            })
        })
        .collect())
}

/// A variant and a phase for each stretch, named alike.
fn scenario(server: &Server, stretches: &[Stretch]) -> String {
    let mut text = format!(
        "name = \"selftest\"\ninterval = \"100ms\"\n[target]\nurl = \"http://{}\"\n\
         [[request]]\nname = \"get\"\npath = \"/\"\n",
        server.address
    );
    for (at, stretch) in stretches.iter().enumerate() {
        let Stretch {
            name,
            rate,
            warmup,
            length,
            ..
        } = stretch;
        let model = rate.map_or("model = \"closed\"".to_owned(), |rate| {
            format!("model = \"open\", rate = \"{rate}/s\"")
        });
        let (warmup, length) = (warmup.as_millis(), length.as_millis());
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "[[phase]]\nname = \"load-{name}\"\nvariants = [\"{name}\"]\n\
             load = {{ {model}, connections = {CONNECTIONS}, duration = \"{length}ms\", warmup = \"{warmup}ms\", timeout = \"5s\" }}\n\
             [[variant]]\nname = \"{name}\"\nrequest.get.path = \"/{at}/{{{{seq}}}}\"\n"
        );
    }
    text
}

/// Reads the machine at the begin, at each interval and at the end of a stretch, and passes on what it is told.
struct Watch<'a> {
    told: &'a dyn Observer,
    begun: Mutex<Option<Begun>>,
    found: Mutex<Vec<Disturbance>>,
}

struct Begun {
    at: Instant,
    machine: Option<MachineTimes>,
    before: BTreeMap<i32, ThreadTimes>,
    /// As last seen: threads end with their stretch.
    threads: BTreeMap<i32, ThreadTimes>,
}

impl<'a> Watch<'a> {
    fn new(told: &'a dyn Observer) -> Self {
        Self {
            told,
            begun: Mutex::default(),
            found: Mutex::default(),
        }
    }

    fn look(&self) {
        if let Some(begun) = &mut *self.begun.lock().expect("no holder panics") {
            begun.threads.append(&mut own_threads());
        }
    }
}

/// Its variants are shown as phases of this one.
const VARIANT: &str = "selftest";

impl Observer for Watch<'_> {
    fn planned(&self, stretches: &[Planned]) {
        let renamed = stretches.iter().map(|of| Planned {
            variant: VARIANT.to_owned(),
            phase: of.variant.clone(),
            ..of.clone()
        });
        self.told.planned(&renamed.collect::<Vec<_>>());
    }

    fn hashing(&self, total: u64) {
        self.told.hashing(total);
    }

    fn hashed(&self) {
        self.told.hashed();
    }

    fn phase(&self, phase: &PhaseStart<'_>) {
        self.told.phase(&PhaseStart {
            variant: VARIANT,
            phase: phase.variant,
            ..*phase
        });
        *self.begun.lock().expect("no holder panics") = Some(Begun {
            at: Instant::now(),
            machine: MachineTimes::read().ok(),
            before: own_threads(),
            threads: BTreeMap::new(),
        });
    }

    fn live(&self, _variant: &str, live: &Live<'_>) {
        self.look();
        self.told.live(VARIANT, live);
    }

    fn phase_over(&self, found: &[(&str, &PhaseResult)]) {
        self.look();
        let renamed: Vec<_> = found.iter().map(|(_, found)| (VARIANT, *found)).collect();
        self.told.phase_over(&renamed);
        let Some(begun) = self.begun.lock().expect("no holder panics").take() else {
            return;
        };
        let machine = MachineTimes::read().ok();
        let steal_share = begun
            .machine
            .zip(machine)
            .and_then(|(before, after)| after.since(&before))
            .map(|spent| spent.steal_share);
        let waited: u64 = begun
            .threads
            .iter()
            .map(|(tid, times)| {
                let before = begun.before.get(tid).map_or(0, |times| times.wait_ns);
                times.wait_ns.saturating_sub(before)
            })
            .sum();
        let found = Disturbance {
            steal_share,
            waited_share: waited as f64 / 1e9 / begun.at.elapsed().as_secs_f64().max(1e-3),
        };
        self.found.lock().expect("no holder panics").push(found);
    }
}
