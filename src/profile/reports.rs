//! What tools print for people, told by how it begins and what follows: no reader takes it.
//!
//! Each text must be certain: a line with which no folded stacks and no perf text begin, and another one behind it where that is not enough.

pub(super) const WITHOUT_STACKS: &str =
    "it has calls and no stacks; record with `perf record -g` and give the output of `perf script`";
pub(super) const STRACE: &str =
    "it has no samples; record with `perf record -g` and give the output of `perf script`";
pub(super) const GPROF: &str =
    "it has no stacks; record with `perf record -g` and give the output of `perf script`";
pub(super) const WITH_PERF: &str =
    "record with `perf record -g` instead, and give the output of `perf script`";
pub(super) const STACKPROF: &str = "run `stackprof --stackcollapse FILE` and give its output";
pub(super) const NYTPROF: &str =
    "give the output of `nytprofcalls FILE`, whose numbers are ticks of time (--value period)";
pub(super) const ANDROID: &str = "it has calls, not samples; record with simpleperf and give the output of `report_sample.py -i FILE`";
pub(super) const REPORT: &str = "give the output of `perf script` on the same recording";

pub(super) const WITHOUT_DEBUG: &str =
    "it is text for people; fetch the profile itself, without `debug=` in the address";
pub(super) const PRINTED: &str = "give the profile that it was printed of";
pub(super) const MADE: &str = "give the profile that it was made of";

/// Begin, after empty lines; what else is in the first lines; what it is; the way out.
type Known = (&'static str, &'static str, &'static str, &'static str);

