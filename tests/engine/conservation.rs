//! Whatever servers and users do, every request that was due is in one place, and nothing is sent in silence.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use telemload::engine::Engine;
use telemload::scenario::{Arrivals, LoadModel};
use telemload::transport::stream::{Endpoint, Place};

use crate::drive::{collect, collect_whatever_happens, drive as plan};

/// A mix in which some requests need what others bring.
const MIX: &str = r#"
[fleet.vans]
devices = 5
[[request]]
name = "free"
path = "/free"
weight = 2
[[request]]
name = "login"
fleet = "vans"
weight = 0
path = "/login"
extract = { token = "header:X-Token" }
[[request]]
name = "needs"
fleet = "vans"
path = "/needs"
headers = { X-Token = "{{token}}" }
"#;

/// What a server does with a request.
#[derive(Debug, Clone, Copy)]
enum Act {
    Answer,
    AnswerAndClose,
    Refuse,
    Unauthorized,
    Stall,
    Close,
    CloseInAnswer,
    Reset,
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => Just(Act::Answer),
        1 => Just(Act::AnswerAndClose),
        1 => Just(Act::Refuse),
        1 => Just(Act::Unauthorized),
        1 => Just(Act::Stall),
        1 => Just(Act::Close),
        1 => Just(Act::CloseInAnswer),
        1 => Just(Act::Reset),
    ]
}

/// Answers the n-th request that it reads as the n-th of `acts` says, in turn; tells where it listens, and how many it read that a
/// schedule asks for. What they need may become due behind the window, and is then not counted.
fn serve(acts: Vec<Act>) -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let scheduled = Arc::new(AtomicU64::new(0));
    let (count, acts) = (scheduled.clone(), Arc::new(acts));
    let turn = Arc::new(AtomicU64::new(0));
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let (count, turn, acts) = (count.clone(), turn.clone(), acts.clone());
            std::thread::spawn(move || converse(&stream, [&count, &turn], &acts));
        }
    });
    (address, scheduled)
}

fn converse(
    mut stream: &TcpStream,
    [scheduled, turn]: [&AtomicU64; 2],
    acts: &[Act],
) -> Option<()> {
    let mut buffer = [0; 2048];
    loop {
        // A request comes whole: it is one small write on loopback.
        let read = stream.read(&mut buffer).ok()?;
        if read == 0 {
            return None;
        }
        if !buffer[..read].starts_with(b"GET /login") {
            scheduled.fetch_add(1, Ordering::Relaxed);
        }
        let n = turn.fetch_add(1, Ordering::Relaxed) as usize;
        let act = acts[n % acts.len()];
        let status = match act {
            Act::Refuse => "503 No",
            Act::Unauthorized => "401 No",
            _ => "200 OK",
        };
        match act {
            Act::Close => return None,
            Act::Reset => {
                let zero = Some(Duration::ZERO);
                rustix::net::sockopt::set_socket_linger(stream, zero).ok()?;
                return None;
            }
            Act::Stall => std::thread::sleep(Duration::from_millis(70)),
            _ => {}
        }
        let answer = format!("HTTP/1.1 {status}\r\nX-Token: t\r\nContent-Length: 2\r\n\r\nok");
        let end = answer.len() - usize::from(matches!(act, Act::CloseInAnswer));
        stream.write_all(&answer.as_bytes()[..end]).ok()?;
        if matches!(act, Act::CloseInAnswer | Act::AnswerAndClose) {
            return None;
        }
    }
}

#[derive(Debug, Clone)]
struct Case {
    acts: Vec<Act>,
    load: String,
    instances: usize,
    stop_after: Option<u64>,
}

