//! What tools of .NET and Windows write that no reader takes: traces, dumps, counters and reports, with the way from each to stacks.
//!
//! Each is told by how it begins. A heap, counters and times of benchmarks hold no stacks of samples, so that only a new recording helps.

/// A file of the library that PerfView and dotnet-trace store objects with.
const SERIALIZED: &[u8] = b"\x14\0\0\0!FastSerialization.1";
/// Bytes within which such a file names its outermost type.
const NAMED: usize = 128;
/// Where the first record of an event trace of Windows begins, behind the header of its buffer, and what marks one of 64 or 32 bits.
const FIRST_RECORD: usize = 0x48;
const SYSTEM_RECORDS: [&[u8]; 2] = [b"\x02\0\x02\xc0", b"\x02\0\x01\xc0"];
/// Buffers of such a trace are multiples of this.
const BUFFER: u32 = 1024;

pub(super) const CONVERT: &str =
    "run `dotnet-trace convert FILE --format Speedscope` and give what it writes";
/// The same of what was converted to something else, or printed of a trace.
pub(super) const CONVERT_TRACE: &str =
    "run `dotnet-trace convert FILE --format Speedscope` on the trace and give what it writes";
pub(super) const SAVE: &str =
    "open it in PerfView, and save the view of its CPU stacks as *.speedscope.json";
const HEAP: &str = "it has objects and no stacks; record CPU samples with `dotnet-trace collect --format Speedscope`";
pub(super) const COUNTERS: &str =
    "it has counters and no stacks; record with `dotnet-trace collect --format Speedscope`";
pub(super) const BENCHMARKS: &str = "it has times of benchmarks and no stacks; run them with BenchmarkDotNet's EventPipeProfiler, which writes a .speedscope.json";

/// What bytes are that are no text, and the way out.
pub(super) fn known_binary(raw: &[u8]) -> Option<(&'static str, &'static str)> {
    if raw.starts_with(SERIALIZED) {
        let head = &raw[..raw.len().min(NAMED)];
        let holds = |name: &[u8]| head.windows(name.len()).any(|word| word == name);
        return Some(if holds(b"GCHeapDump") || holds(b"MemoryGraph") {
            ("a dump of the heap of .NET (gcdump)", HEAP)
        } else if holds(b"Trace") {
            ("a trace of .NET Core 2 (netperf)", SAVE)
        } else {
            ("a file of PerfView", SAVE)
        });
    }
    let size = raw.first_chunk().map(|size| u32::from_le_bytes(*size))?;
    let record = raw.get(FIRST_RECORD..FIRST_RECORD + 4)?;
    let is_trace = size > 0 && size.is_multiple_of(BUFFER) && SYSTEM_RECORDS.contains(&record);
    is_trace.then_some(("an event trace of Windows (ETL)", SAVE))
}

