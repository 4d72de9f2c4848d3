//! What the bundled gateway publishes of itself: names in results, names at its endpoint, and what two readings of
//! counters, or one of gauges, come to. Pure; it fetches nothing.

use std::collections::BTreeMap;

use crate::process::metrics::Metrics;

/// Counters, whose increase counts: name in results, name at the endpoint.
const COUNTERS: [(&str, &str); 22] = [
    ("bcrypt", "gateway_bcrypt_total"),
    ("cache_hits", "gateway_cache_hits_total"),
    ("cache_misses", "gateway_cache_misses_total"),
    ("shared", "gateway_shared_total"),
    ("rejected", "gateway_rejected_total"),
    ("payloads_accepted", "gateway_payloads_accepted_total"),
    ("payloads_stored", "gateway_payloads_stored_total"),
    ("payloads_rejected", "gateway_payloads_rejected_total"),
    ("computed", "gateway_computed_total"),
    ("limited", "gateway_limited_total"),
    ("refusal_hits", "gateway_refusal_hits_total"),
    ("sessions", "gateway_sessions_total"),
    ("store_errors", "gateway_store_errors_total"),
    ("store_fallbacks", "gateway_store_fallbacks_total"),
    (
        "documents_acknowledged",
        "gateway_documents_acknowledged_total",
    ),
    (
        "payloads_acknowledged",
        "gateway_payloads_acknowledged_total",
    ),
    ("payloads_discarded", "gateway_payloads_discarded_total"),
    ("uploads", "gateway_ingest_batches_total"),
    ("upload_failures", "gateway_sink_errors_total"),
    ("upload_retries", "gateway_sink_retries_total"),
    ("payloads_failed", "gateway_payloads_failed_total"),
    ("panics", "gateway_panics_total"),
];

/// Gauges, whose value at a moment counts: name in results, name at the endpoint.
const GAUGES: [(&str, &str); 6] = [
    ("in_flight", "gateway_in_flight"),
    ("bcrypt_queue", "gateway_bcrypt_queue"),
    ("ingest_tasks", "gateway_ingest_tasks"),
    ("ingest_queue", "gateway_ingest_queue_payloads"),
    ("ingest_workers_busy", "gateway_ingest_workers_busy"),
    (
        "acknowledged_unstored",
        "gateway_payloads_acknowledged_unstored",
    ),
];

/// The gateway's figures at one moment, in the order of the tables above.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    counters: [Option<f64>; COUNTERS.len()],
    gauges: [Option<f64>; GAUGES.len()],
}

/// Whether a metric is among them.
pub fn is_published(metric: &str) -> bool {
    let all = COUNTERS.iter().chain(&GAUGES);
    metric.starts_with("gateway_") && all.map(|(_, name)| *name).any(|name| name == metric)
}

impl Reading {
    /// From what an endpoint says.
    pub fn of(metrics: &Metrics) -> Self {
        Self {
            counters: COUNTERS.map(|(_, metric)| metrics.get(metric)),
            gauges: GAUGES.map(|(_, metric)| metrics.get(metric)),
        }
    }

    /// What several instances published, as if one had.
    pub fn sum(instances: &[Self]) -> Self {
        let known = |all: &mut dyn Iterator<Item = Option<f64>>| {
            all.flatten().reduce(|sum, value| sum + value)
        };
        Self {
            counters: std::array::from_fn(|at| {
                known(&mut instances.iter().map(|of| of.counters[at]))
            }),
            gauges: std::array::from_fn(|at| known(&mut instances.iter().map(|of| of.gauges[at]))),
        }
    }

    /// The increase of every counter since an earlier reading, by name.
    ///
    /// # Errors
    /// The counter that is missing, or went back.
    pub fn increases(&self, since: &Self) -> Result<BTreeMap<String, u64>, String> {
        let pairs = self.counters.iter().zip(&since.counters);
        COUNTERS
            .iter()
            .zip(pairs)
            .map(|(&(name, metric), (last, first))| {
                let (Some(first), Some(last)) = (*first, *last) else {
                    return Err(format!("its metrics have no {metric}"));
                };
                let count = increase(Some(first), Some(last));
                count.map(|count| (name.to_owned(), count)).ok_or_else(|| {
                    format!("{metric} went back from {first} to {last} within the window")
                })
            })
            .collect()
    }

