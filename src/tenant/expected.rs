//! How often the bundled gateway has to run bcrypt, from its configuration and the load alone. Pure.

use gateway_config::{Auth, Expiry, StoreKind};

use crate::scenario::{Arrivals, Load, LoadModel, Pace, Phase, Target, Variant};
use crate::traffic::fleet::{Credentials, Fleet, Order};

/// bcrypts a second that devices, TTL and instances imply.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// If no instance computes what another one of its shared store has.
    pub least: f64,
    /// If each computes for itself, which is what requests lead to that come within the time of one bcrypt.
    pub most: f64,
}

/// Seconds that the gateway remembers a credential, if valid devices send theirs and it does so.
pub fn remembers_for(variant: &Variant) -> Option<f64> {
    let config = gateway(variant)?;
    let sends = |phase: &Phase| sending(variant, &phase.load).next().is_some();
    (remembers(config.auth) && variant.phases.iter().any(sends))
        .then_some(config.cache_ttl.as_secs_f64())
}

/// bcrypts per second of this load that no herd and no attacker adds to; `None` where nothing is remembered, or where the
/// rate of requests must be known and is not. Instances with a memory store have a cache each, whose devices report to it at
/// random, once in so many reports. In a shared store an expired entry may be computed by one instance or by each, singleflight or
/// not: they do not wait for each other.
pub fn expected(variant: &Variant, load: &Load) -> Option<Expected> {
    let config = gateway(variant)?;
    let instances = f64::from(variant.target.instances());
    if config.store != StoreKind::Memory || config.auth == Auth::Token {
        let least = of_one_cache(variant, load, 1.0)?;
        let most = match config.auth {
            Auth::Token => least,
            _ => least * instances,
        };
        return Some(Expected { least, most });
    }
    let all = instances * of_one_cache(variant, load, instances)?;
    Some(Expected {
        least: all,
        most: all,
    })
}

/// bcrypts per second for a cache that one in `caches` requests meets.
fn of_one_cache(variant: &Variant, load: &Load, caches: f64) -> Option<f64> {
    let config = gateway(variant)?;
    let shakes_hands = variant
        .requests
        .iter()
        .any(|request| !request.extract.is_empty());
    let life = match config.auth {
        // The second in which a token expires is a whole one.
        Auth::Token if shakes_hands => Life {
            ttl: config.token_ttl.as_secs_f64(),
            is_sliding: false,
            is_even: false,
        },
        auth if remembers(auth) => Life {
            ttl: config.cache_ttl.as_secs_f64(),
            is_sliding: config.cache_expiry == Expiry::Sliding,
            is_even: config.cache_jitter_percent == 0,
        },
        _ => return None,
    };
    let weights: u64 = (0..variant.requests.len())
        .map(|at| u64::from(variant.weight_of(at, load)))
        .sum();
    let mut fleets = sending(variant, load).peekable();
    fleets.peek()?;
    fleets
        .map(|(fleet, weight)| {
            let share = weight as f64 / weights as f64;
            let reports = Reports {
                rate: rate(load).map(|rate| rate * share / caches),
                is_regular: share == 1.0 && caches == 1.0 && is_regular(load),
            };
            reports.bcrypts(fleet, life)
        })
        .sum()
}

fn gateway(variant: &Variant) -> Option<&gateway_config::Config> {
    match &variant.target {
        Target::Bundled { config, .. } => Some(config),
        Target::Command { .. } | Target::Url { .. } => None,
    }
}

/// Whether a way of checking credentials keeps what it has accepted.
fn remembers(auth: Auth) -> bool {
    match auth {
        Auth::Naive | Auth::Token => false,
        Auth::Cached | Auth::Singleflight | Auth::Shielded => true,
    }
}

/// Fleets that show credentials or tokens of devices, with the weight of the requests that do: valid ones whose requests have a
/// device's header.
fn sending<'a>(variant: &'a Variant, load: &'a Load) -> impl Iterator<Item = (&'a Fleet, u64)> {
    let weight = |at: usize| -> u64 {
        let requests = variant.requests.iter().enumerate();
        requests
            .filter(|(_, request)| {
                let mut names = request.headers.iter().map(|(name, _)| name);
                request.fleet == Some(at)
                    && request.elsewhere.is_none()
                    && names.any(|name| name.eq_ignore_ascii_case("x-device-id"))
            })
            .map(|(at, _)| u64::from(variant.weight_of(at, load)))
            .sum()
    };
    let fleets = variant.fleets.iter().enumerate();
    fleets
        .filter(|(_, fleet)| fleet.credentials == Credentials::Valid)
        .map(move |(at, fleet)| (fleet, weight(at)))
        .filter(|(_, weight)| *weight > 0)
}

