//! Profiles of which the numbers, names and stacks are not what they seem: what is said of them, and what is not called a change.

use crate::bed::TestBed;

/// A comparison of two texts: what stands in it, and what does not.
#[track_caller]
fn compared(base: &str, head: &str, args: &[&str], holds: &[&str], lacks: &[&str]) {
    let outcome = TestBed::new()
        .file("a", base)
        .file("b", head)
        .args(["compare", "a", "b"])
        .args(args)
        .run()
        .expect(0, &[]);
    for words in holds {
        assert!(
            outcome.stdout.contains(words),
            "no {words:?}: {}",
            outcome.stdout
        );
    }
    for words in lacks {
        assert!(
            !outcome.stdout.contains(words),
            "{words:?}: {}",
            outcome.stdout
        );
    }
}

#[test]
fn numbers_are_counts_only_where_they_look_like_it() {
    let ns = "main;hot 70000000\nmain;rest 30000000\n";
    let top = |args: &[&str], status, out: &[&str], err: &[&str]| {
        let outcome = TestBed::new()
            .file("ns", ns)
            .file("perf", "web 33 1.6: cycles:u:\n\t55 g (x)\n")
            .args(["flame", "top"])
            .args(args)
            .run()
            .expect(status, err);
        for words in out {
            assert!(
                outcome.stdout.contains(words),
                "no {words:?}: {}",
                outcome.stdout
            );
        }
    };
    top(
        &["ns"],
        0,
        &["about 10 samples, 100,000,000 units"],
        &[
            "ns: its numbers are taken for multiples of 10,000,000, each one sample; --value says what they are (samples, ns, bytes, period)",
        ],
    );
    top(
        &["ns", "--value", "ns"],
        0,
        &["about 10 samples, 100 ms"],
        &[],
    );
    top(
        &["ns", "--value", "bytes"],
        0,
        &[
            "2 records, 95.4 MiB",
            "how many samples they are is not known",
        ],
        &[],
    );
    top(
        &["ns", "--value", "samples"],
        0,
        &["100,000,000 samples"],
        &[],
    );
    top(
        &["ns", "--value", "x"],
        2,
        &[],
        &["it is one of samples, ns, bytes, period"],
    );
    top(
        &["perf", "--value", "ns"],
        2,
        &[],
        &[
            "perf: --value says what the numbers of profile.proto and of folded stacks are; this format says it itself: leave --value out",
        ],
    );
    compared(
        ns,
        "main;hot 30000000\nmain;rest 70000000\n",
        &[],
        &[
            "no detectable change in 3 functions",
            "(about 10 samples and about 10 samples)",
        ],
        &[],
    );
}

#[test]
fn names_that_differ_from_run_to_run_are_no_changes() {
    for (base, head) in [
        (
            "Thread.run;Foo$$Lambda$312+0x0000000800c03000.apply;work 600\nThread.run;$Proxy45.get 400\n",
            "Thread.run;Foo$$Lambda$487+0x0000000801291c00.apply;work 600\nThread.run;$Proxy41.get 400\n",
        ),
        (
            "java;Foo.run_[i];Foo.work_[i] 700\njava;Foo.run_[j];sys_read_[k] 300\n",
            "java;Foo.run_[j];Foo.work_[j] 700\njava;Foo.run_[0];sys_read 300\n",
        ),
        (
            "serve (server.py:41);check (server.py:63) 700\nserve (server.py:41);loads (server.py:9) 300\n",
            "serve (server.py:44);check (server.py:66) 700\nserve (server.py:44);loads (server.py:12) 300\n",
        ),
        (
            "[http-nio-8080-exec-1 tid=31];work 500\n[http-nio-8080-exec-2 tid=32];work 500\n",
            "[http-nio-8080-exec-7 tid=91];work 1000\n",
        ),
    ] {
        compared(
            base,
            head,
            &[],
            &["no detectable change in"],
            &["names do not seem to match", "–  ", "itself:"],
        );
    }
}

#[test]
fn stacks_that_cannot_be_trusted_are_said() {
    compared(
        "main;run;f0;f1 1000\n",
        "main;run;f0;f1 500\nf0;f1 500\n",
        &[],
        &[
            "stacks are cut off: 0 % of the base and 50 % of the head begin at functions that are called elsewhere, such as f0",
        ],
        &[],
    );
    compared(
        "node;(idle) 800\nnode;work 200\n",
        "node;(idle) 400\nnode;work 600\n",
        &[],
        &[
            "the profile of the head: 40 % of it is time that was waited and no work (40 % in (idle))",
        ],
        &[],
    );
    compared(
        "old::main;f 900\nold::main;g 100\n",
        "new::main;f 900\nnew::main;g 100\n",
        &[],
        &[
            "names do not seem to match: 100 % of the base and 100 % of the head are in stacks with functions that the other side does not have",
        ],
        &[],
    );
}

#[test]
fn several_files_of_a_side_are_its_slices() {
    let unsliced = "is not in slices";
    let stacks = "main;f 300\nmain;g 700\n";
    compared(stacks, stacks, &[], &[unsliced], &[]);
    let mut bed = TestBed::new();
    for name in ["a1", "a2", "a3", "b1", "b2", "b3"] {
        bed = bed.file(name, stacks);
    }
    let outcome = bed
        .args(["compare", "a1,a2,a3", "b1,b2,b3"])
        .run()
        .expect(0, &[]);
    assert!(!outcome.stdout.contains(unsliced), "{}", outcome.stdout);
    assert!(
        outcome.stdout.contains("(3,000 samples and 3,000 samples)"),
        "{}",
        outcome.stdout
    );
    let bed = TestBed::new().file("a1", stacks);
    bed.args(["flame", "diff", "a1,gone", "a1", "-o", "d.html"])
        .run()
        .expect(2, &["cannot read gone"]);
}

#[test]
fn what_changed_with_its_callees_stands_before_what_is_too_rare() {
    compared(
        "main;x;p 3000\nmain;y;p 1000\nmain;q1 3\nmain;z 5970\n",
        "main;x;p 1000\nmain;y;p 3000\nmain;q2 3\nmain;z 5970\n",
        &[],
        &["x with what it calls: -20", "y with what it calls: +20"],
        &[],
    );
    compared(
        "main;parse;inner 4000\nmain;other 6000\n",
        "main;parse 4000\nmain;other 6000\n",
        &[],
        &["inner is part of its caller parse on one side, as after inlining"],
        &[],
    );
}