    /// The gauges that are known, by name.
    pub fn levels(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let named = GAUGES.iter().zip(self.gauges);
        named.filter_map(|(&(name, _), value)| Some((name, level(value?))))
    }
}

/// Names of the columns of a series.
pub fn columns() -> Vec<&'static str> {
    let names = COUNTERS.iter().chain(&GAUGES);
    names.map(|(name, _)| *name).collect()
}

/// The cells of an interval under [`columns`]: the increase of counters over it, and gauges at its end.
pub fn cells(first: Option<&Reading>, last: Option<&Reading>) -> Vec<Option<u64>> {
    let counters = (0..COUNTERS.len()).map(|at| increase(first?.counters[at], last?.counters[at]));
    let gauges = (0..GAUGES.len()).map(|at| Some(level(last?.gauges[at]?)));
    counters.chain(gauges).collect()
}

/// `None` if one is not known, or the counter went back, which no counter does that goes on.
fn increase(first: Option<f64>, last: Option<f64>) -> Option<u64> {
    let increase = last? - first?;
    (increase >= 0.0).then(|| level(increase))
}

fn level(value: f64) -> u64 {
    value.max(0.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::metrics::parse;

    fn reading(bcrypt: u64, tasks: u64) -> Reading {
        let zeros = COUNTERS.iter().chain(&GAUGES);
        let zeros: String = zeros
            .filter(|(name, _)| !["bcrypt", "ingest_tasks"].contains(name))
            .map(|(_, metric)| format!("{metric} 0\n"))
            .collect();
        let told = format!("gateway_bcrypt_total {bcrypt}\ngateway_ingest_tasks {tasks}\n");
        Reading::of(&parse(&(zeros + &told)))
    }

    #[test]
    fn counters_are_told_by_their_increase_and_gauges_as_they_are() {
        let (first, last) = (reading(5, 9), reading(12, 3));
        let columns = columns();
        let cell = |cells: &[Option<u64>], name: &str| {
            cells[columns.iter().position(|column| *column == name).unwrap()]
        };
        let all = cells(Some(&first), Some(&last));
        assert_eq!(
            (cell(&all, "bcrypt"), cell(&all, "ingest_tasks")),
            (Some(7), Some(3))
        );
        assert_eq!(last.increases(&first).unwrap()["bcrypt"], 7);
        assert!(last.levels().any(|level| level == ("ingest_tasks", 3)));
        // What was not read is not known: not 0, and not what it was before.
        let late = cells(None, Some(&last));
        assert_eq!(
            (cell(&late, "bcrypt"), cell(&late, "ingest_tasks")),
            (None, Some(3))
        );
        assert!(cells(Some(&first), None).iter().all(Option::is_none));
    }

    #[test]
    fn a_counter_that_went_back_is_not_known() {
        let (first, last) = (reading(12, 0), reading(5, 0));
        assert!(cells(Some(&first), Some(&last)).contains(&None));
        assert_eq!(
            last.increases(&first).unwrap_err(),
            "gateway_bcrypt_total went back from 12 to 5 within the window"
        );
    }

    #[test]
    fn a_counter_that_is_not_published_is_named() {
        let nothing = Reading::of(&Metrics::default());
        assert_eq!(
            nothing.increases(&nothing).unwrap_err(),
            "its metrics have no gateway_bcrypt_total"
        );
        assert_eq!(
            reading(5, 0).increases(&reading(7, 0)).unwrap_err(),
            "gateway_bcrypt_total went back from 7 to 5 within the window"
        );
        assert_eq!(cells(Some(&reading(7, 0)), Some(&reading(5, 0)))[0], None);
    }
}
