//! What is read of texts as perf and simpleperf write them, and what is said of what cannot be read.

use std::fmt::Write as _;

use super::super::folded;
use super::*;

const TWO: &str = "# a comment

web server  4242/4243 [001] 100.000001:     250000 cpu-clock:ppp:
\t    55d0c0 main::work+0x10 (/usr/bin/web)
\t    55d0c8 main::main (/usr/bin/web)

web server  4242/4243 [001] 100.010001:          7 cpu-clock:ppp:
\t    55d0c0 main::work+0x44 (/usr/bin/web)
\t    55d0c8 main::main (/usr/bin/web)

web server  4242/4243 [000] 100.020001:     250000 page-faults:u:  ffffffff9aa3c8de [unknown] ([unknown])
web server  4242/4243 [000] 100.030001:     250000 cpu-clock:u:  ffffffff9aa3c8de read ([kernel.kallsyms])
";

#[track_caller]
fn check(text: &str, event: Option<&str>, expected: Result<&str, &str>) {
    match (read(text, event), expected) {
        (Ok(profile), Ok(expected)) => {
            let mut written = Vec::new();
            folded::write(&profile, &mut written).expect("writes to memory");
            assert_eq!(String::from_utf8_lossy(&written), expected);
        }
        (Err(error), Err(expected)) => {
            assert!(error.to_string().contains(expected), "{error}");
        }
        (got, expected) => panic!("{got:?} instead of {expected:?}"),
    }
}

#[test]
fn samples_of_one_event_are_read_with_their_periods() {
    assert!(looks_like(TWO));
    check(
        TWO,
        None,
        Ok("web_server;main::main;main::work 250007\nweb_server;read 250000\n"),
    );
    check(TWO, Some("page-faults"), Ok("web_server;[unknown] 1\n"));
}

#[test]
fn what_is_wrong_is_named() {
    check(
        TWO,
        Some("cycles"),
        Err("no sample type `cycles`; it has cpu-clock, page-faults"),
    );
    check(
        "\n\nmain;f 3\n",
        None,
        Err("perf script text, line 3: expected a sample's header"),
    );
    check("", None, Err("no samples"));
    assert!(!looks_like("main;f 3\n"));
    assert!(!looks_like("main;12 34.5: x 3\n"));
}

#[test]
fn tracepoints_have_a_colon_in_their_name() {
    let text = "web 33 [000] 100.6: sched:sched_switch: prev_comm=web (x)\n\t55 g (x)\n\n\
                    web 33 [000] 100.7: 1 sched:sched_switch:u: prev_comm=web\n\
                    web 33 [000] 100.8: cycles:\n\t55 h (x)\n";
    assert!(looks_like(text));
    check(
        text,
        Some("sched:sched_switch"),
        Ok("[no stack] 1\nweb;g 1\n"),
    );
    check(text, None, Ok("web;h 1\n"));
    check(
        text,
        Some("sched"),
        Err("no sample type `sched`; it has cycles, sched:sched_switch"),
    );
}

#[test]
fn samples_without_a_callchain_count() {
    let text = "a 1 1.5: cycles:\n\t1 f (x)\n\na 1 1.6: cycles:\n\na 1 1.7: cycles:u: 2 g\n\n\
                    a 1 1.8: cycles:\n\tno frame\n\na 1 1.9: cycles:  3 h (x)\na 1:2 3 2.0: cycles:\n";
    check(text, None, Ok("[no stack] 4\na;f 1\na;h 1\n"));
    let profile = read(text, None).expect("reads");
    assert_eq!((profile.samples(), profile.slices()), (6, &[6][..]));
}

