//! `counts.jsonl`, the raw counts of a stretch of load of one shard: a line of JSON for each interval while the load goes on, then one for
//! each request, instance and host, and a last one, without which the file is that of a shard that did not finish.
//!
//! One writer and one reader of the same types. What is read comes from other machines: a line has a bounded length, holds a bounded
//! number of histograms, and all of them together a bounded number of counters.

use std::io::{self, BufRead, Read, Write};

use serde::{Deserialize, Serialize};

use super::sound;
use crate::engine::Connections;
use crate::experiment::over::Over;
use crate::experiment::row::Row;
use crate::metrics::{Answers, Tally};

/// Name of the file.
pub(in crate::experiment) const FILE: &str = "counts.jsonl";

/// Name and version of the format.
const SCHEMA: &str = "telemload.counts/1";

/// Bytes of a line at most: the seven histograms of a request take some 0.1 MB.
const MOST_LINE: u64 = 8 << 20;

/// Counters of all histograms but those of rows at most, which are 0.5 GB.
const MOST_COUNTERS: u64 = 1 << 26;

/// What a stretch is, before it has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::experiment) struct Head {
    schema: String,
    /// Of the process that wrote it, as the result beside it says.
    pub(super) attempt: String,
    /// Length of an interval.
    pub(in crate::experiment) interval_ns: u64,
    /// Whether rows have what the target publishes of itself.
    pub(in crate::experiment) has_columns: bool,
}

/// What was counted of one request of the plan.
#[derive(Serialize, Deserialize)]
struct Request {
    tally: Tally,
    answers: Answers,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Stretch(Head),
    Row(Box<Row>),
    Request(Box<Request>),
    Instance(Answers),
    Host(Connections),
    Over(Box<Over>),
}

impl Head {
    pub(in crate::experiment) fn new(attempt: &str, interval_ns: u64, has_columns: bool) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            attempt: attempt.to_owned(),
            interval_ns,
            has_columns,
        }
    }
}

/// A file that is being written.
#[derive(Debug)]
pub(in crate::experiment) struct Writer<W: Write>(W);

impl<W: Write> Writer<W> {
    pub(in crate::experiment) fn new(out: W, head: Head) -> io::Result<Self> {
        let mut writer = Self(out);
        writer.line(&Line::Stretch(head))?;
        Ok(writer)
    }

    pub(in crate::experiment) fn row(&mut self, row: Row) -> io::Result<()> {
        self.line(&Line::Row(Box::new(row)))
    }

    /// Writes what makes the file whole.
    pub(in crate::experiment) fn over(mut self, over: Over) -> io::Result<()> {
        let counted = &over.counted;
        let none = Answers::default();
        for (at, tally) in counted.tallies.iter().enumerate() {
            let answers = counted.answered.requests.get(at).unwrap_or(&none);
            let request = Request {
                tally: tally.clone(),
                answers: answers.clone(),
            };
            self.line(&Line::Request(Box::new(request)))?;
        }
        for answers in &counted.answered.instances {
            self.line(&Line::Instance(answers.clone()))?;
        }
        for host in &over.hosts {
            self.line(&Line::Host(host.clone()))?;
        }
        self.line(&Line::Over(Box::new(over)))
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, line)?;
        self.0.write_all(b"\n")?;
        self.0.flush()
    }
}

/// What comes next of a file.
#[derive(Debug)]
pub(in crate::experiment) enum Next {
    Row(Box<Row>),
    Over(Box<Over>),
}

/// What a file may hold.
#[derive(Debug, Clone, Copy)]
pub(in crate::experiment) struct Bounds {
    /// Requests and hosts that the result beside it has.
    pub(in crate::experiment) requests: usize,
    pub(in crate::experiment) hosts: usize,
    /// The largest count: so many that those of all files can be added up.
    pub(in crate::experiment) most: u64,
}

/// A file that is being read.
#[derive(Debug)]
pub(in crate::experiment) struct Reader<R> {
    from: R,
    pub(in crate::experiment) head: Head,
    line: u64,
    bounds: Bounds,
    /// Index that the next row has at least.
    next_row: u64,
    counters: u64,
}

