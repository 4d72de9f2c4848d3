//! What runs beside the target in one launch: started before it in the order of the scenario, stopped after it in the other one.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::reach::pick_port;
use super::started::{Started, ToStart, first};
use crate::process::ProcessTree;
use crate::process::ready::Probe;
use crate::result::Failure;
use crate::scenario::Service;
use crate::scenario::plan::ports::Ports;
use crate::transport::stream::{Endpoint, Place};

/// The services of a launch.
#[derive(Debug, Default)]
pub(super) struct Services {
    running: Vec<Running>,
    ports: Vec<u16>,
}

#[derive(Debug)]
struct Running {
    name: String,
    started: Started,
    /// It ended by itself.
    is_down: bool,
}

impl Services {
    /// Starts each when the one before it is ready. `log` makes their logs. Whatever becomes of it, they are to be stopped.
    pub(super) async fn start(
        &mut self,
        planned: &[Service],
        log: impl Fn(&str) -> Result<(File, PathBuf), Failure>,
    ) -> Result<(), Failure> {
        for service in planned {
            let log = log(&format!("service-{}.log", service.name))?;
            self.add(service, log).await?;
        }
        Ok(())
    }

    async fn add(&mut self, service: &Service, log: (File, PathBuf)) -> Result<(), Failure> {
        let own = pick_port(None)?;
        let ports = Ports {
            own,
            services: &self.ports,
        };
        let argv = service.command.argv(ports);
        let name = format!("service {}", service.name);
        let started = Started::spawn(ToStart::new(name, argv, log)).await?;
        let address = SocketAddr::from(([127, 0, 0, 1], own));
        let probe = Probe {
            endpoint: Endpoint {
                place: Place::Tcp(address),
                tls: None,
            },
            authority: address.to_string(),
            path: service.ready.clone(),
        };
        self.ports.push(own);
        // From here on it is stopped with the others, whatever ends the wait for it.
        let running = self.running.push_mut(Running {
            name: service.name.clone(),
            started,
            is_down: false,
        });
        running
            .started
            .wait_ready(&probe, service.ready_within)
            .await
    }

    /// Their ports, in the order of the plan.
    pub(super) fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// Their processes, or why these are not known, in the order of the plan.
    pub(super) fn trees(&self) -> Vec<Result<ProcessTree, String>> {
        let trees = self.running.iter().map(|service| &service.started.tree);
        trees.cloned().collect()
    }

    /// Words for those that have ended and of which [`Services::ended`] has told.
    pub(super) fn down(&self) -> Vec<String> {
        let down = self.running.iter().filter(|service| service.is_down);
        down.map(|service| format!("`{}` had ended before this phase", service.name))
            .collect()
    }

    /// Returns when one has ended by itself, with words for it; each is told once.
    pub(super) async fn ended(&mut self) -> String {
        let alive = self.running.iter_mut().filter(|service| !service.is_down);
        first(
            alive
                .map(|service| Box::pin(service.ended()) as _)
                .collect(),
        )
        .await
    }

    /// Words for each log of which the middle is left out.
    pub(super) fn cut_logs(&self) -> impl Iterator<Item = String> {
        let running = self.running.iter();
        running.filter_map(|service| service.started.cut_log())
    }

    pub(super) async fn stop(&mut self) {
        for service in self.running.iter_mut().rev() {
            service.started.stop().await;
        }
    }

    /// Gives them no more time to stop.
    pub(super) fn kill(&mut self) {
        self.running
            .iter_mut()
            .for_each(|service| service.started.kill());
    }
}

impl Running {
    async fn ended(&mut self) -> String {
        let words = self.started.ended().await;
        self.is_down = true;
        format!("`{}` ended in the middle of it: {words}", self.name)
    }
}
