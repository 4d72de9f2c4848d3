//! What the tasks of one worker share: the schedule, the recorder, the connections' slots. All on one thread, so that
//! nothing is locked; no borrow is held across an await.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use super::acknowledged::Notes;
use super::clock::now_ns;
use super::deadlines::Deadlines;
use super::drive::Drive;
use super::due::{DueRequests, Next, Ticket};
use super::end::WorkerEnd;
use super::exchange::Slot;
use super::hosts::{Host, Hosts};
use super::instance::Instance;
use super::intervals::Intervals;
use super::job::{Job, Prerequisites};
use super::pauses::Pauses;
use super::scrub::header_without_secret;
use super::source::Source;
use super::spread::Spread;
use super::wire::Reuse;
use super::words::Words;
use crate::metrics::{ErrorKind, Moved, Outcome, OwnTime, Recorder, Times, Window};
use crate::scenario::LoadModel;
use crate::traffic::redact::visible;
use crate::traffic::template::Secrets;
use crate::transport::quirk::{Quirk, Quirks};

/// What the tasks of one worker share; all on one thread.
pub(super) struct WorkerState {
    /// By instance of the target.
    pub(super) instances: Vec<Instance>,
    pub(super) hosts: Hosts,
    pub(super) spread: Spread,
    pub(super) reuse: Reuse,
    pub(super) timeout: Duration,
    pub(super) due: RefCell<DueRequests>,
    pub(super) source: RefCell<Source>,
    pub(super) recorder: RefCell<Recorder>,
    /// Whether the words of failures show secrets.
    pub(super) secrets: Secrets,
    /// Prerequisites under way.
    pub(super) prerequisites: Prerequisites,
    intervals: Intervals,
    /// If answers acknowledge something.
    pub(super) notes: RefCell<Option<Notes>>,
    pub(super) is_closed_loop: bool,
    pub(super) slots: RefCell<Vec<Rc<Slot>>>,
    deadlines: RefCell<Deadlines>,
    /// When the worker should wake next: for the next intended start of an open loop, and for its tick, ns.
    pub(super) alarm: Cell<u64>,
    pub(super) tick: Cell<u64>,
    /// When it woke so late, within the window, that it cannot have run.
    stops: RefCell<Pauses>,
    /// The same by the clock, whatever of it counts.
    absences: RefCell<Pauses>,
    pub(super) window: Cell<Window>,
    /// Which time of the window counts.
    pub(super) own: Cell<OwnTime>,
    /// Connections that are still being opened for the first time, where the load does not begin before that.
    pub(super) opening_first: Cell<usize>,
    /// What is under way is given up and counted as in flight.
    pub(super) aborted: Cell<bool>,
    /// Connection tasks that have not ended.
    pub(super) live: Cell<usize>,
    /// A connection task panicked.
    pub(super) broken: Cell<bool>,
    pub(super) last_done: Cell<u64>,
    /// Whether connections to the target are opened before there is a request for them.
    pub(super) opens_target: bool,
}

/// What no instance has for a number.
const NO_INSTANCE: usize = usize::MAX;

/// A worker that wakes later than this did not run, ns.
const STOP_NS: u64 = 10_000_000;

/// A window that never comes.
const NEVER: Window = Window {
    start: u64::MAX,
    end: u64::MAX,
};

impl WorkerState {
    /// Nothing is due before the load begins, which is later.
    pub(super) fn new(
        drive: &Drive,
        worker: u32,
        source: Source,
        notes: Option<Notes>,
        intervals: Intervals,
    ) -> Self {
        let load = &drive.load;
        let lane = drive.lane(worker);
        let connections = lane.share(u64::from(load.connections)) as usize;
        let spread = Spread::new(drive.seed, drive.endpoints.len());
        let most = spread.connections(lane.number(), connections);
        let instances = drive.endpoints.iter().zip(most);
        let is_closed_loop = load.model == LoadModel::Closed;
        let opens_target = load.keep_alive && source.sends_to_target();
        let opened_first = if is_closed_loop && opens_target {
            connections
        } else {
            0
        };
        Self {
            instances: instances
                .map(|(endpoint, most)| Instance::new(endpoint.clone(), most))
                .collect(),
            hosts: Hosts::new(drive.hosts.clone()),
            spread,
            reuse: if load.keep_alive {
                Reuse::KeepAlive
            } else {
                Reuse::Close
            },
            timeout: load.timeout,
            due: RefCell::new(DueRequests::new(load, spread, lane, u64::MAX, NEVER)),
            recorder: RefCell::new(Recorder::new(
                NEVER,
                1,
                drive.requests.len(),
                drive.endpoints.len(),
            )),
            source: RefCell::new(source),
            secrets: drive.secrets,
            prerequisites: Prerequisites::default(),
            intervals,
            notes: RefCell::new(notes),
            is_closed_loop,
            slots: RefCell::default(),
            deadlines: RefCell::default(),
            alarm: Cell::new(u64::MAX),
            tick: Cell::new(u64::MAX),
            stops: RefCell::new(Pauses::new(STOP_NS)),
            absences: RefCell::new(Pauses::new(STOP_NS)),
            window: Cell::new(NEVER),
            own: Cell::new(OwnTime::ALL),
            opening_first: Cell::new(opened_first),
            aborted: Cell::new(false),
            live: Cell::new(0),
            broken: Cell::new(false),
            last_done: Cell::new(0),
            opens_target,
        }
    }

