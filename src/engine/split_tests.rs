//! A run that is split sends what one process would have sent: the union of the shards' requests, with when and where each is due, is
//! that of one process with as many workers.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::due::{DueRequests, Next};
use super::source::Source;
use super::spread::Spread;
use crate::metrics::Window;
use crate::scenario::{Load, Overrides, Variant, parse};
use crate::shard::{Lane, Shard, Workers};
use crate::traffic::fleet::Roster;
use crate::traffic::template::{Secrets, Stamp};
use crate::transport::http1::Rendered;

const SEED: u64 = 11;

/// Of all orders of fleets and feeds, and with every value that is drawn.
fn variant(load: &str, directory: &Path) -> Variant {
    let rows: String = (0..13).map(|row| format!("u{row},p{row}\n")).collect();
    std::fs::write(directory.join("users.csv"), format!("user,pass\n{rows}")).unwrap();
    let mut text = format!("name = \"t\"\ntarget.url = \"http://127.0.0.1:1\"\n[load]\n{load}\n");
    for (name, order) in [
        ("rr", "\"round-robin\""),
        ("un", "\"uniform\""),
        ("zipf", "{ zipf = 1.1 }"),
    ] {
        text += &format!("[fleet.{name}]\ndevices = 7\norder = {order}\n");
        let body = "{{seq}} {{uuid}} {{int 0 99}} {{float 0 1}} {{choice a b}} {{device.secret}} {{in_order.user}} {{drawn.pass}} {{run}} {{stretch}}";
        text += &format!(
            "[[request]]\nname = \"{name}\"\nfleet = \"{name}\"\nmethod = \"POST\"\npath = \"/{{{{device.id}}}}\"\nbody = \"{body}\"\n"
        );
    }
    for (name, order) in [("in_order", "round-robin"), ("drawn", "random")] {
        text += &format!("[feed.{name}]\nfile = \"users.csv\"\norder = \"{order}\"\n");
    }
    let plan = parse("t.toml", &text, directory, &Overrides::default());
    let mut plan = plan.unwrap_or_else(|error| panic!("{error}\n{text}"));
    plan.variants.remove(0)
}

fn source(variant: &Variant, load: &Load) -> Source {
    let rosters: Vec<Roster> = variant.fleets.iter().map(Roster::new).collect();
    let stamp = Stamp { run: 1, stretch: 2 };
    Source::new(
        variant.requests_of(load, stamp).into(),
        rosters.into(),
        "127.0.0.1:1",
        SEED,
        Secrets::Sent,
    )
}

const WINDOW: Window = Window {
    start: 200_000_000,
    end: 700_000_000,
};

/// When and where each request is due, by its number, and its bytes.
type Sent = BTreeMap<u64, (u64, usize, Vec<u8>)>;

/// What a worker sends that is never late: of a closed loop one request each millisecond on each instance.
fn worker(variant: &Variant, lane: Lane, instances: usize) -> Sent {
    let load = &variant.phases[0].load;
    let mut due = DueRequests::new(load, Spread::new(SEED, instances), lane, 0, WINDOW);
    let (mut source, mut sent) = (source(variant, load), Sent::new());
    let mut out = Rendered::default();
    let mut now = 0;
    while now < WINDOW.end {
        for instance in 0..instances {
            let is_open = load.model != crate::scenario::LoadModel::Closed;
            while let Next::Due(ticket) = due.take(instance, now) {
                source.render(source.kind(ticket.n), ticket.n, &mut out);
                let bytes = out.bytes().to_vec();
                let before = sent.insert(ticket.n, (ticket.intended, ticket.instance, bytes));
                assert!(before.is_none(), "{} is sent twice", ticket.n);
                if !is_open {
                    break;
                }
            }
        }
        due.pass(now);
        now += 1_000_000;
    }
    sent
}

/// What all workers of these shards send.
fn all(
    variant: &Variant,
    shards: impl Iterator<Item = Shard>,
    each: u32,
    instances: usize,
) -> Sent {
    let mut sent = Sent::new();
    for shard in shards {
        let workers = Workers::of(shard, each);
        for own in 0..workers.own() {
            for (n, request) in worker(variant, workers.lane(own), instances) {
                assert!(
                    sent.insert(n, request).is_none(),
                    "{n} is sent by two workers"
                );
            }
        }
    }
    sent
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn shards_send_together_what_one_process_sends(
        model in prop_oneof![
            Just("model = \"closed\""),
            Just("model = \"open\"\nrate = \"301/s\"\narrivals = \"constant\""),
            Just("model = \"open\"\nrate = \"301/s\"\narrivals = \"poisson\""),
            Just("model = \"open\"\nrate = \"301/s\"\narrivals = { burst = 17 }"),
            Just("model = \"open\"\nrate = \"90/s\"\nstages = [{ to = \"700/s\", over = \"250ms\" }, { to = \"0/s\", over = \"250ms\" }]"),
        ],
        requests in prop_oneof![Just(None), (1u64..90).prop_map(Some)],
        count in 1u32..5,
        each in 1u32..4,
        instances in 1usize..4,
    ) {
        let is_staged = model.contains("stages");
        let mut load = format!("{model}\nconnections = 100\nworkers = 1\nwarmup = \"200ms\"");
        if !is_staged {
            load += "\nduration = \"500ms\"";
        }
        if let Some(requests) = requests {
            load += &format!("\nrequests = {requests}");
        }
        let directory = tempfile::tempdir().unwrap();
        let variant = variant(&load, directory.path());
        prop_assert_eq!(variant.phases[0].load.warmup, Duration::from_millis(200));
        let shards = (0..count).map(|index| Shard::new(index, count).unwrap());
        let split = all(&variant, shards, each, instances);
        let whole = all(&variant, std::iter::once(Shard::WHOLE), each * count, instances);
        prop_assert!(!whole.is_empty());
        prop_assert_eq!(split, whole);
    }
}
