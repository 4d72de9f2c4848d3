//! Files of counts: whole ones are read as they were written, and no other ones do harm.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::experiment::shards::samples;

/// A file of a shard, and how many requests and hosts its result has.
fn file() -> Vec<u8> {
    static MADE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let scratch = tempfile::tempdir().unwrap();
        samples::shard(scratch.path(), 0, 2);
        std::fs::read(scratch.path().join("shard-0/main/load").join(FILE)).unwrap()
    });
    MADE.clone()
}

const BOUNDS: Bounds = Bounds {
    requests: 2,
    hosts: 1,
    most: 1 << 40,
};

fn read(bytes: &[u8]) -> Result<(Vec<Row>, Box<Over>), String> {
    let mut reader = Reader::new(bytes, BOUNDS)?;
    let mut rows = Vec::new();
    loop {
        match reader.next()? {
            Next::Row(row) => rows.push(*row),
            Next::Over(over) => return Ok((rows, over)),
        }
    }
}

#[test]
fn a_file_is_read_as_it_was_written() {
    let bytes = file();
    let (rows, over) = read(&bytes).unwrap();
    assert_eq!(rows.len(), 31);
    let ok: u64 = rows.iter().map(|row| row.tally.ok).sum();
    let all = Tally::sum(&over.counted.tallies);
    // What ends after the window is in no row.
    assert!(
        ok <= all.ok && all.ok - ok < 10 && all.ok > 1_400,
        "{ok} {}",
        all.ok
    );
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out, Head::new("attempt-0", 100_000_000, false)).unwrap();
    rows.into_iter().for_each(|row| writer.row(row).unwrap());
    writer.over(*over).unwrap();
    assert!(out == bytes);
}

#[test]
fn what_no_run_writes_is_refused_by_its_line() {
    let text = String::from_utf8(file()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.len();
    let check = |bytes: &[u8], expected: &str| {
        let words = read(bytes).unwrap_err();
        assert!(words.contains(expected), "{words} for {expected}");
    };
    check(b"", "line 1: the file ends before it");
    check(b"{}\n", "line 1: ");
    check(
        text.replacen("counts/1", "counts/2", 1).as_bytes(),
        "it is no `telemload.counts/1`",
    );
    check(
        text.replacen("\"interval_ns\":1", "\"interval_ns\":0", 1)
            .as_bytes(),
        "line 1: ",
    );
    check(
        [text.as_str(), "x"].concat().as_bytes(),
        "something follows its end",
    );
    let twice = [lines[0], lines[1], lines[1]].join("\n") + "\n";
    check(twice.as_bytes(), "line 3: its row is not one of a run");
    let without = |at: usize| {
        let kept = lines.iter().enumerate().filter(|(line, _)| *line != at);
        kept.map(|(_, line)| format!("{line}\n"))
            .collect::<String>()
    };
    // A request is missing.
    let request = lines
        .iter()
        .position(|line| line.starts_with("{\"request\""))
        .unwrap();
    check(
        without(request).as_bytes(),
        &format!("line {}: its end does not fit", last - 1),
    );
    let more = text.replacen("\"due\":", "\"due\":1", 40);
    check(more.as_bytes(), "its counts do not add up");
    let long = vec![b'x'; MOST_LINE as usize + 2];
    check(&long, "line 1: it is too long");
    let deep = [b"{\"row\":".to_vec(), vec![b'['; 1 << 20], b"\n".to_vec()].concat();
    check(&deep, "line 1: ");
}

#[test]
fn words_of_others_order_nothing() {
    let text = String::from_utf8(file()).unwrap();
    let text = text.replacen("the first timeout", "\\u001b[2J", 1);
    let (_, over) = read(text.as_bytes()).unwrap();
    let words: Vec<_> = over.counted.exemplars.values().collect();
    assert!(
        words.iter().all(|words| !words.contains('\u{1b}')),
        "{words:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever happened to a file: it is read or refused, and what was read can be added up.
    #[test]
    fn a_file_that_was_changed_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut bytes = file();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            // Digits and quotes make other numbers and texts, where noise makes no JSON.
            bytes[at] = if byte < 128 { b"0123456789\",:{}[]-e"[usize::from(byte) % 19] } else { byte };
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok((rows, over)) = read(&bytes) {
            let mut all = crate::experiment::shards::readouts::Together::default();
            for index in 0..3 {
                all.add(index, crate::experiment::shards::readouts::Ended::InTime, &over);
            }
            let sum = all.over().unwrap();
            prop_assert!(sum.seconds.is_finite() && rows.len() < 10_000);
        }
    }
}
