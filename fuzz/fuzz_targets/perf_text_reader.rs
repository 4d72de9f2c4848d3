//! Texts of `perf script`: samples of slices, waits between switches, and threads.
#![no_main]

use libfuzzer_sys::fuzz_target;
use telemload::profile::{Choice, labelled, perf_script, read};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let slices = [0..1_000_000_000, 1_000_000_000..u64::MAX / 2];
    let sampled = perf_script::read_slices(&text, "cpu-clock", &slices);
    if let Ok(profile) = &sampled {
        assert!(profile.value() <= profile.samples());
    }
    if let Ok(profile) = perf_script::read_waits(&text, &slices) {
        assert_eq!(profile.sample_type(), "off-cpu");
    }
    let _ = labelled(bytes, Choice::default());
    if let Ok(profile) = read(bytes, Choice::default()) {
        assert!(profile.is_empty() || profile.samples() > 0);
    }
});
