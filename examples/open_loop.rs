//! What an open loop costs per request: the engine on tokio beside a reactor of its own, which waits for what is due next with a
//! timerfd or in `epoll_pwait2`. The reactor comes bare (nothing rendered, decoded or recorded) and with the engine's parts.
//! `scripts/bench-engine open` runs it against nginx.
//!
//! Usage: `open_loop ADDRESS RATE CONNECTIONS ROUNDS SECONDS`; rounds alternate, and CPU is that of the whole process.

#[path = "../tests/support/drive.rs"]
pub mod drive;

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU64;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustix::thread::set_current_timer_slack;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, clock_gettime,
    timerfd_create, timerfd_settime,
};
use telemload::engine::{Drive, Engine, Rendered, Source};
use telemload::metrics::{Outcome, Recorder, Tally, Times, Window};
use telemload::pacer::{Pacer, Schedule};
use telemload::scenario::{Arrivals, Pace};
use telemload::traffic::template::Secrets;
use telemload::transport::answer::ExpectBody;
use telemload::transport::http1::{Decoder, Limits, Progress};
use telemload::units::Rate;

type Failure = Box<dyn std::error::Error>;

/// What stands for the timer among the events.
const TIMER: u64 = u64::MAX;

/// The kernel's own choice, ns.
const DEFAULT_SLACK: u64 = 50_000;

/// How a reactor learns that a request is due.
#[derive(Clone, Copy)]
enum Waits {
    Timerfd,
    /// With so much timer slack, ns.
    Pwait2(u64),
}

#[derive(Clone, Copy)]
enum Work {
    Bare,
    Parts,
}

#[derive(Clone, Copy)]
enum Arm {
    Engine,
    Reactor(Waits, Work),
}

const ARMS: [(&str, Arm); 6] = [
    ("engine on tokio, timerfd", Arm::Engine),
    (
        "reactor with its parts, timerfd",
        Arm::Reactor(Waits::Timerfd, Work::Parts),
    ),
    (
        "reactor with its parts, epoll_pwait2",
        Arm::Reactor(Waits::Pwait2(1), Work::Parts),
    ),
    (
        "bare reactor, timerfd",
        Arm::Reactor(Waits::Timerfd, Work::Bare),
    ),
    (
        "bare reactor, epoll_pwait2",
        Arm::Reactor(Waits::Pwait2(1), Work::Bare),
    ),
    (
        "the same with 50 µs of timer slack",
        Arm::Reactor(Waits::Pwait2(DEFAULT_SLACK), Work::Bare),
    ),
];

/// One arm in one round, µs.
#[derive(Clone, Copy)]
struct Row {
    cpu: f64,
    p50: f64,
    p99: f64,
}

struct Plan {
    address: SocketAddr,
    rate: f64,
    connections: usize,
    length: Duration,
    drive: Drive,
}

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [address, rate, connections, rounds, seconds] = args.as_slice() else {
        return Err("usage: open_loop ADDRESS RATE CONNECTIONS ROUNDS SECONDS".into());
    };
    let address = address.parse()?;
    let load = format!(
        "model = \"open\"\nrate = \"{rate}/s\"\nconnections = {connections}\nduration = \"{seconds}s\"\nworkers = 1"
    );
    let mut plan = Plan {
        address,
        rate: rate.parse()?,
        connections: connections.parse()?,
        length: Duration::from_secs_f64(seconds.parse()?),
        drive: drive::drive(address, &load, drive::GET),
    };
    plan.drive.interval = Duration::from_secs(1);
    let rounds: usize = rounds.parse()?;
    let mut rows: [Vec<Row>; ARMS.len()] = Default::default();
    for round in 0..rounds {
        for turn in 0..ARMS.len() {
            // There and back: what drifts falls on all alike.
            let at = if round % 2 == 0 {
                turn
            } else {
                ARMS.len() - 1 - turn
            };
            rows[at].push(measure(&plan, ARMS[at].1)?);
        }
    }
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{rate}/s over {connections} connections, {rounds} rounds of {seconds} s; medians (ranges)"
    )?;
    for ((name, _), own) in ARMS.iter().zip(&rows) {
        let cpu = summary(own.iter().map(|row| row.cpu), 1);
        let ratio = summary(
            own.iter()
                .zip(&rows[0])
                .map(|(row, engine)| row.cpu / engine.cpu),
            2,
        );
        let p50 = summary(own.iter().map(|row| row.p50), 1);
        let p99 = summary(own.iter().map(|row| row.p99), 0);
        writeln!(
            out,
            "{name:<37} CPU per request {cpu} µs, ratio to the engine's {ratio}; dispatch lag p50 {p50} µs, p99 {p99} µs"
        )?;
    }
    Ok(())
}

