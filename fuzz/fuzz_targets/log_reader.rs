//! Whatever lines a log has and whatever format it is read by, it is read or refused. The first line is the format.
#![no_main]

use libfuzzer_sys::fuzz_target;
use telemload::import::{Choice, Options, draft, read};

fuzz_target!(|bytes: &[u8]| {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (format, lines) = bytes.split_at(end);
    let format = String::from_utf8_lossy(format);
    let given = [
        Options::default(),
        Options { format: Some("combined"), ..Options::default() },
        Options { format: Some("haproxy"), ..Options::default() },
        Options { format: Some(&format), ..Options::default() },
        Options { fields: Some(&format), ..Options::default() },
    ];
    for options in given {
        if let Ok(mut sample) = read("fuzz.log", lines, &options) {
            let _ = draft(&mut sample, &Choice::default());
        }
    }
});
