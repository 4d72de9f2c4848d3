//! A sink for mirrored production traffic: it answers each request at once with 204 and writes down what an audit looks at, never a
//! value. Memory and file are bounded; it knows nothing of where the requests would have gone. `recorder` writes the same of requests that a
//! service tells of itself.

mod recorder;

use std::cell::RefCell;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Notify, Semaphore};
use tokio::task::spawn_local;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::parity::{Key, Opening, Record, line};
use crate::transport::http1::{Incoming, Requests};

pub use recorder::{Kept, Recorder, Recording};

/// By which a mirror names the connection of the client; it is not recorded as a header.
pub const CONNECTION: &str = "X-Telemload-Connection";
/// By which a mirror names the client.
pub const CLIENT: &str = "X-Telemload-Client";

/// Connections that are open at a time; others wait.
const MOST_CONNECTIONS: usize = 1_024;
/// A client that sends nothing for so long is gone.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often what was recorded goes to the file.
const EVERY: Duration = Duration::from_millis(500);
const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
const LAST_ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
const REFUSAL: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const LEAVE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// When a tap ends, and what it writes down.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Whether clients connect themselves; otherwise connections and clients are known only where the mirror names them.
    pub direct: bool,
    /// Ends after so many requests.
    pub requests: Option<u64>,
    /// Ends after so long.
    pub duration: Option<Duration>,
    /// The most bytes that are written; requests behind them are answered and counted.
    pub most_bytes: u64,
}

/// What a tap took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// Requests that were answered.
    pub requests: u64,
    /// Those that are in the file.
    pub recorded: u64,
    /// Connections.
    pub connections: u64,
    /// Connections that sent something else than HTTP/1.
    pub unreadable: u64,
    /// Whether the mirror names the connections of its clients.
    pub names_connections: bool,
}

/// Answers and records until it is to end; what was taken is in the file then.
///
/// # Errors
/// The file cannot be written: what was taken until then is told beside.
pub fn tap(
    listener: std::net::TcpListener,
    file: &mut dyn Write,
    settings: Settings,
    key: Key,
    stop: impl Future<Output = ()>,
) -> (Taken, io::Result<()>) {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default());
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return (Taken::default(), Err(error)),
    };
    let opening = line(&Opening::new(settings.direct));
    let shared = Rc::new(Shared {
        settings,
        key,
        full: Notify::new(),
        book: RefCell::new(Book {
            taken: Taken::default(),
            bytes: opening.len() as u64,
            pending: opening.into_bytes(),
        }),
    });
    let ended = runtime.block_on(serve(listener, file, &shared, stop));
    drop(runtime);
    let taken = shared.book.borrow().taken.clone();
    (taken, ended)
}

struct Shared {
    settings: Settings,
    key: Key,
    /// As many requests as asked for were answered.
    full: Notify,
    book: RefCell<Book>,
}

/// What was taken, and what of it is not in the file yet.
struct Book {
    taken: Taken,
    /// Written, or to be written.
    bytes: u64,
    pending: Vec<u8>,
}

async fn serve(
    listener: std::net::TcpListener,
    file: &mut dyn Write,
    shared: &Rc<Shared>,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let over = async {
        match shared.settings.duration {
            Some(duration) => sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(stop, over);
    let accepting = accept(listener, shared);
    tokio::pin!(accepting);
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = &mut accepting => {}
            () = &mut stop => break,
            () = &mut over => break,
            () = shared.full.notified() => break,
            _ = ticks.tick() => write(file, shared)?,
        }
    }
    write(file, shared)
}

fn write(file: &mut dyn Write, shared: &Shared) -> io::Result<()> {
    let pending = std::mem::take(&mut shared.book.borrow_mut().pending);
    file.write_all(&pending)?;
    file.flush()
}

async fn accept(listener: TcpListener, shared: &Rc<Shared>) {
    let places = std::sync::Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let shared = shared.clone();
                spawn_local(async move {
                    // A connection that breaks is the client's to report.
                    drop(converse(stream, peer, &shared).await);
                    drop(place);
                });
            }
            // Such as a lack of file descriptors, which passes.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn converse(mut stream: TcpStream, peer: SocketAddr, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let connection = {
        let mut book = shared.book.borrow_mut();
        book.taken.connections += 1;
        book.taken.connections
    };
    let mut requests = Requests::default();
    let mut bytes = vec![0; 16 << 10];
    let mut begun = Timestamp::now();
    loop {
        let was_idle = requests.is_idle();
        let Ok(read) = timeout(PATIENCE, stream.read(&mut bytes)).await else {
            return Ok(());
        };
        let read = read?;
        if read == 0 {
            return Ok(());
        }
        if was_idle {
            begun = Timestamp::now();
        }
        requests.take(&bytes[..read]);
        loop {
            match requests.next_whole() {
                Ok(Some(request)) => {
                    let keeps = request.keeps;
                    shared.take(request, begun, connection, peer);
                    begun = Timestamp::now();
                    stream
                        .write_all(if keeps { ANSWER } else { LAST_ANSWER })
                        .await?;
                    if !keeps {
                        return Ok(());
                    }
                }
                Ok(None) => break,
                Err(_) => {
                    shared.book.borrow_mut().taken.unreadable += 1;
                    stream.write_all(REFUSAL).await?;
                    return Ok(());
                }
            }
        }
        if requests.wants_leave() {
            stream.write_all(LEAVE).await?;
        }
    }
}

impl Shared {
    fn take(&self, mut request: Incoming, begun: Timestamp, connection: u64, peer: SocketAddr) {
        let mut book = self.book.borrow_mut();
        if self.settings.requests == Some(book.taken.requests) {
            return;
        }
        book.taken.requests += 1;
        if self.settings.requests == Some(book.taken.requests) {
            self.full.notify_one();
        }
        let (client, connection) = if self.settings.direct {
            let client = peer.ip().to_string().into_bytes();
            (Some(client), Some(connection))
        } else {
            let client = taken_out(&mut request, CLIENT);
            let connection = taken_out(&mut request, CONNECTION);
            book.taken.names_connections |= connection.is_some();
            (client, connection.map(|of| self.key.print(&of).hash))
        };
        let record = Record {
            at_us: Some(begun.as_microsecond()),
            client: client.map(|client| self.key.print(&client)),
            connection,
            ..Record::of(&request, &self.key)
        };
        let line = line(&record);
        if book.bytes + line.len() as u64 <= self.settings.most_bytes {
            book.bytes += line.len() as u64;
            book.taken.recorded += 1;
            book.pending.extend_from_slice(line.as_bytes());
        }
    }
}

/// The value of a header that the mirror wrote, which the request had not.
fn taken_out(request: &mut Incoming, name: &str) -> Option<Vec<u8>> {
    let at = request
        .fields
        .iter()
        .position(|(field, _)| field.eq_ignore_ascii_case(name))?;
    Some(request.fields.remove(at).1)
}
