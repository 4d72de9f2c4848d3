//! Two halves of one profile, drawn at random by its observations, hold no finding; a function that takes much more does.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use pprof_format as proto;
use prost::Message;

use super::super::caution::Caution;
use super::*;
use crate::profile::{Choice, DeltaFinding, FunctionDelta, read};

/// A congruential generator: the sequence is the same wherever the test runs.
struct Draw(u64);

impl Draw {
    fn unit(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of so many functions, the first as often as its weight says and then by Zipf's law.
    fn function(&mut self, first: f64) -> usize {
        let all: f64 = (2..=FUNCTIONS).map(|rank| 1.0 / rank as f64).sum();
        let mut point = self.unit() * (all + first);
        let hit = (1..=FUNCTIONS).find(|rank| {
            point -= if *rank == 1 {
                first
            } else {
                1.0 / *rank as f64
            };
            point < 0.0
        });
        hit.unwrap_or(FUNCTIONS)
    }
}

const FUNCTIONS: usize = 40;
const OBSERVATIONS: usize = 600;
/// Bytes between two samples of a heap.
const RATE: i64 = 524_288;

/// One observation: its function and its values.
type Observation = (usize, Vec<i64>);

fn stack(function: usize) -> [String; 3] {
    [
        "main".to_owned(),
        format!("handle{}", function % 7),
        format!("f{function}"),
    ]
}

/// A profile.proto of types (`type/unit`), a record for each function and kind of observation.
fn pprof(types: &[&str], period: (i64, &str), observations: &[Observation]) -> Vec<u8> {
    pprof_at(0, types, period, observations)
}

fn pprof_at(
    time_nanos: i64,
    types: &[&str],
    period: (i64, &str),
    observations: &[Observation],
) -> Vec<u8> {
    let mut strings = vec![String::new()];
    let mut text = |text: &str| {
        let known = strings.iter().position(|known| known == text);
        known.unwrap_or_else(|| {
            strings.push(text.to_owned());
            strings.len() - 1
        }) as i64
    };
    let mut value_type = |of: &str| {
        let (name, unit) = of.split_once('/').expect("a type and a unit");
        proto::ValueType {
            r#type: text(name),
            unit: text(unit),
        }
    };
    let sample_type = types.iter().map(|of| value_type(of)).collect();
    let period_type = Some(value_type(period.1));
    // Heaps keep records of one size apart, as Go does.
    let mut records: BTreeMap<(usize, i64), Vec<i64>> = BTreeMap::new();
    for (function, values) in observations {
        let size = if types.len() > 1 && types[1].ends_with("bytes") {
            values[1] / values[0]
        } else {
            0
        };
        let sum = records
            .entry((*function, size))
            .or_insert_with(|| vec![0; values.len()]);
        sum.iter_mut()
            .zip(values)
            .for_each(|(sum, value)| *sum += value);
    }
    let mut ids: BTreeMap<String, u64> = BTreeMap::new();
    let mut sample = Vec::new();
    for ((function, _), value) in records {
        let location_id = stack(function).into_iter().rev().map(|name| {
            let next = ids.len() as u64 + 1;
            *ids.entry(name).or_insert(next)
        });
        sample.push(proto::Sample {
            location_id: location_id.collect(),
            value,
            ..Default::default()
        });
    }
    let (location, function) = symbols(&ids, &mut strings);
    let profile = proto::Profile {
        sample_type,
        sample,
        location,
        function,
        string_table: strings,
        period_type,
        period: period.0,
        time_nanos,
        ..Default::default()
    };
    profile.encode_to_vec()
}

/// A location and a function for each name.
fn symbols(
    ids: &BTreeMap<String, u64>,
    strings: &mut Vec<String>,
) -> (Vec<proto::Location>, Vec<proto::Function>) {
    let (mut location, mut function) = (Vec::new(), Vec::new());
    for (name, id) in ids {
        strings.push(name.clone());
        let name = strings.len() as i64 - 1;
        function.push(proto::Function {
            id: *id,
            name,
            ..Default::default()
        });
        let line = vec![proto::Line {
            function_id: *id,
            ..Default::default()
        }];
        location.push(proto::Location {
            id: *id,
            line,
            ..Default::default()
        });
    }
    (location, function)
}

fn folded(observations: &[Observation]) -> Vec<u8> {
    let mut sums: BTreeMap<usize, i64> = BTreeMap::new();
    for (function, values) in observations {
        *sums.entry(*function).or_default() += values[0];
    }
    let mut text = String::new();
    for (function, sum) in sums {
        let _ = writeln!(text, "{} {sum}", stack(function).join(";"));
    }
    text.into_bytes()
}

/// The text of `perf script`, whose samples are in the order of their times.
fn perf(observations: &[Observation]) -> Vec<u8> {
    let mut text = String::new();
    for (at, (function, values)) in observations.iter().enumerate() {
        let time = 100.0 + at as f64 / 99.0;
        let _ = writeln!(text, "api 42 {time:.6}: {} cycles:", values[0]);
        for name in stack(*function).iter().rev() {
            let _ = writeln!(text, "\t5510 {name}+0x1 (/srv/api)");
        }
        text.push('\n');
    }
    text.into_bytes()
}

/// A kind of profile: the values of one observation, and how they are written.
struct Kind {
    name: &'static str,
    values: fn(&mut Draw, usize) -> Vec<i64>,
    write: fn(&[Observation]) -> Vec<u8>,
}

/// Objects and bytes that a heap sampler makes of one that it saw.
fn scaled(size: i64) -> Vec<i64> {
    let seen = 1.0 - (-(size as f64) / RATE as f64).exp();
    let objects = (1.0 / seen).round().max(1.0);
    vec![objects as i64, objects as i64 * size]
}

const KINDS: [Kind; 11] = [
    Kind {
        name: "CPU",
        values: |_, _| vec![1, 10_000_000],
        write: |of| {
            pprof(
                &["samples/count", "cpu/nanoseconds"],
                (10_000_000, "cpu/nanoseconds"),
                of,
            )
        },
    },
    Kind {
        name: "CPU of a store",
        values: |_, _| vec![10_000_000],
        write: |of| pprof(&["cpu/nanoseconds"], (1, "cpu/nanoseconds"), of),
    },
    Kind {
        name: "heap",
        values: |draw, function| {
            let sizes = [64, 4_096, 65_536, 1 << 20];
            let large = if draw.unit() < 0.02 { 2 } else { 0 };
            scaled(sizes[function % 2 + large])
        },
        write: |of| {
            pprof(
                &["inuse_objects/count", "inuse_space/bytes"],
                (RATE, "space/bytes"),
                of,
            )
        },
    },
    Kind {
        name: "heap of a store",
        values: |_, function| vec![scaled([64, 4_096][function % 2])[1]],
        write: |of| pprof(&["inuse_space/bytes"], (1, "space/bytes"), of),
    },
    Kind {
        name: "delays",
        values: |draw, _| {
            let delay = -1e6 * draw.unit().max(1e-9).ln() * (1.0 + 9.0 * draw.unit());
            vec![5, 5 * delay as i64]
        },
        write: |of| {
            pprof(
                &["contentions/count", "delay/nanoseconds"],
                (1, "contentions/count"),
                of,
            )
        },
    },
    Kind {
        name: "wall",
        values: |_, _| vec![10_000_000],
        write: |of| pprof(&["wall/nanoseconds"], (1, "wall/nanoseconds"), of),
    },
    Kind {
        name: "goroutines",
        values: |_, _| vec![1],
        write: |of| pprof(&["goroutine/count"], (1, "goroutine/count"), of),
    },
    Kind {
        name: "folded",
        values: |_, _| vec![1],
        write: folded,
    },
    Kind {
        name: "folded periods",
        values: |_, _| vec![10_101_010],
        write: folded,
    },
    Kind {
        name: "perf",
        values: |draw, _| vec![1_000_000 + (draw.unit() * 1e6) as i64],
        write: perf,
    },
    Kind {
        name: "perf, periods of three orders",
        values: |draw, _| vec![(1e3 * (6.9 * draw.unit()).exp()) as i64],
        write: perf,
    },
];

/// Functions that changed from one profile to the other, of themselves or with what they call.
fn changed(base: &[u8], head: &[u8]) -> Vec<String> {
    let read = |bytes: &[u8]| read(bytes, Choice::default()).expect("reads");
    let (base, head) = (read(base), read(head));
    let tables = (FunctionTable::of(&base), FunctionTable::of(&head));
    let of = |profile, functions| Profiled {
        profile,
        functions,
        per_request: None,
    };
    let mut cautions: Vec<Caution> = Vec::new();
    let found = functions(of(&base, &tables.0), of(&head, &tables.1), &mut cautions)
        .expect("both measure the same");
    let is = |delta: &&FunctionDelta| {
        [delta.own_finding, delta.total_finding].contains(&DeltaFinding::Changed)
    };
    let names = found.diff.functions.iter().filter(is);
    names.map(|delta| delta.function.clone()).collect()
}

fn drawn(kind: &Kind, draw: &mut Draw, first: f64) -> Vec<Observation> {
    (0..OBSERVATIONS)
        .map(|_| {
            let function = draw.function(first);
            (function, (kind.values)(draw, function))
        })
        .collect()
}

/// An object that is far larger than the distance between samples is no chance, and functions whose bytes are the same did not change.
#[test]
fn a_new_object_of_many_megabytes_is_a_finding() {
    let heap_at = |time, more: &[Observation]| {
        let serve = std::iter::repeat_n((3, scaled(64)), 60);
        let cache = std::iter::repeat_n((5, scaled(64)), 40);
        let all: Vec<_> = serve.chain(cache).chain(more.iter().cloned()).collect();
        let types = ["inuse_objects/count", "inuse_space/bytes"];
        pprof_at(time, &types, (RATE, "space/bytes"), &all)
    };
    let large = [(9, vec![1, 87_244_800])];
    let found = changed(&heap_at(0, &[]), &heap_at(0, &large));
    assert_eq!(found, ["f9", "handle2", "main"]);
    assert_eq!(changed(&heap_at(1, &[]), &heap_at(2, &large)), found);
    // Of one capture it is in one half or in the other.
    let none: [&str; 0] = [];
    assert_eq!(changed(&heap_at(5, &[]), &heap_at(5, &large)), none);
}

/// A profile that was taken before the one it is compared with is perhaps the other side.
#[test]
fn sides_that_seem_to_be_swapped_are_doubted() {
    let taken = |time_nanos| {
        let profile = proto::Profile {
            time_nanos,
            sample_type: vec![proto::ValueType { r#type: 1, unit: 2 }],
            string_table: ["", "samples", "count"].map(str::to_owned).to_vec(),
            ..Default::default()
        };
        read(&profile.encode_to_vec(), Choice::default()).expect("reads")
    };
    let doubted = |base, head| order(&taken(base), &taken(head)).is_some();
    assert!(doubted(2, 1));
    assert!(!doubted(1, 2) && !doubted(0, 2) && !doubted(2, 0));
}

#[test]
fn halves_of_one_profile_do_not_differ() {
    for kind in &KINDS {
        let mut draw = Draw(16);
        let whole = drawn(kind, &mut draw, 1.0);
        let mut alarms = 0;
        for _ in 0..100 {
            let (mut base, mut head) = (Vec::new(), Vec::new());
            for observation in &whole {
                let half = if draw.unit() < 0.5 {
                    &mut base
                } else {
                    &mut head
                };
                half.push(observation.clone());
            }
            let found = changed(&(kind.write)(&base), &(kind.write)(&head));
            alarms += usize::from(!found.is_empty());
        }
        // Of 100 comparisons with two tables each, 2 are expected at most.
        assert!(alarms <= 4, "{}: {alarms} of 100", kind.name);
    }
}

#[test]
fn a_function_that_takes_ten_times_as_much_is_found() {
    for kind in &KINDS {
        let mut draw = Draw(16);
        let base = (kind.write)(&drawn(kind, &mut draw, 0.4));
        let head = (kind.write)(&drawn(kind, &mut draw, 4.0));
        let found = changed(&base, &head);
        // Of bytes alone nobody knows how many samples they are.
        let is_known = kind.name != "heap of a store";
        assert_eq!(
            found.contains(&"f1".to_owned()),
            is_known,
            "{}: {found:?}",
            kind.name
        );
    }
}
