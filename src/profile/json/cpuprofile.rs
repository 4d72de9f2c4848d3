//! V8's `.cpuprofile`, which Node (`--cpu-prof`) and Chrome write: a tree of calls, and which of its nodes each sample was in.
//!
//! Each sample counts once. V8 samples by the clock on the wall; what its thread waited is `(idle)`.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{MAX_ENTRIES, Object, damaged, list};
use crate::profile::stacks::{MAX_DEPTH, Weight, too_large};
use crate::profile::{Error, Profile};

const FORMAT: &str = "a V8 .cpuprofile";

/// A call, below the one that made it.
#[derive(Deserialize)]
pub(super) struct Node<'a> {
    pub(super) id: u64,
    #[serde(rename = "callFrame", borrow)]
    call_frame: CallFrame<'a>,
    #[serde(rename = "hitCount", default)]
    hit_count: Option<u64>,
    #[serde(borrow, default)]
    children: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) parent: Option<u64>,
}

#[derive(Deserialize)]
pub(super) struct CallFrame<'a> {
    #[serde(rename = "functionName", borrow)]
    function_name: Cow<'a, str>,
    #[serde(borrow, default)]
    url: Cow<'a, str>,
}

/// Whether an object is such a profile.
pub(in crate::profile) fn is(root: &Object<'_>) -> bool {
    root.has(&["nodes", "startTime", "endTime"])
}

/// Reads the samples, or the hits of nodes where there are none.
///
/// # Errors
/// [`Error::Damaged`] for what does not fit together; limits as in [`Profile::add`].
pub(in crate::profile) fn read(root: &Object<'_>) -> Result<Profile, Error> {
    let nodes: Vec<Node<'_>> = root.list("nodes", FORMAT)?;
    let samples: Vec<u64> = root.list("samples", FORMAT)?;
    let time = |key| root.value::<f64>(key, FORMAT);
    let duration_us = time("endTime")?.unwrap_or(0.0) - time("startTime")?.unwrap_or(0.0);
    let mut profile =
        Profile::new("samples", "count", 0).with_duration_ns((duration_us * 1e3) as u64);
    add(&nodes, &samples, FORMAT, &mut profile)?;
    Ok(profile)
}

