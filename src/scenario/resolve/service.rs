//! What runs beside the target: service tables → [`Service`]s, in their order.

use std::time::Duration;

use super::resolver::Resolver;
use crate::scenario::plan::Service;
use crate::scenario::plan::command::Command;
use crate::scenario::plan::ports::{Braces, Known};
use crate::scenario::read::error::Error;
use crate::scenario::read::file;
use crate::scenario::read::names::check_name;
use crate::scenario::read::values::length;

/// How long a service may take if it does not say.
const READY_WITHIN: Duration = Duration::from_secs(10);

impl Resolver<'_> {
    pub(super) fn services(&self, given: &[file::Service]) -> Result<Vec<Service>, Error> {
        let names: Vec<String> = given.iter().map(|of| of.name.get_ref().clone()).collect();
        let mut services = Vec::new();
        for (at, service) in given.iter().enumerate() {
            let name = service.name.get_ref();
            let span = service.name.span();
            check_name(self.source, Some(span.clone()), "service.name", name)?;
            if names[..at].contains(name) {
                return Err(self.error(
                    span,
                    "service.name",
                    format!("two services are named `{name}`; give each its own name"),
                ));
            }
            services.push(self.service(service, &names[..at], &names[at + 1..])?);
        }
        Ok(services)
    }

    fn service(
        &self,
        service: &file::Service,
        started: &[String],
        later: &[String],
    ) -> Result<Service, Error> {
        let name = service.name.get_ref().clone();
        let key = |of: &str| format!("service.{name}.{of}");
        let line = &service.command;
        let known = Known {
            started,
            later,
            own: Some(&name),
            braces: Braces::Text,
        };
        let command = Command::parse(line.get_ref(), known)
            .map_err(|error| self.error(line.span(), &key("command"), error.to_string()))?;
        if !command.has_port() {
            return Err(self.error(
                line.span(),
                &key("command"),
                "the command has no `{port}`; write it where the port goes on which the service is to listen",
            ));
        }
        if let Some(ready) = &service.ready {
            self.check_ready(ready.get_ref(), Some(ready), &key("ready"))?;
        }
        Ok(Service {
            command,
            ready: service.ready.as_ref().map(|ready| ready.get_ref().clone()),
            ready_within: length(service.ready_within.as_ref(), READY_WITHIN),
            name,
        })
    }
}
