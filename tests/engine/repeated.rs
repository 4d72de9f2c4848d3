//! Nothing is carried out twice in silence: what a server may have carried out is sent again only where the method says that it
//! changes nothing, and the time that it took is the server's.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use telemload::metrics::ErrorKind;
use telemload::transport::stream::{Place, Stream};

use crate::MS;
use crate::drive::{Report, run};
use crate::hostile::OK;

/// How a server ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Closes,
    Resets,
}

/// How often each request line was read.
type Seen = Arc<Mutex<BTreeMap<String, usize>>>;

/// Answers the first request of each connection, reads the second, works on it, and drops the connection.
fn server(work: Duration, end: End) -> (SocketAddr, Seen) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let seen = Seen::default();
    let shared = Arc::clone(&seen);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = Arc::clone(&shared);
            thread::spawn(move || serve(stream, &seen, work, end));
        }
    });
    (address, seen)
}

fn serve(mut stream: TcpStream, seen: &Seen, work: Duration, end: End) -> Option<()> {
    for at in 0..2 {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).ok()?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).ok()?;
        let length = head.split("Content-Length: ").nth(1);
        let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
        stream.read_exact(&mut vec![0; length.unwrap_or(0)]).ok()?;
        let line = head.lines().next()?.to_owned();
        *seen.lock().ok()?.entry(line).or_default() += 1;
        if at == 0 {
            stream.write_all(OK).ok()?;
        }
    }
    thread::sleep(work);
    if end == End::Resets {
        rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).ok()?;
    }
    Some(())
}

fn request(method: &str) -> String {
    format!("[[request]]\nname = \"r\"\nmethod = \"{method}\"\npath = \"/{{{{seq}}}}\"\n")
}

const CLOSED: &str = "model = \"closed\"\nconnections = 2\nworkers = 1\nrequests = 20";
const OPEN: &str =
    "model = \"open\"\nrate = \"100/s\"\nconnections = 4\nworkers = 1\nduration = \"200ms\"";

fn most(seen: &Seen) -> usize {
    let seen = seen.lock().expect("nothing panics");
    seen.values().copied().max().unwrap_or(0)
}

fn check_failed(report: &Report, case: &str) {
    let total = &report.total;
    assert_eq!((total.due, total.resent), (20, 0), "{case}: {report:?}");
    assert!(total.ok > 0 && total.failed > 0, "{case}: {report:?}");
    for (kind, words) in &report.exemplars {
        assert!(
            matches!(kind, ErrorKind::Reset | ErrorKind::ClosedEarly),
            "{case}: {words}"
        );
        assert!(words.contains("is not sent again"), "{case}: {words}");
    }
}

#[test]
fn what_may_have_been_carried_out_is_not_sent_again() {
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        for end in [End::Closes, End::Resets] {
            for ms in [0, 2, 30] {
                for load in [CLOSED, OPEN] {
                    let case = format!("{method} {end:?} after {ms} ms, {load}");
                    let (address, seen) = server(Duration::from_millis(ms), end);
                    let report = run(address, load, &request(method));
                    assert_eq!(most(&seen), 1, "{case}: {report:?}");
                    check_failed(&report, &case);
                }
            }
        }
    }
}

#[test]
fn what_a_server_closes_once_it_has_read_it_is_not_sent_again_however_fast_that_was() {
    for load in [CLOSED, OPEN] {
        let (address, seen) = server(Duration::ZERO, End::Closes);
        let report = run(address, load, &request("POST"));
        assert_eq!(most(&seen), 1, "{load}: {report:?}");
        check_failed(&report, load);
    }
}

#[test]
fn what_is_sent_again_has_the_time_of_both_as_service_time() {
    for method in ["GET", "OPTIONS"] {
        for end in [End::Closes, End::Resets] {
            for load in [CLOSED, OPEN] {
                let case = format!("{method} {end:?} {load}");
                let (address, seen) = server(Duration::from_millis(60), end);
                let report = run(address, load, &request(method));
                let total = &report.total;
                assert_eq!((total.due, total.ok), (20, 20), "{case}: {report:?}");
                assert!(total.resent > 0, "{case}: {report:?}");
                let twice = seen.lock().expect("nothing panics");
                let twice = twice.values().filter(|&&count| count == 2).count();
                assert_eq!(twice as u64, total.resent, "{case}: {report:?}");
                let long = total.service_time.count_between(59 * MS, u64::MAX);
                assert!(long >= total.resent, "{case}: {long} {report:?}");
                if load == CLOSED {
                    assert!(total.queue_wait.max() < 30 * MS, "{case}: {report:?}");
                }
            }
        }
    }
}

#[test]
fn a_request_that_is_sent_again_has_the_timeout_of_one() {
    // Drops each second request at 60 ms, and its repetition is answered at once.
    let (address, _) = server(Duration::from_millis(60), End::Closes);
    let load = format!("{CLOSED}\ntimeout = \"40ms\"");
    let report = run(address, &load, &request("GET"));
    assert_eq!(report.total.resent, 0, "{report:?}");
    assert!(report.total.timed_out > 0, "{report:?}");
}

#[test]
fn the_system_tells_whether_a_connection_had_ended_before_the_last_bytes_came() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .expect("a runtime can be made");
    for reads in [false, true] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let place = Place::Tcp(listener.local_addr().expect("it is bound"));
        let error = runtime.block_on(async {
            let mut stream = Stream::connect(&place).await.expect("it listens");
            let (mut peer, _) = listener.accept().expect("it came");
            if reads {
                stream.send(b"POST").await.expect("it is taken");
                peer.read_exact(&mut [0; 4]).expect("it came");
            }
            drop(peer);
            if !reads {
                stream.send(b"POST").await.expect("it is taken");
            }
            assert_eq!(stream.receive(&mut [0; 1]).await.ok(), Some(0));
            stream.take_error()
        });
        let expected = (!reads).then_some(std::io::ErrorKind::BrokenPipe);
        assert_eq!(error, expected, "{reads}");
    }
}
