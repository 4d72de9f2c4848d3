//! What the engine counts when it drives servers that behave, stall, break and vanish, over real sockets.

#[path = "support/drive.rs"]
pub mod drive;
#[path = "support/hostile.rs"]
pub mod hostile;

#[path = "engine/conservation.rs"]
mod conservation;
#[path = "engine/expected.rs"]
mod expected;
#[path = "engine/moved.rs"]
mod moved;
#[path = "engine/odd_answers.rs"]
mod odd_answers;
#[path = "engine/own_time.rs"]
mod own_time;
#[path = "engine/repeated.rs"]
mod repeated;
#[path = "engine/turns.rs"]
mod turns;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use drive::{GET, Report, TELEMETRY, collect, drive as plan, run};
use hostile::{Behaviour, OK, Point, Server};
use telemload::engine::{Engine, Rendered, Source, now_ns};
use telemload::metrics::{ErrorKind, latency_quantiles, value_at};
use telemload::pacer::{Pacer, Schedule};
use telemload::scenario::LoadModel;
use telemload::traffic::template::Secrets;
use telemload::transport::stream::{Endpoint, Place};

const MS: u64 = 1_000_000;

fn ok() -> Server {
    Server::start(Behaviour::Canned(OK))
}

/// An address at which nothing listens, as long as the socket is kept.
fn deaf() -> (std::os::fd::OwnedFd, SocketAddr) {
    use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
    let address = getsockname(&socket).expect("it is bound");
    (
        socket,
        SocketAddr::try_from(address).expect("it is an IPv4 address"),
    )
}

#[test]
fn a_number_of_requests_is_sent_exactly() {
    for (connections, workers, warmup) in [(1, 1, 0), (8, 1, 0), (5, 2, 0), (4, 1, 60), (4, 2, 60)]
    {
        let server = ok();
        let load = format!(
            "model = \"closed\"\nrequests = 203\nconnections = {connections}\nworkers = {workers}\nwarmup = \"{warmup}ms\""
        );
        let report = run(server.addr, &load, GET);
        let case = format!("{load}\n{report:?}");
        assert_eq!((report.total.due, report.total.ok), (203, 203), "{case}");
        if warmup == 0 {
            assert_eq!(server.request_count(), 203, "{case}");
        } else {
            assert!(server.request_count() > 203, "{case}");
        }
        assert_eq!(server.connections(), connections, "{case}");
        assert_eq!(report.end().opening.count(), connections as u64);
        // The window ends with the last of them, long before the hour that is the default.
        assert!(report.end().window.seconds() < 60.0, "{case}");
        // What was under way at the window's start completed in it.
        let more = report.total.completed_ok - 203;
        assert!(
            more <= connections as u64 && (warmup > 0 || more == 0),
            "{case}"
        );
    }
}

#[test]
fn a_closed_loop_fills_its_window() {
    for workers in [1, 2] {
        let server = ok();
        let load = format!(
            "model = \"closed\"\nconnections = 4\nworkers = {workers}\nduration = \"420ms\""
        );
        let report = run(server.addr, &load, GET);
        let total = &report.total;
        assert_eq!(total.due, server.request_count() as u64, "{report:?}");
        assert_eq!(total.ok, total.due);
        assert!(total.sent_in_window + 4 >= total.due);
        assert!(total.completed_ok <= total.ok && total.completed_ok + 4 >= total.ok);
        assert_eq!(total.queue_wait.max(), 0);
        assert_eq!(report.end().window.seconds(), 0.42);
        // Nine intervals of the window and one for what ended after it, of each worker; one that a busy machine kept
        // from running leaves some out.
        assert_eq!(report.completed.last_key_value(), Some((&9, &0)));
        assert!(report.completed.values().filter(|&&n| n > 0).count() >= 3);
        assert!((3 * workers..=10 * workers).contains(&report.intervals));
        assert_eq!(report.completed.values().sum::<u64>(), total.completed_ok);
        // Each worker needs one to fill and one on its way; the rest is slack.
        assert!(report.places.len() <= 4 * workers, "{report:?}");
        assert!(report.end().generator_cores > 0.0);
        assert!(report.end().busiest_worker <= report.end().generator_cores);
    }
}

