//! Progress on a terminal while a run goes on: what runs, how long it still takes, and the figures of the last second.

use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::experiment::{Live, Observer, PhaseStart};
use crate::scenario::{LoadModel, Pace};
use crate::units::{format_count, format_us, printable};

/// Shows progress on stderr, or says a line a phase where that is no terminal.
#[derive(Debug)]
pub struct Progress {
    bar: Mutex<Option<ProgressBar>>,
    mode: Mode,
}

/// How much is shown.
#[derive(Debug, Clone, Copy)]
pub enum Mode {
    /// A live line.
    Live,
    /// A line for each phase, as for a log.
    Lines(fn(&str)),
    /// Nothing.
    Quiet,
}

impl Progress {
    /// Progress in a mode.
    pub fn new(mode: Mode) -> Self {
        Self {
            bar: Mutex::new(None),
            mode,
        }
    }

    fn show(&self, total: u64, prefix: &str, style: &str) {
        match self.mode {
            Mode::Quiet => {}
            Mode::Lines(say) => say(prefix),
            Mode::Live => {
                // Before the next one draws, or its line stays.
                self.replace(None);
                let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
                bar.set_style(
                    ProgressStyle::with_template(style)
                        .expect("the template is valid")
                        .progress_chars("━╸─"),
                );
                bar.set_prefix(printable(prefix).into_owned());
                bar.enable_steady_tick(Duration::from_millis(250));
                self.replace(Some(bar));
            }
        }
    }

    fn replace(&self, next: Option<ProgressBar>) {
        let mut bar = self.bar.lock().expect("nothing panics while it holds this");
        if let Some(old) = std::mem::replace(&mut *bar, next) {
            old.finish_and_clear();
        }
    }

    fn with_bar(&self, act: impl FnOnce(&ProgressBar)) {
        if let Some(bar) = &*self.bar.lock().expect("nothing panics while it holds this") {
            act(bar);
        }
    }
}

impl Observer for Progress {
    fn hashing(&self, total: u64) {
        if total > 0 {
            self.show(
                total,
                &format!("hashing {total} secrets"),
                "{prefix} {bar:30} {pos}/{len}",
            );
        }
    }

    fn hashed(&self) {
        self.with_bar(|bar| bar.inc(1));
    }

    fn phase(&self, phase: &PhaseStart<'_>) {
        let round = if phase.round.1 > 1 {
            format!(" · round {} of {}", phase.round.0, phase.round.1)
        } else {
            String::new()
        };
        let profiled = if phase.profiled { " (profiled)" } else { "" };
        let seconds = phase
            .length
            .map(|length| length.as_secs_f64().ceil() as u64);
        let stages = match &phase.load.model {
            LoadModel::Open {
                pace: pace @ Pace::Staged { .. },
                ..
            } => format!(" ({pace})"),
            _ => String::new(),
        };
        let prefix = format!(
            "{} · {}{profiled}{stages}{round}",
            phase.variant, phase.phase
        );
        let prefix = match (self.mode, seconds, phase.forecast) {
            (Mode::Lines(_), _, Some(forecast)) => format!("{prefix}: {forecast}"),
            (Mode::Lines(_), Some(seconds), None) => format!("{prefix}: {seconds} s"),
            _ => prefix,
        };
        let style = match seconds {
            Some(_) => "{prefix} {bar:20} {elapsed} of {len} s  {msg}",
            None => "{prefix} {elapsed}  {msg}",
        };
        self.show(seconds.unwrap_or(0), &prefix, style);
        if let Some(forecast) = phase.forecast {
            self.with_bar(|bar| bar.println(forecast.to_string()));
        }
    }

    fn live(&self, live: &Live) {
        self.with_bar(|bar| {
            bar.set_position(bar.elapsed().as_secs());
            let cores = live
                .target_cores
                .map(|cores| format!(" · target {cores:.2} cores"))
                .unwrap_or_default();
            let failed = if live.failed > 0 {
                format!(" · {} failed", live.failed)
            } else {
                String::new()
            };
            let latency = live
                .p50_us
                .zip(live.p99_us)
                .map_or_else(String::new, |(p50, p99)| {
                    format!(" · p50 {} · p99 {}", format_us(p50), format_us(p99))
                });
            bar.set_message(format!(
                "{}/s{latency}{failed}{cores}",
                format_count(live.throughput_rps)
            ));
        });
    }

    fn phase_over(&self) {
        self.replace(None);
    }
}