fn any_case() -> impl Strategy<Value = Case> {
    let model = prop_oneof![
        Just("model = \"closed\"".to_owned()),
        (50u32..1_500).prop_map(|rate| format!("model = \"open\"\nrate = \"{rate}/s\"")),
        (50u32..1_500).prop_map(|rate| format!(
            "model = \"open\"\nrate = \"{rate}/s\"\narrivals = \"poisson\""
        )),
    ];
    let shape = (1u32..4, 0u32..5, 1usize..4, any::<bool>());
    let limits = (
        prop::option::weighted(0.3, 1u32..80),
        prop::option::weighted(0.3, 0u64..100),
        prop_oneof![Just(0u32), Just(30)],
    );
    (
        prop::collection::vec(any_act(), 1..40),
        model,
        shape,
        limits,
    )
        .prop_map(
            |(acts, model, (workers, more, instances, keep_alive), (requests, stop_after, warmup))| {
                let connections = workers * instances as u32 + more;
                let requests = requests.map_or(String::new(), |n| format!("requests = {n}\n"));
                let load = format!(
                    "{model}\nconnections = {connections}\nworkers = {workers}\nkeep_alive = {keep_alive}\n{requests}\
                     duration = \"100ms\"\nwarmup = \"{warmup}ms\"\ntimeout = \"50ms\""
                );
                Case {
                    acts,
                    load,
                    instances,
                    stop_after,
                }
            },
        )
}

fn check(case: &Case) {
    let servers: Vec<_> = (0..case.instances)
        .map(|_| serve(case.acts.clone()))
        .collect();
    let mut drive = plan(servers[0].0, &case.load, MIX);
    let endpoints = servers.iter().map(|(address, _)| Endpoint {
        place: Place::Tcp(*address),
        tls: None,
    });
    drive.endpoints = endpoints.collect();
    let engine = Engine::start(&drive).expect("threads can be started");
    if let Some(ms) = case.stop_after {
        std::thread::sleep(Duration::from_millis(ms));
        engine.stop();
    }
    // It holds the report against what is always true, request by request.
    let report = collect(engine);
    let read: u64 = servers
        .iter()
        .map(|(_, read)| read.load(Ordering::Relaxed))
        .sum();
    let total = &report.total;
    if drive.load.warmup.is_zero() && case.stop_after.is_none() {
        let sent = total.sent - report.by_request[1].sent;
        assert!(read <= sent + report.total.resent, "{read}: {report:?}");
    }
    // A schedule that nobody cuts short is due as a whole.
    if let (
        LoadModel::Open {
            pace,
            arrivals: Arrivals::Constant,
        },
        None,
        None,
    ) = (&drive.load.model, drive.load.requests, case.stop_after)
    {
        let planned = pace.highest().per_second() * drive.load.duration.as_secs_f64();
        let scheduled = (total.due - total.needed) as f64;
        assert!((scheduled - planned).abs() <= 1.0, "{planned}: {report:?}");
    }
    assert!(
        total.completed_ok <= total.ok + u64::from(drive.load.connections) + 45,
        "{report:?}"
    );
    assert!(report.end().window.seconds() <= 0.1 + 1e-9);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 20, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_request_that_was_due_is_in_one_place(case in any_case()) {
        check(&case);
    }
}

#[test]
fn what_was_counted_before_a_worker_failed_is_kept() {
    for model in ["model = \"closed\"", "model = \"open\"\nrate = \"1000/s\""] {
        // The answer to one request in ten or so is extracted into a variable that there is not, which is a fault of telemload.
        let (address, read) = serve(vec![Act::Answer]);
        let load = format!("{model}\nconnections = 6\nworkers = 2\nduration = \"60s\"");
        let mut drive = plan(address, &load, MIX);
        let mut requests = drive.requests.to_vec();
        requests[0].weight = 200;
        requests[1].weight = 1;
        requests[1].extract[0].variable = 7;
        requests[2].weight = 0;
        drive.requests = requests.into();
        let engine = Engine::start(&drive).expect("threads can be started");
        let report = collect_whatever_happens(engine);
        let failure = report.end().failure.as_deref().expect("a worker failed");
        assert!(
            failure.contains("worker") && failure.contains("panicked"),
            "{failure}"
        );
        let read = read.load(Ordering::Relaxed);
        let total = &report.total;
        assert!(total.ok > 0, "{report:?}");
        // The server counts no login. One that was under way was sent, and one that failed its worker is not among what was.
        let under_way = total.in_flight_at_end;
        assert!(
            (read..=read + under_way).contains(&total.sent),
            "{read}: {report:?}"
        );
        assert_eq!(report.ended, 2, "{report:?}");
        assert!(report.end().window.seconds() < 30.0, "{report:?}");
    }
}