/// Requests per second of a load, where its plan says so.
fn rate(load: &Load) -> Option<f64> {
    match &load.model {
        LoadModel::Open {
            pace: Pace::Constant(rate),
            ..
        } => Some(rate.per_second()),
        _ => None,
    }
}

/// Whether the devices of a round robin report at even intervals.
fn is_regular(load: &Load) -> bool {
    matches!(
        load.model,
        LoadModel::Open {
            arrivals: Arrivals::Constant,
            ..
        }
    )
}

/// How long a credential is remembered.
#[derive(Debug, Clone, Copy)]
struct Life {
    /// s.
    ttl: f64,
    /// Whether it counts from the last use.
    is_sliding: bool,
    /// Whether all lives are of the same length.
    is_even: bool,
}

/// How a fleet reports.
#[derive(Debug, Clone, Copy)]
struct Reports {
    /// Requests per second of the fleet; unknown in a closed loop.
    rate: Option<f64>,
    /// Whether a device of a round robin reports at even intervals.
    is_regular: bool,
}

impl Reports {
    /// bcrypts per second of the fleet: each device's, summed up. Without a rate, devices / TTL, to which all others
    /// tend as devices report more often.
    fn bcrypts(self, fleet: &Fleet, life: Life) -> Option<f64> {
        let devices = f64::from(fleet.devices);
        let Some(rate) = self.rate else {
            return (!life.is_sliding).then_some(devices / life.ttl);
        };
        Some(match fleet.order {
            Order::RoundRobin if self.is_regular => devices * regular(devices / rate, life),
            Order::RoundRobin | Order::Uniform => devices * independent(rate / devices, life),
            Order::Zipf(exponent) => {
                let share = |rank: u32| f64::from(rank).powf(-exponent);
                let whole: f64 = (1..=fleet.devices).map(share).sum();
                (1..=fleet.devices)
                    .map(|rank| independent(rate * share(rank) / whole, life))
                    .sum()
            }
        })
    }
}

/// bcrypts per second of a device that reports every `interval` s. The first report after the life's end costs one: a life
/// ends after ⌊TTL / interval⌋ more reports, and if lives differ, half an interval before the next one on average.
fn regular(interval: f64, life: Life) -> f64 {
    match (life.is_sliding, life.is_even) {
        (true, _) if interval <= life.ttl => 0.0,
        (true, _) => 1.0 / interval,
        (false, true) => 1.0 / (((life.ttl / interval).floor() + 1.0) * interval),
        (false, false) if interval > life.ttl => 1.0 / interval,
        (false, false) => 1.0 / (life.ttl + interval / 2.0),
    }
}

/// bcrypts per second of a device whose reports, `rate` per second, are independent of each other: after the end of a
/// life the next one comes after 1 / rate on average, and a gap is longer than a sliding life with probability e^(−rate · TTL).
fn independent(rate: f64, life: Life) -> f64 {
    if life.is_sliding {
        rate * (-rate * life.ttl).exp()
    } else {
        1.0 / (life.ttl + 1.0 / rate)
    }
}

