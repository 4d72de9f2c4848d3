//! Whatever a command of curl says, in any of three forms, it is read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use telemload::import::{Choice, Options, draft, read};

fuzz_target!(|words: &str| {
    for start in ["curl ", "curl ^\"", "Invoke-WebRequest -Uri \""] {
        if let Ok(mut sample) = read("fuzz.sh", format!("{start}{words}").as_bytes(), &Options::default()) {
            let _ = draft(&mut sample, &Choice::default());
        }
    }
});
