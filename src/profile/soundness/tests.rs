//! Doubts about profiles with known faults.

use super::super::folded;
use super::*;

fn read(text: &str) -> Profile {
    folded::read(text.as_bytes()).expect("reads")
}

fn perf(text: &str) -> Profile {
    crate::profile::perf_script::read(text, None).expect("reads")
}

fn sample(thread: &str, frames: &str) -> String {
    format!("{thread} 1 1.5: cpu-clock:\n{frames}\n")
}

#[track_caller]
fn check(profile: &Profile, expected: &[&str]) {
    let doubts = doubts(profile);
    assert_eq!(doubts.len(), expected.len(), "{doubts:?}");
    for (doubt, expected) in doubts.iter().zip(expected) {
        assert!(doubt.contains(expected), "{doubt}");
    }
}

#[test]
fn what_cannot_be_trusted_is_said() {
    check(&read("main;f 90\nmain;g 10"), &[]);
    check(
        &read("node;(idle) 80\nnode;work 20"),
        &["80 % of it is time that was waited"],
    );
    let deep = |depth: usize| vec!["f"; depth].join(";");
    check(
        &read(&format!("{} 50\nmain;f 50", deep(64))),
        &["50 % of it is exactly 64 frames deep"],
    );
    let text = format!("{} 50\n{} 40\n{} 60", deep(64), deep(63), deep(65));
    check(&read(&text), &[]);
    // Deeper ones were not cut either.
    let text = format!("{} 50\n{} 60", deep(64), deep(70));
    check(&read(&text), &[]);
    check(
        &read("api;[unknown] 30\napi;main;work 70"),
        &["30 % of it begins or ends in names without symbols"],
    );
    check(
        &read("api;main;[kernel.kallsyms] 10\napi;main;work 90"),
        &["10 % of it is in the kernel"],
    );
}

#[test]
fn waiting_is_told_from_the_work_of_going_to_sleep() {
    check(
        &read("main;run;epoll_wait 80\nmain;work 20"),
        &["80 % of it is time that was waited and no work (80 % in epoll_wait)"],
    );
    check(
        &read("main;run;epoll_wait;do_syscall_64 80\nmain;work 20"),
        &[],
    );
    let mut julia = Profile::new("events", "count", 0);
    for (leaf, samples) in [("pthread_cond_wait", 3), ("jl_apply_generic", 1)] {
        julia
            .add(["start_thread", leaf], samples, samples)
            .expect("small");
    }
    check(&julia, &["75 % of it is time that was waited"]);
    check(
        &read("node;(program) 60\nnode;work 40"),
        &["60 % of it is (program): code that the profiler does not see into, or time"],
    );
    check(&read("(program) 60\n(idle) 1\nwork 39"), &[]);
    check(
        &read("Thread (1);f;UNMANAGED_CODE_TIME 60\nThread (1);f;CPU_TIME 40"),
        &[
            "60 % of it is UNMANAGED_CODE_TIME: code that",
            "40 % of it is CPU_TIME, which dotnet-trace writes below a function that ran",
        ],
    );
    // What lies below a function that waits is known to be waiting.
    let mut dotnet = Profile::new("time", "nanoseconds", 0);
    let sleep = "System.Private.CoreLib!System.Threading.Thread.Sleep(int32)";
    for (stack, ns) in [
        (["Thread (1)", sleep, "UNMANAGED_CODE_TIME"], 96),
        (["Thread (1)", "api!Work()", "CPU_TIME"], 4),
    ] {
        dotnet.add(stack, 1, ns).expect("small");
    }
    check(&dotnet, &["96 % of it is time that was waited and no work"]);
}

#[test]
fn stacks_of_java_that_were_not_walked_are_told() {
    let text = "[unknown_Java];com/a/Hot.run 30\nThread.run;com/a/Main.main;com/a/Hot.run 70";
    let says = "30 % of it is in stacks that async-profiler could not walk";
    check(&read(text), &[says]);
    check(&read("[unknown_Java] 1\nThread.run;com/a/Hot.run 70"), &[]);
}

#[test]
fn what_was_selected_is_said_where_sides_differ() {
    let (base, head) = (read("a 1"), read("a 1").selecting("endpoint=/slow"));
    let found = differently_selected(&base, &head).expect("differs");
    let says = "the base holds all of its samples and the head those of endpoint=/slow alone";
    assert!(found.contains(says), "{found}");
    let again = head.clone().selecting("endpoint=/slow");
    assert_eq!(differently_selected(&head, &again), None);
}

