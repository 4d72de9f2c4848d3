//! Two variants of a run that are up together: phases of a closed loop that both have are loaded in turns, all others one after the other,
//! while the other variant is idle.

use std::collections::BTreeMap;

use super::super::Stop;
use super::super::drive::{Beside, Loaded, no_workers};
use super::super::launch::Launched;
use super::super::life::Launch;
use super::super::notes;
use super::super::observer::PhaseStart;
use super::super::over::StretchEnd;
use super::super::phase::PhaseRun;
use super::super::stretch::{Stretch, TakesTurns};
use super::super::timeline::{Step, head_first, steps};
use super::super::variant::VariantRun;
use super::both::{Arm, Both, Launcher};
use super::calibration::{Calibration, heard};
use super::meter::Meter;
use super::pacing::Pacing;
use super::side::Side;
use crate::engine::Engine;
use crate::result::{Arms, Down, Failure, RatioErrors, VariantResult};
use crate::scenario::{Phase, not_in_turns};
use crate::traffic::fleet::Hashes;

/// How long turns are, by variant and phase: decided in the first launch in which both answered.
pub(in crate::experiment) type Pacings = BTreeMap<(String, String), Pacing>;

/// A step in which nobody took turns.
const NEITHER: Arms<bool> = Arms {
    base: false,
    head: false,
};

/// One launch of both.
pub(in crate::experiment) struct Together<'a> {
    pub(in crate::experiment) runs: Arms<VariantRun<'a>>,
    pub(in crate::experiment) stop: &'a Stop,
}

