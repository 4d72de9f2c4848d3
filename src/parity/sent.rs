//! What a scenario sends, as records: its first requests as the engine renders them, and its planned arrivals.

use std::collections::HashSet;
use std::time::Duration;

use super::audit::{Connections, Side};
use super::print::Key;
use super::record::{Field, Record, Value};
use crate::engine::{Rendered, Source};
use crate::import::{Bodies, Headers, Holds, Times};
use crate::pacer::{Pacer, Schedule};
use crate::scenario::{Load, LoadModel, Phase, Plan, Request, Target, Variant};
use crate::shard::Lane;
use crate::traffic::fleet::Roster;
use crate::traffic::template::{Secrets, Stamp};
use crate::transport::http1::Requests;

/// Planned arrivals that are looked at.
const MOST_ARRIVALS: usize = 1_000_000;
/// Requests that are drawn at most for each one to the target.
const LONGEST_SEARCH: u64 = 100;

/// The first `most` requests of a phase to its target. Requests that a device sends once, before others that need what they bring, are among
/// them; those to other hosts are not.
pub fn sent(plan: &Plan, variant: &Variant, phase: &Phase, most: usize, key: &Key) -> Side {
    let requests = variant.requests_of(&phase.load, Stamp::default());
    let rosters: Vec<Roster> = variant.fleets.iter().map(Roster::new).collect();
    let authority = match &variant.target {
        Target::Url { base, .. } => base.authority.clone(),
        Target::Bundled { .. } | Target::Command { .. } => "127.0.0.1".to_owned(),
    };
    let extracted: Vec<Vec<String>> = requests.iter().map(extracted_headers).collect();
    let elsewhere = requests.iter().map(|request| request.elsewhere.is_some());
    let elsewhere: Vec<bool> = elsewhere.collect();
    let source = Source::new(
        requests.into(),
        rosters.into(),
        &authority,
        plan.seed,
        Secrets::Sent,
    );
    let mut rendering = Rendering {
        source,
        extracted,
        elsewhere,
        out: Rendered::default(),
        key,
        records: Vec::new(),
    };
    let mut begun = HashSet::new();
    // A mix may hardly ask the target.
    for n in 0..(most as u64).saturating_mul(LONGEST_SEARCH) {
        if rendering.records.len() >= most {
            break;
        }
        let kind = rendering.source.kind(n);
        for before in rendering.source.before(kind) {
            if begun.insert((before, rendering.source.device(kind, n))) {
                rendering.add(before, n);
            }
        }
        rendering.add(kind, n);
    }
    rendering.records.truncate(most);
    let is_drawn = |n| !rendering.elsewhere[rendering.source.kind(n)];
    let arrivals = arrivals(&phase.load, plan.seed, is_drawn);
    Side {
        name: format!("{} of variant {}", phase.name, variant.name),
        holds: Holds {
            headers: Headers::AllBut(Vec::new()),
            order: true,
            body: Bodies::Whole,
            time: if arrivals.is_empty() {
                Times::Absent
            } else {
                Times::Fine
            },
            host: true,
            client: !variant.fleets.is_empty(),
            connection: true,
            status: false,
        },
        records: rendering.records,
        arrivals,
        connections: if phase.load.keep_alive {
            Connections::Kept(phase.load.connections)
        } else {
            Connections::ForEach
        },
        notes: Vec::new(),
    }
}

struct Rendering<'a> {
    source: Source,
    /// By kind: headers whose values come from answers.
    extracted: Vec<Vec<String>>,
    /// By kind: whether it goes to another host.
    elsewhere: Vec<bool>,
    out: Rendered,
    key: &'a Key,
    records: Vec<Record>,
}

impl Rendering<'_> {
    fn add(&mut self, kind: usize, n: u64) {
        if self.elsewhere[kind] {
            return;
        }
        self.source.render(kind, n, &mut self.out);
        let mut requests = Requests::default();
        requests.take(self.out.bytes());
        // What the engine renders is a request: tests of `transport` hold that.
        let Ok(Some(request)) = requests.next_whole() else {
            return;
        };
        let mut record = Record::of(&request, self.key);
        for Field(name, value) in &mut record.headers {
            if self.extracted[kind]
                .iter()
                .any(|of| of.eq_ignore_ascii_case(name))
            {
                *value = Value::Hidden;
            }
        }
        let device = self.source.device(kind, n);
        record.client =
            device.map(|(fleet, device)| self.key.print(format!("{fleet}/{device}").as_bytes()));
        self.records.push(record);
    }
}

fn extracted_headers(request: &Request) -> Vec<String> {
    let headers = request.headers.iter();
    headers
        .filter(|(_, value)| value.variables().next().is_some())
        .map(|(name, _)| name.clone())
        .collect()
}

/// When requests are due, in microseconds; nobody knows for a closed loop.
fn arrivals(load: &Load, seed: u64, is_drawn: impl Fn(u64) -> bool) -> Vec<i64> {
    let LoadModel::Open { pace, arrivals } = &load.model else {
        return Vec::new();
    };
    let end = load.duration.as_nanos() as u64;
    let mut pacer = Pacer::new(
        Schedule::new(pace, Duration::ZERO),
        *arrivals,
        seed,
        Lane::new(0, 1),
    );
    let due = std::iter::repeat_with(|| pacer.take());
    let due = due
        .take_while(|due| due.offset_ns < end)
        .take(MOST_ARRIVALS);
    let due = due.filter(|due| is_drawn(due.n));
    due.map(|due| (due.offset_ns / 1_000) as i64).collect()
}
