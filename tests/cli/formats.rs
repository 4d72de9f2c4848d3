//! Files that people have: which are refused by their name, and what is said of those that hold several profiles.

use serde_json::Value;

use crate::bed::TestBed;

/// Files of other tools: what they hold, and what is said of them.
const FOREIGN: [(&str, &str); 34] = [
    (
        "PERFILE2\u{1}\0",
        "not a profile but a recording of perf (perf.data); run `perf script -i FILE`",
    ),
    (
        "FLR\0\0\u{2}",
        "not a profile but a recording of Java's Flight Recorder (JFR); convert it with async-profiler's `jfrconv -o collapsed FILE OUT`",
    ),
    (
        "Nettrace\0\u{14}",
        "not a profile but a trace of .NET (nettrace); run `dotnet-trace convert FILE --format Speedscope`",
    ),
    (
        "{\"traceEvents\":[]}",
        "not a profile but a Chrome trace; it has spans, not samples; record one with the category",
    ),
    ("[{\"ph\":\"B\"}]", "not a profile but a Chrome trace"),
    (
        "{\"mode\":\"cpu\",\"interval\":1,\"samples\":2,\"frames\":{}}",
        "not a profile but a profile of stackprof; run `stackprof --stackcollapse FILE`",
    ),
    (
        "{\"a\":1,\"b\":2}",
        "not a profile but JSON of no known profiler (its keys: a, b); give profile.proto",
    ),
    (
        "{\"traceEvents\":[",
        "not a profile but damaged JSON (EOF while parsing a list at line 1 column 16); it is cut off or not whole",
    ),
    (
        "# callgrind format\nversion: 1\n",
        "not a profile but the output of callgrind; it has calls and no stacks; record with `perf record -g`",
    ),
    (
        "Flat profile:\n\n  %   cumulative",
        "not a profile but the report of gprof; it has no stacks",
    ),
    (
        "v 10400 3\nx /srv/api\n",
        "not a profile but a recording of heaptrack; give what `heaptrack_print -F OUT FILE` writes",
    ),
    (
        "\n  libc.so.1`_write+0xa\n  prog`main+0x3\n   12\n",
        "not a profile but the output of dtrace; convert it with `inferno-collapse-dtrace FILE`",
    ),
    (
        "# austin: 3.4.1\nP1;T2;f 3\n",
        "not a profile but a recording of austin; convert it with `austin2speedscope FILE OUT`",
    ),
    (
        "goroutine profile: total 7\n",
        "not a profile but a list of goroutines; it is text for people; fetch the profile itself, without `debug=`",
    ),
    (
        "@[\n    main+1\n]: 5\n",
        "not a profile but the output of bpftrace; convert it with FlameGraph's `stackcollapse-bpftrace.pl FILE`",
    ),
    (
        "\t55d0c0 main+0x1 (/srv/api)\n",
        "perf script text, line 1: expected a sample's header",
    ),
    (
        "web 33\n\t55d0c0 main+0x1 (/srv/api)\n",
        "perf script text, line 1: expected a sample's header",
    ),
    (
        "File: api\nType: cpu\n      flat  flat%   sum%        cum   cum%\n         0     0%   100%      1.22s   100%  main.f (inline)\n",
        "not a profile but what `go tool pprof` prints; give the profile that it was printed of",
    ),
    (
        " Percent |\tSource code & Disassembly of api\n--------\n",
        "not a profile but what perf annotate prints; give the output of `perf script`",
    ),
    (
        "\n Summary of events:\n\n api (42), 58 events\n",
        "not a profile but what perf trace prints",
    ),
    (
        "% time     seconds  usecs/call     calls    errors syscall\n",
        "not a profile but the table of strace; it has no samples; record with `perf record -g`",
    ),
    (
        "[Thread debugging using libthread_db enabled]\n#0 f ()\n",
        "not a profile but what gdb prints; it has no samples",
    ),
    (
        "Statistical profiling result from isolate.log, (3 ticks)\n",
        "not a profile but the log of V8's profiler as text; record with `node --cpu-prof`",
    ),
    (
        "jdk.ExecutionSample {\n  startTime = 04:07\n",
        "not a profile but what `jfr print` prints; convert the recording with async-profiler's `jfrconv",
    ),
    (
        "42:\n2026-01-01 00:00:00\nFull thread dump OpenJDK\n",
        "not a profile but a dump of Java's threads; record with async-profiler",
    ),
    (
        "42:\n num     #instances         #bytes\n",
        "not a profile but a histogram of Java's heap; record with async-profiler's `asprof -e alloc",
    ),
    (
        "reading file \"a.zst\" - please wait\n",
        "not a profile but the report of heaptrack; give what `heaptrack_print -F OUT FILE` writes",
    ),
    (
        "<?xml version=\"1.0\"?>\n<valgrindoutput>\n",
        "not a profile but XML of no known profiler; give profile.proto",
    ),
    (
        "{\"linux-perf-json-version\":1,\"samples\":[]}",
        "not a profile but what `perf data convert` writes; give the output of `perf script`",
    ),
    (
        "{\"dhatFileVersion\":2,\"mode\":\"heap\"}",
        "not a profile but the output of valgrind's dhat; record with heaptrack",
    ),
    (
        "\u{4}\u{8}{\u{7}:\u{c}versionf\u{8}1.2",
        "not a profile but what Ruby has marshalled, such as a dump of stackprof; run `stackprof --stackcollapse FILE`",
    ),
    (
        "{\"version\":1,\"recording\":{\"displayName\":\"a\"}}",
        "not a profile but a timeline of Safari's Web Inspector; record with macOS's `sample`",
    ),
    (
        "Version: 3.2.0\nFile format: 4\nTRACE START [2026-01-01]\n1\t0\t0\n",
        "not a profile but a trace of Xdebug; it has calls, not samples; record with excimer",
    ),
    (
        "Dear reader,\nthis is a letter\n",
        "not a profile but text of no known profiler; give profile.proto",
    ),
];

