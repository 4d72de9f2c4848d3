//! The driver of the tests: one exchange, fed in any pieces.

mod interim;
mod lifecycle;
mod properties;
mod responses;

use super::decoder::{FIRST_READ, READ};
use super::head::End;
use super::*;
use crate::transport::answer::{ExpectBody, Response};
use crate::transport::quirk::{Quirk, Quirks};

/// What a user of the decoder sees of one exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    result: Result<Response, Malformed>,
    body: Vec<u8>,
}

struct Case {
    expects: ExpectBody,
    limits: Limits,
    keep: usize,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            expects: ExpectBody::Yes,
            limits: Limits::default(),
            keep: usize::MAX,
        }
    }
}

impl Case {
    /// Feeds `raw` in pieces, then the end of the stream. Bytes behind a response that ended with its piece make it what it is
    /// if they come in the same piece.
    fn decode(&self, raw: &[u8], pieces: impl FnMut() -> usize) -> Seen {
        self.decode_with(&mut Decoder::new(self.limits), raw, pieces)
    }

    /// The same with a decoder that may have decoded other responses.
    fn decode_with(
        &self,
        decoder: &mut Decoder,
        raw: &[u8],
        mut pieces: impl FnMut() -> usize,
    ) -> Seen {
        decoder.reset();
        decoder.start(self.expects, self.keep);
        let mut rest = raw;
        let mut complete = None;
        let failed = loop {
            if rest.is_empty() {
                break if complete.is_some() {
                    None
                } else {
                    self.at_eof(decoder, &mut complete)
                };
            }
            let n = feed(decoder, &rest[..pieces().clamp(1, rest.len())]);
            rest = &rest[n.taken..];
            self.check_bounds(decoder);
            match n.progress {
                Ok(Progress::NeedMore) => {}
                Ok(Progress::Done(response)) => {
                    let mut response = response;
                    if !rest.is_empty() {
                        response.quirks.add(Quirk::Surplus);
                        response.keep_alive = false;
                    }
                    complete = Some(response);
                    break None;
                }
                Err(kind) => break Some(kind),
            }
        };
        Seen {
            result: failed.map_or_else(|| Ok(complete.expect("no failure, so a response")), Err),
            body: if failed.is_some() {
                Vec::new()
            } else {
                decoder.body().to_vec()
            },
        }
    }

    fn at_eof(&self, decoder: &mut Decoder, complete: &mut Option<Response>) -> Option<Malformed> {
        match decoder.eof() {
            Ok(Progress::Done(response)) => {
                *complete = Some(response);
                None
            }
            Ok(Progress::NeedMore) => panic!("more is needed behind the end"),
            Err(kind) => Some(kind),
        }
    }

    fn check_bounds(&self, decoder: &Decoder) {
        let limit = self.limits.header_block.max(FIRST_READ) + READ;
        assert!(
            decoder.buffer.capacity() <= limit,
            "{} bytes of buffer",
            decoder.buffer.capacity()
        );
        assert!(decoder.body.kept.len() <= self.keep);
    }

    fn whole(&self, raw: &[u8]) -> Seen {
        self.decode(raw, || usize::MAX)
    }

    /// The same, whole, byte by byte and split at every position.
    fn decode_every_way(&self, raw: &[u8]) -> Seen {
        let whole = self.whole(raw);
        let bytewise = self.decode(raw, || 1);
        assert_eq!(
            whole,
            bytewise,
            "whole and byte by byte: {}",
            raw.escape_ascii()
        );
        for split in 1..raw.len().min(4096) {
            let mut first = Some(split);
            let halves = self.decode(raw, || first.take().unwrap_or(usize::MAX));
            assert_eq!(whole, halves, "split at {split}: {}", raw.escape_ascii());
        }
        whole
    }
}

struct Fed {
    taken: usize,
    progress: Result<Progress, Malformed>,
}

fn feed(decoder: &mut Decoder, bytes: &[u8]) -> Fed {
    let spare = decoder.spare();
    assert!(!spare.is_empty(), "no room to read into");
    let taken = bytes.len().min(spare.len());
    spare[..taken].copy_from_slice(&bytes[..taken]);
    Fed {
        taken,
        progress: decoder.filled(taken),
    }
}

fn response(status: u16, keep_alive: bool, header_bytes: usize, body_bytes: usize) -> Response {
    Response {
        status,
        keep_alive,
        header_bytes: header_bytes as u64,
        body_bytes: body_bytes as u64,
        quirks: Quirks::NONE,
    }
}
