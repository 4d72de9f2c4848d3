//! One process of a target: where it listens, what measures it, its start and its end. Several of them are one target.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::notes;
use super::probe::Watching;
use super::reach::{local, port_of};
use super::started::{Started, ToStart};
use crate::process::ready::Probe;
use crate::process::{ProcessTree, listens};
use crate::result::{Failure, Note};
use crate::scenario::BaseUrl;
use crate::tenant;
use crate::transport::stream::{Endpoint, Place};
use crate::transport::tls::Tls;

/// A process that is loaded.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) endpoint: Endpoint,
    /// As sent in the Host header.
    pub(super) authority: String,
    /// The port that it listens at, or else the URL's.
    pub(super) port: u16,
    /// Its processes, if they are local and known.
    pub(super) tree: Option<ProcessTree>,
    /// Why they are not.
    pub(super) no_tree: Option<String>,
    /// Prometheus endpoint.
    pub(super) metrics_url: Option<String>,
    /// pprof endpoint that is used unless the plan names one.
    pub(super) pprof_url: Option<String>,
    started: Option<Started>,
    /// Nobody waited for its end.
    is_killed: bool,
}

impl Instance {
    /// Starts telemload's own target at `port`, by these words before its own.
    pub(super) async fn bundled(
        start: &tenant::Start,
        before: &[String],
        port: u16,
        log: (File, PathBuf),
    ) -> Result<Self, Failure> {
        let listen = SocketAddr::from(([127, 0, 0, 1], port));
        let process = start.at(listen).map_err(Failure::Internal)?;
        let own = std::env::current_exe().map_err(|error| {
            Failure::Internal(format!("cannot find telemload's own binary: {error}"))
        })?;
        let args = process.args.map(str::to_owned);
        let own = [own.to_string_lossy().into_owned()];
        let argv = before.iter().cloned().chain(own).chain(args);
        let start_it = ToStart {
            payload: process.payload,
            grace: process.grace,
            ..ToStart::new(tenant::NAME.to_owned(), argv.collect(), log)
        };
        let mut instance = Self::started(Started::spawn(start_it).await?, local(port, None)?);
        instance.metrics_url = Some(process.metrics_url);
        instance.pprof_url = Some(process.pprof_url);
        Ok(instance)
    }

    /// Starts a command that is to listen at `port`.
    pub(super) async fn command(
        argv: Vec<String>,
        port: u16,
        tls: Option<&Tls>,
        log: (File, PathBuf),
    ) -> Result<Self, Failure> {
        let endpoint = local(port, tls)?;
        let start = ToStart::new("target".to_owned(), argv, log);
        Ok(Self::started(Started::spawn(start).await?, endpoint))
    }

    fn started(started: Started, endpoint: Endpoint) -> Self {
        Self {
            port: port_of(&endpoint.place).unwrap_or_default(),
            authority: endpoint.place.to_string(),
            endpoint,
            no_tree: started.tree.as_ref().err().cloned(),
            tree: started.tree.clone().ok(),
            metrics_url: None,
            pprof_url: None,
            started: Some(started),
            is_killed: false,
        }
    }

    /// Something that runs already and was found.
    pub(super) fn found(
        base: &BaseUrl,
        endpoint: Endpoint,
        pid: Option<u32>,
    ) -> Result<Self, Failure> {
        let tree = match pid {
            Some(pid) => Some(
                ProcessTree::of(pid)
                    .map_err(|error| Failure::Target(format!("--pid {pid}: {error}")))?,
            ),
            None => None,
        };
        Ok(Self {
            port: port_of(&endpoint.place).unwrap_or(base.port),
            endpoint,
            authority: base.authority.clone(),
            no_tree: tree.is_none().then(|| {
                "name its process with --pid, or its Prometheus endpoint with `target.metrics`"
                    .to_owned()
            }),
            tree,
            metrics_url: None,
            pprof_url: None,
            started: None,
            is_killed: false,
        })
    }

    /// What a reader should know of how it is measured.
    pub(super) fn notes(&self) -> Vec<Note> {
        let Some(tree) = &self.tree else {
            return Vec::new();
        };
        let mut all = Vec::new();
        if tree.holds(std::process::id()) {
            all.push(notes::holds_generator());
        }
        if let Place::Tcp(address) = &self.endpoint.place
            && address.ip().is_loopback()
            && let Ok(pids) = tree.pids()
            && listens(address.port(), &pids) == Some(false)
        {
            all.push(notes::another_listens(address.port()));
        }
        all
    }

    /// Whether one of both is among the other's processes, or one place tells what both use.
    pub(super) fn shares_processes(&self, other: &Self) -> bool {
        match (&self.tree, &other.tree) {
            (Some(one), Some(other)) => one.holds(other.root()) || other.holds(one.root()),
            (None, None) => self.metrics_url.is_some() && self.metrics_url == other.metrics_url,
            _ => false,
        }
    }

    /// Waits until it answers.
    pub(super) async fn wait_ready(&mut self, path: &str, within: Duration) -> Result<(), Failure> {
        let probe = Probe {
            endpoint: self.endpoint.clone(),
            authority: self.authority.clone(),
            path: Some(path.to_owned()),
        };
        let started = self.started.as_mut();
        let started = started.expect("only a started target is waited for");
        started.wait_ready(&probe, within).await
    }

    /// Returns when its process has ended by itself, with words for it.
    pub(super) async fn ended(&mut self) -> String {
        match &mut self.started {
            Some(started) => {
                let words = started.ended().await;
                format!("the target ended in the middle of the load: {words}")
            }
            None => std::future::pending().await,
        }
    }

    /// Words for its log, if the middle of that is left out.
    pub(super) fn cut_log(&self) -> Option<String> {
        self.started.as_ref()?.cut_log()
    }

    /// Its processes, or why they are not known.
    pub(super) fn watching(&self) -> Watching {
        let why = || self.no_tree.clone().unwrap_or_default();
        Watching::new(self.tree.clone().ok_or_else(why))
    }

    /// Stops it if it was started here; the words for an end that is no success.
    pub(super) async fn stop(&mut self) -> Option<String> {
        let started = self.started.as_mut()?;
        let begun = Instant::now();
        let exit = started.stop().await;
        if self.is_killed && !exit.success() {
            let lost = "it was killed by a second signal: what it had not stored is lost";
            return Some(lost.to_owned());
        }
        (!exit.success()).then(|| started.complaint(exit, begun.elapsed()))
    }

    /// Gives it no more time to stop.
    pub(super) fn kill(&mut self) {
        if let Some(started) = &mut self.started {
            self.is_killed = true;
            started.kill();
        }
    }
}
