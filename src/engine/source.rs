//! Requests as bytes and answers as outcomes: the requests of a variant, compiled once per worker and phase, with what its
//! devices were given.

use std::sync::Arc;

use super::answer::{Answer, Judge, Unmet, kept_body};
use super::devices::{Device, Devices};
use super::hosts::Host;
use super::message::message;
use super::scrub::Known;

use super::words::{Words, describe};
use crate::scenario::Request;
use crate::traffic::fleet::Roster;
use crate::traffic::random;
use crate::traffic::template::Secrets;
use crate::transport::answer::ExpectBody;
use crate::transport::http1::{Program, Rendered};

/// Renders request n; the bytes depend on the seed and n alone (`now` and what devices were given apart).
#[derive(Debug)]
pub struct Source {
    requests: Arc<[Request]>,
    programs: Vec<Program>,
    judges: Vec<Judge>,
    devices: Devices,
    seed: u64,
    /// Running sums of the requests' weights.
    weights: Vec<u64>,
    /// Whether an OK answer to each kind of request had a body.
    with_body: Vec<bool>,
    body: Vec<u8>,
}

/// Keeps the choice of a request apart from its values.
const MIX_SALT: u64 = 0x0031_C500;

/// The status of an answer that says nothing of its body.
const OK: u16 = 200;

/// The status of an answer to a credential that is no longer good.
const UNAUTHORIZED: u16 = 401;

impl Source {
    /// A source for a target that is called `authority` in the Host header; `secrets` says whether requests are rendered for
    /// the wire or for people.
    pub fn new(
        requests: Arc<[Request]>,
        rosters: Arc<[Roster]>,
        authority: &str,
        seed: u64,
        secrets: Secrets,
    ) -> Self {
        let weights = requests
            .iter()
            .scan(0, |sum, request| {
                *sum += u64::from(request.weight);
                Some(*sum)
            })
            .collect();
        let roster_of = |request: &Request| request.fleet.map(|fleet| &rosters[fleet]);
        let programs = requests
            .iter()
            .enumerate()
            .map(|(kind, request)| {
                let message = message(request, authority, secrets);
                Program::new(kind, message, roster_of(request))
            })
            .collect();
        Self {
            judges: requests.iter().map(Judge::new).collect(),
            programs,
            devices: Devices::new(rosters, &requests),
            with_body: vec![false; requests.len()],
            requests,
            seed,
            weights,
            body: Vec::new(),
        }
    }

    /// Number of kinds of request.
    pub fn kinds(&self) -> usize {
        self.requests.len()
    }

    /// Name of a kind of request.
    pub fn name(&self, kind: usize) -> &str {
        &self.requests[kind].name
    }

    /// Method of a kind of request.
    pub(super) fn method(&self, kind: usize) -> &str {
        &self.requests[kind].method
    }

    /// Where a kind of request goes.
    pub(super) fn host(&self, kind: usize) -> Host {
        let elsewhere = self.requests[kind].elsewhere.as_ref();
        elsewhere.map_or(Host::Target, |elsewhere| Host::Other(elsewhere.host))
    }

    /// Whether any request goes to the target.
    pub(super) fn sends_to_target(&self) -> bool {
        let drawn = (0..self.kinds()).filter(|&kind| self.requests[kind].weight > 0);
        drawn
            .flat_map(|kind| self.before(kind).into_iter().chain([kind]))
            .any(|kind| self.host(kind) == Host::Target)
    }

    /// Whether a kind of request may be sent again though it may have been carried out: its method says that it changes nothing
    /// (RFC 9110 section 9.2.1). PUT and DELETE may be repeated by that document, but what they cost is carried out twice.
    pub(super) fn is_safe(&self, kind: usize) -> bool {
        matches!(self.method(kind), "GET" | "HEAD" | "OPTIONS" | "TRACE")
    }

    /// Which request the n-th is.
    pub fn kind(&self, n: u64) -> usize {
        let Some(&total) = self.weights.last().filter(|_| self.weights.len() > 1) else {
            return 0;
        };
        let drawn = random::below(random::draw(self.seed, n, MIX_SALT), total);
        self.weights.partition_point(|&sum| sum <= drawn)
    }

