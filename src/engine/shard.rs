//! What the tasks of one worker share: the schedule, the recorder, the connections' slots. All on one thread, so that
//! nothing is locked; no borrow is held across an await.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::spawn_local;

use super::acknowledged::Notes;
use super::answer::Words;
use super::clock::now_ns;
use super::connection::connection;
use super::feed::{Feed, Next, Ticket};
use super::job::{Job, Turns};
use super::source::Source;
use super::spread::Spread;
use super::wire::{Reuse, Slot};
use crate::metrics::{Durations, ErrorKind, Interval, Outcome, Recorder, Times};
use crate::traffic::redact::visible;
use crate::traffic::template::Secrets;
use crate::transport::stream::Endpoint;

/// What the tasks of one worker share; all on one thread.
pub(super) struct Shard {
    /// By instance of the target.
    pub(super) lanes: Vec<Lane>,
    pub(super) spread: Spread,
    pub(super) reuse: Reuse,
    pub(super) timeout: Duration,
    pub(super) feed: RefCell<Feed>,
    pub(super) source: RefCell<Source>,
    pub(super) recorder: RefCell<Recorder>,
    /// Whether the words of failures show secrets.
    pub(super) secrets: Secrets,
    /// Prerequisites under way.
    pub(super) turns: Turns,
    pub(super) reports: UnboundedSender<Interval>,
    pub(super) used: Receiver<Interval>,
    /// If answers acknowledge something.
    pub(super) notes: RefCell<Option<Notes>>,
    pub(super) is_closed_loop: bool,
    /// All connections' slots, for deadlines.
    pub(super) slots: RefCell<Vec<Rc<Slot>>>,
    /// What is under way is given up and counted as in flight.
    pub(super) aborted: Cell<bool>,
    /// Connection tasks that have not ended.
    pub(super) live: Cell<usize>,
    /// A connection task panicked.
    pub(super) broken: Cell<bool>,
    pub(super) last_done: Cell<u64>,
    /// How long each connection took to open, handshake included.
    pub(super) opening: RefCell<Durations>,
    pub(super) resent: Cell<u64>,
}

/// One instance of the target: its connections are never used for another one's requests.
pub(super) struct Lane {
    pub(super) endpoint: Endpoint,
    /// Connections that it may have, and how many it has.
    pub(super) most: usize,
    pub(super) opened: Cell<usize>,
    /// Connections that wait for a request; the one that was used last is used next.
    pub(super) idle: RefCell<Vec<Rc<Slot>>>,
    /// Nothing will be due again for it.
    pub(super) finished: Cell<bool>,
}

impl Lane {
    pub(super) fn new(endpoint: Endpoint, most: usize) -> Self {
        Self {
            endpoint,
            most,
            opened: Cell::new(0),
            idle: RefCell::default(),
            finished: Cell::new(false),
        }
    }

    /// Nothing will be due again: connections that wait end.
    pub(super) fn finish(&self) {
        self.finished.set(true);
        self.idle
            .borrow_mut()
            .drain(..)
            .for_each(|slot| slot.wake());
    }
}

impl Shard {
    pub(super) fn add_connection(self: &Rc<Self>, lane: usize) {
        let slot = Rc::new(Slot::of(lane));
        let opened = &self.lanes[lane].opened;
        opened.set(opened.get() + 1);
        self.slots.borrow_mut().push(slot.clone());
        self.live.set(self.live.get() + 1);
        let life = Life(self.clone());
        spawn_local(async move { connection(&life.0, &slot).await });
    }

    pub(super) fn next(&self, lane: usize, now: u64) -> Next {
        self.feed.borrow_mut().take(lane, now)
    }

    /// Records what the instance `lane` made of a request.
    pub(super) fn record(&self, lane: usize, kind: usize, outcome: Outcome, times: Times) {
        self.rotate_if_over(times.done);
        self.last_done.set(times.done);
        let mut recorder = self.recorder.borrow_mut();
        recorder.record(kind, outcome, times);
        recorder.note_instance(lane, outcome, times);
    }

    /// A job for a request that is due.
    pub(super) fn job<'a>(&self, ticket: Ticket) -> Job<'a> {
        Job {
            ticket,
            kind: self.source.borrow().kind(ticket.n),
            errand: None,
        }
    }