#[test]
fn samples_without_callchains_are_lines_of_their_own() {
    // What `perf script` prints of a recording without -g, or with -F without ip: the name is padded, and no empty line follows.
    let heads = "              wc 17236 cpu-clock: \n      pool 3 w/1 17238 cpu-clock: \n            cafe 17238 cpu-clock: \n";
    check(heads, None, Ok("[no stack] 3\n"));
    let profile = read(heads, None).expect("reads");
    let note = &profile.notes()[0];
    assert!(
        note.starts_with("3 of its 3 samples have no stack; record with `perf record -g`"),
        "{note}"
    );
    let bare = "              wc 17236/17236 cpu-clock:u:             1259 heavy(int, char)\n      pool 3 w/1 17238/17238 cpu-clock:u: ffffffff9aa3c8de read\n";
    check(bare, None, Ok("pool_N_w/N;read 1\nwc;heavy 1\n"));
    let timed = "              wc 17236  1.5:             1259 heavy\n              wc 17236  1.6:             1259 heavy\n";
    check(timed, None, Ok("wc;heavy 2\n"));
    let sample = |time| {
        format!(
            "              wc 17236  {time}:    2004008 cpu-clock:             1259 heavy+0x1a (/usr/bin/wc)\n  w.c:9\n"
        )
    };
    let sourced = sample("1.5") + &sample("1.6");
    check(&sourced, None, Ok("wc;heavy 2\n"));
    // The address that an event is of is no frame, whatever follows it.
    let address = "wc 1 1.5: 9 cpu/mem-loads/P:     ffff8881a2b3c4d0 \n\t            1259 heavy+0x1 (/usr/bin/wc)\n\nwc 1 1.6: 9 cpu/mem-loads/P:     ffff8881a2b3c4d0 a symbol\n\t            1259 heavy+0x1 (/usr/bin/wc)\n\n";
    check(address, None, Ok("wc;heavy 2\n"));
    // What a tracepoint says is no frame.
    let said = "              wc 17236 sched:x:             1259 heavy\n";
    check(said, None, Ok("[no stack] 1\n"));
}

#[test]
fn stacks_without_a_thread_begin_at_functions() {
    let text = "17236 1.5: \n\t1 f (x)\n\t2 main (x)\n\n17236 1.6: \n\t1 f (x)\n\t2 main (x)\n\n";
    check(text, None, Ok("main;f 2\n"));
    let profile = read(text, None).expect("reads");
    assert!(!profile.begins_at_threads());
    assert!(
        read("a 1 1.5: cycles:\n\t1 f (x)\n", None)
            .expect("reads")
            .begins_at_threads()
    );
}

#[test]
fn rounds_are_no_samples() {
    let text =
        "a 1 1.5: cycles:\n\t1 f (x)\n\nPERF_RECORD_FINISHED_ROUND\na 1 1.6: cycles:\n\t1 f (x)\n";
    check(text, None, Ok("a;f 2\n"));
}

#[test]
fn addresses_alone_are_no_names() {
    let text = "a 1 1.5: cycles:\n\t            1259\n\t           2724a\n\n";
    check(text, None, Ok("a;0x2724a;0x1259 1\n"));
}

#[test]
fn a_recording_is_divided_by_time() {
    let mut text = String::new();
    for at in 0..400 {
        let _ = writeln!(text, "a 1 {}.5: cycles:\n\t1 f (x)\n", 100 + at);
    }
    let profile = read(&text, None).expect("reads");
    assert_eq!(profile.slices(), [40; 10]);
}

#[test]
fn times_since_the_sample_before_divide_nothing() {
    let mut text = String::new();
    for n in 0..400 {
        let ms = n * 7 % 10;
        write!(text, "a 1 0.{ms:03}: cycles:\n\t10 f (x)\n\n").expect("writes");
    }
    let profile = read(&text, None).expect("reads");
    assert_eq!((profile.samples(), profile.slices().len()), (400, 1));
    assert_eq!(profile.duration_ns(), 0);
    let note = &profile.notes()[0];
    assert!(note.contains("`perf script --deltatime`"), "{note}");
}

