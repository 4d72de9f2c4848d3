//! Bodies that wait until the server says that it wants them (`Expect: 100-continue`).

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use telemload::metrics::ErrorKind as Kind;

use crate::MS;
use crate::drive::{Report, run};
use crate::hostile::OK;

/// What a server does with the head of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    /// Says that the body may come, and answers it.
    Continue,
    /// Answers at once, and wants no body.
    Refused,
    /// Says nothing before the body is there.
    Nothing,
    /// Says that the body may come, and closes.
    Closes,
}

/// What came of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Came {
    /// Whether bytes were there with the head.
    with_head: bool,
    body: Vec<u8>,
}

type Seen = Arc<Mutex<Vec<Came>>>;

const BODY: &str = "0123456789";

fn server(says: Says) -> (SocketAddr, Seen) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let seen = Seen::default();
    let shared = Arc::clone(&seen);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = Arc::clone(&shared);
            thread::spawn(move || while serve(&stream, &seen, says).is_some() {});
        }
    });
    (address, seen)
}

fn serve(mut stream: &TcpStream, seen: &Seen, says: Says) -> Option<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    // A body that was sent with the head is in the same segment.
    stream.set_nonblocking(true).ok()?;
    let found = stream.peek(&mut byte);
    stream.set_nonblocking(false).ok()?;
    let with_head = !matches!(&found, Err(error) if error.kind() == ErrorKind::WouldBlock);
    let mut body = Vec::new();
    match says {
        Says::Continue | Says::Closes => {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
        }
        Says::Refused => {
            let refusal = b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(refusal).ok()?;
            // What comes until the client closes the connection.
            stream.read_to_end(&mut body).ok()?;
            seen.lock().ok()?.push(Came { with_head, body });
            return None;
        }
        Says::Nothing => {}
    }
    body.resize(BODY.len(), 0);
    stream.read_exact(&mut body).ok()?;
    seen.lock().ok()?.push(Came { with_head, body });
    if says == Says::Closes {
        return None;
    }
    stream.write_all(OK).ok()
}

fn check(says: Says, load: &str) -> (Report, Vec<Came>) {
    let request = format!(
        "[[request]]\nname = \"r\"\npath = \"/\"\nheaders = {{ Expect = \"100-continue\" }}\nbody = \"{BODY}\"\n"
    );
    let (address, seen) = server(says);
    let report = run(address, load, &request);
    let seen = seen.lock().expect("nothing panics").clone();
    assert!(
        seen.iter().all(|came| !came.with_head),
        "{says:?} {load}: {seen:?}"
    );
    (report, seen)
}

const CLOSED: &str = "model = \"closed\"\nconnections = 2\nworkers = 1\nrequests = 20";
const OPEN: &str =
    "model = \"open\"\nrate = \"100/s\"\nconnections = 4\nworkers = 1\nduration = \"200ms\"";

#[test]
fn a_body_is_sent_when_the_server_wants_it() {
    for load in [CLOSED, OPEN] {
        let (report, seen) = check(Says::Continue, load);
        assert_eq!((report.total.due, report.total.ok), (20, 20), "{report:?}");
        assert_eq!(seen.len(), 20);
        assert!(
            seen.iter().all(|came| came.body == BODY.as_bytes()),
            "{seen:?}"
        );
        let completed = report.total.completed_ok;
        assert_eq!(report.total.sent_body, completed * BODY.len() as u64);
        assert!(report.end().opening.count() <= 4, "connections are kept");
    }
}

#[test]
fn an_answer_before_the_body_ends_the_request_without_it() {
    for load in [CLOSED, OPEN] {
        let (report, seen) = check(Says::Refused, load);
        assert_eq!(report.errors(), [(Kind::Status, 20)], "{report:?}");
        assert_eq!(report.total.status[&417], 20, "{report:?}");
        assert!(seen.iter().all(|came| came.body.is_empty()), "{seen:?}");
        assert_eq!(report.total.sent_body, 0);
        assert_eq!(report.total.resent, 0);
        // What comes on such a connection next would be read as the body.
        assert!(report.end().opening.count() >= 20, "{report:?}");
    }
}

#[test]
fn a_server_that_says_nothing_is_sent_the_body_after_a_second() {
    let load = "model = \"closed\"\nconnections = 1\nworkers = 1\nrequests = 1";
    let (report, seen) = check(Says::Nothing, load);
    assert_eq!((report.total.ok, seen.len()), (1, 1), "{report:?}");
    // That it waited is the server's time.
    assert!(report.total.service_time.min() >= 990 * MS, "{report:?}");
    assert!(report.total.queue_wait.max() < 990 * MS, "{report:?}");
}

#[test]
fn a_server_that_wanted_the_body_and_went_away_may_have_carried_it_out() {
    let (report, seen) = check(Says::Closes, CLOSED);
    assert_eq!(report.errors(), [(Kind::ClosedEarly, 20)], "{report:?}");
    assert_eq!((seen.len(), report.total.resent), (20, 0), "{report:?}");
}
