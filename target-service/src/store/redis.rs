//! Everything that is said to Redis, over one pipelined connection that all requests share. Only here and in what is below is
//! its client library known. A call never waits longer than the configured time-out, and none is made in the moments after
//! one has failed; who asks then gets [`Down`] at once and goes on without the store.

mod breaker;
mod link;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use axum::body::Bytes;
use gateway_config::{Config, RedisUrl, hex, random_bytes};
use redis::{
    Cmd, FromRedisValue, Pipeline, PushInfo, PushKind, RedisError, RedisResult, Value, cmd, pipe,
};
use subtle::ConstantTimeEq;
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, Receiver};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::down::Down;
use crate::auth::digest::Digest;
use crate::error::Error;
use crate::metrics::StoreMetrics;
use crate::rbac::user::Seed;
use breaker::Breaker;
use link::Link;

/// Everything expires: a run that is killed leaves nothing behind for longer. Renewed at every synchronisation.
const KEPT: Duration = Duration::from_secs(3600);
/// Publishing reaches only who listens at that moment; this is the most that a missed revocation can be late.
const SYNC: Duration = Duration::from_secs(5);
/// Pause between attempts to synchronise with a store that is down.
const RETRY: Duration = Duration::from_millis(200);
/// What a connection may take longer than a call: it resolves a name and shakes hands.
const HANDSHAKE: Duration = Duration::from_secs(2);
/// Revocations that wait to be read; what does not fit comes with the next synchronisation.
const PUSHES: usize = 1024;

/// A shared store.
pub(super) struct Redis {
    link: Link,
    names: Names,
    timeout: Duration,
    breaker: Breaker,
    users: Vec<(&'static Seed, Vec<u8>)>,
    /// Devices that this instance knows to be revoked: a store that lost its memory is told again.
    revoked: Mutex<BTreeSet<Box<[u8]>>>,
    /// Those of them that were revoked while the store was down, which nobody else was told of yet.
    untold: Mutex<BTreeSet<Box<[u8]>>>,
    /// Something was added to these.
    missed: Notify,
    pushes: tokio::sync::Mutex<Receiver<PushInfo>>,
    /// The address without credentials.
    address: String,
    metrics: StoreMetrics,
}

impl Redis {
    pub(super) fn open(
        url: &RedisUrl,
        config: &Config,
        users: Vec<(&'static Seed, Vec<u8>)>,
        metrics: StoreMetrics,
    ) -> Result<Self, Error> {
        let address = url.to_string();
        let refuse = |reason: String| Error::Store {
            address: address.clone(),
            reason,
        };
        let prefix = match &config.store_prefix {
            Some(prefix) => prefix.clone(),
            None => random_bytes::<8>()
                .map(|bytes| format!("gateway:{}:", hex(&bytes)))
                .map_err(Error::start("read random bytes"))?,
        };
        let limit = config.store_timeout.unsigned_abs();
        let (sender, pushes) = mpsc::channel(PUSHES);
        let link = Link::open(url, limit, sender).map_err(|error| refuse(reason(&error)))?;
        Ok(Self {
            link,
            names: Names { prefix },
            timeout: limit,
            breaker: Breaker::new(),
            users,
            revoked: Mutex::default(),
            untold: Mutex::default(),
            missed: Notify::new(),
            pushes: tokio::sync::Mutex::new(pushes),
            address,
            metrics,
        })
    }

    /// Connects for the first time. A store that is missing at the start is a mistake, later it is an incident.
    pub(super) async fn prepare(&self) -> Result<(), Error> {
        let start = async {
            self.link.get().subscribe(&self.names.channel()).await?;
            self.provision().await
        };
        let limit = self.timeout + HANDSHAKE;
        let outcome = match timeout(limit, start).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => reason(&error),
            Err(_) => format!("no answer within {limit:?}"),
        };
        Err(Error::Store {
            address: self.address.clone(),
            reason: outcome,
        })
    }

    pub(super) async fn holds(
        &self,
        id: &[u8],
        digest: &Digest,
        renewal: Option<Duration>,
    ) -> Result<bool, Down> {
        let key = self.names.digest(id);
        let found: Option<Vec<u8>> = self.ask(cmd("GET").arg(&key)).await?;
        let held = found.is_some_and(|found| bool::from(found.ct_eq(digest)));
        // Only the right credential prolongs its life, which costs a second trip: a wrong one must not.
        if let (true, Some(life)) = (held, renewal) {
            let _: Result<Value, Down> = self.ask(cmd("PEXPIRE").arg(&key).arg(millis(life))).await;
        }
        Ok(held)
    }

