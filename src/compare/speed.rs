//! Whether the machine was as fast for both sides: the generator does the same work for each request, so that its CPU per request
//! tells.

use super::load::load_differences;
use super::side::{Generator, Subject};

/// CPU of the generator below which most of it is not for requests, cores.
const LEAST_CORES: f64 = 0.05;

/// Factor between throughputs from which the generator's work is another one: a closed loop of fewer requests sleeps more often.
const ALIKE: f64 = 1.5;

/// ln of the generator's CPU per request, head by base; `None` if the work of both is not alike.
pub(super) fn speed(base: &Subject<'_>, head: &Subject<'_>) -> Option<f64> {
    let (from, to) = base.load.zip(head.load)?;
    if !load_differences(from, to).is_empty() {
        return None;
    }
    let (base, head) = base.generator.zip(head.generator)?;
    let works = |of: Generator| of.cores >= LEAST_CORES && of.throughput_rps > 0.0;
    let rates = (head.throughput_rps / base.throughput_rps).ln();
    let is_alike = works(base) && works(head) && rates.abs() < ALIKE.ln();
    is_alike.then(|| (head.cores / base.cores).ln() - rates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::{Trust, samples};

    static UNKNOWN: Trust = Trust { doubts: Vec::new() };

    #[test]
    fn only_the_same_work_tells_of_the_machine() {
        let (one, mut other) = (samples::phase(|_| {}).load, samples::phase(|_| {}).load);
        let subject = |load, cores, throughput_rps| Subject {
            phase: "load",
            load: Some(load),
            turns_with: None,
            rounds: Vec::new(),
            generator: Some(Generator {
                cores,
                throughput_rps,
            }),
            answers: None,
            trust: &UNKNOWN,
            profile: None,
            also: Vec::new(),
            profiled: false,
        };
        let base = subject(&one, 0.5, 1_000.0);
        let found = speed(&base, &subject(&one, 0.6, 1_000.0)).unwrap();
        assert!((found - 1.2_f64.ln()).abs() < 1e-9);
        let found = speed(&base, &subject(&one, 0.55, 1_100.0)).unwrap();
        assert!(found.abs() < 1e-9);
        assert_eq!(speed(&base, &subject(&one, 0.5, 2_000.0)), None);
        assert_eq!(speed(&base, &subject(&one, 0.01, 1_000.0)), None);
        other.connections += 1;
        assert_eq!(speed(&base, &subject(&other, 0.6, 1_000.0)), None);
    }
}
