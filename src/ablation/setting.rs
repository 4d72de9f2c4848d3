//! Settings of a load or of a target that two variants may differ in.

use crate::scenario::{Load, Variant};

/// What is exchanged as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// Whether a connection carries more than one request.
    KeepAlive,
    /// The weights of requests.
    Mix,
    /// How many devices there are, who sends, and how many secrets they have.
    Devices,
    /// What is loaded, what runs beside it, and whether it speaks TLS.
    Target,
}

impl Setting {
    pub(super) const ALL: [Self; 4] = [Self::KeepAlive, Self::Mix, Self::Devices, Self::Target];

    /// What it is called, and what `--factor` takes.
    pub(super) fn name(self, production: &Variant, local: &Variant) -> &'static str {
        let tls = |variant: &Variant| variant.target.tls().is_some();
        match self {
            Self::KeepAlive => "keep-alive",
            Self::Mix => "mix",
            Self::Devices => "devices",
            Self::Target if tls(production) != tls(local) => "tls",
            Self::Target => "target",
        }
    }

    pub(super) fn differs(self, production: &Variant, local: &Variant) -> bool {
        let (of, other) = (load(production), load(local));
        match self {
            Self::KeepAlive => of.keep_alive != other.keep_alive,
            Self::Mix => weights(production) != weights(local),
            // Without a common order there is nobody to exchange.
            Self::Devices => {
                let names = |variant: &Variant| -> Vec<String> {
                    variant.fleets.iter().map(|of| of.name.clone()).collect()
                };
                names(production) == names(local) && production.fleets != local.fleets
            }
            Self::Target => target(production) != target(local),
        }
    }

    /// Gives a variant what the other one has.
    pub(super) fn take(self, variant: &mut Variant, from: &Variant) {
        match self {
            Self::KeepAlive => {
                let keep_alive = load(from).keep_alive;
                for phase in &mut variant.phases {
                    phase.load.keep_alive = keep_alive;
                }
            }
            Self::Mix => {
                let weights = load(from).weights.clone();
                for phase in &mut variant.phases {
                    phase.load.weights.clone_from(&weights);
                }
                for request in &mut variant.requests {
                    let other = from.requests.iter().find(|of| of.name == request.name);
                    request.weight = other.map_or(request.weight, |of| of.weight);
                }
            }
            Self::Devices => variant.fleets.clone_from(&from.fleets),
            Self::Target => {
                variant.target = from.target.clone();
                variant.services.clone_from(&from.services);
                variant.profile.clone_from(&from.profile);
                if variant.hosts.len() == from.hosts.len() {
                    variant.hosts.clone_from(&from.hosts);
                }
            }
        }
    }
}

/// What loads differ in that trials do not exchange, in words.
pub(super) fn is_close(production: &Variant, local: &Variant) -> Vec<String> {
    let (of, other) = (load(production), load(local));
    let mut found = Vec::new();
    if of.model != other.model {
        found.push("the rate of the load differs; trials load as fast as answers come".to_owned());
    }
    if of.connections != other.connections {
        found.push(format!(
            "the number of connections differs; trials use {}",
            of.connections
        ));
    }
    found
}

/// The load that trials are made of.
pub(super) fn load(variant: &Variant) -> &Load {
    &variant.phases[0].load
}

fn weights(variant: &Variant) -> Vec<(&str, u32)> {
    let requests = variant.requests.iter().enumerate();
    requests
        .map(|(at, of)| (of.name.as_str(), variant.weight_of(at, load(variant))))
        .collect()
}

/// A target with what is beside it, as text: what is hidden in it is no difference.
fn target(variant: &Variant) -> String {
    format!(
        "{} {:?} {:?}",
        variant.target.describe(),
        variant.target,
        variant.services
    )
}
