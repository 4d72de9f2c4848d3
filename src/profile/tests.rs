//! What is read of small profiles, and what hostile or damaged ones give.

use std::io::Write;

use pprof_format as proto;
use prost::Message;

use super::*;

mod properties;

pub(super) fn encode(profile: &proto::Profile) -> Vec<u8> {
    profile.encode_to_vec()
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("writes to memory");
    encoder.finish().expect("writes to memory")
}

/// `main` calls `verify`, into which `hash` is inlined: 3 samples; 1 sample in `main`.
pub(super) fn small_profile() -> proto::Profile {
    let strings = [
        "",
        "samples",
        "count",
        "cpu",
        "nanoseconds",
        "main",
        "verify",
        "hash",
        "/lib/libc.so.6",
    ];
    let function = |id, name| proto::Function {
        id,
        name,
        ..Default::default()
    };
    let line = |function_id| proto::Line {
        function_id,
        ..Default::default()
    };
    let location = |id, line| proto::Location {
        id,
        line,
        ..Default::default()
    };
    let sample = |location_id: &[u64], n: i64| proto::Sample {
        location_id: location_id.to_vec(),
        value: vec![n, n * 10_000_000],
        label: Vec::new(),
    };
    proto::Profile {
        sample_type: vec![
            proto::ValueType { r#type: 1, unit: 2 },
            proto::ValueType { r#type: 3, unit: 4 },
        ],
        sample: vec![sample(&[7, 3], 2), sample(&[3], 1), sample(&[7, 3], 1)],
        mapping: vec![proto::Mapping {
            id: 1,
            filename: 8,
            ..Default::default()
        }],
        location: vec![
            location(3, vec![line(1)]),
            location(7, vec![line(30), line(20)]),
        ],
        function: vec![function(1, 5), function(20, 6), function(30, 7)],
        string_table: strings.map(str::to_owned).to_vec(),
        duration_nanos: 1_000_000_000,
        period_type: Some(proto::ValueType { r#type: 3, unit: 4 }),
        period: 10_000_000,
        ..Default::default()
    }
}

/// The folded stacks of a text that is read without a choice, and the notes.
#[track_caller]
pub(super) fn reads(text: &str, expected: &str) -> Vec<String> {
    reads_bytes(text.as_bytes(), expected).notes().to_vec()
}

#[track_caller]
pub(super) fn reads_bytes(bytes: &[u8], expected: &str) -> Profile {
    let profile = read(bytes, Choice::default()).expect("reads");
    assert_eq!(written(&profile), expected);
    profile
}

/// The same of one profile of a file.
#[track_caller]
pub(super) fn reads_named(text: &str, name: &str, expected: &str) -> Vec<String> {
    let choice = Choice {
        profile: Some(name),
        ..Choice::default()
    };
    let profile = read(text.as_bytes(), choice).expect("reads");
    assert_eq!(written(&profile), expected);
    profile.notes().to_vec()
}

fn written(profile: &Profile) -> String {
    let mut text = Vec::new();
    folded::write(profile, &mut text).expect("writes to memory");
    String::from_utf8(text).expect("folded stacks are text")
}

#[track_caller]
pub(super) fn refuses(text: &str, expected: &str) {
    refuses_bytes(text.as_bytes(), expected);
}

#[track_caller]
pub(super) fn refuses_bytes(bytes: &[u8], expected: &str) {
    match read(bytes, Choice::default()) {
        Ok(profile) if profile.is_empty() => assert!(Error::Empty.to_string().contains(expected)),
        Ok(profile) => panic!("{profile:?} was read"),
        Err(error) => assert!(error.to_string().contains(expected), "{error}"),
    }
}

pub(super) fn stacks(profile: &Profile) -> Vec<(String, u64, u64)> {
    let line = |stack: Stack<'_>| (stack.frames.join(";"), stack.samples, stack.value);
    profile.stacks().map(line).collect()
}

#[test]
fn a_profile_is_read_root_first_with_inlined_calls() {
    let raw = encode(&small_profile());
    for bytes in [raw.clone(), gzip(&raw)] {
        let profile = pprof::decode(&bytes).expect("reads");
        let expected = [
            ("main".to_owned(), 1, 10_000_000),
            ("main;verify;hash".to_owned(), 3, 30_000_000),
        ];
        assert_eq!(stacks(&profile), expected);
        assert_eq!(profile.samples(), 4);
        assert_eq!(profile.cpu_ns(), Some(40_000_000));
        assert_eq!(
            (profile.period_ns(), profile.duration_ns()),
            (10_000_000, 1_000_000_000)
        );
        assert_eq!(
            (profile.sample_type(), profile.unit()),
            ("cpu", "nanoseconds")
        );
        assert!(!profile.is_empty());
    }
}

#[track_caller]
pub(super) fn check(
    change: impl FnOnce(&mut proto::Profile),
    expected: Result<&[(&str, u64, u64)], &str>,
) {
    let mut profile = small_profile();
    change(&mut profile);
    match (pprof::decode(&encode(&profile)), expected) {
        (Ok(profile), Ok(expected)) => {
            let got = stacks(&profile);
            let got: Vec<_> = got
                .iter()
                .map(|(line, samples, value)| (line.as_str(), *samples, *value))
                .collect();
            assert_eq!(got, expected);
        }
        (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
        (got, expected) => panic!("{got:?} instead of {expected:?}"),
    }
}

#[test]
fn what_does_not_add_up_is_named() {
    check(
        |p| p.function[0].name = 99,
        Err("not a profile: string table index 99 is out of range (9 strings)"),
    );
    check(
        |p| p.function[0].name = -1,
        Err("string table index -1 is out of range"),
    );
    check(
        |p| p.mapping[0].filename = 9,
        Err("string table index 9 is out of range"),
    );
    check(|p| p.sample_type[0].unit = 50, Err("string table index 50"));
    check(|p| p.default_sample_type = 50, Err("string table index 50"));
    check(
        |p| p.string_table.clear(),
        Err("does not begin with the empty string"),
    );
    check(|p| p.sample_type.clear(), Err("it names no sample types"));
    check(
        |p| p.sample[1].location_id = vec![4],
        Err("sample 2 refers to location 4, which is not in it"),
    );
    check(
        |p| p.sample[1].value = vec![4],
        Err("sample 2 has 1 values for 2 sample types"),
    );
    check(
        |p| p.sample[1].value = vec![-4, 1],
        Err("sample 2 has the negative value -4"),
    );
    check(
        |p| p.sample[1].value = vec![i64::MAX, 0],
        Ok(&[
            // So many samples there are not: each record is one.
            ("main", 1, 0),
            ("main;verify;hash", 2, 30_000_000),
        ]),
    );
    check(
        |p| p.location[0].line[0].function_id = 8,
        Err("location 3 refers to function 8, which is not in it"),
    );
    check(
        |p| p.location[0].mapping_id = 8,
        Err("location 3 refers to mapping 8"),
    );
    check(|p| p.location[0].id = 7, Err("location 7 is there twice"));
    check(|p| p.function[0].id = 0, Err("a function has the id 0"));
    check(|p| p.drop_frames = 99, Err("string table index 99"));
    check(
        |p| p.sample[0].location_id = vec![3; 5_000],
        Err("more than 4096 frames in one stack"),
    );
    check(
        |p| p.sample[0].location_id = vec![3; 2 << 20],
        Err("more than 1048576 bytes in one entry"),
    );
    let overflow = |p: &mut proto::Profile| {
        for sample in &mut p.sample {
            sample.value = vec![1, i64::MAX];
        }
    };
    check(overflow, Err("more than 64 bits"));
}

#[test]
fn frames_without_names_are_called_after_their_place() {
    let nameless = |file, address, system_name| {
        move |p: &mut proto::Profile| {
            p.sample.truncate(2);
            p.sample.remove(0);
            p.location[0].mapping_id = file;
            p.location[0].address = address;
            p.function[0].name = 0;
            p.function[0].system_name = system_name;
        }
    };
    check(
        nameless(1, 0x1234, 0),
        Ok(&[("libc.so.6+0x1234", 1, 10_000_000)]),
    );
    check(nameless(0, 0x1234, 0), Ok(&[("0x1234", 1, 10_000_000)]));
    check(nameless(0, 0, 0), Ok(&[("[unknown]", 1, 10_000_000)]));
    check(nameless(1, 0x1234, 7), Ok(&[("hash", 1, 10_000_000)]));
    let no_lines = |p: &mut proto::Profile| {
        nameless(1, 0x12, 0)(p);
        p.location[0].line.clear();
    };
    check(no_lines, Ok(&[("libc.so.6+0x12", 1, 10_000_000)]));
    // Wherever a program is loaded, a place in its file is the same.
    for begin in [0x55d0_0000_0000, 0x7f10_0000_0000] {
        let loaded = |p: &mut proto::Profile| {
            nameless(1, begin + 0x510, 0)(p);
            p.mapping[0].memory_start = begin;
            p.mapping[0].memory_limit = begin + 0x1_0000;
            p.mapping[0].file_offset = 0x1000;
        };
        check(loaded, Ok(&[("libc.so.6+0x1510", 1, 10_000_000)]));
    }
    let no_frames = |p: &mut proto::Profile| p.sample[1].location_id.clear();
    check(
        no_frames,
        Ok(&[
            ("[no stack]", 1, 10_000_000),
            ("main;verify;hash", 3, 30_000_000),
        ]),
    );
}

#[test]
fn dropped_frames_are_cut_with_what_they_call() {
    let dropping = |drop: &str, keep: &str| {
        let (drop, keep) = (drop.to_owned(), keep.to_owned());
        move |p: &mut proto::Profile| {
            p.string_table.extend([drop, keep]);
            (p.drop_frames, p.keep_frames) = (9, 10);
        }
    };
    check(dropping("ver.*", ""), Ok(&[("main", 4, 40_000_000)]));
    check(
        dropping("ver", ""),
        Ok(&[("main", 1, 10_000_000), ("main;verify;hash", 3, 30_000_000)]),
    );
    check(
        dropping("ver.*|hash", "verify"),
        Ok(&[("main", 1, 10_000_000), ("main;verify", 3, 30_000_000)]),
    );
    check(
        dropping("main", ""),
        Ok(&[("main", 1, 10_000_000), ("main;verify;hash", 3, 30_000_000)]),
    );
    check(
        dropping("(", ""),
        Err("drop_frames is not a regular expression"),
    );
    check(
        dropping("a{1000}{1000}", ""),
        Err("drop_frames is not a regular expression"),
    );
}

#[test]
fn slices_merge_and_unlike_profiles_do_not() {
    let one = pprof::decode(&encode(&small_profile())).expect("reads");
    let mut twice = one.clone();
    twice.merge_slice(&one, 1).expect("alike");
    assert_eq!(twice.samples(), 8);
    assert_eq!(twice.cpu_ns(), Some(80_000_000));
    assert_eq!(twice.duration_ns(), 2_000_000_000);
    assert_eq!(twice.stacks().count(), 2);
    for (sample_type, unit, period) in [
        ("wall", "nanoseconds", 0),
        ("cpu", "cycles", 0),
        ("cpu", "nanoseconds", 5),
    ] {
        let error = twice
            .clone()
            .merge_slice(&Profile::new(sample_type, unit, period), 1)
            .expect_err("unlike");
        assert!(error.to_string().contains("cannot be merged"), "{error}");
    }
    twice
        .merge_slice(&Profile::new("cpu", "nanoseconds", 0), 1)
        .expect("an unknown period fits");
    assert_eq!(twice.period_ns(), 10_000_000);
}

#[test]
fn what_a_profile_calls_itself_is_shown_without_what_cannot_be_seen() {
    let mut profile = small_profile();
    profile.string_table[3] = "c\u{1b}[2Jpu".to_owned();
    profile.string_table[4] = "nano\u{202e}seconds\n".to_owned();
    let profile = pprof::decode(&encode(&profile)).expect("reads");
    assert_eq!(profile.kind(), "c\u{fffd}[2Jpu/nano\u{fffd}seconds\u{fffd}");
}

#[test]
fn an_empty_profile_is_read_and_known_to_be_empty() {
    let mut empty = small_profile();
    empty.sample.clear();
    let profile = pprof::decode(&encode(&empty)).expect("reads");
    assert!(profile.is_empty());
    assert!(FunctionTable::of(&profile).functions.is_empty());
    assert!(matches!(
        flamegraph::svg(&profile, "t", "", None),
        Err(Error::Empty)
    ));
    assert!(pprof::decode(b"").is_err());
}