/// What a text is, without the blanks before it, and the way out.
pub(super) fn known_text(text: &str) -> Option<(&'static str, &'static str)> {
    let first = text.lines().next().unwrap_or_default();
    let begins = |begin: &str| text.starts_with(begin);
    if begins("<GCHeapDump") {
        return Some(("a dump of the heap of .NET as XML", HEAP));
    }
    if begins("<StackWindow") || (begins("<?xml") && text.contains("<StackWindow")) {
        return Some(("a view of PerfView", SAVE));
    }
    if begins("Timestamp,Provider,Counter Name,") {
        return Some(("what dotnet-counters collects", COUNTERS));
    }
    if begins("Press p to pause, r to resume, q to quit.") {
        return Some(("what dotnet-counters prints", COUNTERS));
    }
    if first.ends_with("GC Heap bytes") {
        return Some(("what `dotnet-gcdump report` prints", HEAP));
    }
    let is_top = |of: &str| first.contains(of) && !first.contains(';');
    if begins("Top ") && (is_top("Functions (Inc") || is_top("Functions (Exc")) {
        return Some(("what `dotnet-trace report` prints", CONVERT_TRACE));
    }
    let is_summary =
        |line: &str| line.starts_with("BenchmarkDotNet v") || line.starts_with("BenchmarkDotNet=v");
    if text.lines().take(3).any(is_summary)
        || (begins("Method") && first.contains("AnalyzeLaunchVariance"))
    {
        return Some(("results of BenchmarkDotNet", BENCHMARKS));
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::profile::tests::{reads, refuses, refuses_bytes};

    #[test]
    fn traces_and_dumps_are_told_by_their_first_bytes() {
        let serialized = |name: &[u8]| {
            let begin = b"\x14\0\0\0!FastSerialization.1\x04\x04\x01\x0a\0\0\0\x08\0\0\0\x0a\0\0\0";
            [&begin[..], name, b"\x06\x04\x04"].concat()
        };
        refuses_bytes(
            &serialized(b"GCHeapDump"),
            "a dump of the heap of .NET (gcdump); it has objects and no stacks; record CPU samples with `dotnet-trace",
        );
        refuses_bytes(
            &serialized(b"Trace"),
            "a trace of .NET Core 2 (netperf); open it in PerfView",
        );
        refuses_bytes(&serialized(b"x"), "a file of PerfView; open it in PerfView");
        for bits in [1, 2] {
            let mut etl = vec![0; 512];
            etl[..4].copy_from_slice(&65536_u32.to_le_bytes());
            etl[0x48..0x4c].copy_from_slice(&[2, 0, bits, 0xc0]);
            let expected = "an event trace of Windows (ETL); open it in PerfView, and save";
            refuses_bytes(&etl, expected);
        }
    }

    #[test]
    fn what_tools_of_dotnet_print_is_told_with_a_way_out() {
        for (text, expected) in [
            (
                "<StackWindow>\n <StackSource>\n",
                "a view of PerfView; open it in PerfView, and save the view",
            ),
            (
                "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<StackWindow>\n",
                "a view of PerfView",
            ),
            ("<GCHeapDump>\n", "a dump of the heap of .NET as XML"),
            (
                "Timestamp,Provider,Counter Name,Counter Type,Mean/Increment\n11/30/2026 10:00:01,System.Runtime,Working Set (MB),Metric,44\n",
                "what dotnet-counters collects; it has counters and no stacks; record with",
            ),
            (
                "Press p to pause, r to resume, q to quit.\n    Status: Running\n\n[System.Runtime]\n    CPU Usage (%) 0\n",
                "what dotnet-counters prints",
            ),
            (
                "          1,234,567  GC Heap bytes\n             12,345  GC Heap objects\n\n   Object Bytes     Count  Type\n",
                "what `dotnet-gcdump report` prints",
            ),
            (
                "Top 5 Functions (Exclusive)            Inclusive           Exclusive\n1. Monitor.Wait(class System.Object,int32)     25%     25%\n",
                "what `dotnet-trace report` prints; run `dotnet-trace convert FILE --format Speedscope` on the trace",
            ),
            (
                "``` ini\n\nBenchmarkDotNet=v0.12.1, OS=ubuntu 22.04\n",
                "results of BenchmarkDotNet",
            ),
            (
                "Method;Job;AnalyzeLaunchVariance;Mean\nSha256;DefaultJob;False;4.391 us\n",
                "results of BenchmarkDotNet; it has times of benchmarks and no stacks; run them with",
            ),
            (
                r#"{"Title":"a","HostEnvironmentInfo":{},"Benchmarks":[]}"#,
                "results of BenchmarkDotNet",
            ),
            (
                r#"{ "TargetProcess": "a", "StartTime": "1/1/2026", "Events": []}"#,
                "what dotnet-counters collects",
            ),
            (
                r#"{"traceEvents": [{"name": "CPU_TIME", "cat": "sampleEvent", "ph": "B", "ts": 994.686, "pid": 1, "tid": 3, "sf": 0}], "stackFrames": {}, "otherData": {}}"#,
                "what dotnet-trace writes as a Chrome trace; run `dotnet-trace convert FILE --format Speedscope` on the trace",
            ),
        ] {
            refuses(text, expected);
        }
        reads(
            "Top 3;Functions (Inclusive) 3\n",
            "Top 3;Functions (Inclusive) 3\n",
        );
        reads("Method;Job 3\n", "Method;Job 3\n");
    }
}
