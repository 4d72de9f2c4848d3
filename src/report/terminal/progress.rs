//! Who is told how a run goes, and shows it: on a terminal three lines that change, elsewhere lines of a log.

use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::experiment::{Live, Observer, PhaseStart, Planned};
use crate::report::live::{self, Passed, Standing};
use crate::report::text::annotations::group;
use crate::result::PhaseResult;

/// A run that goes on, of which several are told.
pub type Shared = Arc<Mutex<Standing>>;

/// Shows how a run goes.
pub struct Progress {
    standing: Shared,
    bar: Mutex<Option<ProgressBar>>,
    mode: Mode,
}

/// How much is shown.
#[derive(Debug, Clone, Copy)]
pub enum Mode {
    /// Lines that change, as wide as the terminal is at the time.
    Live {
        /// Its width, characters.
        width: fn() -> usize,
    },
    /// Lines that stay, as for a log.
    Lines {
        /// Says one.
        say: fn(&str),
        /// Gives an order to the runner of a job that folds lines, if it is one.
        command: Option<fn(&str)>,
    },
    /// Nothing.
    Quiet,
}

impl Progress {
    /// Of a run of the scenario of this name.
    pub fn new(mode: Mode, scenario: &str) -> Self {
        Self {
            standing: Arc::new(Mutex::new(Standing::of(scenario))),
            bar: Mutex::new(None),
            mode,
        }
    }

    /// What is known of the run, for others who tell of it.
    pub fn standing(&self) -> Shared {
        Arc::clone(&self.standing)
    }

    fn known(&self) -> MutexGuard<'_, Standing> {
        locked(&self.standing)
    }

    fn show(&self, bar: ProgressBar, style: ProgressStyle) {
        // Before the next one draws, or its line stays.
        self.replace(None);
        bar.set_style(style);
        bar.enable_steady_tick(Duration::from_millis(250));
        self.replace(Some(bar));
    }

    fn replace(&self, next: Option<ProgressBar>) {
        if let Some(old) = std::mem::replace(&mut *locked(&self.bar), next) {
            old.finish_and_clear();
        }
    }

    fn say(&self, line: impl FnOnce() -> Option<String>) {
        if let Mode::Lines { say, .. } = self.mode
            && let Some(line) = line()
        {
            say(&line);
        }
    }

    fn fold(&self, line: &str) {
        if let Mode::Lines {
            command: Some(command),
            ..
        } = self.mode
        {
            command(line);
        }
    }
}

impl Observer for Progress {
    fn planned(&self, stretches: &[Planned]) {
        self.known().plan(stretches);
    }

    fn hashing(&self, total: u64) {
        if total == 0 {
            return;
        }
        self.say(|| Some(format!("hashing {total} secrets")));
        if let Mode::Live { .. } = self.mode {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let template = format!("hashing {total} secrets {{bar:30}} {{pos}}/{{len}}");
            self.show(bar, styled(&template).progress_chars("━╸─"));
        }
    }

    fn hashed(&self) {
        if let Some(bar) = &*locked(&self.bar) {
            bar.inc(1);
        }
    }

    fn phase(&self, phase: &PhaseStart<'_>) {
        let now = Instant::now();
        self.known().begin(phase, now);
        let begun = live::begun(&self.known(), phase, now);
        self.fold(&group(&begun));
        self.say(|| Some(begun));
        if let Mode::Live { width } = self.mode {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let mut style = styled("{first}\n{second}\n{third}");
            for (at, key) in ["first", "second", "third"].into_iter().enumerate() {
                let standing = self.standing();
                style = style.with_key(key, move |_: &ProgressState, out: &mut dyn Write| {
                    let lines = live::view(&locked(&standing), Instant::now(), width());
                    // It is drawn again soon.
                    let _ = out.write_str(&lines[at]);
                });
            }
            self.show(bar, style);
            if let (Some(forecast), Some(bar)) = (phase.forecast, &*locked(&self.bar)) {
                bar.println(forecast.to_string());
            }
        }
    }

    fn live(&self, variant: &str, live: &Live<'_>) {
        let mut known = self.known();
        if known.add(variant, live) == Passed::ALine {
            self.say(|| live::passed(&known, variant, Instant::now()));
        }
    }

    fn phase_over(&self, found: &[(&str, &PhaseResult)]) {
        self.replace(None);
        self.fold("::endgroup::");
        for (variant, found) in found {
            self.say(|| Some(live::over(&self.known(), variant, found, Instant::now())));
        }
        self.known().end(found);
    }
}

fn styled(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is valid")
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().expect("nothing panics while it holds this")
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.replace(None);
        // A stretch that never ended leaves no lines folded.
        if self.known().is_under_way() {
            self.fold("::endgroup::");
        }
    }
}
