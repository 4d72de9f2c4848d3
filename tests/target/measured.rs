//! CPU time and memory of processes, against what the kernel says.

use std::fs;

use telemload::process::{CpuWindow, MeasureError, ProcessTree};

use crate::{Stage, all_end, until};

/// User and system time of one process, and those of the children that it waited for, in seconds.
fn stat_seconds(pid: i32) -> (f64, f64) {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let ticks: Vec<f64> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    // Without the state, the first number is the fourth field.
    let tick = rustix::param::clock_ticks_per_second() as f64;
    (
        (ticks[10] + ticks[11]) / tick,
        (ticks[12] + ticks[13]) / tick,
    )
}

fn close(measured: f64, stat: f64, what: &str) {
    assert!(
        (measured - stat).abs() <= 0.1 * stat,
        "{what}: {measured} s, /proc says {stat} s"
    );
}

#[tokio::test]
async fn cpu_of_a_busy_loop_agrees_with_the_kernel() {
    let stage = Stage::new();
    // Quiet until asked, so that the window holds all of it, and quiet again before its end.
    let script = "mkfifo $STAGE/ask; echo $$ >> $STAGE/pids; read line < $STAGE/ask
        i=0; while [ $i -lt 1000000 ]; do i=$((i+1)); done; echo x > $STAGE/done; exec sleep 1000";
    let mut handle = stage.start(script).await;
    let pid = stage.pids(1)[0];
    for tree in [
        ProcessTree::supervised(handle.pid()).unwrap(),
        ProcessTree::of(pid as u32).unwrap(),
    ] {
        assert_eq!(tree.pids().unwrap(), [pid as u32]);
    }
    let tree = ProcessTree::supervised(handle.pid()).unwrap();
    let before = stat_seconds(pid).0;
    let window = CpuWindow::begin(&tree).unwrap();
    let _fifo = stage.tell("ask");
    stage.lines("done", 1);
    let used = window.end().unwrap();
    close(used.cpu_seconds, stat_seconds(pid).0 - before, "window");
    close(used.cores * used.wall_seconds, used.cpu_seconds, "cores");
    close(
        ProcessTree::of(pid as u32)
            .unwrap()
            .read(None)
            .unwrap()
            .cpu_ns as f64
            / 1e9,
        stat_seconds(pid).0,
        "foreign",
    );
    handle.stop().await;
    assert_eq!(window.end(), Err(MeasureError::Ended(handle.pid())));
    assert_eq!(tree.read(None), Err(MeasureError::Ended(handle.pid())));
}

#[tokio::test]
async fn cpu_of_children_that_ended_is_counted_whoever_waited_for_them() {
    let stage = Stage::new();
    // The first is waited for by the process, the second is an orphan that only the supervisor can wait for.
    let burn = "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done";
    let script = format!(
        "mkfifo $STAGE/ask; echo $$ >> $STAGE/pids; read line < $STAGE/ask
        sh -c '{burn}'; echo x >> $STAGE/done
        (sh -c '{burn}; echo x >> $STAGE/done' & echo $! >> $STAGE/pids); exec sleep 1000"
    );
    let mut handle = stage.start(&script).await;
    let pid = stage.pids(1)[0];
    let window = CpuWindow::begin(&ProcessTree::supervised(handle.pid()).unwrap()).unwrap();
    let _fifo = stage.tell("ask");
    stage.lines("done", 2);
    all_end(&stage.pids(2)[1..]);
    let by_supervisor = until("the orphan to be waited for", || {
        let seconds = stat_seconds(handle.pid() as i32).1;
        (seconds > 0.0).then_some(seconds)
    });
    let (own, waited_for) = stat_seconds(pid);
    assert!(waited_for > 0.0);
    close(
        window.end().unwrap().cpu_seconds,
        own + waited_for + by_supervisor,
        "window",
    );
    handle.stop().await;
}

#[tokio::test]
async fn peak_memory_holds_what_was_allocated() {
    let stage = Stage::new();
    let script = "mkfifo $STAGE/out; exec dd if=/dev/zero of=$STAGE/out bs=64M count=1";
    let mut handle = stage.start(script).await;
    let _fifo = stage.fifo("out");
    let tree = until("dd", || ProcessTree::supervised(handle.pid()).ok());
    // The block is full before the first byte is written, and dd then waits for a reader.
    let memory = until("a peak of 64 MiB", || {
        tree.read(None)
            .ok()
            .map(|reading| reading.memory)
            .filter(|memory| memory.peak_bytes > 64 << 20)
    });
    assert!(
        memory.peak_bytes < 128 << 20 && memory.rss_bytes <= memory.peak_bytes,
        "{memory:?}"
    );
    handle.stop().await;
}

#[test]
fn a_peak_of_memory_is_that_of_the_window() {
    const BYTES: usize = 256 << 20;
    let tree = ProcessTree::of(std::process::id()).unwrap();
    drop(std::hint::black_box(vec![1u8; BYTES]));
    let before = tree.read(None).unwrap().memory.peak_bytes;
    assert!(before >= BYTES as u64, "{before}");
    tree.restart_peak();
    let after = tree.read(None).unwrap().memory.peak_bytes;
    assert!(after < BYTES as u64, "{after}");
}