    /// A connection was opened or refused for the first time.
    pub(super) fn opened_first(&self) {
        self.opening_first
            .set(self.opening_first.get().saturating_sub(1));
    }

    /// The next request for a connection that is free since `free`.
    pub(super) fn next(&self, instance: usize, free: u64) -> Next {
        let mut due = self.due.borrow_mut();
        match due.take(instance, free) {
            // A turn that has begun since then has released those that waited already.
            Next::NotBefore if self.is_closed_loop => due.take(instance, now_ns()),
            next => next,
        }
    }

    /// Records what became of a request, which the instance `instance` answered if it went to the target.
    pub(super) fn record(&self, instance: usize, kind: usize, outcome: Outcome, times: Times) {
        self.rotate_if_over(times.done);
        self.last_done.set(times.done);
        let instance = self.answering(instance, kind);
        let mut recorder = self.recorder.borrow_mut();
        recorder.record(kind, outcome, times);
        recorder.note_instance(instance, outcome, times);
    }

    /// Where requests of this kind go.
    pub(super) fn host(&self, kind: usize) -> Host {
        self.source.borrow().host(kind)
    }

    /// The instance that answers a request of this kind.
    fn answering(&self, instance: usize, kind: usize) -> usize {
        match self.host(kind) {
            Host::Target => instance,
            Host::Other(_) => NO_INSTANCE,
        }
    }

    /// A connection that could not be opened for a request paused before it asked again.
    pub(super) fn paused(&self, kind: usize, begin: u64, end: u64) {
        self.recorder.borrow_mut().note_pause(kind, begin, end);
    }

    /// Counts what the answer moved to what a job was at, after that was recorded.
    pub(super) fn note_moved(&self, job: &Job<'_>, outcome: Outcome, moved: Moved, times: Times) {
        let mut recorder = self.recorder.borrow_mut();
        recorder.note_moved(job.sending(), outcome, moved, times);
    }

    /// A job for a request that is due.
    pub(super) fn job<'a>(&self, ticket: Ticket) -> Job<'a> {
        Job::new(ticket, self.source.borrow().kind(ticket.n))
    }

    /// What a job was at ended as expected: the job itself, or what had to come before it.
    pub(super) fn succeed(&self, job: &Job<'_>, status: u16, times: Times) {
        let request = job.sending();
        self.record(job.ticket.instance, request, Outcome::Ok { status }, times);
        if let Some(notes) = &mut *self.notes.borrow_mut() {
            notes.note(request, job.ticket.n);
        }
        self.note_prerequisite(job, times.intended, Some(times.sent));
    }

    /// What a job was at failed, and with it the job.
    pub(super) fn fail(
        &self,
        job: &Job<'_>,
        kind: ErrorKind,
        status: Option<u16>,
        times: Times,
        words: impl FnOnce() -> Words,
    ) {
        let (request, n) = (job.sending(), job.ticket.n);
        let instance = job.ticket.instance;
        self.record(instance, request, Outcome::Failed { kind, status }, times);
        self.note_prerequisite(
            job,
            times.intended,
            (!kind.is_unsent()).then_some(times.sent),
        );
        let is_prerequisite = job.prerequisite.is_some();
        if is_prerequisite {
            let unsent = Times {
                intended: job.ticket.intended,
                startable: times.done,
                sent: times.done,
                done: times.done,
            };
            let outcome = Outcome::Failed {
                kind: ErrorKind::Prerequisite,
                status: None,
            };
            self.record(instance, job.kind, outcome, unsent);
        }
        let mut recorder = self.recorder.borrow_mut();
        let wanted = recorder.wants_exemplar(kind, times.intended);
        let wanted_above = is_prerequisite
            && recorder.wants_exemplar(ErrorKind::Prerequisite, job.ticket.intended);
        if !(wanted || wanted_above) {
            return;
        }
        let words = self.shown(request, n, words());
        if wanted_above {
            let source = self.source.borrow();
            let words = format!(
                "`{}`, which `{}` needs, failed: {kind}: {words}",
                source.name(request),
                source.name(job.kind)
            );
            recorder.keep_exemplar(ErrorKind::Prerequisite, words);
        }
        if wanted {
            recorder.keep_exemplar(kind, words);
        }
    }

