//! A sample of the requests of a service that tells of them itself. Whoever tells never waits: what the writer has no room for is counted and
//! left out.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jiff::Timestamp;

use crate::parity::{Key, Opening, Record, line};
use crate::transport::http1::Incoming;

/// Lines that wait for the file, and their bytes.
const MOST_WAITING: usize = 8_192;
const MOST_WAITING_BYTES: usize = 8 << 20;
/// Lines that are written at once.
const AT_ONCE: usize = 1_024;
/// How often the writer looks whether it is over, where nothing comes.
const EVERY: Duration = Duration::from_millis(50);

/// Takes requests of a service, from any thread.
pub struct Recorder {
    key: Key,
    lines: SyncSender<String>,
    waiting: Arc<AtomicUsize>,
    dropped: AtomicU64,
    is_over: Arc<AtomicBool>,
}

/// A sample that is being written.
pub struct Recording {
    recorder: Arc<Recorder>,
    writer: JoinHandle<Written>,
}

/// What became of the requests.
#[derive(Debug)]
pub struct Kept {
    /// Those that are in the file.
    pub recorded: u64,
    /// Those that are not.
    pub dropped: u64,
    /// Why the file could not be written to its end.
    pub error: Option<io::Error>,
}

impl Recording {
    /// Begins a sample in a file, of so many bytes at most.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn begin(file: Box<dyn Write + Send>, key: Key, most_bytes: u64) -> io::Result<Self> {
        let (lines, waiting_lines) = sync_channel(MOST_WAITING);
        let waiting = Arc::new(AtomicUsize::new(0));
        let is_over = Arc::new(AtomicBool::new(false));
        let writer = Writer {
            file,
            lines: waiting_lines,
            waiting: Arc::clone(&waiting),
            is_over: Arc::clone(&is_over),
            left: most_bytes,
            written: Written::default(),
        };
        let writer = thread::Builder::new()
            .name("sample".to_owned())
            .spawn(move || writer.run())?;
        let recorder = Recorder {
            key,
            lines,
            waiting,
            dropped: AtomicU64::new(0),
            is_over,
        };
        Ok(Self {
            recorder: Arc::new(recorder),
            writer,
        })
    }

    /// Who takes requests.
    pub fn recorder(&self) -> Arc<Recorder> {
        Arc::clone(&self.recorder)
    }

    /// Writes what waits, and tells what there is. Requests behind that are left out.
    pub fn end(self) -> Kept {
        self.recorder.is_over.store(true, Ordering::Relaxed);
        let written = self.writer.join().unwrap_or_default();
        Kept {
            recorded: written.requests,
            dropped: written.dropped + self.recorder.dropped.load(Ordering::Relaxed),
            error: written.error,
        }
    }
}

impl Recorder {
    /// Takes in a request that begins now; the length of its body may be unknown.
    pub fn take(&self, request: &Incoming, knows_body: bool, client: &str, connection: u64) {
        let record = Record::of(request, &self.key);
        let line = line(&Record {
            at_us: Some(Timestamp::now().as_microsecond()),
            client: Some(self.key.print(client.as_bytes())),
            connection: Some(connection),
            body: record.body.filter(|_| knows_body),
            ..record
        });
        let bytes = line.len();
        let has_room = self.waiting.fetch_add(bytes, Ordering::Relaxed) <= MOST_WAITING_BYTES;
        if !has_room || self.lines.try_send(line).is_err() {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Writer {
    file: Box<dyn Write + Send>,
    lines: Receiver<String>,
    waiting: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
    /// Bytes that the file may still get.
    left: u64,
    written: Written,
}

#[derive(Default)]
struct Written {
    requests: u64,
    dropped: u64,
    error: Option<io::Error>,
}

impl Writer {
    fn run(mut self) -> Written {
        let opening = line(&Opening::new(true));
        self.left = self.left.saturating_sub(opening.len() as u64);
        self.put(opening.as_bytes());
        loop {
            let was_over = self.is_over.load(Ordering::Relaxed);
            match self.lines.recv_timeout(EVERY) {
                Ok(first) => self.add(first),
                // What was sent before the end is there by now.
                Err(RecvTimeoutError::Timeout) if was_over => break,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.written
    }

    /// Writes a line and what waits behind it.
    fn add(&mut self, first: String) {
        let (mut text, mut lines) = (String::new(), 0);
        let others = self.lines.try_iter().take(AT_ONCE);
        for line in std::iter::once(first).chain(others) {
            self.waiting.fetch_sub(line.len(), Ordering::Relaxed);
            let bytes = line.len() as u64;
            if self.left >= bytes {
                self.left -= bytes;
                text.push_str(&line);
                lines += 1;
            } else {
                self.written.dropped += 1;
            }
        }
        match self.put(text.as_bytes()) {
            true => self.written.requests += lines,
            false => self.written.dropped += lines,
        }
    }

    /// Whether the bytes are in the file. After a failure nothing more is tried: half of a line may be there.
    fn put(&mut self, bytes: &[u8]) -> bool {
        if self.written.error.is_none() {
            let put = self.file.write_all(bytes);
            self.written.error = put.err();
        }
        self.written.error.is_none()
    }
}

#[cfg(test)]
#[path = "recorder_tests.rs"]
mod tests;
