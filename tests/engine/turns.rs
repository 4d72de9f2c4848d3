//! Two loads that take turns: neither sends in the other's, and both send the same requests.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use telemload::engine::{Drive, Engine, now_ns};
use telemload::metrics::{Slices, Timetable};

use crate::drive::{Report, collect, drive as plan};

const REQUEST: &str = "[[request]]\nname = \"numbered\"\npath = \"/{{seq}}\"\n";

/// A server that notes when each request came, and which one it was.
struct Noting {
    address: SocketAddr,
    came: Arc<Mutex<Vec<(u64, u64)>>>,
}

impl Noting {
    /// Each answer takes so long.
    fn start(pause: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let came = Arc::default();
        let notes = Arc::clone(&came);
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let notes = Arc::clone(&notes);
                std::thread::spawn(move || converse(stream, pause, &notes));
            }
        });
        Self { address, came }
    }

    /// Numbers and times, by time.
    fn came(&self) -> Vec<(u64, u64)> {
        let mut came = self.came.lock().expect("nobody panics with it").clone();
        came.sort_unstable_by_key(|(_, at)| *at);
        came
    }
}

/// Requests are small, and one comes when the one before it was answered.
fn converse(mut stream: TcpStream, pause: Duration, notes: &Mutex<Vec<(u64, u64)>>) {
    let mut buffer = [0; 1_024];
    while let Ok(n) = stream.read(&mut buffer)
        && n > 0
    {
        let at = now_ns();
        let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
        let number = text.split(['/', ' ']).nth(2).map(str::parse);
        let number = number.expect("a path").expect("a number");
        notes
            .lock()
            .expect("nobody panics with it")
            .push((number, at));
        std::thread::sleep(pause);
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        if stream.write_all(answer).is_err() {
            return;
        }
    }
}

const CONNECTIONS: u64 = 4;

fn table() -> Timetable {
    let slices = Slices {
        dropped: 4,
        measured: 16,
    };
    Timetable::new(Duration::from_millis(40), Duration::from_millis(5), slices)
}

/// What a load counted, and what its server noted.
type Driven = (Report, Vec<(u64, u64)>);

/// Drives two servers in turns; when both loads began is told too.
fn drive(load: &str, pause: Duration) -> (Vec<Driven>, u64) {
    let servers = [Noting::start(pause), Noting::start(pause)];
    let tables = [table(), table().other()];
    let drive = |at: usize| Drive {
        turns: Some(tables[at]),
        ..plan(servers[at].address, load, REQUEST)
    };
    let (first, second) = (drive(0), drive(1));
    let engines = Engine::start_together([&first, &second]).expect("threads can be started");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime can be made");
    let windows = engines
        .each_ref()
        .map(|engine| runtime.block_on(engine.ready()));
    assert_eq!(windows[0], windows[1], "both begin at one instant");
    let begin = windows[0].start - table().start();
    let reports = engines.map(collect).into_iter();
    let noted = servers.iter().map(Noting::came);
    (reports.zip(noted).collect(), begin)
}

/// How many requests came between the turns of a load, by the beginning of the time between them. A request that was sent in a turn may come
/// later on a busy machine, one for each connection.
fn strays(turns: Timetable, begin: u64, came: &[(u64, u64)]) -> Vec<u64> {
    let mut strays = std::collections::BTreeMap::<u64, u64>::new();
    for (_, at) in came {
        let offset = at
            .checked_sub(begin)
            .expect("nothing is sent before the beginning");
        if !turns.may_send(offset) {
            *strays
                .entry(turns.next_turn(offset).unwrap_or(u64::MAX))
                .or_default() += 1;
        }
    }
    strays.into_values().collect()
}

