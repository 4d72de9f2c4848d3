//! JSON that no reader takes: whose it is, and the way from it to a profile.
//!
//! It is told by the keys of the outermost object; of an unknown one they are shown.

use std::borrow::Cow;

use super::Object;
use crate::profile::other::PROFILES;
use crate::profile::reports::EXCIMER;
use crate::profile::{Error, dotnet};
use crate::units::printable;

/// Bytes of a list that are looked at.
const HEAD: usize = 2048;
/// Keys that are shown, and characters of each.
const SHOWN_KEYS: usize = 5;
const SHOWN_KEY: usize = 40;

const PY_SPY: &str = "it has spans, not samples; record with `py-spy record -f raw`";
const SPANS: &str = "it has spans, not samples; record one with the category disabled-by-default-v8.cpu_profiler, as the Performance panel of Chrome's developer tools does, a .cpuprofile (`node --cpu-prof`), or samples with perf";

/// Keys that are all there, what has them, and the way out. The first that fits decides.
const KNOWN: [(&[&str], &str, &str); 35] = [
    (
        &["traceEvents", "samples", "stackFrames"],
        "a trace with samples of Hermes",
        "open it in speedscope and export it from there",
    ),
    (
        &["traceEvents", "viztracer_metadata"],
        "a trace of viztracer",
        PY_SPY,
    ),
    (&["traceEvents"], "a Chrome trace", SPANS),
    (
        &["header", "javascriptStack"],
        "a diagnostic report of Node",
        "it has no samples; record with `node --cpu-prof`",
    ),
    (
        &["result", "timestamp"],
        "V8's counts of calls (coverage)",
        "it has no samples; record with `node --cpu-prof`",
    ),
    (
        &["threadDump"],
        "a dump of Java's threads",
        "record with async-profiler's `asprof -e cpu -o collapsed`",
    ),
    (
        &["cmdline", "memstats"],
        "what Go's expvar serves",
        "fetch the profile itself, such as /debug/pprof/heap",
    ),
    (
        &["mode", "interval", "frames", "samples"],
        "a profile of stackprof",
        "run `stackprof --stackcollapse FILE` on the dump and give its output",
    ),
    (
        &["meta", "threads"],
        "what Firefox records itself",
        "open it at profiler.firefox.com and save it from there",
    ),
    (
        &["head"],
        "an old CPU profile of V8",
        "record with `node --cpu-prof`, which writes a .cpuprofile",
    ),
    (
        &["snapshot", "nodes", "edges"],
        "a heap snapshot of V8",
        "it has no samples; record with `node --heap-prof`, which writes a .heapprofile",
    ),
    (
        &["resourceProfiles"],
        "OTLP profiles as JSON",
        "let the exporter write protobuf",
    ),
    (
        &["flamebearer"],
        "a flame graph of Pyroscope",
        "download it as pprof",
    ),
    (
        &["root_frame"],
        "a profile of pyinstrument",
        "write it with `pyinstrument -r speedscope`",
    ),
    (
        &["dataForRoots"],
        "a profile of React's developer tools",
        "it has renderings, not samples; record a .cpuprofile",
    ),
    (
        &["schema", "variants"],
        "a result of telemload",
        "give its directory to `telemload compare`, or the profile in it",
    ),
    (
        &["schema", "functions"],
        "a table of telemload",
        "give the profile that it was made of",
    ),
    (
        &["files", "elapsed_time_sec"],
        "a profile of scalene",
        "it has no stacks; record with `py-spy record -f raw`",
    ),
    (
        &["linux-perf-json-version"],
        "what `perf data convert` writes",
        "give the output of `perf script` on the same recording",
    ),
    (
        &["dhatFileVersion"],
        "the output of valgrind's dhat",
        "record with heaptrack and give what `heaptrack_print -F OUT FILE` writes",
    ),
    (
        &["code", "functions", "ticks"],
        "the log of V8's profiler as JSON",
        "record with `node --cpu-prof`, which writes a .cpuprofile",
    ),
    (
        &["costs", "functions", "events"],
        "a file for gprof2dot",
        "give the profile that it was made of",
    ),
    (
        &["version", "recording"],
        "a timeline of Safari's Web Inspector",
        "record with macOS's `sample`, and convert that with `inferno-collapse-sample FILE`",
    ),
    (
        &["label", "markers", "profile"],
        "a recording of Firefox's old developer tools",
        "record with profiler.firefox.com, and save it from there",
    ),
    (
        &["format", "profileJSON"],
        "an old profile of Firefox",
        "open it at profiler.firefox.com and save it from there",
    ),
    (
        &["program", "cost_centres"],
        "a profile of GHC as JSON",
        "write it as text (+RTS -p), and convert that with `inferno-collapse-ghcprof FILE`",
    ),
    (
        &["flamegraph"],
        "a flame graph of Pyroscope or Parca",
        "download it as pprof",
    ),
    (
        &["total_num_allocations"],
        "statistics of memray",
        "convert the recording with `memray transform speedscope FILE`",
    ),
    (
        &["start_call_stack"],
        "a session of pyinstrument",
        "write it with `pyinstrument --load FILE -r speedscope`",
    ),
    (
        &["name", "value", "children"],
        "a flame graph as JSON (d3)",
        "give the profile that it was drawn of",
    ),
    (
        &["SampleType", "Sample"],
        "a profile.proto as JSON",
        "give the protobuf that it was made of",
    ),
    (
        &["TargetProcess", "Events"],
        "what dotnet-counters collects",
        dotnet::COUNTERS,
    ),
    (
        &["HostEnvironmentInfo", "Benchmarks"],
        "results of BenchmarkDotNet",
        dotnet::BENCHMARKS,
    ),
    (&["StackSource"], "a view of PerfView", dotnet::SAVE),
    (
        &["recording"],
        "what `jfr print --json` prints",
        "convert the recording with async-profiler's `jfrconv -o collapsed FILE OUT`",
    ),
];