    pub(super) async fn keep(
        &self,
        id: &[u8],
        digest: &Digest,
        life: Duration,
    ) -> Result<(), Down> {
        let key = self.names.digest(id);
        self.ask(
            cmd("SET")
                .arg(key)
                .arg(&digest[..])
                .arg("PX")
                .arg(millis(life)),
        )
        .await
    }

    pub(super) async fn user_object(&self, id: &[u8]) -> Result<Option<Bytes>, Down> {
        let found: Option<Vec<u8>> = self.ask(cmd("GET").arg(self.names.user(id))).await?;
        Ok(found.map(Bytes::from))
    }

    pub(super) async fn user_mask(&self, id: &[u8]) -> Result<Option<u64>, Down> {
        self.ask(cmd("GET").arg(self.names.mask(id))).await
    }

    /// The set is for those who do not listen now, the message for those who do.
    pub(super) async fn announce_revoked(&self, id: &[u8]) -> Result<(), Down> {
        self.note_revoked(id);
        let mut announcement = pipe();
        announcement
            .atomic()
            .cmd("SADD")
            .arg(self.names.revoked())
            .arg(id)
            .ignore()
            // With it: a crash before the next synchronisation would leave the set for ever.
            .cmd("EXPIRE")
            .arg(self.names.revoked())
            .arg(KEPT.as_secs())
            .ignore()
            .cmd("DEL")
            .arg(self.names.digest(id))
            .ignore();
        let message = self.message(id);
        let announce = async {
            let mut link = self.link.get();
            let () = announcement.query_async(&mut link).await?;
            // Not within the transaction: this connection listens too, and servers before Redis 7.2 put the message in the
            // middle of the transaction's reply. What follows would then be taken for the answers to other commands.
            message.query_async(&mut link).await
        };
        let told = self.guard(announce).await;
        if told.is_err() {
            self.untold().insert(id.into());
            self.missed.notify_one();
        }
        told
    }

    /// What the other instances listen for.
    fn message(&self, id: &[u8]) -> Cmd {
        let mut message = cmd("PUBLISH");
        message.arg(self.names.channel()).arg(id);
        message
    }

    /// `revoke` tells whether there is such a device: others are not remembered.
    pub(super) async fn follow_revocations(&self, revoke: impl Fn(&[u8]) -> bool) {
        let mut pushes = self.pushes.lock().await;
        let mut sync = interval(SYNC);
        sync.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut hurries = false;
        loop {
            tokio::select! {
                push = pushes.recv() => match push {
                    Some(PushInfo { kind: PushKind::Message, data }) => {
                        if let Some(Value::BulkString(id)) = data.get(1)
                            && revoke(id)
                        {
                            self.note_revoked(id);
                        }
                    }
                    // Messages may have been missed until the subscription stands again.
                    Some(PushInfo { kind: PushKind::Disconnection, .. }) => sync.reset_after(RETRY),
                    Some(PushInfo { kind: PushKind::Subscribe, .. }) => sync.reset_immediately(),
                    Some(_) => {}
                    None => return,
                },
                () = self.link.useless() => {
                    self.renew().await;
                    sync.reset_after(RETRY);
                }
                // Once before the next tick: revocations that follow each other do not put it off.
                () = self.missed.notified(), if !hurries => {
                    hurries = true;
                    sync.reset_after(RETRY);
                }
                _ = sync.tick() => {
                    hurries = false;
                    match self.synchronise().await {
                        Ok(ids) => {
                            let known = ids.iter().filter(|id| revoke(id));
                            known.for_each(|id| self.note_revoked(id));
                        }
                        Err(Down) => sync.reset_after(RETRY),
                    }
                }
            }
        }
    }

    /// Brings both sides to the same revocations and users, and returns all revocations.
    async fn synchronise(&self) -> Result<Vec<Vec<u8>>, Down> {
        let mut exchange = pipe();
        let known = self.revoked().clone();
        let key = self.names.revoked();
        if !known.is_empty() {
            exchange.cmd("SADD").arg(&key);
            for id in &known {
                exchange.arg(&id[..]);
            }
            exchange.ignore();
            exchange.cmd("DEL");
            for id in &known {
                exchange.arg(self.names.digest(id));
            }
            exchange.ignore();
        }
        exchange
            .cmd("EXPIRE")
            .arg(&key)
            .arg(KEPT.as_secs())
            .ignore();
        exchange.cmd("SMEMBERS").arg(&key);
        let (ids,): (Vec<Vec<u8>>,) = self
            .guard(async { exchange.query_async(&mut self.link.get()).await })
            .await?;
        self.guard(self.provision()).await?;
        let untold: Vec<_> = self.untold().iter().cloned().collect();
        for id in untold {
            let message = self.message(&id);
            let () = self
                .guard(async { message.query_async(&mut self.link.get()).await })
                .await?;
            self.untold().remove(&id);
        }
        Ok(ids)
    }

