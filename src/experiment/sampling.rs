//! Who samples a target: its own pprof endpoints, or the system's perf. Either way a capture comes out: a profile, its slices
//! with the CPU that the target used in each, and why it is shorter than planned.

use std::ops::Range;
use std::time::Duration;

use super::Stop;
use super::blocks::Block;
use super::launch::Launched;
use super::waits::Waits;
use crate::engine::now_ns;
use crate::process::perf::{self, CallGraph, PerfError, Recording, Subject};
use crate::process::{CpuUsed, CpuWindow, MeasureError, ProcessTree};
use crate::profile::capture::{self, CaptureError, Course};
use crate::profile::{self, Forecast, Profile as SampledProfile, encode, perf_script};
use crate::result::Failure;
use crate::scenario::{Also, Plan, Profile, ProfileSource, Target};

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub(super) enum SampleError {
    #[error(transparent)]
    Capture(#[from] CaptureError),
    #[error(transparent)]
    Perf(#[from] PerfError),
    #[error(transparent)]
    Process(#[from] MeasureError),
    #[error("the samples of perf cannot be used: {0}")]
    Unusable(#[from] profile::Error),
    #[error("the target's processes are not known: {0}")]
    NoProcesses(String),
    #[error("the run was interrupted")]
    Interrupted,
}

/// What was captured.
pub(super) struct Captured {
    pub(super) profile: SampledProfile,
    /// The same as `profile.proto`, gzipped.
    pub(super) bytes: Vec<u8>,
    pub(super) slices: Vec<Sampled>,
    /// Why there are fewer slices than planned.
    pub(super) short: Option<String>,
    /// What of the target was not sampled.
    pub(super) unseen: Vec<String>,
    /// What was captured beside the CPU, or why that was not.
    pub(super) also: Vec<(Also, Result<capture::Captured, String>)>,
}

/// Samples that were taken under load; what is left needs none.
pub(super) struct Taken {
    cpu: Cpu,
    /// Of waits, where they were asked for.
    waits: Option<Waits>,
}

/// Those of the CPU.
#[allow(
    clippy::large_enum_variant,
    reason = "there is one of a profile at a time"
)]
enum Cpu {
    Captured(Captured),
    Recorded(Recorded),
}

/// What perf has written down, without names.
pub(super) struct Recorded {
    recording: Recording,
    slices: Vec<Sampled>,
    hz: u32,
    short: Option<String>,
}

/// Whether the machine can take the samples that a plan asks for, before anything is started.
pub(super) async fn rehearse(plan: &Plan) -> Result<(), Failure> {
    let cpu = |profile: &Profile| profile.source == ProfileSource::Perf;
    let waits = |profile: &Profile| profile.also.contains(&Also::OffCpu);
    rehearse_of(plan, cpu, Subject::Cpu, "profile.cpu").await?;
    rehearse_of(plan, waits, Subject::Waits, "profile.also: off-cpu").await
}

/// The same of what perf samples in some variants.
async fn rehearse_of(
    plan: &Plan,
    is: impl Fn(&Profile) -> bool,
    subject: Subject,
    key: &str,
) -> Result<(), Failure> {
    let variants = plan.variants.iter();
    let mut sampled = variants.filter(|of| of.profile.as_ref().is_some_and(&is));
    let refused = |error: PerfError| Failure::Target(format!("{key}: {error}"));
    for variant in sampled.clone() {
        if let Target::Url { pid: Some(pid), .. } = variant.target {
            perf::check(pid).map_err(refused)?;
        }
    }
    match sampled.next() {
        Some(_) => perf::rehearse(subject).await.map_err(refused),
        None => Ok(()),
    }
}

/// What a capture is taken of.
pub(super) struct Sampler {
    client: reqwest::Client,
    /// Of each instance that is known.
    trees: Result<Vec<ProcessTree>, String>,
    /// pprof endpoints of the instances; none if perf takes the samples.
    urls: Option<Vec<String>>,
    request: capture::Request,
    also: Vec<Also>,
    hz: u32,
    stop: Stop,
}

impl Sampler {
    /// Nothing is started yet. `cores` is what the target was measured to use.
    pub(super) fn new(target: &Launched, plan: &Profile, cores: Option<f64>, stop: &Stop) -> Self {
        let trees = target.instances.iter().map(|of| of.tree.clone());
        let trees: Option<Vec<_>> = trees.collect();
        let urls = match &plan.source {
            ProfileSource::Perf => None,
            ProfileSource::Pprof { url } => Some(target.pprof_urls(url.as_deref())),
        };
        Self {
            client: target.client.clone(),
            trees: trees.ok_or_else(|| target.no_tree().unwrap_or_default()),
            urls,
            request: capture::Request::in_slices(plan.duration, Some(plan.hz))
                .until(plan.samples, cores.map(|cores| cores * f64::from(plan.hz))),
            also: plan.also.clone(),
            hz: plan.hz,
            stop: stop.clone(),
        }
    }

    /// How long the capture takes, if samples end it.
    pub(super) fn forecast(&self) -> Option<Forecast> {
        Course::new(self.request).forecast()
    }

    /// Takes samples of a target under load: of several instances in the same slices, as one profile. It ends as soon as the run is
    /// to end, with the slices that there are.
    pub(super) async fn sample(self) -> Result<Taken, SampleError> {
        let mut waits = match (&self.trees, self.also.contains(&Also::OffCpu)) {
            (_, false) => None,
            (Ok(trees), true) => Some(Waits::start(trees).await),
            (Err(why), true) => Some(Waits::missing(why)),
        };
        let cpu = match &self.urls {
            Some(urls) => self.by_pprof(urls).await.map(Cpu::Captured),
            None => self.by_perf().await.map(Cpu::Recorded),
        };
        if let Some(waits) = &mut waits {
            waits.stop();
        }
        Ok(Taken { cpu: cpu?, waits })
    }

    async fn by_pprof(&self, urls: &[String]) -> Result<Captured, SampleError> {
        let mut slices = capture::Slices::new(&self.client, urls, self.request)?.with(&self.also);
        let (mut sampled, mut short) = (Vec::new(), None);
        let mut stop = self.stop.clone();
        while let (Some(seconds), None) = (slices.next_seconds(), &short) {
            let slice = self.begin(now_ns(), seconds);
            // Read when the samples end: what follows is the target's work on their symbols, which no sample shows.
            let end = async {
                tokio::time::sleep(slice.window).await;
                slice.end()
            };
            let both = async { tokio::join!(slices.take(), end) };
            let (taken, slice) = tokio::select! {
                both = both => both,
                () = stop.asked() => {
                    short = Some(SampleError::Interrupted);
                    break;
                }
            };
            match taken {
                Ok(()) => sampled.push(slice),
                Err(error) => short = Some(error.into()),
            }
        }
        let Some(capture) = slices.finish()? else {
            return Err(short.expect("a capture has at least one slice"));
        };
        Ok(Captured {
            profile: capture.profile,
            bytes: capture.bytes,
            slices: sampled,
            short: short.map(|why| why.to_string()),
            unseen: Vec::new(),
            also: also(capture.also),
        })
    }

    async fn by_perf(&self) -> Result<Recorded, SampleError> {
        let known = |why: &String| SampleError::NoProcesses(why.clone());
        let trees = self.trees.as_ref().map_err(known)?;
        let mut recording = Recording::start(&cpu(trees.clone(), self.hz)).await?;
        let (mut sampled, mut short) = (Vec::new(), None);
        let mut course = Course::new(self.request);
        let mut stop = self.stop.clone();
        // One recording without gaps: a slice begins where the last one ended, however late that was noticed.
        let mut begin = now_ns();
        while let Some(seconds) = course.next_seconds() {
            let slice = self.begin(begin, seconds);
            begin += slice.window.as_nanos() as u64;
            let left = Duration::from_nanos(begin.saturating_sub(now_ns()));
            short = tokio::select! {
                lasts = recording.lasts(left) => {
                    let ended = "perf ended, as it does when what it samples has ended";
                    (!lasts).then(|| ended.to_owned())
                }
                () = stop.asked() => Some(SampleError::Interrupted.to_string()),
            };
            if short.is_some() {
                break;
            }
            let slice = slice.end();
            // perf tells its samples when it ends: they are as many as the CPU time says.
            let cpu_seconds = slice.cpu_seconds().unwrap_or(0.0);
            course.took(seconds, cpu_seconds * f64::from(self.hz));
            sampled.push(slice);
        }
        recording.stop();
        Ok(Recorded {
            recording,
            slices: sampled,
            hz: self.hz,
            short,
        })
    }

    fn begin(&self, begin: u64, seconds: u32) -> Slice {
        let windows = self.trees.iter().flatten().map(CpuWindow::begin);
        let windows: Option<Vec<_>> = windows.collect::<Result<_, _>>().ok();
        Slice {
            begin,
            window: Duration::from_secs(u64::from(seconds)),
            cpu: windows.filter(|_| self.trees.is_ok()),
        }
    }
}

impl Taken {
    /// Gives the samples of perf their names, which takes some time for large programs.
    pub(super) async fn finish(self) -> Result<Captured, SampleError> {
        let mut captured = match self.cpu {
            Cpu::Captured(captured) => captured,
            Cpu::Recorded(recorded) => recorded.finish().await?,
        };
        if let Some(waits) = self.waits {
            let slices: Vec<Range<u64>> = captured.slices.iter().map(Sampled::range).collect();
            captured
                .also
                .push((Also::OffCpu, waits.finish(&slices).await));
        }
        Ok(captured)
    }
}

/// What endpoints gave beside the CPU, or why not, in words.
fn also(
    captured: Vec<(Also, Result<capture::Captured, CaptureError>)>,
) -> Vec<(Also, Result<capture::Captured, String>)> {
    let in_words = |(kind, captured): (Also, Result<_, CaptureError>)| {
        (kind, captured.map_err(|error| error.to_string()))
    };
    captured.into_iter().map(in_words).collect()
}

impl Recorded {
    async fn finish(self) -> Result<Captured, SampleError> {
        let Self {
            recording,
            slices,
            hz,
            short,
        } = self;
        let unseen = recording.unseen().to_vec();
        let text = recording.finish().await?;
        let event = cpu(Vec::new(), hz).event();
        let ranges: Vec<Range<u64>> = slices.iter().map(Sampled::range).collect();
        let read = perf_script::read_slices(&String::from_utf8_lossy(&text), event, &ranges);
        let profile = read?.into_cpu_time(1_000_000_000 / u64::from(hz))?;
        Ok(Captured {
            bytes: encode::encode(&profile)?,
            profile,
            slices,
            short,
            unseen,
            also: Vec::new(),
        })
    }
}

/// What perf is asked for: the CPU time of processes.
fn cpu(trees: Vec<ProcessTree>, hz: u32) -> perf::Request {
    perf::Request {
        trees,
        subject: Subject::Cpu,
        hz,
        call_graph: CallGraph::default(),
    }
}

/// A slice under way.
struct Slice {
    begin: u64,
    window: Duration,
    cpu: Option<Vec<CpuWindow>>,
}

impl Slice {
    fn end(&self) -> Sampled {
        let used = |windows: &Vec<CpuWindow>| {
            let used = windows.iter().map(CpuWindow::end);
            used.collect::<Result<Vec<_>, _>>().ok()
        };
        Sampled {
            begin: self.begin,
            window: self.window,
            cpu: self.cpu.as_ref().and_then(used),
        }
    }
}

/// One slice of a capture.
pub(super) struct Sampled {
    /// When it began, or was asked for, on the engine's clock, ns.
    begin: u64,
    window: Duration,
    /// Of each process.
    cpu: Option<Vec<CpuUsed>>,
}

impl Sampled {
    /// CPU time of the target while it was sampled, s. Timers end a moment late: the CPU time of that moment is not in the samples.
    pub(super) fn cpu_seconds(&self) -> Option<f64> {
        let (processes, window) = (self.cpu.as_ref()?, self.window.as_secs_f64());
        let of = |cpu: &CpuUsed| cpu.cpu_seconds * window / cpu.wall_seconds.max(window);
        Some(processes.iter().map(of).sum())
    }

    /// When it began and ended, on the engine's clock, ns.
    fn range(&self) -> Range<u64> {
        self.begin..self.begin + self.window.as_nanos() as u64
    }

    /// Its length, s.
    pub(super) fn seconds(&self) -> u32 {
        u32::try_from(self.window.as_secs()).unwrap_or(u32::MAX)
    }

    /// The blocks of a stretch with this `start`, ns, that lie within the slice.
    pub(super) fn blocks(&self, blocks: &[Block], start: u64) -> Vec<Block> {
        let range = self.range();
        let within = |of: &&Block| start + of.begin >= range.start && start + of.end <= range.end;
        blocks.iter().filter(within).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_intervals_within_a_slice_are_of_it() {
        // The third one is missing.
        let blocks = [0, 100, 300].map(|at| Block::new(at, at + 100, 1.0, Some(0.5)));
        let slice = |begin| Sampled {
            begin,
            window: Duration::from_nanos(250),
            cpu: None,
        };
        // From 1,000 on there is an interval of 100 ns at a time: two lie within 990 to 1,240.
        assert_eq!(slice(990).blocks(&blocks, 1_000), blocks[..2]);
        assert_eq!(slice(1_190).blocks(&blocks, 1_000), blocks[2..]);
    }
}