impl Together<'_> {
    /// Launches both, drives all phases, stops both.
    pub(in crate::experiment) async fn run(
        &self,
        hashes: &mut Hashes,
        pacings: &mut Pacings,
        results: Arms<&mut VariantResult>,
    ) -> Result<Arms<Launch>, Failure> {
        let launcher = Launcher {
            arms: self.runs.as_ref().map(|run| Arm::of(run.variant)),
            dir: self.runs.base.dir,
            observer: self.runs.base.observer,
            stop: self.stop,
        };
        let directories = self.runs.as_ref().map(VariantRun::directory);
        let number = self.runs.base.round;
        let launched = launcher.launch(number, &directories, hashes).await?;
        let Some(mut both) = launched else {
            return Ok(Arms {
                base: Launch::Over,
                head: Launch::Over,
            });
        };
        if both.targets().is_none() {
            both.stop(self.stop).await;
            let Arms { base, head } = both.arms;
            let down = base.died.or(head.died);
            let words = down.as_ref().map_or("", Down::words);
            return self.one_by_one(hashes, results, words).await;
        }
        let rosters = launcher.arms.as_ref().map(|arm| arm.rosters.clone());
        let mut sides = Arms {
            base: Side::of(&self.runs.base, rosters.base, results.base),
            head: Side::of(&self.runs.head, rosters.head, results.head),
        };
        let driven = self.phases(&launcher, &mut both, &mut sides, pacings).await;
        self.conclude(both, sides, driven).await
    }

    /// Each alone, where both cannot be up at once.
    async fn one_by_one(
        &self,
        hashes: &mut Hashes,
        results: Arms<&mut VariantResult>,
        words: &str,
    ) -> Result<Arms<Launch>, Failure> {
        let Arms { base, head } = &self.runs;
        let base_ended = alone(base, hashes, results.base, self.stop).await?;
        let head_ended = match base_ended {
            Launch::Hopeless => Launch::Over,
            _ => alone(head, hashes, results.head, self.stop).await?,
        };
        for (other, result) in [(head, results.base), (base, results.head)] {
            let alone = result.phases.iter_mut().filter(|of| of.turns.is_none());
            alone.for_each(|of| of.note([notes::not_together(&other.variant.name, words)]));
        }
        Ok(Arms {
            base: base_ended,
            head: head_ended,
        })
    }

    async fn phases(
        &self,
        launcher: &Launcher<'_>,
        both: &mut Both,
        sides: &mut Arms<Side<'_>>,
        pacings: &mut Pacings,
    ) -> Result<(), Failure> {
        let of = &self.runs;
        'steps: for step in steps(&of.base.variant.phases, &of.head.variant.phases) {
            let (base, head) = match step {
                Step::Base(at) => (Some(at), None),
                Step::Head(at) => (None, Some(at)),
                Step::Both(base, head) => (Some(base), Some(head)),
            };
            let at = base.zip(head).map(|(base, head)| Arms { base, head });
            let in_turns = at.filter(|at| self.is_in_turns(at, sides));
            let live = sides.base.driven.is_none() && sides.head.driven.is_none();
            let measured = match in_turns.filter(|_| live) {
                Some(at) => self.in_turns(launcher, both, sides, at, pacings).await?,
                None => NEITHER,
            };
            if sides.base.is_hopeless() || sides.head.is_hopeless() {
                break;
            }
            let why = in_turns.and_then(|_| why_alone(both, sides));
            let (base_name, head_name) = (&of.base.variant.name, &of.head.variant.name);
            let mut arms = [
                (
                    &mut sides.base,
                    &mut both.arms.base.target,
                    base,
                    measured.base,
                    head_name,
                ),
                (
                    &mut sides.head,
                    &mut both.arms.head.target,
                    head,
                    measured.head,
                    base_name,
                ),
            ];
            if self.is_head_first() {
                arms.reverse();
            }
            for (side, target, at, is_measured, with) in arms {
                let Some(at) = at else { continue };
                if !is_measured {
                    side.measure(at, target, self.stop).await?;
                    side.note_alone(at, with, why.as_deref());
                }
                if side.is_hopeless() {
                    break 'steps;
                }
                side.profile(at, target, self.stop).await?;
            }
            if self.stop.is_asked() {
                break;
            }
        }
        Ok(())
    }

    fn is_head_first(&self) -> bool {
        let base = &self.runs.base;
        head_first(base.plan, &base.variant.name, base.round)
    }

    /// Whether a phase is loaded in turns as long as both live: launches of one that was loaded alone stay alone.
    fn is_in_turns(&self, at: &Arms<usize>, sides: &Arms<Side<'_>>) -> bool {
        let Arms { base, head } = &self.runs;
        let (base, head) = (&base.variant.phases, &head.variant.phases);
        let was_alone = sides.base.was_alone(at.base) || sides.head.was_alone(at.head);
        not_in_turns(&base[at.base], &head[at.head]).is_none() && !was_alone
    }

    /// How long turns are in a phase.
    async fn pacing(
        &self,
        launcher: &Launcher<'_>,
        both: &mut Both,
        phase: &Phase,
        pacings: &mut Pacings,
    ) -> Result<Option<Pacing>, Failure> {
        let key = (self.runs.base.variant.name.clone(), phase.name.clone());
        if let Some(known) = pacings.get(&key) {
            return Ok(Some(*known));
        }
        let Some(targets) = both.targets() else {
            return Ok(None);
        };
        let mut meters = Arms {
            base: Meter::of(targets.base)?,
            head: Meter::of(targets.head)?,
        };
        let calibration = Calibration {
            plan: self.runs.base.plan,
            arms: &launcher.arms,
            load: &phase.load,
            longest: phase.load.duration,
            window: Some(phase.load.duration),
            stamps: self.runs.base.stamps,
            stop: self.stop,
        };
        let found = calibration.run(both, &mut meters).await?.turns;
        let pacing = Pacing::filling(&found, &phase.load);
        if heard(&found.base) && heard(&found.head) {
            pacings.insert(key, pacing);
        }
        Ok(Some(pacing))
    }

    /// Loads a phase of both in turns, and tells whose that measured: nobody's if one of them did not live so long, or the user wishes to
    /// end, and not that of one whose window did not begin because the other one died.
    async fn in_turns(
        &self,
        launcher: &Launcher<'_>,
        both: &mut Both,
        sides: &mut Arms<Side<'_>>,
        at: Arms<usize>,
        pacings: &mut Pacings,
    ) -> Result<Arms<bool>, Failure> {
        let phase = &self.runs.base.variant.phases[at.base];
        let pacing = self.pacing(launcher, both, phase, pacings).await?;
        if both.targets().is_none() || self.stop.is_asked() {
            return Ok(NEITHER);
        }
        let Arms { base, head } = &mut both.arms;
        let (Some(pacing), Some(of_base), Some(of_head)) =
            (pacing, &mut base.target, &mut head.target)
        else {
            return Ok(NEITHER);
        };
        let tables = pacing.closed_tables(self.is_head_first()).of;
        let takes = |table, with| TakesTurns { table, with };
        let Arms { base, head } = sides;
        let base_turns = takes(tables.base, head.run.variant.name.as_str());
        let head_turns = takes(tables.head, base.run.variant.name.as_str());
        let (base_rosters, head_rosters) = (base.rosters.clone(), head.rosters.clone());
        let base_run = PhaseRun {
            turns: Some(base_turns),
            ..base
                .run
                .phase(at.base, &base_rosters, base.result, self.stop)
        };
        let head_run = PhaseRun {
            turns: Some(head_turns),
            ..head
                .run
                .phase(at.head, &head_rosters, head.result, self.stop)
        };
        let (base_stretch, head_stretch) = (base_run.stretch(), head_run.stretch());
        let observer = base.run.observer;
        observer.phase(&PhaseStart {
            with: Some(base_turns.with),
            ..base.run.start(&base_stretch, of_base.cpus)
        });
        let (base_loaded, head_loaded) = load_both(
            (&base_run, of_base, &base_stretch),
            (&head_run, of_head, &head_stretch),
        )
        .await?;
        let (base_used, head_used) = (base_loaded.used(), head_loaded.used());
        let mut over = Arms {
            base: base_run.over(base_loaded, of_base, &base_stretch, head_used),
            head: head_run.over(head_loaded, of_head, &head_stretch, base_used),
        };
        observer.phase_over(&[
            (&base.run.variant.name, &over.base.found),
            (&head.run.variant.name, &over.head.found),
        ]);
        note_of_both(
            &mut over,
            &Arms {
                base: base_turns.with,
                head: head_turns.with,
            },
            &pacing,
        );
        let measured = measured(&over);
        if measured.base {
            base.keep(&base_run, over.base, of_base, at.base)?;
        }
        if measured.head {
            head.keep(&head_run, over.head, of_head, at.head)?;
        }
        Ok(measured)
    }

    /// Stops both, and says how their launches ended.
    async fn conclude(
        &self,
        both: Both,
        sides: Arms<Side<'_>>,
        driven: Result<(), Failure>,
    ) -> Result<Arms<Launch>, Failure> {
        let Arms { base, head } = both.arms;
        let (base, head) = tokio::join!(
            sides.base.conclude(base.target, self.stop),
            sides.head.conclude(head.target, self.stop),
        );
        driven?;
        Ok(Arms {
            base: base?,
            head: head?,
        })
    }
}

