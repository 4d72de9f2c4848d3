//! The least that a load generator can cost here: one thread, epoll, one send and one receive per request, nothing parsed,
//! nothing recorded. `scripts/bench-engine` puts it beside the engine.
//!
//! Usage: `floor ADDRESS CONNECTIONS SECONDS`; prints the number of responses.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [address, connections, seconds] = args.as_slice() else {
        return Err("usage: floor ADDRESS CONNECTIONS SECONDS".into());
    };
    let responses = drive(
        address.parse()?,
        connections.parse()?,
        Duration::from_secs_f64(seconds.parse()?),
    )?;
    writeln!(io::stdout(), "{responses}")?;
    Ok(())
}

fn drive(address: SocketAddr, connections: usize, length: Duration) -> io::Result<u64> {
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut streams = Vec::with_capacity(connections);
    for at in 0..connections {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let interest = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(
            &poll,
            stream.as_fd(),
            epoll::EventData::new_u64(at as u64),
            interest,
        )?;
        stream.write_all(request.as_bytes())?;
        streams.push(stream);
    }
    let mut events = vec![
        epoll::Event {
            flags: epoll::EventFlags::empty(),
            data: epoll::EventData::new_u64(0),
        };
        connections.max(1)
    ];
    let mut buffer = [0_u8; 4096];
    let mut responses = 0;
    let end = Instant::now() + length;
    let tick = Timespec {
        tv_sec: 0,
        tv_nsec: 10_000_000,
    };
    while Instant::now() < end {
        let ready = epoll::wait(&poll, &mut events, Some(&tick))?;
        for event in &events[..ready] {
            let stream = &streams[event.data.u64() as usize];
            match recv(stream, &mut buffer, RecvFlags::empty()) {
                Ok((0, _)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => responses += 1,
                Err(Errno::AGAIN) => continue,
                Err(error) => return Err(error.into()),
            }
            send(stream, request.as_bytes(), SendFlags::NOSIGNAL)?;
        }
    }
    Ok(responses)
}
