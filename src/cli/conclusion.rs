//! What follows the load of a run: judging, comparing, storing, drawing. A user who does not wait for it gets what there is, and
//! a file that cannot be written costs no other one.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::files::{apart, write_all};
use super::output::say;
use super::report;
use crate::compare::{Comparison, compare};
use crate::experiment::{RunDir, Stop};
use crate::gate::{self, Judgements};
use crate::report::checks::{Checks, Ran, of_run};
use crate::report::document::run::{Concluded, HISTOGRAMS, histograms};
use crate::report::page::flame_files;
use crate::report::terminal::detail::Detail;
use crate::report::terminal::run::Summary;
use crate::report::{document, terminal, text};
use crate::result::RunResult;
use crate::scenario::Judged;

/// Work that takes longer is told of.
const UNTOLD: Duration = Duration::from_millis(300);
/// That of the main thread, which would do the work otherwise.
const STACK: usize = 8 << 20;

/// How long the user waits: until one more signal than there was when the load had ended, or until the second one.
pub(super) struct Patience<'a> {
    pub(super) runtime: &'a Runtime,
    pub(super) stop: Stop,
    /// Signals until then.
    pub(super) so_far: u32,
    pub(super) quiet: bool,
}

impl Patience<'_> {
    /// What work on a thread of its own comes to; `None` if the user does not wait for it.
    fn wait_for<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> anyhow::Result<Option<T>> {
        let (tell, told) = oneshot::channel();
        thread::Builder::new()
            .name("comparing".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                // Whoever has left does not listen.
                let _ = tell.send(work());
            })
            .context("cannot start a thread")?;
        let mut stop = self.stop.clone();
        self.runtime.block_on(async {
            let told = async {
                tokio::pin!(told);
                tokio::select! {
                    done = &mut told => return done,
                    () = sleep(UNTOLD) => {}
                }
                if !self.quiet {
                    say("comparing and drawing profiles; Ctrl-C leaves that out");
                }
                told.await
            };
            tokio::select! {
                biased;
                () = stop.more_often_than(self.so_far.min(1)) => Ok(None),
                done = told => Ok(Some(done.context("comparing and drawing broke down; the figures of the load are complete")?)),
            }
        })
    }
}

/// A run with all that is concluded from it.
pub(super) struct Conclusion {
    pub(super) judged: Arc<Judged>,
    pub(super) result: Arc<RunResult>,
    pub(super) judgements: Judgements,
    pub(super) comparisons: Arc<Vec<Comparison>>,
    /// By the user, in the load or after it.
    pub(super) interrupted: bool,
    /// Whether the result is in its directory.
    pub(super) is_stored: bool,
    /// The first thing that failed after the load.
    failed: anyhow::Result<()>,
}

