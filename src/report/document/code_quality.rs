//! Checks as a code quality report, which GitLab shows in merge requests of every tier: issues at lines of the scenario.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::report::checks::{Check, Checks, Mark};

#[derive(Serialize)]
struct Issue<'a> {
    description: String,
    check_name: &'static str,
    fingerprint: String,
    severity: &'static str,
    location: Location<'a>,
}

#[derive(Serialize)]
struct Location<'a> {
    path: &'a str,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: usize,
}

/// An issue for each check that fails, is inconclusive or invalid; what has no place of its own is at the first line of `scenario`.
pub fn json(checks: &Checks, scenario: &str) -> String {
    let checks = checks.checks.iter();
    let issues: Vec<_> = checks.filter_map(|check| issue(check, scenario)).collect();
    super::pretty(&issues)
}

fn issue<'a>(check: &'a Check, scenario: &'a str) -> Option<Issue<'a>> {
    let severity = match check.mark {
        Mark::Told | Mark::Pass => return None,
        Mark::Inconclusive => "info",
        Mark::Fail => "major",
        Mark::Invalid => "blocker",
    };
    let place = check.place.as_ref();
    let path = place.map_or(scenario, |place| &place.file);
    Some(Issue {
        description: format!("{}: {}: {}", check.mark.name(), check.title(), check.words),
        check_name: "telemload",
        fingerprint: fingerprint(&[path, &check.group, &check.name]),
        severity,
        location: Location {
            path: path.strip_prefix("./").unwrap_or(path),
            lines: Lines {
                begin: place.and_then(|place| place.line).unwrap_or(1),
            },
        },
    })
}

/// The same for one check in every run: it tells GitLab which issues a change brings.
fn fingerprint(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let bytes = hash.finalize();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
