//! Whatever body a target sends: what is found at pointers is what serde_json's tree has there, and what is no JSON for one is none
//! for the other.
//!
//! An input is pointers, one a line, then an empty line, then a body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use telemload::traffic::json::Pointers;

fuzz_target!(|input: &[u8]| {
    let middle = input.windows(2).position(|pair| pair == b"\n\n");
    let (wanted, body) = middle.map_or((&b"/a"[..], input), |at| (&input[..at], &input[at + 2..]));
    let wanted = String::from_utf8_lossy(wanted);
    let wanted: Vec<&str> = wanted
        .lines()
        .filter(|line| line.is_empty() || line.starts_with('/'))
        .take(16)
        .collect();
    let mut pointers = Pointers::new(wanted.iter().copied());
    // What one body left behind must not change the next.
    let _ = pointers.find(&body[..body.len() / 2]);
    let found = pointers.find(body).ok();
    let tree: Option<Value> = serde_json::from_slice(body).ok();
    assert_eq!(found.is_some(), tree.is_some());
    let (Some(found), Some(tree)) = (found, tree) else {
        return;
    };
    let mut scratch = Vec::new();
    for (nth, pointer) in wanted.iter().enumerate() {
        let (value, expected) = (found.get(nth), tree.pointer(pointer));
        assert_eq!(value.is_some(), expected.is_some());
        let (Some(value), Some(expected)) = (value, expected) else {
            continue;
        };
        assert!(value.is(expected));
        let written = match expected {
            Value::String(text) => Some(text.clone()),
            Value::Number(_) | Value::Bool(_) => Some(expected.to_string()),
            _ => None,
        };
        assert_eq!(value.text(&mut scratch), written.as_deref().map(str::as_bytes));
    }
});