impl<R: BufRead> Reader<R> {
    /// Of a stretch of so many requests and hosts.
    ///
    /// # Errors
    /// A message: it cannot be read, or is no such file.
    pub(in crate::experiment) fn new(from: R, bounds: Bounds) -> Result<Self, String> {
        let mut reader = Self {
            from,
            head: Head::new("", 0, false),
            line: 0,
            bounds,
            next_row: 0,
            counters: 0,
        };
        match reader.line()? {
            Line::Stretch(head) if head.schema == SCHEMA => {
                if !sound::INTERVALS.contains(&head.interval_ns) {
                    return Err(reader.at("it has no interval"));
                }
                reader.head = head;
                Ok(reader)
            }
            _ => Err(reader.at("it is no `telemload.counts/1`")),
        }
    }

    /// The next interval, or the end.
    ///
    /// # Errors
    /// A message: the file ends before its last line, or is not as a run writes it.
    pub(in crate::experiment) fn next(&mut self) -> Result<Next, String> {
        let line = self.line()?;
        if let Line::Row(row) = line {
            let is_next = row.index >= self.next_row
                && sound::row(&row, self.head.has_columns, self.bounds.most);
            if !is_next {
                return Err(self.at("its row is not one of a run"));
            }
            self.next_row = row.index + 1;
            return Ok(Next::Row(row));
        }
        self.rest(line).map(Next::Over)
    }

    fn rest(&mut self, first: Line) -> Result<Box<Over>, String> {
        let (mut tallies, mut answers) = (Vec::new(), Vec::new());
        let (mut instances, mut hosts) = (Vec::new(), Vec::new());
        let mut line = first;
        loop {
            match line {
                Line::Request(request) if tallies.len() < self.bounds.requests => {
                    let Request { tally, answers: of } = *request;
                    self.counters += sound::counters(&tally);
                    let is_sound = sound::tally(&tally, self.bounds.most);
                    if !(is_sound && tally.adds_up() && tally.holds()) {
                        return Err(self.at("its counts do not add up"));
                    }
                    tallies.push(tally);
                    answers.push(of);
                }
                Line::Instance(of) if instances.len() < sound::MOST_INSTANCES => instances.push(of),
                Line::Host(host) if hosts.len() < self.bounds.hosts.max(1) => {
                    self.counters += host.opening.histogram().distinct_values() as u64;
                    hosts.push(host);
                }
                Line::Over(mut over) => {
                    over.counted.tallies = tallies;
                    over.counted.answered.requests = answers;
                    over.counted.answered.instances = instances;
                    over.hosts = hosts;
                    self.check(&over)?;
                    sound::make_plain(&mut over);
                    return Ok(over);
                }
                _ => return Err(self.at("it is not what a run writes there")),
            }
            if self.counters > MOST_COUNTERS {
                return Err(self.at("its histograms are too many"));
            }
            line = self.line()?;
        }
    }

    /// Whether the end fits what came before it, and nothing follows.
    fn check(&mut self, over: &Over) -> Result<(), String> {
        let counted = over.counted.tallies.len();
        // Of a load that ended before anything was counted there is none.
        let is_whole = counted == self.bounds.requests || counted == 0;
        let rows = sound::rows(over, self.head.interval_ns);
        let fits = rows.is_some_and(|rows| self.next_row <= rows);
        if !is_whole || !fits || !sound::over(over, self.bounds.most) {
            return Err(self.at("its end does not fit its rows and requests"));
        }
        match self.from.fill_buf() {
            Ok([]) => Ok(()),
            Ok(_) => Err(self.at("something follows its end")),
            Err(error) => Err(self.at(&error.to_string())),
        }
    }

    fn line(&mut self) -> Result<Line, String> {
        self.line += 1;
        let mut bytes = Vec::new();
        let read = (&mut self.from)
            .take(MOST_LINE + 1)
            .read_until(b'\n', &mut bytes);
        read.map_err(|error| self.at(&error.to_string()))?;
        if bytes.len() as u64 > MOST_LINE {
            return Err(self.at("it is too long"));
        }
        if bytes.pop() != Some(b'\n') {
            return Err(self.at(
                "the file ends before it: the shard did not finish, or the file was copied in part",
            ));
        }
        serde_json::from_slice(&bytes).map_err(|error| self.at(&format!("{error}")))
    }

    fn at(&self, words: &str) -> String {
        let line = self.line;
        format!("line {line}: {words}")
    }
}

#[cfg(test)]
#[path = "counts_tests.rs"]
mod tests;