/// Which of both turns measured: not one whose window did not begin because the other one died.
fn measured(over: &Arms<StretchEnd>) -> Arms<bool> {
    let is_lost = |of: &StretchEnd, other: &StretchEnd| {
        let has_nothing = of.found.rounds.is_empty() && of.found.died.is_none();
        has_nothing && of.failed.is_none() && other.found.died.is_some()
    };
    Arms {
        base: !is_lost(&over.base, &over.head),
        head: !is_lost(&over.head, &over.base),
    }
}

/// What keeps two from taking turns, in words: the end of one, or of what runs beside it.
fn why_alone(both: &Both, sides: &Arms<Side<'_>>) -> Option<String> {
    let Arms { base, head } = both.arms.as_ref();
    let down = base.died.as_ref().or(head.died.as_ref());
    down.map(|down| down.words().to_owned())
        .or_else(|| sides.base.death())
        .or_else(|| sides.head.death())
}

/// Loads both from one instant on, and follows them to their ends.
async fn load_both(
    (base_run, of_base, base_stretch): (&PhaseRun<'_>, &mut Launched, &Stretch<'_>),
    (head_run, of_head, head_stretch): (&PhaseRun<'_>, &mut Launched, &Stretch<'_>),
) -> Result<(Loaded, Loaded), Failure> {
    let (base_made, head_made) = (
        base_run.prepare(of_base, base_stretch)?,
        head_run.prepare(of_head, head_stretch)?,
    );
    let engines = Engine::start_together([&base_made.drive, &head_made.drive]);
    let [base_engine, head_engine] = engines.map_err(|error| no_workers(&error))?;
    let (base_course, head_course) = tokio::try_join!(
        base_run.begin(of_base, base_stretch, base_made, base_engine),
        head_run.begin(of_head, head_stretch, head_made, head_engine),
    )?;
    let mut nothing = Arms {
        base: Box::pin(std::future::pending::<()>()),
        head: Box::pin(std::future::pending::<()>()),
    };
    let (mut base_beside, mut head_beside) = (
        Beside::of(nothing.base.as_mut()),
        Beside::of(nothing.head.as_mut()),
    );
    Ok(tokio::join!(
        base_run.load(base_course, of_base, base_stretch, &mut base_beside),
        head_run.load(head_course, of_head, head_stretch, &mut head_beside),
    ))
}

/// What holds for both after turns: `with` names the variant that each took turns with.
fn note_of_both(over: &mut Arms<StretchEnd>, with: &Arms<&str>, pacing: &Pacing) {
    let errors = RatioErrors::of(&over.base.blocks, &over.head.blocks);
    let died = over.as_ref().map(|over| over.found.died.is_some());
    for (over, with, other_died) in [
        (&mut over.base, with.base, died.head),
        (&mut over.head, with.head, died.base),
    ] {
        if let Some(round) = over.found.rounds.last_mut() {
            round.ratio_errors = Some(errors);
        }
        let is_short = pacing.slice < pacing.wanted;
        let short = is_short.then(|| notes::short_turns(pacing.slice, pacing.wanted));
        over.found.note(short);
        over.found.note(other_died.then(|| notes::other_died(with)));
    }
}

/// Launches one alone. That it does not come up is how its launch ended.
async fn alone(
    run: &VariantRun<'_>,
    hashes: &mut Hashes,
    result: &mut VariantResult,
    stop: &Stop,
) -> Result<Launch, Failure> {
    if stop.is_asked() {
        return Ok(Launch::Over);
    }
    match run.run(hashes, result, stop).await {
        Err(Failure::Target(words)) => Ok(Launch::Died(Failure::Target(words))),
        ended => ended,
    }
}