#[cfg(test)]
#[cfg(feature = "gateway")]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario::{Overrides, parse};

    fn of_text(gateway: &str, fleet: &str, load: &str) -> Option<f64> {
        let text = format!(
            "name = \"t\"\ntarget.gateway = {{ cpus = 1, cache_ttl = \"5s\", {gateway} }}\n[fleet.cars]\n{fleet}\n[load]\nconnections = 1\nduration = \"1s\"\n{load}\n[[request]]\nname = \"r\"\nfleet = \"cars\"\npath = \"/\"\nheaders = {{ X-Device-Id = \"a\" }}\n[[request]]\nname = \"other\"\nweight = 0\npath = \"/\"\n[[variant]]\nname = \"a\"\n[[variant]]\nname = \"b\"\nrequest.other.weight = 1\n"
        );
        let plan = parse("t.toml", &text, Path::new("."), &Overrides::default()).unwrap();
        let variant = &plan.variants[0];
        of_one_cache(variant, &variant.phases[0].load, 1.0)
    }

    #[test]
    fn a_token_costs_a_bcrypt_at_its_end() {
        let text = "name = \"t\"\ntarget.gateway = { cpus = 1, auth = \"token\", token_ttl = \"10s\" }\nfleet.cars.devices = 22\nload = { model = \"open\", rate = \"11/s\", connections = 1, duration = \"1s\" }\n[[request]]\nname = \"session\"\nfleet = \"cars\"\nweight = 0\npath = \"/\"\nextract = { token = \"json:/token\" }\n[[request]]\nname = \"r\"\nfleet = \"cars\"\npath = \"/\"\nheaders = { X-Device-Id = \"{{device.id}}\", Authorization = \"Bearer {{token}}\" }\n";
        let plan = parse("t.toml", text, Path::new("."), &Overrides::default()).unwrap();
        let variant = &plan.variants[0];
        let rate = of_one_cache(variant, &variant.phases[0].load, 1.0);
        // 22 devices, each every 2 s: a token a second more than its life.
        assert_eq!(rate, Some(2.0));
    }

    #[test]
    fn instances_remember_each_for_themselves_or_together() {
        for (store, least, most) in [
            // Each device reports to each of two caches every 2 s on average.
            ("memory", 200.0 / 7.0, 200.0 / 7.0),
            ("redis://127.0.0.1:1", 100.0 / 6.0, 200.0 / 6.0),
        ] {
            let text = format!(
                "name = \"t\"\ntarget.instances = 2\ntarget.gateway = {{ cpus = 1, cache_ttl = \"5s\", store = \"{store}\" }}\nfleet.cars.devices = 100\nload = {{ model = \"open\", rate = \"100/s\", connections = 2, duration = \"1s\" }}\n[[request]]\nname = \"r\"\nfleet = \"cars\"\npath = \"/\"\nheaders = {{ X-Device-Id = \"a\" }}\n"
            );
            let plan = parse("t.toml", &text, Path::new("."), &Overrides::default()).unwrap();
            let variant = &plan.variants[0];
            let found = super::expected(variant, &variant.phases[0].load).unwrap();
            assert!((found.least - least).abs() < 1e-9, "{store}: {found:?}");
            assert!((found.most - most).abs() < 1e-9, "{store}: {found:?}");
        }
    }

    #[test]
    fn the_rate_follows_from_devices_their_interval_and_the_life_of_a_credential() {
        let open = |rate: &str| format!("model = \"open\"\nrate = \"{rate}/s\"");
        let poisson = |rate: &str| format!("{}\narrivals = \"poisson\"", open(rate));
        let half = |rate: &str| format!("{}\nweights.other = 1", open(rate));
        let closed = "model = \"closed\"".to_owned();
        let (fixed, sliding) = ("auth = \"cached\"", "cache_expiry = \"sliding\"");
        let jittered = "cache_jitter_percent = 20";
        let (hundred, uniform) = ("devices = 100", "devices = 100\norder = \"uniform\"");
        let zipf = "devices = 2\norder = { zipf = 1.0 }";
        for (gateway, fleet, load, want) in [
            ("auth = \"naive\"", hundred, open("100"), None),
            ("auth = \"token\"", hundred, open("100"), None),
            (fixed, "devices = 100\nvalid = false", open("100"), None),
            (fixed, hundred, closed.clone(), Some(20.0)),
            (sliding, hundred, closed, None),
            // Every second: the sixth report finds it expired.
            (fixed, hundred, open("100"), Some(100.0 / 6.0)),
            // Every 2 s: the third.
            (fixed, hundred, open("50"), Some(100.0 / 6.0)),
            // Every 10 s: each of them, and a longer life for those that are in use is no help.
            (fixed, hundred, open("10"), Some(10.0)),
            (sliding, hundred, open("10"), Some(10.0)),
            (jittered, hundred, open("10"), Some(10.0)),
            (sliding, hundred, open("100"), Some(0.0)),
            (jittered, hundred, open("100"), Some(100.0 / 5.5)),
            (fixed, hundred, poisson("100"), Some(100.0 / 6.0)),
            (fixed, hundred, half("200"), Some(100.0 / 6.0)),
            (fixed, uniform, open("50"), Some(100.0 / 7.0)),
            (sliding, uniform, open("20"), Some(20.0 * (-1.0_f64).exp())),
            // Two thirds and a third of 3/s.
            (fixed, zipf, open("3"), Some(1.0 / 5.5 + 1.0 / 6.0)),
        ] {
            let found = of_text(gateway, fleet, &load);
            let same = match (found, want) {
                (Some(found), Some(want)) => (found - want).abs() < 1e-9,
                (found, want) => found == want,
            };
            assert!(same, "{gateway}, {fleet}, {load}: {found:?}, not {want:?}");
        }
    }
}
