//! Which statuses a request of the scenario expects: those that were recorded, but no failures of the server. Pure.

use std::collections::BTreeSet;

use super::group::Group;

/// What a reader should know of the answers that were recorded.
#[derive(Default)]
pub(super) struct Answers {
    /// How many were failures of the server.
    failed: usize,
    /// How many requests expect refusals beside other answers, and what the first of them expects.
    unsure: usize,
    first: String,
}

impl Answers {
    /// The line of a request; nothing if all that is expected is 2xx.
    pub(super) fn expected(&mut self, name: &str, group: &Group<'_>) -> String {
        let recorded = group.sent.iter().filter_map(|sent| sent.exchange.status);
        let recorded = recorded.filter(|status| (100..=599).contains(status));
        let (failed, others): (Vec<u16>, Vec<u16>) = recorded.partition(|status| *status >= 500);
        self.failed += failed.len();
        let mut statuses: BTreeSet<u16> = others.into_iter().collect();
        if statuses.iter().all(|status| (200..300).contains(status)) {
            return String::new();
        }
        // What had not changed then has changed since.
        if statuses.contains(&304) {
            statuses.insert(200);
        }
        let listed: Vec<String> = statuses.iter().map(u16::to_string).collect();
        let listed = listed.join(", ");
        let is_refusal = |status: &u16| *status >= 400;
        if statuses.iter().any(is_refusal) && !statuses.iter().all(is_refusal) {
            self.unsure += 1;
            if self.first.is_empty() {
                self.first = format!("`{name}`: {listed}");
            }
        }
        format!("expect = {{ status = [{listed}] }}\n")
    }

    /// All of it, in sentences.
    pub(super) fn notes(&self) -> impl Iterator<Item = String> {
        let Self {
            failed,
            unsure,
            first,
        } = self;
        let failed = (*failed > 0).then(|| {
            format!("answers of 5xx that were recorded: {failed}; no request expects them, so that they are failures of the target")
        });
        let unsure = (*unsure > 0).then(|| {
            format!("requests that expect 4xx beside other answers, as they were recorded: {unsure} ({first}); a target that answers with 4xx alone, as where credentials are missing, would pass: take out of `expect` what is a failure")
        });
        failed.into_iter().chain(unsure)
    }
}
