//! Drives one stretch of load to its end, while the target is read, files are written and something may go on beside it. Nothing here
//! waits for a disk or a target while the load goes on.

use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime};

use super::aim::Aim;
use super::background::{Background, failed};
use super::blocks;
use super::early::Early;
use super::files::Made;
use super::gather::{Deaths, Emit, Gather};
use super::launch::{Death, Launched};
use super::ledger::Lines;
use super::mark::Cpu;
use super::notes;
use super::over::{Known, StretchEnd};
use super::phase::PhaseRun;
use super::probe::TargetProbe;
use super::readings::{Offer, Readings, Schedule};
use super::stretch::{EndedEarly, Stretch};
use super::watch::{Told, Watch};
use super::watched::Watched;
use super::{Stop, WriteError};
use crate::engine::{AcknowledgedIds, Drive, End, Engine, now_ns};
use crate::metrics::Window;
use crate::result::{AcknowledgedFile, Failure};
use crate::scenario::LoadModel;

/// How long a capture may take to notice that its target is gone.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A stretch of load under way.
pub(super) struct Course {
    engine: Engine,
    watch: Watch,
    gather: Gather,
    /// Writes what is acknowledged.
    ledger: Option<Background<u64>>,
    deaths: Deaths,
    /// How long it took until the load began.
    preparing: Duration,
}

/// A closed loop that begins later than this waited for its connections.
const LONG_PREPARING: Duration = Duration::from_secs(1);

/// What is made before a load begins.
pub(super) struct Prepared {
    pub(super) drive: Drive,
    probe: TargetProbe,
    files: Option<Made>,
}

/// A stretch of load that is over, not yet put together.
pub(super) struct Loaded {
    end: End,
    gather: Gather,
    watched: Watched,
    unwatched: Option<std::io::Error>,
    acknowledged: Result<Option<u64>, WriteError>,
    deaths: Deaths,
    preparing: Duration,
    ended_early: Option<EndedEarly>,
}

/// What runs beside a load from the start of its window on, and its answer.
pub(super) struct Beside<'a, B: Future> {
    future: Pin<&'a mut B>,
    output: Option<B::Output>,
}

