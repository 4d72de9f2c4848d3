//! Text from a target, fit to be shown: without what telemload knows to be secret, and without what looks so. Pure; it runs
//! once for each kind of failure and stretch of load.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::scenario::Request;
use crate::traffic::fleet::Roster;
use crate::traffic::redact::{
    REDACTED, credentials, forms, is_sensitive_name, visible, without_credentials,
};
use crate::traffic::template::{Template, Values};
use crate::units::percent_decoded;

/// The most bytes of a request that are searched for credentials.
const MOST_SEARCHED: usize = 1 << 20;

/// What may be said back: all requests and devices of a variant, and the values of the request that a text answers.
pub(super) struct Known<'a> {
    pub(super) requests: &'a [Request],
    pub(super) rosters: &'a [Roster],
    pub(super) values: Values<'a>,
}

impl Known<'_> {
    /// Control characters are escaped. Replaced is what a request of this `kind` with these values sent as secrets, what its
    /// device was given, what else is known to be `secrets` (cut-off pieces of all these too), what other devices and rows of
    /// feeds have, and what is a credential by its name or its shape.
    pub(super) fn scrub(&self, kind: usize, text: &[u8], mut secrets: Vec<Vec<u8>>) -> String {
        self.sent(&mut secrets);
        self.literal(&self.requests[kind], &mut secrets);
        let others = secrets.iter().flat_map(|secret| forms(secret));
        let others: Vec<_> = others.collect();
        secrets.extend(others);
        let mut hidden = common(text, &secrets);
        self.hide_others(text, &mut hidden);
        let shown = replaced(text, &hidden);
        visible(&without_credentials(&String::from_utf8_lossy(&shown)))
    }

    /// The values that requests of this number and device have of environment, feeds, fleets and answers.
    fn sent(&self, secrets: &mut Vec<Vec<u8>>) {
        let mut hide = |secret: &[u8]| secrets.push(secret.to_vec());
        let device = self.values.device;
        for request in self.requests {
            templates(request).for_each(|one| one.each_secret(&self.values, &mut hide));
            for extract in &request.extract {
                let given =
                    device.and_then(|one| self.values.variables.get(extract.variable, one.index));
                given.into_iter().for_each(&mut hide);
            }
        }
    }

    /// The credentials that stand in the scenario as they are sent.
    fn literal(&self, request: &Request, secrets: &mut Vec<Vec<u8>>) {
        let mut hide = |secret: &[u8]| secrets.push(secret.to_vec());
        for ((_, value), &sensitive) in request.headers.iter().zip(&request.sensitive) {
            if sensitive {
                let mut rendered = Vec::new();
                value.append(&self.values, &mut rendered);
                hide(&rendered);
                // A target may say the credential without its scheme.
                if let Some(space) = rendered.iter().rposition(|&byte| byte == b' ') {
                    hide(&rendered[space + 1..]);
                    // Or what that says: the password of basic credentials.
                    let said = STANDARD.decode(&rendered[space + 1..]).unwrap_or_default();
                    hide(&said);
                    said.splitn(2, |&byte| byte == b':')
                        .skip(1)
                        .for_each(&mut hide);
                }
            }
        }
        for template in templates(request) {
            let mut rendered = Vec::new();
            template.append(&self.values, &mut rendered);
            rendered.truncate(MOST_SEARCHED);
            let rendered = String::from_utf8_lossy(&rendered);
            for range in credentials(&rendered) {
                let secret = &rendered[range];
                hide(secret.as_bytes());
                hide(&percent_decoded(secret));
            }
        }
    }

    /// Hides values of other devices and of other rows.
    fn hide_others(&self, text: &[u8], hidden: &mut [bool]) {
        let mut others = Others::of(text, hidden);
        let columns = self.requests.iter().flat_map(templates);
        for (feed, column) in columns.flat_map(Template::columns) {
            feed.cells(column).for_each(|cell| others.look_for(cell));
        }
        let is_used = |at: usize| self.requests.iter().any(|one| one.fleet == Some(at));
        let rosters = self.rosters.iter().enumerate();
        for (_, roster) in rosters.filter(|(at, _)| is_used(*at)) {
            roster.each_secret(|secret| others.look_for(secret));
        }
        self.values.variables.each(|value| others.look_for(value));
    }
}

