//! How long a capture lasts and how it is divided into slices: a fixed time, or until there are samples enough.
//!
//! Pure: it is told what each slice held and answers how long the next one is.

use std::fmt;
use std::time::Duration;

use super::stacks::MAX_SLICES;
use crate::units::format_count;

/// Slices of a capture that is not divided further: what is between two slices is lost, so that more of them cost samples.
const SLICES: u32 = 10;
/// From the tenth slice on a slice is at least this part of the time so far: a target whose CPU use falls gives no slices without end.
const GROWTH: f64 = 0.1;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Request {
    /// Whole seconds, at least one. The longest time, if `samples` are asked for.
    pub duration: Duration,
    /// Length of a slice in whole seconds. The longest slice, if `samples` are asked for.
    pub slice_seconds: u32,
    /// Samples per second and busy core, where the endpoint takes it.
    pub hz: Option<u32>,
    /// Samples after which the capture ends before its time.
    pub samples: Option<u64>,
    /// Samples per second that are expected; `None` if that is not known.
    pub pace: Option<f64>,
}

impl Request {
    /// A capture of `duration` in ten slices, or of 1 s each if it is short.
    pub fn in_slices(duration: Duration, hz: Option<u32>) -> Self {
        let tenth = duration.as_secs().div_ceil(u64::from(SLICES)).max(1);
        Self {
            duration,
            slice_seconds: u32::try_from(tenth).unwrap_or(u32::MAX),
            hz,
            samples: None,
            pace: None,
        }
    }

    /// The same until there are so many samples, at an expected number of them per second.
    #[must_use]
    pub fn until(self, samples: Option<u64>, pace: Option<f64>) -> Self {
        Self {
            samples,
            pace,
            ..self
        }
    }

    /// How many slices it has at most, if each is as long as it may be.
    pub fn slices(&self) -> u32 {
        let seconds = self.seconds();
        u32::try_from(seconds.div_ceil(u64::from(self.slice_seconds.max(1)))).unwrap_or(u32::MAX)
    }

    fn seconds(&self) -> u64 {
        self.duration.as_secs().max(1)
    }
}

/// A capture under way.
#[derive(Debug, Clone)]
pub struct Course {
    request: Request,
    slices: u32,
    seconds: u64,
    samples: f64,
}

impl Course {
    /// Nothing is taken yet.
    pub fn new(request: Request) -> Self {
        Self {
            request,
            slices: 0,
            seconds: 0,
            samples: 0.0,
        }
    }

    /// The length of the next slice, s; `None` if the capture is over.
    pub fn next_seconds(&self) -> Option<u32> {
        let left = self.request.seconds().saturating_sub(self.seconds);
        let longest = f64::from(self.request.slice_seconds.max(1));
        let length = match self.request.samples {
            None => longest,
            Some(wanted) => self.length_for(wanted as f64 - self.samples)?.min(longest),
        };
        let is_over = left == 0 || self.slices as usize >= MAX_SLICES;
        (!is_over).then(|| (length.ceil().max(1.0) as u64).min(left) as u32)
    }

    /// A slice of so many seconds is over, with so many samples.
    pub fn took(&mut self, seconds: u32, samples: f64) {
        self.slices += 1;
        self.seconds += u64::from(seconds);
        self.samples += samples;
    }

    /// How long the capture takes, if it depends on samples.
    pub fn forecast(&self) -> Option<Forecast> {
        self.request.samples.map(|samples| Forecast {
            samples,
            pace: self.pace(),
            longest: self.request.seconds(),
        })
    }

    /// Seconds of a slice, while so many samples are missing.
    fn length_for(&self, missing: f64) -> Option<f64> {
        if missing <= 0.0 {
            return None;
        }
        let Some(pace) = self.pace().filter(|pace| *pace > 0.0) else {
            // Nothing shows how long it takes: as long again as it took so far.
            return Some(self.seconds as f64);
        };
        let whole = missing / pace;
        Some(match SLICES.checked_sub(self.slices) {
            None | Some(0) => whole.max(GROWTH * self.seconds as f64),
            Some(left) => whole / f64::from(left),
        })
    }

    /// Samples per second: what was seen, else what is expected.
    fn pace(&self) -> Option<f64> {
        if self.slices == 0 {
            self.request.pace
        } else {
            Some(self.samples / self.seconds as f64)
        }
    }
}

/// How long a number of samples takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forecast {
    samples: u64,
    pace: Option<f64>,
    longest: u64,
}

impl Forecast {
    /// How long the capture takes at most, as far as can be told.
    pub fn length(&self) -> Duration {
        let seconds = self.pace.map_or(f64::INFINITY, |pace| self.seconds(pace));
        Duration::from_secs((seconds.ceil().max(1.0) as u64).min(self.longest))
    }

    fn seconds(&self, pace: f64) -> f64 {
        self.samples as f64 / pace.max(0.0)
    }
}

