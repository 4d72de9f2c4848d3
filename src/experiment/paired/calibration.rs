//! Loads two arms in short turns to find out how long their turns must be.

use std::time::Duration;

use super::super::Stop;
use super::super::variant::Stamps;
use super::both::{Arm, Both};
use super::drive::{Course, Driven};
use super::meter::{Meter, Used};
use super::pacing::{Calibrated, Pacing};
use crate::result::{Arms, Failure, Turns};
use crate::scenario::{Load, Plan};

/// What both arms are loaded with.
pub(super) struct Calibration<'a> {
    pub(super) plan: &'a Plan,
    pub(super) arms: &'a Arms<Arm<'a>>,
    pub(super) load: &'a Load,
    /// How long all turns of slow answers may take; never shorter than those of a block.
    pub(super) longest: Duration,
    /// The window that turns have to fill, whatever they should be; `None` if blocks are as long as their turns.
    pub(super) window: Option<Duration>,
    pub(super) stamps: &'a Stamps,
    pub(super) stop: &'a Stop,
}

/// How often turns are made longer.
const MOST: usize = 2;

impl Calibration<'_> {
    /// What both answered in the last turns of it, which were long enough as far as can be told.
    pub(super) async fn run(
        &self,
        both: &mut Both,
        meters: &mut Arms<Meter>,
    ) -> Result<Calibrated, Failure> {
        let mut pacing = Pacing::first();
        let mut found = None;
        for _ in 0..MOST {
            let course = Course {
                plan: self.plan,
                arms: self.arms,
                load: &pacing.closed_load(self.load),
                tables: &pacing.closed_tables(false),
                stamps: Arms {
                    base: self.stamps.next(),
                    head: self.stamps.next(),
                },
            };
            let calibrated = Calibrated::of(course.drive(both, meters, self.stop).await?);
            let is_short = |window| Pacing::lacks_room(&calibrated.turns, window);
            let again = match self.window.is_some_and(is_short) {
                true => None,
                false => pacing.again(&calibrated, self.longest),
            };
            found = Some(calibrated);
            let goes_on = both.targets().is_some() && !self.stop.is_asked();
            match again.filter(|_| goes_on) {
                Some(again) => pacing = again,
                None => break,
            }
        }
        Ok(found.expect("there is at least one calibration"))
    }
}

impl Calibrated {
    fn of(driven: Driven) -> Self {
        let Driven { turns, used, .. } = driven;
        let cores = |used: Option<Used>, turns: &Turns| {
            let cores = used?.target.as_secs_f64() / turns.active.as_secs_f64();
            cores.is_finite().then_some(cores)
        };
        Self {
            cores: Arms {
                base: cores(used.base, &turns.base),
                head: cores(used.head, &turns.head),
            },
            turns,
        }
    }
}

/// Whether an arm was answered at all: one that refuses each request says nothing else in a later launch.
pub(super) fn heard(turns: &Turns) -> bool {
    turns.tallies.iter().any(|tally| !tally.status.is_empty())
}

/// Whether an arm had an OK answer.
pub(super) fn answered(turns: &Turns) -> bool {
    turns.tallies.iter().any(|tally| tally.ok > 0)
}
