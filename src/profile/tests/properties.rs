//! Properties of reading profiles, whatever they hold.

use pprof_format as proto;
use proptest::collection::vec;
use proptest::prelude::*;

use super::super::*;
use super::{encode, gzip, small_profile, stacks};

prop_compose! {
    /// A consistent profile of up to 12 functions, and the sums of its samples and values.
    fn any_profile()(
        names in vec("[ -~]{0,12}|[a-z;\n\u{0}\u{2028}é ]{1,8}", 1..12),
        calls in vec((vec((0_usize..12, 0_usize..12), 0..10), 1_i64..1_000, 0_i64..1_000_000), 0..40),
    ) -> proto::Profile {
        let mut profile = small_profile();
        profile.sample.clear();
        profile.location.clear();
        profile.function.clear();
        let first = profile.string_table.len();
        let count = names.len();
        profile.string_table.extend(names);
        for at in 0..count {
            let (id, name) = (at as u64 + 1, (first + at) as i64);
            profile.function.push(proto::Function { id, name, ..Default::default() });
        }
        for (frames, samples, value) in calls {
            let mut sample = proto::Sample { value: vec![samples, value], ..Default::default() };
            for (outer, inlined) in frames {
                let id = profile.location.len() as u64 + 1;
                let line = |at: usize| proto::Line { function_id: (at % count) as u64 + 1, ..Default::default() };
                profile.location.push(proto::Location { id, line: vec![line(inlined), line(outer)], ..Default::default() });
                sample.location_id.push(id);
            }
            profile.sample.push(sample);
        }
        profile
    }
}

fn everything(profile: &Profile) {
    let mut text = Vec::new();
    folded::write(profile, &mut text).expect("writes to memory");
    let read = folded::read_as(&text, Some(Meaning::Samples)).expect("reads what was written");
    assert_eq!(read.samples(), profile.whole());
    let mut again = Vec::new();
    folded::write(&read, &mut again).expect("writes to memory");
    assert_eq!(text, again, "what was written reads as the same");
    let table = FunctionTable::of(profile);
    let stats = &table.functions;
    let leaves: u64 = stats.iter().map(|stat| stat.self_samples).sum();
    assert_eq!(leaves, profile.samples());
    assert!(
        stats
            .iter()
            .all(|s| s.self_samples <= s.total_samples && s.total_samples <= profile.samples())
    );
    if profile.is_empty() {
        assert!(flamegraph::svg(profile, "t", "s", None).is_err());
    } else {
        let shares: f64 = stats.iter().map(|stat| stat.self_share.value).sum();
        assert!(
            (shares - 1.0).abs() < 1e-9,
            "self shares sum to 1, not {shares}"
        );
        for cost in [None, Some(250.0)] {
            let svg = flamegraph::svg(profile, "t", "s", cost).expect("draws");
            assert!(svg.trim_end().ends_with("</svg>"));
        }
    }
    let side = Side {
        table: &table,
        scale: Scale::SHARE,
    };
    let same = diff(side, side, Unit::Share);
    assert_eq!(same.count(DeltaFinding::Changed), 0);
    assert!(same.functions.iter().all(|delta| delta.own.delta == 0.0));
    let tree = union::union(profile, profile, None);
    assert_eq!(tree.is_err(), profile.is_empty());
    // Counts of the format are signed.
    if let Ok(written) = encode::encode(profile) {
        let read = pprof::decode(&written).expect("reads what was written");
        let samples = |profile: &Profile| -> Vec<u64> {
            profile.stacks().map(|stack| stack.samples).collect()
        };
        assert_eq!(samples(&read), samples(profile));
        assert_eq!(read.kind(), profile.kind());
        assert_eq!(read.whole(), profile.whole());
    } else {
        assert!(profile.samples().max(profile.value()) > u64::MAX / 2);
    }
    let folded = fold(profile.clone(), Fold::Plumbing).expect("fits");
    assert_eq!(
        (folded.samples(), folded.value()),
        (profile.samples(), profile.value())
    );
    let everywhere = regex::Regex::new("").expect("a valid pattern");
    assert_eq!(inclusive(profile, &everywhere).samples, profile.samples());
}