#[test]
fn threads_of_python_that_wait_are_no_work() {
    let idle = "process 7:\"python app.py\";thread (0x7F1): queue-2;Thread.run (threading.py:982);Queue.get (queue.py:180);Condition.wait (threading.py:331) 60";
    let work = "process 7:\"python app.py\";thread (0x7F2): MainThread;<module> (app.py:3);serve (app.py:9) 40";
    check(
        &read(&format!("{idle}\n{work}")),
        &["60 % of it is time that was waited and no work (60 % in Condition.wait (threading.py))"],
    );
    // With `--native` the functions of C stand below.
    let native = idle.replace(
        " 60",
        ";lock_PyThread_acquire_lock (libpython3.11.so.1.0);0x7f34e4ea3f16 (libc.so.6) 60",
    );
    check(
        &read(&format!("{native}\n{work}")),
        &["60 % of it is time that was waited"],
    );
}

#[test]
fn stacks_without_callers_and_names_are_told_of_with_what_holds_most_of_them() {
    check(
        &perf(&sample("app", "\t1 inner (/app)\n")),
        &["100 % of it is in functions without their callers"],
    );
    check(
        &perf(&sample("app", "\t1 inner (/app)\n\t2 main (/app)\n")),
        &[],
    );
    check(
        &perf(&sample(
            "app",
            "\t1 [unknown] (/opt/app)\n\t2 main (/lib/libc.so.6)\n",
        )),
        &["names without symbols (most of it in [app])"],
    );
    // A module is blamed for what it holds most of.
    let unplaced = "\t1 work (/opt/app)\n\t2 [unknown] ([unknown])\n";
    let library = "\t1 [unknown] (/lib/libcrypto.so.3)\n\t2 [unknown] ([unknown])\n";
    let text = [unplaced, unplaced, library].map(|frames| sample("app", frames));
    let doubts_of = |text: &str| doubts(&perf(text)).join("\n");
    let found = doubts_of(&text.concat());
    assert!(
        found.contains("100 % of it begins or ends in names without symbols (most of it is `[unknown]`, an address of no known file)")
            && found.contains("--call-graph dwarf")
            && !found.contains("libcrypto"),
        "{found}"
    );
    let module = |name: &str| format!("\t1 [unknown] (/lib/{name})\n\t2 main (/opt/app)\n");
    let three = ["a.so", "b.so", "c.so"].map(|name| sample("app", &module(name)));
    let found = doubts_of(&three.concat());
    assert!(
        found.contains("names without symbols and may not"),
        "{found}"
    );
}

#[test]
fn stacks_that_perf_cut_are_as_deep_as_it_keeps() {
    let frames = |count| "\t1 f (/app)\n".repeat(count);
    check(&perf(&sample("app", &frames(63))), &[]);
    let cut = "exactly 128 frames deep";
    check(&perf(&sample("app", &frames(127))), &[cut]);
}

#[test]
fn code_of_runtimes_without_names_is_told_of_with_their_flags() {
    let jit = |thread: &str, root: &str| {
        let frames = format!("\t1 [unknown] (/tmp/perf-77.map)\n\t2 {root} (/usr/bin/x)\n");
        perf(&sample(thread, &frames))
    };
    for (thread, root, flag) in [
        ("node", "node::Start", "node --perf-basic-prof"),
        (
            "C2",
            "JavaThread::run",
            "-XX:+UnlockDiagnosticVMOptions -XX:+DumpPerfMapAtExit",
        ),
        ("java", "begin", "-XX:+DumpPerfMapAtExit"),
        ("srv", "coreclr_execute_assembly", "DOTNET_PerfMapEnabled=1"),
        ("py", "_PyEval_EvalFrameDefault", "python -X perf"),
        ("what", "begin", "Python -X perf, .NET"),
    ] {
        check(&jit(thread, root), &[flag]);
    }
    // What unnamed code calls is its as well.
    let called = "\t1 memcpy (/libc)\n\t2 [unknown] (/tmp/perf-77.map)\n\t3 node::Start (/node)\n";
    let itself = "\t1 [unknown] (/tmp/perf-77.map)\n\t2 node::Start (/node)\n";
    let text = [called, called, called, itself].map(|frames| sample("node", frames));
    let says =
        "100 % of it runs in code that was made at run time, or is called by it (25 % in itself)";
    check(&perf(&text.concat()), &[says]);
    // A name that only begins like a runtime's is none of its.
    let other = "\t1 [unknown] (/tmp/perf-77.map)\n\t2 nodelist_walk (/app)\n";
    check(&perf(&sample("app", other)), &["let the runtime write"]);
    let frames = "\t1 long_add (/py)\n\t2 _PyEval_EvalFrameDefault (/py)\n\t3 main (/py)\n";
    check(&perf(&sample("python3", frames)), &["python -X perf"]);
}

#[test]
fn stacks_that_lack_their_callers_are_found() {
    let whole = read("main;run;f0;f1 1000");
    let cut = read("main;run;f0;f1 500\nf0;f1 500");
    let found = doubts_between(&whole, &cut).expect("half of it is cut");
    assert!(
        found.contains("0 % of the base and 50 % of the head") && found.contains("f0"),
        "{found}"
    );
    assert_eq!(doubts_between(&cut, &cut), None);
    assert_eq!(doubts_between(&whole, &read("start;other 5")), None);
}