    /// What a job was at ended as expected: the job itself, or what had to come before it.
    pub(super) fn succeed(&self, job: &Job<'_>, status: u16, times: Times) {
        let request = job.sending();
        self.record(job.ticket.lane, request, Outcome::Ok { status }, times);
        if let Some(notes) = &mut *self.notes.borrow_mut() {
            notes.note(request, job.ticket.n);
        }
        self.note_errand(job, times.intended, Some(times.sent));
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
        let lane = job.ticket.lane;
        self.record(lane, request, Outcome::Failed { kind, status }, times);
        self.note_errand(
            job,
            times.intended,
            (!kind.is_unsent()).then_some(times.sent),
        );
        let is_errand = job.errand.is_some();
        if is_errand {
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
            self.record(lane, job.kind, outcome, unsent);
        }
        let mut recorder = self.recorder.borrow_mut();
        let wanted = recorder.wants_exemplar(kind, times.intended);
        let wanted_above =
            is_errand && recorder.wants_exemplar(ErrorKind::Prerequisite, job.ticket.intended);
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

    /// A job was under way when the phase ended.
    pub(super) fn interrupt(&self, job: &Job<'_>, times: Times) {
        let request = job.sending();
        self.recorder.borrow_mut().record_in_flight(request, times);
        self.note_errand(job, times.intended, Some(times.sent));
        if job.errand.is_some() {
            self.not_sent(job.ticket, times.done);
        }
    }

    /// Prerequisites are in no schedule.
    fn note_errand(&self, job: &Job<'_>, intended: u64, sent: Option<u64>) {
        if let Some(errand) = &job.errand {
            self.recorder
                .borrow_mut()
                .note_needed(errand.kind, intended, sent);
        }
    }

    /// The phase is over before a job could go on.
    pub(super) fn give_up(&self, job: Option<Job<'_>>) {
        let Some(job) = job else { return };
        let now = now_ns();
        self.not_sent(job.ticket, now);
        if job.errand.is_some() {
            let (request, intended) = (job.sending(), job.intended());
            self.recorder
                .borrow_mut()
                .record_not_sent(request, intended, now);
            self.note_errand(&job, intended, None);
        }
    }

    pub(super) fn not_sent(&self, ticket: Ticket, now: u64) {
        let request = self.source.borrow().kind(ticket.n);
        self.recorder
            .borrow_mut()
            .record_not_sent(request, ticket.intended, now);
    }

    /// What was due and never found a free connection.
    pub(super) fn count_not_sent(&self, now: u64) {
        if !self.is_closed_loop {
            for lane in 0..self.lanes.len() {
                while let Next::Due(ticket) = self.next(lane, now) {
                    self.not_sent(ticket, now);
                }
            }
        }
    }

    pub(super) fn rotate_if_over(&self, now: u64) {
        let mut recorder = self.recorder.borrow_mut();
        while recorder.is_over(now) {
            let interval = recorder.rotate(self.used.try_recv().ok());
            // A receiver that is gone has no use for it.
            let _ = self.reports.send(interval);
        }
    }

    /// Nothing will be due again: connections that wait end.
    pub(super) fn finish(&self) {
        self.lanes.iter().for_each(Lane::finish);
    }

    /// Whether nothing will be due again for any instance.
    pub(super) fn is_finished(&self) -> bool {
        self.lanes.iter().all(|lane| lane.finished.get())
    }

    /// Ends the instances that wait for requests of their own of which none will come, where the number of requests is limited.
    pub(super) fn finish_used_up(&self, now: u64) {
        let mut feed = self.feed.borrow_mut();
        feed.pass(now);
        let lanes = self.lanes.iter().enumerate();
        lanes
            .filter(|(at, lane)| !lane.finished.get() && feed.is_used_up_for(*at))
            .for_each(|(_, lane)| lane.finish());
    }

    pub(super) fn abort(&self) {
        self.aborted.set(true);
        self.finish();
        self.turns.wake_all();
    }
}

/// Counts a connection task as live until it has ended in whatever way.
struct Life(Rc<Shard>);

impl Drop for Life {
    fn drop(&mut self) {
        self.0.live.set(self.0.live.get() - 1);
        if std::thread::panicking() {
            self.0.broken.set(true);
        }
    }
}