    fn shown(&self, request: usize, n: u64, words: Words) -> String {
        match self.secrets {
            Secrets::Sent => visible(&words.text),
            Secrets::Redacted => {
                let source = self.source.borrow();
                source.scrub(request, n, words.text.as_bytes(), words.secrets)
            }
        }
    }

    /// Counts what an answer does that it should not; `quote` has its bytes.
    #[cold]
    pub(super) fn note_quirks(
        &self,
        job: &Job<'_>,
        quirks: Quirks,
        quote: impl Fn(Quirk) -> String,
    ) {
        let mut recorder = self.recorder.borrow_mut();
        for quirk in quirks.iter() {
            recorder.note_quirk(quirk, job.intended(), || {
                let line = header_without_secret(quote(quirk));
                self.shown(job.sending(), job.ticket.n, line.into())
            });
        }
    }

    /// What a job is at is sent again.
    pub(super) fn note_resent(&self, job: &Job<'_>) {
        let mut recorder = self.recorder.borrow_mut();
        recorder.note_resent(job.sending(), job.intended());
    }

    /// A job was under way when the phase ended.
    pub(super) fn interrupt(&self, job: &Job<'_>, times: Times) {
        let request = job.sending();
        let instance = self.answering(job.ticket.instance, request);
        self.recorder
            .borrow_mut()
            .record_in_flight(instance, request, times);
        self.note_prerequisite(job, times.intended, Some(times.sent));
        if job.prerequisite.is_some() {
            self.leave(job, times.done);
        }
    }

    /// The phase is over before the request of a job could be sent, or sent again.
    fn leave(&self, job: &Job<'_>, now: u64) {
        let Some(times) = job.request_sent() else {
            return self.not_sent(job.ticket, now);
        };
        let instance = self.answering(job.ticket.instance, job.kind);
        let times = Times { done: now, ..times };
        let mut recorder = self.recorder.borrow_mut();
        recorder.record_in_flight(instance, job.kind, times);
    }

    /// Prerequisites are in no schedule.
    fn note_prerequisite(&self, job: &Job<'_>, intended: u64, sent: Option<u64>) {
        if let Some(prerequisite) = &job.prerequisite {
            self.recorder
                .borrow_mut()
                .note_needed(prerequisite.kind, intended, sent);
        }
    }

    /// The phase is over before a job could go on.
    pub(super) fn give_up(&self, job: Option<Job<'_>>) {
        let Some(job) = job else { return };
        let now = now_ns();
        if let Some(first) = job.first() {
            return self.interrupt(&job, Times { done: now, ..first });
        }
        self.leave(&job, now);
        if job.prerequisite.is_some() {
            let (request, intended) = (job.sending(), job.intended());
            let instance = self.answering(job.ticket.instance, request);
            self.recorder
                .borrow_mut()
                .record_not_sent(instance, request, intended, now);
            self.note_prerequisite(&job, intended, None);
        }
    }

    pub(super) fn not_sent(&self, ticket: Ticket, now: u64) {
        let request = self.source.borrow().kind(ticket.n);
        let instance = self.answering(ticket.instance, request);
        self.recorder
            .borrow_mut()
            .record_not_sent(instance, request, ticket.intended, now);
    }

    /// What was due and never found a free connection.
    pub(super) fn count_not_sent(&self, now: u64) {
        if !self.is_closed_loop {
            for instance in 0..self.instances.len() {
                while let Next::Due(ticket) = self.next(instance, now) {
                    self.not_sent(ticket, now);
                }
            }
        }
    }

    /// Hands over intervals that have ended.
    pub(super) fn rotate_if_over(&self, now: u64) {
        let mut recorder = self.recorder.borrow_mut();
        while recorder.is_over(now) {
            self.intervals.rotate(&mut recorder);
        }
    }

