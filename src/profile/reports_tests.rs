//! Texts of other tools, each with what it is called and the way out.

use crate::profile::tests::{reads, refuses, refuses_bytes};

#[test]
fn recordings_are_told_by_their_first_bytes() {
    let mut archive = vec![0; 600];
    archive[..5].copy_from_slice(b"a/b.c");
    archive[257..262].copy_from_slice(b"ustar");
    for (bytes, expected) in [
        (
            &b"\x04\x08{\x10:\x0cversionf\x081.2"[..],
            "a dump of stackprof; run `stackprof --stackcollapse FILE`",
        ),
        (b"PAR1\x15\x04\x15\x90", "a table of Parquet; export"),
        (
            b"NYTProf 5 0\n#Perl\n\x03\x00",
            "output of `nytprofcalls FILE`",
        ),
        (b"Ftrace!\0\x04\0\0\0", "a recording of uftrace; give"),
        (b"\x5e\x97\xca\xfd\x01\x01\0\0", "a recording of Sysprof"),
        (b"\x17\x08\x44tracing6\0", "a recording of trace-cmd"),
        (b"SLOW\xf3\0 \0", "a trace of Android's runtime"),
        (
            b"QPERFSTREAM\0\0\0\x01",
            "what hotspot saves of a recording",
        ),
        (b"MOJ\x03\x01mode\0wall\0", "a recording of austin (MOJO)"),
        (
            b"\x0a\x02\x50\x01\x0a\x04\x40\x05\x50\x01",
            "a trace of Perfetto; convert its samples with `traceconv profile",
        ),
        (
            b"rbspy02\n{\"a\":1}\n",
            "a recording of rbspy; run `rbspy report",
        ),
        (&archive, "a tar archive; unpack it first"),
    ] {
        refuses_bytes(bytes, expected);
    }
}

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
fn reports_of_pprof_gprof_and_other_systems_are_told() {
    for (text, expected) in [
        (
            "Active filters:\n   show=f\nShowing nodes accounting for 1s\n",
            "what `go tool pprof` prints",
        ),
        (
            "Build ID: 1\nType: space\n---+---\n key:  a\n 1kB f\n",
            "what `go tool pprof` prints",
        ),
        (
            " key: Total 1.12s of 1.12s (  100%)\n      1s (89.29%): a\n",
            "what `go tool pprof -tags` prints",
        ),
        (
            "positions: instr line\nevents: cpu(ms)\n\nfl=(1) a.c\n",
            "callgrind's format",
        ),
        (
            "\t\t\tCall graph\n\n\ngranularity: each sample hit covers 2 byte(s)\n\x0c\n",
            "the report of gprof",
        ),
        (
            "Flat profile:\n\nEach sample counts as 0.01 seconds.\n\x0c\n\t\tCall graph\n",
            "the report of gprof",
        ),
        (
            "Weight\tSelf Weight\tSymbol Names\n4.93 s  100.0%\t0 s\t   start\n",
            "what Instruments copies; export the trace with `xctrace export`",
        ),
        (
            "@ inst_retired.any [3 samples]\n\n20.86%  [2]     f @ /kernel\n",
            "what pmcstat prints; convert it",
        ),
        (
            "\u{feff}Level,Function Name,Number of Calls,\r\n0,\"a.exe\",0,\r\n",
            "inferno-collapse-vsprof",
        ),
    ] {
        refuses(text, expected);
    }
}

