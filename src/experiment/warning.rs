//! What a reader should know about a phase, in words that name the remedy.

use std::fmt;
use std::time::Duration;

use super::Late;
use super::trust::STEAL_LIMIT;
use crate::tenant::NAME;

/// What a reader should know about a phase; each names the remedy.
#[derive(Debug, Clone, PartialEq)]
pub enum Warning {
    /// The CPU of the target was not measured.
    NoTargetCpu(String),
    /// Fewer samples than percentiles need.
    FewRequests {
        /// OK responses.
        ok: u64,
    },
    /// The window shows no expiry of the cache.
    WindowShorterThanTtl {
        /// Seconds.
        window: f64,
        /// Seconds.
        ttl: f64,
    },
    /// The profile was not taken.
    NoProfile(String),
    /// The flame graph was not drawn.
    NotDrawn(String),
    /// The profile ended before its time.
    ShortProfile {
        /// Seconds that it has.
        seconds: u32,
        /// Why.
        why: String,
    },
    /// The profile saw too little or too much of the CPU time.
    CaptureRatio {
        /// CPU time in the profile by that of the target.
        ratio: f64,
        /// Share of the machine's CPU time that its host took meanwhile, if that is known.
        steal: Option<f64>,
    },
    /// The profile has few samples.
    FewSamples(u64),
    /// What the target counts of itself could not be read.
    NoCounters(String),
    /// The same at the end of the window.
    CountersEnd {
        /// When they were read last, s after its start.
        after: f64,
        /// Why not at the end.
        why: String,
    },
    /// The target's certificate was not checked.
    AnyCertificate,
    /// Connections that are closed may hold more local ports than there are.
    FewPorts {
        /// Ports that are held at a time, at worst.
        held: f64,
        /// Ports that there are.
        ports: u32,
    },
    /// Chance does not explain how unevenly the instances shared the OK responses.
    UnevenInstances(Vec<(String, f64)>),
    /// Readings of the target, or rows of the series, were late or missing.
    Late(Late),
    /// A service ended by itself: the target had to go on without it.
    ServiceEnded(String),
    /// The target reported a failure when it was stopped, such as acknowledged payloads that are lost.
    BadStop(String),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTargetCpu(why) => write!(f, "the target's CPU is not known: {why}"),
            Self::FewRequests { ok } => write!(
                f,
                "only {ok} OK responses: p99 and above rest on a few of them; use a longer duration"
            ),
            Self::WindowShorterThanTtl { window, ttl } => {
                write!(
                    f,
                    "the window of {} is shorter than the cache's TTL of {} and shows no expiry; use a longer duration",
                    seconds(*window),
                    seconds(*ttl)
                )
            }
            Self::NoProfile(why) => write!(f, "no profile: {why}"),
            Self::NotDrawn(why) => write!(f, "flame.svg could not be drawn: {why}"),
            Self::ShortProfile { seconds, why } => {
                write!(f, "the profile has only the first {seconds} s: {why}")
            }
            Self::CaptureRatio { ratio, steal } => {
                let held = ratio * 100.0;
                write!(f, "the profile holds {held:.0} % of the target's CPU time: ")?;
                match steal {
                    _ if *ratio < 1.0 => {
                        f.write_str("shares are sound only if what is missing was lost at random")
                    }
                    Some(steal) if *steal > STEAL_LIMIT => write!(
                        f,
                        "the machine's host took {:.0} % of all CPU time meanwhile, which a sampler's clock counts and a process's CPU time may not; shares are sound if that hits all code alike, and a quieter machine makes sure",
                        steal * 100.0
                    ),
                    _ => f.write_str(
                        "its CPU time may lack processes that ended meanwhile; costs are then too small",
                    ),
                }
            }
            Self::FewSamples(samples) => write!(
                f,
                "the profile has {samples} samples: shares are rough; profile for longer"
            ),
            Self::NoCounters(why) => write!(f, "the {NAME}'s counters are not known: {why}"),
            Self::CountersEnd { after, why } => write!(
                f,
                "the {NAME}'s counters are those of the first {}: {why}",
                seconds(*after)
            ),
            Self::AnyCertificate => f.write_str(
                "the target's certificate was not checked (`insecure`): what answered may be anyone; name its authority with `tls.ca` or --cacert",
            ),
            Self::FewPorts { held, ports } => write!(
                f,
                "a connection for each request may hold {held:.0} local ports at this rate, for Linux keeps the port of a connection that this side closed first, and there are {ports}: what finds none fails as connect_failed; `sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"` gives more, `sysctl -w net.ipv4.tcp_tw_reuse=1` frees them after a second"
            ),
            Self::UnevenInstances(shares) => {
                let each = shares.iter().map(|(address, share)| {
                    format!("{} by {address}", crate::units::format_share(*share))
                });
                write!(
                    f,
                    "the instances answered unequal shares of the OK responses: {}; look at their failures and CPU",
                    each.collect::<Vec<_>>().join(", ")
                )
            }
            Self::Late(late) => write!(f, "{late}"),
            Self::ServiceEnded(words) => write!(
                f,
                "the figures hold a target without one of its services: {words}"
            ),
            Self::BadStop(why) => write!(f, "the {NAME} did not end well after the load: {why}"),
        }
    }
}

fn seconds(seconds: f64) -> String {
    crate::units::format_duration(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_ratio_says_what_it_may_come_from() {
        let check = |ratio: f64, steal: Option<f64>, says: &str| {
            let said = Warning::CaptureRatio { ratio, steal }.to_string();
            assert!(said.contains(says), "{said}");
        };
        check(
            0.5,
            Some(0.3),
            "holds 50 % of the target's CPU time: shares are sound only if",
        );
        check(
            1.4,
            Some(0.17),
            "the machine's host took 17 % of all CPU time meanwhile",
        );
        check(1.4, Some(0.01), "may lack processes that ended");
        check(1.4, None, "may lack processes that ended");
    }
}
