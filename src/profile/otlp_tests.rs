//! What is read of OTLP profiles that were put together field by field, in the versions whose samples differ.

use super::super::tests::{reads_bytes, refuses_bytes};
use super::*;

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn message(number: u64, bytes: &[u8]) -> Vec<u8> {
    [
        varint(number << 3 | 2),
        varint(bytes.len() as u64),
        bytes.to_vec(),
    ]
    .concat()
}

fn int(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

/// `main` calls `work` (stack 1), which is inlined into `handle`; stack 2 is a place of a library.
fn dictionary() -> Vec<u8> {
    let strings = [
        "",
        "samples",
        "count",
        "cpu",
        "nanoseconds",
        "main",
        "handle",
        "work",
        "/lib/libc.so.6",
    ];
    let line = |function| message(3, &int(1, function));
    let parts = [
        message(1, b""),
        message(1, &int(4, 8)),
        message(2, b""),
        message(2, &line(1)),
        message(2, &[line(3), line(2)].concat()),
        message(2, &[int(1, 1), int(2, 0x1f)].concat()),
        message(3, b""),
        message(3, &int(1, 5)),
        message(3, &int(1, 6)),
        message(3, &int(2, 7)),
        message(6, b""),
        message(6, b""),
        message(7, b""),
        message(7, &message(1, &[2, 1])),
        message(7, &message(1, &[3])),
    ];
    let strings = strings.iter().map(|text| message(5, text.as_bytes()));
    parts.into_iter().chain(strings).flatten().collect()
}

fn profile(kind: (u64, u64), samples: &[Vec<u8>]) -> Vec<u8> {
    let samples = samples.iter().flat_map(|sample| message(2, sample));
    let mut bytes = message(1, &[int(1, kind.0), int(2, kind.1)].concat());
    bytes.extend(samples);
    bytes.extend(int(4, 1_000_000_000));
    bytes.extend(message(5, &[int(1, 3), int(2, 4)].concat()));
    bytes.extend(int(6, 10));
    bytes
}

fn file(profiles: &[Vec<u8>]) -> Vec<u8> {
    let profiles: Vec<u8> = profiles
        .iter()
        .flat_map(|profile| message(2, profile))
        .collect();
    [
        message(2, &dictionary()),
        message(1, &[message(1, b""), message(2, &profiles)].concat()),
    ]
    .concat()
}

fn times(count: usize) -> Vec<u8> {
    message(5, &vec![7; 8 * count])
}

#[test]
fn samples_of_each_version_are_read() {
    let expected = "libc.so.6+0x1f 1\nmain;handle;work 3\n";
    // Values are field 2 and attributes 3, later 4 and 2; or times alone say how often.
    let older = [
        [int(1, 1), message(2, &[3]), message(3, &[1])].concat(),
        [int(1, 2), message(2, &[1])].concat(),
    ];
    let newest = [
        [int(1, 1), message(2, &[1]), message(4, &[3])].concat(),
        [int(1, 2), message(4, &[1])].concat(),
    ];
    let by_time = [
        [int(1, 1), message(2, &[1]), times(3)].concat(),
        [int(1, 2), times(1)].concat(),
    ];
    for samples in [&older[..], &newest, &by_time] {
        let raw = file(&[profile((1, 2), samples)]);
        assert!(looks_like(&raw));
        let read = reads_bytes(&raw, expected);
        assert_eq!(
            (read.sample_type(), read.unit(), read.samples()),
            ("samples", "count", 4)
        );
    }
}

#[test]
fn profiles_of_one_type_are_added_up() {
    let sample = |value: u64| vec![[int(1, 1), message(4, &varint(value))].concat()];
    let raw = file(&[
        profile((1, 2), &sample(5)),
        profile((3, 4), &sample(40)),
        profile((3, 4), &sample(60)),
    ]);
    // A period of 10 ns can be none: shares are of the time.
    let read = reads_bytes(&raw, "main;handle;work 100\n");
    assert_eq!(
        (read.sample_type(), read.value(), read.period_ns()),
        ("cpu", 100, 10)
    );
    assert_eq!(
        read.notes(),
        ["shown is cpu; there are also samples, which --sample-type selects"]
    );
    assert_eq!(
        super::read(&raw, Some("samples")).expect("reads").samples(),
        5
    );
    let error = super::read(&raw, Some("x"))
        .expect_err("refuses")
        .to_string();
    assert!(
        error.contains("no sample type `x`; it has samples, cpu"),
        "{error}"
    );
}

#[test]
fn what_is_sampled_by_a_period_of_cpu_is_read_before_other_types() {
    let sample = [int(1, 1), message(4, &[3])].concat();
    let kind = message(1, &[int(1, 5), int(2, 4)].concat());
    let waits = [kind, message(2, &sample)].concat();
    let raw = file(&[waits, profile((1, 2), &[sample])]);
    let read = reads_bytes(&raw, "main;handle;work 3\n");
    assert_eq!(read.sample_type(), "samples");
    assert_eq!(
        read.notes(),
        ["shown is samples; there are also main, which --sample-type selects"]
    );
}

#[test]
fn what_does_not_fit_together_is_named() {
    let of = |sample: Vec<u8>| file(&[profile((1, 2), &[sample])]);
    refuses_bytes(
        &of([int(1, 9), message(4, &[1])].concat()),
        "stack 9 is referred to and not in it; the program that wrote it left it out",
    );
    refuses_bytes(
        &of([int(1, 1), message(4, &varint(u64::MAX))].concat()),
        "negative value",
    );
    refuses_bytes(
        &file(&[]),
        "OTLP profiles (OpenTelemetry), but it has no samples",
    );
    let old = [
        message(1, &message(2, &message(2, &profile((1, 2), &[int(1, 1)])))),
        message(2, &message(5, b"")),
    ]
    .concat();
    assert!(looks_like(&old));
    refuses_bytes(
        &old,
        "but it is written in a version of the protocol before 1.8; let its exporter",
    );
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_change_is_answered(at in 0_usize..400, byte: u8, cut in 0_usize..400) {
        let mut raw = file(&[profile((1, 2), &[[int(1, 1), message(4, &[3])].concat()])]);
        let at = at % raw.len();
        raw[at] = byte;
        raw.truncate(raw.len().saturating_sub(cut % 40));
        let _ = super::read(&raw, None);
        let _ = super::super::read(&raw, super::super::Choice::default());
    }
}