const KNOWN: [Known; 87] = [
    ("goroutine ", "]:\n", "a dump of goroutines", WITHOUT_DEBUG),
    (
        "File: ",
        "-----------+-",
        "what `go tool pprof` prints",
        PRINTED,
    ),
    (
        "Type: ",
        "-----------+-",
        "what `go tool pprof` prints",
        PRINTED,
    ),
    ("# Event '", "", "what perf diff prints", REPORT),
    (
        "====",
        "Trace Event Information",
        "the report of perf c2c",
        REPORT,
    ),
    ("0x", "]: event: ", "what `perf script -D` prints", REPORT),
    (
        "----",
        "Runtime ms",
        "what perf sched latency prints",
        REPORT,
    ),
    (
        "time    cpu  task name",
        "",
        "what perf sched timehist prints",
        REPORT,
    ),
    (
        "----",
        "Profile data file",
        "what callgrind_annotate prints",
        WITHOUT_STACKS,
    ),
    ("----", "massif", "what ms_print prints", HEAPTRACK),
    ("==", "== Memcheck", "what valgrind prints", HEAPTRACK),
    (
        "events: ",
        "fl=",
        "a file in callgrind's format",
        WITHOUT_STACKS,
    ),
    (
        "digraph ",
        "",
        "a graph (dot)",
        "give the profile that it was drawn of",
    ),
    (
        "--- symbol",
        "",
        "what `google-pprof --raw` prints",
        COLLAPSED,
    ),
    (
        "Total: ",
        "ROUTINE ====",
        "what `go tool pprof` lists",
        PRINTED,
    ),
    ("Total: ", "%  ", "what google-pprof prints", COLLAPSED),
    ("ROUTINE ====", "", "what google-pprof prints", COLLAPSED),
    ("Process ", "Python v", "what `py-spy dump` prints", PY_SPY),
    (
        "_     ._",
        "Recorded:",
        "what pyinstrument prints",
        "write it with `pyinstrument -r speedscope`",
    ),
    ("Clock type: ", "Ordered by", "what yappi prints", PY_SPY),
    (
        "",
        "\n   Ordered by: ",
        "what Python's profilers print",
        PY_SPY,
    ),
    (
        "allocator,num_allocations",
        "",
        "a table of memray",
        RECORDED,
    ),
    ("Version: ", "Event Type", "what `jfr summary` prints", JFR),
    ("[0.", "[gc", "a log of Java's collector", JFR),
    ("?", "... [continued]: ", "what perf trace prints", STRACE),
    (
        "Active filters:",
        "",
        "what `go tool pprof` prints",
        PRINTED,
    ),
    (
        "Build ID: ",
        "Type: ",
        "what `go tool pprof` prints",
        PRINTED,
    ),
    (
        "positions: ",
        "events: ",
        "a file in callgrind's format",
        WITHOUT_STACKS,
    ),
    ("Call graph\n", "granularity:", "the report of gprof", GPROF),
    (
        "Running Time\tSelf",
        "",
        "what Instruments copies",
        INSTRUMENTS,
    ),
    (
        "Weight\tSelf Weight",
        "",
        "what Instruments copies",
        INSTRUMENTS,
    ),
    (
        "Bytes Used\tCount",
        "",
        "what Instruments copies",
        INSTRUMENTS,
    ),
    (
        "@ ",
        " samples]\n",
        "what pmcstat prints",
        "convert it with FlameGraph's `stackcollapse-pmc.pl FILE`",
    ),
    (
        "Level,Function Name,",
        "",
        "a call tree of Visual Studio",
        "convert it with `inferno-collapse-vsprof FILE`",
    ),
    (
        "Functions sorted by metric:",
        "",
        "what gprofng prints",
        WITH_PERF,
    ),
    (
        "Functions Call Tree. Metric:",
        "",
        "what gprofng prints",
        WITH_PERF,
    ),
    (
        "Total time   Self time",
        "Calls  Function",
        "what uftrace prints",
        UFTRACE,
    ),
    (
        "# Function Call Graph for '",
        "",
        "what uftrace prints",
        UFTRACE,
    ),
    ("# DURATION ", " FUNCTION\n", "what uftrace prints", UFTRACE),
    ("uftrace file header:", "", "what uftrace prints", UFTRACE),
    (
        "Command line: ",
        "Time per hit",
        "what pprofile prints",
        PY_SPY,
    ),
    ("====", "% miss rate)", "what stackprof prints", STACKPROF),
    (
        "flamegraph([",
        "\"frame_id\"",
        "what `stackprof --flamegraph` writes",
        STACKPROF,
    ),
    (
        "%% Analysis results:",
        "",
        "what Erlang's fprof prints",
        WITHOUT_STACKS,
    ),
    (
        "FUNCTION ",
        "[uS / CALLS]",
        "what Erlang's eprof prints",
        WITHOUT_STACKS,
    ),
    ("Version: ", "TRACE START [", "a trace of Xdebug", EXCIMER),
    (
        "*version\n",
        "clock=",
        "a trace of Android's runtime",
        ANDROID,
    ),
    (
        "Sampling at ",
        " Hertz of ",
        "what bcc's profile prints",
        "run it with -f, and give that output",
    ),
    (
        "Tracing off-CPU time (us)",
        "",
        "what bcc's offcputime prints",
        "run it with -f, and give that output (--value period)",
    ),
    (
        "--- Execution profile ---",
        "",
        "what async-profiler prints",
        ASPROF,
    ),
    (
        "Started profiling",
        "--- ",
        "what async-profiler prints",
        ASPROF,
    ),
    ("sample.interval=", "\"", "a profile of R (Rprof)", RPROF),
    (
        "memory profiling:",
        "sample.interval=",
        "a profile of R (Rprof)",
        RPROF,
    ),
    (
        "PID ",
        "\nTID ",
        "what eu-stack prints",
        "convert it with FlameGraph's `stackcollapse-elfutils.pl FILE`",
    ),
    (
        "Timer unit:",
        "Line #",
        "what Python's line_profiler prints",
        PY_SPY,
    ),
    ("[New LWP ", "", "what gdb prints", STRACE),
    ("Samples: ", "of event", "the report of perf", REPORT),
    ("PerfTop:", "irqs/sec", "what perf top prints", REPORT),
    (
        "----",
        "I1 cache:",
        "what cg_annotate prints",
        WITHOUT_STACKS,
    ),
    (
        "#-----------\nsnapshot=",
        "",
        "the output of massif",
        HEAPTRACK,
    ),
    (
        "\u{1f4cf} Total allocations:",
        "",
        "statistics of memray",
        RECORDED,
    ),
    ("\u{250f}\u{2501}", "Memory", "a table of memray", RECORDED),
    (
        "Measure Mode: ",
        "Thread ID:",
        "what ruby-prof prints",
        RUBY_PROF,
    ),
    ("----", "Fiber ID:", "what ruby-prof prints", RUBY_PROF),
    ("name ", " ttot ", "what yappi prints", PY_SPY),
    (
        "a:",
        "\";a:",
        "what PHP has serialized, such as a profile of xhprof",
        EXCIMER,
    ),
    (
        "Attaching to process ID",
        "",
        "a dump of Java's threads (jhsdb)",
        ASPROF,
    ),
    (
        "Java Methods that Execute",
        "Percent",
        "what `jfr view` prints",
        JFR,
    ),
    (
        "Flat profile of ",
        " total ticks",
        "what Java's -Xprof prints",
        ASPROF,
    ),
    (
        "JAVA PROFILE 1.0",
        "",
        "what Java's hprof agent writes as text",
        ASPROF,
    ),
    (
        "Function",
        ",CPU Time",
        "a report of VTune",
        "write one of stacks (`vtune -report top-down -call-stack-mode all -format csv -csv-delimiter comma`), and convert it with `inferno-collapse-vtune`",
    ),
    (
        "GO PREPROFILE V",
        "",
        "a profile for Go's compiler (PGO) that was made ready",
        MADE,
    ),
    ("# HELP ", "", "metrics of Prometheus", METRICS),
    ("# TYPE ", "", "metrics of Prometheus", METRICS),
    ("Attaching ", " probe", "the output of bpftrace", BPFTRACE),
    (
        "sample:\n",
        "event_type:",
        "what `simpleperf report-sample` prints",
        ANDROID_SAMPLES,
    ),
    (
        "Cmdline: ",
        "Overhead",
        "the report of simpleperf",
        ANDROID_SAMPLES,
    ),
    (
        "Date/Time: ",
        "Report Version:",
        "a report of macOS's spindump",
        "record with macOS's `sample`, and convert that with `inferno-collapse-sample FILE`",
    ),
    (
        "file-format: BlackfireProbe",
        "",
        "a profile of Blackfire",
        EXCIMER,
    ),
    ("startup\ttime=", "", "a profile of coz", COZ),
    ("experiment\tselected=", "", "a profile of coz", COZ),
    ("Total Samples", "GIL: ", "what `py-spy top` prints", PY_SPY),
    (
        "Thread (0x",
        "[Native Frames]",
        "what dotnet-stack prints",
        "record with `dotnet-trace collect --format Speedscope`",
    ),
    (
        "Line #,Process",
        "",
        "a table of Windows Performance Analyzer",
        "open the trace in PerfView, and save its stacks as speedscope",
    ),
    (
        "Function Name,",
        "Samples",
        "a report of Visual Studio",
        "export its call tree, and convert that with `inferno-collapse-vsprof FILE`",
    ),
    (
        "Tracing ",
        "Hit Ctrl-C to end",
        "what a tool of bcc prints",
        "run it with -f, and give that output (of times: --value period)",
    ),
    (
        "0SECTION ",
        "",
        "a dump of Java's threads (javacore)",
        ASPROF,
    ),
];
const RECORDED: &str = "convert the recording with `memray transform speedscope FILE`";
const ANDROID_SAMPLES: &str = "give the output of `report_sample.py -i FILE` on the recording";
const COZ: &str = "it has experiments, not samples; record with `perf record -g` and give the output of `perf script`";
const RUBY_PROF: &str = "it has calls, not samples; record with stackprof, and give the output of `stackprof --stackcollapse FILE`";
pub(super) const EXCIMER: &str =
    "it has calls, not samples; record with excimer and write `formatCollapsed()`";