#[test]
fn a_window_without_the_wanted_number_of_requests_is_not_shortened() {
    // Each answer takes twice as long as the window.
    let server = Server::start(Behaviour::Slow(OK, Duration::from_millis(10)));
    let load = "model = \"closed\"\nconnections = 2\nrequests = 1000000\nduration = \"200ms\"";
    let report = run(server.addr, load, GET);
    assert_eq!((report.total.ok, report.total.completed_ok), (2, 0));
    assert_eq!(report.end().window.seconds(), 0.2);
}

#[test]
fn an_open_loop_sends_what_its_schedule_says() {
    for (rate, connections, workers, warmup) in [
        (500, 4, 1, 0),
        (500, 4, 2, 0),
        (1_000, 64, 1, 100),
        (20, 1, 1, 0),
    ] {
        let server = ok();
        let load = format!(
            "model = \"open\"\nrate = \"{rate}/s\"\nconnections = {connections}\nworkers = {workers}\nduration = \"400ms\"\nwarmup = \"{warmup}ms\""
        );
        let report = run(server.addr, &load, GET);
        let expected = rate * 400 / 1_000;
        assert_eq!(
            (report.total.due, report.total.ok),
            (expected, expected),
            "{report:?}"
        );
        assert_eq!(
            server.request_count() as u64,
            expected + rate * warmup / 1_000
        );
        assert!(report.end().opening.count() <= connections);
        assert!(
            now_ns() >= report.end().window.end,
            "a window lasts as long as planned"
        );
        assert_eq!(report.end().window.seconds(), 0.4);
    }
}

#[test]
fn an_open_loop_ends_with_its_number_of_requests() {
    let server = ok();
    let load = "model = \"open\"\nrate = \"500/s\"\nrequests = 51\nconnections = 4\nworkers = 2";
    let report = run(server.addr, load, GET);
    assert_eq!((report.total.due, report.total.ok), (51, 51), "{report:?}");
    assert_eq!(server.request_count(), 51);
    assert!(report.end().window.seconds() < 60.0, "{report:?}");
}

#[test]
fn independent_arrivals_follow_their_seed() {
    let load = "model = \"open\"\nrate = \"400/s\"\narrivals = \"poisson\"\nconnections = 16\nworkers = 2\nduration = \"300ms\"";
    let server = ok();
    let drive = plan(server.addr, load, GET);
    let LoadModel::Open { pace, arrivals } = &drive.load.model else {
        panic!("the load is open");
    };
    let schedule = Schedule::new(pace, drive.load.warmup);
    let of_worker = |worker| {
        let mut pacer = Pacer::new(schedule.clone(), *arrivals, drive.seed, worker, 2);
        std::iter::from_fn(|| Some(pacer.take()))
            .take_while(|due| due.offset_ns < 300 * MS)
            .count()
    };
    let due = of_worker(0) + of_worker(1);
    for _ in 0..2 {
        let report = run(server.addr, load, GET);
        assert_eq!(
            (report.total.due, report.total.ok),
            (due as u64, due as u64)
        );
    }
}

#[test]
fn stages_send_what_they_planned() {
    for (arrivals, workers) in [
        ("\"constant\"", 1),
        ("\"constant\"", 2),
        ("{ burst = 10 }", 2),
    ] {
        let server = ok();
        let load = format!(
            "model = \"open\"\nrate = \"200/s\"\narrivals = {arrivals}\nconnections = 32\nworkers = {workers}\nwarmup = \"100ms\"\n\
             stages = [{{ to = \"1000/s\", over = \"200ms\" }}, {{ hold = \"100ms\" }}, {{ to = \"0/s\", over = \"100ms\" }}]"
        );
        let report = run(server.addr, &load, GET);
        let total = &report.total;
        assert_eq!((total.due, total.ok), (120 + 100 + 50, 270), "{report:?}");
        assert_eq!(server.request_count(), 290, "{report:?}");
        assert_eq!(report.end().window.seconds(), 0.4);
    }
}