#[test]
fn samples_outside_of_what_was_asked_for_are_left_out() {
    let text = TWO.replace("page-faults", "cpu-clock");
    let begin = 100_010_000_000;
    let slices = [
        begin..begin + 15_000_000,
        begin + 15_000_000..begin + 18_000_000,
    ];
    let profile = read_slices(&text, "cpu-clock", &slices).expect("reads");
    assert_eq!((profile.samples(), profile.slices()), (2, &[2][..]));
    assert_eq!(profile.duration_ns(), 18_000_000);
    let idle = read_slices("", "cpu-clock", &slices).expect("reads");
    assert!(idle.is_empty());
}

#[test]
fn names_beyond_ascii_stay() {
    let text = "grüße 1 1.5: cycles:\n\t1 größe::<é>+0x1 (x)\n\n";
    check(text, None, Ok("grüße;größe::<é> 1\n"));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_text_is_answered(text in "(a 1 1\\.5: c:(u:  1 f \\(x\\))?|\t1 f[ (<{;>)}+x0-]{0,9} \\(x\\)|[ -~é]{0,30}|\n){0,12}") {
        let _ = read(&text, None);
        let _ = read(&text.replace('|', "\n"), Some("c"));
    }

    #[test]
    fn each_line_of_a_text_without_callchains_is_a_sample(
        names in proptest::collection::vec("[a-z][a-z0-9 /-]{0,12}[a-z0-9]", 1..20),
        end in "|             1259 f|     ffffffff9aa3c8de a::b\\(c d\\)|             1259 f\n  w\\.c:9",
    ) {
        let lines = names.iter().map(|name| format!("{name:>16} 17/18 cpu-clock: {end}\n"));
        let profile = read(&lines.collect::<String>(), None).expect("reads");
        assert_eq!(profile.samples(), names.len() as u64);
    }
}

#[test]
fn nothing_of_a_stack_is_lost() {
    for (text, expected) in [
        (
            "api 4242 100.0: 1 cycles: \n\t5510 java.lang.String.hashCode ([JIT app cache])\n\t5520 work+0x10 (/srv/my app/api)\n\t5530 main+0x20 (/srv/api)\n\n",
            "api;main;work;java.lang.String.hashCode 1\n",
        ),
        (
            "Gecko\t25122 [007] 115539.9:\t\t1000000 task-clock:u:\n        b3cea6c4\tILock::unlock() (/system/lib/libc.so)\n        b3cea535\tshould_trace (/x)\n\n",
            "Gecko;should_trace;ILock::unlock 1\n",
        ),
        (
            "api 1 1.0: cycles: \n\t55 work+0x1 (/srv/api)\n\n:-1    -1 1.1: cycles: \n\tff do_exit+0x1 ([kernel.kallsyms])\n\n",
            ":-N;do_exit 1\napi;work 1\n",
        ),
        (
            "java  3244 cpu-clock: \n\t7f SpinPause (/srv/libjvm.so)\n\n",
            "java;SpinPause 1\n",
        ),
        (
            "api 1 1.0: cycles:\r\n\t55 work+0x1 (/srv/api)\r\n\r\n",
            "api;work 1\n",
        ),
        (
            "api 1 1.0: cycles:\n\t55 work+0x1 (/srv/api)\n\n\t66 main+0x1 (/srv/api)\n",
            "api;main;work 1\n",
        ),
        (
            "     dd 1 1.0: cycles:  55 f (x)\n     dd 1 1.1: cycles:  55 f (x)\n",
            "dd;f 2\n",
        ),
        (
            "a 1 1.0: cycles:\n\t55 f+0x1 (/srv/api)\n  api.c:7\n\t66 main+0x1 (/srv/api)\n  api.c:9\n",
            "a;main;f 1\n",
        ),
        ("a 1 1.0: \n\t55 f+0x1 (/srv/api)\n", "a;f 1\n"),
    ] {
        assert!(looks_like(text), "{text}");
        check(text, None, Ok(expected));
        assert!(
            read(text, None).expect("reads").notes().is_empty(),
            "{text}"
        );
    }
}

