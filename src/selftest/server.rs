//! The loopback server of the self-test: it answers after delays that are known by construction, and keeps what it really
//! did as the truth that reported figures are held against. It knows nothing of what loads it.

use std::cell::RefCell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::LocalOptions;
use tokio::sync::oneshot;
use tokio::task::spawn_local;

use crate::engine::{Timer, now_ns};

/// When a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// At once.
    Immediate,
    /// After [`delay`] of its number.
    Delayed,
    /// At once, but for `stall` of every `every`, in which the whole server stands still.
    Stalled {
        /// How long it stands still.
        stall: Duration,
        /// From the begin of one stall to that of the next.
        every: Duration,
    },
}

/// The delays of [`Behaviour::Delayed`]: up to which of a thousand requests, and ms. The percentiles that are checked lie
/// within a step and not at its edge.
const DELAYS: [(u64, u64); 5] = [(700, 1), (930, 3), (970, 8), (995, 20), (1_000, 50)];

/// Coprime to a thousand: any thousand requests in a row have each step in its share, and mixed.
const STRIDE: u64 = 387;

/// How long the answer to request `seq` is held back.
pub(super) fn delay(seq: u64) -> Duration {
    let rank = seq.wrapping_mul(STRIDE) % 1_000;
    let step = DELAYS.iter().find(|(below, _)| rank < *below);
    Duration::from_millis(step.expect("the last step has all ranks").1)
}

/// What the server did for the requests of one stretch.
#[derive(Debug, Clone)]
pub(super) struct Truth {
    /// From having read a request to writing its answer, ns.
    pub(super) service: Histogram<u64>,
    /// The most by which an answer or the end of a stall was later than meant, ns: the machine's doing.
    pub(super) overrun_ns: u64,
}

/// One stretch of requests, which carry its index and their number in their path: `/INDEX/NUMBER`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) behaviour: Behaviour,
    /// Number of the first request that counts; those before warm up.
    pub(super) first: u64,
}

/// A server that runs until it is stopped.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<io::Result<Vec<Truth>>>,
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Longest head that is read; more closes the connection.
const LONGEST_HEAD: usize = 4096;

impl Server {
    /// Listens on a free loopback port, on a thread of its own.
    pub(super) fn start(parts: &[Part]) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let parts = parts.to_vec();
        let thread = std::thread::Builder::new()
            .name("selftest-server".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build_local(LocalOptions::default())?;
                runtime.block_on(serve(listener, &parts, stopped))
            })?;
        Ok(Self {
            address,
            stop,
            thread,
        })
    }

    /// Ends it; what it did, by part.
    pub(super) fn finish(self) -> io::Result<Vec<Truth>> {
        // One that has ended by itself hears nothing.
        let _ = self.stop.send(());
        self.thread
            .join()
            .map_err(|_| io::Error::other("the server of the self-test panicked"))?
    }
}

struct Shared {
    parts: Vec<Part>,
    truths: RefCell<Vec<Truth>>,
    /// Stalls are counted from here.
    epoch: u64,
}

async fn serve(
    listener: std::net::TcpListener,
    parts: &[Part],
    mut stopped: oneshot::Receiver<()>,
) -> io::Result<Vec<Truth>> {
    let listener = TcpListener::from_std(listener)?;
    let blank = Truth {
        service: Histogram::new_with_bounds(1, 3_600_000_000_000, 3).expect("the bounds are valid"),
        overrun_ns: 0,
    };
    let shared = Rc::new(Shared {
        truths: RefCell::new(vec![blank; parts.len()]),
        parts: parts.to_vec(),
        epoch: now_ns(),
    });
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                let shared = shared.clone();
                // A connection that breaks is the client's to report.
                spawn_local(async move { drop(converse(stream, &shared).await) });
            }
            _ = &mut stopped => break,
        }
    }
    Ok(shared.truths.take())
}