#[test]
fn reports_of_tracers_and_languages_are_told() {
    for (text, expected) in [
        (
            "Functions sorted by metric: Exclusive Total CPU Time\n\n0.07 leaf\n",
            "what gprofng prints",
        ),
        (
            "  Total time   Self time       Calls  Function\n  ====  ====  ====\n 1 ms  1 us  1  main\n",
            "what uftrace prints; give the output of `uftrace dump --flame-graph",
        ),
        (
            "====\n  Mode: cpu(1000)\n  Samples: 196 (0.00% miss rate)\n",
            "what stackprof prints; run `stackprof --stackcollapse",
        ),
        (
            "Version: 3.2.0\nFile format: 4\nTRACE START [2026-11-30]\n1\t0\t0\n",
            "a trace of Xdebug; it has calls",
        ),
        (
            "Sampling at 49 Hertz of all threads by user + kernel stack\n\n    f\n        1\n",
            "what bcc's profile prints; run it with -f",
        ),
        (
            "--- Execution profile ---\nTotal samples : 3\n\n--- 10 ns (12.3%), 1 sample\n",
            "what async-profiler prints; record with async-profiler's `asprof",
        ),
        (
            "sample.interval=20000\n\"leaf\" \"main\" \n",
            "a profile of R (Rprof); convert it in R",
        ),
        (
            " 0xffffffff8103ce3b : native_safe_halt+0xb/0x10 [kernel]\n\t2404\n",
            "what SystemTap prints; convert it with FlameGraph's",
        ),
        (
            "Samples: 12K of event cycles, Event count (approx.): 1234\nOverhead  Command\n",
            "the report of perf",
        ),
        (
            "*version\n3\nclock=dual\nvm=art\n",
            "a trace of Android's runtime",
        ),
    ] {
        refuses(text, expected);
    }
}

#[test]
fn more_of_what_people_have_is_told() {
    for (text, expected) in [
        (
            "Total: 1.45s\nROUTINE ======================== main.heavy in w.go\n  1.4s  1.4s (flat, cum)\n",
            "what `go tool pprof` lists; give the profile",
        ),
        (
            " endpoint: Total 1.4s\n           570.0ms (39.31%): /e2\n",
            "what `go tool pprof -tags` prints",
        ),
        (
            "Attaching 2 probes...\n\n\n@[\n    0x7f8ef3db9429\n    f+1\n",
            "the output of bpftrace; convert it with FlameGraph's",
        ),
        (
            "@[\n    finish_task_switch+1\n    __schedule+1\n",
            "the output of bpftrace",
        ),
        (
            "0x00007f1ab8ec71c0 0x0000000000000270 java.lang.Object f(long)\n0x00007f1ab8ec7600 0x28 int g()\n",
            "a map of names for perf (perf-PID.map); it names functions",
        ),
        (
            "20668:\n4 0 0 jdk.internal.misc.Unsafe.f(J)Ljava; [0x1, 0x2 - 0x3]\n",
            "what jcmd prints; record with async-profiler's",
        ),
        (
            "4242\n2026-11-30T20:54:15Z\n21.0.1\n\n#1 \"main\"\n      java.base/f(A.java:1)\n",
            "a dump of Java's threads",
        ),
        (
            "<?xml version=\"1.0\"?>\n<recording xmlns:xsi=\"x\">\n  <events>\n",
            "what `jfr print --xml` prints",
        ),
        (
            "Attaching to process ID 4844, please wait...\nDebugger attached successfully.\n",
            "a dump of Java's threads (jhsdb)",
        ),
        (
            "\n                 Java Methods that Execute the Most\n\nMethod   Samples Percent\n",
            "what `jfr view` prints",
        ),
        (
            "Flat profile of 2.01 secs (104 total ticks): main\n\n  Compiled + native   Method\n",
            "what Java's -Xprof prints; record with async-profiler's",
        ),
        (
            "JAVA PROFILE 1.0.1, created Fri Oct 31 2003\n\nHeader for -agentlib:hprof\n",
            "Java's hprof agent",
        ),
        (
            "Measure Mode: wall_time\nThread ID: 80\nFiber ID: 60\nTotal: 0.4\n",
            "what ruby-prof prints; it has calls, not samples; record with stackprof",
        ),
        (
            "a:26:{s:13:\"f==>g\";a:2:{s:2:\"ct\";i:112;s:2:\"wt\";i:2707;}}",
            "such as a profile of xhprof",
        ),
        (
            "\u{1f4cf} Total allocations:\n\t886\n",
            "statistics of memray; convert the recording",
        ),
        (
            "----\nI1 cache:         32768 B, 64 B, 8-way associative\n",
            "what cg_annotate prints",
        ),
    ] {
        refuses(text, expected);
    }
}

