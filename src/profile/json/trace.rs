//! Chrome's traces, as the Performance panel of its developer tools saves them: samples of V8 among spans.
//!
//! A thread's samples come in pieces, among the events of all threads. Each sample counts once, as in a .cpuprofile; spans are left out.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::cpuprofile::{self, Node};
use super::{MAX_ENTRIES, Object, damaged};
use crate::profile::choice::{Choice, Named, select};
use crate::profile::{Error, Profile};

const FORMAT: &str = "a Chrome trace";

/// An event; what nobody asks for stays text.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pid: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tid: Option<&'a RawValue>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    args: Option<&'a RawValue>,
}

/// What an event is of, for those that are read.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// The name of a thread.
    Thread,
    /// The begin of a profile, which names its thread.
    Begin,
    /// A piece of one.
    Chunk,
    /// A whole one.
    Whole,
}

impl Event<'_> {
    fn kind(&self) -> Option<Kind> {
        match self.name?.get() {
            "\"thread_name\"" => Some(Kind::Thread),
            "\"Profile\"" => Some(Kind::Begin),
            "\"ProfileChunk\"" => Some(Kind::Chunk),
            "\"CpuProfile\"" => Some(Kind::Whole),
            _ => None,
        }
    }
}

/// The samples of one thread.
#[derive(Default)]
struct Part<'a> {
    thread: Option<(&'a str, &'a str)>,
    nodes: Vec<Node<'a>>,
    samples: Vec<u64>,
    duration_us: f64,
}

/// Reads the samples of the events, of a thread or of all; `None` if there are none, or the text is no list of events.
///
/// # Errors
/// Those of reading a .cpuprofile, [`Error::Damaged`] for samples that are cut off, and [`Error::NoProfile`].
pub(in crate::profile) fn read(events: &str, choice: Choice<'_>) -> Result<Option<Profile>, Error> {
    let mut reader = serde_json::Deserializer::from_str(events);
    let events = match reader.deserialize_seq(OfSamples) {
        Ok(events) => events,
        Err(error) if error.is_eof() && events.contains("\"ProfileChunk\"") => {
            let reason = "it is cut off or not whole; write it again".to_owned();
            return Err(damaged(FORMAT, reason));
        }
        Err(_) => return Ok(None),
    };
    let (mut parts, names) = gather(&events)?;
    let all: usize = parts.iter().map(|part| part.samples.len()).sum();
    let left_out: usize = parts.iter_mut().map(Part::leave_out_unknown).sum();
    parts.retain(|part| !part.samples.is_empty());
    if parts.is_empty() {
        return Ok(None);
    }
    let named: Vec<Named<'_>> = parts
        .iter()
        .map(|part| Named {
            name: part.thread.map_or("(unknown thread)", |thread| {
                names.get(&thread).map_or(thread.1, String::as_str)
            }),
            group: "",
            unit: "count",
        })
        .collect();
    let selected = select(&named, 0, choice.profile)?;
    let durations = selected.chosen.iter().map(|at| parts[*at].duration_us);
    let duration_us = durations.fold(0.0, f64::max);
    let mut profile =
        Profile::new("samples", "count", 0).with_duration_ns((duration_us * 1e3) as u64);
    for at in selected.chosen {
        cpuprofile::add(&parts[at].nodes, &parts[at].samples, FORMAT, &mut profile)?;
    }
    if let Some(note) = selected.note {
        profile.note(note);
    }
    if left_out > 0 {
        profile.note(format!(
            "{left_out} of {all} samples are left out: they are in calls that the trace does not hold, as of a recording that began before it"
        ));
    }
    Ok(Some(profile))
}

type Names<'a> = HashMap<(&'a str, &'a str), String>;

/// The profiles of the events in the order in which they begin, and what threads are called.
fn gather<'a>(events: &[(Kind, Event<'a>)]) -> Result<(Vec<Part<'a>>, Names<'a>), Error> {
    let mut parts: Vec<Part<'a>> = Vec::new();
    let mut names = Names::new();
    let mut places = HashMap::new();
    for (kind, event) in events {
        let text = |value: Option<&'a RawValue>| value.map_or("", RawValue::get);
        let thread = (text(event.pid), text(event.tid));
        let Some(args) = event.args.and_then(|args| Object::of(args.get())) else {
            continue;
        };
        if *kind == Kind::Thread {
            if let Some(name) = args.value("name", FORMAT)? {
                names.insert(thread, name);
            }
            continue;
        }
        // The pieces of a profile have its id, and are sent by another thread.
        let key = (thread.0, event.id.map_or(thread.1, RawValue::get));
        let at = *places.entry(key).or_insert_with(|| {
            parts.push(Part::default());
            parts.len() - 1
        });
        let part = &mut parts[at];
        if *kind != Kind::Chunk {
            part.thread = Some(thread);
        }
        let data = args.object("data", FORMAT)?;
        let held = data.object("cpuProfile", FORMAT)?;
        part.nodes.extend(held.list::<Node<'a>>("nodes", FORMAT)?);
        part.samples.extend(held.list::<u64>("samples", FORMAT)?);
        let owner = if data.get("timeDeltas").is_some() {
            &data
        } else {
            &held
        };
        let passed: Vec<f64> = owner.list("timeDeltas", FORMAT)?;
        part.duration_us += passed.iter().sum::<f64>();
    }
    Ok((parts, names))
}

impl Part<'_> {
    /// Takes away samples in calls that are not there, and says how many; calls whose caller is not there have none.
    fn leave_out_unknown(&mut self) -> usize {
        let known: HashSet<u64> = self.nodes.iter().map(|node| node.id).collect();
        for node in &mut self.nodes {
            node.parent = node.parent.filter(|parent| known.contains(parent));
        }
        let all = self.samples.len();
        self.samples.retain(|id| known.contains(id));
        all - self.samples.len()
    }
}