#[test]
fn no_closed_loop_sends_in_the_turns_of_the_other() {
    for workers in [1, 2] {
        let load = format!(
            "model = \"closed\"\nconnections = {CONNECTIONS}\nworkers = {workers}\nduration = \"1s\""
        );
        let (arms, begin) = drive(&load, Duration::from_micros(500));
        for ((report, came), turns) in arms.iter().zip([table(), table().other()]) {
            let strays = strays(turns, begin, came);
            assert!(
                strays.iter().all(|&count| count <= CONNECTIONS),
                "{strays:?}"
            );
            // Every request that was due is counted once; those of the turns that are dropped came too.
            let total = &report.total;
            assert_eq!((total.due, total.ok), (total.sent, total.due), "{report:?}");
            let dropped = came.iter().filter(|(_, at)| *at < begin + turns.start());
            let dropped = dropped.count() as u64;
            let rest = came.len() as u64 - total.due;
            assert!(rest.abs_diff(dropped) <= CONNECTIONS, "{rest} of {dropped}");
            assert!(dropped > 0 && total.due > 0);
            // What was answered between its turns is no throughput.
            assert!(total.completed_ok <= total.ok);
            assert!(total.completed_ok + 8 * CONNECTIONS >= total.ok);
            // In a closed loop nothing waits, also not from one turn to the next.
            assert_eq!(total.queue_wait.max(), 0);
            // The requests of each are numbered from 0 on, without a gap but between workers.
            let numbers: std::collections::BTreeSet<u64> = came.iter().map(|(n, _)| *n).collect();
            assert_eq!(numbers.len(), came.len());
            assert!(workers > 1 || numbers.last() == Some(&(came.len() as u64 - 1)));
        }
    }
}

#[test]
fn open_loops_in_turns_send_the_same_requests_at_the_same_times_of_their_own() {
    for arrivals in ["constant", "poisson"] {
        let load = format!(
            "model = \"open\"\nrate = \"990/s\"\nconnections = 8\narrivals = \"{arrivals}\"\nduration = \"1s\""
        );
        let (arms, begin) = drive(&load, Duration::ZERO);
        let [(base, first), (head, second)] = &arms[..] else {
            panic!("there are two");
        };
        let numbers = |came: &[(u64, u64)]| {
            came.iter()
                .map(|(n, _)| *n)
                .collect::<std::collections::BTreeSet<u64>>()
        };
        assert_eq!(numbers(first), numbers(second), "{arrivals}");
        assert_eq!(base.total.due, head.total.due);
        if arrivals == "constant" {
            // 40 ms at 990/s are 39.6 requests; 8 of 10 turns are measured.
            assert_eq!(first.len(), 396);
            assert!(base.total.due.abs_diff(8 * 396 / 10) <= 1, "{base:?}");
        }
        for ((_, came), turns) in arms.iter().zip([table(), table().other()]) {
            let early = came
                .iter()
                .filter(|(_, at)| *at < begin + turns.next_turn(0).unwrap_or(0));
            assert_eq!(early.count(), 0, "nothing is sent before the first turn");
        }
    }
}

/// Reads what is sent and never answers.
fn deaf() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept() {
            kept.push(stream);
        }
    });
    address
}

#[test]
fn a_load_that_is_stopped_ends_the_other_too_though_it_waits_for_its_turn() {
    let load = "model = \"closed\"\nconnections = 2\nduration = \"1s\"\ntimeout = \"20s\"";
    let long = Slices {
        dropped: 0,
        measured: 8,
    };
    let turns = Timetable::new(Duration::from_secs(3_000), Duration::ZERO, long);
    let [first, second] = [turns, turns.other()].map(|turns| Drive {
        turns: Some(turns),
        ..plan(deaf(), load, REQUEST)
    });
    let [first, second] =
        Engine::start_together([&first, &second]).expect("threads can be started");
    first.stop();
    let (first, second) = (collect(first), collect(second));
    assert_eq!(second.total.due, 0);
    assert_eq!(first.total.ok, 0);
}

#[test]
fn the_end_of_one_load_leaves_the_answers_of_the_other_time_to_come() {
    let load = "model = \"closed\"\nconnections = 2\nduration = \"1s\"\ntimeout = \"60s\"";
    let slices = Slices {
        dropped: 0,
        measured: 8,
    };
    let turns = Timetable::new(Duration::from_millis(40), Duration::ZERO, slices);
    // Answers of the second one come long after the last turn.
    let servers = [Duration::ZERO, Duration::from_secs(2)].map(Noting::start);
    let [first, second] = [turns, turns.other()];
    let first = Drive {
        turns: Some(first),
        ..plan(servers[0].address, load, REQUEST)
    };
    let second = Drive {
        turns: Some(second),
        ..plan(servers[1].address, load, REQUEST)
    };
    let engines = Engine::start_together([&first, &second]).expect("threads can be started");
    let [_, second] = engines.map(collect);
    assert_eq!((second.total.due, second.total.ok), (2, 2));
}