#[test]
fn a_rate_beyond_the_generators_reach_neither_starves_nor_hides_anything() {
    let server = ok();
    let load = "model = \"open\"\nrate = \"1000000/s\"\nconnections = 2\nworkers = 1\nduration = \"100ms\"\ntimeout = \"100ms\"";
    let report = run(server.addr, load, GET);
    assert_eq!(report.total.due, 100_000, "{report:?}");
    assert!(
        report.total.ok > 0 && report.total.not_sent > 0,
        "{report:?}"
    );
    assert_eq!(server.request_count() as u64, report.total.sent);
}

#[test]
fn a_few_requests_say_nothing_of_the_workers_cpu_and_end_every_worker() {
    let server = ok();
    let load = "model = \"closed\"\nrequests = 3\nconnections = 2\nworkers = 2";
    let report = run(server.addr, load, GET);
    assert_eq!((report.total.ok, report.ended), (3, 2), "{report:?}");
    let end = report.end();
    assert_eq!(
        (end.busiest_worker, end.worker_wait),
        (0.0, None),
        "{end:?}"
    );
}

#[test]
fn a_mix_is_counted_by_request() {
    let server = ok();
    let mix = format!("{GET}weight = 3\n{TELEMETRY}");
    let load = "model = \"closed\"\nrequests = 400\nconnections = 4\nworkers = 1";
    let report = run(server.addr, load, &mix);
    let posts = server
        .requests()
        .iter()
        .filter(|request| request.head.starts_with("POST"))
        .count() as u64;
    assert_eq!(report.due_by_request, [400 - posts, posts]);
    assert!((60..140).contains(&posts), "{posts}");
    // A load's own weights go before those of the requests.
    let load = format!("{load}\nweights = {{ get = 0 }}");
    assert_eq!(run(server.addr, &load, &mix).due_by_request, [0, 400]);
}

#[test]
fn a_stall_is_reported_as_it_is() {
    const RATE: f64 = 500.0;
    let server = Server::start(Behaviour::Stall {
        stall: Duration::from_millis(150),
        every: Duration::from_secs(1),
        answer: OK,
    });
    let load = format!(
        "model = \"open\"\nrate = \"{RATE}/s\"\nconnections = 2\nworkers = 1\nduration = \"4s\""
    );
    let report = run(server.addr, &load, GET);
    let total = &report.total;
    assert_eq!((total.due, total.ok), (2_000, 2_000));
    // S - (1 - q) T (1 - rho); rho, the rate over the capacity of the two connections, is left out: below 0.1.
    for (quantile, expected_ms) in [(0.95, 100.0), (0.99, 140.0)] {
        let latency = value_at(&total.latency, quantile) / 1e3;
        let waited = value_at(&total.queue_wait, quantile) / 1e3;
        assert!(
            (latency - expected_ms).abs() < 15.0,
            "{quantile}: {latency} ms"
        );
        assert!(
            (waited - expected_ms).abs() < 15.0,
            "{quantile}: {waited} ms waited"
        );
    }
    // Only what was on the way when a stall began saw it: 2 of each 500.
    let served = value_at(&total.service_time, 0.98) / 1e3;
    assert!(served < 40.0, "{served} ms");
}

