//! A stretch of load that is over, and what it found. Pure.

use serde::{Deserialize, Serialize};

use super::blocks::Block;
use super::counted::Counted;
use super::lateness::Lateness;
use super::notes;
use super::readout::Readout;
use super::stretch::EndedEarly;
use super::trend::Trend;
use super::watched::Count;
use crate::engine::Connections;
use crate::metrics::{Batches, Durations, Window};
use crate::result::answering::{Answerings, Launch};
use crate::result::{Note, PhaseResult, Round, Tail, Uncertainty};
use crate::transport::tls::Handshakes;

/// All of a stretch of load but its rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Over {
    /// As it was, on the clock of its process.
    pub(super) window: Window,
    /// Own time of the window.
    pub(super) seconds: f64,
    /// Rows that were planned, and those that are missing.
    pub(super) rows: Count,
    pub(super) counted: Counted,
    pub(super) readout: Readout,
    pub(super) opening: Durations,
    pub(super) handshakes: Handshakes,
    /// By host, the target first.
    #[serde(skip)]
    pub(super) hosts: Vec<Connections>,
    /// How the target ended by itself, in words.
    pub(super) died: Option<String>,
    /// Services that ended by themselves, in words.
    pub(super) services_ended: Vec<String>,
    /// Why workers ended before their time.
    pub(super) failed: Option<String>,
}

/// What its rows came to.
pub(super) struct Course {
    /// Full intervals of the window.
    pub(super) blocks: Vec<Block>,
    pub(super) batches: Batches,
    pub(super) trend: Trend,
}

/// What is known of a stretch besides what was counted.
pub(super) struct Known<'a> {
    /// Where the instances listen, in their order.
    pub(super) addresses: &'a [&'a str],
    /// Those of thresholds on latencies, µs.
    pub(super) limits: &'a [f64],
    /// CPU time of what took turns with it, s; `None` if it is not known.
    pub(super) others_used: Option<f64>,
}

/// What a stretch of load found.
pub(super) struct StretchEnd {
    /// What it found, as a phase of this launch alone.
    pub(super) found: PhaseResult,
    pub(super) window: Window,
    /// Full intervals of the window.
    pub(super) blocks: Vec<Block>,
    /// Why the CPU of the target is not known.
    pub(super) no_cpu: Option<String>,
    /// Whether what the target published ended before the window, or why it is not known.
    pub(super) published: Result<Option<Note>, String>,
    /// Services that ended by themselves, in words.
    pub(super) services_ended: Vec<String>,
    /// Why telemload or its disk failed.
    pub(super) failed: Option<String>,
    pub(super) late: Lateness,
    /// What ended it before its time.
    pub(super) ended_early: Option<EndedEarly>,
    /// The course of its window.
    pub(super) trend: Trend,
}

impl Over {
    /// What it found in the round `number`, in a phase that is blank.
    pub(super) fn found(
        self,
        blank: PhaseResult,
        number: u32,
        limits: &[f64],
        course: Course,
    ) -> StretchEnd {
        let mut found = blank;
        for (into, from) in found.tallies.iter_mut().zip(&self.counted.tallies) {
            into.add(from);
        }
        let Course {
            blocks,
            batches,
            trend,
        } = course;
        if self.seconds > 0.0 {
            let tails = limits.iter().map(|&limit| Tail::of(&batches, limit));
            found.rounds.push(Round {
                number,
                uncertainty: Uncertainty::of(&blocks, &batches, &found.total()),
                tails: tails.collect(),
                answerings: self.answerings(&found),
                ..self.readout.figures(&found, self.seconds)
            });
            for (at, service) in found.services.iter_mut().enumerate() {
                let used = self.readout.services.get(at);
                service.used = used.copied().unwrap_or_default();
            }
        }
        found.exemplars = self.counted.exemplars;
        found.oddities = self.counted.oddities;
        found.peak_bytes = self.readout.peak_bytes;
        found.instances = self.readout.instances;
        found.opening = self.opening;
        found.handshakes = self.handshakes;
        for (host, of) in found.hosts.iter_mut().zip(self.hosts) {
            host.opening = of.opening;
            host.handshakes = of.handshakes;
        }
        found.died = self.died;
        let published = self.readout.published.map(|published| {
            found.counters = published.counters;
            found.peaks = published.peaks;
            let ended = published.ended;
            ended.map(|(after, why)| notes::counters_end(after, &why))
        });
        StretchEnd {
            found,
            window: self.window,
            blocks,
            no_cpu: self.readout.target_cpu.err(),
            published,
            services_ended: self.services_ended,
            failed: self.failed,
            late: Lateness {
                cpu: self.readout.cpu,
                processes: self.readout.processes,
                metrics: self.readout.metrics,
                rows: self.rows,
            },
            ended_early: None,
            trend,
        }
    }

    fn answerings(&self, found: &PhaseResult) -> Answerings {
        let readout = &self.readout;
        let elsewhere: Vec<usize> = found.elsewhere().collect();
        Answerings::of(&Launch {
            load: &found.load,
            answered: &self.counted.answered,
            tallies: &found.tallies,
            elsewhere: &elsewhere,
            served: &self.counted.served,
            window: self.seconds,
            own_stop: readout.stopped_seconds + readout.throttled_seconds.unwrap_or(0.0),
            process_ended: readout.process_ended.filter(|_| self.died.is_none()),
        })
    }
}