    /// Whether a response to this kind of request can have a body, and how much of it is kept.
    pub(super) fn awaits(&self, kind: usize) -> (ExpectBody, usize) {
        let request = &self.requests[kind];
        let expect = if request.method == "HEAD" {
            ExpectBody::No
        } else {
            ExpectBody::Yes
        };
        (expect, kept_body(request))
    }

    /// Makes `out` the request of this kind with the values of request `n`; `out` is best what the last one left.
    pub fn render(&mut self, kind: usize, n: u64, out: &mut Rendered) {
        let request = &self.requests[kind];
        let values = self.devices.values(request, self.seed, n);
        self.programs[kind].write(&values, out, &mut self.body);
    }

    /// Renders each kind once, so that the first request of a load finds what the others do.
    pub(super) fn warm(&mut self) {
        let mut out = Rendered::default();
        (0..self.kinds()).for_each(|kind| self.render(kind, 0, &mut out));
    }

    /// The request that must be answered before this one can be sent, and the device for which: it lacks what that one
    /// extracts. `None` if it lacks nothing.
    pub(super) fn missing(&self, kind: usize, n: u64) -> Option<(usize, Device)> {
        let request = &self.requests[kind];
        if request.needs.is_empty() {
            return None;
        }
        let device = self.devices.sender(request, n)?;
        let kind = self.first_missing(kind, device)?;
        Some((kind, device))
    }

    fn first_missing(&self, kind: usize, device: Device) -> Option<usize> {
        let mut needs = self.requests[kind].needs.iter();
        let need = needs.find(|need| self.devices.lacks(device, need))?;
        // What that one lacks comes before it; plans have neither circles nor long chains.
        Some(
            self.first_missing(need.request, device)
                .unwrap_or(need.request),
        )
    }

    /// The fleet and the device, by index, that send request `n` of a kind.
    pub fn device(&self, kind: usize, n: u64) -> Option<(usize, usize)> {
        let device = self.devices.sender(&self.requests[kind], n)?;
        Some((device.fleet, device.index))
    }

    /// The requests that a device sends before its first one of this kind, in their order.
    pub fn before(&self, kind: usize) -> Vec<usize> {
        let mut before = Vec::new();
        for need in &self.requests[kind].needs {
            for kind in self.before(need.request).into_iter().chain([need.request]) {
                if !before.contains(&kind) {
                    before.push(kind);
                }
            }
        }
        before
    }

    /// Whether an answer is as expected; the device is given what is extracted from it, and loses what it used if that is
    /// no longer good. Times are those of the exchange, ns.
    pub(super) fn judge(
        &mut self,
        kind: usize,
        n: u64,
        answer: &Answer<'_>,
        sent: u64,
        done: u64,
    ) -> Result<(), Unmet> {
        let (request, devices) = (&self.requests[kind], &mut self.devices);
        if answer.status == UNAUTHORIZED
            && !request.needs.is_empty()
            && let Some(device) = devices.sender(request, n)
        {
            devices.take_away(device, &request.needs, sent);
        }
        self.judges[kind].judge(request, answer, |variable, value| {
            if let Some(device) = devices.sender(request, n) {
                devices.give(device, variable, value, done);
            }
        })
    }

    /// Whether an OK answer lacks a body that earlier ones to this kind of request had. A 204 and its kin have none.
    #[inline]
    pub(super) fn lacks_body(&mut self, kind: usize, answer: &Answer<'_>) -> bool {
        let had = &mut self.with_body[kind];
        if answer.body_bytes > 0 {
            *had = true;
            return false;
        }
        *had && answer.status == OK
    }

    /// What an answer lacks, in words.
    pub(super) fn describe(&self, kind: usize, unmet: Unmet, answer: &Answer<'_>) -> Words {
        describe(unmet, &self.requests[kind], answer)
    }

    /// Whether answers to this kind of request may hold secrets of which nothing is known yet.
    pub(super) fn extracts(&self, kind: usize) -> bool {
        !self.requests[kind].extract.is_empty()
    }

