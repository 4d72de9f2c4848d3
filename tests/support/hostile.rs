//! A small HTTP/1.1 server over raw TCP that misbehaves on request, for tests.
//!
//! It records what it received. It must not use the decoder or any HTTP library: it is what those are tested against.
//! A thread per connection; dropping the [`Server`] ends all of them.

// Each test binary uses its part of this.
#![allow(dead_code)]

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// 200 with a body of five bytes.
pub const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
/// Announces more than it sends.
pub const LENGTH_TOO_LARGE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello";
/// Sends more than it announces.
pub const LENGTH_TOO_SMALL: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhello";
/// Two lengths.
pub const CONFLICTING_LENGTHS: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nhello";
/// A chunk size that is no number.
pub const BAD_CHUNK_SIZE: &[u8] =
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\n";
/// Chunk sizes whose sum has more than 64 bits.
pub const OVERFLOWING_CHUNK_SIZE: &[u8] =
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nffffffffffffffff\r\n";
/// The alert with which a TLS server answers plain text.
pub const GARBAGE: &[u8] = b"\x15\x03\x01\x00\x02\x02\x16";

/// What the server does with the requests of a connection.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// Answers every request with these bytes.
    Canned(&'static [u8]),
    /// The same, so long after each request: a closed loop that takes no CPU time from other tests.
    Late(&'static [u8], Duration),
    /// The same, byte by byte with a pause after each.
    Slow(&'static [u8], Duration),
    /// Answers with the bytes once the request's head is there, and reads its body only then.
    Early(&'static [u8]),
    /// Closes the connection, without saying so, after this many answers.
    CloseAfter(usize, &'static [u8]),
    /// Answers so many requests of a connection, works on the next one for so long, and closes without a word.
    DropAfter(usize, &'static [u8], Duration),
    /// Header lines without end.
    EndlessHeaders,
    /// Chunks without end.
    EndlessBody,
    /// Reads requests and never answers.
    Silent,
    /// Resets the connection at this point of the first request.
    Reset(Point),
    /// Holds back all answers during the first `stall` of every `every` since the server started.
    Stall {
        /// How long nothing is answered.
        stall: Duration,
        /// From one stall's begin to the next.
        every: Duration,
        /// The answer.
        answer: &'static [u8],
    },
    /// The nth connection behaves like the nth of these, all further ones like the last.
    PerConnection(Vec<Behaviour>),
}

/// Where a connection is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// Before anything is read.
    Accepted,
    /// Once the request's head is read, before its body.
    RequestHead,
    /// Once the request is read.
    Request,
    /// Within the answer's status line.
    StatusLine,
    /// Within the answer's header block.
    Headers,
    /// Within the answer's body.
    Body,
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The connection it came on, counted from 0.
    pub connection: usize,
    /// Request line and headers up to and including the empty line.
    pub head: String,
    /// As many bytes as its Content-Length says, or those that came before the connection ended.
    pub body: Vec<u8>,
}

/// The most requests that are kept, so that a load test does not fill the memory.
const KEPT: usize = 10_000;

/// A running server on a loopback port of its own.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub addr: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens and serves until it is dropped.
    pub fn start(behaviour: Behaviour) -> Self {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port is free");
        let addr = listener
            .local_addr()
            .expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            started: Instant::now(),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &behaviour, &shared)
        });
        Self {
            addr,
            shared,
            acceptor: Some(acceptor),
        }
    }

    /// What was received, in the order in which the heads were complete; at most the first 10,000.
    pub fn requests(&self) -> Vec<Received> {
        self.shared.lock().requests.clone()
    }

    /// How many request heads were received, including those that [`Server::requests`] no longer keeps.
    pub fn request_count(&self) -> usize {
        self.shared.lock().request_count
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        self.shared.lock().connections
    }

    /// Waits until so many request heads were received.
    ///
    /// # Panics
    /// If that takes more than two minutes.
    pub fn wait_for_requests(&self, count: usize) {
        self.wait_for(|state| state.request_count, count);
    }

    /// Waits until so many connections were accepted.
    ///
    /// # Panics
    /// If that takes more than two minutes.
    pub fn wait_for_connections(&self, count: usize) {
        self.wait_for(|state| state.connections, count);
    }

    fn wait_for(&self, of: fn(&State) -> usize, count: usize) {
        let state = self.shared.lock();
        let wait = Duration::from_secs(120);
        let waited = self
            .shared
            .changed
            .wait_timeout_while(state, wait, |state| of(state) < count);
        let (state, result) = waited.expect("no thread of the server panics");
        let came = of(&state);
        // Not held while it panics: whoever stops the server needs it.
        drop(state);
        assert!(!result.timed_out(), "{came} of {count} came");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        {
            let mut state = self.shared.lock();
            state.stopping = true;
            for stream in state.open.values() {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        self.shared.changed.notify_all();
        // Wakes the acceptor. Fails only if that has ended already.
        let _ = TcpStream::connect(self.addr);
        if let Some(acceptor) = self.acceptor.take() {
            let ended = acceptor.join();
            assert!(
                ended.is_ok() || thread::panicking(),
                "the test server panicked"
            );
        }
    }
}

#[derive(Debug)]
struct Shared {
    started: Instant,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stopping: bool,
    connections: usize,
    open: HashMap<usize, Arc<TcpStream>>,
    request_count: usize,
    requests: Vec<Received>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread of the server panics")
    }

    /// Sleeps unless the server stops.
    fn pause(&self, duration: Duration) {
        let state = self.lock();
        let waited = self
            .changed
            .wait_timeout_while(state, duration, |state| !state.stopping);
        drop(waited.expect("no thread of the server panics"));
    }

    /// Records a head; the answer is where its body belongs.
    fn record(&self, connection: usize, head: String) -> Option<usize> {
        let mut state = self.lock();
        state.request_count += 1;
        let index = (state.requests.len() < KEPT).then_some(state.requests.len());
        if index.is_some() {
            state.requests.push(Received {
                connection,
                head,
                body: Vec::new(),
            });
        }
        drop(state);
        self.changed.notify_all();
        index
    }
}

fn accept(listener: &TcpListener, behaviour: &Behaviour, shared: &Arc<Shared>) {
    let mut threads = Vec::new();
    while let Ok((stream, _)) = listener.accept() {
        let stream = Arc::new(stream);
        let id = {
            let mut state = shared.lock();
            if state.stopping {
                break;
            }
            let id = state.connections;
            state.connections += 1;
            state.open.insert(id, Arc::clone(&stream));
            id
        };
        shared.changed.notify_all();
        let behaviour = behaviour.of_connection(id).clone();
        let shared = Arc::clone(shared);
        threads.push(thread::spawn(move || {
            let mut connection = Connection {
                id,
                stream,
                shared,
                unread: Vec::new(),
            };
            // An error is the client's or the test's end of the connection.
            let _ = connection.serve(&behaviour);
            connection.shared.lock().open.remove(&id);
        }));
    }
    for thread in threads {
        thread.join().expect("a connection's thread does not panic");
    }
}

impl Behaviour {
    fn of_connection(&self, id: usize) -> &Self {
        match self {
            Self::PerConnection(each) => {
                let last = each.len().checked_sub(1).expect("at least one behaviour");
                each[id.min(last)].of_connection(id)
            }
            behaviour => behaviour,
        }
    }
}

struct Connection {
    id: usize,
    stream: Arc<TcpStream>,
    shared: Arc<Shared>,
    unread: Vec<u8>,
}

impl Connection {
    fn serve(&mut self, behaviour: &Behaviour) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        let mut answers = 0;
        loop {
            match behaviour {
                Behaviour::Reset(point) => return self.reset_at(*point),
                Behaviour::Early(answer) => {
                    let request = self.read_head()?;
                    self.write(answer)?;
                    self.read_body(request)?;
                    continue;
                }
                _ => self.read_request()?,
            }
            match behaviour {
                Behaviour::Canned(answer) | Behaviour::CloseAfter(_, answer) => {
                    self.write(answer)?
                }
                Behaviour::Late(answer, work) => {
                    self.shared.pause(*work);
                    self.write(answer)?;
                }
                Behaviour::Slow(answer, pause) => {
                    for byte in answer.chunks(1) {
                        self.write(byte)?;
                        self.shared.pause(*pause);
                    }
                }
                Behaviour::Stall {
                    stall,
                    every,
                    answer,
                } => {
                    self.shared
                        .pause(left_of_stall(self.shared.started.elapsed(), *stall, *every));
                    self.write(answer)?;
                }
                Behaviour::EndlessHeaders => {
                    self.write_endlessly(b"HTTP/1.1 200 OK\r\n", b"X-Padding: 0123456789\r\n")?
                }
                Behaviour::EndlessBody => {
                    self.write_endlessly(
                        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                        b"5\r\nhello\r\n",
                    )?;
                }
                Behaviour::DropAfter(most, _, work) if answers == *most => {
                    self.shared.pause(*work);
                    return Ok(());
                }
                Behaviour::DropAfter(_, answer, _) => self.write(answer)?,
                Behaviour::Silent => {}
                Behaviour::Early(_) | Behaviour::Reset(_) | Behaviour::PerConnection(_) => {
                    unreachable!("resolved above")
                }
            }
            answers += 1;
            if matches!(behaviour, Behaviour::CloseAfter(most, _) if answers == *most) {
                return Ok(());
            }
        }
    }

    fn reset_at(&mut self, point: Point) -> io::Result<()> {
        if point == Point::RequestHead {
            self.read_head()?;
        } else if point != Point::Accepted {
            self.read_request()?;
        }
        let headers = OK
            .windows(4)
            .position(|bytes| bytes == b"\r\n\r\n")
            .expect("a header block ends");
        let sent = match point {
            Point::Accepted | Point::RequestHead | Point::Request => 0,
            Point::StatusLine => 10,
            Point::Headers => headers,
            Point::Body => OK.len() - 1,
        };
        self.write(&OK[..sent])?;
        // A lingering time of zero turns the close into a reset.
        rustix::net::sockopt::set_socket_linger(&*self.stream, Some(Duration::ZERO))?;
        Ok(())
    }

    fn read_request(&mut self) -> io::Result<()> {
        let request = self.read_head()?;
        self.read_body(request)
    }

    fn read_head(&mut self) -> io::Result<Request> {
        let len = loop {
            match self
                .unread
                .windows(4)
                .position(|bytes| bytes == b"\r\n\r\n")
            {
                Some(at) => break at + 4,
                None => self.read_more()?,
            }
        };
        let head: Vec<u8> = self.unread.drain(..len).collect();
        let head = String::from_utf8_lossy(&head).into_owned();
        let body_len = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, value)| value.trim().parse().ok())
            .unwrap_or(0);
        Ok(Request {
            body_len,
            recorded: self.shared.record(self.id, head),
        })
    }

    fn read_body(&mut self, request: Request) -> io::Result<()> {
        let mut read = Ok(());
        while self.unread.len() < request.body_len && read.is_ok() {
            read = self.read_more();
        }
        let body: Vec<u8> = self
            .unread
            .drain(..request.body_len.min(self.unread.len()))
            .collect();
        if let Some(index) = request.recorded {
            self.shared.lock().requests[index].body = body;
        }
        read
    }

    fn read_more(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        match (&*self.stream).read(&mut buffer)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            n => {
                self.unread.extend_from_slice(&buffer[..n]);
                Ok(())
            }
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        (&*self.stream).write_all(bytes)
    }

    fn write_endlessly(&self, start: &[u8], line: &[u8]) -> io::Result<()> {
        self.write(start)?;
        let lines = line.repeat(200);
        loop {
            self.write(&lines)?;
        }
    }
}

#[derive(Clone, Copy)]
struct Request {
    body_len: usize,
    recorded: Option<usize>,
}

/// How long a stall still lasts, so much after the server's start; zero between stalls.
pub fn left_of_stall(elapsed: Duration, stall: Duration, every: Duration) -> Duration {
    let periods = elapsed.as_nanos() / every.as_nanos().max(1);
    let into = elapsed.as_nanos() - periods * every.as_nanos();
    stall.saturating_sub(Duration::from_nanos(
        u64::try_from(into).unwrap_or(u64::MAX),
    ))
}