/// Keeps the events that belong to samples, whatever else there is.
struct OfSamples;

impl<'de> Visitor<'de> for OfSamples {
    type Value = Vec<(Kind, Event<'de>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut events = Vec::new();
        while let Some(event) = entries.next_element::<Event<'de>>()? {
            match event.kind() {
                Some(_) if events.len() == MAX_ENTRIES => {
                    return Err(serde::de::Error::custom("too many events of samples"));
                }
                Some(kind) => events.push((kind, event)),
                None => {}
            }
        }
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use crate::profile::tests::{reads, reads_named, refuses};

    /// Two threads; the samples of the first come in two pieces, the second before the one with its callers.
    const EVENTS: &str = r#"[{"name":"thread_name","ph":"M","pid":7,"tid":1,"args":{"name":"CrRendererMain"}},
        {"name":"RunTask","ph":"X","pid":7,"tid":1,"ts":1,"dur":5,"args":{}},
        {"name":"Profile","ph":"P","id":"0x2","pid":7,"tid":1,"ts":1,"args":{"data":{"startTime":1}}},
        {"name":"ProfileChunk","ph":"P","id":"0x2","pid":7,"tid":9,"ts":3,"args":{"data":{"cpuProfile":{
            "nodes":[{"id":3,"parent":2,"callFrame":{"functionName":"hash","scriptId":5}}],"samples":[3,3,2]},"timeDeltas":[100,100,100]}}},
        {"name":"ProfileChunk","ph":"P","id":"0x2","pid":7,"tid":9,"ts":2,"args":{"data":{"cpuProfile":{
            "nodes":[{"id":1,"callFrame":{"functionName":"(root)","scriptId":0}},{"id":2,"parent":1,"callFrame":{"functionName":"work","scriptId":5}}],
            "samples":[2]},"timeDeltas":[200]}}},
        {"name":"CpuProfile","ph":"I","pid":7,"tid":4,"ts":2,"args":{"data":{"cpuProfile":{
            "nodes":[{"id":1,"callFrame":{"functionName":"(root)"},"children":[2]},{"id":2,"callFrame":{"functionName":"(idle)"}}],
            "samples":[2,2],"timeDeltas":[250,250]}}}}]"#;

    #[test]
    fn samples_are_found_among_spans() {
        let notes = reads(EVENTS, "(idle) 2\nwork 2\nwork;hash 2\n");
        assert_eq!(
            notes,
            [
                "shown are 2 profiles of the file together: CrRendererMain, 4; --profile NAME selects"
            ]
        );
        let object = format!("{{\"traceEvents\":{EVENTS},\"metadata\":{{}}}}");
        reads_named(&object, "CrRendererMain", "work 2\nwork;hash 2\n");
        reads_named(&object, "4", "(idle) 2\n");
    }

    #[test]
    fn a_trace_without_samples_is_refused_with_the_way_to_some() {
        for text in [
            r#"[{"name":"RunTask","ph":"X","pid":7,"tid":1,"ts":1,"dur":5,"args":{}}]"#,
            r#"{"traceEvents":[{"name":"Profile","ph":"P","id":"0x2","pid":7,"tid":1,"args":{"data":{"startTime":1}}}]}"#,
        ] {
            refuses(
                text,
                "a Chrome trace; it has spans, not samples; record one with the category disabled-by-default-v8.cpu_profiler",
            );
        }
    }

    #[test]
    fn samples_in_calls_that_are_not_there_are_left_out_and_told() {
        let text = EVENTS
            .replace("\"samples\":[3,3,2]", "\"samples\":[8,3,9]")
            .replace("\"id\":3,\"parent\":2", "\"id\":3,\"parent\":7");
        let notes = reads(&text, "(idle) 2\nhash 1\nwork 1\n");
        assert!(
            notes[1].starts_with("2 of 6 samples are left out: they are in calls"),
            "{notes:?}"
        );
        refuses(
            &EVENTS[..EVENTS.len() - 9],
            "a Chrome trace, but it is cut off or not whole",
        );
        refuses(
            &EVENTS.replace("\"id\":2,\"parent\":1", "\"id\":1,\"parent\":1"),
            "a Chrome trace, but node 1 is there twice",
        );
    }
}
