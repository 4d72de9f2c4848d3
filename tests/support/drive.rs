//! Runs an engine to its end, for tests: a scenario's text in, what was counted out.

// Each test binary uses its part of this.
#![allow(dead_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use telemload::engine::{Drive, End, Engine};
use telemload::metrics::{ErrorKind, Interval, Oddities, Served, Tally};
use telemload::scenario::{Overrides, parse};
use telemload::shard::Shard;
use telemload::traffic::fleet::Roster;
use telemload::traffic::template::Stamp;
use telemload::transport::stream::{Endpoint, Place};

/// One GET without a body.
pub const GET: &str = "[[request]]\nname = \"get\"\npath = \"/\"\n";

/// One POST as a device sends it.
pub const TELEMETRY: &str = r#"
[[request]]
name = "telemetry"
fleet = "cars"
path = "/v1/telemetry?n={{seq}}"
headers = { X-Device-Id = "{{device.id}}", X-Device-Token = "{{device.secret}}" }
body = '{"seq":{{seq}},"speed":{{int 0 180}}}'
"#;

/// Everything that a run counted.
pub struct Report {
    /// All requests and intervals in one.
    pub total: Tally,
    /// Requests due, by request.
    pub due_by_request: Vec<u64>,
    /// All intervals in one, by request.
    pub by_request: Vec<Tally>,
    /// What each instance was counted for, where there are several.
    pub served: Vec<Served>,
    /// Intervals that others hold as well.
    pub joined: u64,
    /// OK responses completed, by interval.
    pub completed: BTreeMap<u64, u64>,
    /// What answers did that they should not.
    pub oddities: Oddities,
    /// Failures in words.
    pub exemplars: BTreeMap<ErrorKind, String>,
    /// Distinct places in memory of the intervals that came.
    pub places: BTreeSet<usize>,
    /// Intervals that came.
    pub intervals: usize,
    /// Workers that said that they have ended.
    pub ended: u32,
    end: Option<End>,
}

/// What `load` (lines of a `[load]` table) and `requests` mean for a target at `address`; a fleet `cars` of one device
/// is there, intervals are 50 ms.
pub fn drive(address: SocketAddr, load: &str, requests: &str) -> Drive {
    let endpoint = Endpoint {
        place: Place::Tcp(address),
        tls: None,
    };
    drive_to(endpoint, &address.to_string(), load, requests)
}

/// The same for a target at any endpoint, which is called `authority`.
pub fn drive_to(endpoint: Endpoint, authority: &str, load: &str, requests: &str) -> Drive {
    let text = format!(
        "name = \"test\"\ninterval = \"50ms\"\ntarget.url = \"http://{authority}\"\n\
         [fleet.cars]\ndevices = 1\n[load]\n{load}\n{requests}"
    );
    let plan = parse("test.toml", &text, Path::new("."), &Overrides::default())
        .unwrap_or_else(|error| panic!("{error}\n{load}"));
    let variant = &plan.variants[0];
    Drive {
        endpoints: vec![endpoint],
        hosts: Vec::new(),
        authority: authority.to_owned(),
        load: variant.phases[0].load.clone(),
        shard: Shard::WHOLE,
        appointment: None,
        turns: None,
        requests: variant
            .requests_of(&variant.phases[0].load, Stamp::default())
            .into(),
        rosters: variant
            .fleets
            .iter()
            .map(Roster::new)
            .collect::<Vec<_>>()
            .into(),
        seed: 1,
        interval: plan.interval,
        secrets: plan.secrets,
    }
}

/// Drives to the end.
pub fn run(address: SocketAddr, load: &str, requests: &str) -> Report {
    let drive = drive(address, load, requests);
    collect(Engine::start(&drive).expect("threads can be started"))
}

/// Collects what an engine counts until its end, and holds it against what is true of every run.
pub fn collect(engine: Engine) -> Report {
    let report = collect_whatever_happens(engine);
    assert_eq!(report.end().failure, None, "the workers end well");
    report
}

/// The same of an engine whose workers may fail.
pub fn collect_whatever_happens(mut engine: Engine) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime can be made");
    let mut report = Report {
        total: Tally::default(),
        due_by_request: Vec::new(),
        by_request: Vec::new(),
        served: Vec::new(),
        joined: 0,
        completed: BTreeMap::new(),
        oddities: Oddities::default(),
        exemplars: BTreeMap::new(),
        places: BTreeSet::new(),
        intervals: 0,
        ended: 0,
        end: None,
    };
    loop {
        // A run that hangs is a failure, not a test that never ends.
        let next = async { tokio::time::timeout(Duration::from_secs(60), engine.next()).await };
        let Some(interval) = runtime.block_on(next).expect("the engine ends") else {
            break;
        };
        report.add(&interval);
        report.ended += u32::from(interval.answered.is_some());
        engine.reuse(interval);
    }
    report.end = Some(engine.finish());
    report.hold_to_what_is_always_true();
    report
}

