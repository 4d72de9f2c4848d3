//! What a run cannot do that is split over several processes: each of them follows the same plan and knows no other.

use std::ops::Range;

use toml::Spanned;

use super::resolver::Resolver;
use crate::scenario::read::error::Error;
use crate::scenario::read::file;

impl Resolver<'_> {
    /// Refuses what so many shards cannot do.
    pub(super) fn check_split(&self, shards: u32, file: &file::File) -> Result<(), Error> {
        self.check_target(file)?;
        if let Some(order) = file.order.as_ref().filter(|of| of.get_ref() == "turns") {
            return Err(self.error(
                order.span(),
                "order",
                "shards cannot let variants take turns, whose length is found by each process for itself; use \"one-by-one\", or leave `order` out",
            ));
        }
        for threshold in &file.threshold {
            let abort = threshold.abort_on_fail.as_ref();
            let abort = abort.filter(|of| !matches!(of.get_ref(), file::AbortOnFail::Is(false)));
            if let Some(abort) = abort {
                return Err(self.error(
                    abort.span(),
                    "threshold.abort_on_fail",
                    "no shard sees the figures of the whole run while it goes on; leave `abort_on_fail` out",
                ));
            }
        }
        if let Some(load) = &file.load {
            self.check_part(shards, load, "load")?;
        }
        let mut phases = file.phase.iter();
        phases.try_for_each(|phase| {
            let key = format!("phase.{}.load", phase.name.get_ref());
            self.check_part(shards, &phase.load, &key)
        })
    }

    fn check_target(&self, file: &file::File) -> Result<(), Error> {
        let target = file.target.get_ref();
        let started = [
            (target.gateway.as_ref().map(Spanned::span), "target.gateway"),
            (target.command.as_ref().map(Spanned::span), "target.command"),
        ];
        let started = started
            .into_iter()
            .find_map(|(span, key)| Some((span?, key)));
        let service = file.service.first();
        let service = service.map(|of| (of.command.span(), "service.command"));
        if let Some((span, key)) = started.or(service) {
            return Err(self.error(
                span,
                key,
                "each shard would start one of its own; start it before, and give the target as `url`",
            ));
        }
        match &target.pid {
            None => Ok(()),
            Some(pid) => Err(self.error(
                pid.span(),
                "target.pid",
                "a process is known on one machine alone, and shards run on several; use `metrics` for the CPU of the target",
            )),
        }
    }

    fn check_part(&self, shards: u32, given: &Spanned<file::Load>, key: &str) -> Result<(), Error> {
        let load = given.get_ref();
        let refused = |span: Range<usize>, name: &str, message: String| {
            Err(self.error(span, &format!("{key}.{name}"), message))
        };
        if let Some(requests) = &load.requests
            && load.duration.is_none()
            && load.stages.is_none()
        {
            let words = "when the next stretch of load begins must be known before, so shards need a bound in time; give `duration` beside `requests`";
            return refused(requests.span(), "requests", words.to_owned());
        }
        let Some(workers) = &load.workers else {
            let words = "shards need the same number of workers on every machine; give `workers`, or --shard-workers";
            return Err(self.error(given.span(), key, words));
        };
        let all = u64::from(shards) * u64::from(*workers.get_ref());
        if u64::from(*load.connections.get_ref()) < all {
            let words = format!(
                "each worker of the {shards} shards needs a connection; use {all} or more, which are of all shards together"
            );
            return refused(load.connections.span(), "connections", words);
        }
        Ok(())
    }
}