const METRICS: &str =
    "they are no profile; fetch that where the service serves it, such as /debug/pprof/profile";
pub(super) const BPFTRACE: &str = "convert it with FlameGraph's `stackcollapse-bpftrace.pl FILE`";
const ASPROF: &str = "record with async-profiler's `asprof -e cpu -o collapsed`";
const RPROF: &str = "convert it in R: `profile::write_pprof(profile::read_rprof(FILE), OUT)`";
const INSTRUMENTS: &str =
    "export the trace with `xctrace export`, and convert that with `inferno-collapse-xctrace`";
pub(super) const UFTRACE: &str = "give the output of `uftrace dump --flame-graph --sample-time 1us -d DIR`, whose numbers are times (--value period)";
const HEAPTRACK: &str = "record with heaptrack and give what `heaptrack_print -F OUT FILE` writes";
pub(super) const COLLAPSED: &str = "give the output of `google-pprof --collapsed PROGRAM FILE` (of a heap: read with --value bytes)";
const PY_SPY: &str = "it has no stacks of samples; record with `py-spy record -f raw`";
const JFR: &str = "record CPU samples and convert the recording with async-profiler's `jfrconv -o collapsed FILE OUT`";

/// What a text is, without the blanks before it, and the way out.
pub(super) fn known(text: &str) -> Option<(&'static str, &'static str)> {
    let found = KNOWN
        .iter()
        .find(|(begin, inside, ..)| text.starts_with(begin) && text.contains(inside));
    if let Some((_, _, what, remedy)) = found {
        return Some((what, remedy));
    }
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let of_all = first.contains(" of ") && first.ends_with("%)");
    let has_parts = || {
        lines
            .clone()
            .next()
            .is_some_and(|line| line.contains("%): "))
    };
    if first.contains(": Total ") && (of_all || has_parts()) {
        return Some(("what `go tool pprof -tags` prints", PRINTED));
    }
    if first.starts_with("0x") && first.contains(" : ") && first.ends_with(']') {
        let remedy = "convert it with FlameGraph's `stackcollapse-stap.pl FILE`";
        return Some(("what SystemTap prints", remedy));
    }
    if is_table_of_shares(first) {
        return Some(("the report of perf", REPORT));
    }
    if is_place(first) && lines.next().is_some_and(is_place) {
        let remedy = "it names functions of a recording and has no samples; leave it at /tmp/perf-PID.map, and give the output of `perf script`";
        return Some(("a map of names for perf (perf-PID.map)", remedy));
    }
    is_call(first).then_some(("what perf trace prints", STRACE))
}