#[test]
fn files_of_other_tools_are_refused_by_their_name() {
    for (holds, says) in FOREIGN {
        let bed = TestBed::new().file("file", holds);
        let outcome = bed
            .args(["flame", "top", "file"])
            .run()
            .expect(2, &["file: ", says]);
        assert_eq!(outcome.stdout, "");
    }
}

#[test]
fn what_is_chosen_of_several_things_is_said() {
    let threads = r#"{"shared":{"frames":[{"name":"f"},{"name":"g"}]},"profiles":[
        {"type":"sampled","name":"main","unit":"none","samples":[[0]],"weights":[3]},
        {"type":"sampled","name":"worker","unit":"none","samples":[[1]],"weights":[1]}]}"#;
    let events = "web 33 1.5: page-faults:\n\t55 f (x)\n\nweb 33 1.6: cycles:u:\n\t55 g (x)\n";
    for (args, status, function, says) in [
        (
            &["threads"][..],
            0,
            "f",
            "threads: shown are 2 profiles of the file together: main, worker; --profile NAME selects",
        ),
        (&["threads", "--profile", "worker"], 0, "g", ""),
        (
            &["threads", "--profile", "x"],
            2,
            "",
            "threads: the file has no profile `x`; it has main, worker",
        ),
        (
            &["events"],
            0,
            "g",
            "events: shown are the samples of the event cycles (1); there are also page-faults (1), which --sample-type selects",
        ),
        (&["events", "--sample-type", "page-faults"], 0, "f", ""),
        (
            &["events", "--profile", "x"],
            2,
            "",
            "the file has one profile without a name; leave --profile out",
        ),
        (
            &["events", "--where", "endpoint=/slow"],
            2,
            "",
            "no sample has the label endpoint=/slow; its samples have thread (web)",
        ),
        (
            &["events", "--sample-type", "cycles", "--where", "thread=web"],
            0,
            "g",
            "",
        ),
        (
            &["threads", "--where", "thread=main"],
            2,
            "",
            "labels are read of profile.proto alone, and threads of perf texts",
        ),
        (
            &["events", "--where", "endpoint"],
            2,
            "",
            "a label is written KEY=VALUE, such as thread=main",
        ),
    ] {
        let bed = TestBed::new()
            .file("threads", threads)
            .file("events", events);
        let all = ["flame", "top", "--json", "-n", "1"].iter().chain(args);
        let outcome = bed.args(all).run().expect(status, &[says]);
        if status == 0 {
            let document: Value = serde_json::from_str(&outcome.stdout).unwrap();
            assert_eq!(document["functions"][0]["function"], function);
        }
    }
}