#[test]
fn still_more_of_what_people_have_is_told() {
    for (text, expected) in [
        (
            "#-----------\nsnapshot=0\n#-----------\ntime=0.014\n",
            "the output of massif",
        ),
        (
            "# HELP go_goroutines Number of goroutines.\n# TYPE go_goroutines gauge\ngo_goroutines 7\n",
            "metrics of Prometheus; they are no profile",
        ),
        (
            "GO PREPROFILE V1\nmain.f\nmain.g\n12 3\n",
            "a profile for Go's compiler (PGO) that was made ready; give the profile",
        ),
        (
            "Function,Module,CPU Time,Instructions Retired\nf,a.out,1.2,3\n",
            "a report of VTune",
        ),
        (
            "sample:\n  event_type: cpu-clock\n  time: 1234567\n",
            "what `simpleperf report-sample` prints; give the output of `report_sample.py",
        ),
        (
            "Cmdline: /data/local/tmp/simpleperf record -g\nSamples: 10\n\nOverhead  Command\n",
            "the report of simpleperf",
        ),
        (
            "Date/Time:  2026-11-30\nEnd time:  x\nReport Version:   46\n",
            "macOS's spindump",
        ),
        (
            "file-format: BlackfireProbe\ncost-dimensions: wt cpu\n\nmain()//1 20 30\n",
            "a profile of Blackfire",
        ),
        ("startup\ttime=1234\nruntime\ttime=12\n", "a profile of coz"),
        (
            "Total Samples: 100\nGIL: 3.00%, Active: 4.00%, Threads: 1\n",
            "what `py-spy top` prints",
        ),
        (
            "Thread (0x1234):\n  [Native Frames]\n  app!Program.Main()\n",
            "what dotnet-stack prints; record with `dotnet-trace collect",
        ),
        (
            "Line #,Process,Thread ID,Stack\n1,a,2,[Root]\n",
            "Windows Performance Analyzer",
        ),
        (
            "Function Name,Inclusive Samples,Exclusive Samples\nf,1,2\n",
            "a report of Visual Studio",
        ),
        (
            "Tracing 1 functions for \"malloc\"... Hit Ctrl-C to end.\n^C\n  malloc\n    12\n",
            "what a tool of bcc prints; run it with -f",
        ),
        (
            "<?xml version=\"1.0\"?>\n<trace-toc><run number=\"1\"></run></trace-toc>\n",
            "the contents of a trace of xctrace",
        ),
    ] {
        refuses(text, expected);
    }
    refuses_bytes(
        b"--- symbol\nbinary=/bin/x\n---\n--- profile\n\0\0\0\0\0\0\0\0\x03",
        "what `google-pprof --raw` prints",
    );
    refuses_bytes(b"nBpRoFiLeR\x01\x01\0\0", "a snapshot of VisualVM");
    refuses_bytes(b"hdrb\0\0\0hetb", "an event log of GHC; convert it with");
    refuses_bytes(b"tr\xfdP\x08\0\0\0", "a trace of Tracy");
    refuses_bytes(b"\x80\x02cyappi\nYFuncStats\n", "what Python has pickled");
}

#[test]
fn stacks_that_begin_so_are_read() {
    reads("Function;CPU Time 3\n", "Function;CPU Time 3\n");
    reads("a:b;c==>d 3\n", "a:b;c==>d 3\n");
    reads("Attaching;a 3\n", "Attaching;a 3\n");
    reads("name x;ttot_y 3\n", "name x;ttot_y 3\n");
    reads(
        "abcdef0123 1a 3\nabcdef0124 1a 4\n",
        "abcdef0123 1a 3\nabcdef0124 1a 4\n",
    );
    reads("8.42%;a 3\n", "8.42%;a 3\n");
    reads("Total: f;a 3\n", "Total: f;a 3\n");
    reads("Process 1;a 3\n", "Process 1;a 3\n");
    reads("----;a 3\n", "----;a 3\n");
    reads("a: Total 1 of;b 3\n", "a: Total 1 of;b 3\n");
    reads("Version: 1;a 3\n", "Version: 1;a 3\n");
}