#[test]
fn requests_that_an_overloaded_server_never_got_are_in_the_tail() {
    // 26 bytes, one a millisecond: some 70 answers a second over two connections.
    let server = Server::start(Behaviour::Slow(
        b"HTTP/1.1 204 No Cont\r\n\r\n",
        Duration::from_millis(1),
    ));
    let load = "model = \"open\"\nrate = \"500/s\"\nconnections = 2\nworkers = 1\nduration = \"300ms\"\ntimeout = \"200ms\"";
    let report = run(server.addr, load, GET);
    let total = &report.total;
    assert_eq!((total.due, total.failed), (150, 0), "{report:?}");
    assert!(total.ok > 2 && total.not_sent > 50, "{report:?}");
    assert_eq!(server.request_count() as u64, total.sent);
    assert!(
        total.sent > total.sent_in_window,
        "the backlog is drained after the window"
    );
    let (latency, exact_below) = latency_quantiles(total);
    assert!(exact_below > 0.0 && exact_below < 0.7, "{exact_below}");
    assert_eq!(latency.len(), 150);
    // Each waited from its intended start to the end of the drain, which is 200 ms after the last was due.
    assert!(total.censored.min() >= 199 * MS, "{report:?}");
    assert!(total.censored.max() >= 250 * MS, "{report:?}");
    assert!(
        now_ns() < report.end().window.end + 5_000 * MS,
        "the run ends with the drain"
    );
}

#[test]
fn a_connection_that_the_server_gives_up_is_opened_again() {
    const CLOSE: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
    let closed = "model = \"closed\"\nrequests = 60\nconnections = 2\nworkers = 1";
    let open =
        "model = \"open\"\nrate = \"300/s\"\nconnections = 2\nworkers = 1\nduration = \"200ms\"";
    for load in [closed, open] {
        for (behaviour, most) in [
            (Behaviour::CloseAfter(3, OK), 3),
            (Behaviour::CloseAfter(1, OK), 1),
            (Behaviour::CloseAfter(1, CLOSE), 1),
            (Behaviour::CloseAfter(1, b"HTTP/1.1 200 OK\r\n\r\nhello"), 1),
        ] {
            let case = format!("{behaviour:?}, {load}");
            let server = Server::start(behaviour);
            // A server that closes as the next request comes has perhaps read it: only a safe one is sent again.
            let get = TELEMETRY.replace("path =", "method = \"GET\"\npath =");
            let report = run(server.addr, load, &get);
            assert_eq!(
                (report.total.due, report.total.ok),
                (60, 60),
                "{case}: {report:?}"
            );
            assert_eq!(server.request_count(), 60, "{case}");
            let opened = report.end().opening.count() as usize;
            assert_eq!(server.connections(), opened, "{case}");
            assert!(
                (60 / most..=60 / most + 2).contains(&opened),
                "{case}: {opened}"
            );
        }
    }
}

#[test]
fn a_request_that_is_sent_again_is_said_to_be() {
    // Reads the second request of each connection, does not answer it, and closes.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let served = std::thread::spawn(move || {
        for _ in 0..20 {
            let (mut stream, _) = listener.accept().expect("a connection comes");
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).expect("a request comes") > 0);
            stream.write_all(OK).expect("the answer is small");
            let _ = stream.read(&mut request);
        }
    });
    let load = "model = \"closed\"\nrequests = 20\nconnections = 1";
    let report = run(address, load, GET);
    assert_eq!((report.total.due, report.total.ok), (20, 20));
    assert_eq!(
        (report.total.resent, report.end().opening.count()),
        (19, 20)
    );
    served.join().expect("the server ends well");
}