impl Conclusion {
    /// Judges and compares.
    pub(super) fn of(judged: Judged, result: RunResult, patience: &Patience<'_>) -> Self {
        let (judged, result) = (Arc::new(judged), Arc::new(result));
        let cpus = result.machine.logical_cpus;
        let judgements = result
            .variants
            .iter()
            .map(|variant| {
                let phases = variant.phases.iter();
                phases
                    .map(|phase| {
                        // Who merges the shards judges them as a whole.
                        if result.shard.is_some() {
                            return Vec::new();
                        }
                        gate::judge(&judged.thresholds, variant, phase, &phase.total(), cpus)
                    })
                    .collect()
            })
            .collect();
        let (by, of) = (Arc::clone(&judged), Arc::clone(&result));
        let compared = match &result.shard {
            None => patience.wait_for(move || compare(&by, &of)),
            Some(_) => Ok(Some(Vec::new())),
        };
        let left_out = matches!(compared, Ok(None));
        let (comparisons, failed) = match compared {
            Ok(compared) => (compared.unwrap_or_default(), Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        Self {
            judged,
            result,
            judgements,
            comparisons: Arc::new(comparisons),
            interrupted: patience.so_far > 0 || left_out,
            is_stored: false,
            failed,
        }
    }

    pub(super) fn document(&self) -> String {
        document::run::json(&Concluded {
            result: &self.result,
            comparisons: &self.comparisons,
            judgements: &self.judgements,
            outcome: &self.outcome(),
            interrupted: self.interrupted,
        })
    }

    /// For people; `floor` is what this machine could show at best.
    pub(super) fn summary(&self, floor: Option<&str>, detail: Detail) -> String {
        terminal::run::render(&Summary {
            judged: &self.judged,
            result: &self.result,
            comparisons: &self.comparisons,
            judgements: &self.judgements,
            outcome: &self.outcome(),
            floor,
            detail,
        })
    }

    /// What it was held to, at the lines of the scenario's file.
    pub(super) fn checks(&self, file: Option<&str>) -> Checks {
        of_run(&Ran {
            result: &self.result,
            judgements: &self.judgements,
            comparisons: &self.comparisons,
            outcome: &self.outcome(),
            file,
        })
    }

    /// Its comparisons, for the summary of a job.
    pub(super) fn markdown(&self) -> Vec<String> {
        let comparisons = self.comparisons.iter();
        comparisons.map(text::compare::markdown).collect()
    }

    pub(super) fn outcome(&self) -> gate::Outcome {
        gate::outcome(
            &self.result,
            &self.judgements.concat().concat(),
            self.interrupted,
        )
    }

    /// Stores the result, then the pictures, then the result again if it has to tell of these.
    pub(super) fn store(&mut self, dir: &RunDir, patience: &Patience<'_>) {
        self.store_result(dir);
        if self.draw(dir, patience) && self.is_stored {
            self.store_result(dir);
        }
        self.store_page(dir, patience);
    }

    /// The page is made of what is in the directory by now; a user who does not wait for it can have it made later.
    fn store_page(&mut self, dir: &RunDir, patience: &Patience<'_>) {
        let (result, comparisons) = (Arc::clone(&self.result), Arc::clone(&self.comparisons));
        let (judgements, outcome) = (self.judgements.clone(), self.outcome());
        let (path, interrupted) = (dir.path().to_owned(), self.interrupted);
        let made = patience.wait_for(move || {
            let concluded = Concluded {
                result: &result,
                comparisons: &comparisons,
                judgements: &judgements,
                outcome: &outcome,
                interrupted,
            };
            report::page(&path, concluded)
        });
        match made {
            Ok(Some(page)) => {
                let file = (PathBuf::from(report::PAGE), page);
                self.note(write_all(dir, [file]));
            }
            Ok(None) => {}
            Err(error) => self.note(Err(error)),
        }
    }

    /// The first thing that failed, once everything else is told.
    pub(super) fn end(self) -> anyhow::Result<()> {
        self.failed
    }

    fn store_result(&mut self, dir: &RunDir) {
        let files = [
            ("result.json", self.document()),
            (HISTOGRAMS, histograms(&self.result)),
        ];
        let files = files.map(|(name, text)| (PathBuf::from(name), text));
        let written = write_all(dir, files);
        self.is_stored |= written.is_ok();
        self.note(written);
    }

    fn note(&mut self, what: anyhow::Result<()>) {
        if self.failed.is_ok() {
            self.failed = what;
        }
    }

    /// Returns whether the result has changed: it tells what could not be drawn, and that the user did not wait.
    fn draw(&mut self, dir: &RunDir, patience: &Patience<'_>) -> bool {
        let mut changed = false;
        for at in 0..self.comparisons.len() {
            let (judged, result) = (Arc::clone(&self.judged), Arc::clone(&self.result));
            let of = Arc::clone(&self.comparisons);
            let drawn =
                patience.wait_for(move || flame_files::of_run(&judged.name, &result, &of[at]));
            match drawn {
                Ok(Some(drawn)) => {
                    let (files, undrawn) = apart(drawn);
                    changed |= !undrawn.is_empty();
                    // The work is done, and nobody else has them.
                    if let Some(comparisons) = Arc::get_mut(&mut self.comparisons) {
                        comparisons[at].cautions.extend(undrawn);
                    }
                    self.note(write_all(dir, files));
                }
                Ok(None) => {
                    changed |= !self.interrupted;
                    self.interrupted = true;
                    break;
                }
                Err(error) => self.note(Err(error)),
            }
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::sync::watch;

    use super::*;

    fn patience(runtime: &Runtime, so_far: u32) -> (watch::Sender<u32>, Patience<'_>) {
        let (ask, asked) = watch::channel(so_far);
        let patience = Patience {
            runtime,
            stop: Stop(asked),
            so_far,
            quiet: true,
        };
        (ask, patience)
    }

    fn runtime() -> Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    }

    #[test]
    fn work_is_left_when_the_user_does_not_wait() {
        let runtime = runtime();
        for so_far in [0, 1] {
            let (ask, patience) = patience(&runtime, so_far);
            assert_eq!(patience.wait_for(|| 7).unwrap(), Some(7), "{so_far}");
            let (hold, held) = mpsc::channel::<()>();
            ask.send_replace(so_far + 1);
            let left = patience.wait_for(move || held.recv());
            assert!(left.unwrap().is_none(), "{so_far}");
            drop(hold);
        }
        // Killed already: nothing is waited for.
        let (_ask, patience) = patience(&runtime, 2);
        assert_eq!(patience.wait_for(|| 7).unwrap(), None);
    }

    #[test]
    fn work_that_breaks_down_is_an_error_and_no_end() {
        let runtime = runtime();
        let (_ask, patience) = patience(&runtime, 0);
        let broken = patience.wait_for(|| assert_eq!(1, 2)).unwrap_err();
        assert_eq!(
            broken.to_string(),
            "comparing and drawing broke down; the figures of the load are complete"
        );
    }
}
