//! What a service tells of its requests, as a sample.

use std::sync::{Condvar, Mutex};

use super::*;
use crate::parity::read;

/// A file that can be looked at, and that can be held up and be full.
#[derive(Clone, Default)]
struct Disk(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    is_held: bool,
    is_full: bool,
}

impl Disk {
    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.0.lock().unwrap().bytes.clone()).unwrap()
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let state = self.0.0.lock().unwrap();
        let mut state = self.0.1.wait_while(state, |of| of.is_held).unwrap();
        if state.is_full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn begin(disk: &Disk, most_bytes: u64) -> Recording {
    let file = Box::new(disk.clone());
    Recording::begin(file, Key::of([7; 32]), most_bytes).unwrap()
}

fn request() -> Incoming {
    Incoming {
        method: "POST".to_owned(),
        target: "/v1/telemetry?page=1".to_owned(),
        keeps: true,
        fields: vec![
            ("x-device-id".to_owned(), b"hush-device".to_vec()),
            ("accept".to_owned(), b"*/*".to_vec()),
        ],
        body_bytes: 40,
        body: Vec::new(),
    }
}

#[test]
fn what_is_taken_can_be_read_as_a_sample_without_values() {
    let disk = Disk::default();
    let recording = begin(&disk, u64::MAX);
    let recorder = recording.recorder();
    for (at, knows_body) in [(1, true), (1, false), (2, true)] {
        recorder.take(&request(), knows_body, "192.0.2.1", at);
    }
    let kept = recording.end();
    assert_eq!((kept.recorded, kept.dropped), (3, 0));
    assert!(kept.error.is_none());
    let text = disk.text();
    assert!(
        !text.contains("hush") && !text.contains("192.0.2.1"),
        "{text}"
    );
    let sample = read(&text).unwrap();
    assert!(sample.opening.direct);
    let connections = sample.records.iter().map(|record| record.connection);
    assert_eq!(connections.collect::<Vec<_>>(), [Some(1), Some(1), Some(2)]);
    let bodies = sample
        .records
        .iter()
        .map(|record| record.body.map(|of| of.bytes));
    assert_eq!(bodies.collect::<Vec<_>>(), [Some(40), None, Some(40)]);
    assert_eq!(sample.records[0].client, sample.records[2].client);
}

#[test]
fn who_tells_never_waits_for_a_disk_that_hangs_and_what_is_left_out_is_counted() {
    let disk = Disk::default();
    disk.set(|state| state.is_held = true);
    let recording = begin(&disk, u64::MAX);
    let recorder = recording.recorder();
    let told = 3 * MOST_WAITING as u64;
    // Nothing is written meanwhile: this would never come to its end if it waited.
    (0..told).for_each(|at| recorder.take(&request(), true, "192.0.2.1", at));
    disk.set(|state| state.is_held = false);
    let kept = recording.end();
    assert_eq!(kept.recorded + kept.dropped, told);
    assert!(
        kept.recorded > 0 && kept.recorded <= MOST_WAITING as u64,
        "{kept:?}"
    );
    let sample = read(&disk.text()).unwrap();
    assert_eq!(sample.records.len() as u64, kept.recorded);
}

#[test]
fn a_long_request_takes_no_more_memory_than_there_is_for_all() {
    let disk = Disk::default();
    disk.set(|state| state.is_held = true);
    let recording = begin(&disk, u64::MAX);
    let recorder = recording.recorder();
    // A name of a route is kept as it stands, however long it is.
    let long = Incoming {
        target: format!("/{}", "shop/".repeat(100_000)),
        ..request()
    };
    (0..30).for_each(|at| recorder.take(&long, true, "192.0.2.1", at));
    assert!(recorder.waiting.load(Ordering::Relaxed) <= MOST_WAITING_BYTES + (1 << 20));
    disk.set(|state| state.is_held = false);
    let kept = recording.end();
    assert!(
        kept.recorded < 20 && kept.recorded + kept.dropped == 30,
        "{kept:?}"
    );
}

#[test]
fn a_full_disk_and_a_full_sample_end_the_sample_alone() {
    let disk = Disk::default();
    disk.set(|state| state.is_full = true);
    let recording = begin(&disk, u64::MAX);
    recording.recorder().take(&request(), true, "192.0.2.1", 1);
    let kept = recording.end();
    assert_eq!((kept.recorded, kept.dropped), (0, 1));
    assert!(kept.error.is_some());
    let disk = Disk::default();
    let recording = begin(&disk, 1_000);
    let recorder = recording.recorder();
    (0..20).for_each(|at| recorder.take(&request(), true, "192.0.2.1", at));
    let kept = recording.end();
    assert!(kept.recorded > 0 && kept.dropped > 0, "{kept:?}");
    assert!(disk.text().len() <= 1_000);
    assert_eq!(
        read(&disk.text()).unwrap().records.len() as u64,
        kept.recorded
    );
}
