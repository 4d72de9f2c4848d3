//! What a reader should know about a phase: each note in one place, with its code and its remedy. Pure.

use std::time::Duration;

use crate::profile;
use crate::result::answering::in_words;
use crate::result::{Count, Note, STEAL_LIMIT};
use crate::scenario::Also;
use crate::tenant::NAME;
use crate::traffic::redact::without_credentials;
use crate::units::{format_duration, format_share, printable};

/// Values of a label that a note shows.
const SHOWN_VALUES: usize = 3;

/// The CPU of the target is not known.
pub(super) const NO_TARGET_CPU: &str = "no_target_cpu";

/// Codes of [`stacks`], [`few_samples`] and [`capture_ratio`], which are concluded anew after each launch.
pub(super) const OF_ALL_SAMPLES: [&str; 3] = ["stacks", "few_samples", "capture_ratio"];

/// Code of [`uneven_instances`], which is concluded anew after each launch.
pub(super) const UNEVEN_INSTANCES: &str = "uneven_instances";

/// What may be late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Planned {
    /// Readings of a target's processes.
    Processes,
    /// Readings of its metrics.
    Metrics,
    /// The same, where they alone tell its CPU.
    Cpu,
    /// Rows of its series.
    Rows,
}

/// The CPU of the target was not measured.
pub(super) fn no_target_cpu(why: &str) -> Note {
    let words = format!("the target's CPU is not known: {why}");
    Note::warning(NO_TARGET_CPU, "target", words)
}

/// The process that was named is one that telemload descends from, such as a shell.
pub(super) fn holds_generator() -> Note {
    let words = "telemload itself runs below the process that was named as the target's: its own CPU time and memory are in the target's".to_owned();
    Note::warning("pid_holds_telemload", "target", words)
        .with_remedy("name the process of the service")
}

/// A wrapper, such as `docker run`, is measured and not what it started.
pub(super) fn another_listens(port: u16) -> Note {
    let words = format!(
        "none of the processes that are measured listens at port {port}, and another one does: the target's CPU time and memory are not those of what answers"
    );
    Note::warning("another_process_listens", "target", words).with_remedy(
        "name the process of the service with `pid`, or start it without what starts it elsewhere",
    )
}

/// Fewer samples than percentiles need.
pub(super) fn few_requests(ok: u64) -> Note {
    let words = format!("only {ok} OK responses: p99 and above rest on a few of them");
    Note::warning("few_requests", "latency", words).with_remedy("use a longer duration")
}

/// The window shows no expiry of the cache; both in seconds.
pub(super) fn window_shorter_than_ttl(window: f64, ttl: f64) -> Note {
    let words = format!(
        "the window of {} is shorter than the cache's TTL of {} and shows no expiry",
        seconds(window),
        seconds(ttl)
    );
    Note::warning("window_shorter_than_ttl", "load", words).with_remedy("use a longer duration")
}

/// Two variants that were to take turns did not both come up.
pub(super) fn not_together(with: &str, words: &str) -> Note {
    let words = format!(
        "it was loaded alone and not in turns with {}, because both could not be up at once: {}",
        printable(with),
        printable(words)
    );
    Note::warning("not_in_turns", "load", words).with_remedy("use `order = \"one-by-one\"`")
}

/// One of two variants that take turns is loaded alone, because the other one, or something beside one of them, has ended.
pub(super) fn alone(with: &str, why: &str) -> Note {
    let words = format!(
        "it was loaded alone and not in turns with {}: {}",
        printable(with),
        printable(why)
    );
    Note::warning("not_in_turns", "load", words)
}

/// Launches of a phase that took turns in others.
pub(super) fn left_out(with: &str) -> Note {
    let words = format!(
        "launches in which it could not take turns with {} are left out: what is loaded alone is not comparable with what takes turns",
        printable(with)
    );
    Note::warning("launches_left_out", "load", words)
}

/// Turns are too short for the answers.
pub(super) fn short_turns(slice: Duration, wanted: Duration) -> Note {
    let words = format!(
        "turns of {} are short for answers that take so long: requests that are under way at their ends are so many that the throughput is too low",
        whole(slice)
    );
    let remedy = format!("use a duration of {} or more", whole(wanted * 4));
    Note::warning("short_turns", "load", words).with_remedy(&remedy)
}

/// The other variant's target died.
pub(super) fn other_died(with: &str) -> Note {
    let words = format!(
        "its window ended early, because {} died, with which it took turns",
        printable(with)
    );
    Note::warning("other_died", "load", words)
}

/// A threshold ended the run.
pub(super) fn hopeless(words: &str, at: Duration) -> Note {
    let words = format!(
        "the run was ended {} after the start of its window, as `abort_on_fail` asks for: {words}",
        whole(at)
    );
    Note::warning("aborted", "run", words)
}

/// The load was ended because the target was silent.
pub(super) fn silent(from: Duration, to: Duration) -> Note {
    let words = format!(
        "the load was ended {} after the start of its window, as `stop_when` asks for: no OK answer came for {}",
        whole(to),
        whole(to.saturating_sub(from))
    );
    Note::warning("stopped_silent", "load", words)
}