fn summary(values: impl Iterator<Item = f64>, digits: usize) -> String {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (first, middle, last) = (
        values[0],
        values[values.len() / 2],
        values[values.len() - 1],
    );
    format!("{middle:.digits$} ({first:.digits$} to {last:.digits$})")
}

fn now() -> u64 {
    nanoseconds(ClockId::Monotonic)
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn measure(plan: &Plan, arm: Arm) -> Result<Row, Failure> {
    let before = nanoseconds(ClockId::ProcessCPUTime);
    let spent = || (nanoseconds(ClockId::ProcessCPUTime) - before) as f64 / 1e3;
    let (spent, answered, lags) = match arm {
        Arm::Engine => {
            let (intervals, _) = Engine::drive_here(&plan.drive);
            let spent = spent();
            let mut total = Tally::default();
            let tallies = intervals.iter().flat_map(|interval| &interval.tallies);
            tallies.for_each(|tally| total.add(tally));
            let lag = |quantile| total.dispatch_lag.value_at_quantile(quantile);
            (spent, total.ok, [lag(0.5), lag(0.99)])
        }
        Arm::Reactor(waits, work) => {
            let mut lags = Reactor::new(plan, waits, work)?.run()?;
            let spent = spent();
            lags.sort_unstable();
            let lag = |quantile: f64| lags.get((lags.len() as f64 * quantile) as usize);
            let (p50, p99) = lag(0.5).zip(lag(0.99)).ok_or("nothing was sent")?;
            (spent, lags.len() as u64, [*p50, *p99])
        }
    };
    let planned = plan.rate * plan.length.as_secs_f64();
    if (answered as f64) < planned * 0.99 {
        return Err(format!("{answered} of {planned} requests were answered").into());
    }
    Ok(Row {
        cpu: spent / answered as f64,
        p50: lags[0] as f64 / 1e3,
        p99: lags[1] as f64 / 1e3,
    })
}

/// A worker without a runtime: one loop that sends what is due and reads what is there.
struct Reactor {
    poll: OwnedFd,
    timer: Option<OwnedFd>,
    connections: Vec<Connection>,
    idle: Vec<usize>,
    pacer: Pacer,
    begin: u64,
    end: u64,
    parts: Option<(Source, Recorder)>,
    request: Vec<u8>,
    lags: Vec<u64>,
}

struct Connection {
    stream: TcpStream,
    out: Rendered,
    decoder: Decoder,
    times: Times,
}

impl Reactor {
    fn new(plan: &Plan, waits: Waits, work: Work) -> Result<Self, Failure> {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let interest = epoll::EventFlags::IN | epoll::EventFlags::ET;
        let connect = |at: usize| -> io::Result<Connection> {
            let stream = TcpStream::connect(plan.address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let token = epoll::EventData::new_u64(at as u64);
            epoll::add(&poll, stream.as_fd(), token, interest)?;
            Ok(Connection {
                stream,
                out: Rendered::default(),
                decoder: Decoder::new(Limits::default()),
                times: Times {
                    intended: 0,
                    startable: 0,
                    sent: 0,
                    done: 0,
                },
            })
        };
        let connections: Vec<Connection> = (0..plan.connections)
            .map(connect)
            .collect::<Result<_, _>>()?;
        let slack = match waits {
            Waits::Timerfd => DEFAULT_SLACK,
            Waits::Pwait2(slack) => slack,
        };
        set_current_timer_slack(NonZeroU64::new(slack))?;
        let timer = match waits {
            Waits::Pwait2(_) => None,
            Waits::Timerfd => {
                let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
                let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
                epoll::add(&poll, &timer, epoll::EventData::new_u64(TIMER), interest)?;
                Some(timer)
            }
        };
        let begin = now() + 1_000_000;
        let end = begin + plan.length.as_nanos() as u64;
        let window = Window { start: begin, end };
        let drive = &plan.drive;
        let parts = match work {
            Work::Bare => None,
            Work::Parts => {
                let (requests, rosters) = (drive.requests.clone(), drive.rosters.clone());
                let source = Source::new(requests, rosters, &drive.authority, 1, Secrets::Sent);
                Some((
                    source,
                    Recorder::new(window, drive.interval.as_nanos() as u64, 1, 1),
                ))
            }
        };
        let pace = Pace::Constant(Rate::new(plan.rate)?);
        let schedule = Schedule::new(&pace, Duration::ZERO);
        Ok(Self {
            poll,
            timer,
            idle: (0..connections.len()).collect(),
            connections,
            pacer: Pacer::new(
                schedule,
                Arrivals::Constant,
                1,
                telemload::shard::Lane::new(0, 1),
            ),
            begin,
            end,
            parts,
            request: format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", drive.authority).into_bytes(),
            lags: Vec::with_capacity((plan.rate * plan.length.as_secs_f64()) as usize + 1),
        })
    }

    /// The dispatch lag of every request, ns.
    fn run(mut self) -> Result<Vec<u64>, Failure> {
        let blank = epoll::Event {
            flags: epoll::EventFlags::empty(),
            data: epoll::EventData::new_u64(0),
        };
        let mut events = vec![blank; self.connections.len() + 1];
        let mut armed = 0;
        loop {
            let next = self.begin + self.pacer.peek().offset_ns;
            let time = now();
            if next >= self.end {
                if self.idle.len() == self.connections.len() {
                    return Ok(self.lags);
                }
            } else if next <= time
                && let Some(at) = self.idle.pop()
            {
                self.send(at, time)?;
                continue;
            }
            let waits = next < self.end && !self.idle.is_empty();
            let timeout = match &self.timer {
                Some(timer) if waits && armed != next => {
                    arm(timer, next)?;
                    armed = next;
                    None
                }
                Some(_) => None,
                None => waits.then(|| span(next - time)),
            };
            let ready = epoll::wait(&self.poll, &mut events, timeout.as_ref())?;
            for event in &events[..ready] {
                let token = event.data.u64();
                if token != TIMER {
                    self.receive(token as usize)?;
                }
            }
        }
    }

    fn send(&mut self, at: usize, sent: u64) -> Result<(), Failure> {
        let due = self.pacer.take();
        let connection = &mut self.connections[at];
        let intended = self.begin + due.offset_ns;
        connection.times.intended = intended;
        connection.times.startable = intended.max(connection.times.done);
        connection.times.sent = sent;
        self.lags.push(sent - connection.times.startable);
        let bytes = match &mut self.parts {
            None => &self.request[..],
            Some((source, _)) => {
                source.render(0, due.n, &mut connection.out);
                connection.decoder.start(ExpectBody::Yes, 256);
                connection.out.bytes()
            }
        };
        send(&connection.stream, bytes, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    fn receive(&mut self, at: usize) -> Result<(), Failure> {
        let connection = &mut self.connections[at];
        let read = match recv(
            &connection.stream,
            connection.decoder.spare(),
            RecvFlags::empty(),
        ) {
            Ok((0, _)) => return Err("the server closed a connection".into()),
            Ok((read, _)) => read,
            Err(Errno::AGAIN) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        connection.times.done = now();
        if let Some((_, recorder)) = &mut self.parts {
            match connection.decoder.filled(read) {
                Ok(Progress::Done(response)) => {
                    let status = response.status;
                    recorder.record(0, Outcome::Ok { status }, connection.times);
                }
                Ok(Progress::NeedMore) => return Ok(()),
                Err(error) => return Err(error.to_string().into()),
            }
        }
        self.idle.push(at);
        Ok(())
    }
}

fn arm(timer: &OwnedFd, instant: u64) -> io::Result<()> {
    let value = Itimerspec {
        it_interval: span(0),
        it_value: span(instant),
    };
    timerfd_settime(timer, TimerfdTimerFlags::ABSTIME, &value)?;
    Ok(())
}

fn span(ns: u64) -> Timespec {
    Timespec {
        tv_sec: (ns / 1_000_000_000) as i64,
        tv_nsec: (ns % 1_000_000_000) as _,
    }
}