#[test]
fn each_misbehaviour_has_its_kind_of_error() {
    use ErrorKind::{ClosedEarly, Malformed, Reset, Status, Timeout};
    let slow = Behaviour::Slow(OK, Duration::from_millis(50));
    let cases = [
        (Behaviour::Reset(Point::Accepted), Reset),
        (Behaviour::Reset(Point::RequestHead), Reset),
        (Behaviour::Reset(Point::Request), Reset),
        (Behaviour::Reset(Point::StatusLine), Reset),
        (Behaviour::Reset(Point::Headers), Reset),
        (Behaviour::Reset(Point::Body), Reset),
        (Behaviour::CloseAfter(1, b""), ClosedEarly),
        (Behaviour::CloseAfter(1, b"HTTP/1.1 2"), ClosedEarly),
        (
            Behaviour::CloseAfter(1, hostile::LENGTH_TOO_LARGE),
            ClosedEarly,
        ),
        (Behaviour::Canned(hostile::CONFLICTING_LENGTHS), Malformed),
        (Behaviour::Canned(hostile::BAD_CHUNK_SIZE), Malformed),
        (
            Behaviour::Canned(hostile::OVERFLOWING_CHUNK_SIZE),
            Malformed,
        ),
        (Behaviour::Canned(hostile::GARBAGE), Malformed),
        (Behaviour::EndlessHeaders, Malformed),
        (Behaviour::EndlessBody, Timeout),
        (Behaviour::Silent, Timeout),
        (slow, Timeout),
        (
            Behaviour::Canned(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"),
            Status,
        ),
    ];
    for (behaviour, kind) in cases {
        let case = format!("{behaviour:?}");
        let server = Server::start(behaviour);
        let load =
            "model = \"closed\"\nrequests = 6\nconnections = 2\nworkers = 1\ntimeout = \"150ms\"";
        let report = run(server.addr, load, TELEMETRY);
        assert_eq!(
            report.errors(),
            [(kind, 6)],
            "{case}: {:?}",
            report.exemplars
        );
        assert_eq!(
            (report.total.due, report.total.completed_ok),
            (6, 0),
            "{case}"
        );
        let timed_out = if kind == Timeout { 6 } else { 0 };
        assert_eq!(report.total.timed_out, timed_out, "{case}");
        assert_eq!(report.total.censored.len(), timed_out, "{case}");
        assert_eq!(report.total.failed_latency.len(), 6 - timed_out, "{case}");
        if kind == Timeout {
            assert!(report.total.censored.min() >= 149 * MS, "{case}");
        }
    }
}

#[test]
fn a_target_that_refuses_fails_every_due_request() {
    let (_socket, address) = deaf();
    for workers in [1, 2] {
        let load = format!(
            "model = \"open\"\nrate = \"400/s\"\nconnections = 4\nworkers = {workers}\nduration = \"300ms\""
        );
        let report = run(address, &load, GET);
        assert_eq!(report.total.due, 120);
        assert_eq!(
            report.errors(),
            [(ErrorKind::ConnectRefused, 120)],
            "{report:?}"
        );
        assert_eq!(report.end().opening.count(), 0);
    }
    let load = "model = \"closed\"\nconnections = 2\nworkers = 1\nduration = \"300ms\"";
    let report = run(address, load, GET);
    let failed = report.total.failed;
    assert_eq!(report.errors(), [(ErrorKind::ConnectRefused, failed)]);
    // Each pauses for 10 ms.
    assert!((1..=62).contains(&failed), "{failed} attempts are a storm");
    assert!(report.exemplars[&ErrorKind::ConnectRefused].contains(&address.to_string()));
}

#[test]
fn a_target_that_does_not_accept_times_out() {
    use rustix::net::listen;
    let (socket, address) = deaf();
    listen(&socket, 0).expect("a bound socket can listen");
    let mut queued = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        queued.push(stream);
    }
    let closed =
        "model = \"closed\"\nrequests = 4\nconnections = 2\nworkers = 1\ntimeout = \"50ms\"";
    let report = run(address, closed, GET);
    assert_eq!(
        report.errors(),
        [(ErrorKind::ConnectTimeout, 4)],
        "{report:?}"
    );
    let open = "model = \"open\"\nrate = \"40/s\"\nconnections = 8\nworkers = 1\ntimeout = \"100ms\"\nduration = \"200ms\"";
    let report = run(address, open, GET);
    let failed = report.total.failed;
    assert_eq!(report.total.due, 8);
    assert_eq!(
        report.errors(),
        [(ErrorKind::ConnectTimeout, failed)],
        "{report:?}"
    );
    assert_eq!(report.total.not_sent + failed, 8);
}

