//! Published names of causes, the documented table of what they move, and how far.

use super::*;

#[test]
fn codes_are_stable() {
    let codes = Cause::ALL.map(Cause::code);
    let published = [
        "worker_saturated",
        "worker_busy",
        "sent_late",
        "waited_for_cpu",
        "stopped",
        "throttled",
        "steal",
        "neighbour",
        "late_readings",
        "stalled",
        "lost_time",
        "gone",
        "request_gone",
        "skewed",
    ];
    assert_eq!(codes, published);
}

/// The table of `docs/reference/result.md`, as it stands there: a row for each cause, a column for each figure.
#[test]
fn the_documented_table_is_what_holds() {
    let text = include_str!("../../docs/reference/result.md");
    let columns = [
        Figure::Latency,
        Figure::ErrorRate,
        Figure::Throughput,
        Figure::CpuPerRequest,
        Figure::Cost,
        Figure::Share,
    ];
    let row = |name: &str| {
        let begin = format!("| `{name}` |");
        let line = text.lines().find(|line| line.starts_with(&begin));
        let line = line.unwrap_or_else(|| panic!("no row {name}"));
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 3 + columns.len(), "{line}");
        (cells[1].to_owned(), cells[3..].join("|"))
    };
    let unstated = Cause::Unstated(TrustLevel::Suspect);
    for cause in Cause::ALL.into_iter().chain([unstated]) {
        let (level, found) = row(cause.code());
        if cause != unstated {
            assert_eq!(level, cause.level().name(), "{cause:?}");
        }
        let documented = columns.map(|figure| match cause.bias(figure).words() {
            "" => "–",
            words => words,
        });
        assert_eq!(found, documented.join("|"), "{cause:?}");
    }
}

#[test]
fn how_far_a_figure_may_be_off_is_bounded_where_time_bounds_it() {
    let factor = |cause, share, figure| {
        let doubt = Doubt {
            cause,
            share,
            words: String::new(),
        };
        doubt.factor(figure, 2)
    };
    let throughput = Figure::Throughput;
    assert_eq!(factor(Cause::WaitedForCpu, Some(0.2), throughput), 1.25);
    assert_eq!(factor(Cause::Steal, Some(0.1), throughput), 1.25);
    assert_eq!(factor(Cause::Steal, Some(0.1), Figure::CpuPerRequest), 1.25);
    assert_eq!(factor(Cause::Neighbour, Some(0.2), throughput), 1.25);
    let crowded = factor(Cause::Neighbour, Some(1.0), Figure::CpuPerRequest);
    assert_eq!(crowded, 3.0);
    for (cause, share, figure) in [
        // A process may have had the target's only CPU to itself.
        (Cause::Neighbour, Some(1.0), throughput),
        (Cause::WorkerSaturated, Some(0.96), throughput),
        (Cause::WaitedForCpu, Some(0.2), Figure::Latency),
        (Cause::SentLate, None, throughput),
        // A host that took half of two CPUs may have taken one of them.
        (Cause::Steal, Some(0.5), throughput),
        // What a file from elsewhere may say.
        (Cause::Stopped, Some(-1.0), throughput),
        (Cause::Stopped, Some(1.5), throughput),
        (Cause::Stopped, None, throughput),
        (
            Cause::Unstated(TrustLevel::Suspect),
            Some(0.1),
            Figure::CpuPerRequest,
        ),
    ] {
        assert_eq!(factor(cause, share, figure), f64::INFINITY, "{cause:?}");
    }
}
