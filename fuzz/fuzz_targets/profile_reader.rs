//! Whatever bytes a target sends, reading them gives a profile or an error, and what was read can be used.
#![no_main]

use libfuzzer_sys::fuzz_target;
use telemload::profile::{Profile, flamegraph, folded, functions, pprof};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(profile) = pprof::decode(bytes) {
        everything(&profile);
    }
    if let Ok(profile) = folded::read(bytes) {
        everything(&profile);
    }
});

fn everything(profile: &Profile) {
    let leaves: u64 = functions(profile).iter().map(|stat| stat.self_samples).sum();
    assert_eq!(leaves, profile.samples());
    let mut text = Vec::new();
    folded::write(profile, &mut text).expect("writes to memory");
    let again = folded::read(text.as_slice()).expect("reads what was written");
    assert_eq!(again.samples(), profile.samples());
    assert_eq!(flamegraph::svg(profile, "title", "", Some(100.0)).is_ok(), !profile.is_empty());
}
