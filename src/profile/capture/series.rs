//! One kind of profile of a capture, slice by slice, from one process or several at once.

use std::time::Duration;

use reqwest::Client;
use tokio::task::JoinSet;

use super::super::encode::Merger;
use super::super::pprof::decode_choice;
use super::super::{Choice, Error, Profile};
use super::endpoint::{Ask, Endpoint};
use super::error::CaptureError;
use crate::scenario::Also;

/// The largest profile accepted, as sent.
const MAX_BODY: usize = 64 << 20;
/// What is read of a heap in slices: what is in use may have become less, which is no profile.
const ALLOCATED: &str = "alloc_space";
/// A server answers when its window is over; Go looks every 100 ms.
const GRACE: Duration = Duration::from_secs(10);

/// One kind of profile, with all its slices.
#[derive(Debug)]
pub struct Captured {
    /// All slices as one.
    pub profile: Profile,
    /// The same as `profile.proto`, gzipped.
    pub bytes: Vec<u8>,
    /// How many there are.
    pub slices: usize,
}

/// What was captured so far.
pub(super) struct Series {
    endpoints: Vec<Endpoint>,
    ask: Ask,
    /// The values that are read; the profile's own choice if none.
    sample_type: Option<&'static str>,
    taken: usize,
    merger: Merger,
    profile: Option<Profile>,
}

impl Series {
    pub(super) fn of_cpu<U: AsRef<str>>(urls: &[U], hz: Option<u32>) -> Result<Self, CaptureError> {
        let ask = Ask::Cpu { hz };
        let endpoints = urls.iter().map(|url| Endpoint::new(url.as_ref(), ask));
        Ok(Self::new(endpoints.collect::<Result<_, _>>()?, ask, None))
    }

    /// Another profile of the same processes.
    pub(super) fn beside(&self, kind: Also) -> Self {
        let (ask, sample_type) = match kind {
            Also::Block | Also::Mutex => (Ask::Change, None),
            Also::Heap => (Ask::Change, Some(ALLOCATED)),
            // What no endpoint serves is not asked for.
            Also::Goroutine | Also::OffCpu => (Ask::Now, None),
        };
        let named = |of: &Endpoint| of.named(kind.name(), ask);
        let endpoints = self.endpoints.iter().map(named).collect();
        Self::new(endpoints, ask, sample_type)
    }

    fn new(endpoints: Vec<Endpoint>, ask: Ask, sample_type: Option<&'static str>) -> Self {
        Self {
            endpoints,
            ask,
            sample_type,
            taken: 0,
            merger: sample_type.map_or_else(Merger::default, Merger::preferring),
            profile: None,
        }
    }

    /// The next slice of every process, in the order of the endpoints; all are asked at once.
    pub(super) fn fetch(
        &self,
        client: &Client,
        seconds: u32,
    ) -> impl Future<Output = Result<Vec<Vec<u8>>, CaptureError>> + use<> {
        let mut fetching = JoinSet::new();
        for (at, endpoint) in self.endpoints.iter().cloned().enumerate() {
            let client = client.clone();
            fetching.spawn(async move {
                let window = Duration::from_secs(u64::from(seconds)) + GRACE;
                let fetched = endpoint.fetch(&client, seconds, window, MAX_BODY);
                (at, fetched.await)
            });
        }
        async move {
            let mut fetched = fetching.join_all().await;
            fetched.sort_by_key(|(at, _)| *at);
            fetched.into_iter().map(|(_, bytes)| bytes).collect()
        }
    }

    /// Adds a slice as every process sent it; answers how many samples it has.
    pub(super) fn add(&mut self, fetched: &[Vec<u8>]) -> Result<u64, CaptureError> {
        let before = self.samples();
        let is_first = self.taken == 0 && self.sample_type.is_none();
        if is_first && fetched.first().is_some_and(|bytes| is_heap(bytes)) {
            self.sample_type = Some(ALLOCATED);
            self.merger = Merger::preferring(ALLOCATED);
        }
        for (at, bytes) in fetched.iter().enumerate() {
            let url = || self.endpoints[at].shown.clone();
            let unreadable = |source| CaptureError::Unreadable { url: url(), source };
            let choice = Choice {
                sample_type: self.sample_type,
                ..Choice::default()
            };
            let slice = decode_choice(bytes, choice).map_err(unreadable)?;
            if self.ask == Ask::Change && slice.duration_ns() == 0 {
                return Err(CaptureError::Cumulative { url: url() });
            }
            let slice = if at == 0 { slice } else { slice.beside() };
            let profile = self.profile.get_or_insert_with(|| {
                Profile::new(slice.sample_type(), slice.unit(), slice.period_ns())
            });
            profile
                .merge_slice(&slice, self.taken)
                .map_err(unreadable)?;
        }
        let merged = self.merger.add_together(fetched);
        merged.map_err(|source| self.unreadable(source))?;
        self.taken += 1;
        Ok(self.samples() - before)
    }

    fn samples(&self) -> u64 {
        self.profile.as_ref().map_or(0, Profile::samples)
    }

    /// All slices as one profile; `None` without any.
    pub(super) fn finish(self) -> Result<Option<Captured>, CaptureError> {
        let url = self.shown();
        let Some(profile) = self.profile.filter(|_| self.taken > 0) else {
            return Ok(None);
        };
        let bytes = self
            .merger
            .finish()
            .map_err(|source| CaptureError::Unreadable { url, source })?;
        Ok(Some(Captured {
            profile,
            bytes,
            slices: self.taken,
        }))
    }

    /// Where slices come from, for messages.
    pub(super) fn shown(&self) -> String {
        let shown: Vec<&str> = self.endpoints.iter().map(|of| of.shown.as_str()).collect();
        shown.join(" and ")
    }

    fn unreadable(&self, source: Error) -> CaptureError {
        let url = self.shown();
        CaptureError::Unreadable { url, source }
    }
}

/// Whether a profile is of a heap, and tells what was allocated.
fn is_heap(bytes: &[u8]) -> bool {
    let has = |sample_type| {
        let choice = Choice {
            sample_type: Some(sample_type),
            ..Choice::default()
        };
        decode_choice(bytes, choice).is_ok()
    };
    has(ALLOCATED) && !has("cpu")
}
