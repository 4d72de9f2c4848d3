//! What tools print for people, told by how it begins and what follows: no reader takes it.
//!
//! Each text must be certain: a line with which no folded stacks and no perf text begin, and another one behind it where that is not enough.

pub(super) const WITHOUT_STACKS: &str =
    "it has calls and no stacks; record with `perf record -g` and give the output of `perf script`";
pub(super) const STRACE: &str =
    "it has no samples; record with `perf record -g` and give the output of `perf script`";
pub(super) const REPORT: &str = "give the output of `perf script` on the same recording";

pub(super) const WITHOUT_DEBUG: &str =
    "it is text for people; fetch the profile itself, without `debug=` in the address";
pub(super) const PRINTED: &str = "give the profile that it was printed of";

/// Begin, after empty lines; what else is in the first lines; what it is; the way out.
type Known = (&'static str, &'static str, &'static str, &'static str);

const KNOWN: [Known; 24] = [
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
        "convert the recording with `memray transform speedscope FILE`",
    ),
    ("Version: ", "Event Type", "what `jfr summary` prints", JFR),
    ("[0.", "[gc", "a log of Java's collector", JFR),
    ("?", "... [continued]: ", "what perf trace prints", STRACE),
];
const HEAPTRACK: &str = "record with heaptrack and give what `heaptrack_print -F OUT FILE` writes";
const COLLAPSED: &str = "give the output of `google-pprof --collapsed PROGRAM FILE` (of a heap: read with --value bytes)";
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
    if is_table_of_shares(first) {
        return Some(("the report of perf", REPORT));
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

/// `0.010 ( 0.003 ms): sleep/7565 brk() = 0x55…`
fn is_call(line: &str) -> bool {
    let Some((before, behind)) = line.split_once(" ms): ") else {
        return false;
    };
    before.contains(" (") && behind.contains('(')
}

#[cfg(test)]
mod tests {
    use super::super::tests::{reads, refuses};

    #[test]
    fn reports_are_told_with_a_way_out() {
        for (text, expected) in [
            ("# Event 'cpu-clock:ppp'\n#\n# Baseline\n", "perf diff"),
            ("=====\n    Trace Event Information\n=====\n", "perf c2c"),
            ("\n0x108@a.data [0x50]: event: 69\n.\n", "perf script -D"),
            (
                "     8.42%     0.00%  python3   [unknown]   [k] f\n",
                "the report of perf",
            ),
            (
                "     0.010 ( 0.003 ms): sleep/7565 brk() = 0x5\n",
                "perf trace",
            ),
            (
                "         ? (         ): sleep/7565  ... [continued]: execve()) = 0\n",
                "perf trace",
            ),
            (
                " -----\n  Task   |   Runtime ms  | Count\n",
                "perf sched latency",
            ),
            (
                "----\nProfile data file 'x' (creator: callgrind)\n",
                "callgrind_annotate",
            ),
            ("==12== Memcheck, a memory error detector\n", "valgrind"),
            ("events: Hits\n\nfl=(1) a.c\n", "callgrind's format"),
            ("--- symbol\nbinary=/bin/x\n", "google-pprof --raw"),
            (
                "Total: 78 samples\n      12  15.4%  15.4%  12 f\n",
                "google-pprof prints; give the output of `google-pprof --collapsed",
            ),
            (
                "Process 13420: python w.py\nPython v3.11.7 (/usr/bin/python3)\n",
                "py-spy dump",
            ),
            (
                "   48704 function calls in 0.3 seconds\n\n   Ordered by: internal time\n",
                "Python's profilers",
            ),
            (
                "\n Version: 2.1\n Chunks: 1\n\n Event Type   Count\n",
                "jfr summary",
            ),
            (
                "goroutine 163 [running]:\nmain.main()\n",
                "a dump of goroutines; it is text for people; fetch the profile itself",
            ),
            (
                "File: svc\nType: inuse_space\nTime: x\n-----------+----\n     bytes:  32B\n",
                "what `go tool pprof` prints",
            ),
            ("[0.013s][info][gc] Using G1\n", "Java's collector"),
            (
                "a 1\nsome words\nmore words\nwords\n",
                "text of no known profiler",
            ),
        ] {
            refuses(text, expected);
        }
    }

    #[test]
    fn stacks_that_begin_so_are_read() {
        reads("8.42%;a 3\n", "8.42%;a 3\n");
        reads("Total: f;a 3\n", "Total: f;a 3\n");
        reads("Process 1;a 3\n", "Process 1;a 3\n");
        reads("----;a 3\n", "----;a 3\n");
    }
}
