//! An HTTP/1.1 server over raw TCP whose answers a test computes from what was asked. A thread per connection; they end
//! with their connections, and nobody waits for them.
#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "a test that cannot go on fails, and each test binary uses its part of this"
)]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// The path with its query.
    pub path: String,
    /// Request line and headers.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Asked {
    /// A header's value; empty without one.
    pub fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value)
    }
}

/// A running server.
pub struct Scripted {
    /// Where it listens.
    pub addr: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    asked: Mutex<Vec<Asked>>,
    changed: Condvar,
}

impl Scripted {
    /// Answers each request with the bytes that `answer` gives; none close the connection.
    pub fn start(answer: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let (shared, answer) = (Arc::clone(&seen), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, answer) = (Arc::clone(&shared), Arc::clone(&answer));
                thread::spawn(move || while serve(&stream, &seen, &*answer).is_some() {});
            }
        });
        Self { addr, seen }
    }

    /// Everything that was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.seen.asked.lock().unwrap().clone()
    }

    /// How often a path was asked for.
    pub fn count(&self, path: &str) -> usize {
        self.asked()
            .iter()
            .filter(|asked| asked.path == path)
            .count()
    }

    /// Waits until so many requests came.
    pub fn wait_for(&self, count: usize) {
        let asked = self.seen.asked.lock().unwrap();
        let wait = Duration::from_secs(120);
        let (asked, waited) = self
            .seen
            .changed
            .wait_timeout_while(asked, wait, |asked| asked.len() < count)
            .unwrap();
        assert!(!waited.timed_out(), "{} of {count} came", asked.len());
    }
}

fn serve(
    mut stream: &TcpStream,
    seen: &Seen,
    answer: &(dyn Fn(&Asked) -> Vec<u8> + Send + Sync),
) -> Option<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut asked = Asked {
        path: head.split(' ').nth(1).unwrap().to_owned(),
        head,
        body: Vec::new(),
    };
    let length = asked.header("Content-Length").parse().unwrap_or(0);
    asked.body.resize(length, 0);
    stream.read_exact(&mut asked.body).ok()?;
    seen.asked.lock().unwrap().push(asked.clone());
    seen.changed.notify_all();
    let bytes = answer(&asked);
    stream.write_all(&bytes).ok()?;
    (!bytes.is_empty()).then_some(())
}

/// An answer with a status line's end, header lines and a body.
pub fn say(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}
