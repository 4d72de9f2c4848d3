//! What bounds the reading of a `profile.proto`.

use std::io::Write;

use pprof_format as proto;

use super::super::plain::gunzip;
use super::super::tests::{check, encode, gzip, small_profile};
use super::super::{folded, pprof};
use super::*;

/// Two bytes for an empty sample are 72 in memory: neither these nor the tables may be built as claimed.
#[test]
fn small_entries_cannot_fill_the_memory() {
    let head = encode(&proto::Profile {
        sample: Vec::new(),
        ..small_profile()
    });
    let strings = [head.clone(), [0x32, 0].repeat(1 << 20)].concat();
    let error = pprof::decode(&gzip(&strings))
        .expect_err("too many")
        .to_string();
    assert!(error.contains("more than 1048576 strings"), "{error}");
    let samples = [head, [0x12, 0].repeat(1 << 20)].concat();
    let error = pprof::decode(&samples).expect_err("no values").to_string();
    assert!(error.contains("sample 1 has 0 values"), "{error}");
}

/// A million functions may share one name, and a million places one file.
#[test]
fn a_name_that_is_shared_is_read_once() {
    let shared = |length: usize| {
        move |p: &mut proto::Profile| {
            let name = p.string_table.len() as i64;
            p.string_table.push("n".repeat(length));
            for id in 100..20_100 {
                let function = proto::Function {
                    id,
                    name,
                    ..Default::default()
                };
                let line = proto::Line {
                    function_id: id,
                    ..Default::default()
                };
                let location = proto::Location {
                    id,
                    line: vec![line],
                    ..Default::default()
                };
                p.function.push(function);
                p.location.push(location);
            }
        }
    };
    let known = [("main", 1, 10_000_000), ("main;verify;hash", 3, 30_000_000)];
    check(shared(64 << 10), Ok(&known));
    check(
        shared((64 << 10) + 1),
        Err("the name that begins with `nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn` has 65537 bytes"),
    );
    let long_file = |p: &mut proto::Profile| {
        p.string_table[8] = format!("/lib/{}", "\u{1b}".repeat(70_000));
        p.location[0].mapping_id = 1;
        p.location[0].line.clear();
    };
    check(
        long_file,
        Err("the name that begins with `\u{fffd}\u{fffd}"),
    );
    let unused = |p: &mut proto::Profile| p.string_table[8] = "/".repeat(70_000);
    check(unused, Ok(&known));
    let types = |p: &mut proto::Profile| p.sample_type = vec![p.sample_type[0]; 257];
    check(types, Err("more than 256 sample types"));
    let stack = format!("a;{} 1", "b".repeat(70_000));
    let error = folded::read(stack.as_bytes()).expect_err("too long");
    assert!(error.to_string().contains("has 70000 bytes"), "{error}");
}

/// Each sample is 4,000 inlined calls in 10 bytes: those that repeat are not expanded again, others up to a limit.
#[test]
fn inlined_calls_are_expanded_once() {
    let mut head = small_profile();
    head.sample.clear();
    head.location[0].line = vec![head.location[0].line[0]; 4_000];
    let head = encode(&head);
    let loose = [0x12, 6, 0x08, 3, 0x10, 1, 0x10, 1].repeat(1 << 16);
    let profile = pprof::decode(&[&head[..], &loose].concat()).expect("reads");
    assert_eq!((profile.samples(), profile.stacks().count()), (1 << 16, 1));
    // Two locations of equal calls: stacks that are one, of ids that differ.
    let mut head = small_profile();
    head.sample.clear();
    let line = head.location[0].line[0];
    for id in [101, 102] {
        let location = proto::Location {
            id,
            line: vec![line; 240],
            ..Default::default()
        };
        head.location.push(location);
    }
    let mut unlike = encode(&head);
    for number in 0..1_u32 << 10 {
        let ids = (0..17).map(|bit| 101 + (number >> bit & 1) as u8);
        unlike.extend([0x12, 23, 0x0a, 17]);
        unlike.extend(ids);
        unlike.extend([0x12, 2, 1, 1]);
    }
    let all = unpacked(&unlike, Choice::default(), 4_080 << 10).expect("reads");
    assert_eq!((all.samples(), all.stacks().count()), (1 << 10, 1));
    let error = unpacked(&unlike, Choice::default(), 4_080 << 9)
        .expect_err("too many")
        .to_string();
    assert!(error.contains("frames over all samples"), "{error}");
}

#[test]
fn a_gzip_bomb_stops_at_the_limit() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder
        .write_all(&vec![0; 1 << 20])
        .expect("writes to memory");
    let bomb = encoder.finish().expect("writes to memory");
    assert!(bomb.len() < 10_000);
    assert!(matches!(
        gunzip(&bomb, 4096),
        Err(Error::TooLarge { limit: 4096, .. })
    ));
    assert_eq!(gunzip(&bomb, 1 << 20).expect("fits").len(), 1 << 20);
    // Concatenated members count together.
    let twice = [bomb.clone(), bomb].concat();
    assert!(matches!(
        gunzip(&twice, 1 << 20),
        Err(Error::TooLarge { .. })
    ));
}
