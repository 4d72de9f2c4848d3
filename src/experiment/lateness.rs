//! What was late or missing in a stretch of load, and when a reader is told. Pure.

use super::mark::Cpu;
use super::notes::{self, Planned};
use super::watched::Count;
use crate::result::{self, Note};

/// Readings that may be late or missing without a word: single ones are on any machine.
const SHARE: f64 = 0.01;

/// What was planned of a stretch of load, and how much of it was late or missing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lateness {
    /// Where the CPU of the target comes from.
    pub(super) cpu: Cpu,
    pub(super) processes: Count,
    pub(super) metrics: Count,
    pub(super) rows: Count,
}

impl Lateness {
    /// What a reader should know of it.
    pub(super) fn notes(&self) -> impl Iterator<Item = Note> {
        let metrics = match self.cpu {
            Cpu::Metrics => Planned::Cpu,
            Cpu::Processes | Cpu::Nowhere => Planned::Metrics,
        };
        // Without processes, a reading is of the machine alone.
        let processes = match self.cpu {
            Cpu::Processes => self.processes,
            Cpu::Metrics | Cpu::Nowhere => Count::default(),
        };
        let all = [
            (Planned::Processes, processes, SHARE),
            (metrics, self.metrics, SHARE),
            (Planned::Rows, self.rows, 0.0),
        ];
        let told = all
            .into_iter()
            .filter(|(_, count, share)| count.late as f64 > share * count.of as f64);
        told.map(|(what, count, _)| {
            let part = count.late;
            notes::late(what, result::Count { part, of: count.of })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::samples::phase;

    fn told(cpu: Cpu, counts: [(u64, u64); 3], launches: usize) -> Vec<String> {
        let [processes, metrics, rows] = counts.map(|(late, of)| Count { of, late });
        let lateness = Lateness {
            cpu,
            processes,
            metrics,
            rows,
        };
        let mut phase = phase(|_| {});
        (0..launches).for_each(|_| phase.note(lateness.notes()));
        phase.notes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_late_is_told_with_its_number_and_a_remedy() {
        assert_eq!(
            told(Cpu::Processes, [(1, 100), (0, 0), (0, 99)], 1),
            [""; 0]
        );
        let all = told(Cpu::Processes, [(2, 100), (7, 100), (1, 990)], 1);
        let expected = [
            (
                "2 of 100 readings of the target's processes",
                "leave telemload a core",
            ),
            (
                "7 of 100 readings of the target's metrics",
                "longer `interval`",
            ),
            ("1 of 990 rows are missing", "faster disk with --out"),
        ];
        assert_eq!(all.len(), expected.len());
        for (words, (begin, remedy)) in all.iter().zip(expected) {
            assert!(
                words.starts_with(begin) && words.contains(remedy),
                "{words}"
            );
        }
        let alone = told(Cpu::Metrics, [(0, 100), (7, 100), (0, 99)], 3);
        assert_eq!(alone.len(), 1);
        assert!(alone[0].starts_with("21 of 300 ") && alone[0].contains("`target.pid`"));
    }
}