#[test]
fn an_answer_that_comes_before_the_body_was_sent_counts() {
    const TOO_LARGE: &[u8] = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n";
    let body = "x".repeat(8 << 20);
    let post = format!("[[request]]\nname = \"p\"\npath = \"/\"\nbody = \"{body}\"\n");
    let load = "model = \"closed\"\nrequests = 6\nconnections = 1";
    let server = Server::start(Behaviour::Early(TOO_LARGE));
    let report = run(server.addr, load, &post);
    assert_eq!(
        report.errors(),
        [(ErrorKind::Status, 6)],
        "{:?}",
        report.exemplars
    );
    assert_eq!(report.total.status.get(&413), Some(&6));
    drop(server);

    // Closed with the body unread, which resets the connection behind the answer.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let served = std::thread::spawn(move || {
        for _ in 0..6 {
            let (mut stream, _) = listener.accept().expect("a connection comes");
            let mut head = [0; 1024];
            let read = stream.read(&mut head).expect("a request comes");
            assert!(read > 0);
            stream.write_all(TOO_LARGE).expect("the answer is small");
        }
    });
    let report = run(address, load, &post);
    assert_eq!(
        report.errors(),
        [(ErrorKind::Status, 6)],
        "{:?}",
        report.exemplars
    );
    served.join().expect("the server ends well");
}