impl PhaseRun<'_> {
    /// Runs one stretch of load. `beside` starts with the window, and the load ends with it; a profiled stretch is over when both
    /// are, for a target may take longer to write its profile than the load lasts.
    pub(super) async fn drive<B: Future>(
        &self,
        target: &mut Launched,
        stretch: &Stretch<'_>,
        beside: B,
    ) -> Result<(StretchEnd, Option<B::Output>), Failure> {
        let sharded = self.launch.sharded.map(|sharded| {
            let number = sharded.number(self.launch.which(stretch));
            (sharded, number)
        });
        let appointment = match sharded {
            Some((sharded, number)) => Some(sharded.appointment(number, self.stop).await),
            None => None,
        };
        let observer = self.launch.observer;
        observer.phase(&self.launch.start(stretch, target.cpus));
        let mut prepared = self.prepare(target, stretch)?;
        prepared.drive.appointment = appointment;
        let engine = Engine::start(&prepared.drive).map_err(|error| no_workers(&error))?;
        let course = self.begin(target, stretch, prepared, engine).await?;
        if let Some((sharded, number)) = sharded
            && !course.engine.kept_appointment()
        {
            return Err(sharded.missed(number));
        }
        let begun = async {
            match (sharded, appointment) {
                (Some((sharded, number)), Some(of)) => sharded.begun(number, of.at).await,
                _ => std::future::pending().await,
            }
        };
        let future = std::pin::pin!(beside);
        let mut beside = Beside::of(future);
        let loaded = {
            let mut load = std::pin::pin!(self.load(course, target, stretch, &mut beside));
            tokio::select! {
                loaded = &mut load => loaded,
                () = begun => load.await,
            }
        };
        let over = self.over(loaded, target, stretch, Some(0.0));
        observer.phase_over(&[(&self.launch.variant.name, &over.found)]);
        Ok((over, beside.output))
    }

    /// Follows a load that has begun to its end.
    pub(super) async fn load<B: Future>(
        &self,
        mut course: Course,
        target: &mut Launched,
        stretch: &Stretch<'_>,
        beside: &mut Beside<'_, B>,
    ) -> Loaded {
        let mut stop = self.stop.clone();
        let mut early = Early::new(self, stretch);
        let has_begun = course.load(target, beside, &mut stop, &mut early).await;
        let Course {
            engine,
            watch,
            mut gather,
            ledger,
            mut deaths,
            preparing,
        } = course;
        let end = engine.finish();
        let mut rest = Vec::new();
        let (watched, unwatched) = match watch.finish(end.window.end, &mut rest).await {
            Ok(watched) => (watched, None),
            Err(error) => {
                let nothing = Watched::new(Cpu::Nowhere, end.window, end.own);
                (nothing, Some(error))
            }
        };
        for told in rest {
            if let Told::Cells(cells) = told {
                gather.cells(cells);
            }
        }
        if stretch.profiled && has_begun {
            beside.finish(target, &mut deaths, &mut stop).await;
        }
        let acknowledged = ledger.map(Background::finish).transpose();
        gather.cut(end.window.end);
        let launch = self.launch;
        gather.emit(Emit::Everything, &mut |live| {
            launch.observer.live(&launch.variant.name, live);
        });
        Loaded {
            end,
            gather,
            watched,
            unwatched,
            acknowledged,
            deaths,
            preparing,
            ended_early: early.ended,
        }
    }

    /// What a load found. `others_used` is the CPU time of what took turns with it, s.
    pub(super) fn over(
        &self,
        loaded: Loaded,
        target: &Launched,
        stretch: &Stretch<'_>,
        others_used: Option<f64>,
    ) -> StretchEnd {
        let Loaded {
            end,
            gather,
            watched,
            unwatched,
            acknowledged,
            deaths,
            preparing,
            ended_early,
        } = loaded;
        let instances = target.instances.iter();
        let addresses: Vec<&str> = instances.map(|of| of.authority.as_str()).collect();
        let known = Known {
            addresses: &addresses,
            limits: &self.launch.plan.latency_limits(),
            others_used,
        };
        let mut over = gather.over(self.blank(), &known, &end, deaths, &watched);
        if stretch.load.model == LoadModel::Closed && preparing > LONG_PREPARING {
            over.found.note([notes::slow_opening(preparing)]);
        }
        over.found.target_cpus = target.cpus;
        over.ended_early = ended_early;
        if let Some(error) = unwatched {
            fail(&mut over, error.to_string());
        }
        match acknowledged {
            Ok(ids) => over
                .found
                .acknowledged
                .extend(ids.map(|ids| AcknowledgedFile {
                    file: self.acknowledged_file(),
                    ids,
                    sink: target.sink.clone(),
                })),
            Err(error) => fail(&mut over, error.to_string()),
        }
        if end.unnoted > 0 {
            let lacks = format!(
                "{} lacks the ids of {} acknowledged requests: the disk did not keep up; use a faster one for --out, or a lower rate",
                self.acknowledged_file().display(),
                end.unnoted
            );
            fail(&mut over, lacks);
        }
        over
    }

    /// Makes what a load needs. Files are made before it: from its beginning on nothing waits for a disk.
    pub(super) fn prepare(
        &self,
        target: &Launched,
        stretch: &Stretch<'_>,
    ) -> Result<Prepared, Failure> {
        let launch = self.launch;
        let interval = stretch.interval(launch.plan.interval);
        let turns = self.turns.map(|turns| turns.table);
        let aim = Aim {
            plan: launch.plan,
            variant: launch.variant,
            rosters: self.rosters,
            load: stretch.load,
            turns,
            stamp: launch.stamps.next(),
            interval: turns.map_or(interval, |table| {
                Duration::from_nanos(table.every(interval.as_nanos() as u64))
            }),
        };
        Ok(Prepared {
            drive: aim.at(target)?,
            probe: target.probe()?,
            files: match stretch.profiled {
                true => None,
                false => Some(self.files(target)?),
            },
        })
    }

    /// Begins to follow a load whose workers were started.
    pub(super) async fn begin(
        &self,
        target: &Launched,
        stretch: &Stretch<'_>,
        prepared: Prepared,
        mut engine: Engine,
    ) -> Result<Course, Failure> {
        let launch = self.launch;
        let Prepared {
            drive,
            probe,
            files,
        } = prepared;
        let asked = Instant::now();
        let ledger = self.ledger(stretch, &drive, &mut engine)?;
        let window = self.begun(&engine).await;
        let preparing = asked.elapsed();
        let until_start = Duration::from_nanos(window.start.saturating_sub(now_ns()));
        let files = files.map(|files| files.begin(SystemTime::now() + until_start));
        let files = files.transpose().map_err(|error| no_thread(&error))?;
        let schedule = Schedule {
            window,
            interval_ns: drive.interval.as_nanos() as u64,
            own: engine.own_time(),
        };
        let offer = Offer {
            cpu: probe.cpu(),
            has_metrics: probe.metrics.is_some(),
            has_columns: files.as_ref().is_some_and(|files| files.has_columns),
        };
        let watch = Watch::start(probe, Readings::new(schedule, offer))
            .map_err(|error| no_thread(&error))?;
        let most = if stretch.profiled {
            // Slices need every interval; there are at most 12,600 of the longest profile.
            schedule.rows() as usize
        } else {
            blocks::MOST
        };
        let (workers, round) = (stretch.load.workers, launch.round);
        let elsewhere = self.blank().elsewhere().collect();
        Ok(Course {
            engine,
            watch,
            gather: Gather::new(schedule, workers, round, most, files).without(elsewhere),
            ledger,
            deaths: Deaths {
                target: None,
                services: target.services.down(),
            },
            preparing,
        })
    }

    /// Waits until the load begins: all workers are ready, and their connections open where it is closed. The user's wish to
    /// stop ends that wait.
    async fn begun(&self, engine: &Engine) -> Window {
        let mut stop = self.stop.clone();
        let ready = engine.ready();
        tokio::pin!(ready);
        tokio::select! {
            window = &mut ready => return window,
            () = stop.asked() => {}
        }
        engine.stop();
        ready.await
    }

    /// Begins to write down what is acknowledged: in a file for each phase of a launch, in which the profiled repetition goes on
    /// where the measured one ended.
    fn ledger(
        &self,
        stretch: &Stretch<'_>,
        drive: &Drive,
        engine: &mut Engine,
    ) -> Result<Option<Background<u64>>, Failure> {
        let Some(from) = engine.acknowledged() else {
            return Ok(None);
        };
        let file = self.acknowledged_file();
        let opened = if stretch.profiled {
            self.launch.dir.append(&file)
        } else {
            self.launch.dir.create_file(&file)
        };
        let lines = Lines {
            file: opened.map_err(|error| Failure::Internal(error.to_string()))?,
            path: self.launch.dir.path().join(file),
            ids: AcknowledgedIds::new(drive.requests.clone(), drive.rosters.clone(), drive.seed),
        };
        let started = Background::start("acknowledged", move || lines.write(&from));
        started.map(Some).map_err(|error| no_thread(&error))
    }
}