fn whole(at: Duration) -> String {
    format_duration(Duration::from_millis(at.as_millis() as u64))
}

/// A load that was to end with a number of requests ended with its window.
pub(super) fn fewer_requests(due: u64, planned: u64, window: f64) -> Note {
    let words = format!(
        "{due} of the {planned} requests that end the load were due before its window of {} was over",
        seconds(window)
    );
    Note::warning("fewer_requests", "requests", words)
        .with_remedy("use a longer duration (-d) to send all of them")
}

/// A closed loop's window in which not even one answer of each connection fitted: of `ok` answers, each of which took so many seconds,
/// `completed` came within it.
pub(super) fn short_for_answers(window: f64, answer: f64, completed: u64, ok: u64) -> Note {
    let words = format!(
        "{completed} of {ok} OK answers came within the window of {}, for one takes {}: throughput counts these alone",
        seconds(window),
        in_words(answer)
    );
    let enough = (10.0 * answer).ceil();
    Note::warning("window_shorter_than_answer", "throughput", words)
        .with_remedy(&format!("let the load last {} or longer", seconds(enough)))
}

/// The connections of a closed loop were not open at once.
pub(super) fn slow_opening(took: Duration) -> Note {
    let words = format!(
        "the load began {:.1} s after it was prepared: until then connections waited to be opened or were given up, which is in no figure; use fewer connections, or look at what the target accepts at a time",
        took.as_secs_f64()
    );
    Note::warning("slow_opening", "connections", words)
}

/// The profile was not taken. Why may be what an endpoint answered, with what it was asked.
pub(super) fn no_profile(why: &str) -> Note {
    let words = format!("no profile: {}", without_credentials(why));
    Note::warning("no_profile", "profile", words)
}

/// Why a profile is left out that was taken.
pub(super) fn not_joined(error: &profile::Error) -> String {
    format!("it cannot be joined to those of the rounds before: {error}")
}

/// A profile beside that of the CPU was not taken.
pub(super) fn no_also(kind: Also, why: &str) -> Note {
    let words = format!("no {} profile: {}", kind.name(), without_credentials(why));
    Note::warning("no_also_profile", "profile", words)
}

/// Such a profile is empty.
pub(super) fn empty_also(kind: Also) -> Note {
    let words = format!(
        "no {} profile: the target recorded nothing meanwhile",
        kind.name()
    );
    let remedy = match kind {
        Also::Block => "Go records it after `runtime.SetBlockProfileRate(n)` alone, such as 10000",
        Also::Mutex => "Go records it after `runtime.SetMutexProfileFraction(n)` alone, such as 10",
        Also::Heap | Also::Goroutine => "profile for longer",
        Also::OffCpu => "no thread left its CPU, or each waited all the time; profile for longer",
    };
    Note::warning("no_also_profile", "profile", words).with_remedy(remedy)
}

/// What is to be known of a profile beside that of the CPU.
pub(super) fn of_also(kind: Also, words: &str) -> Note {
    Note::warning(
        "also_profile",
        "profile",
        format!("{}: {words}", kind.name()),
    )
}

/// No sample has the label of a request.
pub(super) fn no_request_label(key: &str, others: &[String]) -> Note {
    let values = others.iter().take(SHOWN_VALUES).map(String::as_str);
    let values: Vec<&str> = values.collect();
    let has = if values.is_empty() {
        "no sample has it".to_owned()
    } else {
        let values = values.join(", ");
        format!("its values are {values}, and no request has such a name or path")
    };
    let words = format!(
        "the cost of each request is not known by the label {}: {}",
        printable(key),
        printable(&has)
    );
    Note::warning("no_request_label", "profile", words).with_remedy(
        "set it around a request's work, as Go's `pprof.Do` does, to the request's name or path",
    )
}

/// The flame graph was not drawn.
pub(super) fn not_drawn(why: &str) -> Note {
    let words = format!("flame.svg could not be drawn: {why}");
    Note::warning("not_drawn", "profile", words)
}

/// The profile ended before its time.
pub(super) fn short_profile(seconds: u32, why: &str) -> Note {
    let words = format!("the profile has only the first {seconds} s: {why}");
    Note::warning("short_profile", "profile", words)
}

/// Who samples the target does not see all of it.
pub(super) fn unseen(what: &str) -> Note {
    Note::warning("unseen", "profile", format!("the profile: {what}"))
}

/// What makes stacks of the profile doubtful.
pub(super) fn stacks(words: &str) -> Note {
    Note::warning("stacks", "profile", format!("the profile: {words}"))
}

/// The profile saw too little or too much of the CPU time, while the machine's host took a share of all.
pub(super) fn capture_ratio(ratio: f64, steal: Option<f64>) -> Note {
    let held = format!(
        "the profile holds {:.0} % of the target's CPU time: ",
        ratio * 100.0
    );
    let note = |why: &str| Note::warning("capture_ratio", "profile", held.clone() + why);
    match steal {
        _ if ratio < 1.0 => note("shares are sound only if what is missing was lost at random, which the start of processes is not that live shorter than the time between two samples"),
        Some(steal) if steal > STEAL_LIMIT => note(&format!(
            "the machine's host took {:.0} % of all CPU time meanwhile, which a sampler's clock counts and a process's CPU time may not; shares are sound if that hits all code alike",
            steal * 100.0
        ))
        .with_remedy("measure on a quieter machine to be sure"),
        _ => note("its CPU time may lack processes that ended meanwhile; costs are then too small"),
    }
}