impl fmt::Display for Forecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (samples, longest) = (format_count(self.samples as f64), self.longest);
        let Some(pace) = self.pace else {
            return write!(
                f,
                "{samples} samples take a time that is not known yet, {longest} s at most"
            );
        };
        let seconds = self.seconds(pace);
        if seconds.is_infinite() {
            return write!(
                f,
                "the target uses no CPU: {samples} samples do not come in {longest} s"
            );
        }
        let rate = format_count(pace);
        write!(
            f,
            "{samples} samples take about {} s at the CPU use that was measured ({rate} samples/s)",
            format_count(seconds.ceil())
        )?;
        if seconds > longest as f64 {
            let found = format_count((pace * longest as f64).round());
            write!(
                f,
                ", which is more than the {longest} s allowed: about {found} come in those"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(seconds: u64, samples: Option<u64>, pace: Option<f64>) -> Request {
        Request::in_slices(Duration::from_secs(seconds), None).until(samples, pace)
    }

    /// The slices of a capture whose target gives samples at a pace that depends on the time so far.
    fn slices(request: Request, pace: impl Fn(u64) -> f64) -> Vec<u32> {
        let mut course = Course::new(request);
        let mut lengths = Vec::new();
        while let Some(seconds) = course.next_seconds() {
            course.took(seconds, pace(course.seconds) * f64::from(seconds));
            lengths.push(seconds);
        }
        lengths
    }

    #[test]
    fn a_time_is_divided_into_ten() {
        assert_eq!(slices(request(20, None, None), |_| 0.0), [2; 10]);
        assert_eq!(slices(request(3, None, None), |_| 0.0), [1; 3]);
        assert_eq!(slices(request(0, None, None), |_| 0.0), [1]);
        assert_eq!(slices(request(12, None, None), |_| 0.0), [2; 6]);
        for (millis, slice_seconds, expected) in [
            (10_000, 4, vec![4, 4, 2]),
            (2_500, 1, vec![1, 1]),
            (300, 5, vec![1]),
            (3_000, 3, vec![3]),
        ] {
            let whole = Request::in_slices(Duration::from_millis(millis), None);
            let request = Request {
                slice_seconds,
                ..whole
            };
            assert_eq!(slices(request, |_| 0.0), expected);
        }
    }

    #[test]
    fn samples_end_a_capture() {
        // 4 samples a second, as was measured: ten slices.
        assert_eq!(
            slices(request(600, Some(1_000), Some(4.0)), |_| 4.0),
            [25; 10]
        );
        // Nothing is known before: the first second shows it.
        let found = slices(request(600, Some(1_000), None), |_| 4.0);
        assert_eq!((found[0], found.iter().sum::<u32>()), (1, 250));
        assert!((5..=12).contains(&found.len()), "{found:?}");
        // Far more than was measured.
        assert_eq!(slices(request(600, Some(100), Some(4.0)), |_| 400.0), [3]);
    }

    #[test]
    fn the_longest_time_ends_it_too() {
        for pace in [0.0, 0.1, 3.0] {
            let found = slices(request(120, Some(1_000), None), |_| pace);
            assert_eq!(found.iter().sum::<u32>(), 120, "{pace}: {found:?}");
            assert!(found.iter().all(|seconds| *seconds <= 12), "{found:?}");
        }
        // It falls to a thousandth after a second: slices come to an end all the same.
        let found = slices(request(3_600, Some(1_000), Some(500.0)), |at| {
            if at == 0 { 500.0 } else { 0.5 }
        });
        assert!(found.len() < MAX_SLICES, "{found:?}");
        assert!(found.iter().sum::<u32>() >= 1_000, "{found:?}");
    }

    #[test]
    fn how_long_it_takes_is_said() {
        let said = |seconds, pace| {
            let forecast = Course::new(request(seconds, Some(1_000), pace)).forecast();
            let forecast = forecast.expect("samples are asked for");
            (forecast.to_string(), forecast.length().as_secs())
        };
        let (words, length) = said(600, Some(4.0));
        assert_eq!(
            words,
            "1,000 samples take about 250 s at the CPU use that was measured (4 samples/s)"
        );
        assert_eq!(length, 250);
        let (words, length) = said(120, Some(4.0));
        assert!(
            words.ends_with(", which is more than the 120 s allowed: about 480 come in those"),
            "{words}"
        );
        assert_eq!(length, 120);
        assert_eq!(
            said(120, None).0,
            "1,000 samples take a time that is not known yet, 120 s at most"
        );
        let (words, length) = said(120, Some(0.0));
        assert_eq!(
            words,
            "the target uses no CPU: 1,000 samples do not come in 120 s"
        );
        assert_eq!(length, 120);
        assert_eq!(Course::new(request(5, None, None)).forecast(), None);
    }
}