/// The text of a perf recording: 600 samples of work and 400 of idling below `main`.
fn recorded(thread: &str) -> String {
    let sample =
        |leaf: &str| format!("{thread} 1 1.5: cpu-clock:\n\t1 {leaf} (x)\n\t2 main (x)\n\n");
    sample("work").repeat(600) + &sample("spin").repeat(400)
}

#[test]
fn a_program_under_another_name_has_not_changed() {
    let bed = || {
        TestBed::new()
            .file("old.txt", recorded("bench_old"))
            .file("new.txt", recorded("bench_new"))
    };
    let outcome = bed()
        .args(["compare", "old.txt", "new.txt"])
        .run()
        .expect(0, &[]);
    let says = "the thread bench_old of the base is called bench_new in the head";
    assert!(
        outcome.stdout.contains(says)
            && !outcome.stdout.contains("with what it calls")
            && !outcome.stdout.contains("names do not seem to match"),
        "{}",
        outcome.stdout
    );
    // The classic graph has no place for what is to be said of it.
    let outcome = bed()
        .args(["flame", "diff", "old.txt", "new.txt", "--format", "svg"])
        .run()
        .expect(0, &[says]);
    assert!(
        !outcome.stdout.contains("bench_new ("),
        "{}",
        outcome.stdout
    );
}

#[test]
fn a_longer_recording_is_no_change() {
    let recorded = |times: usize| {
        let samples =
            vec!["[0,1]"; 6 * times].join(",") + "," + &vec!["[0,2]"; 4 * times].join(",");
        let weights = vec!["0.01"; 10 * times].join(",");
        format!(
            r#"{{"$schema":"https://www.speedscope.app/file-format-schema.json","shared":{{"frames":[{{"name":"main"}},{{"name":"f"}},{{"name":"g"}}]}},
            "profiles":[{{"type":"sampled","name":"Thread 7 \"worker\"","unit":"seconds","startValue":0,"endValue":1,"samples":[{samples}],"weights":[{weights}]}}]}}"#
        )
    };
    let outcome = TestBed::new()
        .file("ten.json", recorded(100))
        .file("sixty.json", recorded(600))
        .args(["compare", "ten.json", "sixty.json", "--profile", "worker"])
        .run()
        .expect(0, &[]);
    assert!(
        outcome.stdout.contains("shares of it are compared") && !outcome.stdout.contains("itself:"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn what_was_selected_of_one_side_alone_is_told() {
    let text = recorded("api") + &recorded("worker");
    let outcome = TestBed::new()
        .file("all.txt", &text)
        .args([
            "flame",
            "render",
            "all.txt",
            "--where",
            "thread=api",
            "-o",
            "out/api.pb.gz",
        ])
        .run()
        .expect(0, &[]);
    let api = outcome.dir().join("api.pb.gz");
    let outcome = TestBed::new()
        .file("all.txt", &text)
        .args(["compare", "all.txt", api.to_str().unwrap()])
        .run()
        .expect(0, &[]);
    assert!(
        outcome
            .stdout
            .contains("the base holds all of its samples and the head those of thread=api alone"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn threads_of_python_that_wait_are_told() {
    let raw = "thread (0x7F1): MainThread;main (app.py:3);fib (app.py:9) 40\nthread (0x7F2): worker_1;run (app.py:5);Condition.wait (threading.py:331) 60\n";
    TestBed::new()
        .file("idle.raw", raw)
        .args(["flame", "top", "idle.raw"])
        .run()
        .expect(
            0,
            &["note: 60 % of it is time that was waited and no work (60 % in Condition.wait (threading.py))"],
        );
}