impl Report {
    /// How it ended.
    pub fn end(&self) -> &End {
        self.end
            .as_ref()
            .expect("it is there once the run has ended")
    }

    /// Failures by kind.
    pub fn errors(&self) -> Vec<(ErrorKind, u64)> {
        self.total.error_counts().collect()
    }

    fn add(&mut self, interval: &Interval) {
        self.intervals += 1;
        self.places.insert(interval.tallies.as_ptr() as usize);
        self.joined += interval.joined;
        self.due_by_request.resize(interval.tallies.len(), 0);
        for (due, tally) in self.due_by_request.iter_mut().zip(&interval.tallies) {
            *due += tally.due;
        }
        let kinds = interval.tallies.len();
        self.by_request.resize_with(kinds, Tally::default);
        for (into, from) in self.by_request.iter_mut().zip(&interval.tallies) {
            into.add(from);
        }
        let instances = interval.instances.len();
        self.served.resize(instances, Served::default());
        for (into, from) in self.served.iter_mut().zip(&interval.instances) {
            into.add(*from);
        }
        for tally in &interval.tallies {
            self.total.add(tally);
            *self.completed.entry(interval.index).or_default() += tally.completed_ok;
        }
        self.oddities.add(&interval.oddities);
        for (&kind, words) in &interval.exemplars {
            self.exemplars.entry(kind).or_insert_with(|| words.clone());
        }
    }

    fn hold_to_what_is_always_true(&self) {
        let total = &self.total;
        for tally in self.by_request.iter().chain([total]) {
            self.hold_to_what_is_true_of(tally);
        }
        if !self.served.is_empty() {
            let served = |of: fn(&Served) -> u64| self.served.iter().map(of).sum::<u64>();
            assert_eq!(served(|of| of.ok), total.ok, "{self:?}");
            assert_eq!(served(|of| of.failed), total.failed, "{self:?}");
            assert_eq!(served(|of| of.completed_ok), total.completed_ok, "{self:?}");
        }
        assert!(total.status.values().all(|&count| count > 0));
        for (kind, _) in self.errors() {
            assert!(self.exemplars.contains_key(&kind), "{kind} has no words");
        }
    }

    fn hold_to_what_is_true_of(&self, tally: &Tally) {
        assert_eq!(
            tally.due,
            tally.ok + tally.failed + tally.in_flight_at_end + tally.not_sent,
            "every due request is in one place: {self:?}"
        );
        assert_eq!(
            tally.due,
            tally.latency.len() + tally.censored.len() + tally.failed_latency.len()
        );
        let errors: Vec<(ErrorKind, u64)> = tally.error_counts().collect();
        let unsent = errors.iter().filter(|(kind, _)| kind.is_unsent());
        let unsent: u64 = unsent.map(|(_, count)| count).sum();
        assert_eq!(tally.due, tally.sent + tally.not_sent + unsent, "{self:?}");
        assert_eq!(tally.failed, errors.iter().map(|(_, n)| n).sum::<u64>());
        assert_eq!(tally.sent, tally.queue_wait.len(), "{self:?}");
        assert_eq!(tally.sent, tally.dispatch_lag.len(), "{self:?}");
        assert_eq!(tally.ok, tally.service_time.len(), "{self:?}");
        assert_eq!(tally.ok, tally.first_byte.len(), "{self:?}");
        assert!(
            tally.first_byte.max() <= tally.service_time.max(),
            "{self:?}"
        );
    }
}

/// Without the histograms, whose counts fill pages.
impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let total = &self.total;
        f.debug_struct("Report")
            .field("due", &total.due)
            .field("sent", &(total.sent, total.sent_in_window))
            .field("ok", &(total.ok, total.completed_ok))
            .field("failed", &total.failed)
            .field("timed_out", &total.timed_out)
            .field("in_flight_at_end", &total.in_flight_at_end)
            .field("not_sent", &total.not_sent)
            .field("errors", &self.errors())
            .field("status", &total.status)
            .field("completed", &self.completed)
            .field("exemplars", &self.exemplars)
            .field("intervals", &(self.intervals, self.places.len()))
            .field("latency_max", &Duration::from_nanos(total.latency.max()))
            .field("end", &self.end)
            .finish()
    }
}
