//! Captures profiles over HTTP from a target's pprof endpoints.
//!
//! The only module of profiles that does I/O. It must not retry (a second capture is another window, and Go runs one
//! at a time), must not buffer without bound, and must not show what a URL may hold beside scheme, host and path.

mod endpoint;
mod error;
mod series;

use reqwest::Client;
use tokio::task::JoinSet;

pub use self::error::CaptureError;
pub use self::series::Captured;
use self::series::Series;
use super::Profile;
use super::course::Forecast;
pub use super::course::{Course, Request};
use super::stacks::MAX_SLICES;
use crate::scenario::Also;

/// A finished capture.
#[derive(Debug)]
pub struct Capture {
    /// All slices as one profile.
    pub profile: Profile,
    /// The same as `profile.proto`, gzipped: what the slices held, each sample with the number of its slice.
    pub bytes: Vec<u8>,
    /// Seconds asked for in the slices that it has.
    pub seconds: u32,
    /// What was captured beside it, or why that was not.
    pub also: Vec<(Also, Result<Captured, CaptureError>)>,
}

/// A capture under way: one slice after the other, because Go runs one profiler at a time.
pub struct Slices<'a> {
    client: &'a Client,
    course: Course,
    seconds: u32,
    cpu: Series,
    also: Vec<(Also, Result<Series, CaptureError>)>,
}

impl std::fmt::Debug for Slices<'_> {
    /// The client may hold credentials, and so may the URL.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slices")
            .field("url", &self.shown())
            .field("course", &self.course)
            .finish_non_exhaustive()
    }
}

impl<'a> Slices<'a> {
    /// Of processes that are sampled at once, each at its URL, as one profile. Nothing is sent yet.
    ///
    /// # Errors
    /// [`CaptureError::Url`], [`CaptureError::Nothing`], [`CaptureError::ManySlices`].
    pub fn new<U: AsRef<str>>(
        client: &'a Client,
        urls: &[U],
        request: Request,
    ) -> Result<Self, CaptureError> {
        if request.slice_seconds == 0 {
            return Err(CaptureError::Nothing);
        }
        if request.slices() as usize > MAX_SLICES {
            return Err(CaptureError::ManySlices);
        }
        Ok(Self {
            client,
            course: Course::new(request),
            seconds: 0,
            cpu: Series::of_cpu(urls, request.hz)?,
            also: Vec::new(),
        })
    }

    /// The same with other profiles of the same processes and the same time.
    #[must_use]
    pub fn with(mut self, also: &[Also]) -> Self {
        let served = also.iter().filter(|kind| kind.is_served());
        self.also = served
            .map(|kind| (*kind, Ok(self.cpu.beside(*kind))))
            .collect();
        self
    }

    /// The length of the next slice, s; `None` if there is none left.
    pub fn next_seconds(&self) -> Option<u32> {
        self.course.next_seconds()
    }

    /// How long it takes, if that depends on samples.
    pub fn forecast(&self) -> Option<Forecast> {
        self.course.forecast()
    }

    /// Takes the next slice: adds `seconds` and, if given, `hz` to the query (replacing those in it) and waits for the slice and
    /// 10 s. Does nothing if none is left. What fails beside the CPU is given up alone.
    ///
    /// # Errors
    /// [`CaptureError`] names the endpoint and the remedy. The slices before it can still be finished.
    pub async fn take(&mut self) -> Result<(), CaptureError> {
        let Some(seconds) = self.next_seconds() else {
            return Ok(());
        };
        let mut beside = JoinSet::new();
        for (at, (_, series)) in self.also.iter().enumerate() {
            if let Ok(series) = series {
                let fetched = series.fetch(self.client, seconds);
                beside.spawn(async move { (at, fetched.await) });
            }
        }
        let fetched = self.cpu.fetch(self.client, seconds).await?;
        let samples = self.cpu.add(&fetched)?;
        self.course.took(seconds, samples as f64);
        self.seconds += seconds;
        while let Some(fetched) = beside.join_next().await {
            let Ok((at, fetched)) = fetched else { continue };
            let of = &mut self.also[at].1;
            if let Ok(series) = of
                && let Err(error) = fetched.and_then(|fetched| series.add(&fetched))
            {
                *of = Err(error);
            }
        }
        Ok(())
    }

    /// What was captured; `None` if no slice succeeded.
    ///
    /// # Errors
    /// [`CaptureError::Unreadable`] if it cannot be written as one profile.
    pub fn finish(self) -> Result<Option<Capture>, CaptureError> {
        let Some(cpu) = self.cpu.finish()? else {
            return Ok(None);
        };
        let also = self.also.into_iter().filter_map(|(kind, series)| {
            let captured = series.and_then(Series::finish).transpose()?;
            Some((kind, captured))
        });
        Ok(Some(Capture {
            profile: cpu.profile,
            bytes: cpu.bytes,
            seconds: self.seconds,
            also: also.collect(),
        }))
    }

    /// Where slices come from, for messages.
    pub fn shown(&self) -> String {
        self.cpu.shown()
    }
}

#[cfg(test)]
mod tests;