/// The time of a profile was over before there were the samples that were asked for.
pub(super) fn fewer_samples(found: u64, wanted: u64, seconds: u32) -> Note {
    let words = format!(
        "the profile has {found} of the {wanted} samples that were asked for: the target's CPU use gave no more in {seconds} s"
    );
    Note::warning("fewer_samples", "profile", words)
        .with_remedy("raise `profile.duration`, or load the target more")
}

/// The profile has few samples.
pub(super) fn few_samples(samples: u64) -> Note {
    let words = format!("the profile has {samples} samples: shares are rough");
    Note::warning("few_samples", "profile", words).with_remedy("profile for longer")
}

/// What the target counts of itself could not be read.
pub(super) fn no_counters(why: &str) -> Note {
    let words = format!("the {NAME}'s counters are not known: {why}");
    Note::warning("no_counters", NAME, words)
}

/// The same at the end of the window: they were read last so many seconds after its start.
pub(super) fn counters_end(after: f64, why: &str) -> Note {
    let words = format!(
        "the {NAME}'s counters are those of the first {}: {why}",
        seconds(after)
    );
    Note::warning("counters_end", NAME, words)
}

/// The target's certificate was not checked.
pub(super) fn any_certificate(whose: &str) -> Note {
    let words =
        format!("{whose}'s certificate was not checked (`insecure`): what answered may be anyone");
    Note::warning("any_certificate", "target", words)
        .with_remedy("name its authority with `tls.ca` or --cacert")
}

/// Connections that are closed may hold more local ports than there are, so many at a time at worst.
pub(super) fn few_ports(held: f64, ports: u32) -> Note {
    let words = format!(
        "a connection for each request may hold {held:.0} local ports at this rate, for Linux keeps the port of a connection that this side closed first, and there are {ports}: what finds none fails as connect_failed"
    );
    Note::warning("few_ports", "generator", words).with_remedy(
        "`sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"` gives more, `sysctl -w net.ipv4.tcp_tw_reuse=1` frees them after a second",
    )
}

/// Chance does not explain how unevenly the instances shared the OK responses.
pub(super) fn uneven_instances(shares: &[(String, f64)]) -> Note {
    let each = shares
        .iter()
        .map(|(address, share)| format!("{} by {address}", format_share(*share)));
    let words = format!(
        "the instances answered unequal shares of the OK responses: {}",
        each.collect::<Vec<_>>().join(", ")
    );
    Note::warning(UNEVEN_INSTANCES, "instances", words)
        .with_remedy("look at their failures and CPU")
}

/// Readings of the target, or rows of the series, were late or missing.
pub(super) fn late(what: Planned, count: Count) -> Note {
    let (code, subject, words, remedy) = match what {
        Planned::Processes => (
            "late_processes",
            "target",
            "readings of the target's processes were late or missing, and have empty cells in series.csv: the machine was too busy to read them in time",
            "leave telemload a core, or use a longer `interval`",
        ),
        Planned::Metrics => (
            "late_metrics",
            "target",
            "readings of the target's metrics were late or missing, and have empty cells in series.csv",
            "use a longer `interval` than its endpoint takes to answer",
        ),
        Planned::Cpu => (
            "late_cpu",
            "target",
            "readings of the target's metrics were late or missing, and its CPU has empty cells in series.csv",
            "use a longer `interval` than its endpoint takes to answer, or name its process with `target.pid`",
        ),
        Planned::Rows => (
            "late_rows",
            "series",
            "rows are missing in series.csv and latency.hlog: a worker of the generator or the disk was too slow",
            "leave telemload a core, or name a directory on a faster disk with --out",
        ),
    };
    Note {
        count: Some(count),
        ..Note::warning(code, subject, words.to_owned()).with_remedy(remedy)
    }
}

/// A service ended by itself: the target had to go on without it.
pub(super) fn service_ended(words: &str) -> Note {
    let words = format!("the figures hold a target without one of its services: {words}");
    Note::warning("service_ended", "services", words)
}

/// The target reported a failure when it was stopped, such as acknowledged payloads that are lost.
pub(super) fn bad_stop(why: &str) -> Note {
    let words = format!("the {NAME} did not end well after the load: {why}");
    Note::warning("bad_stop", NAME, words)
}

/// A log was longer than what is kept of it.
pub(super) fn cut_log(what: &str) -> Note {
    Note::warning("cut_log", "logs", what.to_owned())
        .with_remedy("let it log less to have all of it")
}

fn seconds(seconds: f64) -> String {
    format_duration(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_ratio_says_what_it_may_come_from() {
        let check = |ratio: f64, steal: Option<f64>, says: &str| {
            let said = capture_ratio(ratio, steal).to_string();
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