    /// Text from a target that answers request `n` of this kind, fit to be shown: without control characters, without what telemload
    /// knows to be secret or to be among `secrets`, and without what looks like a credential.
    pub fn scrub(&self, kind: usize, n: u64, text: &[u8], secrets: Vec<Vec<u8>>) -> String {
        let known = Known {
            requests: &self.requests,
            rosters: self.devices.rosters(),
            values: self.devices.values(&self.requests[kind], self.seed, n),
        };
        known.scrub(kind, text, secrets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Need, Overrides, Plan, parse};
    use std::path::Path;

    fn source(requests: &str, secrets: Secrets) -> Source {
        let text = format!(
            "name = \"t\"\ntarget.url = \"http://127.0.0.1:1\"\n[fleet.cars]\ndevices = 3\n[load]\nmodel = \"closed\"\nconnections = 1\nduration = \"1s\"\n{requests}"
        );
        let plan: Plan = parse("t.toml", &text, Path::new("."), &Overrides::default()).unwrap();
        let variant = &plan.variants[0];
        let rosters: Vec<Roster> = variant.fleets.iter().map(Roster::new).collect();
        Source::new(
            variant.requests.clone().into(),
            rosters.into(),
            "127.0.0.1:1",
            7,
            secrets,
        )
    }

    fn rendered(source: &mut Source, n: u64) -> String {
        let mut out = Rendered::default();
        source.render(source.kind(n), n, &mut out);
        String::from_utf8(out.bytes().to_vec()).unwrap()
    }

    fn sent(requests: &str, n: u64) -> String {
        rendered(&mut source(requests, Secrets::Sent), n)
    }

    const TELEMETRY: &str = r#"
[[request]]
name = "telemetry"
fleet = "cars"
path = "/v1/telemetry"
headers = { X-Device-Id = "{{device.id}}", X-Device-Token = "{{device.secret}}", Authorization = "Bearer abc123" }
body = '{"seq":{{seq}}}'
"#;

    #[test]
    fn a_request_is_sent_with_its_headers_in_order_and_the_length_of_its_body() {
        let text = rendered(&mut source(TELEMETRY, Secrets::Redacted), 12);
        assert_eq!(
            text,
            "POST /v1/telemetry HTTP/1.1\r\nHost: 127.0.0.1:1\r\nX-Device-Id: cars-0000\r\nX-Device-Token: [redacted]\r\nAuthorization: [redacted]\r\nContent-Length: 10\r\n\r\n{\"seq\":12}"
        );
        assert!(sent(TELEMETRY, 12).contains("Authorization: Bearer abc123\r\n"));
    }

    #[test]
    fn what_a_target_echoes_is_shown_without_secrets() {
        let sent = sent(TELEMETRY, 4);
        let shown = source(TELEMETRY, Secrets::Sent).scrub(0, 4, sent.as_bytes(), Vec::new());
        assert!(shown.contains("X-Device-Token: [redacted]"), "{shown}");
        assert!(
            !shown.contains("abc123") && !shown.contains('\n'),
            "{shown}"
        );
    }

    #[test]
    fn a_secret_that_is_cut_off_is_not_shown_in_part() {
        let source = source(TELEMETRY, Secrets::Sent);
        let Some(secret) = sent(TELEMETRY, 4)
            .split("X-Device-Token: ")
            .nth(1)
            .map(|rest| rest[..32].to_owned())
        else {
            panic!("the request carries its secret");
        };
        for piece in [
            &secret[..],
            &secret[..20],
            &secret[5..],
            &secret[3..11],
            "Bearer abc123",
            "abc123",
        ] {
            let shown = source.scrub(0, 4, format!("wrong: {piece}").as_bytes(), Vec::new());
            assert_eq!(shown, "wrong: [redacted]");
        }
        assert_eq!(
            source.scrub(0, 4, b"caf\xc3\xa9\x00 seq 4", Vec::new()),
            "café\\0 seq 4"
        );
    }

    #[test]
    fn secrets_with_a_stretch_in_common_leave_no_pieces_of_each_other() {
        let request = "[[request]]\nname = \"r\"\npath = \"/\"\nheaders = { X-Password = \"PWLITERAL1\", X-Auth = \"AUTHLITERAL1\", X-Token = \"abcd\" }\n";
        let source = source(request, Secrets::Sent);
        for (said, shown) in [
            ("a AUTHLITERAL1 b", "a [redacted] b"),
            ("PWLITERAL1 AUTHLITERAL1", "[redacted] [redacted]"),
            ("PWLITERAL1AUTHLITERAL1", "[redacted]"),
            ("AUTHLITERAL1LITERAL1.", "[redacted]."),
            ("abcd abc LITERAL", "[redacted] abc LITERAL"),
            ("", ""),
        ] {
            assert_eq!(
                source.scrub(0, 0, said.as_bytes(), Vec::new()),
                shown,
                "{said}"
            );
        }
    }

    #[test]
    fn weights_share_the_requests_and_do_not_depend_on_order() {
        let mut text = String::new();
        for (name, weight) in [("a", 1), ("b", 3)] {
            text +=
                &format!("[[request]]\nname = \"{name}\"\npath = \"/{name}\"\nweight = {weight}\n");
        }
        let source = source(&text, Secrets::Sent);
        let b = (0..10_000).filter(|&n| source.kind(n) == 1).count();
        assert!((7_300..7_700).contains(&b), "{b}");
        assert_eq!(source.kind(17), source.kind(17));
    }

    const MIX: &str = r#"
[[request]]
name = "patched"
fleet = "cars"
weight = 4
path = "/p/{{uuid}}"
headers = { X-Device-Id = "{{device.id}}", Authorization = 'Basic {{base64 device.id ":" device.secret}}' }
body = '{"a":{{int 100 999}},"b":"{{choice on of}}","c":{{float 10 99}}}'
[[request]]
name = "seq"
path = "/s/{{seq}}"
body = '{{uuid}}'
[[request]]
name = "free"
fleet = "cars"
path = "/f"
body = '{{int 0 100000}}'
[[request]]
name = "fixed"
method = "POST"
path = "/x"
"#;

    #[test]
    fn bytes_do_not_depend_on_what_was_sent_before() {
        let mut reused = source(MIX, Secrets::Sent);
        let mut out = Rendered::default();
        let mut after = [[0; 4]; 4];
        let mut before = 3;
        for n in 0..2_000 {
            let kind = reused.kind(n);
            reused.render(kind, n, &mut out);
            let mut fresh = Rendered::default();
            reused.render(kind, n, &mut fresh);
            assert_eq!(
                String::from_utf8_lossy(out.bytes()),
                String::from_utf8_lossy(fresh.bytes()),
                "{n}"
            );
            let text = String::from_utf8(fresh.bytes().to_vec()).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(
                head.contains(&format!("Content-Length: {}", body.len())),
                "{text}"
            );
            after[before][kind] += 1;
            before = kind;
        }
        assert!(after.iter().flatten().all(|&count| count > 10), "{after:?}");
    }

    #[test]
    fn what_is_needed_first_comes_in_order() {
        let text = r#"
[[request]]
name = "r"
fleet = "cars"
path = "/{{b}}/{{a}}"
[[request]]
name = "b"
fleet = "cars"
weight = 0
path = "/{{a}}"
extract = { b = "json:/b" }
[[request]]
name = "a"
fleet = "cars"
weight = 0
path = "/"
extract = { a = "json:/a" }
"#;
        let mut source = source(text, Secrets::Sent);
        assert_eq!(source.before(0), [2, 1]);
        assert!((0..100).all(|n| source.kind(n) == 0));
        // Device 1 of three has `a` alone.
        let device = |index| Device { fleet: 0, index };
        source.devices.give(device(1), 0, b"b1", 1);
        source.devices.give(device(1), 1, b"a1", 1);
        assert_eq!(source.missing(0, 1), None);
        let needs = [Need {
            variable: 0,
            request: 1,
        }];
        source.devices.take_away(device(1), &needs, 1);
        assert_eq!(source.missing(0, 1), Some((1, device(1))));
        assert_eq!(source.missing(0, 4), Some((1, device(1))));
        assert_eq!(source.missing(0, 2), Some((2, device(2))));
        assert_eq!(source.missing(2, 2), None);
        assert_eq!(
            rendered(&mut source, 1).lines().next(),
            Some("GET /[extracted]/a1 HTTP/1.1")
        );
    }
}