    /// Watches what is under way on a connection, which is given up at `deadline`.
    pub(super) fn give_up_at(&self, slot: &Slot, deadline: u64) {
        slot.expired.set(false);
        slot.deadline.set(deadline);
        if !slot.is_watched.replace(true) {
            self.deadlines.borrow_mut().watch(slot.at, deadline);
        }
    }

    /// Waits until `end` (ns, monotonic), or the end of the phase; as exactly as deadlines are watched. No pause of another
    /// connection that began earlier ends later.
    pub(super) async fn pause(&self, slot: &Slot, end: u64) {
        self.deadlines.borrow_mut().pause(slot.at, end);
        slot.rest(end).await;
    }

    /// Wakes the connections whose deadlines have passed, and all that have one when everything is given up.
    pub(super) fn expire(&self, now: u64) {
        let slots = self.slots.borrow();
        if self.aborted.get() {
            let under_way = slots.iter().filter(|slot| slot.deadline.get() != 0);
            under_way.for_each(|slot| slot.expire());
            return;
        }
        let mut deadlines = self.deadlines.borrow_mut();
        while let Some(at) = deadlines.rested(now) {
            slots[at].expire();
        }
        // A stop may come between the reading of the clock and the sending: a request waits longer by what the worker did not run.
        let (absences, timeout) = (self.absences.borrow(), self.timeout.as_nanos() as u64);
        let absent = |deadline: u64| absences.within(deadline.saturating_sub(timeout), now);
        deadlines.look(now, |at| slots[at].look(now, absent));
    }

    /// Notes when the worker woke that was due at `due`; tells whether it did not run meanwhile.
    pub(super) fn woke(&self, due: u64, now: u64) -> bool {
        self.got_round(due, now);
        if now.saturating_sub(due) < STOP_NS {
            return false;
        }
        self.absences.borrow_mut().add(due, now);
        // A load that has no turn misses nothing.
        let time = (self.window.get(), self.own.get());
        self.stops.borrow_mut().add_within(time, due, now);
        true
    }

    /// Notes when the worker got round to what was due at `due`.
    pub(super) fn got_round(&self, due: u64, now: u64) {
        if due < now {
            self.instances
                .iter()
                .for_each(|instance| instance.got_round(due, now));
        }
    }

    /// Until when a request that was intended for `intended` waited for others than the generator, if a connection of the instance
    /// `instance` was `free` to send it: what it waited for the generator is left out of the middle of that.
    pub(super) fn startable(&self, instance: usize, intended: u64, free: u64) -> u64 {
        if free <= intended {
            return intended;
        }
        let instance = &self.instances[instance];
        // What is overdue now is the generator's too: it may get round to this connection first.
        let due = self.alarm.get().min(self.tick.get());
        if due < free {
            instance.got_round(due, free);
        }
        free - instance.lateness.borrow_mut().within(intended, free)
    }

    /// Ends the window early, at `end`.
    pub(super) fn cut(&self, end: u64) {
        self.recorder.borrow_mut().cut(end);
        self.due.borrow_mut().cut(end);
    }

    /// Hands over all that was counted.
    pub(super) fn close(&self, end: &mut WorkerEnd) {
        self.count_not_sent(now_ns());
        end.last_done = self.last_done.get();
        end.stopped_ns = self.stops.borrow().total();
        end.hosts = self.hosts.take();
        end.all_sent = self.due.borrow().is_used_up();
        end.unnoted = self.notes.take().map_or(0, Notes::finish);
        let last = self.recorder.borrow_mut().finish();
        self.intervals.report(last);
    }

    /// Nothing will be due again: connections that wait end.
    pub(super) fn finish(&self) {
        self.instances.iter().for_each(Instance::finish);
    }

    /// Whether nothing will be due again for any instance.
    pub(super) fn is_finished(&self) -> bool {
        self.instances
            .iter()
            .all(|instance| instance.finished.get())
    }

    /// Ends the instances that wait for requests of their own of which none will come, where the number of requests is limited.
    pub(super) fn finish_used_up(&self, now: u64) {
        let mut due = self.due.borrow_mut();
        due.pass(now);
        let instances = self.instances.iter().enumerate();
        instances
            .filter(|(at, instance)| !instance.finished.get() && due.is_used_up_for(*at))
            .for_each(|(_, instance)| instance.finish());
    }

    pub(super) fn abort(&self) {
        self.aborted.set(true);
        self.finish();
        self.prerequisites.wake_all();
    }
}
