//! Whatever stands in a scenario file, reading it gives a plan or an error that can be shown.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use telemload::scenario::{Overrides, parse};

fuzz_target!(|text: &str| {
    match parse("fuzz.toml", text, Path::new("/nonexistent"), &Overrides::default()) {
        Ok(plan) => assert!(!plan.variants.is_empty()),
        Err(error) => assert!(error.to_string().starts_with("fuzz.toml")),
    }
});