/// What JSON is that no reader takes.
pub(in crate::profile) fn refusal(text: &str, root: Option<&Object<'_>>) -> Error {
    let other = |what: &str, remedy: &'static str| Error::Other {
        what: what.to_owned(),
        remedy: Cow::Borrowed(remedy),
    };
    let Some(root) = root else {
        let is_trace = text.trim_start().starts_with('[') && head(text).contains("\"ph\"");
        return if is_trace && head(text).contains("\"py-spy\"") {
            other("what py-spy writes as a Chrome trace", PY_SPY)
        } else if is_trace {
            other("a Chrome trace", SPANS)
        } else if text.trim_start().starts_with('[') {
            other("a list in JSON of no known profiler", PROFILES)
        } else {
            damaged(text)
        };
    };
    if root.has(&["traceEvents"]) && head(text).contains("\"sampleEvent\"") {
        let what = "what dotnet-trace writes as a Chrome trace";
        return other(what, dotnet::CONVERT_TRACE);
    }
    match KNOWN.iter().find(|(keys, ..)| root.has(keys)) {
        Some((_, what, remedy)) => other(what, remedy),
        None if root.keys().any(|key| key.contains("==>")) => other("a profile of xhprof", EXCIMER),
        None => {
            let keys: Vec<String> = root
                .keys()
                .take(SHOWN_KEYS)
                .map(|key| printable(key).chars().take(SHOWN_KEY).collect())
                .collect();
            let keys = if keys.is_empty() {
                "none".to_owned()
            } else {
                keys.join(", ")
            };
            other(
                &format!("JSON of no known profiler (its keys: {keys})"),
                PROFILES,
            )
        }
    }
}

fn head(text: &str) -> &str {
    text.get(..text.len().min(HEAD)).unwrap_or(text)
}

/// What is no value of JSON, or more than one.
fn damaged(text: &str) -> Error {
    let other = |what: String, remedy: &'static str| Error::Other {
        what,
        remedy: Cow::Borrowed(remedy),
    };
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
    let first = values.next();
    match (first, values.next()) {
        (Some(Ok(_)), Some(Ok(_))) => other(
            "several values of JSON, one behind the other, of no known profiler".to_owned(),
            PROFILES,
        ),
        (Some(Err(error)), _) | (_, Some(Err(error))) => other(
            format!("damaged JSON ({error})"),
            "it is cut off or not whole; write it again",
        ),
        _ => other("JSON of no known profiler".to_owned(), PROFILES),
    }
}

#[cfg(test)]
mod tests {
    use crate::profile::tests::refuses;

    #[test]
    fn whose_json_it_is_shows_in_its_keys() {
        for (text, expected) in [
            (
                r#"{"version":1,"recording":{"displayName":"a"}}"#,
                "a timeline of Safari's Web Inspector; record with macOS's `sample`",
            ),
            (
                r#"{"traceEvents":[],"samples":[{"sf":1}],"stackFrames":{"1":{"name":"f"}}}"#,
                "a trace with samples of Hermes; open it in speedscope",
            ),
            (
                r#"{"recording":{"events":[]}}"#,
                "what `jfr print --json` prints",
            ),
            (
                r#"{"label":"a","duration":7,"markers":[],"profile":{}}"#,
                "Firefox's old developer tools",
            ),
            (
                r#"{"program":"a","total_ticks":7,"cost_centres":[]}"#,
                "a profile of GHC as JSON; write it as text",
            ),
            (
                r#"{"flamegraph":{"names":["total"],"levels":[]}}"#,
                "a flame graph of Pyroscope or Parca; download it as pprof",
            ),
            (
                r#"{"start_time":1,"start_call_stack":["a"],"frame_records":[]}"#,
                "a session of pyinstrument; write it with `pyinstrument --load",
            ),
            (
                r#"{"traceEvents":[],"viztracer_metadata":{}}"#,
                "a trace of viztracer; it has spans, not samples; record with `py-spy",
            ),
            (
                r#"[{"cat":"py-spy","name":"f","ph":"B","pid":1,"tid":1,"ts":3}]"#,
                "what py-spy writes as a Chrome trace; it has spans, not samples; record with `py-spy record -f raw`",
            ),
            (
                r#"{"main()":{"ct":1,"wt":9},"main()==>f":{"ct":1,"wt":9}}"#,
                "a profile of xhprof; it has calls, not samples; record with excimer",
            ),
            (
                r#"{"header":{"reportVersion":3},"javascriptStack":{}}"#,
                "a diagnostic report of Node",
            ),
            (
                r#"{"result":[{"scriptId":"1"}],"timestamp":9.5}"#,
                "V8's counts of calls",
            ),
            (
                r#"{"threadDump":{"processId":"1"}}"#,
                "a dump of Java's threads",
            ),
            (
                r#"{"cmdline":["a"],"memstats":{"Alloc":1}}"#,
                "what Go's expvar serves; fetch the profile itself",
            ),
            (
                r#"{"SampleType":[],"Sample":[]}"#,
                "a profile.proto as JSON; give the protobuf",
            ),
        ] {
            refuses(text, expected);
        }
    }
}