#[test]
fn what_is_no_frame_is_counted_and_said() {
    let text = "a 1 1.0: cycles:\n\tWEIRD\n\n".repeat(3);
    let profile = read(&text, None).expect("reads");
    assert_eq!(profile.samples(), 3);
    assert_eq!(
        profile.notes(),
        ["3 lines of stacks are no frames and were left out, the first of them line 2"]
    );
}

#[test]
fn events_of_two_kinds_of_cores_are_counted_together() {
    let text = "api 1 1.0: page-faults:\n\t55 f (x)\n\napi 1 1.0: cpu_atom/cycles/P:\n\t55 slow (x)\n\n\
                api 1 1.1: cpu_core/cycles/P:\n\t55 work (x)\n\napi 1 1.2: cpu_core/cycles/P:\n\t55 work (x)\n";
    check(text, None, Ok("api;slow 1\napi;work 2\n"));
    check(text, Some("cpu_atom/cycles/"), Ok("api;slow 1\n"));
    check(text, Some("cpu_core/cycles/P"), Ok("api;work 2\n"));
    let profile = read(text, None).expect("reads");
    assert_eq!(profile.sample_type(), "cycles");
    assert_eq!(
        profile.notes(),
        [
            "shown are the samples of the event cpu_atom/cycles/ (1) and cpu_core/cycles/ (2); there are also page-faults (1), which --sample-type selects"
        ]
    );
}

#[test]
fn numbers_of_a_pools_threads_are_no_names() {
    for (thread, frame) in [
        ("http-nio-8080-exec-12", "http-nio-N-exec-N"),
        ("GC Thread#3", "GC_Thread#N"),
        ("kworker/0:1", "kworker/N:N"),
        ("python3.11", "python3.11"),
        ("node-v011", "node-v011"),
        ("42", "42"),
        ("md5sum", "md5sum"),
    ] {
        assert_eq!(thread_frame(thread), frame);
    }
}

#[test]
fn a_stack_without_a_header_is_known_and_refused() {
    let text = "\t55d0c0 main+0x1 (/srv/api)\n\n";
    assert!(looks_like(text));
    check(
        text,
        None,
        Err("perf script text, line 1: expected a sample's header"),
    );
    assert!(looks_like(
        "# ========\n# captured on    : Sun\n# ========\n"
    ));
}

#[test]
fn samples_weigh_as_much_as_their_periods() {
    let text = |samples: &[(&str, u64)]| {
        let mut text = String::new();
        for (function, period) in samples {
            text += &format!("api 42 1.5: {period} cycles:\n\t5500 {function}+0x1 (/srv/api)\n\n");
        }
        text
    };
    let profile = read(&text(&[("f", 100), ("f", 200), ("g", 900)]), None).expect("reads");
    assert_eq!(
        (profile.samples(), profile.value(), profile.unit()),
        (3, 1_200, "cycles")
    );
    let table = crate::profile::FunctionTable::of(&profile);
    let g = table.functions.iter().find(|of| of.function == "g");
    assert_eq!(g.expect("there").self_share.value, 0.75);
    assert!(profile.notes()[0].contains("periods (100 to 900), as `perf report` does"));
    // Equal periods are counts.
    let profile = read(&text(&[("f", 7), ("g", 7)]), None).expect("reads");
    assert_eq!(
        (profile.samples(), profile.value(), profile.unit()),
        (2, 2, "count")
    );
    assert!(profile.notes().is_empty());
}

#[test]
fn records_of_other_kinds_are_no_samples() {
    let text = "api     0     0.000000: PERF_RECORD_MMAP2 31/31: [0x55(0x1) @ 0x1 fe:00 1 0]: r-xp /srv/api\n\
        api 31/31 1.5: cpu-clock:\n\t5510 f+0x1 (/srv/api)\n\
        api 31 1.6: PERF_RECORD_FORK(31:33):(31:31)\n\n\
        api 31/31 1.7: cpu-clock:\n\t5510 g+0x1 (/srv/api)\n\n";
    check(text, None, Ok("api;f 1\napi;g 1\n"));
    assert!(looks_like(text));
}