/// Adds the samples of a tree, or the hits of its nodes where there are none.
///
/// # Errors
/// Those of [`read`], with the name of the `format`.
pub(super) fn add(
    nodes: &[Node<'_>],
    samples: &[u64],
    format: &'static str,
    profile: &mut Profile,
) -> Result<(), Error> {
    let mut places = HashMap::with_capacity(nodes.len());
    for (at, node) in nodes.iter().enumerate() {
        if places.insert(node.id, at).is_some() {
            return Err(damaged(format, format!("node {} is there twice", node.id)));
        }
    }
    let find = |id: u64| {
        let found = places.get(&id).copied();
        found.ok_or_else(|| damaged(format, format!("node {id} is referred to and not in it")))
    };
    let mut parents: Vec<Option<usize>> = vec![None; nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        if let Some(parent) = node.parent {
            parents[at] = Some(find(parent)?);
        }
        if let Some(children) = node.children {
            // One that is not there has no samples either: the traces of old Chromes name such.
            for child in list::<u64>(children, "children", format, MAX_ENTRIES)? {
                if let Some(place) = places.get(&child) {
                    parents[*place] = Some(at);
                }
            }
        }
    }
    let mut hits = vec![0_u64; nodes.len()];
    for id in samples {
        hits[find(*id)?] += 1;
    }
    if samples.is_empty() {
        for (hits, node) in hits.iter_mut().zip(nodes) {
            *hits = node.hit_count.unwrap_or(0);
        }
    }
    let mut names: Vec<Option<u32>> = vec![None; nodes.len()];
    for (at, hits) in hits.iter().enumerate().filter(|(_, hits)| **hits > 0) {
        let mut ids = Vec::new();
        let mut next = Some(at);
        while let Some(node) = next {
            let id = match names[node] {
                Some(id) => id,
                None => profile.intern(&name(&nodes[node].call_frame))?,
            };
            names[node] = Some(id);
            next = parents[node];
            // V8's root stands for no function, unless the sample has nothing else.
            if next.is_some() || ids.is_empty() || nodes[node].call_frame.function_name != "(root)"
            {
                ids.push(id);
            }
            if ids.len() > MAX_DEPTH {
                return Err(too_large("frames in one stack", MAX_DEPTH));
            }
        }
        ids.reverse();
        profile.add_ids(ids, Weight::of(*hits, *hits), None)?;
    }
    Ok(())
}

/// The function's name; of one without a name its file.
pub(super) fn name<'a>(frame: &'a CallFrame<'_>) -> Cow<'a, str> {
    if !frame.function_name.is_empty() {
        return Cow::Borrowed(&frame.function_name);
    }
    match frame.url.rsplit(['/', '\\']).next() {
        Some(file) if !file.is_empty() => Cow::Owned(format!("(anonymous) {file}")),
        _ => Cow::Borrowed("(anonymous)"),
    }
}

#[cfg(test)]
mod tests {
    use crate::profile::tests::{reads, refuses};

    const TWO: &str = r#"{"nodes":[
        {"id":1,"callFrame":{"functionName":"(root)","url":""},"hitCount":0,"children":[2,3]},
        {"id":2,"callFrame":{"functionName":"work","url":"a.js","lineNumber":1},"hitCount":7,"children":[4]},
        {"id":3,"callFrame":{"functionName":"(idle)","url":""},"hitCount":1},
        {"id":4,"callFrame":{"functionName":"","url":"file:///srv/b.js"},"hitCount":2}],
        "startTime":1000,"endTime":6000,SAMPLES}"#;

    #[test]
    fn samples_count_once_and_else_hits() {
        let sampled = TWO.replace("SAMPLES", r#""samples":[2,4,3,2],"timeDeltas":[900,1,1,1]"#);
        reads(&sampled, "(idle) 1\nwork 2\nwork;(anonymous) b.js 1\n");
        reads(
            &TWO.replace("SAMPLES", r#""x":1"#),
            "(idle) 1\nwork 7\nwork;(anonymous) b.js 2\n",
        );
        let by_parent = r#"{"nodes":[{"id":1,"callFrame":{"functionName":"(root)"}},
            {"id":9,"parent":1,"callFrame":{"functionName":"f"}}],"startTime":0,"endTime":1,"samples":[9,1]}"#;
        reads(by_parent, "(root) 1\nf 1\n");
        let cut = by_parent.replace("\"f\"}", "\"f\"},\"children\":[7]");
        reads(&cut, "(root) 1\nf 1\n");
        let of_windows = sampled.replace("file:///srv/b.js", r"c:\\srv\\b.js");
        reads(&of_windows, "(idle) 1\nwork 2\nwork;(anonymous) b.js 1\n");
        let answers = [
            format!(r#"{{"profile":{by_parent}}}"#),
            format!(r#"{{"id":3,"result":{{"profile":{by_parent}}}}}"#),
        ];
        for answer in answers {
            reads(&answer, "(root) 1\nf 1\n");
        }
    }

    #[test]
    fn what_does_not_fit_together_is_named() {
        refuses(
            &TWO.replace("SAMPLES", r#""samples":[8]"#),
            "a V8 .cpuprofile, but node 8 is referred to and not in it",
        );
        refuses(
            &TWO.replace("SAMPLES", r#""samples":["x"]"#),
            "`samples` cannot be read",
        );
        refuses(
            &TWO.replace("\"id\":3", "\"id\":2")
                .replace("SAMPLES", "\"x\":1"),
            "node 2 is there twice",
        );
        let circle = TWO
            .replace("SAMPLES", r#""samples":[4]"#)
            .replace("\"hitCount\":2}", "\"hitCount\":2,\"children\":[1]}");
        refuses(&circle, "more than 4096 frames in one stack");
    }
}