fn templates(request: &Request) -> impl Iterator<Item = &Template> {
    let headers = request.headers.iter().map(|(_, value)| value);
    headers.chain([&request.path]).chain(&request.body)
}

/// A text in which many values are looked for, of which hardly any is in it.
struct Others<'a> {
    text: &'a [u8],
    /// A bit for each beginning of a value that the text may hold.
    beginnings: Box<[u64; 1 << 10]>,
    hidden: &'a mut [bool],
}

impl<'a> Others<'a> {
    fn of(text: &'a [u8], hidden: &'a mut [bool]) -> Self {
        let mut beginnings = Box::new([0; 1 << 10]);
        for window in text.windows(SHORTEST_SECRET) {
            let bit = hash(window);
            beginnings[bit / 64] |= 1 << (bit % 64);
        }
        Self {
            text,
            beginnings,
            hidden,
        }
    }

    /// Hides the value where it stands as a word of its own, or where the text ends within it.
    fn look_for(&mut self, value: &[u8]) {
        let Some(beginning) = value.get(..SHORTEST_SECRET) else {
            return;
        };
        let bit = hash(beginning);
        if self.beginnings[bit / 64] & (1 << (bit % 64)) == 0 {
            return;
        }
        for at in memchr::memmem::find_iter(self.text, beginning) {
            let rest = &self.text[at..];
            let common = rest.iter().zip(value).take_while(|(a, b)| a == b).count();
            let is_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
            let is_alone = !is_word(at.checked_sub(1).and_then(|at| self.text.get(at)))
                && !is_word(rest.get(common));
            if common >= SHORTEST_PIECE || (common == value.len() && is_alone) {
                self.hidden[at..at + common].fill(true);
            }
        }
    }
}

/// A number below 2^16.
fn hash(beginning: &[u8]) -> usize {
    let number = beginning
        .iter()
        .fold(0u32, |sum, &byte| (sum << 8) | u32::from(byte));
    (number.wrapping_mul(0x9E37_79B1) >> 16) as usize
}

/// The shortest piece of a secret that is hidden; shorter secrets are hidden as a whole.
const SHORTEST_PIECE: usize = 8;

/// Secrets so short would blank out ordinary text.
const SHORTEST_SECRET: usize = 4;

/// The bytes of a text that it has in common with any of the secrets. All are looked for in the text as it was: one that is
/// replaced earlier would leave pieces of those that overlap it. In time linear in text and secrets, which may both come from
/// a target.
fn common(text: &[u8], secrets: &[Vec<u8>]) -> Vec<bool> {
    let mut hidden = vec![false; text.len()];
    for length in SHORTEST_SECRET..=SHORTEST_PIECE {
        let said: HashSet<&[u8]> = text.windows(length).collect();
        let common: HashSet<&[u8]> = secrets
            .iter()
            .filter(|secret| secret.len().min(SHORTEST_PIECE) == length)
            .flat_map(|secret| secret.windows(length))
            .filter(|piece| said.contains(piece))
            .collect();
        for (at, piece) in text.windows(length).enumerate() {
            if common.contains(piece) {
                hidden[at..at + length].fill(true);
            }
        }
    }
    hidden
}

/// A text with one word for each stretch that is hidden.
fn replaced(text: &[u8], hidden: &[bool]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(text.len());
    let mut was_hidden = false;
    for (&byte, &is_hidden) in text.iter().zip(hidden) {
        if !is_hidden {
            shown.push(byte);
        } else if !was_hidden {
            shown.extend_from_slice(REDACTED.as_bytes());
        }
        was_hidden = is_hidden;
    }
    shown
}

/// A header line without its value if that is a credential, or one that a server gives.
pub(super) fn header_without_secret(line: String) -> String {
    let name = line.split([':', ' ', '\t']).next().unwrap_or_default();
    if is_sensitive_name(name) || name.eq_ignore_ascii_case("set-cookie") {
        format!("{name}: {REDACTED}")
    } else {
        line
    }
}
