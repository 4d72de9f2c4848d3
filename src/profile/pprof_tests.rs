//! Which values of a `profile.proto` are read.

use pprof_format as proto;

use super::super::tests::{check, encode, small_profile, stacks};
use super::super::{FunctionTable, Observed, flamegraph, folded, pprof};
use super::*;

/// Writers may pack the ids of a sample, or not, or in pieces: all say the same.
fn of_type(sample_type: Option<&str>) -> Choice<'_> {
    Choice {
        sample_type,
        ..Choice::default()
    }
}

#[test]
fn locations_are_read_however_they_are_packed() {
    let mut bare = small_profile();
    bare.sample.clear();
    let bare = encode(&bare);
    // Locations 7 and 3, values 2 and 20.
    for sample in [
        &[0x0a, 2, 7, 3, 0x12, 2, 2, 20][..],
        &[0x08, 7, 0x08, 3, 0x10, 2, 0x10, 20],
        &[0x0a, 1, 7, 0x0a, 1, 3, 0x12, 1, 2, 0x12, 1, 20],
        &[0x0a, 1, 7, 0x08, 3, 0x10, 2, 0x12, 1, 20],
        &[0x08, 7, 0x12, 2, 2, 20, 0x0a, 1, 3],
        &[0x0a, 3, 0x87, 0x00, 3, 0x12, 2, 2, 20],
    ] {
        let field = [&[0x12, sample.len() as u8][..], sample].concat();
        let profile = pprof::decode(&[&bare[..], &field, &field].concat()).expect("reads");
        assert_eq!(
            stacks(&profile),
            [("main;verify;hash".to_owned(), 4, 40)],
            "{sample:?}"
        );
    }
    let cut = [0x12, 4, 0x0a, 2, 7, 0x87];
    let error = pprof::decode(&[&bare[..], &cut].concat()).expect_err("a cut number");
    assert!(error.to_string().contains("has 0 values"), "{error}");
    let cut = [0x12, 8, 0x0a, 2, 7, 0x87, 0x12, 2, 2, 20];
    let error = pprof::decode(&[&bare[..], &cut].concat()).expect_err("a cut number");
    assert!(error.to_string().contains("a number is cut off"), "{error}");
}

#[test]
fn shares_are_of_times_where_counts_do_not_stand_for_them() {
    let shares = |counts: [i64; 3]| {
        let mut profile = small_profile();
        for (sample, count) in profile.sample.iter_mut().zip(counts) {
            sample.value[0] = count;
        }
        let read = pprof::decode(&encode(&profile)).expect("reads");
        let again = pprof::decode(&super::super::encode::encode(&read).expect("writes"));
        let shares = |profile| {
            let table = FunctionTable::of(profile);
            let of = table.functions.iter().find(|of| of.function == "hash");
            of.expect("there").self_share.value
        };
        let again = again.expect("reads what was written");
        let stored = shares(&again);
        assert_eq!(shares(&read), stored);
        (stored, read.notes().len())
    };
    // 30 of 40 ms, 10 ms a sample; counts are missing, or are of time on the wall.
    assert_eq!(shares([2, 1, 1]), (0.75, 0));
    assert_eq!(shares([2, 1, 0]), (0.75, 1));
    assert_eq!(shares([2, 1, 700]), (0.75, 1));
    assert_eq!(shares([0, 0, 0]), (0.75, 0));
}

