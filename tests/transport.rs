//! What the response decoder makes of servers that misbehave, over real sockets.

#[path = "support/hostile.rs"]
pub mod hostile;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use hostile::{Behaviour, Point, Server};
use telemload::transport::answer::{ExpectBody, Response};
use telemload::transport::http1::{Decoder, Limits, Malformed, Progress};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n";
const POST: &[u8] = b"POST /v1 HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody";

/// How an exchange ended.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Answered(u16),
    Malformed(Malformed),
    Reset,
    NoAnswer,
}

struct Client {
    stream: TcpStream,
    decoder: Decoder,
}

impl Client {
    fn connect(server: &Server) -> Self {
        let stream = TcpStream::connect(server.addr).expect("the server listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a timeout above zero");
        let decoder = Decoder::new(Limits {
            body: 1_000_000,
            ..Limits::default()
        });
        Self { stream, decoder }
    }

    fn exchange(&mut self, request: &[u8]) -> Outcome {
        self.decoder.start(ExpectBody::Yes, 100);
        // A server that has reset the connection already is noticed here or in the read.
        if self.stream.write_all(request).is_err() {
            return Outcome::Reset;
        }
        loop {
            let read = match self.stream.read(self.decoder.spare()) {
                Ok(read) => read,
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    return Outcome::NoAnswer;
                }
                Err(_) => return Outcome::Reset,
            };
            match self.decoder.filled(read) {
                Ok(Progress::NeedMore) => {}
                Ok(Progress::Done(Response { status, .. })) => return Outcome::Answered(status),
                Err(kind) => return Outcome::Malformed(kind),
            }
        }
    }
}

#[test]
fn each_misbehaviour_has_its_outcome() {
    use Outcome::{Answered, Malformed as Bad, Reset};
    let cases = [
        (Behaviour::Canned(hostile::OK), Answered(200)),
        (
            Behaviour::Slow(hostile::OK, Duration::from_micros(50)),
            Answered(200),
        ),
        (Behaviour::Early(hostile::OK), Answered(200)),
        (
            Behaviour::CloseAfter(1, hostile::LENGTH_TOO_LARGE),
            Bad(Malformed::ClosedInBody),
        ),
        (Behaviour::Canned(hostile::LENGTH_TOO_SMALL), Answered(200)),
        (
            Behaviour::Canned(hostile::CONFLICTING_LENGTHS),
            Bad(Malformed::ConflictingLengths),
        ),
        (
            Behaviour::Canned(hostile::BAD_CHUNK_SIZE),
            Bad(Malformed::ChunkSize),
        ),
        (
            Behaviour::Canned(hostile::OVERFLOWING_CHUNK_SIZE),
            Bad(Malformed::ChunkOverflow),
        ),
        (Behaviour::Canned(hostile::GARBAGE), Bad(Malformed::Tls)),
        (Behaviour::EndlessHeaders, Bad(Malformed::HeadTooLong)),
        (Behaviour::EndlessBody, Bad(Malformed::BodyTooLong)),
        (
            Behaviour::CloseAfter(1, b"HTTP/1.1 2"),
            Bad(Malformed::ClosedInHead),
        ),
        (
            Behaviour::CloseAfter(1, b""),
            Bad(Malformed::ClosedBeforeResponse),
        ),
        (Behaviour::Reset(Point::Accepted), Reset),
        (Behaviour::Reset(Point::RequestHead), Reset),
        (Behaviour::Reset(Point::Request), Reset),
        (Behaviour::Reset(Point::StatusLine), Reset),
        (Behaviour::Reset(Point::Headers), Reset),
        (Behaviour::Reset(Point::Body), Reset),
    ];
    for (behaviour, outcome) in cases {
        let server = Server::start(behaviour.clone());
        assert_eq!(
            Client::connect(&server).exchange(POST),
            outcome,
            "{behaviour:?}"
        );
        assert_eq!(server.connections(), 1, "{behaviour:?}");
    }
}

#[test]
fn a_server_that_never_answers_runs_into_the_timeout() {
    for behaviour in [
        Behaviour::Silent,
        Behaviour::Canned(hostile::LENGTH_TOO_LARGE),
    ] {
        let server = Server::start(behaviour);
        let mut client = Client::connect(&server);
        client
            .stream
            .set_read_timeout(Some(Duration::from_millis(50)))
            .expect("a timeout above zero");
        assert_eq!(client.exchange(GET), Outcome::NoAnswer);
        server.wait_for_requests(1);
    }
}

#[test]
fn a_connection_that_is_closed_while_idle_can_be_opened_again() {
    let server = Server::start(Behaviour::CloseAfter(2, hostile::OK));
    let mut client = Client::connect(&server);
    assert_eq!(client.exchange(GET), Outcome::Answered(200));
    assert_eq!(client.exchange(GET), Outcome::Answered(200));
    assert_eq!(
        client
            .stream
            .read(client.decoder.spare())
            .expect("a clean close"),
        0
    );
    let closed = client.decoder.eof().expect_err("no response is due");
    assert_eq!(closed, Malformed::ClosedBeforeResponse);
    assert_eq!(
        Client::connect(&server).exchange(GET),
        Outcome::Answered(200)
    );
    assert_eq!((server.connections(), server.request_count()), (2, 3));
}

#[test]
fn requests_are_recorded_per_connection() {
    let behaviours = vec![
        Behaviour::Canned(hostile::OK),
        Behaviour::Canned(hostile::GARBAGE),
    ];
    let server = Server::start(Behaviour::PerConnection(behaviours));
    let outcomes = [GET, POST, POST].map(|request| Client::connect(&server).exchange(request));
    let garbage = || Outcome::Malformed(Malformed::Tls);
    assert_eq!(outcomes, [Outcome::Answered(200), garbage(), garbage()]);
    let requests = server.requests();
    let seen: Vec<_> = requests
        .iter()
        .map(|r| (r.connection, r.head.as_bytes(), r.body.as_slice()))
        .collect();
    let post_head = &POST[..POST.len() - 4];
    assert_eq!(
        seen,
        [
            (0, GET, b"".as_slice()),
            (1, post_head, b"body"),
            (2, post_head, b"body")
        ]
    );
}

#[test]
fn a_stalled_server_answers_after_its_stall() {
    let stall = Duration::from_millis(300);
    let started = Instant::now();
    let server = Server::start(Behaviour::Stall {
        stall,
        every: Duration::from_secs(3600),
        answer: hostile::OK,
    });
    assert_eq!(
        Client::connect(&server).exchange(GET),
        Outcome::Answered(200)
    );
    assert!(started.elapsed() >= stall, "answered within the stall");
}

#[test]
fn stalls_come_back_every_period() {
    let ms = Duration::from_millis;
    for (elapsed, left) in [
        (0, 200),
        (50, 150),
        (200, 0),
        (1999, 0),
        (2000, 200),
        (6199, 1),
    ] {
        assert_eq!(
            hostile::left_of_stall(ms(elapsed), ms(200), ms(2000)),
            ms(left),
            "{elapsed} ms"
        );
    }
}