async fn converse(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let timer = Timer::new()?;
    let mut head = Vec::with_capacity(LONGEST_HEAD);
    loop {
        head.clear();
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() >= LONGEST_HEAD || stream.read_buf(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let received = now_ns();
        let Some((part, seq)) = numbers(&head).filter(|(part, _)| *part < shared.parts.len())
        else {
            return Ok(());
        };
        let Part { behaviour, first } = shared.parts[part];
        let meant = match behaviour {
            Behaviour::Immediate => None,
            Behaviour::Delayed => {
                let until = received + delay(seq).as_nanos() as u64;
                timer.until(until).await?;
                Some(until)
            }
            Behaviour::Stalled { stall, every } => {
                stand_still(shared.epoch, received, stall, every)
            }
        };
        // Before it is written: what was observed from outside cannot be shorter than this.
        let answered = now_ns();
        stream.write_all(ANSWER).await?;
        if seq >= first {
            let truth = &mut shared.truths.borrow_mut()[part];
            truth.service.saturating_record(answered - received);
            let late = meant.map_or(0, |meant| answered.saturating_sub(meant));
            truth.overrun_ns = truth.overrun_ns.max(late);
        }
    }
}

/// Blocks the thread, and all connections with it, if `now` lies in a stall; returns when that was to end.
fn stand_still(epoch: u64, now: u64, stall: Duration, every: Duration) -> Option<u64> {
    let into = (now - epoch) % every.as_nanos() as u64;
    let left = (stall.as_nanos() as u64).checked_sub(into)?;
    std::thread::sleep(Duration::from_nanos(left));
    Some(now + left)
}

/// Index and number of `GET /INDEX/NUMBER HTTP/1.1…`.
fn numbers(head: &[u8]) -> Option<(usize, u64)> {
    let line = std::str::from_utf8(head.split(|byte| *byte == b'\r').next()?).ok()?;
    let (part, seq) = line.split(' ').nth(1)?.strip_prefix('/')?.split_once('/')?;
    Some((part.parse().ok()?, seq.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn any_thousand_requests_have_the_delays_in_their_shares() {
        for first in [0, 317, u64::from(u32::MAX)] {
            let mut delays: Vec<u128> = (first..first + 1_000)
                .map(|seq| delay(seq).as_millis())
                .collect();
            delays.sort_unstable();
            let at = |quantile: f64| delays[(quantile * 1_000.0) as usize];
            assert_eq!(
                [0.5, 0.9, 0.95, 0.99, 0.999].map(at),
                [1, 3, 8, 20, 50],
                "{first}"
            );
        }
    }

    #[test]
    fn only_its_own_requests_are_understood() {
        for (head, found) in [
            ("GET /2/17 HTTP/1.1\r\nHost: x\r\n\r\n", Some((2, 17))),
            ("GET / HTTP/1.1\r\n\r\n", None),
            ("GET /a/1 HTTP/1.1\r\n\r\n", None),
            ("", None),
        ] {
            assert_eq!(numbers(head.as_bytes()), found, "{head}");
        }
    }

    #[test]
    fn what_it_did_is_kept_but_for_the_warm_up() {
        let part = |behaviour| Part {
            behaviour,
            first: 2,
        };
        let stall = Duration::from_millis(20);
        let server = Server::start(&[
            part(Behaviour::Immediate),
            part(Behaviour::Delayed),
            part(Behaviour::Stalled {
                stall,
                every: stall,
            }),
        ])
        .unwrap();
        let mut stream = std::net::TcpStream::connect(server.address).unwrap();
        for part in 0..3 {
            for seq in 0..4 {
                write!(stream, "GET /{part}/{seq} HTTP/1.1\r\n\r\n").unwrap();
                let mut answer = [0; ANSWER.len()];
                stream.read_exact(&mut answer).unwrap();
                assert_eq!(answer, ANSWER);
            }
        }
        let truths = server.finish().unwrap();
        assert!(truths.iter().all(|truth| truth.service.len() == 2));
        let least = (2..4)
            .map(|seq| delay(seq).as_nanos() as u64)
            .min()
            .unwrap();
        assert!(truths[1].service.min() >= least / 1_001 * 1_000);
        assert_eq!(truths[0].overrun_ns, 0);
    }
}
