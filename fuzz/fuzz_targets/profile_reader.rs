//! Whatever bytes a target sends or a file holds, reading them gives a profile or an error, and what was read can be used.
#![no_main]

use libfuzzer_sys::fuzz_target;
use telemload::profile::{
    Choice, Fold, FunctionTable, Profile, encode, flamegraph, fold, folded, perf_script, pprof, read, union,
};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(profile) = read(bytes, Choice::default()) {
        everything(&profile);
    }
    // Each reader on its own too: what a format looks like must not be all that keeps another reader from its bytes.
    if let Ok(profile) = pprof::decode(bytes) {
        everything(&profile);
    }
    if let Ok(profile) = folded::read(bytes) {
        everything(&profile);
    }
    if let Ok(profile) = perf_script::read(&String::from_utf8_lossy(bytes), None) {
        everything(&profile);
    }
    let mut merger = encode::Merger::default();
    if merger.add(bytes).is_ok() {
        let _ = merger.finish();
    }
});

fn everything(profile: &Profile) {
    let table = FunctionTable::of(profile);
    let leaves: u64 = table.functions.iter().map(|function| function.self_samples).sum();
    assert_eq!(leaves, profile.samples());
    let mut text = Vec::new();
    folded::write(profile, &mut text).expect("writes to memory");
    let again = folded::read(text.as_slice()).expect("reads what was written");
    let whole = |profile: &Profile| if profile.is_of_values() { profile.value() } else { profile.samples() };
    assert_eq!(whole(&again), whole(profile));
    let plain = fold(profile.clone(), Fold::Plumbing).expect("folding makes nothing larger");
    assert_eq!(plain.samples(), profile.samples());
    if let Ok(bytes) = encode::encode(profile) {
        let again = pprof::decode(&bytes).expect("reads what was written");
        assert_eq!((again.samples(), again.slices()), (profile.samples(), profile.slices()));
        assert_eq!((again.sample_type(), whole(&again)), (profile.sample_type(), whole(profile)));
    }
    assert_eq!(union::union(profile, &plain, None).is_ok(), !profile.is_empty());
    assert_eq!(flamegraph::svg(profile, "title", "", Some(100.0)).is_ok(), !profile.is_empty());
}
