//! Whatever a client sends to a tap and whatever a sample holds, it is read or refused; a request is the same whole and byte by byte,
//! and a record that was written is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use telemload::parity::{Key, Opening, Record, line, read};
use telemload::transport::http1::{Incoming, NoRequest, Requests};

fn all<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Incoming>, Option<NoRequest>) {
    let mut requests = Requests::default();
    let mut found = Vec::new();
    for piece in pieces {
        requests.take(piece);
        loop {
            match requests.next_whole() {
                Ok(Some(request)) => found.push(request),
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
    }
    (found, None)
}

fuzz_target!(|bytes: &[u8]| {
    let whole = all(std::iter::once(bytes));
    assert_eq!(whole.0, all(bytes.chunks(1)).0);
    let key = Key::of([7; 32]);
    let mut text = line(&Opening::new(true));
    let records: Vec<Record> = whole
        .0
        .iter()
        .map(|request| Record::of(request, &key))
        .collect();
    records.iter().for_each(|record| text += &line(record));
    assert_eq!(read(&text).expect("what was written").records, records);
    let _ = read(&(text + &String::from_utf8_lossy(bytes)));
});
