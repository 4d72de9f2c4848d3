//! Both arms, launched: each with its services, in an order that alternates, and up at the same time.

use std::path::PathBuf;
use std::sync::Arc;

use super::super::launch::{Death, Launched, Start};
use super::super::{Observer, RunDir, Stop};
use crate::result::{Arms, Down, Failure};
use crate::scenario::Variant;
use crate::traffic::fleet::{Hashes, Roster};

/// One arm: what it is, and whom its devices are.
pub(super) struct Arm<'a> {
    pub(super) variant: &'a Variant,
    pub(super) rosters: Arc<[Roster]>,
}

/// Both arms as one launch has them.
#[derive(Debug)]
pub(super) struct Both {
    /// From 1.
    pub(super) number: u32,
    pub(super) arms: Arms<Launching>,
}

/// What became of the launch of an arm.
#[derive(Debug)]
pub(super) struct Launching {
    /// `None` if it did not come up.
    pub(super) target: Option<Launched>,
    /// Why it is not up.
    pub(super) died: Option<Down>,
}

/// What is the same for all launches.
pub(super) struct Launcher<'a> {
    pub(super) arms: Arms<Arm<'a>>,
    pub(super) dir: &'a RunDir,
    pub(super) observer: &'a dyn Observer,
    pub(super) stop: &'a Stop,
}

impl<'a> Arm<'a> {
    pub(super) fn of(variant: &'a Variant) -> Self {
        let rosters: Vec<Roster> = variant.fleets.iter().map(Roster::new).collect();
        Self {
            variant,
            rosters: rosters.into(),
        }
    }
}

impl Launcher<'_> {
    /// Launches both, in an order that goes B H H B over four launches, so that it is not that of the turns; `None` if the user
    /// wishes to end: nothing is left running then.
    pub(super) async fn launch(
        &self,
        number: u32,
        directories: &Arms<PathBuf>,
        hashes: &mut Hashes,
    ) -> Result<Option<Both>, Failure> {
        let blank = || Launching {
            target: None,
            died: None,
        };
        let mut both = Both {
            number,
            arms: Arms {
                base: blank(),
                head: blank(),
            },
        };
        let head_first = number / 2 % 2 == 1;
        for is_second in [false, true] {
            let is_head = is_second != head_first;
            let (arm, directory) = match is_head {
                true => (&self.arms.head, &directories.head),
                false => (&self.arms.base, &directories.base),
            };
            let start = Start {
                variant: arm.variant,
                rosters: &arm.rosters,
                dir: self.dir,
                directory,
                observer: self.observer,
            };
            let launching = match is_head {
                true => &mut both.arms.head,
                false => &mut both.arms.base,
            };
            match Launched::start(&start, hashes, self.stop).await {
                Ok(Some(target)) => launching.target = Some(target),
                Err(Failure::Target(words)) => {
                    launching.died = Some(Down::Unready(told(words, is_second)));
                }
                Ok(None) => {
                    both.stop(self.stop).await;
                    return Ok(None);
                }
                Err(failure) => {
                    both.stop(self.stop).await;
                    return Err(failure);
                }
            }
        }
        Ok(Some(both))
    }
}

/// Words for an arm that did not come up, with what two arms that are up at once have to do with that.
fn told(words: String, is_second: bool) -> String {
    let lower = words.to_lowercase();
    let is_taken = ["address already in use", "address in use", "eaddrinuse"]
        .iter()
        .any(|of| lower.contains(of));
    match is_taken && is_second {
        true => {
            words
                + "; both arms are up at the same time: let the command listen at `{port}`, and at no other fixed port"
        }
        false => words,
    }
}

impl Both {
    /// Both targets, if both are up.
    pub(super) fn targets(&self) -> Option<Arms<&Launched>> {
        let up = |launching: &'_ Launching| launching.died.is_none();
        if !(up(&self.arms.base) && up(&self.arms.head)) {
            return None;
        }
        Some(Arms {
            base: self.arms.base.target.as_ref()?,
            head: self.arms.head.target.as_ref()?,
        })
    }

    /// Returns when one of the arms has ended by itself, or something beside it; that is noted. Cancelling it loses nothing.
    pub(super) async fn ended(&mut self) {
        let Arms { base, head } = &mut self.arms;
        tokio::select! {
            words = base.ended() => base.died = Some(Down::Ended(words)),
            words = head.ended() => head.died = Some(Down::Ended(words)),
        }
    }

    /// Stops both and what runs beside them.
    pub(super) async fn stop(&mut self, stop: &Stop) {
        let Arms { base, head } = &mut self.arms;
        tokio::join!(base.stop(stop), head.stop(stop));
    }
}

impl Launching {
    async fn ended(&mut self) -> String {
        match (&mut self.target, &self.died) {
            (Some(target), None) => match target.ended().await {
                Death::Target(words) | Death::Service(words) => words,
            },
            _ => std::future::pending().await,
        }
    }

    async fn stop(&mut self, stop: &Stop) {
        if let Some(mut target) = self.target.take() {
            target.stop(stop).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_the_other_arm_has_is_named_as_that() {
        let says = "both arms are up at the same time";
        for words in [
            "OSError: [Errno 98] Address already in use",
            "listen EADDRINUSE: :::9090",
            "bind: address already in use",
        ] {
            assert!(told(words.to_owned(), true).contains(says), "{words}");
            assert_eq!(told(words.to_owned(), false), words);
        }
        assert_eq!(told("no table".to_owned(), true), "no table");
    }
}