/// What names are made of, and what is taken out of them.
const NAME_PARTS: [&str; 24] = [
    "main",
    "f",
    "::",
    ".",
    "/",
    "(*T)",
    "_ZN",
    "17h05af221e174051e9",
    "E",
    "_RNvCs1234_7mycrate3foo",
    "1a",
    "[go.shape.",
    "]",
    "[...]",
    "[0123456789abcdef]",
    "{closure#1}",
    "{",
    "}",
    ".func1",
    ".cold",
    ".26785",
    ".part.0",
    " [clone .cold]",
    "-range1",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn totals_survive_reading(message in any_profile()) {
        let profile = pprof::decode(&gzip(&encode(&message))).expect("consistent");
        let sum = |column: usize| message.sample.iter().map(|sample| sample.value[column].unsigned_abs()).sum::<u64>();
        prop_assert_eq!(profile.samples(), sum(0));
        prop_assert_eq!(profile.cpu_ns(), Some(sum(1)));
        prop_assert_eq!(profile.stacks().map(|stack| stack.samples).sum::<u64>(), sum(0));
        let twice = [encode(&message), encode(&message)].concat();
        prop_assert_eq!(pprof::decode(&twice).expect("two").samples(), 2 * sum(0));
        everything(&profile);
    }

    #[test]
    fn merging_does_not_depend_on_the_order(a in any_profile(), b in any_profile()) {
        let read = |message| pprof::decode(&encode(message)).expect("consistent");
        let (mut ab, mut ba) = (read(&a), read(&b));
        ab.merge_slice(&read(&b), 0).expect("alike");
        ba.merge_slice(&read(&a), 0).expect("alike");
        prop_assert_eq!(stacks(&ab), stacks(&ba));
        // Their errors are sums of fractions.
        let shares = |profile: &Profile| -> Vec<_> {
            let functions = FunctionTable::of(profile).functions.into_iter();
            functions.map(|of| (of.function, of.self_samples, of.self_share.value, of.total_share.value)).collect()
        };
        prop_assert_eq!(shares(&ab), shares(&ba));
    }

    #[test]
    fn slices_are_written_and_read_again(a in any_profile(), b in any_profile()) {
        let messages = [encode(&a), gzip(&encode(&b)), encode(&a)];
        let (mut merger, mut merged) = (encode::Merger::default(), Profile::new("cpu", "nanoseconds", 0));
        for (at, bytes) in messages.iter().enumerate() {
            merger.add(bytes).expect("consistent");
            merged.merge_slice(&pprof::decode(bytes).expect("consistent"), at).expect("alike");
        }
        let read = pprof::decode(&merger.finish().expect("fits")).expect("reads what was written");
        prop_assert_eq!(stacks(&read), stacks(&merged));
        prop_assert_eq!(read.slices(), merged.slices());
        let again = pprof::decode(&encode::encode(&merged).expect("fits")).expect("reads what was written");
        prop_assert_eq!(stacks(&again), stacks(&merged));
        prop_assert_eq!(again.slices(), merged.slices());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..400)) {
        for bytes in [bytes.clone(), gzip(&bytes), [&[0x1f, 0x8b][..], &bytes].concat()] {
            if let Ok(profile) = read(&bytes, Choice::default()) {
                everything(&profile);
            }
            let _ = encode::Merger::default().add(&bytes);
        }
    }

    #[test]
    fn damaged_profiles_never_panic(
        message in any_profile(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut raw = encode(&message);
        let packed = gzip(&raw);
        prop_assert!(pprof::decode(&packed[..cut.index(packed.len())]).is_err(), "a truncated gzip stream is no profile");
        let at = at.index(raw.len());
        raw[at] = byte;
        for bytes in [&raw[..], &raw[..cut.index(raw.len())]] {
            let _ = encode::Merger::default().add(bytes);
            if let Ok(profile) = pprof::decode(bytes) {
                everything(&profile);
            }
        }
    }

    #[test]
    fn arbitrary_text_never_panics(text in "([ -~é\n;]{0,20} [0-9]{0,21}\n){0,8}", bytes in vec(any::<u8>(), 0..200)) {
        for bytes in [text.as_bytes(), &bytes] {
            if let Ok(profile) = folded::read(bytes) {
                everything(&profile);
            }
        }
    }

    #[test]
    fn arbitrary_names_settle(
        name in "(_ZN|_R|_RNv|)[ -~]{0,60}|[\\[\\]{}#.:a-f0-9funcgoshape]{0,40}|\\PC{0,20}",
        parts in vec(proptest::sample::select(&NAME_PARTS[..]), 0..12),
    ) {
        for name in [name, parts.concat()] {
            let normal = names::normalise(&name);
            prop_assert!(normal.len() <= 1024 + 16 * name.len());
            prop_assert_eq!(names::normalise(&normal), &*normal);
        }
    }
}