#[test]
fn an_unexpected_status_is_shown_with_its_body_and_without_the_secret() {
    let drive = plan(
        "127.0.0.1:1".parse().expect("an address"),
        "model = \"closed\"\nrequests = 1\nconnections = 1",
        TELEMETRY,
    );
    let mut source = Source::new(
        drive.requests,
        drive.rosters,
        &drive.authority,
        drive.seed,
        Secrets::Sent,
    );
    let mut sent = Rendered::default();
    source.render(0, 0, &mut sent);
    let sent = String::from_utf8(sent.bytes().to_vec()).expect("the request is text");
    let (_, rest) = sent
        .split_once("X-Device-Token: ")
        .expect("a token is sent");
    let secret = rest.lines().next().expect("the token has a line");
    assert!(secret.len() >= 16);
    for padding in [0, 100, 230, 250] {
        let body = format!("no such token {}{secret} as was sent", "-".repeat(padding));
        let answer = format!(
            "HTTP/1.1 403 No\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let server = Server::start(Behaviour::Canned(answer.leak().as_bytes()));
        let load = "model = \"closed\"\nrequests = 3\nconnections = 1";
        let report = run(server.addr, load, TELEMETRY);
        let words = &report.exemplars[&ErrorKind::Status];
        assert!(words.starts_with("status 403: no such token"), "{words}");
        let pieces = secret.as_bytes().windows(8);
        for piece in pieces {
            let piece = std::str::from_utf8(piece).expect("the secret is ASCII");
            assert!(!format!("{report:?}").contains(piece), "{words}");
        }
        assert_eq!(report.total.status.get(&403), Some(&3));
    }
}

#[test]
fn all_kinds_of_answer_are_understood() {
    let get =
        |method: &str| format!("[[request]]\nname = \"r\"\nmethod = \"{method}\"\npath = \"/\"\n");
    let cases: [(&str, &'static [u8], u16); 6] = [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200),
        ("GET", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200),
        ("PUT", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n", 201),
        ("DELETE", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", 200),
    ];
    for (method, answer, status) in cases {
        for behaviour in [
            Behaviour::Canned(answer),
            Behaviour::Slow(answer, Duration::from_micros(50)),
        ] {
            let server = Server::start(behaviour);
            let load = "model = \"closed\"\nrequests = 8\nconnections = 2\nworkers = 1";
            let report = run(server.addr, load, &get(method));
            assert_eq!(
                report.total.ok, 8,
                "{method} {status}: {:?}",
                report.exemplars
            );
            assert_eq!(report.total.status.get(&status), Some(&8));
            assert_eq!(server.connections(), 2);
        }
    }
}

#[test]
fn stopping_ends_the_run_and_its_window() {
    let closed = "model = \"closed\"\nconnections = 3\nworkers = 1\nduration = \"60s\"";
    let open =
        "model = \"open\"\nrate = \"400/s\"\nconnections = 3\nworkers = 1\nduration = \"60s\"";
    for (load, behaviour) in [
        (closed, Behaviour::Silent),
        (open, Behaviour::Silent),
        (closed, Behaviour::Canned(OK)),
        (open, Behaviour::Canned(OK)),
    ] {
        let case = format!("{load} {behaviour:?}");
        let silent = matches!(behaviour, Behaviour::Silent);
        let server = Server::start(behaviour);
        let engine = Engine::start(&plan(server.addr, load, GET)).expect("threads can be started");
        server.wait_for_requests(3);
        engine.stop();
        let report: Report = collect(engine);
        assert!(report.end().window.seconds() < 30.0, "{case}");
        assert_eq!(report.total.failed, 0, "{case}: {report:?}");
        if silent {
            assert_eq!(
                (report.total.ok, report.total.in_flight_at_end),
                (0, 3),
                "{case}"
            );
        } else {
            assert!(report.total.ok > 0, "{case}");
            assert!(report.total.in_flight_at_end <= 3, "{case}");
        }
    }
    // A target that is down, and a run that has not yet begun to count.
    let (_socket, address) = deaf();
    for load in [closed, open] {
        let load = format!("{load}\nwarmup = \"60s\"");
        let engine = Engine::start(&plan(address, &load, GET)).expect("threads can be started");
        engine.stop();
        let report = collect(engine);
        assert_eq!((report.total.due, report.end().window.seconds()), (0, 0.0));
    }
}

#[test]
fn request_n_has_the_same_bytes_whoever_sends_it() {
    let mut first = None;
    for (connections, workers) in [(1, 1), (8, 1), (6, 3)] {
        let server = ok();
        let requests = TELEMETRY.replace("headers = {", "headers = { Host = \"target\", ");
        let load = format!(
            "model = \"closed\"\nrequests = 90\nconnections = {connections}\nworkers = {workers}"
        );
        run(server.addr, &load, &requests);
        let received: BTreeSet<(String, Vec<u8>)> = server
            .requests()
            .into_iter()
            .map(|request| (request.head, request.body))
            .collect();
        assert_eq!(received.len(), 90);
        let first = first.get_or_insert_with(|| received.clone());
        assert!(
            *first == received,
            "{connections} connections, {workers} workers"
        );
    }
}

#[test]
fn a_stalled_instance_keeps_its_own_requests_waiting_and_no_others() {
    let quick = ok();
    let slow = Server::start(Behaviour::Slow(OK, Duration::from_millis(2)));
    let load =
        "model = \"open\"\nrate = \"200/s\"\nconnections = 4\nduration = \"1s\"\ntimeout = \"10s\"";
    let mut plan = plan(quick.addr, load, GET);
    plan.endpoints = [quick.addr, slow.addr]
        .map(|address| Endpoint {
            place: Place::Tcp(address),
            tls: None,
        })
        .to_vec();
    let report = collect(Engine::start(&plan).expect("threads can be started"));
    // It pauses after each byte, so that two connections answer its 100 requests or so in 4 s.
    let total = &report.total;
    assert_eq!(total.due, 200);
    let latency = |quantile| total.latency.value_at_quantile(quantile) / 1_000_000;
    assert!(latency(0.3) < 500, "{} ms", latency(0.3));
    assert!(latency(0.9) > 2_000, "{} ms", latency(0.9));
}

#[test]
fn a_number_of_requests_ends_the_load_of_all_instances() {
    let servers = [0; 3].map(|_| ok());
    for (model, connections) in [
        ("model = \"closed\"", 3),
        ("model = \"open\"\nrate = \"500/s\"", 6),
    ] {
        let load = format!("{model}\nconnections = {connections}\nrequests = 60");
        let mut plan = plan(servers[0].addr, &load, GET);
        plan.endpoints = servers
            .iter()
            .map(|server| Endpoint {
                place: Place::Tcp(server.addr),
                tls: None,
            })
            .collect();
        let report = collect(Engine::start(&plan).expect("threads can be started"));
        assert_eq!((report.total.due, report.total.ok), (60, 60), "{model}");
    }
    assert!(servers.iter().all(|server| server.request_count() > 10));
}
