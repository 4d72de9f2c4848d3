//! V8's `.heapprofile`, which Node (`--heap-prof`) and Chrome write: calls that stand within the one that made them, and sampled objects.
//!
//! Each sampled object is one observation of what its call has in use. Objects of calls that are not there were made while the profile was
//! written. Without a list of objects each call is a record.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::cpuprofile::{CallFrame, name};
use super::{MAX_ENTRIES, Object, damaged, list, parse};
use crate::profile::stacks::{OBSERVATIONS, RECORDS, Weight, too_large};
use crate::profile::{Error, Profile};

const FORMAT: &str = "a V8 .heapprofile";
/// Frames of one stack, of which V8 keeps 128: the text of a call is looked through once for each that it stands in.
const DEEPEST: usize = 512;

#[derive(Deserialize)]
struct Node<'a> {
    #[serde(default)]
    id: Option<u64>,
    #[serde(rename = "selfSize", default)]
    self_size: f64,
    #[serde(rename = "callFrame", borrow)]
    call_frame: CallFrame<'a>,
    #[serde(borrow, default)]
    children: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Sample {
    #[serde(rename = "nodeId")]
    node: u64,
}

/// Whether an object is such a profile; V8's CPU profiles of old have other keys in their `head`.
pub(in crate::profile) fn is(root: &Object<'_>) -> bool {
    let head = root.held("head");
    head.is_some_and(|head| head.has(&["callFrame", "selfSize"]))
}

/// Reads the bytes of each stack.
///
/// # Errors
/// [`Error::Damaged`] for what does not fit together; limits as in [`Profile::add`].
pub(in crate::profile) fn read(root: &Object<'_>) -> Result<Profile, Error> {
    let samples: Vec<Sample> = root.list("samples", FORMAT)?;
    let mut sampled: HashMap<u64, u64> = HashMap::new();
    for sample in &samples {
        *sampled.entry(sample.node).or_default() += 1;
    }
    let mut profile = Profile::new("inuse_space", "bytes", 0);
    // Calls that are still to be read, each with how many frames of the last one are its callers.
    let mut open: Vec<(&RawValue, usize)> = Vec::new();
    open.extend(root.get("head").map(|head| (head, 0)));
    let mut ids: Vec<u32> = Vec::new();
    while let Some((text, callers)) = open.pop() {
        ids.truncate(callers);
        let node: Node<'_> = parse(text, "head", FORMAT)?;
        let name = name(&node.call_frame);
        if !ids.is_empty() || name != "(root)" {
            ids.push(profile.intern(&name)?);
        }
        if ids.len() > DEEPEST {
            return Err(too_large("frames in one stack", DEEPEST));
        }
        let size = bytes(node.self_size)?;
        if size > 0 {
            let objects = node.id.and_then(|id| sampled.get(&id)).copied();
            profile.add_ids(ids.clone(), Weight::of(objects.unwrap_or(1), size), None)?;
        }
        if let Some(children) = node.children {
            let children = list::<&RawValue>(children, "children", FORMAT, MAX_ENTRIES)?;
            open.extend(children.into_iter().map(|child| (child, ids.len())));
        }
    }
    Ok(profile.counting(if samples.is_empty() {
        RECORDS
    } else {
        OBSERVATIONS
    }))
}

fn bytes(size: f64) -> Result<u64, Error> {
    if (0.0..9e18).contains(&size) {
        return Ok(size.round() as u64);
    }
    let reason = format!("the size {size} of an object is negative or too large");
    Err(damaged(FORMAT, reason))
}

#[cfg(test)]
mod tests {
    use crate::profile::tests::{reads, reads_bytes, refuses};

    const TREE: &str = r#"{"head":{"callFrame":{"functionName":"(root)","url":""},"selfSize":0,"id":1,"children":[
        {"callFrame":{"functionName":"keep","url":"a.js"},"selfSize":48,"id":2,"children":[
            {"callFrame":{"functionName":"","url":"/srv/b.js"},"selfSize":16,"id":3,"children":[]}]}]}SAMPLES}"#;

    #[test]
    fn objects_are_observations_of_bytes() {
        let expected = "keep 48\nkeep;(anonymous) b.js 16\n";
        let sampled = TREE.replace(
            "SAMPLES",
            r#","samples":[{"size":32,"nodeId":2,"ordinal":1},{"size":16,"nodeId":3},{"size":16,"nodeId":2},{"size":9,"nodeId":7}]"#,
        );
        let profile = reads_bytes(sampled.as_bytes(), expected);
        assert_eq!((profile.samples(), profile.value()), (3, 64));
        assert_eq!(
            (profile.sample_type(), profile.unit()),
            ("inuse_space", "bytes")
        );
        reads(&TREE.replace("SAMPLES", ""), expected);
        // What V8 answers to `HeapProfiler.getSamplingProfile`.
        reads(&format!("{{\"profile\":{sampled}}}"), expected);
        let answer = format!("{{\"id\":7,\"result\":{{\"profile\":{sampled}}}}}");
        reads(&answer, expected);
    }

    #[test]
    fn what_does_not_fit_together_is_named() {
        refuses(
            &TREE
                .replace("SAMPLES", "")
                .replace("\"selfSize\":48", "\"selfSize\":-48"),
            "a V8 .heapprofile, but the size -48 of an object is negative",
        );
        refuses(
            &TREE.replace("SAMPLES", ",\"samples\":[7]"),
            "`samples` cannot be read",
        );
        let begin = r#"{"callFrame":{"functionName":"f"},"selfSize":1,"children":["#;
        let deep = format!("{{\"head\":{}{}}}", begin.repeat(600), "]}".repeat(600));
        refuses(&deep, "more than 512 frames in one stack");
    }
}