impl Course {
    /// Follows the load until all workers have ended; returns whether its window began.
    async fn load<B: Future>(
        &mut self,
        target: &mut Launched,
        beside: &mut Beside<'_, B>,
        stop: &mut Stop,
        early: &mut Early<'_>,
    ) -> bool {
        let Self {
            engine,
            watch,
            gather,
            ledger,
            deaths,
            preparing: _,
        } = self;
        let (mut has_begun, mut is_watched) = (false, true);
        let (mut stopping, mut unwritten, mut unrecorded) = (false, false, false);
        loop {
            tokio::select! {
                interval = engine.next() => match interval {
                    Some(interval) => {
                        gather.interval(&interval);
                        engine.reuse(interval);
                    }
                    None => return has_begun,
                },
                told = watch.next(), if is_watched => match told {
                    Some(Told::Begun) => has_begun = true,
                    Some(Told::Cells(cells)) => gather.cells(cells),
                    None => is_watched = false,
                },
                finished = &mut beside.future, if has_begun && beside.output.is_none() => {
                    beside.output = Some(finished);
                    engine.stop();
                }
                death = target.ended(), if deaths.target.is_none() => {
                    deaths.add(death);
                    if deaths.target.is_some() {
                        engine.stop();
                    }
                }
                () = failed(gather.writing()), if !unwritten => {
                    unwritten = true;
                    engine.stop();
                }
                () = failed(ledger.as_mut()), if !unrecorded => {
                    unrecorded = true;
                    engine.stop();
                }
                () = stop.asked(), if !stopping => {
                    stopping = true;
                    engine.stop();
                }
            }
            let launch = early.run.launch;
            gather.emit(Emit::Complete, &mut |live| {
                launch.observer.live(&launch.variant.name, live);
            });
            if early.looks(gather) {
                engine.stop();
            }
        }
    }
}

impl Loaded {
    /// CPU time of the target and of what runs beside it, s.
    pub(super) fn used(&self) -> Option<f64> {
        let seconds = self.end.own.seconds(self.end.window);
        let has_died = self.deaths.target.is_some();
        let target = self.watched.target_cpu_seconds(seconds, has_died).ok();
        self.watched.used(target, seconds)
    }
}

impl<'a, B: Future> Beside<'a, B> {
    /// Something that has no answer yet.
    pub(super) fn of(future: Pin<&'a mut B>) -> Self {
        Self {
            future,
            output: None,
        }
    }

    /// Waits for its answer, unless the target dies or the user does not want it any more.
    async fn finish(&mut self, target: &mut Launched, deaths: &mut Deaths, stop: &mut Stop) {
        while self.output.is_none() && deaths.target.is_none() {
            tokio::select! {
                // One that can end at once when it is asked to does, with what it has.
                biased;
                finished = &mut self.future => self.output = Some(finished),
                death = target.ended() => deaths.add(death),
                () = stop.asked() => return,
            }
        }
        if self.output.is_none() {
            // What was captured of a target before it died is kept: its connection ends with it.
            let rest = tokio::time::timeout(LAST_WORDS, &mut self.future);
            self.output = rest.await.ok();
        }
    }
}

impl Deaths {
    fn add(&mut self, death: Death) {
        match death {
            Death::Service(words) => self.services.push(words),
            Death::Target(words) => self.target = Some(words),
        }
    }
}

/// Notes why the load was not what it should have been, unless something else came first.
fn fail(over: &mut StretchEnd, words: String) {
    over.failed.get_or_insert(words);
}

pub(super) fn no_workers(error: &std::io::Error) -> Failure {
    Failure::Internal(format!("cannot start the workers: {error}"))
}

fn no_thread(error: &std::io::Error) -> Failure {
    Failure::Internal(format!("cannot start a thread: {error}"))
}