/// `8.42%     0.00%  python3  …`, as `perf report -q` has it.
fn is_table_of_shares(line: &str) -> bool {
    let share = |word: &str| {
        word.strip_suffix('%')
            .is_some_and(|number| number.parse::<f64>().is_ok())
    };
    let mut words = line.split_whitespace();
    words.next().is_some_and(share) && words.next().is_some() && words.next().is_some()
}

/// `7f1ab8ec71c0 270 main`, address, size and name.
fn is_place(line: &str) -> bool {
    let number = |word: &str, least: usize| {
        let digits = word.strip_prefix("0x").unwrap_or(word);
        digits.len() >= least && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    };
    let mut words = line.split(' ');
    let (place, size) = (words.next(), words.next());
    place.is_some_and(|place| number(place, 8) && !place.contains(';'))
        && size.is_some_and(|size| number(size, 1))
        // A number at the end is that of a stack.
        && words.next_back().is_some_and(|last| !last.bytes().all(|digit| digit.is_ascii_digit()))
}

/// `0.010 ( 0.003 ms): sleep/7565 brk() = 0x55…`
fn is_call(line: &str) -> bool {
    let Some((before, behind)) = line.split_once(" ms): ") else {
        return false;
    };
    before.contains(" (") && behind.contains('(')
}

#[cfg(test)]
#[path = "reports_tests.rs"]
mod tests;
