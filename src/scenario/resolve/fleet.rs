//! `[fleet.x]`.

use toml::Spanned;

use super::resolver::Resolver;
use crate::scenario::read::error::Error;
use crate::scenario::read::file::{self, Text};
use crate::scenario::read::names::check_name;
use crate::traffic::fleet::{Credentials, Fleet, Order};

impl Resolver<'_> {
    /// One fleet, with the scenario's `seed` unless it has its own.
    pub(super) fn fleet(
        &self,
        name: &Text,
        fleet: &file::Fleet,
        seed: u64,
    ) -> Result<Fleet, Error> {
        let key = format!("fleet.{}", name.get_ref());
        check_name(self.source, Some(name.span()), &key, name.get_ref())?;
        let devices = *fleet.devices.get_ref();
        if !(1..=1_000_000).contains(&devices) {
            return Err(self.error(
                fleet.devices.span(),
                &format!("{key}.devices"),
                "a fleet has 1 to 1000000 devices",
            ));
        }
        let secrets = fleet
            .secrets
            .as_ref()
            .map_or(devices, |secrets| *secrets.get_ref());
        if secrets == 0 || secrets > devices {
            let span = fleet.secrets.as_ref().map(Spanned::span);
            return Err(self.source.error(
                span,
                &format!("{key}.secrets"),
                format!("use 1 to {devices} distinct secrets, no more than there are devices"),
            ));
        }
        let order = match fleet.order {
            file::Order::RoundRobin => Order::RoundRobin,
            file::Order::Uniform => Order::Uniform,
            file::Order::Zipf(exponent) => Order::Zipf(exponent),
        };
        let credentials = if fleet.valid.unwrap_or(true) {
            Credentials::Valid
        } else {
            Credentials::Invalid
        };
        Ok(Fleet {
            name: name.get_ref().clone(),
            devices,
            secrets,
            order,
            seed: fleet.seed.unwrap_or(seed),
            credentials,
        })
    }
}