    /// Another connection in place of one that is of no use, once it listens to revocations; those between come with the next
    /// synchronisation.
    async fn renew(&self) {
        let listening = async {
            let mut another = self.link.another()?;
            another.subscribe(&self.names.channel()).await?;
            Ok::<_, RedisError>(another)
        };
        let another = timeout(self.timeout + HANDSHAKE, listening).await;
        let another = another.ok().and_then(Result::ok);
        if another.is_some() {
            tracing::info!(store = %self.address, "another connection to the store");
        }
        self.link.replace(another);
    }

    /// Sets the users that are not there and renews those that are.
    async fn provision(&self) -> RedisResult<()> {
        let keys = || {
            self.users.iter().flat_map(|(seed, _)| {
                [
                    self.names.user(seed.id.as_bytes()),
                    self.names.mask(seed.id.as_bytes()),
                ]
            })
        };
        let mut renew = pipe();
        for key in keys() {
            renew.cmd("EXPIRE").arg(key).arg(KEPT.as_secs());
        }
        let there: Vec<bool> = renew.query_async(&mut self.link.get()).await?;
        let mut set: Pipeline = pipe();
        for ((seed, object), there) in self.users.iter().zip(there.chunks(2)) {
            if there != [true, true] {
                let id = seed.id.as_bytes();
                set.cmd("SET")
                    .arg(self.names.user(id))
                    .arg(object)
                    .arg("EX")
                    .arg(KEPT.as_secs())
                    .ignore();
                set.cmd("SET")
                    .arg(self.names.mask(id))
                    .arg(seed.mask())
                    .arg("EX")
                    .arg(KEPT.as_secs())
                    .ignore();
            }
        }
        if set.is_empty() {
            return Ok(());
        }
        set.query_async(&mut self.link.get()).await
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Down> {
        self.guard(async { command.query_async(&mut self.link.get()).await })
            .await
    }

    /// Waits for an answer as long as is allowed, unless the last one failed just now.
    async fn guard<T>(&self, call: impl Future<Output = RedisResult<T>>) -> Result<T, Down> {
        if self.breaker.is_open() {
            return Err(Down);
        }
        let failure = match timeout(self.timeout, call).await {
            Ok(Ok(answer)) => {
                self.link.answered();
                if self.breaker.close() {
                    tracing::info!(store = %self.address, "the store answers again");
                }
                return Ok(answer);
            }
            Ok(Err(error)) => {
                self.link.failed(&error);
                reason(&error)
            }
            Err(_) => {
                self.link.timed_out();
                format!("no answer within {:?}", self.timeout)
            }
        };
        self.metrics.errors.inc();
        if self.breaker.trip() {
            tracing::warn!(store = %self.address, reason = failure, "the store is down, credentials are checked without it");
        }
        Err(Down)
    }

    fn revoked(&self) -> std::sync::MutexGuard<'_, BTreeSet<Box<[u8]>>> {
        self.revoked.lock().expect("nothing panics under this lock")
    }

    fn untold(&self) -> std::sync::MutexGuard<'_, BTreeSet<Box<[u8]>>> {
        self.untold.lock().expect("nothing panics under this lock")
    }

    fn note_revoked(&self, id: &[u8]) {
        self.revoked().insert(id.into());
    }
}

/// What went wrong, without the address: the library's own words may hold the password.
fn reason(error: &RedisError) -> String {
    if error.is_timeout() {
        "no answer in time".to_owned()
    } else if error.is_connection_refusal() {
        "connection refused".to_owned()
    } else if error.is_io_error() {
        "the connection failed".to_owned()
    } else {
        error.code().map_or_else(
            || format!("{:?}", error.kind()),
            |code| format!("it answered {code}"),
        )
    }
}

fn millis(life: Duration) -> u64 {
    u64::try_from(life.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// Keys of one run.
struct Names {
    prefix: String,
}

impl Names {
    fn key(&self, kind: &str, id: &[u8]) -> Vec<u8> {
        [self.prefix.as_bytes(), kind.as_bytes(), b":", id].concat()
    }

    fn digest(&self, id: &[u8]) -> Vec<u8> {
        self.key("digest", id)
    }

    fn user(&self, id: &[u8]) -> Vec<u8> {
        self.key("user", id)
    }

    fn mask(&self, id: &[u8]) -> Vec<u8> {
        self.key("mask", id)
    }

    fn revoked(&self) -> String {
        format!("{}revoked", self.prefix)
    }

    fn channel(&self) -> String {
        format!("{}revocations", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_of_one_run() {
        let names = Names {
            prefix: "run:".into(),
        };
        assert_eq!(names.digest(b"a:b"), b"run:digest:a:b");
        assert_eq!(names.revoked(), "run:revoked");
    }
}