#[test]
fn the_sample_type_is_cpu_time_else_the_default_else_the_last() {
    let heap = |default: i64| {
        move |p: &mut proto::Profile| {
            let names = [
                "alloc_objects",
                "alloc_space",
                "inuse_objects",
                "inuse_space",
                "bytes",
            ];
            p.string_table.extend(names.map(str::to_owned));
            p.sample_type = [(9, 2), (10, 13), (11, 2), (12, 13)]
                .map(|(r#type, unit)| proto::ValueType { r#type, unit })
                .to_vec();
            p.default_sample_type = default;
            p.sample.truncate(1);
            p.sample[0].value = vec![8, 800, 5, 500];
        }
    };
    // Objects are scaled by a period that this one does not tell.
    check(heap(0), Ok(&[("main;verify;hash", 1, 500)]));
    check(heap(10), Ok(&[("main;verify;hash", 1, 800)]));
    check(
        |p| p.default_sample_type = 1,
        Ok(&[("main", 1, 10_000_000), ("main;verify;hash", 3, 30_000_000)]),
    );
    let swapped = |p: &mut proto::Profile| {
        p.sample_type.reverse();
        p.sample
            .iter_mut()
            .for_each(|sample| sample.value.reverse());
    };
    check(
        swapped,
        Ok(&[("main", 1, 10_000_000), ("main;verify;hash", 3, 30_000_000)]),
    );
    let alone = |p: &mut proto::Profile| {
        p.sample_type.remove(0);
        for sample in &mut p.sample {
            sample.value.remove(0);
        }
    };
    check(
        alone,
        Ok(&[("main", 1, 10_000_000), ("main;verify;hash", 3, 30_000_000)]),
    );
}

#[test]
fn samples_of_time_on_the_wall_are_none_of_a_cpu() {
    let records = [&[9, 90_000_000][..], &[1, 10_000_000]];
    let shares = [(9, 0.9), (1, 0.1)];
    let check = |types: [&str; 2], kind| {
        shared(
            &types,
            10_000_000,
            &records,
            Some("samples"),
            (kind, &shares),
        );
    };
    check(["samples/count", "time/nanoseconds"], "wall samples/count");
    check(["samples/count", "WALL/microseconds"], "wall samples/count");
    check(["samples/count", "cpu/nanoseconds"], "samples/count");
    // A number of times is no time.
    check(["samples/count", "time/count"], "samples/count");
}

/// Reads a profile of types (`type/unit`) and records, in `main` and `hash` by turns: its kind, samples and shares, which stay when it is
/// written.
#[track_caller]
fn shared(
    types: &[&str],
    period: i64,
    records: &[&[i64]],
    wanted: Option<&str>,
    expected: (&str, &[(u64, f64)]),
) {
    let mut message = small_profile();
    message.sample_type.clear();
    message.sample.clear();
    let mut text = |text: &str| {
        message.string_table.push(text.to_owned());
        message.string_table.len() as i64 - 1
    };
    for of in types {
        let (name, unit) = of.split_once('/').expect("a type and a unit");
        let (r#type, unit) = (text(name), text(unit));
        message.sample_type.push(proto::ValueType { r#type, unit });
    }
    message.period = period;
    for (value, id) in records.iter().zip([3, 7].iter().cycle()) {
        message.sample.push(proto::Sample {
            location_id: vec![*id],
            value: value.to_vec(),
            label: Vec::new(),
        });
    }
    let profile = decode_choice(&encode(&message), of_type(wanted)).expect("reads");
    let written = super::super::encode::encode(&profile).expect("fits");
    for profile in [&profile, &decode(&written).expect("reads what was written")] {
        let table = FunctionTable::of(profile);
        let rows = table.functions.iter();
        let rows: Vec<(u64, f64)> = rows
            .filter(|row| row.self_samples > 0)
            .map(|row| (row.self_samples, row.self_share.value))
            .collect();
        let kind = format!("{}/{}", profile.sample_type(), profile.unit());
        assert_eq!((kind.as_str(), rows.as_slice()), expected);
        for cost in [None, Some(100.0)] {
            let svg = flamegraph::svg(profile, "t", "", cost).expect("draws");
            for (_, share) in expected.1 {
                let percent = format!("{:.2}%)", share * 100.0);
                assert!(svg.contains(&percent), "no {percent} in {svg}");
            }
        }
        // Folded stacks weigh the same.
        let mut text = Vec::new();
        folded::write(profile, &mut text).expect("writes to memory");
        let read = FunctionTable::of(&folded::read(text.as_slice()).expect("reads"));
        let own: Vec<f64> = read
            .functions
            .iter()
            .map(|row| row.self_share.value)
            .filter(|share| *share > 0.0)
            .collect();
        let expected: Vec<f64> = expected.1.iter().map(|(_, share)| *share).collect();
        assert_eq!(own, expected);
    }
}

#[test]
fn shares_are_of_what_was_measured() {
    let (cpu, samples) = ("cpu/nanoseconds", "samples/count");
    let second = 1_000_000_000;
    let long = [&[9 * second][..], &[second]];
    // Without a count the period says how many samples there were, else what all times are multiples of.
    shared(
        &[cpu],
        10_000_000,
        &long,
        None,
        (cpu, &[(900, 0.9), (100, 0.1)]),
    );
    shared(&[cpu], 0, &long, None, (cpu, &[(9, 0.9), (1, 0.1)]));
    shared(
        &[cpu],
        100 * second,
        &long,
        None,
        (cpu, &[(9, 0.9), (1, 0.1)]),
    );
    shared(&[cpu], 2, &[&[9], &[1]], None, (cpu, &[(1, 0.9), (1, 0.1)]));
    shared(
        &["cpu/microseconds"],
        10_000_000,
        &long,
        None,
        ("cpu/microseconds", &[(9, 0.9), (1, 0.1)]),
    );
    shared(
        &[cpu, samples],
        0,
        &[&[9 * second, 8], &[second, 2]],
        None,
        (cpu, &[(8, 0.9), (2, 0.1)]),
    );
    // A count is of the values that it stands before, and its own measure.
    let heap = [
        "alloc_objects/count",
        "alloc_space/bytes",
        "inuse_objects/count",
        "inuse_space/bytes",
    ];
    let records = [&[50, 500, 9, 100][..], &[50, 100, 1, 300]];
    shared(
        &heap,
        0,
        &records,
        None,
        ("inuse_space/bytes", &[(1, 0.75), (1, 0.25)]),
    );
    shared(
        &heap,
        0,
        &records,
        Some("inuse_objects"),
        ("inuse_objects/count", &[(1, 0.9), (1, 0.1)]),
    );
    let all = [samples, cpu, "inuse_objects/count", "inuse_space/bytes"];
    shared(
        &all,
        0,
        &[&[0, 0, 3, 60], &[0, 0, 1, 40]],
        Some("inuse_space"),
        ("inuse_space/bytes", &[(1, 0.6), (1, 0.4)]),
    );
    shared(
        &["contentions/count", "delay/nanoseconds", "depth/levels"],
        0,
        &[&[2, 6, 30], &[1, 4, 10]],
        None,
        ("depth/levels", &[(1, 0.75), (1, 0.25)]),
    );
}

#[test]
fn agents_name_their_times_as_they_like() {
    // Node's: the clock on the wall takes samples, and CPU time is no multiple of its period. Some are idle.
    let node = ["sample/count", "wall/nanoseconds", "cpu/nanoseconds"];
    let records = [&[2, 0, 1_000_003][..], &[18, 180_000_000, 99_000_297]];
    shared(
        &node,
        10_000_000,
        &records,
        None,
        ("cpu/nanoseconds", &[(18, 0.99), (2, 0.01)]),
    );
    // Python's, Ruby's and PHP's: what is allocated stands last.
    let types = [
        "cpu-time/nanoseconds",
        "cpu-samples/count",
        "wall-time/nanoseconds",
        "alloc-space/bytes",
    ];
    let records = [&[90_000_000, 9, 7, 100][..], &[10_000_000, 1, 7, 900]];
    shared(
        &types,
        0,
        &records,
        None,
        ("cpu/nanoseconds", &[(9, 0.9), (1, 0.1)]),
    );
    // Datadog's: each value stands before its own count, and what was allocated is scaled.
    let types = [
        "cpu-time/nanoseconds",
        "cpu-samples/count",
        "wall-time/nanoseconds",
        "wall-samples/count",
        "lock-acquire-wait/nanoseconds",
        "lock-acquire/count",
        "lock-release-hold/nanoseconds",
        "lock-release/count",
        "alloc-space/bytes",
        "alloc-samples/count",
    ];
    let records = [
        &[30, 3, 900, 12, 60, 5, 75, 6, 800, 70][..],
        &[10, 1, 100, 4, 40, 7, 25, 2, 200, 90],
    ];
    for (wanted, kind, expected) in [
        (None, "cpu/nanoseconds", [(3, 0.75), (1, 0.25)]),
        (
            Some("wall-time"),
            "wall-time/nanoseconds",
            [(12, 0.9), (4, 0.1)],
        ),
        (
            Some("lock-acquire-wait"),
            "lock-acquire-wait/nanoseconds",
            [(5, 0.6), (7, 0.4)],
        ),
        (
            Some("lock-release-hold"),
            "lock-release-hold/nanoseconds",
            [(6, 0.75), (2, 0.25)],
        ),
        (
            Some("alloc-space"),
            "alloc-space/bytes",
            [(1, 0.8), (1, 0.2)],
        ),
    ] {
        shared(&types, 1, &records, wanted, (kind, &expected));
    }
    // perf_to_profile's: samples of an event, and how often it came.
    shared(
        &["cycles_sample/count", "cycles_event/count"],
        0,
        &[&[3, 3_000_000_003][..], &[1, 1_000_000_001]],
        None,
        ("cycles_event/count", &[(3, 0.75), (1, 0.25)]),
    );
}

#[test]
fn the_period_of_a_clock_on_the_wall_is_none_of_cpu_time() {
    let mut message = small_profile();
    message.string_table.push("wall".to_owned());
    message.period_type = Some(proto::ValueType {
        r#type: message.string_table.len() as i64 - 1,
        unit: message.period_type.as_ref().map_or(0, |of| of.unit),
    });
    message.sample_type.remove(0);
    for (sample, cpu) in message
        .sample
        .iter_mut()
        .zip([9_434_995, 33_524_605, 477_285_196])
    {
        sample.value = vec![cpu];
    }
    let profile = decode(&encode(&message)).expect("reads");
    assert_eq!(profile.observed(), Observed::Records);
    assert_eq!(profile.value(), 520_244_796);
}

#[test]
fn a_table_of_pprof_is_no_profile() {
    let mut message = small_profile();
    let at = message.string_table.len() as i64;
    message
        .string_table
        .extend(["cum", "flat"].map(str::to_owned));
    message.sample_type[0].r#type = at;
    message.sample_type[1].r#type = at + 1;
    let error = decode(&encode(&message)).expect_err("refuses").to_string();
    assert!(
        error.contains("what `go tool pprof -topproto` writes; give the profile"),
        "{error}"
    );
}

#[test]
fn what_is_stored_has_as_many_samples_whatever_they_are_multiples_of() {
    // Both halves of each stack together are five, in all stacks.
    let text: String = (0..40).map(|at| format!("f{at} 2\nf{at} 3\n")).collect();
    let profile = crate::profile::folded::read(text.as_bytes()).expect("reads");
    assert_eq!(profile.samples(), 200);
    let written = super::super::encode::encode(&profile).expect("fits");
    assert_eq!(
        decode(&written).expect("reads what was written").samples(),
        200
    );
}

/// Of two samples on one stack one has no CPU time, such as one that waited. What is stored has both as one.
#[test]
fn what_is_stored_has_shares_of_the_same() {
    let mut message = small_profile();
    message.sample.truncate(2);
    message.sample[1].location_id = message.sample[0].location_id.clone();
    message.sample[0].value = vec![1, 0];
    message.sample[1].value = vec![1, 10_000_000];
    let profile = pprof::decode(&encode(&message)).expect("consistent");
    assert!(profile.is_of_values());
    let written = super::super::encode::encode(&profile).expect("fits");
    let again = pprof::decode(&written).expect("reads what was written");
    assert!(again.is_of_values());
    assert_eq!(again.whole(), profile.whole());
}
